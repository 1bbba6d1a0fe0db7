/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session - tokens renewed in time and after a 401, endpoints, microversions with Victoria's
 * numbers, pages, deadlines.
 */
#include "tests/unit/cloud/replay.h"

#include "cloud/nova.h"
#include "cloud/session_internal.h"

#define TOKENS  REPLAY_A ":5000/v3/auth/tokens"
#define NOVA    REPLAY_A ":8774/v2.1"
#define CINDER  REPLAY_A ":8776/v3/P"
#define NEUTRON REPLAY_A ":9696/v2.0"
#define HOUR_MS (3600 * 1000)

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

/* A login that gives the token 'id' for 'lifetime'. */
static void next_login(struct fixture *f, const char *id, int times)
{
    struct replay_rule *rule =
        replay_sample_at(f->r, "POST", TOKENS, times, "keystone/token-project");
    json_set_str(rule->headers, "X-Subject-Token", id);
}

static err_t *call_neutron(struct fixture *f)
{
    g_autoptr(json_t) reply = NULL;
    return cloud_call(&f->c, CLOUD_NETWORK, "GET", "/networks", NULL, &reply);
}

/* ---- certificates ---- */

/* They hold for Keystone and for every service of its catalog, wherever that listens. */
static void certificates_hold_for_the_whole_cloud(void **state)
{
    struct fixture *f = *state;
    struct cloud_options o = {.transport = &f->r->transport,
                              .env = &f->r->env,
                              .cloud = "site-a",
                              .credentials = &replay_tenant,
                              .cafile = "/ca.pem",
                              .insecure = true};
    AUTO(cloud_session) session = cloud_session_create(&o);
    struct cloud c = cloud_view(session, NULL, CLOUD_NO_DEADLINE);
    g_autoptr(json_t) reply = NULL;
    replay_sample(f->r, "neutron/networks");
    assert_ok(cloud_call(&c, CLOUD_NETWORK, "GET", "/networks", NULL, &reply));
    replay_text(f->r, "GET", "http://b/", 1, 200, "");
    assert_ok(cloud_alive(&o, "nova", "http://b/", CLOUD_NO_DEADLINE, NULL));
    assert_int_equal(f->r->asked->len, 3); /* the login, the call, the look */
    for (guint i = 0; i < f->r->asked->len; i++) {
        const struct replay_asked *asked = f->r->asked->pdata[i];
        assert_string_equal(asked->cafile, "/ca.pem");
        assert_true(asked->insecure);
    }
}

/* ---- tokens ---- */

static void nothing_is_asked_before_the_first_call(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(f->r->asked->len, 0);
    replay_sample(f->r, "neutron/networks");
    assert_ok(call_neutron(f));
    assert_ok(call_neutron(f));
    assert_int_equal(replay_count(f->r, "POST", TOKENS), 1);
    assert_int_equal(f->r->asked->len, 3);
}

static void the_token_is_renewed_before_it_expires(void **state)
{
    struct fixture *f = *state;
    replay_sample(f->r, "neutron/networks");
    assert_ok(call_neutron(f));
    f->r->mono_ms += 4 * HOUR_MS - 121000;
    assert_ok(call_neutron(f));
    assert_int_equal(replay_count(f->r, "POST", TOKENS), 1);
    f->r->mono_ms += 2000;
    next_login(f, "second", FOREVER);
    assert_ok(call_neutron(f));
    assert_int_equal(replay_count(f->r, "POST", TOKENS), 2);
    assert_string_equal(replay_last(f->r)->token, "second");
}

static void while_the_old_token_serves_a_dead_keystone_does_not_hurt(void **state)
{
    struct fixture *f = *state;
    replay_sample(f->r, "neutron/networks");
    assert_ok(call_neutron(f));
    replay_fails(f->r, "POST", TOKENS, FOREVER, ERR_NET_REFUSED);
    f->r->mono_ms += 4 * HOUR_MS - 100000;
    assert_ok(call_neutron(f));
    assert_ok(call_neutron(f)); /* and is not asked again at once */
    assert_int_equal(replay_count(f->r, "POST", TOKENS), 2);
    f->r->mono_ms += 31000;
    assert_ok(call_neutron(f));
    assert_int_equal(replay_count(f->r, "POST", TOKENS), 3);
    f->r->mono_ms += 100000; /* now it has expired */
    assert_err(call_neutron(f), ERR_CLOUD_UNREACHABLE, "prod-user");
}

static void a_401_renews_the_token_once(void **state)
{
    struct fixture *f = *state;
    next_login(f, "second", FOREVER);
    next_login(f, "first", 1);
    replay_sample(f->r, "neutron/networks");
    replay_sample_at(f->r, "GET", NEUTRON "/networks", 1, "neutron/networks-401");
    assert_ok(call_neutron(f));
    assert_int_equal(f->r->asked->len, 4);
    assert_string_equal(replay_asked(f->r, 1)->token, "first");
    assert_string_equal(replay_asked(f->r, 3)->token, "second");
}

static void a_second_401_is_the_answer(void **state)
{
    struct fixture *f = *state;
    replay_sample(f->r, "neutron/networks-401");
    assert_err(call_neutron(f), ERR_CLOUD_UNAUTHORIZED, "neutron GET /networks answered 401");
    assert_int_equal(replay_count(f->r, "GET", NEUTRON "/networks"), 2);
    assert_int_equal(replay_count(f->r, "POST", TOKENS), 2);
}

static void a_refused_login_after_a_401_says_why(void **state)
{
    struct fixture *f = *state;
    replay_sample(f->r, "neutron/networks-401");
    replay_sample_at(f->r, "POST", TOKENS, FOREVER, "keystone/token-401");
    next_login(f, "first", 1);
    assert_err(call_neutron(f), ERR_CLOUD_UNAUTHORIZED, "cannot log in user 'prod-user'");
}

static void a_write_is_made_once_more_only_after_a_401(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) body = json_object();
    replay_fails(f->r, "POST", NEUTRON "/ports", FOREVER, ERR_NET_LOST);
    replay_text(f->r, "POST", NEUTRON "/ports", 1, 401, "{\"error\": {\"message\": \"no\"}}");
    assert_err(cloud_call(&f->c, CLOUD_NETWORK, "POST", "/ports", body, NULL), ERR_CLOUD_AMBIGUOUS,
               NULL);
    assert_int_equal(replay_count(f->r, "POST", NEUTRON "/ports"), 2);
}

static void somebody_elses_token_cannot_be_renewed(void **state)
{
    struct fixture *f = *state;
    struct keystone_credentials given = {.method = KEYSTONE_TOKEN,
                                         .auth_url = REPLAY_A ":5000/v3",
                                         .token = "USER"};
    AUTO(cloud_session) s = replay_session(f->r, &given);
    struct cloud c = cloud_view(s, NULL, CLOUD_NO_DEADLINE);
    replay_sample(f->r, "keystone/token-validate");
    replay_sample(f->r, "neutron/networks-401");
    g_autoptr(json_t) reply = NULL;
    assert_err(cloud_call(&c, CLOUD_NETWORK, "GET", "/networks", NULL, &reply),
               ERR_CLOUD_UNAUTHORIZED, NULL);
    assert_int_equal(replay_count(f->r, "GET", NEUTRON "/networks"), 1);
    assert_string_equal(replay_last(f->r)->token, "USER");
}

static unsigned generation_of(struct fixture *f)
{
    struct cloud_access access = {0};
    assert_ok(cloud_access(&f->c, CLOUD_NETWORK, false, &access));
    unsigned generation = access.generation;
    cloud_access_fini(&access);
    return generation;
}

static void a_late_401_does_not_throw_a_newer_token_away(void **state)
{
    struct fixture *f = *state;
    unsigned first = generation_of(f);
    assert_true(cloud_refused(&f->c, first));
    unsigned second = generation_of(f);
    assert_true(second != first);
    assert_true(cloud_refused(&f->c, first)); /* another thread's call with the old token */
    assert_int_equal(generation_of(f), second);
    assert_int_equal(replay_count(f->r, "POST", TOKENS), 2);
}

static void forget_begins_anew(void **state)
{
    struct fixture *f = *state;
    replay_sample(f->r, "neutron/networks");
    assert_ok(call_neutron(f));
    cloud_session_forget(f->session);
    assert_ok(call_neutron(f));
    assert_int_equal(replay_count(f->r, "POST", TOKENS), 2);
}

static void identity_and_project_are_told(void **state)
{
    struct fixture *f = *state;
    g_autofree char *project = NULL;
    AUTO(keystone_token) token = NULL;
    assert_ok(cloud_project_id(&f->c, &project));
    assert_string_equal(project, replay_said("keystone/token-project", "token/project/id"));
    assert_ok(cloud_token(&f->c, &token));
    assert_string_equal(token->user_name, "prod-user");
    assert_string_equal(cloud_name(&f->c), "site-a");
}

#define THREADS 8
#define CALLS   50

/* Counts its failures: a thread must not jump out of itself. */
static void *call_often(void *data)
{
    struct fixture *f = data;
    gsize failures = 0;
    for (int i = 0; i < CALLS; i++) {
        g_autoptr(json_t) server = NULL;
        err_t *e = nova_server_get(&f->c, replay_id("nova/server-show-db-1-mv"), &server);
        failures += e != NULL;
        err_free(e);
    }
    return GSIZE_TO_POINTER(failures);
}

static void several_threads_share_one_login_and_one_negotiation(void **state)
{
    struct fixture *f = *state;
    GThread *threads[THREADS];
    gsize failures = 0;
    replay_sample(f->r, "nova/server-show-db-1-mv");
    replay_sample_at(f->r, "GET", NOVA "/servers/*", THREADS, "nova/servers-401-bad-token");
    for (int i = 0; i < THREADS; i++)
        threads[i] = g_thread_new("caller", call_often, f);
    for (int i = 0; i < THREADS; i++)
        failures += GPOINTER_TO_SIZE(g_thread_join(threads[i]));
    assert_int_equal(replay_count(f->r, "GET", NOVA "/"), 1);
    /* each 401 struck a call: at worst it was made again with a token that was struck too */
    assert_true(failures <= THREADS / 2);
    assert_true(replay_count(f->r, "POST", TOKENS) <= 1 + THREADS);
    assert_int_equal(replay_count(f->r, "GET", NOVA "/servers/*"),
                     THREADS * CALLS + THREADS - failures);
}

/* ---- endpoints and headers ---- */

static void addresses_are_completed(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum cloud_service service;
        const char *url;
    } table[] = {
        {CLOUD_IDENTITY, REPLAY_A ":5000/v3"},
        {CLOUD_COMPUTE, NOVA},
        {CLOUD_VOLUME, CINDER},
        {CLOUD_NETWORK, NEUTRON},
        {CLOUD_IMAGE, REPLAY_A ":9292/v2"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *url = NULL;
        assert_ok(cloud_endpoint(&f->c, table[i].service, &url));
        g_autofree char *plain = replay_plain(url);
        assert_string_equal(plain, table[i].url);
    }
    char *none = NULL;
    assert_err(cloud_endpoint(&f->c, CLOUD_PROTECTOR, &none), ERR_CLOUD_CATALOG, "protector");
}

static void versions_and_ids_go_along(void **state)
{
    struct fixture *f = *state;
    replay_sample(f->r, "nova/server-show-db-1-mv");
    f->c.request_id = "req-11111111-2222-3333-4444-555555555555";
    g_autoptr(json_t) server = NULL;
    assert_ok(nova_server_get(&f->c, replay_id("nova/server-show-db-1-mv"), &server));
    assert_string_equal(replay_last(f->r)->microversion, "compute 2.93");
    for (guint i = 0; i < f->r->asked->len; i++)
        assert_string_equal(replay_asked(f->r, i)->request_id, f->c.request_id);
}

/* ---- microversions ---- */

static err_t *choose(enum cloud_service service, const char *document, int *minor)
{
    g_autoptr(json_t) j = NULL;
    assert_ok(json_parse(document, strlen(document), "document", &j));
    return cloud_version_choose("site-a", cloud_service_row(service), j, minor);
}

#define NOVA_DOC(min, max)                                                                         \
    "{\"version\": {\"id\": \"v2.1\", \"version\": \"" max "\", \"min_version\": \"" min "\"}}"
#define CINDER_DOC(max)                                                                            \
    "{\"versions\": [{\"id\": \"v3.0\", \"version\": \"" max "\", \"min_version\": \"3.0\"}]}"

static void the_smaller_of_known_and_offered_is_used(void **state)
{
    (void)state;
    int minor = 0;
    assert_ok(choose(CLOUD_COMPUTE, NOVA_DOC("2.1", "2.87"), &minor)); /* Victoria */
    assert_int_equal(minor, 87);
    assert_ok(choose(CLOUD_COMPUTE, NOVA_DOC("2.1", "2.93"), &minor)); /* Zed */
    assert_int_equal(minor, 93);
    assert_ok(choose(CLOUD_COMPUTE, NOVA_DOC("2.1", "2.100"), &minor)); /* a later one */
    assert_int_equal(minor, 93);
    assert_ok(choose(CLOUD_VOLUME, CINDER_DOC("3.62"), &minor)); /* Victoria */
    assert_int_equal(minor, 62);
    assert_ok(choose(CLOUD_VOLUME, CINDER_DOC("3.71"), &minor));
    assert_int_equal(minor, 70);
}

static void older_than_victoria_is_refused_by_name(void **state)
{
    (void)state;
    int minor = 0;
    assert_err(choose(CLOUD_COMPUTE, NOVA_DOC("2.1", "2.79"), &minor), ERR_CLOUD_VERSION,
               "site-a: nova offers microversions up to 2.79 only, older than Victoria's 2.87");
    assert_err(choose(CLOUD_VOLUME, CINDER_DOC("3.60"), &minor), ERR_CLOUD_VERSION,
               "cinder offers microversions up to 3.60 only, older than Victoria's 3.62");
    assert_err(choose(CLOUD_COMPUTE, NOVA_DOC("2.94", "2.100"), &minor), ERR_CLOUD_VERSION,
               "newer than");
    assert_err(choose(CLOUD_COMPUTE, NOVA_DOC("2.1", ""), &minor), ERR_CLOUD_VERSION,
               "offers no microversions");
    assert_err(choose(CLOUD_COMPUTE, "{}", &minor), ERR_CLOUD_VERSION, "nova");
    assert_err(choose(CLOUD_COMPUTE, "[]", &minor), ERR_CLOUD_VERSION, "nova");
    assert_int_equal(minor, 0);
}

static void the_right_entry_is_found_among_several(void **state)
{
    (void)state;
    int minor = 0;
    g_autoptr(json_t) nova = replay_body_at("nova/versions", "versions");
    g_autoptr(json_t) all = json_object();
    json_set(all, "versions", json_incref(nova));
    assert_ok(cloud_version_choose("a", cloud_service_row(CLOUD_COMPUTE), all, &minor));
    assert_int_equal(minor, 93);
}

static void versions_parse(void **state)
{
    (void)state;
    int minor = -1;
    assert_true(cloud_version_parse("3.70", 3, &minor));
    assert_int_equal(minor, 70);
    static const char *const bad[] = {"",       "3",    "3.",
                                      "3.x",    "2.70", "3.70x",
                                      "3.70.1", "x.1",  "3.99999999999999999999",
                                      "3.-1",   ".70"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        if (cloud_version_parse(bad[i], 3, &minor))
            fail_msg("'%s' was taken for a version", bad[i]);
}

static void where_the_version_document_is(void **state)
{
    (void)state;
    static const char *const table[][2] = {
        {"http://h:8774/v2.1", "http://h:8774/v2.1/"},
        {"http://h:8774/v2.1/abc", "http://h:8774/v2.1/"},
        {"http://h/compute/v2.1", "http://h/compute/v2.1/"},
        {"https://v1.example.com/volume/v3/p", "https://v1.example.com/volume/v3/"},
        {"http://h:8774", "http://h:8774/"},
        {"h:8774/v2.1/abc", "h:8774/v2.1/"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *url = cloud_version_url(table[i][0]);
        assert_string_equal(url, table[i][1]);
    }
}

static void negotiated_once_and_with_a_token(void **state)
{
    struct fixture *f = *state;
    g_autofree char *nova = NULL, *cinder = NULL, *neutron = NULL;
    bool at_least = false;
    assert_ok(cloud_microversion(&f->c, CLOUD_COMPUTE, &nova));
    assert_string_equal(nova, "2.93");
    assert_ok(cloud_microversion(&f->c, CLOUD_VOLUME, &cinder));
    assert_string_equal(cinder, "3.70");
    assert_string_equal(replay_last(f->r)->url, REPLAY_A ":8776/v3/");
    assert_non_null(replay_last(f->r)->token);
    assert_ok(cloud_microversion(&f->c, CLOUD_NETWORK, &neutron));
    assert_string_equal(neutron, "");
    assert_ok(cloud_microversion_at_least(&f->c, CLOUD_VOLUME, 63, &at_least));
    assert_true(at_least);
    assert_ok(cloud_microversion_at_least(&f->c, CLOUD_VOLUME, 71, &at_least));
    assert_false(at_least);
    assert_int_equal(replay_count(f->r, "GET", "*"), 2);
}

/* Nothing was asked about the server yet: whoever asks must not take it for gone. */
static void a_404_at_the_version_document_is_no_404_of_a_server(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) server = NULL;
    replay_text(f->r, "GET", NOVA "/", 1, 404, "{\"error\": {\"message\": \"no such page\"}}");
    assert_err(nova_server_get(&f->c, "s", &server), ERR_CLOUD_ERROR, "which versions");
    assert_int_equal(replay_count(f->r, "GET", NOVA "/servers/s"), 0);
}

static void a_401_at_the_version_document_renews_too(void **state)
{
    struct fixture *f = *state;
    g_autofree char *version = NULL;
    replay_sample_at(f->r, "GET", REPLAY_A ":8776/v3/", 1, "cinder/version-v3-401");
    assert_ok(cloud_microversion(&f->c, CLOUD_VOLUME, &version));
    assert_int_equal(replay_count(f->r, "POST", TOKENS), 2);
    char *none = NULL;
    cloud_session_forget(f->session);
    replay_sample_at(f->r, "GET", REPLAY_A ":8776/v3/", FOREVER, "cinder/version-v3-401");
    assert_err(cloud_microversion(&f->c, CLOUD_VOLUME, &none), ERR_CLOUD_UNAUTHORIZED, "cinder");
}

/* A token that was given is as it is: there is no other one to ask with. */
static void a_401_to_somebody_elses_token_is_the_answer(void **state)
{
    struct fixture *f = *state;
    struct keystone_credentials given = {.method = KEYSTONE_TOKEN,
                                         .auth_url = REPLAY_A ":5000/v3",
                                         .token = "USER"};
    AUTO(cloud_session) s = replay_session(f->r, &given);
    struct cloud c = cloud_view(s, NULL, CLOUD_NO_DEADLINE);
    char *none = NULL;
    replay_sample(f->r, "keystone/token-validate");
    replay_sample_at(f->r, "GET", REPLAY_A ":8776/v3/", FOREVER, "cinder/version-v3-401");
    assert_err(cloud_microversion(&c, CLOUD_VOLUME, &none), ERR_CLOUD_UNAUTHORIZED, "cinder");
    assert_int_equal(replay_count(f->r, "GET", REPLAY_A ":8776/v3/"), 1);
}

static void a_service_without_microversions_names_its_current_version(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *entries, *want;
    } rows[] = {
        {"{\"id\": \"v1.1\", \"status\": \"CURRENT\"},"
         "{\"id\": \"v2.6\", \"status\": \"SUPPORTED\"},"
         "{\"id\": \"v2.7\", \"status\": \"CURRENT\"},"
         "{\"id\": \"v2.0\", \"status\": \"SUPPORTED\"}",
         "v2.7"},
        {"{\"id\": \"v2.6\"}, {\"id\": \"v2.5\"}", "v2.6"},
        {"{\"id\": \"v1.1\", \"status\": \"CURRENT\"}, {\"id\": 7}", NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = g_strdup_printf("{\"versions\": [%s]}", rows[i].entries);
        g_autofree char *version = NULL;
        replay_text(f->r, "GET", REPLAY_A ":9696/", 1, 200, text);
        err_t *e = cloud_version(&f->c, CLOUD_NETWORK, &version);
        if (rows[i].want != NULL)
            assert_ok(e);
        else
            assert_err(e, ERR_CLOUD_VERSION, "neutron offers no version 2");
        assert_int_equal(g_strcmp0(version, rows[i].want), 0);
    }
}

/* ---- pages ---- */

static void a_list_is_followed_to_its_end(void **state)
{
    struct fixture *f = *state;
    replay_text(f->r, "GET", NOVA "/servers/detail", FOREVER, 200,
                "{\"servers\": [{\"id\": \"1\"}, {\"id\": \"2\"}], \"servers_links\": [{\"rel\": "
                "\"next\", \"href\": \"http://inside:1/v2.1/servers/detail?marker=2\"}]}");
    replay_text(f->r, "GET", NOVA "/servers/detail?marker=2", FOREVER, 200,
                "{\"servers\": [{\"id\": \"3\"}]}");
    g_autoptr(json_t) servers = NULL;
    assert_ok(nova_server_list(&f->c, NULL, NULL, &servers));
    assert_int_equal(json_array_size(servers), 3);
    assert_string_equal(json_str(json_array_get(servers, 2), "id"), "3");
}

static void pages_of_glance_and_keystone(void **state)
{
    struct fixture *f = *state;
    replay_text(f->r, "GET", REPLAY_A ":9292/v2/images?limit=1", FOREVER, 200,
                "{\"images\": [{\"id\": \"a\"}], \"next\": \"/v2/images?limit=1&marker=a%20b\"}");
    replay_text(f->r, "GET", REPLAY_A ":9292/v2/images?limit=1&marker=a%20b", FOREVER, 200,
                "{\"images\": [{\"id\": \"b\"}]}");
    g_autoptr(json_t) images = NULL;
    assert_ok(cloud_list(&f->c, CLOUD_IMAGE, "/images?limit=1", "images", &images));
    assert_int_equal(json_array_size(images), 2);
    replay_text(
        f->r, "GET", REPLAY_A ":5000/v3/roles", FOREVER, 200,
        "{\"roles\": [{\"id\": \"x\"}], \"links\": {\"next\": \"http://k/v3/roles?page=2\"}}");
    replay_text(f->r, "GET", REPLAY_A ":5000/v3/roles?marker=x", FOREVER, 200,
                "{\"roles\": [], \"links\": {\"next\": null}}");
    g_autoptr(json_t) roles = NULL;
    assert_ok(cloud_list(&f->c, CLOUD_IDENTITY, "/roles", "roles", &roles));
    assert_int_equal(json_array_size(roles), 1);
}

static void a_list_that_does_not_end_is_partial(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) list = NULL;
    /* the same page again and again */
    replay_text(f->r, "GET", NEUTRON "/ports*", FOREVER, 200,
                "{\"ports\": [{\"id\": \"1\"}], \"ports_links\": [{\"rel\": \"next\", \"href\": "
                "\"http://x/?marker=1\"}]}");
    assert_err(cloud_list(&f->c, CLOUD_NETWORK, "/ports", "ports", &list), ERR_CLOUD_PARTIAL,
               "/ports");
    assert_int_equal(replay_count(f->r, "GET", NEUTRON "/ports*"), 2);
    /* an empty page that promises more */
    replay_text(f->r, "GET", NEUTRON "/networks*", FOREVER, 200,
                "{\"networks\": [], \"networks_links\": [{\"rel\": \"next\", \"href\": "
                "\"http://x/?marker=7\"}]}");
    assert_err(cloud_list(&f->c, CLOUD_NETWORK, "/networks", "networks", &list), ERR_CLOUD_PARTIAL,
               "empty");
    /* no place to go on from */
    replay_text(f->r, "GET", NEUTRON "/subnets*", FOREVER, 200,
                "{\"subnets\": [{}], \"subnets_links\": [{\"rel\": \"next\", \"href\": \"x\"}]}");
    assert_err(cloud_list(&f->c, CLOUD_NETWORK, "/subnets", "subnets", &list), ERR_CLOUD_PARTIAL,
               NULL);
    assert_null(list);
}

static void a_list_without_its_key_is_no_empty_list(void **state)
{
    struct fixture *f = *state;
    g_autoptr(json_t) list = NULL;
    static const char *const bodies[] = {"{}", "", "{\"ports\": {}}", "{\"ports\": null}", "[]"};
    for (size_t i = 0; i < G_N_ELEMENTS(bodies); i++) {
        replay_text(f->r, "GET", NEUTRON "/ports", 1, 200, bodies[i]);
        assert_err(cloud_list(&f->c, CLOUD_NETWORK, "/ports", "ports", &list), ERR_CLOUD_ERROR,
                   "'ports'");
    }
    replay_text(f->r, "POST", NEUTRON "/ports", 1, 201, "{}");
    g_autoptr(json_t) made = NULL;
    assert_err(cloud_call_object(&f->c, CLOUD_NETWORK, "POST", "/ports", NULL, "port", &made),
               ERR_CLOUD_AMBIGUOUS, "'port'");
}

/* ---- deadlines ---- */

static void the_deadline_holds_for_each_exchange(void **state)
{
    struct fixture *f = *state;
    replay_sample(f->r, "nova/server-show-db-1-mv");
    f->c.timeout_ms = 1000;
    f->r->takes_ms = 600;
    f->c.deadline_mono_ms = f->r->mono_ms + 1500; /* enough for the login, not for what follows */
    g_autoptr(json_t) server = NULL;
    assert_err(nova_server_get(&f->c, replay_id("nova/server-show-db-1-mv"), &server),
               ERR_CLOUD_DEADLINE, "is not sent");
    assert_int_equal(f->r->asked->len, 1);
    f->c.deadline_mono_ms = f->r->mono_ms + 600 + 1000;
    assert_ok(nova_server_get(&f->c, replay_id("nova/server-show-db-1-mv"), &server));
    assert_int_equal(f->r->asked->len, 3);
}

/* ---- helpers ---- */

static void anything_that_answers_is_alive(void **state)
{
    struct fixture *f = *state;
    struct cloud_options o = {.transport = &f->r->transport,
                              .env = &f->r->env,
                              .cloud = "site-b",
                              .timeout_ms = 5000};
    static const int statuses[] = {200, 300, 401, 404, 500, 503};
    for (size_t i = 0; i < G_N_ELEMENTS(statuses); i++) {
        int status = 0;
        replay_text(f->r, "GET", "http://b/", 1, statuses[i], "<html>");
        assert_ok(cloud_alive(&o, "nova", "http://b/", CLOUD_NO_DEADLINE, &status));
        assert_int_equal(status, statuses[i]);
        assert_null(replay_last(f->r)->token);
    }
    replay_fails(f->r, "GET", "http://b/", 1, ERR_NET_REFUSED);
    assert_err(cloud_alive(&o, "nova", "http://b/", CLOUD_NO_DEADLINE, NULL), ERR_CLOUD_UNREACHABLE,
               "site-b");
    assert_err(cloud_alive(&o, "nova", "http://b/", f->r->mono_ms, NULL), ERR_CLOUD_DEADLINE, NULL);
}

static void paths_are_encoded(void **state)
{
    (void)state;
    g_autofree char *path = cloud_path("/x/%s?host=%s&limit=%d", "a/b", "h@b#p", 5);
    assert_string_equal(path, "/x/a%2Fb?host=h%40b%23p&limit=5");
}

static void things_are_found_by_id_or_name(void **state)
{
    struct fixture *f = *state;
    const char *text = "[{\"id\": \"1\", \"name\": \"a\"}, {\"id\": \"2\", \"name\": \"b\"}, "
                       "{\"id\": \"a\", \"name\": \"b\"}]";
    g_autoptr(json_t) items = NULL;
    json_t *found = NULL;
    assert_ok(json_parse(text, strlen(text), "items", &items));
    assert_ok(cloud_find_named(&f->c, items, "thing", "a", &found));
    assert_string_equal(json_str(found, "id"), "a"); /* the id counts more than a name */
    assert_ok(cloud_find_named(&f->c, items, "thing", "2", &found));
    assert_string_equal(json_str(found, "name"), "b");
    assert_err(cloud_find_named(&f->c, items, "thing", "b", &found), ERR_CLOUD_CONFLICT, "2 have");
    assert_err(cloud_find_named(&f->c, items, "thing", "c", &found), ERR_CLOUD_NOT_FOUND,
               "no thing 'c'");
    assert_null(cloud_find(items, "id", NULL));
    assert_null(cloud_find(NULL, "id", "1"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_asked_before_the_first_call),
        TEST(certificates_hold_for_the_whole_cloud),
        TEST(the_token_is_renewed_before_it_expires),
        TEST(while_the_old_token_serves_a_dead_keystone_does_not_hurt),
        TEST(a_401_renews_the_token_once),
        TEST(a_second_401_is_the_answer),
        TEST(a_refused_login_after_a_401_says_why),
        TEST(a_write_is_made_once_more_only_after_a_401),
        TEST(somebody_elses_token_cannot_be_renewed),
        TEST(a_late_401_does_not_throw_a_newer_token_away),
        TEST(forget_begins_anew),
        TEST(identity_and_project_are_told),
        TEST(several_threads_share_one_login_and_one_negotiation),
        TEST(addresses_are_completed),
        TEST(versions_and_ids_go_along),
        TEST(the_smaller_of_known_and_offered_is_used),
        TEST(older_than_victoria_is_refused_by_name),
        TEST(the_right_entry_is_found_among_several),
        TEST(versions_parse),
        TEST(where_the_version_document_is),
        TEST(negotiated_once_and_with_a_token),
        TEST(a_404_at_the_version_document_is_no_404_of_a_server),
        TEST(a_401_at_the_version_document_renews_too),
        TEST(a_401_to_somebody_elses_token_is_the_answer),
        TEST(a_service_without_microversions_names_its_current_version),
        TEST(a_list_is_followed_to_its_end),
        TEST(pages_of_glance_and_keystone),
        TEST(a_list_that_does_not_end_is_partial),
        TEST(a_list_without_its_key_is_no_empty_list),
        TEST(the_deadline_holds_for_each_exchange),
        TEST(anything_that_answers_is_alive),
        TEST(paths_are_encoded),
        TEST(things_are_found_by_id_or_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
