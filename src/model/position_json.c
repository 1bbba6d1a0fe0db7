/* SPDX-License-Identifier: Apache-2.0 */
/*
 * position_json - a position as JSON, and a history as messages carry it.
 *
 * Neighbours: position.c (hash and checks), message.c (who carries).
 * Invariants: whatever comes out of the decoders has passed position_check; hashes of history rows
 * are computed, never believed.
 */
#include "model/position.h"

#include <string.h>

/* ---- one position, for people, the API and the store ---- */

/* Fields that are text of a fixed size. */
static const struct {
    const char *key;
    size_t offset, size;
    bool optional;
} text_fields[] = {
#define FIELD(name, optional)                                                                      \
    {                                                                                              \
#name, offsetof(struct position, name), sizeof(((struct position *)NULL)->name), optional  \
    }
    FIELD(hash, false),       FIELD(parent, true),    FIELD(parent2, true),
    FIELD(minter, false),     FIELD(claim_id, false), FIELD(body_hash, false),
    FIELD(incarnation, true), FIELD(rejoined, true),
#undef FIELD
};

json_t *position_to_json(const struct position *p)
{
    json_t *j = json_object();
    for (size_t i = 0; i < G_N_ELEMENTS(text_fields); i++) {
        const char *text = (const char *)p + text_fields[i].offset;
        if (text[0] != '\0')
            json_set_str(j, text_fields[i].key, text);
    }
    json_set_int(j, "epoch", p->epoch);
    json_set_int(j, "version", p->version);
    json_set_str(j, "kind", position_kind_text(p->kind));
    if (p->forced)
        json_set_bool(j, "forced", true);
    if (p->floor2 > 0)
        json_set_int(j, "floor2", p->floor2);
    if (p->drop_count > 0) {
        json_t *drop = json_array();
        for (size_t i = 0; i < p->drop_count; i++)
            json_array_append_new(drop, json_string(p->drop[i]));
        json_set(j, "drop", drop);
    }
    return j;
}

static err_t *bad_field(const char *key)
{
    return err(SYNC_POSITION, "a position's field '%s' is missing or not valid", key);
}

static err_t *read_drop(const json_t *drop, struct position *p)
{
    if (drop == NULL)
        return NULL;
    if (!json_is_array(drop) || json_array_size(drop) == 0 ||
        json_array_size(drop) > POSITION_DROP_MAX)
        return bad_field("drop");
    for (size_t i = 0; i < json_array_size(drop); i++) {
        const char *hash = json_string_value(json_array_get(drop, i));
        if (!hash_valid(hash))
            return bad_field("drop");
        g_strlcpy(p->drop[i], hash, HASH_HEX_SIZE);
        p->drop_count++;
    }
    return NULL;
}

/* Reads an optional text into a field of a fixed size; false if it does not fit. */
static bool read_text(const json_t *value, bool optional, char *ret, size_t size)
{
    if (value == NULL)
        return optional;
    const char *text = json_string_value(value);
    if (text == NULL || strlen(text) != json_string_length(value) || strlen(text) >= size)
        return false;
    g_strlcpy(ret, text, size);
    return true;
}

/* Optional; there it is above 0. */
static bool read_floor2(const json_t *value, struct position *p)
{
    p->floor2 = json_integer_value(value);
    return value == NULL || p->floor2 > 0;
}

err_t *position_from_json(const json_t *j, struct position **ret)
{
    struct position p = {0};
    size_t known = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(text_fields); i++) {
        const json_t *value = json_object_get(j, text_fields[i].key);
        known += value != NULL;
        if (!read_text(value, text_fields[i].optional, (char *)&p + text_fields[i].offset,
                       text_fields[i].size))
            return bad_field(text_fields[i].key);
    }
    p.epoch = json_int(j, "epoch", -1);
    p.version = json_int(j, "version", -1);
    p.kind = position_kind_of(json_str(j, "kind"));
    const json_t *forced = json_object_get(j, "forced");
    if (forced != NULL && !json_is_true(forced))
        return bad_field("forced");
    p.forced = forced != NULL;
    const json_t *floor2 = json_object_get(j, "floor2");
    if (!read_floor2(floor2, &p))
        return bad_field("floor2");
    const json_t *drop = json_object_get(j, "drop");
    TRY(read_drop(drop, &p));
    known += 3 + p.forced + (floor2 != NULL) + (drop != NULL);
    if (json_object_size(j) != known)
        return err(SYNC_POSITION, "a position has fields that are not known");
    TRY(position_check(&p));
    *ret = position_new(&p);
    return NULL;
}

/* ---- rows of a history ---- */

/* Letters of the compact form, by kind; a forced claim has its own. */
static const char kind_letters[] = "UHFCRJ";
#define LETTER_FORCED "X"
enum { ROW_EPOCH, ROW_VERSION, ROW_KIND, ROW_MINTER, ROW_CLAIM_ID, ROW_BODY, ROW_PARENT, ROW_MORE };

GPtrArray *history_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)position_unref);
}

static int64_t index_in(GHashTable *index, const char *hash)
{
    if (hash[0] == '\0')
        return -1;
    gpointer i = g_hash_table_lookup(index, hash);
    g_assert(i != NULL); /* parents stand before their children */
    return GPOINTER_TO_INT(i) - 1;
}

/* The index of a minter in the list of sites; appends it. */
static int64_t site_index(json_t *sites, const char *uuid)
{
    for (size_t i = 0; i < json_array_size(sites); i++)
        if (strcmp(json_string_value(json_array_get(sites, i)), uuid) == 0)
            return (int64_t)i;
    json_array_append_new(sites, json_string(uuid));
    return (int64_t)json_array_size(sites) - 1;
}

/* The optional last member: what few rows have. */
static json_t *row_more(const struct position *p, GHashTable *index)
{
    json_t *more = json_object();
    if (p->parent2[0] != '\0')
        json_set_int(more, "p2", index_in(index, p->parent2));
    if (p->incarnation[0] != '\0')
        json_set_str(more, "i", p->incarnation);
    if (p->rejoined[0] != '\0')
        json_set_str(more, "r", p->rejoined);
    if (p->floor2 > 0)
        json_set_int(more, "f", p->floor2);
    if (p->drop_count > 0)
        json_set_str(more, "d", p->drop[0]);
    return more;
}

static json_t *row_to_json(const struct position *p, json_t *sites, GHashTable *index)
{
    char letter[2] = {kind_letters[p->kind], '\0'};
    json_t *row = json_array();
    json_array_append_new(row, json_integer(p->epoch));
    json_array_append_new(row, json_integer(p->version));
    json_array_append_new(row, json_string(p->forced ? LETTER_FORCED : letter));
    json_array_append_new(row, json_integer(site_index(sites, p->minter)));
    json_array_append_new(row, json_string(p->claim_id));
    json_array_append_new(row, json_string(p->body_hash));
    json_array_append_new(row, json_integer(index_in(index, p->parent)));
    json_t *more = row_more(p, index);
    if (json_object_size(more) > 0)
        json_array_append_new(row, more);
    else
        json_decref(more);
    return row;
}

json_t *history_to_json(const GPtrArray *rows)
{
    json_t *sites = json_array(), *list = json_array(), *j = json_object();
    g_autoptr(GHashTable) index = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < rows->len; i++) {
        const struct position *p = g_ptr_array_index(rows, i);
        json_array_append_new(list, row_to_json(p, sites, index));
        g_hash_table_insert(index, (gpointer)p->hash, GINT_TO_POINTER(i + 1));
    }
    json_set(j, "sites", sites);
    json_set(j, "rows", list);
    return j;
}

/* Copies the hash of row 'index' (-1: EMPTY); false if there is no such row yet. */
static bool row_hash(const GPtrArray *rows, const json_t *index, char ret[HASH_HEX_SIZE])
{
    int64_t i = json_is_integer(index) ? json_integer_value(index) : -2;
    if (i < -1 || i >= (int64_t)rows->len)
        return false;
    const struct position *p = i < 0 ? NULL : g_ptr_array_index(rows, (guint)i);
    g_strlcpy(ret, p == NULL ? POSITION_EMPTY : p->hash, HASH_HEX_SIZE);
    return true;
}

static bool read_kind(const json_t *value, struct position *p)
{
    const char *letter = json_string_value(value);
    if (letter == NULL || letter[0] == '\0' || letter[1] != '\0')
        return false;
    p->forced = strcmp(letter, LETTER_FORCED) == 0;
    const char *at = strchr(kind_letters, p->forced ? 'C' : letter[0]);
    if (at == NULL)
        return false;
    p->kind = (enum position_kind)(at - kind_letters);
    return true;
}

static bool read_more(const json_t *more, const GPtrArray *rows, struct position *p)
{
    if (more == NULL)
        return true;
    const json_t *p2 = json_object_get(more, "p2"), *drop = json_object_get(more, "d");
    const json_t *i = json_object_get(more, "i"), *r = json_object_get(more, "r");
    const json_t *floor2 = json_object_get(more, "f");
    size_t known =
        (size_t)(p2 != NULL) + (i != NULL) + (r != NULL) + (floor2 != NULL) + (drop != NULL);
    p->drop_count = drop != NULL;
    return known > 0 && json_object_size(more) == known &&
           (p2 == NULL || row_hash(rows, p2, p->parent2)) && read_floor2(floor2, p) &&
           read_text(i, true, p->incarnation, sizeof p->incarnation) &&
           read_text(r, true, p->rejoined, sizeof p->rejoined) &&
           read_text(drop, true, p->drop[0], HASH_HEX_SIZE);
}

static bool read_row(const json_t *row, const json_t *sites, const GPtrArray *rows,
                     struct position *ret)
{
    size_t size = json_array_size(row);
    if (size != ROW_MORE && size != ROW_MORE + 1)
        return false;
    const json_t *minter = json_array_get(row, ROW_MINTER), *epoch = json_array_get(row, ROW_EPOCH);
    const json_t *version = json_array_get(row, ROW_VERSION);
    if (!json_is_integer(epoch) || !json_is_integer(version) || !json_is_integer(minter) ||
        json_integer_value(minter) < 0)
        return false;
    ret->epoch = json_integer_value(epoch);
    ret->version = json_integer_value(version);
    const json_t *uuid = json_array_get(sites, (size_t)json_integer_value(minter));
    return read_kind(json_array_get(row, ROW_KIND), ret) &&
           read_text(uuid, false, ret->minter, sizeof ret->minter) &&
           read_text(json_array_get(row, ROW_CLAIM_ID), false, ret->claim_id,
                     sizeof ret->claim_id) &&
           read_text(json_array_get(row, ROW_BODY), false, ret->body_hash, sizeof ret->body_hash) &&
           row_hash(rows, json_array_get(row, ROW_PARENT), ret->parent) &&
           read_more(json_array_get(row, ROW_MORE), rows, ret);
}

err_t *history_from_json(const json_t *j, GPtrArray **ret)
{
    const json_t *sites = json_arr(j, "sites"), *list = json_arr(j, "rows");
    if (sites == NULL || list == NULL || json_object_size(j) != 2 ||
        json_array_size(sites) > SITES || json_array_size(list) > CHAIN_ROWS_MAX)
        return err(SYNC_POSITION, "a history is not {sites (at most %d), rows (at most %d)}", SITES,
                   CHAIN_ROWS_MAX);
    g_autoptr(GPtrArray) rows = history_new();
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct position p = {0};
        if (!read_row(json_array_get(list, i), sites, rows, &p))
            return err(SYNC_POSITION, "row %zu of a history is not valid", i);
        position_seal(&p);
        TRY(position_check(&p));
        g_ptr_array_add(rows, position_new(&p));
    }
    *ret = TAKE(rows);
    return NULL;
}
