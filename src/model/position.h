/* SPDX-License-Identifier: Apache-2.0 */
/*
 * position - what a protection group's metadata is at one moment, named by a hash; and the chain of
 * all positions a site has ever seen of one group.
 *
 * A position is (parent, parent2, epoch, version, kind, minter, claim id, body hash …) and its name
 * is the hash over exactly that.  Order between positions is by ancestry, never by comparing
 * numbers. EMPTY, the position before the first, is no row: it is the empty string, epoch 0,
 * version 0.
 *
 * Neighbours: sync.h moves a site along a chain, message.h carries rows of it, store/ keeps them.
 * Invariants: a position never changes once it is made (rows are shared, counted); a chain only
 * grows (but for chain_rollback); a row's parents stand in the chain before it.
 */
#pragma once

#include "base/auto.h"
#include "base/json.h"
#include "base/secrets.h"

#define UUID_SIZE        37 /* a site's uuid, with NUL */
#define GROUP_SIZE       48 /* "pg-<uuid>" */
#define OPERATION_SIZE   48 /* "op-<uuid>" */
#define CLAIM_ID_SIZE    33 /* 128 random bits as hex */
#define INCARNATION_SIZE 48 /* "<number>-<32 hex digits>" */

#define POSITION_EMPTY      ""    /* the hash of EMPTY */
#define POSITION_DROP_MAX   1     /* proposals one position gives up: one slot per group */
#define CHAIN_ROWS_MAX      20000 /* rows of one group; beyond it nothing is taken in */
#define CHAIN_ROWS_CHANGE   16000 /* from here on changes and facts are refused; claims never */
#define POSITION_NUMBER_MAX ((int64_t)1 << 52) /* epochs and versions */

/* Ordinals of the two sites of a pair: 0 is the smaller uuid. */
#define SITES 2

enum position_kind {
    POSITION_USER,     /* a change of the user, accepted by the peer first */
    POSITION_HANDOVER, /* a USER position that freezes its site: planned failover or failback */
    POSITION_FACT,     /* what an operation of the active site did; commits at once */
    POSITION_CLAIM,    /* opens an epoch: a failover, planned (parent: the handover) or forced */
    POSITION_RESOLVE,  /* opens an epoch: a person ended a fork; parent2 is the losing chain */
    POSITION_REJOIN,   /* opens an epoch: takes a restored site in again */
    POSITION_KINDS
};

struct position {
    char hash[HASH_HEX_SIZE];
    char parent[HASH_HEX_SIZE];  /* POSITION_EMPTY for the first */
    char parent2[HASH_HEX_SIZE]; /* of a RESOLVE: the losing position; else "" */
    int64_t floor2; /* of a RESOLVE: highest epoch in which the loser was active, as its CLOSED
                       told; else 0 */
    int64_t epoch;
    int64_t version; /* parent's + 1 */
    enum position_kind kind;
    bool forced;            /* of a CLAIM: no handover, a person decided */
    char minter[UUID_SIZE]; /* site that opened the epoch (of epoch 0: the creator) = active(p) */
    char claim_id[CLAIM_ID_SIZE];
    char body_hash[HASH_HEX_SIZE];
    char incarnation[INCARNATION_SIZE]; /* minter's, of CLAIM, RESOLVE, REJOIN; else "" */
    char rejoined[INCARNATION_SIZE];    /* the other site's, of a REJOIN made for it; else "" */
    size_t drop_count;
    char drop[POSITION_DROP_MAX][HASH_HEX_SIZE]; /* proposals given up here */
};

/* ---- kinds and numbers */

const char *position_kind_text(enum position_kind kind); /* "USER" … */
/* POSITION_KINDS if 'text' names none. */
enum position_kind position_kind_of(const char *text);
/* CLAIM, RESOLVE, REJOIN. */
bool position_opens_epoch(enum position_kind kind);
/* Smallest number above 'above' and 'minted' of the ordinal's parity. */
int64_t position_next_epoch(int ordinal, int64_t above, int64_t minted);
/* 0 if 'self' sorts before 'peer', else 1.  They must differ. */
int site_ordinal(const char *self, const char *peer);
bool uuid_valid(const char *text);
bool hash_valid(const char *text); /* 64 lower-case hex digits */

/* ---- incarnations: ordered, and random where two have one number */

/* A new one above all 'known' (each may be NULL or ""), with 16 random bytes. */
void incarnation_next(const char *const *known, size_t count, const unsigned char random[16],
                      char ret[INCARNATION_SIZE]);
int64_t incarnation_number(const char *incarnation); /* 0 if it is none */

/* ---- one position */

/* Fills 'hash' from everything else. */
void position_seal(struct position *p);
/*
 * Checks form and hash of a position by itself: hex, uuid, numbers, that only kinds which open an
 * epoch name incarnations or drop, that 'hash' fits.  Code SYNC_POSITION.
 */
err_t *position_check(const struct position *p) MUST_CHECK;
/* A counted copy; positions in chains and messages are counted and never written to. */
struct position *position_new(const struct position *p);
struct position *position_ref(const struct position *p);
void position_unref(struct position *p); /* accepts NULL */
AUTO_DEFINE(position, position_unref)
/* {"hash","parent","parent2","epoch","version","kind",…}: for people, the API and the store. */
json_t *position_to_json(const struct position *p);
/* Strict; codes SYNC_POSITION. */
err_t *position_from_json(const json_t *j, struct position **ret) MUST_CHECK;

/* ---- rows as messages carry them */

/*
 * The compact form of rows in which every parent stands before its child, about 150 bytes each:
 * {"sites":[uuid0,uuid1],"rows":[[epoch,version,"U",minter,claim_id,body_hash,parent…]]}.  Parents
 * are indexes (-1 EMPTY); hashes are not carried but computed.  'rows': struct position *.
 */
json_t *history_to_json(const GPtrArray *rows);
/* Strict.  '*ret' is an array of counted positions (free with g_ptr_array_unref).  SYNC_POSITION.
 */
err_t *history_from_json(const json_t *j, GPtrArray **ret) MUST_CHECK;
/* An empty array for counted positions. */
GPtrArray *history_new(void);

/* ---- the chain */

struct chain;
struct chain *chain_create(void);
void chain_destroy(struct chain *chain);
AUTO_DEFINE(chain, chain_destroy)
/* Shares the rows. */
struct chain *chain_copy(const struct chain *chain);

/*
 * Adds a counted position (a reference is taken).  Does nothing if it is there.  Its parents must
 * be there; it must inherit its parent's epoch and minter, or open an epoch above it; version =
 * parent's
 * + 1.  Codes SYNC_POSITION, SYNC_HISTORY_FULL.
 */
err_t *chain_add(struct chain *chain, const struct position *p) MUST_CHECK;
/* Adds rows in order; on error the chain is as before. */
err_t *chain_merge(struct chain *chain, const GPtrArray *rows) MUST_CHECK;
size_t chain_count(const struct chain *chain);
/* Rows in the order they were added: parents first.  For saving what is new: from an old count on.
 */
const struct position *chain_at(const struct chain *chain, size_t i);
/* Takes back what was added since the chain had 'count' rows. */
void chain_rollback(struct chain *chain, size_t count);
/* NULL for EMPTY and for what is not known. */
const struct position *chain_find(const struct chain *chain, const char *hash);
bool chain_knows(const struct chain *chain, const char *hash); /* EMPTY is always known */

/* 0 for EMPTY and for what is not known. */
int64_t chain_epoch(const struct chain *chain, const char *hash);
int64_t chain_version(const struct chain *chain, const char *hash);
/* active(q): the site that opened q's epoch; NULL for EMPTY and what is not known. */
const char *chain_active(const struct chain *chain, const char *q);

/*
 * Order.  A hash that is not known stands for itself alone, without ancestors.
 *   ancestor   x in anc(y): x = y counts
 *   in_line    x in the first-parent line of y (the content): x = y counts
 *   covered    every position of anc(x) is in anc(y) or in drop(y)
 *   before     x < y, fast-forward: covered(x,y) and not covered(y,x)
 *   fork       neither is covered
 *   dropped    x in drop(y), over the whole chain of y
 */
bool chain_ancestor(const struct chain *chain, const char *x, const char *y);
bool chain_in_line(const struct chain *chain, const char *x, const char *y);
bool chain_covered(const struct chain *chain, const char *x, const char *y);
bool chain_before(const struct chain *chain, const char *x, const char *y);
bool chain_fork(const struct chain *chain, const char *x, const char *y);
bool chain_dropped(const struct chain *chain, const char *x, const char *y);

/* Positions of anc(x) that are not in the first-parent line of y, oldest first.  Free the array. */
GPtrArray *chain_lost(const struct chain *chain, const char *x, const char *y);
/* anc(q), parents first: what a message carries as history.  Free with g_ptr_array_unref. */
GPtrArray *chain_history(const struct chain *chain, const char *q);
/* Some position of anc(q) names this incarnation (minted in it, or a REJOIN for it). */
bool chain_names(const struct chain *chain, const char *q, const char *incarnation);
/* The incarnation of 'site' with the highest number that anc(q) names; "" if none. */
const char *chain_incarnation(const struct chain *chain, const char *q, const char *site);
/* A CLAIM whose parent is 'handover' stands in anc(q). */
bool chain_claimed(const struct chain *chain, const char *q, const char *handover);
/* A forced CLAIM or a RESOLVE stands in one of anc(x), anc(y) and not in the other (S2). */
bool chain_forced_apart(const struct chain *chain, const char *x, const char *y);
/*
 * The highest epoch of 'site' that q knows of: opened by it in anc(q), or given up there by a
 * RESOLVE (floor2).  A site that was active in a higher one has done what q never heard of; by the
 * number of q's own epoch that cannot be told, because a site that was forced at an old position
 * opens an epoch below it.
 */
int64_t chain_floor(const struct chain *chain, const char *q, const char *site);
/* The site active in 'epoch' on q's first-parent line, or NULL. */
const char *chain_epoch_site(const struct chain *chain, const char *q, int64_t epoch);
