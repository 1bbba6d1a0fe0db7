/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync - {"state", "history", "body", "messages"}: the column of a group's state, and messages of
 * a peer who signs whatever he likes.  A state that cannot be used is refused; a message changes it
 * only to another that can be used, and then it can be stored and read again.
 */
#include "model/sync.h"
#include "tests/fuzz/fuzz.h"

#define MESSAGES_MAX 8

void fuzz_init(void)
{
    secrets_init();
}

static err_t *load(const json_t *in, struct sync_state *ret)
{
    AUTO(chain) chain = chain_create();
    AUTO(body) body = NULL;
    const json_t *history = json_object_get(in, "history");
    const char *text = json_str(in, "body");

    if (history != NULL) {
        g_autoptr(GPtrArray) rows = NULL;
        TRY(history_from_json(history, &rows));
        TRY(chain_merge(chain, rows));
    }
    if (text != NULL)
        TRY(body_parse(text, strlen(text), &body));
    return sync_state_from_json(json_object_get(in, "state"), TAKE(chain), TAKE(body), ret);
}

static void stored_again(const struct sync_state *s)
{
    g_autoptr(json_t) j = sync_state_to_json(s);
    struct sync_state back;

    err_t *e = sync_state_from_json(j, chain_copy(s->chain), body_ref(s->body), &back);
    FUZZ_MUST(e == NULL, "what is stored cannot be read: %s", err_message(e));
    g_autoptr(json_t) again = sync_state_to_json(&back);
    fuzz_same_json("the state", j, again);
    sync_state_fini(&back);
}

static const struct sync_context context = {
    .now_ms = 1764000000000,
    .incarnation = "1-00000000000000000000000000000001",
};

static void receive(struct sync_state *s, const struct message *m)
{
    struct sync_context c = context;
    struct sync_effects effects;
    g_autoptr(json_t) before = sync_state_to_json(s);

    c.random = fuzz_env.random;
    if (fuzz_refused(message_check_address(m, sync_self(s), sync_peer(s), s->group)))
        return;
    sync_effects_init(&effects);
    if (fuzz_refused(sync_receive(s, m, &c, &effects)))
        FUZZ_MUST(!effects.changed && effects.orders->len == 0,
                  "refused, and yet it did something");
    if (!effects.changed) {
        g_autoptr(json_t) after = sync_state_to_json(s);
        fuzz_same_json("a state that is not to be saved", before, after);
    }
    sync_effects_fini(&effects);
    stored_again(s);
}

void fuzz_one(const char *data, size_t size)
{
    g_autoptr(json_t) in = fuzz_object(data, size);
    struct sync_state s;
    const json_t *messages = json_arr(in, "messages");

    if (in == NULL || fuzz_refused(load(in, &s)))
        return;
    stored_again(&s);
    sync_status_text(sync_status(&s, false));
    for (size_t i = 0; i < json_array_size(messages) && i < MESSAGES_MAX; i++) {
        AUTO(message) m = NULL;
        if (!fuzz_refused(message_decode(json_array_get(messages, i), NULL, NULL, &m)))
            receive(&s, m);
    }
    g_autoptr(GPtrArray) outbox G_GNUC_UNUSED = sync_outbox(&s, &context);
    sync_state_fini(&s);
}
