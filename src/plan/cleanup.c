/* SPDX-License-Identifier: Apache-2.0 */
/* cleanup - see cleanup.h. */
#include "plan/cleanup.h"

#include "base/env.h"
#include "base/secrets.h"
#include "model/body.h"
#include "plan/kept.h"

#include <string.h>

struct cleaning {
    const struct plan_cleanup_input *in;
    json_t *members, *volumes, *left;
    int64_t lost_after_ms; /* the earliest */
};

/* ---- what would be lost ---- */

int64_t plan_lost_after(const json_t *body, int64_t epoch, bool moves_data)
{
    const json_t *claim = body_claim(body);
    const char *at = json_str(json_obj(claim, "point"), "at");
    bool of_this = json_int(json_obj(claim, "plan"), "epoch", -1) == epoch;

    if (!moves_data || claim == NULL || !of_this)
        return PLAN_LOST_ALL;
    if (!json_bool(claim, "forced", true))
        return PLAN_LOST_NOTHING;
    return at != NULL ? MAX(time_parse(at), PLAN_LOST_ALL) : PLAN_LOST_ALL;
}

int64_t plan_server_lost_after(const json_t *server, int64_t lost_after_ms)
{
    const char *mark = json_str_or(json_obj(server, "metadata"), PLAN_STOPPED_FOR, "");

    if (lost_after_ms != PLAN_LOST_NOTHING || g_str_has_prefix(mark, PLAN_STOPPED_BY_HANDOVER))
        return lost_after_ms;
    return PLAN_LOST_ALL; /* a demotion stopped it, at some other time: nobody knows what is lost */
}

char *plan_lost_text(int64_t lost_after_ms)
{
    return lost_after_ms == PLAN_LOST_NOTHING ? g_strdup("none") : time_format(lost_after_ms);
}

int64_t plan_lost_read(const char *text)
{
    if (g_strcmp0(text, "none") == 0)
        return PLAN_LOST_NOTHING;
    return text != NULL ? MAX(time_parse(text), PLAN_LOST_ALL) : PLAN_LOST_ALL;
}

/* ---- what is left alone ---- */

static const json_t *server_of(const json_t *servers, const char *id)
{
    size_t i;
    json_t *server;

    json_array_foreach((json_t *)servers, i, server)
    {
        if (id != NULL && g_strcmp0(json_str(server, "id"), id) == 0)
            return server;
    }
    return NULL;
}

/* Takes 'why'. */
static void leave(struct cleaning *c, const json_t *server, const char *name, char *why)
{
    json_t *row = json_object();

    json_set_str(row, "server_id", json_str(server, "id"));
    json_set_str(row, "name", name);
    json_set_str(row, "why", why);
    json_array_append_new(c->left, row);
    g_free(why);
}

static const json_t *acted_on(const struct cleaning *c, const char *server)
{
    return json_arr(json_obj(c->in->inventory, "acted"), server);
}

/* "it is ACTIVE, volume 1f… was attached"; NULL: nothing.  Caller frees. */
static char *joined(const json_t *texts)
{
    GString *text = g_string_new(NULL);
    size_t i;
    json_t *one;

    json_array_foreach((json_t *)texts, i, one)
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", json_string_value(one));
    return g_string_free(text, text->len == 0);
}

/* Why a member is not known to run where the group is active; NULL: it does. */
static char *member_why(const struct cleaning *c, const json_t *member)
{
    const struct plan_cleanup_input *in = c->in;
    bool away = in->there != NULL;
    const char *active = away ? in->peer : in->self;
    const char *site = json_str_or(body_site(in->body, active), "name", "the active site");
    const char *id =
        json_string_value(body_local(in->body, active, "servers", json_str_or(member, "id", "")));
    const json_t *runs = server_of(away ? in->there : json_arr(in->inventory, "servers"), id);

    if (member == NULL)
        return g_strdup("its member has left the group");
    if (g_strcmp0(json_str(member, "status"), "protected") != 0)
        return g_strdup_printf("its member is %s: its newest data may be here",
                               json_str_or(member, "status", "unknown"));
    if (runs == NULL || g_str_equal(json_str_or(runs, "status", "ERROR"), "ERROR"))
        return g_strdup_printf("its member's server at %s %s", site,
                               runs == NULL ? "is not there" : "is in ERROR");
    return NULL;
}

/* What has become of a server since it was left. */
static char *own_why(struct cleaning *c, const json_t *server, const json_t *member)
{
    const struct plan_cleanup_input *in = c->in;
    struct plan_kept_input kept = {
        .body = in->body,
        .target = in->self,
        .server = server,
        .member = member,
        .ports = json_arr(in->inventory, "ports"),
        .acted = acted_on(c, json_str_or(server, "id", "")),
    };
    char *why = member_why(c, member);

    if (why != NULL)
        return why;
    g_autoptr(json_t) row = plan_kept(&kept);
    g_autofree char *differs = joined(json_arr(row, "differs"));
    return differs != NULL ? g_strdup_printf("it was changed: %s", differs) : NULL;
}

/* Of one that gave way: stopped and locked as it was then, and nobody has touched it since. */
static char *gave_way_why(struct cleaning *c, const json_t *server, const json_t *member)
{
    char *why = member_why(c, member);
    const json_t *acted = acted_on(c, json_str_or(server, "id", ""));
    size_t i;
    json_t *action;

    if (why != NULL)
        return why;
    if (g_strcmp0(json_str(json_obj(server, "metadata"), PLAN_LOST_AFTER), PLAN_LOST_CHANGED) == 0)
        return g_strdup("it was changed before it gave way");
    if (!g_str_equal(json_str_or(server, "status", ""), "SHUTOFF"))
        return g_strdup_printf("it was changed: it is %s", json_str_or(server, "status", "?"));
    if (!json_bool(server, "locked", false) ||
        !g_str_has_prefix(json_str_or(server, "locked_reason", ""), "protector"))
        return g_strdup("it was changed: it was unlocked");
    json_array_foreach((json_t *)acted, i, action)
    {
        if (g_strcmp0(json_string_value(action), "detach_interface") != 0)
            return g_strdup_printf("it was changed: after it was stopped: %s",
                                   json_string_value(action));
    }
    return NULL;
}

/* ---- what is destroyed ---- */

static bool listed(const json_t *ids, const char *id)
{
    size_t i;
    json_t *one;

    json_array_foreach((json_t *)ids, i, one)
    {
        if (g_strcmp0(json_string_value(one), id) == 0)
            return true;
    }
    return false;
}

/* A volume that the group uses at this site now. */
static bool volume_current(const struct cleaning *c, const char *id)
{
    size_t i, k;
    json_t *member, *volume;

    if (c->in->there != NULL) /* the group runs at the other site */
        return false;
    json_array_foreach(body_members(c->in->body), i, member)
    {
        json_array_foreach(json_arr(member, "volumes"), k, volume)
        {
            const char *subject = json_str_or(volume, "id", "");
            const json_t *here = body_local(c->in->body, c->in->self, "volumes", subject);
            if (g_strcmp0(here != NULL ? json_string_value(here) : subject, id) == 0)
                return true;
        }
    }
    return false;
}

/* Why a volume of the server is not destroyed with it; NULL: it is. */
static const char *volume_stays(const struct cleaning *c, const json_t *volume)
{
    if (volume == NULL)
        return "is not there";
    if (json_array_size(json_arr(volume, "attachments")) > 1)
        return "is attached to another server as well";
    return volume_current(c, json_str_or(volume, "id", "")) ? "is the group's at this site" : NULL;
}

/* Its volumes as rows; '*ret_why' (caller frees) if one of them keeps the server from going. */
static json_t *volumes_of(struct cleaning *c, const json_t *server, char **ret_why)
{
    json_t *rows = json_array();
    size_t i;
    json_t *attached;

    *ret_why = NULL;
    json_array_foreach(json_arr(server, "os-extended-volumes:volumes_attached"), i, attached)
    {
        const char *id = json_str_or(attached, "id", "");
        const json_t *volume = server_of(json_arr(c->in->inventory, "volumes"), id);
        const char *stays = volume_stays(c, volume);
        if (stays != NULL && *ret_why == NULL)
            *ret_why = g_strdup_printf("its volume %s %s", id, stays);
        json_t *row = json_object();
        json_set_str(row, "id", id);
        json_set_str(row, "member", json_str(server, "id"));
        json_set_str(row, "name", json_str(volume, "name"));
        json_set_int(row, "size_gib", json_int(volume, "size", 0));
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *with_address(json_t *out, const json_t *object, const char *address)
{
    json_t *row = json_object();

    json_set_str(row, "id", json_str(object, "id"));
    json_set_str(row, "address", address);
    json_array_append_new(out, row);
    return row;
}

/* Those of its ports that Protector made: Nova leaves them behind. */
static json_t *ports_of(const struct cleaning *c, const char *server)
{
    g_autoptr(json_t) ports = plan_server_ports(json_arr(c->in->inventory, "ports"), server);
    json_t *out = json_array();
    size_t i;
    json_t *port;

    json_array_foreach(ports, i, port)
    {
        const json_t *first = json_array_get(json_arr(port, "fixed_ips"), 0);
        if (listed(c->in->our_ports, json_str(port, "id")))
            with_address(out, port, json_str(first, "ip_address"));
    }
    return out;
}

/* The floating IPs that Protector took for it: nobody else needs them. */
static json_t *floating_of(const struct cleaning *c, const char *server)
{
    g_autoptr(json_t) ports = plan_server_ports(json_arr(c->in->inventory, "ports"), server);
    json_t *out = json_array();
    size_t i;
    json_t *row;

    json_array_foreach(json_arr(c->in->inventory, "floating_ips"), i, row)
    {
        if (listed(c->in->our_floating, json_str(row, "id")) &&
            server_of(ports, json_str(row, "port_id")) != NULL)
            json_set_str(with_address(out, row, json_str(row, "floating_ip_address")), "port_id",
                         json_str(row, "port_id"));
    }
    return out;
}

static void destroy(struct cleaning *c, const json_t *server, const char *member,
                    int64_t lost_after_ms)
{
    const char *id = json_str_or(server, "id", "");
    char *why = NULL;
    g_autoptr(json_t) volumes = volumes_of(c, server, &why);
    json_t *row = json_object();
    json_t *ids = json_array();
    size_t i;
    json_t *volume;

    if (why != NULL) {
        leave(c, server, json_str(server, "name"), why);
        json_decref(row);
        json_decref(ids);
        return;
    }
    json_array_foreach(volumes, i, volume)
        json_array_append_new(ids, json_string(json_str_or(volume, "id", "")));
    json_set_str(row, "id", id);
    json_set_str(row, "server_id", id);
    json_set_str(row, "name", json_str(server, "name"));
    json_set_str(row, "status", json_str(server, "status"));
    json_set_str(row, "member", member);
    json_set(row, "volumes", ids);
    json_set(row, "ports", ports_of(c, id));
    json_set(row, "floating_ips", floating_of(c, id));
    if (lost_after_ms != PLAN_LOST_NOTHING) {
        g_autofree char *text = plan_lost_text(lost_after_ms);
        json_set_str(row, "lost_after", text);
    }
    c->lost_after_ms = MIN(c->lost_after_ms, lost_after_ms);
    json_array_append_new(c->members, row);
    json_array_extend(c->volumes, volumes);
}

/* ---- the whole ---- */

static void own_servers_plan(struct cleaning *c)
{
    const struct plan_cleanup_input *in = c->in;
    size_t i;
    json_t *row;

    json_array_foreach((json_t *)in->own, i, row)
    {
        const json_t *server = server_of(json_arr(in->inventory, "servers"), json_str(row, "id"));
        const json_t *member = body_member(in->body, json_str_or(row, "member", ""));
        if (server == NULL || member == NULL || in->there == NULL)
            continue;
        char *why = own_why(c, server, member);
        if (why != NULL)
            leave(c, server, json_str(server, "name"), why);
        else
            destroy(c, server, json_str(row, "member"),
                    plan_server_lost_after(server, in->lost_after_ms));
    }
}

static void gave_way_plan(struct cleaning *c)
{
    size_t i;
    json_t *row;

    json_array_foreach((json_t *)c->in->gave_way, i, row)
    {
        const char *member = json_str_or(row, "member", "");
        const json_t *server =
            server_of(json_arr(c->in->inventory, "servers"), json_str(row, "id"));
        const json_t *metadata = json_obj(server, "metadata");
        if (server == NULL || json_str(metadata, PLAN_KEPT) == NULL)
            continue;
        char *why = gave_way_why(c, server, body_member(c->in->body, member));
        if (why != NULL)
            leave(c, server, json_str(server, "name"), why);
        else
            destroy(c, server, member, plan_lost_read(json_str(metadata, PLAN_LOST_AFTER)));
    }
}

json_t *plan_cleanup(const struct plan_cleanup_input *in)
{
    struct cleaning c = {.in = in, .lost_after_ms = PLAN_LOST_NOTHING};
    json_t *plan = json_object();
    char hash[HASH_HEX_SIZE];

    json_set(plan, "members", c.members = json_array());
    json_set(plan, "volumes", c.volumes = json_array());
    c.left = json_array();
    own_servers_plan(&c);
    gave_way_plan(&c);
    g_autofree char *text = json_print(plan);
    hash_strings(hash, "cleanup", text, NULL);
    json_set_str(plan, "hash", hash);
    json_set(plan, "left", c.left);
    if (c.lost_after_ms != PLAN_LOST_NOTHING) {
        g_autofree char *lost = plan_lost_text(c.lost_after_ms);
        json_set_str(plan, "lost_after", lost);
    }
    return plan;
}

err_t *plan_cleanup_confirmed(const json_t *plan, const char *hash, int64_t discard_after_ms)
{
    const char *lost = json_str(plan, "lost_after");

    if (g_strcmp0(json_str(plan, "hash"), hash) != 0)
        return err(CLEANUP_CHANGED,
                   "what this site has kept of the group is not what was confirmed any more");
    if (lost == NULL || (discard_after_ms >= 0 && discard_after_ms <= plan_lost_read(lost)))
        return NULL;
    return err_remedy(err(CLEANUP_NEWER_WRITES,
                          "what was written to the kept volumes after %s is not in the group's "
                          "data, and would be lost with them",
                          lost),
                      "if it may be lost, repeat with --discard-writes-after %s", lost);
}
