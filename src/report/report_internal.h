/* SPDX-License-Identifier: Apache-2.0 */
/* report_internal - what the forms share.  Private to report/. */
#pragma once

#include "report/report.h"

/* Marks before and after the signed report in a page; in between stand no '<' and no '>'. */
#define REPORT_BEGINS_MARKDOWN "<!-- protector-report\n"
#define REPORT_ENDS_MARKDOWN   "\n-->"
#define REPORT_BEGINS_HTML     "<script type=\"application/json\" id=\"protector-report\">\n"
#define REPORT_ENDS_HTML       "\n</script>"

char *report_markdown(const json_t *signed_);
char *report_html(const json_t *signed_);

/* The signed report in one line without '<' and '>'.  Caller frees. */
char *report_embedded(const json_t *signed_);

/* A fact of the head, in the order in which it is shown. */
struct report_fact {
    char *name, *value;
};
/* Array of them, freed with it: what, when, who, RPO and RTO.  Only those that are known. */
GPtrArray *report_facts(const json_t *signed_);
/* "2 min 5 s", "0.3 s", "" for an unknown one (negative).  Caller frees. */
char *report_duration(int64_t ms);
/* A number of a report that may be anybody's: -1 if there is none, and never absurdly large. */
int64_t report_number(const json_t *from, const char *key);
/* How long a row took; -1: it has not begun or not ended. */
int64_t report_step_ms(const json_t *step);
/* "server is ACTIVE: passed (ACTIVE); …".  Caller frees. */
char *report_checks(const json_t *member);
/* How a volume compares with the recovery point, in words. */
char *report_compared(const json_t *volume);
