/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record - a table's rows as plain structs: one const table of columns gives insert, update, find
 * and list.  Private to store/; each noun (site.c, group.c, operation.c …) puts its own typed
 * functions in front of it.
 *
 * A struct's texts are owned char * (NULL = SQL NULL), numbers int64_t, truth bool, documents
 * json_t * (NULL = SQL NULL; stored compactly).
 */
#pragma once

#include "base/json.h"
#include "store/backend.h"
#include "store/list.h"

#include <stddef.h>

enum column_type {
    COLUMN_TEXT, /* char * */
    COLUMN_INT,  /* int64_t */
    COLUMN_BOOL, /* bool */
    COLUMN_JSON, /* json_t * */
};

enum column_flag {
    COLUMN_KEY = 1u << 0,    /* names the row; never updated */
    COLUMN_ONCE = 1u << 1,   /* written by insert only */
    COLUMN_HEAVY = 1u << 2,  /* not read by lists: NULL there */
    COLUMN_SORT = 1u << 3,   /* lists may be sorted by it; NOT NULL in the table */
    COLUMN_FILTER = 1u << 4, /* lists may be filtered by it */
};

struct column {
    const char *name;
    enum column_type type;
    size_t offset;
    unsigned flags;
};

/*
 * Which index serves a list with this 'base' and first key.  MariaDB is told so, as its optimizer
 * reads a page far down the list from the top by an index that it prefers.
 */
struct record_index {
    const char *base;
    const char *key;
    const char *index;
};

struct record {
    const char *table;
    const char *what;             /* for messages: "protection group" */
    const struct column *columns; /* ended by a row without name */
    size_t size;                  /* of the struct */
    void (*destroy)(void *row);
    enum err_code absent;               /* code of 'get' when there is no such row */
    const char *marker_column;          /* unique; also the last key of every order */
    struct list_sort order;             /* when the caller names none */
    const struct record_index *indexes; /* ended by a row without index; NULL: none */
};

#define RECORD_TEXT(tag, field, flags)                                                             \
    {                                                                                              \
#field, COLUMN_TEXT, offsetof(struct tag, field), flags                                    \
    }
#define RECORD_INT(tag, field, flags)                                                              \
    {                                                                                              \
#field, COLUMN_INT, offsetof(struct tag, field), flags                                     \
    }
#define RECORD_BOOL(tag, field, flags)                                                             \
    {                                                                                              \
#field, COLUMN_BOOL, offsetof(struct tag, field), flags                                    \
    }
#define RECORD_JSON(tag, field, flags)                                                             \
    {                                                                                              \
#field, COLUMN_JSON, offsetof(struct tag, field), flags                                    \
    }
/* A time: column 'field', struct member 'field'_ms. */
#define RECORD_TIME(tag, field, flags)                                                             \
    {                                                                                              \
#field, COLUMN_INT, offsetof(struct tag, field##_ms), flags                                \
    }
#define RECORD_END                                                                                 \
    {                                                                                              \
        NULL, COLUMN_TEXT, 0, 0                                                                    \
    }

/*
 * Defines tag_create (a zeroed row), tag_destroy and the 'destroy' of its record 'r', which must be
 * declared before.
 */
#define RECORD_DEFINE(tag, r)                                                                      \
    struct tag *tag##_create(void)                                                                 \
    {                                                                                              \
        return g_new0(struct tag, 1);                                                              \
    }                                                                                              \
    void tag##_destroy(struct tag *row)                                                            \
    {                                                                                              \
        record_destroy(&(r), row);                                                                 \
    }                                                                                              \
    static void tag##_destroy_row(void *row)                                                       \
    {                                                                                              \
        record_destroy(&(r), row);                                                                 \
    }

/* Values and conditions are gathered in one growing statement. */
struct statement {
    GString *sql;
    struct db_value values[DB_VALUES_MAX];
    size_t count;
    GPtrArray *texts; /* owned texts that values point to */
};

void statement_init(struct statement *s, const char *sql);
void statement_fini(struct statement *s);
/* Appends 'sql' and its values ("s" and "i", see db.h); texts are borrowed until statement_fini. */
void statement_add(struct statement *s, const char *sql, const char *types, ...);

/* Frees what the row owns and the row.  Accepts NULL. */
void record_destroy(const struct record *r, void *row);
/* Writes a new row.  Errors: DB_DUPLICATE. */
err_t *record_insert(struct db *db, const struct record *r, const void *row) MUST_CHECK;
/*
 * Writes all columns but KEY and ONCE where the KEY columns are the row's and 'condition' (may be
 * NULL; "generation = ?" with its types and values) holds.  'ret_found' (may be NULL): false if no
 * row was.
 */
err_t *record_update(struct db *db, const struct record *r, const void *row, bool *ret_found,
                     const char *condition, const char *types, ...) MUST_CHECK;
/* The one row of 'where' ("id = ? AND project_id = ?"), whole; NULL in '*ret' if there is none. */
err_t *record_find(struct db *db, const struct record *r, void **ret, const char *where,
                   const char *types, ...) MUST_CHECK;
/* The same; no row is an error with the noun's code that says 'id'. */
err_t *record_get(struct db *db, const struct record *r, void **ret, const char *id,
                  const char *where, const char *types, ...) MUST_CHECK;
/* Rows of "WHERE … ORDER BY … LIMIT n" ('tail'); 'heavy' reads all columns.  The array frees them.
 */
err_t *record_select(struct db *db, const struct record *r, bool heavy, GPtrArray **ret,
                     const char *tail, const char *types, ...) MUST_CHECK;
/*
 * A page of those rows for which 'base' (may be NULL) holds.  Errors: BAD_REQUEST (unknown key, no
 * such marker).
 */
err_t *record_list(struct db *db, const struct record *r, const struct list_query *query,
                   GPtrArray **ret, const char *base, const char *types, ...) MUST_CHECK;
/* Deletes where 'where'; 'ret_count' may be NULL. */
err_t *record_delete(struct db *db, const struct record *r, int64_t *ret_count, const char *where,
                     const char *types, ...) MUST_CHECK;
/* An empty array that frees rows of 'r'. */
GPtrArray *record_array(const struct record *r);
