/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keystone - tokens, the catalog, trusts and roles of a cloud's Keystone.
 *
 * The first half works without a session: find Keystone, log in, read a token.  session.c uses it
 * to keep an identity alive.  The second half are calls of a logged-in identity.
 *
 * In whose name (design section 2): a trust is made with the caller's own token (a session of
 * method KEYSTONE_TOKEN without a project to go to), used by the service user (KEYSTONE_TRUST).
 */
#pragma once

#include "base/auto.h"
#include "base/err.h"
#include "base/json.h"

struct cloud;
struct wire;

/* ---- logging in ---- */

enum keystone_method {
    KEYSTONE_PASSWORD,               /* user and password, scoped to a project if one is named */
    KEYSTONE_TRUST,                  /* the trustee's password, scoped to a trust */
    KEYSTONE_APPLICATION_CREDENTIAL, /* id and secret, or name, user and secret */
    KEYSTONE_TOKEN, /* a token: as it is, or (if a project is named) changed to that project */
};

/* Names or ids; where both are given the id counts.  Unused ones are NULL. */
struct keystone_credentials {
    enum keystone_method method;
    const char *auth_url; /* with or without /v3 */
    const char *user_id;
    const char *username;
    const char *user_domain_id;
    const char *user_domain_name; /* no domain at all: the domain with id "default" */
    const char *password;
    const char *project_id;
    const char *project_name;
    const char *project_domain_id;
    const char *project_domain_name;
    const char *trust_id;
    const char *application_credential_id;
    const char *application_credential_name;
    const char *application_credential_secret;
    const char *token;
};

/* A deep copy; destroy wipes the secrets. */
struct keystone_credentials *keystone_credentials_copy(const struct keystone_credentials *from);
void keystone_credentials_destroy(struct keystone_credentials *credentials);
AUTO_DEFINE(keystone_credentials, keystone_credentials_destroy)
/* NULL if what the method needs is there, else CONFIG naming what is missing. */
err_t *keystone_credentials_check(const struct keystone_credentials *credentials) MUST_CHECK;

struct keystone_token {
    char *id; /* the token itself: secret */
    int64_t expires_at_ms;
    int64_t lifetime_ms; /* from issue to expiry, by Keystone's clock */
    char *user_id;
    char *user_name;
    char *user_domain_id;
    char *user_domain_name;
    char *project_id; /* NULL: not scoped to a project */
    char *project_name;
    char *project_domain_id;
    char *project_domain_name;
    char **roles;   /* names, NULL-ended, as Keystone lists them (implied ones too) */
    char *trust_id; /* NULL: no trust-scoped token */
    char *trustor_id;
    char *trustee_id;
    bool is_application_credential; /* made with one: cannot make trusts */
    json_t *json;                   /* the whole "token" object, catalog included */
};
void keystone_token_destroy(struct keystone_token *token);
AUTO_DEFINE(keystone_token, keystone_token_destroy)
/* Decodes "token" as POST and GET /v3/auth/tokens give it.  CLOUD_ERROR naming the missing field.
 */
err_t *keystone_token_decode(const char *id, json_t *token, struct keystone_token **ret) MUST_CHECK;
struct keystone_token *keystone_token_copy(const struct keystone_token *token);
bool keystone_token_has_role(const struct keystone_token *token, const char *name); /* any case */

/*
 * The v3 address of Keystone, "http://h:5000/v3", without a slash at its end.  An auth_url that
 * ends in /v3 is believed without a call; else the version document is read.  CLOUD_VERSION if
 * there is no v3.  Caller frees.
 */
err_t *keystone_discover(const struct wire *w, const char *auth_url, char **ret) MUST_CHECK;

/*
 * Logs in.  'v3_url' from keystone_discover.  CLOUD_UNAUTHORIZED names user and project, never the
 * password; for KEYSTONE_TRUST a refusal is CLOUD_TRUST_INVALID (gone, a role of it taken from the
 * trustor, or the service user's password is wrong: Keystone does not tell which).
 * KEYSTONE_TOKEN without a project: the token is read back, not changed.
 */
err_t *keystone_authenticate(const struct wire *w, const char *v3_url,
                             const struct keystone_credentials *credentials,
                             struct keystone_token **ret) MUST_CHECK;

/*
 * The address of a service in a token's catalog.  'types' are the names it may have, NULL-ended,
 * first match wins; 'interface' "public", "internal" or "admin"; 'region' NULL = the catalog's only
 * one. CLOUD_CATALOG names what the catalog holds instead.  Caller frees.
 */
err_t *keystone_endpoint(const struct keystone_token *token, const char *const *types,
                         const char *interface, const char *region, char **ret) MUST_CHECK;

/* ---- calls of an identity ---- */

/*
 * Validates somebody's token (needs the service account).  CLOUD_NOT_FOUND: it is invalid or
 * expired. 'allow_expired' for requests that came with a valid service token.
 */
err_t *keystone_validate(const struct cloud *c, const char *token, bool allow_expired,
                         struct keystone_token **ret) MUST_CHECK;

/*
 * Makes a trust that never expires, with impersonation, of the roles named (which the trustor must
 * hold in the project).  CLOUD_FORBIDDEN: this token cannot make trusts (it comes from a trust or
 * an application credential).  '*ret' is the trust: id, trustor_user_id, roles ….
 */
err_t *keystone_trust_create(const struct cloud *c, const char *trustor_id, const char *trustee_id,
                             const char *project_id, const char *const *roles,
                             json_t **ret) MUST_CHECK;
err_t *keystone_trust_get(const struct cloud *c, const char *id, json_t **ret) MUST_CHECK;
/* Only the trustor (or an admin) may; one that is gone already is success. */
err_t *keystone_trust_delete(const struct cloud *c, const char *id) MUST_CHECK;
/* Array of the trusts of a trustor, without their roles. */
err_t *keystone_trust_list(const struct cloud *c, const char *trustor_id, json_t **ret) MUST_CHECK;

/* The role's id (admin).  CLOUD_NOT_FOUND names it.  Caller frees. */
err_t *keystone_role_find(const struct cloud *c, const char *name, char **ret) MUST_CHECK;

/*
 * The id of the user of this name in the domain of that name.  Only an admin may ask.
 * CLOUD_NOT_FOUND names what is missing.  '*ret' is NULL before; caller frees.
 */
err_t *keystone_user_find(const struct cloud *c, const char *name, const char *domain,
                          char **ret) MUST_CHECK;
/* PATCH /v3/users/{id}: a disabled user is let in no more, and his tokens end.  Only an admin. */
err_t *keystone_user_enable(const struct cloud *c, const char *id, bool enabled) MUST_CHECK;

/* Refused by name (CLOUD_VERSION) if Keystone is older than Victoria's.  '*ret' "3.14"; may be
 * NULL. Needs no login. */
err_t *keystone_version(const struct cloud *c, char **ret) MUST_CHECK;
