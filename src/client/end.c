/* SPDX-License-Identifier: Apache-2.0 */
/* end - one site as the client sees it: logged in at its Keystone, its Protector found, requests.
 */
#include "client/client_internal.h"

#include <stdarg.h>
#include <string.h>

#define REQUEST_ID "x-openstack-request-id"

/* ---- time ---- */

void client_deadline(struct protector_client *c, int64_t ms)
{
    c->deadline_mono_ms = ms > 0 ? env_mono_ms(c->env) + ms : 0;
}

err_t *client_time_left(const struct protector_client *c)
{
    if (c->deadline_mono_ms == 0 || env_mono_ms(c->env) < c->deadline_mono_ms)
        return NULL;
    return err(TIMEOUT, "it took too long and was left; any later command goes on with it");
}

/* What is left of the time, at most 'ms'. */
static int64_t time_for(const struct protector_client *c, int64_t ms)
{
    return c->deadline_mono_ms == 0 ? ms : CLAMP(c->deadline_mono_ms - env_mono_ms(c->env), 1, ms);
}

/* ---- Keystone ---- */

static void domain_set(json_t *into, const json_t *auth, const char *who)
{
    g_autofree char *id = g_strdup_printf("%s_domain_id", who);
    g_autofree char *name = g_strdup_printf("%s_domain_name", who);
    json_t *domain = json_object();

    if (json_str(auth, id) != NULL)
        json_set_str(domain, "id", json_str(auth, id));
    else if (json_str(auth, name) != NULL || json_str(auth, "domain_name") != NULL)
        json_set_str(domain, "name", json_str_or(auth, name, json_str(auth, "domain_name")));
    else
        json_set_str(domain, "id", "default");
    json_set(into, "domain", domain);
}

static json_t *password_identity(const json_t *auth)
{
    json_t *user = json_object();

    json_set_str(user, "password", json_str_or(auth, "password", ""));
    if (json_str(auth, "user_id") != NULL) {
        json_set_str(user, "id", json_str(auth, "user_id"));
    } else {
        json_set_str(user, "name", json_str_or(auth, "username", ""));
        domain_set(user, auth, "user");
    }
    return json_pack("{s:[s], s:{s:o}}", "methods", "password", "password", "user", user);
}

static json_t *identity_of(const json_t *auth)
{
    const char *credential = json_str(auth, "application_credential_id");
    const char *token = json_str(auth, "token");

    if (credential != NULL)
        return json_pack("{s:[s], s:{s:s, s:s}}", "methods", "application_credential",
                         "application_credential", "id", credential, "secret",
                         json_str_or(auth, "application_credential_secret", ""));
    if (token != NULL && json_str(auth, "password") == NULL)
        return json_pack("{s:[s], s:{s:s}}", "methods", "token", "token", "id", token);
    return password_identity(auth);
}

static json_t *login_body(const json_t *auth)
{
    json_t *inner = json_object();
    json_t *project = json_object();

    json_set(inner, "identity", identity_of(auth));
    if (json_str(auth, "project_id") != NULL) {
        json_set_str(project, "id", json_str(auth, "project_id"));
    } else if (json_str(auth, "project_name") != NULL) {
        json_set_str(project, "name", json_str(auth, "project_name"));
        domain_set(project, auth, "project");
    }
    if (json_object_size(project) > 0 && json_str(auth, "application_credential_id") == NULL)
        json_set(inner, "scope", json_pack("{s:o}", "project", project));
    else
        json_decref(project);
    return json_pack("{s:o}", "auth", inner);
}

static err_t *tls_setup(struct end *end, const char *url)
{
    const char *cafile = json_str(end->entry, "cacert");
    const char *verify = json_str_or(end->entry, "verify", "true");
    bool insecure =
        g_ascii_strcasecmp(verify, "false") == 0 || g_ascii_strcasecmp(verify, "no") == 0;

    if (end->client->trust == NULL || (cafile == NULL && !insecure))
        return NULL;
    g_autofree char *origin = url_origin(url);
    return end->client->trust(end->client->owned_transport, origin != NULL ? origin : url, cafile,
                              insecure);
}

/* The public (or asked for) endpoint of type protector in the region; without the project. */
static err_t *endpoint_find(struct end *end)
{
    size_t i, k;
    json_t *service, *e;
    const char *found = NULL;

    json_array_foreach(json_arr(end->token_body, "catalog"), i, service)
    {
        if (g_strcmp0(json_str(service, "type"), "protector") != 0)
            continue;
        json_array_foreach(json_arr(service, "endpoints"), k, e)
        {
            bool region = end->region == NULL ||
                          g_strcmp0(json_str(e, "region_id"), end->region) == 0 ||
                          g_strcmp0(json_str(e, "region"), end->region) == 0;
            if (found == NULL && region && /* of several the first, as OpenStack's clients do */
                g_strcmp0(json_str(e, "interface"), end->interface) == 0)
                found = json_str(e, "url");
        }
    }
    if (found == NULL)
        return err_remedy(err(CLIENT_ENDPOINT,
                              "the catalog of cloud '%s' has no %s endpoint of type protector%s%s",
                              end->cloud, end->interface, end->region ? " in region " : "",
                              end->region ? end->region : ""),
                          "register it: openstack service create --name protector protector; "
                          "openstack endpoint create …");
    const char *v1 = strstr(found, "/v1");
    end->endpoint = v1 != NULL ? g_strndup(found, (gsize)(v1 - found) + 3) : url_join(found, "v1");
    return tls_setup(end, end->endpoint);
}

static err_t *keystone_failed(const struct end *end, const struct http_response *resp)
{
    g_autoptr(json_t) body = NULL;
    g_autoptr(err_t) no = resp->body != NULL
                              ? json_parse(resp->body, resp->body_size, "Keystone's answer", &body)
                              : NULL;
    const char *text = json_str_at(body, "error/message");

    const char *request = http_response_get(resp, REQUEST_ID);

    (void)no;
    if (resp->status == 401)
        return err_remedy(
            err_detail(err(UNAUTHORIZED,
                           "Keystone of cloud '%s' (%s) refuses these credentials (401)",
                           end->cloud, end->auth_url),
                       "request_id", request),
            "check user, password, project and domains of the entry '%s' in clouds.yaml",
            end->cloud);
    return err_detail(err(UNAVAILABLE, "Keystone of cloud '%s' answers %d%s%s", end->cloud,
                          resp->status, text != NULL ? ": " : "", text != NULL ? text : ""),
                      "request_id", request);
}

/* An address of Keystone's v3.  Caller frees. */
static char *keystone_url(const struct end *end, const char *path)
{
    bool v3 = g_str_has_suffix(end->auth_url, "/v3") || g_str_has_suffix(end->auth_url, "/v3/");
    g_autofree char *below = g_strconcat(v3 ? "" : "v3/", path, NULL);

    return url_join(end->auth_url, below);
}

err_t *end_project_check(struct end *end, const char *project_id)
{
    AUTO(http_response) resp = NULL;

    TRY(end_login(end));
    if (end->auth_url == NULL) /* the host's own session: nobody said where Keystone is */
        return NULL;
    g_autofree char *id = url_encode(project_id);
    g_autofree char *path = g_strconcat("projects/", id, NULL);
    g_autofree char *url = keystone_url(end, path);
    TRY(tls_setup(end, url));
    AUTO(http_request) req = http_request_create("GET", url);
    http_request_set(req, "X-Auth-Token", end->token);
    http_request_set(req, "Accept", "application/json");
    req->connect_timeout_ms = time_for(end->client, CLIENT_CONNECT_TIMEOUT_MS);
    req->timeout_ms = time_for(end->client, CLIENT_TIMEOUT_MS);
    err_t *e = http_send(end->client->transport, req, &resp);
    if (e != NULL)
        return err_wrap(e, "Keystone of cloud '%s' (%s) does not answer", end->cloud,
                        end->auth_url);
    if (resp->status == 404)
        return err_remedy(err(NOT_FOUND, "cloud '%s' has no project with the id '%s'", end->cloud,
                              project_id),
                          "an id is needed, not a name: openstack --os-cloud %s project list",
                          end->cloud);
    if (resp->status == 200 || resp->status == 401 || resp->status == 403)
        return NULL;
    return err(UNAVAILABLE, "Keystone of cloud '%s' answers %d when asked for project '%s'",
               end->cloud, resp->status, project_id);
}

static void token_forget(struct end *end)
{
    g_clear_pointer(&end->token, g_free);
    g_clear_pointer(&end->project_id, g_free);
    g_clear_pointer(&end->user_id, g_free);
    json_decref(end->token_body);
    end->token_body = NULL;
}

/* A login is whole or none: who comes next asks for it again. */
static err_t *login_read(struct end *end, const struct http_response *resp)
{
    g_autoptr(json_t) body = NULL;
    const char *token = http_response_get(resp, "X-Subject-Token");

    TRY(json_parse(resp->body != NULL ? resp->body : "", resp->body_size, "Keystone's answer",
                   &body));
    if (token == NULL || json_obj(body, "token") == NULL)
        return err_remedy(err(NET_PROTOCOL, "%s of cloud '%s' answers a login without a token",
                              end->auth_url, end->cloud),
                          "look whether auth_url of the entry '%s' in clouds.yaml is Keystone's",
                          end->cloud);
    const char *project = json_str_at(json_obj(body, "token"), "project/id");
    if (end->session_project != NULL && g_strcmp0(project, end->session_project) != 0)
        return err_remedy(err(CLIENT_CLOUD,
                              "the entry of cloud '%s' is of another project (%s) than the session "
                              "that was given (%s), and the session cannot be renewed with it",
                              end->cloud, project != NULL ? project : "none", end->session_project),
                          "say it again with a new session, or name the entry that it is of; what "
                          "was begun goes on by itself");
    token_forget(end);
    end->token = g_strdup(token);
    end->token_body = json_incref(json_obj(body, "token"));
    end->project_id = g_strdup(json_str_at(end->token_body, "project/id"));
    end->user_id = g_strdup(json_str_at(end->token_body, "user/id"));
    err_t *e = end->endpoint == NULL ? endpoint_find(end) : NULL;
    if (e != NULL)
        token_forget(end);
    return e;
}

static err_t *logged_in(struct end *end)
{
    AUTO(http_response) resp = NULL;

    if (end->token != NULL)
        return NULL;
    g_autofree char *url = keystone_url(end, "auth/tokens");
    AUTO(http_request) req = http_request_create("POST", url);
    g_autoptr(json_t) login = login_body(json_obj(end->entry, "auth"));
    TRY(tls_setup(end, url));
    http_request_json(req, login);
    req->connect_timeout_ms = time_for(end->client, CLIENT_CONNECT_TIMEOUT_MS);
    req->timeout_ms = time_for(end->client, CLIENT_TIMEOUT_MS);
    err_t *e = http_send(end->client->transport, req, &resp);
    if (e != NULL)
        return err_wrap(e, "Keystone of cloud '%s' (%s) does not answer", end->cloud,
                        end->auth_url);
    if (resp->status != 201)
        return keystone_failed(end, resp);
    return login_read(end, resp);
}

/* Whoever is told that a site does not answer may have to know which one.  Takes 'e'. */
static err_t *whose(const struct end *end, err_t *e)
{
    return e != NULL && err_detail_get(e, "end") == NULL ? err_detail(e, "end", end->cloud) : e;
}

err_t *end_login(struct end *end)
{
    return whose(end, logged_in(end));
}

/* The token that was given serves on if there is no other. */
err_t *end_catalog(struct end *end)
{
    if (end->token_body != NULL || end->entry == NULL)
        return end_login(end);
    g_autofree char *given = g_steal_pointer(&end->token);
    err_t *e = end_login(end);
    if (e != NULL && end->token == NULL)
        end->token = g_steal_pointer(&given);
    return e;
}

/* ---- version ---- */

#define CLIENT_MINOR_MAX 1 /* highest 1.x that this client understands */

/* "1.4" -> 4; -1 if it is none of 1.x. */
static int minor_of(const char *text)
{
    gint64 minor = -1;

    if (text == NULL || !g_str_has_prefix(text, "1.") ||
        !g_ascii_string_to_signed(text + 2, 10, 0, G_MAXINT16, &minor, NULL))
        return -1;
    return (int)minor;
}

err_t *end_range(struct end *end, json_t **ret)
{
    AUTO(http_response) resp = NULL;
    g_autoptr(json_t) body = NULL;

    *ret = end->range;
    if (end->range != NULL)
        return NULL;
    TRY(client_time_left(end->client));
    TRY(end_login(end));
    AUTO(http_request) req = http_request_create("GET", end->endpoint);
    http_request_set(req, "Accept", "application/json");
    req->connect_timeout_ms = time_for(end->client, CLIENT_CONNECT_TIMEOUT_MS);
    req->timeout_ms = time_for(end->client, CLIENT_TIMEOUT_MS);
    err_t *e = http_send(end->client->transport, req, &resp);
    if (e != NULL)
        return err_wrap(e, "Protector of cloud '%s' (%s) does not answer", end->cloud,
                        end->endpoint);
    if (resp->status != 200)
        return err(UNAVAILABLE, "%s of cloud '%s' answers %d, not the versions of Protector",
                   end->endpoint, end->cloud, resp->status);
    TRY(json_parse(resp->body != NULL ? resp->body : "", resp->body_size, "the version document",
                   &body));
    const json_t *v = json_array_get(json_arr(body, "versions"), 0);
    end->range = json_object();
    json_set_str(end->range, "min", json_str_or(v, "min_version", "?"));
    json_set_str(end->range, "max", json_str_or(v, "version", "?"));
    *ret = end->range;
    return NULL;
}

/* What the user asks for, or NULL: the highest that both know. */
static const char *version_wanted(const struct protector_client *c)
{
    const char *wanted = c->o.api_version != NULL
                             ? c->o.api_version
                             : c->o.getenv(c->o.data, "OS_PROTECTOR_API_VERSION");

    return wanted != NULL && *wanted != '\0' && !g_str_equal(wanted, "latest") ? wanted : NULL;
}

/* Each site has its own range: one may be upgraded before the other. */
static err_t *version_choose(struct end *end)
{
    const char *wanted = version_wanted(end->client);
    json_t *range = NULL;

    if (end->minor >= 0)
        return NULL;
    TRY(end_range(end, &range));
    int min = minor_of(json_str(range, "min")), max = minor_of(json_str(range, "max"));
    int want = wanted != NULL ? minor_of(wanted) : MIN(max, CLIENT_MINOR_MAX);
    if (want < 0 || want < min || want > MIN(max, CLIENT_MINOR_MAX) || max < 0)
        return err_remedy(err(NOT_ACCEPTABLE,
                              "API version %s cannot be used with Protector of cloud '%s': it "
                              "speaks %s to %s, this client 1.0 to 1.%d",
                              wanted != NULL ? wanted : "1.x", end->cloud,
                              json_str_or(range, "min", "?"), json_str_or(range, "max", "?"),
                              CLIENT_MINOR_MAX),
                          "upgrade the older of the two, or ask for a version that both speak");
    end->minor = want;
    return NULL;
}

/* ---- requests ---- */

/* A fault as an error: the server's code if we know it, its words, remedy and details. */
static err_t *fault(const struct end *end, const struct ask *ask, const struct http_response *resp)
{
    g_autoptr(json_t) body = NULL;
    g_autoptr(err_t) no = resp->body != NULL && resp->body_size > 0
                              ? json_parse(resp->body, resp->body_size, "the answer", &body)
                              : NULL;
    const json_t *row = json_array_get(json_arr(body, "errors"), 0);
    enum err_code code = row != NULL ? err_code_of(json_str_or(row, "code", "")) : ERR_COUNT;
    const char *request = http_response_get(resp, REQUEST_ID);
    const char *key;
    json_t *value;

    (void)no;
    if (row == NULL)
        return err_detail(err(UNAVAILABLE, "Protector of cloud '%s' answers %d to %s %s",
                              end->cloud, resp->status, ask->method, ask->path),
                          "request_id", request);
    const char *words = json_str_or(row, "detail", json_str_or(row, "title", ""));
    err_t *e = err_make(__FILE__, __LINE__, code == ERR_COUNT ? ERR_CONFLICT : code, "%s",
                        *words != '\0' ? words : "refused");
    if (json_str(row, "remedy") != NULL)
        e = err_remedy(e, "%s", json_str(row, "remedy"));
    json_object_foreach(json_obj(row, "details"), key, value)
    {
        if (json_is_string(value))
            e = err_detail(e, key, json_string_value(value));
    }
    e = err_detail(e, "request_id", json_str_or(row, "request_id", request));
    return code == ERR_UNAVAILABLE ? err_wrap(e, "Protector of cloud '%s' answers %d to %s %s",
                                              end->cloud, resp->status, ask->method, ask->path)
                                   : e;
}

static struct http_request *request_for(const struct end *end, const struct ask *ask)
{
    g_autofree char *path =
        ask->admin ? g_strdup(ask->path)
                   : g_strdup_printf("%s/%s", end->project != NULL ? end->project : end->project_id,
                                     ask->path);
    g_autofree char *url = url_join(end->endpoint, path);
    struct http_request *req = http_request_create(ask->method, url);

    http_request_set(req, "X-Auth-Token", end->token);
    http_request_set(req, "Accept", "application/json");
    g_autofree char *version = g_strdup_printf("protector 1.%d", end->minor);
    http_request_set(req, "OpenStack-API-Version", version);
    if (ask->body != NULL)
        http_request_json(req, ask->body);
    if (ask->if_match != NULL)
        http_request_set(req, "If-Match", ask->if_match);
    if (ask->nonce != NULL)
        http_request_set(req, "Protector-Peer", ask->nonce);
    if (ask->idempotency_key != NULL)
        http_request_set(req, "Idempotency-Key", ask->idempotency_key);
    req->connect_timeout_ms = time_for(end->client, CLIENT_CONNECT_TIMEOUT_MS);
    req->timeout_ms =
        time_for(end->client, ask->timeout_ms > 0 ? ask->timeout_ms : CLIENT_TIMEOUT_MS);
    return req;
}

static err_t *send_once(struct end *end, const struct ask *ask, struct http_response **ret)
{
    TRY(client_time_left(end->client));
    TRY(end_login(end));
    if (!ask->admin && end->project == NULL && end->project_id == NULL)
        return err_remedy(err(CLIENT_CLOUD,
                              "the login at cloud '%s' is of no project: %s %s is "
                              "asked of one",
                              end->cloud, ask->method, ask->path),
                          "name the project in the entry '%s' of clouds.yaml", end->cloud);
    TRY(version_choose(end));
    AUTO(http_request) req = request_for(end, ask);
    err_t *e = http_send(end->client->transport, req, ret);

    return e != NULL ? err_wrap(e, "Protector of cloud '%s' (%s) does not answer", end->cloud,
                                end->endpoint)
                     : NULL;
}

/* An answer that makes no sense: something else than Protector, or a proxy, has spoken. */
static err_t *senseless(const struct end *end, const struct ask *ask, const char *lacks)
{
    return err_remedy(err(NET_PROTOCOL, "Protector of cloud '%s' answers %s %s without %s",
                          end->cloud, ask->method, ask->path, lacks),
                      "look whether %s is Protector's address and no proxy answers there",
                      end->endpoint);
}

static err_t *body_read(const struct end *end, const struct ask *ask,
                        const struct http_response *resp, json_t **ret)
{
    g_autoptr(json_t) body = NULL;

    *ret = NULL;
    if (resp->body == NULL || resp->body_size == 0)
        return NULL;
    TRY(json_parse(resp->body, resp->body_size, "the answer of Protector", &body));
    if (!json_is_object(body))
        return senseless(end, ask, "an object");
    *ret = TAKE(body);
    return NULL;
}

static err_t *asked(struct end *end, const struct ask *ask, json_t **ret, int *ret_status)
{
    AUTO(http_response) resp = NULL;

    TRY(send_once(end, ask, &resp));
    if (resp->status == 401 && end->entry != NULL) { /* the token may have expired: once more */
        http_response_destroy(TAKE(resp));
        token_forget(end);
        TRY(send_once(end, ask, &resp));
    }
    const char *outbox = http_response_get(resp, "Protector-Outbox");
    if (outbox != NULL)
        end->outbox = g_ascii_strtoll(outbox, NULL, 10);
    if (resp->status < 200 || resp->status > 299)
        return fault(end, ask, resp);
    if (ret_status != NULL)
        *ret_status = resp->status;
    return ret != NULL ? body_read(end, ask, resp, ret) : NULL;
}

err_t *end_ask(struct end *end, const struct ask *ask, json_t **ret, int *ret_status)
{
    return whose(end, asked(end, ask, ret, ret_status));
}

err_t *end_get(struct end *end, json_t **ret, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *path = g_strdup_vprintf(format, args);
    va_end(args);
    struct ask ask = {.method = "GET", .path = path, .admin = g_str_has_prefix(path, "admin/")};
    return end_ask(end, &ask, ret, NULL);
}

err_t *end_get_object(struct end *end, const char *key, json_t **ret, const char *format, ...)
{
    g_autoptr(json_t) reply = NULL;
    va_list args;

    *ret = NULL;
    va_start(args, format);
    g_autofree char *path = g_strdup_vprintf(format, args);
    va_end(args);
    struct ask ask = {.method = "GET", .path = path, .admin = g_str_has_prefix(path, "admin/")};
    TRY(end_ask(end, &ask, &reply, NULL));
    *ret = json_incref(json_obj(reply, key));
    return *ret != NULL ? NULL : whose(end, senseless(end, &ask, key));
}

bool end_is_unreachable(const err_t *e)
{
    return err_is(e, ERR_NET_REFUSED) || err_is(e, ERR_NET_TIMEOUT) || err_is(e, ERR_NET_LOST) ||
           err_is(e, ERR_NET_TLS) || err_is(e, ERR_NET_PROTOCOL) || err_is(e, ERR_UNAVAILABLE);
}

/* ---- who it is ---- */

err_t *end_identity(struct end *end, json_t **ret)
{
    if (end->self == NULL)
        TRY(end_get_object(end, "site", &end->self, "admin/sites/self"));
    *ret = end->self;
    return NULL;
}

const char *end_site_name(const struct end *end)
{
    return json_str_or(end->self, "name", "this site");
}

err_t *end_is_site(struct end *end, const json_t *site)
{
    json_t *self = NULL;

    TRY(end_identity(end, &self));
    if (g_strcmp0(json_str(self, "id"), json_str(site, "id")) == 0)
        return NULL;
    return err_remedy(err(CLIENT_CLOUD,
                          "the entry '%s' of clouds.yaml is not of site '%s' but of '%s'",
                          end->cloud, json_str_or(site, "name", ""),
                          json_str_or(self, "name", "a site without a name")),
                      "correct it, or name the right one: --secondary-cloud");
}

/* ---- opening ---- */

static struct end *end_create(struct protector_client *c, const char *cloud, json_t *entry)
{
    struct end *end = g_new0(struct end, 1);

    end->client = c;
    end->minor = -1;
    end->cloud = g_strdup(cloud);
    end->entry = entry;
    end->auth_url = g_strdup(json_str_at(entry, "auth/auth_url"));
    end->region = g_strdup(json_str(entry, "region_name"));
    end->interface = g_strdup(json_str_or(entry, "interface", "public"));
    g_ptr_array_add(c->ends, end);
    return end;
}

err_t *client_end(struct protector_client *c, const char *cloud, struct end **ret)
{
    json_t *entry = NULL;

    for (guint i = 0; i < c->ends->len; i++) {
        struct end *end = g_ptr_array_index(c->ends, i);
        if (end->is_named && g_strcmp0(end->cloud, cloud) == 0) {
            *ret = end;
            return NULL;
        }
    }
    TRY(clouds_entry(c, cloud, &entry));
    if (json_str_at(entry, "auth/auth_url") == NULL) {
        json_decref(entry);
        return err(CLIENT_CLOUD, "the entry '%s' of clouds.yaml has no auth_url", cloud);
    }
    *ret = end_create(c, cloud, entry);
    (*ret)->is_named = true;
    return NULL;
}

/*
 * The host's own session for the local site: its token, and Protector's address with the project
 * behind /v1/ as the catalog has it (else OS_PROJECT_ID).  Nothing is asked of Keystone, until the
 * token has expired or the catalog is needed: then the cloud 'name' is logged in to, or the one of
 * the OS_* variables, if the host has named one.
 */
static err_t *session_end(struct protector_client *c, const char *name, struct end **ret)
{
    json_t *entry = NULL;
    const char *v1 = c->o.endpoint != NULL ? strstr(c->o.endpoint, "/v1") : NULL;
    g_auto(GStrv) behind = v1 != NULL && v1[3] == '/' ? g_strsplit(v1 + 4, "/", 2) : NULL;
    const char *project = behind != NULL && behind[0] != NULL && *behind[0] != '\0'
                              ? behind[0]
                              : c->o.getenv(c->o.data, "OS_PROJECT_ID");

    if (c->o.token == NULL || c->o.endpoint == NULL)
        return err(CLIENT_USAGE, "a session needs both: the token and Protector's endpoint");
    if (project == NULL)
        return err(CLIENT_USAGE, "the endpoint '%s' names no project behind /v1/", c->o.endpoint);
    g_autoptr(err_t) no = clouds_entry(c, name, &entry);
    const char *cloud = no != NULL ? "session" : name != NULL ? name : "environment";
    struct end *end = end_create(c, cloud, entry);
    end->token = g_strdup(c->o.token);
    end->project_id = g_strdup(project);
    end->session_project = g_strdup(project);
    end->endpoint = v1 != NULL ? g_strndup(c->o.endpoint, (gsize)(v1 - c->o.endpoint) + 3)
                               : url_join(c->o.endpoint, "v1");
    *ret = end;
    return entry != NULL ? tls_setup(end, end->endpoint) : NULL;
}

err_t *client_local(struct protector_client *c, struct end **ret)
{
    const char *env_cloud = c->o.getenv(c->o.data, "OS_CLOUD");
    const char *name = c->o.cloud != NULL ? c->o.cloud : env_cloud;
    json_t *entry = NULL;

    if (name != NULL && *name == '\0')
        name = NULL;
    if (c->local == NULL && (c->o.token != NULL || c->o.endpoint != NULL)) {
        TRY(session_end(c, name, &c->local));
    } else if (c->local == NULL && name != NULL) {
        TRY(client_end(c, name, &c->local));
    } else if (c->local == NULL) {
        TRY(clouds_entry(c, NULL, &entry));
        c->local = end_create(c, "environment", entry);
    }
    if (c->o.region != NULL) {
        g_free(c->local->region);
        c->local->region = g_strdup(c->o.region);
    }
    if (c->o.interface != NULL) {
        g_free(c->local->interface);
        c->local->interface = g_strdup(c->o.interface);
    }
    *ret = c->local;
    return NULL;
}

void end_destroy(struct end *end)
{
    if (end == NULL)
        return;
    token_forget(end);
    g_free(end->project);
    g_free(end->session_project);
    g_free(end->cloud);
    g_free(end->auth_url);
    g_free(end->region);
    g_free(end->interface);
    g_free(end->endpoint);
    json_decref(end->entry);
    json_decref(end->range);
    json_decref(end->self);
    json_decref(end->site);
    g_free(end);
}
