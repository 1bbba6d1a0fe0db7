/* SPDX-License-Identifier: Apache-2.0 */
/* drift - see drift.h. */
#include "runbooks/drift.h"

#include "cloud/capture_drift.h"
#include "cloud/cinder.h"
#include "cloud/neutron.h"
#include "cloud/nova.h"
#include "model/body.h"
#include "runbooks/group.h"
#include "store/drift.h"
#include "store/group.h"

/* What a project has at this cloud. */
struct project {
    bool failed;
    json_t *servers, *volumes, *ports;
};

struct round {
    struct world *world;
    struct db *db;
    const char *owner;
    int64_t now_ms;
    GHashTable *projects; /* id -> struct project */
    void (*report)(void *data, const char *pg_id, const err_t *e);
    void *report_data;
};

static void project_free(void *data)
{
    struct project *p = data;

    json_decref(p->servers);
    json_decref(p->volumes);
    json_decref(p->ports);
    g_free(p);
}

static err_t *project_read(struct step_call *call, const char *id, struct project *p)
{
    struct cloud service;
    struct neutron_filter mine = {"project_id", (const char *const[]){id, NULL}};

    TRY(world_service(call, &service));
    TRY(nova_server_list(&service, id, NULL, &p->servers));
    TRY(cinder_volume_list(&service, id, NULL, NULL, &p->volumes));
    return neutron_port_list(&service, &mine, &p->ports);
}

/* Each project is read once a round, also if that fails. */
static struct project *project_of(struct round *r, struct step_call *call, const char *id)
{
    struct project *p = g_hash_table_lookup(r->projects, id);

    if (p != NULL)
        return p;
    p = g_new0(struct project, 1);
    g_hash_table_insert(r->projects, g_strdup(id), p);
    g_autoptr(err_t) e = project_read(call, id, p);
    p->failed = e != NULL;
    if (e != NULL && r->report != NULL)
        r->report(r->report_data, call->op->pg_id, e);
    return p;
}

static json_t *members_drift(const struct group_now *now, const struct project *p)
{
    struct capture_lists lists = {p->servers, p->volumes, p->ports};
    json_t *found = json_object();
    size_t i;
    json_t *member;

    json_array_foreach(body_members(now->body), i, member)
    {
        if (g_strcmp0(json_str(member, "status"), "protected") != 0)
            continue;
        g_autoptr(json_t) texts = capture_drift(now->body, now->self, member, &lists);
        if (json_array_size(texts) > 0)
            json_set(found, json_str_or(member, "id", ""), json_incref(texts));
    }
    return found;
}

/* It serves here and nothing is being moved: only then the metadata should fit. */
static bool is_settled(const struct group_row *row)
{
    return g_str_equal(row->role, "ACTIVE") &&
           !(row->flags & (GROUP_FLAG_DELETING | GROUP_FLAG_TRANSITION | GROUP_FLAG_SUPERSEDED |
                           GROUP_FLAG_EMPTY));
}

static err_t *group_look(struct round *r, const char *pg_id)
{
    AUTO(group_row) row = NULL;
    AUTO(group_now) now = NULL;
    struct operation op = {.id = (char *)"drift", .pg_id = (char *)pg_id};
    struct step_call call = world_call(r->world, r->db, &op, r->owner, r->now_ms);

    TRY(group_find(r->db, pg_id, &row));
    if (row == NULL || !is_settled(row) || row->member_count == 0)
        return drift_forget(r->db, pg_id);
    TRY(group_now_load(&call, &now));
    const struct project *p = project_of(r, &call, group_project(now->body, now->self));
    if (p->failed)
        return NULL;
    g_autoptr(json_t) found = members_drift(now, p);
    return drift_put(r->db, pg_id, found, r->now_ms);
}

/* What is wrong with one is told, and the others are looked at. */
static err_t *group_told(void *data, const char *pg_id)
{
    struct round *r = data;
    g_autoptr(err_t) e = group_look(r, pg_id);

    if (e != NULL && r->report != NULL)
        r->report(r->report_data, pg_id, e);
    return NULL;
}

static int64_t interval_ms(const struct world *world)
{
    return conf_int(world_options_of(world)->conf, "DEFAULT", "drift_interval_s") * 1000;
}

int64_t drift_first_ms(const struct world *world)
{
    return MIN(interval_ms(world), DRIFT_FIRST_MS);
}

err_t *drift_run(struct world *world, struct db *db, const char *owner, int64_t now_ms,
                 void (*report)(void *data, const char *pg_id, const err_t *e), void *report_data,
                 int64_t *ret_next_ms)
{
    struct round r = {.world = world,
                      .db = db,
                      .owner = owner,
                      .now_ms = now_ms,
                      .report = report,
                      .report_data = report_data};

    r.projects = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, project_free);
    *ret_next_ms = now_ms + interval_ms(world);
    err_t *e = group_each(db, group_told, &r);
    g_hash_table_destroy(r.projects);
    return e;
}
