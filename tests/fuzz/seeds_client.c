/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seeds_client - what the corpus of `client` begins with: what two whole sites answer to each
 * command, in the form that target_client.c reads.
 */
#include "tests/fuzz/seeds.h"

#include <string.h>

static struct told {
    const struct http_transport *inner;
    GString *text; /* of the present command; NULL: none */
    int count;
} told;

/* ---- recording ---- */

static void reply_add(const struct http_response *resp)
{
    bool outbox = g_strcmp0(http_response_get(resp, "Protector-Outbox"), "1") == 0;

    g_string_append_printf(told.text, "%d%s", resp->status, outbox ? "+" : "");
    if (resp->body_size > 0) {
        g_autofree char *body = g_strndup(resp->body, resp->body_size);
        g_string_append_printf(told.text, " %s", g_strdelimit(body, "\n", ' '));
    }
    g_string_append_c(told.text, '\n');
}

static err_t *record(void *data, const struct http_request *req, struct http_response **ret)
{
    const struct http_transport *inner = data;
    err_t *e = http_send(inner, req, ret);

    if (told.text != NULL && e == NULL)
        reply_add(*ret);
    else if (told.text != NULL)
        g_string_append(told.text, err_is(e, ERR_NET_TIMEOUT) ? "1\n" : "0\n");
    return e;
}

/* 'name' is a row of target_client.c; 'args' has ' for "; 'first' is the line before the replies.
 */
static void tell_with(struct bench *b, const char *cloud, const char *name, const char *command,
                      const char *args, const char *first)
{
    g_auto(GStrv) parts = g_strsplit(args, "'", -1);
    g_autofree char *json = g_strjoinv("\"", parts);
    g_autofree char *file = g_strdup_printf("%02d-%s", told.count++, name);
    json_t *values = NULL;

    g_assert(json_parse(json, strlen(json), "arguments", &values) == NULL);
    told.text = g_string_new(NULL);
    g_string_printf(told.text, "%s\n%s", name, first);
    json_decref(bench_run(b, cloud, command, values));
    seed_write("client", file, told.text->str);
    g_string_free(told.text, TRUE);
    told.text = NULL;
}

static void tell(struct bench *b, const char *cloud, const char *name, const char *command,
                 const char *args)
{
    tell_with(b, cloud, name, command, args, "");
}

/* ---- the story ---- */

#define WEB "'protection-group': 'web'"

static void tell_sites(struct bench *b)
{
    tell(b, "site-a", "site-list", "site list", "{}");
    tell(b, "site-a", "site-show", "site show", "{'site': 'site-b'}");
    tell(b, "site-a", "site-create", "site create",
         "{'name': 'site-b', 'service-username': 'protector', 'service-password': 'lab'}");
    tell(b, "site-a", "site-update", "site update", "{'site': 'site-b', 'description': 'told'}");
    tell(b, "site-a", "site-validate", "site validate", "{'site': 'site-b'}");
    tell(b, "site-a", "site-types", "site list-volume-types", "{'site': 'site-a'}");
    tell(b, "site-a", "site-delete", "site delete", "{'site': 'site-b'}");
    tell(b, "site-a", "mapping-list", "tenant mapping list", "{}");
}

static void tell_create(struct bench *b)
{
    tell(b, "prod-a", "create-wait", "protection-group create",
         "{'name': 'other', 'replication-type': 'async', 'primary-site': 'site-a', "
         "'secondary-site': 'site-b', 'volume-type': 'replicated-ssd', 'wait': true}");
    tell(b, "prod-a", "create", "protection-group create",
         "{'name': 'third', 'replication-type': 'async', 'primary-site': 'site-b', "
         "'secondary-site': 'site-a', 'volume-type': 'replicated-ssd'}");
    tell(b, "prod-a", "delete", "protection-group delete", "{'protection-group': 'other'}");
}

static void tell_group(struct bench *b)
{
    tell(b, "prod-a", "list", "protection-group list", "{'long': true}");
    tell(b, "prod-a", "show", "protection-group show", "{" WEB "}");
    tell(b, "prod-a", "policy-show", "protection-group policy-show", "{" WEB "}");
    tell(b, "prod-a", "member-list", "protection-group member-list", "{" WEB "}");
    tell(b, "prod-a", "cg-show", "consistency-group show", "{" WEB "}");
    tell(b, "prod-a", "update", "protection-group update", "{" WEB ", 'description': 'told'}");
    tell(b, "prod-a", "update-no-wait", "protection-group update",
         "{" WEB ", 'description': 'again', 'no-wait': true}");
    tell(b, "prod-b", "policy-update", "protection-group policy-update",
         "{" WEB ", 'rpo-minutes': '20'}");
    tell(b, "prod-a", "mapping-set", "protection-group mapping-set",
         "{" WEB ", 'network-mapping': ['prod-net=prod-net']}");
    tell(b, "prod-a", "map-list", "protection-group mapping-list", "{" WEB "}");
    tell(b, "prod-b", "sync-status", "protection-group sync-status", "{" WEB ", 'long': true}");
    tell(b, "prod-b", "sync-log", "protection-group sync-log", "{" WEB "}");
}

/* An operation that is here, and one that is there. */
static void tell_operations(struct bench *b)
{
    g_autofree char *op = bench_sql(b, SIM_SITE_B, "SELECT id FROM dr_operations LIMIT 1");
    g_autofree char *args = g_strdup_printf("{'operation': '%s'}", op);

    tell(b, "prod-b", "op-list", "operation list", "{'all': true}");
    tell(b, "prod-b", "op-show", "operation show", args);
    tell(b, "prod-a", "op-steps", "operation steps", args);
    tell(b, "prod-b", "op-retry", "operation retry", args);
}

static void tell_lost(struct bench *b)
{
    bench_lose(b, SIM_SITE_A);
    tell(b, "prod-b", "show", "protection-group show", "{" WEB "}");
    tell(b, "prod-b", "update", "protection-group update", "{" WEB ", 'description': 'alone'}");
    tell(b, "prod-b", "failover", "protection-group failover",
         "{" WEB ", 'unplanned': true, 'reason': 'told'}");
    tell(b, "prod-b", "sync-force", "protection-group sync-force", "{" WEB "}");
    bench_restore(b, SIM_SITE_A);
    tell(b, "prod-a", "update", "protection-group update", "{" WEB ", 'description': 'behind'}");
    tell(b, "prod-b", "sync-status", "protection-group sync-status", "{" WEB "}");
    b->answer = "yes";
    tell(b, "prod-b", "sync-force-asked", "protection-group sync-force", "{" WEB "}");
    bench_settle(b);
    tell(b, "prod-b", "member-list", "protection-group member-list", "{" WEB "}");
}

/* Messages by file, those of site A taken in at site B. */
static void tell_files(struct bench *b)
{
    g_autofree char *path = g_build_filename(b->dir, "messages", NULL);
    g_autofree char *to = g_strdup_printf("{" WEB ", 'file': '%s', 'challenge': true}", path);
    g_autofree char *from = g_strdup_printf("{'file': '%s'}", path);
    g_autofree char *text = NULL;

    tell(b, "prod-a", "sync-export", "protection-group sync-export", to);
    g_assert(g_file_get_contents(path, &text, NULL, NULL));
    g_autofree char *line = g_strconcat(g_strdelimit(text, "\n", ' '), "\n", NULL);
    tell_with(b, "prod-b", "sync-import", "protection-group sync-import", from, line);
}

static void tell_exits(struct bench *b)
{
    tell(b, "prod-b", "member-remove", "protection-group member-remove",
         "{" WEB ", 'member-id': 'web-1'}");
    bench_db_lose(b, SIM_SITE_A);
    tell(b, "prod-b", "sync-force", "protection-group sync-force", "{" WEB ", 'yes': true}");
    bench_settle(b);
    bench_lose(b, SIM_SITE_A);
    tell(b, "site-b", "site-decommission", "site decommission",
         "{'site': 'site-a', 'reason': 'told', 'yes': true}");
}

void seeds_client(void)
{
    AUTO(bench) b = bench_create(4);
    const struct http_transport inner = b->transport;

    bench_register(b);
    bench_protect(b);
    bench_wait_point(b);
    b->transport = (struct http_transport){.data = (void *)&inner, .send = record};
    tell_sites(b);
    tell_create(b);
    tell_group(b);
    tell_operations(b);
    tell_files(b);
    tell_lost(b);
    tell_exits(b);
}
