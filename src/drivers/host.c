/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host - the engine's services as a table for drivers.  See host.h.
 */
#include "drivers/host.h"

#include <string.h>

#include "base/secrets.h"
#include "drivers/registry.h"

#define NUMBER_MAX INT64_C(1000000000000000)

struct driver_host {
    struct protector_host table;
    struct driver_host_config config;
    const struct protector_driver *driver;
};

static int64_t host_now_ms(void *data)
{
    const struct driver_host *host = data;

    return env_now_ms(host->config.env);
}

static int64_t host_mono_ms(void *data)
{
    const struct driver_host *host = data;

    return env_mono_ms(host->config.env);
}

static void host_random(void *data, void *buffer, size_t size)
{
    const struct driver_host *host = data;

    host->config.env->random(host->config.env->data, buffer, size);
}

static void host_pause_ms(void *data, int64_t ms)
{
    const struct driver_host *host = data;

    if (host->config.pause_ms != NULL)
        host->config.pause_ms(host->config.data, ms);
}

static void host_log(void *data, enum protector_log_level level, const char *message)
{
    const struct driver_host *host = data;

    if (host->config.log != NULL)
        host->config.log(host->config.data, level, host->driver->name, message);
}

static const char *host_option(void *data, const char *name)
{
    const struct driver_host *host = data;
    const char *value = NULL;

    if (host->config.option != NULL)
        value = host->config.option(host->config.data, name);
    if (value != NULL)
        return value;
    for (const struct protector_option *o = host->driver->options; o != NULL && o->name; o++)
        if (strcmp(o->name, name) == 0)
            return o->fallback;
    return NULL;
}

static void host_digest(void *data, const void *bytes, size_t size, char ret[PROTECTOR_KEY_SIZE])
{
    (void)data;
    G_STATIC_ASSERT(PROTECTOR_KEY_SIZE == HASH_HEX_SIZE);
    hash_hex(bytes, size, ret);
}

/* ---- HTTP ---- */

/* What a failed exchange means to a driver. */
static enum protector_status status_of_class(enum err_class class)
{
    switch (class) {
    case ERR_CLASS_TRANSIENT:
        return PROTECTOR_TRANSIENT;
    case ERR_CLASS_AMBIGUOUS:
        return PROTECTOR_AMBIGUOUS;
    case ERR_CLASS_PERMANENT:
    case ERR_CLASS_PERSON:
    case ERR_CLASS_FENCED:
    case ERR_CLASS_BUG:
        return PROTECTOR_PERMANENT;
    }
    return PROTECTOR_PERMANENT;
}

/* Lends 'resp' to the driver: the strings stay its own until http_free. */
static void response_lend(struct http_response *resp, struct protector_http_response *ret)
{
    struct protector_http_header *headers =
        g_new0(struct protector_http_header, resp->headers->len);

    for (guint i = 0; i < resp->headers->len; i++) {
        const struct http_header *header = g_ptr_array_index(resp->headers, i);

        headers[i] = (struct protector_http_header){header->name, header->value};
    }
    if (resp->body == NULL)
        resp->body = g_strdup("");
    *ret = (struct protector_http_response){.status = resp->status,
                                            .headers = headers,
                                            .header_count = resp->headers->len,
                                            .body = resp->body,
                                            .body_size = resp->body_size,
                                            .host_private = resp};
}

static struct http_request *request_of(const struct protector_http_request *request)
{
    struct http_request *req = http_request_create(request->method, request->url);

    req->timeout_ms = request->timeout_ms;
    req->cafile = g_strdup(request->ca_file);
    req->insecure = request->insecure != 0;
    for (size_t i = 0; i < request->header_count; i++)
        http_request_set(req, request->headers[i].name, request->headers[i].value);
    if (request->body != NULL)
        http_request_body(req, request->body, request->body_size);
    return req;
}

static enum protector_status host_http(void *data, const struct protector_http_request *request,
                                       struct protector_http_response *ret,
                                       struct protector_error *error)
{
    const struct driver_host *host = data;
    struct http_response *resp = NULL;
    AUTO(http_request) req = NULL;
    g_autoptr(err_t) e = NULL;
    g_autofree char *text = NULL;

    if (host->config.transport == NULL)
        return protector_fail(error, PROTECTOR_PERMANENT, "there is no way to send to %s",
                              request->url);
    req = request_of(request);
    e = http_send(host->config.transport, req, &resp);
    if (e == NULL) {
        response_lend(resp, ret);
        return PROTECTOR_OK;
    }
    text = err_text(e);
    return protector_fail(error, status_of_class(err_class(e)), "%s", text);
}

static void host_http_free(void *data, struct protector_http_response *response)
{
    (void)data;
    g_free(response->headers);
    http_response_destroy(response->host_private);
    *response = (struct protector_http_response){0};
}

/* ---- life ---- */

struct driver_host *driver_host_create(const struct driver_host_config *config,
                                       const struct protector_driver *driver)
{
    struct driver_host *host = g_new0(struct driver_host, 1);

    host->config = *config;
    host->driver = driver;
    host->table = (struct protector_host){.size = sizeof host->table,
                                          .data = host,
                                          .now_ms = host_now_ms,
                                          .mono_ms = host_mono_ms,
                                          .random = host_random,
                                          .pause_ms = host_pause_ms,
                                          .log = host_log,
                                          .option = host_option,
                                          .state_dir = config->state_dir,
                                          .http = host_http,
                                          .http_free = host_http_free,
                                          .digest = host_digest};
    return host;
}

void driver_host_destroy(struct driver_host *host)
{
    g_free(host);
}

const struct protector_host *driver_host_table(const struct driver_host *host)
{
    return &host->table;
}

/* ---- options ---- */

static bool value_fits(enum protector_option_kind kind, const char *value)
{
    static const char *const booleans[] = {"true", "false", "yes", "no", "on", "off", "1", "0"};

    switch (kind) {
    case PROTECTOR_OPTION_STRING:
    case PROTECTOR_OPTION_SECRET:
        return true;
    case PROTECTOR_OPTION_INTEGER:
        return g_ascii_string_to_signed(value, 10, 0, NUMBER_MAX, NULL, NULL);
    case PROTECTOR_OPTION_BOOLEAN:
        for (size_t i = 0; i < G_N_ELEMENTS(booleans); i++)
            if (g_ascii_strcasecmp(booleans[i], value) == 0)
                return true;
        return false;
    }
    return false;
}

static err_t *table_check(const struct driver_host *host, const struct protector_option *table)
{
    for (const struct protector_option *o = table; o != NULL && o->name != NULL; o++) {
        const char *value = host_option((void *)host, o->name);

        if (value != NULL && !value_fits(o->kind, value))
            return err(CONFIG, "[storage] %s = %s: not a %s", o->name, value,
                       o->kind == PROTECTOR_OPTION_INTEGER ? "number from 0 to 10^15" : "boolean");
    }
    return NULL;
}

err_t *driver_host_check(const struct driver_host *host)
{
    TRY(table_check(host, host->driver->options));
    for (size_t i = 0; i < registry_option_tables(); i++)
        TRY(table_check(host, registry_option_table(i)));
    return NULL;
}

/* ---- outcomes ---- */

static enum err_code code_of(enum protector_status status)
{
    switch (status) {
    case PROTECTOR_OK:
        break;
    case PROTECTOR_PENDING:
        return ERR_DRIVER_PENDING;
    case PROTECTOR_NOT_FOUND:
        return ERR_DRIVER_NOT_FOUND;
    case PROTECTOR_EXISTS:
        return ERR_DRIVER_EXISTS;
    case PROTECTOR_TRANSIENT:
        return ERR_DRIVER_TRANSIENT;
    case PROTECTOR_AMBIGUOUS:
        return ERR_DRIVER_AMBIGUOUS;
    case PROTECTOR_PERMANENT:
        return ERR_DRIVER_PERMANENT;
    case PROTECTOR_UNSUPPORTED:
        return ERR_DRIVER_UNSUPPORTED;
    case PROTECTOR_DENIED:
        return ERR_DRIVER_DENIED;
    }
    return ERR_DRIVER_AMBIGUOUS; /* a number that the interface does not have: believe nothing */
}

err_t *driver_error(const struct protector_driver *driver, const char *verb,
                    enum protector_status status, const struct protector_error *error)
{
    const char *message = error->message[0] != '\0' ? error->message : "the driver gave no reason";

    if (status == PROTECTOR_OK)
        return NULL;
    return err_make(__FILE__, __LINE__, code_of(status), "storage driver '%s', %s: %s",
                    driver->name, verb, message);
}
