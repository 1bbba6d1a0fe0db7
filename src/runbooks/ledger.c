/* SPDX-License-Identifier: Apache-2.0 */
/* ledger - see ledger.h. */
#include "runbooks/ledger.h"

#include "runbooks/world.h"
#include "store/resource.h"
#include "store/tx.h"

void made_init(struct step_call *call, const char *kind, const char *service, const char *subject,
               const char *name, const char *point, struct made *ret)
{
    struct key_scope scope = {
        .group = call->op->pg_id,
        .epoch = json_int(call->plan, "epoch", 0),
        .drill_op = json_str(call->plan, "drill_op"),
    };

    *ret = (struct made){kind, service, subject, name, point, ""};
    key_make(&scope, subject, kind, point, ret->key);
}

struct ledger_tx {
    struct fence fence;
    struct resource row;
};

static err_t *ledger_write_tx(struct db *db, void *data)
{
    struct ledger_tx *t = data;

    return resource_write(db, &t->fence, &t->row);
}

static err_t *ledger_write(struct step_call *call, const struct made *made,
                           enum resource_state state, const char *cloud_id)
{
    struct ledger_tx t = {
        .fence = {call->op->id, call->op->generation, call->owner},
        .row =
            {
                .resource_key = (char *)made->key,
                .op_id = call->op->id,
                .pg_id = call->op->pg_id,
                .epoch = json_int(call->plan, "epoch", 0),
                .subject = (char *)made->subject,
                .kind = (char *)made->kind,
                .site_id = (char *)world_options_of(call->world)->exchange->identity->site_id,
                .service = (char *)made->service,
                .cloud_id = (char *)cloud_id,
                .name = (char *)made->name,
                .project_id = (char *)call->op->project_id,
                .state = (char *)resource_state_text(state),
                .point_id = (char *)made->point,
                .created_at_ms = call->now_ms,
                .updated_at_ms = call->now_ms,
            },
    };

    return store_tx(call->db, call->env, ledger_write_tx, &t);
}

err_t *ledger_intend(struct step_call *call, const struct made *made)
{
    return ledger_write(call, made, RESOURCE_INTENT, NULL);
}

err_t *ledger_made(struct step_call *call, const struct made *made, const char *cloud_id)
{
    AUTO(resource) row = NULL;

    TRY(resource_find(call->db, made->key, &row));
    bool known = row != NULL && g_strcmp0(row->cloud_id, cloud_id) == 0 &&
                 g_strcmp0(row->op_id, call->op->id) == 0 &&
                 g_str_equal(row->state, resource_state_text(RESOURCE_MADE));
    return known ? NULL : ledger_write(call, made, RESOURCE_MADE, cloud_id);
}

err_t *ledger_found(struct step_call *call, const struct made *made, const char *cloud_id)
{
    AUTO(resource) row = NULL;

    TRY(resource_find(call->db, made->key, &row));
    bool intended = row != NULL && g_str_equal(row->state, resource_state_text(RESOURCE_INTENT));
    return intended ? ledger_write(call, made, RESOURCE_MADE, cloud_id) : NULL;
}

err_t *ledger_gone(struct step_call *call, const struct made *made)
{
    return ledger_write(call, made, RESOURCE_GONE, NULL);
}

err_t *ledger_left(struct step_call *call, const struct made *made)
{
    return ledger_write(call, made, RESOURCE_RELEASED, NULL);
}

err_t *ledger_refused(struct step_call *call, const struct made *made, err_t *e)
{
    bool open = e == NULL || err_class(e) == ERR_CLASS_AMBIGUOUS ||
                err_class(e) == ERR_CLASS_FENCED || err_is(e, ERR_CLOUD_CONFLICT) ||
                err_is(e, ERR_CLOUD_ADDRESS_TAKEN);
    err_t *noted = open ? NULL : ledger_gone(call, made);

    err_free(noted != NULL ? e : NULL);
    return noted != NULL ? noted : e;
}

err_t *ledger_open(struct step_call *call, const struct made *made, bool *ret)
{
    AUTO(resource) row = NULL;

    TRY(resource_find(call->db, made->key, &row));
    *ret = row != NULL && (g_str_equal(row->state, resource_state_text(RESOURCE_INTENT)) ||
                           g_str_equal(row->state, resource_state_text(RESOURCE_MADE)));
    return NULL;
}

err_t *ledger_gone_if_there(struct step_call *call, const struct made *made)
{
    bool open = false;

    TRY(ledger_open(call, made, &open));
    return open ? ledger_gone(call, made) : NULL;
}

json_t *made_metadata(struct step_call *call, const struct made *made)
{
    json_t *m = json_object();
    g_autofree char *epoch = g_strdup_printf("%" G_GINT64_FORMAT, json_int(call->plan, "epoch", 0));

    json_set_str(m, "protector:key", made->key);
    json_set_str(m, "protector:group", call->op->pg_id);
    json_set_str(m, "protector:epoch", epoch);
    json_set_str(m, "protector:subject", made->subject);
    if (json_str(call->plan, "drill_op") != NULL)
        json_set_str(m, "protector:drill", json_str(call->plan, "drill_op"));
    return m;
}

char *made_text(struct step_call *call, const struct made *made)
{
    return g_strdup_printf("protector %s epoch %" G_GINT64_FORMAT " %s %s", call->op->pg_id,
                           json_int(call->plan, "epoch", 0), made->subject, made->key);
}

GPtrArray *made_all(const json_t *list, const struct made *made)
{
    GPtrArray *found = g_ptr_array_new();
    size_t i;
    json_t *item;

    json_array_foreach((json_t *)list, i, item)
    {
        const char *key = json_str(json_obj(item, "metadata"), "protector:key");
        if (g_strcmp0(key, made->key) == 0)
            g_ptr_array_add(found, item);
    }
    return found;
}

void swept_note(struct step_call *call, const char *id)
{
    json_t *swept = json_arr(call->result, "swept");
    size_t i;
    json_t *known;

    if (swept == NULL) {
        swept = json_array();
        json_set(call->result, "swept", swept);
    }
    json_array_foreach(swept, i, known)
    {
        if (g_strcmp0(json_string_value(known), id) == 0)
            return;
    }
    json_array_append_new(swept, json_string(id));
}

json_t *made_find(const json_t *list, const struct made *made)
{
    size_t i;
    json_t *item;

    json_array_foreach((json_t *)list, i, item)
    {
        if (g_strcmp0(json_str(json_obj(item, "metadata"), "protector:key"), made->key) == 0)
            return item;
    }
    return NULL;
}
