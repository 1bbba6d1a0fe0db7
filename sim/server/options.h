/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options - the command line of protector-sim.
 */
#pragma once

#include "sim/sim.h"

struct options {
    struct sim_options sim;      /* strings as in 'argv' or in 'owned' */
    const char *control_address; /* of /sim/control */
    int control_port;
    const char *state_dir;   /* NULL: the state ends with the program */
    const char *clouds_file; /* clouds.yaml is written there; NULL: nowhere */
    bool print_clouds;       /* print clouds.yaml and end */
    bool print_version;
    int64_t latency_ms; /* of every answer */
    GPtrArray *owned;
};

/* Code BAD_REQUEST with words for the user.  'ret' is to be freed by options_fini in any case. */
err_t *options_parse(int argc, char **argv, struct options *ret) MUST_CHECK;
void options_fini(struct options *options);
