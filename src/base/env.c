/* SPDX-License-Identifier: Apache-2.0 */
/*
 * env - the real clock and the kernel's random numbers; uuids and ISO-8601 times.
 *
 * The only file besides main() functions that may ask the system for time or chance.
 */
#include "base/env.h"

#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define DAY_MS INT64_C(86400000)

/* ---- the system ---- */

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    int rc = clock_gettime(clock, &now);
    g_assert(rc == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_now_ms(void *data G_GNUC_UNUSED)
{
    return clock_ms(CLOCK_REALTIME);
}

/* CLOCK_BOOTTIME goes on while a machine sleeps: a lease must not survive a suspend unnoticed. */
static int64_t system_mono_ms(void *data G_GNUC_UNUSED)
{
    return clock_ms(CLOCK_BOOTTIME);
}

static void system_random(void *data G_GNUC_UNUSED, void *buffer, size_t size)
{
    char *at = buffer;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        g_assert(got > 0 || errno == EINTR);
        if (got > 0) {
            at += got;
            size -= (size_t)got;
        }
    }
}

const struct env env_system = {
    .now_ms = system_now_ms,
    .mono_ms = system_mono_ms,
    .random = system_random,
};

/* ---- ids ---- */

void env_uuid(const struct env *env, char ret[37])
{
    unsigned char b[16];
    env->random(env->data, b, sizeof b);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(ret, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
             b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
             b[14], b[15]);
}

char *env_id(const struct env *env, const char *prefix)
{
    char uuid[37];
    env_uuid(env, uuid);
    return g_strconcat(prefix, uuid, NULL);
}

/* ---- times ---- */

/* Days since 1970-01-01 of a date of the Gregorian calendar (years start in March here). */
static int64_t days_of(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = year / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static bool date_exists(int year, int month, int day)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12 || day < 1)
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= lengths[month - 1] + (month == 2 && leap);
}

char *time_format(int64_t time_ms)
{
    int64_t seconds = time_ms / 1000 - (time_ms % 1000 < 0);
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(seconds);
    g_assert(time != NULL);
    return g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ");
}

/* Reads exactly 'count' digits and then, if it is not 0, the character 'after'. */
static bool digits(const char **at, int count, char after, int *ret)
{
    int value = 0;
    for (int i = 0; i < count; i++, (*at)++) {
        if (!g_ascii_isdigit(**at))
            return false;
        value = value * 10 + (**at - '0');
    }
    if (after != 0 && *(*at)++ != after)
        return false;
    *ret = value;
    return true;
}

/* Reads ".123456" if it is there; the milliseconds of it, or -1. */
static int fraction_ms(const char **at)
{
    int ms = 0;
    if (**at != '.')
        return 0;
    const char *start = ++*at;
    for (int unit = 100; g_ascii_isdigit(**at); (*at)++, unit /= 10)
        ms += unit * (**at - '0');
    return *at == start ? -1 : ms;
}

int64_t time_parse(const char *text)
{
    int year, month, day, hour, minute, second;
    const char *at = text;
    if (at == NULL || !digits(&at, 4, '-', &year) || !digits(&at, 2, '-', &month) ||
        !digits(&at, 2, 0, &day) || (*at != 'T' && *at != ' '))
        return -1;
    at++;
    if (!digits(&at, 2, ':', &hour) || !digits(&at, 2, ':', &minute) || !digits(&at, 2, 0, &second))
        return -1;
    int ms = fraction_ms(&at);
    if (ms < 0 || (*at != 0 && strcmp(at, "Z") != 0 && strcmp(at, "+00:00") != 0))
        return -1;
    if (year < 1970 || !date_exists(year, month, day) || hour > 23 || minute > 59 || second > 60)
        return -1;
    return days_of(year, month, day) * DAY_MS +
           ((int64_t)hour * 3600 + minute * 60 + second) * 1000 + ms;
}
