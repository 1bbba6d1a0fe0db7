/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guards, word by word: every action in every situation of a site, and what a message does there.
 *
 * The grid below is the specification read as a table; "ok" or the code of the refusal.
 */
#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

static void assert_ok(err_t *e)
{
    if (e != NULL)
        fail_msg("%s", err_message(e));
}

/* ---- situations: each a pair and the site that is asked ---- */

static int at_none(struct pair *p)
{
    pair_init(p);
    return B;
}

static int at_creating(struct pair *p)
{
    pair_init(p);
    assert_ok(pair_create(p, "op-create"));
    return A;
}

static int at_standby(struct pair *p)
{
    pair_start(p);
    return B;
}

static int at_active(struct pair *p)
{
    pair_start(p);
    return A;
}

static int at_reserved(struct pair *p)
{
    pair_start(p);
    assert_ok(pair_reserve(p, A, "op-1"));
    return A;
}

static int at_staged(struct pair *p)
{
    pair_start(p);
    assert_ok(pair_change(p, A, "op-1", "x"));
    return A;
}

static int at_owed(struct pair *p)
{
    pair_start(p);
    assert_true(pair_fact(p, A, "m"));
    return A;
}

static int at_frozen(struct pair *p)
{
    pair_start(p);
    assert_ok(pair_handover(p, A, "op-h"));
    assert_true(pair_carry(p));
    return A;
}

static int at_serving(struct pair *p)
{
    at_frozen(p);
    return B;
}

static int at_superseded(struct pair *p)
{
    pair_start(p);
    p->s[A].superseded = true;
    return A;
}

static int at_split_active(struct pair *p)
{
    pair_start(p);
    assert_true(pair_fact(p, A, "m"));
    assert_ok(pair_force(p, B));
    assert_true(pair_carry(p));
    return A;
}

static int at_split_standby(struct pair *p)
{
    pair_start(p);
    p->s[B].split = true; /* only by an old STATE; rare, and possible */
    g_strlcpy(p->s[B].rival, p->s[B].pos, HASH_HEX_SIZE);
    return B;
}

static int at_closed(struct pair *p)
{
    at_split_active(p);
    assert_ok(PAIR(p, A, sync_close, "ann", "A"));
    pair_deliver(p, B, p->sent->len - 1); /* its CLOSED is on its way */
    return B;
}

static int at_recovering(struct pair *p)
{
    pair_start(p);
    pair_incarnate(p, A);
    assert_ok(PAIR(p, A, sync_restored));
    return A;
}

static int at_lost(struct pair *p)
{
    pair_start(p);
    sync_state_fini(&p->s[B]);
    sync_state_init(&p->s[B], PAIR_GROUP, pair_uuid[B], pair_uuid[A]);
    safety_watch_restored(p->watch, B);
    struct message *m = message_create(MESSAGE_STATE);
    g_strlcpy(m->from, pair_uuid[A], UUID_SIZE);
    g_strlcpy(m->to, pair_uuid[B], UUID_SIZE);
    g_strlcpy(m->incarnation, p->incarnation[A], INCARNATION_SIZE);
    g_strlcpy(m->group, PAIR_GROUP, GROUP_SIZE);
    g_strlcpy(m->position, p->s[A].pos, HASH_HEX_SIZE);
    m->version = sync_version(&p->s[A]);
    m->role = ROLE_ACTIVE;
    m->body = body_ref(p->s[A].body);
    m->history = chain_history(p->s[A].chain, p->s[A].pos);
    pair_deliver(p, B, pair_post(p, m));
    message_destroy(m);
    return B;
}

static int at_deleting(struct pair *p)
{
    pair_start(p);
    assert_ok(pair_reserve(p, A, "op-del"));
    json_t *draft = sync_draft(&p->s[A]);
    assert_ok(body_delete(draft));
    AUTO(body) body = pair_seal(draft);
    assert_ok(PAIR(p, A, sync_stage, "op-del", body));
    assert_true(pair_carry(p));
    return A;
}

static int at_deleting_standby(struct pair *p)
{
    at_deleting(p);
    return B;
}

static int at_tombstone(struct pair *p)
{
    at_deleting(p);
    assert_ok(PAIR(p, A, sync_tombstone));
    return A;
}

/* ---- actions ---- */

static err_t *do_create(struct pair *p, int s)
{
    return PAIR(p, s, sync_create);
}

static err_t *do_reserve(struct pair *p, int s)
{
    p->down[1 - s] = false;
    return pair_reserve(p, s, "op-new");
}

static err_t *do_stage(struct pair *p, int s)
{
    AUTO(body) body = pair_body_create();
    return PAIR(p, s, sync_stage, "op-1", body);
}

static err_t *do_handover(struct pair *p, int s)
{
    AUTO(body) base = pair_body_create();
    json_t *draft = body_draft(base);
    body_transition_set(draft, "op-new", pair_uuid[1 - s]);
    AUTO(body) body = pair_seal(draft);
    g_autofree char *nonce = pair_prove(p, s);
    return PAIR(p, s, sync_handover, "op-new", p->s[s].pos, nonce, body);
}

static err_t *do_fact(struct pair *p, int s)
{
    AUTO(body) body = pair_body_create();
    bool committed = true;
    TRY(PAIR(p, s, sync_fact, body, &committed));
    return committed ? NULL : err(TOO_LARGE, "kept as local");
}

static err_t *do_claim(struct pair *p, int s)
{
    AUTO(body) body = pair_body_create();
    struct sync_plan plan;
    sync_plan_init(&p->s[s], &plan);
    return PAIR(p, s, sync_claim, &plan, &pair_from_point, body);
}

static err_t *do_abort(struct pair *p, int s)
{
    char h[HASH_HEX_SIZE];
    g_strlcpy(h, p->s[s].pos, sizeof h);
    return PAIR(p, s, sync_abort, h);
}

static err_t *do_force(struct pair *p, int s)
{
    AUTO(body) body = pair_body_create();
    struct sync_force force = {
        .evidence = &pair_from_point, .body = body, .operation = "", .reason = "r", .who = "w"};
    sync_plan_init(&p->s[s], &force.plan);
    return PAIR(p, s, sync_force, &force);
}

static err_t *do_close(struct pair *p, int s)
{
    return PAIR(p, s, sync_close, "ann", "keep");
}

static err_t *do_resolve_gone(struct pair *p, int s)
{
    return PAIR(p, s, sync_resolve_gone, "ann", "gone");
}

static err_t *do_withdraw(struct pair *p, int s)
{
    return PAIR(p, s, sync_withdraw);
}

static err_t *do_delete_alone(struct pair *p, int s)
{
    return PAIR(p, s, sync_delete_alone, NULL, "root", "gone");
}

static err_t *do_tombstone(struct pair *p, int s)
{
    return PAIR(p, s, sync_tombstone);
}

static err_t *do_unprotect(struct pair *p, int s)
{
    return PAIR(p, s, sync_unprotect, "root", "gone");
}

static err_t *do_hello(struct pair *p, int s)
{
    return PAIR(p, s, sync_hello);
}

static const struct {
    const char *name;
    err_t *(*run)(struct pair *p, int s);
} actions[] = {
    {"create", do_create},       {"reserve", do_reserve},
    {"stage", do_stage},         {"handover", do_handover},
    {"fact", do_fact},           {"claim", do_claim},
    {"abort", do_abort},         {"force", do_force},
    {"close", do_close},         {"resolve_gone", do_resolve_gone},
    {"withdraw", do_withdraw},   {"delete_alone", do_delete_alone},
    {"tombstone", do_tombstone}, {"unprotect", do_unprotect},
    {"hello", do_hello},
};

/* clang-format off */
static const struct {
    const char *name;
    int (*make)(struct pair *p);
    const char *expect; /* one word per action, in the order above */
} situations[] = {
    {"NONE", at_none,
     "ok not_found sync.cancelled not_found "
     "not_found sync.not_serving sync.not_serving not_found "
     "not_found not_found not_found "
     "not_found group.state not_found ok"},
    {"creating", at_creating,
     "conflict sync.staged sync.cancelled sync.staged "
     "local sync.not_serving sync.not_serving group.creating "
     "sync.not_split sync.not_split ok "
     "group.creating group.state group.creating ok"},
    {"STANDBY", at_standby,
     "conflict group.not_active sync.cancelled group.not_active "
     "group.not_active sync.not_serving sync.not_serving ok "
     "sync.not_split sync.not_split group.not_creating "
     "ok group.state group.not_active ok"},
    {"ACTIVE", at_active,
     "conflict ok sync.cancelled ok "
     "ok sync.not_serving sync.not_serving group.already_active "
     "sync.not_split sync.not_split group.not_creating "
     "group.state group.state ok ok"},
    {"reserved", at_reserved,
     "conflict sync.staged ok sync.staged "
     "local sync.not_serving sync.not_serving ok "
     "sync.not_split sync.not_split group.not_creating "
     "sync.staged group.state ok ok"},
    {"staged", at_staged,
     "conflict sync.staged ok sync.staged "
     "local sync.not_serving sync.not_serving ok "
     "sync.not_split sync.not_split group.not_creating "
     "sync.staged group.state ok ok"},
    {"owed", at_owed,
     "conflict sync.owed sync.cancelled sync.owed "
     "ok sync.not_serving sync.not_serving group.already_active "
     "sync.not_split sync.not_split group.not_creating "
     "group.state group.state ok ok"},
    {"FROZEN", at_frozen,
     "conflict sync.staged sync.cancelled sync.staged "
     "local sync.not_serving sync.not_serving ok "
     "sync.not_split sync.not_split group.not_creating "
     "sync.staged group.state sync.staged ok"},
    {"serving", at_serving,
     "conflict group.not_active sync.cancelled group.not_active "
     "group.not_active ok ok ok "
     "sync.not_split sync.not_split group.not_creating "
     "ok group.state group.not_active ok"},
    {"superseded", at_superseded,
     "conflict sync.superseded sync.cancelled sync.superseded "
     "local sync.not_serving sync.not_serving ok "
     "sync.not_split sync.not_split group.not_creating "
     "group.state group.state ok ok"},
    {"SPLIT ACTIVE", at_split_active,
     "conflict sync.split_brain sync.cancelled sync.split_brain "
     "local sync.not_serving sync.not_serving group.already_active "
     "ok ok group.not_creating "
     "group.state group.state ok ok"},
    {"SPLIT STANDBY", at_split_standby,
     "conflict group.not_active sync.cancelled group.not_active "
     "group.not_active sync.not_serving sync.not_serving ok "
     "sync.keep_has_no_servers sync.keep_has_no_servers group.not_creating "
     "ok group.state group.not_active ok"},
    {"closed", at_closed,
     "conflict sync.split_brain sync.cancelled sync.split_brain "
     "local sync.not_serving sync.not_serving group.already_active "
     "sync.closed sync.closed group.not_creating "
     "group.state group.state ok ok"},
    {"RECOVERING", at_recovering,
     "conflict sync.recovering sync.cancelled sync.recovering "
     "sync.recovering sync.not_serving sync.not_serving ok "
     "sync.not_split sync.not_split group.not_creating "
     "sync.recovering group.state sync.recovering ok"},
    {"lost group", at_lost,
     "conflict sync.recovering sync.cancelled sync.recovering "
     "sync.recovering sync.not_serving sync.not_serving ok "
     "sync.not_split sync.not_split group.not_creating "
     "sync.recovering group.state sync.recovering ok"},
    {"deleting", at_deleting,
     "conflict group.deleting sync.cancelled group.deleting "
     "local sync.not_serving sync.not_serving group.deleting "
     "sync.not_split sync.not_split group.not_creating "
     "ok ok ok ok"},
    {"deleting STANDBY", at_deleting_standby,
     "conflict group.not_active sync.cancelled group.not_active "
     "group.not_active sync.not_serving sync.not_serving group.deleting "
     "sync.not_split sync.not_split group.not_creating "
     "ok ok group.not_active ok"},
    {"TOMBSTONE", at_tombstone,
     "group.gone group.gone sync.cancelled group.gone "
     "group.gone sync.not_serving sync.not_serving group.gone "
     "sync.not_split sync.not_split group.gone "
     "group.gone ok group.gone group.gone"},
};
/* clang-format on */

/* "group.state" of "protector.group.state"; "ok"; "local" for a fact that is kept. */
static char *word_of(err_t *e)
{
    if (e == NULL)
        return g_strdup("ok");
    char *word = g_strdup(err_is(e, ERR_TOO_LARGE) ? "local" : strchr(err_code_text(e), '.') + 1);
    err_free(e);
    return word;
}

static void every_action_everywhere(void **state)
{
    (void)state;
    bool all = true;
    for (size_t i = 0; i < G_N_ELEMENTS(situations); i++) {
        GString *seen = g_string_new(NULL);
        for (size_t k = 0; k < G_N_ELEMENTS(actions); k++) {
            struct pair p;
            int s = situations[i].make(&p);
            g_autofree char *word = word_of(actions[k].run(&p, s));
            g_string_append_printf(seen, "%s%s", k > 0 ? " " : "", word);
            pair_fini(&p);
        }
        if (strcmp(seen->str, situations[i].expect) != 0) {
            printf("    {\"%s\", …, \"%s\"},\n", situations[i].name, seen->str);
            all = false;
        }
        g_string_free(seen, TRUE);
    }
    assert_true(all);
}

/* ---- messages ---- */

/* A message of the peer of s about 'position' (NULL: its own, with content where the type has it).
 */
static struct message *from_peer(struct pair *p, int s, enum message_type type,
                                 const char *position)
{
    const struct sync_state *peer = &p->s[1 - s];
    struct message *m = message_create(type);
    g_strlcpy(m->from, pair_uuid[1 - s], UUID_SIZE);
    g_strlcpy(m->to, pair_uuid[s], UUID_SIZE);
    g_strlcpy(m->incarnation, p->incarnation[1 - s], INCARNATION_SIZE);
    g_strlcpy(m->group, PAIR_GROUP, GROUP_SIZE);
    g_strlcpy(m->position, position != NULL ? position : peer->pos, HASH_HEX_SIZE);
    g_strlcpy(m->nonce, "00112233445566778899aabbccddeeff", sizeof m->nonce);
    g_strlcpy(m->reason, "protector.group.state", sizeof m->reason);
    m->role = peer->role;
    m->split = peer->split;
    m->schema = BODY_SCHEMA;
    m->floor = peer->floor;
    if (position != NULL || peer->body == NULL)
        return m;
    m->epoch = sync_epoch(peer);
    m->version = sync_version(peer);
    m->body = body_ref(peer->body);
    m->history = chain_history(peer->chain, peer->pos);
    return m;
}

/* What may go back: WHO APPLIES. */
static void check_reply(const struct sync_state *before, const struct message *m,
                        const struct message *reply)
{
    bool closes = before->split || before->role == ROLE_RECOVERING;
    if (before->role == ROLE_TOMBSTONE) {
        assert_int_equal(reply->type, MESSAGE_GONE);
        return;
    }
    assert_non_null(reply);
    switch (m->type) {
    case MESSAGE_HELLO:
        assert_int_equal(reply->type, MESSAGE_HERE);
        assert_string_equal(reply->nonce, m->nonce);
        assert_int_equal(reply->body != NULL,
                         before->body != NULL && strcmp(m->position, before->pos) != 0);
        return;
    case MESSAGE_CLOSE:
        assert_int_equal(reply->type, closes ? MESSAGE_CLOSED : MESSAGE_STATE);
        return;
    case MESSAGE_GONE:
        assert_true(reply->type == MESSAGE_STATE || reply->type == MESSAGE_GONE);
        return;
    case MESSAGE_REFUSE: /* of a create: a tombstone answers */
        assert_true(reply->type == MESSAGE_STATE || reply->type == MESSAGE_GONE);
        return;
    case MESSAGE_PROPOSE:
        assert_true(reply->type == MESSAGE_STATE || reply->type == MESSAGE_ACCEPT ||
                    reply->type == MESSAGE_REFUSE);
        return;
    case MESSAGE_ACCEPT:
    case MESSAGE_STATE:
    case MESSAGE_ABORTED:
    case MESSAGE_HERE:
    case MESSAGE_CLOSED:
    case MESSAGE_AMNESIA:
    case MESSAGE_TYPES:
        break;
    }
    assert_int_equal(reply->type, MESSAGE_STATE);
}

/* One delivery: the reply fits, a second one changes nothing more, and nothing changes unsaid. */
static void deliver_twice(struct pair *p, int s, const struct message *m)
{
    g_autoptr(json_t) first = NULL;
    for (int i = 0; i < 2; i++) {
        struct sync_state before;
        struct sync_effects e;
        struct sync_context c = pair_context(p, s);
        sync_state_copy(&p->s[s], &before);
        sync_effects_init(&e);
        err_t *err = sync_receive(&p->s[s], m, &c, &e);
        g_autoptr(json_t) was = sync_state_to_json(&before);
        g_autoptr(json_t) is = sync_state_to_json(&p->s[s]);
        if (err == NULL)
            check_reply(&before, m, e.reply);
        else
            assert_int_equal(err_code(err), ERR_SYNC_POSITION);
        if (!e.changed) {
            assert_true(json_equal(was, is));
            assert_int_equal(chain_count(before.chain), chain_count(p->s[s].chain));
        }
        if (i == 1 && m->type != MESSAGE_AMNESIA) /* a fresh nonce is used up by the first */
            assert_true(json_equal(first, is));
        json_decref(first);
        first = json_incref(is);
        err_free(err);
        sync_effects_fini(&e);
        sync_state_fini(&before);
    }
}

static void every_message_everywhere(void **state)
{
    (void)state;
    char unknown[HASH_HEX_SIZE];
    hash_hex("?", 1, unknown);
    const char *const positions[] = {NULL, unknown, POSITION_EMPTY};
    for (size_t i = 0; i < G_N_ELEMENTS(situations); i++)
        for (enum message_type type = MESSAGE_PROPOSE; type < MESSAGE_TYPES; type++)
            for (size_t k = 0; k < G_N_ELEMENTS(positions); k++) {
                struct pair p;
                int s = situations[i].make(&p);
                AUTO(message) m = from_peer(&p, s, type, positions[k]);
                bool content = m->history != NULL;
                if (type != MESSAGE_PROPOSE || content)
                    deliver_twice(&p, s, m);
                pair_fini(&p);
            }
}

/* Rows that cannot be: another site's epoch, a site that is not of the pair. */
static void rows_are_checked(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    struct position bad = {.kind = POSITION_CLAIM, .epoch = 3, .version = 2};
    g_strlcpy(bad.parent, p.s[A].pos, HASH_HEX_SIZE);
    g_strlcpy(bad.minter, pair_uuid[A], UUID_SIZE); /* 3 is not A's parity */
    g_strlcpy(bad.incarnation, p.incarnation[A], INCARNATION_SIZE);
    memset(bad.claim_id, 'a', CLAIM_ID_SIZE - 1);
    g_strlcpy(bad.body_hash, body_hash(p.s[A].body), HASH_HEX_SIZE);
    for (int i = 0; i < 2; i++) {
        position_seal(&bad);
        AUTO(message) m = from_peer(&p, B, MESSAGE_STATE, NULL);
        g_strlcpy(m->position, bad.hash, HASH_HEX_SIZE);
        g_ptr_array_add(m->history, position_new(&bad));
        struct sync_effects e;
        struct sync_context c = pair_context(&p, B);
        sync_effects_init(&e);
        err_t *err = sync_receive(&p.s[B], m, &c, &e);
        assert_non_null(err);
        assert_int_equal(err_code(err), ERR_SYNC_POSITION);
        assert_false(e.changed);
        assert_false(chain_knows(p.s[B].chain, bad.hash));
        err_free(err);
        sync_effects_fini(&e);
        bad.epoch = 2;
        g_strlcpy(bad.minter, "cccccccc-0000-4000-8000-000000000000", UUID_SIZE);
    }
    pair_fini(&p);
}

/* A site proposes in its own epoch alone, and only what can be proposed. */
static void proposals_are_checked(void **state)
{
    (void)state;
    struct pair p;
    pair_start(&p);
    assert_true(pair_fact(&p, A, "m"));
    AUTO(message) fact = from_peer(&p, B, MESSAGE_PROPOSE, NULL);
    struct sync_effects e;
    struct sync_context c = pair_context(&p, B);
    sync_effects_init(&e);
    err_t *err = sync_receive(&p.s[B], fact, &c, &e);
    assert_non_null(err);
    assert_int_equal(err_code(err), ERR_SYNC_POSITION);
    err_free(err);
    sync_effects_fini(&e);
    pair_fini(&p);
}

/* The table and its page: a cell for each type and role. */
static void cells(void **state)
{
    (void)state;
    assert_string_equal(sync_receive_cell(MESSAGE_PROPOSE, ROLE_STANDBY), "accept, refuse, else");
    assert_string_equal(sync_receive_cell(MESSAGE_STATE, ROLE_RECOVERING), "");
    for (enum message_type type = MESSAGE_PROPOSE; type < MESSAGE_TYPES; type++)
        assert_true(type == MESSAGE_GONE ||
                    strcmp(sync_receive_cell(type, ROLE_TOMBSTONE), "GONE") == 0);
}

/* sync-status: the first match. */
static void statuses(void **state)
{
    (void)state;
    struct pair p;
    int s = at_active(&p);
    assert_int_equal(sync_status(&p.s[s], true), SYNC_SYNCED);
    assert_int_equal(sync_status(&p.s[s], false), SYNC_UNREACHABLE);
    assert_true(pair_fact(&p, s, "m"));
    assert_int_equal(sync_status(&p.s[s], true), SYNC_FAILED);
    pair_fini(&p);
    s = at_staged(&p);
    assert_int_equal(sync_status(&p.s[s], true), SYNC_FAILED);
    pair_fini(&p);
    s = at_split_active(&p);
    assert_int_equal(sync_status(&p.s[s], false), SYNC_SPLIT);
    pair_fini(&p);
    s = at_recovering(&p);
    assert_string_equal(sync_status_text(sync_status(&p.s[s], false)), "RECOVERING");
    pair_fini(&p);
}

/* Claims carry their evidence; none is taken without it. */
static void claims_need_evidence(void **state)
{
    (void)state;
    struct pair p;
    int s = at_serving(&p);
    struct sync_plan plan;
    sync_plan_init(&p.s[s], &plan);
    struct safety_evidence evidence = pair_from_point;
    evidence.sources_stopped = false;
    err_t *e = PAIR(&p, s, sync_claim, &plan, &evidence, p.s[s].body);
    assert_non_null(e);
    assert_int_equal(err_code(e), ERR_SAFETY_UNDRAINED);
    err_free(e);
    evidence = pair_from_point;
    evidence.volumes_from_point = 1;
    e = PAIR(&p, s, sync_claim, &plan, &evidence, p.s[s].body);
    assert_int_equal(err_code(e), ERR_SAFETY_MIXED_POINTS);
    err_free(e);
    plan.epoch += 2;
    e = PAIR(&p, s, sync_claim, &plan, &pair_from_point, p.s[s].body);
    assert_int_equal(err_code(e), ERR_SYNC_REPLAN);
    err_free(e);
    assert_string_equal(p.s[s].serving, p.s[s].pos); /* nothing moved */
    assert_ok(pair_claim(&p, s));
    pair_fini(&p);
}

/* A planned operation that forces at its own PIVOT is the same row: not superseded by itself. */
static void force_at_its_own_pivot(void **state)
{
    (void)state;
    struct pair p;
    int s = at_serving(&p);
    struct sync_force force = {.evidence = &pair_from_point,
                               .body = p.s[s].body,
                               .operation = "op-h",
                               .reason = "the source died",
                               .who = "ann"};
    sync_plan_init(&p.s[s], &force.plan);
    pair_forget(&p);
    assert_ok(PAIR(&p, s, sync_force, &force));
    assert_false(pair_asked(&p, s, "supersede handover"));
    assert_true(pair_asked(&p, s, "preempt local op-h"));
    assert_true(pair_carry(&p));
    assert_true(pair_asked(&p, A, "complete stub op-h"));
    pair_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_action_everywhere),
        cmocka_unit_test(every_message_everywhere),
        cmocka_unit_test(rows_are_checked),
        cmocka_unit_test(proposals_are_checked),
        cmocka_unit_test(cells),
        cmocka_unit_test(statuses),
        cmocka_unit_test(claims_need_evidence),
        cmocka_unit_test(force_at_its_own_pivot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
