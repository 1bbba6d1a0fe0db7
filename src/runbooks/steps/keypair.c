/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keypair - key pairs of the servers.  One has no id but its name, and belongs to a user, not to a
 * project: to the one who gave the trust, who knows it by its own name.
 *
 * The service account (WORLD_ACTED_AS) acts for many projects, whose key pairs would share its
 * names, so that a server of one could open to another's key: what it brings is named by project
 * and key.  Who acts may change while an operation runs, as a trust dies or is given: whoever boots
 * a server makes sure that the key pair is his.
 */
#include "cloud/keystone.h"
#include "cloud/nova.h"
#include "runbooks/ledger.h"
#include "runbooks/steps/steps.h"

#define HASH_SHOWN 16

/* As the service account calls it.  Caller frees. */
static char *service_name(const struct step_call *call, const json_t *key)
{
    char hash[HASH_HEX_SIZE];

    hash_strings(hash, "keypair", json_str_or(call->plan, "project_id", ""),
                 json_str_or(key, "public_key", ""), NULL);
    return g_strdup_printf("protector-%.*s", HASH_SHOWN, hash);
}

static char *name_now(const struct step_call *call, const json_t *key)
{
    bool service = json_str(call->result, WORLD_ACTED_AS) != NULL;

    return service ? service_name(call, key) : g_strdup(json_str_or(key, "name", ""));
}

static void keypair_made(struct step_call *call, const char *name, struct made *ret)
{
    made_init(call, "keypair", "nova", name, name, NULL, ret);
}

static err_t *user_now(const struct cloud *c, char **ret)
{
    AUTO(keystone_token) token = NULL;

    TRY(cloud_token(c, &token));
    *ret = g_strdup(token->user_id);
    return NULL;
}

static err_t *keypair_bring(struct step_call *call, const struct cloud *c, const json_t *key)
{
    g_autofree char *name = name_now(call, key);
    g_autoptr(json_t) there = NULL;
    struct made made;

    keypair_made(call, name, &made);
    err_t *e = nova_keypair_get(c, name, NULL, &there);
    if (e == NULL)
        return ledger_found(call, &made, name);
    if (!err_is(e, ERR_CLOUD_NOT_FOUND))
        return e;
    err_free(e);
    TRY(ledger_intend(call, &made));
    TRY(ledger_refused(call, &made,
                       nova_keypair_create(c, name, json_str(key, "type"),
                                           json_str_or(key, "public_key", ""), NULL)));
    return ledger_made(call, &made, name);
}

err_t *keypairs_make(struct step_call *call, enum step_answer *ret)
{
    struct cloud c;
    g_autofree char *user = NULL;
    size_t i;
    json_t *key;

    TRY(world_tenant(call, json_str_or(call->plan, "project_id", ""), &c));
    TRY(user_now(&c, &user));
    json_array_foreach(json_arr(call->plan, "keys"), i, key)
    {
        err_t *e = keypair_bring(call, &c, key);
        if (e != NULL)
            return err_wrap(e, "bringing the key pair '%s'", json_str_or(key, "name", ""));
    }
    json_set_str(call->result, "user_id", user);
    *ret = STEP_DONE;
    return NULL;
}

err_t *keypair_for_boot(struct step_call *call, const struct cloud *c, char **ret)
{
    const char *named = json_str(call->input, "key_name");
    const json_t *key = cloud_find(json_arr(call->plan, "keys"), "name", named);
    g_autoptr(json_t) brought = NULL;
    g_autofree char *user = NULL;

    *ret = NULL;
    if (named == NULL || key == NULL)
        return NULL;
    TRY(step_result_of(call, "compute.keypairs", "", &brought));
    TRY(user_now(c, &user));
    if (g_strcmp0(json_str(brought, "user_id"), user) != 0)
        TRY(keypair_bring(call, c, key));
    *ret = name_now(call, key);
    return NULL;
}

/* Nova refuses a boot: has somebody deleted the key pair meanwhile (a drill that was cleaned up)?
 */
err_t *keypair_again(struct step_call *call, const struct cloud *c, bool *ret)
{
    const char *named = json_str(call->input, "key_name");
    const json_t *key = cloud_find(json_arr(call->plan, "keys"), "name", named);
    g_autofree char *name = key != NULL ? name_now(call, key) : NULL;
    g_autoptr(json_t) there = NULL;

    *ret = false;
    if (name == NULL)
        return NULL;
    TRY(cloud_gone_is_fine(nova_keypair_get(c, name, NULL, &there)));
    *ret = there == NULL;
    return *ret ? keypair_bring(call, c, key) : NULL;
}

/*
 * Who brought a key pair by its own name, if that is known; somebody else's of the same name is not
 * ours.
 */
static err_t *brought_by_another(struct step_call *call, const struct cloud *c, bool *ret)
{
    g_autoptr(json_t) brought = NULL;
    g_autofree char *user = NULL;
    const char *planned = json_str(call->plan, KEYPAIRS_USER);

    TRY(step_result_of(call, "compute.keypairs", "", &brought));
    TRY(user_now(c, &user));
    const char *by = json_str(brought, "user_id") != NULL ? json_str(brought, "user_id") : planned;
    *ret = by != NULL && g_strcmp0(by, user) != 0;
    return NULL;
}

/* In whose name a key pair is deleted; '*ret' false: nobody's who can be had. */
static err_t *owner(struct step_call *call, const char *name, bool service, struct cloud *c,
                    bool *ret)
{
    const char *project = json_str_or(call->plan, "project_id", "");
    bool other = false;

    err_t *e = service ? world_without_trust(call, project,
                                             err(TRUST_MISSING,
                                                 "key pair '%s' is the service account's", name),
                                             c)
                       : world_by_trust(call, project, c);
    *ret = e == NULL;
    if (e != NULL && !err_is(e, ERR_TRUST_MISSING))
        return e;
    err_free(e);
    if (*ret && !service)
        TRY(brought_by_another(call, c, &other));
    *ret = *ret && !other;
    return NULL;
}

/*
 * One that this operation brought under 'name'; what was there before is its user's.  Where its
 * owner cannot be had it stays, and holds up nothing else: it is a public key.
 */
static err_t *keypair_take_away(struct step_call *call, const char *name, bool service)
{
    struct made made;
    struct cloud c;
    bool ours = false, can = false;

    keypair_made(call, name, &made);
    TRY(ledger_open(call, &made, &ours));
    if (!ours)
        return NULL;
    TRY(owner(call, name, service, &c, &can));
    if (!can)
        return ledger_left(call, &made);
    TRY(nova_keypair_delete(&c, name));
    return ledger_gone(call, &made);
}

err_t *keypairs_undo(struct step_call *call, enum step_answer *ret)
{
    size_t i;
    json_t *key;

    *ret = STEP_DONE;
    json_array_foreach(json_arr(call->plan, "keys"), i, key)
    {
        g_autofree char *service = service_name(call, key);
        TRY(keypair_take_away(call, json_str_or(key, "name", ""), false));
        TRY(keypair_take_away(call, service, true));
    }
    return NULL;
}
