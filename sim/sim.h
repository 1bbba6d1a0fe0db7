/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim - two simulated OpenStack clouds in one process: the library's one public header.
 *
 * Keystone v3, Nova 2.1, Cinder v3, Neutron v2.0, Glance v2 and the corner of Placement that tools
 * ask for, twice, as faithful as the exchanges recorded under lab/openstack/samples are the judge
 * of. No threads, no sockets, no clock of its own: the time is env's, and what is asynchronous in a
 * real cloud (a volume being created, a server being built) is due at an instant and is found done
 * by the first request after it.  Not safe for use by two threads at once; sim/server has the
 * mutex.
 *
 * Neighbours: site.h (the state), call.h (one request), <service>*.c (the services), fault.c,
 * log.c, seed.c, dump.c; sim/server puts sockets in front.
 */
#pragma once

#include "base/env.h"
#include "net/http.h"

enum sim_service {
    SIM_KEYSTONE,
    SIM_NOVA,
    SIM_CINDER,
    SIM_NEUTRON,
    SIM_GLANCE,
    SIM_PLACEMENT,
    SIM_SERVICES
};

enum { SIM_SITE_A, SIM_SITE_B, SIM_SITES };

/* Which OpenStack's version numbers are answered and accepted. */
enum sim_release {
    SIM_ZED,
    SIM_VICTORIA,
};

/* How long the asynchronous transitions take.  All in milliseconds. */
struct sim_latency {
    int64_t volume_ms;       /* create, delete, extend of a volume */
    int64_t manage_ms;       /* manage, unmanage */
    int64_t snapshot_ms;     /* snapshots and group snapshots */
    int64_t group_ms;        /* create, update, delete of a group */
    int64_t attach_ms;       /* attach, detach of a volume or port */
    int64_t server_build_ms; /* scheduling takes the first third of it */
    int64_t server_start_ms;
    int64_t server_stop_ms;
    int64_t server_delete_ms;
};

struct sim_site_options {
    const char *name;          /* "site-a": e-mail domains and clouds.yaml */
    const char *region;        /* "RegionA" */
    const char *address;       /* "127.0.10.1" */
    int ports[SIM_SERVICES];   /* the lab's by default */
    const char *suffix;        /* "a": cinder-a@lab#lab, compute-a */
    const char *external_cidr; /* of the network 'public' */
    const char *tenant_cidr;   /* of net-app */
    const char *volumes_dir;   /* a folder with the bytes of the volumes; NULL: there are none */
    const char *protector_url; /* registered in the catalog as service type protector; NULL: none */
    bool servers;              /* seed web-1 and db-1 here */
};

struct sim_options {
    struct sim_site_options site[SIM_SITES];
    enum sim_release release;
    struct sim_latency latency;
    bool empty; /* do not seed: an empty cloud with the admin project and user only */
    /*
     * Called for faults that take time (delay, time-out): a bench with a virtual clock moves it on,
     * the server program sleeps.  NULL: they take no time.
     */
    void (*pass)(void *data, int64_t time_ms);
    void *pass_data;
};

struct sim;

/* The lab's two sites, Zed, a few tens of milliseconds. */
void sim_options_init(struct sim_options *options);

/* 'env' is kept, the options are copied.  Never NULL. */
struct sim *sim_create(const struct env *env, const struct sim_options *options);
void sim_destroy(struct sim *sim);
AUTO_DEFINE(sim, sim_destroy)

/*
 * Answers one request for a service ("keystone", "nova", "cinder", "neutron", "glance",
 * "placement") of a site.  The request's url may be absolute or a path with query.  Never NULL.
 * Status 0 means that no answer is to be sent: the service is down, or a fault says so; the header
 * X-Sim-Error then says "refused", "timeout" or "lost".
 */
struct http_response *sim_handle(struct sim *sim, int site, const char *service,
                                 const struct http_request *req);

/*
 * Routes absolute urls to the right cloud by address and port.  NET_REFUSED: nothing listens at the
 * address, or it is down; NET_TIMEOUT and NET_LOST: by a fault.  Lives as long as 'sim'.
 */
const struct http_transport *sim_transport(struct sim *sim);

/* Lets everything that is due by now happen.  Every request does it first. */
void sim_advance(struct sim *sim);
/* When the next transition is due, -1 if none is: a bench may jump there. */
int64_t sim_next_due_ms(struct sim *sim);

/* "site-a"; as long as 'sim' lives. */
const char *sim_site_name(const struct sim *sim, int site);
/* "http://127.0.10.1:5000" of a service, as long as 'sim' lives until the next call.  Caller frees.
 */
char *sim_origin(const struct sim *sim, int site, enum sim_service service);
const char *sim_service_name(enum sim_service service);
/* SIM_SERVICES if there is none of the name. */
enum sim_service sim_service_of(const char *name);

/* ---- what tests do to the world ---- */

/* Takes a service of a site, or with NULL all of them, off the network, and back.  State is kept.
 */
void sim_site_down(struct sim *sim, int site, const char *service, bool down);
/* True iff a request to it would be refused. */
bool sim_is_down(const struct sim *sim, int site, enum sim_service service);

/*
 * The power of a site fails: nothing answers, nothing goes on.  After the restore the servers that
 * ran start by themselves, as hosts with resume_guests_state_on_host_boot do.
 */
void sim_power_cut(struct sim *sim, int site);
void sim_power_restore(struct sim *sim, int site);

enum sim_fault_kind {
    SIM_FAULT_STATUS,         /* answer 'status' and 'body' without effect */
    SIM_FAULT_REFUSE,         /* connection refused */
    SIM_FAULT_TIMEOUT_BEFORE, /* no effect, no answer in time */
    SIM_FAULT_TIMEOUT_AFTER,  /* effect, but the answer is lost */
    SIM_FAULT_TRUNCATE,       /* effect, but half of the answer's body is missing */
    SIM_FAULT_DUPLICATE,      /* delivered twice; the second answer is the one that arrives */
    SIM_FAULT_DELAY,          /* 'delay_ms' pass before it is worked on */
};

struct sim_fault {
    int site;            /* -1: both */
    const char *service; /* NULL: any */
    const char *method;  /* NULL: any */
    const char *path;    /* glob with * and ? over path and query; NULL: any */
    int skip;            /* so many matching calls pass first */
    int count;           /* of calls that it strikes; 0 = for ever */
    enum sim_fault_kind kind;
    int status;       /* SIM_FAULT_STATUS */
    const char *body; /* NULL: none */
    int64_t delay_ms; /* SIM_FAULT_DELAY; of time-outs: 0 = the request's own time-out */
};

/* Faults are tried in the order of their addition; the first that matches strikes. */
void sim_fault_add(struct sim *sim, const struct sim_fault *fault);
void sim_fault_clear(struct sim *sim);
/* "status", "refuse", "timeout-before" …; false if there is none of the name. */
bool sim_fault_kind_of(const char *name, enum sim_fault_kind *ret);

/*
 * Sets the quota of a project (by id or name) at "nova", "cinder" or "neutron"; -1 = unlimited.
 * False if there is no such project or service.
 */
bool sim_set_quota(struct sim *sim, int site, const char *service, const char *project,
                   const char *resource, int64_t limit);
/*
 * Lets tenants do what a rule of a service covers ("volume_extension:volume_manage" …), or forbids
 * it. As in the lab volume_manage and volume_unmanage are allowed by default.
 */
void sim_set_policy(struct sim *sim, int site, const char *rule, bool tenants);

/*
 * The storage driver of a site fails the next 'count' changes of a Cinder group: as with the real
 * cinder-volume the group and the volumes that were to move end in 'error'.
 */
void sim_driver_fails(struct sim *sim, int site, int count);

/* One request that arrived, also those that a fault struck. */
struct sim_log {
    int64_t at_ms;
    int site;
    enum sim_service service;
    char *method;
    char *path;    /* with the query */
    char *user;    /* name of the token's user, or NULL */
    char *project; /* name of the token's project, or NULL */
    char *trust;   /* id of the token's trust, or NULL */
    int status;    /* 0: no answer was sent */
};

#define SIM_LOG_MAX 200000 /* older lines are dropped */

/* The log, oldest first: array of struct sim_log, borrowed. */
const GPtrArray *sim_log(const struct sim *sim);
void sim_log_clear(struct sim *sim);
/* Counts lines; -1, NULL: any; 'path' is a glob. */
int sim_count(const struct sim *sim, int site, const char *service, const char *method,
              const char *path);

/*
 * All objects: {"site-a": {"volumes": {id: row}, …}, …}, the rows as they are kept.  Caller owns
 * it. sim_load makes the state what a dump says (a later start of the server program).
 */
json_t *sim_dump(struct sim *sim);
err_t *sim_load(struct sim *sim, const json_t *dump) MUST_CHECK;
/* The rows of one table of a site, by id; borrowed.  For assertions ("servers", "ports", …). */
const json_t *sim_table(struct sim *sim, int site, const char *table);
/* The first row of a table whose "name" is 'name'; NULL if there is none. */
const json_t *sim_find(struct sim *sim, int site, const char *table, const char *name);

/* Puts a volume of 'size_gb' into the backend that Cinder does not manage yet (a replica). */
err_t *sim_backend_put(struct sim *sim, int site, const char *name, int64_t size_gb) MUST_CHECK;

/* clouds.yaml with site-a, site-b, prod-a, prod-b, protector-a, protector-b.  Caller frees. */
char *sim_clouds_yaml(const struct sim *sim);

/* Answers a request of the control surface, /sim/control (control_http.c tells which).  Never NULL.
 */
struct http_response *sim_control(struct sim *sim, const struct http_request *req);
