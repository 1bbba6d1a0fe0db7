/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seed - what is in the clouds at the start: the same as in the lab (lab/openstack/seed.py).
 */
#pragma once

#include "sim/site.h"

/* Fills an empty site; nothing is due afterwards. */
void sim_seed_site(struct site *site);
