/* SPDX-License-Identifier: Apache-2.0 */
/* checks - see checks.h. */
#include "plan/checks.h"

#include <string.h>

#define STATUS_DEFAULT 200

static err_t *no_check(const char *text)
{
    return err(BAD_REQUEST,
               "'%.64s' is no check: tcp:PORT, http:PORT[/PATH][=STATUS], https:…, console:PATTERN",
               text);
}

/* A number at the start of '*text', which is moved behind it. */
static bool number_read(const char **text, int64_t min, int64_t max, int64_t *ret)
{
    char *end = NULL;

    if (!g_ascii_isdigit(**text))
        return false;
    *ret = (int64_t)g_ascii_strtoull(*text, &end, 10);
    *text = end;
    return *ret >= min && *ret <= max;
}

/* "/health=204": the path, to which no blank or control character belongs, and the status. */
static bool http_read(const char *text, json_t *out)
{
    const char *equals = strrchr(text, '=');
    int64_t status = STATUS_DEFAULT;

    if (equals != NULL) {
        const char *digits = equals + 1;
        if (!number_read(&digits, 100, 599, &status) || *digits != '\0')
            return false;
    }
    g_autofree char *path =
        equals != NULL ? g_strndup(text, (gsize)(equals - text)) : g_strdup(text);
    if (*path != '\0' && *path != '/')
        return false;
    for (const char *c = path; *c != '\0'; c++)
        if (!g_ascii_isgraph(*c))
            return false;
    json_set_str(out, "path", *path != '\0' ? path : "/");
    json_set_int(out, "status", status);
    return true;
}

static bool port_read(const char *kind, const char *text, json_t *out)
{
    int64_t port = 0;

    if (!number_read(&text, 1, 65535, &port))
        return false;
    json_set_int(out, "port", port);
    return strcmp(kind, "tcp") == 0 ? *text == '\0' : http_read(text, out);
}

err_t *plan_check_read(const char *text, json_t **ret)
{
    static const char *const kinds[] = {"tcp", "http", "https", "console"};
    g_autoptr(json_t) out = json_object();
    const char *colon = strchr(text, ':');

    if (colon == NULL || g_utf8_strlen(text, -1) > CHECK_TEXT_MAX)
        return no_check(text);
    g_autofree char *kind = g_strndup(text, (gsize)(colon - text));
    bool known = false;
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        known = known || strcmp(kinds[i], kind) == 0;
    bool console = strcmp(kind, "console") == 0;
    if (!known || colon[1] == '\0' || (!console && !port_read(kind, colon + 1, out)))
        return no_check(text);
    json_set_str(out, "check", text);
    json_set_str(out, "kind", kind);
    if (console)
        json_set_str(out, "pattern", colon + 1);
    *ret = TAKE(out);
    return NULL;
}

static bool names(const char *key, const json_t *member)
{
    static const char *const fields[] = {"id", "instance_id", "instance_name"};

    if (strcmp(key, "*") == 0)
        return true;
    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (g_strcmp0(json_str(member, fields[i]), key) == 0)
            return true;
    }
    return false;
}

static err_t *key_valid(const char *key, const json_t *list, const json_t *body)
{
    bool found = false;
    size_t i;
    json_t *entry;

    json_array_foreach(body_members(body), i, entry) found = found || names(key, entry);
    if (!found)
        return err(BAD_REQUEST, "checks: group '%s' has no member '%.64s'", body_name(body), key);
    if (!json_is_array(list) || json_array_size(list) > CHECKS_MAX)
        return err(BAD_REQUEST, "checks of '%.64s' are no list of at most %d", key, CHECKS_MAX);
    json_array_foreach((json_t *)list, i, entry)
    {
        g_autoptr(json_t) check = NULL;
        if (!json_is_string(entry))
            return err(BAD_REQUEST, "checks of '%.64s' are not texts", key);
        TRY(plan_check_read(json_string_value(entry), &check));
    }
    return NULL;
}

err_t *plan_checks_valid(const json_t *checks, const json_t *body)
{
    const char *key;
    json_t *list, *member;
    size_t i;

    json_object_foreach((json_t *)checks, key, list) TRY(key_valid(key, list, body));
    json_array_foreach(body_members(body), i, member)
    {
        g_autoptr(json_t) all = plan_checks_of(checks, member);
        if (json_array_size(all) > CHECKS_MAX)
            return err(BAD_REQUEST, "server '%s' would have %zu checks, at most %d are made",
                       json_str_or(member, "instance_name", "?"), json_array_size(all), CHECKS_MAX);
    }
    return NULL;
}

/* What is asked twice is looked at once; what cannot be read was valid when it was said. */
static void check_add(json_t *out, const char *text)
{
    json_t *check = NULL, *other;
    size_t i;

    err_t *e = plan_check_read(text, &check);
    json_array_foreach(out, i, other)
    {
        if (e == NULL && g_str_equal(json_str_or(other, "check", ""), text))
            g_clear_pointer(&check, json_decref);
    }
    if (check != NULL)
        json_array_append_new(out, check);
    err_free(e);
}

json_t *plan_checks_of(const json_t *checks, const json_t *member)
{
    json_t *out = json_array();
    const char *key;
    json_t *list, *entry;
    size_t i;

    if (body_member_start_check(member) != NULL)
        check_add(out, body_member_start_check(member));
    json_object_foreach((json_t *)checks, key, list)
    {
        if (!names(key, member))
            continue;
        json_array_foreach(list, i, entry) check_add(out, json_string_value(entry));
    }
    return out;
}
