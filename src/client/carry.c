/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carry - signed messages from one site to the other.
 *
 * Nothing here decides anything: a message that arrives never, late or twice is the sites'
 * business. The client only keeps carrying until neither site wants anything carried, and follows
 * what runs.
 */
#include "client/client_internal.h"

#include <stdarg.h>
#include <string.h>

void note_event(struct protector_client *c, const char *event, const char *format, ...)
{
    va_list args;

    if (c->o.event == NULL)
        return;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_autoptr(json_t) j = json_object();
    json_set_str(j, "event", event);
    json_set_str(j, "text", text);
    g_autofree char *printed = json_print(j);
    c->o.event(c->o.data, printed);
}

static err_t *pause_ms(struct protector_client *c, int64_t ms)
{
    TRY(client_time_left(c));
    if (c->o.wait(c->o.data, ms) == 0)
        return NULL;
    return err_remedy(err(CONFLICT, "stopped by the user"),
                      "what was begun goes on at the sites; any later command on the group carries "
                      "what is missing");
}

/* ---- operations ---- */

static void progress_event(struct protector_client *c, const json_t *op)
{
    g_autoptr(json_t) j = json_object();

    if (c->o.event == NULL)
        return;
    json_set_str(j, "event", "progress");
    json_set_str(j, "operation", json_str(op, "id"));
    json_set_str(j, "type", json_str(op, "operation_type"));
    json_set_str(j, "status", json_str(op, "status"));
    json_set_int(j, "progress", json_int(op, "progress", 0));
    json_set_str(j, "step", json_str(op, "current_step"));
    json_set_str(j, "says", json_str(op, "current_step_says"));
    g_autofree char *printed = json_print(j);
    c->o.event(c->o.data, printed);
}

err_t *follow(struct end *end, const char *op_id, const char *step, json_t **ret)
{
    struct protector_client *c = end->client;
    int64_t until_ms = env_mono_ms(c->env) + CLIENT_OPERATION_MS_MAX;

    for (;;) {
        g_autoptr(json_t) op = NULL;
        TRY(end_get_object(end, "operation", &op, "operations/%s", op_id));
        const char *status = json_str_or(op, "status", "");
        bool there = step != NULL && g_strcmp0(json_str(op, "current_step"), step) == 0;
        progress_event(c, op);
        if (json_bool(op, "ended", false) || g_str_equal(status, "needs_operator") || there) {
            *ret = TAKE(op);
            return NULL;
        }
        if (env_mono_ms(c->env) > until_ms)
            return err(TIMEOUT, "operation '%s' has not ended in time; it goes on", op_id);
        TRY(pause_ms(c, CLIENT_POLL_MS));
    }
}

err_t *operation_outcome(const json_t *op)
{
    const char *status = json_str_or(op, "status", "");
    const json_t *error = json_obj(op, "error");
    g_autoptr(err_t) cause = error != NULL ? err_from_json(error) : NULL;

    if (g_str_equal(status, "completed"))
        return NULL;
    if (cause != NULL)
        return err_detail(TAKE(cause), "operation", json_str(op, "id"));
    return err_detail(err(OPERATION_FAILED, "operation '%s' ended as %s", json_str_or(op, "id", ""),
                          status),
                      "operation", json_str(op, "id"));
}

/* ---- carrying ---- */

json_t *envelope_of(const json_t *message)
{
    const char *text = json_str_or(message, "envelope", "{}");
    json_t *envelope = NULL;
    g_autoptr(err_t) no = json_parse(text, strlen(text), "an envelope", &envelope);

    return no == NULL ? envelope : json_object();
}

void carrying_fini(struct carrying *how)
{
    json_decref(how->held);
    json_decref(how->recovering);
    how->held = how->recovering = NULL;
}

/* For display: who is told what. */
static void carry_event(struct end *to, const json_t *envelope)
{
    struct protector_client *c = to->client;
    static const char *const keys[] = {"group", "from", "to", "type"};
    g_autoptr(json_t) j = json_object();

    if (c->o.event == NULL)
        return;
    json_set_str(j, "event", "carry");
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        json_set_str(j, keys[i], json_str(envelope, keys[i]));
    g_autofree char *printed = json_print(j);
    c->o.event(c->o.data, printed);
}

/* True if the message stays where it is. */
static err_t *hold(struct end *to, const char *pg_id, const json_t *message, json_t *envelope,
                   struct carrying *how, bool *ret)
{
    *ret = false;
    if (how->forced)
        return NULL;
    TRY(would_demote(to, pg_id, message, ret));
    if (!*ret)
        return NULL;
    how->held_at = to;
    json_decref(how->held);
    how->held = json_incref(envelope);
    return NULL;
}

err_t *deliver(struct end *to, const char *pg_id, const json_t *message, struct carrying *how,
               json_t **ret_reply)
{
    g_autofree char *path = g_strdup_printf("protection-groups/%s/sync/inbox", pg_id);
    g_autoptr(json_t) body = json_pack("{s:O}", "message", message);
    g_autoptr(json_t) envelope = envelope_of(message);
    g_autoptr(json_t) reply = NULL;
    struct ask ask = {.method = "POST", .path = path, .body = body};
    bool held = false;
    int status = 0;

    *ret_reply = NULL;
    TRY(hold(to, pg_id, message, envelope, how, &held));
    if (held)
        return NULL;
    carry_event(to, envelope);
    TRY(end_ask(to, &ask, &reply, &status));
    how->count++;
    if (status == 202) {
        g_autoptr(json_t) op = NULL;
        return follow(to, json_str_or(json_obj(reply, "operation"), "id", ""), NULL, &op);
    }
    *ret_reply = json_incref(json_obj(reply, "reply"));
    return NULL;
}

/*
 * An answer that tells nothing: a STATE without content comes from a site that stands where the
 * other has just said to stand itself; a GONE is owed by nobody when it answers.
 */
static bool says_nothing(const json_t *message)
{
    g_autoptr(json_t) envelope = envelope_of(message);
    const char *type = json_str_or(envelope, "type", "");

    return g_str_equal(type, "GONE") ||
           (g_str_equal(type, "STATE") && json_str(message, "body") == NULL);
}

/*
 * 'answer' of 'from' goes to 'to', what that answers goes back, and so on while it tells something:
 * a site that has lost a group learns here that there is one.
 */
static err_t *converse(struct end *from, struct end *to, const char *pg_id, json_t *answer,
                       struct carrying *how)
{
    g_autoptr(json_t) message = json_incref(answer);
    struct end *ends[] = {to, from};

    for (int turn = 0; turn < CLIENT_TURNS_MAX && message != NULL; turn++) {
        g_autoptr(json_t) reply = NULL;
        if (turn > 0 && says_nothing(message))
            return NULL;
        TRY(deliver(ends[turn % 2], pg_id, message, how, &reply));
        json_decref(message);
        message = TAKE(reply);
    }
    return NULL;
}

/* A message there and its answer back: the sender learns what the other site holds. */
static err_t *carry_one(struct end *from, struct end *to, const json_t *message,
                        struct carrying *how)
{
    g_autoptr(json_t) envelope = envelope_of(message);
    const char *pg_id = json_str_or(envelope, "group", "");
    g_autoptr(json_t) reply = NULL;
    int count = how->count;

    err_t *e = deliver(to, pg_id, message, how, &reply);
    if (e != NULL && err_is(e, ERR_SYNC_KEY_OLD)) {
        err_free(e);
        how->count++; /* another round fetches it, signed anew */
        return NULL;
    }
    if (e != NULL || reply == NULL)
        return e;
    e = converse(to, from, pg_id, reply, how);
    how->count = count + 1;
    return e;
}

static void recovering_add(struct carrying *how, const char *pg_id)
{
    if (how->recovering == NULL)
        how->recovering = json_object();
    json_set_bool(how->recovering, pg_id, true);
}

/* Which groups the site says recover: they want to be asked in both directions. */
static void recovering_note(const json_t *outbox, struct carrying *how)
{
    size_t i;
    json_t *id;

    json_array_foreach(json_arr(outbox, "recovering"), i, id)
    {
        if (json_is_string(id))
            recovering_add(how, json_string_value(id));
    }
}

/* Carries a site's outbox of one group, or of its project; adds it to 'sum' (may be NULL). */
static err_t *carry_from(struct end *from, struct end *to, const char *outbox, GChecksum *sum,
                         struct carrying *how)
{
    g_autoptr(json_t) reply = NULL;
    size_t i;
    json_t *message;

    err_t *e = end_get(from, &reply, "%s", outbox);
    if (e != NULL && err_http_status(e) == 404) {
        err_free(e);
        how->unknown = true;
        return NULL;
    }
    if (e != NULL)
        return e;
    recovering_note(reply, how);
    how->unknown = how->unknown || !json_bool(reply, "known", true);
    json_array_foreach(json_arr(reply, "messages"), i, message)
    {
        const char *envelope = json_str_or(message, "envelope", "");
        if (sum != NULL)
            g_checksum_update(sum, (const guchar *)envelope, (gssize)strlen(envelope));
        TRY(carry_one(from, to, message, how));
    }
    return NULL;
}

static err_t *carry_round(struct end *a, struct end *b, const char *outbox, struct carrying *how,
                          char **ret_sum)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

    TRY(carry_from(a, b, outbox, sum, how));
    TRY(carry_from(b, a, outbox, sum, how));
    *ret_sum = g_strdup(g_checksum_get_string(sum));
    return NULL;
}

/* Until a round carries nothing, or only what the last one has carried: two sites that have
 * diverged go on telling each other. */
static err_t *carry_quiet(struct end *a, struct end *b, const char *outbox, struct carrying *how)
{
    g_autofree char *last = NULL;

    for (int round = 0; round < CLIENT_ROUNDS_MAX; round++) {
        g_autofree char *sum = NULL;
        int count = how->count;
        TRY(carry_round(a, b, outbox, how, &sum));
        if (how->count == count || g_strcmp0(sum, last) == 0)
            return NULL;
        g_free(last);
        last = TAKE(sum);
    }
    note_event(a->client, "warning", "the sites still want messages carried after %d rounds",
               CLIENT_ROUNDS_MAX);
    return NULL;
}

/*
 * A challenge of 'asks' that the other answers; that its answer is held, the carrying tells.  A
 * site that does not know the group, or no more, asks nothing.
 */
static err_t *challenge(struct end *asks, struct end *answers, const char *pg_id,
                        struct carrying *how)
{
    g_autofree char *nonce = NULL;
    err_t *e = carry_proof(asks, answers, pg_id, NULL, how, &nonce);
    int status = e != NULL ? err_http_status(e) : 0;

    bool silent = status == 400 || status == 404 || status == 410;
    if (e == NULL || (!err_is(e, ERR_WOULD_DEMOTE) && !silent))
        return e;
    err_free(e);
    return NULL;
}

/*
 * A site that recovers is taken in by what only a challenge brings: it tells the other one what it
 * may have forgotten (AMNESIA), and believes only an answer to a challenge of its own.
 */
static err_t *carry_recovery(struct end *a, struct end *b, const char *pg_id, struct carrying *how)
{
    g_autofree char *outbox = g_strdup_printf("protection-groups/%s/sync/outbox", pg_id);

    for (int round = 0; round < CLIENT_RECOVERY_MAX; round++) {
        g_clear_pointer(&how->recovering, json_decref);
        TRY(challenge(a, b, pg_id, how));
        TRY(challenge(b, a, pg_id, how));
        TRY(carry_quiet(a, b, outbox, how));
        trust_rearm(a);
        trust_rearm(b);
        if (json_object_get(how->recovering, pg_id) == NULL)
            return NULL;
    }
    return NULL;
}

static err_t *carry_all(struct end *a, struct end *b, const char *outbox, struct carrying *how)
{
    const char *pg_id;
    json_t *yes;

    g_clear_pointer(&how->recovering, json_decref);
    TRY(carry_quiet(a, b, outbox, how));
    g_autoptr(json_t) recovering =
        how->recovering != NULL ? json_deep_copy(how->recovering) : json_object();
    json_object_foreach(recovering, pg_id, yes) TRY(carry_recovery(a, b, pg_id, how));
    return NULL;
}

err_t *carry_group(struct end *a, struct end *b, const char *pg_id, struct carrying *how)
{
    g_autofree char *outbox = g_strdup_printf("protection-groups/%s/sync/outbox", pg_id);
    int count = how->count;

    how->unknown = false;
    TRY(carry_all(a, b, outbox, how));
    bool lost = how->unknown && how->count == count; /* not one that is just being created */
    return lost ? carry_recovery(a, b, pg_id, how) : NULL;
}

err_t *carry_in(struct end *from, struct end *to, const char *pg_id, struct carrying *how)
{
    g_autofree char *outbox = g_strdup_printf("protection-groups/%s/sync/outbox", pg_id);

    return carry_from(from, to, outbox, NULL, how);
}

err_t *carry_projects(struct end *a, struct end *b, struct carrying *how)
{
    return carry_all(a, b, "sync/outbox", how);
}

/*
 * What 'active' has to say to the proof goes back: a peer that has lost the group learns of it.  If
 * the peer would be stopped by that, it waits: whoever carries the outbox asks about it.
 */
static err_t *proof_answered(struct end *active, struct end *peer, const char *pg_id, json_t *last,
                             struct carrying *how)
{
    struct carrying mine = {.forced = how->forced};

    err_t *e = converse(active, peer, pg_id, last, &mine);
    how->count += mine.count;
    carrying_fini(&mine);
    return e;
}

err_t *carry_proof(struct end *active, struct end *peer, const char *pg_id,
                   const char *peer_site_id, struct carrying *how, char **ret)
{
    g_autofree char *path = g_strdup_printf("protection-groups/%s/sync/hello", pg_id);
    g_autoptr(json_t) body = json_object();
    g_autoptr(json_t) hello = NULL;
    g_autoptr(json_t) here = NULL;
    g_autoptr(json_t) last = NULL;
    struct ask ask = {.method = "POST", .path = path, .body = body};

    if (peer_site_id != NULL)
        json_set_str(body, "peer_site_id", peer_site_id);
    *ret = NULL;
    TRY(end_ask(active, &ask, &hello, NULL));
    const json_t *message = json_obj(hello, "message");
    TRY(deliver(peer, pg_id, message, how, &here));
    if (here == NULL)
        return err(NET_PROTOCOL, "the other site did not answer the challenge");
    int count = how->count;
    TRY(deliver(active, pg_id, here, how, &last));
    if (how->count == count)
        return err(WOULD_DEMOTE, "the other site is active in a newer epoch, and so is this one "
                                 "still in its own: it would stop its servers");
    if (last != NULL && !says_nothing(last))
        TRY(proof_answered(active, peer, pg_id, last, how));
    g_autoptr(json_t) envelope = envelope_of(message);
    *ret = g_strdup(json_str(envelope, "nonce"));
    return NULL;
}
