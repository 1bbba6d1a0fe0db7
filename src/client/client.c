/* SPDX-License-Identifier: Apache-2.0 */
/* client - the handle of libprotectorclient; see include/protector/client.h. */
#include "client/commands.h"

#include "base/secrets.h"
#include "net/curl.h"

#include <stdlib.h>

#define EXPORT PROTECTOR_EXPORT

struct protector_error {
    err_t *e;
    char *message;
};

#ifndef PROTECTOR_VERSION
#define PROTECTOR_VERSION "0.1.0"
#endif

/* ---- errors ---- */

/* The manual's own texts have several lines and stand as they are; others are one line with causes.
 */
static struct protector_error *error_from(err_t *takes)
{
    struct protector_error *error = g_new0(struct protector_error, 1);

    error->e = takes;
    error->message =
        err_is(takes, ERR_PEER_UNREACHABLE) ? g_strdup(err_message(takes)) : err_text(takes);
    return error;
}

EXPORT const char *protector_error_message(const struct protector_error *error)
{
    return error->message;
}

EXPORT const char *protector_error_code(const struct protector_error *error)
{
    return err_code_text(error->e);
}

EXPORT const char *protector_error_remedy(const struct protector_error *error)
{
    return err_remedy_text(error->e);
}

EXPORT const char *protector_error_detail(const struct protector_error *error, const char *key)
{
    return err_detail_get(error->e, key);
}

EXPORT int protector_error_http_status(const struct protector_error *error)
{
    return err_http_status(error->e);
}

/* docs/cli.md: 1 failed, 2 usage, 3 a site did not answer, 4 not allowed, 5 not found, 6 conflict.
 */
EXPORT int protector_error_exit_code(const struct protector_error *error)
{
    enum err_code code = err_code(error->e);
    int status = err_http_status(error->e);

    if (code == ERR_CLIENT_USAGE)
        return 2;
    if (code == ERR_PEER_UNREACHABLE || end_is_unreachable(error->e))
        return 3;
    if (status == 401 || status == 403)
        return 4;
    return status == 404 ? 5 : status == 409 || status == 412 || status == 428 ? 6 : 1;
}

EXPORT void protector_error_free(struct protector_error *error)
{
    if (error == NULL)
        return;
    err_free(error->e);
    g_free(error->message);
    g_free(error);
}

EXPORT void protector_free(char *text)
{
    g_free(text);
}

/* ---- opening ---- */

static void options_copy(struct protector_client_options *to,
                         const struct protector_client_options *from)
{
    *to = (struct protector_client_options){.size = sizeof *to};
    memcpy(to, from, MIN(from->size, sizeof *to));
    const char **texts[] = {&to->cloud,    &to->secondary_cloud, &to->config_file,
                            &to->region,   &to->interface,       &to->token,
                            &to->endpoint, &to->user_agent,      &to->api_version};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        *texts[i] = g_strdup(*texts[i]);
}

struct protector_client *client_open_with(const struct protector_client_options *options,
                                          const struct http_transport *transport,
                                          const struct env *env)
{
    struct protector_client *c = g_new0(struct protector_client, 1);

    g_assert(options->getenv != NULL && options->wait != NULL);
    options_copy(&c->o, options);
    c->env = env;
    c->transport = c->o.debug ? debug_transport(c, transport) : transport;
    c->ends = g_ptr_array_new_with_free_func((GDestroyNotify)end_destroy);
    return c;
}

static err_t *curl_trust(void *data, const char *base_url, const char *cafile, bool insecure)
{
    return curl_transport_trust(data, base_url, cafile, insecure);
}

EXPORT struct protector_client *
protector_client_open(const struct protector_client_options *options,
                      struct protector_error **ret_error)
{
    struct curl_options curl = {.user_agent = options->user_agent, .environment_proxy = true};

    if (options->getenv == NULL || options->wait == NULL) {
        if (ret_error != NULL)
            *ret_error = error_from(err(CLIENT_USAGE, "options getenv and wait are required"));
        return NULL;
    }
    secrets_init();
    struct curl_transport *transport = curl_transport_create(&curl);
    struct protector_client *c =
        client_open_with(options, curl_transport_http(transport), &env_system);
    c->owned_transport = transport;
    c->trust = curl_trust;
    return c;
}

EXPORT void protector_client_close(struct protector_client *c)
{
    if (c == NULL)
        return;
    g_ptr_array_unref(c->ends);
    json_decref(c->clouds);
    curl_transport_destroy(c->owned_transport);
    const char *texts[] = {c->o.cloud,    c->o.secondary_cloud, c->o.config_file,
                           c->o.region,   c->o.interface,       c->o.token,
                           c->o.endpoint, c->o.user_agent,      c->o.api_version};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free((char *)texts[i]);
    g_free(c);
}

/* ---- running ---- */

EXPORT const char *protector_commands_json(void)
{
    static char *text; /* made once, the same for ever */
    static gsize once;

    if (g_once_init_enter(&once)) {
        text = commands_print();
        g_once_init_leave(&once, 1);
    }
    return text;
}

/* A secret is given as it is, or as @FILE: what stands there, without blanks around it. */
static err_t *secret_read(const struct option *o, json_t *args)
{
    const char *given = json_str(args, o->name + 2);
    g_autoptr(GError) why = NULL;
    char *text = NULL;

    if (given == NULL || *given != '@')
        return NULL;
    if (!g_file_get_contents(given + 1, &text, NULL, &why))
        return err(CLIENT_USAGE, "%s: %s", o->name, why->message);
    json_set_str(args, o->name + 2, g_strstrip(text));
    secret_free(text);
    return NULL;
}

static err_t *choice_check(const struct option *o, const json_t *args)
{
    const char *given = json_str(args, o->name + 2);
    g_auto(GStrv) choices = option_choices(o);

    if (given == NULL || choices == NULL)
        return NULL;
    if (g_strv_contains((const char *const *)choices, given))
        return NULL;
    g_autofree char *list = g_strjoinv("' or '", choices);
    return err(CLIENT_USAGE, "%s is '%s', not '%s'", o->name, list, given);
}

/* Asked for at a prompt: a required secret, and one whose user was given. */
static bool is_asked_for(const struct option *o, const json_t *args)
{
    bool user = (o->flags & OPTION_WITH_USER) != 0 && json_str(args, "service-username") != NULL;

    return (o->flags & OPTION_SECRET) != 0 && ((o->flags & OPTION_REQUIRED) != 0 || user);
}

static err_t *option_complete(struct protector_client *c, const struct command *command,
                              const struct option *o, json_t *args)
{
    const char *key = o->name + 2;

    if (json_object_get(args, key) != NULL) {
        TRY(choice_check(o, args));
        return o->flags & OPTION_SECRET ? secret_read(o, args) : NULL;
    }
    g_autofree char *question = g_strdup_printf("%s: ", o->name);
    char *answer =
        is_asked_for(o, args) && c->o.ask != NULL ? c->o.ask(c->o.data, question, 1) : NULL;
    if (answer != NULL && *answer != '\0')
        json_set_str(args, key, answer);
    secret_free(answer);
    if (json_object_get(args, key) != NULL || !(o->flags & OPTION_REQUIRED))
        return NULL;
    return err(CLIENT_USAGE, "%s needs %s %s", command->name, o->name,
               o->value != NULL ? o->value : "");
}

/* Required options that are missing, values that there are not; secrets are read or asked for. */
static err_t *args_complete(struct protector_client *c, const struct command *command, json_t *args)
{
    for (size_t i = 0; i < COMMAND_OPTIONS_MAX && command->options[i].name != NULL; i++)
        TRY(option_complete(c, command, &command->options[i], args));
    for (size_t i = 0; i < COMMAND_ARGUMENTS_MAX && command->arguments[i].name != NULL; i++) {
        if (json_str(args, command->arguments[i].name) == NULL)
            return err(CLIENT_USAGE, "%s needs <%s>: %s", command->name, command->arguments[i].name,
                       command->arguments[i].help);
    }
    return NULL;
}

static err_t *run(struct protector_client *c, const char *name, const char *arguments, char **ret)
{
    const struct command *command = command_find(name);
    g_autoptr(json_t) args = NULL;
    g_autoptr(json_t) result = NULL;

    if (command == NULL)
        return err(CLIENT_USAGE, "there is no command '%s'", name);
    TRY(json_parse(arguments, strlen(arguments), "the arguments", &args));
    TRY(args_complete(c, command, args));
    if (json_bool(args, "wait", false) && json_bool(args, "no-wait", false))
        return err(CLIENT_USAGE, "--wait and --no-wait exclude each other");
    struct call call = {c, args};
    TRY(command->run(&call, &result));
    if (result == NULL)
        return err_remedy(err(NET_PROTOCOL, "%s: the answer of Protector lacks what is to be shown",
                              command->name),
                          "look whether the endpoint in the catalog is Protector's and no proxy "
                          "answers there; --debug shows the answers");
    if (json_object_get(result, "exit") == NULL)
        json_set_int(result, "exit", 0);
    *ret = json_print(result);
    return NULL;
}

EXPORT struct protector_error *protector_client_run(struct protector_client *c, const char *command,
                                                    const char *arguments_json, char **ret_result)
{
    err_t *e = run(c, command, arguments_json, ret_result);

    return e != NULL ? error_from(e) : NULL;
}

EXPORT const char *protector_client_version(void)
{
    return PROTECTOR_VERSION;
}

static err_t *api_range(struct protector_client *c, char **ret)
{
    struct end *local = NULL;
    json_t *range = NULL;

    TRY(client_local(c, &local));
    TRY(end_range(local, &range));
    *ret = json_print(range);
    return NULL;
}

EXPORT struct protector_error *protector_client_api_range(struct protector_client *c,
                                                          char **ret_json)
{
    err_t *e = api_range(c, ret_json);

    return e != NULL ? error_from(e) : NULL;
}
