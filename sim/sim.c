/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim - see sim.h: making the two clouds, and the way of a request to a service and back.
 */
#include "sim/sim.h"

#include <string.h>

#include "sim/call.h"
#include "sim/fault.h"
#include "sim/reqlog.h"
#include "sim/seed.h"

static const char *const service_names[SIM_SERVICES] = {
    [SIM_KEYSTONE] = "keystone", [SIM_NOVA] = "nova",     [SIM_CINDER] = "cinder",
    [SIM_NEUTRON] = "neutron",   [SIM_GLANCE] = "glance", [SIM_PLACEMENT] = "placement",
};

static const int lab_ports[SIM_SERVICES] = {
    [SIM_KEYSTONE] = 5000, [SIM_NOVA] = 8774,   [SIM_CINDER] = 8776,
    [SIM_NEUTRON] = 9696,  [SIM_GLANCE] = 9292, [SIM_PLACEMENT] = 8778,
};

static const struct sim_site_options lab_sites[SIM_SITES] = {
    {.name = "site-a",
     .region = "RegionA",
     .address = "127.0.10.1",
     .suffix = "a",
     .external_cidr = "203.0.113.0/25",
     .tenant_cidr = "10.10.1.0/24",
     .servers = true},
    {.name = "site-b",
     .region = "RegionB",
     .address = "127.0.20.1",
     .suffix = "b",
     .external_cidr = "203.0.113.128/25",
     .tenant_cidr = "10.10.1.0/24"},
};

void sim_options_init(struct sim_options *options)
{
    *options = (struct sim_options){.release = SIM_ZED,
                                    .latency = {.volume_ms = 30,
                                                .manage_ms = 40,
                                                .snapshot_ms = 30,
                                                .group_ms = 20,
                                                .attach_ms = 20,
                                                .server_build_ms = 90,
                                                .server_start_ms = 40,
                                                .server_stop_ms = 40,
                                                .server_delete_ms = 30}};
    for (int i = 0; i < SIM_SITES; i++) {
        options->site[i] = lab_sites[i];
        memcpy(options->site[i].ports, lab_ports, sizeof lab_ports);
    }
}

const char *sim_service_name(enum sim_service service)
{
    return service_names[service];
}

enum sim_service sim_service_of(const char *name)
{
    int i = 0;
    while (i < SIM_SERVICES && g_strcmp0(service_names[i], name) != 0)
        i++;
    return (enum sim_service)i;
}

char *sim_origin(const struct sim *sim, int site, enum sim_service service)
{
    const struct sim_site_options *o = &sim->site[site].options;
    return g_strdup_printf("http://%s:%d", o->address, o->ports[service]);
}

const char *sim_site_name(const struct sim *sim, int site)
{
    return sim->site[site].options.name;
}

/* ---- the transport ---- */

/* The site and service at an address; false if nothing is there. */
static bool find_listener(struct sim *sim, const char *url, int *ret_site, enum sim_service *ret)
{
    g_autofree char *origin = url_origin(url);
    for (int site = 0; site < SIM_SITES && origin != NULL; site++) {
        for (int service = 0; service < SIM_SERVICES; service++) {
            g_autofree char *own = sim_origin(sim, site, (enum sim_service)service);
            if (strcmp(own, origin) == 0) {
                *ret_site = site;
                *ret = (enum sim_service)service;
                return true;
            }
        }
    }
    return false;
}

static err_t *no_answer(const struct http_request *req, struct http_response *resp)
{
    g_autofree char *why = g_strdup(http_response_get(resp, "X-Sim-Error"));
    http_response_destroy(resp);
    if (g_strcmp0(why, "refused") == 0)
        return err(NET_REFUSED, "%s %s: connection refused", req->method, req->url);
    if (g_strcmp0(why, "timeout") == 0)
        return err(NET_TIMEOUT, "%s %s: no answer in time", req->method, req->url);
    return err(NET_LOST, "%s %s: connection lost", req->method, req->url);
}

static err_t *transport_send(void *data, const struct http_request *req, struct http_response **ret)
{
    struct sim *sim = data;
    int site = 0;
    enum sim_service service = SIM_KEYSTONE;
    if (!find_listener(sim, req->url, &site, &service))
        return err(NET_REFUSED, "%s %s: nothing listens there", req->method, req->url);
    struct http_response *resp = sim_handle(sim, site, service_names[service], req);
    if (resp->status == 0)
        return no_answer(req, resp);
    *ret = resp;
    return NULL;
}

const struct http_transport *sim_transport(struct sim *sim)
{
    return &sim->transport;
}

/* ---- requests ---- */

static struct http_response *silence(const char *why)
{
    struct http_response *resp = http_response_create(0);
    http_response_set(resp, "X-Sim-Error", why);
    return resp;
}

static void pass(struct sim *sim, int64_t time_ms)
{
    if (sim->options.pass != NULL && time_ms > 0)
        sim->options.pass(sim->options.pass_data, time_ms);
    sim->now_ms = env_now_ms(sim->env);
}

static int64_t patience_ms(const struct http_request *req)
{
    return req->timeout_ms > 0 ? req->timeout_ms : 60000;
}

static void cut_body(struct http_response *resp)
{
    resp->body_size /= 2;
    if (resp->body != NULL)
        resp->body[resp->body_size] = '\0';
}

/* One arrival at the service. */
static struct http_response *serve(struct site *site, enum sim_service service,
                                   const struct http_request *req, json_t **ret_token)
{
    sim_advance(site->sim);
    return sim_call_serve(site, service, req, ret_token);
}

/* While time passes other requests may come (pass), and faults be cleared: so 'fault' is a copy. */
static struct http_response *serve_with(struct site *site, enum sim_service service,
                                        const struct http_request *req, struct sim_fault fault,
                                        json_t **ret_token)
{
    struct http_response *resp = NULL;
    int64_t wait_ms = fault.delay_ms > 0 ? fault.delay_ms : patience_ms(req);
    switch (fault.kind) {
    case SIM_FAULT_STATUS:
        resp = http_response_create(fault.status);
        if (fault.body != NULL)
            http_response_body(resp, "application/json", fault.body, strlen(fault.body));
        return resp;
    case SIM_FAULT_REFUSE:
        return silence("refused");
    case SIM_FAULT_TIMEOUT_BEFORE:
        pass(site->sim, wait_ms);
        return silence("timeout");
    case SIM_FAULT_TIMEOUT_AFTER:
        http_response_destroy(serve(site, service, req, ret_token));
        pass(site->sim, wait_ms);
        return silence("timeout");
    case SIM_FAULT_TRUNCATE:
        resp = serve(site, service, req, ret_token);
        cut_body(resp);
        return resp;
    case SIM_FAULT_DUPLICATE:
        http_response_destroy(serve(site, service, req, ret_token));
        return serve(site, service, req, ret_token);
    case SIM_FAULT_DELAY:
        pass(site->sim, MIN(fault.delay_ms, patience_ms(req)));
        resp = serve(site, service, req, ret_token);
        if (fault.delay_ms < patience_ms(req))
            return resp;
        http_response_destroy(resp);
        return silence("timeout");
    }
    g_assert_not_reached();
}

struct http_response *sim_handle(struct sim *sim, int site, const char *service,
                                 const struct http_request *req)
{
    enum sim_service id = sim_service_of(service);
    g_assert(site >= 0 && site < SIM_SITES && id != SIM_SERVICES);
    sim->now_ms = env_now_ms(sim->env);
    json_t *token = NULL;
    struct http_response *resp = NULL;
    if (sim_is_down(sim, site, id)) {
        resp = silence("refused");
    } else {
        const struct sim_fault *fault = sim_fault_strikes(sim, site, id, req);
        resp = fault == NULL ? serve(&sim->site[site], id, req, &token)
                             : serve_with(&sim->site[site], id, req, *fault, &token);
    }
    reqlog_add(sim, site, id, req, token, resp->status);
    return resp;
}

/* ---- life ---- */

static void copy_site(struct sim_site_options *to, const struct sim_site_options *from)
{
    *to = *from;
    to->name = g_strdup(from->name);
    to->region = g_strdup(from->region);
    to->address = g_strdup(from->address);
    to->suffix = g_strdup(from->suffix);
    to->external_cidr = g_strdup(from->external_cidr);
    to->tenant_cidr = g_strdup(from->tenant_cidr);
    to->volumes_dir = g_strdup(from->volumes_dir);
    to->protector_url = g_strdup(from->protector_url);
}

static void free_site(struct sim_site_options *o)
{
    const char *const texts[] = {o->name,        o->region,        o->address,
                                 o->suffix,      o->external_cidr, o->tenant_cidr,
                                 o->volumes_dir, o->protector_url};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free((char *)texts[i]);
}

struct sim *sim_create(const struct env *env, const struct sim_options *options)
{
    struct sim *sim = g_new0(struct sim, 1);
    sim->env = env;
    sim->options = *options;
    sim->now_ms = env_now_ms(env);
    sim->log = reqlog_create();
    sim->faults = sim_fault_list_create();
    sim->transport = (struct http_transport){.data = sim, .send = transport_send};
    for (int i = 0; i < SIM_SITES; i++) {
        struct site *site = &sim->site[i];
        site->sim = sim;
        site->index = i;
        copy_site(&site->options, &options->site[i]);
        site->tables = json_object();
        sim_seed_site(site);
    }
    return sim;
}

void sim_destroy(struct sim *sim)
{
    if (sim == NULL)
        return;
    for (int i = 0; i < SIM_SITES; i++) {
        json_decref(sim->site[i].tables);
        free_site(&sim->site[i].options);
    }
    g_ptr_array_unref(sim->log);
    g_ptr_array_unref(sim->faults);
    g_free(sim);
}
