/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body - the complete metadata of a protection group, as it is signed and carried.
 *
 * A body is canonical JSON (sorted keys, compact).  It is stored and forwarded as the bytes that
 * were signed; fields that this version does not know stay where they are.  A successor is made in
 * three steps: draft (a private copy), changes on the draft, body_seal (checks and prints).  Times
 * in it are informative; what two sites would see differently sits under sites/<uuid>/local,
 * written only by that site while it is active.
 *
 *   schema, id, name, description, replication_type, created_at, updated_at, idempotency_key,
 *   consistency_group_id, primary_site, secondary_site (uuids),
 *   sites      {<uuid>: {name, project_id, volume_type, volume_type_id?, local: {servers: {member:
 *               server}, volumes: {volume: volume}, …}}}
 *   policy     null | {id, primary_fa_url, secondary_fa_url, pure_pg_name, replication_interval,
 *               rpo_minutes, verify_data?, tokens: {primary_fa_token|secondary_fa_token: {<uuid>:
 * sealed box}}} members    [{id, instance_id, instance_name, status, error_message?, config: {…},
 * added_at, priority?, start_delay_s?, start_check?, start_timeout_s?, volumes: [{id, name, size,
 * type, device, boot_index, bootable}]}] mappings   {<source site uuid>:
 * {network|flavor|image|floating_ip|availability_zone: {source: target}}} deleting   bool
 * transition null | {operation, target [, asked]} lineage    epoch of the last claim that took its
 * data from a point or from kept volumes claim      null | what the last CLAIM recorded:
 * {operation, forced, reason, who, evidence, at, point: {id, at} | {kept: true, since}, plan,
 * data_from: the point of the claim before, in a claim in place} failover_count, last_failover_at
 *   replication_off   absent | true: a failback was asked to leave it off; a policy that is set
 *               anew, and any claim, turns it on
 *   sealed_to  absent | {<uuid>: id of the sealing key}: for which keys all boxes were made anew
 *
 * Neighbours: position.h holds its hash; sync.h stages it; plan/ and runbooks/ read it.
 */
#pragma once

#include "model/position.h"

#define BODY_SCHEMA          1
#define BODY_SIZE_MAX        (5 * 1024 * 1024) /* printed; fits an 8 MiB message with its history */
#define BODY_NAME_MAX        255 /* characters: names of groups, servers, sites, types */
#define BODY_DESCRIPTION_MAX 4096
#define BODY_TEXT_MAX        4096 /* error messages, reasons */
#define BODY_ID_MAX          255
#define BODY_URL_MAX         2048
#define BODY_BOX_MAX         (256 * 1024) /* a sealed secret */
#define BODY_MEMBERS_MAX     500
#define BODY_VOLUMES_MAX     64 /* per member */
#define BODY_MAPPINGS_MAX    1000
#define BODY_INTERVAL_MAX_S  604800
#define BODY_RPO_MAX_MIN     10080

/* The start order: members of a lower priority start first, in waves; stopping goes backwards. */
#define BODY_PRIORITY_FIRST    1
#define BODY_PRIORITY_DEFAULT  3 /* of a member that says nothing */
#define BODY_PRIORITY_LAST     5
#define BODY_START_DELAY_MAX_S 3600
#define BODY_START_CHECK_MAX   255 /* characters */
#define BODY_START_TIMEOUT_S   120 /* of a member that says nothing */

/* A body as signed: bytes, their hash, the parsed form.  Counted; never written to. */
struct body;
/* Parses and checks the bytes as received (they are kept as they are).  Codes BODY_INVALID, PARSE.
 */
err_t *body_parse(const char *text, size_t size, struct body **ret) MUST_CHECK;
struct body *body_ref(const struct body *body); /* accepts NULL */
void body_unref(struct body *body);             /* accepts NULL */
AUTO_DEFINE(body, body_unref)
const char *body_text(const struct body *body);
size_t body_size(const struct body *body);
const char *body_hash(const struct body *body);
const json_t *body_json(const struct body *body);

/* ---- drafts */

/* A deep copy to work on.  Owned by the caller. */
json_t *body_draft(const struct body *base);
/* Checks, prints canonically.  Takes 'draft' also on error.  Codes BODY_INVALID, TOO_LARGE. */
err_t *body_seal(json_t *draft, struct body **ret) MUST_CHECK;
/* Every rule for what is known; 'j' may hold more.  Code BODY_INVALID names field and limit. */
err_t *body_check(const json_t *j) MUST_CHECK;

/* ---- reading.  All take the json of a body or a draft; strings and objects belong to it. */

int64_t body_schema(const json_t *j);
const char *body_group(const json_t *j); /* "pg-…" */
const char *body_name(const json_t *j);
const char *body_replication_type(const json_t *j); /* "sync" or "async" */
const char *body_primary_site(const json_t *j);
const char *body_secondary_site(const json_t *j);
/* The site that is not 'site'; NULL if 'site' is not of the pair. */
const char *body_other_site(const json_t *j, const char *site);
json_t *body_site(const json_t *j, const char *site); /* sites/<uuid>; NULL */
const char *body_project(const json_t *j, const char *site);
const char *body_volume_type(const json_t *j, const char *site);
json_t *body_policy(const json_t *j); /* NULL: none */
/* Copies of a recovery point are read again and compared with it before anything uses them. */
bool body_verifies(const json_t *j);
/* The box of a token ("primary_fa_token") sealed to 'site'; NULL if there is none. */
const char *body_token_box(const json_t *j, const char *token, const char *site);
json_t *body_members(const json_t *j); /* an array, never NULL in a checked body */
json_t *body_member(const json_t *j, const char *id_or_instance);
/* The member that a server is: as it was added, or as it was recovered at any site. */
json_t *body_member_of_server(const json_t *j, const char *server_id);
int64_t body_member_priority(const json_t *member); /* BODY_PRIORITY_FIRST … _LAST */
/* How long members of a later priority wait once this one runs, in seconds. */
int64_t body_member_start_delay_s(const json_t *member);
/* What later priorities wait for (plan/checks.h), and for how long at most; NULL: for nothing. */
const char *body_member_start_check(const json_t *member);
int64_t body_member_start_timeout_s(const json_t *member);
bool body_deleting(const json_t *j);
/* NULL: no transition. */
const char *body_transition_operation(const json_t *j);
const char *body_transition_target(const json_t *j);
/* What the user asked of a handover: parameters of the operation that runs at its target. */
const json_t *body_transition_asked(const json_t *j);
int64_t body_lineage(const json_t *j);
int64_t body_failover_count(const json_t *j);
bool body_replicates(const json_t *j); /* there is a policy, and replication is not left off */
json_t *body_claim(const json_t *j);   /* NULL: none */
/* Some member's status is "unrecovered". */
bool body_unrecovered(const json_t *j);
/* "network", "flavor", "image", "floating_ip", "availability_zone"; NULL-ended. */
extern const char *const body_mapping_kinds[];
/*
 * Where 'source' (id, name or address) of such a 'kind' at 'source_site' goes: the
 * stored row, else the other site's row read backwards, else NULL (the rule is then: same name).
 */
const char *body_mapping(const json_t *j, const char *source_site, const char *kind,
                         const char *source);
/*
 * What 'next' takes away from 'base' or may only follow acceptance: members or volumes removed,
 * policy set, changed or removed, deleting.  Then each site runs `settle` after its position holds
 * 'next'. Either may be NULL.
 */
bool body_needs_settle(const json_t *base, const json_t *next);

/* ---- changes of the user, on a draft.  All: code BODY_INVALID; the draft is spoiled on error. */

struct body_site_spec {
    const char *uuid, *name, *project_id, *volume_type, *volume_type_id; /* the last may be NULL */
};
struct body_create_spec {
    const char *group, *name, *description; /* description may be NULL */
    const char *replication_type, *consistency_group_id;
    const char *idempotency_key; /* may be NULL */
    struct body_site_spec primary, secondary;
    int64_t now_ms;
};
/* The draft of a new group. */
err_t *body_create(const struct body_create_spec *spec, json_t **ret) MUST_CHECK;
/* NULL leaves a field as it is; "" clears the description. */
err_t *body_update(json_t *draft, const char *name, const char *description) MUST_CHECK;
/*
 * Sets the policy: 'fields' as the API gives them but with tokens already sealed (see above);
 * fields not given stay.  replication_interval and rpo_minutes: required for async, refused for
 * sync.
 */
err_t *body_policy_set(json_t *draft, const json_t *fields) MUST_CHECK;
err_t *body_policy_delete(json_t *draft) MUST_CHECK;
/* Takes 'member' also on error.  An id or instance that is there is replaced. */
err_t *body_member_add(json_t *draft, json_t *member) MUST_CHECK;
err_t *body_member_remove(json_t *draft, const char *id) MUST_CHECK;
/*
 * In the place of the member with its id, whose status and start order it keeps; 'member' is taken.
 * NOT_FOUND.
 */
err_t *body_member_renew(json_t *draft, json_t *member) MUST_CHECK;
/*
 * When it starts, and what later priorities wait for: the body_order_keys that 'said' has; the rest
 * stays.  start_check "" takes the check away.  NOT_FOUND, BODY_INVALID.
 */
err_t *body_member_order(json_t *draft, const char *id, const json_t *said) MUST_CHECK;
/* "priority", "start_delay_s", "start_check", "start_timeout_s"; NULL-ended. */
extern const char *const body_order_keys[];
/* 'target' NULL removes the row. */
err_t *body_mapping_set(json_t *draft, const char *source_site, const char *kind,
                        const char *source, const char *target) MUST_CHECK;
err_t *body_delete(json_t *draft) MUST_CHECK;
void body_touch(json_t *draft, int64_t now_ms); /* updated_at */

/* ---- what operations write (HANDOVER, CLAIM, FACT) */

void body_transition_set(json_t *draft, const char *operation, const char *target);
void body_transition_ask(json_t *draft, json_t *asked); /* after body_transition_set; taken */
void body_transition_clear(json_t *draft);
/* Status of a member: "protected", "error", "unrecovered"; message may be NULL.  NOT_FOUND. */
err_t *body_member_status(json_t *draft, const char *id, const char *status,
                          const char *message) MUST_CHECK;
/* sites/<site>/local/<section>/<key> := value; takes 'value', NULL removes. */
err_t *body_local_set(json_t *draft, const char *site, const char *section, const char *key,
                      json_t *value) MUST_CHECK;
const json_t *body_local(const json_t *j, const char *site, const char *section, const char *key);
/* The claim's record; takes it.  'lineage' < 0 keeps the lineage (claims in place). */
void body_claim_set(json_t *draft, json_t *claim, int64_t lineage);
/* failover_count + 1, last_failover_at. */
void body_failover_done(json_t *draft, int64_t now_ms);
void body_replication_set(json_t *draft, bool on);
/* primary and secondary change places (reprotect): the sites, and the policy's arrays with them. */
void body_swap(json_t *draft);
/*
 * Folds a delta of facts into a draft: objects are merged key by key, null removes, members are
 * matched by id, everything else replaces.  Keys that only a user may change are refused
 * (BODY_INVALID).
 */
err_t *body_fold(json_t *draft, const json_t *delta) MUST_CHECK;
