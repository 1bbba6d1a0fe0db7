/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of store/restored on both databases: what counts as a restore, what several controllers
 * make of each other, and what a restore does to groups, operations and the ledger.
 */
#include "tests/unit/store/both.h"

#include "store/group.h"
#include "store/operation.h"
#include "store/resource.h"
#include "store/restored.h"
#include "store/sync.h"
#include "store/sync_log.h"

#define GROUP "pg-00000000-0000-4000-8000-000000000001"
#define SELF  "0aaaaaaa-0000-4000-8000-000000000000"
#define PEER  "1bbbbbbb-0000-4000-8000-000000000000"
#define ONE   "1-000102030405060708090a0b0c0d0e0f"

static void draw(void *data, void *buffer, size_t size)
{
    static unsigned char next;
    (void)data;
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)buffer)[i] = next++;
}

static int64_t now(void *data)
{
    (void)data;
    return BOTH_NOW;
}

static const struct env test_env = {.now_ms = now, .mono_ms = now, .random = draw};

/* ---- a site: a database, and one controller or two of it */

struct site {
    struct both *b;
    struct site_identity identity;
    struct exchange one, two;
};

static err_t *site_insert(struct db *db, void *data)
{
    (void)data;
    struct local_site local = {.site_id = (char *)SELF,
                               .sign_public = (char *)"s",
                               .seal_public = (char *)"b",
                               .fingerprint = (char *)"f",
                               .incarnation = (char *)ONE,
                               .created_at_ms = BOTH_NOW};
    return local_site_insert(db, &local);
}

static void site_init(struct site *s, struct both *b)
{
    *s = (struct site){.b = b};
    g_strlcpy(s->identity.site_id, SELF, sizeof s->identity.site_id);
    s->one = (struct exchange){.env = &test_env,
                               .identity = &s->identity,
                               .state_dir = g_dir_make_tmp("marks-XXXXXX", NULL)};
    s->two = (struct exchange){.env = &test_env,
                               .identity = &s->identity,
                               .state_dir = g_dir_make_tmp("marks-XXXXXX", NULL)};
    OK(db_tx(b->db, site_insert, NULL));
}

static void folder_remove(const char *dir)
{
    static const char *const names[] = {"marks.json", "marks.lock"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(dir, names[i], NULL);
        g_remove(path);
    }
    g_rmdir(dir);
    g_free((char *)dir);
}

static void site_fini(struct site *s)
{
    folder_remove(s->one.state_dir);
    folder_remove(s->two.state_dir);
}

/* What a controller has seen: the database as it stands, with these numbers. */
static void remember(struct site *s, const struct exchange *x, int64_t counter, int64_t minted,
                     int64_t floor)
{
    AUTO(marks) marks = NULL;
    AUTO(local_site) local = NULL;
    OK(restored_recall(x, &marks));
    OK(local_site_find(s->b->db, &local));
    local->counter = counter;
    OK(restored_remember(x, marks, local, GROUP, minted, floor));
}

static void set(struct site *s, const char *incarnation, int64_t counter)
{
    OK(db_exec(s->b->db, NULL, "UPDATE local_site SET incarnation = ?, counter = ?", "si",
               incarnation, counter));
}

static bool noticed(struct site *s, const struct exchange *x)
{
    AUTO(marks) marks = NULL;
    AUTO(local_site) local = NULL;
    g_autofree char *why = NULL;
    OK(restored_recall(x, &marks));
    OK(local_site_find(s->b->db, &local));
    OK(restored_notice(s->b->db, marks, local, &why));
    return why != NULL;
}

static bool checked(struct site *s, const struct exchange *x)
{
    bool ret = false;
    OK(restored_check(x, s->b->db, &ret));
    return ret;
}

static void incarnation_is(struct site *s, int64_t number)
{
    AUTO(local_site) local = NULL;
    OK(local_site_find(s->b->db, &local));
    assert_int_equal(incarnation_number(local->incarnation), number);
}

/* ---- a group with a history */

static err_t *group_make(struct db *db, void *data)
{
    struct site *s = data;
    struct sync_state before, after;
    struct group_row seed = {.project_id = (char *)"prod", .name = (char *)"web"};
    struct sync_effects effects;
    struct sync_context context = {.now_ms = BOTH_NOW, .incarnation = ONE, .random = draw};

    (void)s;
    sync_state_init(&before, GROUP, SELF, PEER);
    sync_state_copy(&before, &after);
    sync_effects_init(&effects);
    err_t *e = sync_create(&after, &context, &effects);
    if (e == NULL)
        e = store_sync_save(db, &before, &after, &seed, BOTH_NOW);
    sync_effects_fini(&effects);
    sync_state_fini(&before);
    sync_state_fini(&after);
    if (e != NULL)
        return e;
    AUTO(operation) op = operation_create();
    op->id = g_strdup("op-1");
    op->pg_id = g_strdup(GROUP);
    op->project_id = g_strdup("prod");
    op->operation_type = g_strdup("demote");
    op->runbook = g_strdup("demote");
    op->executing_site_id = g_strdup(SELF);
    op->target_site_id = g_strdup(SELF);
    op->params = json_object();
    op->created_at_ms = BOTH_NOW;
    TRY(operation_insert(db, op));
    AUTO(resource) made = resource_create();
    made->resource_key = g_strdup("key-1");
    made->op_id = g_strdup("op-1");
    made->pg_id = g_strdup(GROUP);
    made->subject = g_strdup("member-1");
    made->kind = g_strdup("server");
    made->site_id = g_strdup(SELF);
    made->service = g_strdup("nova");
    made->cloud_id = g_strdup("server-1");
    made->name = g_strdup("web-1");
    made->project_id = g_strdup("prod");
    made->state = g_strdup("made");
    return resource_put(db, made);
}

static void group_is_recovering(struct site *s, int64_t floor)
{
    AUTO(group_row) row = NULL;
    AUTO(operation) op = NULL;
    AUTO(resource) made = NULL;

    OK(group_find(s->b->db, GROUP, &row));
    assert_string_equal(row->role, "RECOVERING");
    assert_string_equal(row->status, "recovering");
    assert_int_equal(row->floor, floor);
    assert_true(row->owing); /* whoever comes by is to ask */
    OK(operation_find(s->b->db, "op-1", &op));
    assert_string_equal(op->status, "superseded");
    assert_false(op->is_open);
    OK(resource_find(s->b->db, "key-1", &made));
    assert_string_equal(made->state, "released");
}

/* ---- what counts */

static void test_same_incarnation(void **state)
{
    struct site s;
    site_init(&s, *state);
    assert_false(noticed(&s, &s.one)); /* nothing is remembered yet */
    set(&s, ONE, 7);
    remember(&s, &s.one, 7, 0, 0);
    assert_false(noticed(&s, &s.one));
    set(&s, ONE, 9); /* others have worked */
    assert_false(noticed(&s, &s.one));
    set(&s, ONE, 6);
    assert_true(noticed(&s, &s.one));
    site_fini(&s);
}

/* Another database under this controller, or an older one that lacks the incarnation. */
static void test_other_incarnation(void **state)
{
    struct site s;
    site_init(&s, *state);
    remember(&s, &s.one, 1, 0, 0);
    set(&s, "1-ffffffffffffffffffffffffffffffff", 50);
    assert_true(noticed(&s, &s.one));
    assert_true(checked(&s, &s.one));
    incarnation_is(&s, 2);
    assert_false(noticed(&s, &s.one));
    set(&s, ONE, 50); /* the first one once more: older than what this controller knows */
    assert_true(checked(&s, &s.one));
    incarnation_is(&s, 3);
    site_fini(&s);
}

/* A second controller learns what the first one has admitted, and does not admit it again. */
static void test_two_controllers(void **state)
{
    struct site s;
    site_init(&s, *state);
    OK(db_tx(s.b->db, group_make, &s));
    set(&s, ONE, 9);
    remember(&s, &s.one, 9, 0, 0);
    remember(&s, &s.two, 8, 0, 0);
    set(&s, ONE, 3);
    assert_true(checked(&s, &s.one));
    incarnation_is(&s, 2);
    assert_false(checked(&s, &s.two));
    incarnation_is(&s, 2);
    remember(&s, &s.two, 10, 0, 0);
    assert_false(noticed(&s, &s.two));
    group_is_recovering(&s, 0);
    site_fini(&s);
}

/* Unless it knows epochs that the first one did not: that group must start from them. */
static void test_second_controller_knows_more(void **state)
{
    struct site s;
    site_init(&s, *state);
    OK(db_tx(s.b->db, group_make, &s));
    remember(&s, &s.one, 9, 0, 0);
    remember(&s, &s.two, 8, 4, 2);
    set(&s, ONE, 3);
    assert_true(checked(&s, &s.one));
    group_is_recovering(&s, 0);
    assert_true(checked(&s, &s.two));
    incarnation_is(&s, 3);
    group_is_recovering(&s, 2);
    assert_false(checked(&s, &s.one));
    assert_false(checked(&s, &s.two));
    site_fini(&s);
}

/* ---- what it does */

static void test_admission(void **state)
{
    struct site s;
    struct restored_tag tag = {GROUP, "5-0f0e0d0c0b0a09080706050403020100", 6, 4};
    site_init(&s, *state);
    OK(db_tx(s.b->db, group_make, &s));
    remember(&s, &s.one, 5, 0, 0);
    OK(restored_admit(&s.one, s.b->db, "an array says so", &tag));
    incarnation_is(&s, 6);
    group_is_recovering(&s, 4);
    assert_false(noticed(&s, &s.one));
    AUTO(marks) marks = NULL;
    OK(restored_recall(&s.one, &marks));
    assert_true(marks->counter > 5);
    assert_int_equal(incarnation_number(marks->incarnation), 6);
    site_fini(&s);
}

/* What is signed after another controller's admission must not leave. */
static void test_remember_is_fenced(void **state)
{
    struct site s;
    site_init(&s, *state);
    AUTO(marks) before = NULL;
    AUTO(local_site) local = NULL;
    remember(&s, &s.one, 1, 0, 0);
    OK(restored_recall(&s.one, &before));
    OK(local_site_find(s.b->db, &local));
    local->counter = 2;
    OK(restored_admit(&s.one, s.b->db, "said by the operator", NULL));
    err_t *e = restored_remember(&s.one, before, local, GROUP, 0, 0);
    assert_non_null(e);
    assert_int_equal(err_code(e), ERR_FENCED);
    err_free(e);
    site_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_same_incarnation), BOTH(test_other_incarnation),
        BOTH(test_two_controllers),  BOTH(test_second_controller_knows_more),
        BOTH(test_admission),        BOTH(test_remember_is_fenced),
    };
    return cmocka_run_group_tests(tests, both_start, both_stop);
}
