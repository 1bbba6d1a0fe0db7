/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clouds - clouds.yaml and secure.yaml as OpenStack's clients read them, and the OS_* variables.
 * Looked for: OS_CLIENT_CONFIG_FILE, ./clouds.yaml, ~/.config/openstack/, /etc/openstack/; what is
 * secret: OS_CLIENT_SECURE_FILE, secure.yaml beside a file that is named, and the same folders.
 */
#include "client/client_internal.h"

#include "base/yaml.h"

static const char *environment(struct protector_client *c, const char *name)
{
    const char *value = c->o.getenv(c->o.data, name);

    return value != NULL && *value != '\0' ? value : NULL;
}

/* '*ret' stays NULL if there is no such file, unless it 'must' be there. */
static err_t *file_read(const char *path, bool must, json_t **ret)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) why = NULL;
    gsize size = 0;
    AUTO(yaml) yaml = NULL;

    *ret = NULL;
    if (!g_file_get_contents(path, &text, &size, &why)) {
        if (!must && g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_NOENT))
            return NULL;
        return err_remedy(err(CLIENT_CLOUD, "cannot read the file of clouds: %s", why->message),
                          "correct --os-client-config-file, OS_CLIENT_CONFIG_FILE or "
                          "OS_CLIENT_SECURE_FILE, or the file's rights");
    }
    TRY(yaml_parse(text, size, path, YAML_TEXT, &yaml));
    json_t *clouds = json_obj(yaml_root(yaml), "clouds");
    *ret = clouds != NULL ? json_deep_copy(clouds) : json_object();
    return NULL;
}

/* Objects are merged key by key, everything else replaces. */
static void merge(json_t *into, const json_t *from)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)from, key, value)
    {
        json_t *there = json_object_get(into, key);
        if (json_is_object(there) && json_is_object(value))
            merge(there, value);
        else
            json_object_set(into, key, value);
    }
}

/* The folders in which both files are looked for. */
static GPtrArray *folders(struct protector_client *c)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    const char *home = environment(c, "HOME");

    g_ptr_array_add(list, g_strdup("."));
    if (home != NULL)
        g_ptr_array_add(list, g_strdup_printf("%s/.config/openstack", home));
    g_ptr_array_add(list, g_strdup("/etc/openstack"));
    return list;
}

static err_t *found_read(struct protector_client *c, const char *name, json_t **ret)
{
    g_autoptr(GPtrArray) list = folders(c);

    for (guint i = 0; i < list->len && *ret == NULL; i++) {
        g_autofree char *path = g_strdup_printf("%s/%s", (char *)g_ptr_array_index(list, i), name);
        TRY(file_read(path, false, ret));
    }
    return NULL;
}

/* As openstacksdk finds it, and beside a clouds.yaml that is named. */
static err_t *secure_read(struct protector_client *c, const char *clouds_file, json_t **ret)
{
    const char *named = environment(c, "OS_CLIENT_SECURE_FILE");

    if (named != NULL)
        return file_read(named, true, ret);
    if (clouds_file != NULL) {
        g_autofree char *folder = g_path_get_dirname(clouds_file);
        g_autofree char *path = g_build_filename(folder, "secure.yaml", NULL);
        TRY(file_read(path, false, ret));
    }
    return *ret == NULL ? found_read(c, "secure.yaml", ret) : NULL;
}

static err_t *clouds_read(struct protector_client *c)
{
    const char *named =
        c->o.config_file != NULL ? c->o.config_file : environment(c, "OS_CLIENT_CONFIG_FILE");
    g_autoptr(json_t) clouds = NULL;
    g_autoptr(json_t) secure = NULL;

    if (c->clouds != NULL)
        return NULL;
    if (named != NULL)
        TRY(file_read(named, true, &clouds));
    else
        TRY(found_read(c, "clouds.yaml", &clouds));
    TRY(secure_read(c, named, &secure));
    c->clouds = clouds != NULL ? TAKE(clouds) : json_object();
    if (secure != NULL)
        merge(c->clouds, secure);
    return NULL;
}

/* An entry made of OS_* variables. */
static json_t *environment_entry(struct protector_client *c)
{
    static const struct {
        const char *variable, *key;
        bool auth;
    } known[] = {
        {"OS_AUTH_URL", "auth_url", true},
        {"OS_USERNAME", "username", true},
        {"OS_USER_ID", "user_id", true},
        {"OS_PASSWORD", "password", true},
        {"OS_TOKEN", "token", true},
        {"OS_PROJECT_NAME", "project_name", true},
        {"OS_PROJECT_ID", "project_id", true},
        {"OS_USER_DOMAIN_NAME", "user_domain_name", true},
        {"OS_USER_DOMAIN_ID", "user_domain_id", true},
        {"OS_PROJECT_DOMAIN_NAME", "project_domain_name", true},
        {"OS_PROJECT_DOMAIN_ID", "project_domain_id", true},
        {"OS_APPLICATION_CREDENTIAL_ID", "application_credential_id", true},
        {"OS_APPLICATION_CREDENTIAL_SECRET", "application_credential_secret", true},
        {"OS_AUTH_TYPE", "auth_type", false},
        {"OS_REGION_NAME", "region_name", false},
        {"OS_INTERFACE", "interface", false},
        {"OS_CACERT", "cacert", false},
    };
    json_t *entry = json_object();
    json_t *auth = json_object();

    json_set(entry, "auth", auth);
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        const char *value = environment(c, known[i].variable);
        if (value != NULL)
            json_set_str(known[i].auth ? auth : entry, known[i].key, value);
    }
    return entry;
}

err_t *clouds_entry(struct protector_client *c, const char *name, json_t **ret)
{
    TRY(clouds_read(c));
    if (name == NULL)
        name = c->o.cloud != NULL ? c->o.cloud : environment(c, "OS_CLOUD");
    if (name == NULL) {
        g_autoptr(json_t) entry = environment_entry(c);
        if (json_str_at(entry, "auth/auth_url") == NULL)
            return err_remedy(
                err(CLIENT_CLOUD, "no cloud is named"),
                "give --os-cloud NAME (an entry of clouds.yaml), or set OS_CLOUD or OS_AUTH_URL …");
        *ret = TAKE(entry);
        return NULL;
    }
    json_t *entry = json_obj(c->clouds, name);
    if (entry == NULL)
        return err_remedy(err(CLIENT_CLOUD, "clouds.yaml has no entry '%s'", name),
                          "add it to the clouds.yaml that is used, or name another: --os-cloud, "
                          "--secondary-cloud");
    *ret = json_deep_copy(entry);
    return NULL;
}

bool clouds_same_url(const char *a, const char *b)
{
    static const char *const tails[] = {"/", "/v3", "/"};
    g_autofree char *x = g_strdup(a);
    g_autofree char *y = g_strdup(b);

    for (size_t i = 0; i < G_N_ELEMENTS(tails); i++) {
        if (g_str_has_suffix(x, tails[i]))
            x[strlen(x) - strlen(tails[i])] = '\0';
        if (g_str_has_suffix(y, tails[i]))
            y[strlen(y) - strlen(tails[i])] = '\0';
    }
    return g_str_equal(x, y);
}

err_t *clouds_find(struct protector_client *c, const char *auth_url, const char *region,
                   const char **ret)
{
    const char *name;
    json_t *entry;

    *ret = NULL;
    TRY(clouds_read(c));
    json_object_foreach(c->clouds, name, entry)
    {
        const char *url = json_str_at(entry, "auth/auth_url");
        const char *r = json_str(entry, "region_name");
        if (url == NULL || !clouds_same_url(url, auth_url) ||
            (r != NULL && region != NULL && !g_str_equal(r, region)))
            continue;
        if (*ret == NULL)
            *ret = name;
    }
    return NULL;
}
