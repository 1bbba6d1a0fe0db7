/* SPDX-License-Identifier: Apache-2.0 */
/*
 * position - one position: its names, numbers, hash and checks.
 *
 * Neighbours: position_json.c (codecs), chain.c (order).
 * Invariants: the text that is hashed never changes its form; a counted position is never written
 * to.
 */
#include "model/position.h"

#include <inttypes.h>
#include <string.h>

static const char *const kind_texts[POSITION_KINDS] = {
    [POSITION_USER] = "USER",   [POSITION_HANDOVER] = "HANDOVER", [POSITION_FACT] = "FACT",
    [POSITION_CLAIM] = "CLAIM", [POSITION_RESOLVE] = "RESOLVE",   [POSITION_REJOIN] = "REJOIN",
};

const char *position_kind_text(enum position_kind kind)
{
    g_assert(kind < POSITION_KINDS);
    return kind_texts[kind];
}

enum position_kind position_kind_of(const char *text)
{
    enum position_kind kind = POSITION_USER;
    while (kind < POSITION_KINDS && g_strcmp0(text, kind_texts[kind]) != 0)
        kind++;
    return kind;
}

bool position_opens_epoch(enum position_kind kind)
{
    return kind == POSITION_CLAIM || kind == POSITION_RESOLVE || kind == POSITION_REJOIN;
}

int64_t position_next_epoch(int ordinal, int64_t above, int64_t minted)
{
    int64_t n = MAX(above, minted) + 1;
    return n % SITES == ordinal ? n : n + 1;
}

int site_ordinal(const char *self, const char *peer)
{
    int order = strcmp(self, peer);
    g_assert(order != 0);
    return order < 0 ? 0 : 1;
}

/* 'count' lower-case hex digits at 'text', and nothing else up to there. */
static bool hex_digits(const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!g_ascii_isxdigit(text[i]) || g_ascii_isupper(text[i]))
            return false;
    return true;
}

static bool hex_exactly(const char *text, size_t count)
{
    return text != NULL && strlen(text) == count && hex_digits(text, count);
}

bool hash_valid(const char *text)
{
    return hex_exactly(text, HASH_HEX_SIZE - 1);
}

bool uuid_valid(const char *text)
{
    static const size_t groups[] = {8, 4, 4, 4, 12};
    if (text == NULL || strlen(text) != UUID_SIZE - 1)
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(groups); i++) {
        if (!hex_digits(text, groups[i]))
            return false;
        text += groups[i];
        if (i + 1 < G_N_ELEMENTS(groups) && *text++ != '-')
            return false;
    }
    return true;
}

/* ---- incarnations ---- */

/* The number and, if 'ret_rest' is given, what follows the dash; 0 if the text is no incarnation.
 */
int64_t incarnation_number(const char *incarnation)
{
    if (incarnation == NULL || !g_ascii_isdigit(incarnation[0]) || incarnation[0] == '0')
        return 0;
    char *rest = NULL;
    int64_t number = g_ascii_strtoll(incarnation, &rest, 10);
    if (number > POSITION_NUMBER_MAX || *rest != '-' || !hex_exactly(rest + 1, 32))
        return 0;
    return number;
}

void incarnation_next(const char *const *known, size_t count, const unsigned char random[16],
                      char ret[INCARNATION_SIZE])
{
    int64_t number = 0;
    for (size_t i = 0; i < count; i++)
        number = MAX(number, incarnation_number(known[i]));
    char hex[33];
    for (size_t i = 0; i < 16; i++)
        g_snprintf(hex + 2 * i, 3, "%02x", random[i]);
    g_snprintf(ret, INCARNATION_SIZE, "%" PRId64 "-%s", number + 1, hex);
}

/* ---- one position ---- */

static const char *or_dash(const char *text)
{
    return text[0] != '\0' ? text : "-";
}

static void hash_of(const struct position *p, char ret[HASH_HEX_SIZE])
{
    char text[1024];
    int n = g_snprintf(text, sizeof text,
                       "protector/1 position\nparent %s\nparent2 %s\nepoch %" PRId64
                       "\nversion %" PRId64 "\nkind %s\nforced %d\nminter %s\nclaim %s\nbody %s\n"
                       "incarnation %s\nrejoined %s\n",
                       or_dash(p->parent), or_dash(p->parent2), p->epoch, p->version,
                       position_kind_text(p->kind), p->forced, p->minter, p->claim_id, p->body_hash,
                       or_dash(p->incarnation), or_dash(p->rejoined));
    if (p->floor2 > 0)
        n += g_snprintf(text + n, sizeof text - (size_t)n, "floor2 %" PRId64 "\n", p->floor2);
    for (size_t i = 0; i < p->drop_count; i++)
        n += g_snprintf(text + n, sizeof text - (size_t)n, "drop %s\n", p->drop[i]);
    g_assert((size_t)n < sizeof text);
    hash_hex(text, (size_t)n, ret);
}

void position_seal(struct position *p)
{
    hash_of(p, p->hash);
}

static bool hash_or_empty(const char *text)
{
    return text[0] == '\0' || hash_valid(text);
}

/* What is wrong with the form of single fields, or NULL. */
static const char *wrong_field(const struct position *p)
{
    if (!hash_or_empty(p->parent) || !hash_or_empty(p->parent2) || !hash_valid(p->body_hash))
        return "a hash is not 64 hex digits";
    if (!uuid_valid(p->minter))
        return "the minter is no uuid";
    if (!hex_exactly(p->claim_id, CLAIM_ID_SIZE - 1))
        return "the claim id is not 32 hex digits";
    if (p->epoch < 0 || p->epoch > POSITION_NUMBER_MAX || p->version < 1 ||
        p->version > POSITION_NUMBER_MAX)
        return "epoch or version is out of range";
    if (p->floor2 < 0 || p->floor2 > POSITION_NUMBER_MAX)
        return "the loser's epoch is out of range";
    if (p->drop_count > POSITION_DROP_MAX || (p->drop_count > 0 && !hash_valid(p->drop[0])))
        return "the list of dropped proposals is not valid";
    return NULL;
}

/* What does not fit together, or NULL. */
static const char *wrong_kind(const struct position *p)
{
    bool opens = position_opens_epoch(p->kind);
    if (opens != (incarnation_number(p->incarnation) > 0) || (!opens && p->incarnation[0] != '\0'))
        return "it must name its minter's incarnation if, and only if, it opens an epoch";
    if (opens && p->epoch < 1)
        return "it opens an epoch without a number";
    if (p->drop_count > 0 && !opens)
        return "only what opens an epoch gives up a proposal";
    if (p->forced && p->kind != POSITION_CLAIM)
        return "only a claim is forced";
    if (p->parent2[0] != '\0' && p->kind != POSITION_RESOLVE)
        return "only a resolve has two parents";
    if (p->floor2 > 0 && (p->kind != POSITION_RESOLVE || p->floor2 >= p->epoch))
        return "only a resolve gives up the other site's epochs, and its own is above them";
    if (p->rejoined[0] != '\0' &&
        (p->kind != POSITION_REJOIN || incarnation_number(p->rejoined) == 0))
        return "only a rejoin names the other site's incarnation";
    return NULL;
}

err_t *position_check(const struct position *p)
{
    const char *wrong = (unsigned)p->kind >= POSITION_KINDS ? "its kind is not known" : NULL;
    if (wrong == NULL)
        wrong = wrong_field(p);
    if (wrong == NULL)
        wrong = wrong_kind(p);
    if (wrong != NULL)
        return err(SYNC_POSITION, "position %.12s is not valid: %s", p->hash, wrong);
    char hash[HASH_HEX_SIZE];
    hash_of(p, hash);
    if (strcmp(hash, p->hash) != 0)
        return err(SYNC_POSITION, "position %.12s does not have the hash of its content (%.12s)",
                   p->hash, hash);
    return NULL;
}

struct position *position_new(const struct position *p)
{
    return g_rc_box_dup(sizeof *p, (struct position *)p);
}

struct position *position_ref(const struct position *p)
{
    return g_rc_box_acquire((struct position *)p);
}

void position_unref(struct position *p)
{
    if (p != NULL)
        g_rc_box_release(p);
}
