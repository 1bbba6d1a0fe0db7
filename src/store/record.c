/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record - see record.h.  Names of tables and columns come from const tables only; everything that
 * came from outside travels as a value.
 */
#include "store/record.h"

#include <string.h>

void statement_init(struct statement *s, const char *sql)
{
    s->sql = g_string_new(sql);
    s->count = 0;
    s->texts = g_ptr_array_new_with_free_func(g_free);
}

void statement_fini(struct statement *s)
{
    g_string_free(s->sql, TRUE);
    g_ptr_array_unref(s->texts);
}

static void add_value(struct statement *s, struct db_value value)
{
    g_assert(s->count < DB_VALUES_MAX);
    if (value.type == 's' && value.text == NULL)
        value.type = 'n';
    s->values[s->count++] = value;
}

static void add_values(struct statement *s, const char *types, va_list args)
{
    for (const char *type = types; *type != '\0'; type++) {
        g_assert(*type == 's' || *type == 'i');
        if (*type == 's')
            add_value(s, (struct db_value){.type = 's', .text = va_arg(args, const char *)});
        else
            add_value(s, (struct db_value){.type = 'i', .number = va_arg(args, int64_t)});
    }
}

void statement_add(struct statement *s, const char *sql, const char *types, ...)
{
    g_string_append(s->sql, sql);
    va_list args;
    va_start(args, types);
    add_values(s, types, args);
    va_end(args);
}

static const void *field_of(const void *row, const struct column *c)
{
    return (const char *)row + c->offset;
}

/* Adds the value that 'row' has in column 'c'. */
static void add_field(struct statement *s, const void *row, const struct column *c)
{
    const void *field = field_of(row, c);
    switch (c->type) {
    case COLUMN_TEXT:
        add_value(s, (struct db_value){.type = 's', .text = *(char *const *)field});
        return;
    case COLUMN_INT:
        add_value(s, (struct db_value){.type = 'i', .number = *(const int64_t *)field});
        return;
    case COLUMN_BOOL:
        add_value(s, (struct db_value){.type = 'i', .number = *(const bool *)field});
        return;
    case COLUMN_JSON: {
        const json_t *j = *(json_t *const *)field;
        char *text = j != NULL ? json_print(j) : NULL;
        g_ptr_array_add(s->texts, text);
        add_value(s, (struct db_value){.type = 's', .text = text});
        return;
    }
    }
    g_assert_not_reached();
}

static void free_field(void *field, enum column_type type)
{
    switch (type) {
    case COLUMN_TEXT:
        g_free(*(char **)field);
        return;
    case COLUMN_JSON:
        json_decref(*(json_t **)field);
        return;
    case COLUMN_INT:
    case COLUMN_BOOL:
        return;
    }
    g_assert_not_reached();
}

void record_destroy(const struct record *r, void *row)
{
    if (row == NULL)
        return;
    for (const struct column *c = r->columns; c->name != NULL; c++)
        free_field((char *)row + c->offset, c->type);
    g_free(row);
}

GPtrArray *record_array(const struct record *r)
{
    return g_ptr_array_new_with_free_func(r->destroy);
}

err_t *record_insert(struct db *db, const struct record *r, const void *row)
{
    struct statement s;
    statement_init(&s, "INSERT INTO ");
    g_autoptr(GString) marks = g_string_new("");
    g_string_append_printf(s.sql, "%s (", r->table);
    for (const struct column *c = r->columns; c->name != NULL; c++) {
        const char *comma = c == r->columns ? "" : ", ";
        g_string_append_printf(s.sql, "%s%s", comma, c->name);
        g_string_append_printf(marks, "%s?", comma);
        add_field(&s, row, c);
    }
    g_string_append_printf(s.sql, ") VALUES (%s)", marks->str);
    err_t *e = db_exec_values(db, NULL, s.sql->str, s.values, s.count);
    statement_fini(&s);
    return e == NULL ? NULL : err_wrap(e, "cannot write a new %s", r->what);
}

/* " WHERE k1 = ? AND k2 = ?" over the KEY columns. */
static void add_keys(struct statement *s, const struct record *r, const void *row)
{
    const char *glue = " WHERE ";
    for (const struct column *c = r->columns; c->name != NULL; c++) {
        if (!(c->flags & COLUMN_KEY))
            continue;
        g_string_append_printf(s->sql, "%s%s = ?", glue, c->name);
        add_field(s, row, c);
        glue = " AND ";
    }
}

err_t *record_update(struct db *db, const struct record *r, const void *row, bool *ret_found,
                     const char *condition, const char *types, ...)
{
    struct statement s;
    statement_init(&s, "UPDATE ");
    g_string_append_printf(s.sql, "%s SET ", r->table);
    const char *comma = "";
    for (const struct column *c = r->columns; c->name != NULL; c++) {
        if (c->flags & (COLUMN_KEY | COLUMN_ONCE))
            continue;
        g_string_append_printf(s.sql, "%s%s = ?", comma, c->name);
        add_field(&s, row, c);
        comma = ", ";
    }
    add_keys(&s, r, row);
    if (condition != NULL) {
        va_list args;
        g_string_append_printf(s.sql, " AND %s", condition);
        va_start(args, types);
        add_values(&s, types, args);
        va_end(args);
    }
    int64_t count = 0;
    err_t *e = db_exec_values(db, &count, s.sql->str, s.values, s.count);
    statement_fini(&s);
    if (e != NULL)
        return err_wrap(e, "cannot write a %s", r->what);
    if (ret_found != NULL)
        *ret_found = count > 0;
    return NULL;
}

static err_t *read_field(const struct record *r, const struct column *c, const char *text,
                         void *field)
{
    switch (c->type) {
    case COLUMN_TEXT:
        *(char **)field = g_strdup(text);
        return NULL;
    case COLUMN_INT:
        *(int64_t *)field = text == NULL ? 0 : g_ascii_strtoll(text, NULL, 10);
        return NULL;
    case COLUMN_BOOL:
        *(bool *)field = text != NULL && strcmp(text, "0") != 0;
        return NULL;
    case COLUMN_JSON: {
        err_t *e = text != NULL ? json_parse(text, strlen(text), c->name, (json_t **)field) : NULL;
        return e == NULL ? NULL
                         : err_recode(DB, e, "column %s of table %s is damaged", c->name, r->table);
    }
    }
    g_assert_not_reached();
}

static bool is_read(const struct column *c, bool heavy)
{
    return heavy || !(c->flags & COLUMN_HEAVY);
}

static err_t *read_row(const struct record *r, bool heavy, const struct db_rows *rows, size_t row,
                       void **ret)
{
    void *it = g_malloc0(r->size);
    err_t *e = NULL;
    size_t column = 0;
    for (const struct column *c = r->columns; c->name != NULL && e == NULL; c++)
        if (is_read(c, heavy))
            e = read_field(r, c, db_str(rows, row, column++), (char *)it + c->offset);
    if (e != NULL)
        r->destroy(it);
    else
        *ret = it;
    return e;
}

static err_t *read_rows(const struct record *r, bool heavy, const struct db_rows *rows,
                        GPtrArray **ret)
{
    g_autoptr(GPtrArray) array = record_array(r);
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        void *row = NULL;
        TRY(read_row(r, heavy, rows, i, &row));
        g_ptr_array_add(array, row);
    }
    *ret = g_steal_pointer(&array);
    return NULL;
}

/* "SELECT columns FROM table ". */
static void start_select(struct statement *s, const struct record *r, bool heavy)
{
    statement_init(s, "SELECT ");
    const char *comma = "";
    for (const struct column *c = r->columns; c->name != NULL; c++) {
        if (!is_read(c, heavy))
            continue;
        g_string_append_printf(s->sql, "%s%s", comma, c->name);
        comma = ", ";
    }
    g_string_append_printf(s->sql, " FROM %s ", r->table);
}

/* Runs what start_select began; ends 's'. */
static err_t *finish_select(struct db *db, const struct record *r, bool heavy, struct statement *s,
                            GPtrArray **ret)
{
    AUTO(db_rows) rows = NULL;
    err_t *e = db_query_values(db, &rows, s->sql->str, s->values, s->count);
    statement_fini(s);
    if (e != NULL)
        return err_wrap(e, "cannot read from table %s", r->table);
    return read_rows(r, heavy, rows, ret);
}

err_t *record_select(struct db *db, const struct record *r, bool heavy, GPtrArray **ret,
                     const char *tail, const char *types, ...)
{
    struct statement s;
    start_select(&s, r, heavy);
    g_string_append(s.sql, tail);
    va_list args;
    va_start(args, types);
    add_values(&s, types, args);
    va_end(args);
    return finish_select(db, r, heavy, &s, ret);
}

static err_t *find(struct db *db, const struct record *r, void **ret, const char *where,
                   const char *types, va_list args)
{
    struct statement s;
    start_select(&s, r, true);
    g_string_append_printf(s.sql, "WHERE %s LIMIT 1", where);
    add_values(&s, types, args);
    g_autoptr(GPtrArray) rows = NULL;
    TRY(finish_select(db, r, true, &s, &rows));
    *ret = rows->len > 0 ? g_ptr_array_steal_index(rows, 0) : NULL;
    return NULL;
}

err_t *record_find(struct db *db, const struct record *r, void **ret, const char *where,
                   const char *types, ...)
{
    va_list args;
    va_start(args, types);
    err_t *e = find(db, r, ret, where, types, args);
    va_end(args);
    return e;
}

err_t *record_get(struct db *db, const struct record *r, void **ret, const char *id,
                  const char *where, const char *types, ...)
{
    void *row = NULL;
    va_list args;
    va_start(args, types);
    err_t *e = find(db, r, &row, where, types, args);
    va_end(args);
    if (e != NULL)
        return e;
    if (row == NULL)
        return err_make(__FILE__, __LINE__, r->absent, "%s %s does not exist", r->what, id);
    *ret = row;
    return NULL;
}

err_t *record_delete(struct db *db, const struct record *r, int64_t *ret_count, const char *where,
                     const char *types, ...)
{
    struct statement s;
    statement_init(&s, "DELETE FROM ");
    g_string_append_printf(s.sql, "%s WHERE %s", r->table, where);
    va_list args;
    va_start(args, types);
    add_values(&s, types, args);
    va_end(args);
    err_t *e = db_exec_values(db, ret_count, s.sql->str, s.values, s.count);
    statement_fini(&s);
    return e == NULL ? NULL : err_wrap(e, "cannot delete from table %s", r->table);
}

/* ---- lists */

/* The order of a list: the caller's keys, the marker column last. */
struct order {
    const struct column *columns[LIST_SORTS_MAX + 1];
    bool descending[LIST_SORTS_MAX + 1];
    int count;
};

static const struct column *column_of(const struct record *r, const char *name, unsigned flag)
{
    for (const struct column *c = r->columns; c->name != NULL; c++)
        if ((flag == 0 || (c->flags & flag)) && strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

/* "a, b, c": the columns with 'flag'.  Caller frees. */
static char *columns_with(const struct record *r, unsigned flag)
{
    GString *names = g_string_new("");
    for (const struct column *c = r->columns; c->name != NULL; c++)
        if (c->flags & flag)
            g_string_append_printf(names, "%s%s", names->len > 0 ? ", " : "", c->name);
    return g_string_free(names, FALSE);
}

static err_t *unknown_key(const struct record *r, const char *verb, const char *key, unsigned flag)
{
    g_autofree char *known = columns_with(r, flag);
    return err(BAD_REQUEST, "a list of %ss cannot be %s by '%s'; it can by: %s", r->what, verb, key,
               known);
}

static err_t *make_order(const struct record *r, const struct list_query *query, struct order *ret)
{
    struct order order = {.count = 0};
    const struct list_sort *sorts = query->sort_count > 0 ? query->sorts : &r->order;
    int count = query->sort_count > 0 ? query->sort_count : 1;
    g_assert(count <= LIST_SORTS_MAX);
    const struct column *last = column_of(r, r->marker_column, 0);
    for (int i = 0; i < count; i++) {
        const struct column *c = column_of(r, sorts[i].key, COLUMN_SORT);
        if (c == NULL)
            return unknown_key(r, "sorted", sorts[i].key, COLUMN_SORT);
        order.columns[order.count] = c;
        order.descending[order.count++] = sorts[i].descending;
        if (c == last)
            break; /* unique: what follows does not matter */
    }
    if (order.columns[order.count - 1] != last) {
        order.columns[order.count] = last;
        order.descending[order.count] = order.descending[order.count - 1];
        order.count++;
    }
    *ret = order;
    return NULL;
}

static err_t *add_filter(struct statement *s, const struct record *r,
                         const struct list_filter *filter)
{
    const struct column *c = column_of(r, filter->key, COLUMN_FILTER);
    if (c == NULL)
        return unknown_key(r, "filtered", filter->key, COLUMN_FILTER);
    g_string_append_printf(s->sql, " AND %s = ?", c->name);
    if (c->type == COLUMN_TEXT) {
        add_value(s, (struct db_value){.type = 's', .text = filter->value});
        return NULL;
    }
    gint64 number = 0;
    bool is_true = g_ascii_strcasecmp(filter->value, "true") == 0;
    if (is_true || g_ascii_strcasecmp(filter->value, "false") == 0)
        number = is_true;
    else if (!g_ascii_string_to_signed(filter->value, 10, G_MININT64, G_MAXINT64, &number, NULL))
        return err(BAD_REQUEST, "filter %s of a list of %ss takes %s, not '%s'", filter->key,
                   r->what, c->type == COLUMN_BOOL ? "true or false" : "a number", filter->value);
    add_value(s, (struct db_value){.type = 'i', .number = number});
    return NULL;
}

/* Appends another statement's text and values, which must live as long as 's'. */
static void add_statement(struct statement *s, const struct statement *other)
{
    g_string_append(s->sql, other->sql->str);
    for (size_t i = 0; i < other->count; i++)
        add_value(s, other->values[i]);
}

/* The values that 'order' has in the row of the marker, which must be one of the list. */
static err_t *read_marker(struct db *db, const struct record *r, const struct order *order,
                          const char *marker, const struct statement *base, struct db_rows **ret)
{
    struct statement s;
    statement_init(&s, "SELECT ");
    for (int i = 0; i < order->count; i++)
        g_string_append_printf(s.sql, "%s%s", i > 0 ? ", " : "", order->columns[i]->name);
    g_string_append_printf(s.sql, " FROM %s WHERE ", r->table);
    add_statement(&s, base);
    g_string_append_printf(s.sql, " AND %s = ?", r->marker_column);
    add_value(&s, (struct db_value){.type = 's', .text = marker});
    AUTO(db_rows) rows = NULL;
    err_t *e = db_query_values(db, &rows, s.sql->str, s.values, s.count);
    statement_fini(&s);
    if (e == NULL && db_rows_count(rows) == 0)
        e = err(BAD_REQUEST, "the marker '%s' is no %s of this list", marker, r->what);
    if (e == NULL)
        *ret = TAKE(rows);
    return e;
}

static void add_marker_value(struct statement *s, const struct column *c, const char *text)
{
    struct db_value value = {.type = 's', .text = text};
    if (c->type != COLUMN_TEXT)
        value = (struct db_value){.type = 'i', .number = g_ascii_strtoll(text, NULL, 10)};
    add_value(s, value);
}

/*
 * " AND k1 >= m1 AND (k1 > m1 OR (k1 = m1 AND (k2 > m2 OR …)))": what comes after the marker.  The
 * first condition says nothing new, but an index can be entered by it.
 */
static void add_after(struct statement *s, const struct order *order, const struct db_rows *marker)
{
    const struct column *const *columns = order->columns;
    g_string_append_printf(s->sql, " AND %s %s ?", columns[0]->name,
                           order->descending[0] ? "<=" : ">=");
    add_marker_value(s, columns[0], db_str(marker, 0, 0));
    for (int i = 0; i < order->count; i++) {
        const char *value = db_str(marker, 0, (size_t)i);
        const char *sign = order->descending[i] ? "<" : ">";
        g_string_append_printf(s->sql, " AND (%s %s ?", columns[i]->name, sign);
        add_marker_value(s, columns[i], value);
        if (i + 1 < order->count) {
            g_string_append_printf(s->sql, " OR (%s = ?", columns[i]->name);
            add_marker_value(s, columns[i], value);
        }
    }
    for (int i = 0; i < 2 * order->count - 1; i++)
        g_string_append_c(s->sql, ')');
}

static void add_order(struct statement *s, const struct order *order, int64_t limit)
{
    for (int i = 0; i < order->count; i++)
        g_string_append_printf(s->sql, "%s%s %s", i == 0 ? " ORDER BY " : ", ",
                               order->columns[i]->name, order->descending[i] ? "DESC" : "ASC");
    if (limit <= 0)
        limit = LIST_LIMIT_DEFAULT;
    statement_add(s, " LIMIT ?", "i", MIN(limit, (int64_t)LIST_LIMIT_MAX));
}

/* The index that MariaDB is told to use; NULL leaves it to the database, as filters do. */
static const char *index_of(struct db *db, const struct record *r, const struct list_query *query,
                            const char *base, const struct order *order)
{
    if (db_is_sqlite(db) || query->filter_count > 0 || r->indexes == NULL)
        return NULL;
    for (const struct record_index *i = r->indexes; i->index != NULL; i++)
        if (strcmp(i->base, base) == 0 && strcmp(i->key, order->columns[0]->name) == 0)
            return i->index;
    return NULL;
}

static err_t *list(struct db *db, const struct record *r, const struct list_query *query,
                   const struct statement *base, GPtrArray **ret)
{
    struct order order;
    AUTO(db_rows) marker = NULL;
    TRY(make_order(r, query, &order));
    if (query->marker != NULL)
        TRY(read_marker(db, r, &order, query->marker, base, &marker));
    struct statement s;
    start_select(&s, r, false);
    const char *index = index_of(db, r, query, base->sql->str, &order);
    if (index != NULL)
        g_string_append_printf(s.sql, "FORCE INDEX (%s) ", index);
    g_string_append(s.sql, "WHERE ");
    add_statement(&s, base);
    err_t *e = NULL;
    g_assert(query->filter_count <= LIST_FILTERS_MAX);
    for (int i = 0; i < query->filter_count && e == NULL; i++)
        e = add_filter(&s, r, &query->filters[i]);
    if (e != NULL) {
        statement_fini(&s);
        return e;
    }
    if (marker != NULL)
        add_after(&s, &order, marker);
    add_order(&s, &order, query->limit);
    return finish_select(db, r, false, &s, ret);
}

err_t *record_list(struct db *db, const struct record *r, const struct list_query *query,
                   GPtrArray **ret, const char *base, const char *types, ...)
{
    struct statement s;
    statement_init(&s, base != NULL ? base : "1 = 1");
    va_list args;
    va_start(args, types);
    add_values(&s, types, args);
    va_end(args);
    err_t *e = list(db, r, query, &s, ret);
    statement_fini(&s);
    return e;
}
