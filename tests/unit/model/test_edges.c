/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guards of the protocol one by one, where no story comes by: each test brings a site to the
 * edge of one guard and shows what it does on the other side.
 */
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

/* The body as it stands, with one more thing in it. */
static struct body *body_with(const struct pair *p, int site, const char *key, json_t *value)
{
    json_t *draft = sync_draft(&p->s[site]);
    json_set(draft, key, value);
    return pair_seal(draft);
}

static struct body *body_for_handover(const struct pair *p, const char *operation,
                                      const char *target)
{
    json_t *draft = sync_draft(&p->s[A]);
    body_transition_set(draft, operation, target);
    return pair_seal(draft);
}

static struct body *body_deleted(const struct pair *p, int site)
{
    json_t *draft = sync_draft(&p->s[site]);
    assert_ok(body_delete(draft));
    return pair_seal(draft);
}

/* The number of the last message of a type that was ever sent. */
static guint last_sent(const struct pair *p, enum message_type type)
{
    for (guint i = p->sent->len; i > 0; i--) {
        AUTO(message) m = NULL;
        const char *text = g_ptr_array_index(p->sent, i - 1);
        assert_ok(message_decode_text(text, strlen(text), NULL, NULL, &m));
        if (m->type == type)
            return i - 1;
    }
    fail_msg("no %s was sent", message_type_text(type));
    return 0;
}

/* ---- creates ---- */

static void a_create_that_comes_blocks_another(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p);
    p.unrealized[B] = true;
    assert_ok(pair_create(&p, "op-1"));
    assert_true(pair_carry(&p));
    assert_non_null(p.s[B].incoming.position);
    assert_code(PAIR(&p, B, sync_create), ERR_CONFLICT);
    pair_fini(&p);
}

/* A restore of a site that only has a create coming: what was begun for it is parked. */
static void a_restore_before_the_group_is_there(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p);
    assert_ok(PAIR(&p, B, sync_restored));
    assert_false(pair_asked(&p, B, "park"));
    p.unrealized[B] = true;
    assert_ok(pair_create(&p, "op-1"));
    assert_true(pair_carry(&p));
    pair_incarnate(&p, B);
    assert_ok(PAIR(&p, B, sync_restored));
    assert_true(pair_asked(&p, B, "park local"));
    assert_null(p.s[B].incoming.position);
    assert_int_equal(p.s[B].role, ROLE_NONE);
    pair_fini(&p);
}

static void a_restore_of_a_group_that_is_gone(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_ok(PAIR(&p, A, sync_unprotect, "ann", "the peer burned"));
    assert_int_equal(p.s[A].role, ROLE_TOMBSTONE);
    pair_forget(&p);
    pair_incarnate(&p, A);
    assert_ok(PAIR(&p, A, sync_restored));
    assert_int_equal(p.s[A].role, ROLE_TOMBSTONE);
    assert_int_equal(p.log[A]->len, 0);
    assert_ok(PAIR(&p, A, sync_tombstone)); /* nobody has deleted it here */
    assert_true(p.s[A].unprotected);
    pair_fini(&p);
}

/* ---- what stands behind a change ---- */

static void what_a_change_must_name(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p);
    g_autofree char *first = pair_prove(&p, A);
    assert_ok(PAIR(&p, A, sync_create));
    assert_code(PAIR(&p, A, sync_reserve, "op-1", "00", first), ERR_IF_MATCH);
    pair_fini(&p);
    pair_start(&p);
    struct sync_state *a = &p.s[A];
    assert_code(PAIR(&p, A, sync_reserve, "op-1", a->pos, ""), ERR_PEER_PROOF);
    assert_code(PAIR(&p, A, sync_reserve, "op-1", a->pos, "00"), ERR_PEER_PROOF);
    /* an answer about a position that is none any more */
    g_autofree char *old = pair_prove(&p, A);
    assert_ok(pair_change(&p, A, "op-1", "x"));
    assert_true(pair_carry(&p));
    assert_code(PAIR(&p, A, sync_reserve, "op-2", a->pos, old), ERR_PEER_PROOF);
    pair_fini(&p);
}

static void a_slot_is_its_operations(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_ok(pair_reserve(&p, A, "op-1"));
    struct sync_effects e;
    sync_effects_init(&e);
    assert_ok(sync_release(&p.s[A], "op-2", &e));
    assert_false(e.changed);
    sync_effects_fini(&e);
    assert_int_equal(p.s[A].staged.kind, STAGED_RESERVED);
    AUTO(body) body = body_with(&p, A, "description", json_string("x"));
    assert_code(PAIR(&p, A, sync_stage, "op-2", body), ERR_SYNC_CANCELLED);
    AUTO(body) other = body_with(&p, A, "id", json_string("pg-2"));
    assert_code(PAIR(&p, A, sync_stage, "op-1", other), ERR_BODY_INVALID);
    assert_int_equal(p.s[A].staged.kind, STAGED_RESERVED);
    pair_fini(&p);
}

static void what_a_handover_must_name(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p);
    g_autofree char *first = pair_prove(&p, A);
    assert_ok(PAIR(&p, A, sync_create));
    AUTO(body) nothing = pair_body_create();
    assert_code(PAIR(&p, A, sync_handover, "op-h", NULL, first, nothing), ERR_GROUP_CREATING);
    pair_fini(&p);
    pair_start(&p);
    g_autofree char *nonce = pair_prove(&p, A);
    AUTO(body) good = body_for_handover(&p, "op-h", pair_uuid[B]);
    AUTO(body) other = body_for_handover(&p, "op-x", pair_uuid[B]);
    AUTO(body) here = body_for_handover(&p, "op-h", pair_uuid[A]);
    const char *pos = p.s[A].pos;
    p.any[A] = true;
    assert_code(PAIR(&p, A, sync_handover, "op-h", pos, nonce, good), ERR_OPERATION_IN_PROGRESS);
    p.any[A] = false;
    assert_code(PAIR(&p, A, sync_handover, "op-h", pos, nonce, other), ERR_BODY_INVALID);
    assert_code(PAIR(&p, A, sync_handover, "op-h", pos, nonce, here), ERR_BODY_INVALID);
    assert_int_equal(p.s[A].role, ROLE_ACTIVE);
    assert_ok(PAIR(&p, A, sync_handover, "op-h", pos, nonce, good));
    assert_int_equal(p.s[A].role, ROLE_FROZEN);
    pair_fini(&p);
}

/* Before the group is there, and when it is to go, a fact stays local. */
static void facts_that_stay_local(void **state)
{
    (void)state;
    struct pair p;
    bool committed = true;
    pair_init(&p);
    assert_ok(PAIR(&p, A, sync_create));
    AUTO(body) body = pair_body_create();
    assert_ok(PAIR(&p, A, sync_fact, body, &committed));
    assert_false(committed);
    pair_fini(&p);
    pair_start(&p);
    AUTO(body) deleted = body_deleted(&p, A);
    assert_ok(pair_reserve(&p, A, "op-d"));
    assert_ok(PAIR(&p, A, sync_stage, "op-d", deleted));
    assert_true(pair_carry(&p));
    assert_int_equal(p.s[A].staged.kind, STAGED_NONE);
    assert_false(pair_fact(&p, A, "m"));
    pair_fini(&p);
}

/* A history can be full: of changes first, and at last of everything. */
static void a_history_is_full(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    struct position row = *chain_find(p.s[A].chain, p.s[A].pos);
    for (unsigned i = 0; chain_count(p.s[A].chain) < CHAIN_ROWS_CHANGE; i++) {
        g_snprintf(row.claim_id, sizeof row.claim_id, "%032x", i);
        position_seal(&row);
        AUTO(position) p_row = position_new(&row);
        assert_ok(chain_add(p.s[A].chain, p_row));
    }
    assert_false(pair_fact(&p, A, "m"));
    assert_code(pair_change(&p, A, "op-1", "x"), ERR_SYNC_HISTORY_FULL);
    AUTO(body) deleted = body_deleted(&p, A);
    assert_ok(PAIR(&p, A, sync_stage, "op-1", deleted)); /* a delete goes on */
    for (unsigned i = CHAIN_ROWS_CHANGE; chain_count(p.s[A].chain) < CHAIN_ROWS_MAX; i++) {
        g_snprintf(row.claim_id, sizeof row.claim_id, "%032x", i);
        position_seal(&row);
        AUTO(position) p_row = position_new(&row);
        assert_ok(chain_add(p.s[A].chain, p_row));
    }
    g_snprintf(row.claim_id, sizeof row.claim_id, "%032x", CHAIN_ROWS_MAX + 1);
    position_seal(&row);
    AUTO(position) more = position_new(&row);
    assert_code(chain_add(p.s[A].chain, more), ERR_SYNC_HISTORY_FULL);
    pair_fini(&p);
}

/* ---- answers ---- */

/* What a site refused is forgotten with the group. */
static void a_tombstone_keeps_no_refusals(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    p.refusal[B] = "protector.group.name_taken";
    assert_ok(pair_change(&p, A, "op-1", "x"));
    assert_true(pair_carry(&p));
    assert_int_equal(p.s[B].refused_count, 1);
    p.refusal[B] = NULL;
    AUTO(body) deleted = body_deleted(&p, A);
    assert_ok(pair_reserve(&p, A, "op-d"));
    assert_ok(PAIR(&p, A, sync_stage, "op-d", deleted));
    assert_true(pair_carry(&p));
    assert_ok(PAIR(&p, B, sync_tombstone));
    assert_int_equal(p.s[B].refused_count, 0);
    pair_fini(&p);
}

/* A refusal always has a reason, also where whoever judged gave none. */
static void a_refusal_has_a_reason(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    p.refusal[B] = "";
    assert_ok(pair_change(&p, A, "op-1", "x"));
    assert_true(pair_carry(&p));
    assert_int_equal(p.s[B].refused_count, 1);
    assert_string_equal(p.s[B].refused[0].reason, "protector.group.state");
    assert_int_equal(p.s[A].staged.kind, STAGED_NONE);
    pair_fini(&p);
}

static void fill_refusals(struct pair *p, int site)
{
    struct sync_state *s = &p->s[site];
    s->refused = g_renew(struct sync_refused, s->refused, SYNC_REFUSED_MAX);
    while (s->refused_count < SYNC_REFUSED_MAX) {
        s->refused[s->refused_count] = (struct sync_refused){.reason = "protector.conflict"};
        memset(s->refused[s->refused_count].hash, 'a', HASH_HEX_SIZE - 1);
        s->refused_count++;
    }
}

/* When no more refusals can be kept, a proposal gets no answer, and none is given up. */
static void refusals_have_a_limit(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    fill_refusals(&p, B);
    p.unrealized[B] = true;
    assert_ok(pair_change(&p, A, "op-1", "x"));
    g_autofree char *hash = g_strdup(p.s[A].staged.position->hash);
    guint propose = last_sent(&p, MESSAGE_PROPOSE);
    assert_int_equal(pair_deliver(&p, B, propose), -1);
    p.blocks[B] = true;
    assert_code(PAIR(&p, B, sync_realized, hash), ERR_TOO_LARGE);
    assert_non_null(p.s[B].incoming.position);
    int reply = pair_deliver(&p, B, propose);
    assert_true(reply >= 0); /* STATE alone: it is not decided */
    assert_int_equal(last_sent(&p, MESSAGE_STATE), reply);
    assert_int_equal(p.s[B].refused_count, SYNC_REFUSED_MAX);
    p.blocks[B] = false;
    assert_ok(PAIR(&p, B, sync_realized, hash));
    assert_string_equal(p.s[B].pos, hash);
    pair_fini(&p);
}

/* What was made for a proposal is taken back if, when it is made, the guard does not hold. */
static void realized_and_not_wanted(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    p.unrealized[B] = true;
    assert_ok(pair_change(&p, A, "op-1", "x"));
    g_autofree char *hash = g_strdup(p.s[A].staged.position->hash);
    assert_true(pair_carry(&p));
    pair_forget(&p);
    p.blocks[B] = true;
    assert_ok(PAIR(&p, B, sync_realized, "another"));
    assert_non_null(p.s[B].incoming.position);
    struct sync_refusal none = {.code = "x"};
    assert_ok(PAIR(&p, B, sync_realize_failed, "another", &none));
    assert_non_null(p.s[B].incoming.position);
    assert_ok(PAIR(&p, B, sync_realized, hash));
    assert_true(pair_asked(&p, B, "cancel realize"));
    assert_null(p.s[B].incoming.position);
    assert_true(pair_carry(&p));
    assert_int_equal(p.s[A].staged.kind, STAGED_NONE); /* refused */
    pair_fini(&p);
}

/* A proposal of a group that is gone at its own site, and was still on its way. */
static void a_proposal_after_the_end(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_ok(pair_change(&p, A, "op-1", "x"));
    guint propose = last_sent(&p, MESSAGE_PROPOSE);
    assert_ok(PAIR(&p, A, sync_unprotect, "ann", "the peer burned"));
    assert_true(pair_carry(&p));
    assert_true(p.s[B].peer_gone);
    pair_deliver(&p, B, propose);
    assert_int_equal(p.s[B].refused_count, 1);
    assert_string_equal(p.s[B].refused[0].reason, "protector.group.deleting");
    pair_fini(&p);
}

/*
 * A database that was put back and did not notice: it proposes from a position that the peer has
 * left, which is refused; the peer's position tells it what it has forgotten.
 */
static void a_restore_that_nobody_noticed(void **state)
{
    (void)state;
    struct pair p;
    struct sync_state backup;
    pair_start(&p);
    sync_state_copy(&p.s[A], &backup);
    assert_ok(pair_change(&p, A, "op-1", "x"));
    assert_true(pair_carry(&p));
    sync_state_fini(&p.s[A]);
    sync_state_copy(&backup, &p.s[A]);
    sync_state_fini(&backup);
    safety_watch_restored(p.watch, A);
    AUTO(body) body = body_with(&p, A, "description", json_string("y"));
    p.s[A].staged = (struct sync_staged){.kind = STAGED_RESERVED, .operation = "op-2"};
    assert_ok(PAIR(&p, A, sync_stage, "op-2", body));
    guint propose = last_sent(&p, MESSAGE_PROPOSE);
    pair_deliver(&p, B, propose);
    assert_int_equal(p.s[B].refused_count, 1);
    assert_string_equal(p.s[B].refused[0].reason, "protector.sync.if_match");
    /* the REFUSE frees the slot; B's STATE is of A's own epoch, and more than A knows */
    assert_true(pair_carry(&p));
    g_autofree char *before = g_strdup(p.incarnation[A]);
    g_free(pair_prove(&p, B));
    g_free(pair_prove(&p, A));
    assert_int_equal(p.s[A].role, ROLE_RECOVERING);
    assert_string_not_equal(p.incarnation[A], before);
    assert_true(pair_asked(&p, A, "alarm RESTORED"));
    pair_fini(&p);
}

/* The same while the peer runs a handover: it has no time for changes. */
static void a_proposal_during_a_handover(void **state)
{
    (void)state;
    struct pair p;
    struct sync_state backup;
    pair_start(&p);
    sync_state_copy(&p.s[A], &backup);
    assert_ok(pair_handover(&p, A, "op-h"));
    assert_true(pair_carry(&p));
    sync_state_fini(&p.s[A]);
    sync_state_copy(&backup, &p.s[A]);
    sync_state_fini(&backup);
    safety_watch_restored(p.watch, A);
    AUTO(body) body = body_with(&p, A, "description", json_string("y"));
    p.s[A].staged = (struct sync_staged){.kind = STAGED_RESERVED, .operation = "op-2"};
    assert_ok(PAIR(&p, A, sync_stage, "op-2", body));
    pair_deliver(&p, B, last_sent(&p, MESSAGE_PROPOSE));
    assert_int_equal(p.s[B].refused_count, 1);
    assert_string_equal(p.s[B].refused[0].reason, "protector.operation.in_progress");
    pair_fini(&p);
}

/* A refusal may come without words. */
static void a_refusal_without_words(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_ok(pair_change(&p, A, "op-1", "x"));
    p.refusal[B] = "protector.conflict";
    guint propose = last_sent(&p, MESSAGE_PROPOSE);
    int reply = pair_deliver(&p, B, propose);
    AUTO(message) m = NULL;
    const char *text = g_ptr_array_index(p.sent, reply);
    assert_ok(message_decode_text(text, strlen(text), NULL, NULL, &m));
    assert_int_equal(m->type, MESSAGE_REFUSE);
    g_clear_pointer(&m->text, g_free);
    pair_deliver(&p, A, pair_post(&p, m));
    assert_true(pair_asked(&p, A, "fail change op-1"));
    assert_int_equal(p.s[A].staged.kind, STAGED_NONE);
    pair_fini(&p);
}

/* What only its maker signs is proposed by nobody. */
static void what_cannot_be_proposed(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_ok(pair_change(&p, A, "op-1", "x"));
    const char *text = g_ptr_array_index(p.sent, last_sent(&p, MESSAGE_PROPOSE));
    AUTO(message) m = NULL;
    assert_ok(message_decode_text(text, strlen(text), NULL, NULL, &m));
    struct position row = *message_row(m);
    row.kind = POSITION_REJOIN;
    row.epoch = 2;
    g_strlcpy(row.incarnation, p.incarnation[A], sizeof row.incarnation);
    g_strlcpy(row.rejoined, p.incarnation[B], sizeof row.rejoined);
    position_seal(&row);
    g_ptr_array_set_size(m->history, (int)m->history->len - 1);
    g_ptr_array_add(m->history, position_new(&row));
    g_strlcpy(m->position, row.hash, sizeof m->position);
    struct sync_effects e;
    struct sync_context c = pair_context(&p, B);
    sync_effects_init(&e);
    assert_code(sync_receive(&p.s[B], m, &c, &e), ERR_SYNC_POSITION);
    assert_false(e.changed);
    sync_effects_fini(&e);
    pair_fini(&p);
}

/* Two sites that have both been restored wait for a person; neither refuses the other for ever. */
static void two_that_recover(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    for (int s = 0; s < SITES; s++) {
        pair_incarnate(&p, s);
        assert_ok(PAIR(&p, s, sync_restored));
        safety_watch_restored(p.watch, s);
    }
    for (int s = 0; s < SITES; s++)
        g_free(pair_prove(&p, s));
    assert_true(pair_carry(&p));
    for (int s = 0; s < SITES; s++) {
        assert_int_equal(p.s[s].role, ROLE_RECOVERING);
        assert_int_equal(p.s[s].refused_count, 0);
    }
    pair_fini(&p);
}

/* ---- what takes a reservation ---- */

static void a_newer_epoch_takes_the_reservation(void **state)
{
    (void)state;
    struct pair p;
    struct sync_effects e;
    pair_start(&p);
    assert_ok(pair_reserve(&p, A, "op-1"));
    sync_effects_init(&e);
    assert_ok(sync_superseded(&p.s[A], 9, &e));
    assert_int_equal(p.s[A].staged.kind, STAGED_NONE);
    assert_int_equal(e.orders->len, 1);
    sync_effects_fini(&e);
    sync_effects_init(&e);
    assert_ok(sync_superseded(&p.s[A], 11, &e)); /* known */
    assert_false(e.changed);
    sync_effects_fini(&e);
    sync_effects_fini(&e); /* twice is once */
    pair_fini(&p);
}

static void a_fork_takes_the_reservation(void **state)
{
    (void)state;
    struct pair p;
    struct sync_effects e;
    pair_start(&p);
    assert_true(pair_fact(&p, A, "m"));
    assert_ok(pair_force(&p, B));
    p.s[A].staged = (struct sync_staged){.kind = STAGED_RESERVED, .operation = "op-1"};
    assert_true(pair_carry(&p));
    assert_true(p.s[A].split);
    assert_int_equal(p.s[A].staged.kind, STAGED_NONE);
    assert_true(pair_asked(&p, A, "cancel change op-1"));
    sync_effects_init(&e);
    assert_ok(sync_superseded(&p.s[A], 99, &e)); /* of a fork a person decides */
    assert_false(e.changed);
    sync_effects_fini(&e);
    pair_fini(&p);
}

/* B was active, was restored to before that, and tells it by its floor alone. */
static void a_lost_epoch_takes_the_reservation(void **state)
{
    (void)state;
    struct pair p;
    struct sync_state backup;
    pair_start(&p);
    sync_state_copy(&p.s[B], &backup);
    p.down[A] = true;
    assert_ok(pair_force(&p, B));
    p.down[A] = false;
    pair_restore(&p, B, &backup);
    sync_state_fini(&backup);
    assert_ok(pair_reserve(&p, A, "op-1"));
    assert_int_equal(p.s[A].staged.kind, STAGED_RESERVED);
    g_free(pair_prove(&p, A));
    pair_deliver(&p, A, last_sent(&p, MESSAGE_AMNESIA));
    assert_true(p.s[A].split);
    assert_true(pair_asked(&p, A, "alarm LOST_EPOCH"));
    assert_true(pair_asked(&p, A, "cancel change op-1"));
    assert_int_equal(p.s[A].staged.kind, STAGED_NONE);
    pair_fini(&p);
}

/* ---- the ends of a group ---- */

static void a_delete_without_the_peer(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    AUTO(body) changed = body_with(&p, A, "description", json_string("x"));
    AUTO(body) deleted = body_deleted(&p, A);
    assert_code(PAIR(&p, A, sync_delete_alone, NULL, "ann", "burned"), ERR_GROUP_STATE);
    assert_code(PAIR(&p, A, sync_delete_alone, changed, "ann", "burned"), ERR_GROUP_STATE);
    assert_ok(PAIR(&p, A, sync_delete_alone, deleted, "ann", "burned"));
    assert_true(pair_asked(&p, A, "start settle"));
    assert_true(pair_asked(&p, A, "log alone"));
    pair_forget(&p);
    assert_ok(PAIR(&p, A, sync_delete_alone, deleted, "ann", "burned")); /* repeated */
    assert_int_equal(p.log[A]->len, 0);
    assert_ok(PAIR(&p, A, sync_tombstone));
    assert_int_equal(p.s[A].role, ROLE_TOMBSTONE);
    assert_ok(PAIR(&p, A, sync_tombstone)); /* repeated */
    pair_fini(&p);
}

/* RECOVERING, and the peer says that the group is gone: a person ends it, once. */
static void a_recovering_site_is_ended(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    pair_incarnate(&p, B);
    assert_ok(PAIR(&p, B, sync_restored));
    assert_code(PAIR(&p, B, sync_delete_alone, NULL, "ann", "burned"), ERR_SYNC_RECOVERING);
    assert_code(PAIR(&p, B, sync_tombstone), ERR_GROUP_STATE);
    assert_ok(PAIR(&p, A, sync_unprotect, "ann", "burned"));
    assert_true(pair_carry(&p));
    assert_true(p.s[B].peer_gone);
    assert_code(PAIR(&p, B, sync_tombstone), ERR_GROUP_STATE); /* nobody has said so yet */
    assert_ok(PAIR(&p, B, sync_delete_alone, NULL, "ann", "burned"));
    assert_true(p.s[B].leaving);
    pair_forget(&p);
    assert_ok(PAIR(&p, B, sync_delete_alone, NULL, "ann", "burned")); /* repeated */
    assert_int_equal(p.log[B]->len, 0);
    g_free(pair_prove(&p, B)); /* nothing is taken in any more */
    assert_int_equal(p.s[B].role, ROLE_RECOVERING);
    assert_ok(PAIR(&p, B, sync_tombstone));
    assert_int_equal(p.s[B].role, ROLE_TOMBSTONE);
    pair_fini(&p);
}

/* A group that was lost here and ended at the peer: nothing of it is known, nothing is to settle.
 */
static void a_lost_group_is_ended(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    sync_state_fini(&p.s[B]);
    sync_state_init(&p.s[B], PAIR_GROUP, pair_uuid[B], pair_uuid[A]);
    pair_incarnate(&p, B);
    safety_watch_restored(p.watch, B);
    assert_null(sync_draft(&p.s[B])); /* nothing to make a change of */
    g_free(pair_prove(&p, B));
    assert_int_equal(p.s[B].role, ROLE_RECOVERING);
    json_t *draft = sync_draft(&p.s[B]); /* what the peer has told is what a force begins from */
    assert_string_equal(body_name(draft), "web");
    json_decref(draft);
    assert_ok(PAIR(&p, A, sync_unprotect, "ann", "burned"));
    assert_true(pair_carry(&p));
    assert_ok(PAIR(&p, B, sync_delete_alone, NULL, "ann", "burned"));
    assert_int_equal(p.s[B].role, ROLE_TOMBSTONE);
    assert_false(pair_asked(&p, B, "start settle"));
    pair_fini(&p);
}

/* ---- handovers ---- */

/* An ABORTED of before a restore does not move a site that is frozen, forked and closed. */
static void an_old_abort_does_not_move_what_is_closed(void **state)
{
    (void)state;
    struct pair p;
    struct sync_state backup;
    pair_start(&p);
    sync_state_copy(&p.s[B], &backup);
    assert_ok(pair_change(&p, A, "op-1", "x"));
    assert_true(pair_carry(&p));
    assert_ok(pair_handover(&p, A, "op-h"));
    pair_deliver(&p, B, last_sent(&p, MESSAGE_PROPOSE)); /* the ACCEPT is lost */
    assert_ok(PAIR(&p, B, sync_abort, p.s[B].serving));
    guint aborted = last_sent(&p, MESSAGE_ABORTED);
    pair_restore(&p, B, &backup);
    sync_state_fini(&backup);
    assert_ok(pair_force(&p, B));
    g_free(pair_prove(&p, A)); /* B's HERE */
    assert_true(p.s[A].split);
    AUTO(message) close = NULL;
    const char *here = g_ptr_array_index(p.sent, last_sent(&p, MESSAGE_HERE));
    assert_ok(message_decode_text(here, strlen(here), NULL, NULL, &close));
    close->type = MESSAGE_CLOSE;
    g_clear_pointer(&close->body, body_unref);
    g_clear_pointer(&close->history, g_ptr_array_unref);
    g_strlcpy(close->nonce, "00", sizeof close->nonce);
    pair_deliver(&p, A, pair_post(&p, close));
    assert_true(p.s[A].closed);
    pair_deliver(&p, A, aborted);
    assert_int_equal(p.s[A].role, ROLE_FROZEN);
    assert_int_equal(p.s[A].staged.kind, STAGED_PROPOSAL);
    pair_fini(&p);
}

/* An abort names the handover that runs, and no other. */
static void an_abort_names_its_handover(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_ok(pair_handover(&p, A, "op-h"));
    assert_true(pair_carry(&p));
    assert_code(PAIR(&p, B, sync_abort, "00"), ERR_SYNC_NOT_SERVING);
    assert_ok(PAIR(&p, B, sync_abort, p.s[B].serving));
    assert_code(PAIR(&p, B, sync_abort, p.s[B].pos), ERR_SYNC_NOT_SERVING);
    pair_fini(&p);
}

/* ---- the order of positions ---- */

static void positions_that_do_not_fit(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    struct position row = *chain_find(p.s[A].chain, p.s[A].pos);
    g_strlcpy(row.parent, p.s[A].pos, sizeof row.parent);
    row.version = 2;
    row.epoch = 3; /* a change opens none */
    position_seal(&row);
    AUTO(position) epoch = position_new(&row);
    assert_code(chain_add(p.s[A].chain, epoch), ERR_SYNC_POSITION);
    assert_ok(pair_force(&p, B));
    struct position resolve = *chain_find(p.s[B].chain, p.s[B].pos);
    resolve.kind = POSITION_RESOLVE;
    resolve.forced = false;
    memset(resolve.parent2, 'a', HASH_HEX_SIZE - 1);
    position_seal(&resolve);
    AUTO(position) orphan = position_new(&resolve);
    assert_code(chain_add(p.s[A].chain, orphan), ERR_SYNC_POSITION);
    assert_false(chain_ancestor(p.s[A].chain, orphan->hash, p.s[A].pos));
    assert_false(chain_names(p.s[A].chain, p.s[A].pos, ""));
    assert_true(chain_in_line(p.s[A].chain, POSITION_EMPTY, p.s[A].pos));
    pair_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_create_that_comes_blocks_another),
        cmocka_unit_test(a_restore_before_the_group_is_there),
        cmocka_unit_test(a_restore_of_a_group_that_is_gone),
        cmocka_unit_test(what_a_change_must_name),
        cmocka_unit_test(a_slot_is_its_operations),
        cmocka_unit_test(what_a_handover_must_name),
        cmocka_unit_test(facts_that_stay_local),
        cmocka_unit_test(a_history_is_full),
        cmocka_unit_test(a_tombstone_keeps_no_refusals),
        cmocka_unit_test(a_refusal_has_a_reason),
        cmocka_unit_test(refusals_have_a_limit),
        cmocka_unit_test(realized_and_not_wanted),
        cmocka_unit_test(a_proposal_after_the_end),
        cmocka_unit_test(a_restore_that_nobody_noticed),
        cmocka_unit_test(a_proposal_during_a_handover),
        cmocka_unit_test(a_refusal_without_words),
        cmocka_unit_test(what_cannot_be_proposed),
        cmocka_unit_test(two_that_recover),
        cmocka_unit_test(a_newer_epoch_takes_the_reservation),
        cmocka_unit_test(a_fork_takes_the_reservation),
        cmocka_unit_test(a_lost_epoch_takes_the_reservation),
        cmocka_unit_test(a_delete_without_the_peer),
        cmocka_unit_test(a_recovering_site_is_ended),
        cmocka_unit_test(a_lost_group_is_ended),
        cmocka_unit_test(an_old_abort_does_not_move_what_is_closed),
        cmocka_unit_test(an_abort_names_its_handover),
        cmocka_unit_test(positions_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
