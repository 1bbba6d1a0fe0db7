/* SPDX-License-Identifier: Apache-2.0 */
/* print - the plan as a page for people; its golden files are in tests/plans. */
#include "plan/failover.h"
#include "plan/kept.h"

/* The addresses of a nic, comma by comma. */
static char *addresses_text(const json_t *nic)
{
    GString *text = g_string_new(NULL);
    size_t i;
    json_t *ip;

    json_array_foreach(json_arr(nic, "fixed_ips"), i, ip)
        g_string_append_printf(text, "%s%s", i > 0 ? " and " : "",
                               json_str_or(ip, "ip_address", "?"));
    if (text->len == 0)
        g_string_append(text, "chosen by Neutron");
    return g_string_free(text, FALSE);
}

/* When it starts: "" if all start together. */
static char *turn_text(const json_t *plan, const json_t *member)
{
    int64_t wave = json_int(member, "wave", 0), delay_s = json_int(member, "start_delay_s", 0);
    const json_t *check = json_obj(member, "start_check");
    bool together = true;
    size_t i;
    json_t *other;

    json_array_foreach(json_arr(plan, "members"), i, other) together =
        together && json_int(other, "wave", 0) == wave;
    if (together)
        return g_strdup("");
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, ", priority %" G_GINT64_FORMAT, wave);
    if (delay_s > 0)
        g_string_append_printf(text, ", then %" G_GINT64_FORMAT " s", delay_s);
    if (check != NULL)
        g_string_append_printf(text, ", then %s (%" G_GINT64_FORMAT " s at most)",
                               json_str_or(check, "check", "?"),
                               json_int(member, "start_timeout_s", 0));
    return g_string_free(text, FALSE);
}

static void print_floating(GString *text, const json_t *nic)
{
    size_t i;
    json_t *row;

    json_array_foreach(json_arr(nic, "floating_ips"), i, row)
    {
        const char *address = json_str(row, "address");
        g_string_append_printf(text, "      floating IP %s%s, for %s\n",
                               address != NULL ? "" : "of network ",
                               address != NULL ? address : json_str_or(row, "network_name", "?"),
                               json_str_or(row, "source", "?"));
    }
}

static void print_member(GString *text, const json_t *plan, const json_t *member)
{
    g_autofree char *turn = turn_text(plan, member);
    size_t i;
    json_t *row;

    if (g_strcmp0(plan_kept_verdict(member), PLAN_RESUMES) == 0) {
        g_string_append_printf(text, "  nothing for %s: its own server is started\n",
                               json_str_or(member, "name", "?"));
        return;
    }
    const char *zone = json_str(member, "availability_zone");
    g_string_append_printf(text, "  server %s, flavor %s%s%s%s\n", json_str_or(member, "name", "?"),
                           json_str_or(member, "flavor_name", "MISSING"),
                           zone != NULL ? ", zone " : "", zone != NULL ? zone : "", turn);
    json_array_foreach(json_arr(plan, "volumes"), i, row)
    {
        if (g_strcmp0(json_str(row, "member"), json_str(member, "id")) != 0)
            continue;
        g_string_append_printf(text, "    volume %s, %" JSON_INTEGER_FORMAT " GiB, %s%s%s%s\n",
                               json_str_or(row, "name", "?"),
                               (json_int_t)json_int(row, "size_gib", 0),
                               json_str_or(row, "device", "?"),
                               json_int(row, "boot_index", -1) == 0 ? ", boots" : "",
                               json_str(row, "image_name") != NULL ? ", from image " : "",
                               json_str_or(row, "image_name", ""));
    }
    json_array_foreach(json_arr(member, "nics"), i, row)
    {
        g_autofree char *addresses = addresses_text(row);
        g_string_append_printf(text, "    port on %s%s, address %s, MAC %s%s%s%s\n",
                               json_str(row, "isolated") != NULL ? "an isolated network for " : "",
                               json_str_or(row, "network_name", "MISSING"), addresses,
                               json_str_or(row, "mac", "chosen by Neutron"),
                               json_bool(row, "foreign", false) ? ", on a shared network" : "",
                               json_bool(row, "port_security", true) ? "" : ", open",
                               json_str(row, "taken_over") != NULL ? ", of the server kept here"
                                                                   : "");
        print_floating(text, row);
    }
}

static void print_texts(GString *text, const char *head, const json_t *list, const char *field)
{
    size_t i;
    json_t *row;

    if (json_array_size(list) == 0)
        return;
    g_string_append_printf(text, "%s\n", head);
    json_array_foreach((json_t *)list, i, row)
    {
        const char *line = field != NULL ? json_str_or(row, field, "") : json_string_value(row);
        g_string_append_printf(text, "  %s\n", line);
        if (field != NULL) /* a problem: each has a remedy */
            g_string_append_printf(text, "    -> %s\n", json_str_or(row, "remedy", ""));
    }
}

char *plan_print(const json_t *plan)
{
    GString *text = g_string_new(NULL);
    size_t i;
    json_t *row;

    g_string_append_printf(text, "%s of %s\n", json_str_or(plan, "operation", "failover"),
                           json_str_or(plan, "group", "?"));
    g_string_append(text, "mappings\n");
    json_array_foreach(json_arr(plan, "mappings"), i, row)
    {
        g_string_append_printf(text, "  %s %s -> %s (%s)\n", json_str_or(row, "kind", ""),
                               json_str_or(row, "source", ""), json_str_or(row, "target", ""),
                               json_str_or(row, "how", ""));
    }
    g_string_append(text, "would be made\n");
    json_array_foreach(json_arr(plan, "security_groups"), i, row)
    {
        if (!json_bool(row, "exists", false))
            g_string_append_printf(text, "  security group %s\n", json_str_or(row, "name", "?"));
    }
    json_array_foreach(json_arr(plan, "keys"), i, row)
        g_string_append_printf(text, "  key pair %s, unless it is there\n",
                               json_str_or(row, "name", "?"));
    json_array_foreach(json_arr(plan, "server_groups"), i, row)
        g_string_append_printf(text, "  server group %s (%s)\n", json_str_or(row, "name", "?"),
                               json_str_or(row, "policy", "?"));
    json_array_foreach(json_arr(plan, "members"), i, row) print_member(text, plan, row);
    print_texts(text, "notes", json_arr(plan, "notes"), NULL);
    print_texts(text, "problems", json_arr(plan, "problems"), "text");
    return g_string_free(text, FALSE);
}
