/* SPDX-License-Identifier: Apache-2.0 */
/*
 * js - making JSON in few words: packing, strings, lists of strings, times.
 */
#pragma once

#include "base/json.h"

/* json_pack that cannot fail: the formats are ours, the strings valid UTF-8. */
json_t *js(const char *format, ...);
/* A string, null for NULL. */
json_t *js_str(const char *text);
/* Takes 'text' (g_free). */
json_t *js_take(char *text);
/* True iff the array holds the string. */
bool js_has(const json_t *array, const char *text);
/* Removes the string from the array, if it is there. */
void js_remove(json_t *array, const char *text);

enum js_stamp {
    STAMP_Z,      /* 2026-11-21T03:39:01Z */
    STAMP_US,     /* 2026-11-21T03:39:01.000000 */
    STAMP_EXACT,  /* 2026-11-21T03:39:01.532000 */
    STAMP_ZULU_US /* 2026-11-21T03:39:01.000000Z */
};
/* null for a negative time. */
json_t *js_stamp(int64_t time_ms, enum js_stamp form);
/* The same of a row's time; null if it has none. */
json_t *js_stamp_of(const json_t *row, const char *key, enum js_stamp form);
