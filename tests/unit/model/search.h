/* SPDX-License-Identifier: Apache-2.0 */
/*
 * search - every state that two sites and a bag can reach within budgets, depth first.
 *
 * In each state S1 to S5 and the invariants are checked; where nothing is enabled any more after
 * "faults stop", L1.  A violation is printed with the moves that lead to it.
 */
#pragma once

#include "world.h"

#include <stdio.h>

#define SEARCH_DEPTH_MAX 200

/* ---- forgetting, so that equal states look equal ---- */

/* An answer nobody waits for; a STATE that its addressee has covered, once no restore is left. */
static inline bool forgettable(const struct world *w, const struct message *m)
{
    int to = strcmp(m->to, world_uuid[0]) == 0 ? 0 : 1;
    const struct sync_state *t = &w->site[to];
    switch (m->type) {
    case MESSAGE_ACCEPT:
    case MESSAGE_REFUSE:
        return !waited(w, m->position);
    case MESSAGE_ABORTED:
        return strcmp(t->frozen_for, m->position) != 0;
    case MESSAGE_STATE:
        if (m->body == NULL)
            return true; /* one with its content is there */
        return !world_has(w, RESTORES) && strcmp(m->position, t->pos) != 0 &&
               chain_covered(t->chain, m->position, t->pos);
    case MESSAGE_CLOSE:
    case MESSAGE_CLOSED:
        return !asked(w, m->nonce);
    case MESSAGE_HELLO:
    case MESSAGE_HERE:
    case MESSAGE_AMNESIA:
        return true; /* fresh answers are read, not found */
    case MESSAGE_PROPOSE:
    case MESSAGE_GONE:
    case MESSAGE_TYPES:
        return false;
    }
    g_assert_not_reached();
}

static inline void world_forget(struct world *w)
{
    for (guint i = w->bag.letters->len; i > 0; i--)
        if (forgettable(w, bag_at(&w->bag, i - 1)))
            bag_remove(&w->bag, i - 1);
}

static int world_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static inline void key_site(GString *t, const struct sync_state *s, bool restores)
{
    const char *staged = s->staged.kind == STAGED_PROPOSAL ? s->staged.position->hash : "-";
    g_string_append_printf(t, "%d %d %d%d%d %.20s %.20s %.20s %.20s %.20s %d %d %d\n", s->role,
                           s->staged.kind, s->split, s->closed, sync_owed(s), s->pos, staged,
                           s->serving, s->frozen_for, s->rival, (int)s->minted, (int)s->floor,
                           restores);
    for (size_t i = 0; i < s->refused_count; i++)
        g_string_append_printf(t, "r %.20s\n", s->refused[i].hash);
}

/* A name of this state of the world: equal for equal futures. */
static inline void world_key(const struct world *w, char ret[HASH_HEX_SIZE])
{
    g_autoptr(GString) t = g_string_sized_new(2048);
    for (int i = 0; i < BUDGETS; i++)
        g_string_append_printf(t, "%d ", w->stopped ? 0 : w->budget[i]);
    g_string_append_printf(t, "%d %s %s\n", w->stopped, w->incarnation[0], w->incarnation[1]);
    for (int s = 0; s < SITES; s++)
        key_site(t, &w->site[s], false);
    if (w->snapshot_of >= 0)
        key_site(t, &w->snapshot, true);
    safety_watch_print(w->watch, t);
    g_autofree const char **keys = g_new(const char *, w->bag.letters->len);
    for (guint i = 0; i < w->bag.letters->len; i++)
        keys[i] = ((struct letter *)g_ptr_array_index(w->bag.letters, i))->key;
    qsort(keys, w->bag.letters->len, sizeof *keys, world_compare);
    for (guint i = 0; i < w->bag.letters->len; i++)
        g_string_append_printf(t, "%s\n", keys[i]);
    hash_hex(t->str, t->len, ret);
}

/* ---- the search ---- */

struct search {
    GHashTable *seen;
    size_t states, moves, ends, limit; /* limit 0: none */
    bool forget;                       /* equal states are to look equal */
    bool lenient;                      /* S1 to S5 and L1 alone */
    bool skip_l1;                      /* look past ends that are none */
    const char *wrong;
    GPtrArray *trace; /* texts */
    int depth_max;
};

static inline void search_init(struct search *s)
{
    memset(s, 0, sizeof *s);
    s->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    s->trace = g_ptr_array_new_with_free_func(g_free);
    s->forget = true;
}

static inline void search_fini(struct search *s)
{
    g_hash_table_destroy(s->seen);
    g_ptr_array_unref(s->trace);
}

static inline void search_print(const struct search *s)
{
    printf("%s\n", s->wrong);
    for (guint i = 0; i < s->trace->len; i++)
        printf("  %2u %s\n", i + 1, (const char *)g_ptr_array_index(s->trace, i));
}

static inline bool search_visit(struct search *s, struct world *w);

/* Tries one move on 'next', a copy of 'w'; true if it changed something (then 'next' is spent). */
static inline bool search_try(struct search *s, const struct world *w, struct world *next,
                              const struct move *mv)
{
    g_autofree char *text = NULL;
    s->moves++;
    if (!world_move(next, mv))
        return false;
    text = move_text(w, mv);
    if (s->forget)
        world_forget(next);
    g_autofree char *after = world_text(next);
    g_ptr_array_add(s->trace, g_strdup_printf("%s\n%s", text, after));
    s->wrong = world_wrong(w, next, mv, s->lenient);
    if (s->wrong == NULL)
        search_visit(s, next);
    if (s->wrong == NULL)
        g_ptr_array_set_size(s->trace, (int)s->trace->len - 1);
    return true;
}

/* Every move of one kind at one site; counts those that did something. */
static inline int search_kind(struct search *s, const struct world *w, struct world **next,
                              enum move_kind kind, int site)
{
    int enabled = 0;
    guint letters = move_has_letter(kind) ? w->bag.letters->len : 1;
    for (guint i = 0; i < letters && s->wrong == NULL; i++) {
        struct move mv = {kind, site, i};
        if (move_has_letter(kind)) {
            const struct message *m = bag_at(&w->bag, i);
            if (kind != MOVE_RESTORE && strcmp(m->to, world_uuid[site]) != 0)
                continue;
            if (kind == MOVE_DELIVER_REFUSED && m->type != MESSAGE_PROPOSE)
                continue;
        }
        if (*next == NULL) {
            *next = g_new(struct world, 1);
            world_copy(w, *next);
        }
        if (!search_try(s, w, *next, &mv))
            continue;
        enabled++;
        world_fini(*next);
        g_clear_pointer(next, g_free);
    }
    return enabled;
}

static inline bool search_visit(struct search *s, struct world *w)
{
    char key[HASH_HEX_SIZE];
    world_key(w, key);
    if (g_hash_table_contains(s->seen, key) || (s->limit > 0 && s->states >= s->limit))
        return true;
    g_hash_table_add(s->seen, g_strdup(key));
    s->states++;
    s->depth_max = MAX(s->depth_max, (int)s->trace->len);
    if (s->trace->len >= SEARCH_DEPTH_MAX)
        s->wrong = "L1: no end after SEARCH_DEPTH_MAX moves";
    int enabled = 0;
    struct world *next = NULL;
    for (enum move_kind kind = MOVE_CHANGE; kind < MOVES && s->wrong == NULL; kind++)
        for (int site = 0; site < SITES && s->wrong == NULL; site++)
            enabled += search_kind(s, w, &next, kind, site);
    if (next != NULL) {
        world_fini(next);
        g_free(next);
    }
    if (s->wrong == NULL && enabled == 0) {
        const struct sync_state *const sites[SITES] = {&w->site[0], &w->site[1]};
        s->ends++;
        s->wrong = s->skip_l1 ? NULL : safety_l1(sites);
    }
    return s->wrong == NULL;
}

/* "2,1,2,1,0,2" -> budgets (slots, losses, deletes and what is done alone may follow); false if it
 * is none. */
static inline bool search_budget_of(const char *text, int ret[BUDGETS])
{
    g_auto(GStrv) parts = g_strsplit(text != NULL ? text : "", ",", -1);
    guint given = g_strv_length(parts);
    if (given != SLOTS && given != BUDGETS)
        return false;
    for (guint i = 0; i < BUDGETS; i++)
        ret[i] = i < given ? (int)g_ascii_strtoll(parts[i], NULL, 10) : 0;
    return true;
}

/* Searches all from the common start; NULL or what is broken. */
static inline const char *search_run(struct search *s, const int budget[BUDGETS])
{
    struct world w;
    world_init(&w, budget);
    search_visit(s, &w);
    world_fini(&w);
    return s->wrong;
}
