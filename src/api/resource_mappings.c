/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resource_mappings - stored mappings of networks, flavors, images, floating IPs and zones; and the
 * consistency group.
 */
#include "api/change.h"
#include "api/resources.h"
#include "api/view.h"

#include "model/body.h"
#include "store/cg.h"

err_t *resource_mappings_show(struct request *r)
{
    AUTO(group_row) g = NULL;
    g_autoptr(json_t) body = NULL;

    TRY(request_allowed(r, "protector:mappings:index", r->project));
    TRY(change_group(r, &g));
    TRY(change_body(g, &body));
    const json_t *mappings = json_obj(body, "mappings");
    reply_json(r, 200,
               json_pack("{s:o}", "mappings",
                         mappings != NULL ? json_deep_copy(mappings) : json_object()));
    return NULL;
}

static const struct field mapping_fields[] = {
    {"network", FIELD_PATCH, false, 0, 255, NULL},
    {"flavor", FIELD_PATCH, false, 0, 255, NULL},
    {"image", FIELD_PATCH, false, 0, 255, NULL},
    {"floating_ip", FIELD_PATCH, false, 0, 255, NULL},
    {"availability_zone", FIELD_PATCH, false, 0, 255, NULL},
    {0},
};
const struct body_spec resource_mappings_bodies[] = {
    {"mappings", mapping_fields, false,
     "{\"network\": {\"net-app\": \"net-dr\"}, \"flavor\": {\"m1.tiny\": null}}"},
    {0},
};

/* Rows added and taken away have rules of their own. */
static err_t *mappings_allowed(struct request *r, const json_t *present)
{
    const char *kind, *source;
    json_t *rows, *target;
    bool adds = false, removes = false;

    json_object_foreach((json_t *)r->in, kind, rows)
    {
        json_object_foreach(rows, source, target)
        {
            removes = removes || json_is_null(target);
            adds = adds || (!json_is_null(target) &&
                            json_object_get(json_obj(present, kind), source) == NULL);
        }
    }
    if (adds)
        TRY(request_allowed(r, "protector:mappings:create", r->project));
    return removes ? request_allowed(r, "protector:mappings:delete", r->project) : NULL;
}

static bool mappings_empty(const json_t *in)
{
    const char *kind;
    json_t *rows;

    json_object_foreach((json_t *)in, kind, rows)
    {
        if (json_object_size(rows) > 0)
            return false;
    }
    return true;
}

/* PUT merges: a target of null takes a row away. */
err_t *resource_mappings_update(struct request *r)
{
    AUTO(group_row) g = NULL;
    g_autofree char *op = NULL;
    g_autoptr(json_t) body = NULL;

    if (mappings_empty(r->in))
        return err(BAD_REQUEST, "'mappings' says nothing");
    TRY(change_group(r, &g));
    TRY(change_body(g, &body));
    const char *source = g->current_primary_site_id;
    const json_t *all = json_obj(body, "mappings");
    TRY(mappings_allowed(r, source != NULL ? json_obj(all, source) : NULL));
    json_t *params = json_object();
    json_set_str(params, "source_site", source);
    json_set(params, "mappings", json_deep_copy(r->in));
    TRY(change_begin(r, g, VERB_MAPPING_SET, "mappings_set", params, &op));
    TRY(request_audit(r, "mappings.update", g->id));
    return reply_operation(r, op, NULL);
}

err_t *cgs_show(struct request *r)
{
    AUTO(group_row) g = NULL;
    AUTO(cg) cg = NULL;
    g_autoptr(json_t) body = NULL;
    int64_t count = 0;

    TRY(change_group(r, &g));
    TRY(change_body(g, &body));
    TRY(cg_find(r->db, g->id, &cg));
    TRY(cg_volume_count(r->db, g->id, &count));
    json_t *out = json_object();
    const char *site = g->current_primary_site_id;
    json_set_str(out, "id", g->consistency_group_id);
    json_set_str(out, "protection_group_id", g->id);
    json_set_str(out, "volume_type_name", g->volume_type);
    json_set_str(out, "backend_name",
                 json_string_value(body_local(body, site, "cinder", "backend")));
    bool primary = g_strcmp0(g->primary_site_id, r->o->exchange->identity->site_id) == 0;
    json_set_str(out, primary ? "primary_cg_id" : "secondary_cg_id",
                 cg != NULL ? cg->local_cg_id : NULL);
    json_set_str(out, primary ? "secondary_cg_id" : "primary_cg_id",
                 cg != NULL ? cg->peer_cg_id : NULL);
    json_set_str(out, "status", g->position != NULL && *g->position ? "active" : "creating");
    json_set_int(out, "volume_count", count);
    reply_json(r, 200, json_pack("{s:o}", "consistency_group", out));
    return NULL;
}
