/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group - a protection group as a step sees it now: the protocol's state, the body, who we are.
 */
#pragma once

#include "base/auto.h"
#include "model/sync.h"
#include "run/run.h"

struct group_now {
    struct sync_state state;
    const json_t *body; /* of pos; NULL at EMPTY.  Belongs to state */
    const char *self;   /* uuid of this site */
    const char *peer;
};

/* The group of the operation.  NOT_FOUND if it is gone. */
err_t *group_now_load(struct step_call *call, struct group_now **ret) MUST_CHECK;
void group_now_destroy(struct group_now *group);
AUTO_DEFINE(group_now, group_now_destroy)

/* The member's server, or a volume's Cinder id, at a site: its own record, NULL if there is none.
 */
const char *group_server_at(const json_t *body, const char *site, const char *member);
const char *group_volume_at(const json_t *body, const char *site, const char *volume);
/* The project of the group at this site. */
const char *group_project(const json_t *body, const char *site);
