/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_keystone - the rules of the simulated Keystone: who gets which token, how long, and who may
 * make and end a trust.
 */
#include "bench.h"

#include "sim/keystone.h"

static json_t *trust_body(const struct user *trustor, const char *trustee, const char *role)
{
    return json_pack("{s:{s:s, s:s, s:s, s:b, s:[{s:s}], s:b, s:n}}", "trust", "trustor_user_id",
                     trustor->user_id, "trustee_user_id", trustee, "project_id",
                     trustor->project_id, "impersonation", 1, "roles", "name", role,
                     "allow_redelegation", 0, "expires_at");
}

static char *make_trust(const struct user *prod)
{
    g_autoptr(json_t) made =
        expect(prod, "POST", "keystone:/OS-TRUST/trusts",
               trust_body(prod, id_by_name(prod->bench, SIM_SITE_A, "users", "protector"),
                          "member"),
               NULL, 201);
    return g_strdup(json_str_at(made, "trust/id"));
}

static struct answer trust_login(struct bench *b, const char *user, const char *trust)
{
    g_autofree char *origin = sim_origin(b->sim, SIM_SITE_A, SIM_KEYSTONE);
    g_autofree char *url = g_strconcat(origin, "/v3/auth/tokens", NULL);
    json_t *body = auth_body(user, "lab", "service");
    json_object_set_new(json_at(body, "auth"), "scope",
                        json_pack("{s:{s:s}}", "OS-TRUST:trust", "id", trust));
    return ask_url(b, NULL, "POST", url, body, NULL);
}

static void trust_acts_for_the_trustor(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, NULL);
    struct user prod = login(&b, SIM_SITE_A, "prod-user", "prod");
    g_autofree char *trust = make_trust(&prod);
    struct answer a = trust_login(&b, "protector", trust);
    struct user t = user_of(&b, &a);
    assert_string_equal(t.user_id, prod.user_id);
    assert_string_equal(t.project_id, prod.project_id);
    json_decref(expect(&t, "POST", "cinder:/volumes",
                       json_pack("{s:{s:i, s:s}}", "volume", "size", 1, "name", "by-trust"), NULL,
                       202));
    const json_t *volume = sim_find(b.sim, SIM_SITE_A, "volumes", "by-trust");
    assert_string_equal(json_str(volume, "project_id"), prod.project_id);
    /* it is a tenant's token: what administrators may, it may not */
    expect_error(&t, "GET", "cinder:/os-services", NULL, NULL, 403, "admin privileges");
    /* somebody else may not use it */
    struct answer other = trust_login(&b, "nova", trust);
    assert_int_equal(other.status, 403);
    answer_free(&other);
    logout(&t);
    logout(&prod);
    bench_close(&b);
}

static void trust_ends(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, NULL);
    struct user prod = login(&b, SIM_SITE_A, "prod-user", "prod");
    g_autofree char *trust = make_trust(&prod);
    struct answer a = trust_login(&b, "protector", trust);
    struct user t = user_of(&b, &a);
    json_decref(expect(&t, "GET", "nova:/servers", NULL, NULL, 200));
    g_autofree char *path = g_strconcat("keystone:/OS-TRUST/trusts/", trust, NULL);
    json_decref(expect(&prod, "DELETE", path, NULL, NULL, 204));
    struct answer gone = trust_login(&b, "protector", trust);
    assert_int_equal(gone.status, 401);
    answer_free(&gone);
    /* a service that has seen the token takes it for five minutes, one that has not does not */
    bench_pass(&b, KEYSTONE_CACHE_MS - 1000);
    json_decref(expect(&t, "GET", "nova:/servers", NULL, NULL, 200));
    json_decref(expect(&t, "GET", "cinder:/volumes", NULL, NULL, 401));
    bench_pass(&b, 1000);
    json_decref(expect(&t, "GET", "nova:/servers", NULL, NULL, 401));
    logout(&t);
    logout(&prod);
    bench_close(&b);
}

/* A trust is worth what its trustor's roles are worth. */
static void trust_dies_with_the_role(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, NULL);
    struct user prod = login(&b, SIM_SITE_A, "prod-user", "prod");
    struct user admin = login(&b, SIM_SITE_A, "admin", "admin");
    g_autofree char *trust = make_trust(&prod);
    g_autofree char *grant =
        g_strdup_printf("keystone:/projects/%s/users/%s/roles/%s", prod.project_id, prod.user_id,
                        id_by_name(&b, SIM_SITE_A, "roles", "member"));
    json_decref(expect(&admin, "DELETE", grant, NULL, NULL, 204));
    struct answer a = trust_login(&b, "protector", trust);
    assert_int_equal(a.status, 403);
    answer_free(&a);
    json_decref(expect(&admin, "PUT", grant, NULL, NULL, 204));
    a = trust_login(&b, "protector", trust);
    assert_int_equal(a.status, 201);
    answer_free(&a);
    logout(&admin);
    logout(&prod);
    bench_close(&b);
}

static void trust_refusals(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, NULL);
    struct user prod = login(&b, SIM_SITE_A, "prod-user", "prod");
    struct user admin = login(&b, SIM_SITE_A, "admin", "admin");
    const char *trustee = id_by_name(&b, SIM_SITE_A, "users", "protector");
    expect_error(&prod, "POST", "keystone:/OS-TRUST/trusts", trust_body(&admin, trustee, "admin"),
                 NULL, 403, "identity:create_trust");
    expect_error(&prod, "POST", "keystone:/OS-TRUST/trusts", trust_body(&prod, trustee, "admin"),
                 NULL, 404, "Could not find role");
    expect_error(&prod, "POST", "keystone:/OS-TRUST/trusts", trust_body(&prod, "nobody", "member"),
                 NULL, 404, "Could not find user: nobody.");
    expect_error(&prod, "GET", "keystone:/OS-TRUST/trusts", NULL, NULL, 403,
                 "identity:list_trusts");
    json_t *late = trust_body(&prod, trustee, "member");
    json_object_set_new(json_obj(late, "trust"), "expires_at",
                        json_string("2020-01-01T00:00:00.000000Z"));
    expect_error(&prod, "POST", "keystone:/OS-TRUST/trusts", late, NULL, 400,
                 "must not be before now");
    logout(&admin);
    logout(&prod);
    bench_close(&b);
}

static struct answer cred_login(struct bench *b, const char *id, const char *secret)
{
    g_autofree char *origin = sim_origin(b->sim, SIM_SITE_A, SIM_KEYSTONE);
    g_autofree char *url = g_strconcat(origin, "/v3/auth/tokens", NULL);
    return ask_url(b, NULL, "POST", url,
                   json_pack("{s:{s:{s:[s], s:{s:s, s:s}}}}", "auth", "identity", "methods",
                             "application_credential", "application_credential", "id", id, "secret",
                             secret),
                   NULL);
}

static void application_credential_makes_no_trust(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, NULL);
    struct user prod = login(&b, SIM_SITE_A, "prod-user", "prod");
    g_autofree char *path =
        g_strdup_printf("keystone:/users/%s/application_credentials", prod.user_id);
    g_autoptr(json_t) made =
        expect(&prod, "POST", path, json_pack("{s:{s:s}}", "application_credential", "name", "dr"),
               NULL, 201);
    const char *id = json_str_at(made, "application_credential/id");
    struct answer wrong = cred_login(&b, id, "no");
    assert_int_equal(wrong.status, 401);
    answer_free(&wrong);
    struct answer a = cred_login(&b, id, json_str_at(made, "application_credential/secret"));
    struct user u = user_of(&b, &a);
    json_decref(expect(&u, "GET", "nova:/servers", NULL, NULL, 200));
    expect_error(&u, "POST", "keystone:/OS-TRUST/trusts",
                 trust_body(&u, id_by_name(&b, SIM_SITE_A, "users", "protector"), "member"), NULL,
                 403, "Delegated tokens cannot manage trusts.");
    g_autofree char *one = g_strdup_printf("%s/%s", path, id);
    json_decref(expect(&prod, "DELETE", one, NULL, NULL, 204));
    a = cred_login(&b, id, json_str_at(made, "application_credential/secret"));
    assert_int_equal(a.status, 401);
    answer_free(&a);
    logout(&u);
    logout(&prod);
    bench_close(&b);
}

static void tokens_expire(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, NULL);
    struct user prod = login(&b, SIM_SITE_A, "prod-user", "prod");
    bench_pass(&b, KEYSTONE_TOKEN_MS - 2000);
    json_decref(expect(&prod, "GET", "nova:/servers", NULL, NULL, 200));
    bench_pass(&b, 2000);
    json_decref(expect(&prod, "GET", "nova:/servers", NULL, NULL, 401));
    json_decref(expect(&prod, "GET", "keystone:/auth/catalog", NULL, NULL, 401));
    /* and they are of one site only */
    struct user other = login(&b, SIM_SITE_B, "prod-user", "prod");
    g_free(other.token);
    struct user again = login(&b, SIM_SITE_A, "prod-user", "prod");
    other.token = g_strdup(again.token);
    json_decref(expect(&other, "GET", "nova:/servers", NULL, NULL, 401));
    logout(&again);
    logout(&other);
    logout(&prod);
    bench_close(&b);
}

static void validation_is_for_services(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, NULL);
    struct user prod = login(&b, SIM_SITE_A, "prod-user", "prod");
    struct user admin = login(&b, SIM_SITE_A, "admin", "admin");
    struct user protector = login(&b, SIM_SITE_A, "protector", "service");
    static const struct {
        bool by_admin;
        int status;
    } rows[] = {{true, 200}, {false, 403}};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        AUTO(http_request)
        req = http_request_create("GET", "http://127.0.10.1:5000/v3/auth/tokens");
        http_request_set(req, "X-Auth-Token", rows[i].by_admin ? protector.token : prod.token);
        http_request_set(req, "X-Subject-Token", rows[i].by_admin ? prod.token : admin.token);
        struct http_response *resp = NULL;
        g_autoptr(err_t) e = http_send(sim_transport(b.sim), req, &resp);
        assert_null(e);
        assert_int_equal(resp->status, rows[i].status);
        http_response_destroy(resp);
    }
    logout(&protector);
    logout(&admin);
    logout(&prod);
    bench_close(&b);
}

static void protector_stands_in_the_catalog(void **state)
{
    (void)state;
    struct sim_options options;
    sim_options_init(&options);
    options.site[SIM_SITE_B].protector_url = "http://127.0.20.1:8788/v1/%(project_id)s";
    struct bench b;
    bench_open(&b, &options);
    struct user prod = login(&b, SIM_SITE_B, "prod-user", "prod");
    g_autofree char *url = g_strconcat("http://127.0.20.1:8788/v1/", prod.project_id, NULL);
    assert_string_equal(endpoint(&prod, "protector"), url);
    logout(&prod);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trust_acts_for_the_trustor),
        cmocka_unit_test(trust_ends),
        cmocka_unit_test(trust_dies_with_the_role),
        cmocka_unit_test(trust_refusals),
        cmocka_unit_test(application_credential_makes_no_trust),
        cmocka_unit_test(tokens_expire),
        cmocka_unit_test(validation_is_for_services),
        cmocka_unit_test(protector_stands_in_the_catalog),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
