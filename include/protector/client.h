/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protector's client library: the coordination layer between two sites.
 *
 * The services of the two sites never talk to each other; whoever uses this library carries signed
 * messages from one to the other, and may die between any two of them: every later call on the same
 * group finishes what was begun.  The command line, the OpenStackClient plugin and the Horizon
 * plugin are thin layers over it.
 *
 * Opaque handles, no globals, no threads, no signals, no logging; safe to use after fork() in the
 * child that made the handle.  One handle serves one thread at a time.  All strings are UTF-8.
 * Structures are JSON text: what a command takes and gives is described by
 * protector_commands_json().
 */
#ifndef PROTECTOR_CLIENT_H
#define PROTECTOR_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PROTECTOR_EXPORT __attribute__((visibility("default")))

struct protector_client;
struct protector_error;

/*
 * What the library asks of its host.  Every member may be NULL except 'getenv' and 'wait'.
 */
struct protector_client_options {
    size_t size; /* sizeof(struct protector_client_options): later members are optional */

    /* Looks up an environment variable (OS_CLOUD, OS_AUTH_URL …); NULL if it is not set. */
    const char *(*getenv)(void *data, const char *name);
    /* Lets 'ms' milliseconds pass; returns 0, or non-zero when the user wants to stop (Ctrl-C). */
    int (*wait)(void *data, int64_t ms);
    /*
     * Told what is going on, as a JSON object {"event", …}: "progress" {operation, type, status,
     * progress, step, says: the step in words}, "note" {text}, "warning" {text}, "carry" {group,
     * from, to: ids of the sites, type}, with 'debug' "debug" {text}.  For display.
     */
    void (*event)(void *data, const char *event_json);
    /*
     * Asks the user 'question'; 'secret' hides the answer.  Returns a string from malloc, or NULL
     * when there is nobody to ask (then the command fails and says which option answers it).
     */
    char *(*ask)(void *data, const char *question, int secret);
    void *data;

    /* Instead of the environment: each may be NULL. */
    const char *cloud; /* entry of clouds.yaml for the local site (OS_CLOUD) */
    const char
        *secondary_cloud;    /* for the peer (OS_SECONDARY_CLOUD); NULL: found by the site's name */
    const char *config_file; /* a clouds.yaml to use alone (OS_CLIENT_CONFIG_FILE); what is secret
                                of it: OS_CLIENT_SECURE_FILE, or secure.yaml in its folder */
    const char *region;
    const char *interface; /* public | internal | admin */
    /*
     * A session that the host already holds for the local site (both or none).  A login is made
     * only if the token has expired, or the catalog is needed, and a cloud is named: 'cloud',
     * OS_CLOUD or OS_AUTH_URL …; it must be of the session's project.  The peer is logged in to
     * with its entry of clouds.yaml.
     */
    const char *token;
    const char *endpoint; /* of the protector service, as the catalog has it: …/v1/PROJECT; without
                             the project OS_PROJECT_ID says it */
    const char *user_agent;
    const char *api_version; /* "1.1" or "latest" (OS_PROTECTOR_API_VERSION, or latest: the highest
                                that the client and the site know, chosen for each site) */
    int debug; /* not 0: events "debug" tell of every request and reply, secrets masked */
};

/* Opens a handle; nothing is sent yet.  '*ret_error' (may be NULL) is set when NULL is returned. */
PROTECTOR_EXPORT struct protector_client *
protector_client_open(const struct protector_client_options *options,
                      struct protector_error **ret_error);
PROTECTOR_EXPORT void protector_client_close(struct protector_client *client);

/*
 * The commands as a JSON array, in the order of the manual:
 *   {"name": "protection-group create", "aliases": ["protection group create"], "summary",
 *    "arguments": [{"name", "help", "required", "repeat"}],
 *    "options": [{"name": "--volume-type", "value": "NAME"|null, "required", "repeat",
 *                 "choices": […]|null, "help", "secret"}],
 *    "shows": "record"|"list"|"text"|"nothing"}
 * A secret may be given as @FILE, or is asked for.
 * The text belongs to the library and never changes.
 */
PROTECTOR_EXPORT const char *protector_commands_json(void);

/*
 * Runs a command.  'arguments_json': {"name of argument or option without dashes": value}, a
 * string, a list of strings for what repeats, true for a flag.  On success '*ret_result' is a JSON
 * object
 *   {"kind": "record", "fields": [["id", value], …], "object": {…}}
 *   {"kind": "list", "columns": […], "rows": [[…]], "objects": [{…}], "notes": ["…"]}
 *   {"kind": "text", "text": "…", "object": {…}}
 *   {"kind": "nothing"}
 * plus "exit": the exit code (0, or 1 where the command succeeded in telling bad news).  Free it
 * with protector_free.  Returns NULL on success.
 */
PROTECTOR_EXPORT struct protector_error *protector_client_run(struct protector_client *client,
                                                              const char *command,
                                                              const char *arguments_json,
                                                              char **ret_result);

PROTECTOR_EXPORT void protector_free(char *text);

/* "0.1.0"; and the API range of the local site as JSON {"min", "max"}, asked once. */
PROTECTOR_EXPORT const char *protector_client_version(void);
PROTECTOR_EXPORT struct protector_error *protector_client_api_range(struct protector_client *client,
                                                                    char **ret_json);

/* ---- errors ---- */

/* For people: what was tried, what came back; several lines where the manual prints several. */
PROTECTOR_EXPORT const char *protector_error_message(const struct protector_error *error);
/* Stable: "protector.peer.unreachable"; see docs/errors.md. */
PROTECTOR_EXPORT const char *protector_error_code(const struct protector_error *error);
PROTECTOR_EXPORT const char *protector_error_remedy(const struct protector_error *error);
/*
 * What else is known of it, or NULL: "request_id" of the answer it came from, "operation" that
 * failed or stands in the way, "active_site" …
 */
PROTECTOR_EXPORT const char *protector_error_detail(const struct protector_error *error,
                                                    const char *key);
/* HTTP status of the answer that it came from, or 0. */
PROTECTOR_EXPORT int protector_error_http_status(const struct protector_error *error);
/* What a command line should exit with: 1 failed, 2 usage, 3 peer unreachable, 4 not allowed … */
PROTECTOR_EXPORT int protector_error_exit_code(const struct protector_error *error);
PROTECTOR_EXPORT void protector_error_free(struct protector_error *error);

#ifdef __cplusplus
}
#endif
#endif
