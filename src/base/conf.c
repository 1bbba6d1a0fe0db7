/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf - what the lines of protector.conf mean: which one wins, substitution, types and limits.
 *
 * ini.c gives the lines; conf_sample.c prints the table.  Reading only collects settings (the last
 * one of a name wins) and warnings; conf_check turns them into values, one per row of the table
 * and, for rows of "site:", one per site.  A reference to another option resolves that option
 * first; 'depth' ends a circle.
 */
#include "base/conf.h"

#include <string.h>

#include "base/ini.h"

#define SITE_PREFIX      "site:"
#define SUGGESTION_MAX   2  /* letters that may be wrong in a name that is suggested */
#define NAME_LENGTH_MAX  64 /* of a name that is compared for a suggestion */
#define WARNINGS_MAX     200
#define SHOWN_LENGTH_MAX 80

const struct conf_option conf_options[] = {
#define OPTION(section, name, type, fallback, min, max, choices, help)                             \
    {section, name, CONF_##type, fallback, min, max, choices, help},
#include "base/conf.tbl"
#undef OPTION
};
const size_t conf_options_count = G_N_ELEMENTS(conf_options);

/* Sections that belong to oslo libraries and have no meaning here. */
static const char *const foreign_sections[] = {
    "audit",
    "barbican",
    "cache",
    "cors",
    "healthcheck",
    "key_manager",
    "oslo_concurrency",
    "oslo_limit",
    "oslo_messaging_amqp",
    "oslo_messaging_kafka",
    "oslo_messaging_metrics",
    "oslo_messaging_notifications",
    "oslo_messaging_rabbit",
    "oslo_middleware",
    "oslo_reports",
    "profiler",
    "ssl",
    "vault",
};

/* What a file says about one option. */
struct setting {
    char *text;
    char *where; /* "path:line" */
};

struct value {
    char *text;
    char **list;
    int64_t number; /* also 0 or 1 for BOOL */
    bool is_set;
    char *where;
};

struct conf {
    conf_lookup_fn *lookup;
    void *lookup_data;
    GHashTable *settings; /* "section\nname" -> struct setting */
    GHashTable *values;   /* the same -> struct value; filled by conf_check */
    GPtrArray *warnings;
    GPtrArray *sites;
    int files;
    bool checked;
};

/* ---- life ---- */

static void setting_destroy(gpointer data)
{
    struct setting *s = data;
    g_free(s->text);
    g_free(s->where);
    g_free(s);
}

static void value_destroy(gpointer data)
{
    struct value *v = data;
    g_free(v->text);
    g_strfreev(v->list);
    g_free(v->where);
    g_free(v);
}

struct conf *conf_create(conf_lookup_fn *lookup, void *data)
{
    struct conf *conf = g_new0(struct conf, 1);
    conf->lookup = lookup;
    conf->lookup_data = data;
    conf->settings = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, setting_destroy);
    conf->values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, value_destroy);
    conf->warnings = g_ptr_array_new_with_free_func(g_free);
    conf->sites = g_ptr_array_new_with_free_func(g_free);
    return conf;
}

void conf_destroy(struct conf *conf)
{
    if (conf == NULL)
        return;
    g_hash_table_destroy(conf->settings);
    g_hash_table_destroy(conf->values);
    g_ptr_array_unref(conf->warnings);
    g_ptr_array_unref(conf->sites);
    g_free(conf);
}

/* ---- names ---- */

/* As oslo does it: case does not matter but in DEFAULT; yet a site's name is the operator's. */
static char *section_normalized(const char *section)
{
    size_t prefix = strlen(SITE_PREFIX);
    if (strcmp(section, "DEFAULT") == 0)
        return g_strdup(section);
    if (g_ascii_strncasecmp(section, SITE_PREFIX, prefix) == 0)
        return g_strconcat(SITE_PREFIX, section + prefix, NULL);
    return g_ascii_strdown(section, -1);
}

/* True if rows of 'pattern' describe 'section'. */
static bool section_matches(const char *pattern, const char *section)
{
    if (strcmp(pattern, SITE_PREFIX) == 0)
        return g_str_has_prefix(section, SITE_PREFIX);
    return strcmp(pattern, section) == 0;
}

static const struct conf_option *option_find(const char *section, const char *name)
{
    for (size_t i = 0; i < conf_options_count; i++)
        if (section_matches(conf_options[i].section, section) &&
            strcmp(conf_options[i].name, name) == 0)
            return &conf_options[i];
    return NULL;
}

static bool section_known(const char *section)
{
    for (size_t i = 0; i < conf_options_count; i++)
        if (section_matches(conf_options[i].section, section))
            return true;
    return false;
}

static bool section_foreign(const char *section)
{
    for (size_t i = 0; i < G_N_ELEMENTS(foreign_sections); i++)
        if (strcmp(foreign_sections[i], section) == 0)
            return true;
    return false;
}

static char *key_of(const char *section, const char *name)
{
    return g_strdup_printf("%s\n%s", section, name);
}

/* ---- warnings ---- */

/* How many letters must change to make one of the other (Levenshtein). */
static size_t distance(const char *a, const char *b)
{
    size_t row[NAME_LENGTH_MAX + 1], length = strlen(b);
    if (strlen(a) > NAME_LENGTH_MAX || length > NAME_LENGTH_MAX)
        return NAME_LENGTH_MAX;
    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != 0; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= length; j++) {
            size_t changed = diagonal + (g_ascii_tolower(a[i - 1]) != b[j - 1]);
            diagonal = row[j];
            row[j] = MIN(changed, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[length];
}

/* "; did you mean 'x'?" or "", of the table's options or else of 'known' (NULL-ended). */
static char *suggestion(const char *section, const char *name, const char *const *known)
{
    const char *best = NULL;
    size_t least = SUGGESTION_MAX + 1;
    for (size_t i = 0; i < conf_options_count; i++) {
        size_t d = distance(name, conf_options[i].name);
        if (section_matches(conf_options[i].section, section) && d < least) {
            least = d;
            best = conf_options[i].name;
        }
    }
    for (size_t i = 0; known != NULL && known[i] != NULL; i++) {
        size_t d = distance(name, known[i]);
        if (d < least) {
            least = d;
            best = known[i];
        }
    }
    return best != NULL ? g_strdup_printf("; did you mean '%s'?", best) : g_strdup("");
}

static char *unknown_option(const char *where, const char *section, const char *name,
                            const char *const *known)
{
    g_autofree char *hint = suggestion(section, name, known);
    return g_strdup_printf("%s: unknown option '%s' in [%s], ignoring it%s", where, name, section,
                           hint);
}

static void warn(struct conf *conf, char *text)
{
    if (conf->warnings->len < WARNINGS_MAX)
        g_ptr_array_add(conf->warnings, text);
    else
        g_free(text);
}

static void warn_option(struct conf *conf, const char *where, const char *section, const char *name)
{
    warn(conf, unknown_option(where, section, name, NULL));
}

/* ---- reading ---- */

struct reading {
    struct conf *conf;
    const char *name;
};

static err_t *site_found(struct conf *conf, const char *where, const char *site)
{
    for (guint i = 0; i < conf->sites->len; i++)
        if (strcmp(g_ptr_array_index(conf->sites, i), site) == 0)
            return NULL;
    if (*site == 0)
        return err(CONFIG, "%s: [site:] lacks the name of the site", where);
    if (conf->sites->len == CONF_SITES_MAX)
        return err(CONFIG, "%s: more than %d sections [site:NAME]", where, CONF_SITES_MAX);
    g_ptr_array_add(conf->sites, g_strdup(site));
    return NULL;
}

static err_t *section_found(struct conf *conf, const char *where, const char *section)
{
    if (g_str_has_prefix(section, SITE_PREFIX))
        return site_found(conf, where, section + strlen(SITE_PREFIX));
    if (!section_known(section) && !section_foreign(section))
        warn(conf, g_strdup_printf("%s: unknown section [%s], ignoring it", where, section));
    return NULL;
}

static err_t *line_found(void *data, int line, const char *section_text, const char *name,
                         const char *text)
{
    const struct reading *reading = data;
    struct conf *conf = reading->conf;
    g_autofree char *where = g_strdup_printf("%s:%d", reading->name, line);
    g_autofree char *section = section_normalized(section_text);
    if (name == NULL)
        return section_found(conf, where, section);
    bool of_driver = strcmp(section, "storage") == 0;
    if (option_find(section, name) == NULL && !of_driver) {
        if (section_known(section))
            warn_option(conf, where, section, name);
        return NULL;
    }
    struct setting *setting = g_new0(struct setting, 1);
    setting->text = g_strdup(text);
    setting->where = g_steal_pointer(&where);
    g_hash_table_replace(conf->settings, key_of(section, name), setting);
    return NULL;
}

err_t *conf_parse(struct conf *conf, const char *text, size_t size, const char *name)
{
    struct reading reading = {conf, name};
    g_assert(!conf->checked);
    if (++conf->files > CONF_FILES_MAX)
        return err(CONFIG, "cannot read %s: more than %d configuration files", name,
                   CONF_FILES_MAX);
    return ini_parse(text, size, name, line_found, &reading);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static err_t *read_directory(struct conf *conf, const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(path, 0, &error);
    if (dir == NULL)
        return err(CONFIG, "cannot read configuration directory '%s': %s", path, error->message);
    for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir))
        if (name[0] != '.' && g_str_has_suffix(name, ".conf"))
            g_ptr_array_add(names, g_build_filename(path, name, NULL));
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++)
        TRY(conf_read(conf, g_ptr_array_index(names, i)));
    return NULL;
}

err_t *conf_read(struct conf *conf, const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    gsize size = 0;
    if (g_file_test(path, G_FILE_TEST_IS_DIR))
        return read_directory(conf, path);
    if (!g_file_get_contents(path, &text, &size, &error))
        return err(CONFIG, "cannot read configuration file '%s': %s", path, error->message);
    return conf_parse(conf, text, size, path);
}

char **conf_default_paths(const char *program, const char *home, const char *root)
{
    static const char *const endings[] = {".conf", ".conf.d"};
    const char *const stems[] = {"protector", program};
    g_autofree char *home_own =
        g_build_filename(home != NULL ? home : "/nonexistent", ".protector", NULL);
    const char *const folders[] = {home_own, home != NULL ? home : "/nonexistent", "/etc/protector",
                                   "/etc"};
    g_autoptr(GStrvBuilder) paths = g_strv_builder_new();
    for (size_t e = 0; e < G_N_ELEMENTS(endings); e++) {
        for (size_t s = 0; s < G_N_ELEMENTS(stems); s++) {
            for (size_t f = 0; f < G_N_ELEMENTS(folders); f++) {
                g_autofree char *path =
                    g_strdup_printf("%s%s/%s%s", root, folders[f], stems[s], endings[e]);
                if (!g_file_test(path, e == 0 ? G_FILE_TEST_IS_REGULAR : G_FILE_TEST_IS_DIR))
                    continue;
                g_strv_builder_add(paths, path);
                break;
            }
        }
    }
    return g_strv_builder_end(paths);
}

/* ---- types ---- */

static const struct {
    const char *name;
    int64_t ms;
} units[] = {{"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}};

/* Milliseconds that the number of an option stands for; 0 if it is no duration. */
static int64_t option_unit_ms(const struct conf_option *option)
{
    if (g_str_has_suffix(option->name, "_ms"))
        return 1;
    return g_str_has_suffix(option->name, "_s") ? 1000 : 0;
}

/* Reads "30", "+30", "-1", and for durations "30s"; false if 'text' is none or does not fit. */
static bool parse_int(const struct conf_option *option, const char *text, int64_t *ret)
{
    int64_t option_ms = option_unit_ms(option), number = 0;
    size_t digits = strspn(text, "+-0123456789");
    g_autofree char *figures = g_strndup(text + (text[0] == '+'), digits - (text[0] == '+'));
    if (!g_ascii_string_to_signed(figures, 10, G_MININT64, G_MAXINT64, &number, NULL))
        return false;
    const char *unit = text + digits + strspn(text + digits, " ");
    if (*unit == 0) {
        *ret = number;
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(units) && option_ms != 0; i++) {
        if (strcmp(units[i].name, unit) != 0)
            continue;
        if (__builtin_mul_overflow(number, units[i].ms, &number) || number % option_ms != 0)
            return false;
        *ret = number / option_ms;
        return true;
    }
    return false;
}

static bool parse_bool(const char *text, int64_t *ret)
{
    static const char *const words[2][4] = {{"false", "0", "off", "no"},
                                            {"true", "1", "on", "yes"}};
    for (int truth = 0; truth < 2; truth++) {
        for (size_t i = 0; i < G_N_ELEMENTS(words[truth]); i++) {
            if (g_ascii_strcasecmp(text, words[truth][i]) == 0) {
                *ret = truth;
                return true;
            }
        }
    }
    return false;
}

/* Splits as oslo does: blanks around items and commas at the end do not count. */
static char **parse_list(const char *text)
{
    g_autofree char *copy = g_strstrip(g_strdup(text));
    for (size_t length = strlen(copy); length > 0 && copy[length - 1] == ','; length--)
        copy[length - 1] = 0;
    char **list = *copy == 0 ? g_new0(char *, 1) : g_strsplit(copy, ",", -1);
    for (int i = 0; list[i] != NULL; i++)
        g_strstrip(list[i]);
    return list;
}

static bool is_choice(const struct conf_option *option, const char *text)
{
    g_auto(GStrv) choices = g_strsplit(option->choices, "|", -1);
    return g_strv_contains((const char *const *)choices, text);
}

/* "a number from 1 to 256", for messages and the sample. */
static char *allowed(const struct conf_option *option)
{
    switch (option->type) {
    case CONF_BOOL:
        return g_strdup("true or false");
    case CONF_INT:
        return g_strdup_printf("a number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT "%s",
                               option->min, option->max,
                               option_unit_ms(option) != 0 ? ", or with a unit: ms s min h d" : "");
    case CONF_LIST:
        return g_strdup_printf("%" G_GINT64_FORMAT " to %" G_GINT64_FORMAT
                               " items separated by commas",
                               option->min, option->max);
    case CONF_STRING:
    case CONF_SECRET:
        if (option->choices != NULL)
            return g_strdup_printf("one of %s", option->choices);
        return g_strdup_printf("a text of %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT " bytes",
                               option->min, option->max);
    }
    g_assert_not_reached();
}

static bool within(const struct conf_option *option, int64_t number)
{
    return number >= option->min && number <= option->max;
}

/* Fills 'value' from its text; false if that is not allowed. */
static bool convert(const struct conf_option *option, struct value *value)
{
    switch (option->type) {
    case CONF_BOOL:
        return parse_bool(value->text, &value->number);
    case CONF_INT:
        g_strstrip(value->text);
        return parse_int(option, value->text, &value->number) && within(option, value->number);
    case CONF_LIST:
        value->list = parse_list(value->text);
        return within(option, g_strv_length(value->list));
    case CONF_STRING:
    case CONF_SECRET:
        return within(option, (int64_t)strlen(value->text)) &&
               (option->choices == NULL || is_choice(option, value->text));
    }
    g_assert_not_reached();
}

/* What a reference to the option is replaced by. */
static char *value_text(const struct conf_option *option, const struct value *value)
{
    switch (option->type) {
    case CONF_BOOL:
        return g_strdup(value->number ? "True" : "False");
    case CONF_INT:
        return g_strdup_printf("%" G_GINT64_FORMAT, value->number);
    case CONF_LIST:
        return g_strjoinv(",", value->list);
    case CONF_STRING:
    case CONF_SECRET:
        return g_strdup(value->text != NULL ? value->text : "");
    }
    g_assert_not_reached();
}

/* ---- resolving ---- */

static err_t *resolve(struct conf *conf, const struct conf_option *option, const char *section,
                      int depth, const struct value **ret) MUST_CHECK;

/* Where a reference stands, for its errors. */
struct place {
    const struct conf_option *option;
    const char *section;
    const char *where;
    int depth;
};

/* Appends the value of the option called 'name' ("x" or "section.x"). */
static err_t *append_reference(struct conf *conf, const struct place *at, const char *name,
                               GString *out)
{
    const struct conf_option *option = NULL;
    const struct value *value = NULL;
    const char *dot = strchr(name, '.');
    g_autofree char *section = dot != NULL ? g_strndup(name, (gsize)(dot - name)) : NULL;
    if (dot != NULL)
        option = option_find(section, dot + 1);
    else if ((option = option_find(at->section, name)) != NULL)
        section = g_strdup(at->section);
    if (option == NULL && (option = option_find("DEFAULT", name)) != NULL) {
        g_free(section);
        section = g_strdup("DEFAULT");
    }
    if (option == NULL)
        return err(CONFIG,
                   "%s: [%s] %s refers by '$' to %s%s, which is no option; write '$$' for a "
                   "dollar, '${name}' where letters or dots follow",
                   at->where, at->section, at->option->name,
                   at->option->type == CONF_SECRET ? "a name" : "$",
                   at->option->type == CONF_SECRET ? "" : name);
    TRY(resolve(conf, option, section, at->depth + 1, &value));
    g_autofree char *text = value_text(option, value);
    g_string_append(out, text);
    return NULL;
}

/* The length of a name behind '$' as oslo takes it: letters, digits, '_' and '.'; 0 if none. */
static size_t name_length(const char *at)
{
    if (!g_ascii_isalpha(*at) && *at != '_')
        return 0;
    size_t length = 1;
    while (g_ascii_isalnum(at[length]) || at[length] == '_' || at[length] == '.')
        length++;
    return length;
}

/* Replaces all references in 'text'. */
static err_t *expand(struct conf *conf, const struct place *place, const char *text, char **ret)
{
    g_autoptr(GString) out = g_string_new(NULL);
    for (const char *at = text; *at != 0;) {
        bool escaped = strncmp(at, "\\$", 2) == 0 || strncmp(at, "$$", 2) == 0;
        bool braces = strncmp(at, "${", 2) == 0;
        size_t length = *at == '$' ? name_length(at + 1 + braces) : 0;
        if (escaped || length == 0 || (braces && at[2 + length] != '}')) {
            g_string_append_c(out, escaped ? '$' : *at);
            at += 1 + escaped;
            continue;
        }
        g_autofree char *name = g_strndup(at + 1 + braces, length);
        TRY(append_reference(conf, place, name, out));
        at += 1 + length + 2u * braces;
    }
    *ret = g_strdup(out->str);
    return NULL;
}

/* The text that counts for an option before substitution, and where it comes from. */
static const char *source_of(struct conf *conf, const struct conf_option *option,
                             const char *section, const char *key, char **ret_where)
{
    g_autofree char *variable = g_strdup_printf("OS_%s__%s", section, option->name);
    for (char *c = variable; *c != 0; c++)
        *c = g_ascii_toupper(*c);
    const char *text = conf->lookup != NULL ? conf->lookup(conf->lookup_data, variable) : NULL;
    const struct setting *setting = g_hash_table_lookup(conf->settings, key);
    if (text != NULL) {
        *ret_where = g_strdup_printf("environment %s", variable);
        return text;
    }
    *ret_where = g_strdup(setting != NULL ? setting->where : "default");
    return setting != NULL ? setting->text : NULL;
}

static err_t *value_error(const struct conf_option *option, const char *section,
                          const struct value *value)
{
    g_autofree char *should = allowed(option);
    bool shown = option->type != CONF_SECRET;
    return err(CONFIG, "%s: [%s] %s%s%.*s%s must be %s", value->where, section, option->name,
               shown ? " = '" : "", SHOWN_LENGTH_MAX, shown ? value->text : "", shown ? "'" : "",
               should);
}

/* An empty number is as good as none, as in oslo. */
static bool is_unset(const struct conf_option *option, const char *text)
{
    return text == NULL || (*text == 0 && option->type == CONF_INT);
}

static err_t *fill(struct conf *conf, const struct conf_option *option, const char *section,
                   int depth, const char *key, struct value *value)
{
    const char *text = source_of(conf, option, section, key, &value->where);
    struct place place = {option, section, value->where, depth};
    value->is_set = !is_unset(option, text);
    if (!value->is_set)
        text = option->fallback;
    if (text == NULL) {
        value->list = option->type == CONF_LIST ? g_new0(char *, 1) : NULL;
        return NULL;
    }
    TRY(expand(conf, &place, text, &value->text));
    return convert(option, value) ? NULL : value_error(option, section, value);
}

static err_t *resolve(struct conf *conf, const struct conf_option *option, const char *section,
                      int depth, const struct value **ret)
{
    g_autofree char *key = key_of(section, option->name);
    struct value *value = g_hash_table_lookup(conf->values, key);
    if (value == NULL) {
        if (depth > CONF_DEPTH_MAX)
            return err(CONFIG, "[%s] %s stands for itself by '$' references", section,
                       option->name);
        value = g_new0(struct value, 1);
        err_t *e = fill(conf, option, section, depth, key, value);
        if (e != NULL) {
            value_destroy(value);
            return e;
        }
        g_hash_table_insert(conf->values, g_steal_pointer(&key), value);
    }
    *ret = value;
    return NULL;
}

/*
 * What [storage] says beyond the table: names in their order.  Those that bear the driver's name
 * ('own'), or the others.
 */
static GPtrArray *driver_options(const struct conf *conf, bool own)
{
    GPtrArray *names = g_ptr_array_new();
    g_autofree char *prefix = g_strdup_printf("%s_", conf_str(conf, "storage", "driver"));
    GList *keys = g_list_sort(g_hash_table_get_keys(conf->settings), (GCompareFunc)strcmp);
    for (const GList *k = keys; k != NULL; k = k->next) {
        char *name = g_str_has_prefix(k->data, "storage\n") ? strchr(k->data, '\n') + 1 : NULL;
        if (name != NULL && option_find("storage", name) == NULL &&
            g_str_has_prefix(name, prefix) == own)
            g_ptr_array_add(names, name);
    }
    g_list_free(keys);
    return names;
}

static const char *driver_option_where(const struct conf *conf, const char *name)
{
    g_autofree char *key = key_of("storage", name);
    const struct setting *setting = g_hash_table_lookup(conf->settings, key);
    return setting->where;
}

/* An option of another driver is unknown; whether the driver has its own, its table says. */
static void warn_driver_options(struct conf *conf)
{
    g_autoptr(GPtrArray) names = driver_options(conf, false);
    for (guint i = 0; i < names->len; i++)
        warn_option(conf, driver_option_where(conf, names->pdata[i]), "storage", names->pdata[i]);
}

GPtrArray *conf_driver_warnings(const struct conf *conf, const char *const *known)
{
    g_autoptr(GPtrArray) names = driver_options(conf, true);
    GPtrArray *warnings = g_ptr_array_new_with_free_func(g_free);
    g_assert(conf->checked);
    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        if (!g_strv_contains(known, name))
            g_ptr_array_add(warnings, unknown_option(driver_option_where(conf, name), "storage",
                                                     name, known));
    }
    return warnings;
}

err_t *conf_check(struct conf *conf)
{
    const struct value *value;
    for (size_t i = 0; i < conf_options_count; i++) {
        const struct conf_option *option = &conf_options[i];
        TRY(resolve(conf, option, option->section, 0, &value));
        for (guint s = 0; s < conf->sites->len && strcmp(option->section, SITE_PREFIX) == 0; s++) {
            g_autofree char *section =
                g_strconcat(SITE_PREFIX, g_ptr_array_index(conf->sites, s), NULL);
            TRY(resolve(conf, option, section, 0, &value));
        }
    }
    conf->checked = true;
    warn_driver_options(conf);
    return NULL;
}

/* ---- getters ---- */

const char *conf_driver_option(const struct conf *conf, const char *name)
{
    g_assert(conf->checked);
    if (option_find("storage", name) != NULL)
        return conf_str(conf, "storage", name);
    g_autofree char *key = key_of("storage", name);
    const struct setting *setting = g_hash_table_lookup(conf->settings, key);
    return setting != NULL ? setting->text : NULL;
}

const GPtrArray *conf_warnings(const struct conf *conf)
{
    return conf->warnings;
}

const GPtrArray *conf_sites(const struct conf *conf)
{
    return conf->sites;
}

/* Never NULL: a site without a section has the values of the row itself, which are defaults. */
static const struct value *value_of(const struct conf *conf, const char *section, const char *name,
                                    const struct conf_option **ret_option)
{
    g_assert(conf->checked);
    *ret_option = option_find(section, name);
    g_assert(*ret_option != NULL);
    g_autofree char *key = key_of(section, name);
    const struct value *value = g_hash_table_lookup(conf->values, key);
    if (value == NULL) {
        g_autofree char *row = key_of((*ret_option)->section, name);
        value = g_hash_table_lookup(conf->values, row);
    }
    g_assert(value != NULL);
    return value;
}

const char *conf_str(const struct conf *conf, const char *section, const char *name)
{
    const struct conf_option *option;
    const struct value *value = value_of(conf, section, name, &option);
    g_assert(option->type == CONF_STRING || option->type == CONF_SECRET);
    return value->text;
}

int64_t conf_int(const struct conf *conf, const char *section, const char *name)
{
    const struct conf_option *option;
    const struct value *value = value_of(conf, section, name, &option);
    g_assert(option->type == CONF_INT);
    return value->number;
}

bool conf_bool(const struct conf *conf, const char *section, const char *name)
{
    const struct conf_option *option;
    const struct value *value = value_of(conf, section, name, &option);
    g_assert(option->type == CONF_BOOL);
    return value->number != 0;
}

char *const *conf_list(const struct conf *conf, const char *section, const char *name)
{
    const struct conf_option *option;
    const struct value *value = value_of(conf, section, name, &option);
    g_assert(option->type == CONF_LIST);
    return value->list;
}

bool conf_is_set(const struct conf *conf, const char *section, const char *name)
{
    const struct conf_option *option;
    return value_of(conf, section, name, &option)->is_set;
}

char *conf_where(const struct conf *conf, const char *section, const char *name)
{
    const struct conf_option *option;
    return g_strdup(value_of(conf, section, name, &option)->where);
}
