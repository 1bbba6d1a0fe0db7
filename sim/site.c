/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site - see site.h.  Tables are jansson objects, which keep the order of insertion.
 */
#include "sim/site.h"

#include <string.h>

json_t *sim_site_table(struct site *site, const char *table)
{
    json_t *rows = json_object_get(site->tables, table);
    if (rows == NULL) {
        rows = json_object();
        json_object_set_new(site->tables, table, rows);
    }
    return rows;
}

json_t *sim_site_row(struct site *site, const char *table, const char *id)
{
    return id != NULL ? json_object_get(sim_site_table(site, table), id) : NULL;
}

json_t *sim_site_add(struct site *site, const char *table, json_t *row)
{
    const char *id = json_str(row, "id");
    json_t *rows = sim_site_table(site, table);
    g_assert(id != NULL && json_object_get(rows, id) == NULL);
    json_object_set_new(rows, id, row);
    return row;
}

void sim_site_drop(struct site *site, const char *table, const char *id)
{
    json_object_del(sim_site_table(site, table), id);
}

json_t *sim_site_find(struct site *site, const char *table, const char *key, const char *value)
{
    const char *id = NULL;
    json_t *row = NULL;
    sim_site_each(site, table, id, row)
    {
        if (g_strcmp0(json_str(row, key), value) == 0)
            return row;
    }
    return NULL;
}

char *sim_site_uuid(struct site *site)
{
    char text[37];
    env_uuid(site->sim->env, text);
    return g_strdup(text);
}

char *sim_site_hex(struct site *site)
{
    char text[37];
    env_uuid(site->sim->env, text);
    GString *hex = g_string_new(NULL);
    for (const char *p = text; *p != '\0'; p++) {
        if (*p != '-')
            g_string_append_c(hex, *p);
    }
    return g_string_free(hex, FALSE);
}

uint32_t sim_site_random(struct site *site, uint32_t below)
{
    uint32_t number = 0;
    site->sim->env->random(site->sim->env->data, &number, sizeof number);
    return below == 0 ? number : number % below;
}

char *sim_site_secret(struct site *site, size_t size)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    g_autofree unsigned char *bytes = g_malloc(size);
    site->sim->env->random(site->sim->env->data, bytes, size);
    char *text = g_malloc(size + 1);
    for (size_t i = 0; i < size; i++)
        text[i] = alphabet[bytes[i] & 63];
    text[size] = '\0';
    return text;
}

int64_t sim_site_serial(struct site *site, const char *counter)
{
    json_t *counters = sim_site_table(site, "counters");
    int64_t next = json_int(counters, counter, 0) + 1;
    json_set_int(counters, counter, next);
    return next;
}
