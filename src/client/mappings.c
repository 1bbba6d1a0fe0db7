/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mappings - what a failover would make of each network, flavor and image of the members: given at
 * the call, stored, or the same name.  Shown before it is used; whether the target has it is the
 * engine's to find.
 */
#include "client/client_internal.h"

#include <string.h>

static const char *const kinds[] = {"network", "flavor", "image"};

err_t *mappings_given(struct call *call, json_t *into)
{
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        g_autofree char *option = g_strdup_printf("%s-mapping", kinds[k]);
        g_autofree char *key = g_strdup_printf("%s_mapping", kinds[k]);
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

/* One line, once. */
static void show_one(struct showing *s, const char *kind, const json_t *item, const char *id_key,
                     const char *name_key)
{
    const char *id = json_str(item, id_key), *name = json_str(item, name_key);
    g_autofree char *key = g_strdup_printf("%s_mapping", kind);
    const char *how = "given";
    const char *target = said(json_obj(s->given, key), id, name);

    if (id == NULL && name == NULL)
        return;
    if (target == NULL) {
        target = said(json_obj(s->stored, kind), id, name);
        how = "stored";
    }
    if (target == NULL) {
        target = name != NULL ? name : id;
        how = "the same name";
    }
    g_autofree char *line =
        g_strdup_printf("  %s %s -> %s (%s)\n", kind, name != NULL ? name : id, target, how);
    if (strstr(s->text->str, line) == NULL)
        g_string_append(s->text, line);
}

static void show_member(struct showing *s, const json_t *member)
{
    const json_t *config = json_obj(member, "configuration");
    size_t i;
    json_t *port;

    json_array_foreach(json_arr(config, "ports"), i, port)
        show_one(s, "network", port, "network_id", "network_name");
    show_one(s, "flavor", json_obj(config, "flavor"), "id", "name");
    show_one(s, "image", json_obj(config, "image"), "id", "name");
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
