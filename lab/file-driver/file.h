/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file - a storage driver for clouds whose Cinder keeps each volume as a file in a folder.
 *
 * The worked example of docs/drivers.md, and what the lab and the stories run on.  Built from
 * <protector/driver.h> and libc alone.
 *
 * An array is a folder V of volume files ("volume-<cinder id>"); the option file_arrays maps an
 * array's address to it.  What the driver keeps of an array lies beside it, in V.protector, on the
 * same file system:
 *
 *     groups/<group>/side                   this end's part: direction, lineage, replicating
 *     groups/<group>/members/<subject>      one member: its file in V
 *     groups/<group>/fence-<site>           exists: no point of that site becomes complete here
 *     groups/<group>/tag-<site>             a tag
 *     groups/<group>/points/<point>/        plan, <subject>.data, <subject>.sums, manifest
 *     groups/<group>/copies/<key>.*         record, data (a hard link to the volume), part, sums
 *                                           (as its point has them), seen (what verify has read)
 *
 * Invariants.  Small files are written whole (temporary, fsync, rename, fsync of the folder) and
 * end in a digest of themselves.  A point is complete when its manifest is there, and never before
 * all its bytes are on disk.  A copy gets its name in V by link(2), which overwrites nothing, after
 * all its bytes are on disk; its second link, <key>.data, finds it again under any name that Cinder
 * gives it.
 *
 * Not a snapshot: members are read one after the other while they may be written.  A point is
 * consistent if the servers were stopped.  Good for a lab, never for production.
 */
#ifndef FILE_DRIVER_FILE_H
#define FILE_DRIVER_FILE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <protector/driver.h>

#define FILE_PATH_SIZE   2048
#define FILE_DIR_MAX     1024 /* length of a folder in file_arrays */
#define FILE_NAME_MAX    128  /* length of a group, subject, site, Cinder id */
#define FILE_VOLUMES_MAX 4096 /* in a group */
#define FILE_CHUNK_SIZE  1048576
#define FILE_SUM_SIZE    65        /* a line of a sums file: 64 hex digits and a newline */
#define FILE_SMALL_MAX   4194304   /* bytes in a small file */
#define FILE_SUMS_MAX    268435456 /* bytes in a sums file: 4 TiB of volume */
#define FILE_SLICE_LINES 65536     /* chunks done in one slice of a copy, at most */

struct end {
    char *site;
    char *name;
    char *url;
    char *volumes; /* V */
    char *side;    /* V.protector */
};

struct protector_handle {
    const struct protector_host *host;
    struct end end[2];
};

/* ---- driver.c ---- */

/* One line for the debug log; also where tests let the driver die. */
void file_step(struct protector_handle *h, const char *format, ...) PROTECTOR_PRINTF(2, 3);
/* When a verb of this call must be back, by the monotonic clock. */
int64_t file_until_ms(struct protector_handle *h, const struct protector_call *call);

/* ---- small.c: paths, small files, folders, locks ---- */

struct path {
    char text[FILE_PATH_SIZE];
};

/* A path by printf; the parts are checked before, so a path that is too long is a bug. */
struct path path_of(const char *format, ...) PROTECTOR_PRINTF(1, 2);
/* V.protector/groups/<group> of one end. */
struct path path_group(struct protector_handle *h, const struct protector_call *call, int site);
/* May 'name' be a file's name: [A-Za-z0-9._-]+, not beginning with a dot, not too long? */
int name_fits(const char *name);
int key_fits(const char *key);

/* The status of errno, with a message: "cannot <what> <path>: <reason>". */
enum protector_status small_fail(struct protector_error *error, const char *what, const char *path);
/* Is the array's folder there?  TRANSIENT if not: as an array that does not answer. */
enum protector_status array_check(struct protector_handle *h, int site,
                                  struct protector_error *error);

/* A growing text.  'data' is NULL or ends in a NUL that is not counted. */
struct text {
    char *data;
    size_t size;
    size_t room;
};
void text_add(struct text *text, const char *format, ...) PROTECTOR_PRINTF(2, 3);
void text_free(struct text *text);
/* The rest of the first line that begins with "<key> ", or "" (no such line). */
void text_get(const struct text *text, const char *key, char *ret, size_t size);
int64_t text_int(const struct text *text, const char *key, int64_t fallback);

/* Writes 'text' with its digest, whole or not at all, and durably. */
enum protector_status small_write(struct protector_handle *h, const char *path, struct text *text,
                                  struct protector_error *error);
/* Reads it without the digest.  NOT_FOUND; PERMANENT if it is damaged.  Freed by text_free. */
enum protector_status small_read(struct protector_handle *h, const char *path, struct text *ret,
                                 struct protector_error *error);
/* Reads any file as it is, at most 'max' bytes. */
enum protector_status small_read_raw(const char *path, size_t max, struct text *ret,
                                     struct protector_error *error);

/* Makes a folder with all above it; it is there already: OK. */
enum protector_status dir_make(const char *path, struct protector_error *error);
/* Removes a folder with everything in it but the entry 'keep' of its first level (NULL: nothing).
 */
enum protector_status dir_remove(const char *path, const char *keep, struct protector_error *error);
/* The sorted names in a folder (none if it does not exist), freed by names_free. */
enum protector_status dir_list(const char *path, char ***ret, size_t *ret_count,
                               struct protector_error *error);
void names_free(char **names, size_t count);
enum protector_status dir_sync(const char *path, struct protector_error *error);
/* Unlinks; it is gone already: OK. */
enum protector_status file_unlink(const char *path, struct protector_error *error);

/* Takes a lock file, waiting for it until 'until_ms' (0: not at all).  TRANSIENT: another has it.
 */
enum protector_status lock_take(struct protector_handle *h, const char *path, int64_t until_ms,
                                int *ret_fd, struct protector_error *error);
/*
 * Takes the lock of work that may last: PENDING while another does such work, which is how the
 * engine hears that it is to come back, however long that takes.
 */
enum protector_status lock_work(struct protector_handle *h, const char *path, int *ret_fd,
                                struct protector_error *error);
void lock_drop(int fd); /* accepts -1 */

/* ---- copy.c: bytes ---- */

struct copy {
    const char *from;
    const char *to;     /* NULL: nothing is written, only 'sums' */
    const char *sums;   /* of what was written: the progress, and later the proof */
    const char *expect; /* sums that 'from' must have, or NULL */
    int64_t size_bytes;
    int in_place; /* 1: 'to' exists and keeps its identity; else it is made */
    int64_t until_ms;
};

/*
 * Copies until done (OK, everything on disk) or until the time is up (PENDING; the next call goes
 * on where the sums end).  Holes stay holes.  PERMANENT: 'from' is not what 'expect' says.
 */
enum protector_status copy_run(struct protector_handle *h, const struct copy *copy,
                               struct protector_error *error);
/* Bytes that the sums file speaks for. */
int64_t copy_done_bytes(const char *sums, int64_t size_bytes);
/* The digest of a whole sums file: of the volume's contents. */
enum protector_status copy_digest(struct protector_handle *h, const char *sums,
                                  char ret[PROTECTOR_KEY_SIZE], struct protector_error *error);

/* ---- groups.c ---- */

/*
 * Is the call sound, and is the array's folder of this end there?  Every verb begins with it, so
 * that below a missing file means a missing thing, and ids may stand in paths.
 */
enum protector_status group_check(struct protector_handle *h, const struct protector_call *call,
                                  int site, struct protector_error *error);
/* What an end knows of a group: NOT_FOUND if group_ensure was never called there. */
struct side {
    char source[FILE_NAME_MAX + 1]; /* site uuid */
    int64_t lineage;
    int replicating;
};
enum protector_status side_read(struct protector_handle *h, const struct protector_call *call,
                                int site, struct side *ret, struct protector_error *error);
/* 1: the target is fenced against the source. */
int is_fenced(struct protector_handle *h, const struct protector_call *call);
/* The lock that orders fences and the completion of points: held for an instant. */
enum protector_status gate_take(struct protector_handle *h, const struct protector_call *call,
                                int *ret_fd, struct protector_error *error);
/* A volume's file in V at call->site; NOT_FOUND. */
enum protector_status volume_file(struct protector_handle *h, const struct protector_call *call,
                                  const struct protector_volume *volume, struct path *ret,
                                  int64_t *ret_size, uint64_t *ret_inode,
                                  struct protector_error *error);

enum protector_status file_volume_find(struct protector_handle *h,
                                       const struct protector_call *call,
                                       const struct protector_volume *volume,
                                       struct protector_volume_place *ret,
                                       struct protector_error *error);
enum protector_status file_group_ensure(struct protector_handle *h,
                                        const struct protector_call *call,
                                        struct protector_error *error);
enum protector_status file_group_delete(struct protector_handle *h,
                                        const struct protector_call *call,
                                        struct protector_error *error);
enum protector_status file_volume_add(struct protector_handle *h, const struct protector_call *call,
                                      const struct protector_volume *volume,
                                      struct protector_error *error);
enum protector_status file_volume_remove(struct protector_handle *h,
                                         const struct protector_call *call, const char *subject,
                                         struct protector_error *error);
enum protector_status file_replication_start(struct protector_handle *h,
                                             const struct protector_call *call,
                                             struct protector_error *error);
enum protector_status file_replication_stop(struct protector_handle *h,
                                            const struct protector_call *call,
                                            struct protector_error *error);
enum protector_status file_fence(struct protector_handle *h, const struct protector_call *call,
                                 struct protector_error *error);
enum protector_status file_unfence(struct protector_handle *h, const struct protector_call *call,
                                   struct protector_error *error);
enum protector_status file_reverse(struct protector_handle *h, const struct protector_call *call,
                                   struct protector_error *error);

/* ---- watch.c ---- */

enum protector_status file_health(struct protector_handle *h, const struct protector_call *call,
                                  struct protector_health *ret, struct protector_error *error);
enum protector_status file_tag_get(struct protector_handle *h, const struct protector_call *call,
                                   protector_tag_row *row, void *data,
                                   struct protector_error *error);
enum protector_status file_tag_set(struct protector_handle *h, const struct protector_call *call,
                                   const struct protector_tag *tag, struct protector_error *error);

/* ---- points.c and replicate.c ---- */

struct member {
    char subject[FILE_NAME_MAX + 1];
    char file[FILE_NAME_MAX + 16];   /* in V of the source; "" in a manifest */
    char digest[PROTECTOR_KEY_SIZE]; /* of its sums; "" in a plan */
    char image_id[FILE_NAME_MAX + 1];
    int64_t size_bytes;
};

struct point {
    char id[PROTECTOR_ID_SIZE];
    int64_t time_ms;
    int64_t lineage;
    char made_by[FILE_NAME_MAX + 1];
    int complete;
    int damaged; /* it has a manifest that cannot be believed */
    int progress_permille;
    struct member *members;
    size_t member_count;
};

/* Reads one point at 'site', with its members; NOT_FOUND.  Freed by point_free. */
enum protector_status point_read(struct protector_handle *h, const struct protector_call *call,
                                 int site, const char *point_id, struct point *ret,
                                 struct protector_error *error);
void point_free(struct point *point);
struct path point_path(struct protector_handle *h, const struct protector_call *call, int site,
                       const char *point_id);
/* The text of a plan or a manifest. */
void point_print(const struct point *point, struct text *ret);
/* The newest complete point of group->lineage from the source, at the target; 0: none. */
enum protector_status point_newest_ms(struct protector_handle *h, const struct protector_call *call,
                                      int64_t *ret_ms, struct protector_error *error);

enum protector_status file_points_list(struct protector_handle *h,
                                       const struct protector_call *call, protector_point_row *row,
                                       void *data, struct protector_error *error);
enum protector_status file_point_status(struct protector_handle *h,
                                        const struct protector_call *call, const char *point_id,
                                        struct protector_point_state *ret,
                                        struct protector_error *error);
enum protector_status file_replicate_now(struct protector_handle *h,
                                         const struct protector_call *call, const char *key,
                                         struct protector_point_state *ret,
                                         struct protector_error *error);
/* The members recorded at one end. */
enum protector_status members_read(struct protector_handle *h, const struct protector_call *call,
                                   int site, struct member **ret, size_t *ret_count,
                                   struct protector_error *error);

/* ---- records.c and copies.c ---- */

enum record_state {
    RECORD_MAKING,
    RECORD_MADE,
    RECORD_RELEASED,
    RECORD_REPLACING, /* the contents of a user's own volume are being replaced */
};

struct record {
    char key[PROTECTOR_KEY_SIZE];
    char subject[FILE_NAME_MAX + 1];
    char point_id[PROTECTOR_ID_SIZE];
    int64_t epoch;
    enum protector_purpose purpose;
    int64_t size_bytes;
    enum record_state state;
};

/* copies/<key>.<what> at call->site. */
struct path copy_path(struct protector_handle *h, const struct protector_call *call,
                      const char *key, const char *what);
enum protector_status record_read(struct protector_handle *h, const struct protector_call *call,
                                  const char *key, struct record *ret,
                                  struct protector_error *error);
enum protector_status record_write(struct protector_handle *h, const struct protector_call *call,
                                   const struct record *record, struct protector_error *error);
/*
 * The name in V that <key>.data has now: OK; NOT_FOUND: it has none there (deleted by Cinder, or
 * never given one).
 */
enum protector_status copy_name(struct protector_handle *h, const struct protector_call *call,
                                const char *key, char ret[PROTECTOR_ID_SIZE], uint64_t *ret_inode,
                                struct protector_error *error);
/* A record as the engine sees it. */
enum protector_status record_copy(struct protector_handle *h, const struct protector_call *call,
                                  const struct record *record, struct protector_copy *ret,
                                  struct protector_error *error);
/* Removes everything of a copy: its name in V, its files, its record. */
enum protector_status record_purge(struct protector_handle *h, const struct protector_call *call,
                                   const char *key, struct protector_error *error);

enum protector_status file_copy_find(struct protector_handle *h, const struct protector_call *call,
                                     const char *key, struct protector_copy *ret,
                                     struct protector_error *error);
enum protector_status file_copies_list(struct protector_handle *h,
                                       const struct protector_call *call, protector_copy_row *row,
                                       void *data, struct protector_error *error);
enum protector_status file_copy_release(struct protector_handle *h,
                                        const struct protector_call *call, const char *key,
                                        struct protector_error *error);
enum protector_status file_copy_delete(struct protector_handle *h,
                                       const struct protector_call *call, const char *key,
                                       struct protector_error *error);
enum protector_status file_recover(struct protector_handle *h, const struct protector_call *call,
                                   const struct protector_recover *what, struct protector_copy *ret,
                                   struct protector_error *error);
enum protector_status file_clone(struct protector_handle *h, const struct protector_call *call,
                                 const struct protector_recover *what, struct protector_copy *ret,
                                 struct protector_error *error);
enum protector_status file_overwrite(struct protector_handle *h, const struct protector_call *call,
                                     const struct protector_recover *what,
                                     const struct protector_volume *existing,
                                     const char *safety_key, struct protector_copy *ret_safety,
                                     struct protector_error *error);
enum protector_status file_verify(struct protector_handle *h, const struct protector_call *call,
                                  const struct protector_recover *what,
                                  struct protector_digests *ret, struct protector_error *error);

#endif
