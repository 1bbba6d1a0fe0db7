/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_site_failover - every group of a lost site, by one command at the site that takes over. */
#include "client/client_internal.h"

#define GROUPS  "name=Group|project_id=Project|outcome=Outcome|operation=Operation"
#define STARTED "id=id|operation_type=operation_type|status=status|source_site=source_site"

static err_t *ask_first(struct call *call, const json_t *site, const json_t *seen)
{
    const char *name = json_str_or(site, "name", "");
    g_autofree char *sees = seen_words(name, seen);
    g_autofree char *words = g_strdup_printf("%s\nEvery protection group whose other site is '%s', "
                                             "of every project, will be made active "
                                             "at this site, from its newest recovery point.",
                                             sees, name);

    return confirm(call, words);
}

static err_t *failover_body(struct call *call, const json_t *seen, json_t **ret)
{
    static const char *const numbers[] = {"parallel", NULL};
    g_autoptr(json_t) in = json_object();

    json_set_str(in, "reason", arg(call, "reason"));
    json_set_bool(in, "stop_on_error", arg_flag(call, "stop-on-error"));
    if (arg_flag(call, "no-verify-data"))
        json_set_bool(in, "verify_data", false);
    json_set_bool(in, "force", arg_flag(call, "force"));
    json_set(in, "client_probe", json_deep_copy(seen));
    TRY(numbers_take(call, numbers, in));
    *ret = json_pack("{s:O}", "failover", in);
    return NULL;
}

/* What became of each group; an error, too, if the whole has not completed. */
static err_t *told(const json_t *op, json_t **ret)
{
    TRY(operation_outcome(op));
    *ret = show_list(json_arr(json_obj(op, "result"), "groups"), GROUPS);
    return NULL;
}

err_t *cmd_site_failover(struct call *call, json_t **ret)
{
    g_autofree char *name = url_encode(arg(call, "site"));
    struct end *local = NULL;
    g_autoptr(json_t) site = NULL;
    g_autoptr(json_t) body = NULL;
    g_autoptr(json_t) reply = NULL;
    g_autoptr(json_t) op = NULL;

    TRY(client_local(call->c, &local));
    TRY(end_get_object(local, "site", &site, "sites/%s", name));
    g_autoptr(json_t) seen = site_look(call->c, site, NULL, NULL);
    TRY(ask_first(call, site, seen));
    TRY(failover_body(call, seen, &body));
    g_autofree char *path = g_strdup_printf("admin/sites/%s/failover", json_str_or(site, "id", ""));
    struct ask ask = {.method = "POST", .path = path, .admin = true, .body = body};
    TRY(end_ask(local, &ask, &reply, NULL));
    const json_t *started = json_obj(reply, "operation");
    if (arg_flag(call, "no-wait")) {
        g_autoptr(json_t) rows = json_pack("[O]", started);
        *ret = show_list(rows, STARTED);
        return NULL;
    }
    TRY(follow(local, json_str_or(started, "id", ""), NULL, &op));
    return told(op, ret);
}
