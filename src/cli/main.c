/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main - `protector`, the command line: arguments in, results out, over libprotectorclient alone.
 */
#include "cli/arguments.h"
#include "cli/pages.h"
#include "cli/render.h"

#include <protector/client.h>

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

static const char *host_getenv(void *data, const char *name)
{
    (void)data;
    return getenv(name);
}

static int host_wait(void *data, int64_t ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    (void)data;
    nanosleep(&t, NULL);
    return interrupted;
}

/* Progress: a bar that stays in one line on a terminal, else a line per change. */
struct display {
    bool terminal;
    bool bar_open;
    char last[128];
};

static void progress_show(struct display *d, const json_t *event)
{
    int percent = (int)json_integer_value(json_object_get(event, "progress"));
    const char *step = json_string_value(json_object_get(event, "step"));
    const char *type = json_string_value(json_object_get(event, "type"));
    const char *status = json_string_value(json_object_get(event, "status"));
    char line[128];

    snprintf(line, sizeof line, "%s %d%% %s%s%s", type != NULL ? type : "", percent,
             status != NULL ? status : "", step != NULL ? " " : "", step != NULL ? step : "");
    if (strcmp(line, d->last) == 0)
        return;
    g_strlcpy(d->last, line, sizeof d->last);
    if (!d->terminal) {
        fprintf(stderr, "%s\n", line);
        return;
    }
    fprintf(stderr, "\r\033[K[%-20.*s] %s", percent / 5, "####################", line);
    d->bar_open = true;
}

/* Progress, and what is said in words (notes, warnings); carried messages are not for people. */
static void host_event(void *data, const char *event_json)
{
    struct display *d = data;
    json_t *event = json_loads(event_json, 0, NULL);
    const char *kind = json_string_value(json_object_get(event, "event"));
    const char *text = json_string_value(json_object_get(event, "text"));

    if (kind != NULL && strcmp(kind, "progress") == 0) {
        progress_show(d, event);
    } else if (kind != NULL && text != NULL) {
        fprintf(stderr, "%s%s: %s\n", d->bar_open ? "\n" : "", kind, text);
        d->bar_open = false;
    }
    json_decref(event);
}

static char *host_ask(void *data, const char *question, int secret)
{
    char line[4096];

    (void)data;
    if (!isatty(STDIN_FILENO))
        return NULL;
    if (secret) {
        const char *answer = getpass(question);
        return answer != NULL ? strdup(answer) : NULL;
    }
    fputs(question, stderr);
    if (fgets(line, sizeof line, stdin) == NULL)
        return NULL;
    line[strcspn(line, "\n")] = '\0';
    return strdup(line);
}

static int failed(struct protector_error *e, struct display *d)
{
    const char *remedy = protector_error_remedy(e);
    int code = interrupted ? 1 : protector_error_exit_code(e); /* the user's wish is no conflict */

    fprintf(stderr, "%sError: %s\n", d->bar_open ? "\n" : "", protector_error_message(e));
    if (*remedy != '\0' && strstr(protector_error_message(e), "\nAction:") == NULL)
        fprintf(stderr, "Action: %s\n", remedy);
    if (protector_error_detail(e, "operation") != NULL)
        fprintf(stderr, "Operation: %s\n", protector_error_detail(e, "operation"));
    if (protector_error_detail(e, "request_id") != NULL)
        fprintf(stderr, "Request: %s\n", protector_error_detail(e, "request_id"));
    protector_error_free(e);
    return code;
}

static void notes_print(const json_t *result)
{
    size_t i;
    json_t *note;

    json_array_foreach(json_object_get(result, "notes"), i, note)
        fprintf(stderr, "%s\n", json_string_value(note));
}

static int show(const struct arguments *a, const char *text)
{
    json_t *result = json_loads(text, 0, NULL);
    struct render r = {stdout, RENDER_TABLE, NULL};
    g_autoptr(GPtrArray) columns = g_ptr_array_new();

    for (guint i = 0; i < a->columns->len; i++)
        g_ptr_array_add(columns, g_ptr_array_index(a->columns, i));
    g_ptr_array_add(columns, NULL);
    if (a->columns->len > 0)
        r.columns = (const char *const *)columns->pdata;
    if (a->format != NULL)
        r.format = render_format_of(a->format);
    int code = (int)json_integer_value(json_object_get(result, "exit"));
    g_autofree char *wrong = render(&r, result);
    if (wrong != NULL) {
        fprintf(stderr, "Error: %s (the command itself is done)\n", wrong);
        code = 2;
    }
    notes_print(result);
    json_decref(result);
    return code;
}

/* The client's version; with a cloud, the API's range too, or why it is not known. */
static int version(struct protector_client *client, struct display *d)
{
    char *range = NULL;
    struct protector_error *e = protector_client_api_range(client, &range);

    printf("protector %s\n", protector_client_version());
    if (e == NULL) {
        json_t *j = json_loads(range, 0, NULL);
        printf("API versions %s to %s\n", json_string_value(json_object_get(j, "min")),
               json_string_value(json_object_get(j, "max")));
        json_decref(j);
    } else {
        fflush(stdout);
        fputs("The API's versions are not known:\n", stderr);
        (void)failed(e, d);
    }
    protector_free(range);
    return 0;
}

static int command_run(const struct arguments *a, struct protector_client *client,
                       struct display *d)
{
    char *values = json_dumps(a->values, JSON_COMPACT);
    char *result = NULL;
    const char *name = json_string_value(json_object_get(a->command, "name"));
    struct protector_error *e = protector_client_run(client, name, values, &result);

    free(values);
    if (e != NULL)
        return failed(e, d);
    if (d->bar_open)
        fputc('\n', stderr);
    int code = show(a, result);
    protector_free(result);
    return code;
}

static int run(const struct arguments *a)
{
    struct display display = {.terminal = isatty(STDERR_FILENO)};
    struct protector_error *e = NULL;
    struct protector_client_options options = {
        .size = sizeof options,
        .getenv = host_getenv,
        .wait = host_wait,
        .event = host_event,
        .ask = host_ask,
        .data = &display,
        .cloud = a->cloud,
        .secondary_cloud = a->secondary_cloud,
        .config_file = a->config_file,
        .region = a->region,
        .interface = a->interface,
        .user_agent = "protector",
        .debug = a->debug,
    };

    if (a->version && a->cloud == NULL && getenv("OS_CLOUD") == NULL &&
        getenv("OS_AUTH_URL") == NULL) {
        printf("protector %s\n", protector_client_version());
        return 0;
    }
    struct protector_client *client = protector_client_open(&options, &e);
    if (client == NULL)
        return failed(e, &display);
    int code = a->version ? version(client, &display) : command_run(a, client, &display);
    protector_client_close(client);
    return code;
}

int main(int argc, char **argv)
{
    struct arguments a;
    struct sigaction action = {.sa_handler = on_interrupt};
    int code = 0;

    sigaction(SIGINT, &action, NULL);
    char *wrong = arguments_parse(argc, argv, &a);
    if (wrong == NULL && a.format != NULL && render_format_of(a.format) == RENDER_FORMATS)
        wrong = g_strdup_printf("'%s' is no format: table, json, yaml, value or csv", a.format);
    if (wrong != NULL) {
        fprintf(stderr, "Error: %s\n", wrong);
        g_free(wrong);
        code = 2;
    } else if (a.page != NULL && strcmp(a.page, "man") == 0) {
        page_man(&a, stdout);
    } else if (a.page != NULL) {
        page_completion(&a, stdout);
    } else if (a.help || (a.command == NULL && !a.version)) {
        page_help(&a, a.help ? stdout : stderr);
        code = a.help ? 0 : 2;
    } else {
        code = run(&a);
    }
    arguments_fini(&a);
    return code;
}
