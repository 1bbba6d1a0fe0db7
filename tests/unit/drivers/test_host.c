/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host: options with their defaults, HTTP both ways, and what a status means as an error.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/host.h"

static const struct protector_option options[] = {
    {"acme_depth", PROTECTOR_OPTION_INTEGER, "3", "how deep"},
    {"acme_name", PROTECTOR_OPTION_STRING, NULL, "a name"},
    {NULL, PROTECTOR_OPTION_STRING, NULL, NULL},
};

static const struct protector_driver acme = {PROTECTOR_DRIVER_STAMP, .name = "acme",
                                             .options = options};

static const char *depth; /* the value of acme_depth, or NULL */
static char asked_ca_file[64];
static bool asked_insecure;
static enum err_code send_fails = ERR_COUNT;

static const char *option_get(void *data, const char *name)
{
    return strcmp(name, "acme_name") == 0 ? data : strcmp(name, "acme_depth") == 0 ? depth : NULL;
}

static err_t *answer(void *data, const struct http_request *req, struct http_response **ret)
{
    (void)data;
    assert_string_equal("POST", req->method);
    assert_string_equal("https://array/api", req->url);
    assert_string_equal("application/json", http_request_get(req, "content-type"));
    assert_int_equal(4, req->body_size);
    assert_memory_equal("a\0b{", req->body, 4);
    assert_int_equal(1500, req->timeout_ms);
    g_strlcpy(asked_ca_file, req->cafile != NULL ? req->cafile : "", sizeof asked_ca_file);
    asked_insecure = req->insecure;
    if (send_fails != ERR_COUNT)
        return err_make(__FILE__, __LINE__, send_fails, "it did not work");
    *ret = http_response_create(400);
    http_response_set(*ret, "x-auth-token", "t");
    http_response_body(*ret, "application/json", "{}", 2);
    return NULL;
}

static const struct http_transport transport = {.data = NULL, .send = answer};

static struct driver_host *host_make(void)
{
    struct driver_host_config config = {.env = &env_system,
                                        .data = "from the file",
                                        .option = option_get,
                                        .transport = &transport,
                                        .state_dir = "/state"};

    return driver_host_create(&config, &acme);
}

static void options_have_defaults(void **state)
{
    AUTO(driver_host) made = host_make();
    const struct protector_host *host = driver_host_table(made);

    (void)state;
    assert_string_equal("3", host->option(host->data, "acme_depth"));
    assert_string_equal("from the file", host->option(host->data, "acme_name"));
    assert_null(host->option(host->data, "acme_other"));
    assert_string_equal("/state", host->state_dir);
}

static void values_are_of_their_kind(void **state)
{
    static const char *const bad[] = {"", "abc", "-1", "3 ", "1e3", "99999999999999999999"};
    AUTO(driver_host) host = host_make();

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        depth = bad[i];
        g_autoptr(err_t) e = driver_host_check(host);

        assert_true(err_is(e, ERR_CONFIG));
        assert_non_null(strstr(err_message(e), "[storage] acme_depth"));
    }
    depth = "1000000000000000";
    assert_null(driver_host_check(host));
    depth = NULL;
    assert_null(driver_host_check(host));
}

static void services_work_without_listeners(void **state)
{
    AUTO(driver_host) made = host_make();
    const struct protector_host *host = driver_host_table(made);
    char digest[PROTECTOR_KEY_SIZE];
    char again[PROTECTOR_KEY_SIZE];
    unsigned char random[16] = {0};
    int any = 0;

    (void)state;
    host->log(host->data, PROTECTOR_LOG_INFO, "nobody hears");
    host->pause_ms(host->data, 1000000);
    assert_true(host->now_ms(host->data) > INT64_C(1700000000000));
    assert_true(host->mono_ms(host->data) >= 0);
    host->random(host->data, random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        any |= random[i];
    assert_int_not_equal(0, any);
    host->digest(host->data, "abc", 3, digest);
    host->digest(host->data, "abd", 3, again);
    assert_int_equal(PROTECTOR_KEY_SIZE - 1, strlen(digest));
    assert_string_not_equal(digest, again);
}

static struct protector_http_request request_make(void)
{
    static const struct protector_http_header headers[] = {{"Content-Type", "application/json"}};

    return (struct protector_http_request){.method = "POST",
                                           .url = "https://array/api",
                                           .headers = headers,
                                           .header_count = 1,
                                           .body = "a\0b{",
                                           .body_size = 4,
                                           .timeout_ms = 1500,
                                           .ca_file = "/ca.pem",
                                           .insecure = 1};
}

static void http_carries_request_and_answer(void **state)
{
    AUTO(driver_host) made = host_make();
    const struct protector_host *host = driver_host_table(made);
    struct protector_http_request request = request_make();
    struct protector_http_response response;
    struct protector_error error;
    const char *token = NULL;

    (void)state;
    send_fails = ERR_COUNT;
    assert_int_equal(PROTECTOR_OK, host->http(host->data, &request, &response, &error));
    assert_int_equal(400, response.status); /* any answer is an answer */
    assert_string_equal("{}", response.body);
    assert_int_equal(2, response.body_size);
    for (size_t i = 0; i < response.header_count; i++)
        if (g_ascii_strcasecmp(response.headers[i].name, "X-Auth-Token") == 0)
            token = response.headers[i].value;
    assert_string_equal("t", token);
    assert_string_equal("/ca.pem", asked_ca_file);
    assert_true(asked_insecure);
    host->http_free(host->data, &response);
    host->http_free(host->data, &response); /* harmless */
}

/* As in a program that has no way to a network. */
static void http_needs_a_transport(void **state)
{
    struct driver_host_config config = {.env = &env_system, .option = option_get};
    AUTO(driver_host) made = driver_host_create(&config, &acme);
    const struct protector_host *host = driver_host_table(made);
    struct protector_http_request request = request_make();
    struct protector_http_response response;
    struct protector_error error;

    (void)state;
    assert_int_equal(PROTECTOR_PERMANENT, host->http(host->data, &request, &response, &error));
}

static void http_failures_keep_their_class(void **state)
{
    static const struct {
        enum err_code code;
        enum protector_status status;
    } rows[] = {{ERR_NET_REFUSED, PROTECTOR_TRANSIENT},
                {ERR_NET_TIMEOUT, PROTECTOR_AMBIGUOUS},
                {ERR_NET_LOST, PROTECTOR_AMBIGUOUS},
                {ERR_NET_TLS, PROTECTOR_PERMANENT}};
    AUTO(driver_host) made = host_make();
    const struct protector_host *host = driver_host_table(made);
    struct protector_http_request request = request_make();
    struct protector_http_response response;
    struct protector_error error;

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        send_fails = rows[i].code;
        assert_int_equal(rows[i].status, host->http(host->data, &request, &response, &error));
        assert_non_null(strstr(error.message, "it did not work"));
    }
}

static void status_becomes_an_error(void **state)
{
    static const struct {
        enum protector_status status;
        const char *code;
        enum err_class class;
    } rows[] = {
        {PROTECTOR_PENDING, "protector.driver.pending", ERR_CLASS_TRANSIENT},
        {PROTECTOR_NOT_FOUND, "protector.driver.not_found", ERR_CLASS_PERMANENT},
        {PROTECTOR_EXISTS, "protector.driver.exists", ERR_CLASS_PERSON},
        {PROTECTOR_TRANSIENT, "protector.driver.transient", ERR_CLASS_TRANSIENT},
        {PROTECTOR_AMBIGUOUS, "protector.driver.ambiguous", ERR_CLASS_AMBIGUOUS},
        {PROTECTOR_PERMANENT, "protector.driver.permanent", ERR_CLASS_PERMANENT},
        {PROTECTOR_UNSUPPORTED, "protector.driver.unsupported", ERR_CLASS_PERMANENT},
        {PROTECTOR_DENIED, "protector.driver.denied", ERR_CLASS_PERSON},
        {(enum protector_status)77, "protector.driver.ambiguous", ERR_CLASS_AMBIGUOUS},
    };
    struct protector_error error = {.message = "point 'p' is damaged"};
    struct protector_error silent = {0};
    err_t *none = driver_error(&acme, "recover", PROTECTOR_OK, &error);

    (void)state;
    assert_null(none);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(err_t) e = driver_error(&acme, "recover", rows[i].status, &error);
        g_autofree char *text = err_text(e);

        assert_string_equal(rows[i].code, err_code_text(e));
        assert_int_equal(rows[i].class, err_class(e));
        assert_string_equal("storage driver 'acme', recover: point 'p' is damaged", text);
    }
    none = driver_error(&acme, "recover", PROTECTOR_TRANSIENT, &silent);
    assert_non_null(strstr(err_message(none), "gave no reason"));
    err_free(none);
}

static void status_texts(void **state)
{
    (void)state;
    assert_string_equal("ok", protector_status_text(PROTECTOR_OK));
    assert_string_equal("denied", protector_status_text(PROTECTOR_DENIED));
    assert_string_equal("unknown", protector_status_text((enum protector_status)77));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_have_defaults),
        cmocka_unit_test(values_are_of_their_kind),
        cmocka_unit_test(services_work_without_listeners),
        cmocka_unit_test(http_carries_request_and_answer),
        cmocka_unit_test(http_needs_a_transport),
        cmocka_unit_test(http_failures_keep_their_class),
        cmocka_unit_test(status_becomes_an_error),
        cmocka_unit_test(status_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
