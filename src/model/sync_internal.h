/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync_internal - what the files of the protocol share; nobody else includes it.
 *
 *     sync_state.c    the durable state: life, JSON, invariants, questions
 *     sync_effects.c  what an action asks of its caller; the messages and the outbox
 *     sync_core.c     moves that several actions share: new position, move, commit, adopt
 *     sync_change.c   create, reserve, stage, handover, fact, delete, withdraw, unprotect …
 *     sync_claim.c    claim, abort, force
 *     sync_propose.c  accept / refuse / else, realize, and the three answers
 *     sync_follow.c   STATE and HERE: fast-forward, own epoch, fork, lost group
 *     sync_recover.c  restore detected, amnesia, rejoin, recover, lost epoch
 *     sync_resolve.c  close, closed, resolve; GONE
 *     sync_receive.c  the table of type x role
 */
#pragma once

#include "model/mutant.h"
#include "model/sync.h"

#include <inttypes.h>
#include <string.h>

/* One action under way. */
struct act {
    struct sync_state *s;
    const struct sync_context *c;
    struct sync_effects *e;
    bool waiting; /* the answer comes later: no reply */
};

/* ---- sync_effects.c */
void sync_order(struct act *a, enum sync_operation operation, enum sync_verdict verdict,
                const char *id, const char *position, const char *text);
/* Logs 'position', its row and its bundle (may be NULL). */
void sync_log(struct act *a, const char *event, const char *position, const struct position *row,
              struct body *body, const char *text);
void sync_alarm(struct act *a, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A message about 'position' addressed to the peer. */
struct message *sync_message(const struct sync_state *s, const struct sync_context *c,
                             enum message_type type, const char *position);
struct message *sync_message_state(const struct sync_state *s, const struct sync_context *c,
                                   bool with_content);
struct message *sync_message_propose(const struct sync_state *s, const struct sync_context *c);
struct message *sync_message_refuse(const struct sync_state *s, const struct sync_context *c,
                                    const struct sync_refused *refused);
void sync_send(struct act *a, struct message *m);  /* takes it */
void sync_reply(struct act *a, struct message *m); /* takes it; there is one */

/* ---- sync_state.c */
bool sync_staged_is(const struct sync_state *s, const char *hash);
void sync_staged_clear(struct sync_state *s);
void sync_incoming_clear(struct sync_state *s);
void sync_resolving_clear(struct sync_state *s);
struct sync_refused *sync_refused_find(const struct sync_state *s, const char *hash);
/* Forgets refusals that died with their epoch: pos.epoch > p.epoch, but never a REJOIN's. */
void sync_refused_prune(struct sync_state *s);
void sync_refused_clear(struct sync_state *s); /* of a TOMBSTONE: it adopts nothing any more */
void sync_set_hash(char field[HASH_HEX_SIZE], const char *hash);
void sync_set_body(struct body **field, const struct body *body); /* takes a reference */
const char *sync_incarnation(const struct act *a); /* the new one if a restore was just detected */

/* ---- sync_core.c */
/* The smallest number of our parity above 'above' and all we ever used. */
int64_t sync_next(const struct sync_state *s, int64_t above);
/*
 * q knows every epoch in which 'site' was active up to 'floor' (docs/decisions/spin.md, 5).
 */
bool sync_knows_floor(const struct sync_state *s, const char *q, const char *site, int64_t floor);
/* What distinguishes a new position from its parent. */
struct sync_new {
    enum position_kind kind;
    const char *parent, *parent2; /* parent2 may be NULL */
    int64_t floor2;               /* beside parent2: what the loser told of its epochs */
    int64_t epoch;
    const char *drop;     /* a proposal given up, or NULL */
    const char *rejoined; /* the peer's incarnation, or NULL */
    bool forced;
    const struct body *body;
};
struct position *sync_new_position(const struct act *a, const struct sync_new *how);
/* Adds the row to the chain; the only part of an action that may fail after its guard. */
err_t *sync_add(struct act *a, const struct position *p) MUST_CHECK;
/* pos := to, with its bytes; the peer has not proved to hold it. */
void sync_move(struct act *a, const char *to, const struct body *body);
/* pos := to, role := ACTIVE, minted and floor := its epoch; the tag is to be written. */
void sync_open(struct act *a, const struct position *to, const struct body *body);
void sync_mint(struct act *a, int64_t epoch);
/* The peer holds the staged proposal: only now acknowledged. */
err_t *sync_commit(struct act *a) MUST_CHECK;
/* Fast-forward to q, an epoch of the peer. */
void sync_adopt(struct act *a, const char *q, const struct body *body);
/* Gives up what is reserved ('cancelled') or staged ('superseded'), with these words. */
void sync_give_up_staged(struct act *a, const char *words);
void sync_give_up_incoming(struct act *a, const char *words);
/* The hash of a signed proposal of ours that a new epoch drops, or NULL. */
const char *sync_drop(const struct sync_state *s);
/* Leaves FROZEN for ACTIVE: the stub ends, the servers are started again. */
void sync_unfreeze(struct act *a, enum sync_verdict stub, const char *words);
/* A STANDBY without a peer: peer_gone, nothing is served, settle takes its part away. */
void sync_leave(struct act *a, const char *words);
/* The body of pos for a claim in place: without its transition if 'clear'.  A reference. */
struct body *sync_body_in_place(const struct body *body, bool clear);
/* "dr_resources is rebuilt from keys found in the clouds and arrays": a site leaves RECOVERING. */
void sync_rebuild(struct act *a);
void sync_settle(struct act *a, const struct body *base, const struct body *next);
void sync_changed(struct act *a);
/* "lost": every position of anc(x) that is not in the first-parent line of y. */
void sync_log_lost(struct act *a, const char *x, const char *y, const char *bundle_of,
                   struct body *bundle);
/* Ends an action of a caller (not a message): asserts the invariants. */
err_t *sync_done(struct act *a) MUST_CHECK;

/* ---- handlers of messages */
typedef err_t *sync_handler(struct act *a, const struct message *m);
sync_handler sync_on_propose, sync_on_accept, sync_on_refuse, sync_on_aborted; /* sync_propose.c */
sync_handler sync_on_state, sync_on_here, sync_on_lost_group;                  /* sync_follow.c */
sync_handler sync_on_here_recovering, sync_on_amnesia;                         /* sync_recover.c */
sync_handler sync_on_close, sync_on_closed;                                    /* sync_resolve.c */
sync_handler sync_on_gone_none, sync_on_gone_standby, sync_on_gone_active, sync_on_gone_alarm,
    sync_on_gone_tombstone;                                              /* sync_resolve.c */
sync_handler sync_on_hello, sync_on_hello_recovering, sync_on_tombstone; /* sync_receive.c */

/* Our own fresh nonce, or NULL.  It is marked answered with the peer's position. */
struct sync_proof *sync_proof_answer(struct act *a, const struct message *m);
/* Role := RECOVERING and everything that goes with it. */
void sync_forget(struct act *a, const char *words);
