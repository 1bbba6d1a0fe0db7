/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire - sending, and the two tables that say what a refusal means.
 *
 * The services agree on statuses only roughly: a full quota is 403 at Nova, 413 at Cinder and 409
 * at Neutron; a volume in the wrong state is 400.  'quirks' names those, 'statuses' the rest.
 */
#include "cloud/wire.h"

#include <string.h>

#include "base/secrets.h"

#define USER_AGENT "protector"

struct quirk {
    const char *service; /* NULL: any */
    int status;
    const char *needle; /* in the service's text or its error type */
    enum err_code code;
};

static const struct quirk quirks[] = {
    {"nova", 403, "Quota exceeded", ERR_CLOUD_QUOTA},
    {"nova", 403, "Maximum number of", ERR_CLOUD_QUOTA},
    {"nova", 403, "exceeds allowed", ERR_CLOUD_QUOTA},
    {"nova", 409, "Fixed IP address", ERR_CLOUD_ADDRESS_TAKEN},
    {"cinder", 413, "exceed",
     ERR_CLOUD_QUOTA}, /* "exceeds allowed gigabytes quota", "(4) exceeded" */
    {"cinder", 400, "status must be", ERR_CLOUD_CONFLICT},
    {"cinder", 400, "must have status", ERR_CLOUD_CONFLICT},
    {"cinder", 400, "Invalid group status", ERR_CLOUD_CONFLICT},
    {"cinder", 400, "is in status", ERR_CLOUD_CONFLICT},
    {"neutron", 409, "OverQuota", ERR_CLOUD_QUOTA},
    {"neutron", 409, "IpAddressAlreadyAllocated", ERR_CLOUD_ADDRESS_TAKEN},
    {"neutron", 409, "IpAddressInUse", ERR_CLOUD_ADDRESS_TAKEN},
    {"neutron", 409, "MacAddressInUse", ERR_CLOUD_ADDRESS_TAKEN},
    {"neutron", 409, "IpAddressGenerationFailure", ERR_CLOUD_ADDRESS_TAKEN},
    {"neutron", 409, "ExternalIpAddressExhausted", ERR_CLOUD_ADDRESS_TAKEN},
    {"glance", 413, "limit", ERR_CLOUD_QUOTA},
};

static const struct {
    int status;
    enum err_code code;
} statuses[] = {
    {401, ERR_CLOUD_UNAUTHORIZED}, {403, ERR_CLOUD_FORBIDDEN}, {404, ERR_CLOUD_NOT_FOUND},
    {406, ERR_CLOUD_VERSION},      {409, ERR_CLOUD_CONFLICT},  {410, ERR_CLOUD_NOT_FOUND},
    {429, ERR_CLOUD_BUSY},         {503, ERR_CLOUD_BUSY},
};

static bool only_reads(const struct wire_request *r)
{
    return r->harmless || strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0;
}

static const char *shown(const struct wire_request *r)
{
    return r->shown != NULL ? r->shown : r->url;
}

/* ---- sending ---- */

static int64_t timeout_of(const struct wire *w)
{
    return w->timeout_ms > 0 ? w->timeout_ms : WIRE_TIMEOUT_MS;
}

static err_t *check_deadline(const struct wire *w, const struct wire_request *r)
{
    if (w->deadline_mono_ms == WIRE_NO_DEADLINE)
        return NULL;
    int64_t left_ms = w->deadline_mono_ms - env_mono_ms(w->env);
    if (left_ms >= timeout_of(w))
        return NULL;
    return err(CLOUD_DEADLINE,
               "%s: %s %s %s is not sent: it may take %" G_GINT64_FORMAT
               " ms and only %" G_GINT64_FORMAT " ms are left",
               w->cloud, r->service, r->method, shown(r), timeout_of(w), MAX(left_ms, 0));
}

static struct http_request *request_of(const struct wire *w, const struct wire_request *r)
{
    struct http_request *req = http_request_create(r->method, r->url);
    req->timeout_ms = timeout_of(w);
    req->connect_timeout_ms = w->connect_timeout_ms;
    req->cafile = g_strdup(w->cafile);
    req->insecure = w->insecure;
    http_request_set(req, "Accept", "application/json");
    http_request_set(req, "User-Agent", USER_AGENT);
    if (r->token != NULL)
        http_request_set(req, "X-Auth-Token", r->token);
    if (r->subject_token != NULL)
        http_request_set(req, "X-Subject-Token", r->subject_token);
    if (r->microversion != NULL)
        http_request_set(req, "OpenStack-API-Version", r->microversion);
    if (w->request_id != NULL)
        http_request_set(req, "X-Openstack-Request-Id", w->request_id);
    if (r->body != NULL)
        http_request_json(req, r->body);
    return req;
}

/* What it means that no answer came.  Takes 'cause'. */
static err_t *judge_silence(const struct wire *w, const struct wire_request *r, err_t *cause)
{
    enum err_code code = err_code(cause);
    bool maybe = code == ERR_NET_TIMEOUT || code == ERR_NET_LOST || code == ERR_NET_PROTOCOL;
    if (code == ERR_NET_REFUSED || (maybe && only_reads(r)))
        code = ERR_CLOUD_UNREACHABLE;
    else if (maybe)
        code = ERR_CLOUD_AMBIGUOUS;
    g_autofree char *path = secrets_mask(shown(r));
    err_t *e = err_recode_at(__FILE__, __LINE__, code, cause, "%s: %s %s %s got no answer",
                             w->cloud, r->service, r->method, path);
    return err_detail(err_detail(e, "cloud", w->cloud), "service", r->service);
}

err_t *wire_send(const struct wire *w, const struct wire_request *r, struct http_response **ret)
{
    g_assert(w->transport != NULL && w->env != NULL && w->cloud != NULL);
    g_assert(r->service != NULL && r->method != NULL && r->url != NULL);
    TRY(check_deadline(w, r));
    AUTO(http_request) req = request_of(w, r);
    struct http_response *resp = NULL;
    err_t *e = http_send(w->transport, req, &resp);
    if (e != NULL)
        return judge_silence(w, r, e);
    *ret = resp;
    return NULL;
}

/* ---- judging ---- */

/* The first line of a service's text without Glance's line breaks.  Caller frees. */
static char *one_line(const char *text)
{
    const char *start = text + strspn(text, " \r\n\t");
    size_t size = strcspn(start, "\r\n");
    const char *br = g_strstr_len(start, (gssize)size, "<br");
    if (br != NULL)
        size = (size_t)(br - start);
    char *line = g_strndup(start, size);
    g_strchomp(line);
    if (g_utf8_strlen(line, -1) > WIRE_TEXT_MAX)
        *g_utf8_offset_to_pointer(line, WIRE_TEXT_MAX) = '\0';
    return line;
}

/* The object that carries "message": the body itself or its only envelope. */
static const json_t *message_holder(const json_t *body)
{
    if (json_str(body, "message") != NULL)
        return body;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)body, key, value)
    {
        if (json_str(value, "message") != NULL)
            return value;
    }
    return NULL;
}

static json_t *parse_quietly(const struct http_response *resp)
{
    json_t *j = NULL;
    if (resp->body == NULL || resp->body_size == 0 || resp->body_size > WIRE_BODY_MAX)
        return NULL;
    err_free(json_parse(resp->body, resp->body_size, "the reply", &j));
    return j;
}

char *wire_text(const struct http_response *resp)
{
    g_autoptr(json_t) body = parse_quietly(resp);
    const json_t *holder = message_holder(body);
    return holder != NULL ? one_line(json_str(holder, "message")) : NULL;
}

/* Neutron's name of the error, "OverQuota"; "" elsewhere.  Caller frees. */
static char *error_type(const struct http_response *resp)
{
    g_autoptr(json_t) body = parse_quietly(resp);
    const char *type = json_str_at(body, "NeutronError/type");
    return g_strdup(type != NULL ? type : "");
}

static enum err_code code_of(const struct wire_request *r, int status, const char *text,
                             const char *type)
{
    for (size_t i = 0; i < G_N_ELEMENTS(quirks); i++) {
        const struct quirk *q = &quirks[i];
        if (q->status == status && g_strcmp0(q->service, r->service) == 0 && text != NULL &&
            (strstr(text, q->needle) != NULL || strcmp(type, q->needle) == 0))
            return q->code;
    }
    /* A 404 of something that is no OpenStack service (a proxy, a wrong address) proves nothing. */
    if ((status == 404 || status == 410) && text == NULL)
        return ERR_CLOUD_ERROR;
    for (size_t i = 0; i < G_N_ELEMENTS(statuses); i++)
        if (statuses[i].status == status)
            return statuses[i].code;
    if (status >= 400 && status < 500 && status != 408)
        return ERR_CLOUD_BAD_REQUEST;
    return only_reads(r) || status < 400 ? ERR_CLOUD_ERROR : ERR_CLOUD_AMBIGUOUS;
}

static const char *request_id_of(const struct http_response *resp)
{
    const char *id = http_response_get(resp, "X-Openstack-Request-Id");
    return id != NULL ? id : http_response_get(resp, "X-Compute-Request-Id");
}

static err_t *with_details(err_t *e, const struct wire *w, const struct wire_request *r,
                           const struct http_response *resp, const char *text, const char *type)
{
    g_autofree char *status = g_strdup_printf("%d", resp->status);
    const char *retry_after = http_response_get(resp, "Retry-After");
    const char *id = request_id_of(resp);
    e = err_detail(err_detail(e, "cloud", w->cloud), "service", r->service);
    e = err_detail(e, "cloud_status", status);
    if (id != NULL)
        e = err_detail(e, "cloud_request_id", id);
    if (text != NULL)
        e = err_detail(e, "cloud_message", text);
    if (*type != '\0')
        e = err_detail(e, "cloud_type", type);
    if (retry_after != NULL)
        e = err_detail(e, "retry_after", retry_after);
    return e;
}

err_t *wire_judge(const struct wire *w, const struct wire_request *r,
                  const struct http_response *resp)
{
    if (resp->status >= 200 && resp->status < 300)
        return NULL;
    g_autofree char *said = wire_text(resp);
    g_autofree char *type = error_type(resp);
    enum err_code code = code_of(r, resp->status, said, type);
    g_autofree char *text = said != NULL ? secrets_mask(said) : NULL;
    g_autofree char *path = secrets_mask(shown(r));
    bool quoted = text != NULL && *text != '\0' && !(r->secret && resp->status == 400);
    const char *id = request_id_of(resp);
    err_t *e = err_make(__FILE__, __LINE__, code, "%s: %s %s %s answered %d%s%s%s%s%s", w->cloud,
                        r->service, r->method, path, resp->status,
                        quoted ? ": " : (text == NULL ? ", which is no answer of OpenStack" : ""),
                        quoted ? text : "", id != NULL ? " (" : "", id != NULL ? id : "",
                        id != NULL ? ")" : "");
    return with_details(e, w, r, resp, quoted ? text : NULL, type);
}

err_t *wire_body(const struct wire *w, const struct wire_request *r,
                 const struct http_response *resp, json_t **ret)
{
    if (resp->body == NULL || resp->body_size == 0) {
        *ret = NULL;
        return NULL;
    }
    enum err_code code = only_reads(r) ? ERR_CLOUD_ERROR : ERR_CLOUD_AMBIGUOUS;
    if (resp->body_size > WIRE_BODY_MAX)
        return err_make(__FILE__, __LINE__, code, "%s: %s %s %s answered with more than %u bytes",
                        w->cloud, r->service, r->method, shown(r), WIRE_BODY_MAX);
    err_t *e = json_parse(resp->body, resp->body_size, "the reply", ret);
    if (e == NULL)
        return NULL;
    return err_recode_at(__FILE__, __LINE__, code, e, "%s: %s %s %s answered %d", w->cloud,
                         r->service, r->method, shown(r), resp->status);
}

err_t *wire_call(const struct wire *w, const struct wire_request *r, json_t **ret)
{
    AUTO(http_response) resp = NULL;
    TRY(wire_send(w, r, &resp));
    TRY(wire_judge(w, r, resp));
    return wire_body(w, r, resp, ret);
}
