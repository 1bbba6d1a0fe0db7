/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api - protector-api: a master that binds the port and keeps 'workers' processes alive.  The
 * workers are forked before any thread exists; each has its own server, connections and token
 * cache.  The first of them answers Prometheus as well, where that is configured.
 */
#include "api/api.h"

#include "api/auth/policy.h"
#include "api/auth/token.h"
#include "api/metrics.h"
#include "cloud/session.h"
#include "cloud/keystone.h"
#include "daemons/process.h"
#include "net/httpd.h"
#include "store/site.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM     "protector-api"
#define GRACE_MS    5000
#define RESPAWN_S   1
#define WORKERS_MAX 256 /* as conf.tbl */

#define METRICS_CONNECTIONS 16

/* ---- a worker ---- */

static void report_fault(void *data, const char *request_id, const err_t *e)
{
    struct process *p = data;
    struct log_context context = {.request_id = request_id};

    log_err(p->log, LOG_LEVEL_ERROR, "protector.api", &context, e, "the request failed");
}

static void report_policy(void *data, const err_t *e)
{
    struct process *p = data;

    log_err(p->log, LOG_LEVEL_ERROR, "protector.api.policy", NULL, e,
            "the changed policy is not used");
}

static err_t *policy_read(struct process *p, struct policy **ret)
{
    struct policy_options options = {.path = conf_str(p->conf, "oslo_policy", "policy_file"),
                                     .report = report_policy,
                                     .report_data = p};

    return policy_create(&options, ret);
}

/* The service account that validates tokens. */
static struct cloud_session *service_session(struct process *p)
{
    struct keystone_credentials credentials = process_credentials(p->conf);
    struct cloud_options options = {
        .transport = &p->http,
        .env = p->env,
        .cloud = "this site",
        .credentials = &credentials,
        .region = conf_str(p->conf, "keystone_authtoken", "region_name"),
        .interface = conf_str(p->conf, "keystone_authtoken", "interface"),
        .timeout_ms = TOKEN_TIMEOUT_MS,
        .cafile = conf_str(p->conf, "keystone_authtoken", "cafile"),
        .insecure = conf_bool(p->conf, "keystone_authtoken", "insecure"),
    };

    return cloud_session_create(&options);
}

static size_t body_limit(void *data, const struct http_request *req)
{
    g_autofree char *path = url_path(req->url);

    (void)data;
    return api_body_max(path);
}

/* The sockets a worker serves; metrics -1: not this one. */
struct listening {
    int api, metrics;
};

struct worker {
    struct process *p;
    struct api *api;
};

/* With debug each request is a line: method, path, status; never a header, a query or a body. */
static struct http_response *worker_answer(void *data, const struct http_request *req)
{
    const struct worker *w = data;
    struct http_response *resp = api_handle(w->api, req);

    if (log_is_debug(w->p->log)) {
        struct log_context context = {.request_id =
                                          http_response_get(resp, "X-Openstack-Request-Id")};
        g_autofree char *path = url_path(req->url);
        log_write(w->p->log, LOG_LEVEL_DEBUG, "protector.api", &context, "%s %s: %d", req->method,
                  path, resp->status);
    }
    return resp;
}

static struct http_response *worker_refuse(void *data, const struct http_request *req,
                                           const err_t *e)
{
    const struct worker *w = data;

    return api_refuse(w->api, req, e);
}

static size_t no_body(void *data, const struct http_request *req)
{
    (void)data;
    (void)req;
    return 0;
}

/* fd -1: not here, '*ret' is NULL. */
static err_t *metrics_serve(struct api_options *o, int fd, struct httpd **ret)
{
    struct httpd_options options = {.listen_fd = fd,
                                    .threads = 1,
                                    .connections_max = METRICS_CONNECTIONS,
                                    .body_limit = no_body};

    *ret = NULL;
    return fd >= 0 ? httpd_start(&options, metrics_handle, o, ret) : NULL;
}

/* After a rotation.  On failure the old file stays in use. */
static void reopen(struct process *p)
{
    g_autoptr(err_t) e = log_reopen(p->log);

    if (e != NULL)
        log_err(p->log, LOG_LEVEL_ERROR, PROGRAM, NULL, e, "the log is not opened anew");
}

/* Serves until a signal asks to stop. */
static err_t *worker_serve(struct process *p, struct api *api, int listen_fd)
{
    struct httpd_options options = {.listen_fd = listen_fd,
                                    .body_limit = body_limit,
                                    .refuse = worker_refuse};
    struct worker worker = {p, api};
    struct httpd *server = NULL;
    sigset_t set;
    int caught = 0;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    TRY(httpd_start(&options, worker_answer, &worker, &server));
    log_write(p->log, LOG_LEVEL_INFO, PROGRAM, NULL, "worker serves");
    while (sigwait(&set, &caught) == 0 && caught == SIGHUP)
        reopen(p);
    httpd_stop(server, GRACE_MS);
    return NULL;
}

static err_t *worker_run(struct process *p, const struct listening *on)
{
    AUTO(policy) policy = NULL;

    process_connect(p);
    AUTO(cloud_session) session = service_session(p);
    TRY(process_identity(p, false));
    TRY(policy_read(p, &policy));
    struct token_options token_options = {
        .session = session,
        .env = p->env,
        .cache_ms = conf_int(p->conf, "keystone_authtoken", "token_cache_time") * 1000,
        .service_roles = conf_list(p->conf, "keystone_authtoken", "service_token_roles"),
    };
    AUTO(token_validator) tokens = token_validator_create(&token_options);
    struct api_options options = {
        .env = p->env,
        .conf = p->conf,
        .exchange = &p->exchange,
        .policy = policy,
        .tokens = tokens,
        .transport = &p->http,
        .db_get = process_db_get,
        .db_put = process_db_put,
        .db_data = p,
        .ring = bell_ring,
        .ring_data = p,
        .report = report_fault,
        .report_data = p,
    };
    AUTO(api) api = api_create(&options);
    struct httpd *metrics = NULL;
    g_autoptr(err_t) unserved = metrics_serve(&options, on->metrics, &metrics);
    if (unserved != NULL)
        log_err(p->log, LOG_LEVEL_ERROR, PROGRAM, NULL, unserved, "the metrics are not served");
    err_t *e = worker_serve(p, api, on->api);
    httpd_stop(metrics, GRACE_MS);
    return e;
}

static int worker_main(struct process *p, const struct listening *on, pid_t master)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != master) /* it died before that could be asked for */
        return 1;
    err_t *e = worker_run(p, on);
    int code = 0;

    if (e != NULL) {
        log_err(p->log, LOG_LEVEL_CRITICAL, PROGRAM, NULL, e, "the worker ends");
        code = 1;
    }
    err_free(e);
    process_end(p);
    return code;
}

/* ---- the master ---- */

struct master {
    struct process *p;
    struct listening on;
    pid_t workers[WORKERS_MAX]; /* 0: none, to be started */
    int count;
};

static void worker_spawn(struct master *m, int i)
{
    struct listening on = {m->on.api, i == 0 ? m->on.metrics : -1};
    pid_t master = getpid(), pid = fork();

    if (pid == 0)
        _exit(worker_main(m->p, &on, master));
    m->workers[i] = MAX(pid, 0);
    if (pid < 0)
        log_write(m->p->log, LOG_LEVEL_ERROR, PROGRAM, NULL,
                  "cannot fork a worker: %s; it is tried again in %d s", g_strerror(errno),
                  RESPAWN_S);
}

static void workers_spawn(struct master *m)
{
    for (int i = 0; i < m->count; i++) {
        if (m->workers[i] == 0)
            worker_spawn(m, i);
    }
}

static bool workers_lack(const struct master *m)
{
    bool lack = false;

    for (int i = 0; i < m->count; i++)
        lack = lack || m->workers[i] == 0;
    return lack;
}

/* Collects workers that ended without being asked. */
static void workers_reap(struct master *m)
{
    int status = 0;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (int i = 0; i < m->count; i++) {
            if (m->workers[i] != pid)
                continue;
            m->workers[i] = 0;
            log_write(m->p->log, LOG_LEVEL_WARNING, PROGRAM, NULL,
                      "worker %d ended (status %d), a new one is started", (int)pid, status);
        }
    }
}

static void workers_signal(const struct master *m, int number)
{
    for (int i = 0; i < m->count; i++) {
        if (m->workers[i] > 0)
            kill(m->workers[i], number);
    }
}

static void workers_stop(struct master *m)
{
    workers_signal(m, SIGTERM);
    for (int i = 0; i < m->count; i++) {
        if (m->workers[i] > 0)
            waitpid(m->workers[i], NULL, 0);
    }
}

/* What comes next: a signal, or 0 when it is time to start the workers that are lacking. */
static int master_wait(const struct master *m, const sigset_t *set)
{
    static const struct timespec pause = {.tv_sec = RESPAWN_S};
    int caught = 0;

    if (!workers_lack(m))
        sigwait(set, &caught);
    else
        caught = sigtimedwait(set, NULL, &pause);
    return MAX(caught, 0);
}

static void master_loop(struct master *m, const sigset_t *set)
{
    for (;;) {
        int caught = master_wait(m, set);
        if (caught == SIGTERM || caught == SIGINT)
            break;
        if (caught == SIGHUP) {
            reopen(m->p);
            workers_signal(m, SIGHUP);
        }
        workers_reap(m);
        if (caught == 0)
            workers_spawn(m);
    }
    workers_stop(m);
}

/* What every worker would stumble over is found before there are any. */
static err_t *master_check(struct process *p)
{
    AUTO(policy) policy = NULL;

    TRY(process_check(p->conf));
    TRY(policy_read(p, &policy));
    g_auto(GStrv) warnings = policy_warnings(policy);
    for (size_t i = 0; warnings[i] != NULL; i++)
        log_write(p->log, LOG_LEVEL_WARNING, "protector.api.policy", NULL, "%s", warnings[i]);
    return process_identity(p, true);
}

/* The sockets of [api] and, where an address is given, [metrics]. */
static err_t *master_listen(const struct process *p, struct listening *on)
{
    const char *host = conf_str(p->conf, "metrics", "bind_host");

    TRY(httpd_listen(conf_str(p->conf, "api", "bind_host"),
                     (int)conf_int(p->conf, "api", "bind_port"), &on->api));
    if (host == NULL)
        return NULL;
    TRY(httpd_listen(host, (int)conf_int(p->conf, "metrics", "bind_port"), &on->metrics));
    log_write(p->log, LOG_LEVEL_INFO, PROGRAM, NULL, "metrics at http://%s:%d" METRICS_PATH, host,
              httpd_fd_port(on->metrics));
    return NULL;
}

static err_t *master_run(struct process *p)
{
    struct master m = {.p = p, .on = {-1, -1}, .count = (int)conf_int(p->conf, "api", "workers")};
    sigset_t set;

    g_assert(m.count <= WORKERS_MAX);
    TRY(master_check(p));
    TRY(master_listen(p, &m.on));
    g_ptr_array_set_size(p->idle, 0); /* no connection crosses the fork */
    keypairs_destroy(p->identity.keys);
    p->identity.keys = NULL;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    workers_spawn(&m);
    log_write(p->log, LOG_LEVEL_INFO, PROGRAM, NULL, "listening on %s:%d with %d workers",
              conf_str(p->conf, "api", "bind_host"), httpd_fd_port(m.on.api), m.count);
    master_loop(&m, &set);
    close(m.on.api);
    if (m.on.metrics >= 0)
        close(m.on.metrics);
    return NULL;
}

int main(int argc, char **argv)
{
    struct conf *conf = NULL;
    struct process p = {0};
    int code = 0;

    (void)argc;
    signal(SIGPIPE, SIG_IGN);
    if (process_said_enough(PROGRAM, argv, &code))
        return code;
    err_t *e = process_conf(PROGRAM, argv, &conf);
    if (e != NULL)
        return process_fail(&p, PROGRAM, e);
    process_begin(&p, PROGRAM, conf, true);
    e = master_run(&p);
    if (e != NULL)
        code = process_fail(&p, PROGRAM, e);
    process_end(&p);
    return code;
}
