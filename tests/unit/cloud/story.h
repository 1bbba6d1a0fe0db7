/* SPDX-License-Identifier: Apache-2.0 */
/*
 * story - the cloud room's whole road once through, for a simulated and for a real cloud alike: a
 * trust, a volume type, a group, ports, volumes, a server, its capture, lock and stop, and
 * everything deleted again.
 *
 * Waiting is the caller's: 'wait' lets some time pass (a virtual clock, or a sleep).  The project
 * must have a network that is its own; nothing else of it is touched.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "cloud/capture.h"
#include "cloud/cinder.h"
#include "cloud/glance.h"
#include "cloud/keystone.h"
#include "cloud/neutron.h"
#include "cloud/nova.h"

#define STORY_POLLS_MAX 120
#define STORY_KEY       "protector:story"

struct story {
    const struct http_transport *transport;
    const struct env *env;
    const char *cloud;
    struct keystone_credentials tenant;
    struct keystone_credentials service;
    const char *volume_type;
    void (*wait)(void *data);
    void *wait_data;

    struct cloud_session *tenant_session;
    struct cloud_session *service_session;
    struct cloud_session *trust_session;
    struct cloud as_tenant, as_service, as_trust;
    char *trust_id;
    char *project_id;
    char *network_id;
    char *image_id;
    char *flavor_id;
    char *type_id;
    char *group_id;
    char *port_id;
    char *root_id;
    char *data_id;
    char *server_id;
};

#define story_ok(expr)                                                                             \
    do {                                                                                           \
        err_t *story_e_ = (expr);                                                                  \
        if (story_e_ != NULL) {                                                                    \
            char *story_text_ = err_text(story_e_);                                                \
            fail_msg("%s: %s: %s", #expr, err_code_text(story_e_), story_text_);                   \
        }                                                                                          \
    } while (0)

#define story_err(expr, wanted)                                                                    \
    do {                                                                                           \
        g_autoptr(err_t) story_e_ = (expr);                                                        \
        g_autofree char *story_text_ = story_e_ != NULL ? err_text(story_e_) : NULL;               \
        if (story_e_ == NULL || err_code(story_e_) != (wanted))                                    \
            fail_msg("%s gave %s", #expr, story_e_ != NULL ? story_text_ : "no error");            \
    } while (0)

static inline struct cloud_session *story_session(struct story *s,
                                                  const struct keystone_credentials *credentials)
{
    struct cloud_options o = {.transport = s->transport,
                              .env = s->env,
                              .cloud = s->cloud,
                              .credentials = credentials};
    return cloud_session_create(&o);
}

/* ---- identities ---- */

static inline void story_log_in(struct story *s)
{
    s->tenant_session = story_session(s, &s->tenant);
    s->service_session = story_session(s, &s->service);
    s->as_tenant = cloud_view(s->tenant_session, NULL, CLOUD_NO_DEADLINE);
    s->as_service = cloud_view(s->service_session, NULL, CLOUD_NO_DEADLINE);
    story_ok(keystone_version(&s->as_service, NULL));
    story_ok(cloud_project_id(&s->as_tenant, &s->project_id));
    g_autofree char *nova = NULL, *cinder = NULL;
    story_ok(cloud_microversion(&s->as_service, CLOUD_COMPUTE, &nova));
    story_ok(cloud_microversion(&s->as_service, CLOUD_VOLUME, &cinder));
    g_autofree char *role = NULL;
    story_ok(keystone_role_find(&s->as_service, "member", &role));
}

static inline void story_trust(struct story *s)
{
    static const char *const roles[] = {"member", NULL};
    AUTO(keystone_token) tenant = NULL;
    AUTO(keystone_token) service = NULL;
    AUTO(keystone_token) validated = NULL;
    g_autoptr(json_t) trust = NULL, shown = NULL, listed = NULL;
    story_ok(cloud_token(&s->as_tenant, &tenant));
    story_ok(cloud_token(&s->as_service, &service));
    assert_true(keystone_token_has_role(service, "admin"));
    story_ok(keystone_validate(&s->as_service, tenant->id, false, &validated));
    assert_string_equal(validated->user_id, tenant->user_id);
    story_err(keystone_validate(&s->as_service, "nonsense", false, &validated),
              ERR_CLOUD_NOT_FOUND);
    /* the API has only the caller's token */
    struct keystone_credentials given = {.method = KEYSTONE_TOKEN,
                                         .auth_url = s->tenant.auth_url,
                                         .token = tenant->id};
    AUTO(cloud_session) callers = story_session(s, &given);
    struct cloud as_caller = cloud_view(callers, NULL, CLOUD_NO_DEADLINE);
    story_ok(keystone_trust_create(&as_caller, tenant->user_id, service->user_id,
                                   tenant->project_id, roles, &trust));
    s->trust_id = g_strdup(json_str(trust, "id"));
    story_ok(keystone_trust_list(&as_caller, tenant->user_id, &listed));
    assert_non_null(cloud_find(listed, "id", s->trust_id));
    struct keystone_credentials by_trust = s->service;
    by_trust.method = KEYSTONE_TRUST;
    by_trust.project_id = by_trust.project_name = NULL;
    by_trust.trust_id = s->trust_id;
    s->trust_session = story_session(s, &by_trust);
    s->as_trust =
        cloud_view(s->trust_session, "req-01234567-89ab-4cde-8f01-23456789abcd", CLOUD_NO_DEADLINE);
    g_autofree char *project = NULL;
    story_ok(cloud_project_id(&s->as_trust, &project));
    assert_string_equal(project, s->project_id);
    story_ok(keystone_trust_get(&s->as_trust, s->trust_id, &shown));
    json_t *none = NULL;
    story_err(keystone_trust_create(&s->as_trust, tenant->user_id, service->user_id,
                                    tenant->project_id, roles, &none),
              ERR_CLOUD_FORBIDDEN);
}

/* ---- what is there ---- */

static inline void story_look_around(struct story *s)
{
    g_autoptr(json_t) networks = NULL, images = NULL, flavors = NULL, zones = NULL, limits = NULL,
                      volumes = NULL, quota = NULL, extensions = NULL, groups = NULL;
    const char *own[] = {s->project_id, NULL};
    struct neutron_filter filter = {.field = "project_id", .values = own};
    story_ok(neutron_network_list(&s->as_trust, &filter, &networks));
    assert_true(json_array_size(networks) > 0);
    s->network_id = g_strdup(json_str(json_array_get(networks, 0), "id"));
    story_ok(glance_image_list(&s->as_trust, "tiny", &images));
    assert_int_equal(json_array_size(images), 1);
    s->image_id = g_strdup(json_str(json_array_get(images, 0), "id"));
    json_t *flavor = NULL;
    story_ok(nova_flavor_list(&s->as_trust, false, &flavors));
    story_ok(cloud_find_named(&s->as_trust, flavors, "flavor", "m1.tiny", &flavor));
    s->flavor_id = g_strdup(json_str(flavor, "id"));
    story_ok(nova_zone_list(&s->as_trust, &zones));
    story_ok(nova_limits(&s->as_trust, &limits));
    story_ok(cinder_quota(&s->as_trust, s->project_id, &volumes));
    story_ok(neutron_quota(&s->as_trust, s->project_id, &quota));
    story_ok(neutron_extension_list(&s->as_trust, &extensions));
    assert_non_null(cloud_find(extensions, "alias", "security-group"));
    story_ok(nova_group_list(&s->as_trust, &groups));
}

static inline void story_types(struct story *s)
{
    g_autoptr(json_t) type = NULL, plain = NULL, pools = NULL, group_types = NULL, services = NULL;
    story_ok(cinder_type_find(&s->as_service, s->volume_type, &type));
    story_ok(cinder_type_eligible(s->cloud, type, "async"));
    s->type_id = g_strdup(json_str(type, "id"));
    story_ok(cinder_type_find(&s->as_service, "plain", &plain));
    story_err(cinder_type_eligible(s->cloud, plain, NULL), ERR_VOLUME_TYPE_NOT_ELIGIBLE);
    json_t *none = NULL;
    story_err(cinder_type_find(&s->as_service, "no-such-type", &none), ERR_CLOUD_NOT_FOUND);
    story_ok(cinder_type_pools(&s->as_service, type, &pools));
    assert_true(json_array_size(pools) > 0);
    g_autoptr(json_t) manageable = NULL;
    const char *host = json_string_value(json_array_get(pools, 0));
    story_ok(cinder_manageable_list(&s->as_service, host, &manageable));
    story_err(cinder_manageable_list(&s->as_trust, host, &none), ERR_CLOUD_FORBIDDEN);
    story_ok(cinder_manage_check(&s->as_trust));
    story_ok(nova_service_list(&s->as_service, &services));
    story_err(nova_service_list(&s->as_trust, &none), ERR_CLOUD_FORBIDDEN);
    story_ok(cinder_group_type_list(&s->as_service, &group_types));
    json_t *picked = cinder_group_type_pick(group_types);
    assert_non_null(picked);
    const char *const types[] = {s->type_id, NULL};
    g_autoptr(json_t) group = NULL;
    story_ok(cinder_group_create(&s->as_trust, "protector-story", "a test", json_str(picked, "id"),
                                 types, NULL, &group));
    s->group_id = g_strdup(json_str(group, "id"));
}

/* ---- waiting ---- */

typedef err_t *story_get(const struct cloud *c, const char *id, json_t **ret);

/* Until the object has the status.  New reference. */
static inline json_t *story_until(struct story *s, story_get *get, const char *id,
                                  const char *status)
{
    const char *last = "";
    for (int i = 0; i < STORY_POLLS_MAX; i++) {
        g_autoptr(json_t) object = NULL;
        story_ok(get(&s->as_trust, id, &object));
        last = g_intern_string(json_str_or(object, "status", ""));
        if (strcmp(last, status) == 0)
            return TAKE(object);
        if (strcmp(status, "ERROR") != 0 && g_ascii_strcasecmp(last, "error") == 0)
            break;
        s->wait(s->wait_data);
    }
    fail_msg("%s did not become %s: %s", id, status, last);
    return NULL;
}

static inline void story_reaches(struct story *s, story_get *get, const char *id,
                                 const char *status)
{
    json_decref(story_until(s, get, id, status));
}

static inline void story_until_gone(struct story *s, story_get *get, const char *id)
{
    for (int i = 0; i < STORY_POLLS_MAX; i++) {
        g_autoptr(json_t) object = NULL;
        g_autoptr(err_t) e = get(&s->as_trust, id, &object);
        if (e != NULL && err_code(e) == ERR_CLOUD_NOT_FOUND)
            return;
        s->wait(s->wait_data);
    }
    fail_msg("%s does not go away", id);
}

/* ---- a server ---- */

static inline void story_volumes(struct story *s)
{
    g_autoptr(json_t) mark = json_object();
    json_set_str(mark, STORY_KEY, "yes");
    struct cinder_new_volume root = {.size_gib = 1,
                                     .name = "story-root",
                                     .type = s->volume_type,
                                     .image_id = s->image_id,
                                     .metadata = mark};
    struct cinder_new_volume data = {.size_gib = 1,
                                     .name = "story-data",
                                     .type = s->volume_type,
                                     .metadata = mark};
    g_autoptr(json_t) first = NULL, second = NULL, ready = NULL, marked = NULL;
    story_ok(cinder_volume_create(&s->as_trust, &root, &first));
    story_ok(cinder_volume_create(&s->as_trust, &data, &second));
    s->root_id = g_strdup(json_str(first, "id"));
    s->data_id = g_strdup(json_str(second, "id"));
    ready = story_until(s, cinder_volume_get, s->root_id, "available");
    story_reaches(s, cinder_volume_get, s->data_id, "available");
    assert_true(cinder_is_bootable(ready));
    assert_null(cinder_host(ready));
    story_ok(cinder_volume_set_bootable(&s->as_trust, s->data_id, false));
    json_set_str(mark, "more", "1");
    story_ok(cinder_metadata_set(&s->as_trust, s->data_id, mark));
    story_ok(cinder_volume_list(&s->as_trust, NULL, STORY_KEY, "yes", &marked));
    assert_int_equal(json_array_size(marked), 2);
    g_autoptr(json_t) seen = NULL;
    story_ok(cinder_volume_list(&s->as_service, s->project_id, STORY_KEY, "yes", &seen));
    assert_int_equal(json_array_size(seen), 2);
    assert_non_null(cinder_host(json_array_get(seen, 0)));
}

static inline void story_group(struct story *s)
{
    const char *const both[] = {s->root_id, s->data_id, NULL};
    const char *const one[] = {s->data_id, NULL};
    story_reaches(s, cinder_group_get, s->group_id, "available");
    story_ok(cinder_group_update(&s->as_trust, s->group_id, both, NULL));
    g_autoptr(json_t) full = story_until(s, cinder_group_get, s->group_id, "available");
    assert_int_equal(json_array_size(json_arr(full, "volumes")), 2);
    story_err(cinder_volume_delete(&s->as_trust, s->data_id), ERR_CLOUD_CONFLICT);
    story_ok(cinder_group_update(&s->as_trust, s->group_id, NULL, one));
    g_autoptr(json_t) half = story_until(s, cinder_group_get, s->group_id, "available");
    assert_int_equal(json_array_size(json_arr(half, "volumes")), 1);
}

static inline void story_port(struct story *s)
{
    struct neutron_new_port port = {.name = "story-port",
                                    .description = "a test",
                                    .network_id = s->network_id};
    g_autoptr(json_t) made = NULL, found = NULL;
    json_t *none = NULL;
    story_ok(neutron_port_create(&s->as_trust, &port, &made));
    s->port_id = g_strdup(json_str(made, "id"));
    const char *const names[] = {"story-port", NULL};
    struct neutron_filter by_name = {.field = "name", .values = names};
    story_ok(neutron_port_list(&s->as_trust, &by_name, &found));
    assert_int_equal(json_array_size(found), 1);
    g_autoptr(json_t) same =
        json_pack("[{s:s}]", "ip_address",
                  json_str(json_array_get(json_arr(made, "fixed_ips"), 0), "ip_address"));
    port.fixed_ips = same;
    story_err(neutron_port_create(&s->as_trust, &port, &none), ERR_CLOUD_ADDRESS_TAKEN);
    port.fixed_ips = NULL;
    port.project_id = s->project_id;
    port.mac_address = json_str(made, "mac_address");
    story_err(neutron_port_create(&s->as_service, &port, &none), ERR_CLOUD_ADDRESS_TAKEN);
}

static inline struct nova_new_server story_server(struct story *s,
                                                  const struct nova_boot_volume *volumes,
                                                  const char *const *ports, const json_t *metadata)
{
    return (struct nova_new_server){
        .name = "story",
        .flavor_id = s->flavor_id,
        .user_data = "I2Nsb3VkLWNvbmZpZwo=",
        .config_drive = true,
        .ports = ports,
        .port_count = 1,
        .volumes = volumes,
        .volume_count = 2,
        .metadata = metadata,
    };
}

static inline void story_boot(struct story *s)
{
    const struct nova_boot_volume volumes[] = {
        {.volume_id = s->root_id, .device = "/dev/vda", .boot_index = 0},
        {.volume_id = s->data_id, .device = "/dev/vdb", .boot_index = -1},
    };
    const char *const ports[] = {s->port_id};
    g_autoptr(json_t) epoch = json_pack("{s:s}", NOVA_KEY_EPOCH, "2");
    g_autoptr(json_t) tags = json_pack("[s]", "story");
    struct nova_new_server server = story_server(s, volumes, ports, epoch);
    server.tags = tags;
    g_autoptr(json_t) made = NULL;
    json_t *again = NULL;
    story_ok(nova_server_create(&s->as_trust, &server, &made));
    s->server_id = g_strdup(json_str(made, "id"));
    g_autoptr(json_t) running = story_until(s, nova_server_get, s->server_id, "ACTIVE");
    assert_string_equal(nova_metadata(running, NOVA_KEY_EPOCH), "2");
    assert_string_equal(json_str(running, "tenant_id"), s->project_id);
    /* the rule that a server cannot be made twice: its port is in use (or its volumes are) */
    g_autoptr(err_t) e = nova_server_create(&s->as_trust, &server, &again);
    assert_non_null(e);
    assert_true(err_code(e) == ERR_CLOUD_CONFLICT || err_code(e) == ERR_CLOUD_BAD_REQUEST);
    story_ok(nova_metadata_delete(&s->as_trust, s->server_id, "none"));
    g_autoptr(json_t) own = NULL, admins = NULL;
    story_ok(nova_server_list(&s->as_trust, NULL, NULL, &own));
    assert_non_null(cloud_find(own, "id", s->server_id));
    story_ok(nova_server_list(&s->as_service, s->project_id, NULL, &admins));
    assert_int_equal(json_array_size(own), json_array_size(admins));
}

static inline void story_capture(struct story *s)
{
    g_autoptr(json_t) capture = NULL, interfaces = NULL;
    story_ok(capture_server(&s->as_service, &s->as_trust, s->server_id, &capture));
    assert_string_equal(json_str(capture, "user_data"), "I2Nsb3VkLWNvbmZpZwo=");
    assert_true(json_bool(capture, "config_drive", false));
    assert_string_equal(json_string_value(json_array_get(json_arr(capture, "tags"), 0)), "story");
    assert_string_equal(json_str_at(capture, "flavor/name"), "m1.tiny");
    assert_int_equal(json_array_size(json_arr(capture, "volumes")), 2);
    const json_t *root = json_array_get(json_arr(capture, "volumes"), 0);
    assert_string_equal(json_str(root, "id"), s->root_id);
    assert_string_equal(json_str(root, "device"), "/dev/vda");
    assert_string_equal(json_str(root, "group_id"), s->group_id);
    assert_string_equal(json_str_at(capture, "image/name"), "tiny");
    const json_t *port = json_array_get(json_arr(capture, "ports"), 0);
    assert_string_equal(json_str(port, "id"), s->port_id);
    assert_non_null(json_str(port, "network_name"));
    assert_true(json_array_size(json_arr(capture, "security_groups")) > 0);
    g_autofree char *backend = cinder_backend(json_str(root, "host"));
    struct capture_rules rules = {.site = s->cloud,
                                  .volume_type = s->volume_type,
                                  .backend = backend,
                                  .group_id = s->group_id};
    story_ok(capture_refusal(&rules, capture));
    rules.volume_type = "plain";
    story_err(capture_refusal(&rules, capture), ERR_MEMBER_VOLUME_TYPE);
    story_ok(nova_interface_list(&s->as_trust, s->server_id, &interfaces));
    assert_int_equal(json_array_size(interfaces), 1);
}

static inline void story_stop(struct story *s)
{
    story_ok(nova_server_lock(&s->as_service, s->server_id, "protector: a test"));
    story_err(nova_server_stop(&s->as_trust, s->server_id), ERR_CLOUD_CONFLICT);
    story_ok(nova_server_stop(&s->as_service, s->server_id));
    g_autoptr(json_t) off = story_until(s, nova_server_get, s->server_id, "SHUTOFF");
    assert_true(nova_is_locked(off));
    assert_string_equal(json_str(off, "locked_reason"), "protector: a test");
    story_err(nova_server_stop(&s->as_service, s->server_id), ERR_CLOUD_CONFLICT);
    story_ok(nova_server_unlock(&s->as_service, s->server_id));
    story_ok(nova_server_start(&s->as_trust, s->server_id));
    story_reaches(s, nova_server_get, s->server_id, "ACTIVE");
}

/* ---- and away ---- */

static inline void story_clean_up(struct story *s)
{
    const char *const one[] = {s->root_id, NULL};
    story_ok(nova_server_delete(&s->as_trust, s->server_id));
    story_until_gone(s, nova_server_get, s->server_id);
    story_ok(nova_server_delete(&s->as_trust, s->server_id));
    g_autoptr(json_t) port = NULL;
    story_ok(neutron_port_get(&s->as_trust, s->port_id, &port)); /* made before: it stays */
    story_ok(neutron_port_delete(&s->as_trust, s->port_id));
    story_ok(neutron_port_delete(&s->as_trust, s->port_id));
    story_reaches(s, cinder_volume_get, s->root_id, "available");
    story_reaches(s, cinder_volume_get, s->data_id, "available");
    story_ok(cinder_group_update(&s->as_trust, s->group_id, NULL, one));
    story_reaches(s, cinder_group_get, s->group_id, "available");
    story_ok(cinder_group_delete(&s->as_trust, s->group_id, false));
    story_until_gone(s, cinder_group_get, s->group_id);
    story_ok(cinder_volume_delete(&s->as_trust, s->root_id));
    story_ok(cinder_volume_delete(&s->as_trust, s->data_id));
    story_until_gone(s, cinder_volume_get, s->root_id);
    story_until_gone(s, cinder_volume_get, s->data_id);
    story_ok(cinder_volume_delete(&s->as_trust, s->data_id));
}

static inline void story_end_trust(struct story *s)
{
    json_t *none = NULL;
    story_ok(keystone_trust_delete(&s->as_tenant, s->trust_id));
    story_ok(keystone_trust_delete(&s->as_tenant, s->trust_id));
    cloud_session_forget(s->trust_session);
    story_err(nova_zone_list(&s->as_trust, &none), ERR_CLOUD_TRUST_INVALID);
}

static inline void story_fini(struct story *s)
{
    cloud_session_destroy(s->tenant_session);
    cloud_session_destroy(s->service_session);
    cloud_session_destroy(s->trust_session);
    char *const texts[] = {s->trust_id,  s->project_id, s->network_id, s->image_id,
                           s->flavor_id, s->type_id,    s->group_id,   s->port_id,
                           s->root_id,   s->data_id,    s->server_id};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
}

static inline void story_run(struct story *s)
{
    story_log_in(s);
    story_trust(s);
    story_look_around(s);
    story_types(s);
    story_volumes(s);
    story_group(s);
    story_port(s);
    story_boot(s);
    story_capture(s);
    story_stop(s);
    story_clean_up(s);
    story_end_trust(s);
    story_fini(s);
}
