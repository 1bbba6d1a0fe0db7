/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holes of the protocol's first text (docs/decisions/spin.md), told once each with the repaired
 * rule: the counterexamples that a complete search of the rules found.  After every step the
 * oracle of safety.h looks at both sites (pair_absorb).
 */
#include "pair.h"
#include "model/mutant.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
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

/* The whole database of s is lost: a new site under the old keys. */
static void lose(struct pair *p, int s)
{
    sync_state_fini(&p->s[s]);
    pair_incarnate(p, s);
    sync_state_init(&p->s[s], PAIR_GROUP, pair_uuid[s], pair_uuid[1 - s]);
    safety_watch_restored(p->watch, s);
}

/* The number of the newest letter of this type to 'to'. */
static guint newest(const struct pair *p, enum message_type type, int to)
{
    for (guint i = p->sent->len; i-- > 0;) {
        struct message *m = NULL;
        const char *text = g_ptr_array_index(p->sent, i);
        assert_ok(message_decode_text(text, strlen(text), NULL, NULL, &m));
        bool found = m->type == type && strcmp(m->to, pair_uuid[to]) == 0;
        message_destroy(m);
        if (found)
            return i;
    }
    fail_msg("no %s to %d was ever sent", message_type_text(type), to);
    return 0;
}

/* Posts the present STATE of s; its number. */
static guint post_state(struct pair *p, int s)
{
    const struct sync_state *state = &p->s[s];
    struct message *m = message_create(MESSAGE_STATE);
    g_strlcpy(m->from, pair_uuid[s], sizeof m->from);
    g_strlcpy(m->to, pair_uuid[1 - s], sizeof m->to);
    g_strlcpy(m->incarnation, p->incarnation[s], sizeof m->incarnation);
    g_strlcpy(m->group, PAIR_GROUP, sizeof m->group);
    g_strlcpy(m->position, state->pos, sizeof m->position);
    m->epoch = sync_epoch(state);
    m->version = sync_version(state);
    m->role = state->role;
    m->split = state->split;
    m->body = body_ref(state->body);
    m->history = chain_history(state->chain, state->pos);
    guint number = pair_post(p, m);
    message_destroy(m);
    return number;
}

static enum message_type type_of(const struct pair *p, int number)
{
    struct message *m = NULL;
    assert_true(number >= 0);
    const char *text = g_ptr_array_index(p->sent, (guint)number);
    assert_ok(message_decode_text(text, strlen(text), NULL, NULL, &m));
    enum message_type type = m->type;
    message_destroy(m);
    return type;
}

/* TEXT_CREATE: the create is not taken by a site that has taken it once and lost it. */
static void create_is_for_one_incarnation(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p);
    assert_ok(pair_create(&p, "op-create"));
    guint create = newest(&p, MESSAGE_PROPOSE, B);
    assert_true(pair_carry(&p));
    assert_int_equal(p.s[B].role, ROLE_STANDBY);
    lose(&p, B);
    int reply = pair_deliver(&p, B, create);
    assert_int_equal(type_of(&p, reply), MESSAGE_STATE);
    assert_int_equal(p.s[B].role, ROLE_NONE);
    assert_true(pair_sync(&p)); /* the group itself comes back, by way of lost group */
    assert_true(pair_at_rest(&p));
    assert_int_equal(p.s[A].role, ROLE_ACTIVE);
    pair_fini(&p);
}

/* A create that nobody will answer any more: the person who made it withdraws it. */
static void create_for_the_dead_is_withdrawn(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p);
    assert_ok(pair_create(&p, "op-create"));
    lose(&p, B);
    pair_carry(&p);
    assert_int_equal(p.s[A].staged.kind, STAGED_PROPOSAL); /* neither ACCEPT nor REFUSE */
    assert_int_equal(p.s[B].role, ROLE_NONE);
    assert_ok(PAIR(&p, A, sync_withdraw));
    assert_true(pair_carry(&p));
    assert_int_equal(p.s[A].role, ROLE_TOMBSTONE);
    assert_int_equal(p.s[B].role, ROLE_TOMBSTONE);
    pair_fini(&p);
}

/* A create put back by a restore is none that was lost: there is nothing to force. */
static void restored_create_is_not_forced(void **state)
{
    (void)state;
    struct pair p;
    struct sync_state backup;
    pair_init(&p);
    p.down[B] = true;
    assert_ok(PAIR(&p, A, sync_create));
    sync_state_copy(&p.s[A], &backup);
    pair_restore(&p, A, &backup);
    assert_int_equal(p.s[A].role, ROLE_RECOVERING);
    assert_code(sync_force_allowed(&p.s[A]), ERR_GROUP_CREATING);
    assert_ok(PAIR(&p, A, sync_withdraw));
    assert_int_equal(p.s[A].role, ROLE_TOMBSTONE);
    sync_state_fini(&backup);
    pair_fini(&p);
}

/* TEXT_CLOSED: who has signed CLOSED while RECOVERING may recover once nobody resolves. */
static void closed_recovering_site_recovers(void **state)
{
    (void)state;
    struct pair p;
    struct sync_state backup;
    pair_start(&p);
    sync_state_copy(&p.s[B], &backup);
    p.down[A] = true;
    assert_ok(pair_force(&p, B));
    guint claimed = post_state(&p, B);
    pair_restore(&p, B, &backup);
    p.down[A] = false;
    g_free(pair_prove(&p, A));
    assert_true(pair_carry(&p));
    assert_true(p.s[A].split); /* a lost epoch: a person is asked */
    assert_ok(PAIR(&p, A, sync_close, "ann", "A serves"));
    pair_deliver(&p, B, newest(&p, MESSAGE_CLOSE, B));
    assert_true(p.s[B].closed);
    pair_deliver(&p, A, claimed); /* before the CLOSED: what B has forgotten */
    assert_int_equal(p.s[A].role, ROLE_STANDBY);
    assert_false(p.s[A].split);
    assert_true(pair_sync(&p));
    assert_int_equal(p.s[B].role, ROLE_ACTIVE);
    assert_true(pair_at_rest(&p));
    sync_state_fini(&backup);
    pair_fini(&p);
}

/* 'other' STANDBY and SPLIT at version 2, 'own' ACTIVE and SPLIT by force from version 1: 'own'
 * lost version 2, has begun to recover, and its person would not wait.  The dropped REJOIN's
 * letter is '*ret_rejoin'. */
static void forked_by_a_restore(struct pair *p, int own, guint *ret_rejoin)
{
    struct sync_state backup;
    int other = 1 - own;
    sync_state_copy(&p->s[own], &backup);
    assert_ok(pair_change(p, own, "op-2", "second"));
    assert_true(pair_carry(p));
    pair_restore(p, own, &backup);
    sync_state_fini(&backup);
    g_free(pair_prove(p, own)); /* recover: a REJOIN on the peer's version 2 */
    *ret_rejoin = newest(p, MESSAGE_PROPOSE, other);
    assert_int_equal(p->s[own].staged.kind, STAGED_PROPOSAL);
    assert_ok(pair_force_with(p, own, &pair_in_place));
    for (int s = 0; s < SITES; s++)
        pair_deliver(p, 1 - s, post_state(p, s));
    assert_true(p->s[own].split && p->s[other].split);
    assert_int_equal(p->s[other].role, ROLE_STANDBY);
}

/* TEXT_CLOSED_DROPPED: a closed site follows the chain that has its position in a drop. */
static void closed_site_follows_what_drops_it(void **state)
{
    (void)state;
    struct pair p;
    guint rejoin;
    pair_start(&p);
    forked_by_a_restore(&p, A, &rejoin);
    assert_ok(PAIR(&p, A, sync_close, "ann", "A serves"));
    guint close = newest(&p, MESSAGE_CLOSE, B);
    guint closed = (guint)pair_deliver(&p, B, close);
    assert_int_equal(type_of(&p, (int)closed), MESSAGE_CLOSED);
    pair_deliver(&p, B, rejoin); /* it descends from what B has signed: adopted, and not closed */
    assert_false(p.s[B].closed);
    pair_deliver(&p, B, post_state(&p, A)); /* which A has dropped: diverged again */
    assert_true(p.s[B].split);
    pair_deliver(&p, B, close);
    assert_true(p.s[B].closed);
    pair_deliver(&p, A, closed); /* A resolves over the older closing position */
    assert_false(p.s[A].split);
    assert_true(pair_sync(&p));
    assert_true(pair_at_rest(&p));
    assert_int_equal(p.s[A].role, ROLE_ACTIVE);
    pair_fini(&p);
}

/* TEXT_REOPEN: both have signed CLOSED, and ordinal 0 is a STANDBY: nobody but 1 can resolve. */
static void who_faces_a_standby_reopens(void **state)
{
    (void)state;
    struct pair p;
    guint rejoin;
    pair_start(&p);
    assert_ok(pair_handover(&p, A, "op-h"));
    assert_true(pair_carry(&p));
    assert_ok(pair_claim(&p, B));
    assert_true(pair_sync(&p));
    forked_by_a_restore(&p, B, &rejoin);
    struct message *m = message_create(MESSAGE_CLOSE); /* of a fork that was long ago */
    g_strlcpy(m->from, pair_uuid[A], sizeof m->from);
    g_strlcpy(m->to, pair_uuid[B], sizeof m->to);
    g_strlcpy(m->incarnation, p.incarnation[A], sizeof m->incarnation);
    g_strlcpy(m->group, PAIR_GROUP, sizeof m->group);
    memset(m->nonce, 'a', sizeof m->nonce - 1);
    pair_deliver(&p, B, pair_post(&p, m));
    message_destroy(m);
    assert_true(p.s[B].closed);
    assert_code(PAIR(&p, A, sync_close, "ann", "A"), ERR_SYNC_KEEP_HAS_NO_SERVERS);
    g_free(pair_prove(&p, B));
    assert_ok(PAIR(&p, B, sync_close, "ann", "B serves"));
    pair_round(&p, A, newest(&p, MESSAGE_CLOSE, A));
    assert_false(p.s[B].split);
    assert_true(pair_sync(&p));
    assert_true(pair_at_rest(&p));
    assert_int_equal(p.s[B].role, ROLE_ACTIVE);
    pair_fini(&p);
}

/* What s wants carried reaches the peer, and no answer comes back. */
static void tell(struct pair *p, int s)
{
    struct sync_context c = pair_context(p, s);
    g_autoptr(GPtrArray) out = sync_outbox(&p->s[s], &c);
    for (guint i = 0; i < out->len; i++)
        pair_deliver(p, 1 - s, pair_post(p, g_ptr_array_index(out, i)));
}

/* B is active in epoch 3 and A has lost its database; the REJOIN that takes A in is on its way. */
static void active_and_lost(struct pair *p)
{
    pair_start(p);
    assert_ok(pair_handover(p, A, "op-h"));
    assert_true(pair_carry(p));
    assert_ok(pair_claim(p, B));
    assert_true(pair_sync(p));
    lose(p, A);
    pair_deliver(p, A, post_state(p, B));
    g_free(pair_prove(p, B));
    tell(p, A);
    assert_int_equal(p->s[A].role, ROLE_RECOVERING);
    assert_int_equal(sync_epoch(&p->s[B]), 3);
}

/*
 * TEXT_FLOOR: a person forces A, which opens epoch 2, below B's, and A loses its database once
 * more.  B never heard of that epoch, however high its own: it asks a person, and once.
 */
static void low_epoch_is_lost_too(void **state)
{
    (void)state;
    struct pair p;
    active_and_lost(&p);
    assert_ok(pair_force_with(&p, A, &pair_in_place));
    assert_int_equal(sync_epoch(&p.s[A]), 2);
    lose(&p, A);
    assert_true(pair_sync(&p));
    assert_true(pair_asked(&p, B, "alarm LOST_EPOCH"));
    assert_true(p.s[B].split);
    assert_int_equal(p.s[A].role, ROLE_RECOVERING); /* its servers run on */
    assert_ok(PAIR(&p, B, sync_close, "ann", "B serves"));
    assert_true(pair_sync(&p));
    assert_int_equal(chain_find(p.s[B].chain, p.s[A].pos)->kind, POSITION_REJOIN);
    assert_int_equal(chain_floor(p.s[B].chain, p.s[B].pos, pair_uuid[A]), 2);
    assert_true(pair_at_rest(&p));
    lose(&p, A); /* what was given up then is not asked for again */
    assert_true(pair_sync(&p));
    assert_false(p.s[B].split);
    assert_true(pair_at_rest(&p));
    pair_fini(&p);
}

/* A database put back to before a create forgets what it was about to accept. */
static void restored_site_forgets_what_came(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p);
    p.unrealized[B] = true;
    assert_ok(pair_create(&p, "op-create"));
    pair_carry(&p);
    assert_non_null(p.s[B].incoming.position);
    pair_incarnate(&p, B);
    assert_ok(PAIR(&p, B, sync_restored));
    assert_null(p.s[B].incoming.position);
    assert_true(pair_asked(&p, B, "park local"));
    pair_fini(&p);
}

/* A database that was lost is told that a group has ended which it does not know: what it made
 * for it stands where nobody looks, and a person is told so; a site that forgot nothing is not. */
static void gone_to_who_forgot(void **state)
{
    (void)state;
    for (int forgot = 0; forgot < 2; forgot++) {
        struct pair p;
        pair_init(&p);
        assert_ok(pair_create(&p, "op-create"));
        if (forgot) {
            p.unrealized[B] = true;
            pair_carry(&p);
            lose(&p, B);
        }
        assert_ok(PAIR(&p, A, sync_withdraw));
        assert_true(pair_carry(&p));
        assert_int_equal(p.s[B].role, ROLE_TOMBSTONE);
        assert_int_equal(pair_asked(&p, B, "alarm GONE_UNKNOWN"), forgot);
        pair_fini(&p);
    }
}

/* Recovering, and the peer says that the group is gone: nobody is left to ask but a person. */
static void recovering_site_is_told_gone(void **state)
{
    (void)state;
    struct pair p;
    struct sync_state backup;
    pair_start(&p);
    sync_state_copy(&p.s[A], &backup);
    json_t *draft = sync_draft(&p.s[A]);
    json_set_bool(draft, "deleting", true);
    AUTO(body) deleting = pair_seal(draft);
    assert_ok(pair_reserve(&p, A, "op-delete"));
    assert_ok(PAIR(&p, A, sync_stage, "op-delete", deleting));
    assert_true(pair_carry(&p));
    for (int s = 0; s < SITES; s++)
        assert_ok(PAIR(&p, s, sync_tombstone));
    pair_restore(&p, A, &backup);
    assert_code(PAIR(&p, A, sync_delete_alone, NULL, "ann", "who knows"), ERR_SYNC_RECOVERING);
    assert_true(pair_sync(&p));
    assert_true(pair_asked(&p, A, "alarm PEER_GONE"));
    assert_int_equal(p.s[A].role, ROLE_RECOVERING);
    assert_ok(PAIR(&p, A, sync_delete_alone, NULL, "ann", "it is gone"));
    assert_true(pair_asked(&p, A, "start rebuild")); /* what it runs here, before the group ends */
    assert_true(pair_asked(&p, A, "start settle"));
    assert_ok(PAIR(&p, A, sync_delete_alone, NULL, "ann", "again"));
    assert_ok(PAIR(&p, A, sync_tombstone));
    assert_int_equal(p.s[A].role, ROLE_TOMBSTONE);
    assert_true(pair_carry(&p));
    sync_state_fini(&backup);
    pair_fini(&p);
}

/*
 * Recovering from before a delete that the peer has accepted, and the peer dies before it answers
 * the REJOIN: a force is refused, as the group is being deleted; a person ends it.  If the peer
 * lives after all, it is told GONE, and nothing that it says is taken in.
 */
static void recovering_before_a_delete(void **state)
{
    (void)state;
    struct pair p;
    struct sync_state backup;
    pair_start(&p);
    sync_state_copy(&p.s[A], &backup);
    json_t *draft = sync_draft(&p.s[A]);
    json_set_bool(draft, "deleting", true);
    AUTO(body) deleting = pair_seal(draft);
    assert_ok(pair_reserve(&p, A, "op-delete"));
    assert_ok(PAIR(&p, A, sync_stage, "op-delete", deleting));
    assert_true(pair_carry(&p));
    pair_restore(&p, A, &backup);
    g_free(pair_prove(&p, A));
    assert_int_equal(p.s[A].staged.kind, STAGED_PROPOSAL);
    p.down[B] = true;
    assert_code(pair_force_with(&p, A, &pair_in_place), ERR_GROUP_DELETING);
    assert_ok(PAIR(&p, A, sync_delete_alone, NULL, "ann", "burnt down"));
    assert_true(pair_asked(&p, A, "start settle"));
    p.down[B] = false;
    g_free(pair_prove(&p, A));
    assert_int_equal(p.s[A].role, ROLE_RECOVERING);
    assert_ok(PAIR(&p, A, sync_tombstone));
    assert_true(pair_carry(&p));
    assert_ok(PAIR(&p, B, sync_tombstone));
    assert_int_equal(p.s[A].role, ROLE_TOMBSTONE);
    sync_state_fini(&backup);
    pair_fini(&p);
}

/* Each story, and the old rule under which it must not end well. */
static const struct hole {
    struct CMUnitTest story;
    enum mutant old_rule;
} holes[] = {
    {cmocka_unit_test(create_is_for_one_incarnation), MUTANT_TEXT_CREATE},
    {cmocka_unit_test(create_for_the_dead_is_withdrawn), MUTANT_TEXT_CREATE},
    {cmocka_unit_test(restored_create_is_not_forced), MUTANT_NONE},
    {cmocka_unit_test(closed_recovering_site_recovers), MUTANT_TEXT_CLOSED},
    {cmocka_unit_test(closed_site_follows_what_drops_it), MUTANT_TEXT_CLOSED_DROPPED},
    {cmocka_unit_test(who_faces_a_standby_reopens), MUTANT_TEXT_REOPEN},
    {cmocka_unit_test(low_epoch_is_lost_too), MUTANT_TEXT_FLOOR},
    {cmocka_unit_test(restored_site_forgets_what_came), MUTANT_NONE},
    {cmocka_unit_test(gone_to_who_forgot), MUTANT_NONE},
    {cmocka_unit_test(recovering_site_is_told_gone), MUTANT_NONE},
    {cmocka_unit_test(recovering_before_a_delete), MUTANT_NONE},
};

/* A child tells the story under the old rule; it must fail. */
static void old_rules_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(holes); i++) {
        if (holes[i].old_rule == MUTANT_NONE)
            continue;
        fflush(NULL);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct CMUnitTest story = holes[i].story;
            mutant = holes[i].old_rule;
            int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
            dup2(quiet, STDOUT_FILENO);
            dup2(quiet, STDERR_FILENO);
            _exit(_cmocka_run_group_tests("old rule", &story, 1, NULL, NULL));
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            fail_msg("%s ends well under the old rule", holes[i].story.name);
    }
}

int main(void)
{
    struct CMUnitTest tests[G_N_ELEMENTS(holes) + 1] = {cmocka_unit_test(old_rules_fail)};
    for (size_t i = 0; i < G_N_ELEMENTS(holes); i++)
        tests[i + 1] = holes[i].story;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
