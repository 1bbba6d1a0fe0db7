/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver - what a storage driver of Protector provides, and what it is given.
 *
 * A driver knows one kind of storage: how two arrays replicate a set of volumes, and how to get
 * volumes back out of a replicated point.  It knows nothing of OpenStack, of epochs' rules or of
 * the ledger; the engine decides what is done, the driver does it at the array.  This header is all
 * a driver includes and all the engine knows of it.  ISO C11, plain C strings (UTF-8), no
 * allocation passed across.  docs/drivers.md is the book that goes with it.
 *
 * THE PICTURE
 *
 *      site 0 (array)  <------ a pair ------>  site 1 (array)        open(pair) -> handle
 *
 *      group->source = 0:   data flows 0 -> 1     SOURCE is site 0, TARGET is site 1
 *      group->source = 1:   data flows 1 -> 0     (after a failover: the same pair)
 *
 *   pair       the two arrays of a policy, always in the same order; which is ours is pair->local.
 *   group      a protection group: volumes that are replicated and recovered together, and the
 *              direction in which they are replicated now.
 *   volume     one replicated volume.  Its `subject` is its name for life, the same at both sites
 *              and in every point; its Cinder ids differ from site to site and change at a
 *              failover.
 *   point      the group at one moment, replicated as a whole.  *Complete* means: all of it has
 *              arrived at the target.  A point carries its lineage (an epoch) and the site that
 *              made it; a point without them cannot be used.
 *   copy       a volume made out of a point at the target, found again by its key.
 *
 * RULES OF EVERY VERB
 *
 *   1. Bounded.  A verb returns within call->budget_ms.  What takes longer is done in slices: the
 *      verb returns PROTECTOR_PENDING, and the engine calls it again with the same arguments,
 *      perhaps from another process.  So progress lives at the array or on disk, never in the
 *      handle alone.
 *   2. Repeatable.  A mutating verb may be called any number of times with the same arguments, also
 *      after a crash in its middle; the effect is that of one call.  "It is so already" is
 *      PROTECTOR_OK.
 *   3. Exclusive.  What a verb makes has a name that follows from its arguments.  Nothing that
 *      exists is ever overwritten, but by `overwrite`.
 *   4. Check before do.  With call->phase == PROTECTOR_CHECK a mutating verb changes nothing and
 *      says whether the same call with PROTECTOR_DO would be carried out.  After a yes, DO fails
 *      for run-time reasons only.  A check may answer what DO would, never PROTECTOR_PENDING.
 *   5. One end.  A verb touches the end(s) that its comment names, and no other: when the source
 *      has burnt down, every verb "at the target" still works.  `open` talks to no array at all.
 *   6. Whole.  A list is complete or the verb fails; rows delivered before a failure are void.
 *      "I could not see" is never reported as "it is not there".
 *   7. Quiet.  Errors go to the `struct protector_error`, for people: what was tried, on what, what
 *      came back, what to do.  Never secrets.  The log is for what has no caller.
 *
 * STRINGS AND MEMORY.  What a verb receives belongs to the caller and is valid during the call.
 * What a row callback receives belongs to the driver and is valid during the callback.  Results are
 * structs of the caller with room of fixed size, written only when the verb returns PROTECTOR_OK
 * (or, where said, PROTECTOR_PENDING).  A result never holds a cut string: too long is
 * PROTECTOR_PERMANENT.
 *
 * GROWTH.  Within an ABI number members are only added, at the end, to the driver, host, end,
 * group, call, volume and recover structs; what a driver writes or lists (states, points, copies,
 * digests, tags, health, errors) never grows.  The engine accepts a driver of its own ABI number,
 * also one built with a shorter struct (verbs that the driver does not know are absent); it refuses
 * a longer one.
 */
#ifndef PROTECTOR_DRIVER_H
#define PROTECTOR_DRIVER_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PROTECTOR_DRIVER_ABI 1

/* Room for strings in results, with the NUL. */
#define PROTECTOR_ID_SIZE      256 /* ids and names of points, copies, volumes at an array */
#define PROTECTOR_KEY_SIZE     65  /* a key: 64 hex digits */
#define PROTECTOR_MESSAGE_SIZE 1024
#define PROTECTOR_REF_MAX      4 /* pairs in a manage reference */

/* ---- outcome ---- */

enum protector_status {
    PROTECTOR_OK = 0,
    PROTECTOR_PENDING,     /* under way; call again with the same arguments (retry_after_ms) */
    PROTECTOR_NOT_FOUND,   /* what the call names is not there: group, point, volume, key */
    PROTECTOR_EXISTS,      /* the name is taken by something else; nothing was touched */
    PROTECTOR_TRANSIENT,   /* nothing happened; the same call may succeed later */
    PROTECTOR_AMBIGUOUS,   /* it may have happened: probe before the next try */
    PROTECTOR_PERMANENT,   /* the same call will fail again */
    PROTECTOR_UNSUPPORTED, /* this driver, or this array, cannot do it at all */
    PROTECTOR_DENIED,      /* refused: credentials, a fence, a copy that was released */
};
#define PROTECTOR_STATUS_COUNT 9

struct protector_error {
    char message[PROTECTOR_MESSAGE_SIZE]; /* lower case, no full stop; "" on success */
    int64_t retry_after_ms;               /* with PENDING and TRANSIENT: a hint; 0 = none */
};

/* "ok", "pending", "not_found" …; "unknown" for another number. */
static inline const char *protector_status_text(enum protector_status status)
{
    static const char *const text[PROTECTOR_STATUS_COUNT] = {"ok",        "pending",
                                                             "not_found", "exists",
                                                             "transient", "ambiguous",
                                                             "permanent", "unsupported",
                                                             "denied"};
    return (unsigned)status < PROTECTOR_STATUS_COUNT ? text[status] : "unknown";
}

#if defined(__GNUC__)
#define PROTECTOR_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define PROTECTOR_EXPORT       __attribute__((visibility("default")))
#else
#define PROTECTOR_PRINTF(f, a)
#define PROTECTOR_EXPORT
#endif

/* Writes the message (cut if need be) and returns 'status': return protector_fail(error, …). */
static inline enum protector_status PROTECTOR_PRINTF(3, 4)
    protector_fail(struct protector_error *error, enum protector_status status, const char *format,
                   ...)
{
    va_list args;

    va_start(args, format);
    if (vsnprintf(error->message, sizeof error->message, format, args) < 0)
        error->message[0] = '\0';
    va_end(args);
    return status;
}

/* ---- what the engine gives: the host ---- */

enum protector_log_level {
    PROTECTOR_LOG_DEBUG,
    PROTECTOR_LOG_INFO,
    PROTECTOR_LOG_WARNING,
    PROTECTOR_LOG_ERROR,
};

struct protector_http_header {
    const char *name;
    const char *value;
};

struct protector_http_request {
    const char *method;
    const char *url; /* absolute */
    const struct protector_http_header *headers;
    size_t header_count;
    const char *body; /* NULL or 'body_size' bytes */
    size_t body_size;
    int64_t timeout_ms;  /* of the whole exchange; must be > 0 */
    const char *ca_file; /* NULL: the host's */
    int insecure;        /* 1: the certificate is not verified */
};

struct protector_http_response {
    int status;
    struct protector_http_header *headers;
    size_t header_count;
    char *body; /* never NULL; 'body_size' bytes and a NUL */
    size_t body_size;
    void *host_private;
};

/*
 * Services of the engine.  A driver reads no clock, draws no random number, opens no connection to
 * an array over HTTP and writes no log but through this table, so that it also runs in a simulation
 * where time and chance are played.  Valid from configure/open to close; every function may be
 * called by any thread.
 */
struct protector_host {
    size_t size; /* sizeof, of the engine's */
    void *data;  /* first argument of each function */

    /* Wall clock, milliseconds since 1970 UTC (may jump); and a clock that never jumps. */
    int64_t (*now_ms)(void *data);
    int64_t (*mono_ms)(void *data);
    void (*random)(void *data, void *buffer, size_t size);
    /* Waits, at most 'ms'; for what cannot be had otherwise (rule 1). */
    void (*pause_ms)(void *data, int64_t ms);

    /* One line, no secrets.  The host adds time, driver and level. */
    void (*log)(void *data, enum protector_log_level level, const char *message);

    /* The value of an option of this driver's table, or its default; NULL if it has neither. */
    const char *(*option)(void *data, const char *name);
    /* An existing folder of this driver alone, writable, on this machine; NULL if there is none. */
    const char *state_dir;

    /*
     * Sends a request and waits.  Any HTTP answer is PROTECTOR_OK.  TRANSIENT: nothing was sent.
     * AMBIGUOUS: it may have taken effect.  PERMANENT: TLS or address.  'ret' is written on OK and
     * given back by http_free.
     */
    enum protector_status (*http)(void *data, const struct protector_http_request *request,
                                  struct protector_http_response *ret,
                                  struct protector_error *error);
    void (*http_free)(void *data, struct protector_http_response *response);

    /* A 256-bit digest of 'size' bytes as 64 hex digits (BLAKE2b): checksums and short names. */
    void (*digest)(void *data, const void *bytes, size_t size, char ret[PROTECTOR_KEY_SIZE]);
};

/* ---- what verbs are about ---- */

/* One end: an array, and the site in front of it. */
struct protector_end {
    const char *site;    /* the site's uuid: what points call made_by and tags call writer */
    const char *name;    /* the site's name, for people */
    const char *url;     /* of the array, from the policy (https://array-a.example) */
    const char *token;   /* secret; NULL if this engine has none */
    const char *ca_file; /* NULL: the host's */
    int insecure;
};

struct protector_pair {
    const struct protector_end *end[2];
    int local; /* which one is ours: 0 or 1 */
};

enum protector_mode {
    PROTECTOR_ASYNC, /* points, by the interval */
    PROTECTOR_SYNC,  /* every write is at both ends; the only point is "now" */
};

struct protector_group {
    const char *id;         /* "pg-<uuid>", the same for ever at both sites: [a-z0-9-]+ */
    const char *array_name; /* the array's name for it, from the policy; NULL: the driver chooses */
    int source;             /* 0 or 1: from where data flows */
    enum protector_mode mode;
    int64_t epoch;       /* the group's present one */
    int64_t lineage;     /* what points made now must carry */
    int64_t interval_ms; /* between two points (async) */
};

static inline int protector_target(const struct protector_group *group)
{
    return 1 - group->source;
}

enum protector_phase {
    PROTECTOR_DO,
    PROTECTOR_CHECK,
};

/* What every verb gets.  Verbs that only read take no notice of the phase. */
struct protector_call {
    const struct protector_group *group;
    enum protector_phase phase;
    int site;               /* the end meant by verbs "at call->site" */
    int64_t budget_ms;      /* > 0; the verb returns within it */
    const char *request_id; /* for logs and headers, or NULL */
};

/* A name and a value; this struct never grows. */
struct protector_kv {
    const char *key;
    const char *value;
};

/* One volume as Cinder at one site describes it.  Unknown strings are NULL, unknown numbers 0. */
struct protector_volume {
    const char *subject; /* the volume's name for life: [A-Za-z0-9._-]+, at most 128 */
    const char *cinder_id;
    const char *name_id; /* Cinder's other id after a migration; NULL: cinder_id */
    const char *host;    /* os-vol-host-attr:host, "ctl@backend#pool" */
    const char *provider_id;
    const char *provider_location;
    const struct protector_kv *metadata; /* user-visible metadata (array_volume_name …) */
    size_t metadata_count;
    int64_t size_bytes;
    int bootable;
    const char *image_id; /* Glance image it was made of (volume_image_metadata), at the source */
};

/* Where a Cinder volume lies at its array. */
struct protector_volume_place {
    char id[PROTECTOR_ID_SIZE];   /* survives renames: serial, uuid; what to keep */
    char name[PROTECTOR_ID_SIZE]; /* as the array calls it now */
    int64_t size_bytes;
};

/* A point, as listed.  Strings live until the callback returns. */
struct protector_point {
    const char *id; /* what recover takes; unique in the group for ever */
    const char *name;
    int64_t time_ms; /* when the source made it, by the source's clock */
    int complete;    /* 1: all of it is at the target and may be recovered from */
    int progress_permille;
    int64_t lineage;             /* -1: the point does not tell; it cannot be used */
    const char *made_by;         /* site uuid; "": the point does not tell */
    const char *const *subjects; /* the volumes in it */
    size_t subject_count;
};

/*
 * Takes a row of a list.  Returns 0 to go on; anything else ends the list (the verb then returns
 * PROTECTOR_OK).  It must not call the driver.
 */
typedef int protector_point_row(void *data, const struct protector_point *point);

struct protector_point_state {
    char id[PROTECTOR_ID_SIZE];
    int64_t time_ms;
    int complete;
    int progress_permille; /* must grow while the transfer lives: a stall is judged by it */
};

/* What recover and clone are to make. */
struct protector_recover {
    const char *point_id;
    const struct protector_volume *volume; /* as captured at the source */
    const char *key;  /* 64 hex digits; the same key is the same copy, for ever */
    const char *name; /* wished for people; the copy's name at the array follows from 'key' */
};

enum protector_action {
    PROTECTOR_MANAGE, /* hand ref[] to Cinder's "manage" */
    PROTECTOR_CREATE, /* make an empty volume in Cinder, or one of 'image_id': NO DATA WAS MOVED */
};

enum protector_purpose {
    PROTECTOR_FOR_RECOVERY,
    PROTECTOR_FOR_DRILL,
    PROTECTOR_FOR_SAFETY, /* what a volume held before it was overwritten */
};

/* A copy: the result of recover and clone, and a row of copies_list. */
struct protector_copy {
    char key[PROTECTOR_KEY_SIZE];
    char group_id[PROTECTOR_ID_SIZE];
    char subject[PROTECTOR_ID_SIZE];
    char point_id[PROTECTOR_ID_SIZE];
    int64_t epoch; /* of the group when it was made */
    enum protector_purpose purpose;
    enum protector_action action;
    struct {
        char key[64];
        char value[PROTECTOR_ID_SIZE];
    } ref[PROTECTOR_REF_MAX]; /* MANAGE: the pairs of the reference, e.g. source-name */
    size_t ref_count;
    char image_id[PROTECTOR_ID_SIZE];  /* CREATE: the source's image for a boot volume; "": empty */
    char volume_id[PROTECTOR_ID_SIZE]; /* at the array, survives Cinder's renaming; "" for CREATE */
    char volume_name[PROTECTOR_ID_SIZE]; /* as the array calls it now */
    int64_t size_bytes;
    int finished; /* 0: a part that a broken call left; only copies_list shows such */
    int released; /* 1: handed over to its user; copy_delete refuses it */
};

typedef int protector_copy_row(void *data, const struct protector_copy *copy);

/* What verify found: equal if the copy holds what the point does. */
struct protector_digests {
    char point[PROTECTOR_KEY_SIZE]; /* of what the source read when it made the point */
    char copy[PROTECTOR_KEY_SIZE];  /* of what is read now from the copy */
};

/*
 * The tag: a floor and an alarm, never a lock.  One per (array, group, writer); each site writes
 * its own, at both arrays as far as they answer.
 */
struct protector_tag {
    char writer[64];      /* site uuid */
    char incarnation[64]; /* of the writer's database */
    int64_t minted;       /* highest epoch number the writer ever used */
    int64_t floor;        /* highest epoch in which the writer was active */
    int64_t epoch;        /* of the group, as the writer knows it */
    char active_site[64]; /* site uuid, active in 'epoch' */
};

typedef int protector_tag_row(void *data, const struct protector_tag *tag);
/* The same for tags of many groups; 'group' is the id of one. */
typedef int protector_tag_of_row(void *data, const char *group, const struct protector_tag *tag);

/*
 * What tag_set must store when 'now' meets 'before' (same writer): numbers never go down, the
 * active site is that of the higher epoch, the incarnation is the new one.  Drivers use it.
 */
static inline struct protector_tag protector_tag_merge(const struct protector_tag *before,
                                                       const struct protector_tag *now)
{
    struct protector_tag tag = now->epoch >= before->epoch ? *now : *before;

    for (size_t i = 0; i < sizeof tag.incarnation; i++)
        tag.incarnation[i] = now->incarnation[i];
    tag.minted = now->minted > before->minted ? now->minted : before->minted;
    tag.floor = now->floor > before->floor ? now->floor : before->floor;
    return tag;
}

enum protector_link {
    PROTECTOR_LINK_UNKNOWN, /* could not be asked */
    PROTECTOR_LINK_UP,
    PROTECTOR_LINK_DEGRADED,
    PROTECTOR_LINK_DOWN,
};

struct protector_health {
    enum protector_link link;
    int64_t last_point_ms; /* time of the newest complete point of group->lineage; 0: none */
    int64_t lag_ms;        /* now - last_point_ms; 0 for sync in order; -1: unknown or no point */
    int64_t skew_ms;       /* source's clock minus target's; 0 if it cannot be known */
    int replicating;       /* 1: replication from source to target is turned on */
    int fenced;            /* 1: the target refuses points from the source */
    int volume_count;      /* members at the source; -1: unknown */
    char detail[PROTECTOR_MESSAGE_SIZE]; /* what is wrong and where, or "" */
};

/* ---- the driver ---- */

/* Capabilities: bits of protector_driver.can.  A verb without its bit is absent or UNSUPPORTED. */
#define PROTECTOR_CAN_ASYNC     (UINT64_C(1) << 0)
#define PROTECTOR_CAN_SYNC      (UINT64_C(1) << 1)
#define PROTECTOR_CAN_FENCE     (UINT64_C(1) << 2) /* fence, unfence */
#define PROTECTOR_CAN_OVERWRITE (UINT64_C(1) << 3) /* overwrite */
#define PROTECTOR_CAN_TAG       (UINT64_C(1) << 4) /* tag_get, tag_set */
#define PROTECTOR_CAN_REVERSE   (UINT64_C(1) << 5) /* reverse */
#define PROTECTOR_CAN_PROMOTE   (UINT64_C(1) << 6) /* promote, demote; nothing is writable before */
#define PROTECTOR_CAN_TAG_LIST  (UINT64_C(1) << 7) /* tag_list: every minute asks an array once */
#define PROTECTOR_CAN_VERIFY    (UINT64_C(1) << 8) /* verify */
/* No array replicates by itself: the active site's engine calls replicate_now at every interval. */
#define PROTECTOR_NEEDS_TICKS (UINT64_C(1) << 16)
/* Copies are CREATE, never MANAGE: no data is moved.  The engine says so in plan and report. */
#define PROTECTOR_MAKES_IN_CINDER (UINT64_C(1) << 17)
/* Never for production: the engine says so at start, in health and in reports. */
#define PROTECTOR_FOR_TESTS (UINT64_C(1) << 18)

enum protector_threads {
    PROTECTOR_THREADS_ONE,    /* one call at a time in the whole process */
    PROTECTOR_THREADS_HANDLE, /* one call at a time per handle */
    PROTECTOR_THREADS_ANY,    /* any number of calls at once */
};

enum protector_option_kind {
    PROTECTOR_OPTION_STRING,
    PROTECTOR_OPTION_INTEGER,
    PROTECTOR_OPTION_BOOLEAN,
    PROTECTOR_OPTION_SECRET,
};

/* An option of [storage] in protector.conf.  The table ends with a NULL name. */
struct protector_option {
    const char *name; /* begins with the driver's name and '_' */
    enum protector_option_kind kind;
    const char *fallback; /* default, or NULL */
    const char *help;
};

struct protector_handle; /* the driver's own */

struct protector_driver {
    size_t size; /* both set by PROTECTOR_DRIVER_STAMP */
    uint32_t abi;

    const char *name;    /* [a-z][a-z0-9_]*, as in [storage] driver */
    const char *title;   /* "Pure Storage FlashArray", for people */
    const char *version; /* of the driver */
    uint64_t can;        /* PROTECTOR_CAN_… | PROTECTOR_NEEDS_… */
    enum protector_threads threads;
    const struct protector_option *options; /* or NULL */
    const void *data;                       /* the driver's own; filters keep what they wrap here */

    /* -- life -- */

    /* Once, at an engine's start: are the options right?  May log; talks to no array.  Optional. */
    enum protector_status (*configure)(const struct protector_driver *self,
                                       const struct protector_host *host,
                                       struct protector_error *error);
    /*
     * A handle for a pair; talks to no array (rule 5), may fail for bad addresses or options.
     * 'pair' must be copied, 'host' outlives the handle.  Handles are cheap to the engine, which
     * keeps one per pair of arrays and reopens it when a token changes.
     */
    enum protector_status (*open)(const struct protector_driver *self,
                                  const struct protector_host *host,
                                  const struct protector_pair *pair, struct protector_handle **ret,
                                  struct protector_error *error);
    void (*close)(struct protector_handle *handle); /* logs out; accepts NULL; never fails */

    /* -- volumes -- */

    /* At call->site: where does this Cinder volume lie?  NOT_FOUND: the array has none. */
    enum protector_status (*volume_find)(struct protector_handle *handle,
                                         const struct protector_call *call,
                                         const struct protector_volume *volume,
                                         struct protector_volume_place *ret,
                                         struct protector_error *error);

    /* -- configuration: each site's engine does its own site's part, call->site -- */

    /*
     * Makes this site's part of the group's replication from group->source: at the source the
     * array's group and its relation to the target (needing nothing of the target), at the target
     * the consent (PENDING: the source's part cannot be seen there yet).  Replication itself stays
     * as it is (off, if new).
     */
    enum protector_status (*group_ensure)(struct protector_handle *handle,
                                          const struct protector_call *call,
                                          struct protector_error *error);
    /*
     * Ends replication in either direction at this site and removes what group_ensure and
     * volume_add made there, with tags, fences and the points kept there.  Never a volume, never a
     * copy: copies stay and become released.
     */
    enum protector_status (*group_delete)(struct protector_handle *handle,
                                          const struct protector_call *call,
                                          struct protector_error *error);
    /*
     * The volume joins the group at this site: at the source the array's volume joins the array's
     * group (a changed Cinder id under a known subject replaces the old one); at the target it is
     * made known that the subject belongs to the group.  NOT_FOUND: no such volume at the source.
     */
    enum protector_status (*volume_add)(struct protector_handle *handle,
                                        const struct protector_call *call,
                                        const struct protector_volume *volume,
                                        struct protector_error *error);
    /* The subject leaves; OK if it is no member.  The volume and older points stay as they are. */
    enum protector_status (*volume_remove)(struct protector_handle *handle,
                                           const struct protector_call *call, const char *subject,
                                           struct protector_error *error);
    /*
     * At the source: turns replication to the target on or off.  On: from now on points are made
     * by the interval and carry group->lineage; PENDING: the target's consent is awaited.  Off
     * needs no target and never waits for a transfer.
     */
    enum protector_status (*replication_start)(struct protector_handle *handle,
                                               const struct protector_call *call,
                                               struct protector_error *error);
    enum protector_status (*replication_stop)(struct protector_handle *handle,
                                              const struct protector_call *call,
                                              struct protector_error *error);

    /* -- points -- */

    /*
     * At the target, never asking the source: every point that is to be seen there, complete or
     * not, of every lineage and maker, in any order.  Sync: one point, id "now", complete while
     * both ends are in step.
     */
    enum protector_status (*points_list)(struct protector_handle *handle,
                                         const struct protector_call *call,
                                         protector_point_row *row, void *data,
                                         struct protector_error *error);
    /*
     * At the source: makes a point of all members now and sends it.  'key' (1 to 64 of [a-z0-9-])
     * makes it repeatable: a second call with it means the same point, also when that is complete.
     * The point carries group->lineage and the source's site.  OK: it exists and is on its way (or
     * complete; ask point_status).  PENDING: call again; 'ret' is written.  DENIED: the target is
     * fenced.  Also allowed while replication is off.  Whatever a driver forgets when it makes one,
     * the point just made stays: a clock may have gone back since the others.
     */
    enum protector_status (*replicate_now)(struct protector_handle *handle,
                                           const struct protector_call *call, const char *key,
                                           struct protector_point_state *ret,
                                           struct protector_error *error);
    /* At the target: how far is it?  NOT_FOUND: not (yet, any more) to be seen there. */
    enum protector_status (*point_status)(struct protector_handle *handle,
                                          const struct protector_call *call, const char *point_id,
                                          struct protector_point_state *ret,
                                          struct protector_error *error);

    /* -- copies, all at call->site (the target, when they are made) -- */

    /*
     * Makes the copy 'key' of a volume out of a complete point of the group.  The same key again:
     * the same copy (OK).  The key with another point or subject: EXISTS.  NOT_FOUND: no such
     * point, or the volume is not in it.  TRANSIENT: the point is not complete yet.  PERMANENT: the
     * point is damaged.  No copy is ever visible under its final name before all of its bytes are
     * there.  The copy is attached to nothing and belongs to no group of the array.
     */
    enum protector_status (*recover)(struct protector_handle *handle,
                                     const struct protector_call *call,
                                     const struct protector_recover *what,
                                     struct protector_copy *ret, struct protector_error *error);
    /* The same for a drill: must not disturb replication in any way, may share blocks. */
    enum protector_status (*clone)(struct protector_handle *handle,
                                   const struct protector_call *call,
                                   const struct protector_recover *what, struct protector_copy *ret,
                                   struct protector_error *error);
    /*
     * Replaces the contents of an existing volume at call->site by what->point_id's, keeping its
     * identity.  First a safety copy of the old contents is made under 'safety_key' (purpose
     * SAFETY).  Once per what->key: after it has succeeded it is never done again, for the volume
     * may be in use, and the key is that volume's (a released copy).  The caller has detached the
     * volume; connected ones are refused (DENIED) where that can be seen, another size PERMANENT.
     */
    enum protector_status (*overwrite)(struct protector_handle *handle,
                                       const struct protector_call *call,
                                       const struct protector_recover *what,
                                       const struct protector_volume *existing,
                                       const char *safety_key, struct protector_copy *ret_safety,
                                       struct protector_error *error);
    /* The finished copy of this key, under whatever name it has now; NOT_FOUND: there is none. */
    enum protector_status (*copy_find)(struct protector_handle *handle,
                                       const struct protector_call *call, const char *key,
                                       struct protector_copy *ret, struct protector_error *error);
    /* Every copy of the group at this site: released or not, finished or not. */
    enum protector_status (*copies_list)(struct protector_handle *handle,
                                         const struct protector_call *call, protector_copy_row *row,
                                         void *data, struct protector_error *error);
    /* The copy is its user's from now on: it stays, is still listed, and no driver deletes it. */
    enum protector_status (*copy_release)(struct protector_handle *handle,
                                          const struct protector_call *call, const char *key,
                                          struct protector_error *error);
    /*
     * Destroys exactly the copy of this key, finished or not, under whatever name it has now.  OK
     * if there is none.  DENIED if it was released.  The caller has taken it out of Cinder before.
     */
    enum protector_status (*copy_delete)(struct protector_handle *handle,
                                         const struct protector_call *call, const char *key,
                                         struct protector_error *error);

    /* -- direction -- */

    /*
     * At the target: from now on no point coming from the source becomes complete here, whatever is
     * in flight; points that are complete stay.  And the way back.  NULL without
     * PROTECTOR_CAN_FENCE.
     */
    enum protector_status (*fence)(struct protector_handle *handle,
                                   const struct protector_call *call,
                                   struct protector_error *error);
    enum protector_status (*unfence)(struct protector_handle *handle,
                                     const struct protector_call *call,
                                     struct protector_error *error);
    /*
     * At both ends: group->source names the NEW source, whose members are known (volume_add).
     * Stops the old direction at the new target first, lifts the new target's fence against the new
     * source, sets up and starts the new direction.  Nothing at the new target is overwritten but
     * replicas.
     */
    enum protector_status (*reverse)(struct protector_handle *handle,
                                     const struct protector_call *call,
                                     struct protector_error *error);
    /*
     * At call->site: makes the group's copies (promote) writable, or (demote) read-only and ready
     * to be replicated to.  NULL without PROTECTOR_CAN_PROMOTE.
     */
    enum protector_status (*promote)(struct protector_handle *handle,
                                     const struct protector_call *call,
                                     struct protector_error *error);
    enum protector_status (*demote)(struct protector_handle *handle,
                                    const struct protector_call *call,
                                    struct protector_error *error);

    /* -- watching -- */

    /* At the target, and at the source as far as it answers.  OK also when things are bad. */
    enum protector_status (*health)(struct protector_handle *handle,
                                    const struct protector_call *call, struct protector_health *ret,
                                    struct protector_error *error);
    /* At call->site: all tags of the group there; none is OK. */
    enum protector_status (*tag_get)(struct protector_handle *handle,
                                     const struct protector_call *call, protector_tag_row *row,
                                     void *data, struct protector_error *error);
    /* At call->site: stores protector_tag_merge(what is there of this writer, 'tag'), durably. */
    enum protector_status (*tag_set)(struct protector_handle *handle,
                                     const struct protector_call *call,
                                     const struct protector_tag *tag,
                                     struct protector_error *error);
    /*
     * At call->site: the tags of all groups there, as one request (or as few as the array allows);
     * none is OK.  The engine watches all groups by it; without it tag_get is asked for each.
     */
    enum protector_status (*tag_list)(struct protector_handle *handle,
                                      const struct protector_call *call, protector_tag_of_row *row,
                                      void *data, struct protector_error *error);

    /* -- proof -- */

    /*
     * At call->site: reads all of a finished copy that nobody uses yet, and tells the digest of
     * that beside the one that came with the point from its source: the copy's bytes are read
     * again, from where they are stored, not believed.  Digests may be of any kind, as long as
     * equal ones mean equal bytes.  In slices (PENDING).  The point may be gone by then. NOT_FOUND:
     * there is no such copy, or nothing is known any more of what its point held.  NULL without
     * PROTECTOR_CAN_VERIFY.
     */
    enum protector_status (*verify)(struct protector_handle *handle,
                                    const struct protector_call *call,
                                    const struct protector_recover *what,
                                    struct protector_digests *ret, struct protector_error *error);
};

/*
 * A driver is one constant and one line:
 *
 *     static const struct protector_driver acme = {
 *         PROTECTOR_DRIVER_STAMP,
 *         .name = "acme",
 *         …
 *     };
 *     PROTECTOR_DRIVER(acme)
 *
 * built as a shared module libprotector-driver-acme.so in [storage] driver_path.
 */
#define PROTECTOR_DRIVER_STAMP  .size = sizeof(struct protector_driver), .abi = PROTECTOR_DRIVER_ABI
#define PROTECTOR_DRIVER_SYMBOL "protector_driver_entry"
#define PROTECTOR_DRIVER(x)                                                                        \
    PROTECTOR_EXPORT const struct protector_driver *const protector_driver_entry = &(x);

#ifdef __cplusplus
}
#endif

#endif
