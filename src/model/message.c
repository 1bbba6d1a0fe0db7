/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message - envelopes: one table says what each type carries; encoding and strict decoding follow
 * it.
 *
 * Neighbours: message.h (the form), sync.c (the meaning).
 * Invariants: what is verified is the exact text that was signed; body and history are believed
 * only where their hashes stand in it.
 */
#include "model/message.h"

#include "base/certificate.h"

#include <string.h>

/* What a type carries beside the address and the position. */
enum {
    HAS_NONCE = 1 << 0,
    HAS_STANDING = 1 << 1, /* role, split, serving, frozen_for */
    HAS_SCHEMA = 1 << 2,
    HAS_FLOOR = 1 << 3,
    HAS_REASON = 1 << 4,
    MAY_OBSERVE = 1 << 5,
    NEEDS_POSITION = 1 << 6, /* EMPTY makes no sense */
    NEEDS_HISTORY = 1 << 7,  /* unless EMPTY */
    NEEDS_BODY = 1 << 8,     /* unless EMPTY */
    MAY_CONTENT = 1 << 9,    /* body and history, or neither */
    MAY_ADDRESS = 1 << 10,   /* the incarnation of the receiver that it is meant for */
};
#define NEEDS_CONTENT (NEEDS_HISTORY | NEEDS_BODY)

static const struct {
    const char *text;
    int carries;
} types[MESSAGE_TYPES] = {
    [MESSAGE_PROPOSE] = {"PROPOSE", NEEDS_POSITION | NEEDS_CONTENT | MAY_ADDRESS},
    [MESSAGE_ACCEPT] = {"ACCEPT", NEEDS_POSITION | MAY_OBSERVE},
    [MESSAGE_REFUSE] = {"REFUSE", NEEDS_POSITION | HAS_REASON},
    [MESSAGE_STATE] = {"STATE", HAS_STANDING | MAY_CONTENT},
    [MESSAGE_ABORTED] = {"ABORTED", NEEDS_POSITION},
    [MESSAGE_HELLO] = {"HELLO", HAS_NONCE},
    [MESSAGE_HERE] = {"HERE", HAS_NONCE | HAS_STANDING | HAS_SCHEMA | MAY_OBSERVE | MAY_CONTENT},
    [MESSAGE_CLOSE] = {"CLOSE", HAS_NONCE},
    [MESSAGE_CLOSED] = {"CLOSED", HAS_NONCE | HAS_STANDING | HAS_FLOOR | NEEDS_CONTENT},
    [MESSAGE_GONE] = {"GONE", 0},
    [MESSAGE_AMNESIA] = {"AMNESIA", HAS_NONCE | HAS_FLOOR | NEEDS_HISTORY},
};

static const char *const role_texts[SYNC_ROLES] = {
    [ROLE_NONE] = "NONE",     [ROLE_STANDBY] = "STANDBY",       [ROLE_ACTIVE] = "ACTIVE",
    [ROLE_FROZEN] = "FROZEN", [ROLE_RECOVERING] = "RECOVERING", [ROLE_TOMBSTONE] = "TOMBSTONE",
};

const char *sync_role_text(enum sync_role role)
{
    g_assert(role < SYNC_ROLES);
    return role_texts[role];
}

enum sync_role sync_role_of(const char *text)
{
    enum sync_role role = ROLE_NONE;
    while (role < SYNC_ROLES && g_strcmp0(text, role_texts[role]) != 0)
        role++;
    return role;
}

const char *message_type_text(enum message_type type)
{
    g_assert(type < MESSAGE_TYPES);
    return types[type].text;
}

enum message_type message_type_of(const char *text)
{
    enum message_type type = MESSAGE_PROPOSE;
    while (type < MESSAGE_TYPES && g_strcmp0(text, types[type].text) != 0)
        type++;
    return type;
}

/* ---- the object ---- */

struct message *message_create(enum message_type type)
{
    struct message *m = g_new0(struct message, 1);
    m->type = type;
    return m;
}

void message_destroy(struct message *m)
{
    if (m == NULL)
        return;
    g_free(m->text);
    json_decref(m->observations);
    body_unref(m->body);
    if (m->history != NULL)
        g_ptr_array_unref(m->history);
    g_free(m);
}

struct message *message_copy(const struct message *m)
{
    struct message *copy = g_memdup2(m, sizeof *m);
    copy->text = g_strdup(m->text);
    copy->observations = m->observations != NULL ? json_deep_copy(m->observations) : NULL;
    copy->body = body_ref(m->body);
    copy->history = m->history != NULL ? g_ptr_array_ref(m->history) : NULL;
    return copy;
}

const struct position *message_row(const struct message *m)
{
    if (m->history == NULL || m->history->len == 0)
        return NULL;
    return g_ptr_array_index(m->history, m->history->len - 1);
}

/* ---- encoding ---- */

static void set_text(json_t *j, const char *key, const char *text)
{
    if (text[0] != '\0')
        json_set_str(j, key, text);
}

static void set_hash_of_history(json_t *j, const json_t *history)
{
    g_autofree char *text = json_print_canonical(history);
    char hash[HASH_HEX_SIZE];
    hash_hex(text, strlen(text), hash);
    json_set_str(j, "history_hash", hash);
}

static void set_standing(json_t *j, const struct message *m)
{
    json_set_str(j, "role", sync_role_text(m->role));
    json_set_bool(j, "split", m->split);
    set_text(j, "serving", m->serving);
    set_text(j, "frozen_for", m->frozen_for);
}

static json_t *envelope_of(const struct message *m, const char *key_id, const json_t *history)
{
    int carries = types[m->type].carries;
    json_t *j = json_object();
    json_set_str(j, "protocol", MESSAGE_PROTOCOL);
    json_set_str(j, "type", types[m->type].text);
    json_set_str(j, "from", m->from);
    json_set_str(j, "to", m->to);
    json_set_str(j, "incarnation", m->incarnation);
    json_set_str(j, "key_id", key_id);
    json_set_str(j, "group", m->group);
    json_set_str(j, "position", m->position);
    json_set_int(j, "epoch", m->epoch);
    json_set_int(j, "version", m->version);
    if (carries & MAY_ADDRESS)
        set_text(j, "addressee", m->addressee);
    if (carries & HAS_NONCE)
        json_set_str(j, "nonce", m->nonce);
    if (carries & HAS_STANDING)
        set_standing(j, m);
    if (carries & HAS_SCHEMA)
        json_set_int(j, "schema", m->schema);
    if (carries & HAS_FLOOR)
        json_set_int(j, "floor", m->floor);
    if (carries & HAS_REASON) {
        json_set_str(j, "reason", m->reason);
        set_text(j, "text", m->text != NULL ? m->text : "");
    }
    if (m->observations != NULL && (carries & MAY_OBSERVE))
        json_set(j, "observations", json_deep_copy(m->observations));
    if (m->body != NULL)
        json_set_str(j, "body_hash", body_hash(m->body));
    if (history != NULL) {
        set_hash_of_history(j, history);
        json_set_str(j, "parent", message_row(m)->parent);
    }
    return j;
}

err_t *message_encode(const struct message *m, const char *key_id, message_sign_fn *sign,
                      void *data, json_t **ret)
{
    g_autoptr(json_t) history = m->history != NULL ? history_to_json(m->history) : NULL;
    g_autoptr(json_t) envelope = envelope_of(m, key_id, history);
    g_autofree char *text = json_print_canonical(envelope);
    if (strlen(text) > MESSAGE_ENVELOPE_MAX)
        return err(TOO_LARGE, "an envelope %s has %zu bytes, at most %d are carried",
                   types[m->type].text, strlen(text), MESSAGE_ENVELOPE_MAX);
    g_autofree char *signature = sign(data, text, strlen(text));
    json_t *j = json_object();
    json_set_str(j, "envelope", text);
    json_set_str(j, "signature", signature);
    if (m->body != NULL)
        json_set_str(j, "body", body_text(m->body));
    if (history != NULL)
        json_set(j, "history", TAKE(history));
    *ret = j;
    return NULL;
}

/* ---- decoding ---- */

static err_t *bad(const char *what)
{
    return err(SYNC_ENVELOPE, "a message of the peer is not valid: %s", what);
}

/* Copies a text field of the envelope; counts it.  Optional fields may be missing. */
static bool get_text(const json_t *j, const char *key, bool optional, char *ret, size_t size,
                     size_t *known)
{
    const json_t *value = json_object_get(j, key);
    if (value == NULL)
        return optional;
    const char *text = json_string_value(value);
    if (text == NULL || strlen(text) >= size)
        return false;
    g_strlcpy(ret, text, size);
    ++*known;
    return true;
}

static bool get_number(const json_t *j, const char *key, int64_t *ret, size_t *known)
{
    *ret = json_int(j, key, -1);
    ++*known;
    return *ret >= 0 && *ret <= POSITION_NUMBER_MAX;
}

static bool group_valid(const char *group)
{
    if (!g_str_has_prefix(group, "pg-") || group[3] == '\0')
        return false;
    for (const char *c = group; *c != '\0'; c++)
        if (!g_ascii_islower(*c) && !g_ascii_isdigit(*c) && *c != '-')
            return false;
    return true;
}

static bool hash_or_empty(const char *text)
{
    return text[0] == '\0' || hash_valid(text);
}

static err_t *read_address(const json_t *j, struct message *m, size_t *known)
{
    ++*known;
    if (g_strcmp0(json_str(j, "protocol"), MESSAGE_PROTOCOL) != 0)
        return bad("it does not speak " MESSAGE_PROTOCOL);
    ++*known;
    m->type = message_type_of(json_str(j, "type"));
    if (m->type == MESSAGE_TYPES)
        return bad("its type is not known");
    if (!get_text(j, "from", false, m->from, sizeof m->from, known) || !uuid_valid(m->from) ||
        !get_text(j, "to", false, m->to, sizeof m->to, known) || !uuid_valid(m->to) ||
        strcmp(m->from, m->to) == 0)
        return bad("'from' and 'to' are not the uuids of two sites");
    if (!get_text(j, "incarnation", false, m->incarnation, sizeof m->incarnation, known) ||
        incarnation_number(m->incarnation) == 0)
        return bad("'incarnation' is none");
    if (!get_text(j, "key_id", false, m->key_id, sizeof m->key_id, known))
        return bad("'key_id' is missing or too long");
    if (!get_text(j, "group", false, m->group, sizeof m->group, known) || !group_valid(m->group))
        return bad("'group' is no id of a protection group");
    if (!get_text(j, "position", false, m->position, sizeof m->position, known) ||
        !hash_or_empty(m->position) || !get_number(j, "epoch", &m->epoch, known) ||
        !get_number(j, "version", &m->version, known))
        return bad("'position', 'epoch' or 'version' is not valid");
    return NULL;
}

static err_t *read_standing(const json_t *j, struct message *m, size_t *known)
{
    m->role = sync_role_of(json_str(j, "role"));
    const json_t *split = json_object_get(j, "split");
    *known += 2;
    if (m->role == SYNC_ROLES || !json_is_boolean(split))
        return bad("'role' or 'split' is not valid");
    m->split = json_is_true(split);
    if (!get_text(j, "serving", true, m->serving, sizeof m->serving, known) ||
        !hash_or_empty(m->serving) ||
        !get_text(j, "frozen_for", true, m->frozen_for, sizeof m->frozen_for, known) ||
        !hash_or_empty(m->frozen_for))
        return bad("'serving' or 'frozen_for' is not valid");
    return NULL;
}

static err_t *read_reason(const json_t *j, struct message *m, size_t *known)
{
    if (!get_text(j, "reason", false, m->reason, sizeof m->reason, known) || m->reason[0] == '\0')
        return bad("'reason' is missing or too long");
    const json_t *text = json_object_get(j, "text");
    if (text == NULL)
        return NULL;
    ++*known;
    if (!json_is_string(text) || json_string_length(text) > MESSAGE_TEXT_MAX)
        return bad("'text' is not valid");
    m->text = g_strdup(json_string_value(text));
    return NULL;
}

/* What the type carries beside the address. */
static err_t *read_rest(const json_t *j, struct message *m, size_t *known)
{
    int carries = types[m->type].carries;
    if ((carries & NEEDS_POSITION) && m->position[0] == '\0')
        return bad("it names no position");
    if ((carries & MAY_ADDRESS) &&
        (!get_text(j, "addressee", true, m->addressee, sizeof m->addressee, known) ||
         (m->addressee[0] != '\0' && incarnation_number(m->addressee) == 0)))
        return bad("'addressee' is no incarnation");
    if ((carries & HAS_NONCE) &&
        (!get_text(j, "nonce", false, m->nonce, sizeof m->nonce, known) || m->nonce[0] == '\0'))
        return bad("'nonce' is missing or too long");
    if (carries & HAS_STANDING)
        TRY(read_standing(j, m, known));
    if ((carries & HAS_SCHEMA) && !get_number(j, "schema", &m->schema, known))
        return bad("'schema' is not valid");
    if ((carries & HAS_FLOOR) && !get_number(j, "floor", &m->floor, known))
        return bad("'floor' is not valid");
    if (carries & HAS_REASON)
        TRY(read_reason(j, m, known));
    const json_t *observations = json_object_get(j, "observations");
    if (observations == NULL || !(carries & MAY_OBSERVE))
        return NULL;
    ++*known;
    if (!json_is_object(observations))
        return bad("'observations' is not an object");
    m->observations = json_deep_copy(observations);
    return NULL;
}

static err_t *read_body(const json_t *carried, const json_t *j, struct message *m, size_t *known)
{
    const json_t *body = json_object_get(carried, "body");
    const char *hash = json_str(j, "body_hash");
    if ((body != NULL) != (hash != NULL))
        return bad("it names a body that it does not carry, or carries one that it does not name");
    if (body == NULL)
        return NULL;
    ++*known;
    if (!json_is_string(body))
        return bad("'body' is not a text");
    TRY(body_parse(json_string_value(body), json_string_length(body), &m->body));
    if (strcmp(body_hash(m->body), hash) != 0)
        return bad("its body is not the one that was signed");
    if (g_strcmp0(body_group(body_json(m->body)), m->group) != 0)
        return bad("its body is another group's");
    return NULL;
}

static err_t *read_history(const json_t *carried, const json_t *j, struct message *m, size_t *known)
{
    const json_t *history = json_object_get(carried, "history");
    const char *hash = json_str(j, "history_hash"), *parent = json_str(j, "parent");
    if ((history != NULL) != (hash != NULL) || (parent != NULL) != (hash != NULL))
        return bad(
            "it names a history that it does not carry, or carries one that it does not name");
    if (history == NULL)
        return NULL;
    *known += 2;
    g_autoptr(json_t) own = json_object();
    set_hash_of_history(own, history);
    if (strcmp(json_str(own, "history_hash"), hash) != 0)
        return bad("its history is not the one that was signed");
    TRY(history_from_json(history, &m->history));
    const struct position *row = message_row(m);
    if (row == NULL || strcmp(row->hash, m->position) != 0 || strcmp(row->parent, parent) != 0 ||
        row->epoch != m->epoch || row->version != m->version)
        return bad("its history does not end in the position that it names");
    return NULL;
}

/* Body and history are there as the type demands, and fit each other. */
static err_t *check_content(const struct message *m)
{
    int carries = types[m->type].carries;
    bool body = m->body != NULL, history = m->history != NULL;
    if (m->position[0] == '\0' && (body || m->epoch != 0 || m->version != 0))
        return bad("it carries content for the empty position"); /* (no history ends in it) */
    if (m->position[0] == '\0')
        return NULL;
    if (((carries & NEEDS_BODY) && !body) || ((carries & NEEDS_HISTORY) && !history))
        return bad("it lacks its body or its history");
    if (body && !(carries & (NEEDS_BODY | MAY_CONTENT)))
        return bad("its type carries no body");
    if (history && !(carries & (NEEDS_HISTORY | MAY_CONTENT)))
        return bad("its type carries no history");
    if ((carries & MAY_CONTENT) && body != history)
        return bad("it carries body or history alone");
    if (body && strcmp(message_row(m)->body_hash, body_hash(m->body)) != 0)
        return bad("its body is not that of its position");
    return NULL;
}

static err_t *read_message(const json_t *carried, const json_t *j, struct message *m)
{
    size_t known = 0;
    TRY(read_address(j, m, &known));
    TRY(read_rest(j, m, &known));
    TRY(read_body(carried, j, m, &known));
    TRY(read_history(carried, j, m, &known));
    if (json_object_size(j) != known)
        return bad("its envelope has fields that do not belong to its type");
    return check_content(m);
}

/* What they say is read only where a key is not known (store/exchange_keys.c). */
static bool certificates_fit(const json_t *keys)
{
    return keys == NULL || (json_is_array(keys) && json_array_size(keys) <= CERTIFICATES_MAX);
}

static err_t *check_carried(const json_t *carried)
{
    const json_t *keys = json_object_get(carried, "keys");
    size_t known = 2 + (size_t)(json_object_get(carried, "body") != NULL) +
                   (size_t)(json_object_get(carried, "history") != NULL) + (size_t)(keys != NULL);
    if (json_str(carried, "envelope") == NULL || json_str(carried, "signature") == NULL ||
        json_object_size(carried) != known)
        return bad("it is not {envelope, signature, body?, history?, keys?}");
    if (!certificates_fit(keys))
        return bad("'keys' is no list of certificates, or too long");
    if (strlen(json_str(carried, "envelope")) > MESSAGE_ENVELOPE_MAX ||
        strlen(json_str(carried, "signature")) > 128)
        return bad("its envelope or signature is too long");
    return NULL;
}

err_t *message_decode(const json_t *carried, message_verify_fn *verify, void *data,
                      struct message **ret)
{
    TRY(check_carried(carried));
    const char *text = json_str(carried, "envelope");
    g_autoptr(json_t) j = NULL;
    TRY(json_parse(text, strlen(text), "an envelope", &j));
    if (verify != NULL && !verify(data, json_str_or(j, "from", ""), json_str_or(j, "key_id", ""),
                                  text, strlen(text), json_str(carried, "signature")))
        return err(SYNC_SIGNATURE, "the signature of a message %.16s by site %.64s is not valid",
                   json_str_or(j, "type", "?"), json_str_or(j, "from", "?"));
    AUTO(message) m = message_create(MESSAGE_STATE);
    TRY(read_message(carried, j, m));
    *ret = TAKE(m);
    return NULL;
}

err_t *message_decode_text(const char *text, size_t size, message_verify_fn *verify, void *data,
                           struct message **ret)
{
    if (size > MESSAGE_SIZE_MAX)
        return err(TOO_LARGE, "a message has %zu bytes, at most %d are taken", size,
                   MESSAGE_SIZE_MAX);
    g_autoptr(json_t) carried = NULL;
    TRY(json_parse(text, size, "a message", &carried));
    return message_decode(carried, verify, data, ret);
}

err_t *message_check_address(const struct message *m, const char *self, const char *peer,
                             const char *group)
{
    if (strcmp(m->to, self) != 0)
        return err(SYNC_ADDRESSEE, "a message %s is for site %s, this is site %s",
                   types[m->type].text, m->to, self);
    if (strcmp(m->from, peer) != 0)
        return err(SYNC_ADDRESSEE, "a message %s is from site %s, the peer is site %s",
                   types[m->type].text, m->from, peer);
    if (group != NULL && strcmp(m->group, group) != 0)
        return err(SYNC_ADDRESSEE, "a message %s is about group %s, not %s", types[m->type].text,
                   m->group, group);
    return NULL;
}
