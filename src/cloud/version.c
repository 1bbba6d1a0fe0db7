/* SPDX-License-Identifier: Apache-2.0 */
/*
 * version - the services we know, and which microversion to use with each.
 *
 * Part of session.h.  The table below is the only place where a version stands.
 */
#include <string.h>

#include "cloud/session_internal.h"
#include "cloud/session.h"

static const char *const identity_types[] = {"identity", NULL};
static const char *const compute_types[] = {"compute", NULL};
static const char *const volume_types[] = {"volumev3", "block-storage", "volume", NULL};
static const char *const network_types[] = {"network", NULL};
static const char *const image_types[] = {"image", NULL};
static const char *const protector_types[] = {"protector", NULL};

/* minor_min: what Victoria (October 2020) offers; minor_max: what this room was written against. */
static const struct cloud_service_row rows[CLOUD_SERVICE_COUNT] = {
    /*                    name         types            suffix    needs  header     maj min max */
    [CLOUD_IDENTITY] = {"keystone", identity_types, NULL, NULL, NULL, 3, 0, 0},
    [CLOUD_COMPUTE] = {"nova", compute_types, NULL, NULL, "compute", 2, 87, 93},
    [CLOUD_VOLUME] = {"cinder", volume_types, NULL, "/v3", "volume", 3, 62, 70},
    [CLOUD_NETWORK] = {"neutron", network_types, "/v2.0", NULL, NULL, 2, 0, 0},
    [CLOUD_IMAGE] = {"glance", image_types, "/v2", NULL, NULL, 2, 0, 0},
    [CLOUD_PROTECTOR] = {"protector", protector_types, NULL, NULL, NULL, 1, 0, 0},
};

const struct cloud_service_row *cloud_service_row(enum cloud_service service)
{
    g_assert(service < CLOUD_SERVICE_COUNT);
    return &rows[service];
}

const char *cloud_service_name(enum cloud_service service)
{
    return cloud_service_row(service)->name;
}

bool cloud_version_parse(const char *text, int major, int *ret_minor)
{
    char *end = NULL;
    guint64 value = g_ascii_strtoull(text, &end, 10);
    if (end == text || *end != '.' || value != (guint64)major)
        return false;
    const char *rest = end + 1;
    value = g_ascii_isdigit(*rest) ? g_ascii_strtoull(rest, &end, 10) : G_MAXUINT64;
    if (value > 9999 || *end != '\0')
        return false;
    *ret_minor = (int)value;
    return true;
}

char *cloud_version_url(const char *endpoint)
{
    const char *cut = NULL;
    const char *start = strstr(endpoint, "://");
    for (const char *p = start != NULL ? start + 3 : endpoint; (p = strchr(p, '/')) != NULL; p++)
        if (p[1] == 'v' && g_ascii_isdigit(p[2]))
            cut = p + 1 + strcspn(p + 1, "/");
    return cut != NULL ? g_strdup_printf("%.*s/", (int)(cut - endpoint), endpoint)
                       : g_strconcat(endpoint, "/", NULL);
}

/* The entry of our major version: {"version": {…}} or one of {"versions": […]}, and its minor one.
 */
static const json_t *entry_of(const json_t *document, int major, int *ret_minor)
{
    const json_t *one = json_obj(document, "version");
    if (one != NULL)
        return cloud_version_parse(json_str_or(one, "version", ""), major, ret_minor) ? one : NULL;
    size_t i;
    json_t *entry;
    json_array_foreach(json_arr(document, "versions"), i, entry)
    {
        if (cloud_version_parse(json_str_or(entry, "version", ""), major, ret_minor))
            return entry;
    }
    return NULL;
}

err_t *cloud_version_choose(const char *cloud, const struct cloud_service_row *row,
                            const json_t *document, int *ret_minor)
{
    int max = 0, min = 0;
    const json_t *entry = entry_of(document, row->major, &max);
    if (entry == NULL)
        return err(CLOUD_VERSION,
                   "%s: %s offers no microversions of version %d; Victoria has %d.%d", cloud,
                   row->name, row->major, row->major, row->minor_min);
    if (max < row->minor_min)
        return err(CLOUD_VERSION,
                   "%s: %s offers microversions up to %d.%d only, older than Victoria's %d.%d",
                   cloud, row->name, row->major, max, row->major, row->minor_min);
    if (cloud_version_parse(json_str_or(entry, "min_version", ""), row->major, &min) &&
        min > row->minor_max)
        return err_remedy(err(CLOUD_VERSION,
                              "%s: %s offers microversions from %d.%d, newer than the %d.%d that "
                              "this Protector knows",
                              cloud, row->name, row->major, min, row->major, row->minor_max),
                          "upgrade Protector");
    *ret_minor = MIN(max, row->minor_max);
    return NULL;
}

/* ---- negotiation ---- */

/*
 * The document of our major version, or of all where a service (without microversions) has none of
 * that.  Caller frees.
 */
static char *document_url(const struct cloud_service_row *row, const char *endpoint)
{
    g_autofree char *url = cloud_version_url(endpoint);
    g_autofree char *last = g_strdup_printf("/v%d", row->major);
    char *cut = row->header == NULL ? g_strrstr(url, last) : NULL;

    if (cut != NULL)
        cut[1] = '\0';
    return g_steal_pointer(&url);
}

/* '*ret_generation' is that of the token used, 0 if there was none. */
static err_t *read_document(const struct cloud *c, enum cloud_service service,
                            unsigned *ret_generation, json_t **ret)
{
    struct cloud_access access = {0};
    TRY(cloud_access(c, service, false, &access));
    *ret_generation = access.generation;
    struct wire w = cloud_wire(c);
    g_autofree char *url = document_url(cloud_service_row(service), access.url);
    struct wire_request r = {.service = cloud_service_name(service),
                             .method = "GET",
                             .url = url,
                             .token = access.token};
    AUTO(http_response) resp = NULL;
    err_t *e = wire_send(&w, &r, &resp);
    if (e == NULL && resp->status != 300)
        e = wire_judge(&w, &r, resp);
    if (e == NULL)
        e = wire_body(&w, &r, resp, ret);
    cloud_access_fini(&access);
    return e;
}

/*
 * The document, with a new token if the old one is refused.  A 404 of it is never CLOUD_NOT_FOUND:
 * whoever wants a server and asks for the versions first would take the server for gone.
 */
static err_t *document_of(const struct cloud *c, enum cloud_service service, json_t **ret)
{
    unsigned generation = 0;
    err_t *e = read_document(c, service, &generation, ret);
    if (e != NULL && err_code(e) == ERR_CLOUD_UNAUTHORIZED && generation != 0 &&
        cloud_refused(c, generation)) {
        err_free(e);
        e = read_document(c, service, &generation, ret);
    }
    if (e == NULL)
        return NULL;
    if (err_code(e) == ERR_CLOUD_NOT_FOUND)
        e = err_recode(CLOUD_ERROR, e, "%s: %s has no page of its versions", cloud_name(c),
                       cloud_service_name(service));
    return err_wrap(e, "%s: cannot read which versions %s offers", cloud_name(c),
                    cloud_service_name(service));
}

static err_t *negotiate(const struct cloud *c, enum cloud_service service, int *ret_minor)
{
    g_autoptr(json_t) document = NULL;
    TRY(document_of(c, service, &document));
    return cloud_version_choose(cloud_name(c), cloud_service_row(service), document, ret_minor);
}

err_t *cloud_version(const struct cloud *c, enum cloud_service service, char **ret)
{
    const struct cloud_service_row *row = cloud_service_row(service);
    g_autofree char *prefix = g_strdup_printf("v%d.", row->major);
    g_autoptr(json_t) document = NULL;
    const char *found = NULL;
    size_t i;
    json_t *entry;

    TRY(document_of(c, service, &document));
    json_array_foreach(json_arr(document, "versions"), i, entry)
    {
        const char *id = json_str_or(entry, "id", "");
        bool current = g_strcmp0(json_str(entry, "status"), "CURRENT") == 0;
        if (g_str_has_prefix(id, prefix) && (found == NULL || current))
            found = id;
    }
    if (found == NULL)
        return err(CLOUD_VERSION, "%s: %s offers no version %d", cloud_name(c), row->name,
                   row->major);
    *ret = g_strdup(found);
    return NULL;
}

err_t *cloud_minor(const struct cloud *c, enum cloud_service service, int *ret)
{
    g_assert(cloud_service_row(service)->header != NULL);
    struct cloud_negotiated *n = cloud_negotiated(c, service);
    err_t *e = NULL;
    g_mutex_lock(&n->lock);
    if (n->minor == 0)
        e = negotiate(c, service, &n->minor);
    if (e == NULL)
        *ret = n->minor;
    g_mutex_unlock(&n->lock);
    return e;
}

err_t *cloud_microversion(const struct cloud *c, enum cloud_service service, char **ret)
{
    int minor = 0;
    const struct cloud_service_row *row = cloud_service_row(service);
    if (row->header == NULL) {
        *ret = g_strdup("");
        return NULL;
    }
    TRY(cloud_minor(c, service, &minor));
    *ret = g_strdup_printf("%d.%d", row->major, minor);
    return NULL;
}

err_t *cloud_microversion_at_least(const struct cloud *c, enum cloud_service service, int minor,
                                   bool *ret)
{
    int used = 0;
    TRY(cloud_minor(c, service, &used));
    *ret = used >= minor;
    return NULL;
}
