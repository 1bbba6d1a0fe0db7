/* SPDX-License-Identifier: Apache-2.0 */
/* capture_drift - see capture_drift.h. */
#include "cloud/capture_drift.h"

#include "cloud/nova.h"
#include "model/body.h"

struct drift {
    const json_t *body, *member, *server;
    const char *self;
    const struct capture_lists *lists;
    json_t *out;
};

static void say(struct drift *d, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void say(struct drift *d, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    g_autofree char *text = g_strdup_vprintf(format, list);
    va_end(list);
    json_array_append_new(d->out, json_string(text));
}

static bool has_id(const json_t *list, const char *id)
{
    return id != NULL && cloud_find(list, "id", id) != NULL;
}

/* ---- the server ---- */

static void flavor_differs(struct drift *d)
{
    static const char *const sizes[][2] = {{"vcpus", "vcpus"},
                                           {"ram_mib", "ram"},
                                           {"disk_gib", "disk"}};
    const json_t *was = json_obj(json_obj(d->member, "config"), "flavor");
    const json_t *is = json_obj(d->server, "flavor");
    bool same = g_strcmp0(json_str(was, "name"), json_str(is, "original_name")) == 0;

    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++)
        same = same && json_int(was, sizes[i][0], 0) == json_int(is, sizes[i][1], 0);
    if (was != NULL && is != NULL && !same)
        say(d, "its flavor is '%s', captured as '%s'", json_str_or(is, "original_name", "?"),
            json_str_or(was, "name", "?"));
}

static void name_differs(struct drift *d)
{
    const char *was = json_str(d->member, "instance_name"), *is = json_str(d->server, "name");

    if (g_strcmp0(was, is) != 0)
        say(d, "it is called '%s', captured as '%s'", is != NULL ? is : "", was != NULL ? was : "");
}

/* ---- volumes ---- */

/* The captured volume as it is called here; one that was not brought here is not looked for. */
static const char *volume_here(const struct drift *d, const json_t *volume)
{
    return json_string_value(
        body_local(d->body, d->self, "volumes", json_str_or(volume, "id", "")));
}

static void volumes_missing(struct drift *d, const json_t *attached)
{
    size_t i;
    json_t *volume;

    json_array_foreach(json_arr(d->member, "volumes"), i, volume)
    {
        const char *id = volume_here(d, volume);
        const json_t *is = id != NULL ? cloud_find(d->lists->volumes, "id", id) : NULL;
        const char *name = json_str_or(volume, "name", "");
        if (id != NULL && !has_id(attached, id))
            say(d, "volume '%s' (%s) is captured and not attached any more", name, id);
        else if (is != NULL && json_int(is, "size", 0) != json_int(volume, "size", 0))
            say(d, "volume '%s' (%s) has %" G_GINT64_FORMAT " GiB, captured with %" G_GINT64_FORMAT,
                name, id, json_int(is, "size", 0), json_int(volume, "size", 0));
    }
}

static bool volume_captured(const struct drift *d, const char *id)
{
    size_t i;
    json_t *volume;

    json_array_foreach(json_arr(d->member, "volumes"), i, volume)
    {
        if (g_strcmp0(volume_here(d, volume), id) == 0)
            return true;
    }
    return false;
}

static void volumes_differ(struct drift *d)
{
    json_t *attached = json_arr(d->server, "os-extended-volumes:volumes_attached");
    size_t i;
    json_t *volume;

    volumes_missing(d, attached);
    json_array_foreach(attached, i, volume)
    {
        const char *id = json_str_or(volume, "id", "");
        const json_t *is = cloud_find(d->lists->volumes, "id", id);
        if (!volume_captured(d, id))
            say(d, "volume '%s' (%s) is attached and not captured", json_str_or(is, "name", ""),
                id);
    }
}

/* ---- ports ---- */

static gint by_text(gconstpointer a, gconstpointer b)
{
    return g_strcmp0(*(const char *const *)a, *(const char *const *)b);
}

/* "10.0.0.5, 10.0.0.6": their order means nothing, so it is the alphabet's. */
static char *addresses(const json_t *port, const char *field)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    size_t i;
    json_t *ip;

    json_array_foreach(json_arr(port, "fixed_ips"), i, ip)
        g_ptr_array_add(list, (char *)json_str_or(ip, field, ""));
    g_ptr_array_sort(list, by_text);
    g_ptr_array_add(list, NULL);
    return g_strjoinv(", ", (char **)list->pdata);
}

static void port_differs(struct drift *d, const json_t *was)
{
    const char *id = json_str_or(was, "id", "");
    const json_t *is = cloud_find(d->lists->ports, "id", id);
    const char *network = json_str_or(was, "network_name", json_str_or(was, "network_id", ""));

    if (g_strcmp0(json_str(is, "device_id"), json_str(d->server, "id")) != 0) {
        say(d, "port %s on network '%s' is captured and not attached any more", id, network);
        return;
    }
    g_autofree char *before = addresses(was, "ip");
    g_autofree char *now = addresses(is, "ip_address");
    if (g_strcmp0(json_str(was, "network_id"), json_str(is, "network_id")) != 0)
        say(d, "port %s is on network %s, captured on '%s'", id, json_str_or(is, "network_id", "?"),
            network);
    else if (!g_str_equal(before, now))
        say(d, "port %s on network '%s' has the addresses (%s), captured with (%s)", id, network,
            now, before);
}

static void ports_differ(struct drift *d)
{
    const json_t *captured = json_arr(json_obj(d->member, "config"), "ports");
    size_t i;
    json_t *port;

    json_array_foreach((json_t *)captured, i, port) port_differs(d, port);
    json_array_foreach((json_t *)d->lists->ports, i, port)
    {
        bool mine = g_strcmp0(json_str(port, "device_id"), json_str(d->server, "id")) == 0;
        g_autofree char *ips = addresses(port, "ip_address");
        if (mine && !has_id(captured, json_str(port, "id")))
            say(d, "port %s (%s) on network %s is attached and not captured",
                json_str_or(port, "id", ""), ips, json_str_or(port, "network_id", ""));
    }
}

json_t *capture_drift(const json_t *body, const char *self, const json_t *member,
                      const struct capture_lists *lists)
{
    const char *id =
        json_string_value(body_local(body, self, "servers", json_str_or(member, "id", "")));
    struct drift d = {.body = body,
                      .member = member,
                      .server = id != NULL ? cloud_find(lists->servers, "id", id) : NULL,
                      .self = self,
                      .lists = lists,
                      .out = json_array()};

    if (id == NULL)
        return d.out;
    if (d.server == NULL) {
        say(&d, "its server (%s) is gone", id);
        return d.out;
    }
    volumes_differ(&d);
    if (g_strcmp0(id, json_str(member, "instance_id")) != 0)
        return d.out;
    name_differs(&d);
    flavor_differs(&d);
    ports_differ(&d);
    return d.out;
}
