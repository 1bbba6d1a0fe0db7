/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body - the metadata of a group, as signed: read, drafted, sealed and read again it says the same;
 * what reads it copes with all that passed the check.
 */
#include "model/body.h"
#include "tests/fuzz/fuzz.h"

void fuzz_init(void)
{
    secrets_init();
}

static void read_all(const json_t *j)
{
    const char *site = body_primary_site(j), *other = body_other_site(j, site);
    size_t i;
    json_t *member;

    FUZZ_MUST(body_group(j) != NULL && body_name(j) != NULL, "no group, no name");
    FUZZ_MUST(other != NULL && strcmp(other, body_secondary_site(j)) == 0, "not of the pair");
    FUZZ_MUST(body_project(j, site) != NULL, "no project");
    body_token_box(j, "primary_fa_token", site);
    body_transition_operation(j);
    body_transition_target(j);
    body_claim(j);
    body_unrecovered(j);
    body_mapping(j, site, "network", "net");
    json_array_foreach(body_members(j), i, member)
        FUZZ_MUST(body_member(j, json_str(member, "id")) != NULL, "a member is not found");
    FUZZ_MUST(!body_needs_settle(j, j) || body_deleting(j), "a change without a change");
}

void fuzz_one(const char *data, size_t size)
{
    AUTO(body) body = NULL;
    AUTO(body) sealed = NULL;
    AUTO(body) back = NULL;

    if (fuzz_refused(body_parse(data, size, &body))) {
        FUZZ_MUST(body == NULL, "refused, and yet a result");
        return;
    }
    FUZZ_MUST(body_size(body) == size && memcmp(body_text(body), data, size) == 0,
              "not the bytes that came");
    read_all(body_json(body));
    if (fuzz_refused(body_seal(body_draft(body), &sealed)))
        return; /* printed anew it may be longer than a body may be */
    FUZZ_MUST(body_parse(body_text(sealed), body_size(sealed), &back) == NULL, "unreadable");
    fuzz_same_json("the body", body_json(body), body_json(back));
    fuzz_same("the hash", body_hash(sealed), body_hash(back));
}
