/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err - the error object that every fallible function returns.
 *
 * NULL is success.  An error has a stable code (a row of err.tbl, which also gives the HTTP status,
 * the retry class and the remedy), a message for people, and a chain of causes.  Messages are lower
 * case, without a full stop, and say what was tried, on what, and what came back.
 *
 * An err_t belongs to whoever received it: pass it on, wrap it, or free it.  Leaves never log.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define MUST_CHECK __attribute__((warn_unused_result))

typedef struct err err_t;
struct json_t; /* jansson's, see json.h */

/* What a caller who retries should do with an error. */
enum err_class {
    ERR_CLASS_PERMANENT, /* the same call will fail again: bad input, not allowed, gone */
    ERR_CLASS_TRANSIENT, /* nothing happened; the same call may succeed later: 429, 503, refused */
    ERR_CLASS_AMBIGUOUS, /* the effect may have happened: time-out, lost reply; probe first */
    ERR_CLASS_PERSON,    /* a person must change something (quota, policy, credentials) */
    ERR_CLASS_FENCED,    /* another owner has taken over: stop at once, write nothing */
    ERR_CLASS_BUG,       /* an internal error */
};

/* One enumerator per row of err.tbl: ERR_<NAME>. */
enum err_code {
#define ERR(name, code, status, class, title, remedy) ERR_##name,
#include "base/err.tbl"
#undef ERR
    ERR_COUNT
};

/*
 * Makes an error of 'code' with a printf message, in which what is no UTF-8 becomes U+FFFD. 'err()'
 * adds file and line.  Never returns NULL.
 */
err_t *err_make(const char *file, int line, enum err_code code, const char *format, ...)
    __attribute__((format(printf, 4, 5), warn_unused_result));
#define err(code, ...) err_make(__FILE__, __LINE__, ERR_##code, __VA_ARGS__)

/* Adds a line above 'cause', keeping its code.  Takes 'cause' (not NULL); returns the new head. */
err_t *err_wrap_at(const char *file, int line, err_t *cause, const char *format, ...)
    __attribute__((format(printf, 4, 5), warn_unused_result));
#define err_wrap(cause, ...) err_wrap_at(__FILE__, __LINE__, (cause), __VA_ARGS__)

/* As err_wrap, but the new head has its own code.  Takes 'cause'. */
err_t *err_recode_at(const char *file, int line, enum err_code code, err_t *cause,
                     const char *format, ...)
    __attribute__((format(printf, 5, 6), warn_unused_result));
#define err_recode(code, cause, ...)                                                               \
    err_recode_at(__FILE__, __LINE__, ERR_##code, (cause), __VA_ARGS__)

/* Replaces the table's remedy by one for this very case.  Returns 'e', for use in a return. */
err_t *err_remedy(err_t *e, const char *format, ...)
    __attribute__((format(printf, 2, 3), warn_unused_result));

/*
 * Attaches a detail that machines may read ("active_site", "volume_id"); shown in err_to_json under
 * "details".  Returns 'e'.
 */
err_t *err_detail(err_t *e, const char *key, const char *value) MUST_CHECK;

/* Frees the whole chain.  Accepts NULL. */
void err_free(err_t *e);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(err_t, err_free)

enum err_code err_code(const err_t *e);
/* The code of the row, "protector.group.not_found": stable for ever. */
const char *err_code_text(const err_t *e);
int err_http_status(const err_t *e);
enum err_class err_class(const err_t *e);
const char *err_class_text(enum err_class class);
const char *err_title(const err_t *e);
/* What to do; never NULL, may be "". */
const char *err_remedy_text(const err_t *e);
/* The value of a detail, or NULL.  Searches the whole chain. */
const char *err_detail_get(const err_t *e, const char *key);
/* The message of the head alone. */
const char *err_message(const err_t *e);
/* The whole chain, "head: cause: cause".  Caller frees with g_free. */
char *err_text(const err_t *e) MUST_CHECK;
/* Where the innermost cause was made, "src/x.c:12": for logs.  Caller frees with g_free. */
char *err_where(const err_t *e) MUST_CHECK;
bool err_is(const err_t *e, enum err_code code); /* head or any cause has this code */

/*
 * {"code","title","message","remedy","details":{},"causes":[...]}; the form of the journal and,
 * with request id and status added, of the API's errors[].  err_from_json accepts what err_to_json
 * made (an unknown code becomes ERR_INTERNAL and keeps its text as detail "code").
 */
struct json_t *err_to_json(const err_t *e) MUST_CHECK;
err_t *err_from_json(const struct json_t *j) MUST_CHECK;

/* Looks a row up by its stable text; ERR_COUNT if there is none. */
enum err_code err_code_of(const char *text);

/* Returns early with the error of 'expr'. */
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        err_t *try_e_ = (expr);                                                                    \
        if (try_e_ != NULL)                                                                        \
            return try_e_;                                                                         \
    } while (0)
