/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tenant_mappings - which project here is which project there: an admin's record, immutable,
 * written by the client at both sites (inverted at the peer), each write repeatable.
 */
#include "api/resources.h"
#include "api/view.h"

#include "base/secrets.h"
#include "store/tenant_mapping.h"

#include <string.h>

static json_t *mapping_view(const struct tenant_mapping *m, const struct site_names *names)
{
    json_t *out = json_object();

    json_set_str(out, "id", m->id);
    json_set_str(out, "local_tenant_id", m->local_project_id);
    json_set_str(out, "local_site_id", m->local_site_id);
    json_set_str(out, "remote_site_id", m->remote_site_id);
    json_set_str(out, "remote_site", site_names_get(names, m->remote_site_id));
    json_set_str(out, "remote_tenant_id", m->remote_project_id);
    json_set_str(out, "description", m->description);
    view_time(out, "created_at", m->created_at_ms);
    return out;
}

/* An admin sees all, a tenant those of his project. */
static const char *scope(const struct request *r)
{
    return request_is_admin(r) ? NULL : r->project;
}

err_t *mappings_index(struct request *r)
{
    struct list_query query;
    AUTO(site_names) names = NULL;
    g_autoptr(GPtrArray) rows = NULL;

    TRY(request_list(r, "", &query));
    TRY(site_names_read(r->db, &names));
    TRY(tenant_mapping_list(r->db, scope(r), &query, &rows));
    json_t *list = json_array();
    for (guint i = 0; i < rows->len; i++)
        json_array_append_new(list, mapping_view(g_ptr_array_index(rows, i), names));
    json_t *out = json_pack("{s:o}", "tenant_mappings", list);
    const struct tenant_mapping *last =
        rows->len > 0 ? g_ptr_array_index(rows, rows->len - 1) : NULL;
    reply_links(r, out, "tenant_mappings", last != NULL ? last->id : NULL, rows->len, query.limit);
    reply_json(r, 200, out);
    return NULL;
}

err_t *mappings_show(struct request *r)
{
    AUTO(site_names) names = NULL;
    AUTO(tenant_mapping) m = NULL;

    TRY(site_names_read(r->db, &names));
    TRY(tenant_mapping_get(r->db, scope(r), r->params[0], &m));
    reply_json(r, 200, json_pack("{s:o}", "tenant_mapping", mapping_view(m, names)));
    return NULL;
}

static const struct field create_fields[] = {
    {"local_tenant_id", FIELD_TEXT, true, 1, 64, NULL},
    {"remote_site_id", FIELD_TEXT, true, 1, 255, NULL},
    {"remote_tenant_id", FIELD_TEXT, true, 1, 64, NULL},
    {"description", FIELD_TEXT, false, 0, 1024, NULL},
    {0},
};
const struct body_spec mappings_create_bodies[] = {
    {"tenant_mapping", create_fields, true,
     "{\"local_tenant_id\": \"5f1c\", \"remote_site_id\": \"site-b\", \"remote_tenant_id\": "
     "\"8e2d\"}"},
    {0},
};

/* The id of both pairs in their order: the same at both sites, and for every repetition. */
static char *mapping_id(const char *site_a, const char *project_a, const char *site_b,
                        const char *project_b)
{
    bool first = strcmp(site_a, site_b) < 0;
    char hash[HASH_HEX_SIZE];

    hash_strings(hash, first ? site_a : site_b, first ? project_a : project_b,
                 first ? site_b : site_a, first ? project_b : project_a, NULL);
    return g_strdup_printf("%.8s-%.4s-5%.3s-a%.3s-%.12s", hash, hash + 8, hash + 12, hash + 15,
                           hash + 18);
}

err_t *mappings_create(struct request *r)
{
    const json_t *in = r->in;
    AUTO(site) peer = NULL;
    AUTO(site_names) names = NULL;
    AUTO(tenant_mapping) there = NULL;
    const char *self = r->o->exchange->identity->site_id;

    err_t *e = site_resolve(r->db, json_str_or(in, "remote_site_id", ""), &peer);
    if (e != NULL && err_code(e) != ERR_SITE_NOT_FOUND)
        return e;
    if (e != NULL)
        return err_recode(BAD_REQUEST, e, "'remote_site_id' names no site");
    if (peer->is_local)
        return err(BAD_REQUEST, "'remote_site_id' is this site itself");
    TRY(site_names_read(r->db, &names));
    struct tenant_mapping m = {
        .local_site_id = (char *)self,
        .local_project_id = (char *)json_str(in, "local_tenant_id"),
        .remote_site_id = peer->id,
        .remote_project_id = (char *)json_str(in, "remote_tenant_id"),
        .description = (char *)json_str(in, "description"),
        .created_at_ms = r->now_ms,
    };
    g_autofree char *id = mapping_id(self, m.local_project_id, peer->id, m.remote_project_id);
    m.id = id;
    TRY(tenant_mapping_find(r->db, m.local_project_id, peer->id, &there));
    if (there == NULL)
        TRY(tenant_mapping_find_remote(r->db, peer->id, m.remote_project_id, &there));
    if (there != NULL && !g_str_equal(there->id, id))
        return err(CONFLICT, "project '%s' is mapped to project '%s' of site '%s' already",
                   there->local_project_id, there->remote_project_id, peer->name);
    if (there == NULL)
        TRY(tenant_mapping_insert(r->db, &m));
    TRY(request_audit(r, "tenant_mapping.create", id));
    reply_json(r, there == NULL ? 201 : 200,
               json_pack("{s:o}", "tenant_mapping", mapping_view(&m, names)));
    return NULL;
}

err_t *mappings_delete(struct request *r)
{
    AUTO(tenant_mapping) m = NULL;
    bool used = false;

    TRY(tenant_mapping_get(r->db, NULL, r->params[0], &m));
    TRY(group_uses_projects(r->db, m->local_project_id, m->remote_project_id, &used));
    if (used)
        return err_remedy(err(CONFLICT, "protection groups use this mapping"),
                          "delete these first");
    TRY(tenant_mapping_delete(r->db, m->id));
    TRY(request_audit(r, "tenant_mapping.delete", m->id));
    reply_empty(r, 204);
    return NULL;
}
