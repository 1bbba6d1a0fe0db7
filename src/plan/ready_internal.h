/* SPDX-License-Identifier: Apache-2.0 */
/* ready_internal - between ready.c and quota.c. */
#pragma once

#include "plan/ready.h"

struct judging {
    const struct plan_ready_input *in;
    json_t *rows;
};

/* 'seen' is taken. */
void judged_ok(struct judging *j, enum ready_check check, char *seen);
void judged_failed(struct judging *j, enum ready_check check, char *seen);
void judged_unknown(struct judging *j, enum ready_check check, char *seen);
/* What was seen under 'key'; NULL, and a row says why, if it was not. */
const json_t *judged_look(struct judging *j, enum ready_check check, const char *key);
/* Whether there is a plan; if not, a row says why. */
bool judged_planned(struct judging *j, enum ready_check check);

/* quota.c: room for what would be made: limits of the services, and free addresses */
void judge_quotas(struct judging *j);
