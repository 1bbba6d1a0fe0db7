/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dsn - the database URL of [database] connection, in the forms that SQLAlchemy takes.
 *
 *     sqlite://  sqlite:///relative.db  sqlite:////absolute.db
 *     mysql+pymysql://user:password@host[:port]/name?charset=utf8mb4&unix_socket=…&ssl_ca=…
 *
 * The text holds a password: it is never part of an error; dsn_print leaves it out.
 */
#pragma once

#include "base/auto.h"
#include "base/err.h"

enum dsn_kind {
    DSN_SQLITE,
    DSN_MARIADB,
};

struct dsn {
    enum dsn_kind kind;
    char *path; /* sqlite: file name, "" = in memory */
    char *user; /* mariadb; NULL = the library's default */
    char *password;
    char *host;
    unsigned port;
    char *database;
    char *unix_socket;
    char *ssl_ca;
    char *ssl_cert;
    char *ssl_key;
    bool ssl_check_host;
    unsigned connect_timeout_s;
    unsigned read_timeout_s;
    unsigned write_timeout_s;
};

#define DSN_CONNECT_TIMEOUT_S 10
/* Longer than any lock wait of ours, so that a slow lock is not taken for a lost server. */
#define DSN_READ_TIMEOUT_S 60

/* Errors: CONFIG (what does not fit, without the text itself). */
err_t *dsn_parse(const char *text, struct dsn **ret) MUST_CHECK;
void dsn_destroy(struct dsn *dsn);
AUTO_DEFINE(dsn, dsn_destroy)
/* For messages: "mysql://user@host:3306/name", "sqlite:////path".  Caller frees. */
char *dsn_print(const struct dsn *dsn);
