/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench - two arrays in a temporary folder, one driver over them, and a clock that tests move.
 *
 * The driver is found through the registry, as the engine finds it, under the filters of the
 * command line.  For drivers that move bytes, volumes are files in the folders of the arrays (what
 * the file driver and the lab's Cinder agree on); for those that do not, the functions about bytes
 * do nothing.
 *
 * The host can be told to die at the n-th service call of a driver (bench_crash_sweep), which is
 * how the tests put a crash at every boundary.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>
#include <protector/driver.h>

#define SITE_A "0a0a0a0a-0000-4000-8000-00000000000a"
#define SITE_B "0b0b0b0b-0000-4000-8000-00000000000b"
#define URL_A  "https://array-a.example"
#define URL_B  "https://array-b.example"
#define GROUP  "pg-11111111-2222-4333-8444-555555555555"
#define MIB    INT64_C(1048576)

struct bench {
    char *dir;
    char *dirs[2]; /* folders of the arrays */
    struct registry *registry;
    struct driver_host *host;
    const struct protector_driver *driver;
    struct protector_handle *handle;
    struct protector_end ends[2];
    struct protector_pair pair;
    struct protector_group group;
    GHashTable *options;
    int64_t now_ms;
    int64_t mono_ms;
    int64_t mono_step_ms; /* added at each look at the monotonic clock */
    int64_t budget_ms;
    int64_t die_in;   /* service calls until the process ends; 0: never */
    int64_t services; /* service calls so far */
    int64_t hook_in;  /* service calls until 'hook' is called; 0: never */
    void (*hook)(struct bench *b);
    struct protector_error error;
};

/* What the command line said: the driver, its filters, where modules lie, options of [storage]. */
void bench_configure(int argc, char **argv);
const char *bench_driver_name(void);
bool bench_filtered(void);
/* "mock under log,fault": for the name of the suite. */
char *bench_title(void);

int bench_setup(void **state);
int bench_teardown(void **state);
/* Closes the handle, and opens a new one: what a driver knew in memory is gone. */
void bench_reopen(struct bench *b);

/* A second handle, as another process would have.  The caller closes it. */
struct protector_handle *bench_second(struct bench *b);

/* Does the driver move bytes?  Else its copies are PROTECTOR_CREATE. */
bool bench_bytes(const struct bench *b);
bool bench_can(const struct bench *b, uint64_t bit);
void bench_option(struct bench *b, const char *name, const char *value);

/* A call at 'site', phase DO. */
struct protector_call bench_call(struct bench *b, int site);
struct protector_call bench_check(struct bench *b, int site);

/* A volume of Cinder at a site; 'id' is cinder id, 'subject' its name for life. */
struct protector_volume bench_volume(const char *subject, const char *id);
/* Makes its file: a few blocks filled by 'seed' (-1: none), the rest holes. */
void bench_volume_make(struct bench *b, int site, const char *id, int64_t size_bytes, int seed);
/* Changes some bytes in the middle of a file, as a server would. */
void bench_scribble(struct bench *b, int site, const char *name);
/* Digest of a file in the folder of an array; NULL if there is none.  Caller frees. */
char *bench_digest(struct bench *b, int site, const char *name);
/* Names in an array's folder, sorted, joined by spaces.  Caller frees. */
char *bench_names(struct bench *b, int site);
char *bench_path(struct bench *b, int site, const char *name);
/* Takes an array away and brings it back. */
void bench_array_lose(struct bench *b, int site);
void bench_array_return(struct bench *b, int site);

/* Both ends' parts, volumes v1 (boot, of an image) and v2 at the source, replication on. */
void bench_protect(struct bench *b);
/* replicate_now until it is done and the point complete; its id.  Caller frees. */
char *bench_point(struct bench *b, const char *key);
/* A verb again and again while it is PENDING, at most 10,000 times. */
#define BENCH_UNTIL_DONE(status, expression)                                                       \
    do {                                                                                           \
        int tries_ = 0;                                                                            \
        do                                                                                         \
            (status) = (expression);                                                               \
        while ((status) == PROTECTOR_PENDING && ++tries_ < 10000);                                 \
    } while (0)
/* recover until done.  'nth' makes the key; copies of it are asked for by the same number. */
enum protector_status bench_recover(struct bench *b, const char *point, const char *subject,
                                    int nth, struct protector_copy *ret);
/* verify of that copy until done. */
enum protector_status bench_verify(struct bench *b, const char *point, const char *subject, int nth,
                                   struct protector_digests *ret);
void bench_key(int nth, char ret[PROTECTOR_KEY_SIZE]);

/* Points at the target of the group's direction, copied. */
struct bench_point {
    char id[PROTECTOR_ID_SIZE];
    char made_by[64];
    int64_t lineage;
    int64_t time_ms;
    int complete;
    char subjects[1024]; /* joined by spaces, sorted */
};
/* Caller frees with g_array_unref (of struct bench_point). */
GArray *bench_points(struct bench *b);
/* NULL if it is not listed. */
const struct bench_point *bench_points_find(const GArray *points, const char *id);
/* Caller frees with g_array_unref (of struct protector_copy). */
GArray *bench_copies(struct bench *b, int site);

/*
 * Runs 'body' in child processes that die at the 1st, 2nd, … service call, until one lives to its
 * end; after each, 'after' looks at what is left (in this process, with a new handle).  'before'
 * makes the state from which each begins.  Returns how many deaths there were.
 */
int bench_crash_sweep(void **state, void (*before)(struct bench *b), void (*body)(struct bench *b),
                      void (*after)(struct bench *b));

/* Runs 'body' in 'count' processes at once, each with a handle of its own; fails if one fails. */
void bench_parallel(struct bench *b, int count, bool (*body)(struct bench *b));

/* Fails with the driver's words if the status is another. */
#define assert_status(wanted, expression)                                                          \
    bench_assert_status(b, (wanted), (expression), #expression, __FILE__, __LINE__)
void bench_assert_status(struct bench *b, enum protector_status wanted, enum protector_status got,
                         const char *what, const char *file, int line);
