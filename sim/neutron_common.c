/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_neutron_common - what all kinds of objects of the simulated Neutron have in common: listing
 * with filters and fields, showing, making, tags.
 */
#include "sim/neutron.h"

#include <string.h>

/* Query parameters that are no filters. */
static const char *const controls[] = {"limit",    "marker",   "fields",
                                       "sort_key", "sort_dir", "page_reverse"};

static bool is_control(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(controls); i++) {
        if (strcmp(controls[i], name) == 0)
            return true;
    }
    return false;
}

static bool truth(const char *text)
{
    return g_ascii_strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0;
}

/* fixed_ips=sim_ip_address=10.0.0.1 */
static bool fixed_ips_match(const json_t *list, const char *want)
{
    g_auto(GStrv) pair = g_strsplit(want, "=", 2);
    size_t i = 0;
    json_t *fixed = NULL;
    json_array_foreach(list, i, fixed)
    {
        if (pair[0] != NULL && pair[1] != NULL && g_strcmp0(json_str(fixed, pair[0]), pair[1]) == 0)
            return true;
    }
    return false;
}

/* tags=a,b: all of them. */
static bool tags_match(const json_t *list, const char *want)
{
    g_auto(GStrv) tags = g_strsplit(want, ",", -1);
    for (guint i = 0; tags[i] != NULL; i++) {
        if (!js_has(list, tags[i]))
            return false;
    }
    return true;
}

static bool value_matches(const char *name, const json_t *value, const char *want)
{
    if (json_is_boolean(value))
        return json_is_true(value) == truth(want);
    if (json_is_integer(value))
        return json_integer_value(value) == g_ascii_strtoll(want, NULL, 10);
    if (json_is_array(value) && strcmp(name, "fixed_ips") == 0)
        return fixed_ips_match(value, want);
    if (json_is_array(value) && strcmp(name, "tags") == 0)
        return tags_match(value, want);
    if (json_is_array(value))
        return js_has(value, want);
    return g_strcmp0(json_string_value(value), want) == 0 || (json_is_null(value) && *want == '\0');
}

/* Several values of one name are alternatives; all names must fit. */
static bool view_matches(const struct call *call, const json_t *view)
{
    for (guint i = 0; i < call->query->len; i++) {
        const struct http_header *f = g_ptr_array_index(call->query, i);
        const json_t *value = json_object_get(view, f->name);
        if (is_control(f->name))
            continue;
        bool fits = false;
        for (guint k = 0; k < call->query->len && !fits; k++) {
            const struct http_header *other = g_ptr_array_index(call->query, k);
            fits = strcmp(other->name, f->name) == 0 && value_matches(f->name, value, other->value);
        }
        if (!fits)
            return false;
    }
    return true;
}

/* The name of a filter that the view has no attribute for, or NULL. */
static const char *unknown_filter(const struct call *call, const json_t *view)
{
    for (guint i = 0; i < call->query->len; i++) {
        const struct http_header *f = g_ptr_array_index(call->query, i);
        if (!is_control(f->name) && json_object_get(view, f->name) == NULL &&
            strcmp(f->name, "is_default") != 0)
            return f->name;
    }
    return NULL;
}

/* fields=a&fields=b: only these. */
static json_t *only_fields(const struct call *call, json_t *view)
{
    json_t *picked = json_object();
    bool any = false;
    for (guint i = 0; i < call->query->len; i++) {
        const struct http_header *f = g_ptr_array_index(call->query, i);
        if (strcmp(f->name, "fields") != 0)
            continue;
        any = true;
        g_auto(GStrv) names = g_strsplit(f->value, ",", -1);
        for (guint k = 0; names[k] != NULL; k++) {
            json_t *value = json_object_get(view, names[k]);
            if (value != NULL)
                json_object_set(picked, names[k], value);
        }
    }
    if (!any) {
        json_decref(picked);
        return view;
    }
    json_decref(view);
    return picked;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(json_str(*(json_t *const *)a, "id"), json_str(*(json_t *const *)b, "id"));
}

/* All rows the caller sees, by id.  New array of borrowed rows. */
static json_t *seen_rows(struct call *call, const struct sim_neutron_kind *kind)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new();
    const char *id = NULL;
    json_t *row = NULL;
    sim_site_each(call->site, kind->table, id, row)
    {
        if (kind->seen(call, row))
            g_ptr_array_add(rows, row);
    }
    g_ptr_array_sort(rows, by_id);
    json_t *list = json_array();
    for (guint i = 0; i < rows->len; i++)
        json_array_append(list, g_ptr_array_index(rows, i));
    return list;
}

/* The views that pass the filters; NULL and the answer if a filter is unknown. */
static json_t *filtered(struct call *call, const struct sim_neutron_kind *kind,
                        struct http_response **ret)
{
    g_autoptr(json_t) rows = seen_rows(call, kind);
    json_t *views = json_array();
    size_t i = 0;
    json_t *row = NULL;
    json_array_foreach(rows, i, row)
    {
        g_autoptr(json_t) view = kind->view(call, row);
        const char *unknown = unknown_filter(call, view);
        if (unknown != NULL) {
            json_decref(views);
            *ret = sim_call_fail_type(call, 400, "HTTPBadRequest",
                                      "['%s'] is invalid attribute for filtering", unknown);
            return NULL;
        }
        if (view_matches(call, view))
            json_array_append(views, view);
    }
    return views;
}

struct http_response *sim_neutron_list(struct call *call, const struct sim_neutron_kind *kind)
{
    if (call->project_id != NULL)
        sim_neutron_default_group(call->site, call->project_id);
    struct http_response *resp = NULL;
    json_t *views = filtered(call, kind, &resp);
    if (views == NULL)
        return resp;
    g_autofree char *next = NULL;
    g_autoptr(json_t) page = sim_call_page(call, views, "id", -1, &next);
    if (page == NULL)
        return sim_neutron_missing(call, kind, sim_call_query(call, "marker"));
    json_t *items = json_array();
    size_t i = 0;
    json_t *view = NULL;
    json_array_foreach(page, i, view)
        json_array_append_new(items, only_fields(call, json_incref(view)));
    json_t *body = js("{s:o}", kind->table, items);
    if (next != NULL) {
        g_autofree char *origin = sim_call_origin(call);
        g_autofree char *base = g_strconcat(origin, call->path, NULL);
        g_autofree char *href = sim_call_next_url(call, base, next);
        g_autofree char *key = g_strconcat(kind->table, "_links", NULL);
        json_set(body, key, js("[{s:s, s:s}]", "rel", "next", "href", href));
    }
    return sim_call_json(call, 200, body);
}

struct http_response *sim_neutron_missing(struct call *call, const struct sim_neutron_kind *kind,
                                          const char *id)
{
    GString *message = g_string_new(kind->missing);
    g_string_replace(message, "%s", id != NULL ? id : "None", 0);
    g_autofree char *text = g_string_free(message, FALSE);
    return sim_call_fail_type(call, 404, kind->not_found, "%s", text);
}

json_t *sim_neutron_here(struct call *call, const struct sim_neutron_kind *kind,
                         struct http_response **ret)
{
    json_t *row = sim_site_row(call->site, kind->table, call->arg[0]);
    if (row != NULL && kind->seen(call, row))
        return row;
    *ret = sim_neutron_missing(call, kind, call->arg[0]);
    return NULL;
}

struct http_response *sim_neutron_answer(struct call *call, const struct sim_neutron_kind *kind,
                                         int status, json_t *row)
{
    return sim_call_json(call, status,
                         js("{s:o}", kind->singular, only_fields(call, kind->view(call, row))));
}

struct http_response *sim_neutron_show(struct call *call, const struct sim_neutron_kind *kind)
{
    struct http_response *resp = NULL;
    json_t *row = sim_neutron_here(call, kind, &resp);
    return row == NULL ? resp : sim_neutron_answer(call, kind, 200, row);
}

json_t *sim_neutron_asked(struct call *call, const struct sim_neutron_kind *kind,
                          const char *const *known, struct http_response **ret)
{
    json_t *asked = json_obj(call->body, kind->singular);
    if (asked == NULL) {
        *ret = sim_call_fail_type(call, 400, "HTTPBadRequest",
                                  "Unable to find '%s' in request body", kind->singular);
        return NULL;
    }
    static const char *const common[] = {"tenant_id", "project_id", "name", "description"};
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(asked, key, value)
    {
        bool found = false;
        for (size_t i = 0; i < G_N_ELEMENTS(common); i++)
            found = found || strcmp(common[i], key) == 0;
        for (size_t i = 0; known[i] != NULL; i++)
            found = found || strcmp(known[i], key) == 0;
        if (!found) {
            *ret = sim_call_fail_type(call, 400, "HTTPBadRequest", "Unrecognized attribute(s) '%s'",
                                      key);
            return NULL;
        }
    }
    return asked;
}

struct http_response *sim_neutron_policy(struct call *call, const char *action,
                                         const char *attribute)
{
    return sim_call_fail_type(call, 403, "PolicyNotAuthorized",
                              "(rule:%s and rule:%s:%s) is disallowed by policy", action, action,
                              attribute);
}

const char *sim_neutron_owner(struct call *call, const json_t *asked)
{
    const char *named = json_str_or(asked, "project_id", json_str(asked, "tenant_id"));
    return call->admin && named != NULL ? named : call->project_id;
}

bool sim_neutron_owned(struct call *call, const json_t *row)
{
    return sim_call_sees(call, row);
}

json_t *sim_neutron_add(struct site *site, const struct sim_neutron_kind *kind,
                        const char *project_id, json_t *row)
{
    if (json_str(row, "id") == NULL)
        json_set(row, "id", js_take(sim_site_uuid(site)));
    json_set_str(row, "project_id", project_id);
    if (json_object_get(row, "description") == NULL)
        json_set_str(row, "description", "");
    json_set(row, "tags", json_array());
    json_set_int(row, "created_ms", site->sim->now_ms);
    json_set_int(row, "updated_ms", site->sim->now_ms);
    if (json_object_get(row, "revision_number") == NULL)
        json_set_int(row, "revision_number", 1);
    return sim_site_add(site, kind->table, row);
}

void sim_neutron_touch(struct site *site, json_t *row)
{
    json_set_int(row, "updated_ms", site->sim->now_ms);
    json_set_int(row, "revision_number", json_int(row, "revision_number", 0) + 1);
}

json_t *sim_neutron_pick(const json_t *row, const char *const *keys)
{
    json_t *view = json_object();
    json_set_str(view, "id", json_str(row, "id"));
    for (size_t i = 0; keys[i] != NULL; i++) {
        json_t *value = json_object_get(row, keys[i]);
        json_set(view, keys[i], value != NULL ? json_deep_copy(value) : NULL);
    }
    json_set(view, "tags", json_deep_copy(json_arr(row, "tags")));
    json_set(view, "created_at", js_stamp_of(row, "created_ms", STAMP_Z));
    json_set(view, "updated_at", js_stamp_of(row, "updated_ms", STAMP_Z));
    json_set_int(view, "revision_number", json_int(row, "revision_number", 0));
    json_set_str(view, "description", json_str(row, "description"));
    json_set_str(view, "tenant_id", json_str(row, "project_id"));
    json_set_str(view, "project_id", json_str(row, "project_id"));
    return view;
}

/* ---- tags, of any kind ---- */

static const struct sim_neutron_kind *const tagged[] = {
    &sim_neutron_networks,        &sim_neutron_subnets,     &sim_neutron_ports,
    &sim_neutron_security_groups, &sim_neutron_floatingips, &sim_neutron_routers,
};

/* The path is v2.0/{}/{}/tags: the kind and the object; NULL and the 404. */
static json_t *tagged_here(struct call *call, struct http_response **ret)
{
    for (size_t i = 0; i < G_N_ELEMENTS(tagged); i++) {
        if (strcmp(tagged[i]->path, call->arg[0]) != 0)
            continue;
        json_t *row = sim_site_row(call->site, tagged[i]->table, call->arg[1]);
        if (sim_neutron_owned(call, row))
            return row;
    }
    *ret = sim_call_fail_type(call, 404, "TagResourceNotFound",
                              "Resource %s %s could not be found.", call->arg[0], call->arg[1]);
    return NULL;
}

struct http_response *sim_neutron_tags_show(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *row = tagged_here(call, &resp);
    return row == NULL ? resp
                       : sim_call_json(call, 200, js("{s:O}", "tags", json_arr(row, "tags")));
}

struct http_response *sim_neutron_tags_put(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *row = tagged_here(call, &resp);
    if (row == NULL)
        return resp;
    json_t *tags = json_arr(call->body, "tags");
    if (tags == NULL)
        return sim_call_fail_type(call, 400, "HTTPBadRequest", "Invalid tags body");
    json_set(row, "tags", json_deep_copy(tags));
    sim_neutron_touch(call->site, row);
    return sim_call_json(call, 200, js("{s:O}", "tags", tags));
}

struct http_response *sim_neutron_tag_put(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *row = tagged_here(call, &resp);
    if (row == NULL)
        return resp;
    if (!js_has(json_arr(row, "tags"), call->arg[2]))
        json_array_append_new(json_arr(row, "tags"), json_string(call->arg[2]));
    return sim_call_empty(call, 201, NULL);
}

struct http_response *sim_neutron_tag_delete(struct call *call)
{
    struct http_response *resp = NULL;
    json_t *row = tagged_here(call, &resp);
    if (row == NULL)
        return resp;
    if (!js_has(json_arr(row, "tags"), call->arg[2]))
        return sim_call_fail_type(call, 404, "TagNotFound", "Tag %s could not be found.",
                                  call->arg[2]);
    js_remove(json_arr(row, "tags"), call->arg[2]);
    return sim_call_empty(call, 204, NULL);
}
