/* SPDX-License-Identifier: Apache-2.0 */
/* test_cleanup - which kept servers may be destroyed, what would be lost, what was confirmed. */
#include "plan/cleanup.h"

#include "plan/kept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define POINT "2026-11-30T12:00:00Z"

static json_t *parsed(const char *text)
{
    json_t *j = json_loads(text, 0, NULL);

    assert_non_null(j);
    return j;
}

/* ---- what would be lost ---- */

static void test_lost_after(void **state)
{
    static const struct {
        const char *body;
        bool moves;
        const char *lost;
    } rows[] = {
        {"{\"claim\": {\"forced\": false, \"plan\": {\"epoch\": 5}, \"point\": {\"at\": \"" POINT
         "\"}}}",
         true, "none"},
        {"{\"claim\": {\"forced\": true, \"plan\": {\"epoch\": 5}, \"point\": {\"at\": \"" POINT
         "\"}}}",
         true, POINT},
        /* the driver makes empty volumes */
        {"{\"claim\": {\"forced\": false, \"plan\": {\"epoch\": 5}}}", false,
         "1970-01-01T00:00:00Z"},
        /* claimed in place, or not the claim that this epoch was opened with */
        {"{\"claim\": {\"forced\": true, \"plan\": {\"epoch\": 5}}}", true, "1970-01-01T00:00:00Z"},
        {"{\"claim\": {\"forced\": false, \"plan\": {\"epoch\": 3}}}", true,
         "1970-01-01T00:00:00Z"},
        {"{\"claim\": null}", true, "1970-01-01T00:00:00Z"},
        {"{\"claim\": {\"forced\": true, \"plan\": {\"epoch\": 5}, \"point\": {\"at\": \"x\"}}}",
         true, "1970-01-01T00:00:00Z"},
    };
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(json_t) body = parsed(rows[i].body);
        int64_t lost_ms = plan_lost_after(body, 5, rows[i].moves);
        g_autofree char *text = plan_lost_text(lost_ms);
        assert_string_equal(text, rows[i].lost);
        assert_int_equal(plan_lost_read(text), lost_ms);
    }
    assert_int_equal(plan_lost_read(NULL), PLAN_LOST_ALL);
    assert_int_equal(plan_lost_read("long ago"), PLAN_LOST_ALL);
}

/* A handover has verified it; of what stopped it otherwise nobody knows when that was. */
static void test_lost_of_a_server(void **state)
{
    g_autoptr(json_t) drained =
        parsed("{\"metadata\": {\"" PLAN_STOPPED_FOR "\": \"handover:0123456789ab\"}}");
    g_autoptr(json_t) demoted = parsed("{\"metadata\": {\"" PLAN_STOPPED_FOR "\": \"7\"}}");
    (void)state;

    assert_true(plan_server_lost_after(drained, PLAN_LOST_NOTHING) == PLAN_LOST_NOTHING);
    assert_true(plan_server_lost_after(drained, 1000) == 1000);
    assert_true(plan_server_lost_after(demoted, 1000) == 1000);
    assert_true(plan_server_lost_after(demoted, PLAN_LOST_NOTHING) == PLAN_LOST_ALL);
}

/* ---- which servers ---- */

/* A group of one member, kept at 'a', running at 'b'. */
static const char body_text[] =
    "{\"claim\": null, \"sites\": {"
    "\"a\": {\"name\": \"site-a\", \"local\": {\"servers\": {\"m1\": \"s1\"}, \"volumes\": {}}},"
    "\"b\": {\"name\": \"site-b\", \"local\": {\"servers\": {\"m1\": \"t1\"}}}},"
    "\"members\": [{\"id\": \"m1\", \"status\": \"protected\", \"config\": {\"ports\": [{}]},"
    "\"volumes\": [{\"id\": \"v1\"}]}]}";
static const char inventory_text[] =
    "{\"servers\": [{\"id\": \"s1\", \"name\": \"web\", \"status\": \"SHUTOFF\", \"locked\": true,"
    "\"locked_reason\": \"protector: away\","
    "\"metadata\": {\"" PLAN_STOPPED_FOR "\": \"handover:1\"},"
    "\"os-extended-volumes:volumes_attached\": [{\"id\": \"v1\"}]},"
    "{\"id\": \"k1\", \"name\": \"web-kept-3\", \"status\": \"SHUTOFF\", \"locked\": true,"
    "\"locked_reason\": \"protector: away\","
    "\"metadata\": {\"" PLAN_KEPT "\": \"3\", \"" PLAN_LOST_AFTER "\": \"none\"},"
    "\"os-extended-volumes:volumes_attached\": [{\"id\": \"v9\"}]}],"
    "\"ports\": [{\"id\": \"p1\", \"device_id\": \"s1\","
    "\"fixed_ips\": [{\"ip_address\": \"10.0.0.5\"}]}],"
    "\"floating_ips\": [{\"id\": \"f1\", \"port_id\": \"p1\", \"floating_ip_address\": "
    "\"203.0.113.7\"}, {\"id\": \"f2\", \"port_id\": "
    "\"p9\"},"
    "{\"id\": \"f3\", \"port_id\": \"p1\"}],"
    "\"volumes\": [{\"id\": \"v1\", \"name\": \"root\", \"size\": 10, \"attachments\": [{}]},"
    "{\"id\": \"v9\", \"name\": \"old\", \"size\": 1, \"attachments\": [{}]}],"
    "\"acted\": {\"s1\": [], \"k1\": [\"detach_interface\"]}}";

/* Set in the document before the plan is made: "servers/0/status", JSON. */
struct change {
    const char *path, *value;
};

static void apply(json_t *j, const struct change *c)
{
    g_auto(GStrv) keys = g_strsplit(c->path, "/", -1);
    guint last = g_strv_length(keys) - 1;
    json_t *value = json_loads(c->value, JSON_DECODE_ANY, NULL);

    for (guint i = 0; i < last; i++)
        j = json_is_array(j) ? json_array_get(j, (size_t)g_ascii_strtoull(keys[i], NULL, 10))
                             : json_object_get(j, keys[i]);
    json_object_set_new(j, keys[last], value);
}

struct sight {
    struct change body, inventory, there;
    bool active;
};

static json_t *planned(const struct sight *s)
{
    g_autoptr(json_t) body = parsed(body_text);
    g_autoptr(json_t) inventory = parsed(inventory_text);
    g_autoptr(json_t) there = parsed("[{\"id\": \"t1\", \"status\": \"ACTIVE\"}]");
    g_autoptr(json_t) own = parsed("[{\"id\": \"s1\", \"member\": \"m1\", \"name\": \"web\"}]");
    g_autoptr(json_t) gave_way =
        parsed("[{\"id\": \"k1\", \"member\": \"m1\"}, {\"id\": \"gone\", \"member\": \"m1\"}]");
    g_autoptr(json_t) ports = parsed("[\"p1\"]");
    g_autoptr(json_t) floating = parsed("[\"f1\", \"f2\"]");
    struct plan_cleanup_input in = {
        .body = body,
        .self = "a",
        .peer = "b",
        .own = own,
        .gave_way = gave_way,
        .inventory = inventory,
        .there = s->active ? NULL : there,
        .our_ports = ports,
        .our_floating = floating,
        .lost_after_ms = PLAN_LOST_NOTHING,
    };

    if (s->body.path != NULL)
        apply(body, &s->body);
    if (s->inventory.path != NULL)
        apply(inventory, &s->inventory);
    if (s->there.path != NULL)
        apply(there, &s->there);
    return plan_cleanup(&in);
}

static void test_all(void **state)
{
    g_autoptr(json_t) plan = planned(&(struct sight){0});
    g_autofree char *text = json_print(plan);
    g_autoptr(json_t) again = planned(&(struct sight){0});
    (void)state;

    assert_int_equal(json_array_size(json_arr(plan, "members")), 2);
    assert_int_equal(json_array_size(json_arr(plan, "volumes")), 2);
    assert_int_equal(json_array_size(json_arr(plan, "left")), 0);
    assert_null(json_str(plan, "lost_after"));
    assert_non_null(strstr(text, "\"ports\":[{\"id\":\"p1\",\"address\":\"10.0.0.5\"}]"));
    assert_non_null(strstr(
        text, "\"floating_ips\":[{\"id\":\"f1\",\"address\":\"203.0.113.7\",\"port_id\":\"p1\"}]"));
    assert_string_equal(json_str(plan, "hash"), json_str(again, "hash"));
}

/* One thing is otherwise: one server is left alone, and it is said why. */
static void test_left(void **state)
{
    static const struct {
        struct sight sight;
        const char *server, *why;
    } rows[] = {
        {{.inventory = {"servers/0/status", "\"ACTIVE\""}}, "web", "it is ACTIVE"},
        {{.inventory = {"servers/0/locked", "false"}}, "web", "it was unlocked"},
        {{.inventory = {"servers/0/metadata", "{}"}}, "web", "the mark of its stop"},
        {{.inventory = {"acted/s1", "[\"start\"]"}}, "web", "after it was stopped: start"},
        {{.inventory = {"servers/0/os-extended-volumes:volumes_attached", "[]"}},
         "web",
         "volume v1 was detached"},
        {{.inventory = {"volumes/0/attachments", "[{}, {}]"}}, "web", "to another server as well"},
        {{.inventory = {"volumes/0/id", "\"v7\""}}, "web", "its volume v1 is not there"},
        {{.body = {"members/0/status", "\"unrecovered\""}}, "both", "its member is unrecovered"},
        {{.there = {"0/status", "\"ERROR\""}}, "both", "server at site-b is in ERROR"},
        {{.there = {"0/id", "\"t2\""}}, "both", "server at site-b is not there"},
        {{.inventory = {"servers/1/status", "\"ACTIVE\""}}, "web-kept-3", "it is ACTIVE"},
        {{.inventory = {"servers/1/locked", "false"}}, "web-kept-3", "it was unlocked"},
        {{.inventory = {"servers/1/locked_reason", "\"mine\""}}, "web-kept-3", "it was unlocked"},
        {{.inventory = {"acted/k1", "[\"attach_volume\"]"}}, "web-kept-3", "attach_volume"},
        {{.inventory = {"servers/1/metadata", "{\"" PLAN_KEPT "\": \"3\", \"" PLAN_LOST_AFTER
                                              "\": \"" PLAN_LOST_CHANGED "\"}"}},
         "web-kept-3",
         "it was changed before it gave way"},
    };
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(json_t) plan = planned(&rows[i].sight);
        const json_t *left = json_array_get(json_arr(plan, "left"), 0);
        bool both = g_str_equal(rows[i].server, "both");
        assert_int_equal(json_array_size(json_arr(plan, "left")), both ? 2 : 1);
        assert_int_equal(json_array_size(json_arr(plan, "members")), both ? 0 : 1);
        assert_string_equal(json_str(left, "name"), both ? "web" : rows[i].server);
        if (strstr(json_str_or(left, "why", ""), rows[i].why) == NULL)
            fail_msg("%s, not %s", json_str(left, "why"), rows[i].why);
    }
}

/* Where the group runs only what gave way goes, and never a volume that it uses. */
static void test_active(void **state)
{
    g_autoptr(json_t) plan = planned(&(struct sight){.active = true});
    g_autoptr(json_t) gone =
        planned(&(struct sight){.active = true, .inventory = {"servers/0/status", "\"ERROR\""}});
    g_autoptr(json_t) used = planned(
        &(struct sight){.active = true, .body = {"members/0/volumes", "[{\"id\": \"v9\"}]"}});
    (void)state;

    assert_int_equal(json_array_size(json_arr(plan, "members")), 1);
    assert_string_equal(json_str(json_array_get(json_arr(plan, "members"), 0), "id"), "k1");
    assert_int_equal(json_array_size(json_arr(gone, "members")), 0);
    assert_int_equal(json_array_size(json_arr(used, "members")), 0);
    assert_non_null(strstr(json_str_or(json_array_get(json_arr(used, "left"), 0), "why", ""),
                           "is the group's at this site"));
}

/* ---- what was confirmed ---- */

static void test_confirmed(void **state)
{
    struct sight old = {.inventory = {"servers/1/metadata",
                                      "{\"" PLAN_KEPT "\": \"3\", "
                                      "\"" PLAN_LOST_AFTER "\": \"" POINT "\"}"}};
    g_autoptr(json_t) nothing = planned(&(struct sight){0});
    g_autoptr(json_t) some = planned(&old);
    int64_t at_ms = plan_lost_read(POINT);
    (void)state;

    assert_string_equal(json_str(some, "lost_after"), POINT);
    assert_null(plan_cleanup_confirmed(nothing, json_str(nothing, "hash"), -1));
    assert_null(plan_cleanup_confirmed(some, json_str(some, "hash"), at_ms));
    assert_null(plan_cleanup_confirmed(some, json_str(some, "hash"), 0));
    err_t *e = plan_cleanup_confirmed(some, json_str(some, "hash"), -1);
    assert_true(err_is(e, ERR_CLEANUP_NEWER_WRITES));
    err_free(e);
    e = plan_cleanup_confirmed(some, json_str(some, "hash"), at_ms + 1);
    assert_true(err_is(e, ERR_CLEANUP_NEWER_WRITES));
    err_free(e);
    e = plan_cleanup_confirmed(some, json_str(nothing, "hash"), at_ms);
    assert_true(err_is(e, ERR_CLEANUP_CHANGED));
    err_free(e);
    e = plan_cleanup_confirmed(some, NULL, at_ms);
    assert_true(err_is(e, ERR_CLEANUP_CHANGED));
    err_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lost_after), cmocka_unit_test(test_lost_of_a_server),
        cmocka_unit_test(test_all),        cmocka_unit_test(test_left),
        cmocka_unit_test(test_active),     cmocka_unit_test(test_confirmed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
