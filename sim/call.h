/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call - one request on its way through a simulated service: what it asks, who asks, how to answer.
 *
 * A service is a const table of routes and a way to word errors.  sim_call_serve does what the
 * services' common middleware does (size limit, token, microversion, routing, policy, JSON) in
 * their order and hands the rest to the route's function.
 *
 * Invariant: a function that answers with an error has changed nothing.
 */
#pragma once

#include "sim/site.h"

#define CALL_BODY_MAX_BYTES 114688 /* Keystone, Nova and Cinder; the others have no limit */
#define CALL_ARGS_MAX       4
#define CALL_LIMIT_MAX      1000 /* of a page, Nova and Cinder */

struct call {
    struct sim *sim;
    struct site *site;
    const struct service *service;
    const struct http_request *req;
    char *path;        /* without query */
    char **parts;      /* of the path, decoded, the project's id of Nova and Cinder left out */
    char *url_project; /* that id, or NULL */
    GPtrArray *query;  /* of struct http_header */
    json_t *body;      /* NULL: the request has none */
    int mv;            /* minor of the microversion; 0 or 1 if none was asked for */
    json_t *token;     /* row, borrowed; NULL without a token */
    bool admin;
    const char *user_id;
    const char *project_id;         /* NULL: unscoped */
    const char *arg[CALL_ARGS_MAX]; /* what stood for the {} of the route */
};

typedef struct http_response *sim_call_fn(struct call *call);

enum {
    ROUTE_PUBLIC = 1, /* no token needed */
    ROUTE_RAW = 2,    /* the body is not JSON */
};

struct route {
    const char *method;
    const char *pattern; /* "v2.1/servers/{}/action"; "" is the root */
    sim_call_fn *fn;
    const char *policy; /* a rule that only admins pass, unless sim_set_policy says otherwise */
    int mv;             /* unknown below this microversion */
    int flags;
};

struct service {
    enum sim_service id;
    const struct route *routes; /* ended by a row without method */
    const char *version_type;   /* "compute": microversions of this type; NULL: none */
    int version_major;
    int version_min;
    int version_max[2]; /* by enum sim_release */
    /* Words an error in the service's way; 'type' is Neutron's exception name or NULL. */
    struct http_response *(*fail)(struct call *call, int status, const char *type,
                                  const char *message);
    /* Adds the headers that the service puts on every answer. */
    void (*decorate)(struct call *call, struct http_response *resp);
};

extern const struct service sim_keystone_service;
extern const struct service sim_nova_service;
extern const struct service sim_cinder_service;
extern const struct service sim_neutron_service;
extern const struct service sim_glance_service;
extern const struct service sim_placement_service;

/* Answers 'req'; never NULL.  'ret_token' gets the token's row (borrowed) or NULL. */
struct http_response *sim_call_serve(struct site *site, enum sim_service service,
                                     const struct http_request *req, json_t **ret_token);

/* ---- for the services ---- */

/* Takes 'body'. */
struct http_response *sim_call_json(struct call *call, int status, json_t *body);
/* Without a body; Content-Type as the services write it ("application/json", or NULL for none). */
struct http_response *sim_call_empty(struct call *call, int status, const char *type);
/* An error in the service's words. */
struct http_response *sim_call_fail(struct call *call, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with Neutron's name of the exception. */
struct http_response *sim_call_fail_type(struct call *call, int status, const char *type,
                                         const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* 403 in the words of the service's policy engine. */
struct http_response *sim_call_forbid(struct call *call, const char *rule);

/* The first value of a query parameter, or NULL. */
const char *sim_call_query(const struct call *call, const char *name);
/* "http://127.0.10.1:8774" */
char *sim_call_origin(const struct call *call);
/* True iff the caller passes a rule for admins. */
bool sim_call_allowed(const struct call *call, const char *rule);
/* True iff the row's project_id is the caller's, or the caller is an admin. */
bool sim_call_sees(const struct call *call, const json_t *row);

/* The answers of webob for bodies that are too long and of Glance: message, code, title. */
struct http_response *sim_call_webob(struct call *call, int status, const char *message);
/* The reason phrase of a status. */
const char *sim_call_reason(int status);

/*
 * Pages through rows (borrowed rows in a new array; taken): applies marker and limit of the query.
 * Returns the rows of the page.  'ret_next' gets the marker for the next page (g_free), NULL if
 * this is the last.  'id_key' is the key of the id that markers name.  NULL if there is no such
 * marker.
 */
json_t *sim_call_page(struct call *call, json_t *rows, const char *id_key, int64_t limit_max,
                      char **ret_next);
/* The address of the next page: path, other parameters, and the marker.  Caller frees. */
char *sim_call_next_url(struct call *call, const char *path, const char *marker);
