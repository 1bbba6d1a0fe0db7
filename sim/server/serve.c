/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve - see serve.h.
 */
#include "sim/server/serve.h"

#include <string.h>

#include <glib/gstdio.h>

#include "net/httpd.h"

#define STATE_FILE     "sim.json"
#define BODY_MAX_BYTES (16 * 1024 * 1024) /* the simulated services have limits of their own */
#define THREADS        4 /* per listener: so many requests of it may wait at once */

struct listener {
    struct serve *serve;
    int site;
    enum sim_service service;
    struct httpd *httpd; /* NULL: does not listen */
};

struct serve {
    const struct options *options;
    struct sim *sim;
    GMutex lock;      /* around every call to 'sim' */
    GMutex listening; /* around starting and stopping of listeners */
    struct listener listeners[SIM_SITES][SIM_SERVICES];
    struct httpd *control;
};

static void wait_ms(int64_t time_ms)
{
    g_usleep((gulong)time_ms * 1000);
}

/* A fault that takes time: others may go on meanwhile. */
static void serve_pass(void *data, int64_t time_ms)
{
    struct serve *s = data;
    g_mutex_unlock(&s->lock);
    wait_ms(time_ms);
    g_mutex_lock(&s->lock);
}

static size_t body_limit(void *data, const struct http_request *req)
{
    (void)data;
    (void)req;
    return BODY_MAX_BYTES;
}

static struct http_response *serve_request(void *data, const struct http_request *req)
{
    struct listener *l = data;
    struct serve *s = l->serve;
    if (s->options->latency_ms > 0)
        wait_ms(s->options->latency_ms);
    g_mutex_lock(&s->lock);
    struct http_response *resp = sim_handle(s->sim, l->site, sim_service_name(l->service), req);
    g_mutex_unlock(&s->lock);
    return resp;
}

static err_t *listen_at(const char *host, int port, http_handler_fn *handler, void *data,
                        struct httpd **ret)
{
    struct httpd_options options = {.host = host,
                                    .port = port,
                                    .threads = THREADS,
                                    .body_limit = body_limit,
                                    .may_be_silent = true};
    return httpd_start(&options, handler, data, ret);
}

/* Starts and stops listeners until they are as the clouds are. */
static err_t *sync_listeners(struct serve *s)
{
    for (int i = 0; i < SIM_SITES * SIM_SERVICES; i++) {
        struct listener *l = &s->listeners[i / SIM_SERVICES][i % SIM_SERVICES];
        const struct sim_site_options *o = &s->options->sim.site[l->site];
        g_mutex_lock(&s->lock);
        bool down = sim_is_down(s->sim, l->site, l->service);
        g_mutex_unlock(&s->lock);
        if (down && l->httpd != NULL) {
            httpd_stop(l->httpd, 0);
            l->httpd = NULL;
        } else if (!down && l->httpd == NULL) {
            TRY(listen_at(o->address, o->ports[l->service], serve_request, l, &l->httpd));
        }
    }
    return NULL;
}

static struct http_response *serve_control(void *data, const struct http_request *req)
{
    struct serve *s = data;
    g_mutex_lock(&s->lock);
    struct http_response *resp = sim_control(s->sim, req);
    g_mutex_unlock(&s->lock);
    g_mutex_lock(&s->listening);
    g_autoptr(err_t) e = sync_listeners(s);
    g_mutex_unlock(&s->listening);
    if (e == NULL)
        return resp;
    http_response_destroy(resp);
    return httpd_fault(NULL, req, e);
}

/* ---- the state ---- */

static char *state_path(const struct options *options)
{
    return options->state_dir != NULL ? g_build_filename(options->state_dir, STATE_FILE, NULL)
                                      : NULL;
}

static err_t *load_state(struct serve *s, const char *path)
{
    g_autofree char *text = NULL;
    gsize size = 0;
    g_autoptr(GError) error = NULL;
    if (!g_file_get_contents(path, &text, &size, &error))
        return err(IO, "cannot read the state of the clouds: %s", error->message);
    g_autoptr(json_t) dump = NULL;
    TRY(json_parse(text, size, path, &dump));
    return sim_load(s->sim, dump);
}

static err_t *save_state(struct serve *s, const char *path)
{
    g_autoptr(json_t) dump = sim_dump(s->sim);
    g_autofree char *text = json_print(dump);
    g_autoptr(GError) error = NULL;
    if (g_mkdir_with_parents(s->options->state_dir, 0700) == 0 &&
        g_file_set_contents(path, text, (gssize)strlen(text), &error))
        return NULL;
    return err(IO, "cannot keep the state of the clouds in %s: %s", path,
               error != NULL ? error->message : g_strerror(errno));
}

static err_t *make_clouds(struct serve *s)
{
    struct sim_options options = s->options->sim;
    g_autofree char *path = state_path(s->options);
    bool kept = path != NULL && g_file_test(path, G_FILE_TEST_EXISTS);
    options.empty = options.empty || kept; /* what is kept takes the seed's place */
    options.pass = serve_pass;
    options.pass_data = s;
    s->sim = sim_create(&env_system, &options);
    return kept ? load_state(s, path) : NULL;
}

/* ---- life ---- */

static void serve_free(struct serve *s)
{
    httpd_stop(s->control, 0);
    for (int i = 0; i < SIM_SITES * SIM_SERVICES; i++)
        httpd_stop(s->listeners[i / SIM_SERVICES][i % SIM_SERVICES].httpd, 0);
    sim_destroy(s->sim);
    g_mutex_clear(&s->lock);
    g_mutex_clear(&s->listening);
    g_free(s);
}

static err_t *open_all(struct serve *s)
{
    TRY(make_clouds(s));
    TRY(sync_listeners(s));
    return listen_at(s->options->control_address, s->options->control_port, serve_control, s,
                     &s->control);
}

err_t *serve_start(const struct options *options, struct serve **ret)
{
    struct serve *s = g_new0(struct serve, 1);
    s->options = options;
    g_mutex_init(&s->lock);
    g_mutex_init(&s->listening);
    for (int i = 0; i < SIM_SITES * SIM_SERVICES; i++)
        s->listeners[i / SIM_SERVICES][i % SIM_SERVICES] =
            (struct listener){.serve = s,
                              .site = i / SIM_SERVICES,
                              .service = (enum sim_service)(i % SIM_SERVICES)};
    err_t *e = open_all(s);
    if (e != NULL) {
        serve_free(s);
        return e;
    }
    *ret = s;
    return NULL;
}

err_t *serve_stop(struct serve *serve)
{
    if (serve == NULL)
        return NULL;
    g_autofree char *path = state_path(serve->options);
    g_mutex_lock(&serve->lock);
    err_t *e = path != NULL ? save_state(serve, path) : NULL;
    g_mutex_unlock(&serve->lock);
    serve_free(serve);
    return e;
}

char *serve_clouds(struct serve *serve)
{
    g_mutex_lock(&serve->lock);
    char *text = sim_clouds_yaml(serve->sim);
    g_mutex_unlock(&serve->lock);
    return text;
}
