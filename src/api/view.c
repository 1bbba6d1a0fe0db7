/* SPDX-License-Identifier: Apache-2.0 */
/* view - see view.h. */
#include "api/view.h"

#include "model/body.h"
#include "model/states.h"
#include "store/op_step.h"

#include <string.h>

struct site_names {
    GPtrArray *sites;
};

err_t *site_names_read(struct db *db, struct site_names **ret)
{
    struct list_query all = {.limit = LIST_LIMIT_MAX};
    GPtrArray *sites = NULL;

    TRY(site_list(db, &all, &sites));
    *ret = g_new0(struct site_names, 1);
    (*ret)->sites = sites;
    return NULL;
}

void site_names_destroy(struct site_names *names)
{
    if (names == NULL)
        return;
    g_ptr_array_unref(names->sites);
    g_free(names);
}

const char *site_names_get(const struct site_names *names, const char *id)
{
    for (guint i = 0; i < names->sites->len; i++) {
        const struct site *s = g_ptr_array_index(names->sites, i);
        if (g_strcmp0(s->id, id) == 0)
            return s->name;
    }
    return id;
}

void view_time(json_t *out, const char *key, int64_t time_ms)
{
    g_autofree char *text = time_ms > 0 ? time_format(time_ms) : NULL;

    json_set_str(out, key, text);
}

/* Rows of "name of the field", "where its text stands". */
struct text_field {
    const char *key;
    const char *value;
};

static void texts(json_t *out, const struct text_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        json_set_str(out, fields[i].key, fields[i].value);
}
#define TEXTS(out, ...)                                                                            \
    do {                                                                                           \
        const struct text_field fields_[] = {__VA_ARGS__};                                         \
        texts((out), fields_, G_N_ELEMENTS(fields_));                                              \
    } while (0)

/* Of the keys that the site had before, oldest first. */
static json_t *former_fingerprints(const struct site *s)
{
    json_t *out = json_array();
    size_t i;
    json_t *old;

    json_array_foreach(s->old_keys, i, old)
        json_array_append(out, json_object_get(old, "fingerprint"));
    return out;
}

json_t *view_site(const struct site *s, bool admin)
{
    json_t *out = json_object();

    TEXTS(out, {"id", s->id}, {"name", s->name}, {"description", s->description},
          {"site_type", s->site_type}, {"auth_url", s->auth_url}, {"region_name", s->region_name},
          {"status", s->status}, {"status_reason", s->status_reason},
          {"fingerprint", s->fingerprint}, {"compute_url", s->compute_url},
          {"protector_url", s->protector_url}); /* where a client looks whether it is alive */
    json_set_bool(out, "is_local", s->is_local);
    view_time(out, "validated_at", s->validated_at_ms);
    view_time(out, "created_at", s->created_at_ms);
    view_time(out, "updated_at", s->updated_at_ms);
    json_set(out, "former_fingerprints", former_fingerprints(s)); /* who verifies an old report */
    if (!admin)
        return out;
    TEXTS(out, {"sign_public", s->sign_public}, {"seal_public", s->seal_public});
    json_set_bool(out, "has_credentials", s->credentials != NULL);
    json_set_str(out, "peer_user", json_str(s->peer_user, "username"));
    json_set_str(out, "peer_user_before", json_str(json_obj(s->peer_user, "before"), "username"));
    json_set_bool(out, "peer_fenced", json_bool(s->peer_user, "fenced", false));
    json_set(out, "validation", s->checks != NULL ? json_incref(s->checks) : json_array());
    return out;
}

static void group_sites(json_t *out, const struct group_row *g, const struct site_names *names)
{
    TEXTS(out, {"primary_site_id", g->primary_site_id},
          {"primary_site", site_names_get(names, g->primary_site_id)},
          {"secondary_site_id", g->secondary_site_id},
          {"secondary_site", site_names_get(names, g->secondary_site_id)},
          {"current_primary_site_id", g->current_primary_site_id},
          {"current_primary_site", site_names_get(names, g->current_primary_site_id)});
}

json_t *view_group(const struct request *r, const struct group_row *g,
                   const struct site_names *names)
{
    json_t *out = json_object();

    TEXTS(out, {"id", g->id}, {"name", g->name}, {"description", g->description},
          {"project_id", g->project_id}, {"status", g->status},
          {"replication_type", g->replication_type});
    group_sites(out, g, names);
    TEXTS(out, {"volume_type", g->volume_type}, {"secondary_volume_type", g->secondary_volume_type},
          {"consistency_group_id", g->consistency_group_id}, {"role", g->role});
    json_set_int(out, "version", g->version);
    json_set_int(out, "failover_count", g->failover_count);
    json_set_int(out, "member_count", g->member_count);
    json_set_bool(out, "has_policy", (g->flags & GROUP_FLAG_POLICY) != 0);
    json_set_bool(out, "peer_gone", (g->flags & GROUP_FLAG_PEER_GONE) != 0);
    view_time(out, "last_failover_at", g->last_failover_at_ms);
    view_time(out, "last_replication_at", g->last_replication_at_ms);
    view_time(out, "created_at", g->created_at_ms);
    view_time(out, "updated_at", g->updated_at_ms);
    /* what a client needs to carry and to change: at every version */
    TEXTS(out, {"position", g->position}, {"peer_site_id", g->peer_site_id},
          {"staged_operation", g->staged_op});
    if (r->minor >= 1)
        json_set_int(out, "epoch", g->epoch);
    return out;
}

json_t *view_member(const struct member *m, const json_t *body)
{
    json_t *out = json_object();
    json_t *servers = json_object();
    const char *site;
    json_t *section;

    TEXTS(out, {"id", m->id}, {"instance_id", m->instance_id}, {"instance_name", m->instance_name},
          {"status", m->status}, {"error_message", m->error_message});
    json_set_int(out, "volumes_added", m->volume_count);
    json_set(out, "volumes", m->volumes != NULL ? json_incref(m->volumes) : json_array());
    json_object_foreach(json_obj(body, "sites"), site, section)
    {
        const char *server = json_string_value(body_local(body, site, "servers", m->id));
        if (server != NULL)
            json_set_str(servers, site, server);
    }
    const json_t *entry = body_member(body, m->id);
    json_set(out, "servers", servers);
    json_set_int(out, "priority", body_member_priority(entry));
    json_set_int(out, "start_delay_s", body_member_start_delay_s(entry));
    json_set_str(out, "start_check", body_member_start_check(entry));
    json_set_int(out, "start_timeout_s", body_member_start_timeout_s(entry));
    json_set_bool(out, "in_metadata", m->in_body);
    view_time(out, "created_at", m->created_at_ms);
    if (m->config != NULL) {
        json_t *config = json_copy(m->config);
        if (!json_is_null(json_object_get(config, "user_data")))
            json_set_str(config, "user_data", "***");
        json_set(out, "configuration", config);
    }
    return out;
}

json_t *view_operation(const struct request *r, const struct operation *op,
                       const struct site_names *names)
{
    json_t *out = json_object();
    enum operation_status status = operation_status_of(op->status);
    const char *shown = r->minor >= 1 ? op->status : operation_status_text_v1_0(status);
    g_autoptr(err_t) e = op->error != NULL ? err_from_json(op->error) : NULL;
    g_autofree char *text = e != NULL ? err_text(e) : NULL;

    TEXTS(out, {"id", op->id}, {"pg_id", op->pg_id}, {"operation_type", op->operation_type},
          {"status", shown});
    json_set_int(out, "progress", op->progress);
    json_set_bool(out, "planned", op->planned);
    TEXTS(out, {"source_site", site_names_get(names, op->source_site_id)},
          {"source_site_id", op->source_site_id},
          {"target_site", site_names_get(names, op->target_site_id)},
          {"target_site_id", op->target_site_id},
          {"executing_site", site_names_get(names, op->executing_site_id)},
          {"error_message", text});
    json_set(out, "error", json_incref(op->error));
    view_time(out, "created_at", op->created_at_ms);
    view_time(out, "started_at", op->started_at_ms);
    view_time(out, "completed_at", op->completed_at_ms);
    json_set_bool(out, "ended", !op->is_open);
    if (r->minor >= 1) /* a stub: the operation of this id runs at the other site */
        json_set_bool(out, "elsewhere",
                      g_strcmp0(op->executing_site_id, r->o->exchange->identity->site_id) != 0);
    return out;
}

/* A key once, in the order of the journal. */
static void key_once(json_t *list, const char *key)
{
    size_t i;
    json_t *there;

    json_array_foreach(list, i, there)
    {
        if (g_str_equal(json_string_value(there), key))
            return;
    }
    json_array_append_new(list, json_string(key));
}

static bool key_in(const json_t *list, const char *key)
{
    size_t i;
    json_t *there;

    json_array_foreach((json_t *)list, i, there)
    {
        if (g_str_equal(json_string_value(there), key))
            return true;
    }
    return false;
}

err_t *view_operation_steps(struct request *r, const struct operation *op, json_t *out)
{
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(json_t) open = json_array();
    json_t *done = json_array();
    json_t *failed = json_array();
    const char *says = NULL;

    json_set(out, "steps_completed", done);
    json_set(out, "steps_failed", failed);
    TRY(op_step_list(r->db, op->id, &rows));
    for (guint i = 0; i < rows->len; i++) {
        const struct op_step *s = g_ptr_array_index(rows, i);
        bool ended = g_str_equal(s->state, "done") || g_str_equal(s->state, "skipped");
        if (g_str_equal(s->state, "failed"))
            key_once(failed, s->step_key);
        if (!ended && json_array_size(open) == 0)
            says = s->says;
        if (!ended)
            key_once(open, s->step_key);
    }
    for (guint i = 0; i < rows->len; i++) {
        const struct op_step *s = g_ptr_array_index(rows, i);
        /* the manual's keys have no dot; ours, and they are shown from 1.1 on, have one */
        bool shown = r->minor >= 1 || strchr(s->step_key, '.') == NULL;
        if (shown && !key_in(open, s->step_key))
            key_once(done, s->step_key);
    }
    json_set(out, "current_step", json_incref(json_array_get(open, 0)));
    json_set_str(out, "current_step_says", says);
    return NULL;
}
