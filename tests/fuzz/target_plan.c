/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan - {"body", "inventory", "mappings", "points", "plan", "seen"}: what a cloud and an array say
 * becomes a plan, and a frozen plan of the journal is judged and shown.
 */
#include "plan/failover.h"

#include "model/body.h"
#include "plan/point.h"
#include "plan/predict.h"
#include "plan/ready.h"
#include "tests/fuzz/fuzz.h"

#define INTERVAL_MS 300000

void fuzz_init(void)
{
    secrets_init();
}

static void show(const json_t *plan, const json_t *points)
{
    g_autofree char *page = plan_print(plan);
    g_autoptr(json_t) point = NULL;

    FUZZ_MUST(page != NULL && g_utf8_validate(page, -1, NULL), "it cannot be shown");
    fuzz_refused(plan_problems(plan));
    if (points != NULL && fuzz_refused(plan_point("pg-1", points, plan, INTERVAL_MS, &point)))
        FUZZ_MUST(point == NULL, "refused, and yet a point");
}

/* Each check has one row at most, with words; what refuses is named. */
static void judge(const json_t *body, const json_t *plan, const json_t *in)
{
    for (enum ready_kind kind = READY_UNPLANNED; kind < READY_KINDS; kind++) {
        struct plan_ready_input ready = {.kind = kind,
                                         .body = body,
                                         .plan = plan,
                                         .inventory = json_obj(in, "inventory"),
                                         .seen = json_obj(in, "seen"),
                                         .now_ms = INTERVAL_MS};
        g_autoptr(json_t) rows = plan_ready(&ready);
        g_autofree char *remedy = NULL;
        g_autofree char *failed = ready_failed(rows, READY_NOTE, &remedy);
        FUZZ_MUST(json_array_size(rows) <= READY_CHECKS, "a check was judged twice");
        FUZZ_MUST(!ready_all(rows) || failed == NULL || g_utf8_validate(failed, -1, NULL),
                  "it cannot be told");
        FUZZ_MUST(plan_rto_guess_s(plan) > 0, "it would take no time");
    }
}

void fuzz_one(const char *data, size_t size)
{
    g_autoptr(json_t) in = fuzz_object(data, size);
    const json_t *body = json_obj(in, "body"), *points = json_arr(in, "points");
    const json_t *frozen = json_obj(in, "plan");
    g_autoptr(json_t) plan = NULL;

    if (frozen != NULL)
        show(frozen, points);
    if (body == NULL || fuzz_refused(body_check(body)))
        return;
    struct plan_failover_input input = {.body = body,
                                        .source = body_primary_site(body),
                                        .target = body_secondary_site(body),
                                        .call_mappings = json_obj(in, "mappings"),
                                        .inventory = json_obj(in, "inventory")};
    if (input.inventory == NULL || fuzz_refused(plan_failover(&input, &plan)))
        return;
    FUZZ_MUST(plan != NULL, "no plan");
    show(plan, points);
    judge(body, plan, in);
}
