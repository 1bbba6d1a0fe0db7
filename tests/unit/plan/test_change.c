/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A user's change as a function: each type applied to a draft changes what it names, touches the
 * date, and nothing else; what is refused is refused with words.
 */
#include "tests/unit/plan/golden.h"

#include "base/env.h"
#include "model/body.h"
#include "plan/change.h"

#define SITE_A "0a000000-0000-4000-8000-000000000000"
#define SITE_B "fb000000-0000-4000-8000-000000000000"
#define BORN   ((int64_t)1737000000000)
#define NOW    (BORN + 3600000)
#define MEMBER                                                                                     \
    "{'id':'member-1','instance_id':'srv-1','instance_name':'web-1','status':'protected',"         \
    "'config':{'name':'web-1'},'volumes':[]}"
#define CREATE                                                                                     \
    "{'group':'pg-1','name':'shop','description':'d','replication_type':'async',"                  \
    "'consistency_group_id':'cg-1','primary':{'uuid':'" SITE_A "','name':'site-a',"                \
    "'project_id':'pa','volume_type':'gold'},'secondary':{'uuid':'" SITE_B "','name':'site-b',"    \
    "'project_id':'pb','volume_type':'silver'}}"
#define POLICY                                                                                     \
    "{'id':'p-1','primary_fa_url':'https://a','secondary_fa_url':'https://b',"                     \
    "'pure_pg_name':'pg','replication_interval':300,'rpo_minutes':15,"                             \
    "'tokens':{'primary_fa_token':{'" SITE_A "':'x','" SITE_B "':'y'},"                            \
    "'secondary_fa_token':{'" SITE_A "':'z','" SITE_B "':'w'}}}"

static json_t *group(void)
{
    g_autoptr(json_t) params = json_of(CREATE);
    json_t *draft = NULL;
    OK(plan_change("create", params, NULL, BORN, &draft));
    return draft;
}

/* Type, parameters, and where in the successor what can be read. */
static const struct {
    const char *type, *params, *path, *value;
} cases[] = {
    {"update", "{'name':'store'}", "name", "'store'"},
    {"update", "{'name':'store'}", "description", "'d'"},
    {"update", "{'description':''}", "name", "'shop'"},
    {"policy_set", POLICY, "policy/rpo_minutes", "15"},
    {"member_add", "{'member':{'id':'member-1','instance_id':'srv-1'}}", "members", "[]"},
    {"member_add", "{'captured':" MEMBER "}", "members/0", MEMBER},
    {"mappings_set",
     "{'source_site':'" SITE_A "','mappings':{'network':{'prod':'lan'},'flavor':{'s':'m'}}}",
     "mappings/" SITE_A, "{'network':{'prod':'lan'},'flavor':{'s':'m'}}"},
    {"delete", "{}", "deleting", "true"},
};

static json_t *at(json_t *j, const char *path)
{
    g_auto(GStrv) keys = g_strsplit(path, "/", -1);
    for (guint i = 0; keys[i] != NULL; i++)
        j = json_is_array(j) ? json_array_get(j, (size_t)g_ascii_strtoull(keys[i], NULL, 10))
                             : json_object_get(j, keys[i]);
    return j;
}

static void test_changes(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(json_t) params = json_of(cases[i].params);
        g_autofree char *wrapped = g_strdup_printf("{'v':%s}", cases[i].value);
        g_autoptr(json_t) expected = json_of(wrapped);
        g_autoptr(json_t) next = NULL;
        assert_true(plan_is_change(cases[i].type));
        OK(plan_change(cases[i].type, params, group(), NOW, &next));
        if (!json_equal(at(next, cases[i].path), json_object_get(expected, "v"))) {
            g_autofree char *text = json_print(next);
            fail_msg("%s %s: %s", cases[i].type, cases[i].params, text);
        }
        g_autofree char *touched = time_format(NOW);
        assert_string_equal(json_str(next, "updated_at"), touched);
        OK(body_check(next));
    }
}

/* What is set can be taken away again, by the next change. */
static void test_there_and_back(void **state)
{
    (void)state;
    static const char *const ways[][4] = {
        {"policy_set", POLICY, "policy_delete", "{}"},
        {"member_add", "{'captured':" MEMBER "}", "member_remove", "{'member_id':'member-1'}"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(ways); i++) {
        g_autoptr(json_t) there = json_of(ways[i][1]);
        g_autoptr(json_t) back = json_of(ways[i][3]);
        g_autoptr(json_t) before = group();
        g_autoptr(json_t) end = NULL;
        json_t *middle = NULL;
        OK(plan_change(ways[i][0], there, group(), NOW, &middle));
        assert_false(json_equal(middle, before));
        OK(plan_change(ways[i][2], back, middle, BORN, &end));
        assert_true(json_equal(end, before));
    }
}

/* A mapping set to null is removed. */
static void test_mapping_removed(void **state)
{
    (void)state;
    g_autoptr(json_t) set =
        json_of("{'source_site':'" SITE_A "','mappings':{'network':{'prod':'lan'}}}");
    g_autoptr(json_t) unset =
        json_of("{'source_site':'" SITE_A "','mappings':{'network':{'prod':null}}}");
    g_autoptr(json_t) end = NULL;
    json_t *middle = NULL;
    OK(plan_change("mappings_set", set, group(), NOW, &middle));
    assert_string_equal(body_mapping(middle, SITE_A, "network", "prod"), "lan");
    OK(plan_change("mappings_set", unset, middle, NOW, &end));
    assert_null(body_mapping(end, SITE_A, "network", "prod"));
}

/* What is said of the start order stays until something else is said; what all have is not kept. */
static void test_start_order(void **state)
{
    (void)state;
    static const struct {
        const char *type, *params;
        int64_t priority, delay_s;
        const char *check;
        int64_t timeout_s;
    } steps[] = {
        {"member_add",
         "{'member':{'id':'member-1','instance_id':'srv-1','priority':1,'start_delay_s':30},"
         "'captured':" MEMBER "}",
         1, 30, NULL, BODY_START_TIMEOUT_S},
        {"member_update", "{'member_id':'member-1','priority':5}", 5, 30, NULL,
         BODY_START_TIMEOUT_S},
        {"member_update",
         "{'member_id':'member-1','start_delay_s':0,'start_check':'tcp:22','start_timeout_s':9}", 5,
         0, "tcp:22", 9},
        {"member_update",
         "{'member_id':'member-1','priority':null,'start_timeout_s':null,'start_check':null}", 5, 0,
         "tcp:22", 9}, /* null is as absent */
        {"update", "{'name':'store'}", 5, 0, "tcp:22", 9},
        {"member_update", "{'member_id':'member-1','priority':3}", BODY_PRIORITY_DEFAULT, 0,
         "tcp:22", 9},
        {"member_update", "{'member_id':'member-1','start_check':''}", BODY_PRIORITY_DEFAULT, 0,
         NULL, 9},
        {"member_update", "{'member_id':'member-1','start_timeout_s':120}", BODY_PRIORITY_DEFAULT,
         0, NULL, BODY_START_TIMEOUT_S},
    };
    json_t *draft = group();
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        g_autoptr(json_t) params = json_of(steps[i].params);
        OK(plan_change(steps[i].type, params, draft, NOW, &draft));
        const json_t *member = body_member(draft, "member-1");
        assert_int_equal(body_member_priority(member), steps[i].priority);
        assert_int_equal(body_member_start_delay_s(member), steps[i].delay_s);
        const char *check = body_member_start_check(member);
        assert_string_equal(check != NULL ? check : "",
                            steps[i].check != NULL ? steps[i].check : "");
        assert_int_equal(body_member_start_timeout_s(member), steps[i].timeout_s);
    }
    g_autoptr(json_t) as_added = json_of(MEMBER);
    assert_true(json_equal(body_member(draft, "member-1"), as_added));
    json_decref(draft);
}

static void test_create(void **state)
{
    (void)state;
    g_autoptr(json_t) body = group();
    OK(body_check(body));
    assert_string_equal(body_name(body), "shop");
    assert_string_equal(body_primary_site(body), SITE_A);
    assert_string_equal(body_project(body, SITE_B), "pb");
    assert_string_equal(body_volume_type(body, SITE_B), "silver");
    assert_string_equal(json_str(body, "consistency_group_id"), "cg-1");
    assert_true(plan_is_change("create"));
}

static const struct {
    const char *type, *params;
    enum err_code code;
} refusals[] = {
    {"failover", "{}", ERR_BAD_REQUEST},
    {"", "{}", ERR_BAD_REQUEST},
    {"update", "{'name':''}", ERR_BODY_INVALID},
    {"member_remove", "{'member_id':'member-9'}", ERR_NOT_FOUND},
    {"member_remove", "{}", ERR_NOT_FOUND},
    {"member_update", "{'member_id':'member-9','priority':1}", ERR_NOT_FOUND},
    {"member_add", "{'member':{'id':'member-1','priority':6},'captured':" MEMBER "}",
     ERR_BODY_INVALID},
    {"member_add", "{'member':{'id':'member-1','priority':0},'captured':" MEMBER "}",
     ERR_BODY_INVALID},
    {"member_add", "{'member':{'id':'member-1','start_delay_s':3601},'captured':" MEMBER "}",
     ERR_BODY_INVALID},
    {"mappings_set", "{'source_site':'nowhere','mappings':{'network':{'a':'b'}}}",
     ERR_BODY_INVALID},
    {"mappings_set", "{'source_site':'" SITE_A "','mappings':{'router':{'a':'b'}}}",
     ERR_BODY_INVALID},
    {"policy_set", "{'replication_interval':0}", ERR_BODY_INVALID},
    {"member_add", "{'captured':{'id':'member-1'}}", ERR_BODY_INVALID},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(refusals); i++) {
        g_autoptr(json_t) params = json_of(refusals[i].params);
        json_t *next = NULL;
        g_autoptr(err_t) e = plan_change(refusals[i].type, params, group(), NOW, &next);
        if (e == NULL || err_code(e) != refusals[i].code)
            fail_msg("%s %s: %s", refusals[i].type, refusals[i].params,
                     e != NULL ? err_code_text(e) : "no error");
        assert_null(next);
        assert_true(*err_message(e) != '\0');
    }
    assert_false(plan_is_change("failover"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes),         cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_mapping_removed), cmocka_unit_test(test_start_order),
        cmocka_unit_test(test_create),          cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
