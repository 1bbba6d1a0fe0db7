/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_fence - site fence-peer: an administrator shuts another site's engine out of this cloud. Only
 * this site is asked: it is for the day on which the other one does not do as it is told (B6).
 */
#include "client/client_internal.h"

err_t *cmd_site_fence(struct call *call, json_t **ret)
{
    struct end *local = NULL;
    g_autoptr(json_t) site = NULL;
    g_autoptr(json_t) reply = NULL;
    bool lift = arg_flag(call, "lift");
    json_t *in = json_pack("{s:s, s:b}", "reason", arg(call, "reason"), "lift", lift);
    g_autoptr(json_t) body = json_pack("{s:o}", "fence_peer", in);

    TRY(site_read(call, &local, &site));
    if (arg(call, "user") != NULL)
        json_set_str(in, "username", arg(call, "user"));
    if (arg(call, "user-domain-name") != NULL)
        json_set_str(in, "user_domain_name", arg(call, "user-domain-name"));
    g_autofree char *path =
        g_strdup_printf("admin/sites/%s/fence-peer", json_str_or(site, "id", ""));
    TRY(admin_ask(local, "POST", path, body, &reply));
    const json_t *now = json_obj(reply, "site");
    note_event(
        call->c, "note",
        lift
            ? "user '%s' is let in again: the engine of site '%s' works with this cloud"
            : "user '%s' is shut out: the engine of site '%s' gets no token of this cloud until it "
              "is let in (--lift); what services have seen they believe for 5 minutes more",
        json_str_or(now, "peer_user", ""), json_str_or(now, "name", ""));
    if (lift && json_str(now, "peer_user_before") != NULL)
        note_event(call->c, "note", "user '%s', whom it came as before, stays as he is",
                   json_str(now, "peer_user_before"));
    *ret = show_record(now, SITE_COLUMNS " peer_user peer_fenced");
    return NULL;
}
