/* SPDX-License-Identifier: Apache-2.0 */
/*
 * steps - the functions that the tables of runbooks/ name, by subject.  Each file of this folder is
 * one subject; a function is what run/run.h says of step_fn: probe observes, make acts once, undo
 * takes away what its make may have left.  Keys, not operation ids, name what they make.
 */
#pragma once

#include "plan/kept.h"
#include "run/run.h"
#include "runbooks/world.h"

/* A server's start, and the delay and the check that its wave may ask for: an hour each. */
#define SERVER_WAIT_MAX_S (3 * 3600)
/* Cinder may copy an image into it. */
#define VOLUME_WAIT_MAX_S (2 * 3600)

struct group_now; /* runbooks/group.h */
struct made;      /* runbooks/ledger.h */

/* change.c: the operation's change of the body, staged, offered, committed */
err_t *change_plan(struct step_call *call, json_t **ret);
err_t *change_ended(struct step_call *call, const char *status);
err_t *create_ended(struct step_call *call, const char *status);
err_t *stage_probe(struct step_call *call, enum step_answer *ret);
err_t *stage_make(struct step_call *call, enum step_answer *ret);
err_t *commit_probe(struct step_call *call, enum step_answer *ret);

/* reseal.c: secrets of a draft, to the present keys of both sites (B12) */
err_t *reseal(struct step_call *call, const struct group_now *now, json_t *draft) MUST_CHECK;

/* realize.c: the other site's part of a change, and its settling after it */
err_t *realize_plan(struct step_call *call, json_t **ret);
err_t *realize_expired(struct step_call *call, err_t **ret_why);
/* Whether the call's operation is a realize that has lasted so many times realize_timeout_s. */
bool realize_overdue(const struct step_call *call, int times);
err_t *realize_ended(struct step_call *call, const char *status);
err_t *accept_probe(struct step_call *call, enum step_answer *ret);
err_t *accept_make(struct step_call *call, enum step_answer *ret);

/* recapture.c: servers that differ from the metadata, read anew with a user's change (B22) */
json_t *recapture_plan(struct step_call *call, const json_t *body, const char *self);
err_t *recapture_make(struct step_call *call, enum step_answer *ret);
err_t *recapture_fold(struct step_call *call, const char *self, json_t *draft);
err_t *recapture_ended(struct step_call *call);
/*
 * The result of the row that captured what a row of volumes is about: of the server that is added,
 * or of the member that was read anew.
 */
err_t *captured_of(struct step_call *call, json_t **ret) MUST_CHECK;

/* settle.c */
err_t *settle_plan(struct step_call *call, json_t **ret);
err_t *array_settle_make(struct step_call *call, enum step_answer *ret);
err_t *cg_settle_probe(struct step_call *call, enum step_answer *ret);
err_t *cg_settle_make(struct step_call *call, enum step_answer *ret);
err_t *group_settle_make(struct step_call *call, enum step_answer *ret);
err_t *settle_ended(struct step_call *call, const char *status);

/* floating.c: the floating IPs of members */
err_t *floating_observe(struct step_call *call, json_t **ret);
err_t *floating_probe(struct step_call *call, enum step_answer *ret);
err_t *floating_make(struct step_call *call, enum step_answer *ret);

/* cleanup.c: what was kept, looked at and destroyed by a person's word */
err_t *cleanup_look_plan(struct step_call *call, json_t **ret);
err_t *cleanup_look_make(struct step_call *call, enum step_answer *ret);
err_t *cleanup_look_ended(struct step_call *call, const char *status);
err_t *cleanup_source_plan(struct step_call *call, json_t **ret);
err_t *cleanup_source_ended(struct step_call *call, const char *status);
err_t *kept_servers_observe(struct step_call *call, json_t **ret);
err_t *kept_delete_probe(struct step_call *call, enum step_answer *ret);
err_t *kept_delete_make(struct step_call *call, enum step_answer *ret);
err_t *kept_ports_observe(struct step_call *call, json_t **ret);
err_t *kept_ports_probe(struct step_call *call, enum step_answer *ret);
err_t *kept_ports_make(struct step_call *call, enum step_answer *ret);
err_t *kept_volumes_probe(struct step_call *call, enum step_answer *ret);
err_t *kept_volumes_make(struct step_call *call, enum step_answer *ret);
/* Nobody has made this site active, or has left it, since the cleanup was confirmed. */
err_t *cleanup_confirmed(struct step_call *call) MUST_CHECK;
/* The plan's volumes whose servers have gone.  New reference. */
err_t *cleanup_volumes(struct step_call *call, json_t **ret) MUST_CHECK;

/* cinder_group.c: volume type and the Cinder generic group */
err_t *type_check_make(struct step_call *call, enum step_answer *ret);
err_t *cg_probe(struct step_call *call, enum step_answer *ret);
err_t *cg_make(struct step_call *call, enum step_answer *ret);
err_t *cg_undo(struct step_call *call, enum step_answer *ret);
err_t *cg_volumes_probe(struct step_call *call, enum step_answer *ret);
err_t *cg_volumes_make(struct step_call *call, enum step_answer *ret);
err_t *cg_volumes_undo(struct step_call *call, enum step_answer *ret);
/* The volumes of the plan leave the group. */
err_t *cg_kept_probe(struct step_call *call, enum step_answer *ret);
err_t *cg_kept_make(struct step_call *call, enum step_answer *ret);

/* member.c: capture and its checks */
/*
 * A member as it would stand in the body now, its secrets sealed; '*ret_backend' (may come back
 * NULL) is where its root volume lies.  Errors of capture_server and capture_refusal.
 */
err_t *member_read(struct step_call *call, const char *id, const char *instance_id,
                   json_t **ret_member, char **ret_backend) MUST_CHECK;
json_t *volume_ids(const json_t *volumes); /* new reference */
err_t *capture_make(struct step_call *call, enum step_answer *ret);
err_t *member_add_ended(struct step_call *call, const char *status);

/* array.c: the replication group, fences, tags, promotion */
err_t *array_ensure_make(struct step_call *call, enum step_answer *ret);
err_t *array_ensure_undo(struct step_call *call, enum step_answer *ret);
err_t *array_volumes_make(struct step_call *call, enum step_answer *ret);
err_t *array_volumes_undo(struct step_call *call, enum step_answer *ret);
err_t *fence_probe(struct step_call *call, enum step_answer *ret);
err_t *fence_make(struct step_call *call, enum step_answer *ret);
err_t *fence_undo(struct step_call *call, enum step_answer *ret);
err_t *promote_make(struct step_call *call, enum step_answer *ret);
err_t *array_join_make(struct step_call *call, enum step_answer *ret);
/*
 * Whether what this site's array would make a point of is what the group runs on: no point is made
 * before.  What a failover has left undone there is done if nobody else is going to.
 */
err_t *array_is_current(struct step_call *call, const struct group_now *now, bool *ret) MUST_CHECK;
err_t *array_demote_make(struct step_call *call, enum step_answer *ret);

/* point.c: recovery points and the copies made of them */
#define POINT_KEPT                                                                                 \
    "kept" /* the id in the place of a point's: the servers that stayed are started */
err_t *point_choose_make(struct step_call *call, enum step_answer *ret);
/* Which point an operation with this plan would choose now: its result, or its error. */
err_t *point_look(struct step_call *call, const struct group_now *now, const json_t *plan,
                  json_t **ret) MUST_CHECK;
err_t *point_final_make(struct step_call *call, enum step_answer *ret);
err_t *point_first_make(struct step_call *call, enum step_answer *ret);
err_t *point_now_plan(struct step_call *call, json_t **ret);
err_t *point_now_make(struct step_call *call, enum step_answer *ret);
err_t *point_now_ended(struct step_call *call, const char *status);
/* The point that this operation uses: chosen, or made by it.  An object, perhaps without an id. */
err_t *point_of(struct step_call *call, json_t **ret) MUST_CHECK;
err_t *copy_probe(struct step_call *call, enum step_answer *ret);
err_t *copy_make(struct step_call *call, enum step_answer *ret);
err_t *copy_undo(struct step_call *call, enum step_answer *ret);
/* verify.c: a copy is compared with its recovery point */
struct drive;
struct protector_recover;
#define PLAN_VERIFY "verify_data" /* in a plan: what the group's policy said, and the command */
/* It is to be done, and has not been. */
bool copy_wants_verify(const struct step_call *call);
/*
 * Adds to the row's result: "verified" ("same", "differs", "cannot"), "digest_point",
 * "digest_copy", "verify_error".  Where the operation can end without a loss what differs ends it
 * (COPY_DIFFERS); else the copy is taken as it is.
 */
err_t *copy_verify(struct step_call *call, const struct drive *drive,
                   const struct protector_recover *what, enum step_answer *ret) MUST_CHECK;
/* An error of an array whose copy is being compared: asked again, or "cannot".  Takes it. */
err_t *copy_verify_failed(struct step_call *call, err_t *takes, enum step_answer *ret) MUST_CHECK;
/* What storage_promo made of this row's volume: {action, point, ref …}; a cleanup knows no ref. */
err_t *copy_result_of(struct step_call *call, json_t **ret) MUST_CHECK;
/*
 * Deletes the copy that this epoch's operations make of a volume of a point, if there is one.  An
 * error if the ledger says that a Cinder volume may still stand on its bytes.
 */
err_t *copy_take_away(struct step_call *call, const char *subject, const char *name,
                      const char *point, enum step_answer *ret);

/* The copy of this row's volume is its user's from now on: no driver deletes it any more. */
err_t *copy_hand_over(struct step_call *call, struct drive *drive);

/* source.c: the servers of a handover's source, at its own cloud */
err_t *source_servers_observe(struct step_call *call, json_t **ret);
err_t *source_stopped_probe(struct step_call *call, enum step_answer *ret);
err_t *source_stop_make(struct step_call *call, enum step_answer *ret);
err_t *source_start_undo(struct step_call *call, enum step_answer *ret);
err_t *source_verify_make(struct step_call *call, enum step_answer *ret);
/*
 * Looks now: every server of the group at the source is stopped and locked, and its site has not
 * taken it back.  SAFETY_UNDRAINED, SYNC_SUPERSEDED, or why the source's cloud cannot tell.
 */
err_t *sources_at_rest(struct step_call *call) MUST_CHECK;

/* reverse.c: which way the arrays replicate */
err_t *reverse_make(struct step_call *call, enum step_answer *ret);
err_t *replicate_on_make(struct step_call *call, enum step_answer *ret);

/* purge.c: what an earlier attempt made of another point */
err_t *purge_make(struct step_call *call, enum step_answer *ret);

/* volume.c: copies become Cinder volumes */
err_t *volumes_observe(struct step_call *call, json_t **ret);
err_t *volume_probe(struct step_call *call, enum step_answer *ret);
err_t *volume_make(struct step_call *call, enum step_answer *ret);
err_t *volume_undo(struct step_call *call, enum step_answer *ret);
/* Takes all volumes that bear the key out of Cinder, with their data unless they are managed ones.
 * STEP_WAIT until they are gone. */
err_t *volume_take_away(struct step_call *call, const struct made *made, bool manage,
                        enum step_answer *ret);

/* planning.c: what would be made at this site */
err_t *failover_plan(struct step_call *call, json_t **ret);
err_t *handover_plan(struct step_call *call, json_t **ret);
err_t *reclaim_plan(struct step_call *call, json_t **ret);
/* The same for a drill at this site, which is left in peace otherwise. */
err_t *drill_target_plan(struct step_call *call, const struct group_now *now,
                         json_t **ret) MUST_CHECK;
bool failover_adopts(const json_t *before, const json_t *after);

/* foresight.c: what an operation would make and meet, told before it begins */
err_t *plan_look_plan(struct step_call *call, json_t **ret);
err_t *plan_look_make(struct step_call *call, enum step_answer *ret);
err_t *plan_look_ended(struct step_call *call, const char *status);
/* What the operation's plan predicted, into its result: it stands beside what was measured. */
void predicted_keep(struct step_call *call);

/* claim.c: the pivot, the outcome */
err_t *failover_ended(struct step_call *call, const char *status);
err_t *claim_probe(struct step_call *call, enum step_answer *ret);
err_t *claim_make(struct step_call *call, enum step_answer *ret);
err_t *finish_probe(struct step_call *call, enum step_answer *ret);
err_t *finish_make(struct step_call *call, enum step_answer *ret);

/* drill.c: a rehearsal, and its cleanup */
err_t *drill_plan(struct step_call *call, json_t **ret);
err_t *drill_expired(struct step_call *call, err_t **ret_why);
err_t *networks_make(struct step_call *call, enum step_answer *ret);
err_t *networks_undo(struct step_call *call, enum step_answer *ret);
err_t *drill_ended(struct step_call *call, const char *status);
err_t *cleanup_plan(struct step_call *call, json_t **ret);

/* check.c: whether what was booted serves */
/*
 * Looks at the start_check of a server that runs; true when later priorities need wait for it no
 * longer: it has passed, cannot be looked at, or its time is over.  Else call->wake_at_ms is set.
 */
bool start_check_over(struct step_call *call, const json_t *server);
err_t *drill_check_probe(struct step_call *call, enum step_answer *ret);
/*
 * Adds "checks" {passed, failed, not_checked, threshold_percent} and "verdict" of the members'
 * checks to 'result'; true if they pass.
 */
bool drill_checks_sum(const struct step_call *call, const json_t *members, json_t *result);

/* peer.c, target.c: looks at the other site, and at this one before anything is made */
err_t *peer_probe_make(struct step_call *call, enum step_answer *ret);
err_t *target_validate_make(struct step_call *call, enum step_answer *ret);

err_t *rights_check_make(struct step_call *call, enum step_answer *ret);

/* network.c */
err_t *security_groups_make(struct step_call *call, enum step_answer *ret);
err_t *security_groups_undo(struct step_call *call, enum step_answer *ret);
err_t *ports_observe(struct step_call *call, json_t **ret);
err_t *ports_probe(struct step_call *call, enum step_answer *ret);
err_t *ports_make(struct step_call *call, enum step_answer *ret);
err_t *ports_undo(struct step_call *call, enum step_answer *ret);

/* kept.c: the servers that this site kept when the group left it (B8) */
struct group_now; /* runbooks/group.h */
/* Adds "acted" of plan/failover.h to an inventory of this site, of the group's "servers" in it. */
err_t *kept_read(struct step_call *call, const struct group_now *now, json_t *inventory) MUST_CHECK;
/* Of Nova's actions: what was done since the newest lock, but the stop that belongs to it. */
json_t *server_acted_since_lock(const json_t *actions);
/* Notes with each kept server of a failover's plan which of its writes the group's data lack. */
void kept_lost(struct step_call *call, const struct group_now *now, const json_t *inventory,
               json_t *plan);
err_t *kept_observe(struct step_call *call, json_t **ret);
err_t *kept_release_probe(struct step_call *call, enum step_answer *ret);
err_t *kept_release_make(struct step_call *call, enum step_answer *ret);
/* For server.boot: one that the other site never had goes on here.  'observed': the servers. */
err_t *kept_start_probe(struct step_call *call, enum step_answer *ret);
err_t *kept_start_make(struct step_call *call, enum step_answer *ret);

/* server_group.c */
err_t *server_groups_make(struct step_call *call, enum step_answer *ret);
err_t *server_groups_undo(struct step_call *call, enum step_answer *ret);
/* The id of the group in which the member of this row boots; NULL: none.  Caller frees. */
err_t *server_group_of(struct step_call *call, char **ret) MUST_CHECK;

/* server.c: booting at the target */
err_t *keypairs_make(struct step_call *call, enum step_answer *ret);
err_t *keypairs_undo(struct step_call *call, enum step_answer *ret);
/* keypair.c: the name under which whoever boots now has the server's key pair; NULL: it has none.
 */
struct cloud;
err_t *keypair_for_boot(struct step_call *call, const struct cloud *c, char **ret) MUST_CHECK;
/* Brings the server's key pair again if it is gone; '*ret': it was. */
err_t *keypair_again(struct step_call *call, const struct cloud *c, bool *ret) MUST_CHECK;
#define KEYPAIRS_USER "keypairs_user" /* in the plan of a cleanup: who brought the drill's */
err_t *servers_observe(struct step_call *call, json_t **ret);
err_t *server_probe(struct step_call *call, enum step_answer *ret);
err_t *server_make(struct step_call *call, enum step_answer *ret);
err_t *server_undo(struct step_call *call, enum step_answer *ret);
/*
 * Whether 'pause_ms' have passed since this was first asked of the row; until when is kept in its
 * result under 'key', and wakes it.
 */
bool pause_over(struct step_call *call, const char *key, int64_t pause_ms);
/* Whether servers of the operation's plan may be booted here: as active, or clones of a drill. */
err_t *boot_allowed(const struct step_call *call, const struct group_now *now) MUST_CHECK;
err_t *sweep_probe(struct step_call *call, enum step_answer *ret);
err_t *sweep_make(struct step_call *call, enum step_answer *ret);

/*
 * demote.c: stopping and locking the servers of a site that is not active any more.  Before a
 * server is stopped its metadata says for which epoch, and what it was: also a site whose database
 * is lost can tell.
 */
#define SERVER_STOPPED_FOR PLAN_STOPPED_FOR
#define SERVER_WAS         "protector:was" /* Nova's status before */
#define SERVER_GROUP       "protector:group"
/*
 * Rows {id, member, name, server_id} of the group's servers at this site, appended to 'rows': of
 * every body it has held, its ledger, and those of 'servers' that bear the group's name.
 */
err_t *own_servers(struct step_call *call, const struct group_now *now, const json_t *servers,
                   json_t *rows) MUST_CHECK;
err_t *demote_plan(struct step_call *call, json_t **ret);
err_t *own_servers_observe(struct step_call *call, json_t **ret);
err_t *stopped_probe(struct step_call *call, enum step_answer *ret);
err_t *stop_make(struct step_call *call, enum step_answer *ret);
err_t *demote_report_make(struct step_call *call, enum step_answer *ret);
err_t *demote_ended(struct step_call *call, const char *status);

/* resume.c: this site is active by right again */
err_t *resume_plan(struct step_call *call, json_t **ret);
err_t *stamped_probe(struct step_call *call, enum step_answer *ret);
err_t *stamp_make(struct step_call *call, enum step_answer *ret);
err_t *stops_settled_probe(struct step_call *call, enum step_answer *ret);
err_t *resumed_probe(struct step_call *call, enum step_answer *ret);
err_t *resume_make(struct step_call *call, enum step_answer *ret);

/* look.c: which servers of the group run at this site */
err_t *ledger_rebuild_plan(struct step_call *call, json_t **ret);
err_t *ledger_rebuild_make(struct step_call *call, enum step_answer *ret);
err_t *servers_look_plan(struct step_call *call, json_t **ret);
/*
 * A server with power that bears the group's name and, if 'member' is not NULL, is that member's;
 * NULL if there is none.  Belongs to 'servers'.
 */
const json_t *servers_find_keyed(const json_t *servers, const char *group, const char *member);
err_t *servers_look_make(struct step_call *call, enum step_answer *ret);
err_t *servers_look_ended(struct step_call *call, const char *status);

/* site_failover.c: the groups of a lost site, each by an operation of its own */
err_t *site_failover_plan(struct step_call *call, json_t **ret);
err_t *site_children_observe(struct step_call *call, json_t **ret);
err_t *site_group_probe(struct step_call *call, enum step_answer *ret);
err_t *site_group_make(struct step_call *call, enum step_answer *ret);
err_t *site_failover_ended(struct step_call *call, const char *status);

/* site.c: what an engine checks of its own cloud */
err_t *site_validate_make(struct step_call *call, enum step_answer *ret);
err_t *site_types_make(struct step_call *call, enum step_answer *ret);
