/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml - the one door to libyaml: a YAML 1.1 file as JSON, with the lines where things stand.
 *
 * For files that people write (policy.yaml, clouds.yaml), stricter than most readers: a second
 * document, a key that stands twice, an unknown tag, a NUL and anything beyond the limits are
 * errors.  Anchors, aliases and merge keys ('<<') work.  Keys are always text.  Plain scalars mean
 * what they do elsewhere: null, booleans (also yes, no, on, off) and decimal numbers; all others
 * (also dates and fractions) are text.
 */
#pragma once

#include "base/auto.h"
#include "base/json.h"

#define YAML_SIZE_MAX  (4 * 1024 * 1024)
#define YAML_NODES_MAX 100000 /* after aliases are expanded */
#define YAML_DEPTH_MAX 64

enum yaml_flag {
    YAML_DEFAULT = 0,
    YAML_TEXT = 1 << 0, /* plain scalars stay text, as written (but null): "0123" is a password */
};

struct yaml;

/*
 * Parses 'size' bytes; 'name' (a path) stands before the line in errors, code PARSE:
 * "name:12: the key 'x' stands here and in line 3".
 */
err_t *yaml_parse(const char *text, size_t size, const char *name, enum yaml_flag flags,
                  struct yaml **ret) MUST_CHECK;
void yaml_destroy(struct yaml *yaml);
AUTO_DEFINE(yaml, yaml_destroy)

/* The document; json null if it is empty.  Borrowed. */
json_t *yaml_root(const struct yaml *yaml);
/*
 * The line (from 1) of the key or item at a path such as "clouds/site-a/auth" or "list/0"; 0 if
 * there is none.
 */
int yaml_line(const struct yaml *yaml, const char *path);
