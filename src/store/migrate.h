/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate - brings the tables of a database to what this version of Protector needs.
 *
 * Migrations are numbered const tables of SQL (migrations.c).  Each statement may be repeated, so a
 * migration that was cut off is run again from its start; two at once wait for each other (SQLite:
 * one transaction; MariaDB: a named lock, and on the nodes of a Galera cluster the repeatability).
 */
#pragma once

#include "store/db.h"

#define STORE_VERSION_MAX 32 /* length of a version's name, as alembic has it */

/*
 * Runs what is missing.  'ret_ran' (may be NULL): how many migrations were run.
 * Errors: DB_SCHEMA (the database is newer than this program; another sync holds the lock), DB….
 */
err_t *store_sync(struct db *db, int64_t now_ms, int *ret_ran) MUST_CHECK;
/* The version in the database; NULL in '*ret' if it has no tables.  Caller frees. */
err_t *store_version(struct db *db, char **ret) MUST_CHECK;
/* The version this program needs. */
const char *store_version_wanted(void);
/*
 * Compares the tables, columns, types and keys that are there with those that this
 * version makes.  '*ret_faults': texts for people, empty if all is well (more columns and tables
 * than known are no fault).  The array frees them.
 */
err_t *store_check(struct db *db, GPtrArray **ret_faults) MUST_CHECK;
