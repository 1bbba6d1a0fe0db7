/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync_effects - what an action asks of its caller, the messages a site signs, and its outbox.
 *
 * Invariants: messages are made from the state alone, so that repeating a request repeats the
 * answer; outbox and its count come from one table.
 */
#include "model/sync_internal.h"

static const char *const operation_texts[SYNC_OPERATIONS] = {
    [SYNC_OP_CHANGE] = "change",     [SYNC_OP_REALIZE] = "realize", [SYNC_OP_DEMOTE] = "demote",
    [SYNC_OP_REBUILD] = "rebuild",   [SYNC_OP_RESUME] = "resume",   [SYNC_OP_SETTLE] = "settle",
    [SYNC_OP_HANDOVER] = "handover", [SYNC_OP_STUB] = "stub",       [SYNC_OP_LOCAL] = "local",
};
static const char *const verdict_texts[SYNC_VERDICTS] = {
    [SYNC_START] = "start",         [SYNC_COMPLETE] = "complete", [SYNC_FAIL] = "fail",
    [SYNC_SUPERSEDE] = "supersede", [SYNC_CANCEL] = "cancel",     [SYNC_PREEMPT] = "preempt",
    [SYNC_PARK] = "park",
};

const char *sync_operation_text(enum sync_operation op)
{
    return operation_texts[op];
}

const char *sync_verdict_text(enum sync_verdict verdict)
{
    return verdict_texts[verdict];
}

/* ---- the lists ---- */

static void free_order(void *data)
{
    struct sync_order *order = data;
    g_free(order->text);
    g_free(order);
}

static void free_entry(void *data)
{
    struct sync_entry *entry = data;
    body_unref(entry->body);
    g_free(entry->text);
    g_free(entry);
}

static void free_alarm(void *data)
{
    struct sync_alarm *alarm = data;
    g_free(alarm->text);
    g_free(alarm);
}

void sync_effects_init(struct sync_effects *e)
{
    memset(e, 0, sizeof *e);
    e->messages = g_ptr_array_new_with_free_func((GDestroyNotify)message_destroy);
    e->orders = g_ptr_array_new_with_free_func(free_order);
    e->entries = g_ptr_array_new_with_free_func(free_entry);
    e->alarms = g_ptr_array_new_with_free_func(free_alarm);
}

void sync_effects_fini(struct sync_effects *e)
{
    if (e->messages == NULL)
        return;
    message_destroy(e->reply);
    g_ptr_array_unref(e->messages);
    g_ptr_array_unref(e->orders);
    g_ptr_array_unref(e->entries);
    g_ptr_array_unref(e->alarms);
    memset(e, 0, sizeof *e);
}

void sync_order(struct act *a, enum sync_operation operation, enum sync_verdict verdict,
                const char *id, const char *position, const char *text)
{
    struct sync_order *order = g_new0(struct sync_order, 1);
    order->operation = operation;
    order->verdict = verdict;
    g_strlcpy(order->id, id != NULL ? id : "", sizeof order->id);
    sync_set_hash(order->position, position != NULL ? position : "");
    order->text = g_strdup(text);
    g_ptr_array_add(a->e->orders, order);
}

void sync_log(struct act *a, const char *event, const char *position, const struct position *row,
              struct body *body, const char *text)
{
    struct sync_entry *entry = g_new0(struct sync_entry, 1);
    entry->event = event;
    sync_set_hash(entry->position, position);
    entry->epoch = row->epoch;
    entry->version = row->version;
    entry->body = body_ref(body);
    entry->text = g_strdup(text);
    g_ptr_array_add(a->e->entries, entry);
}

void sync_alarm(struct act *a, const char *code, const char *format, ...)
{
    struct sync_alarm *alarm = g_new0(struct sync_alarm, 1);
    va_list args;
    va_start(args, format);
    alarm->code = code;
    alarm->text = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(a->e->alarms, alarm);
}

void sync_send(struct act *a, struct message *m)
{
    g_ptr_array_add(a->e->messages, m);
}

void sync_reply(struct act *a, struct message *m)
{
    g_assert(a->e->reply == NULL);
    a->e->reply = m;
}

const char *sync_incarnation(const struct act *a)
{
    return a->e->incarnation[0] != '\0' ? a->e->incarnation : a->c->incarnation;
}

/* ---- messages ---- */

static void set_standing(struct message *m, const struct sync_state *s)
{
    m->role = s->role;
    m->split = s->split;
    sync_set_hash(m->serving, s->serving);
    sync_set_hash(m->frozen_for, s->frozen_for);
}

struct message *sync_message(const struct sync_state *s, const struct sync_context *c,
                             enum message_type type, const char *position)
{
    struct message *m = message_create(type);
    g_strlcpy(m->from, sync_self(s), sizeof m->from);
    g_strlcpy(m->to, sync_peer(s), sizeof m->to);
    g_strlcpy(m->incarnation, c->incarnation, sizeof m->incarnation);
    g_strlcpy(m->group, s->group, sizeof m->group);
    sync_set_hash(m->position, position);
    m->epoch = chain_epoch(s->chain, position);
    m->version = chain_version(s->chain, position);
    set_standing(m, s);
    m->floor = s->floor;
    m->schema = c->schema > 0 ? c->schema : BODY_SCHEMA;
    return m;
}

/* Adds the bytes and the rows of pos. */
static void add_content(struct message *m, const struct sync_state *s)
{
    if (s->body == NULL)
        return;
    m->body = body_ref(s->body);
    m->history = chain_history(s->chain, s->pos);
}

struct message *sync_message_state(const struct sync_state *s, const struct sync_context *c,
                                   bool with_content)
{
    struct message *m = sync_message(s, c, MESSAGE_STATE, s->pos);
    if (with_content)
        add_content(m, s);
    return m;
}

struct message *sync_message_propose(const struct sync_state *s, const struct sync_context *c)
{
    const struct position *p = s->staged.position;
    struct message *m = sync_message(s, c, MESSAGE_PROPOSE, p->hash);
    m->epoch = p->epoch;
    m->version = p->version;
    g_strlcpy(m->addressee, s->staged.addressee, sizeof m->addressee);
    m->body = body_ref(s->staged.body);
    m->history = chain_history(s->chain, p->parent);
    g_ptr_array_add(m->history, position_ref(p));
    return m;
}

struct message *sync_message_refuse(const struct sync_state *s, const struct sync_context *c,
                                    const struct sync_refused *refused)
{
    struct message *m = sync_message(s, c, MESSAGE_REFUSE, refused->hash);
    m->epoch = refused->epoch;
    g_strlcpy(m->reason, refused->reason, sizeof m->reason);
    m->text = g_strdup(refused->text);
    return m;
}

/* ---- the outbox: what a site wants carried ---- */

typedef bool wants_fn(const struct sync_state *s);
typedef struct message *make_fn(const struct sync_state *s, const struct sync_context *c);

static bool wants_gone(const struct sync_state *s)
{
    return s->role == ROLE_TOMBSTONE && s->gone_owed;
}

static struct message *make_gone(const struct sync_state *s, const struct sync_context *c)
{
    return sync_message(s, c, MESSAGE_GONE, s->last);
}

static bool wants_propose(const struct sync_state *s)
{
    return s->staged.kind == STAGED_PROPOSAL;
}

static bool wants_amnesia(const struct sync_state *s)
{
    return s->role == ROLE_RECOVERING && s->peer_nonce[0] != '\0';
}

static struct message *make_amnesia(const struct sync_state *s, const struct sync_context *c)
{
    struct message *m = sync_message(s, c, MESSAGE_AMNESIA, s->pos);
    g_strlcpy(m->nonce, s->peer_nonce, sizeof m->nonce);
    if (!sync_is_empty(s))
        m->history = chain_history(s->chain, s->pos);
    return m;
}

static bool wants_close(const struct sync_state *s)
{
    return s->resolving.nonce[0] != '\0';
}

static struct message *make_close(const struct sync_state *s, const struct sync_context *c)
{
    struct message *m = sync_message(s, c, MESSAGE_CLOSE, s->rival);
    g_strlcpy(m->nonce, s->resolving.nonce, sizeof m->nonce);
    return m;
}

static bool wants_aborted(const struct sync_state *s)
{
    return s->aborted[0] != '\0';
}

static struct message *make_aborted(const struct sync_state *s, const struct sync_context *c)
{
    return sync_message(s, c, MESSAGE_ABORTED, s->aborted);
}

static const struct sync_refused *owed_refusal(const struct sync_state *s)
{
    for (size_t i = 0; i < s->refused_count; i++)
        if (s->refused[i].owed)
            return &s->refused[i];
    return NULL;
}

static bool wants_refuse(const struct sync_state *s)
{
    return s->role != ROLE_TOMBSTONE && owed_refusal(s) != NULL;
}

static struct message *make_refuse(const struct sync_state *s, const struct sync_context *c)
{
    return sync_message_refuse(s, c, owed_refusal(s));
}

/* pos is a proposal that the peer may still wait to hear accepted: what a STANDBY follows is owed
 * to nobody. */
static bool wants_accept(const struct sync_state *s)
{
    return s->role == ROLE_STANDBY && sync_owed(s);
}

static struct message *make_accept(const struct sync_state *s, const struct sync_context *c)
{
    struct message *m = sync_message(s, c, MESSAGE_ACCEPT, s->pos);
    m->observations = c->observations != NULL ? json_deep_copy(c->observations) : NULL;
    return m;
}

static bool wants_state(const struct sync_state *s)
{
    return s->role != ROLE_NONE && s->role != ROLE_TOMBSTONE && sync_owed(s) && !wants_accept(s);
}

static struct message *make_state(const struct sync_state *s, const struct sync_context *c)
{
    return sync_message_state(s, c, true);
}

static const struct {
    wants_fn *wants;
    make_fn *make;
} outbox[] = {
    {wants_gone, make_gone},       {wants_aborted, make_aborted},
    {wants_refuse, make_refuse},   {wants_accept, make_accept},
    {wants_state, make_state},     {wants_propose, sync_message_propose},
    {wants_amnesia, make_amnesia}, {wants_close, make_close},
};

GPtrArray *sync_outbox(const struct sync_state *state, const struct sync_context *context)
{
    GPtrArray *messages = g_ptr_array_new_with_free_func((GDestroyNotify)message_destroy);
    for (size_t i = 0; i < G_N_ELEMENTS(outbox); i++)
        if (outbox[i].wants(state))
            g_ptr_array_add(messages, outbox[i].make(state, context));
    return messages;
}

size_t sync_outbox_count(const struct sync_state *state)
{
    size_t count = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(outbox); i++)
        count += outbox[i].wants(state);
    return count;
}
