/* SPDX-License-Identifier: Apache-2.0 */
/* point - see point.h. */
#include "plan/point.h"

#define REJECTED_SHOWN_MAX 5 /* in a message; the rest is counted */

/* The plan's volumes that 'point' lacks, as member -> reason; empty: it holds all. */
static json_t *point_lacks(const json_t *plan, const json_t *point)
{
    json_t *out = json_object();
    size_t i;
    json_t *volume;

    json_array_foreach(json_arr(plan, "volumes"), i, volume)
    {
        if (json_object_get(json_obj(point, "subjects"), json_str_or(volume, "id", "")) != NULL)
            continue;
        g_autofree char *why =
            g_strdup_printf("recovery point '%s' does not hold its volume '%s'",
                            json_str_or(point, "id", ""),
                            json_str_or(volume, "name", json_str_or(volume, "id", "")));
        json_set_str(out, json_str_or(volume, "member", ""), why);
    }
    return out;
}

/* Why no server can be made of 'point'; NULL if one can.  Caller frees. */
static char *rejects(const json_t *point, const json_t *plan)
{
    size_t members = json_array_size(json_arr(plan, "members"));
    g_autoptr(json_t) lacks = point_lacks(plan, point);

    if (json_str(point, "rejected") != NULL)
        return g_strdup(json_str(point, "rejected"));
    return members > 0 && json_object_size(lacks) >= members
               ? g_strdup("it holds no member with all its volumes")
               : NULL;
}

/* The newest usable point, of those that hold every volume if 'whole'; NULL if there is none. */
static json_t *newest(const json_t *points, const json_t *plan, bool whole)
{
    json_t *best = NULL;
    size_t i;
    json_t *point;

    json_array_foreach((json_t *)points, i, point)
    {
        g_autoptr(json_t) lacks = point_lacks(plan, point);
        g_autofree char *no = rejects(point, plan);
        if (no != NULL || (whole && json_object_size(lacks) > 0))
            continue;
        if (best == NULL || json_int(point, "time_ms", 0) > json_int(best, "time_ms", 0))
            best = point;
    }
    return best;
}

static json_t *rejected_of(const json_t *points, const json_t *plan)
{
    json_t *out = json_object();
    size_t i;
    json_t *point;

    json_array_foreach((json_t *)points, i, point)
    {
        g_autofree char *no = rejects(point, plan);
        if (no != NULL)
            json_set_str(out, json_str_or(point, "id", ""), no);
    }
    return out;
}

/* The first rejected points, each with its reason: ": p1: of lineage 3; p2: …". */
static char *rejected_text(const json_t *rejected)
{
    GString *text = g_string_new(NULL);
    const char *id;
    json_t *why;
    size_t shown = 0;

    json_object_foreach((json_t *)rejected, id, why)
    {
        if (shown == REJECTED_SHOWN_MAX) {
            g_string_append_printf(text, "; and %zu more", json_object_size(rejected) - shown);
            break;
        }
        g_string_append_printf(text, "%s %s: %s", shown > 0 ? ";" : ":", id,
                               json_string_value(why));
        shown++;
    }
    return g_string_free(text, FALSE);
}

static err_t *no_point(const char *group, const json_t *points, const json_t *rejected)
{
    g_autofree char *why = rejected_text(rejected);

    return err_remedy(
        err(NO_POINT, "group '%s' has no usable recovery point at this site (%zu seen%s)", group,
            json_array_size(points), why),
        "nothing was made; wait for a point to arrive, or start what this site has kept "
        "from when the group ran here: --from kept");
}

err_t *plan_point(const char *group, const json_t *points, const json_t *plan, int64_t interval_ms,
                  json_t **ret)
{
    g_autoptr(json_t) rejected = rejected_of(points, plan);
    json_t *any = newest(points, plan, false);
    json_t *whole = newest(points, plan, true);

    if (any == NULL)
        return no_point(group, points, rejected);
    bool near =
        whole != NULL && json_int(any, "time_ms", 0) - json_int(whole, "time_ms", 0) <= interval_ms;
    json_t *choice = json_deep_copy(near ? whole : any);
    json_set(choice, "left_out", point_lacks(plan, choice));
    json_set(choice, "rejected", json_incref(rejected));
    *ret = choice;
    return NULL;
}
