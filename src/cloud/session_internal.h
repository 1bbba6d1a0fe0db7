/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_internal - what session.c, call.c and version.c share; for this room only.
 */
#pragma once

#include "cloud/session.h"
#include "cloud/wire.h"

/* A call with everything that may be said about it. */
struct cloud_request {
    enum cloud_service service;
    const char *method;
    const char *path;
    const json_t *body;
    const char *subject_token; /* X-Subject-Token */
    bool anonymous;            /* no token is sent and none is fetched (identity only) */
    bool plain;                /* no microversion is negotiated or sent */
};

/* As cloud_call. */
err_t *cloud_request(const struct cloud *c, const struct cloud_request *request,
                     json_t **ret) MUST_CHECK;

/* What one request to a service needs. */
struct cloud_access {
    char *url;           /* of the service, without a slash at its end */
    char *token;         /* secret; NULL for an anonymous call */
    unsigned generation; /* of that token */
};
void cloud_access_fini(struct cloud_access *access);
/* Logs in if needed.  Fill with zeros before. */
err_t *cloud_access(const struct cloud *c, enum cloud_service service, bool anonymous,
                    struct cloud_access *ret) MUST_CHECK;
/*
 * The token of that generation was refused.  True: it was thrown away (or another thread did so
 * already) and the next cloud_access logs in anew; false: this identity cannot log in again.
 */
bool cloud_refused(const struct cloud *c, unsigned generation);
/* The wire of a session as 'c' uses it. */
struct wire cloud_wire(const struct cloud *c);

/* One row per service. */
struct cloud_service_row {
    const char *name;         /* "nova" */
    const char *const *types; /* in the catalog, NULL-ended, first match wins */
    const char *suffix;       /* that the address must end in or gets added; NULL: none */
    const char *needs;        /* that the address must contain, or NULL */
    const char *header;       /* of OpenStack-API-Version, "compute"; NULL: no microversions */
    int major;
    int minor_min; /* Victoria's highest */
    int minor_max; /* the highest that this room knows */
};
const struct cloud_service_row *cloud_service_row(enum cloud_service service);

/* Parses "3.70" of major 3 into 70; false if it is none. */
bool cloud_version_parse(const char *text, int major, int *ret_minor);
/*
 * From a service's version document to the minor to use.  CLOUD_VERSION, naming cloud, service and
 * what it offers.  Pure.
 */
err_t *cloud_version_choose(const char *cloud, const struct cloud_service_row *row,
                            const json_t *document, int *ret_minor) MUST_CHECK;
/* Where the version document is: the address up to and with its version.  Caller frees. */
char *cloud_version_url(const char *endpoint);

/* The negotiated minor, remembered by the session (0 = not yet); guarded by its own lock. */
struct cloud_negotiated {
    GMutex lock;
    int minor;
};
struct cloud_negotiated *cloud_negotiated(const struct cloud *c, enum cloud_service service);
/* The minor in use, negotiating it if needed. */
err_t *cloud_minor(const struct cloud *c, enum cloud_service service, int *ret) MUST_CHECK;
