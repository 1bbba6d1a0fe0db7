/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session - one identity at one cloud, kept alive: the service account, or the trust of a project.
 *
 * A session logs in at the first call, renews its token before it expires and once after a 401,
 * finds endpoints in the catalog and negotiates microversions.  It does no I/O when created and may
 * be used by several threads at once (one of them logs in, the others wait for it).  Nothing here
 * sleeps, polls or repeats a call, but for the one renewal after a 401, after which nothing had
 * happened.
 *
 *     struct cloud c = cloud_view(session, request_id, call->deadline_mono_ms);
 *     g_autoptr(json_t) server = NULL;
 *     TRY(nova_server_get(&c, id, &server));
 *
 * Errors of every call: CLOUD_UNREACHABLE, CLOUD_AMBIGUOUS, CLOUD_BUSY, CLOUD_ERROR, NET_TLS,
 * CLOUD_DEADLINE, CLOUD_UNAUTHORIZED, CLOUD_TRUST_INVALID, CLOUD_FORBIDDEN, CLOUD_NOT_FOUND,
 * CLOUD_CONFLICT, CLOUD_ADDRESS_TAKEN, CLOUD_QUOTA, CLOUD_BAD_REQUEST, CLOUD_VERSION,
 * CLOUD_CATALOG, and CLOUD_PARTIAL of lists.  Only CLOUD_NOT_FOUND of a "get", and a list that came
 * without an error, prove that something is absent.
 */
#pragma once

#include "base/auto.h"
#include "base/env.h"
#include "base/err.h"
#include "base/json.h"
#include "net/http.h"

struct keystone_credentials;
struct keystone_token;

#define CLOUD_PAGES_MAX   200   /* pages of one list */
#define CLOUD_ITEMS_MAX   50000 /* items of one list */
#define CLOUD_NO_DEADLINE INT64_MAX

enum cloud_service {
    CLOUD_IDENTITY,
    CLOUD_COMPUTE,
    CLOUD_VOLUME,
    CLOUD_NETWORK,
    CLOUD_IMAGE,
    CLOUD_PROTECTOR,
    CLOUD_SERVICE_COUNT
};
/* "keystone", "nova" …: how people call it. */
const char *cloud_service_name(enum cloud_service service);

struct cloud_options {
    const struct http_transport *transport; /* must outlive the session */
    const struct env *env;                  /* likewise */
    const char *cloud;                      /* the site's name, for messages */
    const struct keystone_credentials *credentials;
    const char *region;         /* NULL = the catalog's only one */
    const char *interface;      /* NULL = "public" */
    int64_t timeout_ms;         /* of one exchange; 0 = WIRE_TIMEOUT_MS */
    int64_t connect_timeout_ms; /* 0 = the transport's */
    const char *cafile; /* authorities of every service of the cloud; NULL = the transport's */
    bool insecure;      /* no certificate of the cloud is verified */
};

struct cloud_session;
/* Copies all texts.  No I/O. */
struct cloud_session *cloud_session_create(const struct cloud_options *options);
void cloud_session_destroy(struct cloud_session *session);
AUTO_DEFINE(cloud_session, cloud_session_destroy)
/* Throws token, endpoints and versions away: the next call begins anew. */
void cloud_session_forget(struct cloud_session *session);

/* How one caller uses a session for a while; a plain value. */
struct cloud {
    struct cloud_session *session;
    const char *request_id;   /* "req-<uuid>" passed on as X-Openstack-Request-Id, or NULL */
    int64_t deadline_mono_ms; /* no exchange starts whose time-out ends later; CLOUD_NO_DEADLINE */
    int64_t timeout_ms;       /* of one exchange; 0 = the session's */
};

static inline struct cloud cloud_view(struct cloud_session *session, const char *request_id,
                                      int64_t deadline_mono_ms)
{
    return (struct cloud){.session = session,
                          .request_id = request_id,
                          .deadline_mono_ms = deadline_mono_ms};
}

/* The name of the site. */
const char *cloud_name(const struct cloud *c);
/* A copy of the identity's token, with roles and catalog; logs in if needed. */
err_t *cloud_token(const struct cloud *c, struct keystone_token **ret) MUST_CHECK;
/* The project the identity works in ("" if none); logs in if needed.  Caller frees. */
err_t *cloud_project_id(const struct cloud *c, char **ret) MUST_CHECK;
/* The address to which paths are added, without a slash at its end.  Caller frees. */
err_t *cloud_endpoint(const struct cloud *c, enum cloud_service service, char **ret) MUST_CHECK;
/*
 * The microversion used with nova or cinder: the smaller of what we know and what the cloud offers,
 * "2.93".  CLOUD_VERSION, naming cloud, service and what it offers, if that is older than Victoria.
 * Services without microversions: "".  Caller frees.
 */
err_t *cloud_microversion(const struct cloud *c, enum cloud_service service, char **ret) MUST_CHECK;
/*
 * Reads the version document of a service that has no microversions (neutron, glance): "v2.0", the
 * current one of the major version that we speak.  CLOUD_VERSION if it offers none.  Caller frees.
 */
err_t *cloud_version(const struct cloud *c, enum cloud_service service, char **ret) MUST_CHECK;
/* Whether the negotiated microversion is at least major.minor. */
err_t *cloud_microversion_at_least(const struct cloud *c, enum cloud_service service, int minor,
                                   bool *ret) MUST_CHECK;

/*
 * One call: method, path (begins with '/', encoded, may have a query), body or NULL.  '*ret' is the
 * reply's JSON, NULL if it had none; 'ret' may be NULL.
 */
err_t *cloud_call(const struct cloud *c, enum cloud_service service, const char *method,
                  const char *path, const json_t *body, json_t **ret) MUST_CHECK;
/* As cloud_call, but '*ret' is the object (or array) under 'key' of the reply, which must be there.
 */
err_t *cloud_call_object(const struct cloud *c, enum cloud_service service, const char *method,
                         const char *path, const json_t *body, const char *key,
                         json_t **ret) MUST_CHECK;
/*
 * A list, followed to its last page; items under 'key'.  CLOUD_PARTIAL if it does not end within
 * CLOUD_PAGES_MAX and CLOUD_ITEMS_MAX or its pages make no sense.
 */
#define CLOUD_PAGE 1000 /* the limit asked for where a service's own page is small */
err_t *cloud_list(const struct cloud *c, enum cloud_service service, const char *path,
                  const char *key, json_t **ret) MUST_CHECK;

/*
 * Whether anything answers at 'url' (any HTTP status does; nothing is sent along).  For the probe
 * of a peer that may be dead.  NULL = alive; else CLOUD_UNREACHABLE, NET_TLS (something answered,
 * but not with the right certificate) or CLOUD_DEADLINE.  '*ret_status' may be NULL.
 */
err_t *cloud_alive(const struct cloud_options *options, const char *service, const char *url,
                   int64_t deadline_mono_ms, int *ret_status) MUST_CHECK;

/* Turns "it is not there" into success, for deletes: frees a CLOUD_NOT_FOUND and returns NULL. */
err_t *cloud_gone_is_fine(err_t *e) MUST_CHECK;

/* Makes a path with its query: printf with '%s', whose text is %-encoded, and '%d' only.  Caller
 * frees. */
char *cloud_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- lists as sets ---- */

/* The first item whose text at 'field' is 'value', or NULL.  Borrowed. */
json_t *cloud_find(const json_t *items, const char *field, const char *value);
/*
 * The item whose id or else name is 'text'.  CLOUD_NOT_FOUND; CLOUD_CONFLICT if several have the
 * name. 'what' ("network") is for the message.  '*ret' is borrowed.
 */
err_t *cloud_find_named(const struct cloud *c, const json_t *items, const char *what,
                        const char *text, json_t **ret) MUST_CHECK;
