/* SPDX-License-Identifier: Apache-2.0 */
/* predict - see predict.h. */
#include "plan/predict.h"

#define LOOKS_S    15 /* the other site, this one, the point, the claim */
#define VOLUME_S   10 /* a copy, and Cinder's taking it over; eight at a time */
#define VOLUMES_AT 8
#define WAVE_S     45 /* ports, servers until they are ACTIVE */

/* The longest pause that the members of a wave ask for. */
static int64_t pause_s(const json_t *members, int64_t wave)
{
    int64_t longest = 0;
    size_t i;
    json_t *member;

    json_array_foreach((json_t *)members, i, member)
    {
        if (json_int(member, "wave", 0) == wave)
            longest = MAX(longest, json_int(member, "start_delay_s", 0));
    }
    return longest;
}

int64_t plan_rto_guess_s(const json_t *plan)
{
    const json_t *members = json_arr(plan, "members");
    int64_t volumes = (int64_t)json_array_size(json_arr(plan, "volumes")), sum = LOOKS_S;
    g_autoptr(GHashTable) waves = g_hash_table_new(g_direct_hash, g_direct_equal);
    size_t i;
    json_t *member;

    sum += (volumes + VOLUMES_AT - 1) / VOLUMES_AT * VOLUME_S;
    json_array_foreach((json_t *)members, i, member)
    {
        int64_t wave = json_int(member, "wave", 0);
        if (g_hash_table_add(waves, GINT_TO_POINTER((int)wave)))
            sum += WAVE_S + pause_s(members, wave);
    }
    return sum;
}
