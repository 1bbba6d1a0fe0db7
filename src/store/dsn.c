/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dsn - see dsn.h.  The grammar follows SQLAlchemy 1.4 (engine/url.py): the password ends at the
 * first '@', user and password are percent-decoded, the host may be [ipv6].
 */
#include "store/dsn.h"

#include <inttypes.h>
#include <string.h>

#define DSN_MARIADB_PORT 3306

enum option_kind {
    OPTION_TEXT,
    OPTION_SECONDS,
    OPTION_BOOL,
    OPTION_IGNORED, /* means something to a Python driver, nothing to us */
};

static const struct option {
    const char *name;
    enum option_kind kind;
    size_t offset;
} options[] = {
    {"charset", OPTION_IGNORED, 0}, /* it is always utf8mb4 */
    {"use_unicode", OPTION_IGNORED, 0},
    {"binary_prefix", OPTION_IGNORED, 0},
    {"plugin", OPTION_IGNORED, 0},
    {"unix_socket", OPTION_TEXT, offsetof(struct dsn, unix_socket)},
    {"ssl_ca", OPTION_TEXT, offsetof(struct dsn, ssl_ca)},
    {"ssl_cert", OPTION_TEXT, offsetof(struct dsn, ssl_cert)},
    {"ssl_key", OPTION_TEXT, offsetof(struct dsn, ssl_key)},
    {"ssl_check_hostname", OPTION_BOOL, offsetof(struct dsn, ssl_check_host)},
    {"ssl_verify_identity", OPTION_BOOL, offsetof(struct dsn, ssl_check_host)},
    {"connect_timeout", OPTION_SECONDS, offsetof(struct dsn, connect_timeout_s)},
    {"read_timeout", OPTION_SECONDS, offsetof(struct dsn, read_timeout_s)},
    {"write_timeout", OPTION_SECONDS, offsetof(struct dsn, write_timeout_s)},
};

static const struct {
    const char *name;
    enum dsn_kind kind;
} schemes[] = {
    {"sqlite", DSN_SQLITE},           {"sqlite+pysqlite", DSN_SQLITE},
    {"mysql", DSN_MARIADB},           {"mysql+pymysql", DSN_MARIADB},
    {"mysql+mysqldb", DSN_MARIADB},   {"mysql+mysqlconnector", DSN_MARIADB},
    {"mariadb", DSN_MARIADB},         {"mariadb+pymysql", DSN_MARIADB},
    {"mariadb+mysqldb", DSN_MARIADB},
};

/* The text up to 'end' with %XX decoded; NULL if that is not valid. */
static char *decode(const char *text, size_t size)
{
    g_autofree char *raw = g_strndup(text, size);
    g_autofree char *plain = g_uri_unescape_string(raw, NULL);
    return plain != NULL && g_utf8_validate(plain, -1, NULL) ? TAKE(plain) : NULL;
}

static err_t *number(const char *text, int64_t max, const char *what, unsigned *ret)
{
    guint64 value = 0;
    if (!g_ascii_string_to_unsigned(text, 10, 1, (guint64)max, &value, NULL))
        return err(CONFIG, "database connection: %s '%s' is not a number from 1 to %" PRId64, what,
                   text, max);
    *ret = (unsigned)value;
    return NULL;
}

static err_t *set_option(struct dsn *dsn, const struct option *option, const char *value)
{
    char *base = (char *)dsn;
    switch (option->kind) {
    case OPTION_TEXT: {
        char **field = (char **)(void *)(base + option->offset);
        g_free(*field);
        *field = g_strdup(value);
        return NULL;
    }
    case OPTION_SECONDS:
        return number(value, 86400, option->name, (unsigned *)(void *)(base + option->offset));
    case OPTION_BOOL:
        *(bool *)(base + option->offset) =
            g_ascii_strcasecmp(value, "false") != 0 && strcmp(value, "0") != 0;
        return NULL;
    case OPTION_IGNORED:
        return NULL;
    }
    g_assert_not_reached();
}

static err_t *parse_option(struct dsn *dsn, const char *pair)
{
    const char *equals = strchr(pair, '=');
    g_autofree char *name =
        equals != NULL ? g_strndup(pair, (gsize)(equals - pair)) : g_strdup(pair);
    g_autofree char *raw = g_strdup(equals != NULL ? equals + 1 : "");
    g_strdelimit(raw, "+", ' ');
    g_autofree char *value = decode(raw, strlen(raw));
    if (value == NULL)
        return err(CONFIG, "database connection: the value of '%s' is not properly encoded", name);
    for (size_t i = 0; i < G_N_ELEMENTS(options); i++)
        if (strcmp(options[i].name, name) == 0)
            return set_option(dsn, &options[i], value);
    return err(CONFIG, "database connection: unknown parameter '%s' after the '?'", name);
}

static err_t *parse_options(struct dsn *dsn, const char *query)
{
    g_auto(GStrv) pairs = g_strsplit(query, "&", -1);
    for (char **pair = pairs; *pair != NULL; pair++)
        if (**pair != '\0')
            TRY(parse_option(dsn, *pair));
    return NULL;
}

/* "host", "host:port", "[ipv6]:port" or "". */
static err_t *parse_host(struct dsn *dsn, const char *text)
{
    const char *port = NULL;
    if (text[0] == '[') {
        const char *close = strchr(text, ']');
        if (close == NULL || (close[1] != '\0' && close[1] != ':'))
            return err(CONFIG, "database connection: the IPv6 address has no closing ']'");
        dsn->host = g_strndup(text + 1, (gsize)(close - text - 1));
        port = close[1] == ':' ? close + 2 : NULL;
    } else {
        const char *colon = strchr(text, ':');
        dsn->host = colon != NULL ? g_strndup(text, (gsize)(colon - text)) : g_strdup(text);
        port = colon != NULL ? colon + 1 : NULL;
    }
    if (*dsn->host == '\0') {
        g_free(dsn->host);
        dsn->host = g_strdup("localhost");
    }
    dsn->port = DSN_MARIADB_PORT;
    return port == NULL || *port == '\0' ? NULL : number(port, 65535, "port", &dsn->port);
}

/* "user:password" before the '@'. */
static err_t *parse_user(struct dsn *dsn, const char *text, size_t size)
{
    const char *colon = memchr(text, ':', size);
    size_t user_size = colon != NULL ? (size_t)(colon - text) : size;
    dsn->user = decode(text, user_size);
    if (colon != NULL)
        dsn->password = decode(colon + 1, size - user_size - 1);
    if (dsn->user == NULL || (colon != NULL && dsn->password == NULL))
        return err(CONFIG, "database connection: user or password is not properly percent-encoded");
    return NULL;
}

static err_t *parse_mariadb(struct dsn *dsn, const char *rest)
{
    const char *at = strchr(rest, '@');
    const char *user_end =
        strpbrk(rest, ":/@"); /* a user has neither ':' nor '/', a password may */
    if (at != NULL && *user_end != '/') {
        TRY(parse_user(dsn, rest, (size_t)(at - rest)));
        rest = at + 1;
    }
    const char *slash = strpbrk(rest, "/?");
    g_autofree char *host = slash != NULL ? g_strndup(rest, (gsize)(slash - rest)) : g_strdup(rest);
    TRY(parse_host(dsn, host));
    if (slash == NULL || *slash == '?' || slash[1] == '\0' || slash[1] == '?')
        return err(CONFIG, "database connection: no database name after the host");
    const char *question = strchr(slash, '?');
    const char *name = slash + 1;
    dsn->database = decode(name, question != NULL ? (size_t)(question - name) : strlen(name));
    if (dsn->database == NULL)
        return err(CONFIG, "database connection: the database name is not properly encoded");
    return question != NULL ? parse_options(dsn, question + 1) : NULL;
}

static err_t *parse_sqlite(struct dsn *dsn, const char *rest)
{
    const char *question = strchr(rest, '?');
    g_autofree char *path =
        question != NULL ? g_strndup(rest, (gsize)(question - rest)) : g_strdup(rest);
    if (*path != '\0' && *path != '/')
        return err(CONFIG, "database connection: sqlite takes three slashes before a relative "
                           "path and four before an absolute one");
    const char *file = *path == '/' ? path + 1 : path;
    dsn->path = g_strdup(strcmp(file, ":memory:") == 0 ? "" : file);
    return NULL;
}

err_t *dsn_parse(const char *text, struct dsn **ret)
{
    AUTO(dsn) dsn = g_new0(struct dsn, 1);
    dsn->ssl_check_host = true;
    dsn->connect_timeout_s = DSN_CONNECT_TIMEOUT_S;
    dsn->read_timeout_s = DSN_READ_TIMEOUT_S;
    dsn->write_timeout_s = DSN_READ_TIMEOUT_S;
    const char *rest = strstr(text, "://");
    if (rest == NULL)
        return err(CONFIG, "database connection: it is not of the form "
                           "mysql+pymysql://user:password@host/name or sqlite:///path");
    g_autofree char *scheme = g_strndup(text, (gsize)(rest - text));
    rest += strlen("://");
    for (size_t i = 0; i < G_N_ELEMENTS(schemes); i++) {
        if (strcmp(schemes[i].name, scheme) != 0)
            continue;
        dsn->kind = schemes[i].kind;
        TRY(dsn->kind == DSN_SQLITE ? parse_sqlite(dsn, rest) : parse_mariadb(dsn, rest));
        *ret = TAKE(dsn);
        return NULL;
    }
    return err(CONFIG, "database connection: '%s' is not known; use mysql+pymysql or sqlite",
               scheme);
}

void dsn_destroy(struct dsn *dsn)
{
    if (dsn == NULL)
        return;
    if (dsn->password != NULL)
        explicit_bzero(dsn->password, strlen(dsn->password));
    char *texts[] = {dsn->path,     dsn->user,        dsn->password, dsn->host,   dsn->database,
                     dsn->ssl_cert, dsn->unix_socket, dsn->ssl_ca,   dsn->ssl_key};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    g_free(dsn);
}

char *dsn_print(const struct dsn *dsn)
{
    switch (dsn->kind) {
    case DSN_SQLITE:
        return g_strdup_printf("sqlite:///%s", dsn->path);
    case DSN_MARIADB:
        if (dsn->unix_socket != NULL)
            return g_strdup_printf("mysql://%s@%s/%s", dsn->user != NULL ? dsn->user : "",
                                   dsn->unix_socket, dsn->database);
        return g_strdup_printf("mysql://%s@%s:%u/%s", dsn->user != NULL ? dsn->user : "", dsn->host,
                               dsn->port, dsn->database);
    }
    g_assert_not_reached();
}
