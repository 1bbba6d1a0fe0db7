/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keystone - logging in by each method as recorded, tokens decoded field by field, the catalog,
 * trusts.
 */
#include "tests/unit/cloud/replay.h"

#include "cloud/wire.h"

#define V3         REPLAY_A ":5000/v3"
#define TOKENS     REPLAY_A ":5000/v3/auth/tokens"
#define TRUSTS     REPLAY_A ":5000/v3/OS-TRUST/trusts"
#define TRUST_ID   replay_said("keystone/trust-create", "trust/id")
#define TRUSTOR_ID replay_said("keystone/trust-create", "trust/trustor_user_id")
#define TRUSTEE_ID replay_said("keystone/trust-create", "trust/trustee_user_id")
#define PROJECT_ID replay_said("keystone/trust-create", "trust/project_id")

static struct wire wire_for(struct replay *r)
{
    return (struct wire){.transport = &r->transport,
                         .env = &r->env,
                         .cloud = "site-a",
                         .deadline_mono_ms = WIRE_NO_DEADLINE};
}

static err_t *log_in(struct replay *r, const struct keystone_credentials *c,
                     struct keystone_token **ret)
{
    struct wire w = wire_for(r);
    return keystone_authenticate(&w, V3, c, ret);
}

/* ---- logins ---- */

static struct keystone_credentials by_trust(void)
{
    return (struct keystone_credentials){
        .method = KEYSTONE_TRUST,
        .auth_url = V3,
        .username = "protector",
        .user_domain_name = "Default",
        .password = "lab",
        .trust_id = replay_asked_for("keystone/token-trust-scoped", "auth/scope/OS-TRUST:trust/id"),
    };
}

#define APPLICATION_CREDENTIAL "auth/identity/application_credential"
static struct keystone_credentials by_application_credential(void)
{
    static const char sample[] = "keystone/token-application-credential";
    return (struct keystone_credentials){
        .method = KEYSTONE_APPLICATION_CREDENTIAL,
        .auth_url = V3,
        .application_credential_id = replay_asked_for(sample, APPLICATION_CREDENTIAL "/id"),
        .application_credential_secret = replay_asked_for(sample, APPLICATION_CREDENTIAL "/secret"),
    };
}

static void logins_are_sent_as_recorded(void **state)
{
    (void)state;
    struct keystone_credentials unscoped = replay_tenant;
    unscoped.project_name = NULL;
    struct keystone_credentials trust = by_trust(), application = by_application_credential();
    const struct {
        const char *sample;
        const struct keystone_credentials *credentials;
    } table[] = {
        {"keystone/token-project", &replay_tenant},
        {"keystone/token-trust-scoped", &trust},
        {"keystone/token-application-credential", &application},
        {"keystone/token-unscoped", &unscoped},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        struct replay *r = replay_create();
        replay_sample(r, table[i].sample);
        AUTO(keystone_token) token = NULL;
        assert_ok(log_in(r, table[i].credentials, &token));
        g_autoptr(json_t) recorded = replay_request_body(table[i].sample);
        assert_json_equal(replay_last(r)->body, recorded);
        assert_null(replay_last(r)->token);
        replay_destroy(r);
    }
}

static json_t *sent(const struct keystone_credentials *c)
{
    struct replay *r = replay_create();
    replay_sample_at(r, "POST", TOKENS, FOREVER, "keystone/token-project");
    AUTO(keystone_token) token = NULL;
    assert_ok(log_in(r, c, &token));
    json_t *body = json_incref(replay_last(r)->body);
    replay_destroy(r);
    return body;
}

static void ids_win_over_names_and_default_is_the_domain(void **state)
{
    (void)state;
    struct keystone_credentials c = replay_tenant;
    c.user_domain_name = NULL;
    c.project_domain_name = NULL;
    g_autoptr(json_t) plain = sent(&c);
    assert_string_equal(json_str_at(plain, "auth/identity/password/user/domain/id"), "default");
    assert_string_equal(json_str_at(plain, "auth/scope/project/domain/id"), "default");
    c.user_id = "u1";
    c.project_id = "p1";
    g_autoptr(json_t) ids = sent(&c);
    assert_string_equal(json_str_at(ids, "auth/identity/password/user/id"), "u1");
    assert_null(json_at(ids, "auth/identity/password/user/name"));
    assert_string_equal(json_str_at(ids, "auth/scope/project/id"), "p1");
    assert_null(json_at(ids, "auth/scope/project/name"));
    c = (struct keystone_credentials){.method = KEYSTONE_APPLICATION_CREDENTIAL,
                                      .auth_url = V3,
                                      .application_credential_name = "dr",
                                      .application_credential_secret = "s",
                                      .username = "prod-user",
                                      .user_domain_name = "Default"};
    g_autoptr(json_t) named = sent(&c);
    const json_t *part = json_at(named, "auth/identity/application_credential");
    assert_string_equal(json_str(part, "name"), "dr");
    assert_string_equal(json_str_at(part, "user/domain/name"), "Default");
    assert_null(json_at(named, "auth/scope"));
}

static void a_token_is_changed_to_a_project_or_read_back(void **state)
{
    (void)state;
    struct keystone_credentials c = {.method = KEYSTONE_TOKEN,
                                     .auth_url = V3,
                                     .token = "T",
                                     .project_id = "p1"};
    g_autoptr(json_t) body = sent(&c);
    assert_string_equal(json_str_at(body, "auth/identity/token/id"), "T");
    assert_string_equal(json_str_at(body, "auth/scope/project/id"), "p1");
    c.project_id = NULL;
    struct replay *r = replay_create();
    replay_sample(r, "keystone/token-validate");
    AUTO(keystone_token) token = NULL;
    assert_ok(log_in(r, &c, &token));
    assert_string_equal(token->id, "T");
    assert_string_equal(replay_last(r)->token, "T");
    assert_string_equal(token->project_id, PROJECT_ID);
    replay_destroy(r);
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    struct keystone_credentials c = replay_tenant;
    c.password = NULL;
    assert_err(keystone_credentials_check(&c), ERR_CONFIG, "a password");
    c = by_trust();
    c.trust_id = NULL;
    assert_err(keystone_credentials_check(&c), ERR_CONFIG, "trust");
    c = by_application_credential();
    c.application_credential_secret = NULL;
    assert_err(keystone_credentials_check(&c), ERR_CONFIG, "secret");
    c = replay_tenant;
    c.auth_url = NULL;
    assert_err(keystone_credentials_check(&c), ERR_CONFIG, "auth_url");
    c = (struct keystone_credentials){.method = KEYSTONE_TOKEN, .auth_url = V3};
    assert_err(keystone_credentials_check(&c), ERR_CONFIG, "a token");
    assert_ok(keystone_credentials_check(&replay_tenant));
}

static void a_refused_login_names_who_and_never_the_password(void **state)
{
    (void)state;
    struct keystone_credentials c = replay_tenant;
    c.password = "hunter2";
    struct replay *r = replay_create();
    replay_sample(r, "keystone/token-401-no-role-on-project");
    struct keystone_token *token = NULL;
    g_autoptr(err_t) e = log_in(r, &c, &token);
    assert_int_equal(err_code(e), ERR_CLOUD_UNAUTHORIZED);
    assert_int_equal(err_class(e), ERR_CLASS_PERSON);
    g_autofree char *text = err_text(e);
    assert_non_null(strstr(text, "user 'prod-user' in project 'prod'"));
    assert_null(strstr(text, "hunter2"));
    assert_null(token);
    replay_destroy(r);
}

static void a_trust_that_is_gone_has_its_own_code(void **state)
{
    (void)state;
    static const int statuses[] = {401, 403, 404};
    struct keystone_credentials trust = by_trust();
    for (size_t i = 0; i < G_N_ELEMENTS(statuses); i++) {
        struct replay *r = replay_create();
        g_autofree char *answer = g_strdup_printf(
            "{\"error\": {\"message\": \"Could not find trust: %s.\", \"code\": 404}}",
            trust.trust_id);
        replay_text(r, "POST", TOKENS, FOREVER, statuses[i], answer);
        struct keystone_token *token = NULL;
        err_t *e = log_in(r, &trust, &token);
        g_autofree char *said = err_text(e);
        assert_null(strstr(said, trust.trust_id));
        assert_err(e, ERR_CLOUD_TRUST_INVALID, "with a trust");
        replay_destroy(r);
    }
    struct replay *r = replay_create();
    struct keystone_token *token = NULL;
    replay_fails(r, "POST", TOKENS, FOREVER, ERR_NET_TIMEOUT);
    assert_err(log_in(r, &trust, &token), ERR_CLOUD_UNREACHABLE, "trust");
    replay_destroy(r);
}

/* ---- tokens ---- */

static void a_token_is_decoded(void **state)
{
    (void)state;
    struct replay *r = replay_create();
    replay_sample(r, "keystone/token-trust-scoped");
    AUTO(keystone_token) t = NULL;
    struct keystone_credentials trust = by_trust();
    assert_ok(log_in(r, &trust, &t));
    assert_true(g_str_has_prefix(t->id, "gAAAAAB"));
    assert_string_equal(t->user_id, TRUSTOR_ID);
    assert_string_equal(t->user_name, "prod-user");
    assert_string_equal(t->user_domain_name, "Default");
    assert_string_equal(t->project_id, PROJECT_ID);
    assert_string_equal(t->project_name, "prod");
    assert_string_equal(t->project_domain_id, "default");
    assert_string_equal(t->trust_id, TRUST_ID);
    assert_string_equal(t->trustor_id, TRUSTOR_ID);
    assert_string_equal(t->trustee_id, TRUSTEE_ID);
    assert_int_equal(t->lifetime_ms, 4 * 3600 * 1000);
    assert_int_equal(t->expires_at_ms,
                     time_parse(replay_said("keystone/token-trust-scoped", "token/expires_at")));
    assert_true(keystone_token_has_role(t, "MEMBER"));
    assert_true(keystone_token_has_role(t, "reader"));
    assert_false(keystone_token_has_role(t, "admin"));
    assert_false(t->is_application_credential);
    AUTO(keystone_token) copy = keystone_token_copy(t);
    assert_string_equal(copy->trust_id, TRUST_ID);
    assert_json_equal(copy->json, t->json);
    replay_destroy(r);
}

static void an_application_credential_is_seen(void **state)
{
    (void)state;
    struct replay *r = replay_create();
    replay_sample(r, "keystone/token-application-credential");
    AUTO(keystone_token) t = NULL;
    struct keystone_credentials application = by_application_credential();
    assert_ok(log_in(r, &application, &t));
    assert_true(t->is_application_credential);
    assert_null(t->trust_id);
    replay_destroy(r);
}

static void a_token_without_its_fields_is_an_error(void **state)
{
    (void)state;
    struct keystone_token *t = NULL;
    g_autoptr(json_t) token = replay_body_at("keystone/token-project", "token");
    g_autoptr(json_t) no_user = json_deep_copy(token);
    json_object_del(no_user, "user");
    assert_err(keystone_token_decode("x", no_user, &t), ERR_CLOUD_ERROR, "user/id");
    json_set_str(token, "expires_at", "soon");
    assert_err(keystone_token_decode("x", token, &t), ERR_CLOUD_ERROR, "expires_at");
    struct replay *r = replay_create();
    replay_text(r, "POST", TOKENS, FOREVER, 201, "{\"token\": {}}"); /* and no X-Subject-Token */
    assert_err(log_in(r, &replay_tenant, &t), ERR_CLOUD_ERROR, "without a token");
    assert_null(t);
    replay_destroy(r);
}

/* ---- discovery ---- */

static void auth_url_with_or_without_v3(void **state)
{
    (void)state;
    struct replay *r = replay_create();
    struct wire w = wire_for(r);
    replay_sample(r, "keystone/versions"); /* 300 */
    static const char *const urls[] = {REPLAY_A ":5000/v3", REPLAY_A ":5000/v3/", REPLAY_A ":5000",
                                       REPLAY_A ":5000/"};
    for (size_t i = 0; i < G_N_ELEMENTS(urls); i++) {
        g_autofree char *v3 = NULL;
        assert_ok(keystone_discover(&w, urls[i], &v3));
        assert_string_equal(v3, V3);
    }
    assert_int_equal(r->asked->len, 2); /* /v3 is believed */
    char *v3 = NULL;
    replay_text(r, "GET", "http://old/", FOREVER, 300,
                "{\"versions\": {\"values\": [{\"id\": \"v2.0\"}]}}");
    assert_err(keystone_discover(&w, "http://old", &v3), ERR_CLOUD_VERSION, "no version 3");
    replay_fails(r, "GET", "http://dead/", FOREVER, ERR_NET_REFUSED);
    assert_err(keystone_discover(&w, "http://dead", &v3), ERR_CLOUD_UNREACHABLE, NULL);
    replay_destroy(r);
}

/* ---- the catalog ---- */

static struct keystone_token *recorded_token(void)
{
    struct keystone_token *t = NULL;
    g_autoptr(json_t) j = replay_body_at("keystone/token-project", "token");
    assert_ok(keystone_token_decode("T", j, &t));
    return t;
}

static json_t *endpoint(const char *interface, const char *region, const char *url)
{
    json_t *e = json_object();
    json_set_str(e, "interface", interface);
    json_set_str(e, "region_id", region);
    json_set_str(e, "url", url);
    return e;
}

static void endpoints_by_type_interface_and_region(void **state)
{
    (void)state;
    static const char *const volume[] = {"volumev3", "block-storage", NULL};
    static const char *const dns[] = {"dns", NULL};
    AUTO(keystone_token) t = recorded_token();
    g_autofree char *url = NULL;
    assert_ok(keystone_endpoint(t, volume, "public", NULL, &url));
    g_autofree char *wanted = g_strconcat(REPLAY_A ":8776/v3/", t->project_id, NULL);
    assert_string_equal(url, wanted);
    g_autofree char *same = NULL;
    assert_ok(keystone_endpoint(t, volume, "internal", "RegionA", &same));
    char *none = NULL;
    assert_err(keystone_endpoint(t, dns, "public", NULL, &none), ERR_CLOUD_CATALOG, "volumev3");
    assert_err(keystone_endpoint(t, volume, "public", "RegionB", &none), ERR_CLOUD_CATALOG,
               "in RegionA");
    assert_err(keystone_endpoint(t, volume, "private", "RegionA", &none), ERR_CLOUD_CATALOG,
               "no private endpoint");
    assert_null(none);
}

static void several_regions_need_a_choice(void **state)
{
    (void)state;
    static const char *const image[] = {"image", NULL};
    AUTO(keystone_token) t = recorded_token();
    json_t *catalog = json_arr(t->json, "catalog");
    json_t *service = cloud_find(catalog, "type", "image");
    json_array_append_new(json_arr(service, "endpoints"),
                          endpoint("public", "RegionB", "http://b"));
    char *none = NULL;
    assert_err(keystone_endpoint(t, image, "public", NULL, &none), ERR_CLOUD_CATALOG,
               "RegionA, RegionB");
    g_autofree char *url = NULL;
    assert_ok(keystone_endpoint(t, image, "public", "RegionB", &url));
    assert_string_equal(url, "http://b");
}

/* Catalogs as other clouds have them. */
static void odd_catalogs(void **state)
{
    (void)state;
    static const char *const types[] = {"image", NULL};
    static const struct {
        const char *catalog, *region, *url, *words;
    } rows[] = {
        {"[]", NULL, NULL, "it has nothing"},
        {"[{}]", NULL, NULL, "it has ?"},
        {"[{\"type\":\"image\"}]", NULL, NULL, "in region ''; it has them in nothing"},
        {"[{\"type\":\"image\",\"endpoints\":[{\"interface\":\"public\"}]}]", "R", NULL,
         "in nothing"},
        {"[{\"type\":\"image\",\"endpoints\":[{\"interface\":\"public\",\"url\":\"u\"}]}]", NULL,
         "u", NULL},
        {"[{\"type\":\"image\",\"endpoints\":[{\"interface\":\"public\",\"url\":\"u\",\"region\":"
         "\"R\"},"
         "{\"interface\":\"public\",\"url\":\"v\",\"region\":\"R\"}]}]",
         "R", "u", NULL},
        {"[{\"type\":\"image\",\"endpoints\":[{\"interface\":\"public\",\"url\":\"u\",\"region_"
         "id\":\"R\","
         "\"region\":\"S\"}]}]",
         "S", NULL, "in R"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        AUTO(keystone_token) t = recorded_token();
        json_t *catalog = json_loads(rows[i].catalog, 0, NULL);
        g_autofree char *url = NULL;
        json_set(t->json, "catalog", catalog);
        err_t *e = keystone_endpoint(t, types, "public", rows[i].region, &url);
        if (rows[i].words != NULL)
            assert_err(e, ERR_CLOUD_CATALOG, rows[i].words);
        else
            assert_ok(e);
        if (rows[i].url != NULL)
            assert_string_equal(url, rows[i].url);
    }
}

/* ---- calls ---- */

static void a_trust_is_made_as_recorded(void **state)
{
    (void)state;
    struct replay *r = replay_create();
    replay_basics(r);
    replay_sample(r, "keystone/trust-create");
    AUTO(cloud_session) s = replay_session(r, &replay_tenant);
    struct cloud c = cloud_view(s, NULL, CLOUD_NO_DEADLINE);
    static const char *const roles[] = {"member", NULL};
    g_autoptr(json_t) trust = NULL;
    assert_ok(keystone_trust_create(&c, TRUSTOR_ID, TRUSTEE_ID, PROJECT_ID, roles, &trust));
    assert_string_equal(json_str(trust, "id"), TRUST_ID);
    g_autoptr(json_t) recorded = replay_request_body("keystone/trust-create");
    assert_json_equal(replay_last(r)->body, recorded);
    replay_destroy(r);
}

static void a_token_that_cannot_make_trusts_says_so(void **state)
{
    (void)state;
    struct replay *r = replay_create();
    replay_basics(r);
    replay_sample(r, "keystone/trust-token-trust-create-403");
    AUTO(cloud_session) s = replay_session(r, &replay_tenant);
    struct cloud c = cloud_view(s, NULL, CLOUD_NO_DEADLINE);
    static const char *const roles[] = {"member", NULL};
    json_t *trust = NULL;
    g_autoptr(err_t) e =
        keystone_trust_create(&c, TRUSTOR_ID, TRUSTEE_ID, PROJECT_ID, roles, &trust);
    assert_int_equal(err_code(e), ERR_CLOUD_FORBIDDEN);
    assert_non_null(strstr(err_message(e), "cannot make trusts"));
    assert_non_null(strstr(err_remedy_text(e), "application credential"));
    replay_destroy(r);
}

static void trusts_are_shown_listed_and_deleted(void **state)
{
    (void)state;
    struct replay *r = replay_create();
    replay_basics(r);
    replay_sample(r, "keystone/trust-show");
    replay_sample(r, "keystone/trust-list");
    replay_sample(r, "keystone/trust-delete");
    AUTO(cloud_session) s = replay_session(r, &replay_tenant);
    struct cloud c = cloud_view(s, NULL, CLOUD_NO_DEADLINE);
    g_autoptr(json_t) trust = NULL;
    g_autoptr(json_t) trusts = NULL;
    json_t *gone = NULL;
    assert_ok(keystone_trust_get(&c, TRUST_ID, &trust));
    assert_string_equal(json_str(trust, "trustee_user_id"), TRUSTEE_ID);
    assert_ok(keystone_trust_list(&c, TRUSTOR_ID, &trusts));
    assert_int_equal(json_array_size(trusts), 1);
    assert_ok(keystone_trust_delete(&c, TRUST_ID));
    replay_sample_at(r, "GET", TRUSTS "/*", FOREVER, "keystone/trust-404");
    replay_sample_at(r, "DELETE", TRUSTS "/*", FOREVER, "keystone/trust-404");
    assert_err(keystone_trust_get(&c, TRUST_ID, &gone), ERR_CLOUD_NOT_FOUND,
               "Could not find trust");
    assert_ok(keystone_trust_delete(&c, TRUST_ID));
    replay_destroy(r);
}

static void tokens_are_validated(void **state)
{
    (void)state;
    struct replay *r = replay_create();
    replay_basics(r);
    replay_sample(r, "keystone/token-validate");
    AUTO(cloud_session) s = replay_session(r, &replay_tenant);
    struct cloud c = cloud_view(s, NULL, CLOUD_NO_DEADLINE);
    AUTO(keystone_token) t = NULL;
    assert_ok(keystone_validate(&c, "USER", false, &t));
    assert_string_equal(t->id, "USER");
    assert_string_equal(t->user_name, "prod-user");
    replay_sample_at(r, "GET", TOKENS "*", FOREVER, "keystone/token-validate-404");
    struct keystone_token *none = NULL;
    assert_err(keystone_validate(&c, "USER", true, &none), ERR_CLOUD_NOT_FOUND, "Fernet");
    assert_non_null(strstr(replay_last(r)->url, "allow_expired=1"));
    replay_destroy(r);
}

static void roles_and_the_version(void **state)
{
    (void)state;
    struct replay *r = replay_create();
    replay_basics(r);
    replay_sample_at(r, "GET", V3 "/roles?name=*", FOREVER, "keystone/roles");
    replay_sample_at(r, "GET", V3 "/", FOREVER, "keystone/version-v3");
    AUTO(cloud_session) s = replay_session(r, &replay_tenant);
    struct cloud c = cloud_view(s, NULL, CLOUD_NO_DEADLINE);
    g_autofree char *version = NULL;
    assert_ok(keystone_version(&c, &version));
    assert_string_equal(version, "3.14");
    assert_int_equal(replay_count(r, "POST", "*"), 0); /* without a login */
    g_autofree char *id = NULL;
    char *none = NULL;
    assert_ok(keystone_role_find(&c, "member", &id));
    g_autoptr(json_t) roles = replay_body_at("keystone/roles", "roles");
    assert_string_equal(id, json_str(cloud_find(roles, "name", "member"), "id"));
    assert_err(keystone_role_find(&c, "_member_", &none), ERR_CLOUD_NOT_FOUND, "_member_");
    replay_text(r, "GET", V3 "/", FOREVER, 200, "{\"version\": {\"id\": \"v3.13\"}}");
    assert_err(keystone_version(&c, NULL), ERR_CLOUD_VERSION, "Victoria");
    replay_destroy(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logins_are_sent_as_recorded),
        cmocka_unit_test(ids_win_over_names_and_default_is_the_domain),
        cmocka_unit_test(a_token_is_changed_to_a_project_or_read_back),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(a_refused_login_names_who_and_never_the_password),
        cmocka_unit_test(a_trust_that_is_gone_has_its_own_code),
        cmocka_unit_test(a_token_is_decoded),
        cmocka_unit_test(an_application_credential_is_seen),
        cmocka_unit_test(a_token_without_its_fields_is_an_error),
        cmocka_unit_test(auth_url_with_or_without_v3),
        cmocka_unit_test(endpoints_by_type_interface_and_region),
        cmocka_unit_test(several_regions_need_a_choice),
        cmocka_unit_test(odd_catalogs),
        cmocka_unit_test(a_trust_is_made_as_recorded),
        cmocka_unit_test(a_token_that_cannot_make_trusts_says_so),
        cmocka_unit_test(trusts_are_shown_listed_and_deleted),
        cmocka_unit_test(tokens_are_validated),
        cmocka_unit_test(roles_and_the_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
