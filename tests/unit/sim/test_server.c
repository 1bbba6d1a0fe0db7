/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_server - the program protector-sim over real sockets: it serves, goes down and comes back,
 * hangs up when a fault says so, ends on SIGTERM and keeps its state.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <glib/gstdio.h>

#include "net/curl.h"

struct program {
    GPid pid;
    int out;
    char *dir;
    char *address[2]; /* of the sites; nobody else's */
    struct curl_transport *curl;
};

/* Starts it on addresses that nothing else uses, and waits for "ready". */
static void start(struct program *p)
{
    const char *root = getenv("BUILD_ROOT");
    g_autofree char *path =
        g_build_filename(root != NULL ? root : "build", "sim", "protector-sim", NULL);
    g_autofree char *clouds = g_build_filename(p->dir, "clouds.yaml", NULL);
    char *argv[] = {path,          "--address-a", p->address[0], "--address-b",
                    p->address[1], "--state-dir", p->dir,        "--clouds",
                    clouds,        "--openstack", "victoria",    NULL};
    g_autoptr(GError) error = NULL;
    if (!g_spawn_async_with_pipes(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &p->pid,
                                  NULL, &p->out, NULL, &error))
        fail_msg("%s", error->message);
    char line[16] = "";
    ssize_t got = read(p->out, line, sizeof line - 1); /* one line, or the end */
    assert_int_equal(got, strlen("ready\n"));
    assert_string_equal(line, "ready\n");
}

static void stop(struct program *p)
{
    int status = 0;
    assert_int_equal(kill(p->pid, SIGTERM), 0);
    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    g_spawn_close_pid(p->pid);
    close(p->out);
}

static int open_program(void **state)
{
    struct program *p = g_new0(struct program, 1);
    unsigned pid = (unsigned)getpid();
    p->dir = g_dir_make_tmp("sim-XXXXXX", NULL);
    for (unsigned i = 0; i < 2; i++)
        p->address[i] =
            g_strdup_printf("127.%u.%u.%u", 10 + 10 * i, pid >> 8 & 255, 1 + (pid & 127));
    p->curl = curl_transport_create(NULL);
    start(p);
    *state = p;
    return 0;
}

static int close_program(void **state)
{
    struct program *p = *state;
    stop(p);
    curl_transport_destroy(p->curl);
    static const char *const names[] = {"sim.json", "clouds.yaml"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(p->dir, names[i], NULL);
        g_unlink(path);
    }
    g_rmdir(p->dir);
    g_free(p->dir);
    g_free(p->address[0]);
    g_free(p->address[1]);
    g_free(p);
    return 0;
}

/* The status of a request to a port of a site, or 0 and the code of the error. */
static int fetch(struct program *p, int site, const char *method, const char *where,
                 const char *body, enum err_code *ret_code)
{
    g_autofree char *url = g_strdup_printf("http://%s:%s", p->address[site], where);
    AUTO(http_request) req = http_request_create(method, url);
    if (body != NULL)
        http_request_body(req, body, strlen(body));
    AUTO(http_response) resp = NULL;
    g_autoptr(err_t) e = http_send(curl_transport_http(p->curl), req, &resp);
    *ret_code = e != NULL ? err_code(e) : ERR_COUNT;
    return e != NULL ? 0 : resp->status;
}

static void control(struct program *p, const char *method, const char *what, const char *body)
{
    enum err_code code = ERR_COUNT;
    g_autofree char *where = g_strconcat("8799/sim/control", what, NULL);
    assert_int_equal(fetch(p, 0, method, where, body, &code), 204);
}

static void serves_all_services(void **state)
{
    static const struct {
        int port;
        int status;
    } rows[] = {{5000, 300}, {8774, 200}, {8776, 300}, {9696, 200}, {9292, 300}, {8778, 200}};
    struct program *p = *state;
    for (size_t i = 0; i < 2 * G_N_ELEMENTS(rows); i++) {
        enum err_code code = ERR_COUNT;
        g_autofree char *where = g_strdup_printf("%d/", rows[i / 2].port);
        assert_int_equal(fetch(p, (int)(i % 2), "GET", where, NULL, &code), rows[i / 2].status);
    }
}

static void goes_down_and_comes_back(void **state)
{
    struct program *p = *state;
    enum err_code code = ERR_COUNT;
    control(p, "POST", "/down", "{\"site\":\"site-b\",\"service\":\"nova\",\"down\":true}");
    assert_int_equal(fetch(p, 1, "GET", "8774/", NULL, &code), 0);
    assert_int_equal(code, ERR_NET_REFUSED);
    assert_int_equal(fetch(p, 1, "GET", "8776/", NULL, &code), 300);
    control(p, "POST", "/down", "{\"site\":\"site-b\",\"down\":false}");
    assert_int_equal(fetch(p, 1, "GET", "8774/", NULL, &code), 200);
    control(p, "POST", "/power", "{\"site\":\"site-b\",\"on\":false}");
    assert_int_equal(fetch(p, 1, "GET", "5000/", NULL, &code), 0);
    assert_int_equal(code, ERR_NET_REFUSED);
    control(p, "POST", "/power", "{\"site\":\"site-b\",\"on\":true}");
    assert_int_equal(fetch(p, 1, "GET", "5000/", NULL, &code), 300);
}

static void hangs_up(void **state)
{
    struct program *p = *state;
    enum err_code code = ERR_COUNT;
    control(
        p, "POST", "/faults",
        "{\"site\":\"site-b\",\"service\":\"nova\",\"kind\":\"timeout-after\",\"delay_ms\":20}");
    assert_int_equal(fetch(p, 1, "POST", "8774/", "{}", &code), 0);
    assert_int_equal(code, ERR_NET_LOST);
    assert_int_equal(fetch(p, 1, "GET", "8774/", NULL, &code), 200);
    control(p, "POST", "/faults", "{\"kind\":\"status\",\"status\":503,\"count\":0}");
    assert_int_equal(fetch(p, 1, "GET", "8774/", NULL, &code), 503);
    control(p, "DELETE", "/faults", NULL);
    assert_int_equal(fetch(p, 1, "GET", "8774/", NULL, &code), 200);
}

static void keeps_its_state(void **state)
{
    struct program *p = *state;
    enum err_code code = ERR_COUNT;
    control(p, "POST", "/backend", "{\"site\":\"site-b\",\"name\":\"replica-7\",\"size_gb\":3}");
    stop(p);
    start(p);
    assert_int_equal(fetch(p, 0, "POST", "8799/sim/control/backend",
                           "{\"site\":\"site-b\",\"name\":\"replica-7\"}", &code),
                     400); /* it is there */
    g_autofree char *path = g_build_filename(p->dir, "clouds.yaml", NULL);
    g_autofree char *text = NULL;
    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    const char *const entries[] = {"  site-a:\n", "  site-b:\n",      "  prod-a:\n",
                                   "  prod-b:\n", "  protector-a:\n", "  protector-b:\n",
                                   p->address[0], "\"2.87\""};
    for (size_t i = 0; i < G_N_ELEMENTS(entries); i++)
        assert_non_null(strstr(text, entries[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serves_all_services),
        cmocka_unit_test(goes_down_and_comes_back),
        cmocka_unit_test(hangs_up),
        cmocka_unit_test(keeps_its_state),
    };
    return cmocka_run_group_tests(tests, open_program, close_program);
}
