/* SPDX-License-Identifier: Apache-2.0 */
/* WHAT MAY RUN SERVERS, claims, copies, points, and that the oracle can see each of S1 to S5 and
 * L1. */
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

#define ALL_ACTS 4

/* A bit per act (boot start promote unfence) that is allowed for a reason. */
static unsigned may(const struct sync_state *s, enum safety_why why)
{
    unsigned bits = 0;
    for (int act = 0; act < ALL_ACTS; act++) {
        g_autoptr(err_t) e = safety_act(s, (enum safety_act)act, why);
        bits |= e == NULL ? 1U << act : 0;
    }
    return bits;
}

enum { BOOT = 1, START = 2, PROMOTE = 4, UNFENCE = 8, ALL = 15 };

static void what_may_run_servers(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_int_equal(may(&p.s[A], SAFETY_SERVE), ALL); /* the creator in epoch 0 */
    assert_int_equal(may(&p.s[B], SAFETY_SERVE), 0);
    assert_int_equal(may(&p.s[B], SAFETY_UNWIND), 0); /* no handover runs there */
    assert_int_equal(may(&p.s[B], SAFETY_DRILL), BOOT);
    assert_int_equal(may(&p.s[A], SAFETY_DRILL), ALL); /* it serves anyway */
    assert_int_equal(may(&p.s[B], SAFETY_DEMOTE), UNFENCE);
    assert_int_equal(may(&p.s[B], SAFETY_BEFORE_CLAIM), UNFENCE);
    assert_ok(pair_handover(&p, A, "op-h"));
    assert_int_equal(may(&p.s[A], SAFETY_SERVE), 0); /* from the moment it is staged */
    assert_true(pair_carry(&p));
    assert_int_equal(may(&p.s[B], SAFETY_SERVE), 0);
    assert_int_equal(may(&p.s[B], SAFETY_UNWIND), START | UNFENCE);
    assert_int_equal(may(&p.s[B], SAFETY_DRILL), 0); /* it is about to be active */
    assert_ok(pair_claim(&p, B));
    assert_int_equal(may(&p.s[B], SAFETY_SERVE), ALL);
    assert_true(pair_carry(&p));
    assert_int_equal(may(&p.s[A], SAFETY_SERVE), 0);
    pair_incarnate(&p, B);
    assert_ok(PAIR(&p, B, sync_restored));
    assert_int_equal(may(&p.s[B], SAFETY_SERVE), 0);
    pair_fini(&p);
}

static void split_sites_keep_running(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_true(pair_fact(&p, A, "m"));
    assert_ok(pair_force(&p, B));
    assert_true(pair_carry(&p));
    assert_true(p.s[A].split && p.s[B].split);
    assert_true(safety_may_run(&p.s[A]) && safety_may_run(&p.s[B]));
    pair_fini(&p);
}

/* Each row: evidence that is good but for one thing. */
static void claims(void **state)
{
    (void)state;
    const struct safety_evidence good = pair_from_point, place = pair_in_place;
    struct safety_evidence e;
    assert_ok(safety_claim(&good, true));
    assert_ok(safety_claim(&good, false));
    assert_ok(safety_claim(&place, false));
    assert_code(safety_claim(&place, true), ERR_SAFETY_POINT);
    e = good, e.volumes_from_point = 1;
    assert_code(safety_claim(&e, true), ERR_SAFETY_MIXED_POINTS);
    assert_code(safety_claim(&e, false), ERR_SAFETY_MIXED_POINTS);
    e = good, e.point = NULL;
    assert_code(safety_claim(&e, false), ERR_SAFETY_MIXED_POINTS);
    e = good, e.point_complete = false;
    assert_code(safety_claim(&e, true), ERR_SAFETY_POINT);
    e = good, e.point_usable = false;
    assert_code(safety_claim(&e, false), ERR_SAFETY_POINT);
    e = good, e.sources_stopped = false;
    assert_code(safety_claim(&e, true), ERR_SAFETY_UNDRAINED);
    assert_ok(safety_claim(&e, false));
    e = good, e.recorded = false;
    assert_code(safety_claim(&e, false), ERR_SAFETY_UNRECORDED);
    e = good, e.fenced = false;
    assert_code(safety_claim(&e, false), ERR_SAFETY_UNFENCED);
    e.fence_impossible = true;
    assert_ok(safety_claim(&e, false));
    e = (struct safety_evidence){.data = SAFETY_FROM_KEPT,
                                 .recorded = true,
                                 .fence_impossible = true};
    assert_ok(safety_claim(&e, false));
    assert_code(safety_claim(&e, true), ERR_SAFETY_POINT);
    e = (struct safety_evidence){.data = SAFETY_NOTHING, .sources_stopped = true, .recorded = true};
    assert_ok(safety_claim(&e, true));
    assert_code(safety_claim(&e, false), ERR_SAFETY_UNFENCED);
    e.volumes = 1;
    assert_code(safety_claim(&e, true), ERR_SAFETY_POINT);
    e.volumes = 0, e.sources_stopped = false;
    assert_code(safety_claim(&e, true), ERR_SAFETY_UNDRAINED);
}

static void undrained_copies(void **state)
{
    (void)state;
    struct safety_copy drained = {.drained = true}, forced = {.forced = true, .recorded = true};
    struct safety_copy silent = {.forced = true}, neither = {.recorded = true};
    assert_ok(safety_boot_copy(&drained));
    assert_ok(safety_boot_copy(&forced));
    assert_code(safety_boot_copy(&silent), ERR_SAFETY_UNDRAINED);
    assert_code(safety_boot_copy(&neither), ERR_SAFETY_UNDRAINED);
    assert_ok(safety_skip(false, "server.boot"));
    assert_code(safety_skip(true, "group.claim"), ERR_SAFETY_NO_SKIP);
}

/* ---- the oracle can see ---- */

static const char *seen(const struct pair *p)
{
    const struct sync_state *const sites[SITES] = {&p->s[A], &p->s[B]};
    return safety_all(p->watch, sites);
}

static void sees_s1_and_i1(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    const struct sync_state *const sites[SITES] = {&p.s[A], &p.s[B]};
    assert_null(seen(&p));
    p.s[B].role = ROLE_ACTIVE;
    assert_true(g_str_has_prefix(safety_s1(sites), "S1"));
    assert_true(g_str_has_prefix(safety_s2(sites), "S2"));
    g_autoptr(err_t) e = sync_check(&p.s[B]);
    assert_non_null(strstr(err_message(e), "I1"));
    p.s[B].role = ROLE_STANDBY;
    pair_fini(&p);
}

static void sees_s2(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_ok(pair_handover(&p, A, "op-h"));
    assert_true(pair_carry(&p));
    assert_ok(pair_claim(&p, B));
    p.s[A].role = ROLE_ACTIVE; /* as if ABORTED had come as well */
    p.s[A].frozen_for[0] = '\0';
    const struct sync_state *const sites[SITES] = {&p.s[A], &p.s[B]};
    assert_null(safety_s1(sites));
    assert_true(g_str_has_prefix(safety_s2(sites), "S2"));
    pair_fini(&p);
    pair_start(&p);
    assert_ok(pair_force(&p, B)); /* forced: two active are told, not hidden */
    assert_null(seen(&p));
    pair_fini(&p);
}

static void sees_s3_and_s4(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    char lost[HASH_HEX_SIZE];
    hash_hex("x", 1, lost);
    safety_watch_acknowledged(p.watch, lost);
    assert_true(g_str_has_prefix(seen(&p), "S3"));
    safety_watch_logged(p.watch, lost);
    assert_null(seen(&p));
    AUTO(safety_watch) copy = safety_watch_copy(p.watch);
    g_autoptr(GString) one = g_string_new(NULL);
    g_autoptr(GString) two = g_string_new(NULL);
    safety_watch_print(p.watch, one);
    safety_watch_print(copy, two);
    assert_string_equal(one->str, two->str);
    safety_watch_refused(p.watch, p.s[A].pos);
    assert_true(g_str_has_prefix(seen(&p), "S4"));
    pair_fini(&p);
}

/* After a restore of one site an acknowledged change must stand at one; of both, nowhere. */
static void s3_after_restores(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    struct sync_state old;
    sync_state_copy(&p.s[B], &old);
    assert_ok(pair_change(&p, A, "op-1", "x"));
    assert_true(pair_carry(&p));
    sync_state_fini(&p.s[B]);
    p.s[B] = old; /* an undetected restore */
    assert_true(g_str_has_prefix(seen(&p), "S3"));
    safety_watch_restored(p.watch, B);
    assert_null(seen(&p));
    pair_fini(&p);
}

static void sees_s5(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    struct sync_state before;
    sync_state_copy(&p.s[A], &before);
    assert_null(safety_s5(&before, &p.s[A], false));
    p.s[A].role = ROLE_STANDBY;
    assert_true(g_str_has_prefix(safety_s5(&before, &p.s[A], false), "S5"));
    assert_null(safety_s5(&before, &p.s[A], true));
    p.s[A].role = ROLE_ACTIVE;
    assert_ok(pair_force(&p, B));
    assert_true(pair_carry(&p));
    assert_int_equal(p.s[A].role, ROLE_STANDBY);
    assert_null(safety_s5(&before, &p.s[A], false)); /* a person forced at B */
    sync_state_fini(&before);
    pair_fini(&p);
}

static void sees_l1(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    const struct sync_state *const sites[SITES] = {&p.s[A], &p.s[B]};
    assert_null(safety_l1(sites));
    assert_true(pair_fact(&p, A, "m"));
    assert_non_null(safety_l1(sites));
    assert_true(pair_carry(&p));
    assert_null(safety_l1(sites));
    assert_ok(pair_change(&p, A, "op-1", "x"));
    assert_non_null(safety_l1(sites));
    assert_true(pair_carry(&p));
    p.s[B].split = true;
    assert_non_null(safety_l1(sites));
    p.s[B].split = false;
    assert_ok(pair_handover(&p, A, "op-h"));
    assert_true(pair_carry(&p));
    assert_non_null(safety_l1(sites));
    pair_fini(&p);
}

/* The target that has claimed no point yet; and a handover's target unwinds before the ABORTED. */
static void excuses(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_ok(pair_handover(&p, A, "op-h"));
    assert_int_equal(may(&p.s[A], SAFETY_UNWIND), 0);
    assert_int_equal(may(&p.s[A], SAFETY_DEMOTE), 0);
    pair_fini(&p);
    pair_init(&p); /* a group that is not there: nobody has opened an epoch */
    err_t *e = safety_act(&p.s[A], SAFETY_BOOT, SAFETY_SERVE);
    assert_non_null(strstr(err_message(e), "opened by site ?"));
    assert_code(e, ERR_SAFETY_NOT_ACTIVE);
    pair_fini(&p);
    pair_start(&p);
    p.s[B].role = ROLE_ACTIVE; /* in an epoch that is not its own: the role alone says nothing */
    assert_false(safety_may_run(&p.s[B]));
    p.s[B].role = ROLE_STANDBY;
    pair_fini(&p);
}

static void points(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    const struct safety_point good = {.id = "point-1", .made_by = pair_uuid[A], .complete = true};
    struct safety_point point = good;
    assert_ok(safety_point_usable(&p.s[B], &point));
    point.made_by = NULL;
    err_t *e = safety_point_usable(&p.s[B], &point);
    assert_non_null(strstr(err_message(e), "made by site ?"));
    assert_code(e, ERR_SAFETY_POINT);
    point = good, point.made_by = pair_uuid[B];
    assert_code(safety_point_usable(&p.s[B], &point), ERR_SAFETY_POINT);
    point = good, point.complete = false;
    assert_code(safety_point_usable(&p.s[B], &point), ERR_SAFETY_POINT);
    point = good, point.lineage = 2;
    assert_code(safety_point_usable(&p.s[B], &point), ERR_SAFETY_POINT);
    /* a lineage of which the history has no epoch */
    json_t *draft = sync_draft(&p.s[B]);
    body_claim_set(draft, NULL, 8);
    body_unref(p.s[B].body);
    p.s[B].body = pair_seal(draft);
    point = good, point.lineage = 8;
    assert_code(safety_point_usable(&p.s[B], &point), ERR_SAFETY_POINT);
    pair_fini(&p);
}

/* Each property is seen through safety_all, and what is no breach is none. */
static void all_sees_each(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    p.s[B].role = ROLE_ACTIVE;
    assert_true(g_str_has_prefix(seen(&p), "S1"));
    p.s[B].role = ROLE_STANDBY;
    p.s[B].superseded = true;
    assert_non_null(strstr(seen(&p), "superseded without ACTIVE"));
    p.s[B].superseded = false;
    assert_ok(pair_handover(&p, A, "op-h"));
    assert_true(pair_carry(&p));
    assert_ok(pair_claim(&p, B));
    p.s[A].role = ROLE_ACTIVE;
    assert_true(g_str_has_prefix(seen(&p), "S2"));
    pair_fini(&p);
    pair_start(&p);
    char lost[HASH_HEX_SIZE];
    hash_hex("x", 1, lost);
    safety_watch_acknowledged(p.watch, lost);
    safety_watch_restored(p.watch, A);
    assert_true(g_str_has_prefix(seen(&p), "S3"));
    safety_watch_restored(p.watch, B); /* of both nothing can be promised */
    assert_null(seen(&p));
    pair_fini(&p);
    safety_watch_destroy(NULL);
}

/* A refusal that became true at one site only; and one whose position the other knows. */
static void s4_at_either_site(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_true(pair_fact(&p, A, "m"));
    safety_watch_refused(p.watch, p.s[A].pos);
    assert_true(g_str_has_prefix(seen(&p), "S4"));
    pair_fini(&p);
    pair_start(&p);
    assert_ok(pair_force(&p, B));
    safety_watch_refused(p.watch, p.s[B].pos);
    assert_true(g_str_has_prefix(seen(&p), "S4"));
    pair_fini(&p);
}

/* A create that was refused and a delete that was finished take nothing from anybody. */
static void s5_of_ends(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p);
    struct sync_state before;
    assert_ok(PAIR(&p, A, sync_create));
    sync_state_copy(&p.s[A], &before);
    assert_ok(PAIR(&p, A, sync_withdraw));
    assert_int_equal(p.s[A].role, ROLE_TOMBSTONE);
    assert_null(safety_s5(&before, &p.s[A], false));
    p.s[A].role = ROLE_NONE;
    assert_null(safety_s5(&before, &p.s[A], false));
    p.s[A].role = ROLE_TOMBSTONE;
    sync_state_fini(&before);
    pair_fini(&p);
    pair_start(&p);
    json_t *draft = sync_draft(&p.s[A]);
    assert_ok(body_delete(draft));
    AUTO(body) deleted = pair_seal(draft);
    assert_ok(pair_reserve(&p, A, "op-d"));
    assert_ok(PAIR(&p, A, sync_stage, "op-d", deleted));
    assert_true(pair_carry(&p));
    sync_state_copy(&p.s[A], &before);
    assert_ok(PAIR(&p, A, sync_tombstone));
    assert_null(safety_s5(&before, &p.s[A], false));
    /* both have ended it: at rest, once each has heard of it */
    assert_ok(PAIR(&p, B, sync_tombstone));
    assert_true(pair_carry(&p));
    assert_true(pair_at_rest(&p));
    sync_state_fini(&before);
    pair_fini(&p);
}

static void l1_of_roles(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    const struct sync_state *const sites[SITES] = {&p.s[A], &p.s[B]};
    p.s[A].role = ROLE_RECOVERING;
    assert_non_null(strstr(safety_l1(sites), "roles"));
    p.s[A].role = ROLE_TOMBSTONE;
    assert_non_null(strstr(safety_l1(sites), "roles"));
    p.s[A].role = ROLE_STANDBY;
    assert_non_null(strstr(safety_l1(sites), "roles"));
    p.s[A].role = ROLE_ACTIVE;
    g_strlcpy(p.s[B].serving, "x", HASH_HEX_SIZE);
    assert_non_null(strstr(safety_l1(sites), "serving"));
    p.s[B].serving[0] = '\0';
    g_strlcpy(p.s[A].frozen_for, "x", HASH_HEX_SIZE);
    assert_non_null(strstr(safety_l1(sites), "frozen"));
    p.s[A].frozen_for[0] = '\0';
    assert_null(safety_l1(sites));
    pair_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_may_run_servers),
        cmocka_unit_test(split_sites_keep_running),
        cmocka_unit_test(claims),
        cmocka_unit_test(undrained_copies),
        cmocka_unit_test(sees_s1_and_i1),
        cmocka_unit_test(sees_s2),
        cmocka_unit_test(sees_s3_and_s4),
        cmocka_unit_test(s3_after_restores),
        cmocka_unit_test(sees_s5),
        cmocka_unit_test(sees_l1),
        cmocka_unit_test(excuses),
        cmocka_unit_test(points),
        cmocka_unit_test(all_sees_each),
        cmocka_unit_test(s4_at_either_site),
        cmocka_unit_test(s5_of_ends),
        cmocka_unit_test(l1_of_roles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
