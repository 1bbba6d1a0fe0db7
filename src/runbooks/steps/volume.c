/* SPDX-License-Identifier: Apache-2.0 */
/*
 * volume - the copies of a recovery point become Cinder volumes of the tenant: managed by the name
 * the array gave them, or (a driver that moves no data) created.  Their metadata holds the key.
 */
#include "cloud/cinder.h"
#include "runbooks/ledger.h"
#include "runbooks/steps/steps.h"

static err_t *tenant(struct step_call *call, struct cloud *ret)
{
    return world_tenant(call, json_str_or(call->plan, "project_id", ""), ret);
}

/* The key of the Cinder volume; the point that was chosen is part of it.  '*ret_copy' is the copy.
 */
static err_t *volume_made(struct step_call *call, struct made *ret, json_t **ret_copy)
{
    TRY(copy_result_of(call, ret_copy));
    made_init(call, "volume", "cinder", call->subject, json_str(call->input, "name"),
              json_str(*ret_copy, "point"), ret);
    return NULL;
}

err_t *volumes_observe(struct step_call *call, json_t **ret)
{
    struct cloud c;

    TRY(tenant(call, &c));
    return cinder_volume_list(&c, NULL, NULL, NULL, ret);
}

/* Lower is better: what a server holds, what is usable, what is on its way, what is broken. */
static int volume_rank(const json_t *volume)
{
    const char *status = cinder_status(volume);

    return g_str_equal(status, "in-use")       ? 0
           : g_str_equal(status, "available")  ? 1
           : g_str_has_prefix(status, "error") ? 3
                                               : 2;
}

static int volume_compare(const void *a, const void *b)
{
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    int rank = volume_rank(x) - volume_rank(y);

    return rank != 0 ? rank : strcmp(json_str_or(x, "id", ""), json_str_or(y, "id", ""));
}

/* The volumes that carry a key (a lost reply may have been answered twice), the one to keep first.
 */
static GPtrArray *volumes_of_key(const json_t *list, const struct made *made)
{
    GPtrArray *found = made_all(list, made);

    g_ptr_array_sort(found, volume_compare);
    return found;
}

/* Out of Cinder: its data stay on the backend if they were managed.  What moves is left alone. */
static err_t *volume_leave(const struct cloud *c, const json_t *volume, bool manage)
{
    static const char *const moving[] = {"creating", "deleting", "unmanaging", "managing", NULL};
    const char *id = json_str_or(volume, "id", "");
    bool broken = g_str_has_prefix(cinder_status(volume), "error");

    if (g_strv_contains(moving, cinder_status(volume)))
        return NULL;
    return manage && !broken ? cinder_volume_unmanage(c, id) : cinder_volume_delete(c, id);
}

/* Takes away all but the first. */
static err_t *volumes_sweep(struct step_call *call, const struct cloud *c, const GPtrArray *found,
                            bool manage)
{
    for (guint i = 1; i < found->len; i++) {
        swept_note(call, json_str_or(g_ptr_array_index(found, i), "id", ""));
        TRY(volume_leave(c, g_ptr_array_index(found, i), manage));
    }
    return NULL;
}

static bool copy_managed(const json_t *copy)
{
    return g_strcmp0(json_str(copy, "action"), "manage") == 0;
}

static err_t *volume_broken(struct step_call *call, const json_t *volume, enum step_answer *ret)
{
    const char *id = json_str_or(volume, "id", "");

    if (g_strcmp0(json_str(call->result, "broken"), id) == 0) {
        json_set_str(call->result, "replace", id);
        *ret = STEP_ABSENT;
        return NULL;
    }
    json_set_str(call->result, "broken", id);
    return err_remedy(err(VOLUME_ERROR, "volume '%s' (%s) went to '%s' in Cinder",
                          json_str_or(call->input, "name", "?"), id, cinder_status(volume)),
                      "see cinder-volume's log, then repeat the operation");
}

err_t *volume_probe(struct step_call *call, enum step_answer *ret)
{
    struct made made;
    g_autoptr(json_t) copy = NULL;

    TRY(volume_made(call, &made, &copy));
    g_autoptr(GPtrArray) found = volumes_of_key(call->observed, &made);
    *ret = STEP_ABSENT;
    if (found->len != 1)
        return NULL;
    const json_t *volume = g_ptr_array_index(found, 0);
    const char *status = cinder_status(volume);
    json_set_str(call->result, "volume_id", json_str(volume, "id"));
    if (g_str_has_prefix(status, "error"))
        return volume_broken(call, volume, ret);
    TRY(ledger_made(call, &made, json_str(volume, "id")));
    bool ready = g_str_equal(status, "available") || g_str_equal(status, "in-use");
    *ret = ready ? STEP_DONE : STEP_WAIT;
    return NULL;
}

/* The pool that holds 'ref': the only one of the type, else the one that lists it as manageable. */
static err_t *pool_of(struct step_call *call, const json_t *ref, char **ret)
{
    struct cloud service;
    g_autoptr(json_t) type = NULL;
    g_autoptr(json_t) pools = NULL;
    size_t i, k;
    json_t *pool, *row;

    TRY(world_service(call, &service));
    TRY(cinder_type_find(&service, json_str_or(call->plan, "volume_type", ""), &type));
    TRY(cinder_type_pools(&service, type, &pools));
    if (json_array_size(pools) == 1) {
        *ret = g_strdup(json_string_value(json_array_get(pools, 0)));
        return NULL;
    }
    json_array_foreach(pools, i, pool)
    {
        g_autoptr(json_t) list = NULL;
        TRY(cinder_manageable_list(&service, json_string_value(pool), &list));
        json_array_foreach(list, k, row)
        {
            if (json_equal(json_obj(row, "reference"), (json_t *)ref)) {
                *ret = g_strdup(json_string_value(pool));
                return NULL;
            }
        }
    }
    g_autofree char *shown = json_print(ref);
    return err(VOLUME_ERROR, "no pool of volume type '%s' offers %s",
               json_str_or(call->plan, "volume_type", ""), shown);
}

static err_t *volume_manage(struct step_call *call, const struct cloud *c, const struct made *made,
                            const json_t *copy, json_t **ret)
{
    g_autofree char *host = NULL;
    g_autofree char *text = made_text(call, made);
    g_autoptr(json_t) metadata = made_metadata(call, made);

    if (json_obj(copy, "ref") == NULL)
        return err(VOLUME_ERROR,
                   "operation %s: the array has not told by what reference Cinder may "
                   "take volume '%s'",
                   call->op->id, call->subject);
    TRY(pool_of(call, json_obj(copy, "ref"), &host));
    struct cinder_managed_volume volume = {
        .host = host,
        .ref = json_obj(copy, "ref"),
        .name = json_str_or(call->input, "name", ""),
        .description = text,
        .type = json_str(call->plan, "volume_type"),
        .bootable = json_bool(call->input, "bootable", false),
        .metadata = metadata,
    };
    return cinder_volume_manage(c, &volume, ret);
}

static err_t *volume_create(struct step_call *call, const struct cloud *c, const struct made *made,
                            json_t **ret)
{
    g_autofree char *text = made_text(call, made);
    g_autoptr(json_t) metadata = made_metadata(call, made);
    struct cinder_new_volume volume = {
        .size_gib = json_int(call->input, "size_gib", 1),
        .name = json_str_or(call->input, "name", ""),
        .description = text,
        .type = json_str(call->plan, "volume_type"),
        .image_id = json_str(call->input, "image_id"),
        .metadata = metadata,
    };

    return cinder_volume_create(c, &volume, ret);
}

err_t *volume_make(struct step_call *call, enum step_answer *ret)
{
    struct made made;
    struct cloud c;
    g_autoptr(json_t) copy = NULL;
    g_autoptr(json_t) volume = NULL;
    const char *replace = json_str(call->result, "replace");

    TRY(volume_made(call, &made, &copy));
    TRY(tenant(call, &c));
    *ret = STEP_WAIT;
    bool manage = copy_managed(copy);
    g_autoptr(GPtrArray) found = volumes_of_key(call->observed, &made);
    if (found->len > 1)
        return volumes_sweep(call, &c, found, manage);
    if (replace != NULL) {
        TRY(manage ? cinder_volume_unmanage(&c, replace) : cinder_volume_delete(&c, replace));
        json_object_del(call->result, "replace");
        return NULL;
    }
    TRY(ledger_intend(call, &made));
    TRY(manage ? volume_manage(call, &c, &made, copy, &volume)
               : volume_create(call, &c, &made, &volume));
    json_set_str(call->result, "volume_id", json_str(volume, "id"));
    return ledger_made(call, &made, json_str(volume, "id"));
}

err_t *volume_take_away(struct step_call *call, const struct made *made, bool manage,
                        enum step_answer *ret)
{
    struct cloud c;
    g_autoptr(json_t) list = NULL;

    TRY(tenant(call, &c));
    TRY(cinder_volume_list(&c, NULL, "protector:key", made->key, &list));
    g_autoptr(GPtrArray) found = volumes_of_key(list, made);
    *ret = found->len == 0 ? STEP_DONE : STEP_WAIT;
    if (found->len == 0)
        return ledger_gone(call, made);
    for (guint i = 0; i < found->len; i++)
        TRY(volume_leave(&c, g_ptr_array_index(found, i), manage));
    return NULL;
}

/* Takes it out of Cinder; the copy itself is storage_promo's to delete. */
err_t *volume_undo(struct step_call *call, enum step_answer *ret)
{
    struct made made;
    g_autoptr(json_t) copy = NULL;

    TRY(volume_made(call, &made, &copy));
    return volume_take_away(call, &made, copy_managed(copy), ret);
}
