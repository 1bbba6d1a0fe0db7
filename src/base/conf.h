/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf - protector.conf: the dialect of oslo.config, with every option declared once in conf.tbl.
 *
 *     AUTO(conf) conf = conf_create(lookup, data);
 *     TRY(conf_read(conf, "/etc/protector/protector.conf"));      any number of files or
 * directories TRY(conf_check(conf));                                      resolves and judges every
 * option … conf_int(conf, "api", "bind_port") …
 *
 * A later file, and a later line, wins.  The environment (OS_<SECTION>__<OPTION>, both in capitals)
 * wins over files; it is read through the function given to conf_create, never by getenv.  '$name',
 * '${name}', '$section.name' in a value stand for another option (first of the same section, then
 * of DEFAULT); '$$' and '\$' for a dollar.  Section names are compared without case, but DEFAULT
 * and [site:NAME] exactly.  An empty number is as good as none.
 *
 * Unknown options and sections are no errors but warnings, which the caller logs; sections of oslo
 * libraries that Protector has no use for are passed over in silence.
 * Errors (code CONFIG) say file, line, option, what is wrong and what is allowed; never a secret.
 */
#pragma once

#include "base/auto.h"
#include "base/err.h"

#define CONF_SITES_MAX 64  /* sections [site:NAME] */
#define CONF_DEPTH_MAX 16  /* of options standing for options */
#define CONF_FILES_MAX 100 /* read into one conf */

enum conf_type {
    CONF_STRING,
    CONF_SECRET, /* a string that is never shown */
    CONF_INT,
    CONF_BOOL,
    CONF_LIST, /* separated by commas */
};

/* A row of conf.tbl, where the columns are explained. */
struct conf_option {
    const char *section;
    const char *name;
    enum conf_type type;
    const char *fallback;
    int64_t min;
    int64_t max;
    const char *choices;
    const char *help;
};

extern const struct conf_option conf_options[];
extern const size_t conf_options_count;

struct conf;

/* An environment variable, or NULL. */
typedef const char *conf_lookup_fn(void *data, const char *name);

/* 'lookup' may be NULL: no environment.  'data' must outlive the conf. */
struct conf *conf_create(conf_lookup_fn *lookup, void *data);
void conf_destroy(struct conf *conf);
AUTO_DEFINE(conf, conf_destroy)

/* Reads a file, or every *.conf of a directory in the order of their names. */
err_t *conf_read(struct conf *conf, const char *path) MUST_CHECK;
/* Reads text; 'name' stands for the path. */
err_t *conf_parse(struct conf *conf, const char *text, size_t size, const char *name) MUST_CHECK;
/*
 * The files that are read when no --config-file is given: those that exist of protector.conf,
 * <program>.conf, protector.conf.d/ and <program>.conf.d/, each in the first of ~/.protector/, ~/,
 * /etc/protector/ and /etc/ that has it.  'home' may be NULL; 'root' is "" but in tests.  Caller
 * frees with g_strfreev.
 */
char **conf_default_paths(const char *program, const char *home, const char *root);

/*
 * Resolves every option of the table.  Must have succeeded before any getter is called; no more may
 * be read after it.
 */
err_t *conf_check(struct conf *conf) MUST_CHECK;
/* Unknown options and sections, "path:line: …" each; belongs to 'conf'.  Of char *. */
const GPtrArray *conf_warnings(const struct conf *conf);
/* The NAMEs of all [site:NAME], in order; belongs to 'conf'.  Of char *. */
const GPtrArray *conf_sites(const struct conf *conf);

/*
 * Values.  'section' is as in the table, or "site:NAME" (a NAME without a section has defaults).
 * The option must be in the table and of the type (asserted).  Strings belong to 'conf'.
 */
/* STRING or SECRET; NULL if it is not set and has no default. */
const char *conf_str(const struct conf *conf, const char *section, const char *name);
/* An option of [storage] that belongs to the driver's own table: as written, NULL if it is not set.
 */
const char *conf_driver_option(const struct conf *conf, const char *name);
/*
 * Warnings, as conf_warnings, about options of [storage] that bear the driver's name but are none
 * of 'known' (NULL-ended: the driver's table).  The driver is known to those who loaded it alone.
 * Caller frees with g_ptr_array_unref.
 */
GPtrArray *conf_driver_warnings(const struct conf *conf, const char *const *known);
int64_t conf_int(const struct conf *conf, const char *section, const char *name);
bool conf_bool(const struct conf *conf, const char *section, const char *name);
/* NULL-terminated, never NULL. */
char *const *conf_list(const struct conf *conf, const char *section, const char *name);
/* True if a file or the environment sets it. */
bool conf_is_set(const struct conf *conf, const char *section, const char *name);
/* Where the value comes from: "path:line", "environment NAME" or "default".  Caller frees. */
char *conf_where(const struct conf *conf, const char *section, const char *name);

/* A sample file with every option, its help, limits and default, all commented out.  Caller frees.
 */
char *conf_sample(void);
