/* SPDX-License-Identifier: Apache-2.0 */
/* walk_end - what persons look at and decide until both sites are at rest; see walk.h. */
#include "tests/sim/walk_internal.h"

#include <string.h>

/* Groups at a site, by a condition of their row. */
static struct db_rows *groups_at(struct walk *w, int site, const char *where)
{
    g_autofree char *sql =
        g_strdup_printf("SELECT id FROM protection_groups WHERE %s ORDER BY id", where);

    return bench_rows(w->b, site, sql);
}

/* By its id: after a restore two groups of one name may live at a site. */
static json_t *by_id(const char *group)
{
    return json_pack("{ss}", "protection-group", group);
}

static void fork_decided(struct walk *w)
{
    g_autofree char *group = NULL;
    int keep = -1;

    for (int i = 0; i < BENCH_SITES; i++) {
        AUTO(db_rows) split = groups_at(w, i, "status = 'split_brain' AND role = 'ACTIVE'");
        if (db_rows_count(split) == 0 || (keep >= 0 && walk_dice(w, 2) != 0))
            continue;
        keep = i;
        g_free(group);
        group = g_strdup(db_str(split, 0, 0));
    }
    if (keep >= 0)
        (void)walk_command(w, keep, "protection-group sync-resolve",
                           walk_with(walk_with(walk_flag(by_id(group), "yes"), "keep",
                                               bench_site_name(keep)),
                                     "reason", "the walk ends"));
}

/* Nobody is left to ask: it recovers as well, or is a standby that has diverged, and keeps nothing.
 */
static bool nobody_keeps(struct walk *w, int site, const char *group)
{
    g_autofree char *where = g_strdup_printf(
        "id = '%s' AND (role = 'RECOVERING' OR (role = 'STANDBY' AND status = 'split_brain'))",
        group);
    AUTO(db_rows) rows = groups_at(w, site, where);

    return db_rows_count(rows) > 0;
}

static void recovery_decided(struct walk *w)
{
    for (int i = 0; i < BENCH_SITES; i++) {
        int at = (i + (int)walk_dice(w, 2)) % BENCH_SITES;
        AUTO(db_rows) rows = groups_at(w, at, "role = 'RECOVERING'");
        for (size_t row = 0; row < db_rows_count(rows); row++) {
            const char *group = db_str(rows, row, 0);
            if (!nobody_keeps(w, 1 - at, group))
                continue;
            (void)walk_command(w, at, "protection-group failover",
                               walk_flag(walk_flag(walk_with(walk_flag(by_id(group), "unplanned"),
                                                             "reason", "the walk ends"),
                                                   "force"),
                                         "yes"));
            return;
        }
    }
}

/* The project's own user may end what the peer said to be gone; else an admin must say it. */
static void left_alone(struct walk *w, int site, const char *group)
{
    const json_t *project = sim_find(w->b->sim, site, "projects", "prod");

    if (walk_command(w, site, "protection-group delete",
                     json_pack("{ss}", "protection-group", group)))
        return;
    walk_say(w, "the admin of %s ends %s without the other site", bench_site_name(site), group);
    g_autoptr(json_t) done =
        bench_run(w->b, bench_site_name(site), "protection-group delete",
                  json_pack("{ss ss ss sb}", "protection-group", group, "project",
                            json_str(project, "id"), "peer-is-gone", "the walk ends", "yes", 1));
    if (done != NULL)
        return;
    walk_say(w, "  %s", w->b->last_error);
    bool told = strstr(w->b->last_error, "unprotect") != NULL;
    g_autoptr(json_t) out =
        told ? bench_run(w->b, bench_site_name(site), "protection-group unprotect",
                         json_pack("{ss ss ss sb}", "protection-group", group, "project",
                                   json_str(project, "id"), "reason", "the walk ends", "yes", 1))
             : NULL;
    if (told && out == NULL)
        walk_say(w, "  %s", w->b->last_error);
}

/*
 * What no peer will ever answer: a create that names an incarnation which is over is withdrawn; a
 * group that is gone at the other site, and lives here in an epoch that it did not know, is ended
 * without it.
 */
static void ends_decided(struct walk *w)
{
    for (int i = 0; i < BENCH_SITES; i++) {
        AUTO(db_rows) creating = groups_at(w, i, "status = 'creating' AND staged IS NOT NULL");
        AUTO(db_rows) left = groups_at(w, i, "role IN ('ACTIVE', 'FROZEN', 'RECOVERING')");
        for (size_t row = 0; row < db_rows_count(creating); row++)
            (void)walk_command(w, i, "protection-group delete",
                               json_pack("{ss}", "protection-group", db_str(creating, row, 0)));
        for (size_t row = 0; row < db_rows_count(left); row++) {
            g_autofree char *gone =
                g_strdup_printf("id = '%s' AND role = 'TOMBSTONE'", db_str(left, row, 0));
            AUTO(db_rows) there = groups_at(w, 1 - i, gone);
            if (db_rows_count(there) > 0)
                left_alone(w, i, db_str(left, row, 0));
        }
    }
}

/*
 * Somebody looks at each group where it lives: a site that has lost it learns of it so, and one
 * that has no trust any more is given one.
 */
void walk_visit(struct walk *w)
{
    w->depth = 1; /* this client does not die */
    for (int i = 0; i < BENCH_SITES; i++) {
        AUTO(db_rows)
        rows = bench_rows(w->b, i,
                          "SELECT id FROM protection_groups WHERE role NOT IN ('NONE',"
                          " 'TOMBSTONE') ORDER BY id");
        for (size_t row = 0; row < db_rows_count(rows); row++) {
            const char *id = db_str(rows, row, 0);
            (void)walk_command(w, i, "protection-group show",
                               json_pack("{ss}", "protection-group", id));
            (void)walk_command(w, i, "protection-group sync-force",
                               json_pack("{ss sb}", "protection-group", id, "yes", 1));
        }
    }
    w->depth = 0;
}

/* What only a person may do, in the order a sensible one would try it. */
void walk_decide(struct walk *w)
{
    walk_visit(w);
    w->depth = 1; /* this client does not die */
    ends_decided(w);
    fork_decided(w);
    recovery_decided(w);
    for (int i = 0; i < BENCH_SITES; i++) {
        g_autofree char *id = walk_operation(w, i, "status = 'needs_operator'");
        if (id != NULL)
            (void)walk_command(w, i, walk_dice(w, 2) == 0 ? "operation retry" : "operation abandon",
                               json_pack("{ss}", "operation", id));
    }
    w->depth = 0;
}
