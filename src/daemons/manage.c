/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manage - protector-manage, the operator's tool: database, configuration, policy, orphans.
 * One table of commands; each prints for people and ends with 0 or 1.
 */
#include "api/auth/policy.h"
#include "api/metrics.h"
#include "daemons/process.h"
#include "drivers/registry.h"
#include "run/run.h"
#include "runbooks/runbooks.h"
#include "model/readiness.h"
#include "model/states.h"
#include "store/group.h"
#include "store/migrate.h"
#include "store/resource.h"
#include "store/restored.h"
#include "store/tx.h"

#include <errno.h>
#include <protector/version.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "protector-manage"

struct manage {
    struct process p;
    const char *argument; /* of a command that takes one */
};

static err_t *print_identity(struct manage *m)
{
    AUTO(local_site) local = NULL;
    struct db *db = process_db_get(&m->p);

    err_t *e = local_site_find(db, &local);
    process_db_put(&m->p, db);
    if (e == NULL)
        printf("site %s, fingerprint %s, incarnation %s\n", m->p.identity.site_id,
               keypairs_fingerprint(m->p.identity.keys), local->incarnation);
    return e;
}

static err_t *db_sync(struct manage *m)
{
    struct db *db = process_db_get(&m->p);
    int ran = 0;

    err_t *e = store_sync(db, env_now_ms(m->p.env), &ran);
    process_db_put(&m->p, db);
    if (e == NULL)
        e = process_identity(&m->p, true);
    if (e != NULL)
        return e;
    printf("database at version %s (%d migrations run)\n", store_version_wanted(), ran);
    return print_identity(m);
}

/* Whoever has put an older copy back says so; nothing is lost if the services would have noticed.
 */
static err_t *db_restored(struct manage *m)
{
    AUTO(local_site) before = NULL;
    AUTO(local_site) after = NULL;
    struct db *db = process_db_get(&m->p);
    int64_t groups = 0;

    err_t *e = local_site_find(db, &before);
    if (e == NULL)
        e = process_identity(&m->p, false);
    if (e == NULL)
        e = local_site_find(db, &after);
    bool noticed = e == NULL && g_strcmp0(before->incarnation, after->incarnation) != 0;
    if (e == NULL && !noticed)
        e = restored_admit(&m->p.exchange, db, "said by the operator", NULL);
    if (e == NULL)
        e = group_count_recovering(db, &groups);
    process_db_put(&m->p, db);
    if (e != NULL)
        return e;
    printf("the database counts as restored: %" G_GINT64_FORMAT " protection groups recover\n",
           groups);
    return print_identity(m);
}

static err_t *keys_create(struct manage *m)
{
    TRY(process_identity(&m->p, true));
    return print_identity(m);
}

/* Each call makes one more. */
static err_t *keys_rotate(struct manage *m)
{
    TRY(process_identity(&m->p, false));
    g_autofree char *before = g_strdup(keypairs_fingerprint(m->p.identity.keys));
    TRY(process_keys_rotate(&m->p));
    const struct keypairs *now = m->p.identity.keys;
    printf("the keys were changed, rotation %zu of this site: %s is replaced by %s\n"
           "  running services use the new keys from their next message on\n"
           "  do: copy site.keys to the other controllers of this site, then carry each group "
           "(protector protection-group sync-force): the other sites learn the keys by it\n",
           keypairs_former(now), before, keypairs_fingerprint(now));
    return print_identity(m);
}

/* Nothing leads from the lost keys to these: an admin of each other site compares them by eye. */
static err_t *keys_replace(struct manage *m)
{
    TRY(process_keys_replace(&m->p));
    printf("the lost keys were replaced; what was sealed to them cannot be opened any more\n"
           "  do: at each other site: protector site rekey NAME --fingerprint %s; then give the "
           "arrays' tokens anew (protection-group policy-update)\n",
           keypairs_fingerprint(m->p.identity.keys));
    return print_identity(m);
}

static err_t *db_version(struct manage *m)
{
    struct db *db = process_db_get(&m->p);
    g_autofree char *version = NULL;

    err_t *e = store_version(db, &version);
    process_db_put(&m->p, db);
    if (e == NULL)
        printf("%s\n", version != NULL ? version : "none");
    return e;
}

static err_t *db_check(struct manage *m)
{
    struct db *db = process_db_get(&m->p);
    g_autoptr(GPtrArray) faults = NULL;

    err_t *e = process_schema(db); /* without tables each column would be a fault */
    if (e == NULL)
        e = store_check(db, &faults);
    process_db_put(&m->p, db);
    if (e != NULL)
        return e;
    for (guint i = 0; i < faults->len; i++)
        printf("%s\n", (char *)g_ptr_array_index(faults, i));
    if (faults->len == 0)
        printf("the database is as this version wants it\n");
    return faults->len == 0 ? NULL : err(DB_SCHEMA, "%u faults", faults->len);
}

static err_t *config_sample(struct manage *m)
{
    g_autofree char *text = conf_sample();

    (void)m;
    fputs(text, stdout);
    return NULL;
}

static guint print_lines(GPtrArray *lines)
{
    guint count = lines->len;

    for (guint i = 0; i < count; i++)
        printf("%s\n", (char *)lines->pdata[i]);
    g_ptr_array_unref(lines);
    return count;
}

/* A driver that this build lacks is a warning: the engine starts without it. */
static guint print_driver_warnings(const struct conf *conf)
{
    AUTO(registry) registry = registry_create(conf_str(conf, "storage", "driver_path"));
    const struct protector_driver *driver = NULL;
    g_autoptr(err_t) e =
        registry_find(registry, conf_str(conf, "storage", "driver"), NULL, &driver);

    if (e == NULL)
        return print_lines(process_driver_warnings(conf, driver));
    g_autofree char *where = conf_where(conf, "storage", "driver");
    printf("%s: [storage] driver: %s\n", where, err_message(e));
    return 1;
}

/* Beyond what made the configuration readable: what a start insists on, and what it warns of. */
static err_t *config_check(struct manage *m)
{
    guint count = print_lines(process_warnings(m->p.conf));

    count += print_driver_warnings(m->p.conf);
    printf("%u warnings\n", count);
    return process_check(m->p.conf);
}

static err_t *policy_sample_print(struct manage *m)
{
    g_autofree char *text = policy_sample();

    (void)m;
    fputs(text, stdout);
    return NULL;
}

static err_t *policy_check_file(struct manage *m)
{
    const char *path = conf_str(m->p.conf, "oslo_policy", "policy_file");
    g_autofree char *text = NULL;
    g_autoptr(GError) why = NULL;
    g_auto(GStrv) warnings = NULL;
    gsize size = 0;

    if (!g_file_get_contents(path, &text, &size, &why)) {
        bool absent = g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_NOENT);
        if (!absent || conf_is_set(m->p.conf, "oslo_policy", "policy_file"))
            return err(CONFIG, "cannot read '%s': %s", path, why->message);
        printf("%s: there is none, the built-in rules count\n", path);
        return NULL;
    }
    TRY(policy_check(text, size, path, &warnings));
    for (size_t i = 0; warnings[i] != NULL; i++)
        printf("%s\n", warnings[i]);
    printf("%s: %u warnings\n", path, g_strv_length(warnings));
    return NULL;
}

/* Objects that an operation made or meant to make and that nobody has taken over. */
static err_t *orphans_of(struct db *db, const char *pg_id, int *count)
{
    static const enum resource_state open[] = {RESOURCE_INTENT, RESOURCE_MADE};

    for (size_t s = 0; s < G_N_ELEMENTS(open); s++) {
        g_autoptr(GPtrArray) rows = NULL;
        TRY(resource_list_group(db, pg_id, resource_state_text(open[s]), &rows));
        for (guint i = 0; i < rows->len; i++) {
            const struct resource *r = g_ptr_array_index(rows, i);
            printf("%s %s %s %s %s (operation %s)\n", r->pg_id, r->state, r->kind,
                   r->cloud_id != NULL ? r->cloud_id : "-", r->name != NULL ? r->name : "-",
                   r->op_id);
            (*count)++;
        }
    }
    return NULL;
}

static err_t *orphans(struct manage *m)
{
    struct db *db = process_db_get(&m->p);
    g_autoptr(GPtrArray) ids = NULL;
    int count = 0;

    err_t *e = process_schema(db);
    if (e == NULL)
        e = group_list_ids(db, NULL, 10000, &ids);
    for (guint i = 0; e == NULL && i < ids->len; i++)
        e = orphans_of(db, g_ptr_array_index(ids, i), &count);
    process_db_put(&m->p, db);
    if (e == NULL)
        printf("%d objects\n", count);
    return e;
}

struct handing_over {
    const char *op_id;
    int64_t now_ms;
    int64_t count; /* out */
};

static err_t *hand_over_tx(struct db *db, void *data)
{
    struct handing_over *h = data;

    return resource_hand_over(db, h->op_id, h->now_ms, &h->count);
}

/* What an operation that has ended left behind is the project's from now on. */
static err_t *orphans_release(struct manage *m)
{
    struct db *db = process_db_get(&m->p);
    struct handing_over h = {m->argument, env_now_ms(m->p.env), 0};

    err_t *e = process_schema(db);
    if (e == NULL)
        e = store_tx(db, m->p.env, hand_over_tx, &h);
    process_db_put(&m->p, db);
    if (e == NULL)
        printf("%" G_GINT64_FORMAT " objects of %s are the project's own now\n", h.count,
               m->argument);
    return e;
}

static err_t *runbooks_print_all(struct manage *m)
{
    (void)m;
    for (const struct runbook *const *b = runbooks_all; *b != NULL; b++) {
        g_autofree char *text = runbook_print(*b);
        printf("%s\n", text);
    }
    return NULL;
}

static err_t *states_print(struct manage *m)
{
    g_autofree char *text = states_markdown();

    (void)m;
    fputs(text, stdout);
    return NULL;
}

static err_t *metrics_print(struct manage *m)
{
    g_autofree char *text = metrics_markdown();

    (void)m;
    fputs(text, stdout);
    return NULL;
}

static err_t *readiness_print(struct manage *m)
{
    g_autofree char *text = readiness_markdown();

    (void)m;
    fputs(text, stdout);
    return NULL;
}

static err_t *identity_show(struct manage *m)
{
    TRY(process_identity(&m->p, false));
    print_identity(m);
    return NULL;
}

/* A file is made and taken away. */
static err_t *folder_check(const struct manage *m, const char *option)
{
    g_autofree char *path =
        g_strdup_printf("%s/.doctor-XXXXXX", conf_str(m->p.conf, "DEFAULT", option));
    int fd = g_mkstemp(path);

    if (fd < 0)
        return err(CONFIG, "cannot write to [DEFAULT] %s: '%s': %s", option, path,
                   g_strerror(errno));
    close(fd);
    unlink(path);
    return NULL;
}

static err_t *folders_check(struct manage *m)
{
    TRY(folder_check(m, "state_path"));
    TRY(folder_check(m, "log_dir"));
    printf("state_path and log_dir can be written\n");
    return NULL;
}

/* Everything that a start needs, whatever came of the one before. */
static err_t *doctor(struct manage *m)
{
    static const struct {
        const char *what;
        err_t *(*look)(struct manage *m);
    } looks[] = {
        {"configuration", config_check}, {"policy", policy_check_file}, {"folders", folders_check},
        {"database", db_check},          {"keys", identity_show},       {"orphans", orphans},
    };
    int faults = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(looks); i++) {
        printf("-- %s\n", looks[i].what);
        g_autoptr(err_t) e = looks[i].look(m);
        if (e == NULL)
            continue;
        g_autofree char *text = err_text(e);
        faults++;
        printf("WRONG: %s%s%s\n", text, *err_remedy_text(e) ? "\n  do: " : "", err_remedy_text(e));
    }
    return faults == 0 ? NULL
                       : err(CONFIG, "%d of %zu looks found a fault", faults, G_N_ELEMENTS(looks));
}

static const struct {
    const char *words;
    const char *says;
    err_t *(*run)(struct manage *m);
    bool no_log;          /* needs neither log nor database */
    const char *argument; /* what must follow, for the help; NULL: nothing */
} manage_commands[] = {
    {"db sync", "make or migrate the tables, and this site's keys", db_sync, false, NULL},
    {"db restored", "say that an older copy was put back: all protection groups recover",
     db_restored, false, NULL},
    {"db version", "show the version of the tables", db_version, false, NULL},
    {"db check", "compare the tables with what this version wants", db_check, false, NULL},
    {"config sample", "print a protector.conf with every option", config_sample, true, NULL},
    {"config check", "check the configuration", config_check, true, NULL},
    {"policy sample", "print a policy.yaml with every rule", policy_sample_print, true, NULL},
    {"policy check", "check the policy file", policy_check_file, true, NULL},
    {"keys create", "make this site's keys if it has none (db sync does)", keys_create, false,
     NULL},
    {"keys rotate", "make new keys, which the present ones certify", keys_rotate, false, NULL},
    {"keys replace", "make new keys where site.keys was lost", keys_replace, false, NULL},
    {"orphans", "list objects that operations left", orphans, false, NULL},
    {"orphans release", "leave to the project what an ended operation left", orphans_release, false,
     "OPERATION"},
    {"doctor", "look at everything that a start needs", doctor, false, NULL},
    {"docs metrics", "print the table of the metrics", metrics_print, true, NULL},
    {"docs readiness", "print the page of the checks", readiness_print, true, NULL},
    {"docs runbooks", "print the page of the runbooks", runbooks_print_all, true, NULL},
    {"docs states", "print the page of states and verbs", states_print, true, NULL},
};

static int usage(FILE *out, int code)
{
    fputs("usage: protector-manage [--config-file FILE]... COMMAND\n\n", out);
    for (size_t i = 0; i < G_N_ELEMENTS(manage_commands); i++) {
        const char *argument = manage_commands[i].argument;
        g_autofree char *line =
            g_strdup_printf("%s%s%s", manage_commands[i].words, argument != NULL ? " " : "",
                            argument != NULL ? argument : "");
        fprintf(out, "  %-25s %s\n", line, manage_commands[i].says);
    }
    fputs("\n  --help, --version\n", out);
    return code;
}

/* The row whose words are the arguments, but for a last one that it takes; -1: none. */
static int command_of(char **words, const char **ret_argument)
{
    g_autofree char *line = g_strjoinv(" ", words);
    const char *last = strrchr(line, ' ');

    for (size_t i = 0; i < G_N_ELEMENTS(manage_commands); i++) {
        bool takes = manage_commands[i].argument != NULL && last != NULL;
        g_autofree char *named = takes ? g_strndup(line, (gsize)(last - line)) : g_strdup(line);
        if (manage_commands[i].argument != NULL && !takes)
            continue;
        if (!g_str_equal(named, manage_commands[i].words))
            continue;
        *ret_argument = takes ? words[g_strv_length(words) - 1] : NULL;
        return (int)i;
    }
    fprintf(stderr, "protector-manage: there is no command '%s'\n", line);
    return -1;
}

static int failed(err_t *e)
{
    g_autofree char *text = err_text(e);

    fflush(stdout);
    fprintf(stderr, "protector-manage: %s%s%s\n", text, *err_remedy_text(e) ? "\n  do: " : "",
            err_remedy_text(e));
    err_free(e);
    return 1;
}

static int run(char **argv, int command, const char *argument)
{
    struct conf *conf = NULL;
    struct manage m = {.argument = argument};

    err_t *e = process_conf(PROGRAM, argv, &conf);
    if (e != NULL)
        return failed(e);
    m.p.conf = conf;
    m.p.env = &env_system;
    bool has_log = !manage_commands[command].no_log;
    if (has_log)
        process_begin(&m.p, PROGRAM, conf, false);
    e = manage_commands[command].run(&m);
    int code = e != NULL ? failed(e) : 0;
    if (has_log)
        process_end(&m.p);
    else
        conf_destroy(conf);
    return code;
}

int main(int argc, char **argv)
{
    g_auto(GStrv) words = NULL;

    (void)argc;
    signal(SIGPIPE, SIG_IGN);
    process_words(PROGRAM, argv, &words);
    if (words == NULL || words[0] == NULL)
        return usage(stderr, 2);
    if (g_str_equal(words[0], "--help"))
        return usage(stdout, 0);
    if (g_str_equal(words[0], "--version")) {
        printf(PROGRAM " " PROTECTOR_VERSION "\n");
        return 0;
    }
    const char *argument = NULL;
    int command = command_of(words, &argument);
    return command < 0 ? usage(stderr, 2) : run(argv, command, argument);
}
