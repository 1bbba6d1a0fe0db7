/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies: bytes, checks, successors, facts. */
#include "model/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define SITE_A "0a000000-0000-4000-8000-000000000000"
#define SITE_B "fb000000-0000-4000-8000-000000000000"

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

static json_t *group(const char *type)
{
    struct body_create_spec spec = {.group = "pg-1",
                                    .name = "web",
                                    .description = "d",
                                    .replication_type = type,
                                    .consistency_group_id = "cg-1",
                                    .primary = {SITE_A, "site-a", "pa", "gold", NULL},
                                    .secondary = {SITE_B, "site-b", "pb", "silver", "type-id"},
                                    .now_ms = 1737000000000};
    json_t *j = NULL;
    assert_ok(body_create(&spec, &j));
    return j;
}

static json_t *json_of(const char *text)
{
    json_t *j = NULL;
    assert_ok(json_parse(text, strlen(text), "test", &j));
    return j;
}

static json_t *member(const char *id, const char *instance, const char *volume)
{
    g_autofree char *text = g_strdup_printf(
        "{\"id\":\"%s\",\"instance_id\":\"%s\",\"instance_name\":\"n\",\"status\":\"protected\","
        "\"config\":{\"flavor\":\"m1\"},\"volumes\":[{\"id\":\"%s\",\"size\":1,\"type\":\"gold\","
        "\"bootable\":true,\"boot_index\":0,\"device\":\"/dev/vda\"}]}",
        id, instance, volume);
    return json_of(text);
}

static json_t *policy(void)
{
    return json_of(
        "{\"id\":\"p-1\",\"primary_fa_url\":\"https://a\",\"secondary_fa_url\":\"https://b\","
        "\"pure_pg_name\":\"pg-web\",\"replication_interval\":300,\"rpo_minutes\":15,"
        "\"tokens\":{\"primary_fa_token\":{\"" SITE_A "\":\"x\",\"" SITE_B "\":\"y\"},"
        "\"secondary_fa_token\":{\"" SITE_A "\":\"z\",\"" SITE_B "\":\"w\"}}}");
}

static void bytes_are_canonical_and_kept(void **state)
{
    (void)state;
    struct body *sealed = NULL, *parsed = NULL, *again = NULL;
    json_t *draft = group("async");
    json_set_str(draft, "zz_new", "x");
    assert_ok(body_seal(draft, &sealed));
    assert_ok(body_parse(body_text(sealed), body_size(sealed), &parsed));
    assert_string_equal(body_hash(parsed), body_hash(sealed));
    assert_string_equal(json_str(body_json(parsed), "zz_new"), "x");
    assert_ok(body_seal(body_draft(parsed), &again));
    assert_string_equal(body_text(again), body_text(sealed));
    /* other bytes of the same meaning are another body, kept as they came */
    g_autofree char *pretty = json_print_pretty(body_json(sealed));
    struct body *other = NULL;
    assert_ok(body_parse(pretty, strlen(pretty), &other));
    assert_string_equal(body_text(other), pretty);
    assert_string_not_equal(body_hash(other), body_hash(sealed));
    body_unref(sealed);
    body_unref(parsed);
    body_unref(again);
    body_unref(other);
}

static void reading(void **state)
{
    (void)state;
    g_autoptr(json_t) j = group("sync");
    assert_string_equal(body_group(j), "pg-1");
    assert_string_equal(body_name(j), "web");
    assert_string_equal(body_primary_site(j), SITE_A);
    assert_string_equal(body_other_site(j, SITE_A), SITE_B);
    assert_string_equal(body_other_site(j, SITE_B), SITE_A);
    assert_null(body_other_site(j, "x"));
    assert_string_equal(body_project(j, SITE_B), "pb");
    assert_string_equal(body_volume_type(j, SITE_B), "silver");
    assert_string_equal(json_str(j, "created_at"), "2025-01-16T04:00:00Z");
    assert_null(body_policy(j));
    assert_null(body_transition_operation(j));
    assert_false(body_deleting(j) || body_unrecovered(j));
    assert_int_equal(body_lineage(j), 0);
}

/* Each: a change that makes a good body bad. */
static void checks(void **state)
{
    (void)state;
    g_autofree char *long_name = g_strnfill(BODY_NAME_MAX + 1, 'x');
    g_autofree char *wrong_name = g_strdup_printf("{\"name\":\"%s\"}", long_name);
    const char *const bad[] = {
        wrong_name,
        "{\"name\":\"\"}",
        "{\"name\":\"a\\nb\"}",
        "{\"name\":7}",
        "{\"schema\":\"1\"}",
        "{\"replication_type\":\"both\"}",
        "{\"primary_site\":\"a\"}",
        "{\"primary_site\":\"" SITE_B "\"}",
        "{\"sites\":{}}",
        "{\"sites\":{\"" SITE_A "\":{},\"" SITE_B "\":{}}}",
        "{\"members\":{}}",
        "{\"members\":[{}]}",
        "{\"members\":[7]}",
        "{\"policy\":[]}",
        "{\"policy\":{}}",
        "{\"mappings\":{\"x\":{}}}",
        "{\"mappings\":{\"" SITE_A "\":{\"colour\":{}}}}",
        "{\"mappings\":{\"" SITE_A "\":{\"network\":{\"\":\"b\"}}}}",
        "{\"mappings\":{\"" SITE_A "\":{\"network\":{\"a\":7}}}}",
        "{\"deleting\":0}",
        "{\"deleting\":null}",
        "{\"transition\":{}}",
        "{\"transition\":{\"operation\":\"op\",\"target\":\"11111111-2222-4333-8444-555555555555\"}"
        "}",
        "{\"lineage\":-1}",
        "{\"failover_count\":1.5}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(json_t) j = group("async");
        g_autoptr(json_t) change = json_of(bad[i]);
        json_object_update(j, change);
        err_t *e = body_check(j);
        if (e == NULL)
            fail_msg("accepted: %s", bad[i]);
        assert_code(e, ERR_BODY_INVALID);
    }
    struct body *body = NULL;
    assert_code(body_parse("{", 1, &body), ERR_PARSE);
    assert_code(body_parse("[]", 2, &body), ERR_BODY_INVALID);
    g_autofree char *huge = g_strnfill(BODY_SIZE_MAX + 1, ' ');
    assert_code(body_parse(huge, BODY_SIZE_MAX + 1, &body), ERR_TOO_LARGE);
}

/* Characters count, not bytes. */
static void names_in_characters(void **state)
{
    (void)state;
    GString *name = g_string_new(NULL);
    for (int i = 0; i < BODY_NAME_MAX; i++)
        g_string_append(name, "\xf0\x9f\x90\x8c");
    g_autoptr(json_t) j = group("async");
    assert_ok(body_update(j, name->str, NULL));
    g_string_append(name, "x");
    assert_code(body_update(j, name->str, NULL), ERR_BODY_INVALID);
    g_string_free(name, TRUE);
}

static void updating(void **state)
{
    (void)state;
    g_autoptr(json_t) j = group("async");
    assert_ok(body_update(j, "shop", NULL));
    assert_string_equal(body_name(j), "shop");
    assert_string_equal(json_str(j, "description"), "d");
    assert_ok(body_update(j, NULL, ""));
    assert_null(json_str(j, "description"));
    body_touch(j, 0);
    assert_string_equal(json_str(j, "updated_at"), "1970-01-01T00:00:00Z");
}

static void policies(void **state)
{
    (void)state;
    g_autoptr(json_t) j = group("async");
    g_autoptr(json_t) fields = policy();
    assert_code(body_policy_delete(j), ERR_NOT_FOUND);
    assert_ok(body_policy_set(j, fields));
    assert_string_equal(body_token_box(j, "primary_fa_token", SITE_B), "y");
    assert_null(body_token_box(j, "primary_fa_token", "x"));
    g_autoptr(json_t) some = json_of("{\"rpo_minutes\":30}");
    assert_ok(body_policy_set(j, some)); /* the rest stays */
    assert_int_equal(json_int(body_policy(j), "rpo_minutes", 0), 30);
    assert_string_equal(body_token_box(j, "secondary_fa_token", SITE_A), "z");
    assert_ok(body_policy_delete(j));
    static const char *const bad[] = {"{\"primary_fa_url\":\"http://a\"}",
                                      "{\"colour\":\"red\"}",
                                      "{\"rpo_minutes\":null}",
                                      "{\"replication_interval\":0}",
                                      "{\"replication_interval\":604801}",
                                      "{\"rpo_minutes\":\"15\"}",
                                      "{\"tokens\":{\"primary_fa_token\":{\"" SITE_A
                                      "\":\"only one\"}}}",
                                      "{\"tokens\":{\"primary_fa_token\":{\"x\":\"y\"}}}",
                                      "{\"pure_pg_name\":\"\"}"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(json_t) draft = group("async");
        g_autoptr(json_t) good = policy();
        g_autoptr(json_t) wrong = json_of(bad[i]);
        assert_ok(body_policy_set(draft, good));
        assert_code(body_policy_set(draft, wrong), ERR_BODY_INVALID);
    }
    g_autoptr(json_t) sync = group("sync");
    g_autoptr(json_t) intervals = policy();
    assert_code(body_policy_set(sync, intervals), ERR_BODY_INVALID);
    g_autoptr(json_t) sync2 = group("sync");
    json_object_del(intervals, "rpo_minutes");
    json_object_del(intervals, "replication_interval");
    assert_ok(body_policy_set(sync2, intervals));
}

static void members(void **state)
{
    (void)state;
    g_autoptr(json_t) j = group("async");
    assert_ok(body_member_add(j, member("member-1", "i-1", "v-1")));
    assert_ok(body_member_add(j, member("member-2", "i-2", "v-2")));
    assert_ok(body_member_add(j, member("member-1", "i-1", "v-9"))); /* replaced */
    assert_int_equal(json_array_size(body_members(j)), 2);
    assert_ptr_equal(body_member(j, "member-1"), body_member(j, "i-1"));
    assert_code(body_member_add(j, member("member-3", "i-3", "v-2")), ERR_BODY_INVALID);
    g_autoptr(json_t) k = group("async");
    assert_ok(body_member_add(k, member("member-1", "i-1", "v-1")));
    assert_code(body_member_status(k, "member-9", "error", NULL), ERR_NOT_FOUND);
    assert_ok(body_member_status(k, "member-1", "unrecovered", "no quota"));
    assert_true(body_unrecovered(k));
    assert_ok(body_member_status(k, "member-1", "protected", NULL));
    assert_null(json_str(body_member(k, "i-1"), "error_message"));
    assert_ok(body_member_remove(k, "i-1"));
    assert_code(body_member_remove(k, "i-1"), ERR_NOT_FOUND);
    assert_code(body_member_status(j, "member-1", "happy", NULL), ERR_BODY_INVALID);
}

static void members_have_a_maximum(void **state)
{
    (void)state;
    g_autoptr(json_t) j = group("async");
    json_t *list = body_members(j);
    for (int i = 0; i < BODY_MEMBERS_MAX - 1; i++) {
        g_autofree char *id = g_strdup_printf("m-%d", i);
        g_autofree char *instance = g_strdup_printf("i-%d", i);
        g_autofree char *volume = g_strdup_printf("v-%d", i);
        json_array_append_new(list, member(id, instance, volume));
    }
    assert_ok(body_member_add(j, member("last", "i-last", "v-last")));
    assert_code(body_member_add(j, member("more", "i-more", "v-more")), ERR_BODY_INVALID);
}

/* SRC=DST is read backwards on the way back. */
static void mappings(void **state)
{
    (void)state;
    g_autoptr(json_t) j = group("async");
    assert_null(body_mapping(j, SITE_A, "network", "net-a"));
    assert_ok(body_mapping_set(j, SITE_A, "network", "net-a", "net-b"));
    assert_string_equal(body_mapping(j, SITE_A, "network", "net-a"), "net-b");
    assert_string_equal(body_mapping(j, SITE_B, "network", "net-b"), "net-a");
    assert_null(body_mapping(j, SITE_B, "network", "net-a"));
    assert_ok(body_mapping_set(j, SITE_B, "network", "net-b", "net-c")); /* its own row wins */
    assert_string_equal(body_mapping(j, SITE_B, "network", "net-b"), "net-c");
    assert_ok(body_mapping_set(j, SITE_A, "network", "net-a", NULL));
    assert_null(body_mapping(j, SITE_A, "network", "net-a"));
    assert_code(body_mapping_set(j, SITE_A, "network", "net-a", NULL), ERR_NOT_FOUND);
    assert_code(body_mapping_set(j, "x", "network", "a", "b"), ERR_BODY_INVALID);
    assert_code(body_mapping_set(j, SITE_A, "colour", "a", "b"), ERR_BODY_INVALID);
}

static void operations_write(void **state)
{
    (void)state;
    g_autoptr(json_t) j = group("async");
    body_transition_set(j, "op-1", SITE_B);
    assert_ok(body_check(j));
    assert_string_equal(body_transition_target(j), SITE_B);
    body_transition_clear(j);
    assert_null(body_transition_target(j));
    body_claim_set(j, json_of("{\"forced\":true}"), 3);
    assert_int_equal(body_lineage(j), 3);
    body_claim_set(j, NULL, -1);
    assert_int_equal(body_lineage(j), 3);
    body_failover_done(j, 0);
    assert_int_equal(body_failover_count(j), 1);
    assert_string_equal(json_str(j, "last_failover_at"), "1970-01-01T00:00:00Z");
    assert_ok(body_local_set(j, SITE_B, "servers", "member-1", json_string("s-1")));
    assert_string_equal(json_string_value(body_local(j, SITE_B, "servers", "member-1")), "s-1");
    assert_ok(body_local_set(j, SITE_B, "servers", "member-1", NULL));
    assert_null(body_local(j, SITE_B, "servers", "member-1"));
    assert_code(body_local_set(j, "x", "servers", "m", json_null()), ERR_BODY_INVALID);
    body_swap(j);
    assert_string_equal(body_primary_site(j), SITE_B);
    assert_string_equal(body_secondary_site(j), SITE_A);
    assert_ok(body_delete(j));
    assert_code(body_delete(j), ERR_GROUP_DELETING);
    assert_ok(body_check(j));
}

/* The arrays go with their sites, whichever of the tokens there are. */
static void arrays_swap(void **state)
{
    (void)state;
    g_autoptr(json_t) j = group("async");
    g_autofree char *fields =
        g_strdup_printf("{\"primary_fa_url\":\"https://a\",\"secondary_fa_url\":\"https://"
                        "b\",\"pure_pg_name\":\"pg\","
                        "\"replication_interval\":60,\"rpo_minutes\":5,\"id\":\"p\","
                        "\"tokens\":{\"primary_fa_token\":{\"%s\":\"b1\",\"%s\":\"b2\"}}}",
                        SITE_A, SITE_B);
    json_t *policy = NULL;
    assert_ok(json_parse(fields, strlen(fields), "policy", &policy));
    json_set(j, "policy", policy);
    body_swap(j);
    assert_string_equal(json_str(policy, "primary_fa_url"), "https://b");
    assert_string_equal(json_str(policy, "secondary_fa_url"), "https://a");
    assert_null(body_token_box(j, "primary_fa_token", SITE_A));
    assert_string_equal(body_token_box(j, "secondary_fa_token", SITE_A), "b1");
    body_swap(j);
    assert_string_equal(json_str(policy, "primary_fa_url"), "https://a");
    assert_string_equal(body_token_box(j, "primary_fa_token", SITE_B), "b2");
}

static void facts_fold(void **state)
{
    (void)state;
    g_autoptr(json_t) j = group("async");
    assert_ok(body_member_add(j, member("member-1", "i-1", "v-1")));
    g_autoptr(json_t) delta = json_of(
        "{\"failover_count\":2,\"members\":[{\"id\":\"member-1\",\"status\":\"unrecovered\"},"
        "{\"id\":\"member-gone\",\"status\":\"error\"}],"
        "\"sites\":{\"" SITE_B
        "\":{\"local\":{\"servers\":{\"member-1\":\"s\"}}}},\"transition\":null}");
    assert_ok(body_fold(j, delta));
    assert_int_equal(body_failover_count(j), 2);
    assert_true(body_unrecovered(j));
    assert_int_equal(json_array_size(body_members(j)), 1);
    assert_string_equal(json_string_value(body_local(j, SITE_B, "servers", "member-1")), "s");
    static const char *const bad[] = {"{\"name\":\"x\"}",
                                      "{\"policy\":null}",
                                      "{\"deleting\":true}",
                                      "{\"members\":[{\"id\":\"member-1\",\"config\":{}}]}",
                                      "{\"sites\":{\"" SITE_B "\":{\"project_id\":\"other\"}}}",
                                      "{\"members\":[7]}",
                                      "[]",
                                      "{\"primary_site\":\"" SITE_B "\"}",
                                      "{\"failover_count\":-1}"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(json_t) draft = json_deep_copy(j);
        g_autoptr(json_t) wrong = json_of(bad[i]);
        assert_code(body_fold(draft, wrong), ERR_BODY_INVALID);
    }
}

/* What takes away, or may only follow acceptance, is settled; what adds is not. */
static void settling(void **state)
{
    (void)state;
    g_autoptr(json_t) base = group("async");
    assert_ok(body_member_add(base, member("member-1", "i-1", "v-1")));
    g_autoptr(json_t) added = json_deep_copy(base);
    assert_ok(body_member_add(added, member("member-2", "i-2", "v-2")));
    assert_false(body_needs_settle(base, added));
    assert_true(body_needs_settle(added, base));
    assert_false(body_needs_settle(NULL, base));
    g_autoptr(json_t) renamed = json_deep_copy(base);
    assert_ok(body_update(renamed, "x", NULL));
    assert_false(body_needs_settle(base, renamed));
    g_autoptr(json_t) with_policy = json_deep_copy(base);
    g_autoptr(json_t) fields = policy();
    assert_ok(body_policy_set(with_policy, fields));
    assert_true(body_needs_settle(base, with_policy));
    assert_true(body_needs_settle(with_policy, base));
    assert_false(body_needs_settle(with_policy, with_policy));
    g_autoptr(json_t) fewer = json_deep_copy(base);
    json_array_clear(json_arr(body_member(fewer, "i-1"), "volumes"));
    assert_true(body_needs_settle(base, fewer));
    g_autoptr(json_t) deleting = json_deep_copy(base);
    assert_ok(body_delete(deleting));
    assert_true(body_needs_settle(base, deleting));
    assert_true(body_needs_settle(NULL, deleting)); /* a lost group, taken in again */
}

/* Asked for, it is written; not asked for, the body is what it always was. */
static void data_are_verified(void **state)
{
    (void)state;
    g_autoptr(json_t) j = group("async");
    g_autoptr(json_t) on = policy();
    g_autoptr(json_t) off = json_pack("{s:b}", "verify_data", 0);
    g_autoptr(json_t) unsaid = json_pack("{s:n}", "verify_data");
    assert_false(body_verifies(j));
    assert_false(body_replicates(j)); /* there is no policy yet */
    json_set_bool(on, "verify_data", true);
    assert_ok(body_policy_set(j, on));
    assert_true(body_verifies(j));
    assert_true(body_replicates(j));
    assert_ok(body_policy_set(j, unsaid));
    assert_true(body_verifies(j));
    assert_ok(body_policy_set(j, off));
    assert_false(body_verifies(j));
    assert_null(json_object_get(body_policy(j), "verify_data"));
}

/* A member is captured anew: its status and start order stay, and the rest is as it is now. */
static void members_are_renewed(void **state)
{
    (void)state;
    g_autoptr(json_t) j = group("async");
    assert_ok(body_member_add(j, member("member-1", "i-1", "v-1")));
    assert_ok(body_member_add(j, member("member-2", "i-2", "v-2")));
    assert_ok(body_member_status(j, "member-2", "error", "no quota"));
    g_autoptr(json_t) order = json_pack("{s:i, s:i, s:s, s:i}", "priority", 1, "start_delay_s", 30,
                                        "start_check", "tcp:22", "start_timeout_s", 60);
    assert_ok(body_member_order(j, "member-2", order));
    assert_ok(body_member_renew(j, member("member-2", "i-2", "v-9")));
    json_t *now = body_member(j, "member-2");
    assert_int_equal(body_member_priority(now), 1);
    assert_int_equal(body_member_start_delay_s(now), 30);
    assert_string_equal(body_member_start_check(now), "tcp:22");
    assert_int_equal(body_member_start_timeout_s(now), 60);
    assert_code(body_member_order(j, "member-9", order), ERR_NOT_FOUND);
    assert_string_equal(json_str(now, "status"), "error");
    assert_string_equal(json_str(json_array_get(json_arr(now, "volumes"), 0), "id"), "v-9");
    assert_ptr_equal(json_array_get(body_members(j), 1), now); /* in its place */
    assert_code(body_member_renew(j, member("member-9", "i-9", "v-5")), ERR_NOT_FOUND);
    assert_code(body_member_renew(j, member("member-2", "i-2", "v-1")), ERR_BODY_INVALID);
}

static void odd_ends(void **state)
{
    (void)state;
    g_autoptr(json_t) j = group("async");
    /* a site that is none of the pair */
    assert_null(body_mapping(j, "x", "network", "net-a"));
    struct body_create_spec spec = {.group = "pg-1",
                                    .name = "web",
                                    .replication_type = "async",
                                    .consistency_group_id = "cg-1",
                                    .primary = {SITE_A, "site-a", "pa", "gold", NULL},
                                    .secondary = {"site-b", "site-b", "pb", "silver", NULL}};
    json_t *none = NULL;
    assert_code(body_create(&spec, &none), ERR_BODY_INVALID);
    /* tokens that are no object stand in no policy */
    g_autoptr(json_t) fields = policy();
    json_set_str(fields, "tokens", "x");
    assert_code(body_policy_set(j, fields), ERR_BODY_INVALID);
    /* nothing at all needs no settling; what was a delete already was settled then */
    g_autoptr(json_t) plain = group("async");
    g_autoptr(json_t) deleting = group("async");
    assert_ok(body_delete(deleting));
    assert_false(body_needs_settle(plain, NULL));
    assert_false(body_needs_settle(deleting, deleting));
    /* a fact takes the place of what is no object, and names its members */
    g_autoptr(json_t) claimed = group("async");
    g_autoptr(json_t) claim = json_of("{\"claim\":{\"forced\":true}}");
    g_autoptr(json_t) number = json_of("{\"claim\":{\"forced\":false,\"by\":\"ann\"}}");
    g_autoptr(json_t) nothing = json_of("{\"claim\":null}");
    g_autoptr(json_t) nameless = json_of("{\"members\":[{\"status\":\"error\"}]}");
    assert_ok(body_fold(claimed, claim));
    assert_ok(body_fold(claimed, number));
    assert_false(json_bool(json_obj(claimed, "claim"), "forced", true));
    assert_ok(body_fold(claimed, nothing));
    assert_ok(body_fold(claimed, nameless)); /* no member's: left out */
    /* of what a newer version writes: an object takes the place of no object, and the other way */
    g_autoptr(json_t) object = json_of("{\"newer\":{\"a\":{\"b\":1}}}");
    g_autoptr(json_t) text = json_of("{\"newer\":{\"a\":\"x\"}}");
    assert_ok(body_fold(claimed, object));
    assert_ok(body_fold(claimed, text));
    assert_string_equal(json_str(json_obj(claimed, "newer"), "a"), "x");
    assert_ok(body_fold(claimed, object));
    assert_int_equal(json_int(json_obj(json_obj(claimed, "newer"), "a"), "b", 0), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_canonical_and_kept),
        cmocka_unit_test(reading),
        cmocka_unit_test(checks),
        cmocka_unit_test(names_in_characters),
        cmocka_unit_test(updating),
        cmocka_unit_test(policies),
        cmocka_unit_test(members),
        cmocka_unit_test(members_have_a_maximum),
        cmocka_unit_test(mappings),
        cmocka_unit_test(operations_write),
        cmocka_unit_test(arrays_swap),
        cmocka_unit_test(facts_fold),
        cmocka_unit_test(settling),
        cmocka_unit_test(data_are_verified),
        cmocka_unit_test(members_are_renewed),
        cmocka_unit_test(odd_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
