/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server - booting members at the target.  A server is made from ports and volumes that exist under
 * keys, so Nova and Cinder refuse a second one; its own key stands in its metadata.
 */
#include "cloud/nova.h"
#include "model/safety.h"
#include "runbooks/group.h"
#include "runbooks/ledger.h"
#include "runbooks/steps/steps.h"

#define BOOT_MAX_MS (30 * 60 * 1000)
#define RAN         "ran" /* in the result of server.boot: the server that was seen ACTIVE */

bool pause_over(struct step_call *call, const char *key, int64_t pause_ms)
{
    int64_t latest_ms = call->now_ms + pause_ms;
    int64_t until_ms = json_int(call->result, key, 0);

    if (pause_ms == 0)
        return true;
    if (until_ms == 0 || until_ms > latest_ms) { /* the clock was set back */
        until_ms = latest_ms;
        json_set_int(call->result, key, until_ms);
    }
    call->wake_at_ms = until_ms;
    return call->now_ms >= until_ms;
}

static void server_made(struct step_call *call, struct made *ret)
{
    made_init(call, "server", "nova", call->subject, json_str(call->input, "name"), NULL, ret);
}

static err_t *tenant(struct step_call *call, struct cloud *ret)
{
    return world_tenant(call, json_str_or(call->plan, "project_id", ""), ret);
}

err_t *boot_allowed(const struct step_call *call, const struct group_now *now)
{
    bool drill = json_str(call->plan, "drill_op") != NULL;

    return safety_act(&now->state, SAFETY_BOOT, drill ? SAFETY_DRILL : SAFETY_SERVE);
}

err_t *servers_observe(struct step_call *call, json_t **ret)
{
    struct cloud c;

    TRY(tenant(call, &c));
    return nova_server_list(&c, NULL, NULL, ret);
}

/*
 * A server in ERROR: reported once; when a person has said retry, it is replaced, and not in its
 * server group and zone any more: a site with too few hosts shall run it all the same.
 */
static err_t *server_broken(struct step_call *call, const json_t *server, enum step_answer *ret)
{
    const char *id = json_str_or(server, "id", "");

    if (g_strcmp0(json_str(call->result, "broken"), id) == 0) {
        json_set_str(call->result, "replace", id);
        json_set_bool(call->result, "alone", true);
        *ret = STEP_ABSENT;
        return NULL;
    }
    json_set_str(call->result, "broken", id);
    const char *fault = nova_fault(server);
    return err_remedy(err(SERVER_ERROR, "server '%s' (%s) went to ERROR: %s",
                          json_str_or(server, "name", "?"), id,
                          fault != NULL ? fault : "no fault is told"),
                      "mend the cause, then: operation retry %s", call->op->id);
}

/* One that does not come up holds up nobody for ever. */
static err_t *server_comes(struct step_call *call, const json_t *server, enum step_answer *ret)
{
    *ret = STEP_WAIT;
    bool over = pause_over(call, "came_until_ms", BOOT_MAX_MS);
    call->wake_at_ms = 0;
    if (!over)
        return NULL;
    json_object_del(call->result, "came_until_ms");
    return err_remedy(err(SERVER_ERROR,
                          "server '%s' (%s) does not become ACTIVE: it is %s after %d minutes",
                          json_str_or(server, "name", "?"), json_str_or(server, "id", "?"),
                          nova_status(server), BOOT_MAX_MS / 60000),
                      "see what its cloud does with it, then: operation retry %s", call->op->id);
}

static bool resumes(const struct step_call *call)
{
    return g_strcmp0(plan_kept_verdict(call->input), PLAN_RESUMES) == 0;
}

/* It runs; the next wave waits for what it was said to wait. */
static void server_runs(struct step_call *call, enum step_answer *ret)
{
    int64_t delay_ms = json_int(call->input, "start_delay_s", 0) * 1000;
    const json_t *server =
        cloud_find(call->observed, "id", json_str_or(call->result, "server_id", ""));

    bool rests = resumes(call) && !g_str_equal(nova_status(server), "ACTIVE");
    bool over = rests || /* it was not running when it was kept */
                (pause_over(call, "until_ms", delay_ms) && start_check_over(call, server));
    *ret = over ? STEP_DONE : STEP_WAIT;
}

/* Whatever was waited for was another server's. */
static void wait_anew(struct step_call *call)
{
    static const char *const keys[] = {"came_until_ms", "until_ms", "start_checked_until_ms",
                                       "checks"};

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        json_object_del(call->result, keys[i]);
}

static err_t *boot_probe(struct step_call *call, enum step_answer *ret)
{
    struct made made;

    server_made(call, &made);
    const json_t *server = made_find(call->observed, &made);
    if (server == NULL) {
        *ret = STEP_ABSENT;
        return NULL;
    }
    json_set_str(call->result, "server_id", json_str(server, "id"));
    if (g_str_equal(nova_status(server), "ERROR"))
        return server_broken(call, server, ret);
    TRY(ledger_made(call, &made, json_str(server, "id")));
    *ret = STEP_DONE;
    bool ran = g_strcmp0(json_str(call->result, RAN), json_str(server, "id")) == 0;
    if (!g_str_equal(nova_status(server), "ACTIVE") && !ran)
        return server_comes(call, server, ret);
    if (!ran) { /* this one; what it does afterwards holds up nobody */
        wait_anew(call);
        json_set_str(call->result, RAN, json_str(server, "id"));
    }
    return NULL;
}

err_t *server_probe(struct step_call *call, enum step_answer *ret)
{
    TRY(resumes(call) ? kept_start_probe(call, ret) : boot_probe(call, ret));
    if (*ret == STEP_DONE)
        server_runs(call, ret);
    return NULL;
}

/* The ids of the ports that port.create made, in the order of the NICs.  '*ret' holds them. */
static err_t *boot_ports(struct step_call *call, GPtrArray *ids, json_t **ret)
{
    size_t i;
    json_t *id;

    TRY(step_result_of(call, "port.create", call->subject, ret));
    json_array_foreach(json_arr(*ret, "ports"), i, id)
        g_ptr_array_add(ids, (void *)json_string_value(id));
    if (ids->len != json_array_size(json_arr(call->input, "nics")))
        return err(INTERNAL, "server '%s' has %u of its %zu ports",
                   json_str_or(call->input, "name", ""), ids->len,
                   json_array_size(json_arr(call->input, "nics")));
    return NULL;
}

/* The member's volumes as volume.manage made them; 'keep' holds the results alive. */
static err_t *boot_volumes(struct step_call *call, GArray *volumes, GPtrArray *keep)
{
    size_t i;
    json_t *row;

    json_array_foreach(json_arr(call->plan, "volumes"), i, row)
    {
        json_t *result = NULL;
        if (g_strcmp0(json_str(row, "member"), call->subject) != 0)
            continue;
        TRY(step_result_of(call, "volume.manage", json_str_or(row, "id", ""), &result));
        g_ptr_array_add(keep, result);
        struct nova_boot_volume v = {
            .volume_id = json_str(result, "volume_id"),
            .device = json_str(row, "device"),
            .boot_index = (int)json_int(row, "boot_index", -1),
        };
        if (v.volume_id == NULL)
            return err(INTERNAL, "volume '%s' of server '%s' was not made",
                       json_str_or(row, "name", ""), json_str_or(call->input, "name", ""));
        g_array_append_val(volumes, v);
    }
    return NULL;
}

/* Metadata as captured, without what an earlier failover left, and our own. */
static json_t *boot_metadata(struct step_call *call, const struct made *made)
{
    json_t *all = json_object();
    const char *key;
    json_t *value;

    json_object_foreach(json_obj(call->input, "metadata"), key, value)
    {
        if (!g_str_has_prefix(key, "protector:"))
            json_object_set(all, key, value);
    }
    g_autoptr(json_t) ours = made_metadata(call, made);
    json_object_update(all, ours);
    return all;
}

static err_t *server_boot(struct step_call *call, const struct cloud *c, const struct made *made,
                          json_t **ret)
{
    g_autoptr(GPtrArray) ports = g_ptr_array_new();
    g_autoptr(GPtrArray) keep = g_ptr_array_new_with_free_func((GDestroyNotify)json_decref);
    g_autoptr(GArray) volumes = g_array_new(FALSE, FALSE, sizeof(struct nova_boot_volume));
    g_autoptr(json_t) port_result = NULL;
    g_autoptr(json_t) metadata = boot_metadata(call, made);
    const char *flavor = NULL;
    char *user_data = NULL;
    g_autofree char *server_group = NULL;
    g_autofree char *key_name = NULL;

    bool alone = json_bool(call->result, "alone", false);
    if (!alone)
        TRY(server_group_of(call, &server_group));
    TRY(step_text(call, call->input, "flavor_id", &flavor));
    TRY(keypair_for_boot(call, c, &key_name));
    TRY(boot_ports(call, ports, &port_result));
    TRY(boot_volumes(call, volumes, keep));
    TRY(world_user_data(call, call->subject, &user_data));
    struct nova_new_server server = {
        .name = json_str_or(call->input, "name", ""),
        .flavor_id = flavor,
        .description = json_str(call->input, "description"),
        .key_name = key_name,
        .availability_zone = alone ? NULL : json_str(call->input, "availability_zone"),
        .user_data = user_data,
        .server_group_id = server_group,
        .config_drive = json_bool(call->input, "config_drive", false),
        .ports = (const char *const *)ports->pdata,
        .port_count = ports->len,
        .volumes = (const struct nova_boot_volume *)(void *)volumes->data,
        .volume_count = volumes->len,
        .metadata = metadata,
        .tags = json_arr(call->input, "tags"),
    };
    err_t *e = nova_server_create(c, &server, ret);
    secret_free(user_data);
    return e;
}

/*
 * A boot that is refused because its port or volume is taken may have been answered twice: then the
 * first one holds them, under our key.
 */
static err_t *boot_once(struct step_call *call, const struct cloud *c, const struct made *made,
                        json_t **ret)
{
    g_autoptr(json_t) list = NULL;

    err_t *e = server_boot(call, c, made, ret);
    bool refused = e != NULL && (err_is(e, ERR_CLOUD_BAD_REQUEST) || err_is(e, ERR_CLOUD_CONFLICT));
    if (!refused)
        return e;
    err_t *silent = servers_observe(call, &list);
    json_t *there = silent == NULL ? made_find(list, made) : NULL;
    err_free(silent);
    if (there != NULL) {
        err_free(e);
        *ret = json_incref(there);
        return NULL;
    }
    bool brought = false;
    err_t *no_key = keypair_again(call, c, &brought);
    if (no_key != NULL || !brought) {
        err_free(no_key);
        return e;
    }
    err_free(e);
    return server_boot(call, c, made, ret);
}

static err_t *boot_make(struct step_call *call, enum step_answer *ret)
{
    struct made made;
    struct cloud c;
    AUTO(group_now) group = NULL;
    g_autoptr(json_t) server = NULL;
    const char *replace = json_str(call->result, "replace");

    TRY(group_now_load(call, &group));
    TRY(boot_allowed(call, group));
    TRY(tenant(call, &c));
    server_made(call, &made);
    *ret = STEP_WAIT;
    if (replace != NULL) {
        TRY(nova_server_delete(&c, replace));
        json_object_del(call->result, "replace");
        json_object_del(call->result, "server_id");
        return NULL;
    }
    TRY(ledger_intend(call, &made));
    TRY(ledger_refused(call, &made, boot_once(call, &c, &made, &server)));
    json_set_str(call->result, "server_id", json_str(server, "id"));
    return ledger_made(call, &made, json_str(server, "id"));
}

err_t *server_make(struct step_call *call, enum step_answer *ret)
{
    return resumes(call) ? kept_start_make(call, ret) : boot_make(call, ret);
}

/* All that bear the key; a server that is being deleted is waited for. */
err_t *server_undo(struct step_call *call, enum step_answer *ret)
{
    struct made made;
    struct cloud c;
    g_autoptr(json_t) list = NULL;

    server_made(call, &made);
    TRY(tenant(call, &c));
    TRY(nova_server_list(&c, NULL, NULL, &list));
    g_autoptr(GPtrArray) found = made_all(list, &made);
    *ret = found->len == 0 ? STEP_DONE : STEP_WAIT;
    if (found->len == 0)
        return ledger_gone_if_there(call, &made);
    for (guint i = 0; i < found->len; i++)
        TRY(nova_server_delete(&c, json_str_or(g_ptr_array_index(found, i), "id", "")));
    return NULL;
}

/* ---- sweep: more than one server under one key (a lost reply that was answered twice) ---- */

/* The servers that carry a member's key; the first is the one to keep: it runs, or is on its way.
 */
static GPtrArray *servers_of_key(const json_t *list, const struct made *made)
{
    GPtrArray *found = g_ptr_array_new();
    size_t i;
    json_t *server;

    json_array_foreach((json_t *)list, i, server)
    {
        if (g_strcmp0(nova_metadata(server, "protector:key"), made->key) != 0)
            continue;
        g_ptr_array_insert(found, g_str_equal(nova_status(server), "ACTIVE") ? 0 : -1, server);
    }
    return found;
}

err_t *sweep_probe(struct step_call *call, enum step_answer *ret)
{
    struct made made;

    server_made(call, &made);
    g_autoptr(GPtrArray) found = servers_of_key(call->observed, &made);
    *ret = found->len > 1 ? STEP_ABSENT : STEP_DONE;
    return NULL;
}

err_t *sweep_make(struct step_call *call, enum step_answer *ret)
{
    struct made made;
    struct cloud c;

    server_made(call, &made);
    TRY(tenant(call, &c));
    g_autoptr(GPtrArray) found = servers_of_key(call->observed, &made);
    for (guint i = 1; i < found->len; i++)
        TRY(nova_server_delete(&c, json_str_or(g_ptr_array_index(found, i), "id", "")));
    *ret = STEP_WAIT;
    return NULL;
}
