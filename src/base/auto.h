/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auto - cleanup by scope for our structs, which have no typedefs (g_autoptr wants one).
 *
 *     AUTO_DEFINE(http_request, http_request_destroy)      in the header, once
 *     AUTO(http_request) req = http_request_create(…);     destroyed when the scope ends
 *     return TAKE(req);                                    handed over
 */
#pragma once

#include <glib.h>

#define AUTO_DEFINE(tag, destroy)                                                                  \
    static inline void tag##_auto_(struct tag **p)                                                 \
    {                                                                                              \
        destroy(*p);                                                                               \
    }
#define AUTO(tag) __attribute__((cleanup(tag##_auto_), unused)) struct tag *
#define TAKE(p)   g_steal_pointer(&(p))
