/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace - random walks of src/model in the words of its model (tests/model/sync.pml).
 *
 *     trace FROM COUNT [MUTANT]     the walks of these seeds; in the build with MUTANTS also of one
 *     trace steps BUDGETS [MUTANT]  one walk along the steps that standard input names, a line each
 *
 * Of each walk: "walk SEED", its budgets, and before the first and after each step, named as the
 * model names it, what can be seen of both sites, and every step that the code would take now.
 * tests/model/monitor has the model take the same steps and compares.
 *
 * Positions are numbered in the order in which they were made; 0 is EMPTY or "none".  Where nothing
 * is to be created both sites hold 1, the create, at the start.
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

#define STEPS_MAX     80
#define POSITIONS_MAX 28 /* monitor: NP less what one more step could make */
#define STOP_IN       24 /* of so many times that faults could stop they do once */

struct seen {
    enum sync_role role;
    unsigned pos, staged, serving, frozen_for;
    bool split, closed, owed, reserved, resolving, peer_gone, gone_owed;
    unsigned refused; /* bit p: position p */
    int64_t floor, minted;
};

struct walk {
    struct world w;
    GHashTable *numbers; /* hash -> number + 1 */
    unsigned positions;
    GRand *random;
};

/* What a move has brought about at its site; the first that fits. */
enum outcome {
    FOUND,     /* a group that was lost: RECOVERING out of NONE */
    FORGOT,    /* RECOVERING */
    BURIED,    /* TOMBSTONE */
    COMMITTED, /* pos is what was staged */
    MADE,      /* pos is a new position */
    MOVED,     /* pos is another one that was there */
    STAGED,
    UNSTAGED,
    UNFROZEN,
    DIVERGED, /* SPLIT */
    TOLD,     /* that the peer is gone, or knows that this site is */
    PROVED,   /* the peer is known to hold pos */
    ACCEPTED, /* an answer, and nothing else */
    REFUSED,
    REFUSED_UNHEARD, /* nobody waits for the answer */
    SIGNED,          /* CLOSED */
    SIGNED_LATE,     /* the question was over */
    ASKED,           /* CLOSE */
    NOTHING,         /* that can be seen */
    OUTCOMES
};
static const char *const outcome_texts[OUTCOMES] = {
    [FOUND] = "found",
    [FORGOT] = "forgot",
    [BURIED] = "buried",
    [COMMITTED] = "committed",
    [MADE] = "made",
    [MOVED] = "moved",
    [STAGED] = "staged",
    [UNSTAGED] = "unstaged",
    [UNFROZEN] = "unfrozen",
    [DIVERGED] = "diverged",
    [TOLD] = "told",
    [PROVED] = "proved",
    [ACCEPTED] = "accepted",
    [REFUSED] = "refused",
    [REFUSED_UNHEARD] = "refused, unheard",
    [SIGNED] = "signed",
    [SIGNED_LATE] = "signed, late",
    [ASKED] = "asked",
    [NOTHING] = "nothing",
};

/* A step of the model: its name, and whether it names a position. */
struct step {
    const char *name;
    bool position;
};
#define NAMED(name)                                                                                \
    {                                                                                              \
        name, false                                                                                \
    }
#define ABOUT(name)                                                                                \
    {                                                                                              \
        name, true                                                                                 \
    }
#define OUTSIDE "" /* the model leaves it out: README.md, Abstractions */

/* What the arrival of a message is called. */
static const struct step arrivals[MESSAGE_TYPES][OUTCOMES] = {
    [MESSAGE_PROPOSE] = {[MOVED] = ABOUT("on_propose_accept"),
                         [ACCEPTED] = ABOUT("accept_again"),
                         [REFUSED] = ABOUT("on_propose_refuse"),
                         [REFUSED_UNHEARD] = ABOUT(OUTSIDE),
                         [NOTHING] = NAMED("nothing")},
    [MESSAGE_ACCEPT] = {[COMMITTED] = NAMED("on_accept")},
    [MESSAGE_REFUSE] = {[UNSTAGED] = NAMED("on_refuse"), [BURIED] = NAMED("on_refuse")},
    [MESSAGE_ABORTED] = {[COMMITTED] = NAMED("on_aborted"), [UNFROZEN] = NAMED("on_aborted")},
    [MESSAGE_STATE] = {[PROVED] = ABOUT("on_state_same"),
                       [MOVED] = ABOUT("on_state_fast_forward"),
                       [COMMITTED] = ABOUT("on_state_own_epoch"),
                       [FORGOT] = ABOUT("on_state_own_epoch"),
                       [FOUND] = NAMED("on_lost_group"),
                       [DIVERGED] = ABOUT("on_state_fork"),
                       [NOTHING] = NAMED("nothing")},
    [MESSAGE_HERE] =
        {[MOVED] = NAMED("on_here"), [STAGED] = NAMED("recover"), [COMMITTED] = NAMED("on_accept")},
    [MESSAGE_AMNESIA] = {[MADE] = NAMED("rejoin"), [DIVERGED] = NAMED("on_amnesia")},
    [MESSAGE_CLOSE] = {[SIGNED] = NAMED("on_close"),
                       [SIGNED_LATE] = NAMED("on_late_close"),
                       [NOTHING] = NAMED("nothing")},
    [MESSAGE_CLOSED] = {[MADE] = ABOUT("on_closed")},
    [MESSAGE_GONE] = {[BURIED] = NAMED("on_gone"),
                      [TOLD] = NAMED("on_gone"),
                      [COMMITTED] = NAMED("on_gone"),
                      [PROVED] = NAMED("on_gone"),
                      [NOTHING] = NAMED("nothing")},
};

/* What any other move is called, whatever comes of it. */
static const struct step moves[MOVES] = {
    [MOVE_CREATE] = NAMED("create"),
    [MOVE_WITHDRAW] = NAMED("withdraw"),
    [MOVE_CHANGE] = NAMED("change"),
    [MOVE_HANDOVER] = NAMED("handover"),
    [MOVE_RESERVE] = NAMED("reserve"),
    [MOVE_STAGE] = NAMED("stage"),
    [MOVE_RELEASE] = NAMED("release"),
    [MOVE_FACT] = NAMED("fact"),
    [MOVE_FORCE] = NAMED("force"),
    [MOVE_CLAIM] = NAMED("claim"),
    [MOVE_ABORT] = NAMED("abort_handover"),
    [MOVE_RESOLVE] = ABOUT("resolve"),
    [MOVE_RESOLVE_GONE] = ABOUT("resolve_gone"),
    [MOVE_CLOSE] = NAMED("close"),
    [MOVE_RESTORE] = ABOUT("restore"),
    [MOVE_DELETE] = NAMED("delete"),
    [MOVE_DELETE_ALONE] = NAMED("delete_alone"),
    [MOVE_DELETE_RECOVERING] = NAMED("delete_recovering"),
    [MOVE_DELETE_STANDBY] = NAMED("delete_standby"),
    [MOVE_UNPROTECT] = NAMED("unprotect"),
    [MOVE_TOMBSTONE] = NAMED("tombstone"),
    [MOVE_LOSE] = NAMED("lose"),
    [MOVE_SNAPSHOT] = NAMED("snapshot"),
    [MOVE_STOP] = NAMED("faults_stop"),
};

/* ---- what can be seen ---- */

/* A position that is not numbered yet is the next one. */
static unsigned number_of(const struct walk *walk, const char *hash)
{
    if (hash[0] == '\0')
        return 0;
    unsigned known = GPOINTER_TO_UINT(g_hash_table_lookup(walk->numbers, hash));
    return known > 0 ? known - 1 : walk->positions;
}

static void number(struct walk *walk, const char *hash)
{
    if (hash[0] != '\0' && !g_hash_table_contains(walk->numbers, hash))
        g_hash_table_insert(walk->numbers, g_strdup(hash), GUINT_TO_POINTER(++walk->positions));
}

static const char *staged_hash(const struct sync_state *s)
{
    return s->staged.kind == STAGED_PROPOSAL ? s->staged.position->hash : "";
}

static void number_new(struct walk *walk)
{
    for (int s = 0; s < SITES; s++) {
        number(walk, walk->w.site[s].pos);
        number(walk, staged_hash(&walk->w.site[s]));
    }
}

/* Of a group that is lost, floor and minted stand on the array alone. */
static void see(const struct walk *walk, const struct world *w, int site, struct seen *ret)
{
    const struct sync_state *s = &w->site[site];
    bool none = s->role == ROLE_NONE || s->role == ROLE_TOMBSTONE;
    *ret = (struct seen){.role = s->role,
                         .pos = number_of(walk, s->pos),
                         .staged = number_of(walk, staged_hash(s)),
                         .serving = number_of(walk, s->serving),
                         .frozen_for = number_of(walk, s->frozen_for),
                         .split = s->split,
                         .closed = s->closed,
                         .owed = s->role == ROLE_RECOVERING || (!none && sync_owed(s)),
                         .peer_gone = !none && s->peer_gone,
                         .gone_owed = s->gone_owed,
                         .reserved = s->staged.kind == STAGED_RESERVED,
                         .resolving = s->resolving.nonce[0] != '\0',
                         .floor = none ? w->tag_floor[site] : s->floor,
                         .minted = none ? w->tag_minted[site] : s->minted};
    for (size_t i = 0; i < s->refused_count; i++)
        ret->refused |= 1U << number_of(walk, s->refused[i].hash);
}

static void print_seen(const struct walk *walk)
{
    const struct world *w = &walk->w;
    for (int s = 0; s < SITES; s++) {
        struct seen a;
        see(walk, w, s, &a);
        printf("site %d role %s pos %u staged %u serving %u frozen_for %u split %d closed %d "
               "owed %d reserved %d peer_gone %d gone_owed %d resolving %d floor %d minted %d "
               "refused %x\n",
               s, sync_role_text(a.role), a.pos, a.staged, a.serving, a.frozen_for, a.split,
               a.closed, a.owed, a.reserved, a.peer_gone, a.gone_owed, a.resolving, (int)a.floor,
               (int)a.minted, a.refused);
    }
    printf("left");
    for (int i = 0; i < BUDGETS; i++)
        printf(" %d", w->stopped ? 0 : w->budget[i]);
    printf("\n");
}

/* ---- what a move is called ---- */

/* Of two equal messages by two incarnations the model knows one. */
static bool same_answer(const struct message *a, const struct message *b)
{
    return a->type == b->type && strcmp(a->from, b->from) == 0 &&
           strcmp(a->position, b->position) == 0 && strcmp(a->nonce, b->nonce) == 0 &&
           (a->type != MESSAGE_CLOSED ||
            (a->role == ROLE_RECOVERING) == (b->role == ROLE_RECOVERING));
}

/* Whether an answer of this type is new. */
static bool sent(const struct world *before, const struct world *after, enum message_type type)
{
    guint old = before->bag.letters->len;
    for (guint i = old; i < after->bag.letters->len; i++) {
        bool known = bag_at(&after->bag, i)->type != type;
        for (guint j = 0; j < old && !known; j++)
            known = same_answer(bag_at(&after->bag, i), bag_at(&after->bag, j));
        if (!known)
            return true;
    }
    return false;
}

static enum outcome outcome_of(const struct walk *walk, const struct world *after,
                               const struct move *mv)
{
    const struct world *before = &walk->w;
    struct seen a, b;
    see(walk, before, mv->site, &a);
    see(walk, after, mv->site, &b);
    bool moved = a.pos != b.pos;
    bool refused = a.refused != b.refused || sent(before, after, MESSAGE_REFUSE);
    const struct message *letter = bag_at(&before->bag, mv->letter);
    bool heard = refused && waited(after, letter->position);
    bool signs = (b.closed && !a.closed) || sent(before, after, MESSAGE_CLOSED);
    const bool is[OUTCOMES] = {
        [FOUND] = b.role == ROLE_RECOVERING && a.role == ROLE_NONE,
        [FORGOT] = b.role == ROLE_RECOVERING && a.role != b.role,
        [BURIED] = b.role == ROLE_TOMBSTONE && a.role != b.role,
        [TOLD] = (b.peer_gone && !a.peer_gone) || (a.gone_owed && !b.gone_owed),
        [COMMITTED] = moved && b.pos == a.staged,
        [MADE] = moved && b.pos == walk->positions,
        [MOVED] = moved,
        [STAGED] = b.staged != 0 && a.staged == 0,
        [UNSTAGED] = b.staged == 0 && a.staged != 0,
        [UNFROZEN] = b.frozen_for == 0 && a.frozen_for != 0,
        [DIVERGED] = b.split && !a.split,
        [PROVED] = a.owed && !b.owed,
        [ACCEPTED] = sent(before, after, MESSAGE_ACCEPT),
        [REFUSED] = heard,
        [REFUSED_UNHEARD] = refused,
        [SIGNED] = signs && asked(after, letter->nonce),
        [SIGNED_LATE] = signs,
        [ASKED] = b.resolving && !a.resolving,
        [NOTHING] = true,
    };
    enum outcome ret = 0;
    while (!is[ret])
        ret++;
    return ret;
}

/* The position that a step is about. */
static const char *subject(const struct world *before, const struct move *mv)
{
    return move_has_letter(mv->kind) ? bag_at(&before->bag, mv->letter)->position
                                     : before->site[mv->site].rival;
}

static const struct step *arrival(const struct walk *walk, const struct world *after,
                                  const struct move *mv, enum message_type type)
{
    enum outcome outcome = outcome_of(walk, after, mv);
    const struct step *step = &arrivals[type][outcome];
    if (step->name == NULL) {
        fflush(stdout);
        g_error("the model has no name for a %s by which site %d %s", message_type_text(type),
                mv->site, outcome_texts[outcome]);
    }
    return step;
}

static const struct step *step_of(const struct walk *walk, const struct world *after,
                                  const struct move *mv)
{
    switch (mv->kind) {
    case MOVE_DELIVER:
    case MOVE_DELIVER_REFUSED:
        return arrival(walk, after, mv, bag_at(&walk->w.bag, mv->letter)->type);
    case MOVE_HERE:
        return arrival(walk, after, mv, MESSAGE_HERE);
    case MOVE_AMNESIA:
        return arrival(walk, after, mv, MESSAGE_AMNESIA);
    default:
        return &moves[mv->kind];
    }
}

/* ---- all that the code would do ---- */

struct choice {
    const char *name;
    char text[48];
    struct move mv;
};

/* Of several CLOSED the model takes the highest floor: one that has it. */
static bool highest_floor(const struct world *w, const struct message *closed)
{
    for (guint i = 0; i < w->bag.letters->len; i++) {
        const struct message *m = bag_at(&w->bag, i);
        if (m->type == MESSAGE_CLOSED && strcmp(m->nonce, closed->nonce) == 0 &&
            m->floor > closed->floor)
            return false;
    }
    return true;
}

/* A site was buried, restored and buried again: the model knows its last GONE. */
static bool last_gone(const struct world *w, guint letter)
{
    for (guint i = letter + 1; i < w->bag.letters->len; i++)
        if (bag_at(&w->bag, i)->type == MESSAGE_GONE &&
            strcmp(bag_at(&w->bag, i)->from, bag_at(&w->bag, letter)->from) == 0)
            return false;
    return true;
}

/* The model remembers no rival: any fork may be meant, or where a RECOVERING peer stands. */
static bool forgotten_rival(const struct world *w, int s)
{
    const struct sync_state *a = &w->site[s], *b = &w->site[1 - s];
    bool stands = b->role == ROLE_RECOVERING && strcmp(a->rival, b->pos) == 0;
    return !stands && !chain_fork(a->chain, a->pos, a->rival);
}

/* What the code may do and the model leaves out (README.md, Abstractions). */
static bool left_out(const struct walk *walk, const struct move *mv, const struct step *step)
{
    const struct world *w = &walk->w;
    if (mv->kind == MOVE_RESOLVE_GONE)
        return forgotten_rival(w, mv->site);
    if (mv->kind == MOVE_DELIVER && bag_at(&w->bag, mv->letter)->type == MESSAGE_GONE)
        return !last_gone(w, mv->letter);
    if (mv->kind == MOVE_DELIVER && bag_at(&w->bag, mv->letter)->type == MESSAGE_CLOSED)
        return !highest_floor(w, bag_at(&w->bag, mv->letter));
    return strcmp(step->name, OUTSIDE) == 0;
}

/* Notes the move that led to 'after', unless the model leaves it out. */
static void note(const struct walk *walk, const struct world *after, const struct move *mv,
                 GArray *ret)
{
    const struct step *step = step_of(walk, after, mv);
    struct choice c = {.name = step->name, .mv = *mv};
    if (left_out(walk, mv, step))
        return;
    if (step->position)
        g_snprintf(c.text, sizeof c.text, "%s(%d,%u)", step->name, mv->site,
                   number_of(walk, subject(&walk->w, mv)));
    else
        g_snprintf(c.text, sizeof c.text, "%s(%d)", step->name, mv->site);
    g_array_append_val(ret, c);
}

/* A letter that this kind of move may take there. */
static bool takes_letter(const struct world *w, enum move_kind kind, int site, guint letter)
{
    const struct message *m = bag_at(&w->bag, letter);
    bool mine = strcmp(kind == MOVE_RESTORE ? m->from : m->to, world_uuid[site]) == 0;
    bool fits = kind == MOVE_DELIVER || kind == MOVE_RESTORE ||
                (kind == MOVE_DELIVER_REFUSED && m->type == MESSAGE_PROPOSE);
    return mine && fits;
}

static void try_kind(const struct walk *walk, enum move_kind kind, int site, struct world *next,
                     GArray *ret)
{
    bool letters = move_has_letter(kind);
    guint n = letters ? walk->w.bag.letters->len : 1;
    for (guint i = 0; i < n; i++) {
        struct move mv = {kind, site, i};
        if ((letters && !takes_letter(&walk->w, kind, site, i)) || !world_move(next, &mv))
            continue;
        note(walk, next, &mv, ret);
        world_fini(next);
        world_copy(&walk->w, next);
    }
}

/* struct choice of every move that would do something. */
static GArray *choices(const struct walk *walk)
{
    GArray *ret = g_array_new(FALSE, TRUE, sizeof(struct choice));
    struct world next;
    world_copy(&walk->w, &next);
    for (enum move_kind kind = MOVE_CHANGE; kind < MOVES; kind++)
        for (int site = 0; site < SITES; site++)
            try_kind(walk, kind, site, &next, ret);
    world_fini(&next);
    return ret;
}

static void print_choices(const GArray *all)
{
    printf("enabled");
    for (guint i = 0; i < all->len; i++) {
        const struct choice *c = &g_array_index(all, struct choice, i);
        if (strcmp(c->name, "nothing") != 0)
            printf(" %s", c->text);
    }
    printf("\n");
}

/* ---- what the model may do besides: README.md, Abstractions ---- */

/* An incarnation of the peer before its last but one: the model remembers two. */
static bool long_over(const struct world *w, const struct message *m, int s)
{
    return m->type == MESSAGE_STATE && strcmp(m->to, world_uuid[s]) == 0 &&
           incarnation_number(m->incarnation) + 1 < incarnation_number(w->incarnation[1 - s]);
}

static void print_besides_letter(const struct walk *walk, const struct message *m, int s)
{
    if (long_over(&walk->w, m, s))
        printf(" on_state_fork(%d,%u)", s, number_of(walk, m->position));
    if (m->type == MESSAGE_CLOSED && !highest_floor(&walk->w, m))
        printf(" on_closed(%d,%u)", s, number_of(walk, m->position));
}

static void print_besides(const struct walk *walk)
{
    const struct world *w = &walk->w;
    bool apart = strcmp(w->site[0].pos, w->site[1].pos) != 0;
    printf("besides");
    for (int s = 0; s < SITES; s++) {
        if (apart || w->site[1 - s].role == ROLE_TOMBSTONE) /* no fresh HERE of this position */
            printf(" change(%d) handover(%d) reserve(%d) delete(%d)", s, s, s, s);
        for (unsigned q = 0; q < walk->positions; q++)
            if (q != number_of(walk, w->site[s].rival))
                printf(" resolve_gone(%d,%u)", s, q);
        for (guint i = 0; i < w->bag.letters->len; i++)
            print_besides_letter(walk, bag_at(&w->bag, i), s);
    }
    printf("\n");
}

/* One of them, each name as likely as any other: the rare ones are what a walk is for. */
static const struct choice *choose(struct walk *walk, const GArray *all)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    const struct choice *ret = NULL;
    bool stop = g_rand_int_range(walk->random, 0, STOP_IN) == 0;
    int seen = 0;
    for (guint i = 0; i < all->len; i++) {
        const struct choice *c = &g_array_index(all, struct choice, i);
        bool skipped = c->mv.kind == MOVE_STOP && !stop && all->len > 1;
        if (!skipped && g_hash_table_add(names, (void *)c->name) &&
            g_rand_int_range(walk->random, 0, ++seen) == 0)
            ret = c;
    }
    const char *name = ret->name;
    seen = 0;
    for (guint i = 0; i < all->len; i++) {
        const struct choice *c = &g_array_index(all, struct choice, i);
        if (strcmp(c->name, name) == 0 && g_rand_int_range(walk->random, 0, ++seen) == 0)
            ret = c;
    }
    return ret;
}

/* ---- a walk ---- */

static unsigned number_argument(const char *text)
{
    guint64 ret = 0;
    if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT, &ret, NULL))
        g_error("%s is no number", text);
    return (unsigned)ret;
}

/* Users, handovers, forces, facts, restores, resolves, slots, losses, deletes, alones; creates,
 * withdrawals: with creates, the walk begins from nothing. */
static const int budgets[][BUDGETS] = {
    {4, 4, 4, 3, 0, 4, 0, 0, 0, 0},       {2, 1, 2, 1, 1, 2, 0, 0, 1, 0},
    {2, 3, 2, 2, 2, 3, 3, 0, 0, 0},       {5, 5, 4, 4, 3, 5, 2, 1, 1, 1},
    {0, 2, 2, 1, 2, 3, 0, 0, 0, 0},       {1, 2, 5, 1, 1, 5, 2, 0, 0, 0},
    {1, 6, 2, 0, 0, 2, 3, 0, 1, 0},       {1, 1, 3, 3, 4, 5, 0, 0, 0, 0},
    {2, 2, 2, 1, 0, 2, 0, 2, 1, 1},       {2, 1, 2, 1, 0, 2, 0, 0, 0, 0, 1, 1},
    {2, 2, 2, 1, 1, 2, 1, 1, 1, 1, 2, 1}, {1, 0, 1, 0, 2, 1, 1, 0, 0, 0, 1, 0},
    {3, 1, 1, 1, 0, 1, 1, 0, 1, 1, 2, 2},
};

static void step(struct walk *walk, const struct choice *c)
{
    printf("step %s\n", c->text);
    if (!world_move(&walk->w, &c->mv))
        g_error("%s: possible a moment ago, and now not", c->text);
    number_new(walk);
    bool left = false;
    for (int i = 0; i < BUDGETS; i++)
        left |= walk->w.budget[i] > 0;
    walk->w.stopped |= !left;
}

static void walk_init(struct walk *walk, unsigned seed, const int *budget)
{
    *walk = (struct walk){.numbers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                          .positions = 1, /* EMPTY */
                          .random = g_rand_new_with_seed(seed)};
    if (budget[CREATES] > 0)
        world_init_empty(&walk->w, budget);
    else
        world_init(&walk->w, budget);
    walk->w.two_step = true;
    number_new(walk);
    printf("walk %u\n", seed);
}

static void walk_fini(struct walk *walk)
{
    world_fini(&walk->w);
    g_hash_table_destroy(walk->numbers);
    g_rand_free(walk->random);
}

/* struct choice of every step that is possible here; all that is seen is printed. */
static GArray *look(const struct walk *walk)
{
    print_seen(walk);
    GArray *ret = choices(walk);
    print_choices(ret);
    print_besides(walk);
    return ret;
}

static void walk_seed(unsigned seed)
{
    struct walk walk;
    walk_init(&walk, seed, budgets[seed % G_N_ELEMENTS(budgets)]);
    for (int i = 0;; i++) {
        g_autoptr(GArray) all = look(&walk);
        if (i == STEPS_MAX || all->len == 0 || walk.positions >= POSITIONS_MAX)
            break;
        step(&walk, choose(&walk, all));
    }
    walk_fini(&walk);
}

/* The choice of this text, or the end: whoever wrote the steps was wrong, or the code is. */
static const struct choice *choice_of(const GArray *all, const char *text)
{
    for (guint i = 0; i < all->len; i++) {
        const struct choice *c = &g_array_index(all, struct choice, i);
        if (strcmp(c->text, text) == 0)
            return c;
    }
    fflush(stdout);
    g_error("%s is not possible here", text);
}

/* 'budget_text': numbers with commas, in the order of world.h. */
static void walk_steps(const char *budget_text)
{
    int budget[BUDGETS] = {0};
    char line[64];
    struct walk walk;
    g_auto(GStrv) numbers = g_strsplit(budget_text, ",", BUDGETS);
    for (int i = 0; numbers[i] != NULL; i++)
        budget[i] = (int)number_argument(numbers[i]);
    walk_init(&walk, 0, budget);
    for (;;) {
        g_autoptr(GArray) all = look(&walk);
        if (fgets(line, sizeof line, stdin) == NULL)
            break;
        step(&walk, choice_of(all, g_strchomp(line)));
    }
    walk_fini(&walk);
}

#ifdef MUTANTS
#define PLANTED(name)                                                                              \
    {                                                                                              \
#name, MUTANT_##name                                                                       \
    }
/* Those that the model knows under the same name. */
static const struct planted {
    const char *name;
    enum mutant mutant;
} planted[] = {
    PLANTED(EPOCH_PLUS_ONE),       PLANTED(LOCAL_FIRST),
    PLANTED(FREEZE_LATE),          PLANTED(SUCCESSOR_ONLY),
    PLANTED(ABORT_NOT_FINAL),      PLANTED(ABORT_UNBOUND),
    PLANTED(REFUSAL_FORGOTTEN),    PLANTED(RECOVER_ALONE),
    PLANTED(FACT_WHILE_STAGED),    PLANTED(TEXT_REFUSE),
    PLANTED(REJOIN_IGNORES_FLOOR), PLANTED(TEXT_ADOPT),
    PLANTED(TEXT_REFUSED),         PLANTED(TEXT_LOST),
    PLANTED(TEXT_CLOSED),          PLANTED(TEXT_REOPEN),
    PLANTED(TEXT_CLOSED_DROPPED),  PLANTED(TEXT_FLOOR),
};

static bool plant(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(planted); i++)
        if (strcmp(planted[i].name, name) == 0)
            mutant = planted[i].mutant;
    return mutant != MUTANT_NONE;
}
#define ARGUMENTS_MAX 4
#else
static bool plant(const char *name)
{
    (void)name;
    return false;
}
#define ARGUMENTS_MAX 3
#endif

int main(int argc, char **argv)
{
    if (argc < 3 || argc > ARGUMENTS_MAX || (argc == 4 && !plant(argv[3]))) {
        fprintf(stderr, "usage: trace FROM COUNT [MUTANT], trace steps BUDGETS [MUTANT]\n");
        return 2;
    }
    if (strcmp(argv[1], "steps") == 0) {
        walk_steps(argv[2]);
        world_bodies_free();
        return 0;
    }
    unsigned from = number_argument(argv[1]), count = number_argument(argv[2]);
    for (unsigned seed = from; seed < from + count; seed++)
        walk_seed(seed);
    world_bodies_free();
    return 0;
}
