/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control - what tests do to the world (sim.h, second half): services down, power, quotas, policy,
 * dump and load.
 */
#include "sim/sim.h"

#include <string.h>

#include "sim/advance.h"
#include "sim/nova.h"

void sim_site_down(struct sim *sim, int site, const char *service, bool down)
{
    for (int i = 0; i < SIM_SERVICES; i++) {
        if (service == NULL || sim_service_of(service) == (enum sim_service)i)
            sim->site[site].down[i] = down;
    }
}

bool sim_is_down(const struct sim *sim, int site, enum sim_service service)
{
    return sim->site[site].off || sim->site[site].down[service];
}

void sim_power_cut(struct sim *sim, int site)
{
    struct site *s = &sim->site[site];
    if (s->off)
        return;
    sim_advance(sim);
    s->off = true;
    json_set_int(sim_site_table(s, "power"), "cut_ms", sim->now_ms);
    const char *id = NULL;
    json_t *server = NULL;
    sim_site_each(s, "servers", id, server)
    {
        if (json_int(server, "power_state", POWER_NONE) == POWER_RUNNING)
            json_set_int(server, "power_state", POWER_SHUTDOWN);
    }
}

void sim_power_restore(struct sim *sim, int site)
{
    struct site *s = &sim->site[site];
    if (!s->off)
        return;
    s->off = false;
    sim->now_ms = env_now_ms(sim->env);
    sim_advance_shift(s, sim->now_ms - json_int(sim_site_table(s, "power"), "cut_ms", sim->now_ms));
    const char *id = NULL;
    json_t *server = NULL;
    sim_site_each(s, "servers", id, server)
    {
        if (strcmp(json_str(server, "vm_state"), "active") == 0)
            sim_advance_add(s, EVENT_SERVER_POWERED, id, sim->options.latency.server_start_ms);
    }
}

bool sim_set_quota(struct sim *sim, int site, const char *service, const char *project,
                   const char *resource, int64_t limit)
{
    struct site *s = &sim->site[site];
    enum sim_service id = sim_service_of(service);
    const char *table = id == SIM_NOVA      ? "nova_quotas"
                        : id == SIM_CINDER  ? "cinder_quotas"
                        : id == SIM_NEUTRON ? "neutron_quotas"
                                            : NULL;
    const json_t *row = sim_site_row(s, "projects", project);
    if (row == NULL)
        row = sim_site_find(s, "projects", "name", project);
    if (table == NULL || row == NULL)
        return false;
    const char *project_id = json_str(row, "id");
    json_t *quota = sim_site_row(s, table, project_id);
    if (quota == NULL)
        quota = sim_site_add(s, table, js("{s:s}", "id", project_id));
    json_set_int(quota, resource, limit);
    return true;
}

void sim_set_policy(struct sim *sim, int site, const char *rule, bool tenants)
{
    json_set_bool(sim_site_table(&sim->site[site], "policy"), rule, tenants);
}

void sim_driver_fails(struct sim *sim, int site, int count)
{
    json_set_int(sim_site_table(&sim->site[site], "driver"), "failures", count);
}

const json_t *sim_table(struct sim *sim, int site, const char *table)
{
    return sim_site_table(&sim->site[site], table);
}

const json_t *sim_find(struct sim *sim, int site, const char *table, const char *name)
{
    return sim_site_find(&sim->site[site], table, "name", name);
}

json_t *sim_dump(struct sim *sim)
{
    json_t *dump = json_object();
    for (int i = 0; i < SIM_SITES; i++)
        json_set(dump, sim->site[i].options.name, json_deep_copy(sim->site[i].tables));
    return dump;
}

err_t *sim_load(struct sim *sim, const json_t *dump)
{
    for (int i = 0; i < SIM_SITES; i++) {
        const char *name = sim->site[i].options.name;
        if (json_obj(dump, name) == NULL)
            return err(PARSE, "the state of the simulated clouds has no site \"%s\"", name);
    }
    for (int i = 0; i < SIM_SITES; i++) {
        json_decref(sim->site[i].tables);
        sim->site[i].tables = json_deep_copy(json_obj(dump, sim->site[i].options.name));
    }
    return NULL;
}

char *sim_clouds_yaml(const struct sim *sim)
{
    static const struct {
        const char *prefix; /* NULL: the site's name */
        const char *user;
        const char *project;
    } entries[] = {
        {NULL, "admin", "admin"},
        {"prod-", "prod-user", "prod"},
        {"protector-", "protector", "service"},
    };
    bool zed = sim->options.release == SIM_ZED;
    GString *text = g_string_new("# written by protector-sim\nclouds:\n");
    for (int i = 0; i < SIM_SITES; i++) {
        const struct sim_site_options *o = &sim->site[i].options;
        g_autofree char *url = sim_origin(sim, i, SIM_KEYSTONE);
        for (size_t e = 0; e < G_N_ELEMENTS(entries); e++) {
            const char *prefix = entries[e].prefix;
            g_string_append_printf(text, "  %s%s:\n    auth:\n      auth_url: %s/v3\n",
                                   prefix != NULL ? prefix : o->name,
                                   prefix != NULL ? o->suffix : "", url);
            g_string_append_printf(text,
                                   "      username: %s\n      password: lab\n"
                                   "      project_name: %s\n"
                                   "      user_domain_name: Default\n"
                                   "      project_domain_name: Default\n"
                                   "    region_name: %s\n    identity_api_version: \"3\"\n",
                                   entries[e].user, entries[e].project, o->region);
            g_string_append_printf(text,
                                   "    compute_api_version: \"%s\"\n"
                                   "    volume_api_version: \"%s\"\n",
                                   zed ? "2.92" : "2.87", zed ? "3.70" : "3.62");
        }
    }
    return g_string_free(text, FALSE);
}
