/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token - who is asking: validates the tokens of requests at this site's Keystone.
 *
 * Behaves as keystonemiddleware's auth_token: answers are kept in the process for a while (bounded,
 * least recently used goes first), also that a token is invalid, for a shorter while.  Threads that
 * ask for the same token at the same time share one call to Keystone and its outcome.  The
 * service's own identity is the cloud_session that is handed in; it logs in and renews itself.
 *
 * A user's token that has expired still passes when it comes with a service token whose roles
 * include one of 'service_roles': long work that another service does in the user's name outlives
 * his token.
 */
#pragma once

#include "base/auto.h"
#include "base/env.h"
#include "base/json.h"

#define TOKEN_SIZE_MAX   8192  /* bytes; a longer one is invalid */
#define TOKEN_CACHE_MAX  1000  /* answers kept */
#define TOKEN_INVALID_MS 10000 /* how long "invalid" is kept, at most */
#define TOKEN_TIMEOUT_MS 20000 /* of a call to Keystone */

struct cloud_session;

/* Who asks.  Texts are NULL where they do not apply; lists of texts end with NULL and may be empty.
 */
struct auth_context {
    char *token; /* the user's, for calls in his name: secret */
    char *user_id;
    char *user_name;
    char *user_domain_id;
    char *user_domain_name;
    char *project_id; /* NULL: the token is not scoped to a project */
    char *project_name;
    char *project_domain_id;
    char *project_domain_name;
    char *domain_id; /* scoped to a domain */
    bool is_system_scoped;
    char **roles;
    bool is_admin; /* false until the caller has asked policy_is_admin */
    bool is_admin_project;
    char **methods;                 /* "password" … */
    char *trust_id;                 /* scoped to a trust: cannot make trusts */
    bool is_application_credential; /* made with one: cannot make trusts */
    int64_t expires_at_ms;          /* by Keystone's clock */
    char *catalog;                  /* JSON text (g_ref_string); see auth_context_catalog */
    /* Of the service token that came along. */
    char *service_user_id;
    char *service_user_domain_id;
    char *service_project_id;
    char *service_project_domain_id;
    char **service_roles;
};
/* Accepts NULL; wipes the token. */
void auth_context_destroy(struct auth_context *auth);
AUTO_DEFINE(auth_context, auth_context_destroy)
bool auth_context_has_role(const struct auth_context *auth, const char *name); /* any case */
/* The catalog of the token, as Keystone's "catalog" (an array, may be empty).  Caller owns. */
json_t *auth_context_catalog(const struct auth_context *auth);

struct token_options {
    struct cloud_session *session; /* the service account; must outlive the validator */
    const struct env *env;         /* likewise */
    int64_t cache_ms;           /* [keystone_authtoken] token_cache_time; negative: keep nothing */
    char *const *service_roles; /* service_token_roles; copied */
    size_t cache_max;           /* 0 = TOKEN_CACHE_MAX */
    int64_t timeout_ms;         /* 0 = TOKEN_TIMEOUT_MS */
};

struct token_validator;
/* No I/O.  secrets_init must have been called. */
struct token_validator *token_validator_create(const struct token_options *options);
/* No thread may be asking any more.  Accepts NULL. */
void token_validator_destroy(struct token_validator *v);
AUTO_DEFINE(token_validator, token_validator_destroy)

/*
 * Validates 'token' and, unless NULL, the service token that came with it; blanks around them are
 * ignored.  Any thread.  Codes: UNAUTHORIZED (none, invalid, expired; or the service token is),
 * AUTH_SERVICE (Keystone refuses the service account, so nobody can be authenticated), UNAVAILABLE
 * (Keystone does not answer, or not sensibly).
 */
err_t *token_validate(struct token_validator *v, const char *token, const char *service_token,
                      struct auth_context **ret) MUST_CHECK;
