# SPDX-License-Identifier: Apache-2.0
"""settings - budgets, configurations and mutants of sync.pml, and how it reads them."""
SMALL, LARGE = "small", "large"

# In the order in which a configuration names them.
BUDGETS = ["users", "handovers", "forces", "facts", "restores", "resolves"]
MORE_BUDGETS = ["slots", "creates", "deletes", "losses", "withdrawals", "alones"]
BEGIN = {"held": 0, "nothing": 1, "created": 2}  # sync.pml: BOTH_HOLD, NOTHING, CREATED

# name: (users, handovers, forced claims, facts, restores, resolves), what besides, small or large.
# Besides: other budgets; begin; two_step: CLOSE, CLOSED and RESOLVE are steps of their own;
# servers: what runs is followed; late_tags: an array's tag is written later than the claim.
CONFIGS = {
    "tiny": ((1, 1, 1, 0, 0, 1), {}, SMALL),
    "base": ((2, 1, 2, 1, 0, 2), {}, SMALL),
    "h2": ((1, 2, 1, 1, 0, 2), {}, SMALL),
    "f3": ((1, 1, 3, 0, 0, 3), {}, SMALL),
    "mid": ((1, 2, 2, 1, 0, 5), {"np": 18}, LARGE),
    "r0": ((0, 1, 0, 0, 1, 0), {}, SMALL),
    "r1": ((1, 1, 1, 0, 1, 1), {}, SMALL),
    "rest": ((1, 1, 1, 1, 1, 1), {}, SMALL),
    "rest2": ((2, 1, 1, 1, 1, 1), {}, LARGE),
    "rest3": ((1, 2, 1, 1, 1, 1), {"np": 18}, LARGE),
    "both": ((0, 1, 1, 1, 2, 1), {}, LARGE),
    "both2": ((1, 1, 1, 0, 2, 1), {"np": 18}, LARGE),
    "slot": ((0, 1, 1, 1, 0, 1), {"slots": 1}, SMALL),
    "slots": ((1, 1, 1, 1, 0, 1), {"slots": 2}, LARGE),
    "slot-rest": ((0, 1, 1, 1, 1, 1), {"slots": 1}, LARGE),
    "create": ((1, 0, 1, 0, 0, 1), {"begin": "nothing", "creates": 1, "withdrawals": 1}, SMALL),
    "creates": ((2, 1, 1, 0, 0, 1), {"begin": "nothing", "creates": 2, "withdrawals": 1}, SMALL),
    "create-rest": ((1, 0, 1, 0, 1, 1), {"begin": "nothing", "creates": 1, "withdrawals": 1},
                    SMALL),
    "delete": ((1, 1, 1, 0, 0, 1), {"begin": "created", "deletes": 1}, SMALL),
    "delete-alone": ((0, 0, 1, 0, 0, 1), {"begin": "created", "deletes": 1, "alones": 1}, SMALL),
    "delete-alone2": ((1, 1, 1, 1, 0, 1), {"begin": "created", "deletes": 1, "alones": 1}, LARGE),
    "delete-rest": ((0, 0, 1, 0, 1, 0), {"begin": "created", "deletes": 1, "alones": 1}, SMALL),
    "delete-rest2": ((0, 1, 1, 0, 1, 1), {"begin": "created", "deletes": 1, "alones": 1}, LARGE),
    "life": ((1, 0, 1, 0, 0, 1), {"begin": "nothing", "creates": 1, "deletes": 1,
                                  "withdrawals": 1, "alones": 1}, SMALL),
    "lose": ((1, 1, 1, 0, 0, 1), {"servers": 1, "begin": "created", "losses": 1}, SMALL),
    "lose-delete": ((0, 0, 1, 0, 0, 1), {"servers": 1, "begin": "created", "losses": 1,
                                         "deletes": 1}, SMALL),
    "lose2": ((0, 1, 1, 0, 0, 1), {"servers": 1, "begin": "created", "losses": 2}, SMALL),
    "create-lose": ((1, 0, 1, 0, 0, 1), {"servers": 1, "begin": "nothing", "creates": 1,
                                         "losses": 1, "withdrawals": 1}, SMALL),
    "servers": ((0, 1, 1, 1, 1, 1), {"servers": 1}, SMALL),
    "tags": ((0, 1, 1, 0, 1, 1), {"servers": 1, "late_tags": 1}, SMALL),
    "tags2": ((1, 1, 1, 1, 1, 1), {"servers": 1, "late_tags": 1}, LARGE),
    "close": ((1, 1, 2, 0, 0, 2), {"two_step": 1}, SMALL),
    "close2": ((1, 1, 2, 1, 0, 3), {"two_step": 1}, LARGE),
    "close-rest": ((1, 1, 1, 0, 1, 1), {"two_step": 1}, SMALL),
    "close-rest2": ((1, 1, 1, 1, 1, 2), {"two_step": 1}, LARGE),
}

# mutant (switches joined by +), configuration, the property that must break ("-": it survives).
MUTANTS = [
    ("EPOCH_PLUS_ONE", "base", "S1"),
    ("LOCAL_FIRST", "base", "S3"),
    ("FREEZE_LATE", "base", "S2"),
    ("SUCCESSOR_ONLY", "base", "L1"),
    ("ABORT_NOT_FINAL", "h2", "S2"),
    ("ABORT_UNBOUND", "h2", "S2"),
    ("REFUSAL_FORGOTTEN", "base", "S4"),
    ("RESTORE_RESUMES", "rest", "S2"),
    ("RECOVER_ALONE", "rest", "S2"),
    ("FACT_WHILE_STAGED", "base", "L1"),
    ("REJOIN_IGNORES_FLOOR", "rest", "L1"),
    ("TEXT_REFUSE", "rest", "S4"),
    ("TEXT_ADOPT", "rest", "L1"),
    ("TEXT_REFUSED", "rest3", "S4"),
    ("TEXT_RECOVER", "r0", "S5"),
    ("TEXT_RESOLVE", "rest", "L1"),
    ("TEXT_LOST+TEXT_RESOLVE", "rest", "L1"),
    ("TEXT_LOST", "rest", "L1"),
    ("TEXT_CREATE", "lose", "S7"),
    ("TEXT_CLOSED", "close-rest", "L1"),
    ("TEXT_CLOSED_DROPPED", "close-rest", "L1"),
    ("TEXT_REOPEN", "close-rest", "L1"),
    ("TEXT_FLOOR", "lose2", "S7"),
    ("FLOOR_LOST", "servers", "S7"),
    ("BOOT_BEFORE_TAG", "tags", "S7"),
    ("CLAIM_IN_SPLIT", "rest", "-"),
    ("ACCEPT_OTHER_EPOCH", "base", "-"),
    ("ACCEPT_IN_SPLIT", "rest", "-"),
    ("ACCEPT_SERVING", "rest", "-"),
    ("NO_CLOSE", "base", "-"),
    ("SILENT_DROP", "base", "-"),
    ("OWED_IGNORED", "base", "-"),
    ("STAGE_UNCHECKED", "slot", "-"),
    ("RESERVED_KEPT", "slot", "-"),
    ("RESERVED_KEPT+STAGE_UNCHECKED", "slot", "L1"),
    ("WITHDRAW_SILENT", "create", "-"),
    ("CREATE_AT_TOMBSTONE", "create", "S6"),
    ("FORCE_DELETING", "delete", "-"),
    ("GONE_IS_NO_ACCEPT", "delete", "S6"),
    ("LOST_WITHOUT_FLOOR", "lose", "S7"),
    ("NOBODY_REOPENS", "close", "L1"),
    ("BOTH_REOPEN", "close", "NP"),
    ("NO_CLOSE", "close", "NP"),
    ("CLOSED_COMMITS", "close", "-"),
    ("RESOLVE_AT_STANDBY", "rest", "-"),
]

# Mutants that bring back a message of long ago: nothing may be forgotten.
REMEMBER = ("RESTORE_RESUMES", "ABORT_NOT_FINAL", "ABORT_UNBOUND")

def switches():
    """The names of all mutants' switches."""
    return sorted({switch for name, _, _ in MUTANTS for switch in name.split("+")})


def switches_h():
    """The text of switches.h: sync.pml's settings, and what reads them from the environment."""
    hidden = "".join(f"hidden byte {name};\n" for name in switches())
    settings = ["begin", "two_step", "servers", "late_tags", "remember"] + switches()
    left = BUDGETS + MORE_BUDGETS
    reads = "".join(f'    {name} = setting("{name}");\n' for name in settings)
    reads += "".join(f'    now.{name} = setting("{name}");\n' for name in left)
    return (hidden + "c_decl {\n\\#include <stdlib.h>\n};\n"
            "c_code {\nstatic int setting(const char *name)\n{\n"
            "    const char *text = getenv(name);\n    return text ? atoi(text) : 0;\n}\n"
            "static void from_environment(void)\n{\n" + reads + "}\n};\n")
