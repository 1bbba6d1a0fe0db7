/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Letters that come late, twice, or after their writer has forgotten them; and letters that nobody
 * would write.  Each test shows what a site does not do for them, and that the right letter still
 * does it.
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

static struct message *letter(const struct pair *p, guint number)
{
    struct message *m = NULL;
    const char *text = g_ptr_array_index(p->sent, number);
    assert_ok(message_decode_text(text, strlen(text), NULL, NULL, &m));
    return m;
}

/* The number of the last letter of a type that was ever sent. */
static guint last_sent(const struct pair *p, enum message_type type)
{
    for (guint i = p->sent->len; i > 0; i--) {
        AUTO(message) m = letter(p, i - 1);
        if (m->type == type)
            return i - 1;
    }
    fail_msg("no %s was sent", message_type_text(type));
    return 0;
}

static enum message_type type_of(const struct pair *p, int number)
{
    assert_true(number >= 0);
    AUTO(message) m = letter(p, (guint)number);
    return m->type;
}

/* Posts the first letter of the outbox of s. */
static guint post_owed(struct pair *p, int s)
{
    struct sync_context c = pair_context(p, s);
    g_autoptr(GPtrArray) out = sync_outbox(&p->s[s], &c);
    assert_true(out->len > 0);
    return pair_post(p, g_ptr_array_index(out, 0));
}

/* Asks the peer of s, whose answers are posted and do not arrive. */
static void ask_in_vain(struct pair *p, int s)
{
    p->down[s] = true;
    g_free(pair_prove(p, s));
    p->down[s] = false;
}

/* A message that message.c would not let through. */
static void receive_unread(struct pair *p, int s, const struct message *m)
{
    struct sync_context c = pair_context(p, s);
    struct sync_effects e;
    sync_effects_init(&e);
    assert_ok(pair_did(p, s, sync_receive(&p->s[s], m, &c, &e), &e));
}

static void make_rowless(struct message *m)
{
    memset(m->position, 'a', HASH_HEX_SIZE - 1);
    g_clear_pointer(&m->body, body_unref);
    g_clear_pointer(&m->history, g_ptr_array_unref);
}

static void stage_delete(struct pair *p, int s)
{
    json_t *draft = sync_draft(&p->s[s]);
    assert_ok(body_delete(draft));
    AUTO(body) deleted = pair_seal(draft);
    assert_ok(pair_reserve(p, s, "op-d"));
    assert_ok(PAIR(p, s, sync_stage, "op-d", deleted));
}

/* Restored from what it has: nothing is lost but the certainty. */
static void restore_as_it_is(struct pair *p, int s)
{
    struct sync_state backup;
    sync_state_copy(&p->s[s], &backup);
    pair_restore(p, s, &backup);
    sync_state_fini(&backup);
}

/* The whole database of s is lost, and the peer's STATE tells it so. */
static void lose(struct pair *p, int s)
{
    guint told = p->sent->len;
    sync_state_fini(&p->s[s]);
    pair_incarnate(p, s);
    sync_state_init(&p->s[s], PAIR_GROUP, pair_uuid[s], pair_uuid[1 - s]);
    safety_watch_restored(p->watch, s);
    g_free(pair_prove(p, s));
    assert_true(p->sent->len > told);
    assert_int_equal(p->s[s].role, ROLE_RECOVERING);
}

/* A has gone on by a fact, B was forced: both ACTIVE, and both know. */
static void diverge(struct pair *p, const char *fact)
{
    assert_true(pair_fact(p, A, fact));
    assert_ok(pair_force(p, B));
    assert_true(pair_carry(p));
    assert_true(p->s[A].split && p->s[B].split);
}

/* ---- STATE and GONE ---- */

/* The other site refused the delete that a person then did without it: told of the position alone,
 * it waits for the bytes. */
static void a_state_without_bytes_is_not_followed(void **state)
{
    (void)state;
    struct pair p;
    char before[HASH_HEX_SIZE];
    pair_start(&p);
    p.refusal[B] = "protector.conflict";
    stage_delete(&p, A);
    int refuse = pair_deliver(&p, B, last_sent(&p, MESSAGE_PROPOSE));
    assert_int_equal(type_of(&p, refuse), MESSAGE_REFUSE);
    assert_ok(PAIR(&p, A, sync_delete_alone, NULL, "ann", "burned"));
    int told = pair_deliver(&p, A, (guint)refuse);
    assert_int_equal(type_of(&p, told), MESSAGE_STATE);
    g_strlcpy(before, p.s[B].pos, sizeof before);
    pair_deliver(&p, B, (guint)told);
    assert_string_equal(p.s[B].pos, before);
    assert_false(p.s[B].split);
    assert_true(pair_carry(&p));
    assert_string_equal(p.s[B].pos, p.s[A].pos);
    pair_fini(&p);
}

/* The other site ended the group in a change of this one that it had accepted: no delete is done
 * for that. */
static void a_gone_is_no_acceptance_of_a_change(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_ok(pair_change(&p, A, "op-1", "x"));
    pair_deliver(&p, B, last_sent(&p, MESSAGE_PROPOSE)); /* the ACCEPT is lost */
    assert_ok(PAIR(&p, B, sync_delete_alone, NULL, "ann", "burned"));
    assert_ok(PAIR(&p, B, sync_tombstone));
    assert_string_equal(p.s[B].last, p.s[A].staged.position->hash);
    pair_deliver(&p, A, post_owed(&p, B));
    assert_true(pair_asked(&p, A, "alarm PEER_GONE"));
    assert_false(pair_asked(&p, A, "complete"));
    assert_int_equal(p.s[A].role, ROLE_ACTIVE);
    assert_int_equal(p.s[A].staged.kind, STAGED_PROPOSAL);
    pair_fini(&p);
}

/* A GONE of before a restore does not move a site that is forked and closed. */
static void an_old_gone_does_not_move_what_is_closed(void **state)
{
    (void)state;
    struct pair p;
    struct sync_state backup;
    char before[HASH_HEX_SIZE];
    pair_start(&p);
    sync_state_copy(&p.s[B], &backup);
    assert_ok(pair_change(&p, A, "op-1", "x"));
    assert_true(pair_carry(&p));
    stage_delete(&p, A);
    pair_deliver(&p, B, last_sent(&p, MESSAGE_PROPOSE)); /* the ACCEPT is lost */
    assert_ok(PAIR(&p, B, sync_tombstone));
    guint gone = post_owed(&p, B);
    pair_restore(&p, B, &backup);
    sync_state_fini(&backup);
    assert_ok(pair_force(&p, B));
    pair_deliver(&p, A, post_owed(&p, B));
    g_free(pair_prove(&p, B)); /* A's HERE */
    assert_true(p.s[A].split && p.s[B].split);
    assert_ok(PAIR(&p, B, sync_close, "ann", "B serves"));
    pair_deliver(&p, A, last_sent(&p, MESSAGE_CLOSE));
    assert_true(p.s[A].closed);
    g_strlcpy(before, p.s[A].pos, sizeof before);
    pair_deliver(&p, A, gone);
    assert_string_equal(p.s[A].pos, before);
    assert_int_equal(p.s[A].staged.kind, STAGED_PROPOSAL);
    assert_true(pair_asked(&p, A, "alarm PEER_GONE"));
    pair_fini(&p);
}

/* ---- a REJOIN that comes late ---- */

/*
 * B was put back to before it followed a force, unnoticed; that force had dropped what B stands in.
 * It has signed this for a fork since, and an older REJOIN on top of the force does not take it
 * away.
 */
static void a_closed_site_refuses_a_rejoin_that_drops_it(void **state)
{
    (void)state;
    struct pair p;
    struct sync_state old_a, old_b;
    pair_start(&p);
    sync_state_copy(&p.s[A], &old_a);
    assert_ok(pair_change(&p, A, "op-1", "x"));
    pair_deliver(&p, B, last_sent(&p, MESSAGE_PROPOSE)); /* the ACCEPT is lost */
    sync_state_copy(&p.s[B], &old_b);
    assert_ok(pair_force(&p, A));
    pair_deliver(&p, B, post_owed(&p, A));
    assert_string_equal(p.s[B].pos, p.s[A].pos);
    pair_restore(&p, A, &old_a);
    g_free(pair_prove(&p, A));
    guint rejoin = last_sent(&p, MESSAGE_PROPOSE);
    sync_state_fini(&p.s[B]);
    sync_state_copy(&old_b, &p.s[B]);
    safety_watch_restored(p.watch, B);
    assert_ok(pair_force_with(&p, A, &pair_in_place)); /* from before the change */
    pair_deliver(&p, B, post_owed(&p, A));
    g_free(pair_prove(&p, A));
    assert_true(p.s[A].split && p.s[B].split);
    assert_ok(PAIR(&p, A, sync_close, "ann", "A serves"));
    pair_deliver(&p, B, last_sent(&p, MESSAGE_CLOSE));
    assert_true(p.s[B].closed);
    int reply = pair_deliver(&p, B, rejoin);
    assert_int_equal(type_of(&p, reply), MESSAGE_REFUSE);
    assert_string_equal(p.s[B].pos, old_b.pos);
    assert_true(p.s[B].closed);
    sync_state_fini(&old_a);
    sync_state_fini(&old_b);
    pair_fini(&p);
}

/* Who recovers itself neither accepts nor refuses a REJOIN: a person decides about the two. */
static void a_rejoin_meets_a_site_that_recovers(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    restore_as_it_is(&p, A);
    g_free(pair_prove(&p, A));
    assert_int_equal(p.s[A].staged.kind, STAGED_PROPOSAL);
    restore_as_it_is(&p, B);
    int reply = pair_deliver(&p, B, last_sent(&p, MESSAGE_PROPOSE));
    assert_int_equal(type_of(&p, reply), MESSAGE_STATE);
    assert_int_equal(p.s[B].refused_count, 0);
    assert_int_equal(p.s[B].role, ROLE_RECOVERING);
    pair_deliver(&p, A, (guint)reply);
    assert_int_equal(p.s[A].staged.kind, STAGED_PROPOSAL);
    pair_fini(&p);
}

/* A REJOIN of a lost group is refused: it is no create that would be free again. */
static void a_refused_rejoin_of_a_lost_group(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    lose(&p, A);
    g_free(pair_prove(&p, A));
    assert_int_equal(p.s[A].staged.kind, STAGED_PROPOSAL);
    assert_true(sync_is_empty(&p.s[A]));
    assert_ok(pair_force(&p, B));
    int reply = pair_deliver(&p, B, last_sent(&p, MESSAGE_PROPOSE));
    assert_int_equal(type_of(&p, reply), MESSAGE_REFUSE);
    pair_deliver(&p, A, (guint)reply);
    assert_int_equal(p.s[A].role, ROLE_RECOVERING);
    assert_int_equal(p.s[A].staged.kind, STAGED_NONE);
    assert_true(pair_sync(&p));
    assert_true(pair_at_rest(&p));
    assert_int_equal(p.s[B].role, ROLE_ACTIVE);
    pair_fini(&p);
}

/* ---- HERE at a site that recovers ---- */

/* A person has ended the group here: an answer brings nothing back. */
static void who_leaves_takes_nothing_in(void **state)
{
    (void)state;
    struct pair p;
    struct sync_state backup;
    pair_start(&p);
    sync_state_copy(&p.s[A], &backup);
    stage_delete(&p, A);
    assert_true(pair_carry(&p));
    pair_restore(&p, A, &backup);
    sync_state_fini(&backup);
    g_free(pair_prove(&p, A));
    assert_int_equal(p.s[A].staged.kind, STAGED_PROPOSAL);
    assert_ok(PAIR(&p, A, sync_delete_alone, NULL, "ann", "burned"));
    assert_true(p.s[A].leaving);
    g_free(pair_prove(&p, A));
    assert_int_equal(p.s[A].role, ROLE_RECOVERING);
    assert_int_equal(p.s[A].staged.kind, STAGED_NONE);
    pair_fini(&p);
}

/* A create that a restore has put back asks a site that knows nothing either. */
static void a_restored_create_asks_who_knows_nothing(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p);
    assert_ok(PAIR(&p, A, sync_create));
    restore_as_it_is(&p, A);
    g_free(pair_prove(&p, A));
    AUTO(message) here = letter(&p, last_sent(&p, MESSAGE_HERE));
    assert_int_equal(here->role, ROLE_NONE);
    assert_int_equal(p.s[A].role, ROLE_RECOVERING);
    assert_int_equal(p.s[A].staged.kind, STAGED_NONE);
    assert_null(sync_draft(&p.s[A])); /* nothing to force from */
    assert_int_equal(sync_kind(&p.s[A]), POSITION_KINDS);
    assert_ok(PAIR(&p, A, sync_withdraw));
    assert_int_equal(p.s[A].role, ROLE_TOMBSTONE);
    pair_fini(&p);
}

/* An answer that names a position and not how it came about is none. */
static void an_answer_about_what_nobody_knows(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    restore_as_it_is(&p, A);
    ask_in_vain(&p, A);
    guint here = last_sent(&p, MESSAGE_HERE);
    AUTO(message) m = letter(&p, here);
    make_rowless(m);
    pair_deliver(&p, A, pair_post(&p, m));
    assert_int_equal(p.s[A].role, ROLE_RECOVERING);
    assert_int_equal(p.s[A].staged.kind, STAGED_NONE);
    pair_deliver(&p, A, here);
    assert_int_equal(p.s[A].staged.kind, STAGED_PROPOSAL);
    pair_fini(&p);
}

/* Bytes for the position EMPTY, which no site stands in as STANDBY: nothing is rejoined on that. */
static void an_answer_with_bytes_of_nothing(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_ok(pair_change(&p, A, "op-1", "x"));
    assert_ok(pair_force(&p, A));
    assert_true(pair_carry(&p));
    lose(&p, A);
    assert_true(p.s[A].floor > 0);
    ask_in_vain(&p, A);
    guint here = last_sent(&p, MESSAGE_HERE);
    AUTO(message) m = letter(&p, here);
    assert_int_equal(m->role, ROLE_STANDBY);
    m->position[0] = '\0';
    g_clear_pointer(&m->history, g_ptr_array_unref);
    receive_unread(&p, A, m);
    assert_int_equal(p.s[A].staged.kind, STAGED_NONE);
    assert_int_equal(p.s[A].role, ROLE_RECOVERING);
    pair_fini(&p);
}

/* ---- AMNESIA ---- */

/* A site that has accepted a create, and was restored since, has nothing to be taken in for. */
static void an_amnesia_meets_a_create(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p);
    assert_ok(pair_create(&p, "op-create"));
    pair_deliver(&p, B, last_sent(&p, MESSAGE_PROPOSE)); /* the ACCEPT is lost */
    restore_as_it_is(&p, B);
    ask_in_vain(&p, A);
    pair_deliver(&p, A, last_sent(&p, MESSAGE_AMNESIA));
    assert_int_equal(p.s[A].role, ROLE_ACTIVE);
    assert_int_equal(p.s[A].staged.kind, STAGED_PROPOSAL);
    assert_false(p.s[A].split);
    assert_true(pair_sync(&p));
    assert_true(pair_at_rest(&p));
    assert_int_equal(p.s[A].role, ROLE_ACTIVE);
    pair_fini(&p);
}

/* B was forced after it has said that it forgot: it has acted since, and is not taken in. */
static void an_amnesia_of_before_a_force(void **state)
{
    (void)state;
    struct pair p;
    char before[HASH_HEX_SIZE];
    pair_start(&p);
    assert_true(pair_fact(&p, A, "m"));
    restore_as_it_is(&p, B);
    ask_in_vain(&p, A);
    assert_ok(pair_force(&p, B));
    pair_deliver(&p, A, post_owed(&p, B));
    assert_true(p.s[A].split);
    g_strlcpy(before, p.s[A].pos, sizeof before);
    pair_deliver(&p, A, last_sent(&p, MESSAGE_AMNESIA));
    assert_string_equal(p.s[A].pos, before);
    assert_true(p.s[A].split);
    assert_int_equal(p.s[B].role, ROLE_ACTIVE);
    pair_fini(&p);
}

static void an_amnesia_without_its_rows(void **state)
{
    (void)state;
    struct pair p;
    char before[HASH_HEX_SIZE];
    pair_start(&p);
    restore_as_it_is(&p, B);
    ask_in_vain(&p, A);
    guint amnesia = last_sent(&p, MESSAGE_AMNESIA);
    AUTO(message) m = letter(&p, amnesia);
    make_rowless(m);
    g_strlcpy(before, p.s[A].pos, sizeof before);
    receive_unread(&p, A, m);
    assert_string_equal(p.s[A].pos, before);
    assert_false(p.s[A].split);
    pair_deliver(&p, A, amnesia);
    assert_int_equal(sync_kind(&p.s[A]), POSITION_REJOIN);
    pair_fini(&p);
}

/* ---- CLOSE and CLOSED ---- */

/* Asked twice, it is one question, of the person who asked first. */
static void a_close_is_asked_again(void **state)
{
    (void)state;
    struct pair p;
    char nonce[MESSAGE_NONCE_SIZE];
    pair_start(&p);
    diverge(&p, "m");
    assert_ok(PAIR(&p, A, sync_close, "ann", "A serves"));
    guint first = last_sent(&p, MESSAGE_CLOSE);
    g_strlcpy(nonce, p.s[A].resolving.nonce, sizeof nonce);
    assert_ok(PAIR(&p, A, sync_close, "bob", "A serves as well"));
    assert_true(last_sent(&p, MESSAGE_CLOSE) > first);
    assert_string_equal(p.s[A].resolving.nonce, nonce);
    assert_string_equal(p.s[A].resolving.who, "ann");
    pair_round(&p, B, first);
    assert_false(p.s[A].split);
    pair_fini(&p);
}

/* A closing position of an earlier fork ends no later one. */
static void a_closed_of_an_earlier_fork(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    diverge(&p, "m");
    assert_ok(PAIR(&p, A, sync_close, "ann", "A serves"));
    int closed = pair_round(&p, B, last_sent(&p, MESSAGE_CLOSE));
    assert_int_equal(type_of(&p, closed), MESSAGE_CLOSED);
    assert_true(pair_sync(&p));
    assert_true(pair_at_rest(&p));
    diverge(&p, "n");
    assert_ok(PAIR(&p, A, sync_close, "ann", "A serves again"));
    pair_deliver(&p, A, (guint)closed);
    assert_true(p.s[A].split);
    assert_true(pair_sync(&p));
    assert_true(pair_at_rest(&p));
    pair_fini(&p);
}

/* Closing positions that no site signs: outside of a fork, and without their rows. */
static void a_closed_that_nobody_signs(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    diverge(&p, "m");
    assert_ok(PAIR(&p, A, sync_close, "ann", "A serves"));
    int closed = pair_deliver(&p, B, last_sent(&p, MESSAGE_CLOSE));
    AUTO(message) at_peace = letter(&p, (guint)closed);
    AUTO(message) rowless = letter(&p, (guint)closed);
    at_peace->split = false;
    pair_deliver(&p, A, pair_post(&p, at_peace));
    assert_true(p.s[A].split);
    make_rowless(rowless);
    receive_unread(&p, A, rowless);
    assert_true(p.s[A].split);
    pair_deliver(&p, A, (guint)closed);
    assert_false(p.s[A].split);
    pair_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_without_bytes_is_not_followed),
        cmocka_unit_test(a_gone_is_no_acceptance_of_a_change),
        cmocka_unit_test(an_old_gone_does_not_move_what_is_closed),
        cmocka_unit_test(a_closed_site_refuses_a_rejoin_that_drops_it),
        cmocka_unit_test(a_rejoin_meets_a_site_that_recovers),
        cmocka_unit_test(a_refused_rejoin_of_a_lost_group),
        cmocka_unit_test(who_leaves_takes_nothing_in),
        cmocka_unit_test(a_restored_create_asks_who_knows_nothing),
        cmocka_unit_test(an_answer_about_what_nobody_knows),
        cmocka_unit_test(an_answer_with_bytes_of_nothing),
        cmocka_unit_test(an_amnesia_meets_a_create),
        cmocka_unit_test(an_amnesia_of_before_a_force),
        cmocka_unit_test(an_amnesia_without_its_rows),
        cmocka_unit_test(a_close_is_asked_again),
        cmocka_unit_test(a_closed_of_an_earlier_fork),
        cmocka_unit_test(a_closed_that_nobody_signs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
