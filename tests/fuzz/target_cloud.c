/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cloud - what Keystone, Nova, Cinder, Neutron and Glance answer: a first line "CALL STATUS", the
 * reply's headers, an empty line, its body.  CALL is a function of this room, which gets that reply
 * to all that it asks, or "login", "discover", "versions": what a session asks before.
 */
#include "cloud/cinder.h"
#include "cloud/glance.h"
#include "cloud/keystone.h"
#include "cloud/neutron.h"
#include "cloud/nova.h"
#include "tests/fuzz/fuzz.h"

/* ---- calls ---- */

/* clang-format off */
#define CALLS(X) \
    X(nova_server_get,             nova_server_get(c, "s1", ret)) \
    X(nova_server_list,            nova_server_list(c, NULL, &(bool){false}, ret)) \
    X(nova_attachment_list,        nova_attachment_list(c, "s1", ret)) \
    X(nova_interface_list,         nova_interface_list(c, "s1", ret)) \
    X(nova_server_create,          nova_server_create(c, &(struct nova_new_server){.name = "n", .flavor_id = "1"}, ret)) \
    X(nova_server_delete,          nova_server_delete(c, "s1")) \
    X(nova_server_stop,            nova_server_stop(c, "s1")) \
    X(nova_metadata_delete,        nova_metadata_delete(c, "s1", "k")) \
    X(nova_flavor_list,            nova_flavor_list(c, true, ret)) \
    X(nova_flavor_get,             nova_flavor_get(c, "1", ret)) \
    X(nova_keypair_get,            nova_keypair_get(c, "k", "u1", ret)) \
    X(nova_group_list,             nova_group_list(c, ret)) \
    X(nova_group_get,              nova_group_get(c, "g1", ret)) \
    X(nova_group_create,           nova_group_create(c, "g", "affinity", NULL, ret)) \
    X(nova_zone_list,              nova_zone_list(c, ret)) \
    X(nova_limits,                 nova_limits(c, ret)) \
    X(nova_service_list,           nova_service_list(c, ret)) \
    X(cinder_volume_get,           cinder_volume_get(c, "v1", ret)) \
    X(cinder_volume_list,          cinder_volume_list(c, "p1", "k", "v", ret)) \
    X(cinder_volume_manage,        cinder_volume_manage(c, &(struct cinder_managed_volume){.host = "h@b#p", .ref = ref, .name = "n", .type = "t"}, ret)) \
    X(cinder_manage_check,         cinder_manage_check(c)) \
    X(cinder_manageable_list,      cinder_manageable_list(c, "h@b#p", ret)) \
    X(cinder_type_list,            cinder_type_list(c, ret)) \
    X(cinder_type_find,            cinder_type_find(c, "gold", ret)) \
    X(cinder_type_pools,           type_pools(c, ret)) \
    X(cinder_group_type_list,      group_types(c, ret)) \
    X(cinder_group_create,         cinder_group_create(c, "g", "d", "gt", (const char *const[]){"t", NULL}, NULL, ret)) \
    X(cinder_group_get,            cinder_group_get(c, "g1", ret)) \
    X(cinder_group_list,           cinder_group_list(c, ret)) \
    X(cinder_group_delete,         cinder_group_delete(c, "g1", false)) \
    X(cinder_service_list,         cinder_service_list(c, ret)) \
    X(cinder_pool_list,            pools(c, ret)) \
    X(cinder_quota,                cinder_quota(c, "p1", ret)) \
    X(neutron_network_list,        neutron_network_list(c, NULL, ret)) \
    X(neutron_subnet_list,         neutron_subnet_list(c, NULL, ret)) \
    X(neutron_port_get,            neutron_port_get(c, "p1", ret)) \
    X(neutron_port_list,           neutron_port_list(c, NULL, ret)) \
    X(neutron_port_create,         neutron_port_create(c, &(struct neutron_new_port){.name = "n", .network_id = "n1"}, ret)) \
    X(neutron_security_group_list, neutron_security_group_list(c, NULL, ret)) \
    X(neutron_security_group_create, neutron_security_group_create(c, "g", "d", true, ret)) \
    X(neutron_security_group_rule_create, neutron_security_group_rule_create(c, "g1", ref, ret)) \
    X(neutron_floating_ip_list,    neutron_floating_ip_list(c, NULL, ret)) \
    X(neutron_floating_ip_create,  neutron_floating_ip_create(c, "n1", NULL, NULL, "d", ret)) \
    X(neutron_quota,               neutron_quota(c, "p1", ret)) \
    X(neutron_extension_list,      neutron_extension_list(c, ret)) \
    X(glance_image_get,            glance_image_get(c, "i1", ret)) \
    X(glance_image_list,           glance_image_list(c, "name", ret)) \
    X(keystone_trust_create,       keystone_trust_create(c, "u1", "u2", "p1", (const char *const[]){"member", NULL}, ret)) \
    X(keystone_trust_get,          keystone_trust_get(c, "t1", ret)) \
    X(keystone_trust_list,         keystone_trust_list(c, "u1", ret)) \
    X(keystone_validate,           validate(c, ret)) \
    X(keystone_role_find,          role_find(c, ret)) \
    X(login,                       cloud_call(c, CLOUD_COMPUTE, "GET", "/x", NULL, ret)) \
    X(discover,                    cloud_call(c, CLOUD_COMPUTE, "GET", "/x", NULL, ret)) \
    X(versions,                    versions(c, ret))
/* clang-format on */

static json_t *ref;

static err_t *type_pools(const struct cloud *c, json_t **ret)
{
    g_autoptr(json_t) type = json_pack("{s:s, s:{s:s}}", "name", "gold", "extra_specs",
                                       "volume_backend_name", "backend");

    return cinder_type_pools(c, type, ret);
}

static err_t *pools(const struct cloud *c, json_t **ret)
{
    TRY(cinder_pool_list(c, ret));
    for (size_t i = 0; i < json_array_size(*ret); i++)
        cinder_pool_serves(json_array_get(*ret, i), json_array_get(*ret, 0));
    return NULL;
}

static err_t *group_types(const struct cloud *c, json_t **ret)
{
    TRY(cinder_group_type_list(c, ret));
    cinder_group_type_pick(*ret);
    return NULL;
}

static err_t *validate(const struct cloud *c, json_t **ret)
{
    AUTO(keystone_token) token = NULL;
    g_autofree char *url = NULL;

    TRY(keystone_validate(c, "a-token", false, &token));
    *ret = json_incref(token->json);
    /* its caller names the cloud */
    fuzz_refused(
        keystone_endpoint(token, (const char *const[]){"compute", NULL}, "public", NULL, &url));
    return NULL;
}

static err_t *role_find(const struct cloud *c, json_t **ret G_GNUC_UNUSED)
{
    g_autofree char *id = NULL;

    return keystone_role_find(c, "member", &id);
}

static err_t *versions(const struct cloud *c, json_t **ret G_GNUC_UNUSED)
{
    g_autofree char *nova = NULL;
    g_autofree char *cinder = NULL;
    g_autofree char *neutron = NULL;
    g_autofree char *keystone = NULL;

    fuzz_refused(cloud_microversion(c, CLOUD_COMPUTE, &nova));
    fuzz_refused(cloud_microversion(c, CLOUD_VOLUME, &cinder));
    fuzz_refused(cloud_version(c, CLOUD_NETWORK, &neutron));
    return keystone_version(c, &keystone);
}

#define DEFINE(name, call)                                                                         \
    static err_t *call_##name(const struct cloud *c G_GNUC_UNUSED, json_t **ret G_GNUC_UNUSED)     \
    {                                                                                              \
        return call;                                                                               \
    }
#define ROW(name, call) {#name, call_##name},
CALLS(DEFINE)
static const struct call {
    const char *name;
    err_t *(*fn)(const struct cloud *c, json_t **ret);
} calls[] = {CALLS(ROW)};

/* ---- the cloud ---- */

/* clang-format off */
#define SERVICE(type, where) \
    "{\"type\":\"" type "\",\"name\":\"" type "\",\"endpoints\":[{\"interface\":\"public\",\"region\":\"R\",\"region_id\":" \
    "\"R\",\"url\":\"http://h:" where "\"}]}"
#define VERSION(id, newest) \
    "{\"versions\":[{\"id\":\"" id "\",\"status\":\"CURRENT\",\"version\":\"" newest "\",\"min_version\":\"1.0\"," \
    "\"links\":[{\"rel\":\"self\",\"href\":\"http://h:5000/v3/\"}]}]}"

static const char token[] =
    "{\"token\":{\"methods\":[\"password\"],\"user\":{\"id\":\"u1\",\"name\":\"n\",\"domain\":{\"id\":\"default\",\"name\":\"D\"}},"
    "\"expires_at\":\"2027-11-24T20:00:00.000000Z\",\"issued_at\":\"2025-11-24T16:00:00.000000Z\","
    "\"project\":{\"id\":\"p1\",\"name\":\"prod\",\"domain\":{\"id\":\"default\",\"name\":\"D\"}},"
    "\"roles\":[{\"id\":\"r1\",\"name\":\"admin\"}],\"catalog\":["
    SERVICE("identity", "5000/v3") "," SERVICE("compute", "8774/v2.1") "," SERVICE("volumev3", "8776/v3/p1") ","
    SERVICE("network", "9696") "," SERVICE("image", "9292") "]}}";
/* clang-format on */

#define PASSWORD "s3cret"

struct play {
    const char *mode, *input;
    size_t size;
    struct http_response *reply;
};

static bool is(const struct http_request *req, const char *text)
{
    return strstr(req->url, text) != NULL;
}

/* What a session asks before the call; NULL: it is the call's own. */
static const char *before(const struct http_request *req, const char *mode)
{
    if (g_str_has_suffix(req->url, "/auth/tokens") && strcmp(req->method, "POST") == 0)
        return strcmp(mode, "login") == 0 ? NULL : token;
    if (strcmp(mode, "versions") == 0)
        return NULL;
    if (is(req, ":5000/") && !is(req, "/v3"))
        return strcmp(mode, "discover") == 0 ? NULL : VERSION("v3.14", "3.14");
    if (g_str_has_suffix(req->url, ":8774/v2.1/"))
        return VERSION("v2.1", "2.93");
    return g_str_has_suffix(req->url, ":8776/v3/") ? VERSION("v3.0", "3.70") : NULL;
}

static err_t *answer(void *data, const struct http_request *req, struct http_response **ret)
{
    const struct play *play = data;
    const char *text = before(req, play->mode);
    struct http_response *resp = http_response_create(text != NULL ? 200 : play->reply->status);

    if (text != NULL) {
        http_response_body(resp, "application/json", text, strlen(text));
        http_response_set(resp, "X-Subject-Token", "gAAAA-a-token");
    }
    for (guint i = 0; text == NULL && i < play->reply->headers->len; i++) {
        const struct http_header *h = g_ptr_array_index(play->reply->headers, i);
        http_response_add(resp, h->name, h->value);
    }
    if (text == NULL && play->reply->body != NULL) {
        resp->body = g_memdup2(play->reply->body, play->reply->body_size + 1);
        resp->body_size = play->reply->body_size;
    }
    *ret = resp;
    return NULL;
}

/* ---- the input ---- */

static struct http_response *reply_of(int status, const char *data, size_t size)
{
    struct http_response *resp = http_response_create(status);

    while (size > 0) {
        g_autofree char *line = fuzz_line(&data, &size);
        char *colon = strchr(line, ':');
        if (*line == '\0')
            break;
        if (colon == NULL)
            continue;
        *colon = '\0';
        http_response_add(resp, line, g_strstrip(colon + 1));
    }
    resp->body = g_malloc(size + 1);
    memcpy(resp->body, data, size);
    resp->body[size] = '\0';
    resp->body_size = size;
    return resp;
}

static const struct call *call_of(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++)
        if (strcmp(calls[i].name, name) == 0)
            return &calls[i];
    return NULL;
}

static void run(const struct call *call, struct play *play)
{
    const struct http_transport transport = {.data = play, .send = answer};
    const struct keystone_credentials who = {.method = KEYSTONE_PASSWORD,
                                             .auth_url = strcmp(call->name, "discover") == 0
                                                             ? "http://h:5000"
                                                             : "http://h:5000/v3",
                                             .username = "n",
                                             .password = PASSWORD,
                                             .project_name = "prod"};
    AUTO(cloud_session)
    session = cloud_session_create(&(struct cloud_options){
        .transport = &transport, .env = &fuzz_env, .cloud = "site-a", .credentials = &who});
    struct cloud c = cloud_view(session, "req-1", CLOUD_NO_DEADLINE);
    g_autoptr(json_t) ret = NULL;

    err_t *e = call->fn(&c, &ret);
    if (e != NULL) {
        g_autofree char *text = err_text(e);
        bool theirs = memmem(play->input, play->size, PASSWORD, strlen(PASSWORD)) != NULL;
        FUZZ_MUST(theirs || strstr(text, PASSWORD) == NULL, "the password is told: %s", text);
        FUZZ_MUST(strstr(text, "site-a") != NULL, "nobody knows which cloud: %s", text);
    }
    if (fuzz_refused(e))
        FUZZ_MUST(ret == NULL, "%s: refused, and yet a result", call->name);
}

void fuzz_init(void)
{
    ref = json_pack("{s:s}", "source-name", "volume-1");
}

void fuzz_one(const char *data, size_t size)
{
    g_autofree char *line = fuzz_line(&data, &size);
    char *space = strchr(line, ' ');

    if (space == NULL)
        return;
    *space = '\0';
    const struct call *call = call_of(line);
    int64_t status = 0;
    if (call == NULL || !g_ascii_string_to_signed(space + 1, 10, 100, 599, &status, NULL))
        return;
    AUTO(http_response) reply = reply_of((int)status, data, size);
    run(call, &(struct play){call->name, data, size, reply});
}
