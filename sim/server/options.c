/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options - see options.h.  One row per option.
 */
#include "sim/server/options.h"

#include <string.h>

#define PORT_STEP 10 /* between the ports of the sites, with --port-base */

static const char summary[] =
    "Two simulated OpenStack clouds, site-a and site-b, for development, demos and tests. They "
    "hold\n"
    "what the lab's clouds hold (project prod with servers web-1 and db-1 at site-a; every "
    "password is\n"
    "\"lab\"), and answer on loopback addresses as the real services do. Prints \"ready\" when "
    "serving;\n"
    "ends on SIGTERM. POST /sim/control/… on the control port breaks things.";

struct raw {
    char *address_a, *address_b, *volumes_a, *volumes_b, *protector_a, *protector_b;
    char *state_dir, *clouds, *openstack, *control;
    int port_base, control_port, latency_ms, transition_ms;
    gboolean print_clouds, empty, version;
};

static void set_ports(struct options *o, int base)
{
    for (int site = 0; base > 0 && site < SIM_SITES; site++) {
        for (int service = 0; service < SIM_SERVICES; service++)
            o->sim.site[site].ports[service] = base + site * PORT_STEP + service;
    }
    if (base > 0)
        o->control_port = base + SIM_SITES * PORT_STEP;
}

static void set_transitions(struct sim_latency *l, int64_t ms)
{
    *l = (struct sim_latency){.volume_ms = ms,
                              .manage_ms = ms,
                              .snapshot_ms = ms,
                              .group_ms = ms,
                              .attach_ms = ms,
                              .server_build_ms = 3 * ms,
                              .server_start_ms = ms,
                              .server_stop_ms = ms,
                              .server_delete_ms = ms};
}

/* Keeps a string of GLib's as long as the options live. */
static const char *keep(struct options *o, char *text)
{
    if (text != NULL)
        g_ptr_array_add(o->owned, text);
    return text;
}

static err_t *take(struct options *o, struct raw *raw)
{
    char **const texts[] = {&raw->address_a,   &raw->address_b,   &raw->volumes_a, &raw->volumes_b,
                            &raw->protector_a, &raw->protector_b, &raw->state_dir, &raw->clouds,
                            &raw->openstack,   &raw->control};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        keep(o, *texts[i]);
    struct sim_site_options *a = &o->sim.site[SIM_SITE_A];
    struct sim_site_options *b = &o->sim.site[SIM_SITE_B];
    a->address = raw->address_a != NULL ? raw->address_a : a->address;
    b->address = raw->address_b != NULL ? raw->address_b : b->address;
    a->volumes_dir = raw->volumes_a;
    b->volumes_dir = raw->volumes_b;
    a->protector_url = raw->protector_a;
    b->protector_url = raw->protector_b;
    o->sim.empty = raw->empty;
    o->state_dir = raw->state_dir;
    o->clouds_file = raw->clouds;
    o->print_clouds = raw->print_clouds;
    o->print_version = raw->version;
    o->latency_ms = raw->latency_ms;
    o->control_address = raw->control != NULL ? raw->control : a->address;
    set_ports(o, raw->port_base);
    if (raw->control_port > 0)
        o->control_port = raw->control_port;
    if (raw->transition_ms >= 0)
        set_transitions(&o->sim.latency, raw->transition_ms);
    if (g_strcmp0(raw->openstack, "victoria") == 0)
        o->sim.release = SIM_VICTORIA;
    else if (raw->openstack != NULL && strcmp(raw->openstack, "zed") != 0)
        return err(BAD_REQUEST, "--openstack %s: it is victoria or zed", raw->openstack);
    if (raw->latency_ms < 0 || raw->port_base < 0 || raw->port_base > 65000)
        return err(BAD_REQUEST, "--latency-ms and --port-base take a number from 0 on");
    return NULL;
}

#define TEXT(name, field, arg, help)                                                               \
    {                                                                                              \
        name, 0, 0, G_OPTION_ARG_STRING, &raw.field, help, arg                                     \
    }
#define NUMBER(name, field, help)                                                                  \
    {                                                                                              \
        name, 0, 0, G_OPTION_ARG_INT, &raw.field, help, "N"                                        \
    }
#define FLAG(name, field, help)                                                                    \
    {                                                                                              \
        name, 0, 0, G_OPTION_ARG_NONE, &raw.field, help, NULL                                      \
    }

err_t *options_parse(int argc, char **argv, struct options *ret)
{
    struct raw raw = {.transition_ms = -1};
    const GOptionEntry entries[] = {
        TEXT("address-a", address_a, "IP", "of site-a (127.0.10.1)"),
        TEXT("address-b", address_b, "IP", "of site-b (127.0.20.1)"),
        NUMBER("port-base", port_base,
               "ports from N on instead of OpenStack's; site-b from N+10 on"),
        TEXT("control-address", control, "IP", "of /sim/control (site-a's)"),
        NUMBER("control-port", control_port, "of /sim/control (8799, or port-base + 20)"),
        TEXT("state-dir", state_dir, "DIR", "keep the state there from one start to the next"),
        TEXT("volumes-dir-a", volumes_a, "DIR", "the volumes of site-a are sparse files there"),
        TEXT("volumes-dir-b", volumes_b, "DIR", "and those of site-b"),
        NUMBER("latency-ms", latency_ms, "every answer takes so long"),
        NUMBER("transition-ms", transition_ms, "volumes and servers change so fast (20 to 90)"),
        TEXT("openstack", openstack, "RELEASE", "whose version numbers: zed (default) or victoria"),
        TEXT("release", openstack, "RELEASE", "the same"),
        TEXT("protector-url-a", protector_a, "URL", "registered in site-a's catalog"),
        TEXT("protector-url-b", protector_b, "URL", "registered in site-b's catalog"),
        TEXT("clouds", clouds, "FILE", "write clouds.yaml there"),
        FLAG("print-clouds", print_clouds, "print clouds.yaml and end"),
        FLAG("empty", empty, "projects and users only"),
        FLAG("version", version, "print the version and end"),
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    *ret = (struct options){.control_port = 8799, .owned = g_ptr_array_new_with_free_func(g_free)};
    sim_options_init(&ret->sim);
    GOptionContext *context = g_option_context_new("- two simulated OpenStack clouds");
    g_option_context_set_summary(context, summary);
    g_option_context_add_main_entries(context, entries, NULL);
    g_autoptr(GError) error = NULL;
    bool good = g_option_context_parse(context, &argc, &argv, &error);
    g_option_context_free(context);
    err_t *e = take(ret, &raw);
    if (e == NULL && !good)
        e = err(BAD_REQUEST, "%s", error->message);
    if (e == NULL && argc > 1)
        e = err(BAD_REQUEST, "unexpected argument \"%s\"", argv[1]);
    return e;
}

void options_fini(struct options *options)
{
    g_ptr_array_unref(options->owned);
}
