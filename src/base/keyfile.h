/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyfile - the files of state_path: the key at rest, the site's keys, and the marks that tell a
 * restored database from a true one.
 *
 * Every file has mode 0600 and belongs to the owner of the directory, also when root makes it (an
 * operator runs `protector-manage db sync` as root).  A file appears whole or not at all and is on
 * disk before the call returns.  A file that others may read is refused with words.
 *
 * Errors: CONFIG with path, mode and remedy, also if the content is not ours; NOT_FOUND if a file
 * is missing that must not be made.  None of them shows content.
 */
#pragma once

#include "base/auto.h"
#include "base/env.h"
#include "base/err.h"
#include "base/json.h"
#include "base/secrets.h"

#define KEYFILE_SIZE_MAX (16 * 1024 * 1024) /* the marks of about 150,000 groups */

/* Names within state_path. */
#define KEYFILE_REST  "encryption.key"
#define KEYFILE_SITE  "site.keys"
#define KEYFILE_MARKS "marks.json"

/* ---- any file ---- */

/* Reads a text.  Caller frees with secret_free.  NOT_FOUND if there is no such file. */
err_t *keyfile_read(const char *dir, const char *name, char **ret) MUST_CHECK;
/* Makes a new file; CONFLICT if it exists, which is left as it is. */
err_t *keyfile_create(const struct env *env, const char *dir, const char *name,
                      const char *text) MUST_CHECK;
/* Makes a file or replaces it. */
err_t *keyfile_replace(const struct env *env, const char *dir, const char *name,
                       const char *text) MUST_CHECK;

/* ---- keys ---- */

/*
 * The key at rest.  If there is none: made when 'may_make', else NOT_FOUND.  Two processes that
 * start at once get the same key.
 */
err_t *keyfile_rest(const struct env *env, const char *dir, bool may_make,
                    unsigned char ret[REST_KEY_SIZE]) MUST_CHECK;
/* The keys of the site, likewise.  Freed by keypairs_destroy. */
err_t *keyfile_site(const struct env *env, const char *dir, bool may_make,
                    struct keypairs **ret) MUST_CHECK;

/*
 * New keys of the site 'site_id' in the place of those that are there, which they follow (see
 * certificate.h, keypairs_follow).  Two at once follow each other.  NOT_FOUND if there are none.
 */
err_t *keyfile_site_rotate(const struct env *env, const char *dir, const char *site_id,
                           struct keypairs **ret) MUST_CHECK;

/* ---- marks ---- */

/* What the database is compared with: see 'restore detected' in the protocol. */
struct marks {
    char site_id[37];
    char incarnation[48]; /* "" if there is no file yet */
    int64_t counter;      /* highest number of a transaction that signed anything */
    json_t *epochs;       /* {group: [minted, floor]}, none of which ever falls; may be NULL */
};
struct marks *marks_create(const char *site_id, const char *incarnation, int64_t counter);
void marks_destroy(struct marks *marks);
AUTO_DEFINE(marks, marks_destroy)
/* What is known of a group; 0 and 0 if nothing is. */
void marks_epochs(const struct marks *marks, const char *group, int64_t *ret_minted,
                  int64_t *ret_floor);
/* Raises what is known of a group. */
void marks_epochs_raise(struct marks *marks, const char *group, int64_t minted, int64_t floor);

/* Reads the marks; a missing file gives an empty incarnation and 0. */
err_t *keyfile_marks(const char *dir, struct marks **ret) MUST_CHECK;
/*
 * Raises counter and epochs to at least those of 'marks', before a signed reply leaves; never
 * lowers them.  Several processes may call it at once.  FENCED if the file belongs to another
 * incarnation.
 */
err_t *keyfile_marks_raise(const struct env *env, const char *dir,
                           const struct marks *marks) MUST_CHECK;
/* The same of a new incarnation, whatever was there. */
err_t *keyfile_marks_set(const struct env *env, const char *dir,
                         const struct marks *marks) MUST_CHECK;
