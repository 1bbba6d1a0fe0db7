/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_nova_flavors - flavors and keypairs.
 */
#include "sim/nova.h"

#include <string.h>

/* ---- flavors ---- */

json_t *sim_nova_flavor(struct site *site, const char *id)
{
    return sim_site_row(site, "flavors", id);
}

void sim_nova_flavor_add(struct site *site, const char *id, const char *name, int vcpus, int ram_mb,
                         int disk_gb)
{
    g_autofree char *given = id != NULL ? g_strdup(id) : sim_site_uuid(site);
    sim_site_add(site, "flavors",
                 js("{s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:b, s:{}, s:n}", "id", given, "name",
                    name, "vcpus", vcpus, "ram", ram_mb, "disk", disk_gb, "swap", 0, "ephemeral", 0,
                    "is_public", 1, "extra_specs", "description"));
}

static json_t *flavor_summary(struct call *call, const json_t *flavor)
{
    const char *id = json_str(flavor, "id");
    json_t *view = js("{s:s, s:s, s:o}", "id", id, "name", json_str(flavor, "name"), "links",
                      sim_nova_links(call, "flavors", id));
    if (call->mv >= 55)
        json_set(view, "description", js_str(json_str(flavor, "description")));
    return view;
}

static json_t *flavor_view(struct call *call, const json_t *flavor)
{
    int64_t swap = json_int(flavor, "swap", 0);
    json_t *view = flavor_summary(call, flavor);
    json_object_set(view, "ram", json_object_get(flavor, "ram"));
    json_object_set(view, "disk", json_object_get(flavor, "disk"));
    json_set(view, "swap", swap == 0 && call->mv < 75 ? json_string("") : json_integer(swap));
    json_object_set(view, "OS-FLV-EXT-DATA:ephemeral", json_object_get(flavor, "ephemeral"));
    json_set_bool(view, "OS-FLV-DISABLED:disabled", false);
    json_object_set(view, "vcpus", json_object_get(flavor, "vcpus"));
    json_set_bool(view, "os-flavor-access:is_public", json_bool(flavor, "is_public", true));
    json_set(view, "rxtx_factor", json_real(1.0));
    if (call->mv >= 61)
        json_object_set(view, "extra_specs", json_obj(flavor, "extra_specs"));
    return view;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(json_str(*(json_t *const *)a, "id"), json_str(*(json_t *const *)b, "id"));
}

static struct http_response *flavors_answer(struct call *call, bool detail)
{
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();
    const char *id = NULL;
    json_t *flavor = NULL;
    sim_site_each(call->site, "flavors", id, flavor)
    {
        if (call->admin || json_bool(flavor, "is_public", true))
            g_ptr_array_add(sorted, flavor);
    }
    g_ptr_array_sort(sorted, by_id);
    json_t *rows = json_array();
    for (guint i = 0; i < sorted->len; i++)
        json_array_append(rows, g_ptr_array_index(sorted, i));
    g_autofree char *next = NULL;
    g_autoptr(json_t) page = sim_call_page(call, rows, "id", CALL_LIMIT_MAX, &next);
    if (page == NULL)
        return sim_call_fail(call, 400, "marker [%s] not found", sim_call_query(call, "marker"));
    json_t *views = json_array();
    size_t i = 0;
    json_array_foreach(page, i, flavor)
        json_array_append_new(views,
                              detail ? flavor_view(call, flavor) : flavor_summary(call, flavor));
    json_t *body = js("{s:o}", "flavors", views);
    if (next != NULL) {
        g_autofree char *origin = sim_call_origin(call);
        g_autofree char *base = g_strconcat(origin, call->path, NULL);
        g_autofree char *href = sim_call_next_url(call, base, next);
        json_set(body, "flavors_links", js("[{s:s, s:s}]", "rel", "next", "href", href));
    }
    return sim_call_json(call, 200, body);
}

struct http_response *sim_nova_flavor_list(struct call *call)
{
    return flavors_answer(call, false);
}

struct http_response *sim_nova_flavor_detail(struct call *call)
{
    return flavors_answer(call, true);
}

static json_t *flavor_here(struct call *call, struct http_response **ret)
{
    json_t *flavor = sim_nova_flavor(call->site, call->arg[0]);
    if (flavor == NULL)
        *ret = sim_call_fail(call, 404, "Flavor %s could not be found.", call->arg[0]);
    return flavor;
}

struct http_response *sim_nova_flavor_show(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *flavor = flavor_here(call, &resp);
    return flavor == NULL
               ? resp
               : sim_call_json(call, 200, js("{s:o}", "flavor", flavor_view(call, flavor)));
}

struct http_response *sim_nova_flavor_create(struct call *call)
{
    const json_t *asked = json_obj(call->body, "flavor");
    const char *name = json_str(asked, "name");
    const char *id = json_str(asked, "id");
    if (id != NULL && strcmp(id, "auto") == 0)
        id = NULL;
    if (name == NULL || json_int(asked, "vcpus", 0) < 1 || json_int(asked, "ram", 0) < 1)
        return sim_call_fail(call, 400, "Invalid input for field/attribute flavor.");
    if (sim_site_find(call->site, "flavors", "name", name) != NULL)
        return sim_call_fail(call, 409, "Flavor with name %s already exists.", name);
    if (sim_nova_flavor(call->site, id) != NULL)
        return sim_call_fail(call, 409, "Flavor with ID %s already exists.", id);
    sim_nova_flavor_add(call->site, id, name, (int)json_int(asked, "vcpus", 1),
                        (int)json_int(asked, "ram", 1), (int)json_int(asked, "disk", 0));
    json_t *flavor = sim_site_find(call->site, "flavors", "name", name);
    json_set_int(flavor, "swap", json_int(asked, "swap", 0));
    json_set_int(flavor, "ephemeral", json_int(asked, "OS-FLV-EXT-DATA:ephemeral", 0));
    json_set_bool(flavor, "is_public", json_bool(asked, "os-flavor-access:is_public", true));
    return sim_call_json(call, 200, js("{s:o}", "flavor", flavor_view(call, flavor)));
}

struct http_response *sim_nova_flavor_delete(struct call *call)
{
    struct http_response *resp = NULL;
    if (flavor_here(call, &resp) == NULL)
        return resp;
    sim_site_drop(call->site, "flavors", call->arg[0]);
    return sim_call_empty(call, 202, "application/json");
}

struct http_response *sim_nova_flavor_specs(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *flavor = flavor_here(call, &resp);
    return flavor == NULL
               ? resp
               : sim_call_json(call, 200,
                               js("{s:O}", "extra_specs", json_obj(flavor, "extra_specs")));
}

struct http_response *sim_nova_flavor_specs_add(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *flavor = flavor_here(call, &resp);
    if (flavor == NULL)
        return resp;
    json_object_update(json_obj(flavor, "extra_specs"), json_obj(call->body, "extra_specs"));
    return sim_nova_flavor_specs(call);
}

/* ---- keypairs ---- */

static char *keypair_id(const char *user_id, const char *name)
{
    return g_strdup_printf("%s/%s", user_id, name);
}

json_t *sim_nova_keypair(struct site *site, const char *user_id, const char *name)
{
    g_autofree char *id = keypair_id(user_id, name);
    return sim_site_row(site, "keypairs", id);
}

/* The MD5 of the key's bytes by colons, as OpenSSH printed it. */
static char *fingerprint(const char *public_key)
{
    g_auto(GStrv) parts = g_strsplit(public_key, " ", 3);
    gsize size = 0;
    g_autofree guchar *bytes =
        g_base64_decode(parts[0] != NULL && parts[1] != NULL ? parts[1] : "", &size);
    g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_MD5, bytes, size);
    GString *text = g_string_new(NULL);
    for (int i = 0; i < 32; i += 2)
        g_string_append_printf(text, "%s%c%c", i > 0 ? ":" : "", sum[i], sum[i + 1]);
    return g_string_free(text, FALSE);
}

void sim_nova_keypair_add(struct site *site, const char *user_id, const char *name,
                          const char *public_key)
{
    g_autofree char *id = keypair_id(user_id, name);
    g_autofree char *print = fingerprint(public_key);
    sim_site_add(site, "keypairs",
                 js("{s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "id", id, "name", name, "user_id",
                    user_id, "public_key", public_key, "fingerprint", print, "created_ms",
                    (json_int_t)site->sim->now_ms, "serial",
                    (json_int_t)sim_site_serial(site, "keypair")));
}

static json_t *keypair_view(struct call *call, const json_t *row)
{
    json_t *view = js("{s:s, s:s, s:s}", "name", json_str(row, "name"), "public_key",
                      json_str(row, "public_key"), "fingerprint", json_str(row, "fingerprint"));
    if (call->mv >= 2)
        json_set_str(view, "type", "ssh");
    return view;
}

/* Whose keypairs: the caller's, or with user_id those of another, for admins. */
static const char *keypair_user(const struct call *call)
{
    const char *other = call->mv >= 10 ? sim_call_query(call, "user_id") : NULL;
    return other != NULL ? other : call->user_id;
}

static struct http_response *keypair_gate(struct call *call, const char *rule)
{
    if (call->admin || strcmp(keypair_user(call), call->user_id) == 0)
        return NULL;
    return sim_call_forbid(call, rule);
}

struct http_response *sim_nova_keypair_list(struct call *call)
{
    struct http_response *refusal = keypair_gate(call, "os_compute_api:os-keypairs:index");
    if (refusal != NULL)
        return refusal;
    json_t *views = json_array();
    const char *id = NULL;
    json_t *row = NULL;
    sim_site_each(call->site, "keypairs", id, row)
    {
        if (strcmp(json_str(row, "user_id"), keypair_user(call)) == 0)
            json_array_append_new(views, js("{s:o}", "keypair", keypair_view(call, row)));
    }
    return sim_call_json(call, 200, js("{s:o}", "keypairs", views));
}

static json_t *keypair_here(struct call *call, const char *rule, struct http_response **ret)
{
    *ret = keypair_gate(call, rule);
    if (*ret != NULL)
        return NULL;
    json_t *row = sim_nova_keypair(call->site, keypair_user(call), call->arg[0]);
    if (row == NULL)
        *ret = sim_call_fail(call, 404, "Keypair %s not found for user %s", call->arg[0],
                             keypair_user(call));
    return row;
}

struct http_response *sim_nova_keypair_show(struct call *call)
{
    struct http_response *resp = NULL;
    const json_t *row = keypair_here(call, "os_compute_api:os-keypairs:show", &resp);
    if (row == NULL)
        return resp;
    json_t *view = keypair_view(call, row);
    json_set_str(view, "user_id", json_str(row, "user_id"));
    json_set(view, "created_at", js_stamp_of(row, "created_ms", STAMP_US));
    json_set_bool(view, "deleted", false);
    json_set(view, "deleted_at", NULL);
    json_set_int(view, "id", json_int(row, "serial", 1));
    json_set(view, "updated_at", NULL);
    return sim_call_json(call, 200, js("{s:o}", "keypair", view));
}

struct http_response *sim_nova_keypair_create(struct call *call)
{
    const json_t *asked = json_obj(call->body, "keypair");
    const char *name = json_str(asked, "name");
    const char *key = json_str(asked, "public_key");
    if (name == NULL || *name == '\0' || strchr(name, '/') != NULL)
        return sim_call_fail(call, 400, "Invalid input for field/attribute name.");
    if (key == NULL && call->mv >= 92)
        return sim_call_fail(call, 400,
                             "Invalid input for field/attribute keypair. 'public_key' is a "
                             "required property");
    const char *user = call->admin && call->mv >= 10 ? json_str_or(asked, "user_id", call->user_id)
                                                     : call->user_id;
    if (sim_nova_keypair(call->site, user, name) != NULL)
        return sim_call_fail(call, 409, "Key pair '%s' already exists.", name);
    if (key != NULL && !g_str_has_prefix(key, "ssh-") && !g_str_has_prefix(key, "ecdsa-"))
        return sim_call_fail(call, 400, "Keypair data is invalid: failed to generate fingerprint");
    g_autofree char *secret = key == NULL ? sim_site_secret(call->site, 100) : NULL;
    g_autofree char *made =
        key == NULL ? g_strconcat("ssh-rsa ", secret, " Generated-by-Nova", NULL) : g_strdup(key);
    sim_nova_keypair_add(call->site, user, name, made);
    json_t *view = keypair_view(call, sim_nova_keypair(call->site, user, name));
    json_set_str(view, "user_id", user);
    if (key == NULL)
        json_set_str(view, "private_key", secret);
    return sim_call_json(call, call->mv >= 2 ? 201 : 200, js("{s:o}", "keypair", view));
}

struct http_response *sim_nova_keypair_delete(struct call *call)
{
    struct http_response *resp = NULL;
    if (keypair_here(call, "os_compute_api:os-keypairs:delete", &resp) == NULL)
        return resp;
    g_autofree char *id = keypair_id(keypair_user(call), call->arg[0]);
    sim_site_drop(call->site, "keypairs", id);
    return sim_call_empty(call, call->mv >= 2 ? 204 : 202, "application/json");
}
