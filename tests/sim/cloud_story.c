/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cloud room on the simulated clouds: the story that tests/lab/cloud.c tells a real one, at
 * both releases and sites; faults that a real cloud does not play on command.
 */
#include "tests/unit/cloud/story.h"

#include "sim/sim.h"

struct world {
    struct sim *sim;
    struct env env;
    int64_t now_ms;
    uint64_t seed;
};

static int64_t world_now(void *data)
{
    return 1795232356000 + ((struct world *)data)->now_ms;
}

static int64_t world_mono(void *data)
{
    return ((struct world *)data)->now_ms;
}

/* xorshift: the same bytes in each run. */
static void world_random(void *data, void *buffer, size_t size)
{
    struct world *w = data;
    for (size_t i = 0; i < size; i++) {
        w->seed ^= w->seed << 13;
        w->seed ^= w->seed >> 7;
        w->seed ^= w->seed << 17;
        ((unsigned char *)buffer)[i] = (unsigned char)(w->seed >> 32);
    }
}

static void world_pass(void *data, int64_t time_ms)
{
    ((struct world *)data)->now_ms += time_ms;
}

static void world_wait(void *data)
{
    world_pass(data, 250);
}

static struct world *world_create(enum sim_release release)
{
    struct world *w = g_new0(struct world, 1);
    struct sim_options options;
    w->seed = 88172645463325252u;
    w->env = (struct env){w, world_now, world_mono, world_random};
    sim_options_init(&options);
    options.release = release;
    options.site[SIM_SITE_A].servers = release == SIM_ZED; /* only that story looks at them */
    options.pass = world_pass;
    options.pass_data = w;
    w->sim = sim_create(&w->env, &options);
    return w;
}

static void world_destroy(struct world *w)
{
    sim_destroy(w->sim);
    g_free(w);
}

static struct story story_at(struct world *w, int site)
{
    g_autofree char *origin = sim_origin(w->sim, site, SIM_KEYSTONE);
    struct story s = {
        .transport = sim_transport(w->sim),
        .env = &w->env,
        .cloud = site == SIM_SITE_A ? "site-a" : "site-b",
        .tenant = {.method = KEYSTONE_PASSWORD,
                   .auth_url = g_intern_string(origin),
                   .username = "prod-user",
                   .password = "lab",
                   .project_name = "prod"},
        .service = {.method = KEYSTONE_PASSWORD,
                    .auth_url = g_intern_string(origin),
                    .username = "protector",
                    .password = "lab",
                    .project_name = "service"},
        .volume_type = "replicated-ssd",
        .wait = world_wait,
        .wait_data = w,
    };
    return s;
}

static void tell(enum sim_release release, int site)
{
    struct world *w = world_create(release);
    struct story s = story_at(w, site);
    story_run(&s);
    world_destroy(w);
}

static void the_story_at_site_a_in_zed(void **state)
{
    (void)state;
    tell(SIM_ZED, SIM_SITE_A);
}

static void the_story_at_site_b_in_victoria(void **state)
{
    (void)state;
    tell(SIM_VICTORIA, SIM_SITE_B);
}

/* The version asked for at each release. */
static void victorias_numbers_are_negotiated(void **state)
{
    (void)state;
    static const struct {
        enum sim_release release;
        const char *nova, *cinder;
    } table[] = {{SIM_ZED, "2.93", "3.70"}, {SIM_VICTORIA, "2.87", "3.62"}};
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        struct world *w = world_create(table[i].release);
        struct story s = story_at(w, SIM_SITE_A);
        g_autofree char *nova = NULL, *cinder = NULL;
        story_log_in(&s);
        story_ok(cloud_microversion(&s.as_service, CLOUD_COMPUTE, &nova));
        story_ok(cloud_microversion(&s.as_service, CLOUD_VOLUME, &cinder));
        assert_string_equal(nova, table[i].nova);
        assert_string_equal(cinder, table[i].cinder);
        story_fini(&s);
        world_destroy(w);
    }
}

/* The seeded web-1: floating IP, two groups, a key of another user than the service account's. */
static void the_seeded_server_is_captured(void **state)
{
    (void)state;
    struct world *w = world_create(SIM_ZED);
    struct story s = story_at(w, SIM_SITE_A);
    story_log_in(&s);
    g_autoptr(json_t) servers = NULL, capture = NULL;
    story_ok(nova_server_list(&s.as_tenant, NULL, NULL, &servers));
    const json_t *web = cloud_find(servers, "name", "web-1");
    assert_non_null(web);
    story_ok(capture_server(&s.as_service, &s.as_tenant, json_str(web, "id"), &capture));
    assert_non_null(json_str_at(capture, "key/public_key"));
    assert_int_equal(json_array_size(json_arr(capture, "volumes")), 2);
    const json_t *port = json_array_get(json_arr(capture, "ports"), 0);
    assert_int_equal(json_array_size(json_arr(port, "floating_ips")), 1);
    assert_non_null(cloud_find(json_arr(capture, "security_groups"), "name", "web"));
    struct capture_rules rules = {.site = "site-a", .volume_type = "replicated-ssd"};
    story_ok(capture_refusal(&rules, capture));
    story_fini(&s);
    world_destroy(w);
}

static void a_lost_reply_is_ambiguous_and_found_again(void **state)
{
    (void)state;
    struct world *w = world_create(SIM_ZED);
    struct story s = story_at(w, SIM_SITE_A);
    story_log_in(&s);
    g_autoptr(json_t) mark = json_pack("{s:s}", "protector:key", "k1");
    struct cinder_new_volume v = {.size_gib = 1,
                                  .name = "lost",
                                  .type = "replicated-ssd",
                                  .metadata = mark};
    json_t *none = NULL;
    const struct sim_fault lost = {.site = -1,
                                   .service = "cinder",
                                   .method = "POST",
                                   .count = 1,
                                   .kind = SIM_FAULT_TIMEOUT_AFTER};
    sim_fault_add(w->sim, &lost);
    story_err(cinder_volume_create(&s.as_tenant, &v, &none), ERR_CLOUD_AMBIGUOUS);
    g_autoptr(json_t) found = NULL;
    story_ok(cinder_volume_list(&s.as_tenant, NULL, "protector:key", "k1", &found));
    assert_int_equal(json_array_size(found), 1);
    story_fini(&s);
    world_destroy(w);
}

static void a_site_that_is_down_is_unreachable_and_then_alive(void **state)
{
    (void)state;
    struct world *w = world_create(SIM_ZED);
    struct story s = story_at(w, SIM_SITE_A);
    story_log_in(&s);
    g_autofree char *url = NULL;
    story_ok(cloud_endpoint(&s.as_service, CLOUD_COMPUTE, &url));
    struct cloud_options o = {.transport = s.transport, .env = s.env, .cloud = "site-a"};
    int status = 0;
    story_ok(cloud_alive(&o, "nova", url, CLOUD_NO_DEADLINE, &status));
    sim_site_down(w->sim, SIM_SITE_A, "keystone", true); /* a dead Keystone hides no living Nova */
    story_ok(cloud_alive(&o, "nova", url, CLOUD_NO_DEADLINE, &status));
    sim_site_down(w->sim, SIM_SITE_A, NULL, true);
    story_err(cloud_alive(&o, "nova", url, CLOUD_NO_DEADLINE, &status), ERR_CLOUD_UNREACHABLE);
    json_t *none = NULL;
    story_err(nova_zone_list(&s.as_service, &none), ERR_CLOUD_UNREACHABLE);
    sim_site_down(w->sim, SIM_SITE_A, NULL, false);
    g_autoptr(json_t) zones = NULL;
    story_ok(nova_zone_list(&s.as_service, &zones));
    story_fini(&s);
    world_destroy(w);
}

static void a_policy_that_lacks_the_rule_is_told(void **state)
{
    (void)state;
    struct world *w = world_create(SIM_ZED);
    struct story s = story_at(w, SIM_SITE_B);
    story_log_in(&s);
    story_ok(cinder_manage_check(&s.as_tenant));
    sim_set_policy(w->sim, SIM_SITE_B, "volume_extension:volume_manage", false);
    g_autoptr(err_t) e = cinder_manage_check(&s.as_tenant);
    assert_non_null(e);
    assert_int_equal(err_code(e), ERR_CLOUD_FORBIDDEN);
    assert_non_null(strstr(err_message(e), "Policy doesn't allow volume_extension:volume_manage to "
                                           "be performed."));
    story_fini(&s);
    world_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_story_at_site_a_in_zed),
        cmocka_unit_test(the_story_at_site_b_in_victoria),
        cmocka_unit_test(victorias_numbers_are_negotiated),
        cmocka_unit_test(the_seeded_server_is_captured),
        cmocka_unit_test(a_lost_reply_is_ambiguous_and_found_again),
        cmocka_unit_test(a_site_that_is_down_is_unreachable_and_then_alive),
        cmocka_unit_test(a_policy_that_lacks_the_rule_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
