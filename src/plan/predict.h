/* SPDX-License-Identifier: Apache-2.0 */
/* predict - how long a plan would take where nothing has been measured yet.  Pure. */
#pragma once

#include "base/json.h"

/* A rule of thumb, in seconds: volumes are made beside each other, waves start one after another.
 */
int64_t plan_rto_guess_s(const json_t *plan);
