/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exits - the ways out when the other site is gone for ever, over REST: delete without it,
 * unprotect, decommission.  A person says that it is gone; what the client saw of it contradicts
 * him once, and 'force' overrides that.
 *
 * Neighbours: store/exits.h (what is done), groups.c (dispatches), model/states.h (when).
 */
#include "api/change.h"
#include "api/resources.h"
#include "api/view.h"

#include "store/exits.h"

#define GROUPS_A_CALL 200 /* that one call gives up; the client repeats it until none is left */
#define BLOCKERS_SAID 20

static const struct field probe_fields[] = {
    {"keystone", FIELD_TEXT, false, 0, 64, NULL},
    {"nova", FIELD_TEXT, false, 0, 64, NULL},
    {"protector", FIELD_TEXT, false, 0, 64, NULL},
    {0},
};
const struct field exits_word_fields[] = {
    {"reason", FIELD_TEXT, true, 1, 1024, NULL},
    {"force", FIELD_BOOL, false, 0, 0, NULL},
    {"client_probe", FIELD_OBJECT, false, 0, 0, probe_fields},
    {0},
};
const struct body_spec sites_decommission_bodies[] = {
    {"decommission", exits_word_fields, true, "{\"reason\": \"site-b burnt down\"}"},
    {0},
};

static struct exit_word word_of(const struct request *r)
{
    return (struct exit_word){r->auth->user_id, json_str_or(r->in, "reason", ""),
                              json_bool(r->in, "force", false)};
}

/* What a person said, and what was seen of the site. */
static json_t *word_details(const struct request *r)
{
    json_t *out = json_object();

    json_set_str(out, "reason", json_str(r->in, "reason"));
    json_set_bool(out, "force", json_bool(r->in, "force", false));
    json_set(out, "client_probe", json_deep_copy(json_obj(r->in, "client_probe")));
    return out;
}

/* A site whose Protector answers is not gone, unless it said itself that the group is. */
static err_t *gone_check(const struct request *r, const char *site, bool told)
{
    const char *seen = json_str_or(json_obj(r->in, "client_probe"), "protector", "unknown");

    if (told || json_bool(r->in, "force", false) || !g_str_equal(seen, "alive"))
        return NULL;
    return err_remedy(err(PEER_ALIVE, "Protector of site '%s' answers: that site is not gone",
                          site),
                      "work with both sites, or repeat with --force if it is given up all the "
                      "same");
}

/* The group, if the caller may, the verb is allowed and the other site does not answer. */
static err_t *exit_begin(struct request *r, const char *rule, enum verb verb,
                         struct group_row **ret)
{
    AUTO(site_names) names = NULL;

    TRY(request_allowed(r, rule, r->project));
    TRY(change_group(r, ret));
    TRY(change_allowed(r, *ret, verb));
    TRY(site_names_read(r->db, &names));
    return gone_check(r, site_names_get(names, (*ret)->peer_site_id),
                      ((*ret)->flags & GROUP_FLAG_PEER_GONE) != 0);
}

/* 202 with the operation that takes this site's part away; 204 when it has ended already. */
static err_t *reply_settle(struct request *r, const char *op_id)
{
    request_ring(r);
    if (op_id != NULL)
        return reply_operation(r, op_id, NULL);
    reply_empty(r, 204);
    return NULL;
}

err_t *exits_delete_alone(struct request *r)
{
    AUTO(group_row) g = NULL;
    g_autofree char *op = NULL;
    struct exit_word word = word_of(r);

    TRY(exit_begin(r, "protector:protection_groups:delete_peer_gone", VERB_DELETE_PEER_GONE, &g));
    TRY(exit_delete_alone(r->o->exchange, r->db, g->id, &word, &op));
    TRY(request_audit_with(r, "protection_group.delete_peer_gone", g->id, word_details(r)));
    return reply_settle(r, op);
}

/* A plain delete of a group that the other site, signed, said to be gone there: nobody is asked. */
err_t *exits_delete_told(struct request *r)
{
    AUTO(group_row) g = NULL;
    g_autofree char *op = NULL;
    struct exit_word word = {r->auth->user_id, "the other site says that it is gone there", false};

    TRY(change_group(r, &g));
    TRY(exit_delete_alone(r->o->exchange, r->db, g->id, &word, &op));
    return reply_settle(r, op);
}

err_t *exits_delete_unprotected(struct request *r)
{
    AUTO(group_row) g = NULL;
    g_autofree char *op = NULL;

    TRY(change_group(r, &g));
    TRY(exit_delete_unprotected(r->o->exchange, r->db, g->id, r->auth->user_id, &op));
    return reply_settle(r, op);
}

err_t *exits_unprotect(struct request *r)
{
    AUTO(group_row) g = NULL;
    struct exit_word word = word_of(r);

    TRY(exit_begin(r, "protector:protection_groups:unprotect", VERB_UNPROTECT, &g));
    TRY(exit_unprotect(r->o->exchange, r->db, g->id, &word));
    TRY(request_audit_with(r, "protection_group.unprotect", g->id, word_details(r)));
    request_ring(r);
    return groups_show(r);
}

/* ---- a whole site ---- */

/* Nothing is done while a group must be made active here first: they are named, each with its
 * command. */
static err_t *blockers_check(struct request *r, const struct site *site)
{
    g_autoptr(json_t) list = NULL;
    g_autoptr(GString) words = g_string_new(NULL);
    g_autoptr(GString) remedy = g_string_new("make each active here first:");
    size_t i;
    json_t *g;

    TRY(exit_site_blockers(r->db, site->id, &list));
    size_t count = json_array_size(list);
    if (count == 0)
        return NULL;
    json_array_foreach(list, i, g)
    {
        if (i == BLOCKERS_SAID)
            break;
        g_string_append_printf(words, "%s'%s' (%s, project %s: %s)", i > 0 ? ", " : "",
                               json_str_or(g, "name", ""), json_str_or(g, "id", ""),
                               json_str_or(g, "project_id", ""), json_str_or(g, "status", ""));
        g_string_append_printf(remedy, "\nprotector protection-group failover %s --unplanned",
                               json_str_or(g, "id", ""));
    }
    if (count > BLOCKERS_SAID)
        g_string_append_printf(words, " and %zu more", count - BLOCKERS_SAID);
    return err_remedy(err(CONFLICT,
                          "site '%s' cannot be given up: %zu groups are not active at this site, "
                          "or not settled in it: %s",
                          site->name, count, words->str),
                      "%s", remedy->str);
}

/* From the first write on the site is closed: no group is made with it, whatever happens later. */
static err_t *site_close(struct request *r, struct site *site, const char *status)
{
    if (g_strcmp0(site->status, status) == 0)
        return NULL;
    if (!site_is_closed(site)) {
        g_free(site->status_reason);
        site->status_reason =
            g_strdup_printf("by %s: %s", r->auth->user_id, json_str_or(r->in, "reason", ""));
        TRY(request_audit_with(r, "site.decommission", site->id, word_details(r)));
    }
    g_free(site->status);
    site->status = g_strdup(status);
    site->updated_at_ms = r->now_ms;
    return site_update(r->db, site);
}

/* The site is closed once no group of it is left; one may have come from elsewhere meanwhile. */
static err_t *decommission_end(struct request *r, struct site *site)
{
    TRY(blockers_check(r, site));
    return site_close(r, site, SITE_DECOMMISSIONED);
}

err_t *sites_decommission(struct request *r)
{
    AUTO(site) site = NULL;
    g_autoptr(json_t) groups = NULL;
    struct exit_word word = word_of(r);
    bool more = false;

    TRY(site_resolve(r->db, r->params[0], &site));
    if (site->is_local)
        return err(BAD_REQUEST, "site '%s' is this site itself: it cannot give itself up",
                   site->name);
    TRY(gone_check(r, site->name, site_is_closed(site)));
    TRY(blockers_check(r, site));
    if (!site_is_closed(site))
        TRY(site_close(r, site, SITE_DECOMMISSIONING));
    err_t *e =
        exit_site_groups(r->o->exchange, r->db, site->id, &word, GROUPS_A_CALL, &groups, &more);
    request_ring(r);
    if (e == NULL && !more)
        e = decommission_end(r, site);
    if (e != NULL && json_array_size(groups) == 0)
        return e;
    if (e != NULL) { /* first what was done; the repetition meets the error again, if it stays */
        request_report(r, e);
        err_free(e);
        more = true;
    }
    json_t *out =
        json_pack("{s:o, s:O, s:b}", "site", view_site(site, true), "groups", groups, "more", more);
    reply_json(r, 200, out);
    return NULL;
}
