/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync_codec - the durable state as one JSON object, for the store's column.
 *
 * The chain and the body of pos have tables of their own; bodies of what is staged, incoming and
 * rival stand here as text.  Fields that are off or empty are left out.
 *
 * Neighbours: sync_state.c.  Invariant: from_json(to_json(s)) equals s.
 */
#include "model/sync_internal.h"

#define TEXT(name)                                                                                 \
    {                                                                                              \
#name, offsetof(struct sync_state, name), sizeof(((struct sync_state *)NULL)->name)        \
    }
#define FLAG(name)                                                                                 \
    {                                                                                              \
#name, offsetof(struct sync_state, name)                                                   \
    }

static const struct {
    const char *key;
    size_t offset, size;
} texts[] = {
    TEXT(group), TEXT(pos),     TEXT(known_peer), TEXT(serving), TEXT(frozen_for),
    TEXT(stub),  TEXT(aborted), TEXT(rival),      TEXT(last),    TEXT(peer_nonce),
};
static const struct {
    const char *key;
    size_t offset;
} flags[] =
    {
        FLAG(split),     FLAG(closed),    FLAG(superseded), FLAG(unprotected),
        FLAG(peer_gone), FLAG(gone_owed), FLAG(leaving),
},
  numbers[] = {
      FLAG(minted),
      FLAG(floor),
      FLAG(peer_schema),
};

#define AT(state, offset, type) ((type *)((char *)(state) + (offset)))

/* ---- out ---- */

static void set_text(json_t *j, const char *key, const char *text)
{
    if (text != NULL && text[0] != '\0')
        json_set_str(j, key, text);
}

static void set_proposal(json_t *j, const struct position *p, const struct body *body)
{
    if (p == NULL)
        return;
    json_set(j, "position", position_to_json(p));
    json_set_str(j, "body", body_text(body));
}

static json_t *staged_to_json(const struct sync_staged *staged)
{
    json_t *j = json_object();
    json_set_str(j, "operation", staged->operation);
    set_text(j, "addressee", staged->addressee);
    json_set_int(j, "since_ms", staged->since_ms);
    set_proposal(j, staged->position, staged->body);
    return j;
}

static json_t *refused_to_json(const struct sync_state *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->refused_count; i++) {
        const struct sync_refused *refused = &s->refused[i];
        json_t *j = json_object();
        json_set_str(j, "hash", refused->hash);
        json_set_int(j, "epoch", refused->epoch);
        json_set_bool(j, "rejoin", refused->rejoin);
        json_set_bool(j, "owed", refused->owed);
        json_set_str(j, "reason", refused->reason);
        set_text(j, "text", refused->text);
        json_array_append_new(list, j);
    }
    return list;
}

static json_t *proofs_to_json(const struct sync_state *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->proof_count; i++) {
        const struct sync_proof *proof = &s->proofs[i];
        json_t *j = json_object();
        json_set_str(j, "nonce", proof->nonce);
        json_set_int(j, "issued_ms", proof->issued_ms);
        json_set_bool(j, "answered", proof->answered);
        json_set_bool(j, "used", proof->used);
        json_set_str(j, "position", proof->position);
        set_text(j, "incarnation", proof->incarnation);
        json_set_str(j, "role", sync_role_text(proof->role));
        json_array_append_new(list, j);
    }
    return list;
}

static void set_resolving(json_t *j, const struct sync_resolving *resolving)
{
    if (resolving->nonce[0] == '\0')
        return;
    json_t *r = json_object();
    json_set_str(r, "nonce", resolving->nonce);
    set_text(r, "who", resolving->who);
    set_text(r, "reason", resolving->reason);
    json_set(j, "resolving", r);
}

json_t *sync_state_to_json(const struct sync_state *state)
{
    json_t *j = json_object();
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        set_text(j, texts[i].key, AT(state, texts[i].offset, char));
    for (size_t i = 0; i < G_N_ELEMENTS(flags); i++)
        if (*AT(state, flags[i].offset, bool))
            json_set_bool(j, flags[i].key, true);
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
        json_set_int(j, numbers[i].key, *AT(state, numbers[i].offset, int64_t));
    json_set_str(j, "self", sync_self(state));
    json_set_str(j, "peer", sync_peer(state));
    json_set_str(j, "role", sync_role_text(state->role));
    if (state->staged.kind != STAGED_NONE)
        json_set(j, "staged", staged_to_json(&state->staged));
    if (state->incoming.position != NULL) {
        json_t *incoming = json_object();
        set_proposal(incoming, state->incoming.position, state->incoming.body);
        json_set(j, "incoming", incoming);
    }
    if (state->rival_body != NULL)
        json_set_str(j, "rival_body", body_text(state->rival_body));
    if (state->refused_count > 0)
        json_set(j, "refused", refused_to_json(state));
    if (state->proof_count > 0)
        json_set(j, "proofs", proofs_to_json(state));
    set_resolving(j, &state->resolving);
    return j;
}

/* ---- in ---- */

static err_t *damaged(const char *key)
{
    return err(PARSE, "the stored state of a group is damaged: '%s'", key);
}

static bool get_text(const json_t *j, const char *key, char *ret, size_t size)
{
    const char *text = json_str_or(j, key, "");
    return g_strlcpy(ret, text, size) < size;
}

static err_t *get_body(const json_t *j, const char *key, struct body **ret)
{
    const char *text = json_str(j, key);
    return text == NULL ? NULL : body_parse(text, strlen(text), ret);
}

static err_t *get_proposal(const json_t *j, struct position **ret_position, struct body **ret_body)
{
    const json_t *position = json_obj(j, "position");
    if (position == NULL)
        return NULL;
    TRY(position_from_json(position, ret_position));
    TRY(get_body(j, "body", ret_body));
    return *ret_body != NULL ? NULL : damaged("body");
}

static err_t *staged_from_json(const json_t *j, struct sync_staged *ret)
{
    if (j == NULL)
        return NULL;
    ret->since_ms = json_int(j, "since_ms", 0);
    if (!get_text(j, "operation", ret->operation, sizeof ret->operation) ||
        !get_text(j, "addressee", ret->addressee, sizeof ret->addressee))
        return damaged("staged");
    TRY(get_proposal(j, &ret->position, &ret->body));
    ret->kind = ret->position != NULL ? STAGED_PROPOSAL : STAGED_RESERVED;
    return NULL;
}

static err_t *refused_from_json(const json_t *list, struct sync_state *s)
{
    size_t count = json_array_size(list);
    if (count > SYNC_REFUSED_MAX)
        return damaged("refused");
    s->refused = g_new0(struct sync_refused, count);
    for (size_t i = 0; i < count; i++) {
        const json_t *j = json_array_get(list, i);
        struct sync_refused *refused = &s->refused[s->refused_count++];
        refused->epoch = json_int(j, "epoch", 0);
        refused->rejoin = json_bool(j, "rejoin", false);
        refused->owed = json_bool(j, "owed", false);
        refused->text = g_strdup(json_str(j, "text"));
        if (!get_text(j, "hash", refused->hash, sizeof refused->hash) ||
            !get_text(j, "reason", refused->reason, sizeof refused->reason))
            return damaged("refused");
    }
    return NULL;
}

static err_t *proofs_from_json(const json_t *list, struct sync_state *s)
{
    if (json_array_size(list) > SYNC_PROOFS_MAX)
        return damaged("proofs");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *j = json_array_get(list, i);
        struct sync_proof *proof = &s->proofs[s->proof_count++];
        proof->issued_ms = json_int(j, "issued_ms", 0);
        proof->answered = json_bool(j, "answered", false);
        proof->used = json_bool(j, "used", true);
        proof->role = sync_role_of(json_str(j, "role"));
        if (proof->role == SYNC_ROLES || !get_text(j, "nonce", proof->nonce, sizeof proof->nonce) ||
            !get_text(j, "position", proof->position, sizeof proof->position) ||
            !get_text(j, "incarnation", proof->incarnation, sizeof proof->incarnation))
            return damaged("proofs");
    }
    return NULL;
}

static err_t *fields_from_json(const json_t *j, struct sync_state *s)
{
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        if (!get_text(j, texts[i].key, AT(s, texts[i].offset, char), texts[i].size))
            return damaged(texts[i].key);
    for (size_t i = 0; i < G_N_ELEMENTS(flags); i++)
        *AT(s, flags[i].offset, bool) = json_bool(j, flags[i].key, false);
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
        *AT(s, numbers[i].offset, int64_t) = json_int(j, numbers[i].key, 0);
    s->role = sync_role_of(json_str(j, "role"));
    if (s->role == SYNC_ROLES)
        return damaged("role");
    TRY(staged_from_json(json_obj(j, "staged"), &s->staged));
    TRY(get_proposal(json_obj(j, "incoming"), &s->incoming.position, &s->incoming.body));
    TRY(get_body(j, "rival_body", &s->rival_body));
    const json_t *resolving = json_obj(j, "resolving");
    if (!get_text(resolving, "nonce", s->resolving.nonce, sizeof s->resolving.nonce))
        return damaged("resolving");
    s->resolving.who = g_strdup(json_str(resolving, "who"));
    s->resolving.reason = g_strdup(json_str(resolving, "reason"));
    TRY(refused_from_json(json_arr(j, "refused"), s));
    return proofs_from_json(json_arr(j, "proofs"), s);
}

err_t *sync_state_from_json(const json_t *j, struct chain *chain, struct body *body,
                            struct sync_state *ret)
{
    AUTO(chain) own_chain = chain;
    AUTO(body) own_body = body;
    const char *self = json_str(j, "self"), *peer = json_str(j, "peer");
    if (!uuid_valid(self) || !uuid_valid(peer) || strcmp(self, peer) == 0)
        return damaged("self");
    struct sync_state s;
    sync_state_init(&s, "", self, peer);
    err_t *e = fields_from_json(j, &s);
    if (e == NULL) {
        chain_destroy(s.chain);
        s.chain = TAKE(own_chain);
        s.body = TAKE(own_body);
        e = sync_check(&s);
    }
    if (e != NULL) {
        sync_state_fini(&s);
        return err_recode(PARSE, e, "the stored state of group %.48s cannot be used",
                          json_str_or(j, "group", "?"));
    }
    *ret = s;
    return NULL;
}
