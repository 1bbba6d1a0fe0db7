/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - the requests that arrived, for assertions of tests (sim_log, sim_count).
 */
#pragma once

#include "sim/site.h"

/* An array of struct sim_log that frees what it holds. */
GPtrArray *reqlog_create(void);
/* 'token' is the row of the token that was shown, or NULL. */
void reqlog_add(struct sim *sim, int site, enum sim_service service, const struct http_request *req,
                const json_t *token, int status);
/* Path and query of an absolute url or of a path.  Caller frees. */
char *reqlog_path(const char *url);
