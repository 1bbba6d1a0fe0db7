/* SPDX-License-Identifier: Apache-2.0 */
/* conf - protector.conf, and an environment that says the same. */
#include "base/conf.h"
#include "tests/fuzz/fuzz.h"

void fuzz_init(void)
{
}

static void read_all(const struct conf *conf)
{
    for (size_t i = 0; i < conf_options_count; i++) {
        const struct conf_option *o = &conf_options[i];
        g_autofree char *where = conf_where(conf, o->section, o->name);
        FUZZ_MUST(where != NULL && *where != '\0', "%s comes from nowhere", o->name);
        if (o->type == CONF_INT) {
            int64_t value = conf_int(conf, o->section, o->name);
            FUZZ_MUST(!conf_is_set(conf, o->section, o->name) ||
                          (value >= o->min && value <= o->max),
                      "%s is %" G_GINT64_FORMAT, o->name, value);
        }
    }
    const GPtrArray *sites = conf_sites(conf);
    FUZZ_MUST(sites->len <= CONF_SITES_MAX, "%u sites", sites->len);
}

void fuzz_one(const char *data, size_t size)
{
    AUTO(conf) conf = conf_create(NULL, NULL);

    if (fuzz_refused(conf_parse(conf, data, size, "protector.conf")))
        return;
    if (!fuzz_refused(conf_check(conf)))
        read_all(conf);
}
