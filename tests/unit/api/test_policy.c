/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_policy - the rule language against Debian's oslo.policy, the defaults, the file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "api/auth/policy.h"
#include "api/auth/rules.h"
#include "api/auth/token.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- single rules ---- */

static const char some_creds[] =
    "{\"user_id\":\"u1\",\"project_id\":\"p1\",\"domain_id\":null,\"is_admin\":false,\"roles\":"
    "[\"Member\",\"reader\"],\"token\":{\"user\":{\"domain\":{\"id\":\"default\"}},\"n\":7,"
    "\"list\":[{\"name\":\"x\"},{\"name\":\"y\"}]}}";
static const char some_target[] =
    "{\"project_id\":\"p1\",\"other\":\"p2\",\"enabled\":true,\"none\":null,\"n\":7,\"role\":"
    "\"MEMBER\",\"a(b)\":\"c\",\"list\":[\"it's\",1,null],\"half\":0.5}";

static json_t *parse(const char *text)
{
    json_t *j = NULL;
    err_t *e = json_parse(text, strlen(text), "the test's text", &j);

    if (e != NULL)
        fail_msg("%s", err_message(e));
    return j;
}

/* Asks 'rule' (JSON) beside a few others. */
static enum check_result ask(const char *rule)
{
    g_autofree char *text = g_strdup_printf(
        "{\"yes\":\"@\",\"no\":\"!\",\"loop\":\"rule:loop\",\"default\":\"role:reader\","
        "\"lone\":\"and\",\"x\":%s}",
        rule);
    AUTO(rules) rules = NULL;
    g_autoptr(json_t) creds = parse(some_creds);
    g_autoptr(json_t) target = parse(some_target);
    err_t *e = rules_read(text, strlen(text), "f", &rules);

    if (e != NULL)
        fail_msg("%s: %s", rule, err_message(e));
    return rules_ask(rules, "x", creds, target);
}

static void check_table(enum check_result want, const char *const *rules)
{
    for (; *rules != NULL; rules++)
        if (ask(*rules) != want)
            fail_msg("%s gives %d, not %d", *rules, ask(*rules), want);
}

static void test_allowed(void **state)
{
    static const char *const rules[] = {
        "\"\"",
        "\"@\"",
        "[]",
        "\"role:member\"",
        "\"role:%(role)s\"",
        "\"project_id:%(project_id)s\"",
        "\"not project_id:%(other)s\"",
        "\"is_admin:False and domain_id:None\"",
        "\"True:%(enabled)s\"",
        "\"None:%(none)s\"",
        "\"7:%(n)s AND token.n:7\"",
        "\"'MEMBER':%(role)s\"",
        "\"token.user.domain.id:default\"",
        "\"token.list.name:y\"",
        "\"roles:reader\"",
        "\"'100%':100%%\"",
        "\"'c':%(a(b))s\"",
        "\"! or @ and @\"",
        "\"! and ! or @\"",
        "\"not (! or !)\"",
        "\"((@))\"",
        "\"(! or @) and (@ and @)\"",
        "\"not nonsense\"",
        "\"rule:yes or rule:loop\"",
        "\"rule:unknown\"", /* that is "default" */
        "[[\"!\"],[\"@\",\"role:reader\"]]",
        "[\"!\",\"\",[],\"@\"]",
        "\"roles:%(role)s or \\t\\n role:Reader\"",
    };
    static const char *const end[] = {NULL};

    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
        const char *const one[] = {rules[i], NULL};
        check_table(CHECK_ALLOW, one);
    }
    check_table(CHECK_ALLOW, end);
}

static void test_denied(void **state)
{
    static const char *const rules[] = {
        "\"!\"",
        "\" \"",
        "\"role:admin\"",
        "\"role:%(missing)s\"",
        "\"nonsense\"",
        "\"@ @\"",
        "\"@ and\"",
        "\"(@\"",
        "\"@)\"",
        "\"'quoted' or @\"",
        "\"missing.path:x\"",
        "\"token.missing.path:x\"",
        "\"[@]\"",
        "[[]]",
        "[\"\"]",
        "[[\"@\",\"!\"]]",
        "\"not @\"",
        "\"@ or @ and @ and ! )\"",
        "\"user-id:u1\"",
        "\"roles:member\"",
        NULL,
    };

    (void)state;
    check_table(CHECK_DENY, rules);
}

/* What is an exception in oslo.policy stays a refusal under every 'not'. */
static void test_broken(void **state)
{
    static const char *const rules[] = {
        "\"rule:loop\"",
        "\"not rule:loop\"",
        "\"not not rule:loop\"",
        "\"! or rule:loop\"",
        "\"not (@ and rule:loop)\"",
        "\"and\"",
        "\"not rule:lone\"",
        "\"(\"",
        "\"'quoted'\"",
        "\"not user_id.x:u1\"",
        "\"not class:x\"",
        "\"not :x\"",
        "\"not role:100%\"",
        "\"not x:%(half)s\"",
        "\"not token.list.name.x:y\"",
        "\"not 01:1\"",
        NULL,
    };

    (void)state;
    check_table(CHECK_BROKEN, rules);
}

/* ---- files that are refused, and warnings ---- */

static void check_refused(const char *file, const char *want)
{
    char **warnings = NULL;
    err_t *e = policy_check(file, strlen(file), "p.yaml", &warnings);
    g_autofree char *text = NULL;

    if (e == NULL)
        fail_msg("accepted: %s", file);
    assert_int_equal(err_code(e), ERR_CONFIG);
    text = err_text(e);
    if (strstr(text, want) == NULL)
        fail_msg("no '%s' in: %s", want, text);
    err_free(e);
}

static void test_refused(void **state)
{
    g_autoptr(GString) many = g_string_new(NULL);
    g_autoptr(GString) words = g_string_new("x: \"@");

    (void)state;
    check_refused("a: role:x\nb: \"role:y or http://h/%(x)s\"\n", "p.yaml:2: rule 'b': 'http://h/");
    check_refused("b: [[\"https:x\"]]\n", "https checks");
    check_refused("b:\n", "p.yaml:1: rule 'b': a rule must be a text or a list");
    check_refused("b: false\n", "must be a text or a list");
    check_refused("b: {}\n", "must be a text or a list");
    check_refused("b: [1]\n", "neither text nor list");
    check_refused("b: [[1]]\n", "no text");
    check_refused("a: \"@\"\na: \"!\"\n", "p.yaml:2: the key 'a' stands here and in line 1");
    check_refused("- a\n", "p.yaml:1:");
    check_refused("a: [\n", "p.yaml:2:");
    for (int i = 0; i <= POLICY_RULES_MAX; i++)
        g_string_append_printf(many, "r%d: \"@\"\n", i);
    check_refused(many->str, "more than 2000 rules");
    for (int i = 0; i < CHECK_TOKENS_MAX; i++)
        g_string_append(words, " and @");
    g_string_append(words, "\"\n");
    check_refused(words->str, "more than 1000 words");
}

static void check_warning(const char *file, const char *want)
{
    g_auto(GStrv) warnings = NULL;
    g_autofree char *all = NULL;

    assert_null(policy_check(file, strlen(file), "p.yaml", &warnings));
    all = g_strjoinv("\n", warnings);
    if (want == NULL)
        assert_string_equal(all, "");
    else if (strstr(all, want) == NULL)
        fail_msg("no '%s' in: %s", want, all);
}

static void test_warnings(void **state)
{
    (void)state;
    check_warning("", NULL);
    check_warning("\"default\": \"role:member\"\nmine: \"@\"\nadmin_or_owner: rule:mine\n", NULL);
    check_warning("default: nonsense\n", "p.yaml:1: rule 'default': 'nonsense' is no check");
    check_warning("\n\ndefault: \"(@\"\n", "p.yaml:3: rule 'default': '(@' cannot be understood");
    check_warning("default: \"x:100%\"\n", "neither %(name)s nor %%");
    check_warning("default: \"1.5:x\"\n", "neither a name nor a constant");
    check_warning("default: rule:nobody\n", "refers to the rule 'nobody', which is not defined");
    check_warning("a: rule:b\nb: rule:a\n", "rule 'b': refers to 'a', which leads back to it");
    check_warning("protector:protection_group:index: \"@\"\n", "nobody asks for this rule");
}

/* ---- the defaults ---- */

static void test_defaults_are_the_manuals(void **state)
{
    g_autofree char *path =
        g_build_filename(g_getenv("SOURCE_ROOT"), "tests/manual/policy.yaml", NULL);
    g_autofree char *manual = NULL;
    g_autoptr(GString) ours = g_string_new(NULL);
    gsize size = 0;

    (void)state;
    assert_true(g_file_get_contents(path, &manual, &size, NULL));
    for (size_t i = 0; i < policy_rules_count && ours->len < size; i++)
        g_string_append_printf(ours, "\"%s\": \"%s\"\n", policy_rules[i].name,
                               policy_rules[i].check);
    assert_string_equal(ours->str, manual);
    check_warning(manual, NULL);
}

static struct auth_context *somebody(const char *project, const char *role)
{
    struct auth_context *auth = g_new0(struct auth_context, 1);

    auth->user_id = g_strdup("u1");
    auth->project_id = g_strdup(project);
    auth->roles = g_strsplit(role, ",", -1);
    return auth;
}

/* Every rule: an admin may, the owner as the table says, a stranger never. */
static void test_defaults(void **state)
{
    const struct policy_options options = {0};
    AUTO(policy) policy = NULL;
    AUTO(auth_context) admin = somebody("other", "admin,dr_site_admin");
    AUTO(auth_context) owner = somebody("mine", "member");
    AUTO(auth_context) stranger = somebody("other", "member");
    g_autoptr(json_t) target = parse("{\"project_id\":\"mine\"}");

    (void)state;
    assert_null(policy_create(&options, &policy));
    assert_true(policy_is_admin(policy, admin));
    assert_false(policy_is_admin(policy, owner));
    owner->is_admin = true; /* believed by rules, never by the rule that decides it */
    assert_false(policy_is_admin(policy, owner));
    owner->is_admin = false;
    admin->is_admin = true;
    for (size_t i = 0; i < policy_rules_count; i++) {
        const struct policy_rule *row = &policy_rules[i];
        bool for_owners = strcmp(row->check, "rule:default") == 0 ||
                          strcmp(row->name, "default") == 0 ||
                          strcmp(row->name, "admin_or_owner") == 0;
        if (!policy_allows(policy, row->name, admin, target))
            fail_msg("%s refuses the admin", row->name);
        if (policy_allows(policy, row->name, owner, target) != for_owners)
            fail_msg("%s and the owner", row->name);
        if (policy_allows(policy, row->name, stranger, target))
            fail_msg("%s lets a stranger in", row->name);
        assert_true(row->description[0] != '\0');
    }
    assert_true(policy_allows(policy, "protector:nothing:of_the_sort", owner, target));
    assert_false(policy_allows(policy, "protector:nothing:of_the_sort", stranger, NULL));
}

static void test_creds(void **state)
{
    AUTO(auth_context) auth = somebody("p", "a,b");
    g_autoptr(json_t) creds = NULL;
    g_autofree char *text = NULL;

    (void)state;
    auth->is_system_scoped = true;
    auth->is_admin_project = true;
    creds = policy_creds(auth);
    text = json_print_canonical(creds);
    assert_string_equal(
        text, "{\"domain_id\":null,\"is_admin\":false,\"is_admin_project\":true,"
              "\"project_domain_id\":null,\"project_id\":\"p\",\"roles\":[\"a\",\"b\"],"
              "\"service_project_domain_id\":null,\"service_project_id\":null,"
              "\"service_roles\":[],\"service_user_domain_id\":null,\"service_user_id\":null,"
              "\"system\":\"all\",\"system_scope\":\"all\",\"user_domain_id\":null,"
              "\"user_id\":\"u1\"}");
}

static void test_sample(void **state)
{
    g_autofree char *sample = policy_sample();
    g_autoptr(GString) bare = g_string_new(NULL);
    g_auto(GStrv) lines = g_strsplit(sample, "\n", -1);

    (void)state;
    check_warning(sample, NULL);
    /* with the marks of comment taken off it is a file of all rules */
    for (char **line = lines; *line != NULL; line++)
        if (g_str_has_prefix(*line, "#\""))
            g_string_append_printf(bare, "%s\n", *line + 1);
    check_warning(bare->str, NULL);
    for (size_t i = 0; i < policy_rules_count; i++)
        assert_non_null(strstr(bare->str, policy_rules[i].name));
}

/* ---- the file ---- */

struct fake_file {
    bool exists;
    struct policy_stamp stamp;
    const char *text; /* NULL: cannot be read */
    int reads;
    GString *reports;
};

static bool fake_stamp(void *data, const char *path, struct policy_stamp *ret)
{
    const struct fake_file *f = data;

    assert_string_equal(path, "/etc/p.yaml");
    *ret = f->stamp;
    return f->exists;
}

static err_t *fake_read(void *data, const char *path, char **ret, size_t *ret_size)
{
    struct fake_file *f = data;

    (void)path;
    f->reads++;
    if (f->text == NULL)
        return err(IO, "permission denied");
    *ret = g_strdup(f->text);
    *ret_size = strlen(f->text);
    return NULL;
}

static void fake_report(void *data, const err_t *e)
{
    struct fake_file *f = data;
    g_autofree char *text = err_text(e);

    g_string_append_printf(f->reports, "%s\n", text);
}

static void fake_write(struct fake_file *f, const char *text)
{
    f->exists = true;
    f->text = text;
    f->stamp.modified_ns++;
}

static void test_reload(void **state)
{
    struct fake_file f = {.reports = g_string_new(NULL)};
    const struct policy_files files = {&f, fake_stamp, fake_read};
    const struct policy_options options = {.path = "/etc/p.yaml",
                                           .files = &files,
                                           .report = fake_report,
                                           .report_data = &f};
    AUTO(policy) policy = NULL;
    AUTO(auth_context) reader = somebody("p", "reader");
    const char *rule = "protector:sites:create";

    (void)state;
    assert_null(policy_create(&options, &policy)); /* no file: the defaults */
    assert_false(policy_allows(policy, rule, reader, NULL));
    fake_write(&f, "protector:sites:create: role:reader\n");
    assert_true(policy_allows(policy, rule, reader, NULL));
    assert_true(policy_allows(policy, rule, reader, NULL));
    assert_int_equal(f.reads, 1);
    /* broken: the old rules, told once */
    fake_write(&f, "protector:sites:create: http:x\n");
    assert_true(policy_allows(policy, rule, reader, NULL));
    assert_true(policy_allows(policy, rule, reader, NULL));
    assert_int_equal(f.reads, 2);
    assert_non_null(strstr(f.reports->str, "/etc/p.yaml:1: rule 'protector:sites:create'"));
    g_string_truncate(f.reports, 0);
    fake_write(&f, NULL);
    assert_true(policy_allows(policy, rule, reader, NULL));
    assert_non_null(strstr(f.reports->str, "cannot be read: permission denied"));
    g_string_truncate(f.reports, 0);
    /* gone: the old rules, told once; back: the new ones */
    f.exists = false;
    assert_true(policy_allows(policy, rule, reader, NULL));
    assert_true(policy_allows(policy, rule, reader, NULL));
    assert_non_null(strstr(f.reports->str, "is gone"));
    assert_null(strchr(strchr(f.reports->str, '\n') + 1, '\n'));
    fake_write(&f, "default: \"!\"\n");
    assert_false(policy_allows(policy, rule, reader, NULL));
    assert_false(policy_allows(policy, "protector:sites:show", reader, NULL));
    /* who is an admin is decided before anybody is one */
    fake_write(&f, "context_is_admin: is_admin:True\n");
    reader->is_admin = true;
    assert_false(policy_is_admin(policy, reader));
    reader->is_admin = false;
    f.stamp.size_bytes = 1LL << 40;
    g_string_truncate(f.reports, 0);
    assert_false(policy_allows(policy, "protector:sites:create", reader, NULL));
    assert_non_null(strstr(f.reports->str, "longer than"));
    g_string_free(f.reports, TRUE);
}

static void test_real_file(void **state)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("policy-XXXXXX", &path, NULL);
    struct policy_options options = {.path = path};
    AUTO(policy) policy = NULL;
    AUTO(auth_context) reader = somebody("p", "reader");
    g_auto(GStrv) warnings = NULL;
    err_t *e;

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    assert_true(g_file_set_contents(path, "default: role:reader\nodd: \"@\"\n", -1, NULL));
    assert_null(policy_create(&options, &policy));
    assert_true(policy_allows(policy, "protector:sites:show", reader, NULL));
    warnings = policy_warnings(policy);
    assert_non_null(warnings[0]);
    assert_null(warnings[1]);
    assert_true(g_file_set_contents(path, "default: role:writer\nodd: \"@\"\n", -1, NULL));
    assert_false(policy_allows(policy, "protector:sites:show", reader, NULL));
    assert_true(g_file_set_contents(path, "default: [", -1, NULL));
    policy_destroy(TAKE(policy));
    e = policy_create(&options, &policy);
    assert_non_null(e);
    assert_int_equal(err_code(e), ERR_CONFIG);
    err_free(e);
    g_unlink(path);
    assert_null(policy_create(&options, &policy));
    assert_false(policy_allows(policy, "protector:sites:show", reader, NULL));
}

/* ---- against oslo.policy ---- */

#define SETS    500 /* POLICY_SETS and POLICY_SEED in the environment: longer and other runs */
#define NAMES   4
#define CREDS   6
#define TARGETS 7

static const char *const some_kinds[] = {
    "role",
    "rule",
    "user_id",
    "project_id",
    "is_admin",
    "roles",
    "token.user.id",
    "token.list",
    "token.list.n",
    "user_id.x",
    "missing",
    "missing.x",
    "True",
    "False",
    "None",
    "1",
    "0",
    "00",
    "01",
    "-1",
    "1_0",
    "'Member'",
    "\"p1\"",
    "''",
    "class",
    "not",
    "lambda.x",
    "a-b",
    "user_id-x",
    "a.None",
    "None.x",
    "",
    "x y",
    "token.n",
    "token",
    "nested.a.b",
    "user.1",
    "1abc",
    "-user_id",
    "\xc3\xbc",
    "dom\xc3\xa4ne",
    "a+1",
};
static const char *const some_matches[] = {
    "admin",
    "Member",
    "MEMBER",
    "u1",
    "p1",
    "True",
    "False",
    "None",
    "1",
    "0",
    "10",
    "-1",
    "%(user_id)s",
    "%(project_id)s",
    "%(role)s",
    "%(missing)s",
    "%(flag)s",
    "%(n)s",
    "%(none)s",
    "%(list)s",
    "%(map)s",
    "%(a(b))s",
    "x%(role)sy",
    "%%",
    "100%",
    "%(role)",
    "%(role",
    "",
    "a:b",
    "x",
    "\xc3\x9c",
    "%(uml)s",
    "%(role)s%(missing)s",
    "%(missing)s%",
    "(x)",
    "x)",
    "['a', 1]",
    "{}",
};
static const char *const some_words[] = {
    "and", "or", "not",      "AND",   "Or",       "nOt",     "(", ")",  "((", "))",
    "@",   "!",  "'quoted'", "\"q\"", "nonsense", "(\"q\")", "'", "@)", "(!",
};
static const char *const some_blanks[] = {" ",  " ",  " ",         "  ",
                                          "\t", "\n", " \xc2\xa0", "\xe2\x80\x83"};

static const char *pick(GRand *r, const char *const *words, size_t count)
{
    return words[g_rand_int_range(r, 0, (gint32)count)];
}
#define PICK(r, words) pick(r, words, G_N_ELEMENTS(words))

static void add_atom(GRand *r, GString *out)
{
    static const char *const names[] = {"a", "b", "c", "default", "unknown"};
    int dice = g_rand_int_range(r, 0, 20);

    if (dice < 1)
        g_string_append(out, PICK(r, some_words));
    else if (dice < 3)
        g_string_append_c(out, g_rand_boolean(r) ? '@' : '!');
    else if (dice < 7)
        g_string_append_printf(out, "rule:%s", PICK(r, names));
    else if (dice < 11)
        g_string_append_printf(out, "role:%s", PICK(r, some_matches));
    else
        g_string_append_printf(out, "%s:%s", PICK(r, some_kinds), PICK(r, some_matches));
}

/* A proper expression. */
static void add_expression(GRand *r, GString *out, int depth)
{
    int dice = g_rand_int_range(r, 0, 10);

    if (depth == 0 || dice < 3) {
        add_atom(r, out);
    } else if (dice < 5) {
        g_string_append(out, "not ");
        add_expression(r, out, depth - 1);
    } else {
        bool wrapped = g_rand_boolean(r);
        g_string_append(out, wrapped ? "(" : "");
        add_expression(r, out, depth - 1);
        g_string_append_printf(out, "%s%s%s", PICK(r, some_blanks),
                               g_rand_boolean(r) ? "and" : "or", PICK(r, some_blanks));
        add_expression(r, out, depth - 1);
        g_string_append(out, wrapped ? ")" : "");
    }
}

/* Words in any order; only parentheses may touch others. */
static void add_salad(GRand *r, GString *out)
{
    static const char *const parentheses[] = {"(", ")", "((", "))", "not(", "(and", ")or"};
    int count = g_rand_int_range(r, 0, 9);

    for (int i = 0; i < count; i++) {
        int dice = g_rand_int_range(r, 0, 8);
        if (dice < 4)
            add_atom(r, out);
        else if (dice < 6)
            g_string_append(out, PICK(r, some_words));
        else
            g_string_append(out, PICK(r, parentheses));
        if (dice < 6 || g_rand_boolean(r))
            g_string_append(out, PICK(r, some_blanks));
    }
}

static json_t *random_list(GRand *r)
{
    json_t *list = json_array();
    int count = g_rand_int_range(r, 0, 4);

    for (int i = 0; i < count; i++) {
        g_autoptr(GString) text = g_string_new(NULL);
        json_t *inner = json_array();
        int parts = g_rand_int_range(r, 0, 4);
        for (int k = 0; k < parts; k++) {
            g_string_truncate(text, 0);
            add_atom(r, text);
            json_array_append_new(inner, json_string(text->str));
        }
        if (g_rand_int_range(r, 0, 3) == 0 && parts > 0) {
            json_array_append(list, json_array_get(inner, 0));
            json_decref(inner);
        } else {
            json_array_append_new(list, inner);
        }
    }
    return list;
}

static json_t *random_rule(GRand *r)
{
    g_autoptr(GString) text = g_string_new(NULL);
    int dice = g_rand_int_range(r, 0, 10);

    if (dice == 0)
        return random_list(r);
    if (dice < 7)
        add_expression(r, text, g_rand_int_range(r, 0, 5));
    else
        add_salad(r, text);
    return json_string(text->str);
}

static json_t *random_value(GRand *r, int depth)
{
    static const char *const texts[] = {"u1",       "p1",       "Member", "admin",
                                        "x",        "",         "1",      "True",
                                        "\xc3\xbc", "\xc3\x9c", "it's",   "a\"b'c\\\n\x01"};
    int dice = g_rand_int_range(r, 0, depth > 0 ? 10 : 8);
    json_t *j;

    if (dice < 4)
        return json_string(PICK(r, texts));
    if (dice < 5)
        return json_null();
    if (dice < 6)
        return json_boolean(g_rand_boolean(r));
    if (dice < 8)
        return json_integer(g_rand_int_range(r, -1, 2));
    if (dice < 9) {
        j = json_array();
        for (int i = g_rand_int_range(r, 0, 3); i > 0; i--)
            json_array_append_new(j, random_value(r, depth - 1));
        return j;
    }
    j = json_object();
    for (int i = g_rand_int_range(r, 0, 3); i > 0; i--)
        json_object_set_new(j, i == 1 ? "a" : "it's", random_value(r, depth - 1));
    return j;
}

static void maybe(GRand *r, json_t *j, const char *key, json_t *takes)
{
    if (g_rand_int_range(r, 0, 5) > 0)
        json_object_set(j, key, takes);
    json_decref(takes);
}

static json_t *random_target(GRand *r)
{
    static const char *const keys[] = {"user_id", "project_id", "role", "flag", "n",
                                       "none",    "list",       "map",  "a(b)", "uml"};
    json_t *j = json_object();

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        maybe(r, j, keys[i], random_value(r, 2));
    return j;
}

static json_t *random_roles(GRand *r)
{
    static const char *const names[] = {"admin", "Member", "x",    "\xc3\x9c",
                                        "p1",    "U1",     "100%", "%"};
    json_t *roles = json_array();

    for (int i = g_rand_int_range(r, 0, 4); i > 0; i--)
        json_array_append_new(roles, json_string(PICK(r, names)));
    return roles;
}

static json_t *random_creds(GRand *r)
{
    json_t *j = json_object();

    maybe(r, j, "user_id", json_string("u1"));
    maybe(r, j, "project_id", random_value(r, 0));
    maybe(r, j, "is_admin", json_boolean(g_rand_boolean(r)));
    maybe(r, j, "roles", random_roles(r));
    maybe(r, j, "token",
          json_pack("{s:{s:o}, s:o, s:o}", "user", "id", random_value(r, 0), "n",
                    random_value(r, 1), "list",
                    json_pack("[{s:o}, {s:o}]", "n", random_value(r, 0), "n", random_value(r, 1))));
    maybe(r, j, "nested", json_pack("{s:o}", "a", random_value(r, 2)));
    maybe(r, j, "1", json_string("x"));
    return j;
}

static json_t *random_case(GRand *r)
{
    static const char *const names[] = {"a", "b", "c", "unknown"};
    json_t *rules = json_object();
    json_t *creds = json_array();
    json_t *targets = json_array();

    for (int i = 0; i < 3; i++)
        json_object_set_new(rules, names[i], random_rule(r));
    if (g_rand_boolean(r))
        json_object_set_new(rules, "default", random_rule(r));
    for (int i = 0; i < CREDS; i++)
        json_array_append_new(creds, random_creds(r));
    for (int i = 0; i < TARGETS; i++)
        json_array_append_new(targets, random_target(r));
    return json_pack("{s:o, s:[s, s, s, s], s:o, s:o}", "rules", rules, "names", names[0], names[1],
                     names[2], names[3], "creds", creds, "targets", targets);
}

/* Our letters for a case, as the oracle writes them. */
static char *our_letters(const json_t *c)
{
    static const char letters[] = {[CHECK_DENY] = 'D', [CHECK_ALLOW] = 'A', [CHECK_BROKEN] = 'E'};
    GString *out = g_string_new(NULL);
    AUTO(rules) rules = NULL;
    const json_t *name, *creds, *target;
    size_t i, k, l;

    assert_null(rules_of(json_obj(c, "rules"), &rules));
    json_array_foreach(json_arr(c, "names"), i, name) json_array_foreach(json_arr(c, "creds"), k,
                                                                         creds)
        json_array_foreach(json_arr(c, "targets"), l, target)
            g_string_append_c(out,
                              letters[rules_ask(rules, json_string_value(name), creds, target)]);
    return g_string_free(out, FALSE);
}

static void run_oracle(const char *cases, const char *answers)
{
    g_autofree char *script =
        g_build_filename(g_getenv("SOURCE_ROOT"), "tests/unit/api/oslo_policy_oracle.py", NULL);
    char *argv[] = {(char *)"/usr/bin/python3", script, (char *)cases, (char *)answers, NULL};
    g_autofree char *complaints = NULL;
    g_autoptr(GError) error = NULL;
    int status = 0;

    if (!g_spawn_sync(NULL, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, &complaints, &status,
                      &error))
        fail_msg("%s", error->message);
    if (status != 0)
        fail_msg("the oracle failed (it needs Debian's python3-oslo.policy): %s", complaints);
}

static void compare(const json_t *c, const char *ours, const char *theirs, size_t counts[3])
{
    for (size_t i = 0; i < strlen(ours) || i < strlen(theirs); i++) {
        if (ours[i] != theirs[i]) {
            g_autofree char *text = json_print(json_obj(c, "rules"));
            g_autofree char *creds =
                json_print(json_array_get(json_arr(c, "creds"), i / TARGETS % CREDS));
            g_autofree char *target =
                json_print(json_array_get(json_arr(c, "targets"), i % TARGETS));
            fail_msg("rule %s of %s\ncreds %s\ntarget %s\nwe say %c, oslo.policy %c",
                     json_string_value(json_array_get(json_arr(c, "names"), i / TARGETS / CREDS)),
                     text, creds, target, ours[i], theirs[i]);
        }
        counts[ours[i] == 'A' ? 0 : ours[i] == 'D' ? 1 : 2]++;
    }
}

static int from_environment(const char *name, int fallback)
{
    const char *text = g_getenv(name);

    return text != NULL ? (int)g_ascii_strtoll(text, NULL, 10) : fallback;
}

static void test_against_oslo_policy(void **state)
{
    const int sets = from_environment("POLICY_SETS", SETS);
    const size_t all = (size_t)sets * NAMES * CREDS * TARGETS;
    GRand *r = g_rand_new_with_seed((guint32)from_environment("POLICY_SEED", 20261121));
    g_autoptr(GPtrArray) cases = g_ptr_array_new();
    g_autoptr(GString) lines = g_string_new(NULL);
    g_autofree char *folder = g_dir_make_tmp("policy-XXXXXX", NULL);
    g_autofree char *asked = g_build_filename(folder, "cases", NULL);
    g_autofree char *answered = g_build_filename(folder, "answers", NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) answers = NULL;
    size_t counts[3] = {0, 0, 0};

    (void)state;
    for (int i = 0; i < sets; i++) {
        json_t *c = random_case(r);
        g_autofree char *line = json_print(c);
        g_string_append_printf(lines, "%s\n", line);
        g_ptr_array_add(cases, c);
    }
    assert_true(g_file_set_contents(asked, lines->str, (gssize)lines->len, NULL));
    run_oracle(asked, answered);
    assert_true(g_file_get_contents(answered, &text, NULL, NULL));
    answers = g_strsplit(text, "\n", -1);
    assert_int_equal(g_strv_length(answers), sets + 1);
    for (int i = 0; i < sets; i++) {
        g_autofree char *ours = our_letters(cases->pdata[i]);
        compare(cases->pdata[i], ours, answers[i], counts);
        json_decref(cases->pdata[i]);
    }
    printf("compared with oslo.policy: %zu allowed, %zu denied, %zu exceptions\n", counts[0],
           counts[1], counts[2]);
    assert_int_equal(counts[0] + counts[1] + counts[2], all);
    for (int i = 0; i < 3; i++) /* the cases are of every sort */
        assert_true(counts[i] > all / 50);
    g_unlink(asked);
    g_unlink(answered);
    g_rmdir(folder);
    g_rand_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allowed),   cmocka_unit_test(test_denied),
        cmocka_unit_test(test_broken),    cmocka_unit_test(test_refused),
        cmocka_unit_test(test_warnings),  cmocka_unit_test(test_defaults_are_the_manuals),
        cmocka_unit_test(test_defaults),  cmocka_unit_test(test_creds),
        cmocka_unit_test(test_sample),    cmocka_unit_test(test_reload),
        cmocka_unit_test(test_real_file), cmocka_unit_test(test_against_oslo_policy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
