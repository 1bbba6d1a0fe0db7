/* SPDX-License-Identifier: Apache-2.0 */
/* Envelopes: every type there and back, and everything that must be refused. */
#include "base/certificate.h"
#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void assert_ok(err_t *e)
{
    if (e != NULL)
        fail_msg("%s", err_message(e));
}

static void assert_code(err_t *e, enum err_code code)
{
    assert_non_null(e);
    if (err_code(e) != code)
        fail_msg("%s: %s", err_code_text(e), err_message(e));
    err_free(e);
}

/* A full message of a type, as site A would send it about its position. */
static struct message *sample(struct pair *p, enum message_type type)
{
    struct sync_state *s = &p->s[A];
    struct message *m = message_create(type);
    g_strlcpy(m->from, pair_uuid[A], sizeof m->from);
    g_strlcpy(m->to, pair_uuid[B], sizeof m->to);
    g_strlcpy(m->incarnation, p->incarnation[A], sizeof m->incarnation);
    g_strlcpy(m->group, PAIR_GROUP, sizeof m->group);
    g_strlcpy(m->position, s->pos, sizeof m->position);
    g_strlcpy(m->nonce, "00112233445566778899aabbccddeeff", sizeof m->nonce);
    g_strlcpy(m->serving, s->pos, sizeof m->serving);
    g_strlcpy(m->frozen_for, s->pos, sizeof m->frozen_for);
    g_strlcpy(m->reason, "protector.group.name_taken", sizeof m->reason);
    m->version = sync_version(s);
    m->role = ROLE_FROZEN;
    m->split = true;
    m->schema = 7;
    m->floor = 9;
    m->text = g_strdup("taken");
    m->observations = json_pack("{s:s}", "secondary_cg_id", "cg-2");
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

static void there_and_back(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    for (enum message_type type = MESSAGE_PROPOSE; type < MESSAGE_TYPES; type++) {
        AUTO(message) m = sample(&p, type);
        g_autoptr(json_t) carried = carried_of(&p, m);
        g_autofree char *text = json_print(carried);
        AUTO(message) back = NULL;
        assert_ok(message_decode_text(text, strlen(text), pair_verify, &p, &back));
        assert_int_equal(back->type, type);
        assert_string_equal(back->from, m->from);
        assert_string_equal(back->position, m->position);
        assert_int_equal(back->version, m->version);
        assert_ok(message_check_address(back, pair_uuid[B], pair_uuid[A], PAIR_GROUP));
        /* a second encoding is byte for byte the same: a repeated request gets the same answer */
        g_autoptr(json_t) again = carried_of(&p, back);
        assert_true(json_equal(again, carried));
        assert_int_equal(message_type_of(message_type_text(type)), type);
    }
    pair_fini(&p);
}

static void fields_of_types(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    AUTO(message) m = sample(&p, MESSAGE_HERE);
    g_autoptr(json_t) carried = carried_of(&p, m);
    AUTO(message) back = NULL;
    assert_ok(message_decode(carried, pair_verify, &p, &back));
    assert_string_equal(back->nonce, m->nonce);
    assert_int_equal(back->role, ROLE_FROZEN);
    assert_true(back->split);
    assert_string_equal(back->serving, m->serving);
    assert_string_equal(back->frozen_for, m->frozen_for);
    assert_int_equal(back->schema, 7);
    assert_string_equal(json_str(back->observations, "secondary_cg_id"), "cg-2");
    assert_string_equal(body_text(back->body), body_text(m->body));
    assert_string_equal(message_row(back)->hash, m->position);
    AUTO(message) refuse = sample(&p, MESSAGE_REFUSE);
    g_autoptr(json_t) carried2 = carried_of(&p, refuse);
    AUTO(message) back2 = NULL;
    assert_ok(message_decode(carried2, pair_verify, &p, &back2));
    assert_string_equal(back2->reason, "protector.group.name_taken");
    assert_string_equal(back2->text, "taken");
    assert_int_equal(back2->floor, 0); /* not of this type */
    pair_fini(&p);
}

/* Replaces the envelope by an edited one and signs it again: only the structure is wrong. */
static json_t *resigned(struct pair *p, const json_t *carried, const char *key, json_t *value)
{
    g_autoptr(json_t) j = NULL;
    const char *text = json_str(carried, "envelope");
    assert_ok(json_parse(text, strlen(text), "envelope", &j));
    if (value != NULL)
        json_object_set_new(j, key, value);
    else
        json_object_del(j, key);
    json_t *copy = json_deep_copy(carried);
    g_autofree char *envelope = json_print_canonical(j);
    g_autofree char *signature = keypairs_sign(p->keys[A], envelope, strlen(envelope));
    json_set_str(copy, "envelope", envelope);
    json_set_str(copy, "signature", signature);
    return copy;
}

static void refused_structure(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    AUTO(message) m = sample(&p, MESSAGE_HERE);
    g_autoptr(json_t) carried = carried_of(&p, m);
    const struct {
        const char *key;
        json_t *value; /* NULL: removed */
    } bad[] = {
        {"protocol", json_string("protector/2")},
        {"protocol", NULL},
        {"type", json_string("SHOUT")},
        {"type", json_string("ABORTED")},
        {"type", json_integer(1)},
        {"from", json_string("me")},
        {"from", json_string(pair_uuid[B])},
        {"to", NULL},
        {"incarnation", json_string("x")},
        {"key_id", NULL},
        {"group", json_string("web")},
        {"group", json_string("pg-../x")},
        {"group", NULL},
        {"position", json_string("12")},
        {"position", json_string("")},
        {"position", NULL},
        {"epoch", json_integer(-1)},
        {"epoch", json_string("0")},
        {"version", json_integer(99)},
        {"nonce", NULL},
        {"nonce", json_string("")},
        {"role", json_string("KING")},
        {"role", NULL},
        {"split", json_integer(1)},
        {"serving", json_string("x")},
        {"frozen_for", json_integer(2)},
        {"schema", NULL},
        {"observations", json_string("x")},
        {"body_hash", NULL},
        {"body_hash", json_string("ab")},
        {"history_hash", NULL},
        {"parent", NULL},
        {"parent", json_string("x")},
        {"colour", json_string("red")},
        {"floor", json_integer(1)},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(json_t) wrong = resigned(&p, carried, bad[i].key, bad[i].value);
        struct message *back = NULL;
        err_t *e = message_decode(wrong, pair_verify, &p, &back);
        if (e == NULL)
            fail_msg("accepted: %s (%zu)", bad[i].key, i);
        assert_true(err_code(e) == ERR_SYNC_ENVELOPE || err_code(e) == ERR_SYNC_SIGNATURE);
        err_free(e);
    }
    pair_fini(&p);
}

static void refused_carriers(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    AUTO(message) m = sample(&p, MESSAGE_STATE);
    g_autoptr(json_t) carried = carried_of(&p, m);
    struct message *back = NULL;
    /* another body, another history, none, one too many */
    g_autoptr(json_t) other_body = json_deep_copy(carried);
    g_autofree char *pretty = json_print_pretty(body_json(m->body));
    json_set_str(other_body, "body", pretty);
    assert_code(message_decode(other_body, pair_verify, &p, &back), ERR_SYNC_ENVELOPE);
    g_autoptr(json_t) no_body = json_deep_copy(carried);
    json_object_del(no_body, "body");
    assert_code(message_decode(no_body, pair_verify, &p, &back), ERR_SYNC_ENVELOPE);
    g_autoptr(json_t) other_history = json_deep_copy(carried);
    json_array_clear(json_arr(json_obj(other_history, "history"), "rows"));
    assert_code(message_decode(other_history, pair_verify, &p, &back), ERR_SYNC_ENVELOPE);
    g_autoptr(json_t) extra = json_deep_copy(carried);
    json_set_str(extra, "colour", "red");
    assert_code(message_decode(extra, pair_verify, &p, &back), ERR_SYNC_ENVELOPE);
    /* certificates may stand beside it, so many and no more; what they say is no matter here */
    g_autoptr(json_t) keys = json_deep_copy(carried);
    json_set_str(keys, "keys", "none");
    assert_code(message_decode(keys, pair_verify, &p, &back), ERR_SYNC_ENVELOPE);
    json_set(keys, "keys", json_array());
    for (int i = 0; i < CERTIFICATES_MAX; i++)
        json_array_append_new(json_arr(keys, "keys"), json_null());
    assert_ok(message_decode(keys, pair_verify, &p, &back));
    g_clear_pointer(&back, message_destroy);
    json_array_append_new(json_arr(keys, "keys"), json_null());
    assert_code(message_decode(keys, pair_verify, &p, &back), ERR_SYNC_ENVELOPE);
    g_autoptr(json_t) no_signature = json_deep_copy(carried);
    json_object_del(no_signature, "signature");
    assert_code(message_decode(no_signature, pair_verify, &p, &back), ERR_SYNC_ENVELOPE);
    assert_code(message_decode_text("[1]", 3, pair_verify, &p, &back), ERR_SYNC_ENVELOPE);
    assert_code(message_decode_text("{", 1, pair_verify, &p, &back), ERR_PARSE);
    g_autofree char *huge = g_strnfill(MESSAGE_SIZE_MAX + 1, ' ');
    assert_code(message_decode_text(huge, MESSAGE_SIZE_MAX + 1, pair_verify, &p, &back),
                ERR_TOO_LARGE);
    pair_fini(&p);
}

/* A signature covers every byte; another site's key is none; the type cannot be changed. */
static void signatures(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    AUTO(message) m = sample(&p, MESSAGE_ACCEPT);
    g_autoptr(json_t) carried = carried_of(&p, m);
    struct message *back = NULL;
    g_autofree char *envelope = g_strdup(json_str(carried, "envelope"));
    for (size_t i = 0; envelope[i] != '\0'; i += 13) {
        g_autoptr(json_t) wrong = json_deep_copy(carried);
        char old = envelope[i];
        envelope[i] = old == 'a' ? 'b' : 'a';
        json_set_str(wrong, "envelope", envelope);
        envelope[i] = old;
        err_t *e = message_decode(wrong, pair_verify, &p, &back);
        assert_non_null(e);
        err_free(e);
    }
    g_autoptr(json_t) foreign = NULL;
    assert_ok(message_encode(m, p.key_id[A], pair_sign, p.keys[B], &foreign));
    assert_code(message_decode(foreign, pair_verify, &p, &back), ERR_SYNC_SIGNATURE);
    g_autoptr(json_t) other_key = NULL;
    assert_ok(message_encode(m, p.key_id[B], pair_sign, p.keys[B], &other_key));
    assert_code(message_decode(other_key, pair_verify, &p, &back), ERR_SYNC_SIGNATURE);
    /* a client that only wants the addressee needs no keys */
    assert_ok(message_decode(foreign, NULL, NULL, &back));
    assert_string_equal(back->to, pair_uuid[B]);
    message_destroy(back);
    pair_fini(&p);
}

static void addressees(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    AUTO(message) m = sample(&p, MESSAGE_ACCEPT);
    assert_code(message_check_address(m, pair_uuid[A], pair_uuid[B], NULL), ERR_SYNC_ADDRESSEE);
    assert_code(message_check_address(m, pair_uuid[B], pair_uuid[B], NULL), ERR_SYNC_ADDRESSEE);
    assert_code(message_check_address(m, pair_uuid[B], pair_uuid[A], "pg-2"), ERR_SYNC_ADDRESSEE);
    assert_ok(message_check_address(m, pair_uuid[B], pair_uuid[A], NULL));
    /* sync_receive looks as well, and nothing changes */
    struct sync_effects e;
    struct sync_context c = pair_context(&p, A);
    sync_effects_init(&e);
    assert_code(sync_receive(&p.s[A], m, &c, &e), ERR_SYNC_ADDRESSEE);
    assert_false(e.changed);
    sync_effects_fini(&e);
    pair_fini(&p);
}

/* The empty position carries nothing. */
static void empty_position(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p);
    AUTO(message) m = sample(&p, MESSAGE_CLOSED);
    m->version = 0;
    body_unref(m->body);
    m->body = NULL;
    g_ptr_array_unref(m->history);
    m->history = NULL;
    g_autoptr(json_t) carried = carried_of(&p, m);
    AUTO(message) back = NULL;
    assert_ok(message_decode(carried, pair_verify, &p, &back));
    assert_string_equal(back->position, POSITION_EMPTY);
    AUTO(message) accept = sample(&p, MESSAGE_ABORTED);
    g_autoptr(json_t) carried2 = carried_of(&p, accept);
    struct message *none = NULL;
    assert_code(message_decode(carried2, pair_verify, &p, &none), ERR_SYNC_ENVELOPE);
    pair_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),    cmocka_unit_test(fields_of_types),
        cmocka_unit_test(refused_structure), cmocka_unit_test(refused_carriers),
        cmocka_unit_test(signatures),        cmocka_unit_test(addressees),
        cmocka_unit_test(empty_position),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
