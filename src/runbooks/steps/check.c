/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check - whether what was booted serves: plan/checks.h says what can be asked.  A drill looks at
 * all that it has booted, in a step of its own; server.boot at what later priorities wait for.
 *
 * Ports and HTTP are looked at from this host.  A tenant chooses the addresses of his servers, and
 * would else choose what this host connects to: so only within [drill] check_networks, never
 * through a redirect, and nothing of an answer is told but its status.  What is not looked at is
 * "not checked", which is not "passed".
 */
#include "plan/checks.h"

#include "cloud/nova.h"
#include "plan/addresses.h"
#include "plan/kept.h"
#include "runbooks/steps/steps.h"

#define CALL_MS       3000 /* of one connection, or one answer */
#define LOOK_MS       2000
#define CONSOLE_LINES 500

#define PASSED      "passed"
#define FAILED      "failed"
#define NOT_CHECKED "not checked"

/* One member's check on its way. */
struct checking {
    struct step_call *call;
    const json_t *server; /* as Nova lists it */
    const json_t *check;
    json_t *row; /* {check, result, seen} */
};

static void says(json_t *row, const char *result, char *seen)
{
    json_set_str(row, "result", result);
    json_set_str(row, "seen", seen);
    g_free(seen);
}

/* An error of what was tried: the check has failed, so far. */
static void failed(json_t *row, err_t *e)
{
    says(row, FAILED, g_strdup(err_message(e)));
    err_free(e);
}

/* ---- where */

static bool address_allowed(const struct step_call *call, const char *address)
{
    const struct conf *conf = world_options_of(call->world)->conf;
    char *const *networks = conf_list(conf, "drill", "check_networks");

    for (; networks != NULL && *networks != NULL; networks++) {
        if (address_in_cidr(address, *networks))
            return true;
    }
    return false;
}

/* Of a server that was kept: the plan made no port for it. */
static const char *kept_address(const json_t *server)
{
    const char *network, *address = NULL;
    json_t *all;

    json_object_foreach(json_obj(server, "addresses"), network, all)
    {
        if (address == NULL)
            address = json_str(json_array_get(all, 0), "addr");
    }
    return address;
}

/* The first address in a network that is not the drill's own; NULL: all are isolated. */
static const char *address_of(const struct checking *c)
{
    size_t i;
    json_t *nic;

    if (g_strcmp0(plan_kept_verdict(c->call->input), PLAN_RESUMES) == 0)
        return kept_address(c->server);

    json_array_foreach(json_arr(c->call->input, "nics"), i, nic)
    {
        const json_t *all =
            json_arr(json_obj(c->server, "addresses"), json_str_or(nic, "network_name", ""));
        const char *address = json_str(json_array_get(all, 0), "addr");
        if (json_str(nic, "isolated") == NULL && address != NULL)
            return address;
    }
    return NULL;
}

/* The address to connect to; NULL, and the row says why not. */
static const char *reachable(struct checking *c)
{
    const char *address = address_of(c);

    if (json_array_size(json_arr(c->call->input, "nics")) > 0 &&
        json_object_size(json_obj(c->server, "addresses")) == 0)
        says(c->row, FAILED, g_strdup("it has no address yet"));
    else if (address == NULL)
        says(c->row, NOT_CHECKED, g_strdup("its networks are isolated"));
    else if (!address_allowed(c->call, address))
        says(c->row, NOT_CHECKED,
             g_strdup_printf("%s lies in no network of [drill] check_networks", address));
    else
        return address;
    return NULL;
}

/* ---- the kinds */

static void tcp_check(struct checking *c)
{
    const struct http_transport *t = world_options_of(c->call->world)->transport;
    int port = (int)json_int(c->check, "port", 0);
    const char *address = reachable(c);

    if (address == NULL)
        return;
    if (t->connect == NULL) {
        says(c->row, NOT_CHECKED, g_strdup("nothing here opens connections"));
        return;
    }
    err_t *e = t->connect(t->data, address, port, CALL_MS);
    if (e != NULL)
        failed(c->row, e);
    else
        says(c->row, PASSED, g_strdup_printf("%s port %d accepts", address, port));
}

static void http_check(struct checking *c)
{
    const struct http_transport *t = world_options_of(c->call->world)->transport;
    const char *address = reachable(c);
    AUTO(http_response) resp = NULL;

    if (address == NULL)
        return;
    bool v6 = strchr(address, ':') != NULL;
    g_autofree char *url =
        g_strdup_printf("%s://%s%s%s:%d%s", json_str_or(c->check, "kind", ""), v6 ? "[" : "",
                        address, v6 ? "]" : "", (int)json_int(c->check, "port", 0),
                        json_str_or(c->check, "path", "/"));
    AUTO(http_request) req = http_request_create("GET", url);
    req->timeout_ms = req->connect_timeout_ms = CALL_MS;
    req->insecure = true; /* whether it serves, not who it is */
    req->stays = true;
    err_t *e = http_send(t, req, &resp);
    if (e != NULL)
        failed(c->row, e);
    else
        says(c->row, resp->status == json_int(c->check, "status", 0) ? PASSED : FAILED,
             g_strdup_printf("%s answered %d", address, resp->status));
}

static bool console_has(const char *text, const char *pattern)
{
    g_autofree char *anywhere = g_strdup_printf("*%s*", pattern);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line != NULL; line++) {
        if (g_pattern_match_simple(anywhere, *line))
            return true;
    }
    return false;
}

static void console_check(struct checking *c)
{
    struct cloud tenant;
    g_autofree char *text = NULL;
    char *output = NULL;

    err_t *e = world_tenant(c->call, json_str_or(c->call->plan, "project_id", ""), &tenant);
    if (e == NULL)
        e = nova_console(&tenant, json_str_or(c->server, "id", ""), CONSOLE_LINES, &output);
    text = output;
    if (e != NULL && err_class(e) == ERR_CLASS_PERMANENT) {
        says(c->row, NOT_CHECKED, g_strdup_printf("no console: %s", err_message(e)));
        err_free(e);
    } else if (e != NULL) {
        failed(c->row, e);
    } else if (console_has(text, json_str_or(c->check, "pattern", ""))) {
        says(c->row, PASSED, g_strdup("a line of the console fits"));
    } else {
        says(c->row, FAILED, g_strdup("no line of the console fits"));
    }
}

static void check_one(struct checking *c)
{
    static const struct {
        const char *kind;
        void (*fn)(struct checking *c);
    } kinds[] = {{"tcp", tcp_check},
                 {"http", http_check},
                 {"https", http_check},
                 {"console", console_check}};
    const char *kind = json_str_or(c->check, "kind", "");

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (g_str_equal(kinds[i].kind, kind))
            kinds[i].fn(c);
    }
}

/* ---- the row */

/* The row of a check in the result: made when it is first asked for. */
static json_t *row_of(struct step_call *call, size_t index, const char *check)
{
    json_t *rows = json_arr(call->result, "checks");

    if (rows == NULL)
        json_set(call->result, "checks", rows = json_array());
    while (json_array_size(rows) <= index)
        json_array_append_new(rows, json_pack("{s:s}", "check", check));
    return json_array_get(rows, index);
}

static bool fits(const struct step_call *call)
{
    return call->deadline_mono_ms == INT64_MAX ||
           call->deadline_mono_ms - env_mono_ms(call->env) > CALL_MS;
}

static bool has_failed(const json_t *row)
{
    return g_str_equal(json_str_or(row, "result", FAILED), FAILED);
}

/* Looks, unless it has passed; the row is the index-th.  False if it may still pass. */
static bool check_settled(struct step_call *call, const json_t *server, const json_t *check,
                          size_t index)
{
    struct checking c = {call, server, check, row_of(call, index, json_str_or(check, "check", ""))};

    if (has_failed(c.row) && fits(call))
        check_one(&c);
    return !has_failed(c.row);
}

/* Each that has not passed yet; false if one may still do so. */
static bool check_all(struct step_call *call, const json_t *server)
{
    bool settled = true;
    size_t i;
    json_t *check;

    json_array_foreach(json_arr(call->input, "checks"), i, check) settled =
        check_settled(call, server, check, i + 1) && settled;
    return settled;
}

/* Before the next look; at the end of the time that 'key' has counted there is none. */
static bool look_again(struct step_call *call, const char *key, int64_t timeout_s)
{
    if (pause_over(call, key, timeout_s * 1000))
        return false;
    call->wake_at_ms = MIN(call->wake_at_ms, call->now_ms + LOOK_MS);
    return true;
}

bool start_check_over(struct step_call *call, const json_t *server)
{
    const json_t *check = json_obj(call->input, "start_check");
    int64_t timeout_s = json_int(call->input, "start_timeout_s", BODY_START_TIMEOUT_S);
    bool runs = g_str_equal(nova_status(server), "ACTIVE");

    if (check == NULL || (runs && check_settled(call, server, check, 0)))
        return true;
    if (!runs)
        says(row_of(call, 0, json_str_or(check, "check", "")), FAILED,
             g_strdup_printf("the server is %s", nova_status(server)));
    return !look_again(call, "start_checked_until_ms", timeout_s);
}

err_t *drill_check_probe(struct step_call *call, enum step_answer *ret)
{
    g_autoptr(json_t) booted = NULL;
    int64_t timeout_s = MAX(json_int(call->op->params, "check_timeout_s", CHECK_TIMEOUT_S),
                            json_int(call->input, "start_timeout_s", 0));

    *ret = STEP_DONE;
    TRY(step_result_of(call, "server.boot", call->subject, &booted));
    const char *id = json_str_or(booted, "server_id", "");
    const json_t *server = cloud_find(call->observed, "id", id);
    const char *status = server != NULL ? nova_status(server) : "GONE";
    bool runs = server != NULL && g_str_equal(status, "ACTIVE");
    says(row_of(call, 0, "server is ACTIVE"), runs ? PASSED : FAILED, g_strdup(status));
    if (!runs)
        return err(SERVER_ERROR, "server '%s' of the drill is %s",
                   json_str_or(call->input, "name", ""), status);
    if (!check_all(call, server) && look_again(call, "checked_until_ms", timeout_s))
        *ret = STEP_WAIT;
    return NULL;
}

/* ---- what they say together */

static void count(const json_t *checks, json_t *sums)
{
    size_t i;
    json_t *row;

    json_array_foreach((json_t *)checks, i, row)
    {
        const char *result = json_str_or(row, "result", FAILED);
        const char *key = g_str_equal(result, NOT_CHECKED) ? "not_checked" : result;
        json_set_int(sums, key, json_int(sums, key, 0) + 1);
    }
}

bool drill_checks_sum(const struct step_call *call, const json_t *members, json_t *result)
{
    json_t *sums = json_pack("{s:i, s:i, s:i}", "passed", 0, "failed", 0, "not_checked", 0);
    int64_t threshold = json_int(call->op->params, "check_threshold_percent", CHECK_THRESHOLD);
    size_t i;
    json_t *member;

    json_array_foreach((json_t *)members, i, member) count(json_arr(member, "checks"), sums);
    int64_t passed = json_int(sums, "passed", 0), all = passed + json_int(sums, "failed", 0);
    bool well = passed * 100 >= threshold * all;
    json_set_int(sums, "threshold_percent", threshold);
    json_set(result, "checks", sums);
    json_set_str(result, "verdict", well ? PASSED : FAILED);
    return well;
}
