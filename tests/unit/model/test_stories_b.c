/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stories B of the sync protocol at the level of messages, under their numbers.  After
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

/* 202 does not outlive its guard: a slot, then a complete successor; facts wait and are owed. */
static void b1_three_classes(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_ok(pair_reserve(&p, A, "op-1"));
    assert_int_equal(p.s[A].staged.kind, STAGED_RESERVED);
    assert_int_equal(sync_outbox_count(&p.s[A]), 0); /* nothing is signed */
    assert_false(pair_fact(&p, A, "m"));             /* folds while the slot is reserved */
    assert_ok(pair_stage(&p, A, "op-1", "complete"));
    assert_ok(pair_stage(&p, A, "op-1", "repeated"));
    assert_string_equal(json_str(body_json(p.s[A].staged.body), "description"), "complete");
    assert_false(pair_fact(&p, A, "m"));
    assert_true(pair_carry(&p));
    assert_true(pair_asked(&p, A, "complete change op-1"));
    assert_true(pair_fact(&p, A, "m"));
    assert_true(sync_owed(&p.s[A]));
    assert_code(pair_reserve(&p, A, "op-2"), ERR_SYNC_OWED);
    assert_true(pair_carry(&p));
    assert_ok(pair_reserve(&p, A, "op-2"));
    /* cancel frees a slot; a stage that comes late is told so */
    struct sync_effects e;
    sync_effects_init(&e);
    assert_ok(pair_did(&p, A, sync_release(&p.s[A], "op-2", &e), &e));
    assert_code(pair_stage(&p, A, "op-2", "late"), ERR_SYNC_CANCELLED);
    pair_fini(&p);
}

/* A receipt answers a challenge; age is judged by one's own clock; one use. */
static void b2_nonces(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    const char *pos = p.s[A].pos;
    assert_code(PAIR(&p, A, sync_reserve, "op-1", pos, NULL), ERR_PEER_PROOF);
    assert_code(PAIR(&p, A, sync_reserve, "op-1", pos, "feed"), ERR_PEER_PROOF);
    p.down[B] = true; /* asked, not answered */
    struct sync_effects e;
    struct sync_context c = pair_context(&p, A);
    sync_effects_init(&e);
    assert_ok(sync_hello(&p.s[A], &c, &e));
    assert_code(PAIR(&p, A, sync_reserve, "op-1", pos,
                     ((struct message *)g_ptr_array_index(e.messages, 0))->nonce),
                ERR_PEER_PROOF);
    sync_effects_fini(&e);
    p.down[B] = false;
    p.now_ms[B] += 365 * (int64_t)86400000; /* B's clock does not matter */
    g_autofree char *nonce = pair_prove(&p, A);
    p.now_ms[A] += SYNC_PROOF_TTL_MS + 1;
    assert_code(PAIR(&p, A, sync_reserve, "op-1", pos, nonce), ERR_PEER_PROOF);
    g_autofree char *fresh = pair_prove(&p, A);
    p.now_ms[A] += SYNC_PROOF_TTL_MS;
    assert_ok(PAIR(&p, A, sync_reserve, "op-1", pos, fresh));
    sync_effects_init(&e);
    assert_ok(pair_did(&p, A, sync_release(&p.s[A], "op-1", &e), &e));
    assert_code(PAIR(&p, A, sync_reserve, "op-1", pos, fresh), ERR_PEER_PROOF); /* one use */
    for (int i = 0; i < 3 * SYNC_PROOFS_MAX; i++)
        g_free(pair_prove(&p, A)); /* a list with a maximum */
    assert_int_equal(p.s[A].proof_count, SYNC_PROOFS_MAX);
    pair_fini(&p);
}

/* A refusal is durable: the same hash is never accepted, not even when nothing speaks against it.
 */
static void b3_refusal_is_for_ever(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    p.refusal[B] = "protector.mapping.missing";
    assert_ok(pair_change(&p, A, "op-1", "x"));
    guint proposal = p.sent->len - 1;
    assert_true(pair_carry(&p));
    assert_true(pair_asked(&p, A, "fail change op-1"));
    p.refusal[B] = NULL;
    char before[HASH_HEX_SIZE];
    g_strlcpy(before, p.s[B].pos, sizeof before);
    pair_round(&p, B, proposal);
    assert_string_equal(p.s[B].pos, before);
    assert_true(pair_at_rest(&p));
    /* a retry is a new position, and may be accepted */
    assert_ok(pair_change(&p, A, "op-1b", "x"));
    assert_true(pair_carry(&p));
    assert_true(pair_asked(&p, A, "complete change op-1b"));
    /* refused hashes die with their epoch (B23); the old proposal is answered by STATE then */
    assert_int_equal(p.s[B].refused_count, 1);
    assert_ok(pair_force(&p, B));
    assert_int_equal(p.s[B].refused_count, 0);
    int reply = pair_deliver(&p, B, proposal);
    assert_non_null(strstr(g_ptr_array_index(p.sent, (guint)reply), "STATE"));
    pair_fini(&p);
}

/* Stages body.deleting at A. */
static void stage_delete(struct pair *p)
{
    assert_ok(pair_reserve(p, A, "op-del"));
    json_t *draft = sync_draft(&p->s[A]);
    assert_ok(body_delete(draft));
    AUTO(body) body = pair_seal(draft);
    assert_ok(PAIR(p, A, sync_stage, "op-del", body));
}

/* Delete travels as a position; each site cleans up; tombstones answer GONE, for ever. */
static void b4_delete(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    guint letters = p.sent->len;
    stage_delete(&p);
    assert_int_equal(status_at(&p, A), GROUP_DELETING);
    assert_code(pair_force(&p, A), ERR_GROUP_DELETING);
    assert_true(pair_carry(&p));
    assert_true(pair_asked(&p, A, "start settle") && pair_asked(&p, B, "start settle"));
    assert_code(pair_force(&p, B), ERR_GROUP_DELETING);
    assert_ok(PAIR(&p, A, sync_tombstone));
    assert_true(p.s[A].gone_owed);
    assert_ok(PAIR(&p, B, sync_tombstone));
    assert_true(pair_carry(&p));
    assert_true(pair_at_rest(&p));
    /* an old create, any old message: GONE, and nothing comes back to life */
    for (guint i = 0; i < letters; i++) {
        int reply = pair_deliver(&p, pair_addressee(&p, i), i);
        assert_non_null(strstr(g_ptr_array_index(p.sent, (guint)reply), "GONE"));
    }
    assert_int_equal(p.s[B].role, ROLE_TOMBSTONE);
    assert_code(PAIR(&p, A, sync_create), ERR_GROUP_GONE);
    pair_fini(&p);
}

/* The client dies after the acceptance: GONE of the finished peer stands for it. */
static void b4_gone_acknowledges_a_delete(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    stage_delete(&p);
    pair_deliver(&p, B, p.sent->len - 1); /* ACCEPT is lost */
    assert_ok(PAIR(&p, B, sync_tombstone));
    assert_true(pair_carry(&p));
    assert_true(pair_asked(&p, A, "complete change op-del"));
    assert_ok(PAIR(&p, A, sync_tombstone));
    assert_true(pair_carry(&p));
    assert_true(pair_at_rest(&p));
    pair_fini(&p);
}

/* The peer is dead for ever: the delete is ended alone; if the peer returns, it gets GONE. */
static void b4_delete_without_the_peer(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    stage_delete(&p);
    p.down[B] = true;
    assert_ok(PAIR(&p, A, sync_delete_alone, NULL, "root", "B burnt down"));
    assert_true(pair_asked(&p, A, "log alone"));
    assert_true(pair_asked(&p, A, "start settle"));
    assert_ok(PAIR(&p, A, sync_tombstone));
    p.down[B] = false;
    assert_true(pair_carry(&p));
    assert_true(pair_asked(&p, B, "start settle"));
    assert_code(pair_force(&p, B), ERR_GROUP_DELETING);
    assert_ok(PAIR(&p, B, sync_tombstone));
    assert_true(pair_carry(&p));
    assert_true(pair_at_rest(&p));
    pair_fini(&p);
}

/* unprotect: the servers stay, the group is listed, the peer gets GONE. */
static void b4_unprotect(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    p.down[B] = true;
    assert_ok(PAIR(&p, A, sync_unprotect, "root", "B is never coming back"));
    assert_int_equal(status_at(&p, A), GROUP_UNPROTECTED);
    p.down[B] = false;
    struct sync_context c = pair_context(&p, A);
    g_autoptr(GPtrArray) out = sync_outbox(&p.s[A], &c);
    assert_int_equal(out->len, 1);
    pair_round(&p, B, pair_post(&p, g_ptr_array_index(out, 0)));
    assert_int_equal(status_at(&p, B), GROUP_DELETING);
    /* what is left at A is A's alone: its delete asks nobody */
    assert_code(PAIR(&p, B, sync_delete_unprotected, "ann"), ERR_GROUP_STATE);
    for (int i = 0; i < 2; i++)
        assert_ok(PAIR(&p, A, sync_delete_unprotected, "ann"));
    assert_true(pair_asked(&p, A, "start settle"));
    assert_int_equal(status_at(&p, A), GROUP_UNPROTECTED);
    assert_true(sync_leaving(&p.s[A]));
    assert_ok(PAIR(&p, A, sync_tombstone));
    assert_int_equal(status_at(&p, A), GROUP_UNLISTED);
    pair_fini(&p);
}

/* The peer is gone where this site serves in an epoch it does not know: an alarm, nothing stopped.
 */
static void b4_gone_to_the_living(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    p.down[B] = true;
    assert_ok(PAIR(&p, A, sync_unprotect, "root", "by mistake"));
    p.down[B] = false;
    p.down[A] = true;
    assert_ok(pair_force(&p, B));
    p.down[A] = false;
    struct sync_context c = pair_context(&p, A);
    g_autoptr(GPtrArray) out = sync_outbox(&p.s[A], &c);
    pair_round(&p, B, pair_post(&p, g_ptr_array_index(out, 0)));
    assert_true(pair_asked(&p, B, "alarm PEER_GONE"));
    assert_int_equal(p.s[B].role, ROLE_ACTIVE);
    assert_false(pair_asked(&p, B, "start demote") || pair_asked(&p, B, "start settle"));
    pair_fini(&p);
}

/* The peer has finished a delete that this site accepted and then partly forgot: a person ends it
 * here, also after the alarm. */
static void b4_gone_to_the_recovering(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    stage_delete(&p);
    assert_true(pair_carry(&p));
    struct sync_state backup;
    sync_state_copy(&p.s[B], &backup);
    pair_restore(&p, B, &backup);
    assert_ok(PAIR(&p, A, sync_tombstone));
    assert_true(pair_carry(&p));
    assert_true(pair_asked(&p, B, "alarm PEER_GONE"));
    pair_forget(&p);
    assert_ok(PAIR(&p, B, sync_delete_alone, NULL, "root", "A has deleted it"));
    assert_true(pair_asked(&p, B, "start settle"));
    assert_ok(PAIR(&p, B, sync_tombstone));
    assert_true(pair_carry(&p));
    assert_true(pair_at_rest(&p));
    sync_state_fini(&backup);
    pair_fini(&p);
}

/* Same name at two sites: a refusal that leaves nothing behind. */
static void b5_name_taken(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p);
    p.refusal[B] = "protector.group.name_taken";
    assert_ok(pair_create(&p, "op-create"));
    assert_int_equal(status_at(&p, A), GROUP_CREATING);
    assert_int_equal(status_at(&p, B), GROUP_UNLISTED);
    assert_true(pair_carry(&p));
    assert_true(pair_asked(&p, A, "fail change op-create"));
    assert_int_equal(p.s[A].role, ROLE_TOMBSTONE);
    assert_int_equal(sync_outbox_count(&p.s[A]), 0);
    assert_int_equal(status_at(&p, A), GROUP_UNLISTED);
    pair_fini(&p);
}

/* The peer never answered: withdrawn, a tombstone that is owed; a late PROPOSE finds GONE. */
static void b5_withdraw(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p);
    assert_ok(pair_create(&p, "op-create"));
    guint proposal = p.sent->len - 1;
    assert_code(sync_force_allowed(&p.s[B]), ERR_NOT_FOUND);
    assert_code(sync_force_allowed(&p.s[A]), ERR_GROUP_CREATING);
    assert_ok(PAIR(&p, A, sync_withdraw));
    assert_true(p.s[A].gone_owed);
    assert_true(pair_carry(&p));
    assert_int_equal(p.s[B].role, ROLE_TOMBSTONE);
    int reply = pair_deliver(&p, B, proposal);
    assert_non_null(strstr(g_ptr_array_index(p.sent, (guint)reply), "GONE"));
    assert_true(pair_at_rest(&p));
    pair_fini(&p);
}

/* Withdrawn while the peer had accepted: it cleans up. */
static void b5_withdraw_after_a_lost_acceptance(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p);
    assert_ok(pair_create(&p, "op-create"));
    pair_deliver(&p, B, p.sent->len - 1);
    assert_int_equal(p.s[B].role, ROLE_STANDBY);
    assert_ok(PAIR(&p, A, sync_withdraw));
    assert_true(pair_carry(&p));
    assert_int_equal(status_at(&p, B), GROUP_DELETING);
    assert_ok(PAIR(&p, B, sync_tombstone));
    assert_true(pair_carry(&p));
    assert_true(pair_at_rest(&p));
    pair_fini(&p);
}

/* Bytes are forwarded as they were signed; what this version does not know stays. */
static void b13_bytes_stay(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_ok(pair_reserve(&p, A, "op-1"));
    g_autoptr(json_t) draft = sync_draft(&p.s[A]);
    json_set_str(draft, "zz_of_a_newer_version", "kept");
    g_autofree char *text = json_print_pretty(draft); /* another serialiser */
    struct body *body = NULL;
    assert_ok(body_parse(text, strlen(text), &body));
    assert_ok(PAIR(&p, A, sync_stage, "op-1", body));
    body_unref(body);
    assert_true(pair_carry(&p));
    assert_string_equal(body_text(p.s[B].body), text);
    assert_ok(pair_force(&p, B));
    assert_string_equal(json_str(body_json(p.s[B].body), "zz_of_a_newer_version"), "kept");
    pair_fini(&p);
}

/* A newer schema is refused by name, not misread. */
static void b13_newer_schema(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_ok(pair_reserve(&p, A, "op-1"));
    json_t *draft = sync_draft(&p.s[A]);
    json_set_int(draft, "schema", BODY_SCHEMA + 1);
    AUTO(body) body = pair_seal(draft);
    assert_ok(PAIR(&p, A, sync_stage, "op-1", body));
    assert_true(pair_carry(&p));
    assert_true(pair_asked(&p, A, "fail change op-1"));
    assert_int_equal(p.s[A].peer_schema, BODY_SCHEMA);
    pair_fini(&p);
}

/* What the peer needs is made by the peer's engine first; until then neither answer. */
static void b15_realize(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p);
    p.unrealized[B] = true;
    assert_ok(pair_create(&p, "op-create"));
    guint proposal = p.sent->len - 1;
    assert_int_equal(pair_deliver(&p, B, proposal), -1); /* 202 */
    assert_true(pair_asked(&p, B, "start realize"));
    assert_int_equal(status_at(&p, B), GROUP_UNLISTED);
    pair_forget(&p);
    assert_int_equal(pair_deliver(&p, B, proposal), -1);
    assert_true(pair_asked(&p, B, "start realize")); /* the store begins one that runs once */
    p.unrealized[B] = false;
    char hash[HASH_HEX_SIZE];
    g_strlcpy(hash, p.s[B].incoming.position->hash, sizeof hash);
    assert_ok(PAIR(&p, B, sync_realized, hash));
    assert_int_equal(p.s[B].role, ROLE_STANDBY);
    assert_int_equal(sync_outbox_count(&p.s[B]), 1); /* its ACCEPT */
    assert_true(pair_carry(&p));
    assert_true(pair_asked(&p, A, "complete change op-create"));
    assert_true(pair_at_rest(&p));
    pair_fini(&p);
}

static void b15_realize_gives_up(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p);
    p.unrealized[B] = true;
    assert_ok(pair_create(&p, "op-create"));
    pair_deliver(&p, B, p.sent->len - 1);
    struct sync_refusal why = {"protector.realize.failed", "no volume type gold"};
    char hash[HASH_HEX_SIZE];
    g_strlcpy(hash, p.s[B].incoming.position->hash, sizeof hash);
    assert_ok(PAIR(&p, B, sync_realize_failed, hash, &why));
    assert_int_equal(sync_outbox_count(&p.s[B]), 1); /* its REFUSE */
    assert_true(pair_carry(&p));
    assert_true(pair_asked(&p, A, "fail change op-create"));
    assert_int_equal(sync_outbox_count(&p.s[B]), 0);
    pair_fini(&p);
}

/* While realize runs a failover begins: the proposal is refused, and what realize makes comes too
 * late. */
static void b15_refused_while_realizing(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    p.unrealized[B] = true;
    assert_ok(pair_change(&p, A, "op-1", "x"));
    guint proposal = p.sent->len - 1;
    char hash[HASH_HEX_SIZE];
    g_strlcpy(hash, p.s[A].staged.position->hash, sizeof hash);
    pair_deliver(&p, B, proposal);
    p.blocks[B] = true;
    pair_round(&p, B, proposal);
    assert_true(pair_asked(&p, A, "fail change op-1"));
    assert_true(pair_asked(&p, B, "cancel realize"));
    p.blocks[B] = p.unrealized[B] = false;
    assert_ok(PAIR(&p, B, sync_realized, hash));
    assert_string_equal(p.s[B].pos, p.s[A].pos);
    assert_true(pair_carry(&p));
    assert_true(pair_at_rest(&p));
    pair_fini(&p);
}

/* The create is withdrawn while the peer realizes it. */
static void b15_withdrawn_while_realizing(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p);
    p.unrealized[B] = true;
    assert_ok(pair_create(&p, "op-create"));
    pair_deliver(&p, B, p.sent->len - 1);
    assert_ok(PAIR(&p, A, sync_withdraw));
    assert_true(pair_carry(&p));
    assert_true(pair_asked(&p, B, "cancel realize"));
    assert_true(pair_at_rest(&p));
    pair_fini(&p);
}

/* Two clients: one slot; the second is told whose it is; a stale If-Match is 412. */
static void b17_two_clients(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    char old[HASH_HEX_SIZE];
    g_strlcpy(old, p.s[A].pos, sizeof old);
    assert_ok(pair_change(&p, A, "op-1", "one"));
    g_autofree char *nonce = pair_prove(&p, A);
    err_t *e = PAIR(&p, A, sync_reserve, "op-2", old, nonce);
    assert_non_null(e);
    assert_int_equal(err_code(e), ERR_SYNC_STAGED);
    assert_string_equal(err_detail_get(e, "operation"), "op-1");
    assert_string_equal(err_detail_get(e, "position"), p.s[A].staged.position->hash);
    err_free(e);
    assert_true(pair_carry(&p)); /* the second client carries what is missing */
    g_autofree char *again = pair_prove(&p, A);
    assert_code(PAIR(&p, A, sync_reserve, "op-2", old, again), ERR_IF_MATCH);
    assert_code(PAIR(&p, A, sync_reserve, "op-2", NULL, again), ERR_IF_MATCH);
    assert_ok(PAIR(&p, A, sync_reserve, "op-2", p.s[A].pos, again));
    assert_ok(pair_stage(&p, A, "op-2", "two"));
    assert_true(pair_carry(&p));
    assert_true(pair_at_rest(&p));
    /* a change at the standby names the active site */
    e = pair_reserve(&p, B, "op-3");
    assert_int_equal(err_code(e), ERR_GROUP_NOT_ACTIVE);
    assert_string_equal(err_detail_get(e, "active_site"), pair_uuid[A]);
    err_free(e);
    pair_fini(&p);
}

/* A drill at the target: a handover is refused, and the source is free again. */
static void b9_drill_refuses_a_handover(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    p.drill[B] = true;
    assert_ok(pair_handover(&p, A, "op-h"));
    assert_true(pair_carry(&p));
    assert_int_equal(p.s[A].role, ROLE_ACTIVE);
    assert_true(pair_asked(&p, A, "fail stub op-h"));
    assert_true(pair_asked(&p, A, "start resume"));
    assert_true(pair_at_rest(&p));
    pair_fini(&p);
}

/* Every message again, in any order, any number of times: nothing moves any more. */
static void everything_again(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_ok(pair_change(&p, A, "op-1", "x"));
    assert_true(pair_carry(&p));
    assert_ok(pair_handover(&p, A, "op-h"));
    assert_true(pair_carry(&p));
    assert_ok(pair_claim(&p, B));
    assert_true(pair_carry(&p));
    assert_true(pair_at_rest(&p));
    char pos[HASH_HEX_SIZE];
    g_strlcpy(pos, p.s[B].pos, sizeof pos);
    guint letters = p.sent->len;
    for (guint i = 0; i < 4 * letters; i++) {
        guint number = (i * 7919) % letters;
        pair_deliver(&p, pair_addressee(&p, number), number);
    }
    assert_string_equal(p.s[A].pos, pos);
    assert_string_equal(p.s[B].pos, pos);
    assert_true(pair_at_rest(&p));
    pair_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(b1_three_classes),
        cmocka_unit_test(b2_nonces),
        cmocka_unit_test(b3_refusal_is_for_ever),
        cmocka_unit_test(b4_delete),
        cmocka_unit_test(b4_gone_acknowledges_a_delete),
        cmocka_unit_test(b4_delete_without_the_peer),
        cmocka_unit_test(b4_unprotect),
        cmocka_unit_test(b4_gone_to_the_living),
        cmocka_unit_test(b4_gone_to_the_recovering),
        cmocka_unit_test(b5_name_taken),
        cmocka_unit_test(b5_withdraw),
        cmocka_unit_test(b5_withdraw_after_a_lost_acceptance),
        cmocka_unit_test(b9_drill_refuses_a_handover),
        cmocka_unit_test(b13_bytes_stay),
        cmocka_unit_test(b13_newer_schema),
        cmocka_unit_test(b15_realize),
        cmocka_unit_test(b15_realize_gives_up),
        cmocka_unit_test(b15_refused_while_realizing),
        cmocka_unit_test(b15_withdrawn_while_realizing),
        cmocka_unit_test(b17_two_clients),
        cmocka_unit_test(everything_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
