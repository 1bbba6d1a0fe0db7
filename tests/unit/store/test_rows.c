/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of the smaller nouns: sites, mappings, trusts, who we are, proofs of the peer, idempotency
 * keys, the audit chain, the ledger, the outbox.
 */
#include "tests/unit/store/both.h"

#include "store/audit.h"
#include "store/cg.h"
#include "store/faulty.h"
#include "store/idempotency.h"
#include "store/local.h"
#include "store/operation.h"
#include "store/peer.h"
#include "store/resource.h"
#include "store/site.h"
#include "store/sync_log.h"
#include "store/tenant_mapping.h"
#include "store/trust.h"

/* ---- sites */

static struct site *new_site(const char *id, const char *name, const char *url)
{
    struct site *site = site_create();
    site->id = g_strdup(id);
    site->name = g_strdup(name);
    site->auth_url = g_strdup(url);
    site->region_name = g_strdup("RegionOne");
    site->status = g_strdup("active");
    site->created_at_ms = BOTH_NOW;
    return site;
}

static void test_sites(void **state)
{
    struct both *b = *state;
    AUTO(site) a = new_site("id-a", "site-a", "http://a:5000/v3");
    AUTO(site) same_name = new_site("id-b", "site-a", "http://b:5000/v3");
    AUTO(site) same_cloud = new_site("id-b", "site-b", "http://a:5000/v3");
    AUTO(site) other = new_site("id-b", "site-b", "http://b:5000/v3");
    struct site *found = NULL;
    a->is_local = true;
    a->old_keys = json_pack("[{s:s, s:s}]", "key_id", "k", "sign_public", "p");
    OK(site_insert(b->db, a));
    FAILS(site_insert(b->db, a), DB_DUPLICATE);
    FAILS(site_insert(b->db, same_name), DB_DUPLICATE);
    FAILS(site_insert(b->db, same_cloud), DB_DUPLICATE);
    OK(site_insert(b->db, other));
    OK(site_resolve(b->db, "site-a", &found));
    assert_string_equal(found->id, "id-a");
    assert_true(found->is_local);
    assert_string_equal(json_str(json_array_get(found->old_keys, 0), "key_id"), "k");
    assert_null(found->checks);
    g_clear_pointer(&found, site_destroy);
    OK(site_find_cloud(b->db, "http://b:5000/v3", "RegionOne", &found));
    assert_string_equal(found->name, "site-b");
    g_free(found->status);
    found->status = g_strdup("unreachable");
    OK(site_update(b->db, found));
    g_clear_pointer(&found, site_destroy);
    OK(site_get(b->db, "id-b", &found));
    assert_string_equal(found->status, "unreachable");
    assert_int_equal(found->created_at_ms, BOTH_NOW);
    g_clear_pointer(&found, site_destroy);
    OK(site_find_local(b->db, &found));
    assert_string_equal(found->id, "id-a");
    g_clear_pointer(&found, site_destroy);
    struct list_query query = {.filter_count = 1, .filters = {{"is_local", "false"}}};
    g_autoptr(GPtrArray) peers = NULL;
    OK(site_list(b->db, &query, &peers));
    assert_int_equal(peers->len, 1);
    OK(site_delete(b->db, "id-b"));
    FAILS(site_delete(b->db, "id-b"), SITE_NOT_FOUND);
    FAILS(site_update(b->db, other), SITE_NOT_FOUND);
    FAILS(site_get(b->db, "id-b", &found), SITE_NOT_FOUND);
    FAILS(site_resolve(b->db, "site-b", &found), SITE_NOT_FOUND);
}

/* ---- tenant mappings */

static struct tenant_mapping *new_mapping(const char *id, const char *local, const char *remote)
{
    struct tenant_mapping *m = tenant_mapping_create();
    m->id = g_strdup(id);
    m->local_site_id = g_strdup("here");
    m->local_project_id = g_strdup(local);
    m->remote_site_id = g_strdup("there");
    m->remote_project_id = g_strdup(remote);
    m->created_at_ms = BOTH_NOW;
    return m;
}

static void test_tenant_mappings(void **state)
{
    struct both *b = *state;
    AUTO(tenant_mapping) one = new_mapping("m1", "p1", "q1");
    AUTO(tenant_mapping) again = new_mapping("m2", "p1", "q2");
    AUTO(tenant_mapping) back = new_mapping("m3", "p2", "q1");
    struct tenant_mapping *found = NULL;
    bool there = false;
    OK(tenant_mapping_insert(b->db, one));
    FAILS(tenant_mapping_insert(b->db, one), DB_DUPLICATE);
    FAILS(tenant_mapping_insert(b->db, again), DB_DUPLICATE); /* p1 goes to q1 */
    FAILS(tenant_mapping_insert(b->db, back), DB_DUPLICATE);  /* q1 is p1's */
    OK(tenant_mapping_find(b->db, "p1", "there", &found));
    assert_string_equal(found->remote_project_id, "q1");
    g_clear_pointer(&found, tenant_mapping_destroy);
    OK(tenant_mapping_find_remote(b->db, "there", "q1", &found));
    assert_string_equal(found->local_project_id, "p1");
    g_clear_pointer(&found, tenant_mapping_destroy);
    OK(tenant_mapping_exists(b->db, "p1", "there", "q1", &there));
    assert_true(there);
    OK(tenant_mapping_exists(b->db, "p1", "there", "q2", &there));
    assert_false(there);
    FAILS(tenant_mapping_get(b->db, "p2", "m1", &found), MAPPING_NOT_FOUND);
    OK(tenant_mapping_uses_site(b->db, "there", &there));
    assert_true(there);
    OK(tenant_mapping_delete(b->db, "m1"));
    FAILS(tenant_mapping_delete(b->db, "m1"), MAPPING_NOT_FOUND);
    OK(tenant_mapping_uses_site(b->db, "there", &there));
    assert_false(there);
}

/* ---- trusts */

static struct trust *new_trust(const char *id, const char *user, const char *status)
{
    struct trust *t = trust_create();
    t->id = g_strdup(id);
    t->project_id = g_strdup("p");
    t->user_id = g_strdup(user);
    t->trust = g_strdup("sealed");
    t->roles = json_pack("[s]", "member");
    t->status = g_strdup(status);
    t->created_at_ms = BOTH_NOW;
    return t;
}

static void test_trusts(void **state)
{
    struct both *b = *state;
    AUTO(trust) one = new_trust("t1", "u1", "failed");
    AUTO(trust) two = new_trust("t2", "u2", "verified");
    AUTO(trust) again = new_trust("t3", "u1", "unverified");
    OK(trust_put(b->db, one));
    OK(trust_put(b->db, two));
    OK(trust_put(b->db, again)); /* the same user: one row */
    assert_string_equal(again->id, "t1");
    g_autoptr(GPtrArray) all = NULL;
    OK(trust_list(b->db, "p", &all));
    assert_int_equal(all->len, 2);
    const struct trust *best = g_ptr_array_index(all, 0);
    assert_string_equal(best->id, "t2");
    OK(trust_checked(b->db, "t2", "failed", "user was disabled", BOTH_NOW + 5));
    g_autoptr(GPtrArray) stale = NULL;
    OK(trust_list_stale(b->db, BOTH_NOW, 10, &stale));
    assert_int_equal(stale->len, 1);
    OK(trust_delete(b->db, "t1"));
    g_autoptr(GPtrArray) left = NULL;
    OK(trust_list(b->db, "p", &left));
    assert_int_equal(left->len, 1);
    const struct trust *last = g_ptr_array_index(left, 0);
    assert_string_equal(last->status, "failed");
}

/* ---- who we are */

static err_t *make_local(struct db *db, void *data)
{
    struct local_site local = {
        .site_id = data,
        .sign_public = (char[]){"sign"},
        .seal_public = (char[]){"seal"},
        .fingerprint = (char[]){"f"},
        .incarnation = (char[]){"1-a"},
        .created_at_ms = BOTH_NOW,
    };
    return local_site_insert(db, &local);
}

static err_t *count_up(struct db *db, void *data)
{
    return local_site_count(db, data);
}

static err_t *reincarnate(struct db *db, void *data)
{
    (void)data;
    return local_site_reincarnate(db, "2-b", 100, "restored", BOTH_NOW + 1);
}

static void test_local(void **state)
{
    struct both *b = *state;
    struct local_site *none = NULL;
    int64_t counter = 0;
    OK(local_site_find(b->db, &none));
    assert_null(none);
    FAILS(db_tx(b->db, count_up, &counter), DB_SCHEMA);
    OK(db_tx(b->db, make_local, (char[]){"site-1"}));
    FAILS(db_tx(b->db, make_local, (char[]){"site-2"}), DB_DUPLICATE);
    for (int64_t i = 1; i <= 3; i++) {
        OK(db_tx(b->db, count_up, &counter));
        assert_int_equal(counter, i);
    }
    OK(db_tx(b->db, reincarnate, NULL));
    OK(db_tx(b->db, count_up, &counter));
    assert_int_equal(counter, 101);
    AUTO(local_site) local = NULL;
    OK(local_site_find(b->db, &local));
    assert_string_equal(local->site_id, "site-1");
    assert_string_equal(local->incarnation, "2-b");
    OK(incarnation_note(b->db, "site-1", "2-b", "again", BOTH_NOW + 9));
    g_autoptr(GPtrArray) all = NULL;
    OK(incarnation_list(b->db, "site-1", &all));
    assert_int_equal(all->len, 2);
    const struct incarnation *second = g_ptr_array_index(all, 1);
    assert_string_equal(second->reason, "restored");
}

static err_t *change_keys(struct db *db, void *data)
{
    return local_site_update_keys(db, data);
}

static void test_local_keys(void **state)
{
    struct both *b = *state;
    OK(db_tx(b->db, make_local, (char[]){"site-1"}));
    AUTO(local_site) local = NULL;
    OK(local_site_find(b->db, &local));
    g_free(local->sign_public);
    local->sign_public = g_strdup("sign-2");
    local->key_check = g_strdup("sealed");
    OK(db_tx(b->db, change_keys, local));
    AUTO(local_site) read = NULL;
    OK(local_site_find(b->db, &read));
    assert_string_equal(read->sign_public, "sign-2");
    assert_string_equal(read->key_check, "sealed");
}

/* ---- proofs of the peer */

static bool answer(struct db *db, const char *nonce, const char *group, int64_t at)
{
    bool first = false;
    OK(peer_proof_answer(db, nonce, group, "hash", "STANDBY", at, 60000, &first));
    return first;
}

static bool use(struct db *db, const char *nonce, const char *group, int64_t at)
{
    bool used = false;
    OK(peer_proof_use(db, nonce, group, at, 60000, &used));
    return used;
}

static void test_proofs(void **state)
{
    struct both *b = *state;
    OK(peer_proof_insert(b->db, "n1", "pg-1", BOTH_NOW));
    FAILS(peer_proof_insert(b->db, "n1", "pg-1", BOTH_NOW), DB_DUPLICATE);
    assert_false(use(b->db, "n1", "pg-1", BOTH_NOW)); /* not answered */
    assert_false(answer(b->db, "n1", "pg-2", BOTH_NOW));
    assert_false(answer(b->db, "n2", "pg-1", BOTH_NOW));
    assert_false(answer(b->db, "n1", "pg-1", BOTH_NOW + 60001)); /* too late */
    assert_true(answer(b->db, "n1", "pg-1", BOTH_NOW + 10));
    assert_false(answer(b->db, "n1", "pg-1", BOTH_NOW + 11)); /* once */
    assert_false(use(b->db, "n1", "pg-2", BOTH_NOW + 12));
    assert_false(use(b->db, "n1", "pg-1", BOTH_NOW + 60011)); /* too old */
    assert_true(use(b->db, "n1", "pg-1", BOTH_NOW + 60010));
    assert_false(use(b->db, "n1", "pg-1", BOTH_NOW + 13)); /* once */
    OK(peer_proof_prune(b->db, BOTH_NOW + 1));
    OK(peer_proof_insert(b->db, "n1", "pg-1", BOTH_NOW));
}

static void test_peer_state(void **state)
{
    struct both *b = *state;
    struct peer_state *none = NULL;
    OK(peer_state_find(b->db, "pg-1", &none));
    assert_null(none);
    AUTO(peer_state) peer = peer_state_create();
    peer->pg_id = g_strdup("pg-1");
    peer->status = g_strdup("SYNCED");
    peer->observations = json_pack("{s:s}", "cinder_group", "x");
    peer->remote_version = 4;
    OK(peer_state_put(b->db, peer));
    peer->remote_version = 5;
    OK(peer_state_put(b->db, peer));
    AUTO(peer_state) read = NULL;
    OK(peer_state_find(b->db, "pg-1", &read));
    assert_int_equal(read->remote_version, 5);
    assert_string_equal(json_str(read->observations, "cinder_group"), "x");
    OK(peer_state_delete(b->db, "pg-1"));
    OK(peer_state_find(b->db, "pg-1", &none));
    assert_null(none);
}

/* ---- idempotency */

static void test_idempotency(void **state)
{
    struct both *b = *state;
    struct idempotency row = {
        .project_id = (char[]){"p"},
        .idem_key = (char[]){"k"},
        .verb = (char[]){"protection_group.create"},
        .request_hash = (char[]){"h"},
        .subject_id = (char[]){"pg-1"},
        .created_at_ms = BOTH_NOW,
    };
    struct idempotency *found = NULL;
    OK(idempotency_insert(b->db, &row));
    FAILS(idempotency_insert(b->db, &row), DB_DUPLICATE);
    OK(idempotency_find(b->db, "p", "k", &found));
    assert_string_equal(found->subject_id, "pg-1");
    g_clear_pointer(&found, idempotency_destroy);
    OK(idempotency_find(b->db, "q", "k", &found));
    assert_null(found);
    OK(idempotency_forget(b->db, "p", "pg-1"));
    OK(idempotency_insert(b->db, &row));
    OK(idempotency_prune(b->db, BOTH_NOW + 1));
    OK(idempotency_find(b->db, "p", "k", &found));
    assert_null(found);
}

/* ---- audit */

static err_t *append(struct db *db, void *data)
{
    AUTO(audit_entry) entry = audit_entry_create();
    entry->project_id = g_strdup("p");
    entry->action = g_strdup(data);
    entry->outcome = g_strdup("done");
    entry->details = json_pack("{s:s}", "why", "because");
    entry->created_at_ms = BOTH_NOW;
    return audit_append(db, entry);
}

static int64_t verify(struct db *db)
{
    int64_t bad = -1;
    OK(audit_verify(db, &bad));
    return bad;
}

static void test_audit(void **state)
{
    struct both *b = *state;
    static const struct {
        const char *sql;
        int64_t bad;
    } crimes[] = {
        {"UPDATE audit_log SET action = 'nothing' WHERE seq = 3", 3},
        {"UPDATE audit_log SET user_id = '' WHERE seq = 5", 5},
        {"UPDATE audit_log SET details = '{\"why\":\"not\"}' WHERE seq = 2", 2},
        {"DELETE FROM audit_log WHERE seq = 4", 4},
        {"DELETE FROM audit_log WHERE seq = 6", 6}, /* the last one */
        {"DELETE FROM audit_log", 1},
    };
    assert_int_equal(verify(b->db), 0);
    for (size_t c = 0; c < G_N_ELEMENTS(crimes); c++) {
        OK(db_exec(b->db, NULL, "DELETE FROM audit_log", ""));
        OK(db_exec(b->db, NULL, "DELETE FROM audit_head", ""));
        for (int i = 0; i < 6; i++)
            OK(db_tx(b->db, append, (char[]){"group.create"}));
        assert_int_equal(verify(b->db), 0);
        OK(db_exec(b->db, NULL, crimes[c].sql, ""));
        assert_int_equal(verify(b->db), crimes[c].bad);
    }
}

/* A row exchanged for one that is right in itself: the row after it tells. */
static void test_audit_forged(void **state)
{
    struct both *b = *state;
    AUTO(db) forger = NULL;
    AUTO(db_rows) forged = NULL;
    OK(db_open("sqlite://", &forger));
    OK(store_sync(forger, BOTH_NOW, NULL));
    for (int i = 1; i <= 5; i++) {
        OK(db_tx(b->db, append, (char[]){"group.create"}));
        OK(db_tx(forger, append, i == 3 ? (char[]){"group.delete"} : (char[]){"group.create"}));
    }
    OK(db_query(forger, &forged, "SELECT action, hash FROM audit_log WHERE seq = 3", ""));
    OK(db_exec(b->db, NULL, "UPDATE audit_log SET action = ?, hash = ? WHERE seq = 3", "ss",
               db_str(forged, 0, 0), db_str(forged, 0, 1)));
    assert_int_equal(verify(b->db), 4);
}

static gpointer audit_thread(gpointer data)
{
    AUTO(db) db = both_open(data);
    for (int i = 0; i < 20;) {
        err_t *e = db_tx(db, append, (char[]){"x"});
        bool again = e != NULL && err_is(e, ERR_DB_DEADLOCK);
        if (!again)
            OK(e);
        else
            err_free(e);
        i += !again;
    }
    return NULL;
}

static void test_audit_at_once(void **state)
{
    struct both *b = *state;
    GThread *threads[3];
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("audit", audit_thread, b);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    assert_int_equal(verify(b->db), 0);
    g_autoptr(GPtrArray) rows = NULL;
    OK(audit_list(b->db, 0, 100, &rows));
    assert_int_equal(rows->len, 60);
}

/* ---- the ledger */

static err_t *put_resources(struct db *db, void *data)
{
    (void)data;
    for (int i = 0; i < 4; i++) {
        AUTO(resource) r = resource_create();
        r->resource_key = g_strdup_printf("key-%d", i);
        r->op_id = g_strdup("op-1");
        r->pg_id = g_strdup("pg-1");
        r->subject = g_strdup("m");
        r->kind = g_strdup("server");
        r->site_id = g_strdup("s");
        r->service = g_strdup("nova");
        r->cloud_id = g_strdup_printf("cloud-%d", i);
        r->state = g_strdup(resource_state_text((enum resource_state)i));
        r->details = json_pack("{s:i}", "i", i);
        r->created_at_ms = BOTH_NOW - i;
        TRY(resource_put(db, r));
        TRY(resource_put(db, r)); /* repeatable */
    }
    return NULL;
}

static void test_ledger(void **state)
{
    struct both *b = *state;
    OK(db_tx(b->db, put_resources, NULL));
    g_autoptr(GPtrArray) all = NULL;
    g_autoptr(GPtrArray) made = NULL;
    AUTO(resource) owner = NULL;
    struct resource *none = NULL;
    OK(resource_list_group(b->db, "pg-1", NULL, &all));
    assert_int_equal(all->len, 4);
    const struct resource *first = g_ptr_array_index(all, 0);
    assert_string_equal(first->resource_key, "key-3");
    OK(resource_list_op(b->db, "op-1", "made", &made));
    assert_int_equal(made->len, 1);
    OK(resource_find_cloud(b->db, "cloud-2", &owner));
    assert_string_equal(owner->state, "released");
    assert_int_equal(json_int(owner->details, "i", 0), 2);
    OK(resource_find(b->db, "key-9", &none));
    assert_null(none);
}

static err_t *put_operation(struct db *db, void *data)
{
    AUTO(operation) op = operation_create();
    op->id = g_strdup("op-1");
    op->pg_id = g_strdup("pg-1");
    op->project_id = g_strdup("p");
    op->operation_type = g_strdup("failover");
    op->runbook = g_strdup("failover");
    op->status = g_strdup(data);
    op->created_at_ms = BOTH_NOW;
    TRY(operation_insert(db, op));
    AUTO(resource) r = resource_create();
    r->resource_key = g_strdup("key-cg");
    r->op_id = g_strdup("op-1");
    r->pg_id = g_strdup("pg-1");
    r->subject = g_strdup("");
    r->kind = g_strdup("cinder_group");
    r->site_id = g_strdup("s");
    r->service = g_strdup("cinder");
    r->state = g_strdup("made");
    return resource_put(db, r);
}

static err_t *hand_over(struct db *db, void *data)
{
    return resource_hand_over(db, "op-1", BOTH_NOW + 5, data);
}

/* What an ended operation left is handed over by a person's word; not what it may yet take back. */
static void test_ledger_held(void **state)
{
    struct both *b = *state;
    static const struct {
        const char *status;
        bool ended;
    } cases[] = {{"rolling_back", false}, {"rolled_back", true}};

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GPtrArray) held = NULL;
        g_autoptr(GPtrArray) left = NULL;
        int64_t count = -1;
        OK(db_exec(b->db, NULL, "DELETE FROM dr_operations", ""));
        OK(db_exec(b->db, NULL, "DELETE FROM dr_resources", ""));
        OK(db_tx(b->db, put_resources, NULL));
        OK(db_tx(b->db, put_operation, (void *)cases[i].status));
        OK(resource_list_held(b->db, "pg-1", &held)); /* the Cinder group is the group's own */
        assert_int_equal(held->len, 2);
        const struct resource *first = g_ptr_array_index(held, 0);
        assert_string_equal(first->state, "made");
        if (!cases[i].ended)
            FAILS(db_tx(b->db, hand_over, &count), OPERATION_STATE);
        else
            OK(db_tx(b->db, hand_over, &count));
        assert_int_equal(count, cases[i].ended ? 2 : -1);
        OK(resource_list_held(b->db, "pg-1", &left));
        assert_int_equal(left->len, cases[i].ended ? 0 : 2);
    }
}

/* ---- outbox, consistency group */

static void test_outbox(void **state)
{
    struct both *b = *state;
    struct outbox_item item = {
        .pg_id = (char[]){"pg-1"},
        .message_type = (char[]){"GONE"},
        .position = (char[]){"h"},
        .message = (char[]){"{\"envelope\":\"\xc3\xa9\"}"},
        .created_at_ms = BOTH_NOW,
    };
    for (int i = 0; i < 3; i++)
        OK(outbox_put(b->db, &item));
    g_autoptr(GPtrArray) items = NULL;
    OK(outbox_list(b->db, "pg-1", &items));
    assert_int_equal(items->len, 1);
    const struct outbox_item *read = g_ptr_array_index(items, 0);
    assert_string_equal(read->message, item.message);
    for (int i = 1; i < OUTBOX_ITEMS_MAX; i++) {
        g_autofree char *position = g_strdup_printf("h-%d", i);
        struct outbox_item more = item;
        more.position = position;
        OK(outbox_put(b->db, &more));
    }
    item.message_type = (char[]){"CLOSE"};
    FAILS(outbox_put(b->db, &item), CONFLICT);
    OK(outbox_delete(b->db, "pg-1", "GONE"));
    OK(outbox_put(b->db, &item));
    OK(outbox_delete(b->db, "pg-1", ""));
    g_autoptr(GPtrArray) none = NULL;
    OK(outbox_list(b->db, "pg-1", &none));
    assert_int_equal(none->len, 0);
}

static void test_cg(void **state)
{
    struct both *b = *state;
    struct cg *found = NULL;
    OK(cg_find(b->db, "pg-1", &found));
    assert_null(found);
    AUTO(cg) cg = cg_create();
    cg->pg_id = g_strdup("pg-1");
    cg->id = g_strdup("cg-1");
    cg->status = g_strdup("creating");
    OK(cg_put(b->db, cg));
    cg->peer_cg_id = g_strdup("cinder-2");
    OK(cg_put(b->db, cg));
    OK(cg_find(b->db, "pg-1", &found));
    assert_string_equal(found->peer_cg_id, "cinder-2");
    assert_null(found->local_cg_id);
    g_clear_pointer(&found, cg_destroy);
    OK(cg_delete(b->db, "pg-1"));
    OK(cg_find(b->db, "pg-1", &found));
    assert_null(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_sites),        BOTH(test_tenant_mappings), BOTH(test_trusts),
        BOTH(test_local),        BOTH(test_local_keys),      BOTH(test_proofs),
        BOTH(test_peer_state),   BOTH(test_idempotency),     BOTH(test_audit),
        BOTH(test_audit_forged), BOTH(test_audit_at_once),   BOTH(test_ledger),
        BOTH(test_ledger_held),  BOTH(test_outbox),          BOTH(test_cg),
    };
    return cmocka_run_group_tests(tests, both_start, both_stop);
}
