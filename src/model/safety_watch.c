/* SPDX-License-Identifier: Apache-2.0 */
/*
 * safety_watch - S1 to S5 and L1 over two sites: the oracle of simulators and tests.
 *
 * It remembers what users were told and what sync_logs name, and looks at both states from outside.
 *
 * Neighbours: safety.c; tests/unit/model and sim/ call it after every step.
 */
#include "model/safety.h"

#include <string.h>

struct safety_watch {
    GHashTable *acknowledged, *refused, *logged; /* sets of hashes */
    bool restored[SITES];
};

static GHashTable *set_create(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

struct safety_watch *safety_watch_create(void)
{
    struct safety_watch *w = g_new0(struct safety_watch, 1);
    w->acknowledged = set_create();
    w->refused = set_create();
    w->logged = set_create();
    return w;
}

void safety_watch_destroy(struct safety_watch *w)
{
    if (w == NULL)
        return;
    g_hash_table_destroy(w->acknowledged);
    g_hash_table_destroy(w->refused);
    g_hash_table_destroy(w->logged);
    g_free(w);
}

static void set_copy(GHashTable *from, GHashTable *to)
{
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, from);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        g_hash_table_add(to, g_strdup(key));
}

struct safety_watch *safety_watch_copy(const struct safety_watch *w)
{
    struct safety_watch *copy = safety_watch_create();
    set_copy(w->acknowledged, copy->acknowledged);
    set_copy(w->refused, copy->refused);
    set_copy(w->logged, copy->logged);
    memcpy(copy->restored, w->restored, sizeof copy->restored);
    return copy;
}

void safety_watch_acknowledged(struct safety_watch *w, const char *position)
{
    g_hash_table_add(w->acknowledged, g_strdup(position));
}

void safety_watch_refused(struct safety_watch *w, const char *position)
{
    g_hash_table_add(w->refused, g_strdup(position));
}

void safety_watch_logged(struct safety_watch *w, const char *position)
{
    g_hash_table_add(w->logged, g_strdup(position));
}

void safety_watch_restored(struct safety_watch *w, int ordinal)
{
    w->restored[ordinal] = true;
}

void safety_watch_effects(struct safety_watch *w, const struct sync_effects *effects)
{
    for (guint i = 0; i < effects->orders->len; i++) {
        const struct sync_order *order = g_ptr_array_index(effects->orders, i);
        bool change = order->operation == SYNC_OP_CHANGE && order->position[0] != '\0';
        if (change && order->verdict == SYNC_COMPLETE)
            safety_watch_acknowledged(w, order->position);
        if (change && order->verdict == SYNC_FAIL)
            safety_watch_refused(w, order->position);
    }
    for (guint i = 0; i < effects->entries->len; i++)
        safety_watch_logged(
            w, ((struct sync_entry *)g_ptr_array_index(effects->entries, i))->position);
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void print_set(const char *name, GHashTable *set, GString *ret)
{
    guint count = 0;
    gpointer *keys = g_hash_table_get_keys_as_array(set, &count);
    qsort(keys, count, sizeof *keys, compare_text);
    g_string_append_printf(ret, "%s", name);
    for (guint i = 0; i < count; i++)
        g_string_append_printf(ret, " %s", (const char *)keys[i]);
    g_string_append_c(ret, '\n');
    g_free(keys);
}

void safety_watch_print(const struct safety_watch *w, GString *ret)
{
    print_set("acknowledged", w->acknowledged, ret);
    print_set("refused", w->refused, ret);
    print_set("logged", w->logged, ret);
    g_string_append_printf(ret, "restored %d %d\n", w->restored[0], w->restored[1]);
}

/* ---- the properties ---- */

static bool both_active(const struct sync_state *const sites[SITES])
{
    return sites[0]->role == ROLE_ACTIVE && sites[1]->role == ROLE_ACTIVE;
}

const char *safety_s1(const struct sync_state *const sites[SITES])
{
    if (both_active(sites) && sync_epoch(sites[0]) == sync_epoch(sites[1]))
        return "S1: two active sites in one epoch";
    return NULL;
}

/* All rows that either site knows. */
static struct chain *union_chain(const struct sync_state *const sites[SITES])
{
    struct chain *chain = chain_copy(sites[0]->chain);
    for (size_t i = 0; i < chain_count(sites[1]->chain); i++) {
        err_t *e = chain_add(chain, chain_at(sites[1]->chain, i));
        g_assert(e == NULL);
    }
    return chain;
}

const char *safety_s2(const struct sync_state *const sites[SITES])
{
    if (!both_active(sites))
        return NULL;
    AUTO(chain) chain = union_chain(sites);
    if (chain_forced_apart(chain, sites[0]->pos, sites[1]->pos))
        return NULL;
    return "S2: two active sites, and nobody forced either";
}

static bool in_content(const struct sync_state *s, const char *hash)
{
    return chain_find(s->chain, hash) != NULL && chain_in_line(s->chain, hash, s->pos);
}

const char *safety_s3(const struct safety_watch *w, const struct sync_state *const sites[SITES])
{
    if (w->restored[0] && w->restored[1])
        return NULL; /* nothing can be promised */
    bool restored = w->restored[0] || w->restored[1];
    GHashTableIter iter;
    gpointer hash;
    g_hash_table_iter_init(&iter, w->acknowledged);
    while (g_hash_table_iter_next(&iter, &hash, NULL)) {
        int held = in_content(sites[0], hash) + in_content(sites[1], hash);
        if (held < (restored ? 1 : SITES) && !g_hash_table_contains(w->logged, hash))
            return "S3: an acknowledged change is lost and no sync_log names it";
    }
    return NULL;
}

const char *safety_s4(const struct safety_watch *w, const struct sync_state *const sites[SITES])
{
    GHashTableIter iter;
    gpointer hash;
    g_hash_table_iter_init(&iter, w->refused);
    while (g_hash_table_iter_next(&iter, &hash, NULL))
        if (in_content(sites[0], hash) || in_content(sites[1], hash))
            return "S4: a change that was reported as refused became effective";
    return NULL;
}

const char *safety_s5(const struct sync_state *before, const struct sync_state *after,
                      bool by_person)
{
    bool lost =
        before->role == ROLE_ACTIVE &&
        (after->role == ROLE_STANDBY || after->role == ROLE_NONE || after->role == ROLE_TOMBSTONE);
    if (!lost || by_person)
        return NULL;
    if (sync_is_empty(before) || sync_deleting(before))
        return NULL; /* a create that was refused; a delete that was finished */
    if (chain_forced_apart(after->chain, before->pos, after->pos))
        return NULL; /* a person forced or resolved at the other site */
    return "S5: the role was taken from an active site by neither a person nor a handover";
}

const char *safety_all(const struct safety_watch *w, const struct sync_state *const sites[SITES])
{
    const char *wrong = safety_s1(sites);
    if (wrong == NULL)
        wrong = safety_s2(sites);
    if (wrong == NULL)
        wrong = safety_s3(w, sites);
    if (wrong == NULL)
        wrong = safety_s4(w, sites);
    for (int i = 0; i < SITES && wrong == NULL; i++) {
        g_autoptr(err_t) e = sync_check(sites[i]);
        if (e != NULL)
            wrong = g_intern_string(err_message(e));
    }
    return wrong;
}

const char *safety_l1(const struct sync_state *const sites[SITES])
{
    const struct sync_state *a = sites[0], *b = sites[1];
    bool roles = (a->role == ROLE_ACTIVE && b->role == ROLE_STANDBY) ||
                 (a->role == ROLE_STANDBY && b->role == ROLE_ACTIVE) ||
                 (a->role == ROLE_TOMBSTONE && b->role == ROLE_TOMBSTONE);
    if (strcmp(a->pos, b->pos) != 0 && a->role != ROLE_TOMBSTONE)
        return "L1: the positions differ and nothing moves any more";
    if (!roles)
        return "L1: the roles are not one ACTIVE and one STANDBY";
    for (int i = 0; i < SITES; i++) {
        const struct sync_state *s = sites[i];
        bool owed = s->role == ROLE_TOMBSTONE ? s->gone_owed : sync_owed(s);
        if (s->staged.kind != STAGED_NONE || owed || s->serving[0] != '\0' ||
            s->frozen_for[0] != '\0' || s->split)
            return "L1: something is staged, owed, serving, frozen or split for ever";
    }
    return NULL;
}
