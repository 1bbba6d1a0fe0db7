/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench - two whole sites in one process: simulated clouds, API, engine and client of production,
 * reached through their tables of functions, under a virtual clock.  No threads, no sockets.
 *
 *     AUTO(bench) b = bench_create(seed);
 *     bench_register(b);                                  sites, mapping
 *     json_t *r = bench_ok(b, "prod-a", "protection-group show", "protection-group", "web", NULL);
 *
 * Time passes only in bench_pass and in the client's own waiting; both let the engines work.  The
 * same seed gives the same run.  Everything random comes from it, also libsodium's numbers.
 *
 * What goes wrong unexpectedly ends the test with words (fail_msg).  BENCH_TRACE=1 in the
 * environment prints each exchange, each report of an engine and each command.
 */
#pragma once

#include "api/api.h"
#include "daemons/process.h"
#include "run/run.h"
#include "runbooks/tags.h"
#include "runbooks/ticks.h"
#include "runbooks/watch.h"
#include "runbooks/world.h"
#include "sim/sim.h"
#include "store/db.h"

#define BENCH_SITES 2

struct bench;
struct faulty;

/* Who sends: decides what is cut. */
struct bench_link {
    struct bench *bench;
    int site; /* -1: the client */
};

struct bench_site {
    struct bench *bench;
    int index;
    struct env env;
    int64_t skew_ms; /* of its wall clock */
    struct process p;
    struct bench_link link;
    struct http_transport transport;
    char *api_origin;
    struct cloud_session *session;
    struct policy *policy;
    struct token_validator *tokens;
    struct api *api;
    struct api_options api_options;
    bool api_down, engine_down;
    bool lost; /* between bench_lose and bench_restore */
    struct registry *registry;
    struct driver_host *host;
    struct protector_driver driver;
    uint64_t driver_lacks; /* capabilities that its engines started from now on do not see */
    bool driver_absent;    /* likewise: they have none */
    struct world *world;
    struct ticks *ticks;
    struct tags *tags;
    struct watch *watch;
    struct conf *engine_conf; /* of its engine, from its next start on; NULL: as the API's */
    struct runner *runner;
    char *owner;
    int engines;               /* started so far */
    int64_t next_tick_ms;      /* of recovery points; by the bench's clock */
    int64_t next_tags_ms;      /* of tags that are owed; likewise */
    int64_t next_watch_ms;     /* of the epoch watch; likewise */
    int64_t next_drift_ms;     /* of the look for drift; likewise */
    int64_t next_readiness_ms; /* of the look whether groups could fail over; likewise */
    int64_t next_prune_ms;     /* of what is forgotten; likewise */
    bool unwatched;  /* its engines do not watch: a story needs a site that does not know */
    int crash_at;    /* the engine dies at this boundary, counted from 1; 0: it lives */
    int boundaries;  /* passed since bench_crash_at */
    int crash_again; /* after its first death: at the how-manieth boundary from there; 0: never */
    int deaths;      /* since bench_crash_at */
    bool crashed;
    bool stays_dead;         /* after a crash, until bench_engine */
    bool forgets;            /* its database was put back: what it alone knew, nobody knows */
    bool db_down;            /* its database answers nobody of the site */
    struct bench_site *twin; /* its other engine, on another host; or NULL */
    uint64_t turns;          /* which of the two looks first */
    bool lock_file;          /* it may take its earlier engine's leases at once (default) */
    /* Told of every boundary that counts.  May be NULL. */
    void (*on_boundary)(void *data, struct bench_site *site, const char *where, const char *step);
    void *on_boundary_data;
    char *crash_type;  /* only boundaries of operations of this type count; NULL: any */
    char *crash_where; /* what it died at, for messages */
    void (*on_db)(void *data, struct bench_site *site, struct db *db); /* of each new connection */
    void *on_db_data;
    void (*on_take)(void *data, struct bench_site *site, struct db *db); /* of each that is taken */
    void *on_take_data;
};

struct bench {
    struct env env;
    int64_t clock_ms;
    uint64_t seed;
    struct sim *sim;
    char *dir, *clouds;
    char *dsn[BENCH_SITES]; /* of the sites' databases; NULL: SQLite */
    struct bench_site site[BENCH_SITES];
    struct bench_link link;
    struct http_transport transport; /* the client's */
    int client_budget;               /* requests that it may still send; -1: any number */
    bool client_last_arrives;        /* the last one takes effect, its answer is lost */
    const char *client_dies_method, *client_dies_at;
    int client_sent;
    int64_t patience_ms; /* a client that waits longer than this is interrupted; 0: it never is */
    int64_t begun_ms;    /* when the present command was given */
    /*
     * What a guest answers at an address: the HTTP status for a path, any number above 0 where
     * 'path' is NULL and the port is open; -1: nothing listens.  NULL: no guest serves.
     */
    int (*guest)(void *data, const char *address, int port, const char *path);
    void *guest_data;
    /* Told of each request of the client before it is sent, until it says true.  May be NULL. */
    bool (*on_client)(void *data, const struct http_request *req);
    void *on_client_data;
    /* Told of each request of an engine or API before it is sent.  May be NULL. */
    void (*on_engine)(void *data, int site, const struct http_request *req);
    void *on_engine_data;
    /*
     * Stands between the engines and APIs and the clouds: answers in place of the network, or asks
     * it with bench_route and damages what comes.  May be NULL.
     */
    err_t *(*between)(void *data, int site, const struct http_request *req,
                      struct http_response **ret);
    void *between_data;
    bool cut[BENCH_SITES]; /* clients do not reach this site; the sites themselves go on */
    int64_t stall_ms; /* the client's next POST to an address with 'stall_at' in it takes so long */
    const char *stall_at;
    bool foresees;    /* engines look whether groups could fail over: that only reads */
    bool looks;       /* a question of the test itself is asked of a database, not of the product */
    GString *carried; /* bodies of the messages that clients carried */
    GString *log;     /* what the services reported, as it would stand in their logs */
    GString *trace;   /* one line for each exchange, "client POST http://… 202" */
    char *last_error; /* of bench_fails and bench_try */
    /* Of commands, instead of what they usually have; NULL: that. */
    const char *secondary, *api_version, *token, *endpoint;
    const char *answer; /* to whatever a command asks; NULL: there is nobody to ask */
    GString *asked;     /* the questions, a line each */
    GString *events;    /* what commands told while they ran, JSON, a line each */
};

struct bench *bench_create(uint64_t seed);
/* The same on these databases, empty ones; bench_save and bench_back do not see them. */
struct bench *bench_create_on(uint64_t seed, const char *const dsn[BENCH_SITES]);
void bench_destroy(struct bench *b);
AUTO_DEFINE(bench, bench_destroy)

/* ---- time and trouble ---- */

/* Lets time pass; engines and clouds work. */
void bench_pass(struct bench *b, int64_t ms);
/* Until neither engine has anything to do before 'ms' from now; fails the test if that never ends.
 */
void bench_settle(struct bench *b);
/* Protector at a site: the API answers or refuses; the engine lives or does not. */
void bench_api(struct bench *b, int site, bool up);
void bench_engine(struct bench *b, int site, bool up);
/* Its engine starts anew, with these lines after the usual ones in protector.conf. */
void bench_engine_conf(struct bench *b, int site, const char *more);
/* Everything at a site: power of the cloud, API and engine. */
void bench_lose(struct bench *b, int site);
void bench_restore(struct bench *b, int site);
/* The engine dies at the nth boundary of an operation of 'type' (NULL: any) from now on; it is
 * started anew. */
void bench_crash_at(struct bench *b, int site, const char *type, int nth);

/* Where an engine dies: "after-intent" of "server.boot" …  'step' NULL: nowhere. */
struct bench_death {
    const char *where, *step;
    bool died; /* out */
};
/* At the first such boundary of an operation of 'type' the engine of 'site' dies and stays dead. */
void bench_dies_at(struct bench *b, int site, const char *type, struct bench_death *death);
void bench_revive(struct bench *b, int site);

/*
 * Another engine of the site, on another host: takes over what 'site's engine holds, once its
 * leases have run out, and works until all is done.  'room' is its memory.
 */
void bench_second_engine(struct bench_site *site, struct bench_site *room);
/* From now on two engines work at the site, on two hosts; chance says which looks first. */
void bench_twin(struct bench *b, int site);
/* For the transports of the bench: a guest answers, or accepts. */
bool bench_guest_answers(struct bench *b, const struct http_request *req,
                         struct http_response **ret);
err_t *bench_guest_connect(void *link, const char *address, int port, int64_t timeout_ms);
/* To the API or the cloud that the address belongs to, without any trouble. */
err_t *bench_route(struct bench *b, const struct http_request *req,
                   struct http_response **ret) MUST_CHECK;

/*
 * A world that is prepared once and used many times, each time in a process forked from this one:
 * bench_still stops the engines and closes the databases, bench_save keeps the files of both sites
 * under a name, bench_back puts them back as they were, bench_forget drops what was kept,
 * bench_wake starts the engines anew.
 */
void bench_still(struct bench *b);
void bench_wake(struct bench *b);
void bench_save(struct bench *b, const char *name);
void bench_back(struct bench *b, const char *name);
void bench_forget(struct bench *b, const char *name);

/*
 * A backup of the database of one site, under a name, and putting it back: an older copy under
 * services that run.  state_path outlives it.  bench_db_lose: there is none at all any more, and
 * the operator runs `db sync` on an empty one.
 */
void bench_db_keep(struct bench *b, int site, const char *name);
/* The same while an operation runs: by SQL, as an operator's backup does it. */
void bench_db_copy(struct bench *b, int site, const char *name);
void bench_db_put_back(struct bench *b, int site, const char *name);
void bench_db_lose(struct bench *b, int site);
/* The operator says `protector-manage keys rotate` at the site; its services go on. */
void bench_rotate(struct bench *b, int site);
/* A service starts on the database as it stands: does it notice that it was put back? */
bool bench_db_noticed(struct bench *b, int site);

/* The client dies at its first request of the method to an address like 'glob'; it arrives. */
void bench_client_dies_after(struct bench *b, const char *method, const char *glob);
/* The client dies at its nth request from now on, which arrives or does not. */
void bench_client_dies_at(struct bench *b, int request, bool arrives);
void bench_client_lives(struct bench *b);
/*
 * Somebody sends a message to a site that a client carried before ("{"message": …}", a line of
 * b->carried), whatever comes of it.  Its direct answer goes nowhere.
 */
void bench_deliver(struct bench *b, int site, const char *carried);
/* The project's outboxes of both sites, those of deleted groups too; nothing may be in the way. */
void bench_carry(struct bench *b);

/* ---- commands, as `protector --os-cloud CLOUD` ---- */

/* Options and arguments as key, value pairs up to NULL; "!key" is a flag (no value), "*key" a list
 * of one. */
json_t *bench_ok(struct bench *b, const char *cloud, const char *command,
                 ...) G_GNUC_NULL_TERMINATED;
/* Must fail with the code; the message is in b->last_error. */
void bench_fails(struct bench *b, const char *code, const char *cloud, const char *command,
                 ...) G_GNUC_NULL_TERMINATED;
/* Whatever comes of it: NULL and b->last_error on failure. */
json_t *bench_try(struct bench *b, const char *cloud, const char *command,
                  ...) G_GNUC_NULL_TERMINATED;
/* As bench_try, with the arguments as an object, which is taken. */
json_t *bench_run(struct bench *b, const char *cloud, const char *command, json_t *takes);

/* ---- what stories begin with ---- */

/* A change of A ("undecided" as description) that the client leaves as soon as it has its 202. */
void bench_change_left(struct bench *b);
/* What an operation of A's engine did: a fact of A, not yet told to B.  'edit' may be NULL. */
void bench_fact(struct bench *b, void (*edit)(json_t *draft));

/* ---- looking ---- */

/* A field of "object" of a record. */
const char *bench_field(const json_t *result, const char *key);
/* Text of sync-status. */
char *bench_sync_text(struct bench *b, const char *cloud, const char *group);
/* web-1 and db-1 of a site stand in a server group "apart" of this policy. */
void bench_server_group(struct bench *b, int site, const char *policy);
/* The floating IP of the server of that name, as the site's Neutron has it; NULL: none. */
const json_t *bench_floating(struct bench *b, int site, const char *server);
/* "203.0.113.7=public": web-1's at the site, and the external network.  Caller frees. */
char *bench_floating_mapping(struct bench *b, int site);
/* From the volume after the next 'skip' ones on Cinder of a site makes none: 400, 'count' times (0:
 * for ever). */
void bench_cinder_full(struct bench *b, int site, int skip, int count);
/* The report of the last operation of a type at a site, as its own client gets it. */
json_t *bench_report(struct bench *b, int site, const char *type);
/* Makes a user of a site's cloud. */
void bench_user(struct bench *b, int site, const char *name, const char *password);
/* Gives a user a role in a project of a site. */
void bench_grant(struct bench *b, int site, const char *user, const char *project,
                 const char *role);
/* Gives a user the role dr_site_admin in a project of a site; makes the role. */
void bench_site_admin(struct bench *b, int site, const char *user, const char *project);
/* A new token of the cloud's user.  Caller frees. */
char *bench_token(struct bench *b, const char *cloud);
/* A value of the database of a site; NULL if there is no row.  Caller frees. */
char *bench_sql(struct bench *b, int site, const char *sql);
/* Its rows.  Caller destroys. */
struct db_rows *bench_rows(struct bench *b, int site, const char *sql);
int64_t bench_sql_int(struct bench *b, int site, const char *sql);
/* What the site tells Prometheus.  Caller frees. */
char *bench_metrics(struct bench *b, int site);
/* A number of the database that the mock driver keeps both sites' arrays in; 0 if there is no row.
 */
int64_t bench_arrays_int(struct bench *b, const char *sql);
/*
 * A complete point "planted…" at a site's array that is newer than all others, otherwise as the
 * newest one; 'lineage' and 'made_by' in SQL, NULL: as that one.  False if there is none.
 */
bool bench_plant(struct bench *b, int site, const char *id, const char *lineage,
                 const char *made_by);
/* "site-a", "prod-a" */
const char *bench_site_name(int site);
const char *bench_tenant(int site);
const char *bench_server_id(struct bench *b, int site, const char *name);
/* "ACTIVE", with " locked" if it is; "" if there is none.  Caller frees. */
char *bench_server_state(struct bench *b, int site, const char *name);
/* Objects of a table that carry 'protector:key' or such a name, none twice; fails the test if one
 * is. */
int bench_keyed(struct bench *b, int site, const char *table);
/* A site without the key pair and the security group of the servers: a failover brings them. */
void bench_bare(struct bench *b, int site);
/* Another volume "logs", like its second, is attached to a server by somebody. */
#define BENCH_ATTACHED "aaaaaaaa-0000-4000-8000-000000000001"
void bench_attach(struct bench *b, int site, const char *server);
/* They are there, the tenant's own, and in the ledger. */
void bench_brought(struct bench *b, int site);
/*
 * Every object under our keys at the site stands in its ledger, none twice, and is of the tenant's
 * project; the service's project holds nothing.
 */
void bench_ledger_holds(struct bench *b, int site);

/* ---- what stories ask ---- */

/* The test fails unless it is so. */
void bench_role_is(struct bench *b, int site, const char *role);
void bench_status_is(struct bench *b, int site, const char *status);
/* "active", "stopped locked": of web-1 and db-1. */
void bench_servers_are(struct bench *b, int site, const char *state);
/* Somebody starts a server of that name that stands still, whatever lock it has; false: none does.
 */
bool bench_start_by_hand(struct bench *b, int site, const char *name);
/* Both sites say IN SYNC and hold the same position. */
void bench_in_sync(struct bench *b);
char *bench_position(struct bench *b, int site);
int64_t bench_epoch(struct bench *b, int site);

/* ---- the usual world ---- */

/* A bench with both sites, the group "web", a recovery point. */
struct bench *bench_create_protected(uint64_t seed);
/* Two groups instead, "web" with web-1 and "db" with db-1; points of both have arrived. */
struct bench *bench_create_two(uint64_t seed);

void bench_register(struct bench *b);
/* Group "web" at site A with policy, web-1 and db-1; IN SYNC. */
void bench_protect(struct bench *b);
/* The same for a group "web" that is there already. */
void bench_protect_group(struct bench *b);
/* A recovery point of site A has arrived. */
void bench_wait_point(struct bench *b);
void bench_member_add(struct bench *b, const char *cloud, const char *server);
json_t *bench_failover(struct bench *b, int site);
