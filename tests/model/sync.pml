/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync.pml - the protocol of two sites for one group, rule by rule, for spin.
 *
 * One inline and one guard macro g_… per guarded action of the protocol, under its name.  README.md
 * says how to run it and what is left out; `run` holds the budgets, the switches and what must come
 * of each.
 *
 * Network.  Whatever was ever signed stays deliverable for ever, in any order, any number of times.
 * So there are no queues: a message is a fact about a position, a bit in a mask:
 *    PROPOSE(p)  p exists and is USER, HANDOVER or a REJOIN of `recover` (staged once: proposed for ever)
 *    ACCEPT(p)   bit in acc       REFUSE(p)  bit in ref       ABORTED(h)  bit in abt
 *    STATE(q) of s  bit q in held[s] (s once stood there)     GONE(x) of s  bit x in gone[s]
 *    CLOSED(x) to s bit x in clo[s], while the question that it answers stands
 * HERE and AMNESIA answer a fresh challenge: an atomic read of the peer's present state.
 *
 * Positions are numbered 0 … n-1 in the order in which they were made; 0 is the common start (epoch
 * 0, active site 0), or EMPTY where groups are created or lost (`begin`), and, as value of staged /
 * serving / frozen_for, means "-".  One process, one option per guarded action, each one d_step
 * (= one database transaction); what must hold is asserted at the end of each.
 *
 * Budgets and switches are read once, at the start, from the environment (`from_environment`), so
 * that one compilation serves every configuration and every mutant.  They are `hidden`, that is no
 * part of a state; budgets that are left are.
 */
#ifndef NP
#define NP 15                            /* positions; `make_pos` asserts that they suffice */
#endif
#if NP > 15
#define MASK int
#else
#define MASK short
#endif

#define STANDBY    0
#define ACTIVE     1
#define FROZEN     2
#define RECOVERING 3
#define NONE       4
#define TOMBSTONE  5

/* where it begins */
#define BOTH_HOLD  0                     /* position 0 is held by both, site 0 is active */
#define NOTHING    1                     /* no site has the group: it must be created */
#define CREATED    2                     /* 0 is EMPTY, both hold 1, which site 0 created */

MASK held[2];                            /* STATE(q) by s */
/* ---- a site */
byte pos[2], role[2], staged[2], serving[2], frozen_for[2];
byte flr[2];                             /* highest epoch in which s was ACTIVE   - both also    */
byte minted[2];                          /* highest epoch number s ever used       - on the array */
bit  split[2], closed[2], owed[2];
bit  reserved[2];                        /* staged is RESERVED: an operation prepares a change   */
bit  peer_gone[2];                       /* the peer said GONE to a group that lives here        */
bit  leaving[2];                         /* RECOVERING, and a person has ended it: nothing is taken in  */
bit  gone_owed[2];                       /* TOMBSTONE: the peer has not yet answered GONE        */
bit  resolving[2];                       /* a person keeps s; CLOSE is out                       */
bit  late_close[2];                      /* a CLOSE of s, whose question is over, may still arrive */
bit  lost_group[2];                      /* RECOVERING at EMPTY: the peer told of the group      */
byte ran[2];                             /* position under which servers of the group last ran at s and were not stopped */
byte array_minted[2];                    /* late_tags: minted as the array tells it              */
MASK refused[2];
MASK lost[2];                            /* what s held in an incarnation that is over           */
MASK addressed[2];                       /* creates that were proposed to s' present incarnation  */
bit  outlived[2];                        /* of a slot reserved for a create: that incarnation of the peer is over */
MASK named[2];                           /* positions that name s' present incarnation: what it minted in it, REJOINs of t for it */
/* ---- messages of the ends and of CLOSE */
MASK gone[2];                            /* GONE(x) by s                                          */
MASK clo[2];                             /* CLOSED(x) of t that answers s' CLOSE                  */
MASK clo_recovering[2];                  /* of them: t was RECOVERING                             */
MASK clo_standby[2];                     /* of them: t was STANDBY                                */
byte clo_floor[2];                       /* highest floor told in one                             */
/* ---- what users were told */
MASK acked;                              /* USER changes reported as completed                    */
MASK failed;                             /* changes reported as refused                           */
MASK slog;                               /* positions named in a sync_log                         */
byte restored;                           /* bit s: the database of s was restored or lost: the weaker S3 applies; none after both were */
bit  by_hand;                            /* a person withdrew, deleted alone or unprotected       */
/* ---- budgets left; all 0 = faults have stopped */
byte users, handovers, forces, facts, restores, resolves;
byte slots, creates, deletes, losses, withdrawals, alones;
/* ---- the snapshot that RESTORE_RESUMES puts back */
byte sn_site, sn_pos, sn_role, sn_staged, sn_serving, sn_ff; MASK sn_refused;
/* ---- scratch and settings, not in the state */
hidden byte e_, x_;
hidden byte begin;                       /* BOTH_HOLD, NOTHING, CREATED                           */
hidden byte two_step;                    /* CLOSE, CLOSED and the RESOLVE are steps of their own  */
hidden byte servers;                     /* `ran` is kept, S7 is judged                           */
hidden byte late_tags;                   /* floor and minted reach the array in a step of their own, servers boot after it */
hidden byte remember;                    /* a mutant needs what is otherwise forgotten            */
#include "switches.h"                    /* one hidden byte per mutant, and the function that reads all; made by `run` */

#define BIT(p)        (1 << (p))
#define HAS(m, p)     (((m) >> (p)) & 1)
#define ACT(p)        HAS(actm, p)
#define PROP          (user | hov | rec)
#define COVERED(x, y) ((anc[x] & ~(anc[y] | drp[y])) == 0)
#define LESS(x, y)    (COVERED(x, y) && !COVERED(y, x))
#define FORK(x, y)    (!COVERED(x, y) && !COVERED(y, x))
#define QUIET         (users + handovers + forces + facts + restores + resolves \
	+ slots + creates + deletes + losses + withdrawals + alones == 0)
#define DROP(p)       ((p) && !SILENT_DROP -> BIT(p) : 0)
#define EMPTY(s)      (begin && pos[s] == 0)
#define CREATE(p)     (begin && fpl[p] == (1 | BIT(p))) /* p's parent is EMPTY */
#define HOLDS(s)      (role[s] < NONE)
#define DELETED(s)    ((fpl[pos[s]] & del) != 0)        /* the body of pos says deleting */
#define DELETING(s)   (DELETED(s) || (fpl[staged[s]] & del) != 0) /* or what is staged does, also a REJOIN on the peer's delete */
#define RUNS(s)       (servers && LIVE(s) && (flr[s] >= ep[pos[s]] || BOOT_BEFORE_TAG))
#define LIVE(s)       (role[s] == ACTIVE && !EMPTY(s))

/*
 * S1 never two ACTIVE in one epoch.  S2 two ACTIVE: one chain has a forced claim/resolve the other
 * has not.  S3 an acknowledged change is in the content of both (after a restore: of one; after a
 * restore of both sites nothing can be promised), or named in sync_log.  S4 a change reported as
 * refused is in no content.  S5 nothing but a person or a handover takes the role from an ACTIVE
 * site.  S6 unless a person or a restore brought it about: no TOMBSTONE faces an ACTIVE site but
 * one that deletes too, and nobody is told PEER_GONE; no TOMBSTONE takes anything in.  S7 servers are stopped by a chain that knows
 * under which position they ran, or names it in a sync_log, or by a person.  L1 is asserted where nothing is enabled any
 * more.  I1 ACTIVE and FROZEN only in an epoch of one's own, STANDBY only in the peer's.
 *
 * spin prints the text of the assertion that failed; the number says which it was.
 */
#define CLAIMED(number, what) assert((what) || number == 0)
#define TOO_FEW_NP 1000
#define S1 1001
#define S2 1002
#define S3 1003
#define S4 1004
#define S5 1005
#define S6 1006
#define S7 1007
#define L1 1008
#define I1 1009

#define PERSON (forced || by_hand || restored)
#define I1_HOLDS(s) (role[s] >= RECOVERING || EMPTY(s) || (ACT(pos[s]) == s) == (role[s] != STANDBY))
#define S6_HOLDS(s) (PERSON || !(role[s] == TOMBSTONE && LIVE(1-s)) || DELETING(1-s))
#define INV { \
	CLAIMED(S1, !(LIVE(0) && LIVE(1) && ep[pos[0]] == ep[pos[1]])); \
	CLAIMED(S2, !(LIVE(0) && LIVE(1) && ((anc[pos[0]] ^ anc[pos[1]]) & forced) == 0)); \
	CLAIMED(S3, restored == 3 || (acked & ~slog & ~(restored -> (fpl[pos[0]] | fpl[pos[1]]) : (fpl[pos[0]] & fpl[pos[1]]))) == 0); \
	CLAIMED(S4, (failed & (fpl[pos[0]] | fpl[pos[1]])) == 0); \
	CLAIMED(S6, S6_HOLDS(0) && S6_HOLDS(1)); \
	CLAIMED(I1, I1_HOLDS(0)); \
	CLAIMED(I1, I1_HOLDS(1)); }

#define SETTLED (pos[0] == pos[1] && !EMPTY(0) && (role[0] == ACTIVE && role[1] == STANDBY || role[0] == STANDBY && role[1] == ACTIVE))
#define ENDED   (role[0] >= NONE && role[1] >= NONE)
#define L1_HOLDS ((SETTLED || ENDED) \
	&& staged[0] + staged[1] + owed[0] + owed[1] + serving[0] + serving[1] + frozen_for[0] + frozen_for[1] + split[0] + split[1] \
	+ reserved[0] + reserved[1] + peer_gone[0] + peer_gone[1] + gone_owed[0] + gone_owed[1] == 0)

#define HIGHER(x, y) ((x) > (y) -> (x) : (y))
inline make_pos(parent, parent2, epoch, by, dropped) /* -> n-1 */
{
	CLAIMED(TOO_FEW_NP, n < NP);
	anc[n] = anc[parent] | BIT(n) | (parent2 -> anc[parent2] : 0);
	fpl[n] = fpl[parent] | BIT(n);
	drp[n] = drp[parent] | (parent2 -> drp[parent2] : 0) | dropped;
	ep[n] = epoch;
	kn0[n] = (epoch != ep[parent] && by == 0 -> epoch : HIGHER(kn0[parent], kn0[parent2]));
	kn1[n] = (epoch != ep[parent] && by == 1 -> epoch : HIGHER(kn1[parent], kn1[parent2]));
	actm = actm | (by << n);
	n++
}

inline next(w, above) /* -> e_: smallest number of w's parity above that epoch and above all it ever minted */
{
	if
	:: EPOCH_PLUS_ONE -> e_ = above + 1
	:: else ->
		e_ = above; if :: minted[w] > e_ -> e_ = minted[w] :: else fi;
		e_++;
		if :: (e_ & 1) != w -> e_++ :: else fi
	fi;
	minted[w] = e_
}

inline move(w, to) /* pos := to, not yet proved to the peer */
{
	if :: ep[pos[w]] != ep[to] -> refused[w] = refused[w] & rec :: else fi; /* refused hashes die with their epoch; that of a REJOIN is its own */
	pos[w] = to; held[w] = held[w] | BIT(to); owed[w] = 1
}

inline stop_resolving(w) /* the question is over: no CLOSED answers it any more */
{
	late_close[w] = late_close[w] | resolving[w];
	resolving[w] = 0; clo[w] = 0; clo_recovering[w] = 0; clo_standby[w] = 0; clo_floor[w] = 0
}

inline commit(c) /* the peer holds the staged proposal: only now acknowledged */
{
	move(c, staged[c]); owed[c] = 0;
	acked = acked | (BIT(staged[c]) & user);
	if :: role[c] == RECOVERING -> role[c] = ACTIVE; closed[c] = 0; ran[c] = (ran[c] -> pos[c] : 0) :: else fi; /* recover: act only after the peer's accept */
	staged[c] = 0
}

inline adopt(c, newer) /* fast-forward to newer, an epoch of the peer */
{
	CLAIMED(S7, HAS(anc[newer] | slog, ran[c]) || (anc[newer] & forced & ~anc[ran[c]]) != 0);
	ran[c] = 0;
	if
	:: staged[c] && HAS(fpl[newer], staged[c]) -> acked = acked | (BIT(staged[c]) & user)
	:: staged[c] && !HAS(fpl[newer], staged[c]) -> slog = slog | BIT(staged[c]) /* "superseded", bundle kept */
	:: else
	fi;
	move(c, newer); role[c] = STANDBY;
	staged[c] = 0; serving[c] = 0; frozen_for[c] = 0; split[c] = 0; closed[c] = 0; peer_gone[c] = 0; lost_group[c] = 0;
	stop_resolving(c);
	if :: RESERVED_KEPT -> skip :: else -> reserved[c] = 0 fi /* a fast-forward cancels a reservation */
}

inline forget(c) /* RECOVERING: what the database says of anything undecided counts no more */
{
	role[c] = RECOVERING; staged[c] = 0; serving[c] = 0; frozen_for[c] = 0; split[c] = 0; closed[c] = 0; owed[c] = 1; named[c] = 0;
	reserved[c] = 0; peer_gone[c] = 0; leaving[c] = 0; gone_owed[c] = 0; lost_group[c] = 0;
	stop_resolving(c)
}

inline bury(b, last, tell) /* role := TOMBSTONE: answers GONE, adopts nothing */
{
	gone[b] = gone[b] | BIT(last); gone_owed[b] = tell; role[b] = TOMBSTONE;
	staged[b] = 0; serving[b] = 0; frozen_for[b] = 0; split[b] = 0; closed[b] = 0; owed[b] = 0;
	reserved[b] = 0; peer_gone[b] = 0; leaving[b] = 0; lost_group[b] = 0; ran[b] = 0;
	refused[b] = 0; /* it adopts nothing any more */
	stop_resolving(b)
}

/* ---- user, operator, engine at the active site */
#define OWED(s) (owed[s] && !OWED_IGNORED)
#define FREE(s) (role[s] == ACTIVE && !staged[s] && !reserved[s] && !split[s] && !OWED(s) && !DELETED(s))
#define g_change(s) users && FREE(s)
inline change(s)
{
	users--; printf("change(%d) -> p%d\n", s, n);
	if :: EMPTY(s) -> addressed[1-s] = addressed[1-s] | BIT(n) :: else fi;
	user = user | BIT(n); make_pos(pos[s], 0, ep[pos[s]], s, 0);
	if
	:: LOCAL_FIRST -> move(s, n - 1); acked = acked | BIT(n - 1)
	:: else -> staged[s] = n - 1
	fi
}

/* change in its two halves: the slot is reserved; the engine prepares; re-checked and staged */
#define g_reserve(s) slots && FREE(s)
inline reserve(s) { slots--; printf("reserve(%d)\n", s); reserved[s] = 1; outlived[s] = 0 }

#define RECHECK(s) (role[s] == ACTIVE && !split[s] && !OWED(s) && !DELETED(s))
#define g_stage(s) reserved[s] && (RECHECK(s) || STAGE_UNCHECKED)
inline stage(s)
{
	printf("stage(%d) -> p%d\n", s, n);
	if :: EMPTY(s) && !outlived[s] -> addressed[1-s] = addressed[1-s] | BIT(n) :: else fi;
	user = user | BIT(n); make_pos(pos[s], 0, ep[pos[s]], s, 0); staged[s] = n - 1; reserved[s] = 0
}

/* cancel, abandon, or what the engine prepared failed */
#define g_release(s) reserved[s]
inline release(s) { printf("release(%d)\n", s); reserved[s] = 0 }

#define g_handover(s) handovers && FREE(s) && !EMPTY(s)
inline handover(s)
{
	handovers--; printf("handover(%d) -> p%d\n", s, n);
	hov = hov | BIT(n); make_pos(pos[s], 0, ep[pos[s]], s, 0);
	staged[s] = n - 1; frozen_for[s] = n - 1;
	if :: FREEZE_LATE -> skip :: else -> role[s] = FROZEN fi
}

#define g_fact(s) facts && role[s] == ACTIVE && (FACT_WHILE_STAGED || !staged[s] && !reserved[s]) && !split[s] && !EMPTY(s) && !DELETING(s)
inline fact(s)
{
	facts--; printf("fact(%d) -> p%d\n", s, n);
	make_pos(pos[s], 0, ep[pos[s]], s, 0); move(s, n - 1)
}

/* a person is needed: nobody is left to ask; the peer has no servers to keep and s is not sure; the peer is gone */
#define BOTH_RECOVERING (role[0] == RECOVERING && role[1] == RECOVERING)
#define NOBODY_KEEPS(s) (role[s] == RECOVERING && role[1-s] == STANDBY && split[1-s])
#define LEFT_ALONE(s)   ((role[s] == RECOVERING || role[s] == FROZEN) && peer_gone[s])
#define g_force(s) (forces || QUIET && (BOTH_RECOVERING || NOBODY_KEEPS(s) || LEFT_ALONE(s))) && HOLDS(s) \
	&& (role[s] != ACTIVE || staged[s] || reserved[s]) && (!EMPTY(s) || role[s] == RECOVERING && lost_group[s]) && (!DELETING(s) || FORCE_DELETING) \
	&& !(role[s] == STANDBY && peer_gone[s]) && !leaving[s] /* its part is being taken away */
inline force(s)
{
	if :: forces -> forces-- :: else fi; printf("force(%d) -> p%d\n", s, n);
	next(s, ep[pos[s]]); forced = forced | BIT(n); named[s] = named[s] | BIT(n);
	make_pos(pos[s], 0, e_, s, DROP(staged[s])); move(s, n - 1);
	staged[s] = 0; serving[s] = 0; frozen_for[s] = 0; role[s] = ACTIVE; closed[s] = 0; peer_gone[s] = 0; lost_group[s] = 0;
	if :: RESERVED_KEPT -> skip :: else -> reserved[s] = 0 fi
}

/* ---- PROPOSE(p) arrives at t, the peer of p's active site */
#define SERVING(t) (serving[t] && !ACCEPT_SERVING)
#define SPLIT(t) (split[t] && !ACCEPT_IN_SPLIT)
#define EPOCHOK(t, p) (ACCEPT_OTHER_EPOCH -> LESS(pos[t], p) : ep[p] == ep[pos[t]] && HAS(anc[p], pos[t]))
/* a create is for a site without the group, any other change for a STANDBY.  It names the incarnation of t that the HERE behind
   it told: t may have accepted it and lost that with its database.  TEXT_CREATE: any create. */
#define STANDS(t, p) (CREATE(p) -> (role[t] == NONE || CREATE_AT_TOMBSTONE && role[t] == TOMBSTONE) && (HAS(addressed[t], p) || TEXT_CREATE) \
	: role[t] == STANDBY)
/* of a REJOIN: an ACTIVE site yields to a person only (on_amnesia); TEXT_RECOVER: any role but RECOVERING */
#define RECOVERABLE(r) (TEXT_RECOVER -> r != RECOVERING : r == STANDBY || r == FROZEN)
#define DESCENDS(t, p) (!two_step || !closed[t] || HAS(anc[p], pos[t])) /* closed: nothing but descendants of pos */
#define ACCEPTABLE(t, p) ( \
	HAS(rec, p) -> HOLDS(t) && RECOVERABLE(role[t]) && !SERVING(t) && LESS(pos[t], p) && DESCENDS(t, p) \
	: STANDS(t, p) && !SPLIT(t) && !serving[t] && !peer_gone[t] && EPOCHOK(t, p))
#define g_on_propose_accept(t, p) p < n && HAS(PROP, p) && ACT(p) != t && !HAS(anc[pos[t]], p) && !HAS(refused[t], p) && ACCEPTABLE(t, p)
inline on_propose_accept(t, p)
{
	printf("on_propose_accept(%d, p%d)\n", t, p);
	acc = acc | BIT(p);
	if
	:: HAS(rec, p) -> CLAIMED(S5, role[t] != ACTIVE || TEXT_RECOVER && forced); adopt(t, p) /* nothing but a person or a handover … */
	:: else ->
		CLAIMED(S6, role[t] != TOMBSTONE);
		move(t, p); role[t] = STANDBY;
		if :: HAS(hov, p) -> serving[t] = p :: else fi
	fi
}
/* p = pos or in anc(pos): ACCEPT again */
#define g_accept_again(t, p) p < n && HAS(PROP, p) && ACT(p) != t && HAS(anc[pos[t]], p) && staged[1-t] == p && !HAS(acc, p) && role[t] != TOMBSTONE
inline accept_again(t, p) { printf("accept_again(%d, p%d)\n", t, p); acc = acc | BIT(p) }

/*
 * A change of t's own epoch may always be refused (content, local operation); a REFUSE nobody waits
 * for is not looked at.  A proposal of another epoch is answered by STATE, not by REFUSE: t may have
 * accepted it and forgotten that (restore).  TEXT_REFUSE: "p not in anc(pos), otherwise".
 */
#define REFUSABLE(t, p) (TEXT_REFUSE -> !HAS(rec, p) || !ACCEPTABLE(t, p) \
	: (HAS(rec, p) -> role[t] != RECOVERING && !ACCEPTABLE(t, p) \
	: STANDS(t, p) && ep[p] == ep[pos[t]]))
/* t keeps what it refused, also once more after a restore; TEXT_REFUSED: refused{} holds hashes of pos.epoch only */
#define KEEPS_REFUSED(t, p) (!REFUSAL_FORGOTTEN && (HAS(rec, p) && !TEXT_REFUSED || ep[p] == ep[pos[t]]))
#define g_on_propose_refuse(t, p) p && staged[1-t] == p && !HAS(anc[pos[t]], p) && (!HAS(ref, p) || KEEPS_REFUSED(t, p) && !HAS(refused[t], p)) \
	&& REFUSABLE(t, p) && role[t] != TOMBSTONE
inline on_propose_refuse(t, p)
{
	printf("on_propose_refuse(%d, p%d)\n", t, p);
	ref = ref | BIT(p);
	if
	:: KEEPS_REFUSED(t, p) -> refused[t] = refused[t] | BIT(p)
	:: else
	fi
}

/* ---- answers arrive at s */
#define g_on_accept(s) staged[s] && HAS(acc, staged[s]) && (!closed[s] || role[s] == RECOVERING || CLOSED_COMMITS)
inline on_accept(s)
{
	printf("on_accept(%d, p%d)\n", s, staged[s]);
	if :: FREEZE_LATE && HAS(hov, staged[s]) -> role[s] = FROZEN :: else fi;
	commit(s)
}

#define g_on_refuse(s) staged[s] && HAS(ref, staged[s])
inline on_refuse(s)
{
	printf("on_refuse(%d, p%d)\n", s, staged[s]);
	failed = failed | BIT(staged[s]);
	if :: HAS(hov, staged[s]) -> role[s] = ACTIVE; frozen_for[s] = 0 :: else fi;
	if
	:: EMPTY(s) && role[s] == ACTIVE -> x_ = staged[s]; bury(s, x_, 0) /* a refused create is over */
	:: else -> staged[s] = 0
	fi
}

/* ---- the operation of a handover, at its target */
#define NOTABORTED(t) (!ABORT_NOT_FINAL || !HAS(abt, serving[t]))
#define g_claim(t) serving[t] && pos[t] == serving[t] && (!split[t] || CLAIM_IN_SPLIT)
inline claim(t)
{
	printf("claim(%d) -> p%d\n", t, n);
	next(t, ep[pos[t]]); named[t] = named[t] | BIT(n); make_pos(pos[t], 0, e_, t, 0); move(t, n - 1);
	role[t] = ACTIVE; serving[t] = 0
}

#define g_abort_handover(t) serving[t] && NOTABORTED(t)
inline abort_handover(t)
{
	printf("abort_handover(%d, p%d)\n", t, serving[t]);
	abt = abt | BIT(serving[t]);
	if :: ABORT_NOT_FINAL -> skip :: else -> serving[t] = 0 fi
}

#define ABORTED(h) (ABORT_UNBOUND -> abt != 0 : HAS(abt, h))
#define g_on_aborted(s) frozen_for[s] && ABORTED(frozen_for[s]) && !(closed[s] && staged[s])
inline on_aborted(s)
{
	printf("on_aborted(%d, p%d)\n", s, frozen_for[s]);
	if :: ABORT_UNBOUND -> staged[s] = 0 :: else fi;
	if :: staged[s] && staged[s] == frozen_for[s] -> commit(s) :: else fi;
	role[s] = ACTIVE; frozen_for[s] = 0
}

/* ---- STATE(q) of t arrives at s */
#define FROMPEER(s, q) q < n && HAS(held[1-s], q) && role[s] < RECOVERING
#define g_on_state_same(s, q) FROMPEER(s, q) && q == pos[s] && owed[s]
inline on_state_same(s, q) { printf("on_state_same(%d, p%d)\n", s, q); owed[s] = 0 }

#define REACH(s, q) (!SUCCESSOR_ONLY || fpl[q] == (fpl[pos[s]] | BIT(q)))
/* closed: descendants of pos, and what drops it; TEXT_CLOSED_DROPPED (and where CLOSED and RESOLVE are one step): "nothing but descendants" */
#define FOLLOWS(s, q) (!closed[s] || HAS(anc[q], pos[s]) || two_step && !TEXT_CLOSED_DROPPED)
#define g_on_state_fast_forward(s, q) FROMPEER(s, q) && LESS(pos[s], q) && ACT(q) != s && REACH(s, q) && FOLLOWS(s, q)
inline on_state_fast_forward(s, q) { printf("on_state_fast_forward(%d, p%d)\n", s, q); adopt(s, q); owed[s] = 0 }

/* own epoch: my proposal come back, or: the peer knows more of my epoch than I */
#define g_on_state_own_epoch(s, q) FROMPEER(s, q) && LESS(pos[s], q) && ACT(q) == s && !(closed[s] && staged[s] == q)
inline on_state_own_epoch(s, q)
{
	printf("on_state_own_epoch(%d, p%d)\n", s, q);
	if
	:: staged[s] == q -> commit(s)
	:: else -> forget(s); restored = restored | (begin -> BIT(s) : 0)
	fi
}

/* STATE of an incarnation that a REJOIN on my chain has replaced: named in sync_log, no SPLIT */
#define OVER(s, q) (!TEXT_LOST && HAS(lost[1-s], q) && (anc[pos[s]] & named[1-s]))
#define g_on_state_fork(s, q) FROMPEER(s, q) && FORK(pos[s], q) && !split[s] && !OVER(s, q)
inline on_state_fork(s, q)
{
	printf("on_state_fork(%d, p%d)\n", s, q); split[s] = 1;
	if :: RESERVED_KEPT -> skip :: else -> reserved[s] = 0 fi
}

/* lost group: role NONE, and the peer knows of the group; the floor is taken in from the array */
#define g_on_lost_group(s) role[s] == NONE && (held[1-s] & ~1)
inline on_lost_group(s)
{
	printf("on_lost_group(%d)\n", s);
	forget(s); lost_group[s] = 1; restored = restored | BIT(s);
	if :: LOST_WITHOUT_FLOOR -> flr[s] = 0; minted[s] = 0 :: else fi
}

/*
 * ---- operator: keep s.  CLOSED(x) of t is fresh: t stands in x and is closed (adopts nothing but
 * descendants of x).  A RECOVERING t stands still anyway: it counts as closed, also where only the
 * number of its lost epoch is known (on_amnesia).  Here CLOSE, CLOSED and RESOLVE are one step.
 */
#define KEEPS(s) (role[s] != STANDBY || RESOLVE_AT_STANDBY) /* a STANDBY keeps nothing: KEEP_HAS_NO_SERVERS */
#define G_RESOLVE(s, q) q < n && split[s] && KEEPS(s) && !closed[s] && (QUIET || resolves) && (HAS(held[1-s], q) || q == pos[1-s])
/* s' chain knows the peer's epochs up to f.  TEXT_FLOOR: by the number of its own, which misses an epoch below pos.epoch that
   the peer opened from an older position */
#define FLOORKNOWN(s, f) (TEXT_FLOOR -> f <= ep[pos[s]] : f <= (s -> kn0[pos[s]] : kn1[pos[s]]))
#define LOSTEPOCH(s) (!FLOORKNOWN(s, flr[1-s]) && COVERED(pos[1-s], pos[s])) /* RECOVERING t was ACTIVE in an epoch it has lost */
#define PHANTOM(s) (TEXT_LOST && COVERED(pos[1-s], pos[s])) /* else nobody could ever resolve */
#define RESOLVABLE(s, q) (TEXT_RESOLVE -> FORK(pos[s], q) && q == pos[1-s] && split[1-s] /* only CLOSED(x) of a t in SPLIT */ \
	: q == pos[1-s] && role[1-s] == RECOVERING && (FORK(pos[s], q) || LOSTEPOCH(s)) \
	|| FORK(pos[s], q) && (q == pos[1-s] -> split[1-s] : PHANTOM(s)))
#define g_resolve(s, q) !two_step && G_RESOLVE(s, q) && RESOLVABLE(s, q)
#define RIVAL(s, q) (FORK(pos[s], q) || q == pos[1-s] && role[1-s] == RECOVERING) /* of on_state_fork; of on_amnesia */
#define g_resolve_gone(s, q) G_RESOLVE(s, q) && resolves && RIVAL(s, q) && (two_step || !RESOLVABLE(s, q))
inline resolve_over(s, q, floor_of_t)
{
	slog = slog | (anc[q] & ~fpl[pos[s]]);
	x_ = ep[q]; if :: floor_of_t > x_ -> x_ = floor_of_t :: else fi;
	if :: ep[pos[s]] > x_ -> x_ = ep[pos[s]] :: else fi;
	next(s, x_); forced = forced | BIT(n); named[s] = named[s] | BIT(n);
	make_pos(pos[s], q, e_, s, DROP(staged[s]));
	kn0[n-1] = (s == 1 -> HIGHER(kn0[n-1], floor_of_t) : kn0[n-1]); /* the RESOLVE names what CLOSED told */
	kn1[n-1] = (s == 0 -> HIGHER(kn1[n-1], floor_of_t) : kn1[n-1]);
	move(s, n - 1);
	role[s] = ACTIVE; split[s] = 0; staged[s] = 0; serving[s] = 0; frozen_for[s] = 0; reserved[s] = 0;
	stop_resolving(s)
}
inline resolve(s, q)
{
	printf("resolve(%d over p%d) -> p%d\n", s, q, n);
	if :: resolves -> resolves-- :: else fi;
	resolve_over(s, q, flr[1-s]); /* CLOSED carries the floor */
	if :: q == pos[1-s] && split[1-s] && !NO_CLOSE -> closed[1-s] = 1 :: else fi
}
inline resolve_gone(s, q) /* t declared gone, recorded: x is a rival once heard of; nobody tells its floor */
{
	printf("resolve_gone(%d over p%d) -> p%d\n", s, q, n);
	if :: resolves -> resolves-- :: else fi;
	resolve_over(s, q, 0)
}

/*
 * The same in its steps.  Both may have closed (two operators): then ordinal 0 reopens and resolves;
 * or the one whose peer cannot resolve any more: RECOVERING, it has forgotten; STANDBY, it has no
 * servers to keep.  TEXT_REOPEN: a RECOVERING peer only.
 */
#define REOPENS(s, recovers, stands_by) (!closed[s] || recovers || stands_by && !TEXT_REOPEN || !NOBODY_REOPENS && (s == 0 || BOTH_REOPEN))
#define g_close(s) two_step && split[s] && KEEPS(s) && !resolving[s] && (QUIET || resolves) && REOPENS(s, role[1-s] == RECOVERING, role[1-s] == STANDBY)
inline close(s)
{
	printf("close(%d)\n", s);
	if :: resolves -> resolves-- :: else fi;
	resolving[s] = 1
}
#define SIGNED(t) (role[t] == RECOVERING -> HAS(clo_recovering[1-t], pos[t]) : (role[t] == STANDBY -> HAS(clo_standby[1-t], pos[t]) : HAS(clo[1-t], pos[t])))
#define g_on_close(t) resolving[1-t] && HOLDS(t) && (split[t] || role[t] == RECOVERING) && (!SIGNED(t) || !closed[t] && !NO_CLOSE)
inline on_close(t)
{
	printf("on_close(%d) at p%d\n", t, pos[t]);
	if :: NO_CLOSE -> skip :: else -> closed[t] = 1 fi;
	clo[1-t] = clo[1-t] | BIT(pos[t]);
	if :: flr[t] > clo_floor[1-t] -> clo_floor[1-t] = flr[t] :: else fi;
	if :: role[t] == RECOVERING -> clo_recovering[1-t] = clo_recovering[1-t] | BIT(pos[t]) :: else fi;
	if :: role[t] == STANDBY -> clo_standby[1-t] = clo_standby[1-t] | BIT(pos[t]) :: else fi
}
/* a CLOSE whose question is over: CLOSED is of no use to anybody any more, but t is closed */
#define g_on_late_close(t) late_close[1-t] && HOLDS(t) && (split[t] || role[t] == RECOVERING) && !closed[t] && !NO_CLOSE
inline on_late_close(t) { printf("on_late_close(%d) at p%d\n", t, pos[t]); closed[t] = 1 }

#define REJOINS(s, x) (HAS(clo_recovering[s], x) && COVERED(x, pos[s]) && FLOORKNOWN(s, clo_floor[s])) /* nothing to give up: `rejoin` will do */
#define g_on_closed(s, x) x < n && resolving[s] && HAS(clo[s], x) && split[s] && KEEPS(s) && REOPENS(s, HAS(clo_recovering[s], x), HAS(clo_standby[s], x)) && !REJOINS(s, x)
inline on_closed(s, x)
{
	printf("on_closed(%d over p%d) -> p%d\n", s, x, n);
	resolve_over(s, x, clo_floor[s]);
	closed[s] = 0
}

/*
 * ---- restore from backup.  A snapshot is taken at any time and put back at any later time: s stands
 * again in any position it ever held.  Of the rest of the snapshot nothing counts (detected:
 * RECOVERING; staged, serving, frozen_for, SPLIT gone); the floor is on the array.
 */
#define g_snapshot(s) RESTORE_RESUMES && restores && sn_site == 2
inline snapshot(s)
{
	printf("snapshot(%d)\n", s);
	sn_site = s; sn_pos = pos[s]; sn_role = role[s]; sn_staged = staged[s]; sn_serving = serving[s]; sn_ff = frozen_for[s]; sn_refused = refused[s]
}
#define g_restore(s, q) restores && role[s] != NONE && (RESTORE_RESUMES -> sn_site == s && q == sn_pos : q < n && HAS(held[s], q))
inline restore(s, q)
{
	restores--; restored = restored | BIT(s); printf("restore(%d, p%d)\n", s, q);
	lost[s] = held[s];
	forget(s); pos[s] = q; refused[s] = 0;
	if
	:: RESTORE_RESUMES -> role[s] = sn_role; staged[s] = sn_staged; serving[s] = sn_serving; frozen_for[s] = sn_ff; refused[s] = sn_refused; sn_site = 3
	:: else
	fi;
	if :: late_tags -> minted[s] = array_minted[s] :: else fi;
	if :: FLOOR_LOST -> flr[s] = 0; minted[s] = 0 :: else fi
}

/* the whole database is lost: s does not know of the group */
#define g_lose(s) losses && role[s] != NONE
inline lose(s)
{
	losses--; restored = restored | BIT(s); printf("lose(%d)\n", s);
	lost[s] = held[s]; addressed[s] = 0; outlived[1-s] = reserved[1-s];
	forget(s); role[s] = NONE; pos[s] = 0; owed[s] = 0; refused[s] = 0
}

/* at t for s: fresh AMNESIA of s; this incarnation has no REJOIN on my chain yet */
#define FLOOROK(t) (REJOIN_IGNORES_FLOOR || FLOORKNOWN(t, flr[1-t]))
#define g_rejoin(t) role[1-t] == RECOVERING && (role[t] == ACTIVE || role[t] == FROZEN) && !EMPTY(t) && FLOOROK(t) && \
	COVERED(pos[1-t], pos[t]) && (anc[pos[t]] & named[1-t]) == 0
inline rejoin(t)
{
	printf("rejoin(%d for %d) -> p%d\n", t, 1-t, n);
	next(t, ep[pos[t]]); named[1-t] = named[1-t] | BIT(n);
	make_pos(pos[t], 0, e_, t, DROP(staged[t])); move(t, n - 1);
	slog = slog | DROP(staged[t]);
	role[t] = ACTIVE; staged[t] = 0; frozen_for[t] = 0;
	if :: RESERVED_KEPT -> skip :: else -> reserved[t] = 0 fi;
	if /* s' fresh position is covered: what t knew as a fork is lost; named in sync_log */
	:: split[t] && !TEXT_LOST -> split[t] = 0; closed[t] = 0; slog = slog | (held[1-t] & ~fpl[pos[t]]); stop_resolving(t)
	:: else
	fi
}

/* s was ACTIVE in an epoch that t, ACTIVE, never heard of: has s lost it, a fork of which only the number is left; else its STATE tells more */
#define g_on_amnesia(t) !TEXT_RECOVER && role[1-t] == RECOVERING && role[t] == ACTIVE && !EMPTY(t) && !FLOORKNOWN(t, flr[1-t]) && !split[t]
inline on_amnesia(t)
{
	printf("on_amnesia(%d)\n", t); split[t] = 1;
	if :: RESERVED_KEPT -> skip :: else -> reserved[t] = 0 fi
}

/* RECOVERING s, HERE(q) fresh: adopts what descends from a REJOIN naming its incarnation; TEXT_ADOPT: any */
#define NEWER(s) (TEXT_ADOPT -> flr[s] <= ep[pos[1-s]] : (anc[pos[1-s]] & named[s]) != 0)
#define g_on_here(s) role[s] == RECOVERING && !leaving[s] && HOLDS(1-s) && LESS(pos[s], pos[1-s]) && ACT(pos[1-s]) != s && NEWER(s)
inline on_here(s) { printf("on_here(%d, p%d)\n", s, pos[1-s]); adopt(s, pos[1-s]); owed[s] = 0 }

/* closed: t may be about to resolve, unless its HERE tells that it is not SPLIT any more; TEXT_CLOSED: "not closed" */
#define MAYRESOLVE(s) (closed[s] && (split[1-s] || TEXT_CLOSED))
#define g_recover(s) role[s] == RECOVERING && !leaving[s] && !staged[s] && !MAYRESOLVE(s) && HOLDS(1-s) && RECOVERABLE(role[1-s]) && !serving[1-s] && \
	(ACT(pos[1-s]) == s || !FLOORKNOWN(1-s, flr[s])) && COVERED(pos[s], pos[1-s])
inline recover(s)
{
	printf("recover(%d) -> p%d\n", s, n);
	next(s, ep[pos[1-s]]); rec = rec | BIT(n); named[s] = named[s] | BIT(n);
	make_pos(pos[1-s], 0, e_, s, 0);
	staged[s] = n - 1; closed[s] = 0;
	if :: TEXT_RECOVER -> flr[s] = e_ :: else fi;
	if :: RECOVER_ALONE -> commit(s) :: else fi
}

/* ---- the beginning and the ends of a group */
#define g_create(s) creates && role[s] == NONE && !lost[s] /* clients draw ids: none is used again */
inline create(s) /* at EMPTY; then as change */
{
	creates--; printf("create(%d)\n", s);
	role[s] = ACTIVE; held[s] = held[s] | 1
}

/* a person's, or the operation's that could not prepare a change; after that: where nobody will ever answer */
#define NOT_CREATED(s) (EMPTY(s) && (role[s] == ACTIVE || role[s] == RECOVERING && !lost_group[s]))
#define UNANSWERED(s) (role[s] == ACTIVE && !staged[s] && !reserved[s] || peer_gone[s] || role[1-s] == ACTIVE && EMPTY(1-s) || role[s] == RECOVERING && role[1-s] >= RECOVERING \
	|| role[1-s] == NONE && staged[s] && !HAS(addressed[1-s], staged[s]))
#define g_withdraw(s) NOT_CREATED(s) && (withdrawals || QUIET && UNANSWERED(s))
inline withdraw(s)
{
	if :: withdrawals -> withdrawals-- :: else fi; printf("withdraw(%d)\n", s);
	by_hand = 1;
	x_ = staged[s]; bury(s, x_, (x_ || role[s] == RECOVERING) && !WITHDRAW_SILENT)
}

#define g_delete(s) deletes && FREE(s) && !EMPTY(s)
inline delete(s)
{
	deletes--; printf("delete(%d) -> p%d\n", s, n);
	user = user | BIT(n); del = del | BIT(n); make_pos(pos[s], 0, ep[pos[s]], s, 0);
	staged[s] = n - 1
}

/* everything of this site's part is removed; also of a STANDBY whose peer is gone */
#define g_tombstone(s) (DELETED(s) && (role[s] == ACTIVE || role[s] == STANDBY || role[s] == RECOVERING && peer_gone[s]) || peer_gone[s] && role[s] == STANDBY || leaving[s])
inline tombstone(s) { printf("tombstone(%d)\n", s); x_ = pos[s]; bury(s, x_, 1) }

/* delete --peer-is-gone: ends a staged delete, or commits one, without the peer.  unprotect ends in the same state. */
#define g_delete_alone(s) (alones || QUIET && peer_gone[s]) && role[s] == ACTIVE && !EMPTY(s) && !DELETED(s) && !reserved[s] && (!staged[s] || HAS(del, staged[s]))
inline delete_alone(s)
{
	if :: alones -> alones-- :: else fi; printf("delete_alone(%d, p%d)\n", s, n);
	by_hand = 1;
	if
	:: staged[s] -> x_ = staged[s]
	:: else -> x_ = n; user = user | BIT(n); del = del | BIT(n); make_pos(pos[s], 0, ep[pos[s]], s, 0)
	fi;
	move(s, x_); staged[s] = 0; reserved[s] = 0; acked = acked | BIT(x_); slog = slog | BIT(x_)
}
/* the same at a RECOVERING site: in a delete that was accepted, here or by the peer, and after a GONE */
#define g_delete_recovering(s) (alones || QUIET && (BOTH_RECOVERING || NOBODY_KEEPS(s) || peer_gone[s])) && role[s] == RECOVERING && !leaving[s] && \
	(peer_gone[s] -> !DELETED(s) : DELETING(s))
inline delete_recovering(s)
{
	if :: alones -> alones-- :: else fi; printf("delete_recovering(%d)\n", s);
	by_hand = 1; staged[s] = 0; leaving[s] = !DELETED(s); peer_gone[s] = 1;
	if :: EMPTY(s) -> x_ = 0; bury(s, x_, 1) :: else fi
}
/* the same at a STANDBY: a person's word stands for the peer's GONE */
#define g_delete_standby(s) alones && role[s] == STANDBY && !DELETED(s) && !peer_gone[s]
inline delete_standby(s)
{
	alones--; printf("delete_standby(%d)\n", s);
	by_hand = 1; peer_gone[s] = 1; serving[s] = 0
}
#define g_unprotect(s) (alones || QUIET && peer_gone[s]) && role[s] == ACTIVE && !EMPTY(s)
inline unprotect(s)
{
	if :: alones -> alones-- :: else fi; printf("unprotect(%d)\n", s);
	by_hand = 1; slog = slog | DROP(staged[s]);
	x_ = pos[s]; bury(s, x_, 1)
}

/* GONE(x) of t arrives at s */
#define SAME_DELETE(s) (role[s] < FROZEN && DELETED(s) && HAS(gone[1-s], pos[s])) /* the peer has finished its part of the accepted delete */
#define ENDS_DELETE(s) (role[s] == ACTIVE && HAS(gone[1-s] & del, staged[s]) && !GONE_IS_NO_ACCEPT) /* as ACCEPT */
#define g_on_gone(s) gone[1-s] && ( \
	role[s] == NONE || role[s] == TOMBSTONE && gone_owed[s] || SAME_DELETE(s) && owed[s] \
	|| HOLDS(s) && (!peer_gone[s] || ENDS_DELETE(s)) && !SAME_DELETE(s) && !(closed[s] && HAS(del, staged[s])))
inline on_gone(s)
{
	printf("on_gone(%d)\n", s);
	if
	:: role[s] == NONE -> x_ = 0; bury(s, x_, 0)
	:: role[s] == TOMBSTONE -> gone_owed[s] = 0
	:: else ->
		if
		:: SAME_DELETE(s) -> owed[s] = 0
		:: ENDS_DELETE(s) -> commit(s)
		:: role[s] == STANDBY && !SAME_DELETE(s) -> peer_gone[s] = 1; serving[s] = 0
		:: else -> CLAIMED(S6, PERSON || EMPTY(s)); peer_gone[s] = 1 /* alarm PEER_GONE, nothing stopped */
		fi
	fi
}

/* the tag reaches the array; servers boot after it */
#define g_tag(s) late_tags && role[s] == ACTIVE && ep[pos[s]] > flr[s]
inline tag(s) { printf("tag(%d)\n", s); flr[s] = ep[pos[s]]; array_minted[s] = minted[s] }

#define g_faults_stop() !QUIET
inline faults_stop()
{
	printf("-- faults stop\n");
	users = 0; handovers = 0; forces = 0; facts = 0; restores = 0; resolves = 0;
	slots = 0; creates = 0; deletes = 0; losses = 0; withdrawals = 0; alones = 0
}

/*
 * What can never be read again is forgotten, so that equal states look equal: answers nobody waits
 * for; STATEs the peer has covered (its position only grows once no restore is left).
 */
#define WAITED (BIT(staged[0]) | BIT(staged[1]))
#define BELOW(s) ((anc[pos[s]] | drp[pos[s]]) & ~BIT(pos[s]))
#define FORGET if :: remember -> skip :: else -> \
	acc = acc & WAITED; ref = ref & WAITED; abt = abt & (BIT(frozen_for[0]) | BIT(frozen_for[1])); acked = acked & ~slog; \
	if :: restores + losses == 0 -> held[0] = held[0] & ~BELOW(1); held[1] = held[1] & ~BELOW(0); \
	if :: TEXT_LOST -> skip :: else -> lost[0] = lost[0] & held[0]; lost[1] = lost[1] & held[1] fi :: else fi fi
/* All guarded actions, in the order in which they are tried; the budgets' end among them. */
#define ACTIONS(ONCE, BOTH, EACH) \
	BOTH(change) BOTH(handover) BOTH(fact) BOTH(force) \
	BOTH(reserve) BOTH(stage) BOTH(release) \
	EACH(on_propose_accept) EACH(accept_again) EACH(on_propose_refuse) \
	BOTH(on_accept) BOTH(on_refuse) \
	BOTH(claim) BOTH(abort_handover) BOTH(on_aborted) \
	EACH(on_state_same) EACH(on_state_fast_forward) EACH(on_state_own_epoch) EACH(on_state_fork) \
	BOTH(on_lost_group) \
	EACH(resolve) EACH(resolve_gone) \
	BOTH(close) BOTH(on_close) BOTH(on_late_close) EACH(on_closed) \
	ONCE(faults_stop) \
	BOTH(tag) BOTH(rejoin) BOTH(on_amnesia) BOTH(on_here) BOTH(recover) \
	EACH(restore) BOTH(snapshot) BOTH(lose) \
	BOTH(create) BOTH(withdraw) BOTH(delete) BOTH(tombstone) BOTH(delete_alone) BOTH(delete_recovering) BOTH(delete_standby) BOTH(unprotect) BOTH(on_gone)

/* After each action: the floor (in the same transaction, then the tag), and what must hold. */
#define AFTERWARDS \
	if :: role[0] == ACTIVE && ep[pos[0]] > flr[0] && !late_tags -> flr[0] = ep[pos[0]] :: else fi; \
	if :: role[1] == ACTIVE && ep[pos[1]] > flr[1] && !late_tags -> flr[1] = ep[pos[1]] :: else fi; \
	if :: RUNS(0) -> ran[0] = pos[0] :: else fi; \
	if :: RUNS(1) -> ran[1] = pos[1] :: else fi; \
	FORGET; \
	INV

#ifdef MONITOR
#include "monitor.pml"                   /* TAKE_STEPS: the steps of a trace, nothing else */
#else
#define DO(guard, action)  :: d_step { guard -> action }
#define ONCE(a)            DO(g_##a(), a())
#define BOTH(a)            DO(g_##a(0), a(0)) DO(g_##a(1), a(1))
#define P1(a, p)           DO(g_##a(0, p), a(0, p)) DO(g_##a(1, p), a(1, p))
#if NP > 15
#define EACH(a) P1(a,0) P1(a,1) P1(a,2) P1(a,3) P1(a,4) P1(a,5) P1(a,6) P1(a,7) P1(a,8) P1(a,9) P1(a,10) P1(a,11) P1(a,12) P1(a,13) P1(a,14) P1(a,15) P1(a,16) P1(a,17)
#else
#define EACH(a) P1(a,0) P1(a,1) P1(a,2) P1(a,3) P1(a,4) P1(a,5) P1(a,6) P1(a,7) P1(a,8) P1(a,9) P1(a,10) P1(a,11) P1(a,12) P1(a,13) P1(a,14)
#endif
#define TAKE_STEPS \
	do \
	:: atomic { \
	if \
	ACTIONS(ONCE, BOTH, EACH) \
	:: else -> CLAIMED(L1, L1_HOLDS); goto quiet /* nothing enabled: only after faults_stop */ \
	fi; \
	d_step { AFTERWARDS } } \
	od; \
	quiet: skip
#endif

init {
	/* local, so that COLLAPSE stores each graph once */
	/* ---- positions */
	MASK anc[NP];                            /* anc(p): p and all ancestors over both parents           */
	MASK fpl[NP];                            /* first-parent line of p, with p: the content             */
	MASK drp[NP];                            /* drop(p): proposals given up on p's chain                */
	byte ep[NP];                             /* epoch                                                   */
	byte kn0[NP], kn1[NP];                   /* highest epoch of site 0, of site 1, that p knows of     */
	byte n = 1;                              /* positions in use                                        */
	MASK actm;                               /* bit p = active site of p's epoch                        */
	MASK user;                               /* kind USER                                               */
	MASK del;                                /* of them: the body says deleting                         */
	MASK hov;                                /* kind HANDOVER                                           */
	MASK rec;                                /* kind REJOIN, proposed by a recovering site (`recover`)  */
	MASK forced;                             /* forced CLAIM or RESOLVE: a person decided               */
	/* ---- messages */
	MASK acc, ref, abt;
	d_step {
		c_code { from_environment(); };
		anc[0] = 1; fpl[0] = 1; sn_site = 2;
		if
		:: begin == NOTHING -> role[0] = NONE; role[1] = NONE
		:: begin == CREATED ->
			user = 2; make_pos(0, 0, 0, 0, 0); pos[0] = 1; pos[1] = 1; held[0] = 2; held[1] = 2; acked = 2;
			role[0] = ACTIVE; role[1] = STANDBY
		:: else -> held[0] = 1; held[1] = 1; role[0] = ACTIVE; role[1] = STANDBY
		fi
	}
	TAKE_STEPS
}
