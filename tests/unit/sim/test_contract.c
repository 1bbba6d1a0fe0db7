/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_contract - the simulator against the recordings of the real services.
 *
 * lab/openstack/samples holds exchanges with real clouds.  contract.txt, beside this file, is the
 * scenario that they were recorded in, one line per step; each recorded request is sent to the
 * simulated clouds and the answer compared with the recorded one: status, headers, keys, types, and
 * all values, where ids, times, tokens and addresses are masked.  Ids are learnt on the way: where
 * the recording has one and the simulator another, the recorded one stands for that other one from
 * then on, and must do so everywhere.
 *
 * Lines of contract.txt:
 *     USER SAMPLE                      replay lab/openstack/samples/SAMPLE.json with USER's token
 *     do USER METHOD URL STATUS [JSON] a request that was not recorded
 *     settle                           let everything happen that is due
 *     learn SAMPLE PATH SITE TABLE NAME    the id at a path of a recording is that of the row of
 * this name; url/N: the Nth id of its address backend SITE NAME SIZE           a volume in Cinder's
 * backend that nobody manages yet ignore SAMPLE PATH REASON        a value that may differ (* at
 * the end: all below) not SAMPLE REASON                a recording that is not replayed USER is
 * none (no token), as (the recorded header itself) or a name of the table 'users'.
 */
#include "bench.h"

#include <stdlib.h>

#define SAMPLES_DIR  "lab/openstack/samples"
#define CONTRACT     "tests/unit/sim/contract.txt"
#define SHOWN_MAX    400 /* differences printed */
#define ADDRESS_PART "(10\\.10\\.1|203\\.0\\.113)\\.[0-9]+"

struct contract {
    struct bench b;
    GHashTable *ids;     /* recorded -> simulated */
    GHashTable *tokens;  /* user -> token */
    GHashTable *covered; /* sample -> "" */
    GHashTable *left;    /* sample -> reason */
    GPtrArray *ignored;  /* "sample path" */
    GRegex *id;
    int differences;
    const char *sample; /* being compared */
};

static const struct {
    const char *name;
    int site;
    const char *user;
    const char *password;
    const char *project;
} users[] = {
    {"prod", SIM_SITE_A, "prod-user", "lab", "prod"},
    {"admin", SIM_SITE_A, "admin", "lab", "admin"},
    {"protector", SIM_SITE_A, "protector", "lab", "service"},
    {"other", SIM_SITE_A, "walk-other", "walk", "walk-other"},
    {"prod-b", SIM_SITE_B, "prod-user", "lab", "prod"},
    {"admin-b", SIM_SITE_B, "admin", "lab", "admin"},
};

/* ---- texts ---- */

static char *source_path(const char *path)
{
    const char *root = getenv("SOURCE_ROOT");
    return g_build_filename(root != NULL ? root : ".", path, NULL);
}

static gboolean substitute_one(const GMatchInfo *match, GString *result, gpointer data)
{
    g_autofree char *id = g_match_info_fetch(match, 0);
    const char *own = g_hash_table_lookup(data, id);
    g_string_append(result, own != NULL ? own : id);
    return FALSE;
}

/* The text with the recorded ids that are known replaced by ours.  Caller frees. */
static char *substitute(struct contract *c, const char *text)
{
    return g_regex_replace_eval(c->id, text, -1, 0, 0, substitute_one, c->ids, NULL);
}

static gboolean zero_digits(const GMatchInfo *match, GString *result, gpointer data)
{
    (void)data;
    g_autofree char *text = g_match_info_fetch(match, 0);
    for (char *p = text; *p != '\0'; p++)
        g_string_append_c(result, g_ascii_isdigit(*p) ? '0' : *p);
    return FALSE;
}

/* Times keep their form; tokens, addresses and long numbers become one word each.  Caller frees. */
static char *mask(const char *text)
{
    static const struct {
        const char *pattern;
        const char *word; /* NULL: zero the digits */
    } rows[] = {
        {"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\\.[0-9]+)?Z?", NULL},
        {"req-[0-9a-f-]{36}", "<request>"},
        {"gAAAAA[A-Za-z0-9_.()= -]+", "<token>"},
        {"fa:16:3e(:[0-9a-f]{2}){3}", "<mac>"},
        {ADDRESS_PART, "<address>"},
        {"\\b[0-9a-f]{56}\\b", "<host>"},
    };
    char *now = g_strdup(text);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GRegex) regex = g_regex_new(rows[i].pattern, 0, 0, NULL);
        assert_non_null(regex);
        char *next = rows[i].word != NULL
                         ? g_regex_replace_literal(regex, now, -1, 0, rows[i].word, 0, NULL)
                         : g_regex_replace_eval(regex, now, -1, 0, 0, zero_digits, NULL, NULL);
        g_free(now);
        now = next;
    }
    return now;
}

/* Pairs the ids of the two texts, in order, as far as the recorded one is new. */
static void learn(struct contract *c, const char *recorded, const char *own)
{
    GMatchInfo *a = NULL;
    GMatchInfo *b = NULL;
    g_regex_match(c->id, recorded, 0, &a);
    g_regex_match(c->id, own, 0, &b);
    while (g_match_info_matches(a) && g_match_info_matches(b)) {
        char *id = g_match_info_fetch(a, 0);
        if (g_hash_table_contains(c->ids, id) || strspn(id, "0-") == strlen(id))
            g_free(id);
        else
            g_hash_table_insert(c->ids, id, g_match_info_fetch(b, 0));
        g_match_info_next(a, NULL);
        g_match_info_next(b, NULL);
    }
    g_match_info_free(a);
    g_match_info_free(b);
}

/* ---- comparing ---- */

static bool is_ignored(const struct contract *c, const char *path)
{
    g_autofree char *key = g_strdup_printf("%s %s", c->sample, path);
    for (guint i = 0; i < c->ignored->len; i++) {
        if (g_pattern_match_simple(g_ptr_array_index(c->ignored, i), key))
            return true;
    }
    return false;
}

static void differs(struct contract *c, const char *path, const char *what, const char *recorded,
                    const char *own)
{
    if (is_ignored(c, path))
        return;
    if (c->differences++ < SHOWN_MAX)
        print_message("%s: %s: %s: recorded %s, simulated %s\n", c->sample, path, what, recorded,
                      own);
}

static const char *type_name(const json_t *j)
{
    static const char *const names[] = {"object", "array", "string", "integer",
                                        "real",   "true",  "false",  "null"};
    return j == NULL ? "nothing" : names[json_typeof(j)];
}

static char *brief(const json_t *j)
{
    char *text = j != NULL ? json_dumps(j, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    char *cut = g_strndup(text != NULL ? text : "nothing", 160);
    free(text);
    return cut;
}

static void compare(struct contract *c, const char *path, const json_t *recorded,
                    const json_t *own);

static void compare_text(struct contract *c, const char *path, const char *recorded,
                         const char *own)
{
    if (is_ignored(c, path))
        return;
    if (g_str_has_suffix(path, "/message")) { /* below the first line stand schemas and stacks */
        g_auto(GStrv) a = g_strsplit(recorded, "\n", 2);
        g_auto(GStrv) b = g_strsplit(own, "\n", 2);
        if (a[0] != NULL && b[0] != NULL && a[1] != NULL && b[1] != NULL) {
            compare_text(c, path, a[0], b[0]);
            return;
        }
    }
    learn(c, recorded, own);
    g_autofree char *mapped = substitute(c, recorded);
    g_autofree char *want = mask(mapped);
    g_autofree char *have = mask(own);
    if (strcmp(want, have) != 0)
        differs(c, path, "value", want, have);
}

static void compare_object(struct contract *c, const char *path, const json_t *recorded,
                           const json_t *own)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)recorded, key, value)
    {
        g_autofree char *below = g_strdup_printf("%s/%s", path, key);
        if (json_object_get(own, key) == NULL)
            differs(c, below, "key", "there", "missing");
        else
            compare(c, below, value, json_object_get(own, key));
    }
    json_object_foreach((json_t *)own, key, value)
    {
        g_autofree char *below = g_strdup_printf("%s/%s", path, key);
        if (json_object_get(recorded, key) == NULL)
            differs(c, below, "key", "missing", "there");
    }
}

/* How well two values of a list fit each other. */
static int score(struct contract *c, const json_t *recorded, const json_t *own)
{
    if (json_is_string(recorded) && json_is_string(own)) {
        g_autofree char *mapped = substitute(c, json_string_value(recorded));
        g_autofree char *want = mask(mapped);
        g_autofree char *have = mask(json_string_value(own));
        bool known = strcmp(mapped, json_string_value(recorded)) != 0;
        return strcmp(want, have) == 0 ? (known ? 4 : 2) : known ? -8 : 0;
    }
    if (json_typeof(recorded) != json_typeof(own))
        return -1;
    if (!json_is_object(recorded))
        return json_is_array(recorded) ? 0 : json_equal(recorded, own);
    int sum = 0;
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)recorded, key, value)
    {
        const json_t *other = json_object_get(own, key);
        if (other != NULL)
            sum += score(c, value, other);
    }
    return sum;
}

/* Lists have no order: each recorded element is compared with the one that fits best. */
static void compare_array(struct contract *c, const char *path, const json_t *recorded,
                          const json_t *own)
{
    g_autoptr(json_t) rest = json_copy((json_t *)own);
    if (json_array_size(recorded) != json_array_size(own)) {
        g_autofree char *a = g_strdup_printf("%zu", json_array_size(recorded));
        g_autofree char *b = g_strdup_printf("%zu", json_array_size(own));
        differs(c, path, "length", a, b);
    }
    size_t i = 0;
    json_t *element = NULL;
    json_array_foreach(recorded, i, element)
    {
        g_autofree char *below = g_strdup_printf("%s/%zu", path, i);
        size_t best = 0;
        int best_score = INT32_MIN;
        for (size_t k = 0; k < json_array_size(rest); k++) {
            int fit = score(c, element, json_array_get(rest, k));
            if (fit > best_score) {
                best_score = fit;
                best = k;
            }
        }
        if (json_array_size(rest) == 0)
            return;
        compare(c, below, element, json_array_get(rest, best));
        json_array_remove(rest, best);
    }
}

static void compare(struct contract *c, const char *path, const json_t *recorded, const json_t *own)
{
    bool same = recorded != NULL && own != NULL && json_typeof(recorded) == json_typeof(own);
    if (!same) {
        g_autofree char *a = brief(recorded);
        g_autofree char *b = brief(own);
        if (recorded != own)
            differs(c, path, type_name(recorded), a, b);
        return;
    }
    if (json_is_object(recorded))
        compare_object(c, path, recorded, own);
    else if (json_is_array(recorded))
        compare_array(c, path, recorded, own);
    else if (json_is_string(recorded))
        compare_text(c, path, json_string_value(recorded), json_string_value(own));
    else if (!json_equal(recorded, own)) {
        g_autofree char *a = brief(recorded);
        g_autofree char *b = brief(own);
        differs(c, path, "value", a, b);
    }
}

static void compare_headers(struct contract *c, const json_t *recorded,
                            const struct http_response *resp)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)recorded, key, value)
    {
        g_autofree char *path = g_strconcat("header/", key, NULL);
        const char *own = http_response_get(resp, key);
        if (g_ascii_strcasecmp(key, "Content-Length") == 0)
            continue;
        if (own == NULL)
            differs(c, path, "header", json_string_value(value), "missing");
        else
            compare_text(c, path, json_string_value(value), own);
    }
    for (guint i = 0; i < resp->headers->len; i++) {
        const struct http_header *h = g_ptr_array_index(resp->headers, i);
        bool there = false;
        json_object_foreach((json_t *)recorded, key, value) there =
            there || g_ascii_strcasecmp(key, h->name) == 0;
        g_autofree char *path = g_strconcat("header/", h->name, NULL);
        if (!there)
            differs(c, path, "header", "missing", h->value);
    }
}

/* ---- steps ---- */

static const char *token_of(struct contract *c, const char *name)
{
    const char *token = g_hash_table_lookup(c->tokens, name);
    if (token != NULL)
        return token;
    for (size_t i = 0; i < G_N_ELEMENTS(users); i++) {
        if (strcmp(users[i].name, name) != 0)
            continue;
        struct user u =
            login_with(&c->b, users[i].site, users[i].user, users[i].password, users[i].project);
        g_hash_table_insert(c->tokens, g_strdup(name), g_strdup(u.token));
        logout(&u);
        return g_hash_table_lookup(c->tokens, name);
    }
    fail_msg("contract.txt: no user \"%s\"", name);
    return NULL;
}

static void set_token(struct contract *c, struct http_request *req, const char *user)
{
    if (strcmp(user, "none") != 0 && strcmp(user, "as") != 0)
        http_request_set(req, "X-Auth-Token", token_of(c, user));
}

/* "gAAA…(183 characters)": the recordings have tokens and bodies shortened. */
static bool is_short(const char *text)
{
    return g_str_has_suffix(text, " characters)");
}

static void set_headers(struct contract *c, struct http_request *req, const json_t *headers,
                        const char *user)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)headers, key, value)
    {
        const char *text = json_string_value(value);
        if (strcmp(key, "X-Auth-Token") == 0 && strcmp(user, "as") != 0)
            continue;
        const char *own = g_hash_table_lookup(c->ids, text);
        http_request_set(req, key, own != NULL ? own : text);
    }
    set_token(c, req, user);
}

static void set_body(struct contract *c, struct http_request *req, const json_t *body)
{
    if (body == NULL || json_is_null(body))
        return;
    if (json_is_string(body)) { /* x times 120000, or times 1024 */
        const char *text = json_string_value(body);
        g_autofree char *full = is_short(text) ? g_strnfill(120000, 'x') : g_strdup(text);
        http_request_body(req, full, strlen(full));
        return;
    }
    g_autofree char *text = json_print(body);
    g_autofree char *own = substitute(c, text);
    http_request_body(req, own, strlen(own));
}

static json_t *read_sample(const char *name)
{
    g_autofree char *file = g_strconcat(SAMPLES_DIR "/", name, ".json", NULL);
    g_autofree char *path = source_path(file);
    char *text = NULL;
    gsize size = 0;
    if (!g_file_get_contents(path, &text, &size, NULL))
        fail_msg("cannot read %s", path);
    json_t *sample = NULL;
    g_autoptr(err_t) e = json_parse(text, size, path, &sample);
    assert_null(e);
    g_free(text);
    return sample;
}

/* Tokens are learnt from the header that hands them out; secrets from the body. */
static void learn_secrets(struct contract *c, const json_t *response, const struct answer *a)
{
    const char *recorded = json_str_at(response, "headers/X-Subject-Token");
    const char *own = http_response_get(a->resp, "X-Subject-Token");
    if (recorded != NULL && own != NULL)
        g_hash_table_insert(c->ids, g_strdup(recorded), g_strdup(own));
    recorded = json_str_at(response, "body/application_credential/secret");
    own = json_str_at(a->body, "application_credential/secret");
    if (recorded != NULL && own != NULL)
        g_hash_table_insert(c->ids, g_strdup(recorded), g_strdup(own));
}

static struct answer send(struct contract *c, const struct http_request *req)
{
    struct answer a = {0};
    g_autoptr(err_t) e = http_send(sim_transport(c->b.sim), req, &a.resp);
    if (e != NULL)
        fail_msg("%s: %s %s: %s", c->sample, req->method, req->url, err_message(e));
    a.status = a.resp->status;
    if (a.resp->body_size > 0) {
        g_autoptr(err_t) bad = json_parse(a.resp->body, a.resp->body_size, "answer", &a.body);
        assert_null(bad);
    }
    return a;
}

/* The secret of an application credential is no id; it is put in by hand. */
static json_t *with_secret(struct contract *c, const json_t *body)
{
    const char *path = "auth/identity/application_credential";
    const char *secret = json_str(json_at(body, path), "secret");
    const char *own = secret != NULL ? g_hash_table_lookup(c->ids, secret) : NULL;
    json_t *copy = body != NULL ? json_deep_copy(body) : NULL;
    if (own != NULL)
        json_set_str(json_at(copy, path), "secret", own);
    return copy;
}

static void replay(struct contract *c, const char *user, const char *name)
{
    g_autoptr(json_t) sample = read_sample(name);
    const json_t *request = json_obj(sample, "request");
    const json_t *response = json_obj(sample, "response");
    c->sample = name;
    g_autofree char *url = substitute(c, json_str(request, "url"));
    AUTO(http_request) req = http_request_create(json_str(request, "method"), url);
    set_headers(c, req, json_obj(request, "headers"), user);
    g_autoptr(json_t) body = with_secret(c, json_object_get(request, "body"));
    set_body(c, req, body);
    bench_pass(&c->b, 1);
    struct answer a = send(c, req);
    int status = (int)json_int(response, "status", 0);
    if (a.status != status) {
        g_autofree char *want = g_strdup_printf("%d", status);
        g_autofree char *have =
            g_strdup_printf("%d %s", a.status, a.resp->body != NULL ? a.resp->body : "");
        differs(c, "status", "status", want, have);
    } else {
        json_t *recorded = json_object_get(response, "body");
        g_autoptr(json_t) nothing = json_null();
        compare(c, "", recorded, a.body != NULL ? a.body : nothing);
        compare_headers(c, json_obj(response, "headers"), a.resp);
    }
    learn_secrets(c, response, &a);
    if (strcmp(name, "keystone/token-trust-scoped") == 0)
        g_hash_table_insert(c->tokens, g_strdup("trust"),
                            g_strdup(http_response_get(a.resp, "X-Subject-Token")));
    answer_free(&a);
    g_hash_table_insert(c->covered, g_strdup(name), g_strdup(""));
}

/* do USER METHOD URL STATUS [JSON] */
static void do_step(struct contract *c, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", 6);
    assert_true(g_strv_length(words) >= 5);
    AUTO(http_request) req = http_request_create(words[2], words[3]);
    set_token(c, req, words[1]);
    if (words[5] != NULL) {
        http_request_set(req, "Content-Type", "application/json");
        http_request_body(req, words[5], strlen(words[5]));
    }
    const char *type = strstr(words[3], ":8776/") != NULL   ? "volume 3.70"
                       : strstr(words[3], ":8774/") != NULL ? "compute 2.93"
                                                            : NULL;
    if (type != NULL)
        http_request_set(req, "OpenStack-API-Version", type);
    c->sample = line;
    struct answer a = send(c, req);
    if (a.status != g_ascii_strtoll(words[4], NULL, 10))
        fail_msg("%s: gave %d %s", line, a.status, a.resp->body != NULL ? a.resp->body : "");
    answer_free(&a);
}

/* backend SITE NAME SIZE */
static void backend_step(struct contract *c, char **words)
{
    int site = strcmp(words[1], "b") == 0 ? SIM_SITE_B : SIM_SITE_A;
    g_autoptr(err_t) e =
        sim_backend_put(c->b.sim, site, words[2], g_ascii_strtoll(words[3], NULL, 10));
    assert_null(e);
}

/* The value at a path of keys and indexes. */
static const char *text_at(const json_t *j, const char *path)
{
    g_auto(GStrv) keys = g_strsplit(path, "/", -1);
    for (guint i = 0; keys[i] != NULL && j != NULL; i++)
        j = json_is_array(j) ? json_array_get(j, (size_t)g_ascii_strtoull(keys[i], NULL, 10))
                             : json_object_get(j, keys[i]);
    return json_string_value(j);
}

/* The Nth id of a text; NULL if it has fewer.  Caller frees. */
static char *nth_id(const struct contract *c, const char *text, guint64 n)
{
    GMatchInfo *match = NULL;
    g_regex_match(c->id, text, 0, &match);
    for (guint64 i = 0; i < n && g_match_info_matches(match); i++)
        g_match_info_next(match, NULL);
    char *id = g_match_info_matches(match) ? g_match_info_fetch(match, 0) : NULL;
    g_match_info_free(match);
    return id;
}

/* learn SAMPLE PATH SITE TABLE NAME */
static void learn_step(struct contract *c, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", 6);
    assert_int_equal(g_strv_length(words), 6);
    g_autoptr(json_t) sample = read_sample(words[1]);
    bool in_url = g_str_has_prefix(words[2], "url/");
    g_autofree char *id = in_url ? nth_id(c, json_str_at(sample, "request/url"),
                                          g_ascii_strtoull(words[2] + strlen("url/"), NULL, 10))
                                 : g_strdup(text_at(sample, words[2]));
    if (id == NULL)
        fail_msg("%s: there is no such id", line);
    int site = strcmp(words[3], "b") == 0 ? SIM_SITE_B : SIM_SITE_A;
    g_hash_table_insert(c->ids, g_steal_pointer(&id),
                        g_strdup(id_by_name(&c->b, site, words[4], words[5])));
}

static gboolean resolve_one(const GMatchInfo *match, GString *result, gpointer data)
{
    struct contract *c = data;
    g_autofree char *site = g_match_info_fetch(match, 1);
    g_autofree char *table = g_match_info_fetch(match, 2);
    g_autofree char *name = g_match_info_fetch(match, 3);
    g_string_append(result, id_by_name(&c->b, strcmp(site, "b") == 0 ? SIM_SITE_B : SIM_SITE_A,
                                       table, name));
    return FALSE;
}

/* Puts ids for {SITE/TABLE/NAME}.  Caller frees. */
static char *resolve(struct contract *c, const char *line)
{
    g_autoptr(GRegex) regex = g_regex_new("\\{([ab])/([a-z_]+)/([^}]+)\\}", 0, 0, NULL);
    return g_regex_replace_eval(regex, line, -1, 0, 0, resolve_one, c, NULL);
}

static void step(struct contract *c, const char *given)
{
    g_autofree char *line = resolve(c, given);
    g_auto(GStrv) words = g_strsplit(line, " ", 4);
    guint count = g_strv_length(words);
    if (strcmp(words[0], "settle") == 0)
        bench_settle(&c->b);
    else if (strcmp(words[0], "do") == 0)
        do_step(c, line);
    else if (strcmp(words[0], "learn") == 0)
        learn_step(c, line);
    else if (strcmp(words[0], "backend") == 0 && count == 4)
        backend_step(c, words);
    else if (strcmp(words[0], "ignore") == 0 && count == 4)
        g_ptr_array_add(c->ignored, g_strdup_printf("%s %s", words[1], words[2]));
    else if (strcmp(words[0], "not") == 0 && count >= 3)
        g_hash_table_insert(c->left, g_strdup(words[1]), g_strdup(line));
    else if (count == 2)
        replay(c, words[0], words[1]);
    else
        fail_msg("contract.txt: cannot read \"%s\"", line);
}

/* ---- coverage ---- */

/* Counts the recordings, and those that are in neither list. */
static int count_samples(struct contract *c, int *ret_forgotten)
{
    g_autofree char *top = source_path(SAMPLES_DIR);
    g_autoptr(GDir) services = g_dir_open(top, 0, NULL);
    const char *service = NULL;
    int total = 0;
    assert_non_null(services);
    while ((service = g_dir_read_name(services)) != NULL) {
        g_autofree char *folder = g_build_filename(top, service, NULL);
        g_autoptr(GDir) files = g_dir_open(folder, 0, NULL);
        const char *file = NULL;
        while (files != NULL && (file = g_dir_read_name(files)) != NULL) {
            if (!g_str_has_suffix(file, ".json"))
                continue;
            g_autofree char *base = g_strndup(file, strlen(file) - strlen(".json"));
            g_autofree char *name = g_strdup_printf("%s/%s", service, base);
            bool covered = g_hash_table_contains(c->covered, name);
            bool left = g_hash_table_contains(c->left, name);
            total++;
            if (covered == left) {
                print_message("%s: %s\n", name,
                              covered ? "both replayed and left out" : "not in contract.txt");
                (*ret_forgotten)++;
            }
        }
    }
    return total;
}

static void contract_open(struct contract *c)
{
    *c = (struct contract){0};
    bench_open(&c->b, NULL);
    c->ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    c->tokens = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    c->covered = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    c->left = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    c->ignored = g_ptr_array_new_with_free_func(g_free);
    c->id = g_regex_new("\\b([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|"
                        "[0-9a-f]{32})\\b",
                        0, 0, NULL);
}

static void contract_close(struct contract *c)
{
    g_hash_table_unref(c->ids);
    g_hash_table_unref(c->tokens);
    g_hash_table_unref(c->covered);
    g_hash_table_unref(c->left);
    g_ptr_array_unref(c->ignored);
    g_regex_unref(c->id);
    bench_close(&c->b);
}

static void answers_as_recorded(void **state)
{
    (void)state;
    struct contract c;
    contract_open(&c);
    g_autofree char *path = source_path(CONTRACT);
    char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        fail_msg("cannot read %s", path);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_free(text);
    for (guint i = 0; lines[i] != NULL; i++) {
        g_strstrip(lines[i]);
        if (g_str_has_prefix(lines[i], "ignore ") || g_str_has_prefix(lines[i], "not "))
            step(&c, lines[i]);
    }
    for (guint i = 0; lines[i] != NULL; i++) {
        if (lines[i][0] != '\0' && lines[i][0] != '#' && !g_str_has_prefix(lines[i], "ignore ") &&
            !g_str_has_prefix(lines[i], "not "))
            step(&c, lines[i]);
    }
    int forgotten = 0;
    int total = count_samples(&c, &forgotten);
    print_message("%u of %d recorded exchanges are replayed, %u are left out\n",
                  g_hash_table_size(c.covered), total, g_hash_table_size(c.left));
    assert_int_equal(c.differences, 0);
    assert_int_equal(forgotten, 0);
    contract_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_as_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
