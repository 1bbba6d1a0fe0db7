/* SPDX-License-Identifier: Apache-2.0 */
/* runbooks - all of them, for the engine, the documentation and the sweeps.  A new one is a row
 * here. */
#pragma once

#include "run/run.h"

/* NULL-ended. */
extern const struct runbook *const runbooks_all[];
