/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer - a look at the other site before it is given up: its Keystone and its Nova, without a
 * token; any HTTP answer is alive.  A dead Keystone does not hide a living Nova: its address was
 * stored when the site was validated.
 */
#include "model/body.h"
#include "runbooks/group.h"
#include "runbooks/steps/steps.h"
#include "store/site.h"

#define PROBE_TIMEOUT_MS 5000

/* A look must fit into a lease, however short that is configured. */
static int64_t look_timeout_ms(const struct world_options *o)
{
    return o->call_timeout_ms > 0 ? MIN(PROBE_TIMEOUT_MS, o->call_timeout_ms) : PROBE_TIMEOUT_MS;
}

/*
 * '*ret': "alive", "dead", or "unknown" where no address is known.  A look that was not made, as
 * the lease leaves no time for it, is an error: it says nothing about the site.
 */
static err_t *look(struct step_call *call, const struct site *site, const char *service,
                   const char *url, const char **ret)
{
    const struct world_options *o = world_options_of(call->world);
    struct cloud_options options = {.transport = o->transport,
                                    .env = o->env,
                                    .cloud = site->name,
                                    .timeout_ms = look_timeout_ms(o),
                                    .connect_timeout_ms = look_timeout_ms(o)};
    int status = 0;

    *ret = "unknown";
    if (url != NULL && *url != '\0') {
        g_autoptr(err_t) e = cloud_alive(&options, service, url, call->deadline_mono_ms, &status);
        if (e != NULL && err_class(e) == ERR_CLASS_FENCED)
            return g_steal_pointer(&e);
        *ret = e == NULL || err_is(e, ERR_NET_TLS) ? "alive" : "dead";
        if (e != NULL) {
            g_autofree char *key = g_strdup_printf("%s_error", service);
            json_set_str(call->result, key, err_message(e));
        }
    }
    json_set_str(call->result, service, *ret);
    return NULL;
}

err_t *peer_probe_make(struct step_call *call, enum step_answer *ret)
{
    AUTO(group_now) now = NULL;
    AUTO(site) site = NULL;
    const char *keystone = NULL, *nova = NULL;
    const char *client_nova = json_str(json_obj(call->op->params, "client_probe"), "nova");

    *ret = STEP_DONE;
    TRY(group_now_load(call, &now));
    TRY(site_get(call->db, now->peer, &site));
    json_set_str(call->result, "site", site->name);
    TRY(look(call, site, "keystone", site->auth_url, &keystone));
    TRY(look(call, site, "nova", site->compute_url, &nova));
    bool alive = g_str_equal(nova, "alive") || g_strcmp0(client_nova, "alive") == 0;
    json_set_bool(call->result, "forced", alive && json_bool(call->op->params, "force", false));
    if (!alive || json_bool(call->op->params, "force", false))
        return NULL;
    return err(PEER_ALIVE, "Nova of site '%s' answers (%s): its servers may be running", site->name,
               g_str_equal(nova, "alive") ? "seen from here" : "seen by the client");
}
