/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request - one request on its way through the API, and what handlers share.  Private to api/.
 */
#pragma once

#include "api/api.h"
#include "api/auth/token.h"
#include "store/db.h"

#define REQUEST_PARAMS_MAX 4

struct route;

struct request {
    struct api *api;
    const struct api_options *o;
    const struct http_request *http;
    const struct route *route;
    char *request_id;                 /* "req-<uuid>" */
    char *params[REQUEST_PARAMS_MAX]; /* what stood at {…} of the route, in order, without the
                                         project */
    char *project;                    /* of the path, else of the token */
    int minor;                        /* of the microversion */
    struct auth_context *auth;        /* NULL for routes without a token */
    GPtrArray *query;                 /* of struct http_header */
    GPtrArray *keep;                  /* texts that live as long as the request */
    json_t *body;                     /* an object, or NULL */
    const struct body_spec *spec;     /* which of the route's bodies it is */
    const json_t *in;                 /* what stands in it under spec->key */
    struct db *db;
    int64_t now_ms;
    struct http_response *response; /* to which handlers add headers; status set at the end */
};

/* Answers by filling r->response; an error becomes a fault. */
typedef err_t *route_handler(struct request *r);

enum route_flag {
    ROUTE_NO_TOKEN = 1u << 0,
    ROUTE_ADMIN = 1u << 1, /* under /v1/admin: no project in the path */
    ROUTE_GROUP = 1u << 2, /* about a group: the answer carries Protector-Outbox */
    ROUTE_LARGE = 1u << 3, /* body up to 8 MiB */
};

/* ---- bodies: what may stand in them, checked before any handler runs ---- */

enum field_type {
    FIELD_TEXT,
    FIELD_INT,
    FIELD_BOOL,
    FIELD_OBJECT, /* of 'fields'; NULL: any object, its reader checks it */
    FIELD_MAP,    /* an object of texts */
    FIELD_PATCH,  /* an object of texts and nulls, which take a row away */
};
struct field {
    const char *name;
    enum field_type type;
    bool required;
    int64_t min; /* of an INT; of a TEXT's length in characters */
    int64_t max; /* likewise; of keys and texts of a MAP or PATCH */
    const struct field *fields;
};
/* A body is an object with one key of these, ended by a row without key; "" = the fields stand in
 * the body itself. */
struct body_spec {
    const char *key;
    const struct field *fields; /* ended by a row without name; NULL: any object */
    bool not_empty;             /* one field at least */
    const char *example;        /* a good value, JSON */
};

struct route {
    const char *method;
    const char *path; /* below /v1[/{project}]: "protection-groups/{pg}" */
    const char *rule; /* of the policy, NULL with ROUTE_NO_TOKEN */
    unsigned flags;
    route_handler *handler;
    const char *query;              /* allowed query parameters, separated by spaces; NULL: none */
    const char *says;               /* for the OpenAPI document */
    const struct body_spec *bodies; /* NULL: there is no body */
};

extern const struct route routes[]; /* ended by a row without method */

/* ---- answers ---- */

void reply_json(struct request *r, int status, json_t *takes);
void reply_empty(struct request *r, int status);
void reply_header(struct request *r, const char *name, const char *value);
/* 202 with Location of the operation and {"operation": …} beside 'takes' (an object, may be NULL).
 */
err_t *reply_operation(struct request *r, const char *op_id, json_t *takes) MUST_CHECK;

/* ---- input ---- */

/*
 * Checks the body against the route's bodies, sets spec and in: unknown, missing and mistyped
 * fields are BAD_REQUEST naming the field.
 */
err_t *request_body_check(struct request *r) MUST_CHECK;
/* A query parameter or NULL. */
const char *request_query(const struct request *r, const char *name);
/* limit, marker, sort and the filters named in 'filters' (separated by spaces). */
struct list_query;
err_t *request_list(const struct request *r, const char *filters,
                    struct list_query *ret) MUST_CHECK;
/* Adds "<noun>_links" when a full page was returned. */
void reply_links(struct request *r, json_t *out, const char *noun, const char *last_id,
                 size_t count, int64_t limit);
const char *request_header(const struct request *r, const char *name);
/* May the caller do what 'rule' names, on an object of 'project'?  FORBIDDEN. */
err_t *request_allowed(const struct request *r, const char *rule, const char *project) MUST_CHECK;
bool request_is_admin(const struct request *r);
void request_ring(const struct request *r);
/* For the log: an error that the caller is not told of.  Borrowed. */
void request_report(const struct request *r, const err_t *e);
/* A short record in the audit log. */
err_t *request_audit(struct request *r, const char *action, const char *target) MUST_CHECK;
/* The same with details, which are taken: no secrets. */
err_t *request_audit_with(struct request *r, const char *action, const char *target,
                          json_t *takes) MUST_CHECK;
