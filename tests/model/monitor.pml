/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitor.pml - sync.pml takes the steps that it reads, one a line: "on_propose_accept(1,3)".
 *
 * After the start and after each step it prints what a trace of the code prints (`trace.c`): what
 * can be seen of both sites, and all that is enabled.  A step that is not enabled is printed as
 * "refused" and ends the run.  A walk that ends where nothing is enabled must have come to L1.
 */
hidden byte who_, which_, value_;        /* the step's arguments; what is shown                      */
short steps;                             /* no two states look equal: every step is taken            */

#define NUMBER(a) NUMBER_##a,
#define NAME(a)   #a,

c_decl {
\#include <stdbool.h>
\#include <stdio.h>
\#include <string.h>
enum { ACTIONS(NUMBER, NUMBER, NUMBER) NUMBER_nothing, NUMBERS };
};
c_code {
static const char *const names[NUMBERS] = {ACTIONS(NAME, NAME, NAME) "nothing"};
/* In the order of sync.pml's numbers. */
static const char *const roles[] = {"STANDBY", "ACTIVE", "FROZEN", "RECOVERING", "NONE", "TOMBSTONE"};
static char line[256];
static int action;
static bool over;
static int possible;                     /* how many steps */

static void next_step(void)
{
    char name[64];
    int site = 0, position = 0;
    over = over || fgets(line, sizeof line, stdin) == NULL
        || sscanf(line, "%63[a-z_](%d,%d)", name, &site, &position) < 2;
    for (action = 0; !over && action < NUMBERS && strcmp(names[action], name) != 0; action++)
        ;
    who_ = site;
    which_ = position;
}

static void refuse(const char *why)
{
    printf("%s %s", why, line);
    over = true;
}

static void can(int number, const char *arguments)
{
    possible++;
    printf(" %s", names[number]);
    printf(arguments, who_, which_);
}

static void end_line(void)
{
    printf("\n");
    fflush(stdout);
}
};

/* ---- the step */
#define TAKE(a, guard, step)   :: c_expr { action == NUMBER_##a } -> if :: guard -> step :: else -> c_code { refuse("refused"); } fi
#define TAKE_ONCE(a)           TAKE(a, g_##a(), a())
#define TAKE_BOTH(a)           TAKE(a, g_##a(who_), a(who_))
#define TAKE_EACH(a)           TAKE(a, g_##a(who_, which_), a(who_, which_))

/* ---- what is enabled */
#define CAN(a, guard, how)     if :: guard -> c_code { can(NUMBER_##a, how); } :: else fi;
#define CAN_ONCE(a)            CAN(a, who_ == 0 && which_ == 0 && (g_##a()), "(%d)")
#define CAN_BOTH(a)            CAN(a, which_ == 0 && (g_##a(who_)), "(%d)")
#define CAN_EACH(a)            CAN(a, g_##a(who_, which_), "(%d,%d)")

/* ---- what can be seen */
#define FIELD(name, what)      value_ = what; c_code { printf(" " name " %d", value_); };
#define SITE \
	c_code { printf("site %d", who_); }; \
	c_code { printf(" role %s", roles[now.role[who_]]); }; \
	FIELD("pos", pos[who_]) FIELD("staged", staged[who_]) FIELD("serving", serving[who_]) \
	FIELD("frozen_for", frozen_for[who_]) FIELD("split", split[who_]) FIELD("closed", closed[who_]) FIELD("owed", owed[who_]) \
	FIELD("reserved", reserved[who_]) FIELD("peer_gone", peer_gone[who_]) FIELD("gone_owed", gone_owed[who_]) \
	FIELD("resolving", resolving[who_]) FIELD("floor", flr[who_]) FIELD("minted", minted[who_]) \
	c_code { printf(" refused %x", now.refused[who_]); end_line(); };

#define SHOW \
	who_ = 0; SITE who_ = 1; SITE \
	c_code { \
		printf("left %d %d %d %d", now.users, now.handovers, now.forces, now.facts); \
		printf(" %d %d %d %d", now.restores, now.resolves, now.slots, now.losses); \
		printf(" %d %d %d %d", now.deletes, now.alones, now.creates, now.withdrawals); \
		end_line(); \
		printf("enabled"); \
		possible = 0; \
	}; \
	who_ = 0; \
	do \
	:: who_ < 2 -> \
		which_ = 0; \
		do \
		:: which_ < n -> ACTIONS(CAN_ONCE, CAN_BOTH, CAN_EACH) which_++ \
		:: else -> break \
		od; \
		who_++ \
	:: else -> break \
	od; \
	c_code { end_line(); };

#define TAKE_STEPS \
	d_step { SHOW }; \
	do \
	:: d_step { steps++; c_code { next_step(); } }; \
		if \
		:: c_expr { over && possible == 0 } -> CLAIMED(L1, L1_HOLDS); break \
		:: c_expr { over && possible > 0 } -> break \
		:: d_step { c_expr { !over } -> \
			if \
			ACTIONS(TAKE_ONCE, TAKE_BOTH, TAKE_EACH) \
			:: c_expr { action == NUMBER_nothing } -> skip \
			:: else -> c_code { refuse("unknown"); } \
			fi; \
			AFTERWARDS; \
			SHOW } \
		fi \
	od
