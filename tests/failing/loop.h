/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop - one operation, again and again, of which the n-th call to the kernel fails, n = 1 … until
 * none does.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/env.h"
#include "base/err.h"
#include "tests/failing/failing.h"

#define LOOP_CALLS_MAX 2000

struct loop {
    const char *name;
    void (*begin)(void *data); /* the world before; may be NULL */
    err_t *(*run)(void *data);
    /* Fails the test unless the world is one that may be: 'done' as after, else as before or after;
     * what failed is done again and succeeds. */
    void (*judge)(void *data, bool done);
    void *data;
    unsigned hows;   /* bits of enum failing_how */
    int calls_least; /* fewer of FAILING_IO, and nothing was tested */
};

#define LOOP_ALL                                                                                   \
    (1u << FAILING_IO | 1u << FAILING_FULL | 1u << FAILING_SIGNAL | 1u << FAILING_SHORT)

/* A failure has a code and words; an interruption or a short read or write is none. */
static inline void loop_words(const struct loop *l, enum failing_how how, int nth, const err_t *e)
{
    if (e == NULL)
        return;
    g_autofree char *text = err_text(e);
    if (err_code(e) == ERR_INTERNAL || *err_message(e) == '\0')
        fail_msg("%s: %s (%d) failed: %s", l->name, failing_name(), nth, text);
    if (how == FAILING_SIGNAL || how == FAILING_SHORT)
        fail_msg("%s: %s (%d) was interrupted or short, which is no failure: %s", l->name,
                 failing_name(), nth, text);
}

static inline int loop_how(const struct loop *l, enum failing_how how)
{
    for (int nth = 1; nth <= LOOP_CALLS_MAX; nth++) {
        if (l->begin != NULL)
            l->begin(l->data);
        failing_arm(nth, how);
        g_autoptr(err_t) e = l->run(l->data);
        bool struck = failing_disarm();
        loop_words(l, how, nth, e);
        if (!struck && e != NULL) {
            g_autofree char *text = err_text(e);
            fail_msg("%s: nothing failed, and yet: %s", l->name, text);
        }
        l->judge(l->data, e == NULL);
        if (!struck)
            return nth - 1;
    }
    fail_msg("%s: more than %d calls", l->name, LOOP_CALLS_MAX);
    return 0;
}

static inline void loop_run(const struct loop *l)
{
    static const char *const names[FAILING_HOWS] = {"failed", "had no room", "interrupted",
                                                    "short"};

    for (int how = 0; how < FAILING_HOWS; how++) {
        if ((l->hows & 1u << how) == 0)
            continue;
        int calls = loop_how(l, (enum failing_how)how);
        print_message("%s: %d calls %s\n", l->name, calls, names[how]);
        if (how == FAILING_IO && calls < l->calls_least)
            fail_msg("%s: only %d calls were made to fail", l->name, calls);
    }
}
