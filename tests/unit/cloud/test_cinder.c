/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cinder - volumes, manage, types and their eligibility, groups, backends.
 */
#include "tests/unit/cloud/replay.h"

#include "cloud/cinder.h"

#define CINDER REPLAY_A ":8776/v3/P"
#define DATA   replay_id("cinder/volume-show-data-web-1-mv")
#define GROUP  replay_id("cinder/group-show")

struct fixture {
    struct replay *r;
    struct cloud_session *session;
    struct cloud c;
};

static int set_up(void **state)
{
    struct fixture *f = g_new0(struct fixture, 1);
    f->r = replay_create();
    replay_basics(f->r);
    f->session = replay_session(f->r, &replay_tenant);
    f->c = cloud_view(f->session, NULL, CLOUD_NO_DEADLINE);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    cloud_session_destroy(f->session);
    replay_destroy(f->r);
    g_free(f);
    return 0;
}

/* ---- volumes ---- */

static void a_volume_is_read(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) v = NULL, admins = NULL;
    replay_sample(f->r, "cinder/volume-show-data-web-1-mv");
    assert_ok(cinder_volume_get(&f->c, DATA, &v));
    assert_string_equal(cinder_status(v), "in-use");
    assert_null(cinder_host(v));
    assert_false(cinder_is_bootable(v));
    assert_string_equal(replay_last(f->r)->microversion, "volume 3.70");
    replay_sample_at(f->r, "GET", CINDER "/volumes/*", FOREVER,
                     "cinder/volume-show-data-web-1-admin-mv");
    assert_ok(cinder_volume_get(&f->c, DATA, &admins));
    assert_string_equal(cinder_host(admins), "cinder-a@lab#lab");
    g_autofree char *backend = cinder_backend(cinder_host(admins));
    assert_string_equal(backend, "cinder-a@lab");
    json_t *none = NULL;
    replay_sample(f->r, "cinder/volume-404");
    assert_err(cinder_volume_get(&f->c, "00000000-0000-0000-0000-000000000000", &none),
               ERR_CLOUD_NOT_FOUND, NULL);
}

static void volumes_are_listed_and_filtered_on_both_sides(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) all = NULL, some = NULL, others = NULL;
    replay_sample_at(f->r, "GET", CINDER "/volumes/detail*", FOREVER, "cinder/volumes-detail-mv");
    assert_ok(cinder_volume_list(&f->c, NULL, NULL, NULL, &all));
    assert_int_equal(json_array_size(all), 4);
    assert_ok(cinder_volume_list(&f->c, NULL, "app", "shop", &some)); /* the fake ignores it */
    assert_int_equal(json_array_size(some), 2);
    assert_string_equal(replay_last(f->r)->url,
                        CINDER "/volumes/detail?metadata=%7B%22app%22%3A%22shop%22%7D");
    assert_ok(cinder_volume_list(&f->c, "p1", NULL, NULL, &others));
    assert_string_equal(replay_last(f->r)->url,
                        CINDER "/volumes/detail?all_tenants=1&project_id=p1");
}

static void a_volume_is_made(void **state)
{
    struct fixture *f = *state;
    struct cinder_new_volume v = {.size_gib = 2, .name = "x", .type = "replicated-ssd"};
    g_autoptr(json_t) made = NULL;
    json_t *none = NULL;
    replay_sample(f->r, "cinder/volume-create");
    assert_ok(cinder_volume_create(&f->c, &v, &made));
    const json_t *body = json_obj(replay_last(f->r)->body, "volume");
    assert_int_equal(json_int(body, "size", 0), 2);
    assert_null(json_object_get(body, "imageRef"));
    v.image_id = "i1";
    replay_sample(f->r, "cinder/over-quota-413");
    assert_err(cinder_volume_create(&f->c, &v, &none), ERR_CLOUD_QUOTA, "(4) exceeded");
    assert_string_equal(json_str_at(replay_last(f->r)->body, "volume/imageRef"), "i1");
}

static void small_changes_are_sent_as_recorded(void **state)
{
    struct fixture *f = *state;
    const char *id = replay_id("cinder/volume-set-bootable");
    g_autoptr(json_t) bootable = replay_request_body("cinder/volume-set-bootable");
    g_autoptr(json_t) image = replay_request_body("cinder/volume-set-image-metadata");
    g_autoptr(json_t) metadata = replay_request_body("cinder/volume-metadata");
    g_autoptr(json_t) unmanage = replay_request_body("cinder/volume-unmanage");
    replay_sample(f->r, "cinder/volume-set-bootable");
    replay_sample(f->r, "cinder/volume-metadata");
    assert_ok(cinder_volume_set_bootable(&f->c, id, true));
    assert_json_equal(replay_last(f->r)->body, bootable);
    assert_ok(
        cinder_image_metadata_set(&f->c, id, json_at(image, "os-set_image_metadata/metadata")));
    assert_json_equal(replay_last(f->r)->body, image);
    assert_ok(cinder_metadata_set(&f->c, id, json_obj(metadata, "metadata")));
    assert_json_equal(replay_last(f->r)->body, metadata);
    assert_ok(cinder_volume_unmanage(&f->c, id));
    assert_json_equal(replay_last(f->r)->body, unmanage);
}

static void deletes(void **state)
{
    struct fixture *f = *state;
    replay_sample(f->r, "cinder/volume-delete-400-in-group");
    assert_err(cinder_volume_delete(&f->c, DATA), ERR_CLOUD_CONFLICT, "belong to a group");
    replay_sample_at(f->r, "DELETE", CINDER "/volumes/*", FOREVER, "cinder/volume-404");
    assert_ok(cinder_volume_delete(&f->c, DATA));
}

/* ---- manage ---- */

static void a_volume_of_the_array_is_managed(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) recorded = replay_request_body("cinder/manageable-volumes-post-data");
    g_autoptr(json_t) ref = json_deep_copy(json_at(recorded, "volume/ref"));
    g_autoptr(json_t) metadata = json_pack("{s:s}", "dr", "failover");
    struct cinder_managed_volume v = {
        .host = "cinder-b@lab#lab",
        .ref = ref,
        .name = "data-db-1",
        .description = "failed over",
        .type = "replicated-ssd",
        .availability_zone = "nova",
        .bootable = false,
        .metadata = metadata,
    };
    g_autoptr(json_t) made = NULL;
    replay_sample_at(f->r, "POST", CINDER "/manageable_volumes", FOREVER,
                     "cinder/manageable-volumes-post-data");
    assert_ok(cinder_volume_manage(&f->c, &v, &made));
    assert_json_equal(replay_last(f->r)->body, recorded);
    assert_string_equal(cinder_status(made), "creating");
    assert_int_equal(json_int(made, "size", -1), 0);
}

#define POLICY_403                                                                                 \
    "{\"forbidden\": {\"code\": 403, \"message\": \"Policy doesn't allow "                         \
    "volume_extension:volume_manage to be performed.\"}}"

static void whether_managing_is_allowed_is_asked_without_doing_it(void **state)
{
    struct fixture *f = *state;
    replay_sample_at(f->r, "POST", CINDER "/manageable_volumes", FOREVER,
                     "cinder/os-volume-manage-400-host");
    assert_ok(cinder_manage_check(&f->c));
    replay_text(f->r, "POST", CINDER "/manageable_volumes", FOREVER, 403, POLICY_403);
    g_autoptr(err_t) e = cinder_manage_check(&f->c);
    assert_int_equal(err_code(e), ERR_CLOUD_FORBIDDEN);
    assert_non_null(strstr(err_message(e), "Policy doesn't allow volume_extension:volume_manage to "
                                           "be performed."));
    assert_non_null(strstr(err_remedy_text(e), "policy.yaml"));
    /* a 400 of another kind came before the policy: it allows nothing */
    replay_text(f->r, "POST", CINDER "/manageable_volumes", FOREVER, 400,
                "{\"badRequest\": {\"message\": \"Invalid input for field/attribute volume.\"}}");
    assert_err(cinder_manage_check(&f->c), ERR_CLOUD_BAD_REQUEST, NULL);
    replay_text(f->r, "POST", CINDER "/manageable_volumes", FOREVER, 202, "{\"volume\": {}}");
    assert_err(cinder_manage_check(&f->c), ERR_CLOUD_ERROR, "cannot exist");
}

static void manageable_volumes_are_for_admins(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) list = NULL;
    json_t *none = NULL;
    replay_sample_at(f->r, "GET", CINDER "/manageable_volumes/detail?host=cinder-b%40lab%23lab",
                     FOREVER, "cinder/manageable-volumes-admin");
    assert_ok(cinder_manageable_list(&f->c, "cinder-b@lab#lab", &list));
    assert_int_equal(json_array_size(list), 2);
    replay_sample_at(f->r, "GET", CINDER "/manageable_volumes/*", FOREVER,
                     "cinder/manageable-volumes-tenant-403");
    assert_err(cinder_manageable_list(&f->c, "h", &none), ERR_CLOUD_FORBIDDEN, "403");
}

/* ---- types ---- */

static void types_are_found_by_name_or_id(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) by_name = NULL, by_id = NULL;
    json_t *none = NULL;
    replay_sample_at(f->r, "GET", CINDER "/types?is_public=None", FOREVER, "cinder/types-admin");
    assert_ok(cinder_type_find(&f->c, "replicated-ssd", &by_name));
    assert_ok(cinder_type_find(&f->c, json_str(by_name, "id"), &by_id));
    assert_json_equal(by_name, by_id);
    assert_err(cinder_type_find(&f->c, "gold", &none), ERR_CLOUD_NOT_FOUND,
               "site-a: there is no volume type 'gold'");
}

static err_t *eligible(const char *enabled, const char *kind, const char *wanted)
{
    g_autoptr(json_t) type = json_pack("{s:s, s:{}}", "name", "gold", "extra_specs");
    json_t *specs = json_obj(type, "extra_specs");
    if (enabled != NULL)
        json_set_str(specs, "replication_enabled", enabled);
    if (kind != NULL)
        json_set_str(specs, "replication_type", kind);
    return cinder_type_eligible("site-b", type, wanted);
}

static void eligible_types(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) type = NULL;
    replay_sample_at(f->r, "GET", CINDER "/types?is_public=None", FOREVER, "cinder/types-admin");
    assert_ok(cinder_type_find(&f->c, "replicated-ssd", &type));
    assert_ok(cinder_type_eligible("site-a", type, NULL));
    assert_ok(cinder_type_eligible("site-a", type, "async"));
    assert_ok(eligible("<is> True", "<in> sync", NULL));
    assert_ok(eligible("<is> true", " <in>  sync ", "sync"));
}

static void types_that_are_not_eligible_say_why(void **state)
{
    (void)state;
    static const struct {
        const char *enabled, *kind, *wanted, *property, *is;
    } table[] = {
        {NULL, "<in> async", NULL, "replication_enabled", "is missing"},
        {"<is> False", "<in> async", NULL, "replication_enabled", "is '<is> False'"},
        {"True", "<in> async", NULL, "replication_enabled", "is 'True'"},
        {"<is> True", NULL, NULL, "replication_type", "is missing"},
        {"<is> True", "async", NULL, "replication_type", "is 'async'"},
        {"<is> True", "<in> sync", "async", "replication_type", "is '<in> sync'"},
        {"<is> True", "<in> async", "sync", "replication_type", "must be '<in> sync'"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(err_t) e = eligible(table[i].enabled, table[i].kind, table[i].wanted);
        assert_int_equal(err_code(e), ERR_VOLUME_TYPE_NOT_ELIGIBLE);
        assert_non_null(strstr(err_message(e), "not eligible for replication"));
        assert_non_null(strstr(err_message(e), "does not support replication"));
        assert_non_null(strstr(err_message(e), "'site-b'"));
        assert_non_null(strstr(err_message(e), "'gold'"));
        assert_non_null(strstr(err_message(e), table[i].is));
        assert_string_equal(err_detail_get(e, "property"), table[i].property);
        assert_non_null(strstr(err_remedy_text(e), "openstack volume type set --property"));
    }
}

static void group_types(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) list = NULL, tenants = NULL;
    replay_sample_at(f->r, "GET", CINDER "/group_types*", FOREVER, "cinder/group-types-admin");
    assert_ok(cinder_group_type_list(&f->c, &list));
    assert_string_equal(json_str(cinder_group_type_pick(list), "name"), "consistent");
    json_array_remove(list, 0); /* Cinder's own is never taken */
    assert_null(cinder_group_type_pick(list));
    replay_sample_at(f->r, "GET", CINDER "/group_types*", FOREVER, "cinder/group-types-tenant");
    assert_ok(cinder_group_type_list(&f->c, &tenants));
    assert_null(cinder_group_type_pick(tenants)); /* a tenant does not see the property */
}

/* ---- groups ---- */

static void groups_are_made_and_changed_as_recorded(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) create = replay_request_body("cinder/group-create");
    g_autoptr(json_t) update = replay_request_body("cinder/group-update-add-volumes");
    static const char *const types[] = {"replicated-ssd", NULL};
    g_auto(GStrv) volumes =
        g_strsplit(replay_asked_for("cinder/group-update-add-volumes", "group/add_volumes"), ",",
                   9);
    static const char *const none[] = {NULL};
    g_autoptr(json_t) made = NULL, group = NULL, list = NULL;
    replay_sample(f->r, "cinder/group-create");
    assert_ok(cinder_group_create(&f->c, "pg-shop", "protection group",
                                  json_str_at(create, "group/group_type"), types, "nova", &made));
    assert_string_equal(json_str(made, "id"), replay_said("cinder/group-create", "group/id"));
    assert_json_equal(replay_last(f->r)->body, create);
    replay_sample(f->r, "cinder/group-update-add-volumes");
    assert_ok(cinder_group_update(&f->c, GROUP, (const char *const *)volumes, NULL));
    assert_json_equal(replay_last(f->r)->body, update);
    guint before = f->r->asked->len;
    assert_ok(cinder_group_update(&f->c, GROUP, none, none));
    assert_int_equal(f->r->asked->len, before); /* nothing to do, nothing asked */
    replay_sample(f->r, "cinder/group-show");
    assert_ok(cinder_group_get(&f->c, GROUP, &group));
    assert_int_equal(json_array_size(json_arr(group, "volumes")), 2);
    replay_sample(f->r, "cinder/groups-detail");
    assert_ok(cinder_group_list(&f->c, &list));
    assert_non_null(cloud_find(list, "name", "pg-shop"));
}

static void group_refusals_and_deletes(void **state)
{
    struct fixture *f = *state;
    const char *const volumes[] = {DATA, NULL};
    json_t *none = NULL;
    replay_sample(f->r, "cinder/group-add-volume-400-type");
    assert_err(cinder_group_update(&f->c, GROUP, volumes, NULL), ERR_CLOUD_BAD_REQUEST,
               "is not supported by the group");
    replay_sample_at(f->r, "GET", CINDER "/groups/*", FOREVER, "cinder/group-404");
    assert_err(cinder_group_get(&f->c, GROUP, &none), ERR_CLOUD_NOT_FOUND, NULL);
    g_autoptr(json_t) recorded = replay_request_body("cinder/group-delete");
    replay_sample_at(f->r, "POST", CINDER "/groups/*/action", FOREVER, "cinder/group-delete");
    assert_ok(cinder_group_delete(&f->c, GROUP, true));
    assert_json_equal(replay_last(f->r)->body, recorded);
    replay_sample_at(f->r, "POST", CINDER "/groups/*/action", FOREVER, "cinder/group-404");
    assert_ok(cinder_group_delete(&f->c, GROUP, false));
}

/* ---- backends ---- */

static void the_pools_of_a_type(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) types = replay_body_at("cinder/types-admin", "volume_types");
    json_t *type = cloud_find(types, "name", "replicated-ssd");
    g_autoptr(json_t) pools = NULL;
    json_t *none = NULL;
    replay_sample_at(f->r, "GET", CINDER "/scheduler-stats/get_pools?detail=True", FOREVER,
                     "cinder/get-pools");
    replay_sample_at(f->r, "GET", CINDER "/os-services?binary=cinder-volume", FOREVER,
                     "cinder/os-services-admin-mv");
    assert_ok(cinder_type_pools(&f->c, type, &pools));
    assert_int_equal(json_array_size(pools), 1);
    assert_string_equal(json_string_value(json_array_get(pools, 0)), "cinder-a@lab#lab");
    json_set_str(json_obj(type, "extra_specs"), "volume_backend_name", "other");
    assert_err(cinder_type_pools(&f->c, type, &none), ERR_CLOUD_NOT_FOUND, "replicated-ssd");
    json_set_str(json_obj(type, "extra_specs"), "volume_backend_name", "lab");
    replay_text(f->r, "GET", CINDER "/os-services?binary=cinder-volume", FOREVER, 200,
                "{\"services\": [{\"host\": \"cinder-a@lab\", \"state\": \"down\", \"status\": "
                "\"enabled\"}]}");
    assert_err(cinder_type_pools(&f->c, type, &none), ERR_CLOUD_NOT_FOUND, "up and enabled");
}

/* Active/active: the scheduler knows both by the name of their cluster; one that is up will do. */
static void the_pools_of_a_cluster(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) types = replay_body_at("cinder/types-admin", "volume_types");
    g_autoptr(json_t) pools = NULL;
    replay_text(f->r, "GET", CINDER "/scheduler-stats/get_pools?detail=True", FOREVER, 200,
                "{\"pools\": [{\"name\": \"both@lab#lab\", \"capabilities\": {"
                "\"volume_backend_name\": \"lab\"}}]}");
    replay_text(f->r, "GET", CINDER "/os-services?binary=cinder-volume", FOREVER, 200,
                "{\"services\": [{\"host\": \"one@lab\", \"cluster\": \"both@lab\", \"state\": "
                "\"down\", \"status\": \"enabled\"}, {\"host\": \"two@lab\", \"cluster\": "
                "\"both@lab\", \"state\": \"up\", \"status\": \"enabled\"}]}");
    assert_ok(cinder_type_pools(&f->c, cloud_find(types, "name", "replicated-ssd"), &pools));
    assert_int_equal(json_array_size(pools), 1);
}

/* It has just started: no pool is known of a service that is up. */
static void a_scheduler_that_knows_nothing_yet(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) types = replay_body_at("cinder/types-admin", "volume_types");
    json_t *type = cloud_find(types, "name", "replicated-ssd");
    json_t *none = NULL;
    replay_text(f->r, "GET", CINDER "/scheduler-stats/get_pools?detail=True", FOREVER, 200,
                "{\"pools\": []}");
    replay_sample_at(f->r, "GET", CINDER "/os-services?binary=cinder-volume", FOREVER,
                     "cinder/os-services-admin-mv");
    err_t *e = cinder_type_pools(&f->c, type, &none);
    assert_string_equal(err_detail_get(e, "retry_after"), "10");
    assert_err(e, ERR_CLOUD_BUSY, "cinder-a@lab is up");
    replay_text(f->r, "GET", CINDER "/os-services?binary=cinder-volume", FOREVER, 200,
                "{\"services\": [{\"binary\": \"cinder-volume\", \"host\": \"cinder-a@lab\", "
                "\"state\": \"up\", \"status\": "
                "\"disabled\"}]}");
    assert_err(cinder_type_pools(&f->c, type, &none), ERR_CLOUD_NOT_FOUND, "0 pools known");
}

static void quotas(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) q = NULL;
    replay_sample(f->r, "cinder/quota-set");
    assert_ok(cinder_quota(&f->c, "1d41a24bca3441cb8dd78a3f4bcf1800", &q));
    assert_int_equal(json_int(json_obj(q, "gigabytes_replicated-ssd"), "in_use", -5), 5);
    assert_int_equal(json_int(json_obj(q, "volumes"), "limit", -5), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_volume_is_read),
        TEST(volumes_are_listed_and_filtered_on_both_sides),
        TEST(a_volume_is_made),
        TEST(small_changes_are_sent_as_recorded),
        TEST(deletes),
        TEST(a_volume_of_the_array_is_managed),
        TEST(whether_managing_is_allowed_is_asked_without_doing_it),
        TEST(manageable_volumes_are_for_admins),
        TEST(types_are_found_by_name_or_id),
        TEST(eligible_types),
        TEST(types_that_are_not_eligible_say_why),
        TEST(group_types),
        TEST(groups_are_made_and_changed_as_recorded),
        TEST(group_refusals_and_deletes),
        TEST(the_pools_of_a_type),
        TEST(the_pools_of_a_cluster),
        TEST(a_scheduler_that_knows_nothing_yet),
        TEST(quotas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
