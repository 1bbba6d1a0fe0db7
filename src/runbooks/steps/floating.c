/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floating - the floating IPs by which members are reached, as the plan has mapped them: one that
 * the project has goes to the new port, or one is taken from an external network for it.
 *
 * A floating IP that was there is the user's: it is moved, never deleted, and stays out of the
 * ledger.  A fixed IP has at most one of a network (Neutron refuses a second), so none is made
 * twice.
 */
#include "cloud/neutron.h"
#include "model/safety.h"
#include "runbooks/group.h"
#include "runbooks/ledger.h"
#include "runbooks/steps/steps.h"

#include <string.h>

static err_t *tenant(struct step_call *call, struct cloud *ret)
{
    return world_tenant(call, json_str_or(call->plan, "project_id", ""), ret);
}

err_t *floating_observe(struct step_call *call, json_t **ret)
{
    struct cloud c;

    TRY(tenant(call, &c));
    return neutron_floating_ip_list(&c, NULL, ret);
}

/* One of the member's: the row of the plan, and the port that it is for. */
struct wanted {
    const json_t *row;
    const char *port;
    struct made made; /* for one that is taken from a network */
    char *subject;
};

static void wanted_fini(struct wanted *w)
{
    g_free(w->subject);
}

static void wanted_init(struct step_call *call, const json_t *row, const char *port,
                        struct wanted *ret)
{
    const char *source = json_str_or(row, "source", "");

    *ret = (struct wanted){.row = row, .port = port};
    ret->subject = g_strdup_printf("%s/%s", call->subject, source);
    made_init(call, "floating_ip", "neutron", ret->subject, source, NULL, &ret->made);
}

/* The address that it is, if it is there: by its id, else by our key. */
static const json_t *wanted_there(const struct wanted *w, const json_t *list)
{
    const char *id = json_str(w->row, "id");
    size_t i;
    json_t *row;

    json_array_foreach((json_t *)list, i, row)
    {
        if (id != NULL ? g_strcmp0(json_str(row, "id"), id) == 0
                       : strstr(json_str_or(row, "description", ""), w->made.key) != NULL)
            return row;
    }
    return NULL;
}

/* A kept port, taken over, may have one of that network already. */
static bool has_one(const struct wanted *w, const json_t *list)
{
    const char *network = json_str(w->row, "network_id");
    size_t i;
    json_t *row;

    json_array_foreach((json_t *)list, i, row)
    {
        if (network != NULL && g_strcmp0(json_str(row, "port_id"), w->port) == 0 &&
            g_strcmp0(json_str(row, "floating_network_id"), network) == 0)
            return true;
    }
    return false;
}

static bool has_port(const json_t *floating, const char *port)
{
    return floating != NULL && g_strcmp0(json_str(floating, "port_id"), port) == 0;
}

/* ---- each of a member's ---- */

typedef err_t *wanted_fn(struct step_call *call, const struct wanted *w, const json_t *list,
                         bool *done);

/* Calls 'fn' for each floating IP of the member's nics; '*ret' is STEP_DONE if all say done. */
static err_t *each(struct step_call *call, const json_t *list, wanted_fn *fn, bool *ret_all)
{
    g_autoptr(json_t) ports = NULL;
    size_t i, k;
    json_t *nic, *row;

    *ret_all = true;
    TRY(step_result_of(call, "port.create", call->subject, &ports));
    json_array_foreach(json_arr(call->input, "nics"), i, nic)
    {
        const char *port = json_string_value(json_array_get(json_arr(ports, "ports"), i));
        json_array_foreach(json_arr(nic, "floating_ips"), k, row)
        {
            struct wanted w;
            bool done = false;
            if (port == NULL)
                return err(CONFLICT, "server '%s' has no port for floating IP %s",
                           json_str_or(call->input, "name", ""), json_str_or(row, "source", ""));
            wanted_init(call, row, port, &w);
            err_t *e = fn(call, &w, list, &done);
            wanted_fini(&w);
            TRY(e);
            *ret_all = *ret_all && done;
        }
    }
    return NULL;
}

static err_t *is_there(struct step_call *call, const struct wanted *w, const json_t *list,
                       bool *done)
{
    const json_t *there = wanted_there(w, list);

    *done = has_port(there, w->port) || has_one(w, list);
    if (json_str(w->row, "id") == NULL && there != NULL)
        TRY(ledger_made(call, &w->made, json_str(there, "id")));
    return NULL;
}

err_t *floating_probe(struct step_call *call, enum step_answer *ret)
{
    bool all = true;

    TRY(each(call, call->observed, is_there, &all));
    *ret = all ? STEP_DONE : STEP_ABSENT;
    return NULL;
}

/* Whoever has it now was not looked at when the plan was made. */
static err_t *somebody_has(const struct wanted *w, const json_t *there)
{
    const char *port = json_str(there, "port_id");
    bool free = port == NULL || *port == '\0' || g_strcmp0(port, json_str(w->row, "holder")) == 0 ||
                json_str(w->row, "id") == NULL;

    return free ? NULL
                : err(CONFLICT, "floating IP %s is in use by port '%s' now",
                      json_str_or(w->row, "address", "?"), port);
}

static err_t *take_new(struct step_call *call, const struct cloud *c, const struct wanted *w)
{
    g_autofree char *text = made_text(call, &w->made);
    g_autoptr(json_t) created = NULL;

    TRY(ledger_intend(call, &w->made));
    TRY(ledger_refused(call, &w->made,
                       neutron_floating_ip_create(c, json_str_or(w->row, "network_id", ""), w->port,
                                                  NULL, text, &created)));
    return ledger_made(call, &w->made, json_str(created, "id"));
}

static err_t *bring(struct step_call *call, const struct wanted *w, const json_t *list, bool *done)
{
    const json_t *there = wanted_there(w, list);
    struct cloud c;

    *done = has_port(there, w->port) || has_one(w, list);
    if (*done)
        return NULL;
    TRY(tenant(call, &c));
    if (there == NULL && json_str(w->row, "id") != NULL)
        return err(CONFLICT, "floating IP %s is gone from this site",
                   json_str_or(w->row, "address", "?"));
    if (there == NULL)
        return take_new(call, &c, w);
    TRY(somebody_has(w, there));
    return neutron_floating_ip_associate(&c, json_str_or(there, "id", ""), w->port);
}

err_t *floating_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    bool all = true;

    *ret = STEP_WAIT;
    call->wake_at_ms = call->now_ms;
    TRY(group_now_load(call, &now));
    TRY(safety_act(&now->state, SAFETY_PROMOTE, SAFETY_SERVE));
    return each(call, call->observed, bring, &all);
}
