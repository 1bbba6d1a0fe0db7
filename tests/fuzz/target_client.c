/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client - what two sites and their Keystones answer to a command of the client library: the first
 * line names a row of 'commands_run', for sync-import the next one is its file, then one reply a
 * line, in the order in which they are asked for:
 *
 *     200 {"site": …}       a status and a body; '+' after the status: the site wants something
 *                           carried; '-': Keystone gives no token
 *     0                     nothing listens there; 1: no answer in time
 *
 * A reply that is not there is one of nobody.  Whatever comes, the result has the form that
 * client.h promises and can be printed, or the error has a code, words and an exit code.
 */
#include "base/secrets.h"
#include "cli/render.h"
#include "client/client_internal.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define WAITS_MAX 20 /* then the user is tired */
#define NOWHERE   "/proc/nowhere"

static const char clouds_yaml[] =
    "clouds:\n"
    "  prod-a: {auth: {auth_url: 'http://keystone.a/v3', username: demo, password: p,"
    " project_name: prod}}\n"
    "  prod-b: {auth: {auth_url: 'http://keystone.b/v3', username: demo, password: p,"
    " project_name: prod}}\n";

/* By the name that a first line has; 'file' is where sync-import reads. */
static const struct row {
    const char *name, *command, *args;
} commands_run[] = {
/* clang-format off */
#define WEB "'protection-group': 'web'"
#define MAPPED "'network-mapping': ['net-a=net-b'], 'flavor-mapping': ['m1=m2']"
#define POLICY "'primary-fa-url': 'https://a', 'primary-fa-token': 't', 'secondary-fa-url': 'https://b'," \
    "'secondary-fa-token': 't', 'pure-pg-name': 'pg'"
#define CREATE "'name': 'web', 'replication-type': 'async', 'primary-site': 'site-a', 'secondary-site': 'site-b'," \
    "'volume-type': 'ssd'"
    {"site-create", "site create", "{'name': 'site-b', 'auth-url': 'http://keystone.b/v3', 'region-name': 'RegionB'}"},
    {"site-list", "site list", "{}"},
    {"site-show", "site show", "{'site': 'site-b'}"},
    {"site-update", "site update", "{'site': 'site-b', 'description': 'x'}"},
    {"site-delete", "site delete", "{'site': 'site-b'}"},
    {"site-decommission", "site decommission", "{'site': 'site-b', 'reason': 'fire', 'yes': true}"},
    {"site-validate", "site validate", "{'site': 'site-b'}"},
    {"site-types", "site list-volume-types", "{'site': 'site-b'}"},
    {"mapping-create", "tenant mapping create", "{'local-tenant': 'p', 'remote-site': 'site-b', 'remote-tenant': 'q'}"},
    {"mapping-list", "tenant mapping list", "{}"},
    {"mapping-show", "tenant mapping show", "{'mapping': 'm'}"},
    {"mapping-delete", "tenant mapping delete", "{'mapping': 'm'}"},
    {"create", "protection-group create", "{" CREATE "}"},
    {"create-wait", "protection-group create", "{" CREATE ", 'wait': true}"},
    {"list", "protection-group list", "{'long': true}"},
    {"show", "protection-group show", "{" WEB ", 'long': true}"},
    {"update", "protection-group update", "{" WEB ", 'description': 'x'}"},
    {"update-no-wait", "protection-group update", "{" WEB ", 'description': 'x', 'no-wait': true}"},
    {"delete", "protection-group delete", "{" WEB "}"},
    {"delete-alone", "protection-group delete", "{" WEB ", 'peer-is-gone': 'fire', 'yes': true}"},
    {"unprotect", "protection-group unprotect", "{" WEB ", 'reason': 'fire', 'yes': true}"},
    {"policy-create", "protection-group policy-create", "{" WEB ", " POLICY "}"},
    {"policy-show", "protection-group policy-show", "{" WEB "}"},
    {"policy-update", "protection-group policy-update", "{" WEB ", 'rpo-minutes': '15'}"},
    {"policy-delete", "protection-group policy-delete", "{" WEB "}"},
    {"member-add", "protection-group member-add", "{" WEB ", 'instance-id': 'i'}"},
    {"member-list", "protection-group member-list", "{" WEB "}"},
    {"member-show", "protection-group member-show", "{" WEB ", 'member': 'i'}"},
    {"member-remove", "protection-group member-remove", "{" WEB ", 'member-id': 'i'}"},
    {"cg-show", "consistency-group show", "{" WEB "}"},
    {"mapping-set", "protection-group mapping-set", "{" WEB ", " MAPPED "}"},
    {"map-list", "protection-group mapping-list", "{" WEB "}"},
    {"mapping-unset", "protection-group mapping-unset", "{" WEB ", 'network-mapping': ['net-a']}"},
    {"failover", "protection-group failover", "{" WEB ", 'unplanned': true, 'reason': 'fire', 'yes': true}"},
    {"failover-asked", "protection-group failover", "{" WEB ", " MAPPED "}"},
    {"sync-status", "protection-group sync-status", "{" WEB ", 'long': true}"},
    {"sync-force", "protection-group sync-force", "{" WEB ", 'yes': true}"},
    {"sync-force-asked", "protection-group sync-force", "{" WEB "}"},
    {"sync-log", "protection-group sync-log", "{" WEB "}"},
    {"sync-export", "protection-group sync-export", "{" WEB ", 'file': '" NOWHERE "', 'challenge': true}"},
    {"sync-import", "protection-group sync-import", "{'yes': true}"},
    {"sync-resolve", "protection-group sync-resolve", "{" WEB ", 'keep': 'site-a', 'yes': true}"},
    {"sync-resolve-file", "protection-group sync-resolve", "{" WEB ", 'keep': 'site-a', 'by-file': true}"},
    {"op-list", "operation list", "{}"},
    {"op-show", "operation show", "{'operation': 'op-1', 'long': true}"},
    {"op-steps", "operation steps", "{'operation': 'op-1'}"},
    {"op-retry", "operation retry", "{'operation': 'op-1'}"},
    {"range", NULL, NULL},
    {0},
    /* clang-format on */
};

static struct world {
    char *clouds, *import; /* paths of files in memory */
    int import_fd;
    const char *replies;
    size_t left;
    int waits;
} w;

static char *file_in_memory(const char *name, int *ret)
{
    *ret = memfd_create(name, 0);
    return g_strdup_printf("/proc/self/fd/%d", *ret);
}

void fuzz_init(void)
{
    int fd = -1;

    secrets_init();
    w.clouds = file_in_memory("clouds.yaml", &fd);
    FUZZ_MUST(write(fd, clouds_yaml, strlen(clouds_yaml)) > 0, "no clouds.yaml");
    w.import = file_in_memory("messages", &w.import_fd);
}

/* ---- the other side ---- */

/* "201-", "200+" as a response; NULL: nobody. */
static struct http_response *response_of(const char *line)
{
    char *end = NULL;
    gint64 status = g_ascii_strtoll(line, &end, 10);

    if (status < 100 || status > 599)
        return NULL;
    struct http_response *resp = http_response_create((int)status);
    http_response_set(resp, "x-openstack-request-id", "req-1");
    if (*end == '+')
        http_response_set(resp, "Protector-Outbox", "1");
    if (*end != '-')
        http_response_set(resp, "X-Subject-Token", "token");
    const char *body = strchr(end, ' ');
    if (body != NULL)
        http_response_body(resp, "application/json", body + 1, strlen(body + 1));
    return resp;
}

static err_t *answer(void *data G_GNUC_UNUSED, const struct http_request *req,
                     struct http_response **ret)
{
    g_autofree char *line = fuzz_line(&w.replies, &w.left);

    *ret = response_of(line);
    if (*ret != NULL)
        return NULL;
    return *line == '1' ? err(NET_TIMEOUT, "no answer of %s in time", req->url)
                        : err(NET_REFUSED, "nothing listens at %s", req->url);
}

static const char *no_variable(void *data G_GNUC_UNUSED, const char *name G_GNUC_UNUSED)
{
    return NULL;
}

static int wait_ms(void *data G_GNUC_UNUSED, int64_t ms G_GNUC_UNUSED)
{
    return ++w.waits > WAITS_MAX;
}

static char *say_yes(void *data G_GNUC_UNUSED, const char *question, int secret G_GNUC_UNUSED)
{
    FUZZ_MUST(g_utf8_validate(question, -1, NULL), "a question that cannot be shown");
    return strdup("yes");
}

static void event(void *data G_GNUC_UNUSED, const char *text)
{
    g_autoptr(json_t) told = NULL;
    g_autoptr(err_t) e = json_parse(text, strlen(text), "an event", &told);

    FUZZ_MUST(e == NULL && json_str(told, "event") != NULL, "no event: %s", text);
}

/* ---- what must hold ---- */

static void refused(struct protector_error *e)
{
    int code = protector_error_exit_code(e);

    FUZZ_MUST(*protector_error_message(e) != '\0' &&
                  g_utf8_validate(protector_error_message(e), -1, NULL),
              "an error without words");
    FUZZ_MUST(code >= 1 && code <= 6, "exit code %d", code);
    FUZZ_MUST(strcmp(protector_error_code(e), "protector.internal") != 0, "%s",
              protector_error_message(e));
    protector_error_free(e);
}

/* In every format, whole and one column of it. */
static void printed(const json_t *result)
{
    const char *columns[] = {"id", NULL};

    for (int i = 0; i < 2 * RENDER_FORMATS; i++) {
        char *text = NULL;
        size_t size = 0;
        struct render r = {open_memstream(&text, &size), (enum render_format)(i / 2),
                           i % 2 == 0 ? NULL : columns};
        g_autofree char *wrong = render(&r, result);
        fclose(r.out);
        FUZZ_MUST(wrong == NULL || i % 2 == 1, "it cannot be printed: %s", wrong);
        FUZZ_MUST(g_utf8_validate(text, (gssize)size, NULL), "it cannot be shown");
        free(text);
    }
}

static void result_holds(const char *text)
{
    g_autoptr(json_t) result = NULL;
    g_autoptr(err_t) e = json_parse(text, strlen(text), "the result", &result);
    const char *kind = json_str_or(result, "kind", "");
    bool record = strcmp(kind, "record") == 0 && json_arr(result, "fields") != NULL &&
                  json_obj(result, "object") != NULL;
    bool list = strcmp(kind, "list") == 0 && json_arr(result, "columns") != NULL &&
                json_arr(result, "rows") != NULL && json_arr(result, "objects") != NULL;
    bool words = strcmp(kind, "text") == 0 && json_str(result, "text") != NULL &&
                 json_obj(result, "object") != NULL;
    int64_t code = json_int(result, "exit", -1);

    FUZZ_MUST(e == NULL, "no JSON: %s", text);
    FUZZ_MUST(record || list || words || strcmp(kind, "nothing") == 0, "no result: %s", text);
    FUZZ_MUST(code == 0 || code == 1, "no exit code: %s", text);
    printed(result);
}

/* ---- one input ---- */

static const struct row *row_of(const char *name)
{
    for (const struct row *r = commands_run; r->name != NULL; r++) {
        if (strcmp(r->name, name) == 0)
            return r;
    }
    return NULL;
}

/* Its arguments as JSON; of sync-import the file gets a line of the input.  Caller frees. */
static char *arguments_of(const struct row *row)
{
    g_auto(GStrv) parts = g_strsplit(row->args, "'", -1);
    char *text = g_strjoinv("\"", parts);

    if (strcmp(row->name, "sync-import") != 0)
        return text;
    g_free(text);
    g_autofree char *file = fuzz_line(&w.replies, &w.left);
    size_t size = strlen(file);
    FUZZ_MUST(ftruncate(w.import_fd, 0) == 0 && pwrite(w.import_fd, file, size, 0) == (ssize_t)size,
              "no file");
    return g_strdup_printf("{\"yes\": true, \"file\": \"%s\"}", w.import);
}

static void run(struct protector_client *c, const struct row *row)
{
    g_autofree char *args = row->command != NULL ? arguments_of(row) : NULL;
    char *out = NULL;
    struct protector_error *e = row->command != NULL
                                    ? protector_client_run(c, row->command, args, &out)
                                    : protector_client_api_range(c, &out);

    if (e != NULL)
        refused(e);
    else if (row->command != NULL)
        result_holds(out);
    protector_free(out);
}

void fuzz_one(const char *data, size_t size)
{
    g_autofree char *name = fuzz_line(&data, &size);
    const struct row *row = row_of(name);
    const struct http_transport transport = {.data = NULL, .send = answer};
    struct protector_client_options options = {.size = sizeof options,
                                               .getenv = no_variable,
                                               .wait = wait_ms,
                                               .event = event,
                                               .ask = say_yes,
                                               .cloud = "prod-a",
                                               .secondary_cloud = "prod-b",
                                               .config_file = w.clouds};

    if (row == NULL)
        return;
    w.replies = data;
    w.left = size;
    w.waits = 0;
    struct protector_client *c = client_open_with(&options, &transport, &fuzz_env);
    run(c, row);
    protector_client_close(c);
}
