/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failing - the n-th call to the kernel fails: open, read, write, fsync, rename, link, connect,
 * send, recv … of this program and of every library in it.
 *
 *     for (int nth = 1;; nth++) {
 *         failing_arm(nth, FAILING_IO);
 *         err_t *e = what_is_tested();
 *         if (!failing_disarm())
 *             break;                 nothing was left to fail
 *         …                          e has words, or all went well; nothing is half done
 *     }
 *
 * failing.c defines the functions of libc themselves: linked into a program, or preloaded into
 * another one by LD_PRELOAD with FAILING_AT=N in its environment (FAILING_IO; a daemon, and what it
 * forks, which counts on by itself); the file FAILING_TOLD gets the name of the call.
 * Standard input, output and error are left alone.  libc's own calls (fopen, getaddrinfo) are not
 * seen.
 */
#pragma once

#include <stdbool.h>

enum failing_how {
    FAILING_IO,     /* EIO; of a socket ECONNRESET, of connect ECONNREFUSED, of open EMFILE */
    FAILING_FULL,   /* ENOSPC, of calls that write; others do not count */
    FAILING_SIGNAL, /* EINTR, where the kernel may say it; nothing may come of it */
    FAILING_SHORT,  /* one byte is read or written; nothing may come of it */
    FAILING_HOWS,
};

__attribute__((visibility("default"))) void failing_arm(int nth, enum failing_how how);
/* True if the call was made and failed. */
__attribute__((visibility("default"))) bool failing_disarm(void);
/* "fsync": which call failed last; "" if none has. */
__attribute__((visibility("default"))) const char *failing_name(void);
