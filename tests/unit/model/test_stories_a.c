/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stories A of the sync protocol at the level of messages, under their numbers.  After
 * every step the oracle of safety.h looks at both sites (pair_absorb).
 */
#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void assert_ok(err_t *e)
{
    if (e != NULL)
        fail_msg("%s", err_message(e));
}

static void assert_code(err_t *e, enum err_code code)
{
    assert_non_null(e);
    if (err_code(e) != code)
        fail_msg("%s: %s", err_code_text(e), err_message(e));
    err_free(e);
}

static enum group_status status_at(const struct pair *p, int s)
{
    struct group_view v;
    struct group_local local = {0};
    group_view_init(&v, &p->s[s], &local);
    return group_status(&v, NULL);
}

/* Two sites active in the same epoch: A reclaims out of a handover, B fails over. */
static void a1_epochs_have_a_parity(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_ok(pair_handover(&p, A, "op-h"));
    assert_int_equal(p.s[A].role, ROLE_FROZEN);
    p.down[A] = true; /* the link dies */
    assert_ok(pair_force(&p, B));
    p.down[A] = false;
    p.down[B] = true;
    assert_ok(pair_force(&p, A)); /* reclaim */
    assert_int_equal(sync_epoch(&p.s[A]) % 2, A);
    assert_int_equal(sync_epoch(&p.s[B]) % 2, B);
    assert_int_not_equal(sync_epoch(&p.s[A]), sync_epoch(&p.s[B]));
    assert_true(pair_asked(&p, A, "start resume"));
    p.down[B] = false;
    assert_true(pair_sync(&p));
    /* on contact nobody is demoted: a fork, at both sites */
    assert_true(p.s[A].split && p.s[B].split);
    assert_int_equal(p.s[A].role, ROLE_ACTIVE);
    assert_int_equal(p.s[B].role, ROLE_ACTIVE);
    assert_int_equal(status_at(&p, A), GROUP_SPLIT_BRAIN);
    assert_false(pair_asked(&p, A, "start demote") || pair_asked(&p, B, "start demote"));
    assert_ok(PAIR(&p, B, sync_close, "ann", "B serves"));
    assert_true(pair_sync(&p));
    assert_int_equal(p.s[B].role, ROLE_ACTIVE);
    assert_true(pair_at_rest(&p));
    pair_fini(&p);
}

/* The epoch is raised before anything boots, and what prepares it refuses the peer's proposals. */
static void a2_claim_before_boot(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    p.blocks[B] = true; /* B prepares an unplanned failover */
    assert_code(safety_act(&p.s[B], SAFETY_BOOT, SAFETY_SERVE), ERR_SAFETY_NOT_ACTIVE);
    assert_ok(pair_change(&p, A, "op-1", "new"));
    assert_true(pair_carry(&p));
    assert_true(pair_asked(&p, A, "fail change op-1"));
    assert_int_equal(p.s[A].staged.kind, STAGED_NONE);
    pair_forget(&p);
    assert_ok(pair_force(&p, B));
    assert_true(
        pair_asked(&p, B, "tag")); /* written with the claim, owed until both arrays have it */
    assert_ok(safety_act(&p.s[B], SAFETY_BOOT, SAFETY_SERVE));
    assert_int_equal(p.s[B].floor, sync_epoch(&p.s[B]));
    /* A plan that was made before the claim is made anew. */
    struct sync_plan old = {.epoch = 1};
    struct sync_force force = {.plan = old,
                               .evidence = &pair_in_place,
                               .body = p.s[B].body,
                               .operation = "",
                               .reason = "r",
                               .who = "w"};
    p.s[B].superseded = true;
    assert_code(PAIR(&p, B, sync_force, &force), ERR_SYNC_REPLAN);
    p.s[B].superseded = false;
    assert_true(pair_sync(&p));
    assert_true(pair_asked(&p, A, "start demote"));
    assert_true(pair_asked(&p, A, "alarm DEMOTED"));
    assert_true(pair_at_rest(&p));
    pair_fini(&p);
}

/* A planned failover is a lock: frozen from the moment it is staged; freed only as the text says.
 */
static void a3_handover_freezes(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_ok(pair_handover(&p, A, "op-h"));
    assert_code(safety_act(&p.s[A], SAFETY_START, SAFETY_SERVE), ERR_SAFETY_NOT_ACTIVE);
    assert_code(pair_change(&p, A, "op-2", "x"), ERR_SYNC_STAGED);
    assert_int_equal(status_at(&p, A), GROUP_FAILING_OVER);
    assert_true(pair_carry(&p));
    assert_string_equal(p.s[B].serving, p.s[B].pos);
    assert_true(pair_asked(&p, B, "start handover op-h"));
    assert_false(pair_asked(&p, A, "complete stub")); /* never completed by ACCEPT */
    assert_int_equal(status_at(&p, B), GROUP_FAILING_OVER);
    assert_ok(pair_claim(&p, B));
    assert_true(pair_carry(&p));
    assert_true(pair_asked(&p, A, "complete stub op-h"));
    assert_int_equal(p.s[A].role, ROLE_STANDBY);
    assert_int_equal(status_at(&p, A), GROUP_FAILING_OVER); /* until the last fact */
    assert_true(pair_at_rest(&p));
    pair_fini(&p);
}

static void a3_abort_frees_the_source(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_ok(pair_handover(&p, A, "op-h"));
    assert_true(pair_carry(&p));
    char h[HASH_HEX_SIZE];
    g_strlcpy(h, p.s[B].serving, sizeof h);
    assert_ok(safety_act(&p.s[B], SAFETY_START, SAFETY_UNWIND));
    assert_ok(PAIR(&p, B, sync_abort, h));
    assert_code(pair_claim(&p, B), ERR_SYNC_NOT_SERVING); /* never again for h */
    assert_true(pair_carry(&p));
    assert_int_equal(p.s[A].role, ROLE_ACTIVE);
    assert_true(pair_asked(&p, A, "fail stub op-h"));
    assert_true(pair_asked(&p, A, "start resume"));
    assert_int_equal(status_at(&p, A), GROUP_ACTIVE);
    /* the next position clears the transition */
    assert_ok(pair_change(&p, A, "op-2", "after"));
    assert_null(body_transition_operation(body_json(p.s[A].staged.body)));
    assert_true(pair_carry(&p));
    /* an ABORTED of the first does not free a second */
    guint letters = p.sent->len;
    assert_ok(pair_handover(&p, A, "op-h2"));
    for (guint i = 0; i < letters; i++)
        if (strstr(g_ptr_array_index(p.sent, i), "ABORTED") != NULL)
            pair_deliver(&p, A, i);
    assert_int_equal(p.s[A].role, ROLE_FROZEN);
    pair_fini(&p);
}

/* Success is printed before the peer has it: only its signed acceptance completes the operation. */
static void a5_peer_first(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_ok(pair_change(&p, A, "op-1", "new"));
    int64_t version = sync_version(&p.s[A]);
    assert_false(pair_asked(&p, A, "complete"));
    p.down[A] = true; /* A burns with the change staged */
    assert_ok(pair_force(&p, B));
    assert_int_equal(sync_version(&p.s[B]), version + 1); /* from v: nobody was told of v+1 */
    p.down[A] = false;
    assert_true(pair_sync(&p));
    assert_true(pair_asked(&p, A, "supersede change op-1"));
    assert_true(pair_asked(&p, A, "log superseded"));
    assert_false(pair_asked(&p, A, "complete"));
    assert_true(pair_at_rest(&p));
    pair_fini(&p);
}

/* B may fail over from an accepted change that was never acknowledged: then it counts. */
static void a5_accepted_and_unacknowledged(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_ok(pair_change(&p, A, "op-1", "new"));
    pair_deliver(&p, B, p.sent->len - 1); /* its ACCEPT is lost */
    assert_ok(pair_force(&p, B));
    assert_true(pair_sync(&p));
    assert_true(pair_asked(&p, A, "complete change op-1"));
    assert_string_equal(json_str(body_json(p.s[B].body), "description"), "new");
    pair_fini(&p);
}

/* Fast-forward takes any length: facts of B, and an ACCEPT that was lost plus a fact at A. */
static void a6_any_length(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    p.down[A] = true;
    assert_ok(pair_force(&p, B));
    for (int i = 0; i < 5; i++)
        assert_true(pair_fact(&p, B, "m"));
    p.down[A] = false;
    assert_true(pair_carry(&p));
    assert_string_equal(p.s[A].pos, p.s[B].pos);
    assert_true(pair_at_rest(&p));
    /* the same after an acknowledged change whose push was lost, plus engine facts */
    assert_ok(pair_change(&p, B, "op-1", "x"));
    int reply = pair_deliver(&p, A, p.sent->len - 1);
    pair_deliver(&p, B, (guint)reply); /* and B's STATE is lost */
    assert_true(pair_fact(&p, B, "n"));
    assert_true(pair_fact(&p, B, "o"));
    assert_code(pair_change(&p, B, "op-2", "y"), ERR_SYNC_OWED);
    assert_true(pair_carry(&p));
    assert_ok(pair_change(&p, B, "op-2", "y"));
    assert_true(pair_carry(&p));
    assert_true(pair_at_rest(&p));
    pair_fini(&p);
}

/* The target is restored in mid-handover: its operation is parked, and the source takes it in
 * again. */
static void a7_target_restored_in_a_handover(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_ok(pair_handover(&p, A, "op-h"));
    assert_true(pair_carry(&p));
    struct sync_state backup;
    sync_state_copy(&p.s[B], &backup); /* while op-h runs, before its pivot */
    char h[HASH_HEX_SIZE];
    g_strlcpy(h, p.s[B].serving, sizeof h);
    assert_ok(PAIR(&p, B, sync_abort, h));
    assert_true(pair_carry(&p));
    pair_restore(&p, B, &backup);
    assert_true(pair_asked(&p, B, "park local"));
    assert_code(pair_claim(&p, B), ERR_SYNC_NOT_SERVING);
    assert_int_equal(status_at(&p, B), GROUP_RECOVERING);
    assert_true(pair_sync(&p)); /* rejoin: an epoch newer than anything B may have forgotten */
    assert_int_equal(sync_kind(&p.s[A]), POSITION_REJOIN);
    assert_true(pair_at_rest(&p));
    sync_state_fini(&backup);
    pair_fini(&p);
}

/* The active site is restored to a time when it was active; the peer has failed over since. */
static void a7_former_active_restored(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    struct sync_state backup;
    sync_state_copy(&p.s[A], &backup);
    assert_ok(pair_force(&p, B));
    assert_true(pair_carry(&p));
    pair_restore(&p, A, &backup);
    assert_code(safety_act(&p.s[A], SAFETY_BOOT, SAFETY_SERVE), ERR_SAFETY_NOT_ACTIVE);
    assert_true(pair_sync(&p));
    assert_int_equal(p.s[A].role, ROLE_STANDBY);
    assert_true(pair_at_rest(&p));
    sync_state_fini(&backup);
    pair_fini(&p);
}

/* The active site is restored and nobody took over: it acts only after the peer accepted a new
 * epoch. */
static void a7_active_recovers(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_ok(pair_change(&p, A, "op-1", "acknowledged"));
    struct sync_state backup;
    sync_state_copy(&p.s[A], &backup); /* with the change staged */
    assert_true(pair_carry(&p));
    pair_restore(&p, A, &backup);
    assert_int_equal(p.s[A].staged.kind, STAGED_NONE);
    g_free(pair_prove(&p, A)); /* HERE: active(q) = A: proposes a REJOIN */
    assert_int_equal(p.s[A].staged.position->kind, POSITION_REJOIN);
    assert_int_equal(p.s[A].role, ROLE_RECOVERING);
    assert_code(safety_act(&p.s[A], SAFETY_START, SAFETY_SERVE), ERR_SAFETY_NOT_ACTIVE);
    assert_true(pair_carry(&p));
    assert_int_equal(p.s[A].role, ROLE_ACTIVE);
    assert_string_equal(json_str(body_json(p.s[A].body), "description"), "acknowledged");
    assert_true(pair_at_rest(&p));
    sync_state_fini(&backup);
    pair_fini(&p);
}

/* B forgot that it was active, and A has not heard either: the floor knows; a person decides. */
static void a7_lost_epoch(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    struct sync_state backup;
    sync_state_copy(&p.s[B], &backup);
    assert_ok(pair_force(&p, B));
    p.any[B] = true;
    pair_restore(&p, B, &backup);
    assert_int_equal(p.s[B].floor, 1); /* from the array's tag */
    assert_true(pair_sync(&p));
    assert_true(p.s[A].split);
    assert_true(pair_asked(&p, A, "alarm LOST_EPOCH"));
    assert_int_equal(p.s[B].role, ROLE_RECOVERING);
    assert_ok(PAIR(&p, A, sync_close, "ann", "A serves"));
    assert_true(pair_sync(&p));
    assert_true(sync_epoch(&p.s[A]) > 1);
    assert_true(pair_at_rest(&p));
    sync_state_fini(&backup);
    pair_fini(&p);
}

/* A whole database is lost with the group in it: pos EMPTY, floor from the array, then as any
 * other. */
static void a7_lost_group(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_true(pair_fact(&p, A, "m"));
    sync_state_fini(&p.s[B]);
    sync_state_init(&p.s[B], PAIR_GROUP, pair_uuid[B], pair_uuid[A]);
    pair_incarnate(&p, B);
    safety_watch_restored(p.watch, B);
    assert_true(pair_sync(&p));
    assert_true(pair_asked(&p, B, "alarm RESTORED"));
    assert_true(pair_asked(&p, B, "start realize"));
    assert_int_equal(p.s[B].role, ROLE_STANDBY);
    assert_true(pair_at_rest(&p));
    pair_fini(&p);
}

/* A CLOSE that comes late finds its addressee RECOVERING with a REJOIN on its way: that still
 * arrives. */
static void a7_late_close(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    pair_incarnate(&p, A);
    assert_ok(PAIR(&p, A, sync_restored));
    g_free(pair_prove(&p, A));
    assert_int_equal(p.s[A].staged.kind, STAGED_PROPOSAL);
    guint proposal = p.sent->len - 1;
    p.s[B].split = true; /* of a fork that is over when the letter arrives */
    struct sync_context c = pair_context(&p, B);
    struct message *close = message_create(MESSAGE_CLOSE);
    g_strlcpy(close->from, pair_uuid[B], UUID_SIZE);
    g_strlcpy(close->to, pair_uuid[A], UUID_SIZE);
    g_strlcpy(close->incarnation, c.incarnation, INCARNATION_SIZE);
    g_strlcpy(close->group, PAIR_GROUP, GROUP_SIZE);
    g_strlcpy(close->nonce, "feed", sizeof close->nonce);
    guint letter = pair_post(&p, close);
    message_destroy(close);
    p.s[B].split = false;
    int accept = pair_deliver(&p, B, proposal);
    pair_deliver(&p, A, letter);
    assert_true(p.s[A].closed);
    pair_deliver(&p, A, (guint)accept);
    assert_int_equal(p.s[A].role, ROLE_ACTIVE);
    assert_false(p.s[A].closed);
    assert_true(pair_sync(&p));
    assert_true(pair_at_rest(&p));
    pair_fini(&p);
}

/* An old STATE of an incarnation that is over goes to the log and splits nobody. */
static void a7_old_incarnation(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    struct sync_state backup;
    sync_state_copy(&p.s[B], &backup);
    assert_ok(pair_force(&p, B));
    struct sync_context c = pair_context(&p, B);
    g_autoptr(GPtrArray) out = sync_outbox(&p.s[B], &c);
    guint old = pair_post(&p, g_ptr_array_index(out, 0)); /* STATE of the lost epoch */
    pair_restore(&p, B, &backup);
    assert_true(pair_sync(&p));
    assert_ok(PAIR(&p, A, sync_close, "ann", "A serves"));
    assert_true(pair_sync(&p));
    assert_true(pair_at_rest(&p));
    pair_forget(&p);
    pair_deliver(&p, A, old);
    assert_false(p.s[A].split);
    assert_true(pair_asked(&p, A, "log old incarnation"));
    sync_state_fini(&backup);
    pair_fini(&p);
}

/* The dead come back: a tag at the peer names a newer epoch; refused until a STATE moves pos. */
static void a8_superseded(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_ok(pair_force(&p, B));
    struct sync_effects e;
    sync_effects_init(&e);
    assert_ok(pair_did(&p, A, sync_superseded(&p.s[A], 1, &e), &e));
    assert_true(p.s[A].superseded);
    p.down[B] = true; /* no client has met both yet */
    assert_code(pair_change(&p, A, "op-1", "x"), ERR_SYNC_SUPERSEDED);
    assert_false(pair_fact(&p, A, "m")); /* it would fork itself */
    p.down[B] = false;
    assert_true(pair_sync(&p));
    assert_false(p.s[A].superseded);
    assert_true(pair_at_rest(&p));
    pair_fini(&p);
}

/* A person takes the group back: in an epoch above the one that was seen, else the watch would find
 * it superseded again; what was stopped is started.  Of a known fork a person decides. */
static void a8_taken_back(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    struct sync_effects e;
    sync_effects_init(&e);
    assert_ok(pair_did(&p, A, sync_superseded(&p.s[A], 7, &e), &e));
    assert_int_equal(p.s[A].minted, 7);
    assert_int_equal(p.s[A].floor, 0);
    assert_ok(pair_force(&p, A));
    assert_false(p.s[A].superseded);
    assert_true(sync_epoch(&p.s[A]) > 7);
    assert_true(pair_asked(&p, A, "start resume"));
    sync_effects_init(&e);
    assert_ok(pair_did(&p, A, sync_superseded(&p.s[A], 7, &e), &e));
    assert_false(p.s[A].superseded);
    p.s[A].split = true; /* as a fork that a client has carried here */
    g_strlcpy(p.s[A].rival, p.s[B].pos, HASH_HEX_SIZE);
    sync_effects_init(&e);
    assert_ok(pair_did(&p, A, sync_superseded(&p.s[A], 99, &e), &e));
    assert_false(p.s[A].superseded);
    pair_fini(&p);
}

/* Both sites moved while the link was down. */
static void make_fork(struct pair *p)
{
    assert_true(pair_fact(p, A, "m")); /* A serves all day */
    p->down[A] = true;
    assert_ok(pair_force(p, B)); /* a wrong operator, from an old point */
    p->down[A] = false;
}

/* A wrong operator fails over while A serves: nothing is stopped, verbs are refused. */
static void a10_fork_stops_nobody(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    make_fork(&p);
    assert_true(pair_sync(&p));
    assert_true(p.s[A].split && p.s[B].split);
    assert_int_equal(p.s[A].role, ROLE_ACTIVE);
    assert_int_equal(p.s[B].role, ROLE_ACTIVE);
    assert_true(pair_asked(&p, A, "alarm SPLIT_BRAIN") && pair_asked(&p, B, "alarm SPLIT_BRAIN"));
    assert_false(pair_asked(&p, A, "start demote") || pair_asked(&p, B, "start demote"));
    assert_code(pair_change(&p, A, "op-1", "x"), ERR_SYNC_SPLIT);
    assert_code(pair_handover(&p, B, "op-2"), ERR_SYNC_SPLIT);
    assert_false(pair_fact(&p, A, "n")); /* local, folded later */
    pair_fini(&p);
}

/* Two operators at once: both sites have signed their closing position; ordinal 0 resolves. */
static void a10_both_closed(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    make_fork(&p);
    assert_true(pair_sync(&p));
    assert_ok(PAIR(&p, A, sync_close, "ann", "A"));
    guint close_a = p.sent->len - 1;
    assert_ok(PAIR(&p, B, sync_close, "bob", "B"));
    guint close_b = p.sent->len - 1;
    int closed_b = pair_deliver(&p, B, close_a), closed_a = pair_deliver(&p, A, close_b);
    assert_true(p.s[A].closed && p.s[B].closed);
    pair_deliver(&p, B, (guint)closed_a); /* refused: ordinal 1 */
    assert_int_equal(sync_kind(&p.s[B]), POSITION_CLAIM);
    assert_code(PAIR(&p, B, sync_close, "bob", "B"), ERR_SYNC_CLOSED);
    pair_deliver(&p, A, (guint)closed_b);
    assert_int_equal(sync_kind(&p.s[A]), POSITION_RESOLVE);
    assert_true(pair_sync(&p));
    assert_int_equal(p.s[A].role, ROLE_ACTIVE);
    assert_true(pair_at_rest(&p));
    pair_fini(&p);
}

/* The resolver's database is put back after the loser signed CLOSED: the loser may resolve after
 * all. */
static void a10_resolver_restored(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    make_fork(&p);
    assert_true(pair_sync(&p));
    struct sync_state backup;
    sync_state_copy(&p.s[A], &backup);
    assert_ok(PAIR(&p, A, sync_close, "ann", "A"));
    pair_deliver(&p, B, p.sent->len - 1); /* CLOSED is lost with A's database */
    assert_code(PAIR(&p, B, sync_close, "bob", "B"), ERR_SYNC_CLOSED);
    pair_restore(&p, A, &backup);
    g_free(pair_prove(&p, B)); /* HERE: the peer is RECOVERING */
    assert_ok(PAIR(&p, B, sync_close, "bob", "B"));
    assert_true(pair_sync(&p));
    assert_int_equal(p.s[B].role, ROLE_ACTIVE);
    assert_true(pair_at_rest(&p));
    sync_state_fini(&backup);
    pair_fini(&p);
}

/* The loser has gone for ever: declared so, recorded; if it returns it follows or forks again. */
static void a10_peer_declared_gone(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    make_fork(&p);
    assert_true(pair_sync(&p));
    p.down[B] = true;
    assert_ok(PAIR(&p, A, sync_resolve_gone, "ann", "B burnt down"));
    assert_false(p.s[A].split);
    assert_true(pair_asked(&p, A, "log resolved"));
    p.down[B] = false;
    assert_true(pair_sync(&p));
    assert_true(pair_at_rest(&p));
    pair_fini(&p);
}

/* A STANDBY has no servers to keep. */
static void a10_standby_keeps_nothing(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_code(PAIR(&p, A, sync_close, "ann", "?"), ERR_SYNC_NOT_SPLIT);
    p.s[B].split = true;
    assert_code(PAIR(&p, B, sync_close, "ann", "?"), ERR_SYNC_KEEP_HAS_NO_SERVERS);
    p.s[B].split = false;
    pair_fini(&p);
}

/* One decision heals it; the losing chain is kept by name at both sites. */
static void a10_one_decision(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    make_fork(&p);
    char loser[13];
    g_strlcpy(loser, p.s[B].pos, sizeof loser);
    assert_true(pair_sync(&p));
    assert_ok(PAIR(&p, A, sync_close, "ann", "A is right"));
    assert_true(pair_sync(&p));
    assert_int_equal(sync_kind(&p.s[A]), POSITION_RESOLVE);
    g_autofree char *lost = g_strdup_printf("log lost %s", loser);
    assert_true(pair_asked(&p, A, lost));
    assert_true(pair_asked(&p, B, lost)); /* a log that stands at one site only dies with it */
    assert_true(pair_asked(&p, B, "start demote"));
    assert_true(pair_at_rest(&p));
    pair_fini(&p);
}

/* A point of the wrong lineage is not usable, however new it is. */
static void a11_lineage(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    struct safety_point of_a = {"A:17", 0, pair_uuid[A], true};
    struct safety_point by_b = {"B:1", 0, pair_uuid[B], true};
    assert_ok(safety_point_usable(&p.s[B], &of_a));
    assert_code(safety_point_usable(&p.s[B], &by_b), ERR_SAFETY_POINT);
    assert_ok(pair_force(&p, B)); /* epoch 1, data from a point: lineage 1 */
    assert_true(pair_carry(&p));
    struct safety_point later = {"A:30", 0, pair_uuid[A], true};
    struct safety_point right = {"B:2", 1, pair_uuid[B], true},
                        cut = {"B:3", 1, pair_uuid[B], false};
    assert_code(safety_point_usable(&p.s[A], &later), ERR_SAFETY_POINT);
    assert_ok(safety_point_usable(&p.s[A], &right));
    assert_code(safety_point_usable(&p.s[A], &cut), ERR_SAFETY_POINT);
    /* a claim in place keeps the lineage */
    assert_ok(pair_handover(&p, B, "op-h"));
    assert_ok(pair_force(&p, B));
    assert_int_equal(sync_epoch(&p.s[B]), 3);
    assert_ok(safety_point_usable(&p.s[B], &right));
    pair_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a1_epochs_have_a_parity),
        cmocka_unit_test(a2_claim_before_boot),
        cmocka_unit_test(a3_handover_freezes),
        cmocka_unit_test(a3_abort_frees_the_source),
        cmocka_unit_test(a5_peer_first),
        cmocka_unit_test(a5_accepted_and_unacknowledged),
        cmocka_unit_test(a6_any_length),
        cmocka_unit_test(a7_target_restored_in_a_handover),
        cmocka_unit_test(a7_former_active_restored),
        cmocka_unit_test(a7_active_recovers),
        cmocka_unit_test(a7_lost_epoch),
        cmocka_unit_test(a7_lost_group),
        cmocka_unit_test(a7_late_close),
        cmocka_unit_test(a7_old_incarnation),
        cmocka_unit_test(a8_superseded),
        cmocka_unit_test(a8_taken_back),
        cmocka_unit_test(a10_fork_stops_nobody),
        cmocka_unit_test(a10_both_closed),
        cmocka_unit_test(a10_resolver_restored),
        cmocka_unit_test(a10_peer_declared_gone),
        cmocka_unit_test(a10_standby_keeps_nothing),
        cmocka_unit_test(a10_one_decision),
        cmocka_unit_test(a11_lineage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
