/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of store/judge: what of a proposal this site can take, and what its refusal says. */
#include "tests/unit/store/both.h"

#include "store/judge.h"
#include "store/operation.h"
#include "store/policy.h"
#include "store/resource.h"
#include "store/site.h"
#include "store/tenant_mapping.h"
#include "store/trust.h"

#define GROUP "pg-00000000-0000-4000-8000-000000000001"
#define A     "0aaaaaaa-0000-4000-8000-000000000000"
#define B     "1bbbbbbb-0000-4000-8000-000000000000"
#define C     "2ccccccc-0000-4000-8000-000000000000"

/* A proposal at site B: the state without any position yet, and a body. */
static struct body *body_of(const char *first, const char *second, json_t *more)
{
    g_autoptr(json_t) own = more;
    struct body_create_spec spec = {.group = GROUP,
                                    .name = "web",
                                    .replication_type = "async",
                                    .consistency_group_id = "cg-1",
                                    .primary = {first, "site-a", "project-a", "gold", NULL},
                                    .secondary = {second, "site-b", "project-b", "gold", NULL},
                                    .now_ms = BOTH_NOW};
    json_t *draft = NULL;
    struct body *body = NULL;
    OK(body_create(&spec, &draft));
    if (own != NULL)
        json_object_update(draft, own);
    OK(body_seal(draft, &body));
    return body;
}

static err_t *judge(struct both *b, struct body *takes, const char *project)
{
    AUTO(body) body = takes;
    struct sync_state state;
    sync_state_init(&state, GROUP, B, A);
    err_t *e = judge_content(b->db, project, &state, body);
    sync_state_fini(&state);
    return e;
}

static void assert_judged(err_t *e, enum err_code code, const char *words)
{
    assert_non_null(e);
    if (err_code(e) != code || strstr(err_message(e), words) == NULL)
        fail_msg("%s: '%s' does not say '%s'", err_code_text(e), err_message(e), words);
    err_free(e);
}

static err_t *put_trust(struct db *db, void *data)
{
    (void)data;
    AUTO(trust) trust = trust_create();
    trust->id = g_strdup("trust-1");
    trust->project_id = g_strdup("project-b");
    trust->user_id = g_strdup("ann");
    trust->trust = g_strdup("sealed");
    trust->roles = json_array();
    trust->status = g_strdup("verified");
    return trust_put(db, trust);
}

static void map_project(struct both *b, const char *theirs)
{
    AUTO(tenant_mapping) mapping = tenant_mapping_create();
    mapping->id = g_strdup("mapping-1");
    mapping->local_site_id = g_strdup(B);
    mapping->local_project_id = g_strdup("project-b");
    mapping->remote_site_id = g_strdup(A);
    mapping->remote_project_id = g_strdup(theirs);
    OK(tenant_mapping_insert(b->db, mapping));
}

static void put_site(struct both *b, const char *status)
{
    AUTO(site) site = site_create();
    site->id = g_strdup(A);
    site->name = g_strdup("site-a");
    site->site_type = g_strdup("primary");
    site->auth_url = g_strdup("http://a");
    site->region_name = g_strdup("R");
    site->status = g_strdup(status);
    OK(site_insert(b->db, site));
}

/* One thing after the other is put right, until the proposal is taken. */
static void test_content(void **state)
{
    struct both *b = *state;
    assert_judged(judge(b, body_of(A, C, NULL), NULL), ERR_BODY_INVALID, "does not join this site");
    assert_judged(judge(b, body_of(C, B, NULL), NULL), ERR_BODY_INVALID, "does not join this site");
    assert_judged(judge(b, body_of(A, B, NULL), "project-x"), ERR_FORBIDDEN, "another project");
    assert_judged(judge(b, body_of(A, B, json_pack("{s:i}", "schema", BODY_SCHEMA + 1)), NULL),
                  ERR_BODY_SCHEMA, "of schema");
    assert_judged(judge(b, body_of(A, B, NULL), "project-b"), ERR_MAPPING_MISSING, "not mapped");
    put_site(b, "active");
    map_project(b, "project-x"); /* to another one there */
    assert_judged(judge(b, body_of(A, B, NULL), NULL), ERR_MAPPING_MISSING, "not mapped");
    OK(tenant_mapping_delete(b->db, "mapping-1"));
    map_project(b, "project-a");
    assert_judged(judge(b, body_of(A, B, NULL), NULL), ERR_TRUST_MISSING, "no trust");
    OK(db_tx(b->db, put_trust, NULL));
    OK(judge(b, body_of(A, B, NULL), "project-b"));
}

static void test_given_up_site(void **state)
{
    struct both *b = *state;
    put_site(b, SITE_DECOMMISSIONED);
    assert_judged(judge(b, body_of(A, B, NULL), NULL), ERR_SITE_DECOMMISSIONED, "decommissioned");
}

static json_t *policy(void)
{
    return json_pack("{s:{s:s, s:s, s:s, s:s, s:i, s:i, s:{}}}", "policy", "id", "p-1",
                     "primary_fa_url", "https://a", "secondary_fa_url", "https://b", "pure_pg_name",
                     "pg-web", "replication_interval", 300, "rpo_minutes", 15, "tokens");
}

static err_t *put_policy(struct db *db, void *data)
{
    g_autoptr(json_t) own = policy();
    return policy_put(db, data, json_obj(own, "policy"), BOTH_NOW);
}

/* One group of an array serves one protection group; a policy that stood before is not judged. */
static void test_array_is_taken(void **state)
{
    struct both *b = *state;
    put_site(b, "active");
    map_project(b, "project-a");
    OK(db_tx(b->db, put_trust, NULL));
    OK(judge(b, body_of(A, B, policy()), NULL));
    OK(db_tx(b->db, put_policy, (void *)"pg-another"));
    assert_judged(judge(b, body_of(A, B, policy()), NULL), ERR_CONFLICT, "'pg-web'");
    struct sync_state same;
    sync_state_init(&same, GROUP, B, A);
    same.body = body_of(A, B, policy());
    AUTO(body)
    renamed = body_of(A, B,
                      json_pack("{s:s, s:o}", "name", "shop", "policy",
                                json_incref(json_object_get(body_json(same.body), "policy"))));
    OK(judge_content(b->db, NULL, &same, renamed));
    sync_state_fini(&same);
}

/* ---- deletes */

static err_t *put_resource(struct db *db, void *data)
{
    return resource_put(db, data);
}

static void hold(struct both *b, int number, const char *name, const char *cloud_id)
{
    g_autofree char *key = g_strdup_printf("key-%d", number);
    struct resource r = {.resource_key = key,
                         .op_id = (char *)"op-1",
                         .pg_id = (char *)GROUP,
                         .subject = (char *)"member-1",
                         .kind = (char *)"server",
                         .site_id = (char *)B,
                         .service = (char *)"compute",
                         .cloud_id = (char *)cloud_id,
                         .name = (char *)name,
                         .state = (char *)"made",
                         .created_at_ms = BOTH_NOW + number,
                         .updated_at_ms = BOTH_NOW};
    OK(db_tx(b->db, put_resource, &r));
}

static err_t *judge_delete(struct both *b)
{
    return judge(b, body_of(A, B, json_pack("{s:b}", "deleting", 1)), NULL);
}

static void put_operation(struct both *b)
{
    AUTO(operation) op = operation_create();
    op->id = g_strdup("op-1");
    op->pg_id = g_strdup(GROUP);
    op->project_id = g_strdup("project-b");
    op->operation_type = g_strdup("failover");
    op->runbook = g_strdup("failover");
    op->runbook_version = 1;
    OK(operation_insert(b->db, op));
}

static void test_held(void **state)
{
    struct both *b = *state;
    OK(judge_delete(b)); /* neither mapping nor trust is needed for it */
    hold(b, 0, "web-1", "id-1");
    hold(b, 1, NULL, NULL);
    assert_judged(judge_delete(b), ERR_DELETE_HELD,
                  "2 objects of operation 'op-1' (unknown), which could not take them back, are "
                  "still held at this site: server 'web-1' (id-1), server");
    for (int i = 2; i < 8; i++)
        hold(b, i, "web-x", NULL);
    put_operation(b);
    err_t *e = judge_delete(b);
    assert_string_equal(err_detail_get(e, "operation"), "op-1");
    assert_non_null(strstr(err_remedy_text(e), "wait until operation 'op-1' has ended"));
    assert_non_null(strstr(err_message(e), "'web-x' and 2 more"));
    assert_judged(e, ERR_DELETE_HELD, "(failover), which has not ended");
    AUTO(db_rows) rows = NULL;
    OK(db_query(b->db, &rows, "UPDATE dr_operations SET is_open = 0", ""));
    e = judge_delete(b);
    assert_non_null(strstr(err_remedy_text(e), "protector-manage orphans release op-1"));
    assert_judged(e, ERR_DELETE_HELD, "could not take them back");
}

/* A refusal is cut to what a message carries, and never within a character. */
static void test_refusal(void **state)
{
    (void)state;
    struct sync_refusal refusal;
    g_autoptr(err_t) plain = err_remedy(err(CONFLICT, "no"), "%s", "");
    judge_refusal(plain, &refusal);
    assert_string_equal(refusal.code, "protector.conflict");
    assert_string_equal(refusal.text, "no");
    g_autoptr(err_t) helped = err_remedy(err(CONFLICT, "no"), "wait");
    judge_refusal(helped, &refusal);
    assert_string_equal(refusal.text, "no. Action: wait");
    for (size_t start = 0; start < 4; start++) {
        g_autoptr(GString) text = g_string_new_len("xxxx", (gssize)start);
        while (text->len < sizeof refusal.text)
            g_string_append(text, "\xf0\x9f\x90\x8c");
        g_autoptr(err_t) lengthy = err(CONFLICT, "%s", text->str);
        judge_refusal(lengthy, &refusal);
        assert_true(g_utf8_validate(refusal.text, -1, NULL));
        assert_true(strlen(refusal.text) > sizeof refusal.text - 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_content), BOTH(test_given_up_site),       BOTH(test_array_is_taken),
        BOTH(test_held),    cmocka_unit_test(test_refusal),
    };
    return cmocka_run_group_tests(tests, both_start, both_stop);
}
