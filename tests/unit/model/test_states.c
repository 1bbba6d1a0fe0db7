/* SPDX-License-Identifier: Apache-2.0 */
/* Statuses row by row, verbs by the grids, and the walk: from every cell to running servers. */
#include "model/states.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
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

/* The ordinary active primary with a policy. */
static struct group_view active_view(void)
{
    return (struct group_view){.role = ROLE_ACTIVE,
                               .policy = true,
                               .active_here = true,
                               .active_is_primary = true,
                               .self_is_primary = true,
                               .active_site = "site-a"};
}

static struct group_view standby_view(void)
{
    struct group_view v = active_view();
    v.role = ROLE_STANDBY;
    v.active_here = v.self_is_primary = false;
    return v;
}

/* Each row: what it takes, and that the rows above win over it. */
static void fourteen_rows(void **state)
{
    (void)state;
    struct group_view all = {.role = ROLE_NONE,
                             .unprotected = false,
                             .split = true,
                             .empty = true,
                             .deleting = true,
                             .serving = true,
                             .transition = true,
                             .unrecovered = true,
                             .local = {true, true, true, true}};
    int row = 0;
    assert_int_equal(group_status(&all, &row), GROUP_UNLISTED);
    assert_int_equal(row, 1);
    all.role = ROLE_TOMBSTONE;
    assert_int_equal(group_status(&all, &row), GROUP_UNLISTED);
    all.unprotected = true;
    assert_int_equal(group_status(&all, &row), GROUP_UNPROTECTED);
    assert_int_equal(row, 2);
    all.unprotected = false;
    all.role = ROLE_RECOVERING;
    assert_int_equal(group_status(&all, &row), GROUP_RECOVERING);
    all.role = ROLE_STANDBY;
    assert_int_equal(group_status(&all, &row), GROUP_SPLIT_BRAIN);
    all.split = false;
    assert_int_equal(group_status(&all, &row), GROUP_CREATING);
    all.empty = false;
    assert_int_equal(group_status(&all, &row), GROUP_DELETING);
    all.deleting = false;
    assert_int_equal(group_status(&all, &row), GROUP_ERROR);
    assert_int_equal(row, 7);
    all.local.needs_operator = false;
    assert_int_equal(group_status(&all, &row), GROUP_FAILING_OVER); /* to here, not primary */
    assert_int_equal(row, 8);
    all.self_is_primary = true;
    assert_int_equal(group_status(&all, &row), GROUP_FAILING_BACK);
    all.serving = all.local.unplanned = false;
    all.self_is_primary = false;
    assert_int_equal(group_status(&all, &row),
                     GROUP_FAILING_OVER); /* the active site is not primary */
    assert_int_equal(row, 9);
    all.active_is_primary = true;
    assert_int_equal(group_status(&all, &row), GROUP_FAILING_BACK);
    all.transition = false;
    assert_int_equal(group_status(&all, &row), GROUP_TESTING);
    assert_int_equal(row, 10);
    all.local.drill = false;
    all.active_is_primary = false;
    assert_int_equal(group_status(&all, &row), GROUP_FAILED_OVER_PARTIAL);
    all.unrecovered = false;
    assert_int_equal(group_status(&all, &row), GROUP_FAILED_OVER);
    assert_int_equal(row, 12);
    all.active_is_primary = all.unrecovered = true;
    assert_int_equal(group_status(&all, &row), GROUP_ERROR);
    assert_int_equal(row, 13);
    all.unrecovered = false;
    all.staged = all.owed = all.superseded = true; /* change nothing */
    assert_int_equal(group_status(&all, &row), GROUP_ACTIVE);
    assert_int_equal(row, 14);
}

/* A frozen source is on its way to the other site. */
static void frozen_goes_away(void **state)
{
    (void)state;
    struct group_view v = active_view();
    v.role = ROLE_FROZEN;
    assert_int_equal(group_status(&v, NULL), GROUP_FAILING_OVER);
    v.self_is_primary = v.active_is_primary =
        false; /* active at the secondary: back to the primary */
    assert_int_equal(group_status(&v, NULL), GROUP_FAILING_BACK);
}

static void statuses_have_names(void **state)
{
    (void)state;
    for (enum group_status s = GROUP_UNPROTECTED; s < GROUP_STATUSES; s++)
        assert_int_equal(group_status_of(group_status_text(s)), s);
    assert_int_equal(group_status_of("happy"), GROUP_STATUSES);
    for (enum operation_status s = OPERATION_PENDING; s < OPERATION_STATUSES; s++)
        assert_int_equal(operation_status_of(operation_status_text(s)), s);
    assert_int_equal(operation_status_of("asleep"), OPERATION_STATUSES);
    assert_int_equal(operation_status_of(NULL), OPERATION_STATUSES);
    assert_string_equal(operation_status_text_v1_0(OPERATION_NEEDS_OPERATOR), "failed");
    assert_string_equal(operation_status_text_v1_0(OPERATION_WAITING_FOR_PEER), "running");
}

static void operations_move(void **state)
{
    (void)state;
    for (enum operation_status from = OPERATION_PENDING; from < OPERATION_STATUSES; from++) {
        bool somewhere = false;
        for (enum operation_status to = OPERATION_PENDING; to < OPERATION_STATUSES; to++)
            somewhere |= operation_status_may(from, to) && operation_status_terminal(to);
        /* what has ended stays; everything else can end */
        assert_int_equal(somewhere, !operation_status_terminal(from));
    }
    assert_ok(operation_verb_check(OPERATION_RETRY, OPERATION_NEEDS_OPERATOR));
    assert_ok(operation_verb_check(OPERATION_ABANDON, OPERATION_NEEDS_OPERATOR));
    assert_ok(operation_verb_check(OPERATION_ABANDON, OPERATION_ROLLING_BACK));
    assert_code(operation_verb_check(OPERATION_ABANDON, OPERATION_RUNNING), ERR_OPERATION_STATE);
    assert_code(operation_verb_check(OPERATION_RETRY, OPERATION_COMPLETED), ERR_OPERATION_STATE);
    assert_code(operation_verb_check(OPERATION_CANCEL, OPERATION_WAITING_FOR_PEER),
                ERR_OPERATION_STATE);
}

/* ---- verbs ---- */

static void ordinary_verbs(void **state)
{
    (void)state;
    struct group_view a = active_view(), b = standby_view();
    assert_ok(verb_check(VERB_MEMBER_ADD, &a, "web"));
    assert_ok(verb_check(VERB_FAILOVER_PLANNED, &a, "web"));
    assert_ok(verb_check(VERB_DELETE, &a, "web"));
    assert_ok(verb_check(VERB_FAILOVER_UNPLANNED, &b, "web"));
    assert_ok(verb_check(VERB_TEST_FAILOVER, &b, "web"));
    assert_code(verb_check(VERB_FAILBACK, &a, "web"), ERR_GROUP_STATE);
    assert_code(verb_check(VERB_TEST_FAILOVER, &a, "web"), ERR_GROUP_STATE);
    assert_code(verb_check(VERB_FAILOVER_UNPLANNED, &a, "web"), ERR_GROUP_ALREADY_ACTIVE);
    assert_code(verb_check(VERB_SYNC_RESOLVE, &a, "web"), ERR_GROUP_STATE);
    err_t *e = verb_check(VERB_MEMBER_ADD, &b, "web");
    assert_int_equal(err_code(e), ERR_GROUP_NOT_ACTIVE);
    assert_string_equal(err_detail_get(e, "active_site"), "site-a");
    assert_string_equal(err_detail_get(e, "status"), "active");
    assert_non_null(strstr(err_message(e), "add a member to group 'web'"));
    err_free(e);
}

/* A superseded site takes no verb but show, sync and force; when the fork is known a person may
 * keep it. */
static void superseded(void **state)
{
    (void)state;
    struct group_view v = active_view();
    v.superseded = true;
    assert_ok(verb_check(VERB_SHOW, &v, "web"));
    assert_ok(verb_check(VERB_SYNC, &v, "web"));
    assert_ok(verb_check(VERB_FAILOVER_UNPLANNED, &v, "web"));
    assert_code(verb_check(VERB_SYNC_RESOLVE, &v, "web"), ERR_SYNC_SUPERSEDED);
    assert_code(verb_check(VERB_DELETE_PEER_GONE, &v, "web"), ERR_SYNC_SUPERSEDED);
    v.peer_gone = true; /* no STATE will come: a person ends it */
    assert_ok(verb_check(VERB_DELETE_PEER_GONE, &v, "web"));
    assert_ok(verb_check(VERB_UNPROTECT, &v, "web"));
    assert_code(verb_check(VERB_UPDATE, &v, "web"), ERR_SYNC_SUPERSEDED);
    v.peer_gone = false;
    v.split = true;
    assert_ok(verb_check(VERB_SYNC_RESOLVE, &v, "web"));
    assert_code(verb_check(VERB_UPDATE, &v, "web"), ERR_SYNC_SUPERSEDED);
}

/* What a verb meets beside status and role. */
static void refusals(void **state)
{
    (void)state;
    static const struct {
        enum verb verb;
        enum err_code code;
        size_t offset; /* the flag that is set in an active view */
    } rows[] = {
#define WITH(flag) offsetof(struct group_view, flag)
        {VERB_UPDATE, ERR_SYNC_STAGED, WITH(staged)},
        {VERB_UPDATE, ERR_SYNC_OWED, WITH(owed)},
        {VERB_UPDATE, ERR_SYNC_SUPERSEDED, WITH(superseded)},
        {VERB_UPDATE, ERR_SYNC_SPLIT, WITH(split)},
        {VERB_UPDATE, ERR_GROUP_CREATING, WITH(empty)},
        {VERB_UPDATE, ERR_GROUP_DELETING, WITH(deleting)},
        {VERB_UPDATE, ERR_GROUP_STATE, WITH(transition)},
        {VERB_DELETE, ERR_OPERATION_IN_PROGRESS, WITH(local.running)},
        {VERB_FAILOVER_PLANNED, ERR_OPERATION_IN_PROGRESS, WITH(local.drill)},
        {VERB_FAILOVER_UNPLANNED, ERR_GROUP_DELETING, WITH(deleting)},
        {VERB_FAILOVER_UNPLANNED, ERR_GROUP_CREATING, WITH(empty)},
        {VERB_UPDATE, ERR_GROUP_STATE, WITH(unprotected)},
        {VERB_DELETE_PEER_GONE, ERR_SYNC_SPLIT, WITH(split)},
        {VERB_DELETE_PEER_GONE, ERR_SYNC_SUPERSEDED, WITH(superseded)},
        {VERB_UNPROTECT, ERR_SYNC_SUPERSEDED, WITH(superseded)},
        {VERB_UNPROTECT, ERR_GROUP_CREATING, WITH(empty)},
        {VERB_DELETE_UNPROTECTED, ERR_GROUP_STATE, WITH(deleting)},
        {VERB_UPDATE, ERR_GROUP_STATE, WITH(local.needs_operator)},
#undef WITH
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct group_view v = active_view();
        *(bool *)((char *)&v + rows[i].offset) = true;
        assert_code(verb_check(rows[i].verb, &v, "web"), rows[i].code);
        assert_ok(verb_check(VERB_SYNC, &v, "web"));
        assert_ok(verb_check(VERB_SHOW, &v, "web"));
    }
}

static void without_a_policy(void **state)
{
    (void)state;
    struct group_view a = active_view(), b = standby_view();
    a.policy = b.policy = false;
    assert_code(verb_check(VERB_FAILOVER_PLANNED, &a, "web"), ERR_GROUP_NO_POLICY);
    assert_code(verb_check(VERB_FAILOVER_UNPLANNED, &b, "web"), ERR_GROUP_NO_POLICY);
    assert_code(verb_check(VERB_TEST_FAILOVER, &b, "web"), ERR_GROUP_NO_POLICY);
    assert_ok(verb_check(VERB_MEMBER_ADD, &a, "web"));
    a.staged = true; /* a reclaim takes nothing from a point */
    assert_ok(verb_check(VERB_FAILOVER_UNPLANNED, &a, "web"));
}

static void unlisted(void **state)
{
    (void)state;
    struct group_view v = {.role = ROLE_NONE, .empty = true};
    assert_ok(verb_check(VERB_CREATE, &v, "web"));
    assert_ok(verb_check(VERB_SYNC, &v, "web"));
    assert_code(verb_check(VERB_SHOW, &v, "web"), ERR_NOT_FOUND);
    v.role = ROLE_TOMBSTONE;
    assert_code(verb_check(VERB_CREATE, &v, "web"), ERR_GROUP_GONE);
    assert_code(verb_check(VERB_DELETE, &v, "web"), ERR_NOT_FOUND);
    struct group_view a = active_view();
    assert_non_null(strstr(verb_text(VERB_CREATE), "create"));
    assert_code(verb_check(VERB_CREATE, &a, "web"), ERR_GROUP_STATE);
}

static void split_and_recovering(void **state)
{
    (void)state;
    struct group_view v = active_view();
    v.split = true;
    assert_ok(verb_check(VERB_SYNC_RESOLVE, &v, "web"));
    v.role = ROLE_STANDBY;
    assert_code(verb_check(VERB_SYNC_RESOLVE, &v, "web"), ERR_SYNC_KEEP_HAS_NO_SERVERS);
    assert_ok(verb_check(VERB_FAILOVER_UNPLANNED, &v, "web"));
    struct group_view r = active_view();
    r.role = ROLE_RECOVERING;
    assert_code(verb_check(VERB_UPDATE, &r, "web"), ERR_SYNC_RECOVERING);
    assert_ok(verb_check(VERB_FAILOVER_UNPLANNED, &r, "web"));
    assert_code(verb_check(VERB_WITHDRAW, &r, "web"), ERR_GROUP_NOT_CREATING);
    r.empty = true;
    assert_ok(verb_check(VERB_WITHDRAW, &r, "web"));
    r.empty = false;
    assert_code(verb_check(VERB_DELETE_PEER_GONE, &r, "web"), ERR_SYNC_RECOVERING);
    r.peer_gone = true; /* the peer itself has said so */
    assert_ok(verb_check(VERB_DELETE_PEER_GONE, &r, "web"));
    r.peer_gone = false;
    r.deleting = true;
    assert_ok(verb_check(VERB_DELETE_PEER_GONE, &r, "web"));
    assert_code(verb_check(VERB_FAILOVER_UNPLANNED, &r, "web"), ERR_GROUP_DELETING);
}

/* What is left of an unprotected group: it is shown, its drill is cleaned up, it is deleted. */
static void unprotected(void **state)
{
    (void)state;
    struct group_view v = {.role = ROLE_TOMBSTONE, .unprotected = true, .owed = true};
    uint32_t left = 1U << VERB_SHOW | 1U << VERB_SYNC | 1U << VERB_DELETE_UNPROTECTED;
    assert_int_equal(verbs_allowed(&v), left);
    v.local.drill = true;
    assert_ok(verb_check(VERB_TEST_CLEANUP, &v, "web"));
    assert_code(verb_check(VERB_DELETE_UNPROTECTED, &v, "web"), ERR_OPERATION_IN_PROGRESS);
    struct group_view b = standby_view();
    assert_code(verb_check(VERB_UNPROTECT, &b, "web"), ERR_GROUP_NOT_ACTIVE);
    b.policy = false; /* no failover of it can be, and yet it is no dead end */
    assert_ok(verb_check(VERB_DELETE_PEER_GONE, &b, "web"));
}

/* Every verb of the peer's column is one of a user's change or a handover, and no other. */
static void needs_the_peer(void **state)
{
    (void)state;
    static const enum verb with[] = {VERB_CREATE,        VERB_UPDATE,        VERB_DELETE,
                                     VERB_POLICY_SET,    VERB_POLICY_DELETE, VERB_MEMBER_ADD,
                                     VERB_MEMBER_REMOVE, VERB_MAPPING_SET,   VERB_FAILOVER_PLANNED,
                                     VERB_FAILBACK,      VERB_REPROTECT};
    uint32_t expected = 0, seen = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(with); i++)
        expected |= 1U << with[i];
    for (enum verb verb = VERB_SHOW; verb < VERBS; verb++)
        seen |= verb_needs_peer(verb) ? 1U << verb : 0;
    assert_int_equal(seen, expected);
    /* unplanned failover asks nobody, and never is sent elsewhere */
    assert_false(verb_needs_peer(VERB_FAILOVER_UNPLANNED));
    assert_int_equal(verb_where(VERB_FAILOVER_UNPLANNED), WHERE_LOCAL);
}

/* All views that can be (as far as status and verbs tell them apart). */
static bool possible(const struct group_view *v)
{
    bool stands = v->role == ROLE_STANDBY || v->role == ROLE_ACTIVE || v->role == ROLE_FROZEN;
    if (v->split && !stands)
        return false;
    if (v->superseded && v->role != ROLE_ACTIVE)
        return false;
    if (v->role == ROLE_FROZEN && (v->deleting || v->empty))
        return false;
    if (v->empty && v->role != ROLE_ACTIVE && v->role != ROLE_RECOVERING)
        return false;
    if (v->serving && v->role != ROLE_STANDBY)
        return false;
    return !(v->staged && v->role == ROLE_STANDBY);
}

/* "from every cell with the peer dead for ever there is a way to running servers (creating:
 * withdraw; deleting: delete --peer-is-gone; in both they were never touched)". */
static void walk(const struct group_view *v)
{
    uint32_t allowed = verbs_allowed(v);
    enum group_status status = group_status(v, NULL);
    bool force = allowed >> VERB_FAILOVER_UNPLANNED & 1;
    bool runs = v->role == ROLE_ACTIVE;
    bool settles = v->role == ROLE_STANDBY; /* it ends an accepted delete by itself */
    bool ends = v->role == ROLE_ACTIVE || allowed >> VERB_DELETE_PEER_GONE & 1;
    bool deleting = v->deleting && (settles || ends);
    bool creating = v->empty && allowed >> VERB_WITHDRAW & 1;
    if (!force && !runs && !deleting && !creating)
        fail_msg("no way out: role %s, status %s", sync_role_text(v->role),
                 group_status_text(status));
}

/* L2: "force and then unprotect are enabled"; the force's own operation has ended by then. */
static void then_unprotect(const struct group_view *v)
{
    struct group_view after = *v;
    if (v->empty || v->deleting)
        return;
    if (v->role != ROLE_ACTIVE || v->superseded) {
        after.role = ROLE_ACTIVE;
        after.superseded = after.staged = after.serving = after.transition = false;
        after.local = (struct group_local){0};
    }
    after.transition = after.transition && v->local.needs_operator;
    err_t *e = verb_check(VERB_UNPROTECT, &after, "web");
    if (e != NULL)
        fail_msg("role %s: %s", sync_role_text(v->role), err_message(e));
    struct group_view gone = {.role = ROLE_TOMBSTONE, .unprotected = true, .owed = true};
    assert_ok(verb_check(VERB_DELETE_UNPROTECTED, &gone, "web"));
}

static void every_cell_has_a_way_out(void **state)
{
    (void)state;
    static const enum sync_role roles[] = {ROLE_STANDBY, ROLE_ACTIVE, ROLE_FROZEN, ROLE_RECOVERING};
    int walked = 0;
    for (size_t r = 0; r < G_N_ELEMENTS(roles); r++)
        for (unsigned bits = 0; bits < 1U << 12; bits++) {
            struct group_view v = {.role = roles[r],
                                   .policy = true,
                                   .split = bits & 1,
                                   .superseded = bits >> 1 & 1,
                                   .empty = bits >> 2 & 1,
                                   .deleting = bits >> 3 & 1,
                                   .staged = bits >> 4 & 1,
                                   .serving = bits >> 5 & 1,
                                   .transition = bits >> 6 & 1,
                                   .unrecovered = bits >> 7 & 1,
                                   .active_is_primary = bits >> 8 & 1,
                                   .self_is_primary = bits >> 9 & 1,
                                   .owed = true,
                                   .local = {.needs_operator = bits >> 10 & 1,
                                             .drill = bits >> 11 & 1,
                                             .running = bits >> 10 & 1}};
            if (!possible(&v))
                continue;
            walk(&v);
            then_unprotect(&v);
            walked++;
        }
    assert_true(walked > 1000);
}

static void page(void **state)
{
    (void)state;
    g_autofree char *text = states_markdown();
    assert_non_null(strstr(text, "| 14 | active site is primary | active |"));
    assert_non_null(strstr(text, "| failover-unplanned |"));
    assert_non_null(strstr(text, "| PROPOSE | accept, refuse, else |"));
    assert_non_null(strstr(text, "| waiting_for_peer | running |"));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++)
        if (**line == '|')
            assert_true(g_str_has_suffix(*line, "|"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fourteen_rows),
        cmocka_unit_test(frozen_goes_away),
        cmocka_unit_test(statuses_have_names),
        cmocka_unit_test(operations_move),
        cmocka_unit_test(ordinary_verbs),
        cmocka_unit_test(superseded),
        cmocka_unit_test(refusals),
        cmocka_unit_test(without_a_policy),
        cmocka_unit_test(unlisted),
        cmocka_unit_test(split_and_recovering),
        cmocka_unit_test(unprotected),
        cmocka_unit_test(needs_the_peer),
        cmocka_unit_test(every_cell_has_a_way_out),
        cmocka_unit_test(page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
