/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_internal - what the files of the client library share.
 *
 *     clouds.c    entries of clouds.yaml and the environment
 *     end.c       one site as the client sees it: logged in, its API found, requests
 *     pair.c      a group with both its ends
 *     carry.c     messages from one site to the other, proofs, operations followed
 *     demote.c    who would be stopped by a message, and the question before it
 *     mappings.c  what a failover makes of networks, flavors and images
 *     change.c    a change of a group until the peer has it
 *     look.c      what is seen of a site without logging in
 *     debug.c     what goes over the wire, told
 *     commands.c  the table of commands; cmd_*.c their functions
 *     client.c    the handle
 */
#pragma once

#include "base/auto.h"
#include "base/env.h"
#include "base/err.h"
#include "base/json.h"
#include "net/http.h"

#include <protector/client.h>

#define CLIENT_CONNECT_TIMEOUT_MS 5000
#define CLIENT_TIMEOUT_MS         60000
#define CLIENT_POLL_MS            300
#define CLIENT_ROUNDS_MAX         16    /* of carrying, before it counts as never quiet */
#define CLIENT_TURNS_MAX          4     /* of answers to answers */
#define CLIENT_RECOVERY_MAX       3     /* rounds of challenges; then a person must decide */
#define CARRY_FIRST_MS            60000 /* what is carried before a command that does not need it */
#define CLIENT_OPERATION_MS_MAX   (6 * 3600 * (int64_t)1000)

struct end;

struct protector_client {
    struct protector_client_options o; /* texts are owned copies */
    const struct http_transport *transport;
    const struct env *env;
    struct http_transport told;         /* of debug.c, around ... */
    const struct http_transport *inner; /* ... this one */
    void *owned_transport;
    err_t *(*trust)(void *data, const char *base_url, const char *cafile, bool insecure);
    json_t *clouds;  /* entries of clouds.yaml by name, or NULL before it was read */
    GPtrArray *ends; /* of struct end, opened ones */
    struct end *local;
    int64_t deadline_mono_ms; /* of what is asked and waited for; 0: none */
};

/* For tests and the bench: another transport and clock than the real ones. */
struct protector_client *client_open_with(const struct protector_client_options *options,
                                          const struct http_transport *transport,
                                          const struct env *env);

/* ---- debug.c ---- */

/* A transport of the client that tells of what it sends with 'inner'.  Borrowed. */
const struct http_transport *debug_transport(struct protector_client *c,
                                             const struct http_transport *inner);

/* ---- clouds.c ---- */

/* The entry 'name' (NULL: OS_CLOUD, else the OS_* variables) with secrets merged in.  New
 * reference. */
err_t *clouds_entry(struct protector_client *c, const char *name, json_t **ret) MUST_CHECK;
/* Addresses are equal without a slash or /v3 at their end. */
bool clouds_same_url(const char *a, const char *b);
/* Name of the entry whose auth_url and region are these; NULL if there is none.  Borrowed. */
err_t *clouds_find(struct protector_client *c, const char *auth_url, const char *region,
                   const char **ret) MUST_CHECK;

/* ---- end.c ---- */

struct end {
    struct protector_client *client;
    char *cloud;   /* entry of clouds.yaml, or "environment", or the host's "session" */
    bool is_named; /* by that entry alone it was opened, and is found again */
    char *auth_url;
    char *region;
    char *interface;
    json_t *entry;
    char *token;
    json_t *token_body; /* "token" of Keystone */
    char *project_id;
    char *project; /* whose groups are meant instead, of an admin; NULL */
    char *user_id;
    char *session_project; /* of the host's own session: a later login must be of it; NULL */
    char *endpoint;        /* "http://h:8788/v1", without project */
    json_t *range;         /* {"min", "max"} of its API, once asked */
    int minor;             /* 1.x that is spoken with it; -1: not chosen yet */
    int64_t outbox;        /* messages that the group last asked about wants carried */
    json_t *self;          /* identity of the site, once asked */
    json_t *site;          /* its record as the local site lists it, once known */
};

/* Opens the local site (once). */
err_t *client_local(struct protector_client *c, struct end **ret) MUST_CHECK;
/* Opens an entry by name (once); logs in at the first request. */
err_t *client_end(struct protector_client *c, const char *cloud, struct end **ret) MUST_CHECK;
void end_destroy(struct end *end);

struct ask {
    const char *method;
    const char *path; /* below /v1 (admin) or /v1/{project} */
    bool admin;       /* no project in the path */
    const json_t *body;
    const char *if_match;
    const char *nonce;
    const char *idempotency_key;
    int64_t timeout_ms;
};
/*
 * Sends a request.  Any 2xx is success; '*ret' is the body (NULL if it has none), 'ret_status' may
 * be NULL.  A fault becomes an error with the server's code, text, remedy and details.
 */
err_t *end_ask(struct end *end, const struct ask *ask, json_t **ret, int *ret_status) MUST_CHECK;
err_t *end_get(struct end *end, json_t **ret, const char *format, ...)
    __attribute__((format(printf, 3, 4), warn_unused_result));
/* The object 'key' of what is answered, new reference; NET_PROTOCOL if there is none. */
err_t *end_get_object(struct end *end, const char *key, json_t **ret, const char *format, ...)
    __attribute__((format(printf, 4, 5), warn_unused_result));
/* True if the error means that the site did not answer (as opposed to having refused). */
bool end_is_unreachable(const err_t *e);
/* {"min": "1.0", "max": "1.1"}: what the site's Protector speaks; asked once.  Borrowed. */
err_t *end_range(struct end *end, json_t **ret) MUST_CHECK;
/* From now on nothing takes longer than 'ms' in all; 0: as long as it takes. */
void client_deadline(struct protector_client *c, int64_t ms);
err_t *client_time_left(const struct protector_client *c) MUST_CHECK; /* TIMEOUT if none is */
/* Logs in (for what is asked of Keystone's reply). */
err_t *end_login(struct end *end) MUST_CHECK;
/* As end_login, and its catalog is known too: a host's session comes without one. */
err_t *end_catalog(struct end *end) MUST_CHECK;
/*
 * NOT_FOUND if the site's Keystone knows no project of the id.  A user who may not look at it (401,
 * 403) is no error, nor a session of the host's, of which no Keystone is known.
 */
err_t *end_project_check(struct end *end, const char *project_id) MUST_CHECK;
/* A site's own word about itself: id, name and keys; asked once.  Borrowed. */
err_t *end_identity(struct end *end, json_t **ret) MUST_CHECK;
/* What it calls itself, once it was asked who it is. */
const char *end_site_name(const struct end *end);
/* Its Protector answers, and is that of 'site' (a record); CLIENT_CLOUD if it is another's. */
err_t *end_is_site(struct end *end, const json_t *site) MUST_CHECK;

struct call;

/* ---- pair.c ---- */

/* A group with both its ends: who is active, what the peer is called. */
struct pair {
    struct protector_client *client;
    struct end *local;
    struct end *peer;  /* NULL: not found in clouds.yaml, or not reached */
    err_t *peer_error; /* why 'peer' is NULL or did not answer */
    json_t *group;     /* the record at the local site */
    char *peer_name;
    char *local_name; /* of the local site, as the group knows it */
    bool local_is_active;
    const char *proof; /* nonce of a challenge that was carried as a file: the peer is not asked */
};
/* Finds the group at the local site and opens its peer.  The peer's absence is no error. */
err_t *pair_open(struct protector_client *c, const char *group, struct pair *ret) MUST_CHECK;
void pair_close(struct pair *pair);
/* Reads the group again: what was carried may have changed who is active. */
err_t *pair_refresh(struct pair *pair) MUST_CHECK;
const char *pair_end_name(const struct pair *pair, const struct end *end);
struct end *pair_active(struct pair *pair);
struct end *pair_standby(struct pair *pair);
/* "network" -> "network-mapping", "floating_ip" -> "floating-ip-mapping".  Caller frees. */
char *mapping_option(const char *kind);
/* The site of the pair that an operation runs at does not answer. */
err_t *pair_unreached(const struct pair *pair) MUST_CHECK;
const char *pair_id(const struct pair *pair);
const char *pair_name(const struct pair *pair);
/* Opens the end of the site 'site' (a record: name, auth_url, region_name). */
err_t *client_site_end(struct protector_client *c, const json_t *site, struct end **ret) MUST_CHECK;

/*
 * An entry whose project is not the one that 'local' maps 'project_id' to at the site is not used
 * for the peer: CLIENT_CLOUD.  Without a mapping the sites say what is missing.
 */
err_t *peer_project_check(struct end *local, const char *project_id, struct end *peer,
                          const char *peer_site_id) MUST_CHECK;

/* ---- carry.c ---- */

/*
 * How messages are carried.  All zero: everything but what would stop the servers of a site that is
 * still active; that is left where it is, and 'held_at' says so.
 */
struct carrying {
    bool forced;         /* that too: its servers were named, and the user said yes */
    int count;           /* out: messages that were carried */
    struct end *held_at; /* out: the active site that something was not carried to; or NULL */
    json_t *held;        /* out: the envelope of that message.  carrying_fini */
    bool unknown;        /* out: a site does not know the group */
    json_t *recovering;  /* out: {group: true} of those that recover at either site */
};
void carrying_fini(struct carrying *how);
/* What a message says of itself, new reference; {} of what makes no sense: the site that gets it
 * refuses it. */
json_t *envelope_of(const json_t *message);

/*
 * One message to a site.  '*ret_reply' its direct answer, NULL if it has none, if its operation had
 * to be followed first, or if the message is held ('how').
 */
err_t *deliver(struct end *to, const char *pg_id, const json_t *message, struct carrying *how,
               json_t **ret_reply) MUST_CHECK;
/* Carries both outboxes of a group until quiet. */
err_t *carry_group(struct end *a, struct end *b, const char *pg_id,
                   struct carrying *how) MUST_CHECK;
/* What 'from' wants carried to 'to', once. */
err_t *carry_in(struct end *from, struct end *to, const char *pg_id,
                struct carrying *how) MUST_CHECK;
/* The outboxes of all groups of the two projects, deleted ones too. */
err_t *carry_projects(struct end *a, struct end *b, struct carrying *how) MUST_CHECK;
/*
 * A fresh proof of 'peer' for a change at 'active': the nonce.  Caller frees.  WOULD_DEMOTE when
 * the peer's answer would stop servers of 'active'; 'how' then holds it.
 */
err_t *carry_proof(struct end *active, struct end *peer, const char *pg_id,
                   const char *peer_site_id, struct carrying *how, char **ret) MUST_CHECK;
/* Follows an operation until it has ended, or stands at 'step' (may be NULL).  '*ret' its record.
 */
err_t *follow(struct end *end, const char *op_id, const char *step, json_t **ret) MUST_CHECK;
/* NULL if it completed, else what it says. */
err_t *operation_outcome(const json_t *op) MUST_CHECK;
/* ---- demote.c ---- */

/* True if the message would make the site, which is active, stop its servers of the group. */
err_t *would_demote(struct end *to, const char *pg_id, const json_t *message, bool *ret) MUST_CHECK;
/*
 * "web-1, db-1": the group's servers that the site's engine sees running now, and those of which it
 * does not know it, which say so.  Caller frees.
 */
err_t *servers_of(struct end *end, const char *pg_id, char **ret) MUST_CHECK;
/* What a command that may not ask says of a held message: WOULD_DEMOTE with the servers' names. */
err_t *held_error(const struct pair *pair, const struct carrying *how) MUST_CHECK;

/* ---- look.c ---- */

/*
 * {"keystone", "nova", "protector"}: "alive", "dead" or "unknown" (no address is known); any answer
 * is alive.  'protector' is its address where the record has none, 'silent_url' one at which a host
 * was waited for in vain; both may be NULL.  New reference.
 */
json_t *site_look(struct protector_client *c, const json_t *site, const char *protector,
                  const char *silent_url);
/* The same of a group's other site. */
err_t *peer_look(struct pair *pair, json_t **ret) MUST_CHECK;
/* The record says that the site was given up for ever: nobody waits for it. */
bool site_given_up(const json_t *site);
/* "Site 'site-b': Keystone is dead, …"  Caller frees. */
char *seen_words(const char *site, const json_t *seen);

/* ---- mappings.c ---- */

/* --network-mapping SRC=DST … of a call, as {"network_mapping": {SRC: DST}, …}. */
err_t *mappings_given(struct call *call, json_t *into) MUST_CHECK;
/* What a failover to the local site would use, a line each: "  flavor m1.tiny -> m1.medium
 * (given)". Caller frees. */
err_t *mappings_effective(struct pair *pair, bool planned, const json_t *given,
                          char **ret) MUST_CHECK;

/* ---- change.c ---- */

/*
 * A change of a group: carries, proves, asks, follows, carries, until the peer has stored it.
 * '*ret' the first answer's body.
 */
err_t *change_run(struct pair *pair, const char *method, const char *path, const json_t *body,
                  bool wait, json_t **ret) MUST_CHECK;
/* Follows a change until it is signed, carries it, and follows it to its end. */
err_t *change_follow(struct end *active, struct end *standby, const char *pg_id,
                     const char *op_id) MUST_CHECK;
/* What a command that needs the peer says when it fails to reach it ('takes'). */
err_t *peer_failed(struct protector_client *c, const char *group, err_t *takes) MUST_CHECK;
/* The manual's refusal, for a group. */
err_t *peer_unreachable(const char *group, err_t *cause) MUST_CHECK;

/* ---- commands ---- */

struct call {
    struct protector_client *c;
    const json_t *args;
};
typedef err_t *command_fn(struct call *call, json_t **ret);

/*
 * What a group, or all of the project, still wants carried goes first, unless --no-carry; a peer
 * that does not answer is no error.  In pair.c.
 */
void carry_first(struct call *call, struct pair *pair);
void carry_project_first(struct call *call, struct end *local);

/*
 * Before a message that is held is carried: names the servers that would be stopped and asks,
 * unless
 * --yes was given.  NULL if the user wants it; CLIENT_USAGE if he does not or nobody can be asked.
 * In demote.c.
 */
err_t *demotion_confirm(struct call *call, const struct pair *pair, struct end *behind) MUST_CHECK;

const char *arg(const struct call *call, const char *name);
bool arg_flag(const struct call *call, const char *name);
bool answer_is_yes(const char *answer); /* "y", "yes", in any case */
/*
 * {"kind": "record", "fields": [[key, value]…], "object"} of the keys 'columns' (separated by
 * spaces); NULL if there is no object, which client.c tells.
 */
json_t *show_record(const json_t *object, const char *columns);
/* A list: 'columns' are "key=Heading" separated by '|'. */
json_t *show_list(const json_t *objects, const char *columns);
/* What a 202 tells at once (--no-wait): the record with 'columns' ("": all it has), and the
 * operation. */
json_t *show_accepted(const json_t *reply, const char *columns);
json_t *show_text(GString *takes, json_t *object);
void note_event(struct protector_client *c, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A trust of the caller's at the site, if it has none that Keystone lets in.  In cmd_group.c. */
err_t *trust_put_at(struct end *end) MUST_CHECK;
/*
 * A site whose trusts are lost, with its database or since its backup, gets one of this user: any
 * member of the project may give it.  What the site believes of its trusts is not asked.  One that
 * cannot is told, nothing more.
 */
void trust_rearm(struct end *end);
/* Reads something below a group at the local site; carries first what the answer says is owed.
 * In cmd_group.c. */
err_t *below(struct call *call, const char *what, json_t **ret) MUST_CHECK;
/* Those of the options (ended by NULL) that are given, as numbers under their names with '_'.
 * CLIENT_USAGE.  In cmd_group.c. */
err_t *numbers_take(struct call *call, const char *const *options, json_t *out) MUST_CHECK;

/* Asks whether to go on, unless --yes was given; CLIENT_USAGE if not.  In cmd_exit.c. */
err_t *confirm(struct call *call, const char *words) MUST_CHECK;
/*
 * The operation that the call names: local, else at the other sites; of a handover at the site
 * where it runs, if that answers.  '*ret_end' is who has it.  In cmd_op.c.
 */
err_t *op_find(struct call *call, struct end **ret_end, json_t **ret) MUST_CHECK;

/* cmd_*.c */
command_fn cmd_op_report, cmd_op_report_verify, cmd_site_failover, cmd_site_create, cmd_site_list,
    cmd_site_show, cmd_site_update, cmd_site_delete, cmd_site_validate, cmd_site_types,
    cmd_site_rekey, cmd_site_fence, cmd_mapping_create, cmd_mapping_list, cmd_mapping_show,
    cmd_mapping_delete, cmd_pg_create, cmd_pg_list, cmd_pg_show, cmd_pg_update, cmd_pg_delete,
    cmd_policy_create, cmd_policy_show, cmd_policy_update, cmd_policy_delete, cmd_member_add,
    cmd_member_list, cmd_member_show, cmd_member_update, cmd_member_remove, cmd_cg_show,
    cmd_map_set, cmd_map_list, cmd_map_unset, cmd_failover, cmd_failback, cmd_test_failover,
    cmd_test_cleanup, cmd_cleanup_source, cmd_reprotect, cmd_cg_sync, cmd_sync_status,
    cmd_sync_force, cmd_sync_log, cmd_sync_export, cmd_sync_import, cmd_sync_resolve, cmd_op_list,
    cmd_op_show, cmd_op_steps, cmd_op_retry, cmd_op_skip, cmd_op_abandon, cmd_op_cancel,
    cmd_pg_unprotect, cmd_site_decommission, cmd_plan, cmd_health_show, cmd_health_group;
/* Rows of model/readiness.h as lines for people.  In cmd_plan.c. */
void checks_words(const json_t *checks, GString *words);
/*
 * What 'operation' ("failover", "failback", "test_failover") would make at 'end', the site where
 * the servers would start, and whether it would succeed.  'takes': its mappings and the like, as
 * the action's.  In cmd_plan.c.
 */
err_t *plan_show(struct call *call, struct pair *pair, struct end *end, const char *operation,
                 bool planned, json_t *takes, json_t **ret) MUST_CHECK;
/* --plan of a call, into an action's input. */
void plan_given(const struct call *call, json_t *into);
/* In cmd_site.c: as an admin; and a site by the call's argument, as the local site has it. */
#define SITE_COLUMNS                                                                               \
    "id name description site_type auth_url region_name status is_local fingerprint created_at"
err_t *admin_ask(struct end *end, const char *method, const char *path, const json_t *body,
                 json_t **ret) MUST_CHECK;
err_t *site_read(struct call *call, struct end **ret_local, json_t **ret) MUST_CHECK;
/*
 * 'key' of an endpoint in a login's catalog: of 'type' (NULL: any) and 'region' (NULL: any), of the
 * end's interface; NULL if there is none.  '*ret_several': they differ.
 */
const char *catalog_find(const struct end *end, const char *type, const char *region,
                         const char *key, bool *ret_several);
/* protection-group delete --peer-is-gone.  In cmd_exit.c. */
command_fn pg_delete_alone;
