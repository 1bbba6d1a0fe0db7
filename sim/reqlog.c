/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - see log.h.
 */
#include "sim/reqlog.h"

#include <string.h>

static void reqlog_free(void *data)
{
    struct sim_log *line = data;
    g_free(line->method);
    g_free(line->path);
    g_free(line->user);
    g_free(line->project);
    g_free(line->trust);
    g_free(line);
}

GPtrArray *reqlog_create(void)
{
    return g_ptr_array_new_with_free_func(reqlog_free);
}

char *reqlog_path(const char *url)
{
    g_autofree char *origin = url_origin(url);
    const char *path = origin != NULL ? url + strlen(origin) : url;
    return g_strdup(*path != '\0' ? path : "/");
}

void reqlog_add(struct sim *sim, int site, enum sim_service service, const struct http_request *req,
                const json_t *token, int status)
{
    struct site *s = &sim->site[site];
    struct sim_log *line = g_new0(struct sim_log, 1);
    line->at_ms = sim->now_ms;
    line->site = site;
    line->service = service;
    line->method = g_strdup(req->method);
    line->path = reqlog_path(req->url);
    line->user = g_strdup(json_str(sim_site_row(s, "users", json_str(token, "user_id")), "name"));
    line->project =
        g_strdup(json_str(sim_site_row(s, "projects", json_str(token, "project_id")), "name"));
    line->trust = g_strdup(json_str(token, "trust_id"));
    line->status = status;
    if (sim->log->len >= SIM_LOG_MAX)
        g_ptr_array_remove_range(sim->log, 0, SIM_LOG_MAX / 10);
    g_ptr_array_add(sim->log, line);
}

const GPtrArray *sim_log(const struct sim *sim)
{
    return sim->log;
}

void sim_log_clear(struct sim *sim)
{
    g_ptr_array_set_size(sim->log, 0);
}

int sim_count(const struct sim *sim, int site, const char *service, const char *method,
              const char *path)
{
    int count = 0;
    for (guint i = 0; i < sim->log->len; i++) {
        const struct sim_log *line = g_ptr_array_index(sim->log, i);
        count += (site < 0 || line->site == site) &&
                 (service == NULL || sim_service_of(service) == line->service) &&
                 (method == NULL || strcmp(line->method, method) == 0) &&
                 (path == NULL || g_pattern_match_simple(path, line->path));
    }
    return count;
}
