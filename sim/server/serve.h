/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve - the sockets in front of the simulated clouds: one listener per service of each site, and
 * one for /sim/control.
 *
 * The simulator itself knows no threads: every call to it holds one mutex.  A service that is down
 * does not listen, so that its address refuses connections as a dead host's does.
 */
#pragma once

#include "sim/server/options.h"

struct serve;

/*
 * Makes the clouds (out of the kept state, if there is one) and listens.  'options' must outlive
 * it. Codes CONFIG and IO: an address cannot be listened on, or the state cannot be read.
 */
err_t *serve_start(const struct options *options, struct serve **ret) MUST_CHECK;
/* Writes the state, closes all and frees.  Accepts NULL. */
err_t *serve_stop(struct serve *serve) MUST_CHECK;
/* clouds.yaml.  Caller frees. */
char *serve_clouds(struct serve *serve);
