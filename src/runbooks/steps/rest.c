/* SPDX-License-Identifier: Apache-2.0 */
/* rest - see rest.h. */
#include "runbooks/steps/rest.h"

#include "runbooks/steps/steps.h"

static const struct {
    const char *status;
    enum rest rest;
} rests[] = {
    {"ACTIVE", REST_STOP},           {"SHUTOFF", REST_IS}, {"PAUSED", REST_IS},
    {"SUSPENDED", REST_IS},          {"SHELVED", REST_IS}, {"SHELVED_OFFLOADED", REST_IS},
    {"SOFT_DELETED", REST_IS},       {"DELETED", REST_IS}, {"RESCUE", REST_UNRESCUE},
    {"VERIFY_RESIZE", REST_CONFIRM},
};

enum rest server_rest(const json_t *server)
{
    if (nova_task(server) != NULL)
        return REST_WAIT;
    if (g_str_equal(nova_status(server), "ERROR"))
        return nova_has_power(server) ? REST_STOP : REST_IS;
    for (size_t i = 0; i < G_N_ELEMENTS(rests); i++) {
        if (g_str_equal(nova_status(server), rests[i].status))
            return rests[i].rest;
    }
    return REST_WAIT;
}

err_t *server_to_rest(const struct cloud *c, const char *id, enum rest rest)
{
    switch (rest) {
    case REST_STOP:
        return nova_server_stop(c, id);
    case REST_UNRESCUE:
        return nova_server_unrescue(c, id);
    case REST_CONFIRM:
        return nova_server_confirm_resize(c, id);
    case REST_WAIT:
    case REST_IS:
        break;
    }
    return NULL;
}

bool server_wants_start(const json_t *server)
{
    return g_str_equal(nova_status(server), "SHUTOFF") &&
           g_strcmp0(nova_metadata(server, SERVER_WAS), "SHUTOFF") != 0;
}

err_t *server_unlock(const struct cloud *c, const json_t *server)
{
    bool ours = g_str_has_prefix(json_str_or(server, "locked_reason", ""), "protector");

    return nova_is_locked(server) && ours ? nova_server_unlock(c, json_str_or(server, "id", ""))
                                          : NULL;
}
