/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire - every recorded refusal of the real services is judged as it should be; silence, deadlines
 * and answers of things that are no OpenStack service.
 */
#include "tests/unit/cloud/replay.h"

#include "cloud/wire.h"

/* The recorded refusals whose code does not follow from the status alone. */
static const struct {
    const char *sample;
    enum err_code code;
} special[] = {
    {"cinder/over-quota-413", ERR_CLOUD_QUOTA},
    {"cinder/over-quota-413-gigabytes", ERR_CLOUD_QUOTA},
    {"cinder/over-quota-413-snapshots", ERR_CLOUD_QUOTA},
    {"cinder/snapshot-create-400-in-use", ERR_CLOUD_CONFLICT},
    {"cinder/volume-delete-400-in-group", ERR_CLOUD_CONFLICT},
    {"cinder/volume-delete-400-in-use", ERR_CLOUD_CONFLICT},
    {"glance/image-413-properties", ERR_CLOUD_QUOTA},
    {"neutron/over-quota-409", ERR_CLOUD_QUOTA},
    {"neutron/port-409-address-in-use", ERR_CLOUD_ADDRESS_TAKEN},
    {"neutron/port-409-mac-in-use", ERR_CLOUD_ADDRESS_TAKEN},
    {"nova/over-quota-403", ERR_CLOUD_QUOTA},
};

static enum err_code expected(const char *sample, int status)
{
    for (size_t i = 0; i < G_N_ELEMENTS(special); i++)
        if (strcmp(special[i].sample, sample) == 0)
            return special[i].code;
    switch (status) {
    case 400:
    case 413:
        return ERR_CLOUD_BAD_REQUEST;
    case 401:
        return ERR_CLOUD_UNAUTHORIZED;
    case 403:
        return ERR_CLOUD_FORBIDDEN;
    case 404:
        return ERR_CLOUD_NOT_FOUND;
    case 406:
        return ERR_CLOUD_VERSION;
    case 409:
        return ERR_CLOUD_CONFLICT;
    default:
        fail_msg("%s has status %d, which this test does not know", sample, status);
        return ERR_COUNT;
    }
}

static struct wire wire_for(struct replay *r)
{
    return (struct wire){.transport = &r->transport,
                         .env = &r->env,
                         .cloud = "site-a",
                         .deadline_mono_ms = WIRE_NO_DEADLINE};
}

/* Judges one sample; true if it is a refusal. */
static bool judge_sample(const char *service, const char *file)
{
    g_autofree char *stem = g_strndup(file, strlen(file) - strlen(".json"));
    g_autofree char *name = g_strdup_printf("%s/%s", service, stem);
    g_autoptr(json_t) sample = replay_read(name);
    int status = (int)json_int(json_obj(sample, "response"), "status", 0);
    if (status < 400)
        return false;
    struct replay *r = replay_create();
    replay_sample(r, name);
    const json_t *request = json_obj(sample, "request");
    struct wire w = wire_for(r);
    struct wire_request q = {.service = service,
                             .method = json_str(request, "method"),
                             .url = json_str(request, "url"),
                             .shown = "/path"};
    json_t *body = NULL;
    g_autoptr(err_t) e = wire_call(&w, &q, &body);
    assert_non_null(e);
    assert_null(body);
    if (err_code(e) != expected(name, status))
        fail_msg("%s is judged %s: %s", name, err_code_text(e), err_message(e));
    g_autofree char *number = g_strdup_printf("%d", status);
    assert_string_equal(err_detail_get(e, "cloud_status"), number);
    assert_string_equal(err_detail_get(e, "cloud"), "site-a");
    assert_string_equal(err_detail_get(e, "service"), service);
    assert_non_null(strstr(err_message(e), "site-a"));
    assert_non_null(strstr(err_message(e), "/path answered"));
    assert_non_null(err_detail_get(e, "cloud_message"));
    assert_null(strchr(err_message(e), '\n'));
    assert_null(strstr(err_message(e), "<br"));
    replay_destroy(r);
    return true;
}

static void every_recorded_refusal_is_judged(void **state)
{
    (void)state;
    static const char *const services[] = {"keystone", "nova", "cinder", "neutron", "glance"};
    unsigned judged = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(services); i++) {
        g_autofree char *path =
            g_strdup_printf("%s/lab/openstack/samples/%s", g_getenv("SOURCE_ROOT"), services[i]);
        GDir *dir = g_dir_open(path, 0, NULL);
        assert_non_null(dir);
        for (const char *file; (file = g_dir_read_name(dir)) != NULL;)
            judged += judge_sample(services[i], file);
        g_dir_close(dir);
    }
    assert_true(judged >= 60);
}

static err_t *ask(struct replay *r, const char *method, const struct wire *w)
{
    g_autoptr(json_t) body = NULL;
    struct wire_request q = {.service = "nova", .method = method, .url = "http://h/x"};
    struct wire own = wire_for(r);
    return wire_call(w != NULL ? w : &own, &q, &body);
}

static void the_clouds_own_words_and_id_are_kept(void **state)
{
    (void)state;
    struct replay *r = replay_create();
    struct replay_rule *rule =
        replay_text(r, "POST", "http://h/x", FOREVER, 403,
                    "{\"forbidden\": {\"code\": 403, \"message\": \"Policy doesn't allow "
                    "volume_extension:volume_manage to be performed.\\nTraceback: x\"}}");
    json_set_str(rule->headers, "X-Openstack-Request-Id", "req-1");
    g_autoptr(err_t) e = ask(r, "POST", NULL);
    assert_int_equal(err_code(e), ERR_CLOUD_FORBIDDEN);
    assert_string_equal(err_message(e),
                        "site-a: nova POST http://h/x answered 403: Policy doesn't allow "
                        "volume_extension:volume_manage to be performed. (req-1)");
    assert_string_equal(err_detail_get(e, "cloud_request_id"), "req-1");
    replay_destroy(r);
}

static void silence_of_a_read_is_transient_of_a_write_ambiguous(void **state)
{
    (void)state;
    static const struct {
        enum err_code fails;
        enum err_code read;
        enum err_code write;
    } table[] = {
        {ERR_NET_REFUSED, ERR_CLOUD_UNREACHABLE, ERR_CLOUD_UNREACHABLE},
        {ERR_NET_TIMEOUT, ERR_CLOUD_UNREACHABLE, ERR_CLOUD_AMBIGUOUS},
        {ERR_NET_LOST, ERR_CLOUD_UNREACHABLE, ERR_CLOUD_AMBIGUOUS},
        {ERR_NET_PROTOCOL, ERR_CLOUD_UNREACHABLE, ERR_CLOUD_AMBIGUOUS},
        {ERR_NET_TLS, ERR_NET_TLS, ERR_NET_TLS},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        struct replay *r = replay_create();
        replay_fails(r, "GET", "*", FOREVER, table[i].fails);
        replay_fails(r, "POST", "*", FOREVER, table[i].fails);
        replay_fails(r, "DELETE", "*", FOREVER, table[i].fails);
        assert_err(ask(r, "GET", NULL), table[i].read, "site-a");
        assert_err(ask(r, "POST", NULL), table[i].write, "nova POST");
        assert_err(ask(r, "DELETE", NULL), table[i].write, NULL);
        g_autoptr(err_t) e = ask(r, "POST", NULL);
        assert_true(err_is(e, table[i].fails));
        replay_destroy(r);
    }
    err_t *ambiguous = err(CLOUD_AMBIGUOUS, "x"), *unreachable = err(CLOUD_UNREACHABLE, "x");
    assert_int_equal(err_class(ambiguous), ERR_CLASS_AMBIGUOUS);
    assert_int_equal(err_class(unreachable), ERR_CLASS_TRANSIENT);
    err_free(ambiguous);
    err_free(unreachable);
}

static void server_errors_of_a_write_are_ambiguous(void **state)
{
    (void)state;
    static const struct {
        int status;
        enum err_code read;
        enum err_code write;
    } table[] = {
        {500, ERR_CLOUD_ERROR, ERR_CLOUD_AMBIGUOUS},
        {502, ERR_CLOUD_ERROR, ERR_CLOUD_AMBIGUOUS},
        {504, ERR_CLOUD_ERROR, ERR_CLOUD_AMBIGUOUS},
        {408, ERR_CLOUD_ERROR, ERR_CLOUD_AMBIGUOUS},
        {503, ERR_CLOUD_BUSY, ERR_CLOUD_BUSY},
        {429, ERR_CLOUD_BUSY, ERR_CLOUD_BUSY},
        {301, ERR_CLOUD_ERROR, ERR_CLOUD_ERROR},
        {422, ERR_CLOUD_BAD_REQUEST, ERR_CLOUD_BAD_REQUEST},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        struct replay *r = replay_create();
        replay_text(r, "GET", "*", FOREVER, table[i].status, "{\"message\": \"no\"}");
        replay_text(r, "POST", "*", FOREVER, table[i].status, "{\"message\": \"no\"}");
        assert_err(ask(r, "GET", NULL), table[i].read, "no");
        assert_err(ask(r, "POST", NULL), table[i].write, "no");
        replay_destroy(r);
    }
}

static void retry_after_is_a_detail(void **state)
{
    (void)state;
    struct replay *r = replay_create();
    struct replay_rule *rule =
        replay_text(r, "GET", "*", FOREVER, 429, "{\"overLimit\": {\"message\": \"slow down\"}}");
    json_set_str(rule->headers, "Retry-After", "7");
    g_autoptr(err_t) e = ask(r, "GET", NULL);
    assert_int_equal(err_class(e), ERR_CLASS_TRANSIENT);
    assert_string_equal(err_detail_get(e, "retry_after"), "7");
    replay_destroy(r);
}

static void a_404_of_something_else_proves_no_absence(void **state)
{
    (void)state;
    static const char *const bodies[] = {"", "<html>nginx</html>", "[]", "{\"x\": 1}", "\"no\""};
    for (size_t i = 0; i < G_N_ELEMENTS(bodies); i++) {
        struct replay *r = replay_create();
        replay_text(r, "GET", "*", FOREVER, 404, bodies[i]);
        assert_err(ask(r, "GET", NULL), ERR_CLOUD_ERROR, "no answer of OpenStack");
        replay_destroy(r);
    }
}

static void a_good_status_with_a_bad_body_is_an_error(void **state)
{
    (void)state;
    struct replay *r = replay_create();
    replay_text(r, "GET", "*", FOREVER, 200, "<html>");
    replay_text(r, "POST", "*", FOREVER, 202, "{\"a\": 1, \"a\": 2}");
    assert_err(ask(r, "GET", NULL), ERR_CLOUD_ERROR, "JSON");
    assert_err(ask(r, "POST", NULL), ERR_CLOUD_AMBIGUOUS, "JSON");
    replay_destroy(r);
}

static void nothing_is_sent_that_does_not_fit_before_the_deadline(void **state)
{
    (void)state;
    struct replay *r = replay_create();
    struct wire w = wire_for(r);
    replay_text(r, "GET", "*", FOREVER, 204, "");
    w.timeout_ms = 500;
    w.deadline_mono_ms = r->mono_ms + 499;
    assert_err(ask(r, "GET", &w), ERR_CLOUD_DEADLINE, "500 ms");
    assert_int_equal(r->asked->len, 0);
    w.deadline_mono_ms = r->mono_ms - 1;
    assert_err(ask(r, "GET", &w), ERR_CLOUD_DEADLINE, "only 0 ms");
    w.deadline_mono_ms = r->mono_ms + 500;
    assert_ok(ask(r, "GET", &w));
    w.timeout_ms = 0; /* the default needs 60 s */
    assert_err(ask(r, "GET", &w), ERR_CLOUD_DEADLINE, NULL);
    err_t *e = ask(r, "GET", &w);
    assert_int_equal(err_class(e), ERR_CLASS_FENCED);
    err_free(e);
    assert_int_equal(r->asked->len, 1);
    replay_destroy(r);
}

static void what_may_echo_a_secret_is_not_quoted(void **state)
{
    (void)state;
    struct replay *r = replay_create();
    replay_text(r, "POST", "*", FOREVER, 400,
                "{\"error\": {\"message\": \"'hunter2' is not of type 'object'\"}}");
    struct wire w = wire_for(r);
    struct wire_request q = {.service = "keystone",
                             .method = "POST",
                             .url = "http://h/x",
                             .secret = true};
    json_t *body = NULL;
    g_autoptr(err_t) e = wire_call(&w, &q, &body);
    g_autoptr(json_t) j = err_to_json(e);
    g_autofree char *text = json_print(j);
    assert_null(strstr(text, "hunter2"));
    replay_destroy(r);
}

static void a_long_text_is_cut_at_a_character(void **state)
{
    (void)state;
    GString *body = g_string_new("{\"message\": \"");
    for (int i = 0; i < 3000; i++)
        g_string_append(body, "ü");
    g_string_append(body, "\"}");
    struct replay *r = replay_create();
    replay_text(r, "GET", "*", FOREVER, 403, body->str);
    g_autoptr(err_t) e = ask(r, "GET", NULL);
    const char *text = err_detail_get(e, "cloud_message");
    assert_true(g_utf8_validate(text, -1, NULL));
    assert_int_equal(g_utf8_strlen(text, -1), WIRE_TEXT_MAX);
    g_string_free(body, TRUE);
    replay_destroy(r);
}

/* What is longer than any answer may be is not even read. */
static void an_answer_has_a_size(void **state)
{
    (void)state;
    struct wire w = {.cloud = "site-a"};
    struct wire_request get = {.service = "nova", .method = "GET", .url = "/x"};
    struct wire_request post = {.service = "nova", .method = "POST", .url = "/x"};
    char little[] = "{}";
    struct http_response *resp = http_response_create(200);
    g_free(resp->body);
    resp->body = little;
    resp->body_size = WIRE_BODY_MAX + (size_t)1;
    json_t *body = NULL;
    assert_err(wire_body(&w, &get, resp, &body), ERR_CLOUD_ERROR, "answered with more than");
    assert_err(wire_body(&w, &post, resp, &body), ERR_CLOUD_AMBIGUOUS, "answered with more than");
    resp->status = 403;
    assert_err(wire_judge(&w, &get, resp), ERR_CLOUD_FORBIDDEN, "no answer of OpenStack");
    resp->body = NULL;
    resp->body_size = 0;
    http_response_destroy(resp);
}

/* Who only looks may be told anything; a word that is empty is none. */
static void statuses_without_words(void **state)
{
    (void)state;
    static const struct {
        const char *method, *body;
        int status;
        enum err_code code;
    } rows[] = {
        {"HEAD", "", 500, ERR_CLOUD_ERROR},
        {"PUT", "", 500, ERR_CLOUD_AMBIGUOUS},
        {"PUT", "", 408, ERR_CLOUD_AMBIGUOUS},
        {"PUT", "", 302, ERR_CLOUD_ERROR},
        {"DELETE", "", 410, ERR_CLOUD_ERROR},
        {"DELETE", "{\"error\":{\"message\":\"gone\"}}", 410, ERR_CLOUD_NOT_FOUND},
        {"GET", "{\"error\":{\"message\":\"\"}}", 404, ERR_CLOUD_NOT_FOUND},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct replay *r = replay_create();
        replay_text(r, rows[i].method, "*", FOREVER, rows[i].status, rows[i].body);
        err_t *e = ask(r, rows[i].method, NULL);
        assert_non_null(e);
        if (err_code(e) != rows[i].code)
            fail_msg("%s %d is judged %s", rows[i].method, rows[i].status, err_code_text(e));
        err_free(e);
        replay_destroy(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_recorded_refusal_is_judged),
        cmocka_unit_test(an_answer_has_a_size),
        cmocka_unit_test(statuses_without_words),
        cmocka_unit_test(the_clouds_own_words_and_id_are_kept),
        cmocka_unit_test(silence_of_a_read_is_transient_of_a_write_ambiguous),
        cmocka_unit_test(server_errors_of_a_write_are_ambiguous),
        cmocka_unit_test(retry_after_is_a_detail),
        cmocka_unit_test(a_404_of_something_else_proves_no_absence),
        cmocka_unit_test(a_good_status_with_a_bad_body_is_an_error),
        cmocka_unit_test(nothing_is_sent_that_does_not_fit_before_the_deadline),
        cmocka_unit_test(what_may_echo_a_secret_is_not_quoted),
        cmocka_unit_test(a_long_text_is_cut_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
