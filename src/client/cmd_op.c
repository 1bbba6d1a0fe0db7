/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_op - operations: site-local records, which the list merges by id and marks with their site.
 */
#include "client/client_internal.h"

#define OP_COLUMNS                                                                                 \
    "id operation_type status progress source_site target_site started_at completed_at "           \
    "steps_completed "                                                                             \
    "steps_failed error_message"

/* Its place in the list, or the end. */
static size_t place_of(const json_t *list, const json_t *op)
{
    size_t i;
    json_t *there;

    json_array_foreach((json_t *)list, i, there)
    {
        if (g_strcmp0(json_str(there, "id"), json_str(op, "id")) == 0)
            return i;
    }
    return json_array_size(list);
}

/* One row for each operation: of a handover that of the site where it runs, not its stub. */
static void merge_ops(json_t *into, const json_t *from, const char *site)
{
    size_t i;
    json_t *op;

    json_array_foreach((json_t *)from, i, op)
    {
        if (!json_is_object(op))
            continue;
        size_t place = place_of(into, op);
        json_set_str(op, "site", site);
        if (place == json_array_size(into))
            json_array_append(into, op);
        else if (json_bool(json_array_get(into, place), "elsewhere", false))
            json_array_set(into, place, op);
    }
}

static err_t *list_at(struct end *end, const char *site, const char *query, json_t *into)
{
    g_autoptr(json_t) reply = NULL;

    TRY(end_get(end, &reply, "operations%s", query));
    merge_ops(into, json_arr(reply, "operations"), site);
    return NULL;
}

/* The end of another site, of the project that is mapped there. */
static err_t *peer_end(struct call *call, struct end *local, const json_t *site, struct end **ret)
{
    TRY(client_site_end(call->c, site, ret));
    return peer_project_check(local, local->project_id, *ret, json_str_or(site, "id", ""));
}

static void note_add(json_t *notes, const char *site, const err_t *e)
{
    g_autofree char *note =
        g_strdup_printf("operations of site '%s' are missing: %s", site, err_message(e));

    json_array_append_new(notes, json_string(note));
}

/* The sites that the local one knows, each asked; who does not answer is named. */
static void list_peers(struct call *call, struct end *local, const json_t *sites, const char *query,
                       json_t *into, json_t *notes)
{
    size_t i;
    json_t *site;

    json_array_foreach(json_arr(sites, "sites"), i, site)
    {
        struct end *end = NULL;
        const char *name = json_str_or(site, "name", "?");
        if (json_bool(site, "is_local", false))
            continue;
        g_autoptr(err_t) e = peer_end(call, local, site, &end);
        if (e == NULL)
            e = list_at(end, name, query, into);
        if (e != NULL)
            note_add(notes, name, e);
    }
}

/* What the local site is called: as it is registered, else as its entry in clouds.yaml. */
static const char *local_name(const struct end *local, const json_t *sites)
{
    size_t i;
    json_t *site;

    json_array_foreach(json_arr(sites, "sites"), i, site)
    {
        if (json_bool(site, "is_local", false))
            return json_str_or(site, "name", local->cloud);
    }
    return local->cloud;
}

err_t *cmd_op_list(struct call *call, json_t **ret)
{
    struct end *local = NULL;
    g_autoptr(json_t) list = json_array();
    g_autoptr(json_t) notes = json_array();
    g_autoptr(json_t) sites = NULL;

    TRY(client_local(call->c, &local));
    g_autofree char *query =
        g_strdup_printf("?limit=%s%s", arg(call, "limit") != NULL ? arg(call, "limit") : "100",
                        arg_flag(call, "all") ? "&all=1" : "");
    g_autoptr(err_t) no = end_get(local, &sites, "sites");
    TRY(list_at(local, local_name(local, sites), query, list));
    if (no != NULL)
        note_add(notes, "(the sites could not be listed)", no);
    list_peers(call, local, sites, query, list, notes);
    *ret = show_list(list, "id=id|operation_type=operation_type|status=status|progress=progress|"
                           "source_site=source_site|"
                           "target_site=target_site|started_at=started_at|site=site");
    json_array_extend(json_object_get(*ret, "notes"), notes);
    return NULL;
}

static err_t *find_at(struct call *call, struct end *local, const json_t *site, const char *id,
                      struct end **ret_end, json_t **ret)
{
    g_autoptr(json_t) reply = NULL;

    TRY(peer_end(call, local, site, ret_end));
    TRY(end_get(*ret_end, &reply, "operations/%s", id));
    *ret = json_incref(json_obj(reply, "operation"));
    return NULL;
}

/* At the other sites; false if none has it.  Who could not be asked is named. */
static bool find_peers(struct call *call, struct end *local, const char *id, struct end **ret_end,
                       json_t **ret)
{
    g_autoptr(json_t) sites = NULL;
    g_autoptr(err_t) no G_GNUC_UNUSED = end_get(local, &sites, "sites");
    size_t i;
    json_t *site;

    json_array_foreach(json_arr(sites, "sites"), i, site)
    {
        struct end *end = NULL;
        if (json_bool(site, "is_local", false))
            continue;
        g_autoptr(err_t) e = find_at(call, local, site, id, &end, ret);
        if (e == NULL) {
            *ret_end = end;
            return true;
        }
        if (err_http_status(e) != 404)
            note_event(call->c, "note", "site '%s' was not asked for the operation: %s",
                       json_str_or(site, "name", "?"), err_message(e));
    }
    return false;
}

err_t *op_find(struct call *call, struct end **ret_end, json_t **ret)
{
    g_autoptr(json_t) here = NULL;
    g_autofree char *id = url_encode(arg(call, "operation"));

    TRY(client_local(call->c, ret_end));
    err_t *e = end_get_object(*ret_end, "operation", &here, "operations/%s", id);
    bool elsewhere = e == NULL ? json_bool(here, "elsewhere", false) : err_http_status(e) == 404;
    if (elsewhere && find_peers(call, *ret_end, id, ret_end, ret)) {
        err_free(e);
        return NULL;
    }
    if (e == NULL)
        *ret = json_incref(here);
    return e;
}

err_t *cmd_op_show(struct call *call, json_t **ret)
{
    struct end *end = NULL;
    g_autoptr(json_t) op = NULL;

    TRY(op_find(call, &end, &op));
    *ret = show_record(op, arg_flag(call, "long") ? OP_COLUMNS " executing_site planned result"
                                                  : OP_COLUMNS);
    return NULL;
}

/* The steps with their error as people read it; 'objects' keeps what the site says. */
static json_t *readable(const json_t *steps)
{
    json_t *out = json_array();
    size_t i;
    json_t *step;

    json_array_foreach((json_t *)steps, i, step)
    {
        json_t *row = json_copy(step);
        json_array_append_new(out, row);
        if (!json_is_object(json_object_get(step, "error")))
            continue;
        g_autoptr(err_t) e = err_from_json(json_object_get(step, "error"));
        g_autofree char *text = err_text(e);
        json_set_str(row, "error", text);
    }
    return out;
}

err_t *cmd_op_steps(struct call *call, json_t **ret)
{
    struct end *end = NULL;
    g_autoptr(json_t) op = NULL;
    g_autoptr(json_t) reply = NULL;

    TRY(op_find(call, &end, &op));
    TRY(end_get(end, &reply, "operations/%s/steps", json_str_or(op, "id", "")));
    g_autoptr(json_t) rows = readable(json_arr(reply, "steps"));
    *ret = show_list(
        rows,
        "seq=#|key=Step|says=What|subject=Subject|state=State|attempt=Attempt|started_at=Started|"
        "finished_at=Finished|error=Error");
    json_object_set(*ret, "objects", json_arr(reply, "steps"));
    return NULL;
}

static err_t *verb(struct call *call, const char *name, json_t *args, json_t **ret)
{
    struct end *end = NULL;
    g_autoptr(json_t) op = NULL;
    g_autoptr(json_t) reply = NULL;
    g_autoptr(json_t) body = json_pack("{s:o}", name, args);

    TRY(op_find(call, &end, &op));
    g_autofree char *path = g_strdup_printf("operations/%s/action", json_str_or(op, "id", ""));
    struct ask ask = {.method = "POST", .path = path, .body = body};
    TRY(end_ask(end, &ask, &reply, NULL));
    *ret = show_record(json_obj(reply, "operation"), OP_COLUMNS);
    return NULL;
}

static json_t *reason_of(struct call *call)
{
    json_t *args = json_object();

    if (arg(call, "reason") != NULL)
        json_set_str(args, "reason", arg(call, "reason"));
    return args;
}

err_t *cmd_op_retry(struct call *call, json_t **ret)
{
    return verb(call, "retry", json_object(), ret);
}

err_t *cmd_op_skip(struct call *call, json_t **ret)
{
    json_t *args = reason_of(call);

    json_set_str(args, "step", arg(call, "step"));
    if (arg(call, "subject") != NULL)
        json_set_str(args, "subject", arg(call, "subject"));
    return verb(call, "skip", args, ret);
}

err_t *cmd_op_abandon(struct call *call, json_t **ret)
{
    return verb(call, "abandon", reason_of(call), ret);
}

err_t *cmd_op_cancel(struct call *call, json_t **ret)
{
    return verb(call, "cancel", reason_of(call), ret);
}
