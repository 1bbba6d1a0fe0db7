/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry - finds, checks and wraps storage drivers.  See registry.h.
 *
 * Invariant: a found driver stays in 'found' until the registry ends; what it was wrapped in lies
 * in 'filters', outermost last, and is freed in that order backwards, before its module is
 * unloaded.
 */
#include "drivers/registry.h"

#include <dlfcn.h>
#include <string.h>

#include "drivers/filters/filter.h"
#include "drivers/mock/mock.h"

#define MODULE_PREFIX   "libprotector-driver-"
#define MODULE_SUFFIX   ".so"
#define NAME_MAX_LENGTH 32

static const struct protector_driver *const builtin[] = {&mock_driver};

static const struct filter_ops *const filters[] = {&filter_fault, &filter_delay, &filter_log};

/* One driver under one stack of filters. */
struct found {
    char *name;
    char *stack; /* as asked for */
    const struct protector_driver *driver;
};

struct registry {
    char *path;
    GPtrArray *found;   /* of struct found */
    GPtrArray *filters; /* of const struct protector_driver */
    GPtrArray *copies;  /* of struct protector_driver: modules' literals in full length */
    GPtrArray *modules; /* of dlopen's handles */
    GPtrArray *absent;  /* of struct absent */
};

/* ---- in the place of a driver that is not there ---- */

struct absent {
    struct protector_driver driver;
    char *name;
    char *why;
};

static enum protector_status absent_open(const struct protector_driver *self,
                                         const struct protector_host *host,
                                         const struct protector_pair *pair,
                                         struct protector_handle **ret,
                                         struct protector_error *error)
{
    const struct absent *absent = self->data;

    (void)host;
    (void)pair;
    (void)ret;
    return protector_fail(error, PROTECTOR_UNSUPPORTED, "%s", absent->why);
}

static void absent_close(struct protector_handle *handle)
{
    (void)handle;
}

static void absent_destroy(void *data)
{
    struct absent *absent = data;

    g_free(absent->name);
    g_free(absent->why);
    g_free(absent);
}

const struct protector_driver *registry_absent(struct registry *registry, const char *name,
                                               const err_t *why)
{
    struct absent *absent = g_new0(struct absent, 1);
    g_autofree char *text = err_text(why);
    const struct protector_driver *driver;

    absent->name = g_strdup(name);
    absent->why = g_strdup_printf("%s (%s)", text, err_remedy_text(why));
    absent->driver = (struct protector_driver){PROTECTOR_DRIVER_STAMP,
                                               .name = absent->name,
                                               .title = "not there",
                                               .version = "0",
                                               .threads = PROTECTOR_THREADS_ANY,
                                               .data = absent,
                                               .open = absent_open,
                                               .close = absent_close};
    g_ptr_array_add(registry->absent, absent);
    driver = filter_create(&filter_serial, &absent->driver);
    g_ptr_array_add(registry->filters, (gpointer)driver);
    return driver;
}

bool registry_is_absent(const struct protector_driver *driver)
{
    return driver->can == 0; /* registry_check lets no such driver pass */
}

/* ---- life ---- */

static void found_destroy(void *data)
{
    struct found *found = data;

    g_free(found->name);
    g_free(found->stack);
    g_free(found);
}

static void module_close(void *data)
{
    (void)dlclose(data);
}

struct registry *registry_create(const char *driver_path)
{
    struct registry *registry = g_new0(struct registry, 1);

    registry->path = g_strdup(driver_path);
    registry->found = g_ptr_array_new_with_free_func(found_destroy);
    registry->filters = g_ptr_array_new();
    registry->copies = g_ptr_array_new_with_free_func(g_free);
    registry->modules = g_ptr_array_new_with_free_func(module_close);
    registry->absent = g_ptr_array_new_with_free_func(absent_destroy);
    return registry;
}

void registry_destroy(struct registry *registry)
{
    if (registry == NULL)
        return;
    for (guint i = registry->filters->len; i > 0; i--)
        filter_destroy(g_ptr_array_index(registry->filters, i - 1));
    g_ptr_array_unref(registry->filters);
    g_ptr_array_unref(registry->found);
    g_ptr_array_unref(registry->copies);
    g_ptr_array_unref(registry->absent);
    g_ptr_array_unref(registry->modules);
    g_free(registry->path);
    g_free(registry);
}

/* ---- names ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The driver's name in a module's file name, or NULL.  Caller frees. */
static char *module_name(const char *file)
{
    size_t length = strlen(file);
    size_t around = strlen(MODULE_PREFIX) + strlen(MODULE_SUFFIX);

    if (length <= around || !g_str_has_prefix(file, MODULE_PREFIX) ||
        !g_str_has_suffix(file, MODULE_SUFFIX))
        return NULL;
    return g_strndup(file + strlen(MODULE_PREFIX), length - around);
}

/* Adds the names of the modules in driver_path; what cannot be read has none. */
static void names_of_modules(const struct registry *registry, GPtrArray *names)
{
    g_autoptr(GDir) dir = registry->path == NULL ? NULL : g_dir_open(registry->path, 0, NULL);
    const char *file;

    while (dir != NULL && names->len < REGISTRY_DRIVERS_MAX &&
           (file = g_dir_read_name(dir)) != NULL) {
        char *name = module_name(file);

        if (name != NULL)
            g_ptr_array_add(names, name);
    }
}

char *registry_names(const struct registry *registry)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    GString *text = g_string_new(NULL);
    const char *last = "";

    for (size_t i = 0; i < G_N_ELEMENTS(builtin); i++)
        g_ptr_array_add(names, g_strdup(builtin[i]->name));
    names_of_modules(registry, names);
    qsort(names->pdata, names->len, sizeof *names->pdata, compare_names);
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);

        if (strcmp(name, last) != 0)
            g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "", name);
        last = name;
    }
    return g_string_free(text, FALSE);
}

/* ---- checks ---- */

static bool name_fits(const char *name)
{
    size_t length = name == NULL ? 0 : strlen(name);

    if (length == 0 || length > NAME_MAX_LENGTH || !g_ascii_islower(name[0]))
        return false;
    for (size_t i = 0; i < length; i++)
        if (!g_ascii_islower(name[i]) && !g_ascii_isdigit(name[i]) && name[i] != '_')
            return false;
    return true;
}

err_t *registry_check(const struct protector_driver *driver, const char *from)
{
    if (driver->abi != PROTECTOR_DRIVER_ABI)
        return err(DRIVER_ABI, "storage driver in %s speaks ABI %u, this engine speaks %u", from,
                   driver->abi, PROTECTOR_DRIVER_ABI);
    if (driver->size > sizeof *driver)
        return err(DRIVER_ABI,
                   "storage driver in %s is newer than this engine: its table has %zu bytes, ours "
                   "%zu",
                   from, driver->size, sizeof *driver);
    if (!name_fits(driver->name) || driver->title == NULL || driver->version == NULL)
        return err(DRIVER_ABI, "storage driver in %s lacks a good name, title or version", from);
    if ((driver->can & (PROTECTOR_CAN_ASYNC | PROTECTOR_CAN_SYNC)) == 0)
        return err(DRIVER_ABI, "storage driver in %s can neither async nor sync", from);
    if (driver->open == NULL || driver->close == NULL)
        return err(DRIVER_ABI, "storage driver in %s lacks open or close", from);
#define VERB(name, bit)                                                                            \
    if (driver->name == NULL && ((bit) == 0 || (driver->can & (bit)) != 0))                        \
        return err(DRIVER_ABI, "storage driver in %s lacks the verb '%s'", from, #name);
#include "drivers/filters/verbs.def"
#undef VERB
    return NULL;
}

/* ---- finding ---- */

/* The module's literal, copied to the length of ours; belongs to the registry. */
static err_t *module_take(struct registry *registry, const char *file, const char *name,
                          const struct protector_driver *entry, const struct protector_driver **ret)
{
    struct protector_driver *full;

    if (entry->size < offsetof(struct protector_driver, configure))
        return err(DRIVER_ABI, "storage driver in %s has a table of %zu bytes only", file,
                   entry->size);
    if (entry->abi != PROTECTOR_DRIVER_ABI || entry->size > sizeof *full)
        return registry_check(entry, file);
    full = g_new0(struct protector_driver, 1);
    memcpy(full, entry, entry->size);
    g_ptr_array_add(registry->copies, full);
    TRY(registry_check(full, file));
    if (strcmp(full->name, name) != 0)
        return err(DRIVER_ABI, "storage driver in %s calls itself '%s'", file, full->name);
    *ret = full;
    return NULL;
}

static err_t *module_load(struct registry *registry, const char *name,
                          const struct protector_driver **ret)
{
    g_autofree char *base = g_strconcat(MODULE_PREFIX, name, MODULE_SUFFIX, NULL);
    g_autofree char *file = g_build_filename(registry->path, base, NULL);
    const struct protector_driver *const *entry;
    void *module;

    module = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (module == NULL)
        return err(DRIVER_ABI, "cannot load storage driver '%s': %s", name, dlerror());
    g_ptr_array_add(registry->modules, module);
    entry = dlsym(module, PROTECTOR_DRIVER_SYMBOL);
    if (entry == NULL || *entry == NULL)
        return err(DRIVER_ABI, "%s is no storage driver: it has no " PROTECTOR_DRIVER_SYMBOL, file);
    return module_take(registry, file, name, *entry, ret);
}

static bool module_exists(const struct registry *registry, const char *name)
{
    g_autofree char *base = g_strconcat(MODULE_PREFIX, name, MODULE_SUFFIX, NULL);
    g_autofree char *file = NULL;

    if (registry->path == NULL || !name_fits(name))
        return false;
    file = g_build_filename(registry->path, base, NULL);
    return g_file_test(file, G_FILE_TEST_IS_REGULAR);
}

static err_t *driver_find(struct registry *registry, const char *name,
                          const struct protector_driver **ret)
{
    g_autofree char *names = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(builtin); i++) {
        if (strcmp(builtin[i]->name, name) == 0) {
            *ret = builtin[i];
            return registry_check(builtin[i], "this engine");
        }
    }
    if (module_exists(registry, name))
        return module_load(registry, name, ret);
    names = registry_names(registry);
    return err_detail(err(DRIVER_ABSENT, "storage driver '%s' is not in this build; there are: %s",
                          name, names),
                      "drivers", names);
}

/* ---- filters ---- */

static const struct filter_ops *filter_ops_find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(filters); i++)
        if (strcmp(filters[i]->name, name) == 0)
            return filters[i];
    return NULL;
}

static const struct protector_driver *wrap(struct registry *registry, const struct filter_ops *ops,
                                           const struct protector_driver *next)
{
    const struct protector_driver *driver = filter_create(ops, next);

    g_ptr_array_add(registry->filters, (gpointer)driver);
    return driver;
}

/* The filters' operations in the order of 'stack', the first one outermost. */
static err_t *stack_parse(const char *stack, GPtrArray *ret_ops)
{
    g_auto(GStrv) names = g_strsplit(stack == NULL ? "" : stack, ",", REGISTRY_FILTERS_MAX + 1);

    for (guint i = 0; names[i] != NULL; i++) {
        const char *name = g_strstrip(names[i]);
        const struct filter_ops *ops = filter_ops_find(name);

        if (name[0] == '\0')
            continue;
        if (ops == NULL || i >= REGISTRY_FILTERS_MAX)
            return err(CONFIG,
                       "[storage] driver_filters: '%s' is no filter, or there are more "
                       "than %d; there are: fault, delay, log",
                       name, REGISTRY_FILTERS_MAX);
        g_ptr_array_add(ret_ops, (gpointer)ops);
    }
    return NULL;
}

/* Keeps 'driver' as what 'name' under 'stack' means. */
static void found_add(struct registry *registry, const char *name, const char *stack,
                      const struct protector_driver *driver)
{
    struct found *found = g_new0(struct found, 1);

    *found = (struct found){g_strdup(name), g_strdup(stack), driver};
    g_ptr_array_add(registry->found, found);
}

static const struct protector_driver *found_get(const struct registry *registry, const char *name,
                                                const char *stack)
{
    for (guint i = 0; i < registry->found->len; i++) {
        const struct found *found = g_ptr_array_index(registry->found, i);

        if (strcmp(found->name, name) == 0 && strcmp(found->stack, stack) == 0)
            return found->driver;
    }
    return NULL;
}

err_t *registry_find(struct registry *registry, const char *name, const char *stack,
                     const struct protector_driver **ret)
{
    g_autoptr(GPtrArray) ops = g_ptr_array_new();
    const struct protector_driver *driver;

    stack = stack == NULL ? "" : stack;
    driver = found_get(registry, name, stack);
    if (driver != NULL) {
        *ret = driver;
        return NULL;
    }
    TRY(stack_parse(stack, ops));
    driver = found_get(registry, name, "");
    if (driver == NULL) {
        TRY(driver_find(registry, name, &driver));
        driver = wrap(registry, &filter_serial, driver);
        found_add(registry, name, "", driver);
    }
    for (guint i = ops->len; i > 0; i--)
        driver = wrap(registry, g_ptr_array_index(ops, i - 1), driver);
    if (stack[0] != '\0')
        found_add(registry, name, stack, driver);
    *ret = driver;
    return NULL;
}

/* ---- options ---- */

size_t registry_option_tables(void)
{
    return G_N_ELEMENTS(builtin) + G_N_ELEMENTS(filters);
}

const struct protector_option *registry_option_table(size_t i)
{
    g_assert(i < registry_option_tables());
    return i < G_N_ELEMENTS(builtin) ? builtin[i]->options
                                     : filters[i - G_N_ELEMENTS(builtin)]->options;
}
