/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crashpoint - ends or stops an engine exactly where a test wants it: preloaded into the program,
 * which knows nothing of it.
 *
 * What the world can see of an engine is what it commits and what it sends.  So the points are:
 * before and after every commit, before and after every call that is no mere look (GET, HEAD, a
 * token).  Only the threads that work on operations count ("pool…"): beats of leases and ticks of
 * recovery points go on as time does and would give each run another number of points.
 *
 *     LD_PRELOAD=libcrashpoint.so
 *     CRASHPOINT_LOG=FILE      a line per point: number, kind, what was committed or called
 *     CRASHPOINT_AT=N          SIGKILL to itself at the N-th point, or
 *     CRASHPOINT_TEXT=TEXT     at the first point whose line contains TEXT
 *     CRASHPOINT_SIGNAL=STOP   SIGSTOP instead
 */
#include <curl/curl.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define EXPORT           __attribute__((visibility("default")))
#define CONNECTIONS_MAX  256
#define CHECKPOINT_PAGES 1000 /* SQLite's own default, which our hook takes the place of */
#define TEXT_MAX         512

/* Tables that the transaction of an open connection has written to. */
struct connection {
    sqlite3 *handle; /* NULL: free */
    char tables[TEXT_MAX];
};

static struct connection connections[CONNECTIONS_MAX];
static int points;
static bool stopping;                     /* nobody begins a statement; under 'lock' */
static int stepping;                      /* statements under way; under 'lock' */
static _Thread_local int steps_of_thread; /* of them in this thread */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local char method[16], url[TEXT_MAX];

/* A function that this library stands in front of. */
static void *real(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);

    if (function == NULL) {
        fprintf(stderr, "crashpoint: no %s: %s\n", name, dlerror());
        abort();
    }
    return function;
}

static bool thread_counts(void)
{
    char name[16] = "";

    return prctl(PR_GET_NAME, name) == 0 && strncmp(name, "pool", 4) == 0;
}

/* 'line' begins with its number and a blank. */
static bool is_here(const char *line)
{
    const char *at = getenv("CRASHPOINT_AT"), *text = getenv("CRASHPOINT_TEXT");
    size_t digits = strcspn(line, " ");
    static bool was;
    bool is_number = at != NULL && strlen(at) == digits && strncmp(line, at, digits) == 0;
    bool here = is_number || (text != NULL && strstr(line, text) != NULL && !was);

    was = was || here;
    return here;
}

/* Another thread is in a statement, or between two of a transaction that writes. */
static bool others_write(void)
{
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        if (connections[i].handle != NULL &&
            sqlite3_txn_state(connections[i].handle, NULL) == SQLITE_TXN_WRITE)
            return true;
    }
    return stepping > steps_of_thread;
}

/* Stops all threads, at a moment when none holds the database's one lock for writers: a second
 * engine could do nothing until it was given back.  Those that have it may finish, nobody else
 * begins (sqlite3_step below).  The caller has 'lock'. */
static void stop(void)
{
    stopping = true;
    while (others_write()) {
        pthread_mutex_unlock(&lock);
        usleep(1000);
        pthread_mutex_lock(&lock);
    }
    raise(SIGSTOP); /* of this thread, so that it does not run on until another one takes it */
    stopping = false;
}

/* A point is reached; the process may end here. */
static void point(const char *kind, const char *what)
{
    const char *log = getenv("CRASHPOINT_LOG"), *signal_name = getenv("CRASHPOINT_SIGNAL");
    char line[2 * TEXT_MAX];

    if (!thread_counts())
        return;
    pthread_mutex_lock(&lock);
    int size = snprintf(line, sizeof(line), "%d %s %s\n", ++points, kind, what);
    bool here = is_here(line);
    int fd = log != NULL ? open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd >= 0 && write(fd, line, (size_t)size) != size)
        abort();
    if (fd >= 0)
        close(fd);
    if (here && signal_name == NULL)
        kill(getpid(), SIGKILL);
    if (here)
        stop();
    pthread_mutex_unlock(&lock);
}

/* ---- commits ---- */

static void on_write(void *data, int operation, const char *db, const char *table,
                     sqlite3_int64 row)
{
    struct connection *c = data;
    size_t used = strlen(c->tables);

    (void)operation;
    (void)db;
    (void)row;
    if (strstr(c->tables, table) == NULL)
        snprintf(c->tables + used, sizeof(c->tables) - used, "%s%s", used > 0 ? "," : "", table);
}

static int before_commit(void *data)
{
    point("commit-before", ((struct connection *)data)->tables);
    return 0;
}

static int after_commit(void *data, sqlite3 *db, const char *name, int pages)
{
    struct connection *c = data;

    point("commit-after", c->tables);
    c->tables[0] = '\0';
    if (pages >= CHECKPOINT_PAGES)
        sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return SQLITE_OK;
}

static void on_rollback(void *data)
{
    ((struct connection *)data)->tables[0] = '\0';
}

/* The slot of a handle, or with NULL a free one. */
static struct connection *connection_of(const sqlite3 *handle)
{
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        if (connections[i].handle == handle)
            return &connections[i];
    }
    fprintf(stderr, "crashpoint: more than %d connections\n", CONNECTIONS_MAX);
    abort();
}

EXPORT int sqlite3_close_v2(sqlite3 *handle)
{
    int (*next)(sqlite3 *) = real("sqlite3_close_v2");

    pthread_mutex_lock(&lock);
    if (handle != NULL)
        connection_of(handle)->handle = NULL;
    pthread_mutex_unlock(&lock);
    return next(handle);
}

EXPORT int sqlite3_close(sqlite3 *handle)
{
    return sqlite3_close_v2(handle);
}

EXPORT int sqlite3_open_v2(const char *path, sqlite3 **ret, int flags, const char *vfs)
{
    int (*next)(const char *, sqlite3 **, int, const char *) = real("sqlite3_open_v2");
    int code = next(path, ret, flags, vfs);

    if (code != SQLITE_OK)
        return code;
    pthread_mutex_lock(&lock);
    struct connection *c = connection_of(NULL);
    c->handle = *ret;
    c->tables[0] = '\0';
    pthread_mutex_unlock(&lock);
    sqlite3_update_hook(*ret, on_write, c);
    sqlite3_rollback_hook(*ret, on_rollback, c);
    sqlite3_commit_hook(*ret, before_commit, c);
    sqlite3_wal_hook(*ret, after_commit, c);
    return code;
}

/* While the process is about to stop only a transaction that has begun goes on. */
static void statement_begin(sqlite3 *handle)
{
    pthread_mutex_lock(&lock);
    while (stopping && steps_of_thread == 0 &&
           sqlite3_txn_state(handle, NULL) != SQLITE_TXN_WRITE) {
        pthread_mutex_unlock(&lock);
        usleep(1000);
        pthread_mutex_lock(&lock);
    }
    stepping++;
    steps_of_thread++;
    pthread_mutex_unlock(&lock);
}

static void statement_end(void)
{
    pthread_mutex_lock(&lock);
    stepping--;
    steps_of_thread--;
    pthread_mutex_unlock(&lock);
}

EXPORT int sqlite3_step(sqlite3_stmt *statement)
{
    int (*next)(sqlite3_stmt *) = real("sqlite3_step");

    statement_begin(sqlite3_db_handle(statement));
    int code = next(statement);
    statement_end();
    return code;
}

EXPORT int sqlite3_exec(sqlite3 *handle, const char *sql,
                        int (*callback)(void *, int, char **, char **), void *data, char **error)
{
    int (*next)(sqlite3 *, const char *, int (*)(void *, int, char **, char **), void *, char **) =
        real("sqlite3_exec");

    statement_begin(handle);
    int code = next(handle, sql, callback, data, error);
    statement_end();
    return code;
}

/* ---- calls ---- */

#undef curl_easy_setopt /* with a compiler that checks its arguments it is a macro */
EXPORT CURLcode curl_easy_setopt(CURL *handle, CURLoption option, ...)
{
    CURLcode (*next)(CURL *, CURLoption, ...) = real("curl_easy_setopt");
    va_list arguments;

    va_start(arguments, option);
    void *value = va_arg(arguments, void *);
    va_end(arguments);
    if (option == CURLOPT_URL)
        snprintf(url, sizeof(url), "%s", (const char *)value);
    if (option == CURLOPT_CUSTOMREQUEST)
        snprintf(method, sizeof(method), "%s", value != NULL ? (const char *)value : "");
    if (option == CURLOPT_NOBODY)
        snprintf(method, sizeof(method), "HEAD");
    return next(handle, option, value);
}

/* An exchange begins when its handle joins the connections, and is over when it leaves them. */
static void call_point(const char *kind)
{
    bool looks = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 ||
                 strstr(url, "/auth/tokens") != NULL;
    char what[TEXT_MAX + sizeof(method) + 1];

    if (looks)
        return;
    snprintf(what, sizeof(what), "%s %s", method, url);
    point(kind, what);
}

EXPORT CURLMcode curl_multi_add_handle(CURLM *multi, CURL *handle)
{
    CURLMcode (*next)(CURLM *, CURL *) = real("curl_multi_add_handle");

    call_point("call-before");
    return next(multi, handle);
}

EXPORT CURLMcode curl_multi_remove_handle(CURLM *multi, CURL *handle)
{
    CURLMcode (*next)(CURLM *, CURL *) = real("curl_multi_remove_handle");
    CURLMcode code = next(multi, handle);

    call_point("call-after");
    return code;
}
