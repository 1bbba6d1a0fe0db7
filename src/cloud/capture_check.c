/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture_check - why a server cannot be a member: because it would be recovered wrong.
 *
 * Pure; a reason is a row of 'capture_checks'.  Each message names the server and the thing that is
 * in the way; what to do about it is the code's remedy in err.tbl.
 */
#include <string.h>

#include "cloud/capture.h"
#include "cloud/cinder.h"

/* "'web-1' (id)" of a server, volume or port, for messages.  Caller frees. */
static char *named(const json_t *thing)
{
    const char *name = json_str_or(thing, "name", "");
    const char *id = json_str_or(thing, "id", "?");
    return *name != '\0' ? g_strdup_printf("'%s' (%s)", name, id) : g_strdup(id);
}

/* Calls 'check' for each volume until one refuses. */
typedef err_t *volume_check(const struct capture_rules *rules, const char *server,
                            const json_t *volume);

static err_t *each_volume(const struct capture_rules *rules, const json_t *capture,
                          volume_check *check)
{
    g_autofree char *server = named(capture);
    size_t i;
    json_t *volume;
    json_array_foreach(json_arr(capture, "volumes"), i, volume)
    {
        TRY(check(rules, server, volume));
    }
    return NULL;
}

static err_t *check_status(const struct capture_rules *rules, const json_t *capture)
{
    const char *status = json_str_or(capture, "status", "");
    if (strcmp(status, "ACTIVE") == 0 || strcmp(status, "SHUTOFF") == 0)
        return NULL;
    g_autofree char *server = named(capture);
    return err(MEMBER_STATUS, "server %s at %s is in state '%s', neither ACTIVE nor SHUTOFF",
               server, rules->site, status);
}

static err_t *check_boot(const struct capture_rules *rules, const json_t *capture)
{
    if (strcmp(json_str_or(capture, "boot", ""), "image") != 0)
        return NULL;
    g_autofree char *server = named(capture);
    g_autofree char *image = named(json_obj(capture, "image"));
    return err(MEMBER_IMAGE_BOOTED,
               "server %s at %s boots from image %s: its root disk is ephemeral, no Cinder volume",
               server, rules->site, image);
}

static err_t *check_local_disks(const struct capture_rules *rules, const json_t *capture)
{
    const json_t *flavor = json_obj(capture, "flavor");
    int64_t ephemeral = json_int(flavor, "ephemeral_gib", 0);
    int64_t swap = json_int(flavor, "swap_mib", 0);
    if (ephemeral <= 0 && swap <= 0)
        return NULL;
    g_autofree char *server = named(capture);
    return err(MEMBER_LOCAL_DISK,
               "server %s at %s has an %s disk (flavor '%s': ephemeral %" G_GINT64_FORMAT
               " GiB, swap %" G_GINT64_FORMAT " MiB)",
               server, rules->site, ephemeral > 0 ? "ephemeral" : "additional swap",
               json_str_or(flavor, "name", "?"), ephemeral, swap);
}

static err_t *check_has_volume(const struct capture_rules *rules, const json_t *capture)
{
    if (json_array_size(json_arr(capture, "volumes")) > 0)
        return NULL;
    g_autofree char *server = named(capture);
    return err(MEMBER_NO_VOLUME, "server %s at %s has no Cinder volume that could be replicated",
               server, rules->site);
}

static err_t *type_of_volume(const struct capture_rules *rules, const char *server,
                             const json_t *volume)
{
    const char *type = json_str_or(volume, "type", "");
    const char *id = json_str(volume, "type_id"); /* Victoria's volumes have none */
    bool by_id = id != NULL && rules->volume_type_id != NULL;
    if (by_id ? strcmp(id, rules->volume_type_id) == 0 : g_strcmp0(type, rules->volume_type) == 0)
        return NULL;
    g_autofree char *name = named(volume);
    err_t *e = err(MEMBER_VOLUME_TYPE,
                   "volume type mismatch: volume %s of server %s at %s has type '%s', the group's "
                   "is '%s'",
                   name, server, rules->site, type, rules->volume_type);
    return err_detail(e, "volume_id", json_str_or(volume, "id", ""));
}

static err_t *check_types(const struct capture_rules *rules, const json_t *capture)
{
    return each_volume(rules, capture, type_of_volume);
}

static err_t *check_backends(const struct capture_rules *rules, const json_t *capture)
{
    g_autofree char *server = named(capture);
    g_autofree char *wanted = g_strdup(rules->backend);
    size_t i;
    json_t *volume;
    json_array_foreach(json_arr(capture, "volumes"), i, volume)
    {
        const char *host = json_str(volume, "host");
        g_autofree char *name = named(volume);
        if (host == NULL)
            return err(
                CLOUD_FORBIDDEN,
                "cinder at %s does not tell the host of volume %s: the service account is no "
                "admin there",
                rules->site, name);
        g_autofree char *backend = cinder_backend(host);
        if (wanted == NULL)
            wanted = g_strdup(backend);
        if (strcmp(backend, wanted) == 0)
            continue;
        err_t *e = err(MEMBER_VOLUME_TYPE,
                       "volume type mismatch: volume %s of server %s at %s (type '%s') lies on "
                       "backend '%s', the other volumes of the group on '%s'; a consistency group "
                       "has one backend",
                       name, server, rules->site, json_str_or(volume, "type", ""), backend, wanted);
        return err_detail(e, "volume_id", json_str_or(volume, "id", ""));
    }
    return NULL;
}

static err_t *encryption_of_volume(const struct capture_rules *rules, const char *server,
                                   const json_t *volume)
{
    if (!json_bool(volume, "encrypted", false))
        return NULL;
    g_autofree char *name = named(volume);
    return err(MEMBER_ENCRYPTED, "volume %s of server %s at %s is encrypted", name, server,
               rules->site);
}

static err_t *check_encrypted(const struct capture_rules *rules, const json_t *capture)
{
    return each_volume(rules, capture, encryption_of_volume);
}

static err_t *sharing_of_volume(const struct capture_rules *rules, const char *server,
                                const json_t *volume)
{
    if (!json_bool(volume, "multiattach", false))
        return NULL;
    g_autofree char *name = named(volume);
    return err(MEMBER_MULTIATTACH, "volume %s of server %s at %s is multiattach", name, server,
               rules->site);
}

static err_t *check_multiattach(const struct capture_rules *rules, const json_t *capture)
{
    return each_volume(rules, capture, sharing_of_volume);
}

static err_t *group_of_volume(const struct capture_rules *rules, const char *server,
                              const json_t *volume)
{
    const char *group = json_str(volume, "group_id");
    if (group == NULL || g_strcmp0(group, rules->group_id) == 0)
        return NULL;
    g_autofree char *name = named(volume);
    return err(MEMBER_OTHER_GROUP, "volume %s of server %s at %s is in another Cinder group, %s",
               name, server, rules->site, group);
}

static err_t *check_groups(const struct capture_rules *rules, const json_t *capture)
{
    return each_volume(rules, capture, group_of_volume);
}

static err_t *check_vnic_types(const struct capture_rules *rules, const json_t *capture)
{
    size_t i;
    json_t *port;
    json_array_foreach(json_arr(capture, "ports"), i, port)
    {
        const char *type = json_str_or(port, "vnic_type", "normal");
        if (strcmp(type, "normal") == 0)
            continue;
        g_autofree char *server = named(capture);
        g_autofree char *name = named(port);
        return err(MEMBER_VNIC_TYPE, "port %s of server %s at %s has vnic_type '%s', not 'normal'",
                   name, server, rules->site, type);
    }
    return NULL;
}

const struct capture_check capture_checks[] = {
    {"status", "the server is ACTIVE or SHUTOFF", check_status},
    {"boot", "it boots from a volume", check_boot},
    {"local_disk", "its flavor has no ephemeral and no swap disk", check_local_disks},
    {"volume", "it has a volume", check_has_volume},
    {"volume_type", "every volume has the group's type", check_types},
    {"backend", "every volume lies on the backend of the group", check_backends},
    {"encrypted", "no volume is encrypted", check_encrypted},
    {"multiattach", "no volume may be attached twice", check_multiattach},
    {"other_group", "no volume is in another Cinder group", check_groups},
    {"vnic_type", "every port is of vnic_type normal", check_vnic_types},
    {NULL, NULL, NULL},
};

err_t *capture_refusal(const struct capture_rules *rules, const json_t *capture)
{
    g_assert(rules->site != NULL && rules->volume_type != NULL);
    for (const struct capture_check *row = capture_checks; row->key != NULL; row++)
        TRY(row->check(rules, capture));
    return NULL;
}
