/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kept - what the target holds of a member from when it ran there, and what becomes of it (B8).
 *
 * A site that is left keeps its stopped servers.  When the group comes back, each is looked at: as
 * it was left, or changed by hand meanwhile; the evidence decides, member by member.
 *
 * The plan's row of a member has "kept" if there is such a server:
 *   {server_id, name, verdict, differs ["…"], lost_after (PLAN_LOST_AFTER)}, verdict one of
 *     PLAN_TAKES_OVER  the new server gets the kept one's ports; that one is renamed and stays
 *     PLAN_KEEPS_BOTH  the kept one stays as it is; the new server gets other addresses
 *     PLAN_RESUMES     the member never ran at the other site, or the user wants what was kept: the
 *                      kept server is started
 */
#pragma once

#include "base/json.h"

/* What the user says of servers that were changed by hand. */
#define PLAN_KEEP_BOTH "keep-both" /* default */
#define PLAN_REPLACE   "replace"

#define PLAN_TAKES_OVER "takes over"
#define PLAN_KEEPS_BOTH "keeps both"
#define PLAN_RESUMES    "resumes"

/* Metadata of a server whose site was left: what it was stopped for; and of one that was replaced.
 */
#define PLAN_STOPPED_FOR "protector:stopped_for"
#define PLAN_KEPT        "protector:kept"
/* Of one that was replaced: after which time its writes are not in the group's data (cleanup.h). */
#define PLAN_LOST_AFTER "protector:lost_after"
/* In its place, of one that differed when it was replaced: nobody knows what it holds. */
#define PLAN_LOST_CHANGED "changed"
/* What PLAN_STOPPED_FOR begins with, if a handover has stopped it; else it is an epoch. */
#define PLAN_STOPPED_BY_HANDOVER "handover:"

struct plan_kept_input {
    const json_t *body;   /* of the group (model/body.h) */
    const char *target;   /* uuid of the site */
    const json_t *server; /* at the target, as Nova lists it, with its details */
    const json_t *member; /* of the body */
    const char *flavor;   /* name of the flavor that the member gets there; NULL: unknown */
    const json_t *ports;  /* all that Neutron lists there */
    const json_t *acted;  /* what was done to it since it was stopped, or NULL: ["start", …] */
    bool replace;         /* PLAN_REPLACE */
    bool resumes;         /* members that were not recovered elsewhere go on here */
    bool all_resume;      /* every server goes on here, whatever was done to it */
};

/* The row's "kept".  New reference. */
json_t *plan_kept(const struct plan_kept_input *in);
/* The verdict of a plan's member, or NULL: nothing is kept of it. */
const char *plan_kept_verdict(const json_t *member);
/* 'name' and 'suffix' in the length that Nova takes: the name is cut if need be.  Caller frees. */
char *plan_name_with(const char *name, const char *suffix);
/* The ports in a list that a server holds.  New reference. */
json_t *plan_server_ports(const json_t *ports, const char *server_id);
