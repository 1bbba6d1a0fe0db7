/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delay - makes calls slow, by the options filter_delay_ms and filter_delay_verbs.  Never takes
 * more than half of a call's budget, so that the driver below can still keep it.
 */
#include "drivers/filters/filter.h"

#include <stdlib.h>
#include <string.h>

static const struct protector_option delay_options[] = {
    {"filter_delay_ms", PROTECTOR_OPTION_INTEGER, "0", "how long the delay filter holds a call"},
    {"filter_delay_verbs", PROTECTOR_OPTION_STRING, NULL,
     "verbs the delay filter holds, separated by commas; absent: all"},
    {NULL, PROTECTOR_OPTION_STRING, NULL, NULL},
};

/* Is 'name' an element of the comma-separated list? */
static int listed(const char *list, const char *name)
{
    size_t length = strlen(name);

    while (*list != '\0') {
        size_t element = strcspn(list, ",");
        size_t skip = strspn(list, " ");

        if (element >= skip + length && strncmp(list + skip, name, length) == 0 &&
            strspn(list + skip + length, " ") == element - skip - length)
            return 1;
        list += element + (list[element] == ',');
    }
    return 0;
}

static enum protector_status delay_before(struct filter_call *c, struct protector_error *error)
{
    const char *value = c->host->option(c->host->data, "filter_delay_ms");
    const char *verbs = c->host->option(c->host->data, "filter_delay_verbs");
    int64_t delay_ms = value == NULL ? 0 : strtoll(value, NULL, 10);

    (void)error;
    if (verbs != NULL && !listed(verbs, filter_verb_name(c->verb)))
        return PROTECTOR_OK;
    if (delay_ms > c->call->budget_ms / 2)
        delay_ms = c->call->budget_ms / 2;
    if (delay_ms > 0)
        c->host->pause_ms(c->host->data, delay_ms);
    return PROTECTOR_OK;
}

const struct filter_ops filter_delay = {
    .name = "delay",
    .options = delay_options,
    .before = delay_before,
};
