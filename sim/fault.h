/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault - the faults that tests order (sim_fault_add), and which of them strikes a request.
 */
#pragma once

#include "sim/site.h"

/* An array of struct sim_fault that frees what it holds. */
GPtrArray *sim_fault_list_create(void);
/*
 * The fault that strikes this request, or NULL; counts it.  Borrowed, until the next call.
 */
const struct sim_fault *sim_fault_strikes(struct sim *sim, int site, enum sim_service service,
                                          const struct http_request *req);
