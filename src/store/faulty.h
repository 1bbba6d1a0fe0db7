/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faulty - a filter on a database connection that fails on command, for tests of what we do when
 * the database does not answer as hoped (1213, 1205, 1047, a lost connection, a lost COMMIT).
 *
 *     struct faulty *faulty = faulty_stack(db);
 *     faulty_arm(faulty, FAULTY_COMMIT, 1, 1, ERR_DB_COMMIT_UNKNOWN, true);
 */
#pragma once

#include "store/db.h"

struct faulty;

enum faulty_point {
    FAULTY_STATEMENT,
    FAULTY_BEGIN,
    FAULTY_COMMIT,
    FAULTY_POINT_COUNT,
};

/* Puts the filter on 'db', to which it belongs from then on.  Nothing is armed. */
struct faulty *faulty_stack(struct db *db);
/*
 * The 'nth' (from 1) call of that kind from now on, and all in all 'times' calls (0 = all that
 * follow), fail with 'code'.  'happens': the call is made nevertheless, only its answer is lost.
 * One fault per point; arming again replaces it, 'nth' 0 disarms.
 */
void faulty_arm(struct faulty *faulty, enum faulty_point point, int nth, int times,
                enum err_code code, bool happens);
/* How many calls of that kind there were, failed ones included. */
int faulty_seen(const struct faulty *faulty, enum faulty_point point);
/* How many were failed. */
int faulty_failed(const struct faulty *faulty, enum faulty_point point);
