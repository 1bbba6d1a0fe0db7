/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reseal - after a site's keys were changed, a user's change seals every secret anew, to the
 * present keys of both sites (story B12).  This site opens its own box for that, which it can as
 * long as its key file remembers the key of then.
 *
 * The body tells for which keys this was done, so that no change of an unchanged pair writes other
 * boxes.  What cannot be opened, as the key was lost, stays as it is until somebody gives it anew.
 */
#include "model/body.h"
#include "runbooks/group.h"
#include "runbooks/steps/steps.h"
#include "store/site_keys.h"

#define SEALED_TO "sealed_to" /* {<uuid>: id of the key} */

struct resealing {
    struct step_call *call;
    const struct group_now *now;
    struct keypairs *keys;
    bool all; /* none was left as it is */
};

static err_t *pair_reseal(struct resealing *r, json_t *boxes)
{
    const char *box = json_str(boxes, r->now->self);
    char *plain = NULL;

    if (box == NULL)
        return NULL;
    g_autoptr(err_t) no = keypairs_open(r->keys, box, &plain);
    r->all = r->all && no == NULL;
    if (no != NULL)
        return NULL;
    err_t *e = world_seal_for_pair(r->call, plain, boxes);
    secret_free(plain);
    return e;
}

static err_t *secrets_reseal(struct resealing *r, const json_t *draft)
{
    const char *name;
    json_t *boxes, *member;
    size_t i;

    json_object_foreach(json_obj(body_policy(draft), "tokens"), name, boxes)
        TRY(pair_reseal(r, boxes));
    json_array_foreach(body_members(draft), i, member)
        TRY(pair_reseal(r, json_obj(json_obj(member, "config"), "user_data")));
    return NULL;
}

/* {uuid: id of the sealing key} of both sites; '*ret_changed': either ever had others. */
static err_t *present_keys(const struct resealing *r, json_t **ret, bool *ret_changed)
{
    AUTO(site) peer = NULL;

    TRY(site_get(r->call->db, r->now->peer, &peer));
    g_autofree char *mine = keys_id(keypairs_seal_public(r->keys));
    g_autofree char *theirs = keys_id(peer->seal_public != NULL ? peer->seal_public : "");
    *ret = json_object();
    json_set_str(*ret, r->now->self, mine);
    json_set_str(*ret, r->now->peer, theirs);
    *ret_changed = keypairs_former(r->keys) > 0 || site_keys_changed(peer);
    return NULL;
}

err_t *reseal(struct step_call *call, const struct group_now *now, json_t *draft)
{
    const struct site_identity *self = world_options_of(call->world)->exchange->identity;
    struct resealing r = {call, now, identity_keys(self), true};
    const json_t *sealed_to = json_obj(draft, SEALED_TO);
    g_autoptr(json_t) present = NULL;
    bool changed = false;

    TRY(present_keys(&r, &present, &changed));
    if ((!changed && sealed_to == NULL) || body_deleting(draft) || json_equal(sealed_to, present))
        return NULL;
    TRY(secrets_reseal(&r, draft));
    if (r.all)
        json_set(draft, SEALED_TO, TAKE(present));
    return NULL;
}
