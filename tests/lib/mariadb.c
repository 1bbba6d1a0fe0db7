/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mariadb - see mariadb.h.
 */
#include "tests/lib/mariadb.h"

#include <errno.h>
#include <glib.h>
#include <mysql.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_TRIES   600
#define START_WAIT_US 50000

struct mariadb_server {
    char *folder;
    char *socket;
    GPid pid;
};

static void die_with_parent(gpointer data)
{
    (void)data;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* Runs a program to its end. */
static void run(char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *output = NULL;
    g_autofree char *errors = NULL;
    int status = 0;
    if (!g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, die_with_parent, NULL, &output,
                      &errors, &status, &error))
        g_error("cannot run %s: %s", argv[0], error->message);
    if (!g_spawn_check_wait_status(status, &error))
        g_error("%s failed: %s\n%s\n%s", argv[0], error->message, output, errors);
}

static MYSQL *try_connect(const struct mariadb_server *server)
{
    MYSQL *handle = mysql_init(NULL);
    g_assert(handle != NULL);
    if (mysql_real_connect(handle, "localhost", "root", NULL, NULL, 0, server->socket,
                           CLIENT_MULTI_STATEMENTS) != NULL)
        return handle;
    mysql_close(handle);
    return NULL;
}

static void wait_ready(struct mariadb_server *server)
{
    for (int i = 0; i < START_TRIES; i++) {
        MYSQL *handle = try_connect(server);
        if (handle != NULL) {
            mysql_close(handle);
            return;
        }
        if (waitpid(server->pid, NULL, WNOHANG) != 0)
            break;
        g_usleep(START_WAIT_US);
    }
    g_autofree char *path = g_build_filename(server->folder, "log", NULL);
    g_autofree char *log = NULL;
    g_file_get_contents(path, &log, NULL, NULL);
    g_error("mariadbd does not start:\n%s", log != NULL ? log : "(no log)");
}

/*
 * argv of both programs: the options that name our folder, and root's permission to be root.  A
 * server that starts deletes all temporary tables in its tmpdir, also those of a server that runs
 * beside it.
 */
static GPtrArray *command(const struct mariadb_server *server, const char *program)
{
    GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(argv, g_strdup(program));
    g_ptr_array_add(argv, g_strdup("--no-defaults"));
    g_ptr_array_add(argv, g_strdup_printf("--datadir=%s/data", server->folder));
    g_ptr_array_add(argv, g_strdup_printf("--tmpdir=%s", server->folder));
    if (geteuid() == 0)
        g_ptr_array_add(argv, g_strdup("--user=root"));
    return argv;
}

static void add_options(GPtrArray *argv, const char *const *options)
{
    for (; *options != NULL; options++)
        g_ptr_array_add(argv, g_strdup(*options));
}

static void install(struct mariadb_server *server)
{
    static const char *const options[] = {"--auth-root-authentication-method=normal",
                                          "--skip-test-db", "--skip-name-resolve", NULL};
    g_autoptr(GPtrArray) argv = command(server, "mariadb-install-db");
    add_options(argv, options);
    g_ptr_array_add(argv, NULL);
    run((char **)argv->pdata);
}

/* Nothing is flushed to the disk: a killed server has it all in the system's cache. */
static void spawn(struct mariadb_server *server, const char *const *more)
{
    static const char *const options[] = {"--skip-networking",
                                          "--innodb-buffer-pool-size=32M",
                                          "--innodb-log-file-size=16M",
                                          "--innodb-flush-log-at-trx-commit=2",
                                          "--innodb-flush-method=nosync",
                                          "--skip-innodb-doublewrite",
                                          "--sync-frm=0",
                                          "--performance-schema=OFF",
                                          NULL};
    g_autoptr(GPtrArray) argv = command(server, "mariadbd");
    g_autoptr(GError) error = NULL;
    add_options(argv, options);
    if (more != NULL)
        add_options(argv, more);
    g_ptr_array_add(argv, g_strdup_printf("--socket=%s", server->socket));
    g_ptr_array_add(argv, g_strdup_printf("--pid-file=%s/pid", server->folder));
    g_ptr_array_add(argv, g_strdup_printf("--log-error=%s/log", server->folder));
    g_ptr_array_add(argv, NULL);
    if (!g_spawn_async(NULL, (char **)argv->pdata, NULL,
                       G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD |
                           G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL,
                       die_with_parent, NULL, &server->pid, &error))
        g_error("cannot run mariadbd: %s", error->message);
    wait_ready(server);
}

struct mariadb_server *mariadb_start(void)
{
    struct mariadb_server *server = g_new0(struct mariadb_server, 1);
    g_autoptr(GError) error = NULL;
    server->folder = g_dir_make_tmp("protector-mariadb-XXXXXX", &error);
    if (server->folder == NULL)
        g_error("no temporary folder: %s", error->message);
    server->socket = g_build_filename(server->folder, "socket", NULL);
    install(server);
    spawn(server, NULL);
    return server;
}

static void end(struct mariadb_server *server, int signal_number)
{
    kill(server->pid, signal_number);
    while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    g_spawn_close_pid(server->pid);
}

void mariadb_stop(struct mariadb_server *server)
{
    if (server == NULL)
        return;
    end(server, SIGTERM);
    char *argv[] = {(char[]){"rm"}, (char[]){"-rf"}, server->folder, NULL};
    run(argv);
    g_free(server->folder);
    g_free(server->socket);
    g_free(server);
}

void mariadb_kill(struct mariadb_server *server)
{
    end(server, SIGKILL);
}

void mariadb_restart(struct mariadb_server *server, const char *const *options)
{
    spawn(server, options);
}

void mariadb_sql(struct mariadb_server *server, const char *sql)
{
    MYSQL *handle = try_connect(server);
    if (handle == NULL)
        g_error("mariadbd is not there");
    int code = mysql_query(handle, sql);
    while (code == 0) {
        MYSQL_RES *result = mysql_store_result(handle);
        mysql_free_result(result);
        code = mysql_next_result(handle);
    }
    if (code > 0)
        g_error("'%s' failed: %s", sql, mysql_error(handle));
    mysql_close(handle);
}

/* The text of the manual, page service-placement, step 2, for any name of the database. */
void mariadb_fresh(struct mariadb_server *server, const char *database)
{
    g_autofree char *sql = g_strdup_printf(
        "DROP DATABASE IF EXISTS %s;"
        "CREATE DATABASE %s CHARACTER SET utf8;"
        "GRANT ALL PRIVILEGES ON %s.* TO 'protector'@'localhost' IDENTIFIED BY 'PROTECTOR_DBPASS';"
        "GRANT ALL PRIVILEGES ON %s.* TO 'protector'@'%%' IDENTIFIED BY 'PROTECTOR_DBPASS';"
        "FLUSH PRIVILEGES;",
        database, database, database, database);
    mariadb_sql(server, sql);
}

char *mariadb_dsn(const struct mariadb_server *server, const char *database)
{
    g_autofree char *escaped = g_uri_escape_string(server->socket, NULL, FALSE);
    return g_strdup_printf(
        "mysql+pymysql://protector:PROTECTOR_DBPASS@localhost/%s?charset=utf8mb4&unix_socket=%s",
        database, escaped);
}

const char *mariadb_socket(const struct mariadb_server *server)
{
    return server->socket;
}
