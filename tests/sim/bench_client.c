/* SPDX-License-Identifier: Apache-2.0 */
/* bench_client - commands as a user gives them: each is a process of the command line. */
#include "tests/sim/bench_internal.h"

#include "client/client_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *client_getenv(void *data, const char *name)
{
    (void)data;
    (void)name;
    return NULL;
}

static int client_wait(void *data, int64_t ms)
{
    struct bench *b = data;

    bench_pass(b, ms);
    bool tired = b->patience_ms > 0 && b->clock_ms - b->begun_ms > b->patience_ms;
    return b->client_budget == 0 || tired; /* a dead client waits for nothing */
}

static char *client_ask(void *data, const char *question, int secret)
{
    struct bench *b = data;

    (void)secret;
    g_string_append_printf(b->asked, "%s\n", question);
    return b->answer != NULL ? strdup(b->answer) : NULL;
}

static void client_event(void *data, const char *event)
{
    g_string_append_printf(((struct bench *)data)->events, "%s\n", event);
    if (bench_tracing())
        fprintf(stderr, "       client: %s\n", event);
}

static json_t *arguments(va_list list)
{
    json_t *args = json_object();
    const char *key;

    while ((key = va_arg(list, const char *)) != NULL) {
        if (*key == '!')
            json_object_set_new(args, key + 1, json_true());
        else if (*key == '*')
            json_object_set_new(args, key + 1, json_pack("[s]", va_arg(list, const char *)));
        else
            json_object_set_new(args, key, json_string(va_arg(list, const char *)));
    }
    return args;
}

/* One process of the command line: opened, run, closed. */
static json_t *command(struct bench *b, const char *cloud, const char *name, json_t *args,
                       char **ret_code)
{
    struct protector_client_options options = {.size = sizeof options,
                                               .getenv = client_getenv,
                                               .wait = client_wait,
                                               .ask = client_ask,
                                               .event = client_event,
                                               .data = b,
                                               .cloud = cloud,
                                               .config_file = b->clouds,
                                               .user_agent = "bench"};
    g_autofree char *text = json_print(args);
    char *out = NULL;
    json_t *result = NULL;
    const char *other = g_str_has_suffix(cloud, "-a") ? "-b" : "-a";
    g_autofree char *secondary = g_strdup_printf("%.*s%s", (int)strlen(cloud) - 2, cloud, other);

    options.secondary_cloud = b->secondary != NULL ? b->secondary : secondary;
    options.api_version = b->api_version;
    options.token = b->token;
    options.endpoint = b->endpoint;
    json_decref(args);
    if (bench_tracing())
        fprintf(stderr, "$ [%s] protector %s %s\n", cloud, name, text);
    int64_t begun_ms = b->begun_ms; /* of a command that this one is given in the middle of */
    b->begun_ms = b->clock_ms;
    struct protector_client *client = client_open_with(&options, &b->transport, &b->env);
    struct protector_error *e = protector_client_run(client, name, text, &out);
    protector_client_close(client);
    b->begun_ms = begun_ms;
    g_clear_pointer(&b->last_error, g_free);
    if (e != NULL) {
        const char *remedy = protector_error_remedy(e);
        b->last_error = g_strdup_printf("%s%s%s", protector_error_message(e),
                                        *remedy != '\0' ? "\nAction: " : "", remedy);
        *ret_code = g_strdup(protector_error_code(e));
        if (bench_tracing())
            fprintf(stderr, "Error %s: %s\n", *ret_code, b->last_error);
        protector_error_free(e);
        return NULL;
    }
    bench_must(json_parse(out, strlen(out), "the result", &result), name);
    if (bench_tracing())
        fprintf(stderr, "%s\n", out);
    protector_free(out);
    return result;
}

json_t *bench_run(struct bench *b, const char *cloud, const char *name, json_t *takes)
{
    g_autofree char *code = NULL;

    return command(b, cloud, name, takes, &code);
}

json_t *bench_ok(struct bench *b, const char *cloud, const char *name, ...)
{
    g_autofree char *code = NULL;
    va_list list;

    va_start(list, name);
    json_t *result = command(b, cloud, name, arguments(list), &code);
    va_end(list);
    if (result == NULL)
        fail_msg("%s at %s: %s: %s", name, cloud, code, b->last_error);
    return result;
}

void bench_fails(struct bench *b, const char *want, const char *cloud, const char *name, ...)
{
    g_autofree char *code = NULL;
    va_list list;

    va_start(list, name);
    g_autoptr(json_t) result = command(b, cloud, name, arguments(list), &code);
    va_end(list);
    if (result != NULL)
        fail_msg("%s at %s should have failed with %s", name, cloud, want);
    if (g_strcmp0(code, want) != 0)
        fail_msg("%s at %s failed with %s, not %s: %s", name, cloud, code, want, b->last_error);
}

json_t *bench_try(struct bench *b, const char *cloud, const char *name, ...)
{
    g_autofree char *code = NULL;
    va_list list;

    va_start(list, name);
    json_t *result = command(b, cloud, name, arguments(list), &code);
    va_end(list);
    return result;
}
