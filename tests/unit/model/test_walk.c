/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random walks of two sites with everything the search leaves out: challenges and closing positions
 * that arrive late or twice, reserved slots, realize, create, withdraw, delete, GONE, databases put
 * back to real backups, clocks that jump, two operators at once.  After every step S1 to S4 and the
 * invariants hold, and each site alone has a way out (L2); when faults stop, the walk ends in L1
 * within a bounded number of rounds.
 *
 * MODEL_WALKS=N walks N seeds (from MODEL_FROM); MODEL_SEED=N walks that one and prints its steps.
 */
#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#define STEPS       120
#define BACKUPS_MAX 6
#define ROUNDS_MAX  40

struct walk {
    struct pair p;
    unsigned seed;
    bool loud;
    struct sync_state backup[BACKUPS_MAX];
    int backup_of[BACKUPS_MAX];
    int backups, restores;
    unsigned operations;
};

/* What the walks have met: a walk that meets nothing proves nothing. */
static struct {
    unsigned split, closed, recovering, frozen, serving, tombstone, both_active, realizing,
        superseded, reserved, forced_twice, ways_out;
} met;

static void meet(const struct pair *p)
{
    for (int s = 0; s < SITES; s++) {
        const struct sync_state *a = &p->s[s];
        met.split += a->split;
        met.closed += a->closed;
        met.recovering += a->role == ROLE_RECOVERING;
        met.frozen += a->role == ROLE_FROZEN;
        met.serving += a->serving[0] != '\0';
        met.tombstone += a->role == ROLE_TOMBSTONE;
        met.realizing += a->incoming.position != NULL;
        met.superseded += a->superseded;
        met.reserved += a->staged.kind == STAGED_RESERVED;
        met.forced_twice += sync_epoch(a) > 3;
    }
    met.both_active += p->s[A].role == ROLE_ACTIVE && p->s[B].role == ROLE_ACTIVE;
}

static unsigned dice(struct walk *w, unsigned sides)
{
    w->seed = w->seed * 1103515245U + 12345U;
    return (w->seed >> 16) % sides;
}

/* Refusals are part of the walk. */
static bool ignore(err_t *e)
{
    bool ok = e == NULL;
    err_free(e);
    return ok;
}

static const char *next_operation(struct walk *w)
{
    static char id[32];
    g_snprintf(id, sizeof id, "op-%u", ++w->operations);
    return id;
}

/* ---- what users and operators do ---- */

static bool step_create(struct walk *w, int s)
{
    return s == A && w->p.s[A].role == ROLE_NONE && ignore(pair_create(&w->p, next_operation(w)));
}

static bool step_reserve(struct walk *w, int s)
{
    return w->p.s[s].body != NULL && ignore(pair_reserve(&w->p, s, next_operation(w)));
}

static bool step_stage(struct walk *w, int s)
{
    struct sync_state *state = &w->p.s[s];
    char operation[OPERATION_SIZE];
    if (state->staged.kind != STAGED_RESERVED || state->body == NULL)
        return false;
    g_strlcpy(operation, state->staged.operation, sizeof operation);
    return ignore(pair_stage(&w->p, s, operation, operation));
}

static bool step_release(struct walk *w, int s)
{
    struct sync_effects e;
    sync_effects_init(&e);
    char operation[OPERATION_SIZE];
    g_strlcpy(operation, w->p.s[s].staged.operation, sizeof operation);
    return ignore(pair_did(&w->p, s, sync_release(&w->p.s[s], operation, &e), &e));
}

static bool step_change(struct walk *w, int s)
{
    return w->p.s[s].body != NULL && ignore(pair_change(&w->p, s, next_operation(w), "changed"));
}

static bool step_delete(struct walk *w, int s)
{
    struct pair *p = &w->p;
    const char *operation = next_operation(w);
    if (dice(w, 4) != 0 || p->s[s].body == NULL || !ignore(pair_reserve(p, s, operation)))
        return false;
    json_t *draft = sync_draft(&p->s[s]);
    json_set_bool(draft, "deleting", true);
    AUTO(body) body = pair_seal(draft);
    return ignore(PAIR(p, s, sync_stage, operation, body));
}

static bool step_handover(struct walk *w, int s)
{
    return w->p.s[s].body != NULL && ignore(pair_handover(&w->p, s, next_operation(w)));
}

static bool step_fact(struct walk *w, int s)
{
    bool may = w->p.s[s].role == ROLE_ACTIVE && w->p.s[s].body != NULL;
    return may && pair_fact(&w->p, s, "m");
}

static bool step_force(struct walk *w, int s)
{
    return dice(w, 3) == 0 && w->p.s[s].body != NULL && ignore(pair_force(&w->p, s));
}

static bool step_claim(struct walk *w, int s)
{
    return w->p.s[s].serving[0] != '\0' && ignore(pair_claim(&w->p, s));
}

static bool step_abort(struct walk *w, int s)
{
    char h[HASH_HEX_SIZE];
    g_strlcpy(h, w->p.s[s].serving, sizeof h);
    return h[0] != '\0' && ignore(PAIR(&w->p, s, sync_abort, h));
}

static bool step_close(struct walk *w, int s)
{
    return ignore(PAIR(&w->p, s, sync_close, "ann", "keep"));
}

static bool step_gone(struct walk *w, int s)
{
    return dice(w, 5) == 0 && ignore(PAIR(&w->p, s, sync_resolve_gone, "ann", "burnt"));
}

static bool step_withdraw(struct walk *w, int s)
{
    return dice(w, 5) == 0 && ignore(PAIR(&w->p, s, sync_withdraw));
}

static bool step_tombstone(struct walk *w, int s)
{
    return ignore(PAIR(&w->p, s, sync_tombstone));
}

static bool step_superseded(struct walk *w, int s)
{
    struct sync_effects e;
    sync_effects_init(&e);
    int64_t epoch = sync_epoch(&w->p.s[1 - s]); /* the tag at the peer */
    return ignore(pair_did(&w->p, s, sync_superseded(&w->p.s[s], epoch, &e), &e));
}

/* ---- what machines and nature do ---- */

static bool step_realize(struct walk *w, int s)
{
    struct pair *p = &w->p;
    char hash[HASH_HEX_SIZE];
    p->unrealized[s] = dice(w, 2) == 0;
    if (p->s[s].incoming.position == NULL)
        return false;
    g_strlcpy(hash, p->s[s].incoming.position->hash, sizeof hash);
    struct sync_refusal why = {"protector.realize.failed", "no"};
    if (dice(w, 4) == 0)
        return ignore(PAIR(p, s, sync_realize_failed, hash, &why));
    return ignore(PAIR(p, s, sync_realized, hash));
}

static bool step_mood(struct walk *w, int s)
{
    w->p.refusal[s] = dice(w, 4) == 0 ? "protector.group.name_taken" : NULL;
    w->p.blocks[s] = dice(w, 6) == 0;
    w->p.drill[s] = dice(w, 6) == 0;
    return false;
}

static bool step_clock(struct walk *w, int s)
{
    w->p.now_ms[s] += (int64_t)dice(w, 200000) - 60000;
    return false;
}

static bool step_backup(struct walk *w, int s)
{
    if (w->backups == BACKUPS_MAX || w->p.s[s].role == ROLE_NONE)
        return false;
    sync_state_copy(&w->p.s[s], &w->backup[w->backups]);
    w->backup_of[w->backups++] = s;
    return true;
}

/* A tombstone is no replica of anything: databases older than it are not put back here. */
static bool step_restore(struct walk *w, int s)
{
    int i = w->backups > 0 ? (int)dice(w, (unsigned)w->backups) : 0;
    bool buried = w->p.s[A].role == ROLE_TOMBSTONE || w->p.s[B].role == ROLE_TOMBSTONE ||
                  sync_deleting(&w->p.s[A]) || sync_deleting(&w->p.s[B]);
    if (w->backups == 0 || w->backup_of[i] != s || w->restores >= 3 || dice(w, 3) != 0 || buried)
        return false;
    w->restores++;
    pair_restore(&w->p, s, &w->backup[i]);
    return true;
}

static bool step_hello(struct walk *w, int s)
{
    return w->p.s[s].role != ROLE_TOMBSTONE && ignore(PAIR(&w->p, s, sync_hello));
}

/* Any letter that was ever sent. */
static bool step_deliver(struct walk *w, int s)
{
    if (w->p.sent->len == 0)
        return false;
    guint number = dice(w, w->p.sent->len);
    if (pair_addressee(&w->p, number) != s)
        return false;
    pair_deliver(&w->p, s, number);
    return true;
}

/* One of the last letters: a client on its way. */
static bool step_deliver_new(struct walk *w, int s)
{
    if (w->p.sent->len == 0)
        return false;
    guint number = w->p.sent->len - 1 - dice(w, MIN(6, w->p.sent->len));
    if (pair_addressee(&w->p, number) != s)
        return false;
    pair_deliver(&w->p, s, number);
    return true;
}

static bool step_outbox(struct walk *w, int s)
{
    struct sync_context c = pair_context(&w->p, s);
    g_autoptr(GPtrArray) out = sync_outbox(&w->p.s[s], &c);
    for (guint i = 0; i < out->len; i++)
        pair_post(&w->p, g_ptr_array_index(out, i));
    return out->len > 0;
}

static const struct {
    const char *name;
    bool (*run)(struct walk *w, int s);
    unsigned weight;
} steps[] = {
    {"create", step_create, 4},       {"reserve", step_reserve, 2},
    {"stage", step_stage, 3},         {"release", step_release, 1},
    {"change", step_change, 4},       {"delete", step_delete, 1},
    {"handover", step_handover, 3},   {"fact", step_fact, 2},
    {"force", step_force, 2},         {"claim", step_claim, 3},
    {"abort", step_abort, 2},         {"close", step_close, 4},
    {"resolve gone", step_gone, 1},   {"withdraw", step_withdraw, 1},
    {"tombstone", step_tombstone, 1}, {"superseded", step_superseded, 2},
    {"realize", step_realize, 4},     {"mood", step_mood, 2},
    {"clock", step_clock, 1},         {"backup", step_backup, 1},
    {"restore", step_restore, 2},     {"hello", step_hello, 4},
    {"deliver", step_deliver, 10},    {"deliver new", step_deliver_new, 30},
    {"outbox", step_outbox, 8},
};

static void step(struct walk *w)
{
    unsigned total = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++)
        total += steps[i].weight;
    unsigned draw = dice(w, total);
    size_t i = 0;
    while (draw >= steps[i].weight)
        draw -= steps[i++].weight;
    int s = (int)dice(w, SITES);
    bool done = steps[i].run(w, s);
    meet(&w->p);
    if (w->loud && done)
        printf("%s(%d): %s %.6s%s | %s %.6s%s\n", steps[i].name, s, sync_role_text(w->p.s[A].role),
               w->p.s[A].pos, w->p.s[A].split ? " SPLIT" : "", sync_role_text(w->p.s[B].role),
               w->p.s[B].pos, w->p.s[B].split ? " SPLIT" : "");
}

/* ---- L2: with the peer dead for ever from here on ---- */

#define ALONE(action, ...)                                                                         \
    ({                                                                                             \
        struct sync_effects e_;                                                                    \
        sync_effects_init(&e_);                                                                    \
        err_t *r_ = action(__VA_ARGS__, &e_);                                                      \
        sync_effects_fini(&e_);                                                                    \
        r_;                                                                                        \
    })

static struct sync_force force_alone(const struct sync_state *a)
{
    json_t *draft = sync_draft(a);
    bool standby = a->role == ROLE_STANDBY;
    body_transition_set(draft, "op-force", sync_self(a));
    body_claim_set(draft, NULL, standby ? sync_next_epoch(a) : -1);
    struct sync_force force = {.evidence = standby ? &pair_from_point : &pair_in_place,
                               .body = pair_seal(draft),
                               .operation = "op-force",
                               .reason = "fire",
                               .who = "ann"};
    sync_plan_init(a, &force.plan);
    return force;
}

/* A create withdrawn, a delete ended alone; else forced where it is not active, and unprotected. */
static err_t *leave_alone(struct sync_state *a, const struct sync_context *c)
{
    bool lost = sync_is_empty(a) && a->rival_body != NULL;
    bool doubtful = a->role != ROLE_ACTIVE || a->superseded;
    if (sync_leaving(a) && (a->role == ROLE_ACTIVE || a->role == ROLE_STANDBY))
        return NULL; /* its settle ends it */
    if (sync_is_empty(a) && !lost)
        return ALONE(sync_withdraw, a, c);
    if (sync_deleting(a))
        return ALONE(sync_delete_alone, a, c, NULL, "root", "dead for ever");
    if (doubtful) {
        struct sync_force force = force_alone(a);
        AUTO(body) body G_GNUC_UNUSED = force.body;
        TRY(ALONE(sync_force, a, c, &force));
    }
    return ALONE(sync_unprotect, a, c, "root", "dead for ever");
}

/* "in every state with the peer dead for ever, force and then unprotect are enabled". */
static void way_out(struct walk *w, int s)
{
    struct sync_context c = pair_context(&w->p, s);
    struct sync_state a;
    if (w->p.s[s].role == ROLE_NONE || w->p.s[s].role == ROLE_TOMBSTONE)
        return;
    sync_state_copy(&w->p.s[s], &a);
    const char *role = sync_role_text(a.role);
    err_t *e = leave_alone(&a, &c);
    if (e == NULL && a.unprotected)
        e = ALONE(sync_delete_unprotected, &a, &c, "ann");
    if (e == NULL)
        e = ALONE(sync_tombstone, &a, &c);
    if (e != NULL)
        fail_msg("seed %u, L2: no way out of %s: %s", w->seed, role, err_message(e));
    assert_int_equal(a.role, ROLE_TOMBSTONE);
    assert_false(a.unprotected);
    met.ways_out++;
    sync_state_fini(&a);
}

/* ---- faults have stopped: engines finish, clients carry, persons decide what only they can ----
 */

static void finish_engines(struct walk *w, int s)
{
    struct pair *p = &w->p;
    p->unrealized[s] = p->blocks[s] = p->drill[s] = false;
    p->refusal[s] = NULL;
    if (p->s[s].incoming.position != NULL) {
        char hash[HASH_HEX_SIZE];
        g_strlcpy(hash, p->s[s].incoming.position->hash, sizeof hash);
        ignore(PAIR(p, s, sync_realized, hash));
    }
    if (p->s[s].staged.kind == STAGED_RESERVED)
        step_release(w, s);
    if (p->s[s].serving[0] != '\0' && !(dice(w, 2) == 0 && step_claim(w, s)))
        step_abort(w, s);
    step_tombstone(w, s);
    if (p->s[s].peer_gone && p->s[s].role == ROLE_ACTIVE)
        ignore(PAIR(p, s, sync_unprotect, "root", "the peer is gone"));
    if (p->s[s].role == ROLE_ACTIVE && sync_is_empty(&p->s[s]) &&
        p->s[s].staged.kind == STAGED_NONE)
        ignore(PAIR(p, s, sync_withdraw));
}

static void persons(struct walk *w, int s)
{
    const struct sync_state *a = &w->p.s[s], *b = &w->p.s[1 - s];
    bool recovering = a->role == ROLE_RECOVERING;
    bool both = recovering && b->role == ROLE_RECOVERING && s == A;
    bool nobody_keeps = recovering && b->role == ROLE_STANDBY && b->split;
    bool peer_buried = b->role == ROLE_TOMBSTONE && a->peer_gone && a->role != ROLE_ACTIVE;
    if (recovering && sync_is_empty(a) && b->role != ROLE_ACTIVE && b->role != ROLE_FROZEN &&
        b->role != ROLE_STANDBY)
        ignore(PAIR(&w->p, s, sync_withdraw));
    else if ((both || nobody_keeps || peer_buried) && a->body != NULL)
        ignore(pair_force(&w->p, s));
    if (w->p.s[s].split && (s == A || w->p.s[A].role == ROLE_STANDBY || !w->p.s[A].split))
        ignore(PAIR(&w->p, s, sync_close, "ann", "decides"));
}

static bool at_rest(const struct walk *w)
{
    const struct sync_state *const sites[SITES] = {&w->p.s[A], &w->p.s[B]};
    bool nothing = true;
    for (int s = 0; s < SITES; s++)
        nothing &= sites[s]->role == ROLE_NONE || sites[s]->role == ROLE_TOMBSTONE;
    return nothing || safety_l1(sites) == NULL;
}

static bool come_to_rest(struct walk *w)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        for (int s = 0; s < SITES; s++)
            finish_engines(w, s);
        if (!pair_sync(&w->p))
            return false;
        if (at_rest(w))
            return true;
        for (int s = 0; s < SITES; s++)
            persons(w, s);
    }
    return false;
}

static void walk_once(unsigned seed, bool loud)
{
    struct walk w = {.seed = seed, .loud = loud};
    pair_init(&w.p);
    w.p.loud = loud;
    g_snprintf(w.p.label, sizeof w.p.label, "seed %u:", seed);
    if (dice(&w, 3) != 0) {
        ignore(pair_create(&w.p, "op-create"));
        pair_carry(&w.p);
    }
    for (int i = 0; i < STEPS; i++) {
        step(&w);
        for (int s = 0; s < SITES; s++)
            way_out(&w, s);
    }
    if (!come_to_rest(&w)) {
        g_autofree char *a = json_print(sync_state_to_json(&w.p.s[A]));
        g_autofree char *b = json_print(sync_state_to_json(&w.p.s[B]));
        fail_msg("seed %u never comes to rest:\n%s\n%s", seed, a, b);
    }
    for (int i = 0; i < w.backups; i++)
        sync_state_fini(&w.backup[i]);
    pair_fini(&w.p);
}

static void walks(void **state)
{
    (void)state;
    const char *count = getenv("MODEL_WALKS");
    unsigned n = count != NULL ? (unsigned)g_ascii_strtoull(count, NULL, 10) : 250;
    const char *from = getenv("MODEL_FROM");
    unsigned first = from != NULL ? (unsigned)g_ascii_strtoull(from, NULL, 10) : 1;
    for (unsigned seed = first; seed < first + n; seed++)
        walk_once(seed, false);
    printf("met: split %u closed %u recovering %u frozen %u serving %u tombstone %u both active %u "
           "realizing %u superseded %u reserved %u ways out %u\n",
           met.split, met.closed, met.recovering, met.frozen, met.serving, met.tombstone,
           met.both_active, met.realizing, met.superseded, met.reserved, met.ways_out);
    assert_true(met.split && met.closed && met.recovering && met.frozen && met.serving &&
                met.tombstone && met.both_active && met.realizing && met.superseded &&
                met.reserved && met.forced_twice && met.ways_out);
}

int main(void)
{
    const char *seed = getenv("MODEL_SEED");
    if (seed != NULL) {
        walk_once((unsigned)g_ascii_strtoull(seed, NULL, 10), true);
        return 0;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(walks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
