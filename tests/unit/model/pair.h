/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pair - two in-memory sites and a client between them, for stories: every message is encoded,
 * signed, carried as text, decoded and verified, as over the wire.  Whatever was ever sent can be
 * delivered again by its number.
 */
#pragma once

#include "model/safety.h"
#include "model/states.h"

#include <stdio.h>
#include <string.h>

#define A          0 /* ordinals: A has the smaller uuid */
#define B          1
#define PAIR_GROUP "pg-11111111-2222-4333-8444-555555555555"
static const char *const pair_uuid[SITES] = {"0a000000-0000-4000-8000-000000000000",
                                             "fb000000-0000-4000-8000-000000000000"};

struct pair {
    struct sync_state s[SITES];
    struct keypairs *keys[SITES];
    char *key_id[SITES];
    char incarnation[SITES][INCARNATION_SIZE];
    int64_t now_ms[SITES]; /* two clocks, never compared */
    int64_t tag_minted[SITES], tag_floor[SITES];
    unsigned counter;
    bool blocks[SITES], any[SITES], drill[SITES]; /* operations that run there */
    bool unrealized[SITES];                       /* what a proposal needs is not there yet */
    const char *refusal[SITES];                   /* code with which content is not acceptable */
    GPtrArray *sent;                              /* every carried text ever */
    GPtrArray
        *log[SITES]; /* what the sites were asked to do: "start settle", "alarm SPLIT_BRAIN" */
    struct safety_watch *watch;
    bool down[SITES]; /* does not answer */
    char label[32];   /* of a walk: its seed */
    bool loud;        /* prints what is delivered */
};

static inline void pair_env_random(void *data, void *buffer, size_t size)
{
    struct pair *p = data;
    char hash[HASH_HEX_SIZE];
    p->counter++;
    hash_hex(&p->counter, sizeof p->counter, hash);
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)buffer)[i] = (unsigned char)(hash[i % 64] * 31 + (int)(i / 64));
}

struct pair_site {
    struct pair *p;
    int site;
};
static struct pair_site pair_sites[SITES];

static inline void pair_random(void *data, void *buffer, size_t size)
{
    pair_env_random(((struct pair_site *)data)->p, buffer, size);
}

static inline bool pair_acceptable(void *data, const struct sync_state *state,
                                   const struct position *pos, const struct body *body,
                                   struct sync_refusal *ret)
{
    (void)state, (void)pos, (void)body;
    const struct pair_site *at = data;
    const char *code = at->p->refusal[at->site];
    if (code != NULL) {
        g_strlcpy(ret->code, code, sizeof ret->code);
        g_strlcpy(ret->text, "says the test", sizeof ret->text);
    }
    return code == NULL;
}

static inline bool pair_realized(void *data, const struct sync_state *state,
                                 const struct position *pos, const struct body *body)
{
    (void)state, (void)pos, (void)body;
    const struct pair_site *at = data;
    return !at->p->unrealized[at->site];
}

static inline struct sync_context pair_context(struct pair *p, int site)
{
    return (struct sync_context){.now_ms = p->now_ms[site],
                                 .incarnation = p->incarnation[site],
                                 .tag_minted = p->tag_minted[site],
                                 .tag_floor = p->tag_floor[site],
                                 .operation_blocks = p->blocks[site],
                                 .operation_any = p->any[site],
                                 .drill_running = p->drill[site],
                                 .data = &pair_sites[site],
                                 .random = pair_random,
                                 .acceptable = pair_acceptable,
                                 .realized = pair_realized};
}

static inline void pair_incarnate(struct pair *p, int site)
{
    unsigned char random[16];
    char next[INCARNATION_SIZE];
    const char *known[] = {p->incarnation[site]};
    pair_env_random(p, random, sizeof random);
    incarnation_next(known, 1, random, next);
    g_strlcpy(p->incarnation[site], next, INCARNATION_SIZE);
}

static inline void pair_init(struct pair *p)
{
    memset(p, 0, sizeof *p);
    struct env env = {.data = p, .random = pair_env_random};
    secrets_init();
    p->sent = g_ptr_array_new_with_free_func(g_free);
    p->watch = safety_watch_create();
    for (int i = 0; i < SITES; i++) {
        pair_sites[i] = (struct pair_site){p, i};
        p->keys[i] = keypairs_create(&env);
        p->key_id[i] = keys_id(keypairs_sign_public(p->keys[i]));
        p->now_ms[i] = 1000000 + i * 86400000;
        p->log[i] = g_ptr_array_new_with_free_func(g_free);
        pair_incarnate(p, i);
        sync_state_init(&p->s[i], PAIR_GROUP, pair_uuid[i], pair_uuid[1 - i]);
    }
}

static inline void pair_fini(struct pair *p)
{
    for (int i = 0; i < SITES; i++) {
        sync_state_fini(&p->s[i]);
        keypairs_destroy(p->keys[i]);
        g_free(p->key_id[i]);
        g_ptr_array_unref(p->log[i]);
    }
    g_ptr_array_unref(p->sent);
    safety_watch_destroy(p->watch);
}

/* ---- the wire ---- */

static inline char *pair_sign(void *data, const void *bytes, size_t size)
{
    return keypairs_sign(data, bytes, size);
}

static inline bool pair_verify(void *data, const char *from, const char *key_id, const void *bytes,
                               size_t size, const char *signature)
{
    struct pair *p = data;
    for (int i = 0; i < SITES; i++)
        if (strcmp(from, pair_uuid[i]) == 0)
            return strcmp(key_id, p->key_id[i]) == 0 &&
                   signature_valid(keypairs_sign_public(p->keys[i]), bytes, size, signature);
    return false;
}

/* Encodes and keeps it; returns its number. */
static inline guint pair_post(struct pair *p, const struct message *m)
{
    int from = strcmp(m->from, pair_uuid[A]) == 0 ? A : B;
    g_autoptr(json_t) carried = NULL;
    err_t *e = message_encode(m, p->key_id[from], pair_sign, p->keys[from], &carried);
    g_assert(e == NULL);
    g_ptr_array_add(p->sent, json_print(carried));
    return p->sent->len - 1;
}

/* Whom a letter is for. */
static inline int pair_addressee(const struct pair *p, guint number)
{
    struct message *m = NULL;
    const char *text = g_ptr_array_index(p->sent, number);
    err_t *e = message_decode_text(text, strlen(text), NULL, NULL, &m);
    g_assert(e == NULL);
    int to = strcmp(m->to, pair_uuid[A]) == 0 ? A : B;
    message_destroy(m);
    return to;
}

/* ---- what sites are asked to do ---- */

static inline void pair_note(struct pair *p, int site, const char *format, ...) G_GNUC_PRINTF(3, 4);
static inline void pair_note(struct pair *p, int site, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = g_strdup_vprintf(format, args);
    va_end(args);
    if (p->loud)
        printf("      [%d] %s\n", site, text);
    g_ptr_array_add(p->log[site], text);
}

/* True if the site was asked for this since pair_forget. */
static inline bool pair_asked(const struct pair *p, int site, const char *what)
{
    for (guint i = 0; i < p->log[site]->len; i++)
        if (g_str_has_prefix(g_ptr_array_index(p->log[site], i), what))
            return true;
    return false;
}

static inline void pair_forget(struct pair *p)
{
    for (int i = 0; i < SITES; i++)
        g_ptr_array_set_size(p->log[i], 0);
}

/* Takes the effects in; checks the oracle. */
static inline void pair_absorb(struct pair *p, int site, struct sync_effects *e)
{
    safety_watch_effects(p->watch, e);
    for (guint i = 0; i < e->orders->len; i++) {
        const struct sync_order *order = g_ptr_array_index(e->orders, i);
        pair_note(p, site, "%s %s %s", sync_verdict_text(order->verdict),
                  sync_operation_text(order->operation), order->id);
    }
    for (guint i = 0; i < e->alarms->len; i++)
        pair_note(p, site, "alarm %s",
                  ((struct sync_alarm *)g_ptr_array_index(e->alarms, i))->code);
    for (guint i = 0; i < e->entries->len; i++) {
        const struct sync_entry *entry = g_ptr_array_index(e->entries, i);
        pair_note(p, site, "log %s %.12s", entry->event, entry->position);
    }
    if (e->write_tag)
        pair_note(p, site, "tag");
    if (e->incarnation[0] != '\0')
        g_strlcpy(p->incarnation[site], e->incarnation, INCARNATION_SIZE);
    p->tag_minted[site] = MAX(p->tag_minted[site], p->s[site].minted);
    p->tag_floor[site] = MAX(p->tag_floor[site], p->s[site].floor);
    const struct sync_state *const sites[SITES] = {&p->s[A], &p->s[B]};
    const char *wrong = safety_all(p->watch, sites);
    if (wrong != NULL)
        g_error("%s %s", p->label, wrong);
}

/* Delivers a carried text; the reply's number, or -1. */
static inline int pair_deliver(struct pair *p, int site, guint number)
{
    struct message *m = NULL;
    const char *text = g_ptr_array_index(p->sent, number);
    err_t *e = message_decode_text(text, strlen(text), pair_verify, p, &m);
    g_assert(e == NULL);
    struct sync_context c = pair_context(p, site);
    struct sync_effects effects;
    if (p->loud)
        printf("   %s %.6s -> %d\n", message_type_text(m->type), m->position, site);
    sync_effects_init(&effects);
    e = sync_receive(&p->s[site], m, &c, &effects);
    if (e != NULL)
        g_error("%s", err_message(e));
    pair_absorb(p, site, &effects);
    int reply = effects.reply != NULL ? (int)pair_post(p, effects.reply) : -1;
    for (guint i = 0; i < effects.messages->len; i++)
        pair_post(p, g_ptr_array_index(effects.messages, i));
    sync_effects_fini(&effects);
    message_destroy(m);
    return reply;
}

/* One message there and its reply back; the reply's number or -1. */
static inline int pair_round(struct pair *p, int to, guint number)
{
    if (p->down[to])
        return -1;
    int reply = pair_deliver(p, to, number);
    if (reply >= 0 && !p->down[1 - to])
        pair_deliver(p, 1 - to, (guint)reply);
    return reply;
}

/* ---- the client ---- */

/* Carries what 'site' wants carried; its outbox as text is appended to 'ret_seen'. */
static inline void pair_carry_from(struct pair *p, int site, GString *ret_seen)
{
    struct sync_context c = pair_context(p, site);
    g_autoptr(GPtrArray) out = sync_outbox(&p->s[site], &c);
    g_assert(out->len == sync_outbox_count(&p->s[site]));
    for (guint i = 0; i < out->len; i++) {
        const struct message *m = g_ptr_array_index(out, i);
        g_string_append_printf(ret_seen, "%s %s %s\n", message_type_text(m->type), m->position,
                               m->nonce);
        pair_round(p, 1 - site, pair_post(p, m));
    }
}

/* Carries both outboxes until they are empty, or what is in them is what was carried before (a
 * fork); false if that never is. */
static inline bool pair_carry(struct pair *p)
{
    g_autofree char *before = g_strdup("");
    for (int round = 0; round < 20; round++) {
        g_autoptr(GString) seen = g_string_new(NULL);
        for (int site = 0; site < SITES; site++)
            if (!p->down[A] && !p->down[B])
                pair_carry_from(p, site, seen);
        if (seen->len == 0 || strcmp(seen->str, before) == 0)
            return true;
        g_free(before);
        before = g_strdup(seen->str);
    }
    return false;
}

/* HELLO at s, HERE of the peer, back to s.  The nonce; NULL if nobody asks or answers. */
static inline char *pair_prove(struct pair *p, int s)
{
    struct sync_context c = pair_context(p, s);
    struct sync_effects e;
    sync_effects_init(&e);
    err_t *err = sync_hello(&p->s[s], &c, &e);
    if (err != NULL) { /* a tombstone asks nobody */
        err_free(err);
        sync_effects_fini(&e);
        return NULL;
    }
    const struct message *hello = g_ptr_array_index(e.messages, 0);
    g_autofree char *nonce = g_strdup(hello->nonce);
    guint number = pair_post(p, hello);
    sync_effects_fini(&e);
    if (p->down[1 - s])
        return NULL;
    pair_round(p, 1 - s, number);
    return TAKE(nonce);
}

/* Ends an action at a site; passes its error on. */
static inline err_t *pair_did(struct pair *p, int site, err_t *e, struct sync_effects *effects)
{
    if (e == NULL) {
        pair_absorb(p, site, effects);
        for (guint i = 0; i < effects->messages->len; i++)
            pair_post(p, g_ptr_array_index(effects->messages, i));
    }
    sync_effects_fini(effects);
    return e;
}

/* Runs sync_<action>(&state, &context, …, &effects) at a site: PAIR(p, A, sync_abort, hash). */
#define PAIR(p, site, action, ...)                                                                 \
    ({                                                                                             \
        struct sync_context c_ = pair_context(p, site);                                            \
        struct sync_effects e_;                                                                    \
        sync_effects_init(&e_);                                                                    \
        pair_did(p, site, action(&(p)->s[site], &c_, ##__VA_ARGS__, &e_), &e_);                    \
    })

static inline err_t *pair_reserve(struct pair *p, int s, const char *operation)
{
    g_autofree char *nonce = pair_prove(p, s);
    return PAIR(p, s, sync_reserve, operation, p->s[s].pos[0] != '\0' ? p->s[s].pos : NULL, nonce);
}

static inline struct body *pair_seal(json_t *draft)
{
    struct body *body = NULL;
    err_t *e = body_seal(draft, &body);
    if (e != NULL)
        g_error("%s", err_message(e));
    return body;
}

/* Stages a description for a reserved slot. */
static inline err_t *pair_stage(struct pair *p, int s, const char *operation,
                                const char *description)
{
    json_t *draft = sync_draft(&p->s[s]);
    err_t *e = body_update(draft, NULL, description);
    g_assert(e == NULL);
    AUTO(body) body = pair_seal(draft);
    return PAIR(p, s, sync_stage, operation, body);
}

/* A whole change but for the carrying of the proposal. */
static inline err_t *pair_change(struct pair *p, int s, const char *operation,
                                 const char *description)
{
    TRY(pair_reserve(p, s, operation));
    return pair_stage(p, s, operation, description);
}

static inline struct body *pair_body_create(void)
{
    struct body_create_spec spec = {.group = PAIR_GROUP,
                                    .name = "web",
                                    .replication_type = "async",
                                    .consistency_group_id = "cg-1",
                                    .primary = {pair_uuid[A], "site-a", "pa", "gold", NULL},
                                    .secondary = {pair_uuid[B], "site-b", "pb", "gold", NULL},
                                    .now_ms = 1000};
    json_t *draft = NULL;
    err_t *e = body_create(&spec, &draft);
    g_assert(e == NULL);
    return pair_seal(draft);
}

/* Creates at A up to the proposal. */
static inline err_t *pair_create(struct pair *p, const char *operation)
{
    g_autofree char *nonce = pair_prove(p, A);
    AUTO(body) body = pair_body_create();
    TRY(PAIR(p, A, sync_create));
    TRY(PAIR(p, A, sync_reserve, operation, NULL, nonce));
    return PAIR(p, A, sync_stage, operation, body);
}

/* A group that both hold: A ACTIVE, B STANDBY, version 1, nothing owed. */
static inline void pair_start(struct pair *p)
{
    pair_init(p);
    err_t *e = pair_create(p, "op-create");
    if (e != NULL)
        g_error("%s", err_message(e));
    bool quiet = pair_carry(p);
    g_assert(quiet && p->s[A].role == ROLE_ACTIVE && p->s[B].role == ROLE_STANDBY);
    pair_forget(p);
}

static const struct safety_evidence pair_from_point = {.data = SAFETY_FROM_POINT,
                                                       .point = "point-1",
                                                       .volumes = 2,
                                                       .volumes_from_point = 2,
                                                       .point_complete = true,
                                                       .point_usable = true,
                                                       .sources_stopped = true,
                                                       .fenced = true,
                                                       .recorded = true};
static const struct safety_evidence pair_in_place = {.data = SAFETY_IN_PLACE, .recorded = true};

static inline err_t *pair_force_with(struct pair *p, int s, const struct safety_evidence *evidence)
{
    json_t *draft = sync_draft(&p->s[s]);
    bool in_place = evidence->data == SAFETY_IN_PLACE;
    body_transition_set(draft, "op-force", pair_uuid[s]);
    body_claim_set(draft, NULL, in_place ? -1 : sync_next_epoch(&p->s[s]));
    AUTO(body) body = pair_seal(draft);
    struct sync_force force = {.evidence = evidence,
                               .body = body,
                               .operation = "op-force",
                               .reason = "fire",
                               .who = "ann"};
    sync_plan_init(&p->s[s], &force.plan);
    return PAIR(p, s, sync_force, &force);
}

static inline err_t *pair_force(struct pair *p, int s)
{
    bool standby = p->s[s].role == ROLE_STANDBY;
    return pair_force_with(p, s, standby ? &pair_from_point : &pair_in_place);
}

/* Stages the handover of the group to the peer of s. */
static inline err_t *pair_handover(struct pair *p, int s, const char *operation)
{
    g_autofree char *nonce = pair_prove(p, s);
    json_t *draft = sync_draft(&p->s[s]);
    body_transition_set(draft, operation, pair_uuid[1 - s]);
    AUTO(body) body = pair_seal(draft);
    return PAIR(p, s, sync_handover, operation, p->s[s].pos, nonce, body);
}

/* The planned claim at s. */
static inline err_t *pair_claim(struct pair *p, int s)
{
    struct sync_plan plan;
    sync_plan_init(&p->s[s], &plan);
    json_t *draft = sync_draft(&p->s[s]);
    body_claim_set(draft, NULL, plan.epoch);
    AUTO(body) body = pair_seal(draft);
    return PAIR(p, s, sync_claim, &plan, &pair_from_point, body);
}

/* A fact at s; true if it was committed. */
static inline bool pair_fact(struct pair *p, int s, const char *key)
{
    bool committed = false;
    json_t *draft = sync_draft(&p->s[s]);
    err_t *e = body_local_set(draft, pair_uuid[s], "servers", key, json_string("server-1"));
    g_assert(e == NULL);
    AUTO(body) body = pair_seal(draft);
    e = PAIR(p, s, sync_fact, body, &committed);
    if (e != NULL)
        g_error("%s", err_message(e));
    return committed;
}

/* The database of s is put back to 'backup' (taken by sync_state_copy); noticed at once. */
static inline void pair_restore(struct pair *p, int s, const struct sync_state *backup)
{
    sync_state_fini(&p->s[s]);
    sync_state_copy(backup, &p->s[s]);
    pair_incarnate(p, s);
    safety_watch_restored(p->watch, s);
    err_t *e = PAIR(p, s, sync_restored);
    g_assert(e == NULL);
}

/* Everything between the two is at rest. */
static inline bool pair_at_rest(const struct pair *p)
{
    const struct sync_state *const sites[SITES] = {&p->s[A], &p->s[B]};
    const char *wrong = safety_l1(sites);
    if (wrong != NULL)
        printf("%s\n", wrong);
    return wrong == NULL;
}

/* Challenges in both directions and carries, as sync-force does. */
static inline bool pair_sync(struct pair *p)
{
    for (int round = 0; round < 3; round++) {
        for (int s = 0; s < SITES; s++)
            g_free(pair_prove(p, s));
        if (!pair_carry(p))
            return false;
    }
    return true;
}
