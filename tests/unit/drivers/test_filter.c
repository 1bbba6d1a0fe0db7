/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters over a driver that only counts: rules of the fault file, delay, log, locks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <pthread.h>

#include "drivers/filters/filter.h"

/* ---- a driver that counts ---- */

static int fences, health_calls, inside, most_inside;
static enum protector_status fence_says;

static enum protector_status count_open(const struct protector_driver *self,
                                        const struct protector_host *host,
                                        const struct protector_pair *pair,
                                        struct protector_handle **ret,
                                        struct protector_error *error)
{
    (void)self;
    (void)host;
    (void)pair;
    (void)error;
    *ret = NULL;
    return PROTECTOR_OK;
}

static void count_close(struct protector_handle *handle)
{
    assert_null(handle);
}

static enum protector_status count_fence(struct protector_handle *handle,
                                         const struct protector_call *call,
                                         struct protector_error *error)
{
    assert_null(handle);
    assert_int_equal(1, call->site);
    fences++;
    return protector_fail(error, fence_says, "the array says so");
}

static enum protector_status count_copy_delete(struct protector_handle *handle,
                                               const struct protector_call *call, const char *key,
                                               struct protector_error *error)
{
    (void)handle;
    (void)call;
    (void)key;
    (void)error;
    return PROTECTOR_OK;
}

static enum protector_status count_health(struct protector_handle *handle,
                                          const struct protector_call *call,
                                          struct protector_health *ret,
                                          struct protector_error *error)
{
    int now = __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);

    (void)handle;
    (void)call;
    (void)ret;
    (void)error;
    if (now > most_inside)
        most_inside = now;
    health_calls++;
    g_usleep(200);
    __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
    return PROTECTOR_OK;
}

static struct protector_driver counting = {
    PROTECTOR_DRIVER_STAMP,     .name = "counting",
    .title = "Counting",        .version = "1",
    .can = PROTECTOR_CAN_ASYNC, .threads = PROTECTOR_THREADS_ONE,
    .open = count_open,         .close = count_close,
    .fence = count_fence,       .copy_delete = count_copy_delete,
    .health = count_health,
};

/* ---- a host ---- */

static char *rules_path;
static const char *delay_ms, *delay_verbs;
static int64_t paused_ms, mono;
static char logged[2048];

static int64_t host_ms(void *data)
{
    (void)data;
    return mono;
}

static void host_pause(void *data, int64_t ms)
{
    (void)data;
    paused_ms += ms;
}

static void host_log(void *data, enum protector_log_level level, const char *message)
{
    (void)data;
    (void)g_snprintf(logged, sizeof logged, "%d %s", level, message);
}

static const char *host_option(void *data, const char *name)
{
    (void)data;
    if (strcmp(name, "filter_fault_file") == 0)
        return rules_path;
    return strcmp(name, "filter_delay_ms") == 0      ? delay_ms
           : strcmp(name, "filter_delay_verbs") == 0 ? delay_verbs
                                                     : NULL;
}

static const struct protector_host host = {.size = sizeof host,
                                           .now_ms = host_ms,
                                           .mono_ms = host_ms,
                                           .pause_ms = host_pause,
                                           .log = host_log,
                                           .option = host_option};

/* ---- one filter over it ---- */

struct world {
    const struct protector_driver *driver;
    struct protector_handle *handle;
    struct protector_group group;
    struct protector_call call;
    struct protector_error error;
};

static struct world world_make(const struct filter_ops *ops)
{
    struct world w = {.driver = filter_create(ops, &counting)};

    w.group = (struct protector_group){.id = "pg-1"};
    w.call = (struct protector_call){.site = 1, .budget_ms = 1000};
    assert_int_equal(PROTECTOR_OK, w.driver->open(w.driver, &host, NULL, &w.handle, &w.error));
    fences = 0;
    fence_says = PROTECTOR_OK;
    paused_ms = 0;
    return w;
}

static void world_end(struct world *w)
{
    w->driver->close(w->handle);
    filter_destroy(w->driver);
}

static enum protector_status fence(struct world *w)
{
    w->call.group = &w->group;
    return w->driver->fence(w->handle, &w->call, &w->error);
}

static enum protector_status del(struct world *w, const char *key)
{
    w->call.group = &w->group;
    return w->driver->copy_delete(w->handle, &w->call, key, &w->error);
}

static void rules(const char *text)
{
    assert_true(g_file_set_contents(rules_path, text, -1, NULL));
}

static int setup(void **state)
{
    (void)state;
    rules_path = g_build_filename(g_get_tmp_dir(), "protector-rules-XXXXXX", NULL);
    (void)close(g_mkstemp(rules_path));
    (void)g_remove(rules_path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)g_remove(rules_path);
    g_free(rules_path);
    rules_path = NULL;
    return 0;
}

static void without_a_file_all_passes(void **state)
{
    struct world w = world_make(&filter_fault);

    (void)state;
    assert_int_equal(PROTECTOR_OK, fence(&w));
    assert_int_equal(1, fences);
    world_end(&w);
}

static void before_keeps_the_call_from_the_driver(void **state)
{
    struct world w = world_make(&filter_fault);

    (void)state;
    rules("# a comment\n\nfence transient times=2   # twice\n");
    assert_int_equal(PROTECTOR_TRANSIENT, fence(&w));
    assert_non_null(strstr(w.error.message, "fault injected"));
    assert_int_equal(PROTECTOR_TRANSIENT, fence(&w));
    assert_int_equal(0, fences);
    assert_int_equal(PROTECTOR_OK, fence(&w));
    assert_string_equal("", w.error.message);
    assert_int_equal(1, fences);
    world_end(&w);
}

static void after_lets_it_happen_and_hides_it(void **state)
{
    struct world w = world_make(&filter_fault);

    (void)state;
    rules("fence ambiguous after skip=1 times=1");
    assert_int_equal(PROTECTOR_OK, fence(&w));
    assert_int_equal(PROTECTOR_AMBIGUOUS, fence(&w));
    assert_int_equal(PROTECTOR_OK, fence(&w));
    assert_int_equal(3, fences);
    world_end(&w);
}

static void another_file_counts_anew(void **state)
{
    struct world w = world_make(&filter_fault);

    (void)state;
    rules("fence denied times=1\n");
    assert_int_equal(PROTECTOR_DENIED, fence(&w));
    assert_int_equal(PROTECTOR_OK, fence(&w));
    rules("fence denied times=1\n#\n");
    assert_int_equal(PROTECTOR_DENIED, fence(&w));
    world_end(&w);
}

static void about_and_star_choose(void **state)
{
    struct world w = world_make(&filter_fault);

    (void)state;
    rules("copy_delete permanent about=k2\n* transient skip=1\n");
    assert_int_equal(PROTECTOR_OK, del(&w, "k1"));
    assert_int_equal(PROTECTOR_PERMANENT, del(&w, "k2"));
    assert_int_equal(PROTECTOR_TRANSIENT, fence(&w));
    world_end(&w);
}

static void checks_are_chosen_by_name(void **state)
{
    struct world w = world_make(&filter_fault);

    (void)state;
    rules("fence transient\n");
    w.call.phase = PROTECTOR_CHECK;
    assert_int_equal(PROTECTOR_OK, fence(&w));
    rules("check:fence unsupported\n");
    assert_int_equal(PROTECTOR_UNSUPPORTED, fence(&w));
    w.call.phase = PROTECTOR_DO;
    assert_int_equal(PROTECTOR_OK, fence(&w));
    world_end(&w);
}

static void broken_rules_do_nothing(void **state)
{
    struct world w = world_make(&filter_fault);
    g_autofree char *binary = g_strnfill(20000, 'x');

    (void)state;
    rules("fence\nfence nonsense\n   \ntransient fence\nfence transient times=0\n");
    assert_int_equal(PROTECTOR_OK, fence(&w));
    rules(binary);
    assert_int_equal(PROTECTOR_OK, fence(&w));
    world_end(&w);
}

static void crash_kills(void **state)
{
    struct world w = world_make(&filter_fault);
    int status = 0;
    pid_t pid;

    (void)state;
    rules("fence crash after\n");
    pid = fork();
    if (pid == 0) {
        (void)fence(&w);
        _exit(0);
    }
    assert_int_equal(pid, waitpid(pid, &status, 0));
    assert_true(WIFSIGNALED(status));
    assert_int_equal(SIGKILL, WTERMSIG(status));
    world_end(&w);
}

static void delay_holds_the_verbs_of_its_list(void **state)
{
    struct world w = world_make(&filter_delay);

    (void)state;
    delay_ms = "300";
    delay_verbs = NULL;
    assert_int_equal(PROTECTOR_OK, fence(&w));
    assert_int_equal(300, paused_ms);
    delay_verbs = "recover, copy_delete ,clone";
    assert_int_equal(PROTECTOR_OK, fence(&w));
    assert_int_equal(300, paused_ms);
    assert_int_equal(PROTECTOR_OK, del(&w, "k"));
    assert_int_equal(600, paused_ms);
    delay_verbs = "copy_delet,opy_delete,copy_deleted,,";
    assert_int_equal(PROTECTOR_OK, del(&w, "k"));
    assert_int_equal(600, paused_ms);
    delay_verbs = NULL;
    delay_ms = "999999"; /* never beyond half of the budget */
    assert_int_equal(PROTECTOR_OK, fence(&w));
    assert_int_equal(1100, paused_ms);
    delay_ms = NULL;
    world_end(&w);
}

static void log_tells_verb_group_and_outcome(void **state)
{
    struct world w = world_make(&filter_log);

    (void)state;
    assert_int_equal(PROTECTOR_OK, del(&w, "k1"));
    assert_string_equal("0 copy_delete pg-1 at 1 k1: ok in 0 ms", logged);
    fence_says = PROTECTOR_DENIED;
    assert_int_equal(PROTECTOR_DENIED, fence(&w));
    assert_string_equal("1 fence pg-1 at 1: denied in 0 ms: the array says so", logged);
    world_end(&w);
}

static void missing_verb_is_unsupported_with_words(void **state)
{
    struct world w = world_make(&filter_serial);

    (void)state;
    w.call.group = &w.group;
    assert_int_equal(PROTECTOR_UNSUPPORTED, w.driver->promote(w.handle, &w.call, &w.error));
    assert_string_equal("storage driver 'counting' cannot do 'promote'", w.error.message);
    world_end(&w);
}

static void success_has_no_message(void **state)
{
    struct world w = world_make(&filter_serial);

    (void)state;
    assert_int_equal(PROTECTOR_OK, fence(&w)); /* the driver left words behind */
    assert_string_equal("", w.error.message);
    world_end(&w);
}

static void *health_often(void *data)
{
    struct world *w = data;
    struct protector_call call = {.group = &w->group, .site = 1, .budget_ms = 1000};
    struct protector_health health;
    struct protector_error error;

    for (int i = 0; i < 20; i++)
        (void)w->driver->health(w->handle, &call, &health, &error);
    return NULL;
}

static void serial_lets_one_in(void **state)
{
    struct world w = world_make(&filter_serial);
    pthread_t threads[4];

    (void)state;
    health_calls = 0;
    most_inside = 0;
    for (int i = 0; i < 4; i++)
        assert_int_equal(0, pthread_create(&threads[i], NULL, health_often, &w));
    for (int i = 0; i < 4; i++)
        assert_int_equal(0, pthread_join(threads[i], NULL));
    assert_int_equal(80, health_calls);
    assert_int_equal(1, most_inside);
    world_end(&w);
}

static void every_verb_has_a_name(void **state)
{
    (void)state;
    for (int i = 0; i < FILTER_VERB_COUNT; i++)
        assert_string_not_equal("?", filter_verb_name((enum filter_verb)i));
    assert_string_equal("?", filter_verb_name(FILTER_VERB_COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_a_file_all_passes, setup, teardown),
        cmocka_unit_test_setup_teardown(before_keeps_the_call_from_the_driver, setup, teardown),
        cmocka_unit_test_setup_teardown(after_lets_it_happen_and_hides_it, setup, teardown),
        cmocka_unit_test_setup_teardown(another_file_counts_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(about_and_star_choose, setup, teardown),
        cmocka_unit_test_setup_teardown(checks_are_chosen_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_rules_do_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(crash_kills, setup, teardown),
        cmocka_unit_test(delay_holds_the_verbs_of_its_list),
        cmocka_unit_test(log_tells_verb_group_and_outcome),
        cmocka_unit_test(missing_verb_is_unsupported_with_words),
        cmocka_unit_test(success_has_no_message),
        cmocka_unit_test(serial_lets_one_in),
        cmocka_unit_test(every_verb_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
