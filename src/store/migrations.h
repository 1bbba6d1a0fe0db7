/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrations - the numbered SQL that makes the tables, for migrate.c and tests.
 *
 * One text serves both databases; words in braces stand for types and endings (migrations.c,
 * words). Rules: every statement may be repeated (IF NOT EXISTS); a migration that was released is
 * never changed, a new one is added; columns that a list sorts by are NOT NULL.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct migration {
    const char *version;           /* the row of alembic_version afterwards */
    const char *const *statements; /* NULL-ended */
};

extern const struct migration migrations[];
extern const size_t migrations_count;

/* The statement for one of the databases.  Caller frees with g_free. */
char *migration_sql(const char *statement, bool sqlite);
