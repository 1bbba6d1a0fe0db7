#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How tools/check counts: what it makes of the output and the end of a program."""
import contextlib
import importlib.machinery
import importlib.util
import io
import os
import sys

SOURCE = os.environ.get("SOURCE_ROOT") or os.path.abspath(__file__ + "/../../..")
sys.dont_write_bytecode = True
LOADER = importlib.machinery.SourceFileLoader("check", os.path.join(SOURCE, "tools/check"))
SPEC = importlib.util.spec_from_loader("check", LOADER)
CHECK = importlib.util.module_from_spec(SPEC)
LOADER.exec_module(CHECK)

CMOCKA_GOOD = """[==========] Running 3 test(s).
[ RUN      ] test_a
[       OK ] test_a
[==========] 3 test(s) run.
[  PASSED  ] 3 test(s).
"""
CMOCKA_BAD = """[==========] 9 test(s) run.
[  PASSED  ] 6 test(s).
[  SKIPPED ] 1 test(s), listed below:
[  SKIPPED ] test_s
[  FAILED  ] 2 test(s), listed below:
[  FAILED  ] test_x
[  FAILED  ] test_y

 2 FAILED TEST(S)
"""
# What it shows, output, the program ended well, meson says skipped: passed, failed, skipped.
CASES = [
    ("cmocka", CMOCKA_GOOD, True, False, (3, 0, 0)),
    ("two groups of cmocka", CMOCKA_GOOD + CMOCKA_GOOD, True, False, (6, 0, 0)),
    ("failures of cmocka", CMOCKA_BAD, False, False, (6, 2, 1)),
    ("cmocka, then a leak", CMOCKA_GOOD + "ERROR: LeakSanitizer\n", False, False, (3, 1, 0)),
    ("a program without counts", "hello\n", True, False, (1, 0, 0)),
    ("a failed program without counts", "hello\n", False, False, (0, 1, 0)),
    ("silence", "", True, False, (1, 0, 0)),
    ("our last line", "3 passed, 4 failed\n12 passed, 0 failed\n", True, False, (12, 0, 0)),
    ("our last line with failures", "12 passed, 2 failed\n", False, False, (12, 2, 0)),
    ("our last line, then a crash", "12 passed, 0 failed\n", False, False, (12, 1, 0)),
    ("failures that end well", "12 passed, 2 failed\n", True, False, (12, 2, 0)),
    ("words within a line", "said 12 passed, 2 failed there\n", True, False, (1, 0, 0)),
    ("a skipped program", "SKIP: no such thing\n", True, True, (0, 0, 1)),
]


def main():
    passed = 0
    for what, output, ended_well, skipped, wanted in CASES:
        result = CHECK.Result("x")
        result.count(output, ended_well, skipped)
        got = (result.passed, result.failed, result.skipped)
        passed += got == wanted
        if got != wanted:
            print(f"{what}: wanted {wanted}, got {got}")
    result = CHECK.Result("x")
    result.count("a\nSKIP: b is missing\nwork done, 1 open\nFoundation  3 done,   1 open\n", True)
    shown = result.notes == ["SKIP: b is missing", "Foundation  3 done,   1 open"]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        CHECK.show_failure(result, CMOCKA_BAD, "x: y (FAIL)")
    what, lines = result.failures[0]
    again = (what == "x: y (FAIL)" and "[  FAILED  ] test_y" in lines and
             "[  FAILED  ] test_x" in printed.getvalue())
    others = shown + again
    print(f"{passed + others} passed, {len(CASES) - passed + 2 - others} failed")
    return passed != len(CASES) or others != 2


sys.exit(main())
