/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keystone - logging in: credentials, the bodies of /v3/auth/tokens, tokens and the catalog.
 *
 * Only wire.h is below; the calls of a logged-in identity stand in trust.c.
 * Invariant: no password, secret or token gets into an error.
 */
#include "cloud/keystone.h"

#include <string.h>

#include "base/secrets.h"
#include "cloud/wire.h"

#define DEFAULT_DOMAIN "default"

/* ---- credentials ---- */

/* Every text of the struct, for copying, freeing and wiping. */
static const size_t texts[] = {
    offsetof(struct keystone_credentials, auth_url),
    offsetof(struct keystone_credentials, user_id),
    offsetof(struct keystone_credentials, username),
    offsetof(struct keystone_credentials, user_domain_id),
    offsetof(struct keystone_credentials, user_domain_name),
    offsetof(struct keystone_credentials, password),
    offsetof(struct keystone_credentials, project_id),
    offsetof(struct keystone_credentials, project_name),
    offsetof(struct keystone_credentials, project_domain_id),
    offsetof(struct keystone_credentials, project_domain_name),
    offsetof(struct keystone_credentials, trust_id),
    offsetof(struct keystone_credentials, application_credential_id),
    offsetof(struct keystone_credentials, application_credential_name),
    offsetof(struct keystone_credentials, application_credential_secret),
    offsetof(struct keystone_credentials, token),
};

static char **text_at(struct keystone_credentials *c, size_t offset)
{
    return (char **)(void *)((char *)c + offset);
}

struct keystone_credentials *keystone_credentials_copy(const struct keystone_credentials *from)
{
    struct keystone_credentials *c = g_new(struct keystone_credentials, 1);
    *c = *from;
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        *text_at(c, texts[i]) = g_strdup(*text_at(c, texts[i]));
    return c;
}

void keystone_credentials_destroy(struct keystone_credentials *credentials)
{
    if (credentials == NULL)
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        secret_free(*text_at(credentials, texts[i]));
    g_free(credentials);
}

static const char *missing_user(const struct keystone_credentials *c)
{
    if (c->user_id == NULL && c->username == NULL)
        return "a user name or id";
    return c->password == NULL ? "a password" : NULL;
}

static const char *missing_application_credential(const struct keystone_credentials *c)
{
    if (c->application_credential_secret == NULL)
        return "the secret of the application credential";
    if (c->application_credential_id != NULL)
        return NULL;
    if (c->application_credential_name == NULL)
        return "the id or name of the application credential";
    return c->user_id == NULL && c->username == NULL ? "the user of the application credential"
                                                     : NULL;
}

err_t *keystone_credentials_check(const struct keystone_credentials *c)
{
    const char *missing = NULL;
    switch (c->method) {
    case KEYSTONE_PASSWORD:
        missing = missing_user(c);
        break;
    case KEYSTONE_TRUST:
        missing = c->trust_id == NULL ? "the id of the trust" : missing_user(c);
        break;
    case KEYSTONE_APPLICATION_CREDENTIAL:
        missing = missing_application_credential(c);
        break;
    case KEYSTONE_TOKEN:
        missing = c->token == NULL ? "a token" : NULL;
        break;
    }
    if (c->auth_url == NULL)
        missing = "auth_url";
    if (missing == NULL)
        return NULL;
    return err(CONFIG, "the credentials for Keystone lack %s", missing);
}

/* ---- the body of a login ---- */

static json_t *domain_of(const char *id, const char *name)
{
    json_t *domain = json_object();
    if (id == NULL && name != NULL)
        json_set_str(domain, "name", name);
    else
        json_set_str(domain, "id", id != NULL ? id : DEFAULT_DOMAIN);
    return domain;
}

static json_t *user_of(const struct keystone_credentials *c)
{
    json_t *user = json_object();
    if (c->user_id != NULL) {
        json_set_str(user, "id", c->user_id);
        return user;
    }
    json_set_str(user, "name", c->username);
    json_set(user, "domain", domain_of(c->user_domain_id, c->user_domain_name));
    return user;
}

static json_t *project_of(const struct keystone_credentials *c)
{
    json_t *project = json_object();
    if (c->project_id != NULL) {
        json_set_str(project, "id", c->project_id);
        return project;
    }
    json_set_str(project, "name", c->project_name);
    bool own = c->project_domain_id != NULL || c->project_domain_name != NULL;
    json_set(project, "domain",
             own ? domain_of(c->project_domain_id, c->project_domain_name)
                 : domain_of(c->user_domain_id, c->user_domain_name));
    return project;
}

static json_t *application_credential_of(const struct keystone_credentials *c)
{
    json_t *credential = json_object();
    if (c->application_credential_id != NULL) {
        json_set_str(credential, "id", c->application_credential_id);
    } else {
        json_set_str(credential, "name", c->application_credential_name);
        json_set(credential, "user", user_of(c));
    }
    json_set_str(credential, "secret", c->application_credential_secret);
    return credential;
}

static bool has_project(const struct keystone_credentials *c)
{
    return c->project_id != NULL || c->project_name != NULL;
}

static json_t *identity_of(const struct keystone_credentials *c)
{
    json_t *identity = json_object();
    json_t *part = json_object();
    const char *method = "password";
    switch (c->method) {
    case KEYSTONE_PASSWORD:
    case KEYSTONE_TRUST: {
        json_t *user = user_of(c);
        json_set_str(user, "password", c->password);
        json_set(part, "user", user);
        break;
    }
    case KEYSTONE_APPLICATION_CREDENTIAL:
        method = "application_credential";
        json_decref(part);
        part = application_credential_of(c);
        break;
    case KEYSTONE_TOKEN:
        method = "token";
        json_set_str(part, "id", c->token);
        break;
    }
    json_t *methods = json_array();
    json_array_append_new(methods, json_string(method));
    json_set(identity, "methods", methods);
    json_set(identity, method, part);
    return identity;
}

/* {"auth": {"identity", "scope"}}.  An application credential brings its own scope. */
static json_t *login_body(const struct keystone_credentials *c)
{
    json_t *auth = json_object();
    json_set(auth, "identity", identity_of(c));
    json_t *scope = NULL;
    if (c->method == KEYSTONE_TRUST) {
        json_t *trust = json_object();
        json_set_str(trust, "id", c->trust_id);
        scope = json_object();
        json_set(scope, "OS-TRUST:trust", trust);
    } else if (c->method != KEYSTONE_APPLICATION_CREDENTIAL && has_project(c)) {
        scope = json_object();
        json_set(scope, "project", project_of(c));
    }
    if (scope != NULL)
        json_set(auth, "scope", scope);
    json_t *body = json_object();
    json_set(body, "auth", auth);
    return body;
}

/* ---- tokens ---- */

void keystone_token_destroy(struct keystone_token *token)
{
    if (token == NULL)
        return;
    secret_free(token->id);
    g_free(token->user_id);
    g_free(token->user_name);
    g_free(token->user_domain_id);
    g_free(token->user_domain_name);
    g_free(token->project_id);
    g_free(token->project_name);
    g_free(token->project_domain_id);
    g_free(token->project_domain_name);
    g_strfreev(token->roles);
    g_free(token->trust_id);
    g_free(token->trustor_id);
    g_free(token->trustee_id);
    json_decref(token->json);
    g_free(token);
}

static char *dup_at(const json_t *token, const char *path)
{
    return g_strdup(json_str_at(token, path));
}

static char **roles_of(const json_t *token)
{
    GPtrArray *names = g_ptr_array_new();
    size_t i;
    json_t *role;
    json_array_foreach(json_arr(token, "roles"), i, role)
    {
        if (json_str(role, "name") != NULL)
            g_ptr_array_add(names, g_strdup(json_str(role, "name")));
    }
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

static bool is_application_credential(const json_t *token)
{
    size_t i;
    json_t *method;
    json_array_foreach(json_arr(token, "methods"), i, method)
    {
        if (g_strcmp0(json_string_value(method), "application_credential") == 0)
            return true;
    }
    return json_obj(token, "application_credential") != NULL;
}

err_t *keystone_token_decode(const char *id, json_t *token, struct keystone_token **ret)
{
    const char *expires = json_str(token, "expires_at");
    const char *issued = json_str(token, "issued_at");
    int64_t expires_ms = expires != NULL ? time_parse(expires) : -1;
    int64_t issued_ms = issued != NULL ? time_parse(issued) : -1;
    if (json_str_at(token, "user/id") == NULL)
        return err(CLOUD_ERROR, "Keystone's token has no field 'user/id'");
    if (expires_ms < 0)
        return err(CLOUD_ERROR, "Keystone's token has no usable field 'expires_at'");
    struct keystone_token *t = g_new0(struct keystone_token, 1);
    t->id = g_strdup(id);
    t->expires_at_ms = expires_ms;
    t->lifetime_ms = issued_ms >= 0 ? MAX(expires_ms - issued_ms, 0) : 0;
    t->user_id = dup_at(token, "user/id");
    t->user_name = dup_at(token, "user/name");
    t->user_domain_id = dup_at(token, "user/domain/id");
    t->user_domain_name = dup_at(token, "user/domain/name");
    t->project_id = dup_at(token, "project/id");
    t->project_name = dup_at(token, "project/name");
    t->project_domain_id = dup_at(token, "project/domain/id");
    t->project_domain_name = dup_at(token, "project/domain/name");
    t->roles = roles_of(token);
    t->trust_id = dup_at(token, "OS-TRUST:trust/id");
    t->trustor_id = dup_at(token, "OS-TRUST:trust/trustor_user/id");
    t->trustee_id = dup_at(token, "OS-TRUST:trust/trustee_user/id");
    t->is_application_credential = is_application_credential(token);
    t->json = json_incref(token);
    *ret = t;
    return NULL;
}

struct keystone_token *keystone_token_copy(const struct keystone_token *token)
{
    struct keystone_token *copy = NULL;
    g_autoptr(json_t) j = json_deep_copy(token->json);
    err_t *e = keystone_token_decode(token->id, j, &copy);
    g_assert(e == NULL); /* it was decoded once */
    return copy;
}

bool keystone_token_has_role(const struct keystone_token *token, const char *name)
{
    for (char **role = token->roles; *role != NULL; role++)
        if (g_ascii_strcasecmp(*role, name) == 0)
            return true;
    return false;
}

/* ---- finding Keystone ---- */

static bool offers_v3(const json_t *document)
{
    const json_t *values = json_at(document, "versions/values");
    if (!json_is_array(values))
        values = json_arr(document, "versions");
    size_t i;
    json_t *version;
    json_array_foreach(values, i, version)
    {
        if (g_str_has_prefix(json_str_or(version, "id", ""), "v3"))
            return true;
    }
    return g_str_has_prefix(json_str_at(document, "version/id") != NULL
                                ? json_str_at(document, "version/id")
                                : "",
                            "v3");
}

err_t *keystone_discover(const struct wire *w, const char *auth_url, char **ret)
{
    g_autofree char *base = g_strdup(auth_url);
    while (g_str_has_suffix(base, "/"))
        base[strlen(base) - 1] = '\0';
    if (g_str_has_suffix(base, "/v3")) {
        *ret = TAKE(base);
        return NULL;
    }
    g_autofree char *url = url_join(base, "");
    struct wire_request r = {.service = "keystone", .method = "GET", .url = url};
    AUTO(http_response) resp = NULL;
    TRY(wire_send(w, &r, &resp));
    if (resp->status != 300)
        TRY(wire_judge(w, &r, resp));
    g_autoptr(json_t) document = NULL;
    TRY(wire_body(w, &r, resp, &document));
    if (!offers_v3(document))
        return err(CLOUD_VERSION, "%s: keystone at %s offers no version 3", w->cloud, base);
    *ret = url_join(base, "v3");
    return NULL;
}

/* ---- logging in ---- */

/* Whom the login was for, without secrets: neither a trust's id.  Caller frees. */
static char *whom(const struct keystone_credentials *c)
{
    const char *user = c->username != NULL ? c->username : c->user_id;
    const char *project = c->project_name != NULL ? c->project_name : c->project_id;
    switch (c->method) {
    case KEYSTONE_PASSWORD:
        return g_strdup_printf("user '%s' %s%s%s", user,
                               project != NULL ? "in project '" : "unscoped",
                               project != NULL ? project : "", project != NULL ? "'" : "");
    case KEYSTONE_TRUST:
        return g_strdup_printf("user '%s' with a trust", user);
    case KEYSTONE_APPLICATION_CREDENTIAL:
        return g_strdup_printf("application credential '%s'", c->application_credential_id != NULL
                                                                  ? c->application_credential_id
                                                                  : c->application_credential_name);
    case KEYSTONE_TOKEN:
        return project != NULL ? g_strdup_printf("a token in project '%s'", project)
                               : g_strdup("a token");
    }
    g_assert_not_reached();
}

/* Names who was refused.  Takes 'cause'. */
static err_t *refused(const struct wire *w, const struct keystone_credentials *c, err_t *cause)
{
    g_autofree char *who = whom(c);
    enum err_code code = err_code(cause);
    bool no = code == ERR_CLOUD_UNAUTHORIZED || code == ERR_CLOUD_FORBIDDEN ||
              code == ERR_CLOUD_NOT_FOUND;
    if (!no)
        return err_wrap(cause, "%s: cannot log in %s", w->cloud, who);
    if (c->method == KEYSTONE_TRUST)
        return err_recode(
            CLOUD_TRUST_INVALID, cause,
            "%s: cannot log in %s: the trust is gone, a role of it was taken from the "
            "trustor, or the service user's password is wrong",
            w->cloud, who);
    return err_recode(CLOUD_UNAUTHORIZED, cause, "%s: cannot log in %s", w->cloud, who);
}

static err_t *read_token(const struct wire *w, const struct wire_request *r, const char *own_id,
                         struct keystone_token **ret)
{
    AUTO(http_response) resp = NULL;
    TRY(wire_send(w, r, &resp));
    TRY(wire_judge(w, r, resp));
    g_autoptr(json_t) body = NULL;
    TRY(wire_body(w, r, resp, &body));
    const char *id = own_id != NULL ? own_id : http_response_get(resp, "X-Subject-Token");
    if (id == NULL || json_obj(body, "token") == NULL)
        return err(CLOUD_ERROR, "%s: keystone %s %s answered %d without a token", w->cloud,
                   r->method, r->shown, resp->status);
    err_t *e = keystone_token_decode(id, json_obj(body, "token"), ret);
    return e != NULL ? err_wrap(e, "%s: keystone %s %s", w->cloud, r->method, r->shown) : NULL;
}

err_t *keystone_authenticate(const struct wire *w, const char *v3_url,
                             const struct keystone_credentials *credentials,
                             struct keystone_token **ret)
{
    TRY(keystone_credentials_check(credentials));
    g_autofree char *url = url_join(v3_url, "auth/tokens");
    bool as_it_is = credentials->method == KEYSTONE_TOKEN && !has_project(credentials);
    g_autoptr(json_t) body = as_it_is ? NULL : login_body(credentials);
    struct wire_request r = {
        .service = "keystone",
        .method = as_it_is ? "GET" : "POST",
        .url = url,
        .shown = "/auth/tokens",
        .token = as_it_is ? credentials->token : NULL,
        .subject_token = as_it_is ? credentials->token : NULL,
        .body = body,
        .secret = true,
        .harmless = true,
    };
    err_t *e = read_token(w, &r, as_it_is ? credentials->token : NULL, ret);
    return e != NULL ? refused(w, credentials, e) : NULL;
}
