/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site - the state of the simulated clouds: tables of JSON rows.
 *
 * Each site has named tables ("volumes", "ports" …) of rows by id.  Tables keep the order in which
 * rows were added, so that every walk is deterministic.  Times in rows are int64 ms ("created_ms");
 * the services' views print them.  Nothing here knows HTTP; rows are only touched by the services.
 *
 * Invariant: sim->now_ms is the instant of the request or of the transition that is being worked
 * on.
 */
#pragma once

#include "sim/js.h"
#include "sim/sim.h"

struct site {
    struct sim *sim;
    int index;
    struct sim_site_options options; /* strings owned */
    json_t *tables;
    bool off; /* power cut */
    bool down[SIM_SERVICES];
};

struct sim {
    const struct env *env;
    struct sim_options options;
    struct site site[SIM_SITES];
    int64_t now_ms;
    GPtrArray *log;    /* of struct sim_log */
    GPtrArray *faults; /* of struct sim_fault, strings owned */
    struct http_transport transport;
};

/* The rows of a table; made when it is missing.  Borrowed. */
json_t *sim_site_table(struct site *site, const char *table);
/* The row, or NULL ('id' may be NULL).  Borrowed. */
json_t *sim_site_row(struct site *site, const char *table, const char *id);
/* Adds a row that has an "id" nobody has.  Takes 'row', returns it borrowed. */
json_t *sim_site_add(struct site *site, const char *table, json_t *row);
void sim_site_drop(struct site *site, const char *table, const char *id);
/* The first row whose string 'key' is 'value'. */
json_t *sim_site_find(struct site *site, const char *table, const char *key, const char *value);

/* for each row of a table; do not add or drop rows of it inside. */
#define sim_site_each(site, table, key, row)                                                       \
    json_object_foreach(sim_site_table((site), (table)), key, row)

/* New ids: with dashes, and 32 hex digits as Keystone makes them.  Caller frees. */
char *sim_site_uuid(struct site *site);
char *sim_site_hex(struct site *site);
/* 'size' characters of base64url alphabet. */
char *sim_site_secret(struct site *site, size_t size);
uint32_t sim_site_random(struct site *site, uint32_t below);
/* The next number of a counter that is kept with the state, from 1. */
int64_t sim_site_serial(struct site *site, const char *counter);
