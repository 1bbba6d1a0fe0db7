/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report - a file to verify, and what a site may have written into a report that it signs: whatever
 * it says, each form of it is read back as it was, and shows nothing but what was signed.
 */
#include "report/report.h"
#include "tests/fuzz/fuzz.h"

static struct keypairs *keys;

void fuzz_init(void)
{
    secrets_init();
    keys = keypairs_create(&fuzz_env);
}

static void signed_and_read(json_t *report)
{
    json_set_str(report, "format", REPORT_FORMAT);
    g_autoptr(json_t) mine = report_sign(keys, "site", json_incref(report));
    for (int form = 0; form < REPORT_FORMS; form++) {
        g_autofree char *text = report_print(mine, (enum report_form)form);
        g_autoptr(json_t) back = NULL;
        FUZZ_MUST(report_read(text, strlen(text), &back) == NULL, "form %d is refused", form);
        fuzz_same_json("report", mine, back);
    }
}

void fuzz_one(const char *data, size_t size)
{
    g_autoptr(json_t) read = NULL;
    g_autoptr(json_t) report = fuzz_object(data, size);

    if (!fuzz_refused(report_read(data, size, &read)))
        FUZZ_MUST(json_obj(read, "report") != NULL, "taken without a report");
    if (report != NULL)
        signed_and_read(report);
}
