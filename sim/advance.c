/* SPDX-License-Identifier: Apache-2.0 */
/*
 * advance - see advance.h.
 */
#include "sim/advance.h"

#include "sim/cinder.h"
#include "sim/nova.h"

static const struct {
    const char *name; /* in the rows, so that a dump can be loaded by a later build */
    void (*run)(struct site *site, const char *id);
} kinds[EVENT_COUNT] = {
    [EVENT_VOLUME_DONE] = {"volume-done", sim_cinder_volume_done},
    [EVENT_VOLUME_MANAGE] = {"volume-manage", sim_cinder_manage_done},
    [EVENT_VOLUME_GONE] = {"volume-gone", sim_cinder_volume_gone},
    [EVENT_ATTACHED] = {"attached", sim_cinder_attached},
    [EVENT_DETACHED] = {"detached", sim_cinder_detached},
    [EVENT_SNAPSHOT_DONE] = {"snapshot-done", sim_cinder_snapshot_done},
    [EVENT_SNAPSHOT_GONE] = {"snapshot-gone", sim_cinder_snapshot_gone},
    [EVENT_GROUP_DONE] = {"group-done", sim_cinder_group_done},
    [EVENT_GROUP_GONE] = {"group-gone", sim_cinder_group_gone},
    [EVENT_GROUP_SNAPSHOT_DONE] = {"group-snapshot-done", sim_cinder_group_snapshot_done},
    [EVENT_GROUP_SNAPSHOT_GONE] = {"group-snapshot-gone", sim_cinder_group_snapshot_gone},
    [EVENT_SERVER_PLACED] = {"server-placed", sim_nova_server_placed},
    [EVENT_SERVER_BUILT] = {"server-built", sim_nova_server_built},
    [EVENT_SERVER_STARTED] = {"server-started", sim_nova_server_started},
    [EVENT_SERVER_STOPPED] = {"server-stopped", sim_nova_server_stopped},
    [EVENT_SERVER_REBOOTED] = {"server-rebooted", sim_nova_server_rebooted},
    [EVENT_SERVER_GONE] = {"server-gone", sim_nova_server_gone},
    [EVENT_SERVER_POWERED] = {"server-powered", sim_nova_server_powered},
};

void sim_advance_add(struct site *site, enum event kind, const char *id, int64_t after_ms)
{
    g_autofree char *serial = g_strdup_printf("%" G_GINT64_FORMAT, sim_site_serial(site, "event"));
    sim_site_add(site, "events",
                 js("{s:s, s:s, s:s, s:I}", "id", serial, "kind", kinds[kind].name, "subject", id,
                    "due_ms", (json_int_t)(site->sim->now_ms + after_ms)));
}

bool sim_advance_waits(struct site *site, enum event kind, const char *id)
{
    const char *key = NULL;
    json_t *row = NULL;
    sim_site_each(site, "events", key, row)
    {
        if (g_strcmp0(json_str(row, "kind"), kinds[kind].name) == 0 &&
            g_strcmp0(json_str(row, "subject"), id) == 0)
            return true;
    }
    return false;
}

void sim_advance_cancel(struct site *site, const char *id)
{
    const char *key = NULL;
    json_t *row = NULL;
    void *next = NULL;
    json_object_foreach_safe(sim_site_table(site, "events"), next, key, row)
    {
        if (g_strcmp0(json_str(row, "subject"), id) == 0)
            json_object_del(sim_site_table(site, "events"), key);
    }
}

void sim_advance_shift(struct site *site, int64_t by_ms)
{
    const char *key = NULL;
    json_t *row = NULL;
    sim_site_each(site, "events", key, row)
    {
        json_set_int(row, "due_ms", json_int(row, "due_ms", 0) + by_ms);
    }
}

/* The row that is due first at a site; NULL if nothing waits or the site has no power. */
static json_t *first_due(struct site *site)
{
    const char *key = NULL;
    json_t *row = NULL;
    json_t *first = NULL;
    if (site->off)
        return NULL;
    sim_site_each(site, "events", key, row)
    {
        if (first == NULL || json_int(row, "due_ms", 0) < json_int(first, "due_ms", 0))
            first = row;
    }
    return first;
}

static void run_event(struct site *site, json_t *row)
{
    g_autoptr(json_t) held = json_incref(row);
    sim_site_drop(site, "events", json_str(held, "id"));
    for (int kind = 0; kind < EVENT_COUNT; kind++) {
        if (g_strcmp0(json_str(held, "kind"), kinds[kind].name) == 0)
            kinds[kind].run(site, json_str(held, "subject"));
    }
}

void sim_advance(struct sim *sim)
{
    int64_t now_ms = env_now_ms(sim->env);
    for (int i = 0; i < SIM_SITES; i++) {
        struct site *site = &sim->site[i];
        json_t *row = first_due(site);
        while (row != NULL && json_int(row, "due_ms", 0) <= now_ms) {
            sim->now_ms = json_int(row, "due_ms", 0);
            run_event(site, row);
            row = first_due(site);
        }
    }
    sim->now_ms = now_ms;
}

int64_t sim_next_due_ms(struct sim *sim)
{
    int64_t due_ms = -1;
    for (int i = 0; i < SIM_SITES; i++) {
        json_t *row = first_due(&sim->site[i]);
        int64_t at_ms = row != NULL ? json_int(row, "due_ms", 0) : -1;
        if (at_ms >= 0 && (due_ms < 0 || at_ms < due_ms))
            due_ms = at_ms;
    }
    return due_ms;
}
