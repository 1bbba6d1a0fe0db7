/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report - what one operation did, as evidence: a drill for the auditor, a failover for whoever has
 * to explain the day.  No I/O, no clock.
 *
 * The site that ran the operation writes the report (api/report.c) and signs it; anybody prints it
 * as JSON, Markdown or one self-contained HTML page.  Each of them carries the signed report, so
 * each can be verified: what a page shows must be what is printed from what was signed.
 *
 *   signed   {report, signature: {site, sign_public, seal_public, fingerprint, value}}; 'value'
 *            is over REPORT_DOMAIN and the canonical JSON of 'report'
 *   report   {format, title, written_at, group, operation, measured, targets, point, members,
 *            volumes, steps, made, mappings, notes}:
 *
 *   group      {id, name}
 *   operation  {id, type, status, planned, reason, user_id, request_id, source_site, target_site,
 *              executing_site, created_at, started_at, completed_at, error}
 *   measured   {rto_s, rpo_s, downtime_s, zero_loss, epoch, data, verdict, checks: {passed,
 *              failed, not_checked, threshold_percent}}
 *   predicted  {rto_s, rto_from: words, data_loss_s} when it began; absent: it was not
 *   targets    {rpo_s}
 *   point      {id, at} | null
 *   members    [{name, server_id, outcome, checks: [{check, result, seen}]}]
 *   volumes    [{name, verified: "same"|"differs"|"cannot", digest_point, digest_copy,
 * verify_error}] of those that were to be compared with the recovery point steps      [{seq, key,
 * says, subject, name, state, attempts, from_ms, to_ms, error}]; times since the operation was
 * created, to_ms null: not ended made       [{kind, name, id, state}] mappings   [{kind, source,
 * target, how}] notes      ["…"]
 *
 * Neighbours: html.c, markdown.c (the forms), words.c (what both say), client/cmd_report.c (who
 * asks).
 */
#pragma once

#include "base/json.h"
#include "base/secrets.h"

#define REPORT_FORMAT   "protector-report/1"
#define REPORT_DOMAIN   REPORT_FORMAT "\n"
#define REPORT_SIZE_MAX (32 * 1024 * 1024) /* of a file to verify */

enum report_form {
    REPORT_JSON,
    REPORT_MARKDOWN,
    REPORT_HTML,
    REPORT_FORMS,
};
/* "json", "markdown", "html"; REPORT_FORMS if the text is none of them. */
enum report_form report_form_of(const char *text);

/* Takes 'report'.  Caller owns the result. */
json_t *report_sign(const struct keypairs *keys, const char *site, json_t *report);
/* Caller frees. */
char *report_print(const json_t *signed_, enum report_form form);
/*
 * Reads a file in any of the forms and verifies that it is whole: the signature is that of the keys
 * it names, and a page shows nothing but what was signed.  Whose keys they are is for the caller to
 * find out.  Errors: PARSE (no report), REPORT_CHANGED.
 */
err_t *report_read(const char *text, size_t size, json_t **ret_signed) MUST_CHECK;
