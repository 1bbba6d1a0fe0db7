/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json - the one door to jansson: strict parsing and the getters that decoding needs.
 *
 * Parsing rejects duplicate keys, trailing bytes, invalid UTF-8, and more than JSON_DEPTH_MAX
 * levels.
 */
#pragma once

#include <jansson.h>

#include "base/err.h"

#define JSON_DEPTH_MAX 64

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

/* Parses 'size' bytes of text; 'what' names it in the error (code PARSE, with line and column). */
err_t *json_parse(const char *text, size_t size, const char *what, json_t **ret) MUST_CHECK;

/* Compact, keys in insertion order: the form that is sent.  Caller frees with g_free. */
char *json_print(const json_t *j);
/* Compact, keys sorted: the form that is hashed and signed.  Caller frees with g_free. */
char *json_print_canonical(const json_t *j);
/* Indented by 2, for people.  Caller frees with g_free. */
char *json_print_pretty(const json_t *j);

/*
 * Getters that never fail: the value at 'key' if it has the type, else NULL / fallback.  The
 * strings belong to 'j'.  'j' may be NULL.
 */
const char *json_str(const json_t *j, const char *key);
const char *json_str_or(const json_t *j, const char *key, const char *fallback);
int64_t json_int(const json_t *j, const char *key, int64_t fallback);
bool json_bool(const json_t *j, const char *key, bool fallback);
json_t *json_obj(const json_t *j, const char *key); /* borrowed; NULL if absent or no object */
json_t *json_arr(const json_t *j, const char *key); /* borrowed; NULL if absent or no array */
/* Walks a path of keys separated by '/', e.g. json_at(j, "token/user/id").  Borrowed. */
json_t *json_at(const json_t *j, const char *path);
const char *json_str_at(const json_t *j, const char *path);

/*
 * Setters that take plain values (a NULL string sets null, invalid UTF-8 is repaired by U+FFFD).
 * They abort on exhaustion and if 'j' is no object, on nothing else.
 */
void json_set_str(json_t *j, const char *key, const char *value);
void json_set_int(json_t *j, const char *key, int64_t value);
void json_set_bool(json_t *j, const char *key, bool value);
/* Takes 'value' (NULL sets null). */
void json_set(json_t *j, const char *key, json_t *value);
