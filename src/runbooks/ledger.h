/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger - what a step makes outside stands here before it is made (design section 6, rule 2).
 *
 * The key follows from group, epoch (of the plan), subject, kind and point; it is the same for
 * every attempt and every operation of one epoch.  A row goes intent -> made -> released | gone.
 */
#pragma once

#include "model/keys.h"
#include "run/run.h"

struct made {
    const char *kind;    /* "volume", "port", "server", "cinder_group" … */
    const char *service; /* "cinder" … */
    const char *subject; /* volume or member id; "" for the group */
    const char *name;    /* as it will be called, for people; may be NULL */
    const char *point;   /* recovery point it is made of, or NULL */
    char key[KEY_SIZE];
};

/* Fills key and the rest; strings are borrowed. */
void made_init(struct step_call *call, const char *kind, const char *service, const char *subject,
               const char *name, const char *point, struct made *ret);

err_t *ledger_intend(struct step_call *call, const struct made *made) MUST_CHECK;
err_t *ledger_made(struct step_call *call, const struct made *made,
                   const char *cloud_id) MUST_CHECK;
/*
 * Something stands there under a name that bears no key (a key pair's, a security group's).  It is
 * ours if the ledger intended it and an earlier attempt died before it could note the outcome; else
 * it is the tenant's own and stays out of the ledger.
 */
err_t *ledger_found(struct step_call *call, const struct made *made,
                    const char *cloud_id) MUST_CHECK;
err_t *ledger_gone(struct step_call *call, const struct made *made) MUST_CHECK;
/* It stays, and is its user's from now on: nobody here deletes it any more. */
err_t *ledger_left(struct step_call *call, const struct made *made) MUST_CHECK;
/* The same if the ledger has such a row: what was never meant to be made leaves none. */
err_t *ledger_gone_if_there(struct step_call *call, const struct made *made) MUST_CHECK;
/*
 * What became of the call that was to make it.  A refusal says that there is none: then the row is
 * gone; where an earlier attempt may stand in the way, or an effect is possible, it stays intended.
 * Takes 'e' (NULL: fine) and returns it, or the error of the write.
 */
err_t *ledger_refused(struct step_call *call, const struct made *made, err_t *e) MUST_CHECK;
/* Whether it was meant to be made, and is neither gone nor released. */
err_t *ledger_open(struct step_call *call, const struct made *made, bool *ret) MUST_CHECK;

/*
 * What every object carries beside its name, for Nova and Cinder metadata: protector:key, :group,
 * :epoch, :subject, and :drill for what a drill makes.  New reference.
 */
json_t *made_metadata(struct step_call *call, const struct made *made);
/* The same as a line of text, for descriptions.  Caller frees. */
char *made_text(struct step_call *call, const struct made *made);
/* All objects of such a list whose metadata names the key.  The array borrows them. */
GPtrArray *made_all(const json_t *list, const struct made *made);
/* Notes in the row's result that a second object under the key is taken away. */
void swept_note(struct step_call *call, const char *id);
/* The object of a Nova or Cinder list whose metadata names the key; NULL: none.  Borrowed. */
json_t *made_find(const json_t *list, const struct made *made);
