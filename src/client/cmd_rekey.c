/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_rekey - site rekey: an administrator compares the keys of a site that has others since its
 * own were lost or stolen, and has them pinned.
 *
 * Neighbours: cmd_site.c (records of sites), docs/decisions/keys.md.
 */
#include "client/client_internal.h"

/* The site's own word about its keys, which must be what its operator says they are. */
static err_t *keys_compared(struct call *call, const json_t *site, json_t **ret)
{
    static const char *const keys[] = {"sign_public", "seal_public", "fingerprint"};
    const char *wanted = arg(call, "fingerprint");
    struct end *named = NULL;
    json_t *self = NULL;

    TRY(client_site_end(call->c, site, &named));
    TRY(end_is_site(named, site));
    TRY(end_identity(named, &self));
    if (g_strcmp0(wanted, json_str(self, "fingerprint")) != 0)
        return err_remedy(err(CONFLICT,
                              "site '%s' says its fingerprint is '%s', not '%s': nothing was "
                              "changed",
                              json_str_or(site, "name", ""), json_str_or(self, "fingerprint", ""),
                              wanted),
                          "ask that site's operator what protector-manage doctor prints there; "
                          "whoever answers at its address has other keys");
    json_t *out = json_object();
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        json_set_str(out, keys[i], json_str(self, keys[i]));
    *ret = out;
    return NULL;
}

static void rekey_note(struct call *call, const json_t *reply)
{
    if (json_bool(reply, "changed", false))
        note_event(call->c, "note",
                   "%" G_GINT64_FORMAT " protection groups recover until both sites' outboxes were "
                   "carried: protector protection-group sync-force",
                   json_int(reply, "recovering", 0));
    else
        note_event(call->c, "note",
                   "these keys are pinned already, and no others count: nothing "
                   "was changed");
}

err_t *cmd_site_rekey(struct call *call, json_t **ret)
{
    struct end *local = NULL;
    g_autoptr(json_t) site = NULL;
    g_autoptr(json_t) keys = NULL;
    g_autoptr(json_t) reply = NULL;

    TRY(site_read(call, &local, &site));
    if (json_bool(site, "is_local", false))
        return err_remedy(err(CLIENT_USAGE, "'%s' is the local site: its own keys are not pinned",
                              arg(call, "site")),
                          "to change them: protector-manage keys rotate");
    TRY(keys_compared(call, site, &keys));
    g_autofree char *path = g_strdup_printf("admin/sites/%s/rekey", json_str_or(site, "id", ""));
    g_autoptr(json_t) body = json_pack("{s:O}", "rekey", keys);
    TRY(admin_ask(local, "POST", path, body, &reply));
    rekey_note(call, reply);
    *ret = show_record(json_obj(reply, "site"), SITE_COLUMNS);
    return NULL;
}
