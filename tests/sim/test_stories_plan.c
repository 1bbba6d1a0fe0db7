/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_stories_plan - the plan before the act: what it calls ready succeeds, what it calls not
 * ready fails in the way it says, and a plan that was agreed on is executed as it was or not at
 * all.
 */
#include "model/body.h"
#include "model/readiness.h"
#include "tests/sim/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WEB "protection-group", "web"

/* Engines have compared the servers with the metadata. */
static struct bench *compared(struct bench *b)
{
    bench_pass(b, 610000);
    return b;
}

/* ---- looks ---- */

static json_t *look_with(struct bench *b, enum ready_kind kind, const char *key, const char *value)
{
    static const char *const operations[] = {"failover", "failover", "test-failover"};
    static const char *const flags[] = {"!unplanned", "!planned", "no-such"};

    if (kind == READY_DRILL)
        return bench_ok(b, "prod-a", "protection-group plan", WEB, "operation", operations[kind],
                        key, value, NULL);
    return bench_ok(b, "prod-a", "protection-group plan", WEB, flags[kind], "operation",
                    operations[kind], key, value, NULL);
}

/* The plan as an object. */
static json_t *look(struct bench *b, enum ready_kind kind, const char *key, const char *value)
{
    g_autoptr(json_t) said = look_with(b, kind, key, value);

    return json_incref(json_obj(said, "object"));
}

static const json_t *row_of(const json_t *plan, const char *id)
{
    size_t i;
    json_t *row;

    json_array_foreach(json_arr(plan, "checks"), i, row)
    {
        if (g_strcmp0(json_str(row, "id"), id) == 0)
            return row;
    }
    return NULL;
}

/*
 * Only the check of that id has failed, or is unknown (NULL: none); 'also' may be what comes of it:
 * a check that fails too, or "*", whatever else.
 */
static void only_fails(const json_t *plan, const char *id, const char *also)
{
    g_autofree char *text = json_print_pretty(json_arr(plan, "checks"));
    size_t i;
    json_t *row;

    if (id != NULL && row_of(plan, id) == NULL)
        fail_msg("no check %s in %s", id, text);
    json_array_foreach(json_arr(plan, "checks"), i, row)
    {
        bool note = g_strcmp0(json_str(row, "then"), "note") == 0;
        bool ok = g_strcmp0(json_str(row, "result"), "ok") == 0;
        bool wanted = g_strcmp0(json_str(row, "id"), id) == 0;
        if (!wanted && (g_strcmp0(json_str(row, "id"), also) == 0 || g_strcmp0(also, "*") == 0))
            continue;
        if (wanted ? ok : !ok && !note)
            fail_msg("%s is %s (%s), where %s was to fail: %s", json_str(row, "id"),
                     json_str(row, "result"), json_str(row, "seen"), id != NULL ? id : "none",
                     text);
    }
}

/* ---- operations ---- */

static json_t *begin(struct bench *b, enum ready_kind kind, const char *key, const char *value)
{
    if (kind == READY_DRILL)
        return bench_try(b, "prod-a", "protection-group test-failover", WEB, key, value, NULL);
    if (kind == READY_HANDOVER)
        return bench_try(b, "prod-a", "protection-group failover", WEB, "!planned", key, value,
                         NULL);
    if (!b->site[SIM_SITE_A].lost)
        bench_lose(b, SIM_SITE_A);
    return bench_try(b, "prod-b", "protection-group failover", WEB, "!unplanned", "reason", "fire",
                     key, value, NULL);
}

static char *status_of(struct bench *b)
{
    return bench_sql(b, SIM_SITE_B,
                     "SELECT status FROM dr_operations WHERE operation_type IN ('failover',"
                     " 'test_failover') ORDER BY created_at DESC, id LIMIT 1");
}

static void status_is(struct bench *b, const char *wanted)
{
    g_autofree char *is = status_of(b);

    if (g_strcmp0(is, wanted) != 0)
        fail_msg("the operation is %s, not %s: %s", is, wanted, b->last_error);
}

/* Nothing has come of it: A runs as before, B holds nothing, or what a drill has left. */
static void as_before(struct bench *b, enum ready_kind kind, bool drills)
{
    bench_settle(b);
    assert_int_equal(bench_keyed(b, SIM_SITE_B, "volumes"), drills ? 4 : 0);
    assert_int_equal(bench_keyed(b, SIM_SITE_B, "ports"), drills ? 2 : 0);
    bench_role_is(b, SIM_SITE_B, "STANDBY");
    if (kind == READY_UNPLANNED)
        return;
    bench_role_is(b, SIM_SITE_A, "ACTIVE");
    bench_servers_are(b, SIM_SITE_A, "active");
}

/* ---- what is ready ---- */

/* Each kind: it is called ready, it succeeds, and the prediction stands beside what was measured.
 */
static void test_ready(void **state)
{
    (void)state;

    for (enum ready_kind kind = READY_UNPLANNED; kind < READY_KINDS; kind++) {
        AUTO(bench) b = compared(bench_create_protected(1700 + kind));
        g_autoptr(json_t) plan = look(b, kind, NULL, NULL);
        only_fails(plan, NULL, NULL);
        assert_true(json_bool(plan, "ready", false));
        assert_true(json_array_size(json_arr(plan, "steps")) > 5);
        assert_int_equal(json_array_size(json_arr(json_obj(plan, "plan"), "members")), 2);
        assert_true(json_int(json_obj(plan, "predicted"), "rto_s", 0) > 0);
        assert_int_equal(json_int(json_obj(plan, "predicted"), "data_loss_s", -1) > 0,
                         kind != READY_HANDOVER);
        g_autoptr(json_t) op = begin(b, kind, "plan", json_str(plan, "hash"));
        if (op == NULL)
            fail_msg("%s", b->last_error);
        status_is(b, "completed");
        g_autofree char *result =
            bench_sql(b, SIM_SITE_B,
                      "SELECT result FROM dr_operations WHERE operation_type IN ('failover',"
                      " 'test_failover')");
        assert_non_null(strstr(result, "\"predicted\""));
    }
}

/* What a drill holds that was kept does not count against the failover that takes it away. */
static void test_drill_gives_way(void **state)
{
    static const struct {
        const char *check, *service, *resource, *words;
        int limit;
    } tight[] = {
        {"quota.instances", "nova", "instances", "2 wanted, 2 of 2 in use, 2 of them by a drill",
         2},
        {"quota.volumes", "cinder", "volumes", "4 wanted, 4 of 5 in use, 4 of them by a drill", 5},
        {"quota.per_volume_gigabytes", "cinder", "per_volume_gigabytes", "0 of 2 in use", 2},
        {"quota.ports", "neutron", "port", "2 wanted, 1 of 3 in use", 3},
    };
    AUTO(bench) b = compared(bench_create_protected(1760));
    (void)state;

    json_decref(bench_ok(b, "prod-b", "protection-group test-failover", WEB, NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(tight); i++)
        assert_true(sim_set_quota(b->sim, SIM_SITE_B, tight[i].service, "prod", tight[i].resource,
                                  tight[i].limit));
    g_autoptr(json_t) plan = look(b, READY_UNPLANNED, NULL, NULL);
    only_fails(plan, NULL, NULL);
    assert_true(json_bool(plan, "ready", false));
    for (size_t i = 0; i < G_N_ELEMENTS(tight); i++) {
        const char *seen = json_str(row_of(plan, tight[i].check), "seen");
        if (strstr(seen, tight[i].words) == NULL)
            fail_msg("%s: %s, not %s", tight[i].check, seen, tight[i].words);
    }
    g_autoptr(json_t) op = begin(b, READY_UNPLANNED, NULL, NULL);
    if (op == NULL)
        fail_msg("%s", b->last_error);
    status_is(b, "completed");
}

/* ---- what is not ---- */

/* What stands in the way of an operation, at B unless it says otherwise. */
struct trouble {
    const char *check;
    void (*make)(struct bench *b);
    const char *service, *resource; /* instead of 'make': a quota of this */
    int limit;
    unsigned kinds; /* bits of enum ready_kind: of these it is told; 0: of all that it concerns */
    const char *words;       /* what the look says */
    const char *also;        /* only_fails */
    const char *key, *value; /* an option of the look and of the operation */
    bool drills;             /* a drill's clones are at B */
    bool grouped;            /* the members stand in a server group */
    bool back;               /* told of a failback too */
};

/* Between which sites the operation goes: home again it is the other way. */
static int source = SIM_SITE_A, target = SIM_SITE_B;

/* The counterpart has another name now: of the network, the flavors, the images. */
static void rename_in(struct bench *b, const char *table, const char *from, const char *to)
{
    json_t *row = (json_t *)sim_find(b->sim, target, table, from);

    assert_non_null(row);
    json_set_str(row, "name", to);
}

static void network_gone(struct bench *b)
{
    rename_in(b, "networks", "net-app", "net-other");
}

static void flavors_gone(struct bench *b)
{
    const char *id;
    json_t *row;

    json_object_foreach((json_t *)sim_table(b->sim, target, "flavors"), id, row)
        json_set_str(row, "name", id);
}

static void images_gone(struct bench *b)
{
    json_object_clear((json_t *)sim_table(b->sim, target, "images"));
}

/* Nobody gets a trust there any more: the user has left the project. */
static void no_trust(struct bench *b)
{
    struct sim_fault refuses = {.site = target,
                                .service = "keystone",
                                .method = "POST",
                                .path = "*OS-TRUST/trusts*",
                                .kind = SIM_FAULT_STATUS,
                                .status = 403,
                                .body = "{\"error\": {\"code\": 403, \"message\": \"no\"}}"};

    json_object_clear((json_t *)sim_table(b->sim, target, "trusts"));
    sim_fault_add(b->sim, &refuses);
}

/* No more addresses than the subnet has now, and none of those that the servers have at home. */
static void network_full(struct bench *b)
{
    const json_t *network = sim_find(b->sim, target, "networks", "net-app");
    const char *id;
    json_t *row;

    json_object_foreach((json_t *)sim_table(b->sim, target, "subnets"), id, row)
    {
        if (g_strcmp0(json_str(row, "network_id"), json_str(network, "id")) != 0)
            continue;
        json_set_str(row, "cidr", "172.31.0.0/24");
        json_set_str(row, "gateway_ip", "172.31.0.1");
        json_set(row, "allocation_pools",
                 json_pack("[{s:s, s:s}]", "start", "172.31.0.10", "end", "172.31.0.10"));
    }
}

static void backend_down(struct bench *b)
{
    struct sim_fault none = {.site = target,
                             .service = "cinder",
                             .method = "GET",
                             .path = "*/os-services*",
                             .kind = SIM_FAULT_STATUS,
                             .status = 200,
                             .body = "{\"services\": []}"};

    sim_fault_add(b->sim, &none);
}

/* Somebody has changed the password of the other site's user at A. */
static void source_shut(struct bench *b)
{
    g_autofree char *text =
        g_strdup_printf("[site:%s]\npassword = another\n", bench_site_name(source));

    bench_engine_conf(b, target, text);
}

/* Replication has no power any more; nothing else is told of it. */
static enum protector_status link_down(struct protector_handle *handle,
                                       const struct protector_call *call,
                                       struct protector_health *ret, struct protector_error *error)
{
    (void)handle;
    (void)call;
    (void)error;
    *ret = (struct protector_health){.link = PROTECTOR_LINK_DOWN, .lag_ms = 1000};
    g_strlcpy(ret->detail, "the cable is cut", sizeof ret->detail);
    return PROTECTOR_OK;
}

static void arrays_apart(struct bench *b)
{
    b->site[target].driver.health = link_down;
}

/* A's engine stands still, and with it the points, for longer than the objective allows. */
static void points_late(struct bench *b)
{
    bench_engine(b, source, false);
    bench_pass(b, 3 * 3600000);
}

static void resized(struct bench *b)
{
    json_t *server = (json_t *)sim_find(b->sim, source, "servers", "web-1");

    json_set_int(json_obj(server, "flavor"), "ram", 65536);
    json_set_str(json_obj(server, "flavor"), "name", "m1.huge");
    bench_pass(b, 3700000);
}

static void drilling(struct bench *b)
{
    json_decref(bench_ok(b, bench_tenant(source), "protection-group test-failover", WEB, NULL));
}

static void no_points(struct bench *b)
{
    bench_arrays_int(b, "DELETE FROM points");
    bench_engine(b, source, false);
}

/* The servers' security group is to be brought, and there is no room for it. */
static void no_room_for_groups(struct bench *b)
{
    bench_bare(b, target);
    assert_true(sim_set_quota(b->sim, target, "neutron", "prod", "security_group", 1));
}

static void no_room_for_rules(struct bench *b)
{
    bench_bare(b, target);
    assert_true(sim_set_quota(b->sim, target, "neutron", "prod", "security_group_rule", 3));
}

/* db-1 is a member since the last point was made. */
static void point_lacks_one(struct bench *b)
{
    bench_engine(b, source, false);
    bench_arrays_int(b, "DELETE FROM point_volumes WHERE subject = (SELECT subject FROM members"
                        " ORDER BY subject LIMIT 1)");
}

static void not_protected(json_t *draft)
{
    json_set_str(json_array_get(body_members(draft), 0), "status", "error");
}

static void one_failed(struct bench *b)
{
    bench_fact(b, not_protected);
    json_decref(bench_ok(b, bench_tenant(source), "protection-group sync-force", WEB, NULL));
}

/* The user has a key pair of that name at B, and it is another one. */
static void other_key(struct bench *b)
{
    const char *id;
    json_t *row;

    json_object_foreach((json_t *)sim_table(b->sim, target, "keypairs"), id, row)
        json_set_str(row, "public_key", "ssh-ed25519 AAAAOther somebody@else");
}

static void nobody_may_manage(struct bench *b)
{
    b->site[target].driver_lacks = PROTECTOR_MAKES_IN_CINDER;
    bench_engine_conf(b, target, "");
    sim_set_policy(b->sim, target, "volume_extension:volume_manage", false);
}

static void policy_gone(struct bench *b)
{
    json_decref(bench_ok(b, bench_tenant(source), "protection-group policy-delete", WEB, NULL));
}

static void no_room_for_server_groups(struct bench *b)
{
    assert_true(sim_set_quota(b->sim, target, "nova", "prod", "server_groups", 0));
}

static void no_room_for_floating(struct bench *b)
{
    assert_true(sim_set_quota(b->sim, target, "neutron", "prod", "floatingip", 0));
}

/* Site B has a change that A does not know to be taken: the client died in between. */
static void half_carried(struct bench *b)
{
    bench_client_dies_after(b, "PUT", "*/protection-groups/pg-*");
    json_decref(bench_try(b, bench_tenant(source), "protection-group update", WEB, "description",
                          "half", NULL));
    bench_client_lives(b);
    bench_settle(b);                                    /* the change is staged */
    bench_client_dies_after(b, "POST", "*/sync/inbox"); /* with the proposal */
    json_decref(bench_try(b, bench_tenant(source), "protection-group show", WEB, NULL));
    bench_client_lives(b);
    bench_settle(b);
}

static void no_tags(struct bench *b)
{
    b->site[target].driver_lacks = PROTECTOR_CAN_TAG;
    bench_engine_conf(b, target, "");
}

/* A drill has passed, a quarter of a year ago. */
static void drilled_long_ago(struct bench *b)
{
    json_decref(bench_ok(b, bench_tenant(source), "protection-group test-failover", WEB,
                         "!auto-cleanup", NULL));
    bench_settle(b);
    g_free(bench_sql(b, target,
                     "UPDATE dr_operations SET completed_at = completed_at - 91 * 86400000"
                     " WHERE operation_type = 'test_failover'"));
}

#define UNPLANNED (1u << READY_UNPLANNED)
#define HANDOVER  (1u << READY_HANDOVER)
#define DRILL     (1u << READY_DRILL)

/* clang-format off */
static const struct trouble troubles[] = {
    {.check = "group.state", .make = drilling, .kinds = HANDOVER | DRILL, .words = "testing at site-b", .drills = true},
    {.check = "group.in_sync", .make = half_carried, .words = "version 5 here, 4 there", .also = "group.state", .key = "!no-carry"},
    {.check = "replication.witness", .make = no_tags, .words = "cannot tag", .back = true},
    {.check = "drill.age", .words = "none has been completed", .back = true},
    {.check = "drill.age", .make = drilled_long_ago, .words = "91 days ago"},
    {.check = "members.protected", .make = one_failed, .words = "is error"},
    {.check = "mapping.outside", .words = "zone", .key = "*availability-zone-mapping", .value = "nova=mars"},
    {.check = "kept", .words = "has kept no server", .key = "from", .value = "kept", .also = "*"},
    {.check = "keypairs", .make = other_key, .words = "another key", .back = true},
    {.check = "rights.volume_manage", .make = nobody_may_manage, .words = "volume_manage"},
    {.check = "quota.security_group_rules", .make = no_room_for_rules, .words = "of 3 in use"},
    {.check = "point.whole", .make = point_lacks_one, .words = ""},
    {.check = "mapping.networks", .make = network_gone, .kinds = UNPLANNED | HANDOVER, .words = "no network named 'net-app'"},
    {.check = "mapping.flavors", .make = flavors_gone, .words = "no flavor named", .back = true},
    {.check = "mapping.images", .make = images_gone, .words = "no image named"},
    {.check = "network.addresses", .make = network_full, .kinds = UNPLANNED | HANDOVER, .words = "has 1 free, 2 wanted"},
    {.check = "trust", .make = no_trust, .words = "trust", .also = "*", .back = true},
    {.check = "volume.backend", .make = backend_down, .words = "no backend that is up", .back = true},
    {.check = "source.cloud", .make = source_shut, .words = "answered 401", .back = true},
    {.check = "quota.instances", .service = "nova", .resource = "instances", .limit = 1, .words = "2 wanted, 0 of 1", .back = true},
    {.check = "quota.cores", .service = "nova", .resource = "cores", .limit = 1, .words = "wanted, 0 of 1", .back = true},
    {.check = "quota.ram", .service = "nova", .resource = "ram", .limit = 16, .words = "wanted, 0 of 16", .back = true},
    {.check = "quota.volumes", .service = "cinder", .resource = "volumes", .limit = 3, .words = "4 wanted, 0 of 3", .back = true},
    {.check = "quota.gigabytes", .service = "cinder", .resource = "gigabytes", .limit = 1, .words = "wanted, 0 of 1", .back = true},
    {.check = "quota.volumes_of_type", .service = "cinder", .resource = "volumes_replicated-ssd", .limit = 3, .words = "4 wanted, 0 of 3", .back = true},
    {.check = "quota.gigabytes_of_type", .service = "cinder", .resource = "gigabytes_replicated-ssd", .limit = 1, .words = "wanted, 0 of 1", .back = true},
    {.check = "quota.per_volume_gigabytes", .service = "cinder", .resource = "per_volume_gigabytes", .limit = 0, .words = "in one volume wanted", .back = true},
    {.check = "quota.ports", .service = "neutron", .resource = "port", .limit = 2, .words = " wanted, "},
    {.check = "quota.security_groups", .make = no_room_for_groups, .words = "wanted"},
    {.check = "policy", .make = policy_gone, .words = "none is set", .also = "*"},
    {.check = "quota.server_groups", .make = no_room_for_server_groups, .words = "1 wanted, 0 of 0", .grouped = true},
    {.check = "quota.floating_ips", .make = no_room_for_floating, .words = "1 wanted, 0 of 0", .key = "*floating-ip-mapping", .value = "FLOATING"},
    {.check = "quota.networks", .service = "neutron", .resource = "network", .limit = 1, .words = "1 wanted, 1 of 1"},
    {.check = "quota.subnets", .service = "neutron", .resource = "subnet", .limit = 1, .words = "1 wanted, 1 of 1"},
    {.check = "point", .make = no_points, .words = "no", .also = "replication.lag"},
    {.check = "replication.link", .make = arrays_apart, .kinds = HANDOVER, .words = "the cable is cut", .back = true},
    {.check = "replication.lag", .make = points_late, .kinds = UNPLANNED | DRILL, .words = "s of 900 s"},
    {.check = "members.drift", .make = resized, .words = "web-1"},
};
/* clang-format on */

static void trouble_make(struct bench *b, const struct trouble *t)
{
    if (t->make != NULL)
        t->make(b);
    else if (t->service != NULL)
        assert_true(sim_set_quota(b->sim, target, t->service, "prod", t->resource, t->limit));
}

static enum ready_check check_of(const char *id)
{
    enum ready_check check = READY_STATE;

    while (!g_str_equal(ready_id(check), id))
        check++;
    return check;
}

/* "failed" where there was nothing yet to take back. */
static void taken_back(struct bench *b)
{
    g_autofree char *is = status_of(b);

    if (g_strcmp0(is, "rolled_back") != 0 && g_strcmp0(is, "failed") != 0)
        fail_msg("the operation is %s: %s", is, b->last_error);
}

static void ended_as(struct bench *b, enum ready_kind kind, enum ready_then then, const json_t *op,
                     bool drills)
{
    switch (then) {
    case READY_NOTHING:
    case READY_NOTE:
    case READY_LESS:
        if (op == NULL)
            fail_msg("it was to succeed: %s", b->last_error);
        break;
    case READY_PARTIAL:
    case READY_HALTS:
        assert_null(op);
        status_is(b, "needs_operator");
        bench_role_is(b, SIM_SITE_B, "ACTIVE");
        break;
    case READY_UNDONE:
        assert_null(op);
        taken_back(b);
        as_before(b, kind, drills);
        break;
    case READY_REFUSED:
        assert_null(op);
        as_before(b, kind, drills);
        assert_int_equal(sim_count(b->sim, SIM_SITE_A, "nova", "POST", "*/action"), 0);
        break;
    case READY_THENS:
        break;
    }
}

static struct bench *grouped(uint64_t seed)
{
    struct bench *b = bench_create(seed);

    bench_register(b);
    bench_server_group(b, SIM_SITE_A, "soft-anti-affinity");
    bench_protect(b);
    bench_wait_point(b);
    return b;
}

static char *value_of(struct bench *b, const struct trouble *t)
{
    return g_strcmp0(t->value, "FLOATING") == 0 ? bench_floating_mapping(b, SIM_SITE_A)
                                                : g_strdup(t->value);
}

static void trouble_tell(const struct trouble *t, enum ready_kind kind, uint64_t seed)
{
    AUTO(bench) b = compared(t->grouped ? grouped(seed) : bench_create_protected(seed));
    enum ready_then then = ready_then(check_of(t->check), kind);

    trouble_make(b, t);
    g_autofree char *value = value_of(b, t);
    g_autoptr(json_t) plan = look(b, kind, t->key, value);
    only_fails(plan, t->check, t->also);
    const json_t *row = row_of(plan, t->check);
    if (strstr(json_str_or(row, "seen", ""), t->words) == NULL)
        fail_msg("%s says '%s', not '%s'", t->check, json_str(row, "seen"), t->words);
    assert_string_equal(json_str(row, "then"), ready_then_text(then));
    assert_int_equal(json_bool(plan, "ready", true), then == READY_NOTE);
    sim_log_clear(b->sim); /* what was refused has stopped nothing */
    g_autoptr(json_t) op = begin(b, kind, t->key, value);
    ended_as(b, kind, then, op, t->drills);
}

/* Each check is provoked, for each kind of operation that it concerns. */
static void test_troubles(void **state)
{
    const char *only = g_getenv("ONLY");
    (void)state;

    for (size_t i = 0; i < G_N_ELEMENTS(troubles); i++) {
        const struct trouble *t = &troubles[i];
        if (only != NULL && !g_str_equal(only, t->check))
            continue;
        for (enum ready_kind kind = READY_UNPLANNED; kind < READY_KINDS; kind++) {
            bool concerns = ready_then(check_of(t->check), kind) != READY_NOTHING;
            bool wanted = t->kinds == 0 || (t->kinds & 1u << kind) != 0;
            if (!concerns || !wanted)
                continue;
            print_message("%s: %s\n", t->check, ready_kind_text(kind));
            trouble_tell(t, kind, 1710 + i * READY_KINDS + kind);
        }
    }
}

/* ---- home again ---- */

static json_t *look_back(struct bench *b)
{
    g_autoptr(json_t) said =
        bench_ok(b, "prod-b", "protection-group failback", WEB, "!dry-run", NULL);

    return json_incref(json_obj(said, "object"));
}

/* So much room beside what is in use: "2 wanted, 4 of 1000000 in use". */
static void room_back(struct bench *b, const struct trouble *t)
{
    assert_true(sim_set_quota(b->sim, target, t->service, "prod", t->resource, 1000000));
    g_autoptr(json_t) plan = look_back(b);
    const char *used = strstr(json_str(row_of(plan, t->check), "seen"), "wanted, ");

    assert_non_null(used);
    int64_t in_use = g_ascii_strtoll(used + strlen("wanted, "), NULL, 10);
    assert_true(
        sim_set_quota(b->sim, target, t->service, "prod", t->resource, (int)in_use + t->limit));
}

static void back_ended(struct bench *b, enum ready_then then, const json_t *op)
{
    bench_settle(b);
    if (then != READY_REFUSED) {
        ended_as(b, READY_HANDOVER, then, op, false);
        bench_servers_are(b, target, "active");
        return;
    }
    assert_null(op);
    bench_role_is(b, source, "ACTIVE");
    bench_servers_are(b, source, "active");
    assert_int_equal(sim_count(b->sim, source, "nova", "POST", "*/action"), 0);
}

static void trouble_back(const struct trouble *t, uint64_t seed)
{
    AUTO(bench) b = compared(bench_create_protected(seed));
    enum ready_then then = ready_then(check_of(t->check), READY_HANDOVER);

    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!planned", NULL));
    bench_settle(b);
    bench_pass(b, 3700000); /* B's engine has compared as well */
    if (t->service != NULL)
        room_back(b, t);
    else
        trouble_make(b, t);
    g_autoptr(json_t) plan = look_back(b);
    only_fails(plan, t->check, t->also);
    assert_int_equal(json_bool(plan, "ready", true), then == READY_NOTE);
    sim_log_clear(b->sim);
    g_autoptr(json_t) op = bench_try(b, "prod-b", "protection-group failback", WEB, NULL);
    back_ended(b, then, op);
}

static void test_troubles_back(void **state)
{
    const char *only = g_getenv("ONLY");
    (void)state;

    source = SIM_SITE_B;
    target = SIM_SITE_A;
    for (size_t i = 0; i < G_N_ELEMENTS(troubles); i++) {
        if (!troubles[i].back || (only != NULL && !g_str_equal(only, troubles[i].check)))
            continue;
        print_message("%s: failback\n", troubles[i].check);
        trouble_back(&troubles[i], 2710 + i);
    }
    source = SIM_SITE_A;
    target = SIM_SITE_B;
}

/* No check is in the table that nothing here provokes. */
static void test_every_check(void **state)
{
    (void)state;

    for (enum ready_check check = READY_STATE; check < READY_CHECKS; check++) {
        bool there = check == READY_PEER; /* test_lost */
        for (size_t i = 0; i < G_N_ELEMENTS(troubles); i++)
            there = there || g_str_equal(troubles[i].check, ready_id(check));
        if (!there)
            fail_msg("nothing provokes %s", ready_id(check));
    }
}

/* The other site is lost, and cannot be asked: that alone makes nobody despair. */
static void test_lost(void **state)
{
    AUTO(bench) b = bench_create_protected(1890);
    (void)state;

    bench_lose(b, SIM_SITE_A);
    g_autoptr(json_t) said = bench_ok(b, "prod-b", "protection-group plan", WEB, NULL);
    const json_t *plan = json_obj(said, "object");
    assert_true(json_bool(plan, "ready", false));
    assert_int_equal(json_int(said, "exit", -1), 0);
    assert_string_equal(json_str(row_of(plan, "peer.api"), "result"), "failed");
    assert_string_equal(json_str(row_of(plan, "group.in_sync"), "result"), "unknown");
    assert_string_equal(json_str(row_of(plan, "members.drift"), "result"), "unknown");
    assert_non_null(strstr(json_str_or(said, "text", ""), "from site-a to site-b: ready"));
    g_autoptr(json_t) back = bench_ok(b, "prod-b", "protection-group plan", WEB, "!planned", NULL);
    assert_int_equal(json_int(back, "exit", -1), 1);
    assert_string_equal(json_str(row_of(json_obj(back, "object"), "peer.api"), "then"), "refused");
    assert_null(bench_try(b, "prod-b", "protection-group failover", WEB, "!planned", NULL));
    as_before(b, READY_UNPLANNED, false);
    g_autoptr(json_t) rehearsal =
        bench_ok(b, "prod-b", "protection-group plan", WEB, "operation", "test-failover", NULL);
    assert_true(json_bool(json_obj(rehearsal, "object"), "ready", false));
    assert_string_equal(json_str(row_of(json_obj(rehearsal, "object"), "peer.api"), "then"),
                        "note");
    json_decref(
        bench_ok(b, "prod-b", "protection-group test-failover", WEB, "!auto-cleanup", NULL));
    bench_settle(b);
    json_decref(bench_failover(b, SIM_SITE_B));
}

/* What is called ready comes home, by the plan that was shown. */
static void test_failback(void **state)
{
    AUTO(bench) b = compared(bench_create_protected(1891));
    (void)state;

    json_decref(bench_ok(b, "prod-a", "protection-group failover", WEB, "!planned", NULL));
    bench_settle(b);
    bench_pass(b, 3700000);
    g_autoptr(json_t) plan = look_back(b);
    only_fails(plan, NULL, NULL);
    json_decref(bench_ok(b, "prod-b", "protection-group failback", WEB, "plan",
                         json_str(plan, "hash"), NULL));
    bench_settle(b);
    bench_servers_are(b, SIM_SITE_A, "active");
}

/* A quota that may not be read keeps nobody from anything. */
static void test_not_told(void **state)
{
    AUTO(bench) b = compared(bench_create_protected(1892));
    struct sim_fault forbids = {.site = SIM_SITE_B,
                                .service = "neutron",
                                .method = "GET",
                                .path = "*/quotas/*",
                                .kind = SIM_FAULT_STATUS,
                                .status = 403,
                                .body = "{\"NeutronError\": {\"type\": \"PolicyNotAuthorized\","
                                        " \"message\": \"no\", \"detail\": \"\"}}"};
    (void)state;

    sim_fault_add(b->sim, &forbids);
    g_autoptr(json_t) plan = look(b, READY_HANDOVER, NULL, NULL);
    assert_false(json_bool(plan, "ready", true));
    assert_string_equal(json_str(row_of(plan, "quota.ports"), "result"), "unknown");
    g_autoptr(json_t) op = begin(b, READY_HANDOVER, NULL, NULL);
    if (op == NULL)
        fail_msg("%s", b->last_error);
}

/*
 * Cinder's scheduler at the target has just started and has not heard of a pool: that is no "no",
 * and whoever begins waits for it.  The first look is the plan's.
 */
static void test_scheduler_starts(void **state)
{
    struct sim_fault starts = {.site = SIM_SITE_B,
                               .service = "cinder",
                               .method = "GET",
                               .path = "*/scheduler-stats/get_pools*",
                               .count = 4,
                               .kind = SIM_FAULT_STATUS,
                               .status = 200,
                               .body = "{\"pools\": []}"};
    (void)state;

    for (enum ready_kind kind = READY_UNPLANNED; kind < READY_KINDS; kind++) {
        AUTO(bench) b = compared(bench_create_protected(1895 + kind));
        sim_fault_add(b->sim, &starts);
        g_autoptr(json_t) plan = look(b, kind, NULL, NULL);
        const json_t *row = row_of(plan, "volume.backend");
        assert_string_equal(json_str(row, "result"), "unknown");
        assert_non_null(strstr(json_str(row, "seen"), "has not heard of its pools"));
        g_autoptr(json_t) op = begin(b, kind, NULL, NULL);
        if (op == NULL)
            fail_msg("%s: %s", ready_kind_text(kind), b->last_error);
        assert_string_equal(bench_field(op, "status"), "completed");
        assert_true(sim_count(b->sim, SIM_SITE_B, "cinder", "GET", starts.path) > starts.count);
    }
}

/* ---- a plan that was agreed on ---- */

/* Another flavor of the name, another network: what would be made is not what was shown. */
static void test_changed(void **state)
{
    (void)state;

    for (enum ready_kind kind = READY_UNPLANNED; kind < READY_KINDS; kind++) {
        AUTO(bench) b = bench_create_protected(1800 + kind);
        g_autoptr(json_t) plan = look(b, kind, NULL, NULL);
        g_autoptr(json_t) again = look(b, kind, NULL, NULL);
        assert_string_equal(json_str(plan, "hash"), json_str(again, "hash"));
        json_decref(bench_ok(b, "prod-a", "protection-group member-update", WEB, "member-id",
                             bench_server_id(b, SIM_SITE_A, "web-1"), "priority", "1", NULL));
        assert_null(begin(b, kind, "plan", json_str(plan, "hash")));
        assert_non_null(strstr(b->last_error, "not what plan"));
        as_before(b, kind, false);
    }
}

/* Said again, by the same plan, it is followed; by another one it is refused. */
static void test_again(void **state)
{
    AUTO(bench) b = compared(bench_create_protected(1893));
    (void)state;

    bench_lose(b, SIM_SITE_A);
    g_autoptr(json_t) said = bench_ok(b, "prod-b", "protection-group plan", WEB, NULL);
    const char *hash = json_str(json_obj(said, "object"), "hash");
    g_autoptr(json_t) first = bench_ok(b, "prod-b", "protection-group failover", WEB, "!unplanned",
                                       "reason", "fire", "plan", hash, "!no-wait", NULL);
    bench_fails(b, "protector.operation.in_progress", "prod-b", "protection-group failover", WEB,
                "!unplanned", "reason", "fire", "plan",
                "0000000000000000000000000000000000000000000000000000000000000000", NULL);
    g_autoptr(json_t) again = bench_ok(b, "prod-b", "protection-group failover", WEB, "!unplanned",
                                       "reason", "fire", "plan", hash, NULL);
    assert_string_equal(bench_field(first, "id"), bench_field(again, "id"));
    assert_string_equal(bench_field(again, "status"), "completed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ready),
        cmocka_unit_test(test_troubles),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_failback),
        cmocka_unit_test(test_scheduler_starts),
        cmocka_unit_test(test_not_told),
        cmocka_unit_test(test_changed),
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_drill_gives_way),
        cmocka_unit_test(test_troubles_back),
        cmocka_unit_test(test_every_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
