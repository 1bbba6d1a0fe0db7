/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture - gathers, in at most eleven calls, what capture_form.c needs.
 *
 * The service account is asked only for what tenants are not shown: the server's user_data and root
 * device, the hosts of volumes, another user's public key.
 */
#include "cloud/capture.h"

#include <string.h>

#include "cloud/capture_internal.h"
#include "cloud/cinder.h"
#include "cloud/glance.h"
#include "cloud/neutron.h"
#include "cloud/nova.h"

void capture_facts_fini(struct capture_facts *f)
{
    json_decref(f->server);
    json_decref(f->attachments);
    json_decref(f->volumes);
    json_decref(f->ports);
    json_decref(f->floating_ips);
    json_decref(f->security_groups);
    json_decref(f->networks);
    json_decref(f->subnets);
    json_decref(f->keypair);
    json_decref(f->server_group);
    json_decref(f->image);
}

/* The different texts at 'field' of the items, NULL-ended; each borrowed.  Free the array only. */
static const char **texts_of(const json_t *items, const char *field, GPtrArray *more)
{
    GPtrArray *texts = g_ptr_array_new();
    size_t i;
    json_t *item;
    json_array_foreach(items, i, item)
    {
        const char *text = json_str(item, field);
        if (text != NULL && !g_ptr_array_find_with_equal_func(texts, text, g_str_equal, NULL))
            g_ptr_array_add(texts, (char *)text);
    }
    for (guint n = 0; more != NULL && n < more->len; n++)
        if (!g_ptr_array_find_with_equal_func(texts, more->pdata[n], g_str_equal, NULL))
            g_ptr_array_add(texts, more->pdata[n]);
    g_ptr_array_add(texts, NULL);
    return (const char **)g_ptr_array_free(texts, FALSE);
}

/* Turns "gone" into NULL: what a server names may have been deleted since. */
static err_t *gone_is_null(err_t *e, json_t **ret)
{
    if (e != NULL && err_code(e) == ERR_CLOUD_NOT_FOUND)
        *ret = NULL;
    return cloud_gone_is_fine(e);
}

static err_t *gather_server(const struct cloud *service, const struct cloud *tenant,
                            const char *server_id, struct capture_facts *f)
{
    g_autofree char *project = NULL;
    TRY(cloud_project_id(tenant, &project));
    TRY(nova_server_get(service, server_id, &f->server));
    if (g_strcmp0(json_str(f->server, "tenant_id"), project) != 0)
        return err(CLOUD_NOT_FOUND, "%s: Instance %s could not be found.", cloud_name(tenant),
                   server_id);
    TRY(nova_attachment_list(tenant, server_id, &f->attachments));
    return cinder_volume_list(service, project, NULL, NULL, &f->volumes);
}

static err_t *gather_network(const struct cloud *tenant, const char *server_id,
                             struct capture_facts *f)
{
    const char *device[] = {server_id, NULL};
    struct neutron_filter of_server = {.field = "device_id", .values = device};
    TRY(neutron_port_list(tenant, &of_server, &f->ports));
    g_autofree const char **ports = texts_of(f->ports, "id", NULL);
    struct neutron_filter of_ports = {.field = "port_id", .values = ports};
    TRY(neutron_floating_ip_list(tenant, &of_ports, &f->floating_ips));
    TRY(neutron_security_group_list(tenant, NULL, &f->security_groups));
    g_autoptr(GPtrArray) outer = g_ptr_array_new();
    g_autofree const char **floating = texts_of(f->floating_ips, "floating_network_id", NULL);
    for (const char **p = floating; *p != NULL; p++)
        g_ptr_array_add(outer, (char *)*p);
    g_autofree const char **ids = texts_of(f->ports, "network_id", outer);
    struct neutron_filter by_id = {.field = "id", .values = ids};
    struct neutron_filter by_network = {.field = "network_id", .values = ids};
    TRY(neutron_network_list(tenant, &by_id, &f->networks));
    return neutron_subnet_list(tenant, &by_network, &f->subnets);
}

static err_t *gather_rest(const struct cloud *service, const struct cloud *tenant,
                          struct capture_facts *f)
{
    const char *key = json_str(f->server, "key_name");
    const char *user = json_str(f->server, "user_id");
    const char *group = json_string_value(json_array_get(json_arr(f->server, "server_groups"), 0));
    const char *image = json_str_at(f->server, "image/id");
    if (key != NULL)
        TRY(gone_is_null(nova_keypair_get(service, key, user, &f->keypair), &f->keypair));
    if (group != NULL)
        TRY(gone_is_null(nova_group_get(tenant, group, &f->server_group), &f->server_group));
    if (image != NULL)
        TRY(gone_is_null(glance_image_get(tenant, image, &f->image), &f->image));
    return NULL;
}

static err_t *gather(const struct cloud *service, const struct cloud *tenant, const char *server_id,
                     struct capture_facts *f)
{
    TRY(gather_server(service, tenant, server_id, f));
    TRY(gather_network(tenant, server_id, f));
    return gather_rest(service, tenant, f);
}

err_t *capture_server(const struct cloud *service, const struct cloud *tenant,
                      const char *server_id, json_t **ret)
{
    struct capture_facts facts = {0};
    err_t *e = gather(service, tenant, server_id, &facts);
    if (e == NULL)
        e = capture_form(cloud_name(tenant), &facts, ret);
    capture_facts_fini(&facts);
    if (e == NULL)
        return NULL;
    return err_wrap(e, "cannot read the configuration of server %s at %s", server_id,
                    cloud_name(tenant));
}
