/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy - see policy.h: the set of rules in force, and its change with the file.
 *
 * 'lock' guards the pointer to the set, the stamp and the reading of the file; a question is
 * answered outside of it, on a reference of its own.
 */
#include "api/auth/policy.h"

#include "api/auth/rules.h"
#include "api/auth/token.h"
#include "base/yaml.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

const struct policy_rule policy_rules[] = {
#define RULE(name, check, description) {name, check, description},
#include "api/auth/policy.tbl"
#undef RULE
};
const size_t policy_rules_count = G_N_ELEMENTS(policy_rules);

struct policy {
    char *path; /* or NULL */
    const struct policy_files *files;
    void (*report)(void *data, const err_t *e);
    void *report_data;
    GMutex lock;
    struct rules *rules;
    bool exists; /* the file, when it was looked at last */
    struct policy_stamp stamp;
};

/* ---- the file system ---- */

static bool system_stamp(void *data, const char *path, struct policy_stamp *ret)
{
    struct stat st = {0};

    (void)data;
    if (stat(path, &st) != 0 && errno == ENOENT)
        return false;
    /* Any other trouble shows when the file is read. */
    *ret = (struct policy_stamp){
        .modified_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
        .size_bytes = st.st_size,
        .inode = (int64_t)st.st_ino,
    };
    return true;
}

static err_t *system_read(void *data, const char *path, char **ret, size_t *ret_size)
{
    g_autoptr(GError) error = NULL;

    (void)data;
    if (!g_file_get_contents(path, ret, ret_size, &error))
        return err(IO, "%s", error->message);
    return NULL;
}

const struct policy_files policy_files_system = {.stamp = system_stamp, .read = system_read};

/* ---- reading ---- */

static err_t *load(const struct policy *p, const struct policy_stamp *stamp, struct rules **ret)
{
    g_autofree char *text = NULL;
    size_t size = 0;
    err_t *e;

    if (stamp->size_bytes > YAML_SIZE_MAX)
        return err(CONFIG, "the policy file %s is longer than %d bytes", p->path, YAML_SIZE_MAX);
    e = p->files->read(p->files->data, p->path, &text, &size);
    if (e != NULL)
        return err_recode(CONFIG, e, "the policy file %s cannot be read", p->path);
    return rules_read(text, size, p->path, ret);
}

static bool same_stamp(const struct policy_stamp *a, const struct policy_stamp *b)
{
    return a->modified_ns == b->modified_ns && a->size_bytes == b->size_bytes &&
           a->inode == b->inode;
}

/* Looks at the file and, if it changed, reads it.  With the lock held. */
static err_t *refresh(struct policy *p)
{
    struct policy_stamp stamp = {0};
    struct rules *rules = NULL;
    bool exists = p->files->stamp(p->files->data, p->path, &stamp);
    bool changed = exists != p->exists || (exists && !same_stamp(&stamp, &p->stamp));

    if (!changed)
        return NULL;
    p->exists = exists;
    p->stamp = stamp;
    if (!exists)
        return err(CONFIG,
                   "the policy file %s is gone; its rules stay in force until it is back "
                   "or the service starts again",
                   p->path);
    TRY(load(p, &stamp, &rules));
    rules_unref(p->rules);
    p->rules = rules;
    return NULL;
}

/* The set in force.  Caller drops the reference. */
static struct rules *current(struct policy *p)
{
    struct rules *rules;
    err_t *e = NULL;

    g_mutex_lock(&p->lock);
    if (p->path != NULL)
        e = refresh(p);
    if (e != NULL && p->report != NULL)
        p->report(p->report_data, e);
    rules = rules_ref(p->rules);
    g_mutex_unlock(&p->lock);
    err_free(e);
    return rules;
}

err_t *policy_create(const struct policy_options *options, struct policy **ret)
{
    AUTO(policy) p = g_new0(struct policy, 1);

    p->path = g_strdup(options->path);
    p->files = options->files != NULL ? options->files : &policy_files_system;
    p->report = options->report;
    p->report_data = options->report_data;
    TRY(rules_read(NULL, 0, "", &p->rules));
    if (p->path != NULL)
        TRY(refresh(p));
    *ret = TAKE(p);
    return NULL;
}

void policy_destroy(struct policy *p)
{
    if (p == NULL)
        return;
    rules_unref(p->rules);
    g_free(p->path);
    g_free(p);
}

/* ---- asking ---- */

static void set_texts(json_t *j, const char *key, char *const *texts)
{
    json_t *list = json_array();

    for (; texts != NULL && *texts != NULL; texts++)
        json_array_append_new(list, json_string(*texts));
    json_set(j, key, list);
}

json_t *policy_creds(const struct auth_context *auth)
{
    json_t *creds = json_object();

    json_set_str(creds, "user_id", auth->user_id);
    json_set_str(creds, "user_domain_id", auth->user_domain_id);
    json_set_str(creds, "system_scope", auth->is_system_scoped ? "all" : NULL);
    if (auth->is_system_scoped)
        json_set_str(creds, "system", "all");
    json_set_str(creds, "domain_id", auth->domain_id);
    json_set_str(creds, "project_id", auth->project_id);
    json_set_str(creds, "project_domain_id", auth->project_domain_id);
    set_texts(creds, "roles", auth->roles);
    json_set_bool(creds, "is_admin", auth->is_admin);
    json_set_bool(creds, "is_admin_project", auth->is_admin_project);
    json_set_str(creds, "service_user_id", auth->service_user_id);
    json_set_str(creds, "service_user_domain_id", auth->service_user_domain_id);
    json_set_str(creds, "service_project_id", auth->service_project_id);
    json_set_str(creds, "service_project_domain_id", auth->service_project_domain_id);
    set_texts(creds, "service_roles", auth->service_roles);
    return creds;
}

bool policy_allows_creds(struct policy *p, const char *rule, const json_t *creds,
                         const json_t *target)
{
    AUTO(rules) rules = current(p);

    return rules_ask(rules, rule, creds, target) == CHECK_ALLOW;
}

bool policy_allows(struct policy *p, const char *rule, const struct auth_context *auth,
                   const json_t *target)
{
    g_autoptr(json_t) creds = policy_creds(auth);

    return policy_allows_creds(p, rule, creds, target);
}

bool policy_is_admin(struct policy *p, const struct auth_context *auth)
{
    g_autoptr(json_t) creds = policy_creds(auth);
    g_autoptr(json_t) target = json_object();

    json_set_bool(creds, "is_admin", false);
    json_set_str(target, "project_id", auth->project_id);
    json_set_str(target, "user_id", auth->user_id);
    return policy_allows_creds(p, "context_is_admin", creds, target);
}

/* ---- for people ---- */

static char **texts_copy(const GPtrArray *texts)
{
    char **copy = g_new0(char *, texts->len + 1);

    for (guint i = 0; i < texts->len; i++)
        copy[i] = g_strdup(texts->pdata[i]);
    return copy;
}

char **policy_warnings(struct policy *p)
{
    AUTO(rules) rules = current(p);

    return texts_copy(rules_warnings(rules));
}

err_t *policy_check(const char *text, size_t size, const char *name, char ***ret)
{
    AUTO(rules) rules = NULL;

    TRY(rules_read(text, size, name, &rules));
    *ret = texts_copy(rules_warnings(rules));
    return NULL;
}

char *policy_sample(void)
{
    GString *text = g_string_new("# Rules of Protector that differ from the defaults, which stand "
                                 "here commented out.\n"
                                 "# The language is oslo.policy's, without http: and https: "
                                 "checks.\n");

    for (size_t i = 0; i < policy_rules_count; i++)
        g_string_append_printf(text, "\n# %s\n#\"%s\": \"%s\"\n", policy_rules[i].description,
                               policy_rules[i].name, policy_rules[i].check);
    return g_string_free(text, FALSE);
}
