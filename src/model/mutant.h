/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mutant - planted bugs, for the tests alone: a build with -DMUTANTS can be told to lack one guard,
 * and a search, a walk or a sweep must find what that breaks.  In production MUTANT(x) is the
 * constant false.
 *
 * Neighbours: tests/unit/model/test_mutants.c (the protocol's, by search), tests/sim/test_mutants.c
 * (by random walks over two whole sites).
 */
#pragma once

#include <stdbool.h>

#ifdef MUTANTS
enum mutant {
    MUTANT_NONE,
    /* the protocol; the first eleven are those of the Promela model, TEXT_…: an earlier wording */
    MUTANT_EPOCH_PLUS_ONE,    /* epochs are opened by counting up */
    MUTANT_LOCAL_FIRST,       /* a change is committed before the peer accepts */
    MUTANT_FREEZE_LATE,       /* a handover freezes its source only when it is accepted */
    MUTANT_SUCCESSOR_ONLY,    /* only the next version is followed */
    MUTANT_ABORT_NOT_FINAL,   /* an aborted handover may be claimed */
    MUTANT_ABORT_UNBOUND,     /* ABORTED of any handover frees the source */
    MUTANT_REFUSAL_FORGOTTEN, /* what was refused is accepted later */
    MUTANT_RESTORE_RESUMES,   /* a restored site goes on as if nothing had happened */
    MUTANT_RECOVER_ALONE,     /* a recovering site opens its epoch without the peer */
    MUTANT_FACT_WHILE_STAGED, /* a fact is committed beside a staged change */
    MUTANT_REJOIN_IGNORES_FLOOR,
    MUTANT_TEXT_REFUSE,
    MUTANT_TEXT_ADOPT,
    MUTANT_TEXT_REFUSED,
    MUTANT_TEXT_RESOLVE,
    MUTANT_TEXT_LOST,
    MUTANT_TEXT_CREATE,
    MUTANT_TEXT_CLOSED,
    MUTANT_TEXT_CLOSED_DROPPED,
    MUTANT_TEXT_REOPEN,
    MUTANT_TEXT_FLOOR,
    /* the runner and its steps */
    MUTANT_PROBE_SKIPPED,     /* a make is repeated without looking whether it was done */
    MUTANT_OUTCOME_FIRST,     /* a make's outcome is written before its call */
    MUTANT_RESTORE_UNSEEN,    /* a database that was put back is taken as it stands */
    MUTANT_PARK_SKIPPED,      /* what it calls running goes on */
    MUTANT_REBUILD_SKIPPED,   /* what its ledger has forgotten stays forgotten */
    MUTANT_LEASE_IGNORED,     /* an engine that has lost its lease goes on writing */
    MUTANT_BOOT_BEFORE_CLAIM, /* the claim comes after everything it must precede */
    MUTANT_UNDO_SKIPPED,      /* what is unwound is left where it is */
    MUTANT_DEMOTE_BLIND,      /* a demotion believes that its servers are stopped */
    MUTANT_REALIZE_SKIPPED,   /* a change is accepted before this site has made its part */
    MUTANT_POINT_ANY_LINEAGE, /* a recovery point of an older lineage is taken */
    MUTANT_DRAIN_UNCHECKED,   /* a handover believes that its source's servers still rest */
    MUTANT_RESUME_SKIPPED,    /* a source that is freed leaves its servers stopped */
};
extern enum mutant mutant;
#define MUTANT(name) (mutant == MUTANT_##name)
#else
#define MUTANT(name) false
#endif
