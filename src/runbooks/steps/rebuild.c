/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rebuild - after a restore: what stands in the cloud and at the array under the group's keys, and
 * not in the ledger, is entered there.  Nothing is made, changed or taken away.
 *
 * It belongs to the project ('released'): which operation made it, and whether that one ended, is
 * forgotten.  A later operation that makes the same finds it under its key.
 */
#include "cloud/cinder.h"
#include "cloud/neutron.h"
#include "cloud/nova.h"
#include "model/body.h"
#include "model/mutant.h"
#include "model/states.h"
#include "runbooks/group.h"
#include "runbooks/ledger.h"
#include "runbooks/steps/steps.h"
#include "store/resource.h"
#include "store/tx.h"

#include <string.h>

struct rebuild {
    struct step_call *call;
    const struct group_now *now;
    struct cloud tenant;
    const char *project;
    int entered;
};

/* ---- what an object says of itself ---- */

struct bearer {
    char *key, *subject;
    int64_t epoch;
};

static void bearer_fini(struct bearer *of)
{
    g_free(of->key);
    g_free(of->subject);
    *of = (struct bearer){0};
}

/* protector:key, :group, :epoch, :subject of Nova and Cinder (made_metadata). */
static bool bearer_of_metadata(const json_t *item, const char *group, struct bearer *ret)
{
    const json_t *m = json_obj(item, "metadata");
    const char *key = json_str(m, "protector:key");

    if (key == NULL || !key_valid(key) || g_strcmp0(json_str(m, "protector:group"), group) != 0)
        return false;
    *ret = (struct bearer){g_strdup(key), g_strdup(json_str_or(m, "protector:subject", "")),
                           g_ascii_strtoll(json_str_or(m, "protector:epoch", "0"), NULL, 10)};
    return true;
}

/* "protector PG epoch N SUBJECT KEY" of descriptions (made_text); a subject may have blanks. */
static bool bearer_of_text(const json_t *item, const char *group, struct bearer *ret)
{
    g_auto(GStrv) words = g_strsplit(json_str_or(item, "description", ""), " ", -1);
    guint count = g_strv_length(words);

    if (count < 6 || !g_str_equal(words[0], "protector") || !g_str_equal(words[1], group) ||
        !g_str_equal(words[2], "epoch") || !key_valid(words[count - 1]))
        return false;
    ret->key = g_strdup(words[count - 1]);
    ret->epoch = g_ascii_strtoll(words[3], NULL, 10);
    g_clear_pointer(&words[count - 1], g_free);
    ret->subject = g_strjoinv(" ", words + 4);
    return true;
}

/* ---- entering ---- */

struct entry {
    struct fence fence;
    struct resource row;
};

static err_t *entry_write(struct db *db, void *data)
{
    struct entry *e = data;

    return resource_write(db, &e->fence, &e->row);
}

/*
 * A row that the ledger has stays as it is, unless it says that the object is gone.  The group's
 * own Cinder group is nobody's else: an operation that the restore has parked did not take it back.
 */
static err_t *row_stays(struct rebuild *r, const struct resource *known, bool standing, bool *ret)
{
    AUTO(operation) op = NULL;
    const char *completed = operation_status_text(OPERATION_COMPLETED);

    *ret = known != NULL && !g_str_equal(known->state, resource_state_text(RESOURCE_GONE));
    if (!*ret || !standing)
        return NULL;
    TRY(operation_find(r->call->db, known->op_id, &op));
    *ret = op != NULL && (op->is_open || g_str_equal(op->status, completed));
    return NULL;
}

static err_t *enter(struct rebuild *r, const char *kind, const char *service,
                    const struct bearer *of, const char *id, const char *name, const char *point)
{
    struct step_call *call = r->call;
    AUTO(resource) known = NULL;
    bool standing = g_str_equal(kind, "cinder_group"); /* the group's own, while it lives */
    enum resource_state state = standing ? RESOURCE_MADE : RESOURCE_RELEASED;
    bool stays = false;

    TRY(resource_find(call->db, of->key, &known));
    TRY(row_stays(r, known, standing, &stays));
    if (stays)
        return NULL;
    struct entry e = {
        .fence = {call->op->id, call->op->generation, call->owner},
        .row = {.resource_key = of->key,
                .op_id = call->op->id,
                .pg_id = call->op->pg_id,
                .epoch = of->epoch,
                .subject = of->subject,
                .kind = (char *)kind,
                .site_id = (char *)r->now->self,
                .service = (char *)service,
                .cloud_id = (char *)id,
                .name = (char *)name,
                .project_id = call->op->project_id,
                .state = (char *)resource_state_text(state),
                .point_id = (char *)point,
                .created_at_ms = call->now_ms,
                .updated_at_ms = call->now_ms},
    };
    r->entered++;
    return store_tx(call->db, call->env, entry_write, &e);
}

/* ---- clouds ---- */

static err_t *servers(struct rebuild *r, json_t **ret)
{
    return nova_server_list(&r->tenant, NULL, NULL, ret);
}

static err_t *volumes(struct rebuild *r, json_t **ret)
{
    return cinder_volume_list(&r->tenant, NULL, NULL, NULL, ret);
}

static err_t *cinder_groups(struct rebuild *r, json_t **ret)
{
    return cinder_group_list(&r->tenant, ret);
}

static err_t *ports(struct rebuild *r, json_t **ret)
{
    struct neutron_filter mine = {"project_id", (const char *const[]){r->project, NULL}};

    return neutron_port_list(&r->tenant, &mine, ret);
}

static err_t *security_groups(struct rebuild *r, json_t **ret)
{
    struct neutron_filter mine = {"project_id", (const char *const[]){r->project, NULL}};

    return neutron_security_group_list(&r->tenant, &mine, ret);
}

/* Of drills. */
static err_t *networks(struct rebuild *r, json_t **ret)
{
    struct neutron_filter mine = {"project_id", (const char *const[]){r->project, NULL}};

    return neutron_network_list(&r->tenant, &mine, ret);
}

static err_t *subnets(struct rebuild *r, json_t **ret)
{
    struct neutron_filter mine = {"project_id", (const char *const[]){r->project, NULL}};

    return neutron_subnet_list(&r->tenant, &mine, ret);
}

/* Key pairs bear no key: what stands under their name is found by whoever wants to make it. */
static const struct {
    const char *kind, *service;
    err_t *(*list)(struct rebuild *r, json_t **ret);
    bool (*bears)(const json_t *item, const char *group, struct bearer *ret);
} kinds[] = {
    {"server", "nova", servers, bearer_of_metadata},
    {"volume", "cinder", volumes, bearer_of_metadata},
    {"cinder_group", "cinder", cinder_groups, bearer_of_text},
    {"port", "neutron", ports, bearer_of_text},
    {"security_group", "neutron", security_groups, bearer_of_text},
    {"network", "neutron", networks, bearer_of_text},
    {"subnet", "neutron", subnets, bearer_of_text},
};

/* Which Cinder group is the group's own is a record of its own, told to the other site. */
static err_t *cinder_group_known(struct rebuild *r, const char *id)
{
    struct step_call *call = r->call;
    struct fence fence = {call->op->id, call->op->generation, call->owner};
    g_autofree char *known = NULL;

    TRY(world_cinder_group(call, call->op->pg_id, &known));
    return known != NULL ? NULL
                         : exchange_cinder_found(world_options_of(call->world)->exchange, call->db,
                                                 &fence, call->op->pg_id, id);
}

static err_t *kind_enter(struct rebuild *r, size_t kind)
{
    g_autoptr(json_t) list = NULL;
    size_t i;
    json_t *item;

    TRY(kinds[kind].list(r, &list));
    json_array_foreach(list, i, item)
    {
        struct bearer of = {0};
        const char *id = json_str_or(item, "id", "");
        if (!kinds[kind].bears(item, r->call->op->pg_id, &of))
            continue;
        err_t *e =
            enter(r, kinds[kind].kind, kinds[kind].service, &of, id, json_str(item, "name"), NULL);
        bearer_fini(&of);
        if (e == NULL && g_str_equal(kinds[kind].kind, "cinder_group"))
            e = cinder_group_known(r, id);
        if (e != NULL)
            return e;
    }
    return NULL;
}

/* ---- the array ---- */

struct copies {
    struct rebuild *r;
    err_t *error;
};

static int copy_enter(void *data, const struct protector_copy *copy)
{
    struct copies *c = data;
    struct bearer of = {(char *)copy->key, (char *)copy->subject, copy->epoch};

    if (c->error == NULL && copy->finished)
        c->error =
            enter(c->r, "copy", "array", &of, copy->volume_name, copy->volume_name, copy->point_id);
    return c->error != NULL;
}

static err_t *copies_enter(struct rebuild *r)
{
    const struct world_options *o = world_options_of(r->call->world);
    const char *active = sync_active(&r->now->state);
    AUTO(drive) drive = NULL;
    struct protector_error error = {0};
    struct protector_call at;
    struct copies c = {r, NULL};

    if (o->driver == NULL || body_policy(r->now->body) == NULL || active == NULL)
        return NULL;
    TRY(drive_open(r->call, r->now->body, active, sync_epoch(&r->now->state), &drive));
    TRY(drive_call(r->call, drive, drive->local, &at));
    enum protector_status status =
        drive->driver->copies_list(drive->handle, &at, copy_enter, &c, &error);
    if (c.error != NULL)
        return c.error;
    return drive_error(drive, status, &error, "listing the copies of the group");
}

/* ---- the step ---- */

err_t *ledger_rebuild_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;

    *ret = STEP_DONE;
    TRY(group_now_load(call, &now));
    /* lost again: nothing is known, and the next way back orders it anew; or gone for ever */
    if (now->body == NULL || now->state.role == ROLE_TOMBSTONE || MUTANT(REBUILD_SKIPPED))
        return NULL;
    struct rebuild r = {.call = call, .now = now, .project = group_project(now->body, now->self)};
    TRY(world_tenant(call, r.project, &r.tenant));
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        TRY(kind_enter(&r, i));
    TRY(copies_enter(&r));
    json_set_int(call->result, "entered", r.entered);
    return NULL;
}

err_t *ledger_rebuild_plan(struct step_call *call, json_t **ret)
{
    *ret = json_object();
    json_set_str(*ret, "group_id", call->op->pg_id);
    return NULL;
}
