/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mariadb - a real MariaDB server of a test's own: data in a temporary folder, no network, one unix
 * socket; it ends with the test, also with one that crashes.
 *
 * Starting takes some 4 s, so a test program starts one and makes a database per test.  What cannot
 * be done ends the test program with a message.
 */
#pragma once

struct mariadb_server;

struct mariadb_server *mariadb_start(void);
/* Stops the server by its pid and removes the folder.  Accepts NULL. */
void mariadb_stop(struct mariadb_server *server);
/* Kills it (-9), as a power cut would. */
void mariadb_kill(struct mariadb_server *server);
/* Starts it again on the same data, with more options ("--ssl-cert=…"; NULL-ended; NULL: none). */
void mariadb_restart(struct mariadb_server *server, const char *const *options);

/* Runs SQL as root, statements separated by ';'. */
void mariadb_sql(struct mariadb_server *server, const char *sql);
/* Drops the database if it is there and makes it anew with the SQL of the manual. */
void mariadb_fresh(struct mariadb_server *server, const char *database);
/* "mysql+pymysql://protector:…@localhost/DATABASE?unix_socket=…".  Caller frees with g_free. */
char *mariadb_dsn(const struct mariadb_server *server, const char *database);
const char *mariadb_socket(const struct mariadb_server *server);
