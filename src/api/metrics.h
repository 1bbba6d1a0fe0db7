/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics - what this site's database tells of its groups, for Prometheus (text format 0.0.4).
 *
 * A request is answered from the database alone: no cloud is asked.  Only what this site knows is
 * told; whoever watches both sites scrapes both.
 */
#pragma once

#include "api/api.h"

#define METRICS_PATH "/metrics"
#define METRICS_GROUPS_MAX                                                                         \
    5000 /* that are told of; protector_metrics_cut says if there are more                         \
          */

/* An http_handler_fn; 'data' is a struct api_options of which env, conf, db_get and report count.
 */
struct http_response *metrics_handle(void *data, const struct http_request *req);
/* The table of docs/metrics.md.  Caller frees. */
char *metrics_markdown(void);
