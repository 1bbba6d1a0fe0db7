/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk_internal - what the parts of a walk have in common: walk_events.c (what happens), walk_end.c
 * (what persons decide when nothing happens any more).
 */
#pragma once

#include "tests/sim/walk.h"

/* A command at a site, told in the story; true if it was carried out.  'args' is taken. */
bool walk_command(struct walk *w, int site, const char *name, json_t *args);
/* 'args' with one more. */
json_t *walk_with(json_t *args, const char *key, const char *value);
json_t *walk_flag(json_t *args, const char *key);
/* An operation at the site of which 'where' (SQL) is true, or NULL.  Caller frees. */
char *walk_operation(struct walk *w, int site, const char *where);
