/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mappings - what a failover would make of each network, flavor and image of the members: given at
 * the call, stored, or the same name; and of floating IPs and zones that are mapped.  Shown before
 * it is used; whether the target has it is the engine's to find.
 */
#include "client/client_internal.h"

#include "model/body.h"

#include <string.h>

char *mapping_option(const char *kind)
{
    return g_strdelimit(g_strdup_printf("%s-mapping", kind), "_", '-');
}

err_t *mappings_given(struct call *call, json_t *into)
{
    for (size_t k = 0; body_mapping_kinds[k] != NULL; k++) {
        g_autofree char *option = mapping_option(body_mapping_kinds[k]);
        g_autofree char *key = g_strdup_printf("%s_mapping", body_mapping_kinds[k]);
        json_t *rows = json_object();
        size_t i;
        json_t *text;
        json_set(into, key, rows);
        json_array_foreach(json_arr(call->args, option), i, text)
        {
            g_auto(GStrv) pair = g_strsplit(json_string_value(text), "=", 2);
            if (pair[0] == NULL || pair[1] == NULL || *pair[0] == '\0' || *pair[1] == '\0')
                return err(CLIENT_USAGE, "--%s wants SRC=DST, not '%s'", option,
                           json_string_value(text));
            json_set_str(rows, pair[0], pair[1]);
        }
    }
    return NULL;
}

/* What the call or the stored mappings of the source say about a name or an id. */
static const char *said(const json_t *rows, const char *id, const char *name)
{
    const char *text = id != NULL ? json_str(rows, id) : NULL;

    return text != NULL || name == NULL ? text : json_str(rows, name);
}

struct showing {
    const json_t *given;  /* {"network_mapping": {SRC: DST}} */
    const json_t *stored; /* {"network": {SRC: DST}} of the source */
    GString *text;
};

/* One line, once; 'same': without a mapping the name stands for itself. */
static void show_one(struct showing *s, const char *kind, const char *id, const char *name,
                     bool same)
{
    g_autofree char *key = g_strdup_printf("%s_mapping", kind);
    const char *how = "given";
    const char *target = said(json_obj(s->given, key), id, name);

    if (id == NULL && name == NULL)
        return;
    if (target == NULL) {
        target = said(json_obj(s->stored, kind), id, name);
        how = "stored";
    }
    if (target == NULL && !same)
        return;
    if (target == NULL) {
        target = name != NULL ? name : id;
        how = "the same name";
    }
    g_autofree char *line =
        g_strdup_printf("  %s %s -> %s (%s)\n", kind, name != NULL ? name : id, target, how);
    if (strstr(s->text->str, line) == NULL)
        g_string_append(s->text, line);
}

static void show_port(struct showing *s, const json_t *port)
{
    size_t i;
    json_t *floating;

    show_one(s, "network", json_str(port, "network_id"), json_str(port, "network_name"), true);
    json_array_foreach(json_arr(port, "floating_ips"), i, floating)
        show_one(s, "floating_ip", NULL, json_str(floating, "ip"), false);
}

static void show_member(struct showing *s, const json_t *member)
{
    const json_t *config = json_obj(member, "configuration");
    const json_t *flavor = json_obj(config, "flavor"), *image = json_obj(config, "image");
    size_t i;
    json_t *port;

    json_array_foreach(json_arr(config, "ports"), i, port) show_port(s, port);
    show_one(s, "flavor", json_str(flavor, "id"), json_str(flavor, "name"), true);
    show_one(s, "image", json_str(image, "id"), json_str(image, "name"), true);
    show_one(s, "availability_zone", NULL, json_str(config, "availability_zone"), false);
}

err_t *mappings_effective(struct pair *pair, bool planned, const json_t *given, char **ret)
{
    const char *source = planned ? "current_primary_site_id" : "peer_site_id";
    g_autoptr(json_t) members = NULL;
    g_autoptr(json_t) stored = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    size_t i;
    json_t *m;

    TRY(end_get(pair->local, &members, "protection-groups/%s/members?limit=1000", pair_id(pair)));
    TRY(end_get(pair->local, &stored, "protection-groups/%s/mappings", pair_id(pair)));
    const json_t *of_source =
        json_obj(json_obj(stored, "mappings"), json_str_or(pair->group, source, ""));
    struct showing s = {given, of_source, text};
    json_array_foreach(json_arr(members, "members"), i, m)
    {
        g_autoptr(json_t) full = NULL;
        TRY(end_get(pair->local, &full, "protection-groups/%s/members/%s", pair_id(pair),
                    json_str_or(m, "id", "")));
        show_member(&s, json_obj(full, "member"));
    }
    *ret = g_strdup(text->str);
    return NULL;
}
