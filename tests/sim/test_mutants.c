/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_mutants - the oracle bites: with any one of these guards missing from the product (built
 * with -Dmutants=true, src/model/mutant.h) some random walk fails, and in words that fit.
 *
 *     sim-mutants          all of them
 *     sim-mutants NAME     one, with the story that betrays it
 */
#include "tests/sim/seeds.h"
#include "tests/sim/walk.h"

#include "model/mutant.h"

#include <stdio.h>
#include <string.h>

/*
 * What is planted, in how many seeds it must be found, and a word of what the oracle then says.
 * 'found' is the seed that found it when this was written: tried first, so that nobody searches for
 * what is known.  When a change makes another story of it, the search from seed 1 on goes on.
 */
static const struct planted {
    const char *name;
    enum mutant mutant;
    uint64_t found, seeds;
    const char *says;
    const char *favour, *too; /* events that betray it happen more often; NULL: as usual */
} planted[] = {
    {"LOCAL_FIRST", MUTANT_LOCAL_FIRST, 1, 300, "", NULL, NULL},
    {"SUCCESSOR_ONLY", MUTANT_SUCCESSOR_ONLY, 20, 300, "L1", NULL, NULL},
    {"PROBE_SKIPPED", MUTANT_PROBE_SKIPPED, 2, 300, "", NULL, NULL},
    {"OUTCOME_FIRST", MUTANT_OUTCOME_FIRST, 350, 900, "", NULL, NULL},
    {"LEASE_IGNORED", MUTANT_LEASE_IGNORED, 1, 300, "its journal changes", "engine sleeps", NULL},
    {"RESTORE_UNSEEN", MUTANT_RESTORE_UNSEEN, 72, 300, "", NULL, NULL},
    {"RESTORE_RESUMES", MUTANT_RESTORE_RESUMES, 72, 300, "", NULL, NULL},
    {"PARK_SKIPPED", MUTANT_PARK_SKIPPED, 12, 300, "put back", "database put back",
     "database kept"},
    {"REBUILD_SKIPPED", MUTANT_REBUILD_SKIPPED, 13, 300, "in no ledger", NULL, NULL},
    {"BOOT_BEFORE_CLAIM", MUTANT_BOOT_BEFORE_CLAIM, 14, 300, "starts a server", NULL, NULL},
    {"UNDO_SKIPPED", MUTANT_UNDO_SKIPPED, 4, 300, "", NULL, NULL},
    {"DEMOTE_BLIND", MUTANT_DEMOTE_BLIND, 14, 300, "runs", NULL, NULL},
    {"REALIZE_SKIPPED", MUTANT_REALIZE_SKIPPED, 2, 300, "in Cinder", NULL, NULL},
    {"POINT_ANY_LINEAGE", MUTANT_POINT_ANY_LINEAGE, 45, 300, "another lineage", NULL, NULL},
    {"DRAIN_UNCHECKED", MUTANT_DRAIN_UNCHECKED, 66, 900, "runs at the other site", "server started",
     "planned"},
    {"RESUME_SKIPPED", MUTANT_RESUME_SKIPPED, 248, 900, "does not run", "planned", NULL},
};

static bool killed(const struct planted *p, bool tell)
{
    AUTO(seeds) s = seeds_create();
    uint64_t seed = 0;

    mutant = p->mutant;
    walk_favour(NULL);
    if (p->favour != NULL)
        walk_favour(p->favour);
    if (p->too != NULL)
        walk_favour(p->too);
    seeds_tell(s, tell);
    seeds_start(s, p->found);
    seeds_wait(s);
    for (uint64_t i = 1; i <= p->seeds && seeds_failed(s) == 0; i++)
        seeds_start(s, i);
    seeds_wait(s);
    mutant = MUTANT_NONE;
    const char *why = seeds_failure(s, &seed);
    if (why == NULL) {
        printf("%-18s SURVIVES %d walks\n", p->name, seeds_passed(s));
        return false;
    }
    printf("%-18s killed by seed %" G_GUINT64_FORMAT ": %s\n", p->name, seed, why);
    fflush(stdout);
    return strstr(why, p->says) != NULL;
}

int main(int argc, char **argv)
{
    int passed = 0, failed = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(planted); i++) {
        if (argc > 1 && strcmp(argv[1], planted[i].name) != 0)
            continue;
        bool ok = killed(&planted[i], argc > 1);
        passed += ok;
        failed += !ok;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
