/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bag - the network of the sync protocol, for tests: whatever was ever signed stays deliverable for
 * ever, in any order, any number of times, by any client, years later from a file.
 *
 * A header alone, so that tests of several rooms (and builds of model/ with other flags) may use
 * it. Letters are shared between copies of a bag and never written to.
 */
#pragma once

#include "model/sync.h"

#include <string.h>

struct letter {
    struct message *m;
    char *key; /* equal for messages that mean the same */
};

struct bag {
    GPtrArray *letters; /* struct letter, counted */
};

static inline void letter_clear(void *data)
{
    struct letter *letter = data;
    message_destroy(letter->m);
    g_free(letter->key);
}

static inline void letter_unref(void *data)
{
    g_rc_box_release_full(data, letter_clear);
}

static inline void bag_init(struct bag *bag)
{
    bag->letters = g_ptr_array_new_with_free_func(letter_unref);
}

static inline void bag_fini(struct bag *bag)
{
    g_ptr_array_unref(bag->letters);
}

static inline void bag_copy(const struct bag *bag, struct bag *ret)
{
    bag_init(ret);
    for (guint i = 0; i < bag->letters->len; i++)
        g_ptr_array_add(ret->letters, g_rc_box_acquire(g_ptr_array_index(bag->letters, i)));
}

static inline const struct message *bag_at(const struct bag *bag, guint i)
{
    return ((const struct letter *)g_ptr_array_index(bag->letters, i))->m;
}

/* What a message means: its type, sender, incarnation, position and nonce.  A STATE's standing is
 * left out where 'standing' is false: only its position moves anybody. */
static inline char *bag_key(const struct message *m, bool standing)
{
    char where[96] = "";
    if (standing)
        g_snprintf(where, sizeof where, "%d%d %.12s %.12s", m->role, m->split, m->serving,
                   m->frozen_for);
    return g_strdup_printf("%s %.8s %s %.16s %s %d %s", message_type_text(m->type), m->from,
                           m->incarnation, m->position, m->nonce, m->body != NULL, where);
}

/* Adds a copy; false if an equal letter was there. */
static inline bool bag_put(struct bag *bag, const struct message *m, bool standing)
{
    g_autofree char *key = bag_key(m, standing);
    for (guint i = 0; i < bag->letters->len; i++)
        if (strcmp(((struct letter *)g_ptr_array_index(bag->letters, i))->key, key) == 0)
            return false;
    struct letter *letter = g_rc_box_new0(struct letter);
    letter->m = message_copy(m);
    letter->key = TAKE(key);
    g_ptr_array_add(bag->letters, letter);
    return true;
}

/* Adds what an action sends: reply and messages. */
static inline void bag_put_effects(struct bag *bag, const struct sync_effects *e, bool standing)
{
    if (e->reply != NULL)
        bag_put(bag, e->reply, standing);
    for (guint i = 0; i < e->messages->len; i++)
        bag_put(bag, g_ptr_array_index(e->messages, i), standing);
}

static inline void bag_remove(struct bag *bag, guint i)
{
    g_ptr_array_remove_index(bag->letters, i);
}
