/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a peer, or a damaged database, may not say: tables of what is put in the place of what was
 * good, and of the words with which that is refused.
 */
#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static void assert_ok(err_t *e)
{
    if (e != NULL)
        fail_msg("%s", err_message(e));
}

/* Refused with this code, and words that hold these. */
static void assert_refused(err_t *e, enum err_code code, const char *words, const char *what)
{
    if (e == NULL)
        fail_msg("taken: %s", what);
    g_autofree char *text = err_text(e);
    if (err_code(e) != code || strstr(text, words) == NULL)
        fail_msg("%s: %s '%s' does not say '%s'", what, err_code_text(e), text, words);
    err_free(e);
}

static json_t *json_of(const char *text)
{
    json_t *j = NULL;
    assert_ok(json_parse(text, strlen(text), "test", &j));
    return j;
}

/* Puts a value in the place of a key's; NULL: takes it away. */
static void put(json_t *j, const char *key, const char *value)
{
    if (value == NULL)
        json_object_del(j, key);
    else
        json_set(j, key, json_of(value));
}

/* ---- messages ---- */

static struct message *message_about(struct pair *p, enum message_type type)
{
    struct sync_state *s = &p->s[A];
    struct message *m = message_create(type);
    g_strlcpy(m->from, pair_uuid[A], sizeof m->from);
    g_strlcpy(m->to, pair_uuid[B], sizeof m->to);
    g_strlcpy(m->incarnation, p->incarnation[A], sizeof m->incarnation);
    g_strlcpy(m->group, PAIR_GROUP, sizeof m->group);
    g_strlcpy(m->position, s->pos, sizeof m->position);
    g_strlcpy(m->nonce, "00112233445566778899aabbccddeeff", sizeof m->nonce);
    g_strlcpy(m->reason, "protector.group.name_taken", sizeof m->reason);
    m->version = sync_version(s);
    m->role = ROLE_ACTIVE;
    bool history = type == MESSAGE_PROPOSE || type == MESSAGE_STATE || type == MESSAGE_HERE ||
                   type == MESSAGE_CLOSED || type == MESSAGE_AMNESIA;
    if (history && type != MESSAGE_AMNESIA)
        m->body = body_ref(s->body);
    if (history)
        m->history = chain_history(s->chain, s->pos);
    return m;
}

static json_t *carried_of(struct pair *p, const struct message *m)
{
    json_t *carried = NULL;
    assert_ok(message_encode(m, p->key_id[A], pair_sign, p->keys[A], &carried));
    return carried;
}

/* Signs an edited envelope: only its form is wrong. */
static void sign_again(struct pair *p, json_t *carried, const json_t *envelope)
{
    g_autofree char *text = json_print_canonical(envelope);
    g_autofree char *signature = keypairs_sign(p->keys[A], text, strlen(text));
    json_set_str(carried, "envelope", text);
    json_set_str(carried, "signature", signature);
}

static json_t *envelope_in(const json_t *carried)
{
    return json_of(json_str(carried, "envelope"));
}

/* Says of a history in an envelope what its hash is. */
static void name_history(json_t *envelope, const json_t *history)
{
    char hash[HASH_HEX_SIZE];
    g_autofree char *text = json_print_canonical(history);
    hash_hex(text, strlen(text), hash);
    json_set_str(envelope, "history_hash", hash);
}

static void envelopes(void **state)
{
    (void)state;
    g_autofree char *long_text = g_strnfill(MESSAGE_TEXT_MAX + 1, 'x');
    g_autofree char *too_long = g_strdup_printf("\"%s\"", long_text);
    const struct {
        enum message_type type;
        const char *key, *value, *words;
    } rows[] = {
        {MESSAGE_ABORTED, "to", "\"you\"", "uuids of two sites"},
        {MESSAGE_ABORTED, "from", "7", "uuids of two sites"},
        {MESSAGE_ABORTED, "to", "7", "uuids of two sites"},
        {MESSAGE_ABORTED, "incarnation", NULL, "'incarnation' is none"},
        {MESSAGE_ABORTED, "key_id", too_long, "'key_id'"},
        {MESSAGE_ABORTED, "group", "\"pg-\"", "no id of a protection group"},
        {MESSAGE_ABORTED, "group", "\"pg-A\"", "no id of a protection group"},
        {MESSAGE_ABORTED, "epoch", "4503599627370497", "'position', 'epoch' or 'version'"},
        {MESSAGE_ABORTED, "version", "-1", "'position', 'epoch' or 'version'"},
        {MESSAGE_HERE, "serving", "7", "'serving' or 'frozen_for'"},
        {MESSAGE_HERE, "frozen_for", "\"x\"", "'serving' or 'frozen_for'"},
        {MESSAGE_HERE, "split", NULL, "'role' or 'split'"},
        {MESSAGE_HERE, "schema", "-1", "'schema'"},
        {MESSAGE_HERE, "observations", "[]", "'observations'"},
        {MESSAGE_REFUSE, "reason", NULL, "'reason'"},
        {MESSAGE_REFUSE, "reason", "\"\"", "'reason'"},
        {MESSAGE_REFUSE, "text", "7", "'text'"},
        {MESSAGE_REFUSE, "text", too_long, "'text'"},
        {MESSAGE_PROPOSE, "addressee", "7", "'addressee'"},
        {MESSAGE_PROPOSE, "addressee", "\"somebody\"", "'addressee'"},
        {MESSAGE_CLOSED, "floor", NULL, "'floor'"},
        {MESSAGE_CLOSED, "floor", "-1", "'floor'"},
        {MESSAGE_HELLO, "nonce", too_long, "'nonce'"},
        {MESSAGE_HELLO, "observations", "{}", "do not belong to its type"},
        {MESSAGE_STATE, "epoch", "2", "does not end in the position"},
        {MESSAGE_STATE, "version", "2", "does not end in the position"},
        {MESSAGE_STATE, "parent", "\"" ZEROS "\"", "does not end in the position"},
        {MESSAGE_STATE, "position", "\"" ZEROS "\"", "does not end in the position"},
        {MESSAGE_STATE, "group", "\"pg-2\"", "another group's"},
        {MESSAGE_STATE, "body_hash", "\"" ZEROS "\"", "not the one that was signed"},
        {MESSAGE_STATE, "history_hash", "\"" ZEROS "\"", "not the one that was signed"},
        {MESSAGE_HELLO, "position", "\"\"", "content for the empty position"},
        {MESSAGE_ABORTED, "incarnation", "\"0-00112233445566778899aabbccddeeff\"", "'incarnation'"},
    };
    struct pair p;
    pair_start(&p);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        AUTO(message) m = message_about(&p, rows[i].type);
        g_autoptr(json_t) carried = carried_of(&p, m);
        g_autoptr(json_t) envelope = envelope_in(carried);
        struct message *back = NULL;
        put(envelope, rows[i].key, rows[i].value);
        sign_again(&p, carried, envelope);
        assert_refused(message_decode(carried, NULL, NULL, &back), ERR_SYNC_ENVELOPE, rows[i].words,
                       rows[i].key);
    }
    pair_fini(&p);
}

/* Content that is signed, and does not belong to the type or to the position. */
static void contents(void **state)
{
    (void)state;
    const struct {
        enum message_type from, to; /* the content of one, as the other */
        bool body, history;         /* which of it */
        const char *words;
    } rows[] = {
        {MESSAGE_PROPOSE, MESSAGE_PROPOSE, false, true, "lacks its body or its history"},
        {MESSAGE_PROPOSE, MESSAGE_PROPOSE, true, false, "lacks its body or its history"},
        {MESSAGE_PROPOSE, MESSAGE_ABORTED, true, false, "carries no body"},
        {MESSAGE_PROPOSE, MESSAGE_ABORTED, false, true, "carries no history"},
        {MESSAGE_STATE, MESSAGE_STATE, true, false, "body or history alone"},
        {MESSAGE_STATE, MESSAGE_STATE, false, true, "body or history alone"},
    };
    struct pair p;
    pair_start(&p);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        AUTO(message) m = message_about(&p, rows[i].from);
        struct message *back = NULL;
        if (!rows[i].body)
            g_clear_pointer(&m->body, body_unref);
        if (!rows[i].history)
            g_clear_pointer(&m->history, g_ptr_array_unref);
        m->type = rows[i].to;
        g_autoptr(json_t) carried = carried_of(&p, m);
        assert_refused(message_decode(carried, pair_verify, &p, &back), ERR_SYNC_ENVELOPE,
                       rows[i].words, message_type_text(rows[i].to));
    }
    pair_fini(&p);
}

static void contents_of_others(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    struct message *back = NULL;
    AUTO(message) m = message_about(&p, MESSAGE_STATE);
    /* a body that is valid, and not this position's */
    json_t *draft = body_draft(m->body);
    json_set_str(draft, "name", "another");
    AUTO(body) own = m->body;
    m->body = pair_seal(draft);
    g_autoptr(json_t) other = carried_of(&p, m);
    assert_refused(message_decode(other, pair_verify, &p, &back), ERR_SYNC_ENVELOPE,
                   "not that of its position", "body");
    /* no text, and a history without rows */
    g_autoptr(json_t) number = json_deep_copy(other);
    json_set_int(number, "body", 7);
    assert_refused(message_decode(number, pair_verify, &p, &back), ERR_SYNC_ENVELOPE, "not a text",
                   "body");
    AUTO(message) amnesia = message_about(&p, MESSAGE_AMNESIA);
    g_autoptr(json_t) empty = carried_of(&p, amnesia);
    g_autoptr(json_t) envelope = envelope_in(empty);
    json_array_clear(json_arr(json_obj(empty, "history"), "rows"));
    name_history(envelope, json_obj(empty, "history"));
    sign_again(&p, empty, envelope);
    assert_refused(message_decode(empty, pair_verify, &p, &back), ERR_SYNC_ENVELOPE,
                   "does not end in the position", "history");
    pair_fini(&p);
}

/* The empty position has neither an epoch nor a body. */
static void contents_of_nothing(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    struct message *back = NULL;
    AUTO(message) hello = message_about(&p, MESSAGE_HELLO);
    assert_null(message_row(hello));
    hello->position[0] = '\0';
    hello->version = 0;
    hello->epoch = 5;
    g_autoptr(json_t) epoch = carried_of(&p, hello);
    assert_refused(message_decode(epoch, pair_verify, &p, &back), ERR_SYNC_ENVELOPE,
                   "content for the empty position", "epoch");
    AUTO(message) said = message_about(&p, MESSAGE_STATE);
    said->position[0] = '\0';
    said->version = 0;
    g_clear_pointer(&said->history, g_ptr_array_unref);
    g_autoptr(json_t) body = carried_of(&p, said);
    assert_refused(message_decode(body, pair_verify, &p, &back), ERR_SYNC_ENVELOPE,
                   "content for the empty position", "body");
    AUTO(message) seen = message_about(&p, MESSAGE_HERE);
    seen->observations = json_pack("{s:s}", "a", "b");
    AUTO(message) copy = message_copy(seen);
    json_set_str(seen->observations, "a", "c"); /* the copy has its own */
    assert_string_equal(json_str(copy->observations, "a"), "b");
    pair_fini(&p);
}

static void messages_have_a_size(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    struct message *back = NULL;
    json_t *none = NULL;
    AUTO(message) m = message_about(&p, MESSAGE_ACCEPT);
    g_autoptr(json_t) carried = carried_of(&p, m);
    AUTO(message) copy = message_copy(m); /* one without observations */
    assert_null(copy->observations);
    g_autofree char *big = g_strnfill(MESSAGE_ENVELOPE_MAX, 'x');
    m->observations = json_pack("{s:s}", "note", big);
    assert_refused(message_encode(m, p.key_id[A], pair_sign, p.keys[A], &none), ERR_TOO_LARGE,
                   "an envelope ACCEPT has", "observations");
    g_autofree char *long_envelope = g_strdup_printf("%s    ", big);
    g_autoptr(json_t) long_one = json_deep_copy(carried);
    json_set_str(long_one, "envelope", long_envelope);
    assert_refused(message_decode(long_one, pair_verify, &p, &back), ERR_SYNC_ENVELOPE, "too long",
                   "envelope");
    g_autoptr(json_t) long_signature = json_deep_copy(carried);
    json_set_str(long_signature, "signature", big);
    assert_refused(message_decode(long_signature, pair_verify, &p, &back), ERR_SYNC_ENVELOPE,
                   "too long", "signature");
    pair_fini(&p);
}

/* A refusal says why in a code; words beside it may be missing. */
static void refusals_may_have_no_words(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    AUTO(message) m = message_about(&p, MESSAGE_REFUSE);
    g_autoptr(json_t) carried = carried_of(&p, m);
    AUTO(message) back = NULL;
    assert_ok(message_decode(carried, pair_verify, &p, &back));
    assert_null(back->text);
    assert_string_equal(back->reason, m->reason);
    pair_fini(&p);
}

/* ---- positions and histories ---- */

static void positions(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *words;
    } rows[] = {
        {"drop", "{}", "'drop'"},
        {"drop", "[]", "'drop'"},
        {"drop", "[7]", "'drop'"},
        {"drop", "[\"x\"]", "'drop'"},
        {"drop", "[\"" ZEROS "\",\"" ZEROS "\"]", "'drop'"},
        {"drop", "[\"" ZEROS "\"]", "only what opens an epoch"},
        {"forced", "false", "'forced'"},
        {"forced", "1", "'forced'"},
        {"forced", "true", "only a claim is forced"},
        {"hash", NULL, "'hash'"},
        {"minter", "\"me\"", "the minter is no uuid"},
        {"minter", "7", "'minter'"},
        {"claim_id", "\"" ZEROS "\"", "'claim_id'"},
        {"claim_id", "\"x\"", "32 hex digits"},
        {"body_hash", "\"x\"", "64 hex digits"},
        {"parent", "\"x\"", "64 hex digits"},
        {"parent2", "\"x\"", "64 hex digits"},
        {"parent2", "\"" ZEROS "\"", "only a resolve"},
        {"epoch", NULL, "fields"},
        {"epoch", "4503599627370497", "out of range"},
        {"epoch", "-5", "out of range"},
        {"version", "0", "out of range"},
        {"version", "4503599627370497", "out of range"},
        {"kind", "\"WISH\"", "its kind is not known"},
        {"kind", NULL, "fields"},
        {"kind", "\"CLAIM\"", "incarnation"},
        {"incarnation", "\"x\"", "incarnation"},
        {"rejoined", "\"1-00112233445566778899aabbccddeeff\"", "only a rejoin"},
        {"colour", "\"red\"", "fields that are not known"},
    };
    struct pair p;
    pair_start(&p);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(json_t) j = position_to_json(chain_find(p.s[A].chain, p.s[A].pos));
        struct position *back = NULL;
        put(j, rows[i].key, rows[i].value);
        assert_refused(position_from_json(j, &back), ERR_SYNC_POSITION, rows[i].words,
                       rows[i].value != NULL ? rows[i].value : rows[i].key);
    }
    g_autoptr(json_t) nul = position_to_json(chain_find(p.s[A].chain, p.s[A].pos));
    struct position *back = NULL;
    json_object_set_new(nul, "minter", json_stringn("a\0b", 3));
    assert_refused(position_from_json(nul, &back), ERR_SYNC_POSITION, "'minter'", "a zero byte");
    pair_fini(&p);
}

/* What opens an epoch, and what a REJOIN names. */
static void positions_that_open(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_ok(pair_force(&p, B));
    const struct position *claim = chain_find(p.s[B].chain, p.s[B].pos);
    struct position other = *claim;
    other.epoch = 0;
    position_seal(&other);
    assert_refused(position_check(&other), ERR_SYNC_POSITION, "without a number", "epoch 0");
    other = *claim;
    other.kind = POSITION_REJOIN;
    other.forced = false;
    g_strlcpy(other.rejoined, "nobody", sizeof other.rejoined);
    position_seal(&other);
    assert_refused(position_check(&other), ERR_SYNC_POSITION, "only a rejoin", "rejoined");
    other = *claim;
    other.drop_count = 1;
    g_strlcpy(other.drop[0], "x", HASH_HEX_SIZE);
    position_seal(&other);
    assert_refused(position_check(&other), ERR_SYNC_POSITION, "dropped proposals", "drop");
    other.drop_count = POSITION_DROP_MAX + 1;
    assert_refused(position_check(&other), ERR_SYNC_POSITION, "dropped proposals", "drops");
    pair_fini(&p);
}

static void histories(void **state)
{
    (void)state;
    enum { EPOCH, VERSION, KIND, MINTER, CLAIM, BODY, PARENT, MORE };
    static const struct {
        int column;
        const char *value;
    } rows[] = {
        {EPOCH, "\"0\""},
        {VERSION, "\"1\""},
        {MINTER, "\"0\""},
        {MINTER, "-1"},
        {MINTER, "5"},
        {KIND, "7"},
        {KIND, "\"\""},
        {KIND, "\"Z\""},
        {CLAIM, "7"},
        {BODY, "7"},
        {PARENT, "\"x\""},
        {PARENT, "-2"},
        {PARENT, "9"},
        {MORE, "{}"},
        {MORE, "7"},
        {MORE, "{\"x\":1}"},
        {MORE, "{\"i\":\"x\",\"x\":1}"},
        {MORE, "{\"p2\":9}"},
        {MORE, "{\"p2\":\"x\"}"},
        {MORE, "{\"i\":7}"},
        {MORE, "{\"r\":7}"},
        {MORE, "{\"f\":\"1\"}"},
        {MORE, "{\"f\":0}"},
        {MORE, "{\"d\":7}"},
        {MORE, "{\"d\":\"" ZEROS "00\"}"},
    };
    struct pair p;
    pair_start(&p);
    g_autoptr(GPtrArray) history = chain_history(p.s[A].chain, p.s[A].pos);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(json_t) j = history_to_json(history);
        json_t *row = json_array_get(json_arr(j, "rows"), 0);
        GPtrArray *back = NULL;
        if (rows[i].column == MORE)
            json_array_append_new(row, json_of(rows[i].value));
        else
            json_array_set_new(row, (size_t)rows[i].column, json_of(rows[i].value));
        assert_refused(history_from_json(j, &back), ERR_SYNC_POSITION, "row 0 of a history",
                       rows[i].value);
    }
    g_autoptr(json_t) many = history_to_json(history);
    for (int i = 0; i < CHAIN_ROWS_MAX; i++)
        json_array_append(json_arr(many, "rows"), json_array_get(json_arr(many, "rows"), 0));
    GPtrArray *back = NULL;
    assert_refused(history_from_json(many, &back), ERR_SYNC_POSITION, "at most", "too many rows");
    pair_fini(&p);
}

/* ---- bodies ---- */

#define SITE_A "0a000000-0000-4000-8000-000000000000"
#define POLICY(x)                                                                                  \
    "{\"policy\":{\"id\":\"p\",\"primary_fa_url\":\"https://a\",\"secondary_fa_url\":\"https://"   \
    "b\","                                                                                         \
    "\"pure_pg_name\":\"n\",\"replication_interval\":300,\"rpo_minutes\":15,\"tokens\":" x "}}"
#define MEMBER(id, instance, more)                                                                 \
    "{\"id\":\"" id "\",\"instance_id\":\"" instance "\",\"instance_name\":\"n\","                 \
    "\"status\":\"protected\",\"config\":{},\"volumes\":[]" more "}"

static void bodies(void **state)
{
    (void)state;
    /* clang-format off */
    static const struct {
        const char *change, *words;
    } rows[] = {
        {"{\"name\":\"a\x7f\"}", "control characters"},
        {"{\"schema\":7.5}", "not a whole number"},
        {"{\"schema\":1000001}", "out of range"},
        {"{\"deleting\":1}", "neither true nor false"},
        {"{\"claim\":[]}", "is not an object"},
        {"{\"members\":7}", "is not a list"},
        {"{\"mappings\":[]}", "is not an object"},
        {"{\"mappings\":{\"a\":{},\"b\":{},\"c\":{}}}", "too many fields"},
        {"{\"mappings\":{\"nowhere\":{}}}", "not a site of the pair"},
        {"{\"mappings\":{\"" SITE_A "\":7}}", "not a site of the pair"},
        {"{\"mappings\":{\"" SITE_A "\":{\"network\":7}}}", "is not an object"},
        {"{\"mappings\":{\"" SITE_A "\":{\"network\":{\"a\":\"\"}}}}", "a row of network"},
        {"{\"mappings\":{\"" SITE_A "\":{\"network\":{\"a\":\"x\\ny\"}}}}", "a row of network"},
        {POLICY("{\"t\":7}"), "token 't' is not an object"},
        {POLICY("{\"t\":{\"" SITE_A "\":7}}"), "no valid box"},
        {POLICY("{\"t\":{\"" SITE_A "\":\"\"}}"), "no valid box"},
        {POLICY("{\"t\":{\"nowhere\":\"x\"}}"), "no valid box"},
        {"{\"members\":[" MEMBER("a", "i", "") "," MEMBER("a", "j", "") "]}", "is listed twice"},
        {"{\"members\":[" MEMBER("a", "i", "") "," MEMBER("b", "i", "") "]}", "is listed twice"},
        {"{\"members\":[{\"id\":\"a\",\"instance_id\":\"i\",\"instance_name\":\"n\",\"status\":\"happy\",\"config\":{},\"volumes\":[]}]}", "not known"},
    };
    /* clang-format on */
    struct pair p;
    pair_start(&p);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(json_t) j = body_draft(p.s[A].body);
        g_autoptr(json_t) change = json_of(rows[i].change);
        json_object_update(j, change);
        assert_refused(body_check(j), ERR_BODY_INVALID, rows[i].words, rows[i].change);
    }
    g_autoptr(json_t) local = body_draft(p.s[A].body);
    json_set(json_obj(json_obj(local, "sites"), SITE_A), "local", json_of("{\"servers\":7}"));
    assert_refused(body_check(local), ERR_BODY_INVALID, "section 'servers'", "local");
    pair_fini(&p);
}

static void bodies_are_limited(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    g_autoptr(json_t) boxes = body_draft(p.s[A].body);
    g_autofree char *box = g_strnfill(BODY_BOX_MAX + 1, 'x');
    g_autoptr(json_t) with_policy = json_of(POLICY("{\"t\":{}}"));
    json_object_update(boxes, with_policy);
    json_t *token = json_obj(json_obj(json_obj(boxes, "policy"), "tokens"), "t");
    json_set_str(token, SITE_A, box);
    assert_refused(body_check(boxes), ERR_BODY_INVALID, "no valid box", "a long box");
    g_autoptr(json_t) rows = body_draft(p.s[A].body);
    json_t *network = json_object();
    for (int i = 0; i <= BODY_MAPPINGS_MAX; i++) {
        g_autofree char *name = g_strdup_printf("net-%d", i);
        json_set_str(network, name, "x");
    }
    g_autoptr(json_t) kinds = json_pack("{s:{s:o}}", SITE_A, "network", network);
    json_object_set(rows, "mappings", kinds);
    assert_refused(body_check(rows), ERR_BODY_INVALID, "at most", "many mappings");
    g_autoptr(json_t) names = body_draft(p.s[A].body);
    g_autofree char *long_name = g_strnfill(BODY_NAME_MAX + 1, 'x');
    g_autoptr(json_t) one = json_pack("{s:{s:{s:s}}}", SITE_A, "network", "net-a", long_name);
    json_object_set(names, "mappings", one);
    assert_refused(body_check(names), ERR_BODY_INVALID, "too long", "a long name");
    long_name[BODY_NAME_MAX] = '\0';
    json_set(json_obj(json_obj(one, SITE_A), "network"), "net-a", json_string(long_name));
    assert_ok(body_check(names));
    /* what is printed must fit a message */
    json_t *big = body_draft(p.s[A].body);
    g_autofree char *text = g_strnfill(BODY_SIZE_MAX, 'x');
    json_set_str(big, "of_a_newer_version", text);
    struct body *none = NULL;
    assert_refused(body_seal(big, &none), ERR_TOO_LARGE, "", "a big body");
    pair_fini(&p);
}

/* ---- states ---- */

static void states(void **state)
{
    (void)state;
    /* clang-format off */
    static const struct {
        int site;
        const char *change, *words;
    } rows[] = {
        {A, "{\"role\":\"NONE\"}", "NONE with a position"},
        {A, "{\"role\":\"FROZEN\"}", "do not go together"},
        {B, "{\"role\":\"FROZEN\"}", "FROZEN in an epoch that is not its own"},
        {B, "{\"role\":\"ACTIVE\"}", "ACTIVE in an epoch that is not its own"},
        {A, "{\"role\":\"FROZEN\",\"frozen_for\":\"" ZEROS "\"}", "neither staged nor held"},
        {A, "{\"frozen_for\":\"" ZEROS "\"}", "do not go together"},
        {A, "{\"role\":\"RECOVERING\",\"split\":true}", "SPLIT over a role"},
        {A, "{\"closed\":true}", "closed without SPLIT"},
        {B, "{\"superseded\":true}", "superseded without ACTIVE"},
        {A, "{\"unprotected\":true}", "unprotected without TOMBSTONE"},
        {A, "{\"leaving\":true}", "deleted that is none"},
        {A, "{\"leaving\":true,\"role\":\"RECOVERING\"}", "deleted that is none"},
        {A, "{\"resolving\":{\"nonce\":\"x\"}}", "resolving without SPLIT"},
        {A, "{\"resolving\":{\"nonce\":\"" ZEROS ZEROS "\"}}", "'resolving'"},
        {A, "{\"floor\":9}", "a floor above"},
        {A, "{\"serving\":\"" ZEROS "\"}", "does not stand in"},
        {B, "{\"serving\":\"" ZEROS "\"}", "does not stand in"},
        {B, "{\"staged\":{\"operation\":\"op\"}}", "reserved slot without ACTIVE"},
        {A, "{\"staged\":{\"operation\":\"" ZEROS ZEROS "\"}}", "'staged'"},
        {A, "{\"staged\":{\"addressee\":\"" ZEROS ZEROS "\"}}", "'staged'"},
        {A, "{\"refused\":[{\"reason\":\"" ZEROS ZEROS ZEROS ZEROS "\"}]}", "'refused'"},
        {A, "{\"proofs\":[{\"role\":\"NONE\",\"nonce\":\"" ZEROS ZEROS "\"}]}", "'proofs'"},
        {A, "{\"proofs\":[{\"role\":\"NONE\",\"position\":\"" ZEROS ZEROS "\"}]}", "'proofs'"},
        {A, "{\"proofs\":[{\"role\":\"NONE\",\"incarnation\":\"" ZEROS ZEROS "\"}]}", "'proofs'"},
        {A, "{\"peer\":\"you\"}", "'self'"},
    };
    /* clang-format on */
    struct pair p;
    pair_start(&p);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const struct sync_state *s = &p.s[rows[i].site];
        g_autoptr(json_t) j = sync_state_to_json(s);
        g_autoptr(json_t) change = json_of(rows[i].change);
        struct sync_state back;
        json_object_update(j, change);
        err_t *e = sync_state_from_json(j, chain_copy(s->chain), body_ref(s->body), &back);
        assert_refused(e, ERR_PARSE, rows[i].words, rows[i].change);
    }
    pair_fini(&p);
}

/* The same with a proposal in the slot. */
static void states_with_a_proposal(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_ok(pair_change(&p, A, "op-1", "x"));
    static const struct {
        const char *change, *words;
    } rows[] = {
        {"{\"role\":\"RECOVERING\"}", "RECOVERING proposes a change"},
        {"{\"role\":\"TOMBSTONE\"}", "may not propose"},
        {"{\"pos\":\"" ZEROS "\"}", "staged on another position"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const struct sync_state *s = &p.s[A];
        g_autoptr(json_t) j = sync_state_to_json(s);
        g_autoptr(json_t) change = json_of(rows[i].change);
        struct sync_state back;
        json_object_update(j, change);
        err_t *e = sync_state_from_json(j, chain_copy(s->chain), body_ref(s->body), &back);
        assert_refused(e, ERR_PARSE, rows[i].words, rows[i].change);
    }
    g_autoptr(json_t) j = sync_state_to_json(&p.s[A]);
    struct sync_state back;
    json_object_del(json_obj(j, "staged"), "body");
    err_t *e = sync_state_from_json(j, chain_copy(p.s[A].chain), body_ref(p.s[A].body), &back);
    assert_refused(e, ERR_PARSE, "'body'", "a proposal without its bytes");
    pair_fini(&p);
}

/* Somebody resolves, and it is not written down who: it is stored and read all the same. */
static void a_resolve_of_nobody(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    struct sync_state back, *s = &p.s[A];
    g_autoptr(json_t) j = sync_state_to_json(s);
    g_autoptr(json_t) more = json_of("{\"split\":true,\"resolving\":{\"nonce\":\"x\"}}");
    json_object_update(j, more);
    assert_ok(sync_state_from_json(j, chain_copy(s->chain), body_ref(s->body), &back));
    g_autoptr(json_t) again = sync_state_to_json(&back);
    assert_true(json_equal(again, j));
    sync_state_fini(&back);
    pair_fini(&p);
}

/* What no row of a database can say, a bug could. */
static void a_proposal_without_its_bytes(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    struct sync_staged *staged = &p.s[A].staged;
    staged->kind = STAGED_PROPOSAL;
    assert_refused(sync_check(&p.s[A]), ERR_INTERNAL, "without its bytes", "no position");
    staged->position = position_ref(chain_find(p.s[A].chain, p.s[A].pos));
    assert_refused(sync_check(&p.s[A]), ERR_INTERNAL, "without its bytes", "no body");
    staged->kind = STAGED_NONE;
    assert_refused(sync_check(&p.s[A]), ERR_INTERNAL, "without its bytes", "no proposal");
    g_clear_pointer(&staged->position, position_unref);
    assert_ok(sync_check(&p.s[A]));
    pair_fini(&p);
}

static void states_have_limits(void **state)
{
    (void)state;
    static const struct {
        const char *key, *row;
        int count;
    } rows[] = {
        {"refused", "{\"hash\":\"" ZEROS "\",\"reason\":\"x\"}", SYNC_REFUSED_MAX},
        {"proofs", "{\"role\":\"NONE\",\"nonce\":\"x\"}", SYNC_PROOFS_MAX},
    };
    struct pair p;
    pair_start(&p);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(json_t) j = sync_state_to_json(&p.s[A]);
        g_autoptr(json_t) row = json_of(rows[i].row);
        json_t *list = json_array();
        for (int k = 0; k < rows[i].count; k++)
            json_array_append(list, row);
        json_set(j, rows[i].key, list);
        struct sync_state back;
        assert_ok(sync_state_from_json(j, chain_copy(p.s[A].chain), body_ref(p.s[A].body), &back));
        sync_state_fini(&back);
        json_array_append(list, row);
        err_t *e = sync_state_from_json(j, chain_copy(p.s[A].chain), body_ref(p.s[A].body), &back);
        assert_refused(e, ERR_PARSE, rows[i].key, "one too many");
    }
    pair_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(envelopes),
        cmocka_unit_test(contents),
        cmocka_unit_test(contents_of_others),
        cmocka_unit_test(contents_of_nothing),
        cmocka_unit_test(messages_have_a_size),
        cmocka_unit_test(refusals_may_have_no_words),
        cmocka_unit_test(positions),
        cmocka_unit_test(positions_that_open),
        cmocka_unit_test(histories),
        cmocka_unit_test(bodies),
        cmocka_unit_test(bodies_are_limited),
        cmocka_unit_test(states),
        cmocka_unit_test(states_with_a_proposal),
        cmocka_unit_test(a_resolve_of_nobody),
        cmocka_unit_test(a_proposal_without_its_bytes),
        cmocka_unit_test(states_have_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
