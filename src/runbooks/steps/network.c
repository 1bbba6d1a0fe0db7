/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network - security groups by name, and the ports that servers will boot from.  A port's name
 * holds its key; on a network of another project the service account makes it, for the tenant.
 */
#include "cloud/neutron.h"
#include "model/safety.h"
#include "runbooks/group.h"
#include "runbooks/ledger.h"
#include "runbooks/steps/steps.h"

static err_t *tenant(struct step_call *call, struct cloud *ret)
{
    return world_tenant(call, json_str_or(call->plan, "project_id", ""), ret);
}

/* ---- security groups ---- */

/* A captured rule as Neutron takes it; NULL for one that names a group which is not there. */
static json_t *rule_for(const json_t *rule, const json_t *groups)
{
    json_t *out = json_object();
    const char *remote = json_str(rule, "remote_group");
    const json_t *group = remote != NULL ? cloud_find(groups, "name", remote) : NULL;
    static const char *const copied[][2] = {
        {"direction", "direction"},     {"ethertype", "ethertype"},
        {"protocol", "protocol"},       {"port_min", "port_range_min"},
        {"port_max", "port_range_max"}, {"remote_ip_prefix", "remote_ip_prefix"},
        {"description", "description"},
    };

    if (remote != NULL && group == NULL) {
        json_decref(out);
        return NULL;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(copied); i++) {
        json_t *value = json_object_get(rule, copied[i][0]);
        if (value != NULL && !json_is_null(value))
            json_object_set(out, copied[i][1], value);
    }
    if (group != NULL)
        json_set_str(out, "remote_group_id", json_str(group, "id"));
    return out;
}

static err_t *group_rules_make(const struct cloud *c, const json_t *wanted, const json_t *groups)
{
    const json_t *group = cloud_find(groups, "name", json_str_or(wanted, "name", ""));
    size_t i;
    json_t *rule;

    json_array_foreach(json_arr(wanted, "rules"), i, rule)
    {
        g_autoptr(json_t) row = rule_for(rule, groups);
        if (row != NULL)
            TRY(neutron_security_group_rule_create(c, json_str_or(group, "id", ""), row, NULL));
    }
    return NULL;
}

static bool group_bears(const json_t *group, const struct made *made)
{
    return strstr(json_str_or(group, "description", ""), made->key) != NULL;
}

/* One that is there: ours if its description bears our key, whatever the ledger had time to note.
 */
static err_t *group_found(struct step_call *call, const json_t *group, const struct made *made)
{
    if (!group_bears(group, made))
        return NULL;
    return ledger_made(call, made, json_str(group, "id"));
}

/* One that bears our key beside the one that is kept; '*ret_gone' unless a port uses it already. */
static err_t *group_surplus(struct step_call *call, const struct cloud *c, const char *id,
                            bool *ret_gone)
{
    err_t *e = neutron_security_group_delete(c, id);
    bool used = e != NULL && err_is(e, ERR_CLOUD_CONFLICT);

    *ret_gone = e == NULL;
    if (used)
        err_free(e);
    else if (e == NULL)
        swept_note(call, id);
    return used ? NULL : e;
}

/* A lost reply may have been answered twice: the first is kept.  'there' is then without the
 * others. */
static err_t *group_sweep(struct step_call *call, const struct cloud *c, const struct made *made,
                          json_t *there)
{
    bool kept = false;

    for (size_t i = 0; i < json_array_size(there); i++) {
        const json_t *group = json_array_get(there, i);
        bool gone = false;
        if (!group_bears(group, made))
            continue;
        if (kept)
            TRY(group_surplus(call, c, json_str_or(group, "id", ""), &gone));
        else
            TRY(ledger_made(call, made, json_str(group, "id")));
        if (gone)
            json_array_remove(there, i--);
        kept = true;
    }
    return NULL;
}

static err_t *groups_list(struct step_call *call, const struct cloud *c, json_t **ret)
{
    const char *project = json_str_or(call->plan, "project_id", "");
    struct neutron_filter mine = {"project_id", (const char *const[]){project, NULL}};

    return neutron_security_group_list(c, &mine, ret);
}

/* What is there after the creates, without what was made twice. */
static err_t *groups_sweep(struct step_call *call, const struct cloud *c, json_t **ret)
{
    size_t i;
    json_t *wanted;

    TRY(groups_list(call, c, ret));
    json_array_foreach(json_arr(call->plan, "security_groups"), i, wanted)
    {
        const char *name = json_str_or(wanted, "name", "");
        struct made made;
        made_init(call, "security_group", "neutron", name, name, NULL, &made);
        TRY(group_sweep(call, c, &made, *ret));
    }
    return NULL;
}

/* Makes those that are not there; "default" always is. */
static err_t *groups_create(struct step_call *call, const struct cloud *c, json_t *there)
{
    size_t i;
    json_t *wanted;

    json_array_foreach(json_arr(call->plan, "security_groups"), i, wanted)
    {
        const char *name = json_str_or(wanted, "name", "");
        const json_t *found = cloud_find(there, "name", name);
        json_t *made_group = NULL;
        struct made made;
        made_init(call, "security_group", "neutron", name, name, NULL, &made);
        if (found != NULL) {
            TRY(group_found(call, found, &made));
            continue;
        }
        g_autofree char *text = made_text(call, &made);
        TRY(ledger_intend(call, &made));
        TRY(ledger_refused(call, &made,
                           neutron_security_group_create(c, name, text,
                                                         json_bool(wanted, "stateful", true),
                                                         &made_group)));
        json_array_append_new(there, made_group);
        TRY(ledger_made(call, &made, json_str(made_group, "id")));
    }
    return NULL;
}

err_t *security_groups_make(struct step_call *call, enum step_answer *ret)
{
    struct cloud c;
    g_autoptr(json_t) before = NULL;
    g_autoptr(json_t) there = NULL;
    json_t *ids = json_object();
    size_t i;
    json_t *group;

    json_set(call->result, "ids", ids);
    TRY(tenant(call, &c));
    TRY(groups_list(call, &c, &before));
    g_autoptr(json_t) with_new = json_deep_copy(before);
    TRY(groups_create(call, &c, with_new));
    TRY(groups_sweep(call, &c, &there));
    json_array_foreach(json_arr(call->plan, "security_groups"), i, group)
    {
        const char *name = json_str_or(group, "name", "");
        const json_t *old = cloud_find(before, "name", name);
        const json_t *now = cloud_find(there, "name", name);
        g_autofree char *prefix =
            g_strdup_printf("protector %s", json_str_or(call->plan, "group_id", ""));
        bool ours = old == NULL || g_str_has_prefix(json_str_or(old, "description", ""), prefix);
        json_set_str(ids, name, json_str(now, "id"));
        if (ours)
            TRY(group_rules_make(&c, group, there));
    }
    *ret = STEP_DONE;
    return NULL;
}

static err_t *group_take_away(struct step_call *call, const struct cloud *c, const json_t *there,
                              const struct made *made, enum step_answer *ret)
{
    size_t i;
    json_t *group;
    bool found = false;

    json_array_foreach((json_t *)there, i, group)
    {
        if (!group_bears(group, made))
            continue;
        err_t *e = neutron_security_group_delete(c, json_str_or(group, "id", ""));
        if (e != NULL && !err_is(e, ERR_CLOUD_CONFLICT))
            return e;
        err_free(e); /* a port still has it */
        found = true;
    }
    if (found)
        *ret = STEP_WAIT;
    return found ? NULL : ledger_gone_if_there(call, made);
}

/* Those that this operation made, by the key in their description. */
err_t *security_groups_undo(struct step_call *call, enum step_answer *ret)
{
    struct cloud c;
    g_autoptr(json_t) there = NULL;
    size_t i;
    json_t *wanted;

    *ret = STEP_DONE;
    TRY(tenant(call, &c));
    TRY(groups_list(call, &c, &there));
    json_array_foreach(json_arr(call->plan, "security_groups"), i, wanted)
    {
        const char *name = json_str_or(wanted, "name", "");
        struct made made;
        made_init(call, "security_group", "neutron", name, name, NULL, &made);
        TRY(group_take_away(call, &c, there, &made, ret));
    }
    return NULL;
}

/* ---- ports ---- */

static void port_made(struct step_call *call, const json_t *nic, struct made *ret, char **ret_name)
{
    g_autofree char *subject =
        g_strdup_printf("%s/%d", call->subject, (int)json_int(nic, "index", 0));

    made_init(call, "port", "neutron", subject, NULL, NULL, ret);
    *ret_name = key_name("port", ret->key);
    ret->subject = call->subject;
    ret->name = *ret_name;
}

static int port_compare(const void *a, const void *b)
{
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    bool x_held = *json_str_or(x, "device_id", "") != '\0';
    bool y_held = *json_str_or(y, "device_id", "") != '\0';

    return x_held != y_held ? (int)y_held - (int)x_held
                            : strcmp(json_str_or(x, "id", ""), json_str_or(y, "id", ""));
}

/* The ports that bear a name (a lost reply may have been answered twice); the first is the one to
 * keep: a server holds it. */
static GPtrArray *ports_named(const json_t *list, const char *name)
{
    GPtrArray *found = g_ptr_array_new();
    size_t i;
    json_t *port;

    json_array_foreach((json_t *)list, i, port)
    {
        if (g_strcmp0(json_str(port, "name"), name) == 0)
            g_ptr_array_add(found, port);
    }
    g_ptr_array_sort(found, port_compare);
    return found;
}

/* The port that a kept server has given up, if it is still there; else those of the name. */
static GPtrArray *ports_of_nic(struct step_call *call, const json_t *nic, const char *name)
{
    const char *old = json_str(nic, "taken_over");
    json_t *port = old != NULL ? cloud_find(call->observed, "id", old) : NULL;
    const char *kept = json_str_or(json_obj(call->input, "kept"), "server_id", "");

    if (port == NULL || g_strcmp0(json_str(port, "device_id"), kept) == 0)
        return ports_named(call->observed, name);
    GPtrArray *found = g_ptr_array_new();
    g_ptr_array_add(found, port);
    return found;
}

err_t *ports_observe(struct step_call *call, json_t **ret)
{
    struct cloud c;
    const char *project = json_str_or(call->plan, "project_id", "");

    TRY(tenant(call, &c));
    struct neutron_filter mine = {"project_id", (const char *const[]){project, NULL}};
    return neutron_port_list(&c, &mine, ret);
}

err_t *ports_probe(struct step_call *call, enum step_answer *ret)
{
    json_t *ids = json_array();
    size_t i;
    json_t *nic;

    json_set(call->result, "ports", ids);
    *ret = STEP_DONE;
    json_array_foreach(json_arr(call->input, "nics"), i, nic)
    {
        struct made made;
        g_autofree char *name = NULL;
        port_made(call, nic, &made, &name);
        g_autoptr(GPtrArray) found = ports_of_nic(call, nic, name);
        if (found->len != 1)
            *ret = STEP_ABSENT;
        if (found->len == 0)
            continue;
        const json_t *port = g_ptr_array_index(found, 0);
        if (g_strcmp0(json_str(port, "name"), name) == 0) /* else it is its user's, taken over */
            TRY(ledger_made(call, &made, json_str(port, "id")));
        json_array_append_new(ids, json_string(json_str_or(port, "id", "")));
    }
    return NULL;
}

static json_t *port_groups(const json_t *nic, const json_t *ids)
{
    json_t *list = json_array();
    size_t i;
    json_t *name;

    json_array_foreach(json_arr(nic, "security_groups"), i, name)
    {
        const char *id = json_str(ids, json_string_value(name));
        if (id != NULL)
            json_array_append_new(list, json_string(id));
    }
    return list;
}

/* A port of this name that the earlier look did not show: a call whose answer was lost made it. */
static err_t *port_late(const struct cloud *c, const struct made *made, json_t **ret)
{
    g_autoptr(json_t) list = NULL;
    struct neutron_filter named = {"name", (const char *const[]){made->name, NULL}};

    *ret = NULL;
    TRY(neutron_port_list(c, &named, &list));
    g_autoptr(GPtrArray) found = ports_named(list, made->name);
    if (found->len > 0)
        *ret = json_incref(g_ptr_array_index(found, 0));
    return NULL;
}

/* A nic of a drill in its isolated network, as Neutron takes it; else the nic as it is planned. */
static err_t *nic_resolved(struct step_call *call, const json_t *nic, json_t **ret)
{
    const char *isolated = json_str(nic, "isolated");
    g_autoptr(json_t) networks = NULL;
    json_t *ips = json_array();
    size_t i;
    json_t *ip;

    *ret = json_deep_copy(nic);
    if (isolated == NULL) {
        json_decref(ips);
        return NULL;
    }
    TRY(step_result_of(call, "network.isolated", "", &networks));
    const json_t *row = json_obj(json_obj(networks, "ids"), isolated);
    json_array_foreach(json_arr(nic, "fixed_ips"), i, ip)
    {
        const char *subnet = json_str(json_obj(row, "subnets"), json_str_or(ip, "cidr", ""));
        json_array_append_new(ips,
                              json_pack("{s:s, s:s}", "subnet_id", subnet != NULL ? subnet : "",
                                        "ip_address", json_str_or(ip, "ip_address", "")));
    }
    json_set_str(*ret, "network_id", json_str(row, "network_id"));
    json_set(*ret, "fixed_ips", json_array_size(ips) > 0 ? ips : NULL);
    if (json_array_size(ips) == 0)
        json_decref(ips);
    return NULL;
}

/* Creates one port; an address that somebody else has taken meanwhile is given up, once, and said.
 */
static err_t *port_create(struct step_call *call, const struct cloud *c, const json_t *nic,
                          const json_t *group_ids, const struct made *made, json_t **ret)
{
    g_autoptr(json_t) groups = port_groups(nic, group_ids);
    g_autofree char *text = made_text(call, made);
    bool secured = json_bool(nic, "port_security", true);
    const char *network = NULL;

    TRY(step_text(call, nic, "network_id", &network));
    struct neutron_new_port port = {
        .name = made->name,
        .description = text,
        .network_id = network,
        .project_id = json_bool(nic, "foreign", false) ? json_str(call->plan, "project_id") : NULL,
        .mac_address = json_str(nic, "mac"),
        .fixed_ips = json_arr(nic, "fixed_ips"),
        .security_groups = secured ? groups : NULL,
        .allowed_address_pairs = secured ? json_arr(nic, "allowed_address_pairs") : NULL,
        .without_port_security = !secured,
    };

    err_t *e = neutron_port_create(c, &port, ret);
    if (e == NULL || !err_is(e, ERR_CLOUD_ADDRESS_TAKEN) || (!port.mac_address && !port.fixed_ips))
        return e;
    g_autoptr(err_t) taken = e;
    TRY(port_late(c, made, ret));
    if (*ret != NULL)
        return NULL;
    json_set_str(call->result, "note", err_message(taken));
    port.mac_address = NULL;
    port.fixed_ips = NULL;
    return neutron_port_create(c, &port, ret);
}

/* Makes a port that is not there; of more than one the others are taken away. */
static err_t *port_make(struct step_call *call, const struct cloud *c, const json_t *nic,
                        const json_t *group_ids)
{
    struct made made;
    g_autofree char *name = NULL;
    g_autoptr(json_t) port = NULL;

    port_made(call, nic, &made, &name);
    g_autoptr(GPtrArray) found = ports_of_nic(call, nic, name);
    for (guint i = 1; i < found->len; i++) {
        const char *id = json_str_or(g_ptr_array_index(found, i), "id", "");
        swept_note(call, id);
        TRY(neutron_port_delete(c, id));
    }
    if (found->len > 0)
        return NULL;
    g_autoptr(json_t) resolved = NULL;
    TRY(nic_resolved(call, nic, &resolved));
    TRY(ledger_intend(call, &made));
    TRY(ledger_refused(call, &made, port_create(call, c, resolved, group_ids, &made, &port)));
    return ledger_made(call, &made, json_str(port, "id"));
}

err_t *ports_make(struct step_call *call, enum step_answer *ret)
{
    struct cloud tenant_view, service;
    AUTO(group_now) group = NULL;
    g_autoptr(json_t) groups = NULL;
    size_t i;
    json_t *nic;

    TRY(group_now_load(call, &group));
    TRY(boot_allowed(call, group));
    TRY(tenant(call, &tenant_view));
    TRY(world_service(call, &service));
    TRY(step_result_of(call, "network.security_groups", "", &groups));
    json_array_foreach(json_arr(call->input, "nics"), i, nic)
    {
        const struct cloud *c = json_bool(nic, "foreign", false) ? &service : &tenant_view;
        TRY(port_make(call, c, nic, json_obj(groups, "ids")));
    }
    *ret = STEP_WAIT;
    call->wake_at_ms = call->now_ms;
    return NULL;
}

/* All that bear the name; one that Nova still holds is waited for. */
static err_t *port_take_away(struct step_call *call, const struct cloud *c, const json_t *nic,
                             const json_t *there, enum step_answer *ret)
{
    struct made made;
    g_autofree char *name = NULL;

    port_made(call, nic, &made, &name);
    g_autoptr(GPtrArray) found = ports_named(there, name);
    for (guint i = 0; i < found->len; i++)
        TRY(neutron_port_delete(c, json_str_or(g_ptr_array_index(found, i), "id", "")));
    if (found->len > 0)
        *ret = STEP_WAIT;
    return found->len > 0 ? NULL : ledger_gone_if_there(call, &made);
}

err_t *ports_undo(struct step_call *call, enum step_answer *ret)
{
    struct cloud tenant_view, service;
    g_autoptr(json_t) there = NULL;
    size_t i;
    json_t *nic;

    *ret = STEP_DONE;
    TRY(tenant(call, &tenant_view));
    TRY(world_service(call, &service));
    TRY(ports_observe(call, &there));
    json_array_foreach(json_arr(call->input, "nics"), i, nic)
    {
        const struct cloud *c = json_bool(nic, "foreign", false) ? &service : &tenant_view;
        TRY(port_take_away(call, c, nic, there, ret));
    }
    return NULL;
}
