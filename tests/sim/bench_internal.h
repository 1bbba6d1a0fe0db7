/* SPDX-License-Identifier: Apache-2.0 */
/* bench_internal - what the files of the bench share. */
#pragma once

#include "tests/sim/bench.h"

/* ---- bench.c ---- */

bool bench_tracing(void);
/* Ends the test with words if there is an error; takes it. */
void bench_must(err_t *e, const char *what);
/* The engine of a site begins, and is gone with all its memory. */
void bench_engine_start(struct bench_site *site);
void bench_engine_stop(struct bench_site *site);

/* ---- bench_copy.c ---- */

/* A folder with all that is in it. */
void bench_folder_remove(const char *path);

/* ---- bench_faults.c ---- */

/* bench_route for the client, which may be dead or die of it. */
err_t *bench_client_route(struct bench *b, const struct http_request *req,
                          struct http_response **ret);
/* What the client sends may be long under way; messages that it carries are kept. */
void bench_stall(struct bench *b, const struct bench_link *link, const struct http_request *req);
/* The runner's boundary: true if the engine, 'data', dies there. */
bool bench_boundary(void *data, const char *op_id, const char *where, const char *step,
                    const char *subject);
