/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file driver when the n-th call to the kernel fails while it makes a point or a copy: the verb
 * says so with words, nothing half made looks whole, and the same call finishes the work.
 *
 *     failing-driver MODULES     the folder with the driver's module
 */
#include "tests/failing/loop.h"

#include "drivers/host.h"
#include "tests/drivers/bench.h"

#include <string.h>

struct room {
    void *state; /* of the bench */
    char *point;
};

static struct bench *bench(struct room *r)
{
    return r->state;
}

static err_t *told(struct bench *b, const char *verb, enum protector_status status)
{
    return driver_error(b->driver, verb, status, &b->error);
}

static void begin_again(struct room *r)
{
    if (r->state != NULL)
        bench_teardown(&r->state);
    bench_setup(&r->state);
    bench_protect(bench(r));
}

/* ---- a point ---- */

static void begin_point(void *data)
{
    begin_again(data);
}

static err_t *make_point(void *data)
{
    struct bench *b = bench(data);
    struct protector_call here = bench_call(b, 0);
    struct protector_point_state point;
    enum protector_status status;

    BENCH_UNTIL_DONE(status,
                     b->driver->replicate_now(b->handle, &here, "tick-1", &point, &b->error));
    return told(b, "replicate_now", status);
}

static void whole(struct bench *b, const char *point)
{
    struct protector_copy copy;

    assert_status(PROTECTOR_OK, bench_recover(b, point, "v1", 1, &copy));
    g_autofree char *source = bench_digest(b, 0, "volume-c1");
    g_autofree char *made = bench_digest(b, 1, copy.ref[0].value);
    assert_string_equal(source, made);
}

static void judge_point(void *data, bool done)
{
    struct bench *b = bench(data);
    g_autoptr(GArray) points = bench_points(b);

    for (guint i = 0; i < points->len; i++)
        if (g_array_index(points, struct bench_point, i).complete)
            whole(b, g_array_index(points, struct bench_point, i).id);
    if (done)
        assert_int_equal(points->len, 1);
    g_autofree char *id = bench_point(b, "tick-1");
    whole(b, id);
}

static void test_point(void **state)
{
    loop_run(&(struct loop){"point made", begin_point, make_point, judge_point, *state,
                            1u << FAILING_IO | 1u << FAILING_FULL | 1u << FAILING_SHORT, 20});
}

/* ---- a copy ---- */

static void begin_copy(void *data)
{
    struct room *r = data;

    begin_again(r);
    g_free(r->point);
    r->point = bench_point(bench(r), "tick-1");
}

static err_t *make_copy(void *data)
{
    struct room *r = data;
    struct bench *b = bench(r);
    struct protector_copy copy;

    return told(b, "recover", bench_recover(b, r->point, "v1", 1, &copy));
}

static void judge_copy(void *data, bool done)
{
    struct room *r = data;
    struct bench *b = bench(r);
    g_autoptr(GArray) copies = bench_copies(b, 1);

    assert_true(copies->len <= 1);
    if (done)
        assert_int_equal(copies->len, 1);
    whole(b, r->point);
    g_array_unref(g_steal_pointer(&copies));
    copies = bench_copies(b, 1);
    assert_int_equal(copies->len, 1); /* the same key is the same copy */
}

static void test_copy(void **state)
{
    loop_run(&(struct loop){"copy made", begin_copy, make_copy, judge_copy, *state,
                            1u << FAILING_IO | 1u << FAILING_FULL | 1u << FAILING_SHORT, 20});
}

/* ---- a copy that is read again */

static struct protector_digests digests;

static void begin_verify(void *data)
{
    struct room *r = data;
    struct protector_copy copy;
    struct bench *b;

    begin_copy(data);
    b = bench(r);
    digests = (struct protector_digests){{0}, {0}};
    assert_status(PROTECTOR_OK, bench_recover(b, r->point, "v1", 1, &copy));
}

static err_t *read_again(void *data)
{
    struct room *r = data;
    struct bench *b = bench(r);

    return told(b, "verify", bench_verify(b, r->point, "v1", 1, &digests));
}

/* What could not be read is never told as another digest, nor believed later. */
static void judge_verify(void *data, bool done)
{
    struct room *r = data;
    struct bench *b = bench(r);

    assert_string_equal(digests.point, digests.copy);
    assert_int_equal(*digests.copy != '\0', done);
    assert_status(PROTECTOR_OK, bench_verify(b, r->point, "v1", 1, &digests));
    assert_string_equal(digests.point, digests.copy);
    whole(b, r->point);
}

static void test_verify(void **state)
{
    loop_run(&(struct loop){"copy read again", begin_verify, read_again, judge_verify, *state,
                            1u << FAILING_IO | 1u << FAILING_FULL | 1u << FAILING_SHORT, 10});
}

static int room_make(void **state)
{
    *state = g_new0(struct room, 1);
    return 0;
}

static int room_end(void **state)
{
    struct room *r = *state;

    bench_teardown(&r->state);
    g_free(r->point);
    g_free(r);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_point), cmocka_unit_test(test_copy),
                                       cmocka_unit_test(test_verify)};
    const char *const words[] = {argv[0], "file", "", argc > 1 ? argv[1] : "."};

    bench_configure((int)G_N_ELEMENTS(words), (char **)words);
    return cmocka_run_group_tests(tests, room_make, room_end);
}
