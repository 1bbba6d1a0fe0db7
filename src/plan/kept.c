/* SPDX-License-Identifier: Apache-2.0 */
/* kept - see kept.h. */
#include "plan/kept.h"

#include "model/body.h"

#include <string.h>

static void differ(json_t *out, char *text)
{
    json_array_append_new(out, json_string(text));
    g_free(text);
}

/* Not stopped, or not by us, or not locked any more. */
static void differs_rest(const struct plan_kept_input *in, json_t *out)
{
    const json_t *server = in->server;
    const char *status = json_str_or(server, "status", "");

    if (!g_str_equal(status, "SHUTOFF"))
        differ(out, g_strdup_printf("it is %s", status));
    if (!json_bool(server, "locked", false) ||
        !g_str_has_prefix(json_str_or(server, "locked_reason", ""), "protector"))
        differ(out, g_strdup("it was unlocked"));
    if (json_str(json_obj(server, "metadata"), PLAN_STOPPED_FOR) == NULL)
        differ(out, g_strdup("it does not bear the mark of its stop"));
}

/* What Nova remembers: a server that was started and stopped again looks as it did. */
static void differs_acted(const struct plan_kept_input *in, json_t *out)
{
    size_t i;
    json_t *action;

    json_array_foreach(in->acted, i, action)
        differ(out, g_strdup_printf("after it was stopped: %s", json_string_value(action)));
}

static void differs_flavor(const struct plan_kept_input *in, json_t *out)
{
    const char *now = json_str_at(in->server, "flavor/original_name");

    if (now != NULL && in->flavor != NULL && !g_str_equal(now, in->flavor))
        differ(out, g_strdup_printf("its flavor is %s, not %s", now, in->flavor));
}

/* The ids of the volumes that the member had here. */
static json_t *volumes_here(const struct plan_kept_input *in)
{
    json_t *ids = json_object();
    size_t i;
    json_t *volume;

    json_array_foreach(json_arr(in->member, "volumes"), i, volume)
    {
        const char *subject = json_str_or(volume, "id", "");
        const char *here = json_string_value(body_local(in->body, in->target, "volumes", subject));
        json_set_bool(ids, here != NULL ? here : subject, true);
    }
    return ids;
}

static void differs_volumes(const struct plan_kept_input *in, json_t *out)
{
    g_autoptr(json_t) missing = volumes_here(in);
    size_t i;
    json_t *row;
    const char *id;

    json_array_foreach(json_arr(in->server, "os-extended-volumes:volumes_attached"), i, row)
    {
        id = json_str_or(row, "id", "");
        if (json_object_get(missing, id) == NULL)
            differ(out, g_strdup_printf("volume %s was attached", id));
        json_object_del(missing, id);
    }
    json_object_foreach(missing, id, row)
        differ(out, g_strdup_printf("volume %s was detached", id));
}

char *plan_name_with(const char *name, const char *suffix)
{
    glong room = BODY_NAME_MAX - g_utf8_strlen(suffix, -1);
    glong length = g_utf8_strlen(name, -1);
    g_autofree char *cut = g_utf8_substring(name, 0, MIN(length, room));

    return g_strconcat(cut, suffix, NULL);
}

json_t *plan_server_ports(const json_t *ports, const char *server_id)
{
    json_t *out = json_array();
    size_t i;
    json_t *port;

    json_array_foreach((json_t *)ports, i, port)
    {
        if (g_strcmp0(json_str(port, "device_id"), server_id) == 0)
            json_array_append(out, port);
    }
    return out;
}

static void differs_ports(const struct plan_kept_input *in, json_t *out)
{
    g_autoptr(json_t) ports = plan_server_ports(in->ports, json_str(in->server, "id"));
    size_t now = json_array_size(ports);
    size_t was = json_array_size(json_arr(json_obj(in->member, "config"), "ports"));

    if (now != was)
        differ(out, g_strdup_printf("it has %zu ports, not %zu", now, was));
}

json_t *plan_kept(const struct plan_kept_input *in)
{
    static void (*const checks[])(const struct plan_kept_input *,
                                  json_t *) = {differs_rest, differs_acted, differs_flavor,
                                               differs_volumes, differs_ports};
    json_t *row = json_object();
    json_t *differs = json_array();
    bool unrecovered = g_strcmp0(json_str(in->member, "status"), "unrecovered") == 0;

    for (size_t i = 0; i < G_N_ELEMENTS(checks); i++)
        checks[i](in, differs);
    bool changed = json_array_size(differs) > 0;
    json_set_str(row, "server_id", json_str(in->server, "id"));
    json_set_str(row, "name", json_str(in->server, "name"));
    json_set_str(row, "verdict",
                 in->all_resume || (unrecovered && in->resumes) ? PLAN_RESUMES
                 : changed && !in->replace                      ? PLAN_KEEPS_BOTH
                                                                : PLAN_TAKES_OVER);
    json_set(row, "differs", differs);
    return row;
}

const char *plan_kept_verdict(const json_t *member)
{
    return json_str(json_obj(member, "kept"), "verdict");
}
