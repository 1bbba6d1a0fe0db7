/* SPDX-License-Identifier: Apache-2.0 */
/* process - see process.h. */
#include "daemons/process.h"

#include "base/keyfile.h"
#include "base/secrets.h"
#include "store/local.h"
#include "store/migrate.h"
#include "store/restored.h"
#include "store/site_keys.h"
#include "store/tx.h"

#include <errno.h>
#include <poll.h>
#include <protector/version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- configuration ---- */

static const char *environment(void *data, const char *name)
{
    (void)data;
    return getenv(name);
}

static bool is_config(const char *word, const char **ret_value)
{
    static const char *const names[] = {"--config-file", "--config-dir"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!g_str_has_prefix(word, names[i]))
            continue;
        const char *end = word + strlen(names[i]);
        *ret_value = *end == '=' ? end + 1 : NULL;
        if (*end == '=' || *end == '\0')
            return true;
    }
    return false;
}

void process_words(const char *program, char **argv, char ***ret)
{
    g_autoptr(GStrvBuilder) words = g_strv_builder_new();
    const char *value = NULL;

    *ret = NULL;
    for (int i = 1; argv[i] != NULL; i++) {
        if (!is_config(argv[i], &value)) {
            g_strv_builder_add(words, argv[i]);
        } else if (value == NULL && argv[++i] == NULL) {
            fprintf(stderr, "%s: %s needs a value\n", program, argv[i - 1]);
            return;
        }
    }
    *ret = g_strv_builder_end(words);
}

static void usage(const char *program, FILE *out)
{
    fprintf(out,
            "usage: %s [--config-file FILE]... [--config-dir FOLDER]... [--help] [--version]\n\n"
            "Without a file: protector.conf and %s.conf of ~/.protector, ~, /etc/protector\n"
            "and /etc.  The later file wins; `protector-manage config sample` prints every "
            "option.\n",
            program, program);
}

bool process_said_enough(const char *program, char **argv, int *ret_code)
{
    g_auto(GStrv) words = NULL;

    *ret_code = 0;
    process_words(program, argv, &words);
    if (words != NULL && words[0] == NULL)
        return false;
    if (words != NULL && g_str_equal(words[0], "--version")) {
        printf("%s " PROTECTOR_VERSION "\n", program);
        return true;
    }
    if (words != NULL && g_str_equal(words[0], "--help")) {
        usage(program, stdout);
        return true;
    }
    if (words != NULL)
        fprintf(stderr, "%s: there is no argument '%s'\n", program, words[0]);
    usage(program, stderr);
    *ret_code = 2;
    return true;
}

err_t *process_conf(const char *program, char **argv, struct conf **ret)
{
    AUTO(conf) conf = conf_create(environment, NULL);
    const char *value = NULL;
    bool named = false;

    for (int i = 1; argv[i] != NULL; i++) {
        if (!is_config(argv[i], &value))
            continue;
        if (value == NULL)
            value = argv[++i];
        TRY(conf_read(conf, value));
        named = true;
    }
    g_auto(GStrv) paths = named ? NULL : conf_default_paths(program, getenv("HOME"), "");
    for (size_t i = 0; paths != NULL && paths[i] != NULL; i++)
        TRY(conf_read(conf, paths[i]));
    TRY(conf_check(conf));
    *ret = TAKE(conf);
    return NULL;
}

/* Options whose work is done in a later release: accepted, and said to be without effect. */
static const struct {
    const char *section;
    const char *name;
    const char *instead;
} not_yet[] = {
    {"DEFAULT", "transport_url", "engines are rung by a socket in state_path"},
    {"keystone_authtoken", "memcached_servers", "tokens are kept in the process"},
};

/* What is worth a line at each start although it is as somebody wanted it. */
static char *fallback_warning(const struct conf *conf)
{
    const char *said = conf_str(conf, "service_credentials", "fallback");

    return g_strcmp0(said, "service_admin") == 0
               ? g_strdup("[service_credentials] fallback = service_admin: where no trust works, "
                          "the service account acts in a project that has given it a role")
               : NULL;
}

GPtrArray *process_warnings(const struct conf *conf)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    const GPtrArray *unknown = conf_warnings(conf);

    for (guint i = 0; i < unknown->len; i++)
        g_ptr_array_add(list, g_strdup(unknown->pdata[i]));
    for (size_t i = 0; i < G_N_ELEMENTS(not_yet); i++) {
        const char *section = not_yet[i].section, *name = not_yet[i].name;
        g_autofree char *where = conf_where(conf, section, name);
        if (!conf_is_set(conf, section, name))
            continue;
        g_ptr_array_add(list, g_strdup_printf("%s: [%s] %s is accepted, but not used yet: %s",
                                              where, section, name, not_yet[i].instead));
    }
    char *fallback = fallback_warning(conf);
    if (fallback != NULL)
        g_ptr_array_add(list, fallback);
    return list;
}

GPtrArray *process_driver_warnings(const struct conf *conf, const struct protector_driver *driver)
{
    g_autoptr(GPtrArray) known = g_ptr_array_new();

    for (const struct protector_option *o = driver->options; o != NULL && o->name != NULL; o++)
        g_ptr_array_add(known, (gpointer)o->name);
    g_ptr_array_add(known, NULL);
    return conf_driver_warnings(conf, (const char *const *)known->pdata);
}

/* ---- what must be right ---- */

struct keystone_credentials process_credentials(const struct conf *conf)
{
    static const char section[] = "keystone_authtoken";

    return (struct keystone_credentials){
        .method = KEYSTONE_PASSWORD,
        .auth_url = conf_str(conf, section, "auth_url"),
        .username = conf_str(conf, section, "username"),
        .password = conf_str(conf, section, "password"),
        .user_domain_name = conf_str(conf, section, "user_domain_name"),
        .project_name = conf_str(conf, section, "project_name"),
        .project_domain_name = conf_str(conf, section, "project_domain_name"),
    };
}

static err_t *check_cafile(const struct conf *conf)
{
    const char *path = conf_str(conf, "keystone_authtoken", "cafile");
    g_autoptr(GError) why = NULL;
    g_autofree char *text = NULL;

    if (path == NULL)
        return NULL;
    if (!g_file_get_contents(path, &text, NULL, &why))
        return err_remedy(err(CONFIG, "[keystone_authtoken] cafile cannot be used: %s",
                              why->message),
                          "name a file of certificate authorities in PEM that the service's user "
                          "may read");
    if (strstr(text, "-----BEGIN CERTIFICATE-----") == NULL &&
        strstr(text, "-----BEGIN TRUSTED CERTIFICATE-----") == NULL)
        return err(CONFIG, "[keystone_authtoken] cafile '%s' holds no certificate in PEM", path);
    return NULL;
}

err_t *process_check(const struct conf *conf)
{
    struct keystone_credentials credentials = process_credentials(conf);

    err_t *e = keystone_credentials_check(&credentials);
    if (e != NULL)
        return err_remedy(err_wrap(e, "[keystone_authtoken] cannot be used"),
                          "set auth_url, username, password and project_name of the service user "
                          "in [keystone_authtoken]");
    return check_cafile(conf);
}

/* ---- begin and end ---- */

static void log_warnings(const struct process *p, const GPtrArray *warnings)
{
    for (guint i = 0; i < warnings->len; i++)
        log_write(p->log, LOG_LEVEL_WARNING, p->program, NULL, "%s", (char *)warnings->pdata[i]);
}

void process_begin(struct process *p, const char *program, struct conf *conf, bool has_file)
{
    const char *dir = has_file ? conf_str(conf, "DEFAULT", "log_dir") : NULL;

    *p = (struct process){.program = program, .env = &env_system, .conf = conf};
    secrets_init();
    g_mutex_init(&p->lock);
    p->idle = g_ptr_array_new_with_free_func((GDestroyNotify)db_destroy);
    g_autoptr(err_t) no_file = log_create(p->env, program, dir, &p->log);
    if (no_file != NULL) {
        g_autoptr(err_t) e = log_create(p->env, program, NULL, &p->log);
        g_assert(e == NULL); /* standard error is always there */
        log_err(p->log, LOG_LEVEL_WARNING, program, NULL, no_file,
                "standard error alone gets the log");
    }
    log_set_debug(p->log, conf_bool(conf, "DEFAULT", "debug"));
    g_autoptr(GPtrArray) warnings = process_warnings(conf);
    log_warnings(p, warnings);
}

int process_fail(const struct process *p, const char *program, err_t *e)
{
    if (p->log != NULL) {
        log_err(p->log, LOG_LEVEL_CRITICAL, program, NULL, e, "cannot start");
    } else {
        g_autofree char *text = err_text(e);
        g_autofree char *masked = secrets_mask(text);
        fprintf(stderr, "%s: %s%s%s\n", program, masked, *err_remedy_text(e) ? "\n  do: " : "",
                err_remedy_text(e));
    }
    err_free(e);
    return 1;
}

const char *process_state_path(const struct process *p)
{
    return conf_str(p->conf, "DEFAULT", "state_path");
}

/* ---- connections ---- */

static err_t *broken_run(void *backend, const char *sql, const struct db_value *values,
                         size_t count, struct db_rows **ret_rows, int64_t *ret_affected)
{
    (void)sql;
    (void)values;
    (void)count;
    (void)ret_rows;
    (void)ret_affected;
    return err(DB_CONNECT, "%s", (const char *)backend);
}

static err_t *broken_begin(void *backend)
{
    return err(DB_CONNECT, "%s", (const char *)backend);
}

static void broken_rollback(void *backend)
{
    (void)backend;
}

static const struct db_ops broken = {
    .name = "sqlite",
    .run = broken_run,
    .begin = broken_begin,
    .commit = broken_begin,
    .rollback = broken_rollback,
    .close = g_free,
};

struct db *process_db_get(void *process)
{
    struct process *p = process;
    struct db *db = NULL;
    const char *dsn = conf_str(p->conf, "database", "connection");

    g_mutex_lock(&p->lock);
    if (p->idle->len > 0)
        db = g_ptr_array_steal_index(p->idle, p->idle->len - 1);
    g_mutex_unlock(&p->lock);
    if (db != NULL)
        return db;
    err_t *e = db_open(dsn != NULL ? dsn : "", &db);
    if (e == NULL)
        return db;
    db = db_create(&broken, err_text(e));
    err_free(e);
    return db;
}

void process_db_put(void *process, struct db *db)
{
    struct process *p = process;

    g_mutex_lock(&p->lock);
    bool keep = p->idle->len < PROCESS_CONNECTIONS_MAX && !db_has_ops(db, &broken);
    if (keep)
        g_ptr_array_add(p->idle, db);
    g_mutex_unlock(&p->lock);
    if (!keep)
        db_destroy(db);
}

/* ---- identity ---- */

struct first_row {
    struct local_site *local;
    const struct marks *marks;
};

static err_t *identity_insert(struct db *db, void *data)
{
    const struct first_row *first = data;

    TRY(local_site_insert(db, first->local));
    return *first->marks->incarnation != '\0'
               ? incarnation_note(db, first->local->site_id, first->marks->incarnation,
                                  "of a database that was lost", first->local->created_at_ms)
               : NULL;
}

/*
 * The first row.  Of several processes that start at once one makes it.  Where the whole database
 * was lost, the marks tell which site this is: its peer knows it by that.
 */
static err_t *identity_make(struct process *p, struct db *db)
{
    AUTO(local_site) row = local_site_create();
    AUTO(marks) marks = NULL;
    char uuid[37], incarnation[INCARNATION_SIZE];
    unsigned char random[16];

    TRY(keyfile_marks(process_state_path(p), &marks));
    const char *known[] = {marks->incarnation};
    env_uuid(p->env, uuid);
    p->env->random(p->env->data, random, sizeof random);
    incarnation_next(known, G_N_ELEMENTS(known), random, incarnation);
    row->site_id = g_strdup(*marks->site_id != '\0' ? marks->site_id : uuid);
    row->counter = marks->counter;
    row->sign_public = g_strdup(keypairs_sign_public(p->identity.keys));
    row->seal_public = g_strdup(keypairs_seal_public(p->identity.keys));
    row->fingerprint = g_strdup(keypairs_fingerprint(p->identity.keys));
    row->incarnation = g_strdup(incarnation);
    row->key_check = rest_encrypt(p->env, p->identity.rest_key, "protector");
    row->created_at_ms = env_now_ms(p->env);
    struct first_row first = {row, marks};
    err_t *e = db_tx(db, identity_insert, &first);
    if (e == NULL || !err_is(e, ERR_DB_DUPLICATE))
        return e;
    err_free(e); /* another was faster: what it made is read */
    return NULL;
}

struct settling {
    const struct process *p;
    const struct keypairs *keys;
    struct local_site *row;
    bool fits; /* out */
};

static err_t *keys_settle_tx(struct db *db, void *data)
{
    struct settling *s = data;

    return site_keys_own(db, s->keys, s->row, env_now_ms(s->p->env), &s->fits);
}

/*
 * The row follows site.keys: a rotation that died between the two, or a database from before it.
 * Keys that are older than the row, or another site's, are refused.
 */
static err_t *keys_settle(struct process *p, struct db *db, const struct keypairs *keys,
                          struct local_site *row)
{
    struct settling s = {p, keys, row, false};

    TRY(db_in_tx(db) ? keys_settle_tx(db, &s) : db_tx(db, keys_settle_tx, &s));
    if (s.fits)
        return NULL;
    return err_remedy(err(CONFIG,
                          "the keys in '%s' (%s) are not those of this site's database (%s)",
                          process_state_path(p), keypairs_fingerprint(keys), row->fingerprint),
                      "copy " KEYFILE_SITE " and " KEYFILE_REST " from a controller that has them");
}

/*
 * The file is read after the row was: a rotation writes the file first, so that what is read here
 * is never behind the row, whoever rotates meanwhile.
 */
static err_t *keys_settle_latest(struct process *p, struct db *db, struct local_site *row,
                                 struct keypairs **ret)
{
    TRY(keyfile_site(p->env, process_state_path(p), false, ret));
    return keys_settle(p, db, *ret, row);
}

static err_t *identity_row(struct process *p, struct db *db, bool may_make, struct local_site **ret)
{
    AUTO(local_site) known = NULL;
    AUTO(local_site) row = NULL;
    AUTO(keypairs) latest = NULL;

    TRY(local_site_find(db, &known));
    if (known == NULL && may_make)
        TRY(identity_make(p, db));
    TRY(local_site_find(db, &row));
    if (row == NULL)
        return err_remedy(err(DB_SCHEMA, "this site has no identity yet"),
                          "run protector-manage db sync");
    TRY(keys_settle_latest(p, db, row, &latest));
    keypairs_destroy(p->identity.keys);
    p->identity.keys = TAKE(latest);
    *ret = TAKE(row);
    return NULL;
}

/* The key at rest must open what the database says was locked with it. */
static err_t *key_check(struct process *p, const struct local_site *row)
{
    char *text = NULL;

    if (row->key_check == NULL)
        return NULL;
    err_t *e = rest_decrypt(p->identity.rest_key, row->key_check, &text);
    secret_free(text);
    if (e == NULL)
        return NULL;
    return err_remedy(err_recode(CONFIG, e,
                                 "the encryption key in '%s' does not fit this site's database",
                                 process_state_path(p)),
                      "copy " KEYFILE_REST " from a controller that has it");
}

/* Others may hold the earlier ones for as long as they sign or open something. */
static void keys_exchange(struct process *p, struct keypairs *now)
{
    g_mutex_lock(&p->lock);
    if (p->retired == NULL)
        p->retired = g_ptr_array_new_with_free_func((GDestroyNotify)keypairs_destroy);
    g_ptr_array_add(p->retired, p->identity.keys);
    g_atomic_pointer_set(&p->identity.keys, now);
    g_mutex_unlock(&p->lock);
}

/* What the exchange asks for when the row names other keys than those in memory. */
static err_t *keys_read(void *data, struct db *db, struct local_site *local)
{
    struct process *p = data;
    AUTO(keypairs) now = NULL;

    err_t *e = keys_settle_latest(p, db, local, &now);
    if (e != NULL)
        return err_is(e, ERR_CONFIG) ? err_recode(KEYS_STALE, e, "the site's keys were changed")
                                     : e;
    if (p->log != NULL)
        log_write(p->log, LOG_LEVEL_INFO, p->program, NULL,
                  "this site's keys were changed: %s are used from now on",
                  keypairs_fingerprint(now));
    keys_exchange(p, TAKE(now));
    return NULL;
}

static err_t *identity_read(struct process *p, struct db *db, bool may_make)
{
    AUTO(local_site) known = NULL;
    AUTO(local_site) row = NULL;
    const char *dir = process_state_path(p);

    TRY(local_site_find(db, &known));
    bool make = may_make && known == NULL;
    TRY(keyfile_rest(p->env, dir, make, p->identity.rest_key));
    TRY(keyfile_site(p->env, dir, make, &p->identity.keys));
    TRY(identity_row(p, db, may_make, &row));
    TRY(key_check(p, row));
    g_strlcpy(p->identity.site_id, row->site_id, sizeof p->identity.site_id);
    p->exchange = (struct exchange){p->env, &p->identity, dir, keys_read, p};
    return NULL;
}

/* An older copy of the database, put back while nothing ran: all groups recover. */
static err_t *restored_look(struct process *p, struct db *db)
{
    bool restored = false;

    TRY(restored_check(&p->exchange, db, &restored));
    if (restored && p->log != NULL)
        log_write(p->log, LOG_LEVEL_ERROR, p->program, NULL, PROCESS_RESTORED_TEXT);
    return NULL;
}

err_t *process_schema(struct db *db)
{
    g_autofree char *version = NULL;

    TRY(store_version(db, &version));
    if (g_strcmp0(version, store_version_wanted()) == 0)
        return NULL;
    return err_remedy(err(DB_SCHEMA, "the database has version %s, this program needs %s",
                          version != NULL ? version : "none", store_version_wanted()),
                      "run protector-manage db sync");
}

err_t *process_identity(struct process *p, bool may_make)
{
    struct db *db = process_db_get(p);

    err_t *e = process_schema(db);
    if (e == NULL)
        e = identity_read(p, db, may_make);
    if (e == NULL)
        e = restored_look(p, db);
    process_db_put(p, db);
    return e;
}

/*
 * The file first: whoever dies before the row is written has changed nothing yet, and the next
 * start completes it (keys_settle).
 */
err_t *process_keys_rotate(struct process *p)
{
    struct keypairs *now = NULL;
    struct db *db = process_db_get(p);
    AUTO(local_site) row = NULL;
    AUTO(keypairs) latest = NULL; /* another rotation may have followed this one already */

    err_t *e = keyfile_site_rotate(p->env, process_state_path(p), p->identity.site_id, &now);
    if (e == NULL)
        keys_exchange(p, now);
    if (e == NULL)
        e = local_site_find(db, &row);
    if (e == NULL)
        e = keys_settle_latest(p, db, row, &latest);
    process_db_put(p, db);
    return e;
}

static err_t *keys_replace_tx(struct db *db, void *data)
{
    struct settling *s = data;

    g_clear_pointer(&s->row, local_site_destroy);
    TRY(local_site_find(db, &s->row));
    if (s->row == NULL)
        return err(DB_SCHEMA, "this database does not know yet which site it is of");
    return site_keys_put(db, s->keys, s->row, env_now_ms(s->p->env));
}

/* CONFLICT unless they are missing. */
static err_t *keys_lost_check(const struct process *p)
{
    char *text = NULL;
    g_autoptr(err_t) e = keyfile_read(process_state_path(p), KEYFILE_SITE, &text);

    if (e != NULL)
        return err_is(e, ERR_NOT_FOUND) ? NULL : g_steal_pointer(&e);
    secret_free(text);
    return err_remedy(err(CONFLICT, "'%s/" KEYFILE_SITE "' is there: nothing was replaced",
                          process_state_path(p)),
                      "to change the keys, also stolen ones: protector-manage keys rotate");
}

/* The row first: whoever dies before the file is there does it again, with other keys. */
err_t *process_keys_replace(struct process *p)
{
    struct db *db = process_db_get(p);
    AUTO(keypairs) keys = keypairs_create(p->env);
    struct settling s = {.p = p, .keys = keys};

    err_t *e = process_schema(db);
    if (e == NULL)
        e = keys_lost_check(p);
    if (e == NULL)
        e = db_tx(db, keys_replace_tx, &s);
    local_site_destroy(s.row);
    process_db_put(p, db);
    char *text = keypairs_print(keys);
    if (e == NULL)
        e = keyfile_create(p->env, process_state_path(p), KEYFILE_SITE, text);
    secret_free(text);
    return e != NULL ? e : process_identity(p, false);
}

/* For what is asked without a session: the caller's own token at Keystone, a look at a peer. */
static void trust_origin(struct process *p, const char *section)
{
    const char *cafile = conf_str(p->conf, section, "cafile");
    const char *url = conf_str(p->conf, section, "auth_url");
    bool insecure = conf_bool(p->conf, section, "insecure");

    if (url == NULL || (cafile == NULL && !insecure))
        return;
    g_autofree char *origin = url_origin(url);
    g_autoptr(err_t) e =
        curl_transport_trust(p->curl, origin != NULL ? origin : url, cafile, insecure);
    if (e != NULL)
        log_err(p->log, LOG_LEVEL_ERROR, p->program, NULL, e, "TLS of [%s] is not set up", section);
}

/* Method, address without its query, and what came of it; never a header or a body. */
static err_t *logged_send(void *data, const struct http_request *req, struct http_response **ret)
{
    struct process *p = data;
    err_t *e = http_send(curl_transport_http(p->curl), req, ret);

    if (!log_is_debug(p->log))
        return e;
    g_autofree char *origin = url_origin(req->url);
    g_autofree char *path = url_path(req->url);
    g_autofree char *answer =
        e != NULL ? g_strdup(err_message(e)) : g_strdup_printf("%d", (*ret)->status);
    log_write(p->log, LOG_LEVEL_DEBUG, "protector.net", NULL, "%s %s%s: %s", req->method,
              origin != NULL ? origin : "", path, answer);
    return e;
}

static err_t *logged_connect(void *data, const char *address, int port, int64_t timeout_ms)
{
    struct process *p = data;
    const struct http_transport *curl = curl_transport_http(p->curl);
    err_t *e = curl->connect(curl->data, address, port, timeout_ms);

    if (log_is_debug(p->log))
        log_write(p->log, LOG_LEVEL_DEBUG, "protector.net", NULL, "connect %s port %d: %s", address,
                  port, e != NULL ? err_message(e) : "accepted");
    return e;
}

void process_connect(struct process *p)
{
    const GPtrArray *sites = conf_sites(p->conf);

    p->curl = curl_transport_create(NULL);
    p->http = (struct http_transport){.data = p, .send = logged_send, .connect = logged_connect};
    for (guint i = 0; i < sites->len; i++) {
        g_autofree char *section = g_strdup_printf("site:%s", (char *)sites->pdata[i]);
        trust_origin(p, section);
    }
    trust_origin(p, "keystone_authtoken");
}

void process_end(struct process *p)
{
    curl_transport_destroy(p->curl);
    g_ptr_array_unref(p->idle);
    keypairs_destroy(p->identity.keys);
    if (p->retired != NULL)
        g_ptr_array_unref(p->retired);
    memset(p->identity.rest_key, 0, sizeof p->identity.rest_key);
    log_destroy(p->log);
    conf_destroy(p->conf);
    g_mutex_clear(&p->lock);
}

/* ---- doorbell ---- */

static bool bell_address(const struct process *p, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    int length =
        snprintf(ret->sun_path, sizeof ret->sun_path, "%s/engine.bell", process_state_path(p));

    return length > 0 && (size_t)length < sizeof ret->sun_path;
}

void bell_ring(void *process)
{
    struct sockaddr_un address;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return;
    if (bell_address(process, &address))
        (void)!sendto(fd, "r", 1, 0, (const struct sockaddr *)&address, sizeof address);
    close(fd);
}

err_t *bell_open(const struct process *p, int *ret_fd)
{
    struct sockaddr_un address;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || !bell_address(p, &address))
        return err(CONFIG, "no doorbell in '%s': %s", process_state_path(p), g_strerror(errno));
    unlink(address.sun_path);
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return err(CONFIG, "no doorbell at '%s': %s", address.sun_path, g_strerror(errno));
    }
    *ret_fd = fd;
    return NULL;
}

bool bell_wait(int fd, int64_t ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char buffer[64];

    if (poll(&p, 1, (int)MIN(ms, 60000)) <= 0)
        return false;
    while (recv(fd, buffer, sizeof buffer, 0) > 0)
        continue;
    return true;
}
