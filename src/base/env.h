/* SPDX-License-Identifier: Apache-2.0 */
/*
 * env - clock and chance, handed in from outside.
 *
 * Nothing below daemons/ reads a clock or draws a random number but through this table, so that the
 * same code runs in production and in a simulation whose seed is a bug report.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct env {
    void *data;
    /* Wall clock: milliseconds since 1970 UTC.  May jump. */
    int64_t (*now_ms)(void *data);
    /* Monotonic clock in milliseconds; its origin means nothing.  Leases and time-outs use this. */
    int64_t (*mono_ms)(void *data);
    /* Fills 'buffer' with random bytes. */
    void (*random)(void *data, void *buffer, size_t size);
};

/* The real one: clock_gettime and the kernel's random numbers.  Used by daemons and the client. */
extern const struct env env_system;

static inline int64_t env_now_ms(const struct env *env)
{
    return env->now_ms(env->data);
}

static inline int64_t env_mono_ms(const struct env *env)
{
    return env->mono_ms(env->data);
}

/* Writes a random uuid (version 4, lower case, 36 characters) into 'ret'. */
void env_uuid(const struct env *env, char ret[37]);
/* A new "<prefix><uuid>", e.g. env_id(env, "pg-").  Caller frees. */
char *env_id(const struct env *env, const char *prefix);

/* ISO-8601, "2026-11-21T11:38:44Z" (whole seconds).  Caller frees. */
char *time_format(int64_t time_ms);
/* Parses what time_format prints, also with fractions (cut to ms) or without the Z; -1 if it is
 * none. */
int64_t time_parse(const char *text);
