/* SPDX-License-Identifier: Apache-2.0 */
/*
 * states_internal - the tables behind states.h, shared by states.c, verbs.c and states_page.c.
 */
#pragma once

#include "model/states.h"

#define STATUS_ROWS 14

struct status_row {
    bool (*matches)(const struct group_view *v);
    enum group_status status; /* GROUP_STATUSES: 'dir' says it */
    enum group_status (*dir)(const struct group_view *v);
    const char *text;
};
extern const struct status_row status_rows[STATUS_ROWS];

extern const unsigned char operation_verb_grid[OPERATION_VERBS][OPERATION_STATUSES];
