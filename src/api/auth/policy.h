/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy - who may do what: oslo.policy's rules over the defaults of policy.tbl.
 *
 * The file (policy.yaml, or JSON) holds what differs from the defaults; a rule that is nowhere
 * defined is the rule "default".  The file's stamp is looked at whenever a rule is asked, and a
 * changed file counts from that moment on.  A changed file that is broken, or gone, changes
 * nothing: the rules read last stay in force and the reason is reported once.  Replace the file by
 * renaming, not by writing into it.
 *
 * Any number of threads may ask.  A doubtful rule denies.
 */
#pragma once

#include "base/auto.h"
#include "base/json.h"

#define POLICY_RULES_MAX 2000 /* in a file */

struct auth_context;

/* A row of policy.tbl. */
struct policy_rule {
    const char *name;
    const char *check;
    const char *description;
};
extern const struct policy_rule policy_rules[];
extern const size_t policy_rules_count;

/* Tells one state of a file from another. */
struct policy_stamp {
    int64_t modified_ns;
    int64_t size_bytes;
    int64_t inode;
};

/* The file system, handed in so that tests need none. */
struct policy_files {
    void *data;
    /* False if there is no such file. */
    bool (*stamp)(void *data, const char *path, struct policy_stamp *ret);
    /* The file's text, which the caller frees; code IO. */
    err_t *(*read)(void *data, const char *path, char **ret, size_t *ret_size);
};
extern const struct policy_files policy_files_system;

struct policy_options {
    const char *path;                 /* NULL: the defaults alone */
    const struct policy_files *files; /* NULL: policy_files_system; must outlive the policy */
    /* Told why a changed file is not used; 'e' is borrowed.  Called by the thread that asks, with
     * the policy's lock held: it must not ask a rule.  May be NULL. */
    void (*report)(void *data, const err_t *e);
    void *report_data;
};

struct policy;
/*
 * Reads the file; one that does not exist is no error.  Code CONFIG: it cannot be read or is broken
 * ("policy.yaml:7: rule 'x': …").
 */
err_t *policy_create(const struct policy_options *options, struct policy **ret) MUST_CHECK;
void policy_destroy(struct policy *policy);
AUTO_DEFINE(policy, policy_destroy)

/* Does 'rule' allow it to 'auth' on 'target' (an object with project_id, user_id …; NULL: empty)?
 */
bool policy_allows(struct policy *policy, const char *rule, const struct auth_context *auth,
                   const json_t *target);
/* Whether 'auth' passes "context_is_admin"; its is_admin is not looked at.  Set is_admin from it.
 */
bool policy_is_admin(struct policy *policy, const struct auth_context *auth);
/* As policy_allows, with credentials as an object (the keys of oslo.context and is_admin). */
bool policy_allows_creds(struct policy *policy, const char *rule, const json_t *creds,
                         const json_t *target);
/* What rules compare with: user_id, project_id, roles, is_admin …  Caller owns. */
json_t *policy_creds(const struct auth_context *auth);

/*
 * What is legal in the file in force but surely not meant, "path:7: rule 'x': …" each.  Caller
 * frees with g_strfreev.
 */
char **policy_warnings(struct policy *policy);
/* Checks a file's text as policy_create does, for protector-manage; '*ret' as policy_warnings. */
err_t *policy_check(const char *text, size_t size, const char *name, char ***ret) MUST_CHECK;
/* A policy.yaml with every rule, its description and default, all commented out.  Caller frees. */
char *policy_sample(void);
