/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture - {"server", "attachments", "volumes", …}: what five services say of a server.  A capture
 * that comes of it can be judged, and as a member of a group it is taken or refused with words.
 */
#include "cloud/capture.h"

#include "cloud/capture_internal.h"
#include "model/body.h"
#include "tests/fuzz/fuzz.h"

void fuzz_init(void)
{
    secrets_init();
}

static void facts_of(const json_t *in, struct capture_facts *ret)
{
    const struct {
        const char *key;
        json_t **to;
        bool list;
    } rows[] = {
        {"server", &ret->server, false},
        {"attachments", &ret->attachments, true},
        {"volumes", &ret->volumes, true},
        {"ports", &ret->ports, true},
        {"floating_ips", &ret->floating_ips, true},
        {"security_groups", &ret->security_groups, true},
        {"networks", &ret->networks, true},
        {"subnets", &ret->subnets, true},
        {"keypair", &ret->keypair, false},
        {"server_group", &ret->server_group, false},
        {"image", &ret->image, false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        json_t *value = json_object_get(in, rows[i].key);
        /* cloud_call_object and cloud_list let nothing else through */
        bool fits = rows[i].list ? json_is_array(value) : json_is_object(value);
        *rows[i].to = fits ? json_incref(value) : rows[i].list ? json_array() : NULL;
    }
}

static void judge(const json_t *capture)
{
    const struct capture_rules rules = {.site = "site-a", .volume_type = "gold"};
    json_t *member = capture_member(capture);

    fuzz_refused(capture_refusal(&rules, capture));
    json_set_str(member, "id", "member-00000000-0000-4000-8000-000000000001");
    json_set_str(member, "status", "protected");
    json_set_str(member, "added_at", "2026-11-21T11:38:44Z");
    g_autoptr(json_t) draft = json_pack("{s:[]}", "members");
    fuzz_refused(body_member_add(draft, member));
}

void fuzz_one(const char *data, size_t size)
{
    g_autoptr(json_t) in = fuzz_object(data, size);
    struct capture_facts facts = {0};
    g_autoptr(json_t) capture = NULL;

    if (in == NULL)
        return;
    facts_of(in, &facts);
    if (facts.server != NULL && !fuzz_refused(capture_form("site-a", &facts, &capture)))
        judge(capture);
    capture_facts_fini(&facts);
}
