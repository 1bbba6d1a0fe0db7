/* SPDX-License-Identifier: Apache-2.0 */
/* restored - see restored.h. */
#include "store/restored.h"

#include "model/mutant.h"
#include "store/group.h"
#include "store/resource.h"
#include "store/site_keys.h"
#include "store/sync_log.h"
#include "store/tx.h"

#include <string.h>

err_t *restored_recall(const struct exchange *x, struct marks **ret)
{
    return keyfile_marks(x->state_dir, ret);
}

/* ---- noticing ---- */

/* The database says that 'incarnation' was this site's before the present one. */
static err_t *followed(struct db *db, const struct local_site *local, const char *incarnation,
                       bool *ret)
{
    g_autoptr(GPtrArray) known = NULL;
    bool listed = false;

    TRY(incarnation_list(db, local->site_id, &known));
    for (guint i = 0; i < known->len; i++) {
        const struct incarnation *one = g_ptr_array_index(known, i);
        listed = listed || g_str_equal(one->incarnation, incarnation);
    }
    *ret = listed && incarnation_number(local->incarnation) > incarnation_number(incarnation);
    return NULL;
}

/* A group of which the marks know higher epochs than the database. */
static err_t *epochs_ahead(struct db *db, const struct marks *marks, char **ret_why)
{
    const char *group;
    json_t *pair;

    json_object_foreach(marks->epochs, group, pair)
    {
        AUTO(group_row) row = NULL;
        int64_t minted, floor;
        marks_epochs(marks, group, &minted, &floor);
        TRY(group_find(db, group, &row));
        if (row != NULL && (row->minted < minted || row->floor < floor))
            *ret_why = g_strdup_printf("this controller knows epoch %" G_GINT64_FORMAT
                                       " of group '%s', the database %" G_GINT64_FORMAT,
                                       MAX(minted, floor), group, MAX(row->minted, row->floor));
        if (*ret_why != NULL)
            return NULL;
    }
    return NULL;
}

err_t *restored_notice(struct db *db, const struct marks *marks, const struct local_site *local,
                       char **ret_why)
{
    bool follows = false;

    *ret_why = NULL;
    if (marks->incarnation[0] == '\0' || MUTANT(RESTORE_UNSEEN))
        return NULL;
    if (g_str_equal(marks->incarnation, local->incarnation)) {
        if (marks->counter > local->counter)
            *ret_why = g_strdup_printf("the database stands at transaction %" G_GINT64_FORMAT
                                       ", this controller has seen %" G_GINT64_FORMAT,
                                       local->counter, marks->counter);
        return NULL;
    }
    TRY(followed(db, local, marks->incarnation, &follows));
    if (follows)
        return epochs_ahead(db, marks, ret_why);
    *ret_why = g_strdup_printf("the database is of incarnation %s, this controller of %s",
                               local->incarnation, marks->incarnation);
    return NULL;
}

/* ---- remembering ---- */

err_t *restored_remember(const struct exchange *x, const struct marks *marks,
                         const struct local_site *local, const char *pg_id, int64_t minted,
                         int64_t floor)
{
    bool same = g_str_equal(marks->incarnation, local->incarnation);
    int64_t known_minted, known_floor;

    marks_epochs(marks, pg_id, &known_minted, &known_floor);
    if (same && marks->counter >= local->counter && known_minted >= minted && known_floor >= floor)
        return NULL;
    AUTO(marks) now = marks_create(local->site_id, local->incarnation, local->counter);
    marks_epochs_raise(now, pg_id, minted, floor);
    same = same || marks->incarnation[0] == '\0';
    return same ? keyfile_marks_raise(x->env, x->state_dir, now)
                : keyfile_marks_set(x->env, x->state_dir, now);
}

/* ---- admitting ---- */

/*
 * An old ledger: what it calls unfinished may be what runs now.  No operation takes it away; one
 * that makes the same again finds it under its key.
 */
static err_t *ledger_release(struct exchange_tx *tx)
{
    int64_t count = 0;

    TRY(resource_release_group(tx->db, tx->state->group, tx->now_ms, &count));
    if (count == 0)
        return NULL;
    g_autofree char *text =
        g_strdup_printf("%" G_GINT64_FORMAT " objects that the restored database calls unfinished "
                        "belong to the project from now on",
                        count);
    struct sync_log_entry row = {
        .pg_id = tx->state->group,
        .event = (char *)"restored",
        .position = tx->state->pos,
        .epoch = sync_epoch(tx->state),
        .version = sync_version(tx->state),
        .message = text,
        .created_at_ms = tx->now_ms,
    };
    return sync_log_add(tx->db, &row);
}

/* Which groups recover, and why. */
struct recovery {
    const struct exchange *x;
    struct db *db;
    const char *but;                /* this one has done so; NULL: none */
    const char *peer;               /* only those shared with this site; NULL: all */
    const struct restored_tag *tag; /* may be NULL */
};

static err_t *restored_fn(struct exchange_tx *tx)
{
    const struct recovery *r = tx->data;
    const struct restored_tag *tag = r->tag;
    bool about = tag != NULL && g_str_equal(tag->pg_id, tx->state->group);

    if (r->peer != NULL && !g_str_equal(r->peer, sync_peer(tx->state)))
        return NULL;
    if (tx->state->role != ROLE_TOMBSTONE)
        TRY(ledger_release(tx));
    if (about) {
        tx->context.tag_minted = MAX(tx->context.tag_minted, tag->minted);
        tx->context.tag_floor = MAX(tx->context.tag_floor, tag->floor);
    }
    return r->peer != NULL ? sync_rekeyed(tx->state, &tx->context, tx->effects)
                           : sync_restored(tx->state, &tx->context, tx->effects);
}

static err_t *group_recover(void *data, const char *pg_id)
{
    const struct recovery *r = data;
    struct exchange_call call = {.pg_id = pg_id, .fn = restored_fn, .data = data};

    return g_strcmp0(pg_id, r->but) != 0 ? exchange_act(r->x, r->db, &call, NULL) : NULL;
}

err_t *restored_groups(const struct exchange *x, struct db *db, const char *but,
                       const struct restored_tag *tag)
{
    struct recovery r = {.x = x, .db = db, .but = but, .tag = tag};

    return group_each(db, group_recover, &r);
}

struct admission {
    const struct exchange *x;
    const struct marks *marks;
    const struct restored_tag *tag;
    const char *why;                /* NULL: only if the marks say so */
    const struct restored_pin *pin; /* NULL: no key is replaced */
    bool done;
};

/* Above all that were ever seen: in the database, here and at the array. */
static err_t *next_incarnation(const struct admission *a, struct db *db,
                               const struct local_site *local, char ret[INCARNATION_SIZE])
{
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GPtrArray) known = g_ptr_array_new();
    unsigned char random[16];

    TRY(incarnation_list(db, local->site_id, &rows));
    for (guint i = 0; i < rows->len; i++)
        g_ptr_array_add(known, ((struct incarnation *)g_ptr_array_index(rows, i))->incarnation);
    g_ptr_array_add(known, local->incarnation);
    g_ptr_array_add(known, (char *)a->marks->incarnation);
    if (a->tag != NULL)
        g_ptr_array_add(known, (char *)a->tag->incarnation);
    a->x->env->random(a->x->env->data, random, sizeof random);
    incarnation_next((const char *const *)known->pdata, known->len, random, ret);
    return NULL;
}

static err_t *pin_replace(struct db *db, const struct restored_pin *pin, int64_t now_ms)
{
    AUTO(site) site = NULL;

    TRY(site_get(db, pin->site_id, &site));
    site_keys_replace(site, pin->sign_public, pin->seal_public);
    site->updated_at_ms = now_ms;
    return site_update(db, site);
}

static err_t *admit_in_tx(struct db *db, void *data)
{
    struct admission *a = data;
    AUTO(local_site) local = NULL;
    g_autofree char *noticed = NULL;
    char incarnation[INCARNATION_SIZE];
    int64_t now_ms = env_now_ms(a->x->env);

    a->done = false;
    TRY(local_site_find(db, &local));
    if (local == NULL)
        return err(DB_SCHEMA, "this database does not know yet which site it is of");
    TRY(restored_notice(db, a->marks, local, &noticed));
    const char *why = a->why != NULL ? a->why : noticed;
    if (why == NULL)
        return NULL; /* somebody else was faster */
    TRY(next_incarnation(a, db, local, incarnation));
    if (a->tag != NULL)
        TRY(incarnation_note(db, local->site_id, a->tag->incarnation, "seen at an array", now_ms));
    TRY(local_site_reincarnate(db, incarnation, MAX(local->counter, a->marks->counter) + 1, why,
                               now_ms));
    a->done = true;
    if (a->pin != NULL)
        TRY(pin_replace(db, a->pin, now_ms));
    bool all = a->pin == NULL || noticed != NULL;
    struct recovery r = {.x = a->x, .db = db, .peer = all ? NULL : a->pin->site_id, .tag = a->tag};
    return group_each(db, group_recover, &r);
}

/* The marks of this controller follow. */
static err_t *marks_follow(const struct exchange *x, struct db *db)
{
    AUTO(local_site) local = NULL;

    TRY(local_site_find(db, &local));
    AUTO(marks) now = marks_create(local->site_id, local->incarnation, local->counter);
    return keyfile_marks_set(x->env, x->state_dir, now);
}

static err_t *admit(struct admission *a, struct db *db)
{
    TRY(store_tx(db, a->x->env, admit_in_tx, a));
    return a->done ? marks_follow(a->x, db) : NULL;
}

err_t *restored_check(const struct exchange *x, struct db *db, bool *ret)
{
    AUTO(marks) marks = NULL;
    AUTO(local_site) local = NULL;
    g_autofree char *why = NULL;

    if (ret != NULL)
        *ret = false;
    TRY(restored_recall(x, &marks));
    TRY(local_site_find(db, &local));
    if (local == NULL)
        return NULL;
    TRY(exchange_keys_current(x, db, local)); /* what opens boxes need not sign first */
    TRY(restored_notice(db, marks, local, &why));
    if (why == NULL)
        return NULL;
    struct admission a = {.x = x, .marks = marks};
    TRY(admit(&a, db));
    if (ret != NULL)
        *ret = a.done;
    return NULL;
}

err_t *restored_admit(const struct exchange *x, struct db *db, const char *why,
                      const struct restored_tag *tag)
{
    AUTO(marks) marks = NULL;

    TRY(restored_recall(x, &marks));
    struct admission a = {.x = x, .marks = marks, .tag = tag, .why = why};
    return admit(&a, db);
}

err_t *restored_rekey(const struct exchange *x, struct db *db, const struct restored_pin *pin)
{
    AUTO(marks) marks = NULL;

    TRY(restored_recall(x, &marks));
    struct admission a = {.x = x,
                          .marks = marks,
                          .why = "another site's keys were lost or stolen",
                          .pin = pin};
    return admit(&a, db);
}
