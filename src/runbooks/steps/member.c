/* SPDX-License-Identifier: Apache-2.0 */
/*
 * member - the capture of a server that joins a group, and the checks that refuse it.
 */
#include "cloud/capture.h"
#include "cloud/cinder.h"
#include "model/body.h"
#include "runbooks/group.h"
#include "runbooks/steps/steps.h"
#include "store/member.h"
#include "store/op_step.h"

json_t *volume_ids(const json_t *volumes)
{
    json_t *ids = json_array();
    size_t i;
    json_t *volume;

    json_array_foreach((json_t *)volumes, i, volume)
        json_array_append_new(ids, json_string(json_str_or(volume, "id", "")));
    return ids;
}

/* The body's own fields beside the captured ones: no boot index for data, the image of the root. */
static void volumes_form(json_t *member)
{
    const char *image = json_str(json_obj(json_obj(member, "config"), "image"), "id");
    size_t i;
    json_t *volume;

    json_array_foreach(json_arr(member, "volumes"), i, volume)
    {
        bool root = json_int(volume, "boot_index", -1) == 0;
        json_set_str(volume, "image_id", root ? image : NULL);
        if (!root)
            json_set(volume, "boot_index", json_null());
    }
}

/* Seals user_data for both sites: it is a secret, and the client carries the body. */
static err_t *seal_user_data(struct step_call *call, json_t *capture)
{
    const char *plain = json_str(capture, "user_data");
    json_t *boxes = json_object();

    if (plain == NULL) {
        json_decref(boxes);
        return NULL;
    }
    err_t *e = world_seal_for_pair(call, plain, boxes);
    json_set(capture, "user_data", boxes);
    return e;
}

/* The backend that the group's volumes lie on, "host@backend"; NULL: it has none yet. */
static err_t *group_backend(struct step_call *call, const json_t *body, const char *self,
                            const struct cloud *service, char **ret)
{
    const json_t *member = json_array_get(body_members(body), 0);
    const json_t *first = json_array_get(json_arr(member, "volumes"), 0);
    g_autoptr(json_t) volume = NULL;

    (void)call;
    *ret = NULL;
    if (first == NULL)
        return NULL;
    const char *id = group_volume_at(body, self, json_str_or(first, "id", ""));
    TRY(cinder_volume_get(service, id != NULL ? id : "", &volume));
    if (cinder_host(volume) != NULL)
        *ret = cinder_backend(cinder_host(volume));
    return NULL;
}

/* The group's type at this site, as Cinder has it: a body may name it by id. */
static err_t *group_type(const struct group_now *now, const struct cloud *service, json_t **ret)
{
    const char *name = body_volume_type(now->body, now->self);

    return cinder_type_find(service, name != NULL ? name : "", ret);
}

err_t *member_read(struct step_call *call, const char *id, const char *instance_id,
                   json_t **ret_member, char **ret_backend)
{
    struct cloud service, tenant;
    AUTO(group_now) now = NULL;
    g_autoptr(json_t) type = NULL;
    g_autoptr(json_t) capture = NULL;
    g_autofree char *backend = NULL;
    char *cg = NULL;

    TRY(group_now_load(call, &now));
    TRY(world_service(call, &service));
    TRY(world_tenant(call, group_project(now->body, now->self), &tenant));
    TRY(group_type(now, &service, &type));
    TRY(capture_server(&service, &tenant, instance_id, &capture));
    TRY(group_backend(call, now->body, now->self, &service, &backend));
    TRY(world_cinder_group(call, call->op->pg_id, &cg));
    g_autofree char *group_id = cg;
    struct capture_rules rules = {
        .site = cloud_name(&service),
        .volume_type = json_str_or(type, "name", ""),
        .volume_type_id = json_str(type, "id"),
        .backend = backend,
        .group_id = group_id,
    };
    TRY(capture_refusal(&rules, capture));
    TRY(seal_user_data(call, capture));
    const char *host = json_str(json_array_get(json_arr(capture, "volumes"), 0), "host");
    json_t *member = capture_member(capture);
    json_set_str(member, "id", id);
    json_set_str(member, "status", "protected");
    volumes_form(member);
    *ret_backend = host != NULL ? cinder_backend(host) : NULL;
    *ret_member = member;
    return NULL;
}

err_t *capture_make(struct step_call *call, enum step_answer *ret)
{
    const json_t *wanted = json_obj(call->op->params, "member");
    g_autofree char *backend = NULL;
    json_t *member = NULL;

    TRY(member_read(call, json_str(wanted, "id"), json_str_or(wanted, "instance_id", ""), &member,
                    &backend));
    json_set(call->result, "volumes", json_incref(json_arr(member, "volumes")));
    json_set(call->result, "volume_ids", volume_ids(json_arr(member, "volumes")));
    json_set(call->result, "member", member);
    json_set_str(call->result, "backend", backend);
    *ret = STEP_DONE;
    return NULL;
}

/* Whether the operation came as far as a step. */
static err_t *reached(struct step_call *call, const char *step_key, bool *ret)
{
    AUTO(op_step) row = NULL;

    TRY(op_step_find(call->db, call->op->id, step_key, "", &row));
    *ret = row != NULL && (row->attempt > 0 || row->error != NULL);
    return NULL;
}

/*
 * An add that failed at Cinder's group (or at the array after it) leaves a local row that says why.
 * What the checks before it or the peer after it refused leaves none.
 */
err_t *member_add_ended(struct step_call *call, const char *status)
{
    g_autoptr(json_t) captured = NULL;
    bool began = false, offered = false;
    bool failed = g_str_equal(status, "rolled_back") || g_str_equal(status, "failed");

    TRY(change_ended(call, status));
    if (!failed)
        return NULL;
    TRY(step_result_of(call, "server.capture", "", &captured));
    TRY(reached(call, "cg.add", &began));
    TRY(reached(call, "group.stage", &offered));
    const json_t *member = json_obj(captured, "member");
    if (member == NULL || !began || offered)
        return NULL;
    return member_failed(call->db, call->op->pg_id, member, call->op->error, call->now_ms);
}
