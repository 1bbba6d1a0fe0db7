/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture_internal - what capture.c has gathered and capture_form.c turns into a capture.
 */
#pragma once

#include "base/auto.h"
#include "base/err.h"
#include "base/json.h"

/* Objects and lists as the services gave them; NULL where the server has none. */
struct capture_facts {
    json_t *server;      /* as an admin sees it */
    json_t *attachments; /* Nova's */
    json_t *volumes;     /* all of the project, as an admin sees them */
    json_t *ports;       /* those of the server */
    json_t *floating_ips;
    json_t *security_groups; /* all that the project sees */
    json_t *networks;
    json_t *subnets;
    json_t *keypair;
    json_t *server_group;
    json_t *image; /* of an image-booted server */
};
void capture_facts_fini(struct capture_facts *facts);

/* Pure.  CLOUD_PARTIAL if something that is named is in none of the lists. */
err_t *capture_form(const char *cloud, const struct capture_facts *facts, json_t **ret) MUST_CHECK;
