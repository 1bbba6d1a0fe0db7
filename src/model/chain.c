/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain - the graph of all positions a site has seen of one group, and their order.
 *
 * Rows lie in one array, parents before children, so that "all ancestors" is one sweep down from an
 * index: no stack, no recursion, O(rows) with a byte per row.
 *
 * Neighbours: position.c.
 */
#include "model/position.h"

#include <inttypes.h>
#include <string.h>

struct node {
    struct position *p;
    int parent, parent2; /* indexes; -1: EMPTY or none */
};

struct chain {
    GArray *nodes;     /* struct node */
    GHashTable *index; /* hash (in the position) -> index + 1; NULL while the chain is short */
};

#define SHORT 32 /* up to here looking through the rows is faster than a table */

#define NOWHERE (-1) /* EMPTY */
#define UNKNOWN (-2)

static struct node *node_at(const struct chain *chain, int i)
{
    return &g_array_index(chain->nodes, struct node, (guint)i);
}

static int index_of(const struct chain *chain, const char *hash)
{
    if (hash[0] == '\0')
        return NOWHERE;
    if (chain->index != NULL) {
        gpointer i = g_hash_table_lookup(chain->index, hash);
        return i != NULL ? GPOINTER_TO_INT(i) - 1 : UNKNOWN;
    }
    for (int i = (int)chain->nodes->len - 1; i >= 0; i--)
        if (strcmp(node_at(chain, i)->p->hash, hash) == 0)
            return i;
    return UNKNOWN;
}

struct chain *chain_create(void)
{
    struct chain *chain = g_new0(struct chain, 1);
    chain->nodes = g_array_new(FALSE, FALSE, sizeof(struct node));
    return chain;
}

void chain_destroy(struct chain *chain)
{
    if (chain == NULL)
        return;
    if (chain->index != NULL)
        g_hash_table_destroy(chain->index);
    for (guint i = 0; i < chain->nodes->len; i++)
        position_unref(node_at(chain, (int)i)->p);
    g_array_free(chain->nodes, TRUE);
    g_free(chain);
}

static void append(struct chain *chain, struct node node)
{
    g_array_append_val(chain->nodes, node);
    if (chain->index != NULL)
        g_hash_table_insert(chain->index, node.p->hash, GINT_TO_POINTER(chain->nodes->len));
    if (chain->index != NULL || chain->nodes->len <= SHORT)
        return;
    chain->index = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < chain->nodes->len; i++)
        g_hash_table_insert(chain->index, node_at(chain, (int)i)->p->hash, GINT_TO_POINTER(i + 1));
}

struct chain *chain_copy(const struct chain *chain)
{
    struct chain *copy = chain_create();
    for (guint i = 0; i < chain->nodes->len; i++) {
        struct node node = *node_at(chain, (int)i);
        position_ref(node.p);
        append(copy, node);
    }
    return copy;
}

/* What is wrong with 'p' after its parents, or NULL. */
static const char *wrong_after(const struct chain *chain, const struct position *p, int parent,
                               int parent2)
{
    const struct position *before = parent >= 0 ? node_at(chain, parent)->p : NULL;
    int64_t epoch = before != NULL ? before->epoch : 0;
    if (p->version != (before != NULL ? before->version : 0) + 1)
        return "its version does not follow its parent's";
    if (parent2 >= 0)
        epoch = MAX(epoch, node_at(chain, parent2)->p->epoch);
    if (position_opens_epoch(p->kind))
        return p->epoch > epoch ? NULL : "it opens an epoch that is not above its parents'";
    if (p->epoch != epoch)
        return "it is not in its parent's epoch";
    if (before != NULL && strcmp(before->minter, p->minter) != 0)
        return "it is not by the site that opened its epoch";
    return NULL;
}

err_t *chain_add(struct chain *chain, const struct position *p)
{
    if (chain_find(chain, p->hash) != NULL)
        return NULL;
    TRY(position_check(p));
    if (chain->nodes->len >= CHAIN_ROWS_MAX)
        return err(SYNC_HISTORY_FULL, "the history has %d positions already", CHAIN_ROWS_MAX);
    int parent = index_of(chain, p->parent), parent2 = index_of(chain, p->parent2);
    if (parent == UNKNOWN || parent2 == UNKNOWN)
        return err(SYNC_POSITION, "a parent of position %.12s is not known", p->hash);
    const char *wrong = wrong_after(chain, p, parent, parent2);
    if (wrong != NULL)
        return err(SYNC_POSITION, "position %.12s does not fit its parent: %s", p->hash, wrong);
    append(chain, (struct node){position_ref(p), parent, parent2});
    return NULL;
}

err_t *chain_merge(struct chain *chain, const GPtrArray *rows)
{
    size_t count = chain_count(chain);
    for (guint i = 0; i < rows->len; i++) {
        err_t *e = chain_add(chain, g_ptr_array_index(rows, i));
        if (e != NULL) {
            chain_rollback(chain, count);
            return e;
        }
    }
    return NULL;
}

size_t chain_count(const struct chain *chain)
{
    return chain->nodes->len;
}

const struct position *chain_at(const struct chain *chain, size_t i)
{
    g_assert(i < chain->nodes->len);
    return node_at(chain, (int)i)->p;
}

void chain_rollback(struct chain *chain, size_t count)
{
    g_assert(count <= chain->nodes->len);
    for (size_t i = count; i < chain->nodes->len; i++) {
        if (chain->index != NULL)
            g_hash_table_remove(chain->index, node_at(chain, (int)i)->p->hash);
        position_unref(node_at(chain, (int)i)->p);
    }
    g_array_set_size(chain->nodes, (guint)count);
}

const struct position *chain_find(const struct chain *chain, const char *hash)
{
    int i = index_of(chain, hash);
    return i >= 0 ? node_at(chain, i)->p : NULL;
}

bool chain_knows(const struct chain *chain, const char *hash)
{
    return index_of(chain, hash) != UNKNOWN;
}

int64_t chain_epoch(const struct chain *chain, const char *hash)
{
    const struct position *p = chain_find(chain, hash);
    return p != NULL ? p->epoch : 0;
}

int64_t chain_version(const struct chain *chain, const char *hash)
{
    const struct position *p = chain_find(chain, hash);
    return p != NULL ? p->version : 0;
}

const char *chain_active(const struct chain *chain, const char *q)
{
    const struct position *p = chain_find(chain, q);
    return p != NULL ? p->minter : NULL;
}

/* ---- order ---- */

/* A byte per row, set for every row of anc(i).  i may be NOWHERE or UNKNOWN: none set. */
static unsigned char *ancestors(const struct chain *chain, int i)
{
    unsigned char *in = g_malloc0(chain->nodes->len + 1);
    if (i >= 0)
        in[i] = 1;
    for (; i >= 0; i--) {
        const struct node *node = node_at(chain, i);
        if (!in[i])
            continue;
        if (node->parent >= 0)
            in[node->parent] = 1;
        if (node->parent2 >= 0)
            in[node->parent2] = 1;
    }
    return in;
}

bool chain_ancestor(const struct chain *chain, const char *x, const char *y)
{
    int ix = index_of(chain, x), iy = index_of(chain, y);
    if (ix == NOWHERE || strcmp(x, y) == 0)
        return true;
    if (ix == UNKNOWN || iy < ix)
        return false;
    g_autofree unsigned char *in = ancestors(chain, iy);
    return in[ix];
}

bool chain_in_line(const struct chain *chain, const char *x, const char *y)
{
    if (x[0] == '\0' || strcmp(x, y) == 0)
        return true;
    int ix = index_of(chain, x), i = index_of(chain, y);
    while (i > ix && i >= 0)
        i = node_at(chain, i)->parent;
    return ix >= 0 && i == ix;
}

static bool drops(const struct position *p, const char *hash)
{
    for (size_t i = 0; i < p->drop_count; i++)
        if (strcmp(p->drop[i], hash) == 0)
            return true;
    return false;
}

bool chain_dropped(const struct chain *chain, const char *x, const char *y)
{
    int iy = index_of(chain, y);
    g_autofree unsigned char *in = ancestors(chain, iy);
    for (int i = iy; i >= 0; i--)
        if (in[i] && drops(node_at(chain, i)->p, x))
            return true;
    return false;
}

/* anc(y) and drop(y) together. */
static unsigned char *covers(const struct chain *chain, int iy)
{
    unsigned char *in = ancestors(chain, iy);
    g_autofree unsigned char *anc = g_memdup2(in, chain->nodes->len + 1);
    for (int i = iy; i >= 0; i--) {
        const struct position *p = node_at(chain, i)->p;
        for (size_t d = 0; anc[i] && d < p->drop_count; d++) {
            int dropped = index_of(chain, p->drop[d]);
            if (dropped >= 0)
                in[dropped] = 1;
        }
    }
    return in;
}

bool chain_covered(const struct chain *chain, const char *x, const char *y)
{
    int ix = index_of(chain, x);
    if (ix == NOWHERE || strcmp(x, y) == 0)
        return true;
    if (ix == UNKNOWN)
        return chain_dropped(chain, x, y);
    g_autofree unsigned char *by = covers(chain, index_of(chain, y));
    g_autofree unsigned char *in = ancestors(chain, ix);
    for (int i = ix; i >= 0; i--)
        if (in[i] && !by[i])
            return false;
    return true;
}

bool chain_before(const struct chain *chain, const char *x, const char *y)
{
    return chain_covered(chain, x, y) && !chain_covered(chain, y, x);
}

bool chain_fork(const struct chain *chain, const char *x, const char *y)
{
    return !chain_covered(chain, x, y) && !chain_covered(chain, y, x);
}

/* ---- lists and questions about a whole chain ---- */

/* The rows of anc(x) that 'without' (may be NULL) does not mark. */
static GPtrArray *rows_of(const struct chain *chain, int ix, const unsigned char *without)
{
    GPtrArray *rows = history_new();
    g_autofree unsigned char *in = ancestors(chain, ix);
    for (int i = 0; i <= ix; i++)
        if (in[i] && (without == NULL || !without[i]))
            g_ptr_array_add(rows, position_ref(node_at(chain, i)->p));
    return rows;
}

GPtrArray *chain_lost(const struct chain *chain, const char *x, const char *y)
{
    g_autofree unsigned char *line = g_malloc0(chain->nodes->len + 1);
    for (int i = index_of(chain, y); i >= 0; i = node_at(chain, i)->parent)
        line[i] = 1;
    return rows_of(chain, index_of(chain, x), line);
}

GPtrArray *chain_history(const struct chain *chain, const char *q)
{
    return rows_of(chain, index_of(chain, q), NULL);
}

typedef bool match_fn(const struct position *p, const void *data);

/* The newest row of anc(q) that matches, or NULL. */
static const struct position *newest(const struct chain *chain, const char *q, match_fn *match,
                                     const void *data)
{
    int iq = index_of(chain, q);
    g_autofree unsigned char *in = ancestors(chain, iq);
    for (int i = iq; i >= 0; i--)
        if (in[i] && match(node_at(chain, i)->p, data))
            return node_at(chain, i)->p;
    return NULL;
}

static bool match_incarnation(const struct position *p, const void *incarnation)
{
    return strcmp(p->incarnation, incarnation) == 0 || strcmp(p->rejoined, incarnation) == 0;
}

bool chain_names(const struct chain *chain, const char *q, const char *incarnation)
{
    return incarnation[0] != '\0' && newest(chain, q, match_incarnation, incarnation) != NULL;
}

const char *chain_incarnation(const struct chain *chain, const char *q, const char *site)
{
    int iq = index_of(chain, q);
    g_autofree unsigned char *in = ancestors(chain, iq);
    const char *best = "";
    for (int i = iq; i >= 0; i--) {
        const struct position *p = node_at(chain, i)->p;
        const char *named = strcmp(p->minter, site) == 0 ? p->incarnation : p->rejoined;
        if (in[i] && incarnation_number(named) > incarnation_number(best))
            best = named;
    }
    return best;
}

static bool match_claim_of(const struct position *p, const void *handover)
{
    return p->kind == POSITION_CLAIM && strcmp(p->parent, handover) == 0;
}

bool chain_claimed(const struct chain *chain, const char *q, const char *handover)
{
    return newest(chain, q, match_claim_of, handover) != NULL;
}

bool chain_forced_apart(const struct chain *chain, const char *x, const char *y)
{
    g_autofree unsigned char *in_x = ancestors(chain, index_of(chain, x));
    g_autofree unsigned char *in_y = ancestors(chain, index_of(chain, y));
    for (int i = 0; i < (int)chain->nodes->len; i++) {
        const struct position *p = node_at(chain, i)->p;
        if (in_x[i] != in_y[i] && (p->forced || p->kind == POSITION_RESOLVE))
            return true;
    }
    return false;
}

int64_t chain_floor(const struct chain *chain, const char *q, const char *site)
{
    int iq = index_of(chain, q);
    g_autofree unsigned char *in = ancestors(chain, iq);
    int64_t floor = 0;
    for (int i = 0; i <= iq; i++) {
        const struct position *p = node_at(chain, i)->p;
        if (in[i])
            floor = MAX(floor, strcmp(p->minter, site) == 0 ? p->epoch : p->floor2);
    }
    return floor;
}

const char *chain_epoch_site(const struct chain *chain, const char *q, int64_t epoch)
{
    for (int i = index_of(chain, q); i >= 0; i = node_at(chain, i)->parent)
        if (node_at(chain, i)->p->epoch == epoch)
            return node_at(chain, i)->p->minter;
    return NULL;
}
