/* SPDX-License-Identifier: Apache-2.0 */
/* view - how the API shows its nouns (docs/api.md, Representations).  Private to api/. */
#pragma once

#include "api/request.h"
#include "store/group.h"
#include "store/member.h"
#include "store/operation.h"
#include "store/site.h"

/* Names of sites by uuid, read once per request. */
struct site_names;
err_t *site_names_read(struct db *db, struct site_names **ret) MUST_CHECK;
void site_names_destroy(struct site_names *names);
AUTO_DEFINE(site_names, site_names_destroy)
const char *site_names_get(const struct site_names *names, const char *id); /* the id if unknown */

json_t *view_site(const struct site *site, bool admin);
json_t *view_group(const struct request *r, const struct group_row *g,
                   const struct site_names *names);
json_t *view_member(const struct member *m, const json_t *body);
json_t *view_operation(const struct request *r, const struct operation *op,
                       const struct site_names *names);
/* Adds steps_completed, steps_failed and current_step, from the journal. */
err_t *view_operation_steps(struct request *r, const struct operation *op, json_t *out) MUST_CHECK;
void view_time(json_t *out, const char *key, int64_t time_ms); /* 0: null */
