/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault - see fault.h.  A fault that has struck 'count' times stays in the list with count -1, so
 * that what sim_fault_strikes returned stays valid.
 */
#include "sim/fault.h"

#include "sim/reqlog.h"

static const char *const kind_names[] = {
    [SIM_FAULT_STATUS] = "status",
    [SIM_FAULT_REFUSE] = "refuse",
    [SIM_FAULT_TIMEOUT_BEFORE] = "timeout-before",
    [SIM_FAULT_TIMEOUT_AFTER] = "timeout-after",
    [SIM_FAULT_TRUNCATE] = "truncate",
    [SIM_FAULT_DUPLICATE] = "duplicate",
    [SIM_FAULT_DELAY] = "delay",
};

bool sim_fault_kind_of(const char *name, enum sim_fault_kind *ret)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kind_names); i++) {
        if (g_strcmp0(kind_names[i], name) == 0) {
            *ret = (enum sim_fault_kind)i;
            return true;
        }
    }
    return false;
}

static void sim_fault_free(void *data)
{
    struct sim_fault *fault = data;
    g_free((char *)fault->service);
    g_free((char *)fault->method);
    g_free((char *)fault->path);
    g_free((char *)fault->body);
    g_free(fault);
}

GPtrArray *sim_fault_list_create(void)
{
    return g_ptr_array_new_with_free_func(sim_fault_free);
}

void sim_fault_add(struct sim *sim, const struct sim_fault *fault)
{
    struct sim_fault *copy = g_new0(struct sim_fault, 1);
    *copy = *fault;
    copy->service = g_strdup(fault->service);
    copy->method = g_strdup(fault->method);
    copy->path = g_strdup(fault->path);
    copy->body = g_strdup(fault->body);
    g_ptr_array_add(sim->faults, copy);
}

void sim_fault_clear(struct sim *sim)
{
    g_ptr_array_set_size(sim->faults, 0);
}

static bool sim_fault_matches(const struct sim_fault *fault, int site, enum sim_service service,
                              const struct http_request *req, const char *path)
{
    return fault->count >= 0 && (fault->site < 0 || fault->site == site) &&
           (fault->service == NULL || sim_service_of(fault->service) == service) &&
           (fault->method == NULL || g_strcmp0(fault->method, req->method) == 0) &&
           (fault->path == NULL || g_pattern_match_simple(fault->path, path));
}

const struct sim_fault *sim_fault_strikes(struct sim *sim, int site, enum sim_service service,
                                          const struct http_request *req)
{
    g_autofree char *path = reqlog_path(req->url);
    for (guint i = 0; i < sim->faults->len; i++) {
        struct sim_fault *fault = g_ptr_array_index(sim->faults, i);
        if (!sim_fault_matches(fault, site, service, req, path))
            continue;
        if (fault->skip > 0) {
            fault->skip--;
            continue;
        }
        if (fault->count == 1)
            fault->count = -1;
        else if (fault->count > 1)
            fault->count--;
        return fault;
    }
    return NULL;
}
