/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - tells the log of every call that passes: verb, group, end, what about, status, time taken.
 * Calls that go well at level debug, pending ones too, the others at info with their message.
 */
#include "drivers/filters/filter.h"

static enum protector_status log_before(struct filter_call *c, struct protector_error *error)
{
    (void)error;
    c->begun_ms = c->host->mono_ms(c->host->data);
    return PROTECTOR_OK;
}

static enum protector_status log_after(struct filter_call *c, enum protector_status status,
                                       struct protector_error *error)
{
    int64_t took_ms = c->host->mono_ms(c->host->data) - c->begun_ms;
    int bad = status != PROTECTOR_OK && status != PROTECTOR_PENDING;
    char line[PROTECTOR_MESSAGE_SIZE + 512];

    (void)snprintf(line, sizeof line, "%s%s %s at %d%s%.128s: %s in %lld ms%s%s",
                   filter_verb_name(c->verb), c->call->phase == PROTECTOR_CHECK ? " (check)" : "",
                   c->call->group->id, c->call->site, c->about == NULL ? "" : " ",
                   c->about == NULL ? "" : c->about, protector_status_text(status),
                   (long long)took_ms, bad ? ": " : "", bad ? error->message : "");
    c->host->log(c->host->data, bad ? PROTECTOR_LOG_INFO : PROTECTOR_LOG_DEBUG, line);
    return status;
}

const struct filter_ops filter_log = {
    .name = "log",
    .before = log_before,
    .after = log_after,
};
