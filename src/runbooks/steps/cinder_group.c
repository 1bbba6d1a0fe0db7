/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cinder_group - the volume type and the Cinder generic group of a protection group at this site.
 * The group's name holds its key; plan.body is the metadata that the operation is about.
 */
#include "cloud/cinder.h"
#include "model/body.h"
#include "runbooks/group.h"
#include "runbooks/ledger.h"
#include "runbooks/steps/steps.h"

static const char *self_of(struct step_call *call)
{
    return world_options_of(call->world)->exchange->identity->site_id;
}

static const json_t *planned_body(struct step_call *call)
{
    return json_obj(call->plan, "body");
}

static err_t *tenant(struct step_call *call, struct cloud *ret)
{
    const char *project = body_project(planned_body(call), self_of(call));

    return world_tenant(call, project != NULL ? project : "", ret);
}

err_t *type_check_make(struct step_call *call, enum step_answer *ret)
{
    struct cloud service;
    g_autoptr(json_t) type = NULL;
    const json_t *body = planned_body(call);
    const char *name = body_volume_type(body, self_of(call));

    TRY(world_service(call, &service));
    TRY(cinder_type_find(&service, name != NULL ? name : "", &type));
    TRY(cinder_type_eligible(cloud_name(&service), type, body_replication_type(body)));
    json_set_str(call->result, "volume_type_id", json_str(type, "id"));
    json_set_str(call->result, "volume_type", json_str(type, "name"));
    *ret = STEP_DONE;
    return NULL;
}

static void cg_made(struct step_call *call, struct made *ret, char **ret_name)
{
    made_init(call, "cinder_group", "cinder", "", NULL, NULL, ret);
    *ret_name = key_name("cg", ret->key);
    ret->name = *ret_name;
}

static int by_id(const void *a, const void *b)
{
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;

    return strcmp(json_str_or(x, "id", ""), json_str_or(y, "id", ""));
}

/* The groups of our name, by id: a lost reply may have been answered twice. */
static err_t *cg_named(const struct cloud *c, const char *name, json_t **ret_list,
                       GPtrArray **ret_found)
{
    size_t i;
    json_t *group;

    TRY(cinder_group_list(c, ret_list));
    *ret_found = g_ptr_array_new();
    json_array_foreach(*ret_list, i, group)
    {
        if (g_strcmp0(json_str(group, "name"), name) == 0)
            g_ptr_array_add(*ret_found, group);
    }
    g_ptr_array_sort(*ret_found, by_id);
    return NULL;
}

/* Takes away all but the first; what still moves comes to its turn with the next look. */
static err_t *cg_sweep(struct step_call *call, const struct cloud *c, const GPtrArray *found)
{
    for (guint i = 1; i < found->len; i++) {
        const char *id = json_str_or(g_ptr_array_index(found, i), "id", "");
        g_autoptr(json_t) group = NULL;
        err_t *e = cinder_group_get(c, id, &group);
        bool gone = e != NULL && err_is(e, ERR_CLOUD_NOT_FOUND);
        if (e != NULL && !gone)
            return e;
        err_free(e);
        const char *status = json_str_or(group, "status", "");
        swept_note(call, id);
        if (g_str_equal(status, "available") || g_str_equal(status, "error"))
            TRY(cinder_group_delete(c, id, false));
    }
    return NULL;
}

err_t *cg_probe(struct step_call *call, enum step_answer *ret)
{
    struct made made;
    struct cloud c;
    g_autofree char *name = NULL;
    g_autofree char *known = NULL;
    g_autoptr(json_t) list = NULL;
    g_autoptr(GPtrArray) all = NULL;

    TRY(world_cinder_group(call, call->op->pg_id, &known));
    *ret = STEP_DONE;
    json_set_str(call->result, "group_id", known);
    if (known != NULL)
        return NULL;
    cg_made(call, &made, &name);
    TRY(tenant(call, &c));
    TRY(cg_named(&c, name, &list, &all));
    *ret = STEP_ABSENT;
    if (all->len != 1) /* none, or more than one */
        return NULL;
    const json_t *found = g_ptr_array_index(all, 0);
    g_autoptr(json_t) group = NULL;
    TRY(cinder_group_get(&c, json_str_or(found, "id", ""), &group));
    const char *status = json_str_or(group, "status", "");
    json_set_str(call->result, "group_id", json_str(group, "id"));
    TRY(ledger_made(call, &made, json_str(group, "id")));
    if (g_str_equal(status, "error"))
        return err_remedy(err(VOLUME_ERROR, "consistency group '%s' went to 'error' in Cinder",
                              name),
                          "see cinder-volume's log, delete the group there, then repeat");
    *ret = g_str_equal(status, "available") ? STEP_DONE : STEP_WAIT;
    return NULL;
}

err_t *cg_make(struct step_call *call, enum step_answer *ret)
{
    struct made made;
    struct cloud c, service;
    g_autofree char *name = NULL;
    g_autoptr(json_t) types = NULL;
    g_autoptr(json_t) group = NULL;
    g_autoptr(json_t) checked = NULL;
    g_autoptr(json_t) list = NULL;
    g_autoptr(GPtrArray) all = NULL;

    cg_made(call, &made, &name);
    g_autofree char *text = made_text(call, &made);
    TRY(tenant(call, &c));
    TRY(cg_named(&c, name, &list, &all));
    *ret = STEP_WAIT;
    if (all->len > 0)
        return cg_sweep(call, &c, all);
    TRY(world_service(call, &service));
    TRY(cinder_group_type_list(&service, &types));
    const json_t *group_type = cinder_group_type_pick(types);
    if (group_type == NULL)
        return err_remedy(err(GROUP_TYPE_MISSING,
                              "site '%s' has no group type with "
                              "consistent_group_snapshot_enabled",
                              cloud_name(&service)),
                          "cinder group-type-create protector; cinder group-type-key protector set "
                          "consistent_group_snapshot_enabled='<is> True'");
    TRY(step_result_of(call, "type.check", "", &checked));
    TRY(ledger_intend(call, &made));
    const char *volume_types[] = {json_str_or(checked, "volume_type_id", ""), NULL};
    TRY(cinder_group_create(&c, name, text, json_str_or(group_type, "id", ""), volume_types, NULL,
                            &group));
    json_set_str(call->result, "group_id", json_str(group, "id"));
    return ledger_made(call, &made, json_str(group, "id"));
}

/* Cinder's group stays while the site holds the group: then it was there before this operation. */
err_t *cg_undo(struct step_call *call, enum step_answer *ret)
{
    struct made made;
    struct cloud c;
    AUTO(group_now) now = NULL;
    g_autofree char *name = NULL;
    g_autoptr(json_t) list = NULL;

    *ret = STEP_DONE;
    TRY(group_now_load(call, &now));
    if (now->body != NULL)
        return NULL;
    cg_made(call, &made, &name);
    TRY(tenant(call, &c));
    TRY(cinder_group_list(&c, &list));
    const json_t *found = cloud_find(list, "name", name);
    if (found == NULL) {
        *ret = STEP_DONE;
        return ledger_gone(call, &made);
    }
    g_autoptr(json_t) group = NULL;
    TRY(cinder_group_get(&c, json_str_or(found, "id", ""), &group));
    *ret = STEP_WAIT;
    const char *status = json_str_or(group, "status", "");
    if (g_str_equal(status, "available") || g_str_equal(status, "error"))
        return cinder_group_delete(&c, json_str_or(found, "id", ""), false);
    if (realize_overdue(call, 2)) /* the peer shall not wait for ever: it is left as an orphan */
        return err(REALIZE_FAILED, "consistency group '%s' stays in '%s' at Cinder", name, status);
    return NULL;
}

/* ---- its volumes ---- */

static bool volume_in(const json_t *group, const char *id)
{
    size_t i;
    json_t *there;

    json_array_foreach(json_arr(group, "volumes"), i, there)
    {
        if (g_strcmp0(json_string_value(there), id) == 0)
            return true;
    }
    return false;
}

/* Those of 'ids' that are (or, with 'in' false, are not) in the group.  New reference. */
static json_t *volumes_where(const json_t *group, const json_t *ids, bool in)
{
    json_t *out = json_array();
    size_t i;
    json_t *id;

    json_array_foreach((json_t *)ids, i, id)
    {
        if (volume_in(group, json_string_value(id)) == in)
            json_array_append(out, id);
    }
    return out;
}

/* As many of 'ids' as one change of a group may have; the next probe leads to the rest. */
static char **ids_strv(const json_t *ids)
{
    GPtrArray *list = g_ptr_array_new();
    size_t i;
    json_t *id;

    json_array_foreach((json_t *)ids, i, id)
    {
        if (i < CINDER_GROUP_VOLUMES_MAX)
            g_ptr_array_add(list, g_strdup(json_string_value(id)));
    }
    g_ptr_array_add(list, NULL);
    return (char **)g_ptr_array_free(list, FALSE);
}

/* The group as it is, and the captured server's volumes.  '*ret_ids' is a new array. */
static err_t *cg_look(struct step_call *call, struct cloud *c, json_t **ret_group, json_t **ret_ids)
{
    g_autoptr(json_t) captured = NULL;
    char *cg = NULL;

    TRY(world_cinder_group(call, call->op->pg_id, &cg));
    g_autofree char *id = cg;
    if (id == NULL)
        return err_remedy(err(GROUP_STATE, "the Cinder group of '%s' at this site is not known",
                              call->op->pg_id),
                          "the database may have forgotten it: wait until `rebuild` of operation "
                          "list --all has ended, and repeat");
    TRY(tenant(call, c));
    TRY(cinder_group_get(c, id, ret_group));
    TRY(captured_of(call, &captured));
    *ret_ids = json_incref(json_arr(captured, "volume_ids"));
    return NULL;
}

/* Cinder takes no change of such a group until an admin has set its status. */
static bool cg_broken(const json_t *group)
{
    return g_str_equal(json_str_or(group, "status", ""), "error");
}

/* "; openstack volume set --state in-use ID" for each volume that went to error with the group. */
static err_t *volumes_remedy(const struct cloud *c, const json_t *ids, GString *out)
{
    size_t i;
    json_t *id;

    json_array_foreach((json_t *)ids, i, id)
    {
        g_autoptr(json_t) volume = NULL;
        TRY(cinder_volume_get(c, json_string_value(id), &volume));
        if (!g_str_has_prefix(cinder_status(volume), "error"))
            continue;
        bool used = json_array_size(json_arr(volume, "attachments")) > 0;
        g_string_append_printf(out, "; openstack volume set --state %s %s",
                               used ? "in-use" : "available", json_string_value(id));
    }
    return NULL;
}

/*
 * What cinder-volume leaves when its driver fails: the group and the volumes it was to move stand
 * in 'error', and only an admin of the cloud leads them out.  'ids' are the volumes to be moved.
 */
static err_t *cg_stuck(const struct cloud *c, const json_t *group, const json_t *ids)
{
    g_autoptr(GString) remedy = g_string_new(NULL);
    const char *id = json_str_or(group, "id", "");

    g_string_append_printf(remedy,
                           "see cinder-volume's log (all volumes must lie on one backend), then as "
                           "an admin of site %s: cinder --os-volume-api-version 3.20 reset-state "
                           "--type group --state available %s",
                           cloud_name(c), id);
    TRY(volumes_remedy(c, ids, remedy));
    return err_remedy(err(VOLUME_ERROR,
                          "Cinder of site '%s' could not change the volumes of its group '%s': the "
                          "group is in 'error'",
                          cloud_name(c), json_str_or(group, "name", id)),
                      "%s", remedy->str);
}

static err_t *cg_volumes_answer(struct step_call *call, bool in, enum step_answer *ret)
{
    struct cloud c;
    g_autoptr(json_t) group = NULL;
    g_autoptr(json_t) ids = NULL;

    TRY(cg_look(call, &c, &group, &ids));
    g_autoptr(json_t) left = volumes_where(group, ids, !in);
    bool done = json_array_size(left) == 0;
    if (cg_broken(group) && done && !in) {
        *ret = STEP_DONE; /* nothing of ours is in it */
        return NULL;
    }
    if (cg_broken(group))
        return cg_stuck(&c, group, ids);
    bool busy = !g_str_equal(json_str_or(group, "status", ""), "available");
    *ret = busy ? STEP_WAIT : done ? STEP_DONE : STEP_ABSENT;
    return NULL;
}

err_t *cg_volumes_probe(struct step_call *call, enum step_answer *ret)
{
    return cg_volumes_answer(call, true, ret);
}

err_t *cg_volumes_make(struct step_call *call, enum step_answer *ret)
{
    struct cloud c;
    g_autoptr(json_t) group = NULL;
    g_autoptr(json_t) ids = NULL;

    TRY(cg_look(call, &c, &group, &ids));
    g_autoptr(json_t) out = volumes_where(group, ids, false);
    g_auto(GStrv) add = ids_strv(out);
    *ret = STEP_WAIT;
    return cinder_group_update(&c, json_str_or(group, "id", ""), (const char *const *)add, NULL);
}

err_t *cg_volumes_undo(struct step_call *call, enum step_answer *ret)
{
    struct cloud c;
    g_autoptr(json_t) group = NULL;
    g_autoptr(json_t) ids = NULL;

    TRY(cg_volumes_answer(call, false, ret));
    if (*ret != STEP_ABSENT)
        return NULL;
    TRY(cg_look(call, &c, &group, &ids));
    g_autoptr(json_t) in = volumes_where(group, ids, true);
    g_auto(GStrv) take = ids_strv(in);
    *ret = STEP_WAIT;
    return cinder_group_update(&c, json_str_or(group, "id", ""), NULL, (const char *const *)take);
}

/* ---- volumes that were kept, and shall go ---- */

/* The group, if this site has one, and those of the plan's volumes that are in it. */
static err_t *cg_kept_look(struct step_call *call, struct cloud *c, json_t **ret_group,
                           json_t **ret_ids)
{
    g_autoptr(json_t) volumes = NULL;
    char *cg = NULL;

    *ret_group = *ret_ids = NULL;
    TRY(cleanup_volumes(call, &volumes));
    g_autoptr(json_t) ids = volume_ids(volumes);
    TRY(world_cinder_group(call, call->op->pg_id, &cg));
    g_autofree char *id = cg;
    if (id == NULL)
        return NULL;
    TRY(world_tenant(call, json_str_or(call->plan, "project_id", ""), c));
    TRY(cinder_group_get(c, id, ret_group));
    *ret_ids = volumes_where(*ret_group, ids, true);
    return NULL;
}

err_t *cg_kept_probe(struct step_call *call, enum step_answer *ret)
{
    struct cloud c;
    g_autoptr(json_t) group = NULL;
    g_autoptr(json_t) ids = NULL;

    TRY(cg_kept_look(call, &c, &group, &ids));
    *ret = STEP_DONE;
    if (json_array_size(ids) == 0)
        return NULL;
    if (cg_broken(group))
        return cg_stuck(&c, group, ids);
    *ret = g_str_equal(json_str_or(group, "status", ""), "available") ? STEP_ABSENT : STEP_WAIT;
    return NULL;
}

err_t *cg_kept_make(struct step_call *call, enum step_answer *ret)
{
    struct cloud c;
    g_autoptr(json_t) group = NULL;
    g_autoptr(json_t) ids = NULL;

    *ret = STEP_WAIT;
    TRY(cleanup_confirmed(call));
    TRY(cg_kept_look(call, &c, &group, &ids));
    if (json_array_size(ids) == 0)
        return NULL;
    g_auto(GStrv) take = ids_strv(ids);
    return cinder_group_update(&c, json_str_or(group, "id", ""), NULL, (const char *const *)take);
}

/* ---- settling: the group has what the body has; after a delete it is gone ---- */

/* Volumes in Cinder's group that the body does not hold (all, when the group is given up here). */
static json_t *cg_surplus(struct step_call *call, const json_t *group, const struct group_now *now)
{
    const json_t *body = now->body;
    bool leaving = sync_leaving(&now->state);
    json_t *out = json_array();
    size_t i, k, m;
    json_t *id, *member, *volume;

    json_array_foreach(json_arr(group, "volumes"), i, id)
    {
        bool wanted = false;
        json_array_foreach(body_members(body), k, member)
        {
            json_array_foreach(json_arr(member, "volumes"), m, volume)
            {
                const char *here =
                    group_volume_at(body, self_of(call), json_str_or(volume, "id", ""));
                wanted = wanted || g_strcmp0(here, json_string_value(id)) == 0;
            }
        }
        if (!wanted || leaving)
            json_array_append(out, id);
    }
    return out;
}

/*
 * A group that is believed to be gone is never looked at again, so the list has to say so too.
 * Takes the 404.
 */
static err_t *cg_gone(const struct cloud *c, const char *id, err_t *takes)
{
    g_autoptr(err_t) e = takes;
    g_autoptr(json_t) list = NULL;

    TRY(cinder_group_list(c, &list));
    if (cloud_find(list, "id", id) == NULL)
        return NULL;
    return err_recode(CLOUD_PARTIAL, g_steal_pointer(&e),
                      "%s: consistency group '%s' is listed and yet not found", cloud_name(c), id);
}

err_t *cg_settle_probe(struct step_call *call, enum step_answer *ret)
{
    struct cloud c;
    AUTO(group_now) now = NULL;
    g_autoptr(json_t) group = NULL;
    char *cg = NULL;

    TRY(group_now_load(call, &now));
    TRY(world_cinder_group(call, call->op->pg_id, &cg));
    g_autofree char *id = cg;
    *ret = STEP_DONE;
    if (id == NULL)
        return NULL;
    TRY(world_tenant(call, group_project(now->body, now->self), &c));
    err_t *e = cinder_group_get(&c, id, &group);
    if (e != NULL)
        return err_is(e, ERR_CLOUD_NOT_FOUND) ? cg_gone(&c, id, e) : e;
    g_autoptr(json_t) surplus = cg_surplus(call, group, now);
    const char *status = json_str_or(group, "status", "");
    bool busy = !g_str_equal(status, "available") && !g_str_equal(status, "error");
    bool clean = json_array_size(surplus) == 0 && !sync_leaving(&now->state);
    *ret = busy ? STEP_WAIT : clean ? STEP_DONE : STEP_ABSENT;
    return NULL;
}

err_t *cg_settle_make(struct step_call *call, enum step_answer *ret)
{
    struct cloud c;
    AUTO(group_now) now = NULL;
    g_autoptr(json_t) group = NULL;
    char *cg = NULL;

    TRY(group_now_load(call, &now));
    TRY(world_cinder_group(call, call->op->pg_id, &cg));
    g_autofree char *id = cg;
    *ret = STEP_WAIT;
    if (id == NULL) /* gone since the probe: another engine has ended this */
        return NULL;
    TRY(world_tenant(call, group_project(now->body, now->self), &c));
    TRY(cinder_group_get(&c, id, &group));
    g_autoptr(json_t) surplus = cg_surplus(call, group, now);
    if (json_array_size(surplus) == 0)
        return cinder_group_delete(&c, id, false);
    if (cg_broken(group))
        return cg_stuck(&c, group, surplus);
    g_auto(GStrv) take = ids_strv(surplus);
    return cinder_group_update(&c, id, NULL, (const char *const *)take);
}
