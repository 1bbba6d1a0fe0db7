/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checks - what is looked at beside "the server is ACTIVE": by a drill, and before servers of later
 * priorities start (start_check of a member).  As a user writes it:
 *
 *     tcp:22                 a connection to the port is accepted
 *     http:8080/health=204   a GET is answered with this status; =200 if nothing is said.  https:…
 *                            likewise; a guest's certificate is not verified
 *     console:PATTERN        the console's log has a line that fits: '*' any text, '?' any
 * character
 *
 * "checks" of a drill is {"<name or id of a member>" or "*" (each): ["tcp:22", …]}.  Pure.
 */
#pragma once

#include "model/body.h"

#define CHECKS_MAX          16 /* of a member */
#define CHECK_TIMEOUT_S     120
#define CHECK_TIMEOUT_MAX_S 3600
#define CHECK_THRESHOLD     100 /* percent of those that were checked must have passed */
#define CHECK_TEXT_MAX      BODY_START_CHECK_MAX

/* {"check": TEXT, "kind": "tcp"|"http"|"https"|"console", "port", "path", "status", "pattern"}.
 * Error: BAD_REQUEST. */
err_t *plan_check_read(const char *text, json_t **ret) MUST_CHECK;
/* Whether all of it can be read and names members of the body.  Error: BAD_REQUEST. */
err_t *plan_checks_valid(const json_t *checks, const json_t *body) MUST_CHECK;
/* Those of one member (of the body), as read: its start_check is the first.  New reference. */
json_t *plan_checks_of(const json_t *checks, const json_t *member);
