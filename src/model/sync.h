/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync - the protocol of two sites for one group: durable state, messages, guarded actions.
 *
 * Section 1 of the sync protocol in code, under its action names.  Everything is pure: an action
 * takes the state, a context of plain values and callbacks, and its arguments; it checks its whole
 * guard, then changes the state in place and lists in 'effects' what the caller must do in the same
 * transaction (messages, operations, sync_log rows, alarms, tags).  On error, and when a message is
 * to be ignored, the state is as before.  Every call is one database transaction:
 *
 *     load state; sync_<action>(…); if (effects.changed) save state and chain rows from the old
 * count on; write what effects lists; commit; only then sign and send effects.reply /
 * effects.messages.
 *
 * Replies are derived from the state: repeating a request gives the same answer.
 *
 * Neighbours: position.h (chain), body.h, message.h; safety.h judges what servers may do under a
 * state; states.h derives what people see.  Callers: api/ (messages, reserve …), runbooks/ (stage,
 * fact, claim, abort, force …), the simulators and tests. Invariants (asserted after every action,
 * sync_check): ACTIVE and FROZEN only in an epoch of one's own, STANDBY only in the peer's; staged
 * proposals descend from pos; serving, frozen_for, staged exclude what their roles exclude.
 */
#pragma once

#include "model/message.h"

#define SYNC_REFUSED_MAX  4096 /* refused hashes kept; beyond it proposals are not answered */
#define SYNC_PROOFS_MAX   64   /* nonces of ours that may still be answered */
#define SYNC_PROOF_TTL_MS 60000

/* What a site holds of its own that is not decided yet. */
enum sync_staged_kind {
    STAGED_NONE,
    STAGED_RESERVED, /* an operation prepares a change; nothing is signed */
    STAGED_PROPOSAL, /* signed: ends only by the peer's answer, a newer epoch or a force */
};

struct sync_staged {
    enum sync_staged_kind kind;
    char operation[OPERATION_SIZE];   /* whose change it is; "" for a REJOIN of `recover` */
    char addressee[INCARNATION_SIZE]; /* of a create: the peer's, that it is proposed to; else "" */
    struct position *position; /* STAGED_PROPOSAL; its row is not in the chain until it commits */
    struct body *body;         /* STAGED_PROPOSAL */
    int64_t since_ms;
};

/* A proposal of the peer that waits for `realize` here. */
struct sync_incoming {
    struct position *position; /* NULL: none */
    struct body *body;
};

struct sync_refused {
    char hash[HASH_HEX_SIZE];
    int64_t epoch;
    bool rejoin; /* kept for ever; others go when pos.epoch > epoch */
    bool owed;   /* not answered directly (realize gave up): stands in the outbox until the peer
                    speaks */
    char reason[MESSAGE_REASON_SIZE];
    char *text; /* may be NULL */
};

/* A nonce of ours and what came back. */
struct sync_proof {
    char nonce[MESSAGE_NONCE_SIZE];
    int64_t issued_ms; /* our clock */
    bool answered, used;
    char position[HASH_HEX_SIZE]; /* the peer's, when answered */
    char incarnation[INCARNATION_SIZE];
    enum sync_role role;
};

/* A person decided here that this site is kept; waits for the peer's CLOSED. */
struct sync_resolving {
    char nonce[MESSAGE_NONCE_SIZE]; /* "": none */
    char *who, *reason;
};

/* STATE per site and group: durable. */
struct sync_state {
    char group[GROUP_SIZE];
    char site[SITES][UUID_SIZE]; /* the pinned pair, by ordinal */
    int self;                    /* our ordinal; the peer's is 1 - self */
    enum sync_role role;
    bool split;      /* flag over STANDBY, ACTIVE, FROZEN */
    bool closed;     /* has signed CLOSED(pos): adopts nothing but what covers pos */
    bool superseded; /* flag over ACTIVE, set by the epoch watch */
    bool
        unprotected; /* over TOMBSTONE: an admin gave the peer up, the servers were never touched */
    bool leaving;    /* over unprotected, or RECOVERING after a GONE: a user deletes what is left */
    bool peer_gone; /* the peer said GONE to a group that lives here; over STANDBY: clean-up runs */
    bool gone_owed; /* TOMBSTONE: the peer has not yet answered GONE */
    char pos[HASH_HEX_SIZE];        /* position held; POSITION_EMPTY */
    struct body *body;              /* its bytes as signed; NULL at EMPTY */
    char known_peer[HASH_HEX_SIZE]; /* last position the peer has proved to hold */
    struct sync_staged staged;
    struct sync_incoming incoming;
    char serving[HASH_HEX_SIZE];    /* handover whose operation runs here (target), or "" */
    char frozen_for[HASH_HEX_SIZE]; /* handover that freezes us (source), or "" */
    char stub[OPERATION_SIZE];      /* frozen_for's operation, of which this site keeps a stub */
    char aborted[HASH_HEX_SIZE]; /* handover we aborted, until the source is seen to know; or "" */
    char rival[HASH_HEX_SIZE];   /* the peer's position when SPLIT, or "" */
    struct body *rival_body;     /* its bundle; may be NULL */
    char last[HASH_HEX_SIZE];    /* TOMBSTONE: what GONE names */
    int64_t minted; /* highest epoch number this site ever used   } also on the array, with the */
    int64_t floor;  /* highest epoch in which it was ACTIVE       } incarnation */
    int64_t peer_schema; /* highest body schema the peer said it understands; 0 unknown */
    char peer_nonce[MESSAGE_NONCE_SIZE]; /* RECOVERING: of the peer's last HELLO, for AMNESIA */
    struct sync_resolving resolving;
    struct sync_refused *refused;
    size_t refused_count;
    struct sync_proof proofs[SYNC_PROOFS_MAX];
    size_t proof_count;
    struct chain *chain; /* history: rows of every position ever, never NULL */
};

/* Why a proposal is refused. */
struct sync_refusal {
    char code[MESSAGE_REASON_SIZE]; /* a code of err.tbl: protector.… */
    char text[MESSAGE_TEXT_MAX];
};

/* What the caller knows and the state does not.  All of it plain; callbacks may be NULL (= yes). */
struct sync_context {
    int64_t now_ms;          /* this site's own clock; no other time is ever compared with it */
    const char *incarnation; /* ours, as the database, state_path and tag agree it is */
    int64_t schema;          /* highest body schema we understand; 0 means BODY_SCHEMA */
    int64_t
        tag_minted; /* from the array's tag or state_path, for restore and lost group; 0 unknown */
    int64_t tag_floor;
    bool operation_blocks; /* a local pre-claim operation runs (realize, demote, settle, resume,
                              drills: no) */
    bool operation_any;    /* any local operation at all (a handover waits for none) */
    bool drill_running;
    bool cleanup_running;       /* what was kept here is being destroyed: no handover to here now */
    const json_t *observations; /* told beside ACCEPT and HERE; borrowed; may be NULL */
    void *data;
    void (*random)(void *data, void *buffer, size_t size); /* required */
    /* Name free, mapping and trust there, schema understood, a delete finds no held resources. */
    bool (*acceptable)(void *data, const struct sync_state *state, const struct position *p,
                       const struct body *body, struct sync_refusal *ret);
    /* What p needs at this site has been made by this site's own engine. */
    bool (*realized)(void *data, const struct sync_state *state, const struct position *p,
                     const struct body *body);
};

/* Local operations that the protocol orders. */
enum sync_operation {
    SYNC_OP_CHANGE,   /* the operation of a reserved or staged change */
    SYNC_OP_REALIZE,  /* make what an incoming proposal needs, then sync_realized */
    SYNC_OP_DEMOTE,   /* stop and lock own servers, lift our fence, stop own pushing; for ever */
    SYNC_OP_RESUME,   /* unlock, and start what ran; for ever */
    SYNC_OP_SETTLE,   /* what takes away, and what may only follow acceptance; for ever */
    SYNC_OP_REBUILD,  /* after a restore: enter into the ledger what is found under our keys */
    SYNC_OP_HANDOVER, /* the one operation of a handover, at its target */
    SYNC_OP_STUB,     /* its stub at the source */
    SYNC_OP_LOCAL,    /* every local operation (PREEMPT: pre-claim operations and drills only) */
    SYNC_OPERATIONS
};
enum sync_verdict {
    SYNC_START,     /* 'id' if the operation has one already, else a new one */
    SYNC_COMPLETE,  /* acknowledged: only now it is completed */
    SYNC_FAIL,      /* refused or aborted: unwind what was prepared */
    SYNC_SUPERSEDE, /* undecided or overtaken: unwind this site's own work */
    SYNC_CANCEL,    /* a reservation or realize that is not wanted any more: unwind */
    SYNC_PREEMPT,   /* raise the generation; 'id' is the one that is not preempted */
    SYNC_PARK,      /* restore detected: never resumed */
    SYNC_VERDICTS
};
struct sync_order {
    enum sync_operation operation;
    enum sync_verdict verdict;
    char id[OPERATION_SIZE];      /* "" where the text names none */
    char position[HASH_HEX_SIZE]; /* the position it is about, or "" */
    char *text;                   /* for people; may be NULL */
};

/* One row for sync_log; the bundle of 'position' is kept with it. */
struct sync_entry {
    const char *event; /* static: "superseded", "lost", "refused", "fork", "forced" … */
    char position[HASH_HEX_SIZE];
    int64_t epoch, version;
    struct body *body; /* when at hand; else the store keeps its own copy, if it has one */
    char *text;
};

struct sync_alarm {
    const char *code; /* static: SPLIT_BRAIN PEER_GONE DEMOTED SUPERSEDED RESTORED LOST_EPOCH
                         GONE_UNKNOWN */
    char *text;
};

struct sync_effects {
    bool changed;   /* the state must be saved */
    bool write_tag; /* epoch, minted or floor moved: write the tag at both arrays, owed until both
                       have it */
    char incarnation[INCARNATION_SIZE]; /* "" or: a restore was detected in a message; this is the
                                           new one, and every other group must go through
                                           sync_restored with it */
    struct message *reply; /* to the sender of the message; NULL: 202, an operation runs first */
    GPtrArray *messages;   /* struct message: what else could be carried now (also in the outbox) */
    GPtrArray *orders;     /* struct sync_order */
    GPtrArray *entries;    /* struct sync_entry */
    GPtrArray *alarms;     /* struct sync_alarm */
};
void sync_effects_init(struct sync_effects *e);
void sync_effects_fini(struct sync_effects *e);

const char *sync_operation_text(enum sync_operation op); /* "realize" … */
const char *sync_verdict_text(enum sync_verdict verdict);

/* ---- the state */

/* Role NONE, pos EMPTY.  'self' and 'peer' are the pinned pair. */
void sync_state_init(struct sync_state *state, const char *group, const char *self,
                     const char *peer);
void sync_state_fini(struct sync_state *state);
/* A deep copy (rows and bodies are shared).  'ret' is not initialised. */
void sync_state_copy(const struct sync_state *state, struct sync_state *ret);
/*
 * Everything but the chain and the body of pos: one JSON object for the store's column.  Bodies of
 * staged, incoming and rival stand in it as text.
 */
json_t *sync_state_to_json(const struct sync_state *state);
/* Takes 'chain' and a reference of 'body' (NULL at EMPTY) also on error.  Code PARSE. */
err_t *sync_state_from_json(const json_t *j, struct chain *chain, struct body *body,
                            struct sync_state *ret) MUST_CHECK;
/* The invariants; code INTERNAL names the broken one.  The actions assert it. */
err_t *sync_check(const struct sync_state *state) MUST_CHECK;

const char *sync_self(const struct sync_state *state); /* our uuid */
const char *sync_peer(const struct sync_state *state);
bool sync_is_empty(const struct sync_state *state); /* pos = EMPTY */
bool sync_owed(const struct sync_state *state);     /* known_peer != pos */
int64_t sync_epoch(const struct sync_state *state); /* of pos */
int64_t sync_version(const struct sync_state *state);
/* The kind of pos; POSITION_KINDS at EMPTY. */
enum position_kind sync_kind(const struct sync_state *state);
/* active(pos): uuid of the site that opened the epoch; at EMPTY the creator (ACTIVE: us), or NULL.
 */
const char *sync_active(const struct sync_state *state);
/* The epoch that a claim would open here: what a plan is made for. */
int64_t sync_next_epoch(const struct sync_state *state);
/* Body of pos, or what is staged, says deleting. */
bool sync_deleting(const struct sync_state *state);
/*
 * This site takes its part of the group away: a committed delete, a standby that was told GONE, or
 * an unprotected group that a user deletes.
 */
bool sync_leaving(const struct sync_state *state);
/*
 * A draft to build the next body from: pos' body, without the transition if pos is a handover that
 * was aborted.  NULL at EMPTY.  Owned by the caller.
 */
json_t *sync_draft(const struct sync_state *state);

/* What this site wants carried, oldest duty first: struct message, free with g_ptr_array_unref. */
GPtrArray *sync_outbox(const struct sync_state *state, const struct sync_context *context);
size_t sync_outbox_count(const struct sync_state *state); /* the N of Protector-Outbox */

enum sync_status { SYNC_RECOVERING, SYNC_SPLIT, SYNC_UNREACHABLE, SYNC_FAILED, SYNC_SYNCED };
/* First match, as printed.  'answered': the peer answered this very call. */
enum sync_status sync_status(const struct sync_state *state, bool answered);
const char *sync_status_text(enum sync_status status);

/* ---- messages: one function, a table of type x role inside */

/*
 * Applies a message of the peer (decoded, its signature verified).  effects->reply is what goes
 * back. A message that does not apply is no error: it is answered from the state.  Codes
 * SYNC_ADDRESSEE, SYNC_POSITION, SYNC_HISTORY_FULL; effects are then empty.
 */
err_t *sync_receive(struct sync_state *state, const struct message *m,
                    const struct sync_context *context, struct sync_effects *ret) MUST_CHECK;
/* The cell of the table, for documentation and tests: "accept/refuse/else" …; "" = STATE only. */
const char *sync_receive_cell(enum message_type type, enum sync_role role);

/* ---- actions of users, operators and engines.  Each comment quotes the rule. */

/* HELLO(nonce, pos): a challenge of ours; at any role, also NONE (before a create). */
err_t *sync_hello(struct sync_state *state, const struct sync_context *context,
                  struct sync_effects *ret) MUST_CHECK;

/* create: "group row with pos = EMPTY, role := ACTIVE at s; then as change". */
err_t *sync_create(struct sync_state *state, const struct sync_context *context,
                   struct sync_effects *ret) MUST_CHECK;

/*
 * change, first half: "role=ACTIVE, staged=-, not SPLIT, not owed, fresh HERE(nonce, pos), If-Match
 * = pos => staged := RESERVED(op)".  'if_match' NULL: not given (allowed at EMPTY only).  Codes
 * GROUP_NOT_ACTIVE, SYNC_STAGED, SYNC_SPLIT, SYNC_OWED, SYNC_SUPERSEDED, SYNC_RECOVERING,
 * PEER_PROOF, IF_MATCH, GROUP_DELETING.
 */
err_t *sync_reserve(struct sync_state *state, const struct sync_context *context,
                    const char *operation, const char *if_match, const char *nonce,
                    struct sync_effects *ret) MUST_CHECK;
/* "A reserved slot is local: cancel or abandon frees it".  No error if it is not this operation's.
 */
err_t *sync_release(struct sync_state *state, const char *operation,
                    struct sync_effects *ret) MUST_CHECK;
/*
 * change, second half: "re-checks all but freshness => staged := USER(parent pos); send PROPOSE".
 * Repeating it for the operation whose proposal stands is no error.  Codes as sync_reserve, and
 * SYNC_CANCELLED if the slot is not this operation's any more.
 */
err_t *sync_stage(struct sync_state *state, const struct sync_context *context,
                  const char *operation, struct body *body, struct sync_effects *ret) MUST_CHECK;

/*
 * handover: "as change, plus no local operation => staged := HANDOVER; role := FROZEN; frozen_for
 * := staged".  The body carries transition {operation, target = peer}.
 */
err_t *sync_handover(struct sync_state *state, const struct sync_context *context,
                     const char *operation, const char *if_match, const char *nonce,
                     struct body *body, struct sync_effects *ret) MUST_CHECK;

/*
 * fact: "role=ACTIVE, staged=-, not SPLIT => pos := FACT(parent pos).  If staged or SPLIT: keep as
 * local, fold later".  '*ret_committed' false: the caller keeps the delta.  Code GROUP_NOT_ACTIVE:
 * this site is not active any more.
 */
err_t *sync_fact(struct sync_state *state, const struct sync_context *context, struct body *body,
                 bool *ret_committed, struct sync_effects *ret) MUST_CHECK;

/* What a plan was made from: a claim that meets another position or number is planned anew. */
struct sync_plan {
    char position[HASH_HEX_SIZE];
    int64_t epoch; /* sync_next_epoch at that time */
};
void sync_plan_init(const struct sync_state *state, struct sync_plan *ret);
struct safety_evidence;

/*
 * claim (planned PIVOT): "serving=h, pos=h = the position the plan was made from, not SPLIT,
 * safety.c
 * => epoch := next; pos := CLAIM(parent h); role := ACTIVE; floor := epoch; serving := -; tag
 * arrays; then boot".  Codes SYNC_REPLAN, SYNC_SPLIT, and safety_claim's.
 */
err_t *sync_claim(struct sync_state *state, const struct sync_context *context,
                  const struct sync_plan *plan, const struct safety_evidence *evidence,
                  struct body *body, struct sync_effects *ret) MUST_CHECK;
/* The guard of the claim alone. */
err_t *sync_claim_check(const struct sync_state *state, const struct sync_plan *plan,
                        const struct safety_evidence *evidence) MUST_CHECK;
/* abort: "serving=h, no claim yet, unwinding finished => serving := -; send ABORTED(h)". */
err_t *sync_abort(struct sync_state *state, const struct sync_context *context,
                  const char *handover, struct sync_effects *ret) MUST_CHECK;

struct sync_force {
    struct sync_plan plan;
    const struct safety_evidence *evidence;
    struct body *body;     /* names point or "kept", reason, who, evidence, transition */
    const char *operation; /* the one that forces: not preempted; "" if none */
    const char *reason, *who;
};
/* Whether force's guard holds now, before anything is prepared.  Codes as sync_force. */
err_t *sync_force_allowed(const struct sync_state *state) MUST_CHECK;
/* The whole guard of sync_force, without its effect: asked before the pivot's intent is written. */
err_t *sync_force_check(const struct sync_state *state, const struct sync_force *force) MUST_CHECK;
/*
 * force: "role in STANDBY, FROZEN, RECOVERING, or ACTIVE with staged or superseded; not creating or
 * deleting => epoch := next; pos := CLAIM(parent pos, drop {staged}, forced); staged, serving,
 * frozen_for := -; role := ACTIVE; floor := epoch; closed off; SPLIT stays".  Codes
 * GROUP_ALREADY_ACTIVE, GROUP_CREATING, GROUP_DELETING, GROUP_GONE, SYNC_REPLAN, and
 * safety_claim's.
 */
err_t *sync_force(struct sync_state *state, const struct sync_context *context,
                  const struct sync_force *force, struct sync_effects *ret) MUST_CHECK;

/* The engine has made what incoming proposal 'hash' needs: accept or refuse it now. */
err_t *sync_realized(struct sync_state *state, const struct sync_context *context, const char *hash,
                     struct sync_effects *ret) MUST_CHECK;
/* "realize gives up: unwinds, then REFUSE(reason)". */
err_t *sync_realize_failed(struct sync_state *state, const struct sync_context *context,
                           const char *hash, const struct sync_refusal *why,
                           struct sync_effects *ret) MUST_CHECK;

/*
 * resolve, first half: a person keeps this site; CLOSE goes to the peer, and its CLOSED resolves on
 * arrival.  Codes SYNC_NOT_SPLIT, SYNC_KEEP_HAS_NO_SERVERS, SYNC_CLOSED.
 */
err_t *sync_close(struct sync_state *state, const struct sync_context *context, const char *who,
                  const char *reason, struct sync_effects *ret) MUST_CHECK;
/* resolve with "t declared gone, recorded": over the rival as last heard.  Codes as sync_close. */
err_t *sync_resolve_gone(struct sync_state *state, const struct sync_context *context,
                         const char *who, const char *reason, struct sync_effects *ret) MUST_CHECK;

/*
 * restore detected: "new incarnation; role := RECOVERING; staged, serving, frozen_for, SPLIT,
 * rival, closed := -; all local operations parked".  context->incarnation is the new one;
 * tag_minted and tag_floor are taken in.  Tombstones and NONE stay as they are.
 */
err_t *sync_restored(struct sync_state *state, const struct sync_context *context,
                     struct sync_effects *ret) MUST_CHECK;
/* B11: what the peer signed lately may be a thief's.  As if all of it had been forgotten. */
err_t *sync_rekeyed(struct sync_state *state, const struct sync_context *context,
                    struct sync_effects *ret) MUST_CHECK;
/*
 * Epoch watch (A8): a tag of the peer names 'epoch', in which it was active, above ours: superseded
 * := on, minted at least 'epoch'.  No error if it does not apply (also where a fork is known).
 */
err_t *sync_superseded(struct sync_state *state, int64_t epoch,
                       struct sync_effects *ret) MUST_CHECK;

/* withdraw: "pos = EMPTY => staged into drop; role := TOMBSTONE".  Code GROUP_NOT_CREATING. */
err_t *sync_withdraw(struct sync_state *state, const struct sync_context *context,
                     struct sync_effects *ret) MUST_CHECK;
/*
 * delete --peer-is-gone: ends a staged delete, or commits 'body' (deleting) without the peer; at a
 * RECOVERING site ends a delete that was accepted; a STANDBY takes its part away as after a GONE.
 * Code GROUP_NOT_ACTIVE.  'body' may be NULL when a delete is staged or accepted, and at a STANDBY.
 */
err_t *sync_delete_alone(struct sync_state *state, const struct sync_context *context,
                         struct body *body, const char *who, const char *reason,
                         struct sync_effects *ret) MUST_CHECK;
/*
 * delete, last step: everything of ours is removed; role := TOMBSTONE, and no longer listed if it
 * was unprotected.  Code GROUP_STATE.
 */
err_t *sync_tombstone(struct sync_state *state, const struct sync_context *context,
                      struct sync_effects *ret) MUST_CHECK;
/* unprotect: "an admin, role ACTIVE, the peer gone for ever => towards the peer as a TOMBSTONE". */
err_t *sync_unprotect(struct sync_state *state, const struct sync_context *context, const char *who,
                      const char *reason, struct sync_effects *ret) MUST_CHECK;
/*
 * The delete of an unprotected group: nobody is asked, this site takes its part away, then it is
 * an ordinary TOMBSTONE.  Repeating it is no error.  Code GROUP_STATE.
 */
err_t *sync_delete_unprotected(struct sync_state *state, const struct sync_context *context,
                               const char *who, struct sync_effects *ret) MUST_CHECK;
