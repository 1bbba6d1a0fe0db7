/* SPDX-License-Identifier: Apache-2.0 */
/* What a look becomes: ok, failed or not known, and what an operation makes of that. */
#include "tests/unit/plan/golden.h"

#include "plan/predict.h"
#include "plan/ready.h"

#define NOW_MS INT64_C(1800000000000)

/* A group of two, what it would make, where it would. */
#define BODY                                                                                       \
    "{'members': [{'id': 'm1', 'instance_name': 'web', 'status': 'protected'},"                    \
    " {'id': 'm2', 'instance_name': 'db', 'status': 'protected'}],"                                \
    " 'policy': {'rpo_minutes': 15, 'pure_pg_name': 'pg'}, 'replication_type': 'async',"           \
    " 'sites': {'b': {'volume_type': 'gold'}}}"
#define PLAN                                                                                       \
    "{'target': 'b', 'members': [{'id': 'm1', 'wave': 3, 'flavor_id': 'f1', 'nics': "              \
    "[{'network_id': 'n1'}]},"                                                                     \
    " {'id': 'm2', 'wave': 3, 'flavor_id': 'f1', 'nics': [{'network_id': 'n1'},"                   \
    "  {'network_id': 'n1', 'fixed_ips': [{'ip_address': '10.0.0.5'}]}]}],"                        \
    " 'volumes': [{'id': 'v1', 'size_gib': 4}, {'id': 'v2', 'size_gib': 6}],"                      \
    " 'security_groups': [{'name': 'web', 'exists': false, 'rules': [1, 2, 3]}],"                  \
    " 'keys': [{'name': 'k', 'public_key': 'ssh-ed25519 AAAA me'}], 'server_groups': []}"
#define INVENTORY                                                                                  \
    "{'project_id': 'p', 'flavors': [{'id': 'f1', 'vcpus': 2, 'ram': 512}],"                       \
    " 'networks': [{'id': 'n1', 'name': 'net', 'project_id': 'p'}],"                               \
    " 'subnets': [{'network_id': 'n1', 'allocation_pools': [{'start': '10.0.0.2',"                 \
    "   'end': '10.0.0.9'}]}],"                                                                    \
    " 'ports': [{'project_id': 'p', 'network_id': 'n1', 'fixed_ips':"                              \
    "   [{'ip_address': '10.0.0.2'}]}]}"
#define SEEN                                                                                       \
    "{'trust': {}, 'rights': {}, 'backend': {}, 'source': {}, 'inventory': {}, 'keypairs': "       \
    "{'list': {}},"                                                                                \
    " 'compute': {'maxTotalInstances': 10, 'totalInstancesUsed': 8, 'maxTotalCores': -1,"          \
    "   'maxTotalRAMSize': 1024, 'totalRAMUsed': 0, 'maxServerGroups': 1, "                        \
    "'totalServerGroupsUsed': 1},"                                                                 \
    " 'volume': {'volumes': {'limit': 5, 'in_use': 2, 'reserved': 1}, 'gigabytes': {'limit': 10}," \
    "   'volumes_gold': {'limit': 2}, 'gigabytes_gold': {'limit': 10}, 'per_volume_gigabytes': "   \
    "{'limit': -1}},"                                                                              \
    " 'network': {'port': 4, 'security_group': 1, 'security_group_rule': 4},"                      \
    " 'point': {'id': 'pt', 'time_ms': 1799999970000}, 'tags': true,"                              \
    " 'health': {'link': 'up', 'lag_ms': 30000}, 'drill': {'ended_at_ms': 1799000000000,"          \
    "   'passed': true}}"

#define DUAL_STACK                                                                                 \
    "{'project_id': 'p', 'flavors': [], 'networks': [{'id': 'n1', 'project_id': 'p'}],"            \
    " 'subnets': [{'network_id': 'n1', 'ip_version': 4, 'allocation_pools':"                       \
    "   [{'start': '10.0.0.2', 'end': '10.0.0.5'}]}, {'network_id': 'n1', 'ip_version': 6,"        \
    "   'allocation_pools': [{'start': 'fd00::2', 'end': 'fd00::ffff'}]}],"                        \
    " 'ports': [{'project_id': 'p', 'network_id': 'n1', 'fixed_ips': [{'ip_address': '10.0.0.2'}," \
    "   {'ip_address': 'fd00::3'}, {'ip_address': 'fd00::4'}, {'ip_address': 'fd00::5'}]}]}"

/* One thing is otherwise: the value at 'path' of body, plan, inventory or seen. */
struct otherwise {
    const char *path, *value;
    const char *check, *result; /* what it makes of which row; NULL: the row is not there */
};

/* clang-format off */
static const struct otherwise cases[] = {
    {NULL, NULL, "quota.instances", "ok"},
    {"seen/compute/maxTotalInstances", "9", "quota.instances", "failed"},
    {"seen/compute/maxTotalInstances", "-1", "quota.instances", "ok"},
    {"seen/compute/maxTotalCores", "3", "quota.cores", "failed"},
    {"seen/compute/maxTotalRAMSize", "1023", "quota.ram", "failed"},
    {"seen/volume/volumes/limit", "4", "quota.volumes", "failed"},
    {"seen/volume/volumes/reserved", "2", "quota.volumes", "failed"},
    {"seen/volume/gigabytes/limit", "9", "quota.gigabytes", "failed"},
    {NULL, NULL, "quota.volumes_of_type", "ok"},
    {"seen/volume/volumes_gold/limit", "1", "quota.volumes_of_type", "failed"},
    {"seen/volume/gigabytes_gold/in_use", "1", "quota.gigabytes_of_type", "failed"},
    {"seen/volume/volumes_gold", "null", "quota.volumes_of_type", "unknown"},
    {"seen/backend", "{'type': 'silver'}", "quota.volumes_of_type", "unknown"}, /* by its name there */
    {"seen/volume/gigabytes_plain", "{'limit': 0}", "quota.gigabytes_of_type", "ok"},
    {"seen/volume/per_volume_gigabytes", "{'limit': 5}", "quota.per_volume_gigabytes", "failed"},
    {"seen/volume/per_volume_gigabytes", "{'limit': 6}", "quota.per_volume_gigabytes", "ok"},
    {"seen/network/port", "3", "quota.ports", "failed"},
    {"seen/network/security_group", "0", "quota.security_groups", "failed"},
    {"seen/network/security_group_rule", "3", "quota.security_group_rules", "failed"},
    {"seen/compute", "{'error': 'slow', 'certain': false}", "quota.cores", "unknown"},
    {"seen/compute", "null", "quota.cores", "unknown"},
    {"inventory/subnets", "[{'network_id': 'n1', 'allocation_pools': [{'start': '10.0.0.2', 'end': '10.0.0.5'}]}]", "network.addresses", "ok"},
    {"inventory/subnets", "[{'network_id': 'n1', 'allocation_pools': [{'start': '10.0.0.2', 'end': '10.0.0.4'}]}]", "network.addresses", "ok"},
    {"inventory/subnets", "[{'network_id': 'n1', 'allocation_pools': [{'start': '10.0.0.4', 'end': '10.0.0.5'}]}]", "network.addresses", "failed"},
    {"inventory/subnets", "[{'network_id': 'n1', 'allocation_pools': [{'start': 'x', 'end': '10.0.0.5'}]}]", "network.addresses", "failed"},
    {"plan/problems", "[{'code': 'flavor', 'text': 'none', 'remedy': 'map it'}]", "mapping.flavors", "failed"},
    {"plan/problems", "[{'code': 'flavor', 'text': 'none', 'remedy': 'map it'}]", "mapping.networks", "ok"},
    {"plan/left_out", "{}", "kept", "ok"},
    {NULL, NULL, "kept", NULL},
    {"seen/keypairs/list", "{'k': 'ssh-ed25519 AAAA somebody'}", "keypairs", "ok"},
    {"seen/keypairs/list", "{'k': 'ssh-ed25519 BBBB me'}", "keypairs", "failed"},
    {"seen/keypairs/list", "{'k': 'ssh-rsa AAAA me'}", "keypairs", "failed"},
    {"seen/keypairs", "{}", "keypairs", "ok"}, /* brought under names of their own */
    {"plan/server_groups", "[{'name': 'g', 'policy': 'affinity'}]", "quota.server_groups", "failed"},
    {"seen/server_groups", "[{'name': 'g', 'policy': 'affinity', 'members': []}]", "quota.server_groups", "ok"},
    {"seen/point", "{'error': 'there is none', 'certain': true}", "point", "failed"},
    {"seen/point", "{'error': 'there is none', 'certain': true}", "point.whole", NULL},
    {"seen/point/left_out", "{'m2': 'a volume is missing'}", "point.whole", "failed"},
    {"plan/volumes", "[]", "point", "ok"},
    {"seen/health/link", "'down'", "replication.link", "failed"},
    {"seen/health/link", "'degraded'", "replication.link", "unknown"},
    {"seen/rights", "{'error': 'no', 'certain': true}", "rights.volume_manage", "failed"},
    {"seen/rights", "{'error': 'slow', 'certain': false}", "rights.volume_manage", "unknown"},
    {"inventory/subnets", "[{'network_id': 'n1', 'ip_version': 6, 'allocation_pools': [{'start': 'fd00::2', 'end': 'fd00::9'}]}]", "network.addresses", "ok"},
    {"inventory/subnets", "[]", "network.addresses", "ok"},
    /* of two kinds: addresses of the one take no room from the other */
    {"inventory", DUAL_STACK, "network.addresses", "ok"},
    {"inventory/networks", "[{'id': 'n1', 'name': 'net', 'project_id': 'other'}]", "network.addresses", "ok"},
    {"seen/health/link", "'unknown'", "replication.link", "unknown"},
    {"seen/health/lag_ms", "900000", "replication.lag", "ok"},
    {"seen/health/lag_ms", "900001", "replication.lag", "failed"},
    {"seen/health", "{'link': 'up', 'lag_ms': -1, 'last_point_ms': 5}", "replication.lag", "unknown"},
    {"seen/health", "{'link': 'up', 'lag_ms': -1}", "replication.lag", "failed"},
    {"body/replication_type", "'sync'", "replication.lag", "ok"},
    {"body/members", "[]", "replication.lag", NULL},
    {"body/members", "[]", "members.protected", "ok"},
    {"body/members", "[{'id': 'm1', 'instance_name': 'web', 'status': 'error'}]", "members.protected", "failed"},
    {"body/policy", "null", "policy", "failed"},
    {"seen/tags", "false", "replication.witness", "failed"},
    {"seen/drill", "null", "drill.age", "failed"},
    {"seen/drill/passed", "false", "drill.age", "failed"},
    {"seen/drill/ended_at_ms", "1792000000000", "drill.age", "failed"},
    {NULL, NULL, "source.cloud", NULL}, /* not of an unplanned failover */
    {NULL, NULL, "quota.networks", NULL},
};
/* clang-format on */

static json_t *all_of(void)
{
    json_t *all = json_object();

    json_set(all, "body", json_of(BODY));
    json_set(all, "plan", json_of(PLAN));
    json_set(all, "inventory", json_of(INVENTORY));
    json_set(all, "seen", json_of(SEEN));
    return all;
}

static void set_at(json_t *all, const char *path, const char *value)
{
    g_auto(GStrv) keys = g_strsplit(path, "/", -1);
    g_autofree char *text = g_strdup_printf("{'v': %s}", value);
    g_autoptr(json_t) wrapped = json_of(text);
    json_t *at = all;
    guint last = g_strv_length(keys) - 1;

    for (guint i = 0; i < last; i++)
        at = json_obj(at, keys[i]);
    json_object_set(at, keys[last], json_object_get(wrapped, "v"));
}

static json_t *rows_of(const json_t *all, enum ready_kind kind)
{
    struct plan_ready_input in = {.kind = kind,
                                  .body = json_obj(all, "body"),
                                  .plan = json_obj(all, "plan"),
                                  .inventory = json_obj(all, "inventory"),
                                  .seen = json_obj(all, "seen"),
                                  .now_ms = NOW_MS};

    return plan_ready(&in);
}

static const json_t *row_of(const json_t *rows, const char *id)
{
    size_t i;
    json_t *row;

    json_array_foreach((json_t *)rows, i, row)
    {
        if (g_strcmp0(json_str(row, "id"), id) == 0)
            return row;
    }
    return NULL;
}

static void test_cases(void **state)
{
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const struct otherwise *c = &cases[i];
        g_autoptr(json_t) all = all_of();
        if (c->path != NULL)
            set_at(all, c->path, c->value);
        g_autoptr(json_t) rows = rows_of(all, READY_UNPLANNED);
        const char *is = json_str(row_of(rows, c->check), "result");
        if (g_strcmp0(is, c->result) != 0)
            fail_msg("with %s = %s %s is %s (%s), not %s", c->path, c->value, c->check, is,
                     json_str(row_of(rows, c->check), "seen"), c->result);
    }
}

/* As it is, all is well, for each kind; and each row has words, a time, a remedy. */
static void test_all_well(void **state)
{
    (void)state;

    for (enum ready_kind kind = READY_UNPLANNED; kind < READY_KINDS; kind++) {
        g_autoptr(json_t) all = all_of();
        g_autoptr(json_t) rows = rows_of(all, kind);
        g_autofree char *remedy = NULL;
        g_autofree char *failed = ready_failed(rows, READY_NOTE, &remedy);
        size_t i;
        json_t *row;
        if (failed != NULL)
            fail_msg("%s: %s", ready_kind_text(kind), failed);
        assert_true(ready_all(rows));
        json_array_foreach(rows, i, row)
        {
            assert_true(*json_str_or(row, "seen", "") != '\0');
            assert_true(*json_str_or(row, "remedy", "") != '\0');
            assert_string_equal(json_str(row, "at"), "2027-01-15T08:00:00Z");
        }
    }
}

/* Without a plan what needs one is not known, and says why; the rest is judged. */
static void test_no_plan(void **state)
{
    g_autoptr(json_t) all = all_of();
    (void)state;

    set_at(all, "plan", "null");
    set_at(all, "inventory", "null");
    set_at(all, "seen/inventory", "{'error': 'nova is away', 'certain': false}");
    g_autoptr(json_t) rows = rows_of(all, READY_DRILL);
    assert_string_equal(json_str(row_of(rows, "quota.ports"), "result"), "unknown");
    assert_non_null(strstr(json_str(row_of(rows, "quota.ports"), "seen"), "nova is away"));
    assert_string_equal(json_str(row_of(rows, "mapping.images"), "result"), "unknown");
    assert_string_equal(json_str(row_of(rows, "trust"), "result"), "ok");
    assert_false(ready_all(rows));
}

/* What only a lost site could tell spoils nothing; what could keep a server from running does. */
static void test_unknown(void **state)
{
    g_autoptr(json_t) rows = json_array();
    (void)state;

    ready_add(rows, READY_UNPLANNED, READY_DRIFT, READY_UNKNOWN, g_strdup("lost"), NULL, NOW_MS);
    ready_add(rows, READY_UNPLANNED, READY_PEER, READY_FAILED, g_strdup("lost"), NULL, NOW_MS);
    assert_true(ready_all(rows));
    ready_add(rows, READY_UNPLANNED, READY_INSTANCES, READY_UNKNOWN, g_strdup("?"), NULL, NOW_MS);
    assert_false(ready_all(rows));
    ready_add(rows, READY_UNPLANNED, READY_SOURCE, READY_FAILED, g_strdup("?"), NULL, NOW_MS);
    assert_int_equal(json_array_size(rows), 3); /* no bearing on it */
}

/* Volumes are made beside each other, waves start one after another. */
static void test_guess(void **state)
{
    g_autoptr(json_t) one = json_of(PLAN);
    g_autoptr(json_t) two = json_of(PLAN);
    (void)state;

    json_set_int(json_array_get(json_arr(two, "members"), 1), "wave", 4);
    json_set_int(json_array_get(json_arr(two, "members"), 0), "start_delay_s", 60);
    int64_t before = plan_rto_guess_s(one), after = plan_rto_guess_s(two);
    assert_true(before > 0);
    assert_true(after > before + 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),   cmocka_unit_test(test_all_well),
        cmocka_unit_test(test_no_plan), cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_guess),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
