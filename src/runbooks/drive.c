/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drive - the storage driver as steps use it: one pair of arrays and one group, opened with the
 * tokens of the policy, which are unsealed for this call only.
 */
#include "model/body.h"
#include "runbooks/group.h"
#include "runbooks/world.h"
#include "store/local.h"

#define DRIVE_BUDGET_MS 30000 /* of one verb, at most */

/* A verb must fit into a lease, however short that is configured. */
static int64_t verb_budget_ms(const struct world_options *o)
{
    return o->call_timeout_ms > 0 ? MIN(DRIVE_BUDGET_MS, o->call_timeout_ms) : DRIVE_BUDGET_MS;
}

bool drive_can(const struct drive *drive, uint64_t capability)
{
    return (drive->driver->can & capability) != 0;
}

/* The token of an end, opened from the box that is sealed to this site. */
static err_t *end_token(struct step_call *call, const json_t *body, const char *name, char **ret)
{
    const struct site_identity *self = world_options_of(call->world)->exchange->identity;
    const char *box = body_token_box(body, name, self->site_id);

    *ret = NULL;
    return box != NULL ? keypairs_open(identity_keys(self), box, ret) : NULL;
}

static err_t *end_init(struct step_call *call, const json_t *body, int index, struct drive *drive)
{
    static const char *const urls[] = {"primary_fa_url", "secondary_fa_url"};
    static const char *const tokens[] = {"primary_fa_token", "secondary_fa_token"};
    const char *site = index == 0 ? body_primary_site(body) : body_secondary_site(body);
    struct protector_end *end = &drive->ends[index];

    drive->pair.end[index] = end;

    TRY(end_token(call, body, tokens[index], &drive->owned[index]));
    end->site = drive->owned[2 + index] = g_strdup(site);
    end->name = drive->owned[4 + index] =
        g_strdup(json_str_or(body_site(body, site), "name", site));
    end->url = drive->owned[6 + index] = g_strdup(json_str(body_policy(body), urls[index]));
    end->token = drive->owned[index];
    return NULL;
}

static void drive_group(const json_t *body, const char *group_id, const char *source, int64_t epoch,
                        struct drive *drive)
{
    const json_t *policy = body_policy(body);
    bool sync = g_strcmp0(body_replication_type(body), "sync") == 0;

    drive->group = (struct protector_group){
        .id = drive->text[0] = g_strdup(group_id),
        .array_name = drive->text[1] = g_strdup(json_str(policy, "pure_pg_name")),
        .source = g_strcmp0(source, body_primary_site(body)) == 0 ? 0 : 1,
        .mode = sync ? PROTECTOR_SYNC : PROTECTOR_ASYNC,
        .epoch = epoch,
        .lineage = body_lineage(body),
        .interval_ms = json_int(policy, "replication_interval", 0) * 1000,
    };
}

err_t *drive_open(struct step_call *call, const json_t *body, const char *source, int64_t epoch,
                  struct drive **ret)
{
    const struct world_options *o = world_options_of(call->world);
    AUTO(drive) drive = g_new0(struct drive, 1);
    struct protector_error error = {0};

    if (o->driver == NULL)
        return err(DRIVER_ABSENT, "%s", o->driver_problem);
    if (body == NULL || body_policy(body) == NULL)
        return err(GROUP_NO_POLICY, "group '%s' has no replication policy", call->op->pg_id);
    drive->driver = o->driver;
    drive->budget_ms = verb_budget_ms(o);
    drive->pair.local =
        g_strcmp0(body_primary_site(body), o->exchange->identity->site_id) == 0 ? 0 : 1;
    drive->local = drive->pair.local;
    TRY(end_init(call, body, 0, drive));
    TRY(end_init(call, body, 1, drive));
    drive_group(body, call->op->pg_id, source, epoch, drive);
    enum protector_status status =
        drive->driver->open(drive->driver, o->host, &drive->pair, &drive->handle, &error);
    TRY(drive_error(drive, status, &error, "opening the arrays"));
    *ret = TAKE(drive);
    return NULL;
}

void drive_close(struct drive *drive)
{
    if (drive == NULL)
        return;
    if (drive->handle != NULL)
        drive->driver->close(drive->handle);
    secret_free(drive->owned[0]);
    secret_free(drive->owned[1]);
    for (size_t i = 2; i < G_N_ELEMENTS(drive->owned); i++)
        g_free(drive->owned[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(drive->text); i++)
        g_free(drive->text[i]);
    g_free(drive);
}

err_t *drive_call(const struct step_call *call, const struct drive *drive, int site,
                  struct protector_call *ret)
{
    if (call->runner != NULL && !runner_call_fits(call->runner, call->op->id, drive->budget_ms))
        return err(DRIVER_DEADLINE,
                   "the array of site '%s' is not asked: a call may take %" G_GINT64_FORMAT
                   " ms, and the lease of operation '%s' ends before",
                   drive->ends[site].name, drive->budget_ms, call->op->id);
    *ret = (struct protector_call){
        .group = &drive->group,
        .phase = PROTECTOR_DO,
        .site = site,
        .budget_ms = drive->budget_ms,
        .request_id = call->op->request_id,
    };
    return NULL;
}

/* One row per status: the code an error of the array becomes. */
static enum err_code status_code(enum protector_status status)
{
    switch (status) {
    case PROTECTOR_OK:
        break;
    case PROTECTOR_PENDING:
        return ERR_DRIVER_PENDING;
    case PROTECTOR_NOT_FOUND:
        return ERR_DRIVER_NOT_FOUND;
    case PROTECTOR_EXISTS:
        return ERR_DRIVER_EXISTS;
    case PROTECTOR_TRANSIENT:
        return ERR_DRIVER_TRANSIENT;
    case PROTECTOR_AMBIGUOUS:
        return ERR_DRIVER_AMBIGUOUS;
    case PROTECTOR_PERMANENT:
        return ERR_DRIVER_PERMANENT;
    case PROTECTOR_UNSUPPORTED:
        return ERR_DRIVER_UNSUPPORTED;
    case PROTECTOR_DENIED:
        return ERR_DRIVER_DENIED;
    }
    return ERR_INTERNAL;
}

err_t *drive_error(const struct drive *drive, enum protector_status status,
                   const struct protector_error *error, const char *tried)
{
    if (status == PROTECTOR_OK)
        return NULL;
    return err_make(__FILE__, __LINE__, status_code(status), "%s (driver '%s'): %s", tried,
                    drive->driver->name, *error->message ? error->message : "no reason is told");
}

struct protector_volume drive_volume(const json_t *volume, const char *cinder_id)
{
    return (struct protector_volume){
        .subject = json_str(volume, "id"),
        .cinder_id = cinder_id,
        .size_bytes = json_int(volume, "size", 0) << 30,
        .bootable = json_bool(volume, "bootable", false),
        .image_id = json_str(volume, "image_id"),
    };
}

err_t *drive_tag(struct step_call *call, struct drive *drive, const struct sync_state *state,
                 int site)
{
    const struct site_identity *self = world_options_of(call->world)->exchange->identity;
    struct protector_error error = {0};
    AUTO(local_site) local = NULL;
    struct protector_tag tag = {.minted = state->minted,
                                .floor = state->floor,
                                .epoch = sync_epoch(state)};
    struct protector_call at;

    g_strlcpy(tag.writer, self->site_id, sizeof tag.writer);
    TRY(local_site_find(call->db, &local));
    if (local != NULL)
        g_strlcpy(tag.incarnation, local->incarnation, sizeof tag.incarnation);
    g_strlcpy(tag.active_site, sync_active(state), sizeof tag.active_site);
    TRY(drive_call(call, drive, site, &at));
    enum protector_status status = drive->driver->tag_set(drive->handle, &at, &tag, &error);
    return drive_error(drive, status, &error, "writing the tag of the epoch");
}
