/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counted_exit - put before every source by tools/coverage: a process that leaves by _exit() (a
 * forked test of the sweeps, a worker of the API) writes gcc's counters first, as exit() does.
 */
#pragma once

#include <unistd.h>

void __gcov_dump(void);

#define _exit(code)                                                                                \
    do {                                                                                           \
        int counted_exit_code = (code); /* evaluated first: it may be all that the process does */ \
        __gcov_dump();                                                                             \
        _exit(counted_exit_code);                                                                  \
    } while (0)
