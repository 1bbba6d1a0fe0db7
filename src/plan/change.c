/* SPDX-License-Identifier: Apache-2.0 */
/* change - see change.h; the rules of each field are model/body.c's. */
#include "plan/change.h"

#include "model/body.h"

typedef err_t *apply_fn(const json_t *params, json_t *draft);

static err_t *apply_update(const json_t *params, json_t *draft)
{
    return body_update(draft, json_str(params, "name"), json_str(params, "description"));
}

static err_t *apply_policy_set(const json_t *params, json_t *draft)
{
    return body_policy_set(draft, params);
}

static err_t *apply_policy_delete(const json_t *params, json_t *draft)
{
    (void)params;
    return body_policy_delete(draft);
}

/* Before the capture the member is checked with what is known of it: its ids. */
static err_t *apply_member_add(const json_t *params, json_t *draft)
{
    const json_t *captured = json_obj(params, "captured");

    if (captured == NULL)
        return NULL;
    TRY(body_member_add(draft, json_deep_copy(captured)));
    return body_member_order(draft, json_str_or(captured, "id", ""), json_obj(params, "member"));
}

static err_t *apply_member_update(const json_t *params, json_t *draft)
{
    return body_member_order(draft, json_str_or(params, "member_id", ""), params);
}

static err_t *apply_member_remove(const json_t *params, json_t *draft)
{
    return body_member_remove(draft, json_str_or(params, "member_id", ""));
}

static err_t *apply_mappings_set(const json_t *params, json_t *draft)
{
    const char *site = json_str_or(params, "source_site", "");
    const char *kind, *source;
    json_t *rows, *target;

    json_object_foreach(json_obj(params, "mappings"), kind, rows)
    {
        json_object_foreach(rows, source, target)
            TRY(body_mapping_set(draft, site, kind, source, json_string_value(target)));
    }
    return NULL;
}

static err_t *apply_delete(const json_t *params, json_t *draft)
{
    (void)params;
    return body_delete(draft);
}

/* Where it is active it is at home from now on. */
static err_t *apply_reprotect(const json_t *params, json_t *draft)
{
    (void)params;
    body_swap(draft);
    body_replication_set(draft, true);
    return NULL;
}

static const struct {
    const char *type;
    apply_fn *apply;
} changes[] = {
    {"update", apply_update},
    {"policy_set", apply_policy_set},
    {"policy_delete", apply_policy_delete},
    {"member_add", apply_member_add},
    {"member_update", apply_member_update},
    {"member_remove", apply_member_remove},
    {"mappings_set", apply_mappings_set},
    {"reprotect", apply_reprotect},
    {"delete", apply_delete},
};

static struct body_site_spec site_spec(const json_t *site)
{
    return (struct body_site_spec){
        .uuid = json_str(site, "uuid"),
        .name = json_str(site, "name"),
        .project_id = json_str(site, "project_id"),
        .volume_type = json_str(site, "volume_type"),
        .volume_type_id = json_str(site, "volume_type_id"),
    };
}

static err_t *change_create(const json_t *params, int64_t now_ms, json_t **ret)
{
    struct body_create_spec spec = {
        .group = json_str(params, "group"),
        .name = json_str(params, "name"),
        .description = json_str(params, "description"),
        .replication_type = json_str(params, "replication_type"),
        .consistency_group_id = json_str(params, "consistency_group_id"),
        .idempotency_key = json_str(params, "idempotency_key"),
        .primary = site_spec(json_obj(params, "primary")),
        .secondary = site_spec(json_obj(params, "secondary")),
        .now_ms = now_ms,
    };

    return body_create(&spec, ret);
}

bool plan_is_change(const char *type)
{
    if (g_str_equal(type, "create"))
        return true;
    for (size_t i = 0; i < G_N_ELEMENTS(changes); i++) {
        if (g_str_equal(changes[i].type, type))
            return true;
    }
    return false;
}

err_t *plan_change(const char *type, const json_t *params, json_t *base, int64_t now_ms,
                   json_t **ret)
{
    g_autoptr(json_t) draft = base;

    if (g_str_equal(type, "create"))
        return change_create(params, now_ms, ret);
    for (size_t i = 0; i < G_N_ELEMENTS(changes); i++) {
        if (!g_str_equal(changes[i].type, type))
            continue;
        g_assert(draft != NULL);
        TRY(changes[i].apply(params, draft));
        body_touch(draft, now_ms);
        *ret = TAKE(draft);
        return NULL;
    }
    return err(BAD_REQUEST, "'%s' is no change of a protection group", type);
}
