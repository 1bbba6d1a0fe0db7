/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands - the one table of commands: names as the manual spells them, arguments, options, help.
 * The command line, its completion and man page, and the OpenStackClient plugin are made of it.
 */
#include "client/commands.h"

#include <string.h>

/* Options that several commands share. */
#define NO_CARRY                                                                                   \
    {                                                                                              \
        "--no-carry", NULL, 0, "carry nothing first"                                               \
    }
#define WAIT                                                                                       \
    {                                                                                              \
        "--wait", NULL, 0, "until it is done, then show the result"                                \
    }
#define NO_WAIT                                                                                    \
    {                                                                                              \
        "--no-wait", NULL, 0, "return at once"                                                     \
    }
#define PROOF                                                                                      \
    {                                                                                              \
        "--proof", "NONCE", 0, "of sync-export --challenge: the other site is not contacted"       \
    }
#define YES                                                                                        \
    {                                                                                              \
        "--yes", NULL, 0, "do not ask before servers are stopped"                                  \
    }
#define LONG                                                                                       \
    {                                                                                              \
        "--long", NULL, 0, "more columns"                                                          \
    }
#define LIMIT                                                                                      \
    {                                                                                              \
        "--limit", "N", 0, "at most N rows"                                                        \
    }
#define MARKER                                                                                     \
    {                                                                                              \
        "--marker", "ID", 0, "rows after this one"                                                 \
    }
#define PG                                                                                         \
    {                                                                                              \
        "protection-group", "name or id of the protection group"                                   \
    }
#define GONE                                                                                       \
    {"--project", "ID", 0, "whose group it is, if not the token's"},                               \
        {"--force", NULL, 0, "although that site answers, or a failover could be tried"},          \
    {                                                                                              \
        "--yes", NULL, 0, "do not ask"                                                             \
    }
#define MAPS                                                                                       \
    {"--network-mapping", "SRC=DST", OPTION_REPEAT,                                                \
     "network SRC of the source becomes DST at the target"},                                       \
        {"--flavor-mapping", "SRC=DST", OPTION_REPEAT, "flavor SRC becomes DST"},                  \
        {"--floating-ip-mapping", "SRC=DST", OPTION_REPEAT,                                        \
         "floating IP SRC becomes address DST, or one of external network DST"},                   \
        {"--availability-zone-mapping", "SRC=DST", OPTION_REPEAT,                                  \
         "servers of zone SRC start in zone DST"},                                                 \
    {                                                                                              \
        "--image-mapping", "SRC=DST", OPTION_REPEAT, "image SRC becomes DST"                       \
    }
#define FORESIGHT                                                                                  \
    {"--dry-run", NULL, 0, "show what would be made and whether it would succeed; do nothing"},    \
    {                                                                                              \
        "--plan", "HASH", 0, "of a plan that was shown: refused if it is not the same any more"    \
    }
#define ON_CONFLICT                                                                                \
    {                                                                                              \
        "--on-conflict", "keep-both|replace", 0,                                                   \
            "servers kept at the target that were changed by hand: keep both (default)"            \
    }
#define START_ORDER                                                                                \
    {"--priority", "N", 0, "1 to 5 (3): servers of a lower one start first, and stop last"},       \
        {"--start-delay", "SECONDS", 0, "later priorities wait so long once it runs (0)"},         \
        {"--start-check", "CHECK", 0,                                                              \
         "… and until tcp:PORT, http:PORT[/PATH][=STATUS], https:… or console:PATTERN is true"},   \
    {                                                                                              \
        "--start-timeout", "SECONDS", 0, "… but no longer than this (120)"                       \
    }
#define SERVICE                                                                                    \
    {"--service-username", "USER", 0, "service user of the site's cloud, for the other site"},     \
        {"--service-password", "PASSWORD", OPTION_SECRET | OPTION_WITH_USER,                       \
         "its password (kept encrypted), or @FILE"},                                               \
        {"--service-project-name", "PROJECT", 0, "its project (service)"},                         \
        {"--service-user-domain-name", "DOMAIN", 0, "its domain (Default)"},                       \
    {                                                                                              \
        "--service-project-domain-name", "DOMAIN", 0, "its project's domain (Default)"             \
    }
#define POLICY(required)                                                                           \
    {"--primary-fa-url", "URL", required, "HTTPS management URL of the primary array"},            \
        {"--primary-fa-token", "TOKEN", (required) | OPTION_SECRET, "API token, or @FILE"},        \
        {"--secondary-fa-url", "URL", required, "HTTPS management URL of the secondary array"},    \
        {"--secondary-fa-token", "TOKEN", (required) | OPTION_SECRET, "API token, or @FILE"},      \
        {"--pure-pg-name", "NAME", required, "name of the array's protection group"},              \
        {"--replication-interval", "SECONDS", 0, "between two recovery points (async)"},           \
        {"--rpo-minutes", "MINUTES", 0, "recovery point objective (async)"},                       \
        {"--verify-data", NULL, 0, "read recovered volumes again and compare, before use"},        \
    {                                                                                              \
        "--no-verify-data", NULL, 0, "do not (default)"                                            \
    }

const struct command commands[] = {
    {"site create",
     "dr site create",
     "Register a site at both sites (admin)",
     cmd_site_create,
     "record",
     {{0}},
     {{"--name", "NAME", OPTION_REQUIRED, "name of the site"},
      {"--description", "TEXT", 0, "what it is"},
      {"--site-type", "primary|secondary", 0, "a label"},
      {"--auth-url", "URL", 0, "its Keystone"},
      {"--region-name", "REGION", 0, "its region"},
      {"--fingerprint", "HEX", 0, "refuse any other key"},
      SERVICE}},
    {"site list", "dr site list", "List sites", cmd_site_list, "list", {{0}}, {LONG}},
    {"site show",
     "dr site show",
     "Show a site",
     cmd_site_show,
     "record",
     {{"site", "name or id"}},
     {{0}}},
    {"site update",
     "site set",
     "Change the record of a site (admin)",
     cmd_site_update,
     "record",
     {{"site", "name or id"}},
     {{"--description", "TEXT", 0, "what it is"},
      {"--auth-url", "URL", 0, "its Keystone"},
      {"--region-name", "REGION", 0, "its region"},
      {"--compute-url", "URL", 0, "its Nova"},
      SERVICE}},
    {"site delete",
     "dr site delete",
     "Forget a site (admin)",
     cmd_site_delete,
     "nothing",
     {{"site", "name or id"}},
     {{0}}},
    {"site failover",
     "dr site failover",
     "Fail over every group of a lost site to this one (dr_site_admin)",
     cmd_site_failover,
     "list",
     {{"site", "name or id of the site that is lost"}},
     {{"--reason", "TEXT", OPTION_REQUIRED, "why; recorded with each group"},
      {"--parallel", "N", 0, "so many groups at a time (10)"},
      {"--stop-on-error", NULL, 0, "begin no other one when a group has failed"},
      {"--no-verify-data", NULL, 0, "do not read the volumes again, whatever policies say"},
      {"--force", NULL, 0, "although its Nova answers"},
      {"--yes", NULL, 0, "do not ask"},
      NO_WAIT}},
    {"site rekey",
     "dr site rekey",
     "Pin other keys of a site whose own were lost or stolen (admin)",
     cmd_site_rekey,
     "record",
     {{"site", "name or id"}},
     {{"--fingerprint", "HEX", OPTION_REQUIRED,
       "of its new keys, as that site's operator tells it"}}},
    {"site fence-peer",
     "dr site fence-peer",
     "Shut another site's engine out of this cloud (admin)",
     cmd_site_fence,
     "record",
     {{"site", "name or id of the other site"}},
     {{"--reason", "TEXT", OPTION_REQUIRED, "why; recorded"},
      {"--lift", NULL, 0, "let it in again"},
      {"--user", "NAME", 0, "the user that it logs in as, if this is not written down yet"},
      {"--user-domain-name", "DOMAIN", 0, "his domain"}}},
    {"site decommission",
     "dr site decommission",
     "Give up a site that is gone for ever, and all groups with it (admin)",
     cmd_site_decommission,
     "list",
     {{"site", "name or id"}},
     {{"--reason", "TEXT", OPTION_REQUIRED, "why; recorded"},
      {"--force", NULL, 0, "although its Protector answers"},
      {"--yes", NULL, 0, "do not ask"}}},
    {"site validate",
     "dr site validate",
     "Check a site (admin)",
     cmd_site_validate,
     "list",
     {{"site", "name or id"}},
     {{0}}},
    {"site list-volume-types",
     "dr site list-volume-types",
     "List volume types that may be protected (admin)",
     cmd_site_types,
     "list",
     {{"site", "name or id"}},
     {{0}}},

    {"tenant mapping create",
     "tenant-mapping create|dr tenant mapping create",
     "Map a project to one of the other site (admin)",
     cmd_mapping_create,
     "record",
     {{0}},
     {{"--local-tenant", "PROJECT", OPTION_REQUIRED, "id of the project here"},
      {"--remote-site", "SITE", OPTION_REQUIRED, "name or id of the other site"},
      {"--remote-tenant", "PROJECT", OPTION_REQUIRED, "id of the project there"},
      {"--description", "TEXT", 0, "what for"}}},
    {"tenant mapping list",
     "tenant-mapping list|dr tenant mapping list",
     "List tenant mappings",
     cmd_mapping_list,
     "list",
     {{0}},
     {{0}}},
    {"tenant mapping show",
     "tenant-mapping show|dr tenant mapping show",
     "Show a tenant mapping",
     cmd_mapping_show,
     "record",
     {{"mapping", "id"}},
     {{0}}},
    {"tenant mapping delete",
     "tenant-mapping delete|dr tenant mapping delete",
     "Delete a tenant mapping (admin)",
     cmd_mapping_delete,
     "nothing",
     {{"mapping", "id"}},
     {{0}}},

    {"protection-group create",
     "protection group create",
     "Create a protection group",
     cmd_pg_create,
     "record",
     {{0}},
     {{"--name", "NAME", OPTION_REQUIRED, "unique in the project"},
      {"--description", "TEXT", 0, "what it is"},
      {"--replication-type", "async|sync", OPTION_REQUIRED, "how the arrays replicate"},
      {"--primary-site", "SITE", OPTION_REQUIRED, "where the servers run"},
      {"--secondary-site", "SITE", OPTION_REQUIRED, "where they will be recovered"},
      {"--volume-type", "TYPE", OPTION_REQUIRED, "name or id; all volumes are of it"},
      {"--secondary-volume-type", "TYPE", 0, "at the secondary site (the same name)"},
      {"--idempotency-key", "TEXT", 0, "the same key is the same group"},
      {"--id", "ID", 0, "of sync-export new --challenge"},
      PROOF,
      NO_CARRY,
      WAIT,
      NO_WAIT}},
    {"protection-group list",
     "protection group list",
     "List protection groups",
     cmd_pg_list,
     "list",
     {{0}},
     {LONG, LIMIT, MARKER, NO_CARRY}},
    {"protection-group show",
     "protection group show",
     "Show a protection group",
     cmd_pg_show,
     "record",
     {PG},
     {LONG, NO_CARRY}},
    {"protection-group update",
     "protection-group set",
     "Change name or description",
     cmd_pg_update,
     "record",
     {PG},
     {{"--name", "NAME", 0, "new name"},
      {"--description", "TEXT", 0, "new description"},
      PROOF,
      NO_WAIT}},
    {"protection-group delete",
     "protection group delete",
     "Delete a protection group; its servers stay",
     cmd_pg_delete,
     "nothing",
     {PG},
     {{"--peer-is-gone", "REASON", 0, "the other site is gone for ever: without it (admin)"},
      GONE,
      PROOF,
      NO_WAIT}},
    {"protection-group unprotect",
     "protection group unprotect",
     "Give up the protection of a group whose other site is gone for ever (admin)",
     cmd_pg_unprotect,
     "record",
     {PG},
     {{"--reason", "TEXT", OPTION_REQUIRED, "why; recorded"}, GONE, NO_CARRY}},
    {"protection-group policy-create",
     "policy create",
     "Attach a replication policy",
     cmd_policy_create,
     "record",
     {PG},
     {POLICY(OPTION_REQUIRED), PROOF, NO_WAIT}},
    {"protection-group policy-show",
     "policy show",
     "Show the replication policy",
     cmd_policy_show,
     "record",
     {PG},
     {NO_CARRY}},
    {"protection-group policy-update",
     "policy set",
     "Change the replication policy",
     cmd_policy_update,
     "record",
     {PG},
     {POLICY(0), PROOF, NO_WAIT}},
    {"protection-group policy-delete",
     "policy delete",
     "Take the replication policy away",
     cmd_policy_delete,
     "nothing",
     {PG},
     {PROOF, NO_WAIT}},
    {"protection-group member-add",
     "member add",
     "Add a server",
     cmd_member_add,
     "record",
     {PG},
     {{"--instance-id", "ID", OPTION_REQUIRED, "uuid of the server"}, START_ORDER, PROOF, NO_WAIT}},
    {"protection-group member-update",
     "member set",
     "Change when a member starts",
     cmd_member_update,
     "record",
     {PG},
     {{"--member-id", "ID", OPTION_REQUIRED, "id of the member or of the server"},
      START_ORDER,
      PROOF,
      NO_WAIT}},
    {"protection-group member-list",
     "member list",
     "List the servers of a group",
     cmd_member_list,
     "list",
     {PG},
     {NO_CARRY}},
    {"protection-group member-show",
     "member show",
     "Show a member",
     cmd_member_show,
     "record",
     {PG, {"member", "id of the member or of the server"}},
     {NO_CARRY}},
    {"protection-group member-remove",
     "member remove",
     "Remove a server; it stays as it is",
     cmd_member_remove,
     "nothing",
     {PG},
     {{"--member-id", "ID", OPTION_REQUIRED, "id of the member or of the server"}, PROOF, NO_WAIT}},
    {"consistency-group show",
     "consistency group show",
     "Show the consistency group",
     cmd_cg_show,
     "record",
     {PG},
     {NO_CARRY}},
    {"consistency-group sync",
     "consistency group sync",
     "Make a recovery point now",
     cmd_cg_sync,
     "record",
     {PG},
     {NO_WAIT}},
    {"protection-group mapping-set",
     "mapping set",
     "Store mappings",
     cmd_map_set,
     "list",
     {PG},
     {MAPS, PROOF, NO_WAIT}},
    {"protection-group mapping-list",
     "mapping list",
     "List stored mappings",
     cmd_map_list,
     "list",
     {PG},
     {NO_CARRY}},
    {"protection-group mapping-unset",
     "mapping unset",
     "Take stored mappings away",
     cmd_map_unset,
     "list",
     {PG},
     {{"--network-mapping", "SRC", OPTION_REPEAT, "of network SRC"},
      {"--flavor-mapping", "SRC", OPTION_REPEAT, "of flavor SRC"},
      {"--image-mapping", "SRC", OPTION_REPEAT, "of image SRC"},
      {"--floating-ip-mapping", "SRC", OPTION_REPEAT, "of floating IP SRC"},
      {"--availability-zone-mapping", "SRC", OPTION_REPEAT, "of zone SRC"},
      PROOF,
      NO_WAIT}},

    {"protection-group failover",
     "failover",
     "Make this site active",
     cmd_failover,
     "record",
     {PG},
     {{"--unplanned", NULL, 0, "the other site is lost"},
      {"--planned", NULL, 0, "both sites work together"},
      {"--reason", "TEXT", 0, "why; recorded in the claim"},
      {"--force", NULL, 0, "although the other site's Nova answers"},
      {"--from", "point|kept", 0, "recovery point (default) or kept volumes"},
      {"--no-verify-data", NULL, 0, "do not read the volumes again, whatever the policy says"},
      FORESIGHT,
      ON_CONFLICT,
      MAPS,
      YES,
      NO_WAIT}},
    {"health show",
     "dr health show|health list",
     "Show whether each group could fail over now",
     cmd_health_show,
     "list",
     {{0}},
     {LONG}},
    {"protection-group health",
     NULL,
     "Show whether a group could fail over now, and the evidence",
     cmd_health_group,
     "text",
     {PG},
     {{0}}},
    {"protection-group plan",
     "plan",
     "Show what an operation would make, and whether it would succeed",
     cmd_plan,
     "text",
     {PG},
     {{"--operation", "failover|failback|test-failover", 0, "which one (failover)"},
      {"--planned", NULL, 0, "a failover while both sites work together"},
      {"--unplanned", NULL, 0, "a failover without the other site (default)"},
      {"--from", "point|kept", 0, "recovery point (default) or kept volumes"},
      ON_CONFLICT,
      MAPS}},
    {"protection-group test-failover",
     "test-failover",
     "Rehearse a failover at the standby site",
     cmd_test_failover,
     "record",
     {PG},
     {{"--auto-cleanup", NULL, 0, "take everything away again when it has been checked"},
      {"--keep", NULL, 0, "but not if checks have failed"},
      {"--check", "CHECK", OPTION_REPEAT,
       "[SERVER=]tcp:PORT, http:PORT/PATH=STATUS or console:PATTERN; of each server if none is "
       "named"},
      {"--check-timeout", "SECONDS", 0, "how long a check may take to pass (120)"},
      {"--check-threshold", "PERCENT", 0, "of the checks must pass (100)"},
      FORESIGHT,
      MAPS,
      NO_WAIT}},
    {"protection-group test-cleanup",
     "test-cleanup",
     "Take away what a rehearsal has left",
     cmd_test_cleanup,
     "record",
     {PG},
     {NO_WAIT}},
    {"protection-group cleanup-source",
     "cleanup-source",
     "Delete the servers that a site has kept of a group that has left it",
     cmd_cleanup_source,
     "record",
     {PG},
     {{"--site", "SITE", 0, "where (default: the site that is not active)"},
      {"--discard-writes-after", "TIME", 0,
       "what was written there after TIME, and is not in the group's data, may be lost"},
      {"--dry-run", NULL, 0, "show what would be deleted, and what not, and why"},
      {"--yes", NULL, 0, "do not ask"},
      NO_WAIT}},
    {"protection-group reprotect",
     "reprotect",
     "Make the site where the group runs its home",
     cmd_reprotect,
     "record",
     {PG},
     {NO_WAIT}},
    {"protection-group failback",
     "failback",
     "Bring the group home",
     cmd_failback,
     "record",
     {PG},
     {{"--reason", "TEXT", 0, "why; recorded"},
      {"--reverse-replication", NULL, 0, "replicate to the other site afterwards (default)"},
      {"--no-reverse-replication", NULL, 0, "leave replication off afterwards"},
      FORESIGHT,
      ON_CONFLICT,
      MAPS,
      NO_WAIT}},

    {"protection-group sync-status",
     "sync status",
     "Show whether both sites hold the same",
     cmd_sync_status,
     "text",
     {PG},
     {LONG}},
    {"protection-group sync-force",
     "sync force",
     "Carry what is missing, both ways",
     cmd_sync_force,
     "text",
     {PG},
     {YES}},
    {"protection-group sync-log",
     "sync log",
     "What happened between the sites",
     cmd_sync_log,
     "list",
     {PG},
     {LIMIT, NO_CARRY}},
    {"protection-group sync-export",
     "sync export",
     "Write the outbox to a file",
     cmd_sync_export,
     "text",
     {PG},
     {{"--file", "FILE", OPTION_REQUIRED, "where to"},
      {"--challenge", NULL, 0, "and a challenge, for a change with --proof"},
      {"--peer-site", "SITE", 0, "the other site, for a group named 'new' that is to be created"}}},
    {"protection-group sync-import",
     "sync import",
     "Take in the other site's messages from a file",
     cmd_sync_import,
     "text",
     {{0}},
     {{"--file", "FILE", OPTION_REQUIRED, "where from"},
      {"--reply", "FILE", 0, "where this site's direct answers go to"},
      YES}},
    {"protection-group sync-resolve",
     "sync resolve",
     "End a split brain",
     cmd_sync_resolve,
     "record",
     {PG},
     {{"--keep", "SITE", OPTION_REQUIRED, "the site whose servers and metadata are kept"},
      {"--reason", "TEXT", 0, "why; recorded"},
      {"--by-file", NULL, 0, "here is kept; the other site is asked with sync-export"},
      YES}},

    {"operation list",
     "dr operation list",
     "List operations of both sites",
     cmd_op_list,
     "list",
     {{0}},
     {{"--all", NULL, 0, "ours too: create, realize, demote …"}, LIMIT}},
    {"operation show",
     "dr operation show",
     "Show an operation",
     cmd_op_show,
     "record",
     {{"operation", "id"}},
     {LONG}},
    {"operation steps",
     "operation step list",
     "Show the steps of an operation",
     cmd_op_steps,
     "list",
     {{"operation", "id"}},
     {{0}}},
    {"operation retry",
     NULL,
     "Try the failed steps again",
     cmd_op_retry,
     "record",
     {{"operation", "id"}},
     {{0}}},
    {"operation skip",
     NULL,
     "Leave a failed step out",
     cmd_op_skip,
     "record",
     {{"operation", "id"}},
     {{"--step", "KEY", OPTION_REQUIRED, "key of the step"},
      {"--subject", "ID", 0, "only this member or volume"},
      {"--reason", "TEXT", OPTION_REQUIRED, "why; recorded"}}},
    {"operation abandon",
     NULL,
     "End an operation that cannot go on",
     cmd_op_abandon,
     "record",
     {{"operation", "id"}},
     {{"--reason", "TEXT", 0, "why; recorded"}}},
    {"operation report",
     "dr operation report",
     "Tell what an operation did, signed by its site",
     cmd_op_report,
     "text",
     {{"operation", "id"}},
     {{"--as", "markdown|html|json", 0, "as what (by the file's name, else markdown)"},
      {"--file", "FILE", 0, "where to"}}},
    {"operation report-verify",
     "dr operation report-verify",
     "Check that a report is whole, and who signed it",
     cmd_op_report_verify,
     "text",
     {{"file", "the report: Markdown, HTML or JSON"}},
     {{"--fingerprint", "HEX", 0, "of the keys that must have signed it; no site is asked"}}},
    {"operation cancel",
     NULL,
     "Unwind an operation that is not past its pivot",
     cmd_op_cancel,
     "record",
     {{"operation", "id"}},
     {{"--reason", "TEXT", 0, "why; recorded"}}},
    {0},
};

static char **aliases_of(const struct command *c)
{
    return g_strsplit(c->aliases != NULL ? c->aliases : "", "|", -1);
}

const struct command *command_find(const char *name)
{
    for (const struct command *c = commands; c->name != NULL; c++) {
        g_auto(GStrv) aliases = aliases_of(c);
        if (g_str_equal(c->name, name) || g_strv_contains((const char *const *)aliases, name))
            return c;
    }
    return NULL;
}

char **option_choices(const struct option *o)
{
    return o->value != NULL && strchr(o->value, '|') != NULL ? g_strsplit(o->value, "|", -1) : NULL;
}

static json_t *words_json(char **words)
{
    json_t *list = json_array();

    for (size_t i = 0; words[i] != NULL; i++)
        json_array_append_new(list, json_string(words[i]));
    return list;
}

static json_t *option_json(const struct option *o)
{
    json_t *out =
        json_pack("{s:s, s:s?, s:b, s:b, s:b, s:s}", "name", o->name, "value", o->value, "required",
                  (o->flags & OPTION_REQUIRED) != 0, "repeat", (o->flags & OPTION_REPEAT) != 0,
                  "secret", (o->flags & OPTION_SECRET) != 0, "help", o->help);
    g_auto(GStrv) choices = option_choices(o);

    json_set(out, "choices", choices != NULL ? words_json(choices) : json_null());
    return out;
}

static json_t *command_json(const struct command *c)
{
    json_t *out = json_object();
    json_t *arguments = json_array();
    json_t *options = json_array();
    g_auto(GStrv) aliases = aliases_of(c);

    for (size_t i = 0; i < COMMAND_ARGUMENTS_MAX && c->arguments[i].name != NULL; i++)
        json_array_append_new(arguments,
                              json_pack("{s:s, s:s, s:b, s:b}", "name", c->arguments[i].name,
                                        "help", c->arguments[i].help, "required", 1, "repeat", 0));
    for (size_t i = 0; i < COMMAND_OPTIONS_MAX && c->options[i].name != NULL; i++)
        json_array_append_new(options, option_json(&c->options[i]));
    json_set_str(out, "name", c->name);
    json_set(out, "aliases", words_json(aliases));
    json_set_str(out, "summary", c->summary);
    json_set_str(out, "shows", c->shows);
    json_set(out, "arguments", arguments);
    json_set(out, "options", options);
    return out;
}

char *commands_print(void)
{
    g_autoptr(json_t) list = json_array();

    for (const struct command *c = commands; c->name != NULL; c++)
        json_array_append_new(list, command_json(c));
    return json_print(list);
}
