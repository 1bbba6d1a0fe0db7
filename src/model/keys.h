/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys - the names under which the world's objects are found again (design section 6, rule 2).
 *
 * key = hash(group, scope, subject, kind [, point]); the same for every attempt and every operation
 * of one epoch, never made of the operation id (but for a drill, whose clones are its own).  24
 * lower-case hex digits: fit for names of servers, ports, volumes, array objects, and for metadata.
 *
 * Invariants: stable for ever (databases and clouds hold them); distinct tuples give distinct keys.
 */
#pragma once

#include "base/err.h"

#define KEY_SIZE 25 /* 24 hex digits and a NUL */

struct key_scope {
    const char *group;    /* "pg-…" */
    int64_t epoch;        /* being claimed; or the current one where nothing is claimed */
    const char *drill_op; /* a drill: its operation id, and 'epoch' does not count; else NULL */
};

/* 'subject': what it is for (a member or volume id); 'kind': "server", "port", "volume", "clone" …;
 * 'point': the recovery point it is made from, or NULL. */
void key_make(const struct key_scope *scope, const char *subject, const char *kind,
              const char *point, char ret[KEY_SIZE]);
/* "protector-<kind>-<key>": where an object's own name must carry the key.  Caller frees. */
char *key_name(const char *kind, const char key[KEY_SIZE]);
/* The key in such a name, or false. */
bool key_of_name(const char *name, char ret[KEY_SIZE]);
bool key_valid(const char *text);
