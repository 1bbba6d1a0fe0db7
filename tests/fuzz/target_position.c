/* SPDX-License-Identifier: Apache-2.0 */
/*
 * position - {"row": a position, "history": rows as messages carry them}: what is taken keeps its
 * hash through its JSON, and a chain takes all rows or none.
 */
#include "model/position.h"
#include "tests/fuzz/fuzz.h"

void fuzz_init(void)
{
    secrets_init();
}

static void row(const json_t *j)
{
    AUTO(position) p = NULL;
    AUTO(position) back = NULL;

    if (fuzz_refused(position_from_json(j, &p)))
        return;
    FUZZ_MUST(position_check(p) == NULL, "taken, and yet wrong");
    g_autoptr(json_t) printed = position_to_json(p);
    FUZZ_MUST(position_from_json(printed, &back) == NULL, "its own JSON is refused");
    FUZZ_MUST(memcmp(p, back, sizeof *p) == 0 || strcmp(p->hash, back->hash) == 0, "another");
}

static void ask_chain(const struct chain *chain)
{
    size_t count = MIN(chain_count(chain), 8);

    for (size_t i = 0; i < count; i++) {
        const char *x = chain_at(chain, i)->hash;
        for (size_t k = 0; k < count; k++) {
            const char *y = chain_at(chain, k)->hash;
            bool before = chain_before(chain, x, y), back = chain_before(chain, y, x);
            FUZZ_MUST(!(before && back), "each is before the other");
            FUZZ_MUST(!(chain_fork(chain, x, y) && (before || back)), "a fork in order");
            g_autoptr(GPtrArray) lost G_GNUC_UNUSED = chain_lost(chain, x, y);
        }
        FUZZ_MUST(chain_covered(chain, x, x) && chain_active(chain, x) != NULL, "itself");
        g_autoptr(GPtrArray) line G_GNUC_UNUSED = chain_history(chain, x);
        chain_names(chain, x, "1-00");
    }
}

static void history(const json_t *j)
{
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GPtrArray) back = NULL;
    AUTO(chain) chain = chain_create();

    if (fuzz_refused(history_from_json(j, &rows)))
        return;
    g_autoptr(json_t) printed = history_to_json(rows);
    FUZZ_MUST(history_from_json(printed, &back) == NULL, "its own JSON is refused");
    g_autoptr(json_t) again = history_to_json(back);
    fuzz_same_json("the history", printed, again);
    if (fuzz_refused(chain_merge(chain, rows)))
        FUZZ_MUST(chain_count(chain) == 0, "refused, and yet some rows were taken");
    ask_chain(chain);
}

void fuzz_one(const char *data, size_t size)
{
    g_autoptr(json_t) in = fuzz_object(data, size);

    if (in == NULL)
        return;
    row(json_object_get(in, "row"));
    history(json_object_get(in, "history"));
}
