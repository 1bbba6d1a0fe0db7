/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules - see rules.h.
 *
 * Names not in the file come from policy_rules; a name in neither is the rule "default", also where
 * one rule refers to another (so does oslo.policy).
 */
#include "api/auth/rules.h"

#include "api/auth/policy.h"
#include "base/yaml.h"

#include <string.h>

#define DEFAULT_RULE "default"

struct rules {
    gint refs;
    GHashTable *checks; /* name -> struct check */
    GPtrArray *warnings;
};

/* What is read from one file. */
struct reading {
    const char *name; /* of the file */
    struct yaml *yaml;
    struct rules *rules;
};

static void check_free(gpointer p)
{
    check_destroy(p);
}

static struct rules *rules_new(void)
{
    struct rules *rules = g_new0(struct rules, 1);

    rules->refs = 1;
    rules->checks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, check_free);
    rules->warnings = g_ptr_array_new_with_free_func(g_free);
    return rules;
}

struct rules *rules_ref(struct rules *rules)
{
    g_atomic_int_inc(&rules->refs);
    return rules;
}

void rules_unref(struct rules *rules)
{
    if (rules == NULL || !g_atomic_int_dec_and_test(&rules->refs))
        return;
    g_hash_table_unref(rules->checks);
    g_ptr_array_unref(rules->warnings);
    g_free(rules);
}

const GPtrArray *rules_warnings(const struct rules *rules)
{
    return rules->warnings;
}

/* ---- asking ---- */

static const struct check *lookup(void *data, const char *name)
{
    const struct rules *rules = data;
    const struct check *check = g_hash_table_lookup(rules->checks, name);

    return check != NULL ? check : g_hash_table_lookup(rules->checks, DEFAULT_RULE);
}

enum check_result rules_ask(const struct rules *rules, const char *name, const json_t *creds,
                            const json_t *target)
{
    g_autoptr(json_t) nothing = json_object();
    const struct check_world world = {
        .creds = creds,
        .target = target != NULL ? target : nothing,
        .rule = lookup,
        .data = (void *)rules,
    };
    const struct check *check = lookup((void *)rules, name);

    return check != NULL ? check_ask(check, &world) : CHECK_DENY;
}

/* ---- the file ---- */

static int line_of(const struct reading *r, const char *rule)
{
    return r->yaml != NULL ? yaml_line(r->yaml, rule) : 0;
}

static void warn(const struct reading *r, const char *rule, const char *text)
{
    g_ptr_array_add(r->rules->warnings,
                    g_strdup_printf("%s:%d: rule '%s': %s", r->name, line_of(r, rule), rule, text));
}

static err_t *read_rule(const struct reading *r, const char *name, const json_t *value)
{
    g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
    struct check *check = NULL;
    err_t *e = check_read(value, warnings, &check);

    if (e != NULL)
        return err_wrap(e, "%s:%d: rule '%s'", r->name, line_of(r, name), name);
    for (guint i = 0; i < warnings->len; i++)
        warn(r, name, warnings->pdata[i]);
    g_hash_table_replace(r->rules->checks, g_strdup(name), check);
    return NULL;
}

static err_t *read_rules(const struct reading *r, json_t *object)
{
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value) TRY(read_rule(r, name, value));
    return NULL;
}

static err_t *read_file(struct reading *r, const char *text, size_t size)
{
    json_t *root;
    err_t *e = yaml_parse(text, size, r->name, YAML_DEFAULT, &r->yaml);

    if (e != NULL)
        return err_recode(CONFIG, e, "the policy file cannot be used");
    root = yaml_root(r->yaml);
    if (json_is_null(root))
        return NULL;
    if (!json_is_object(root))
        return err(CONFIG, "%s:1: a policy file is a list of lines \"name\": \"rule\"", r->name);
    if (json_object_size(root) > POLICY_RULES_MAX)
        return err(CONFIG, "%s: more than %d rules", r->name, POLICY_RULES_MAX);
    return read_rules(r, root);
}

static void add_defaults(struct rules *rules)
{
    for (size_t i = 0; i < policy_rules_count; i++) {
        const struct policy_rule *row = &policy_rules[i];
        g_autoptr(json_t) text = json_string(row->check);
        struct check *check = NULL;

        if (g_hash_table_contains(rules->checks, row->name))
            continue;
        g_assert(check_read(text, NULL, &check) == NULL);
        g_hash_table_replace(rules->checks, g_strdup(row->name), check);
    }
}

/* ---- what is surely not meant ---- */

struct walk {
    const struct reading *r;
    const char *from;      /* the rule whose references are looked at */
    GHashTable *used;      /* names that something refers to */
    GHashTable *under_way; /* names between the start and here */
    GHashTable *done;
};

static void walk_rule(struct walk *w, const char *name);

static void walk_reference(void *data, const char *name)
{
    struct walk *w = data;

    g_hash_table_add(w->used, g_strdup(name));
    if (!g_hash_table_contains(w->r->rules->checks, name)) {
        g_autofree char *text =
            g_strdup_printf("refers to the rule '%s', which is not defined: '" DEFAULT_RULE
                            "' is asked",
                            name);
        warn(w->r, w->from, text);
    } else if (g_hash_table_contains(w->under_way, name)) {
        g_autofree char *text =
            g_strdup_printf("refers to '%s', which leads back to it: denies", name);
        warn(w->r, w->from, text);
    } else {
        walk_rule(w, name);
    }
}

static void walk_rule(struct walk *w, const char *name)
{
    const char *before = w->from;

    if (g_hash_table_contains(w->done, name))
        return;
    w->from = name;
    g_hash_table_add(w->under_way, (gpointer)name);
    check_references(g_hash_table_lookup(w->r->rules->checks, name), walk_reference, w);
    g_hash_table_remove(w->under_way, name);
    g_hash_table_add(w->done, (gpointer)name);
    w->from = before;
}

static bool is_known(const char *name)
{
    for (size_t i = 0; i < policy_rules_count; i++)
        if (strcmp(policy_rules[i].name, name) == 0)
            return true;
    return false;
}

static void look_over(const struct reading *r)
{
    struct walk w = {
        .r = r,
        .used = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .under_way = g_hash_table_new(g_str_hash, g_str_equal),
        .done = g_hash_table_new(g_str_hash, g_str_equal),
    };
    const char *name;
    json_t *value;

    json_object_foreach(yaml_root(r->yaml), name, value) walk_rule(&w, name);
    json_object_foreach(yaml_root(r->yaml), name,
                        value) if (!is_known(name) && !g_hash_table_contains(w.used, name))
        warn(r, name, "nobody asks for this rule; see the sample for the names there are");
    g_hash_table_unref(w.used);
    g_hash_table_unref(w.under_way);
    g_hash_table_unref(w.done);
}

err_t *rules_read(const char *text, size_t size, const char *name, struct rules **ret)
{
    AUTO(rules) rules = rules_new();
    struct reading r = {.name = name, .rules = rules};
    err_t *e = text != NULL ? read_file(&r, text, size) : NULL;

    if (e == NULL) {
        add_defaults(rules);
        if (r.yaml != NULL)
            look_over(&r);
        *ret = TAKE(rules);
    }
    yaml_destroy(r.yaml);
    return e;
}

err_t *rules_of(json_t *object, struct rules **ret)
{
    AUTO(rules) rules = rules_new();
    const struct reading r = {.name = "", .rules = rules};

    TRY(read_rules(&r, object));
    *ret = TAKE(rules);
    return NULL;
}
