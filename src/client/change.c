/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change - a change of a group, from the command to the peer's acceptance: carry, prove, ask,
 * follow, carry.  The client may die between any two of these; whoever comes next finishes it.
 */
#include "client/client_internal.h"

struct changing {
    struct pair *pair;
    const char *method, *path;
    const json_t *body;
    bool wait;
};

/* The group as it is now at the active site. */
static err_t *position_read(struct pair *pair, char **ret)
{
    g_autoptr(json_t) reply = NULL;

    TRY(end_get(pair_active(pair), &reply, "protection-groups/%s", pair_id(pair)));
    *ret = g_strdup(json_str_at(reply, "protection_group/position"));
    return NULL;
}

static err_t *change_ask(const struct changing *ch, json_t **ret, int *ret_status)
{
    struct pair *pair = ch->pair;
    struct carrying how = {0};
    g_autofree char *position = NULL;
    g_autofree char *nonce = NULL;
    g_autofree char *path = g_strdup_printf("protection-groups/%s%s", pair_id(pair), ch->path);

    err_t *e =
        carry_proof(pair_active(pair), pair_standby(pair), pair_id(pair), NULL, &how, &nonce);
    if (e != NULL && how.held_at != NULL) {
        err_free(e);
        e = held_error(pair, &how);
    }
    carrying_fini(&how);
    if (e != NULL)
        return e;
    TRY(position_read(pair, &position));
    struct ask ask = {
        .method = ch->method, .path = path, .body = ch->body, .if_match = position, .nonce = nonce};
    return end_ask(pair_active(pair), &ask, ret, ret_status);
}

/* Both outboxes; a site that would have to stop its servers for it is told of by nobody here. */
static err_t *change_carry(struct pair *pair)
{
    struct carrying how = {0};

    err_t *e = carry_group(pair->local, pair->peer, pair_id(pair), &how);
    if (e == NULL && how.held_at != NULL)
        e = held_error(pair, &how);
    carrying_fini(&how);
    return e != NULL ? e : pair_refresh(pair);
}

/* Another change holds the slot: follow it until it is signed, carry it, and the slot is free. */
static err_t *slot_free(struct pair *pair, const err_t *staged)
{
    const char *op_id = err_detail_get(staged, "operation");
    g_autoptr(json_t) op = NULL;
    g_autoptr(json_t) ended = NULL;

    if (op_id != NULL)
        TRY(follow(pair_active(pair), op_id, "peer.commit", &op));
    TRY(change_carry(pair));
    return op_id != NULL ? follow(pair_active(pair), op_id, NULL, &ended) : NULL;
}

/* The site that was asked says that the other one is active: there, then. */
static bool active_elsewhere(struct pair *pair, const err_t *e)
{
    const char *active = err_detail_get(e, "active_site");
    bool peer = g_strcmp0(active, json_str(pair->group, "peer_site_id")) == 0;

    if (!err_is(e, ERR_GROUP_NOT_ACTIVE) || active == NULL || peer != pair->local_is_active)
        return false;
    pair->local_is_active = !peer;
    return true;
}

static err_t *change_ask_again(const struct changing *ch, json_t **ret, int *ret_status)
{
    err_t *e = change_ask(ch, ret, ret_status);

    if (e != NULL && active_elsewhere(ch->pair, e)) {
        err_free(e);
        e = change_ask(ch, ret, ret_status);
    }
    bool staged = e != NULL && (err_is(e, ERR_SYNC_STAGED) || err_is(e, ERR_SYNC_OWED));
    bool moved = e != NULL && (err_is(e, ERR_IF_MATCH) || err_is(e, ERR_PEER_PROOF));
    if (!staged && !moved)
        return e;
    err_t *freed = staged ? slot_free(ch->pair, e) : NULL;
    err_free(e);
    return freed != NULL ? freed : change_ask(ch, ret, ret_status);
}

/* From the 202 to the acknowledgement: signed, carried, stored by the peer, completed. */
static err_t *change_finish(struct pair *pair, const json_t *reply)
{
    const char *op_id = json_str_or(json_obj(reply, "operation"), "id", "");
    struct end *active = pair_active(pair), *standby = pair_standby(pair);

    return change_follow(active, standby, pair_id(pair), op_id);
}

err_t *change_follow(struct end *active, struct end *standby, const char *pg_id, const char *op_id)
{
    g_autoptr(json_t) op = NULL;
    g_autoptr(json_t) end = NULL;
    struct carrying how = {0};

    TRY(follow(active, op_id, "peer.commit", &op));
    err_t *e = carry_group(active, standby, pg_id, &how);
    if (e == NULL)
        e = follow(active, op_id, NULL, &end);
    if (e == NULL)
        e = operation_outcome(end);
    if (e == NULL)
        e = carry_group(active, standby, pg_id, &how);
    carrying_fini(&how);
    return e;
}

/*
 * That the peer's cloud is not known, or refuses us, or that the site we asked is the one that does
 * not answer, is told as it is; that the peer does not answer is the manual's refusal, with what
 * was seen beside it.
 */
err_t *peer_failed(struct protector_client *c, const char *group, err_t *takes)
{
    bool ours = c->local != NULL && g_strcmp0(err_detail_get(takes, "end"), c->local->cloud) == 0;

    if (ours || !end_is_unreachable(takes))
        return takes;
    g_autofree char *seen = err_text(takes);
    note_event(c, "note", "%s", seen);
    return peer_unreachable(group, takes);
}

/* With a proof that came as a file: begun here; the proposal then goes as a file, too. */
static err_t *change_by_proof(const struct changing *ch, json_t **ret)
{
    struct pair *pair = ch->pair;
    g_autofree char *path = g_strdup_printf("protection-groups/%s%s", pair_id(pair), ch->path);
    struct ask ask = {.method = ch->method,
                      .path = path,
                      .body = ch->body,
                      .if_match = json_str(pair->group, "position"),
                      .nonce = pair->proof};

    return end_ask(pair->local, &ask, ret, NULL);
}

err_t *change_run(struct pair *pair, const char *method, const char *path, const json_t *body,
                  bool wait, json_t **ret)
{
    struct changing ch = {pair, method, path, body, wait};
    int status = 0;

    if (pair->proof != NULL)
        return change_by_proof(&ch, ret);
    if (pair->peer == NULL)
        return peer_failed(pair->client, pair_name(pair), TAKE(pair->peer_error));
    err_t *e = change_carry(pair);
    if (e == NULL)
        e = change_ask_again(&ch, ret, &status);
    if (e != NULL)
        return peer_failed(pair->client, pair_name(pair), e);
    return status == 202 && wait ? change_finish(pair, *ret) : NULL;
}
