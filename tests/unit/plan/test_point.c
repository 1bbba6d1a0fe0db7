/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which recovery point is used and whom it leaves out: a table.  What makes a point unusable (its
 * lineage, its maker, an unfinished transfer) is safety_point_usable, tested in model/test_safety
 * and by story A11; here it is the reason that comes with the point.
 */
#include "tests/unit/plan/golden.h"

#include "plan/point.h"

#define PLAN                                                                                       \
    "{'volumes':[{'id':'v1','member':'web','name':'web-root'},{'id':'v2','member':'web'},"         \
    "{'id':'v3','member':'db','name':'db-root'}]}"
#define ALL      "{'v1':true,'v2':true,'v3':true}"
#define INTERVAL 300000

static const struct {
    const char *about, *points, *chosen, *left_out; /* JSON; chosen NULL: NO_POINT */
} cases[] = {
    {"one that holds all", "[{'id':'p1','time_ms':1000,'subjects':" ALL "}]", "p1", "{}"},
    {"the newest, in whatever order they are listed",
     "[{'id':'p2','time_ms':2000,'subjects':" ALL "},{'id':'p3','time_ms':3000,'subjects':" ALL
     "},{'id':'p1','time_ms':1000,'subjects':" ALL "}]",
     "p3", "{}"},
    {"a newer one that is rejected is none",
     "[{'id':'p1','time_ms':1000,'subjects':" ALL "},{'id':'p2','time_ms':2000,'rejected':'of "
     "lineage 3','subjects':" ALL "}]",
     "p1", "{}"},
    {"a whole one exactly one interval older is preferred",
     "[{'id':'whole','time_ms':0,'subjects':" ALL
     "},{'id':'newer','time_ms':300000,'subjects':{'v1':true,'v2':true}}]",
     "whole", "{}"},
    {"a whole one older than that is not: the member that lacks a volume is left out",
     "[{'id':'whole','time_ms':0,'subjects':" ALL
     "},{'id':'newer','time_ms':300001,'subjects':{'v1':true,'v2':true}}]",
     "newer", "{'db':\"recovery point 'newer' does not hold its volume 'db-root'\"}"},
    {"the newest whole one within the interval",
     "[{'id':'w1','time_ms':100000,'subjects':" ALL "},{'id':'w2','time_ms':200000,'subjects':" ALL
     "},{'id':'newer','time_ms':300000,'subjects':{'v1':true}}]",
     "w2", "{}"},
    {"no whole one at all: both members may be left out",
     "[{'id':'p1','time_ms':1000,'subjects':{'v2':true}}]", "p1",
     "{'web':\"recovery point 'p1' does not hold its volume 'web-root'\","
     "'db':\"recovery point 'p1' does not hold its volume 'db-root'\"}"},
    {"a volume without a name is named by its id",
     "[{'id':'p1','time_ms':1000,'subjects':{'v1':true,'v3':true}}]", "p1",
     "{'web':\"recovery point 'p1' does not hold its volume 'v2'\"}"},
    {"a whole one that is rejected does not count",
     "[{'id':'whole','time_ms':0,'rejected':'not finished','subjects':" ALL
     "},{'id':'newer','time_ms':1,'subjects':{'v1':true,'v2':true}}]",
     "newer", "{'db':\"recovery point 'newer' does not hold its volume 'db-root'\"}"},
    {"volumes that are no longer the group's do not matter",
     "[{'id':'p1','time_ms':1,'subjects':{'v0':true,'v1':true,'v2':true,'v3':true}}]", "p1", "{}"},
    {"none", "[]", NULL, "(0 seen)"},
    {"only rejected ones: each is named with its reason",
     "[{'id':'p1','time_ms':1,'rejected':'of lineage 3','subjects':" ALL
     "},{'id':'p2','time_ms':2,'rejected':'not finished','subjects':" ALL "}]",
     NULL, "(2 seen: p1: of lineage 3; p2: not finished)"},
};

/* As json_of, but quotes inside double quotes stay. */
static json_t *mixed(const char *text)
{
    g_autofree char *copy = g_strdup(text);
    bool inside = false;
    json_t *j = NULL;
    for (char *c = copy; *c != '\0'; c++) {
        inside = inside != (*c == '"');
        if (*c == '\'' && !inside)
            *c = '"';
    }
    OK(json_parse(copy, strlen(copy), text, &j));
    return j;
}

static void refused(const char *about, err_t *e, const char *part)
{
    if (e == NULL || err_code(e) != ERR_NO_POINT || strstr(err_message(e), part) == NULL)
        fail_msg("%s: %s", about, e != NULL ? err_message(e) : "no error");
    assert_non_null(strstr(err_message(e), "'shop'"));
    assert_non_null(strstr(err_remedy_text(e), "nothing was made"));
    err_free(e);
}

static void test_choice(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(json_t) points = json_of(cases[i].points);
        g_autoptr(json_t) plan = json_of(PLAN);
        g_autoptr(json_t) choice = NULL;
        err_t *e = plan_point("shop", points, plan, INTERVAL, &choice);
        if (cases[i].chosen == NULL) {
            refused(cases[i].about, e, cases[i].left_out);
            assert_null(choice);
            continue;
        }
        OK(e);
        g_autoptr(json_t) left = mixed(cases[i].left_out);
        if (strcmp(json_str(choice, "id"), cases[i].chosen) != 0 ||
            !json_equal(json_obj(choice, "left_out"), left)) {
            g_autofree char *text = json_print(choice);
            fail_msg("%s: %s", cases[i].about, text);
        }
    }
}

/* A message is not as long as the list of an array may be. */
static void test_many_rejected(void **state)
{
    (void)state;
    g_autoptr(json_t) points = json_array();
    g_autoptr(json_t) plan = json_of(PLAN);
    json_t *choice = NULL;
    for (int i = 0; i < 10000; i++) {
        json_t *point = json_object();
        g_autofree char *id = g_strdup_printf("p%d", i);
        json_set_str(point, "id", id);
        json_set_str(point, "rejected", "of lineage 3");
        json_array_append_new(points, point);
    }
    refused("many", plan_point("shop", points, plan, INTERVAL, &choice),
            "(10000 seen: p0: of lineage 3; p1: of lineage 3; p2: of lineage 3; p3: of lineage 3; "
            "p4: of lineage 3; and 9995 more)");
}

/* The choice remembers what was not usable, and the list is not touched. */
static void test_rejected(void **state)
{
    (void)state;
    g_autoptr(json_t) points = json_of(cases[2].points);
    g_autoptr(json_t) before = json_deep_copy(points);
    g_autoptr(json_t) plan = json_of(PLAN);
    g_autoptr(json_t) choice = NULL;
    OK(plan_point("shop", points, plan, INTERVAL, &choice));
    assert_string_equal(json_str(json_obj(choice, "rejected"), "p2"), "of lineage 3");
    assert_int_equal(json_object_size(json_obj(choice, "rejected")), 1);
    assert_true(json_equal(points, before));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_many_rejected),
        cmocka_unit_test(test_rejected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
