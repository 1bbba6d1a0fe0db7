#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Plants one offence after the other in a small tree; tools/tidy must name it, and nothing else."""
import os
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("SOURCE_ROOT") or os.path.abspath(__file__ + "/../../..")
HEAD = "/* SPDX-License-Identifier: Apache-2.0 */\n/* a file. */\n"
PYTHON = "#!/usr/bin/python3\n# SPDX-License-Identifier: Apache-2.0\n"
UNFINISHED = "TO" + "DO"


def function(lines):
    """A function of so many lines."""
    return "int f(void)\n{\n" + "    g();\n" * (lines - 3) + "}\n"


# Each row: what it shows, path, text, the rules that must find something (in the order of tidy).
CASES = [
    ("a good file", "src/base/a.c", HEAD + '#include "base/err.h"\n#include <stdio.h>\n', []),
    ("a wrong import", "src/base/a.c", HEAD + '#include "net/http.h"\n', ["imports"]),
    ("the cli sees the client alone", "src/cli/a.c", HEAD + '#include "base/err.h"\n', ["imports"]),
    ("the cli and its door", "src/cli/a.c", HEAD + "#include <protector/client.h>\n", []),
    ("drivers and base", "src/drivers/mock/a.c", HEAD + '#include "base/err.h"\n', ["imports"]),
    ("drivers and a door", "src/drivers/mock/a.c", HEAD + "#include <protector/driver.h>\n", []),
    ("the runner and the cloud", "src/run/a.c", HEAD + '#include "cloud/nova.h"\n', ["imports"]),
    ("what an import imports", "src/runbooks/a.c", HEAD + '#include "model/sync.h"\n', []),
    ("a header of no room", "src/net/a.c", HEAD + '#include "http.h"\n', ["imports"]),
    ("an include in a comment's code", "src/net/a.c", HEAD + '/* #include "x" */\n', []),
    ("a library by the window", "src/net/a.c", HEAD + "#include <jansson.h>\n", ["libraries"]),
    ("70 lines", "src/net/a.c", HEAD + function(70), []),
    ("71 lines", "src/net/a.c", HEAD + function(71), ["functions"]),
    ("71 lines behind a short one", "src/net/a.c", HEAD + function(9) + "\n" + function(71),
     ["functions"]),
    ("900 lines", "src/net/a.c", HEAD + "int a;\n" * 898, []),
    ("901 lines", "src/net/a.c", HEAD + "int a;\n" * 899, ["length"]),
    ("100 columns of letters", "tools/a.py", PYTHON + "# " + "é" * 98 + "\n", []),
    ("101 columns", "tools/a.py", PYTHON + "# " + "é" * 99 + "\n", ["columns"]),
    ("a row of a table", "src/net/a.c", HEAD + "/* clang-format off */\nint a;" + " " * 60 +
     "/* " + "x" * 80 + " */\n/* clang-format on */\n", []),
    ("behind the table", "src/net/a.c", HEAD + "/* clang-format off */\n/* clang-format on */\n" +
     "int a; /* " + "x" * 100 + " */\n", ["columns"]),
    ("a banned call", "src/net/a.c", HEAD + "int a = atoi(b);\n", ["banned"]),
    ("a banned call in a test", "tests/unit/a.c", HEAD + "int a = atoi(b);\n", ["banned"]),
    ("a banned word in a string", "src/net/a.c", HEAD + 'char *a = "atoi(b)";\n', []),
    ("a banned word in a comment", "src/net/a.c", HEAD + "/* not atoi(b) */\n", []),
    ("a member of that name", "src/net/a.c", HEAD + "int a = env->random(b) + c.time(d);\n", []),
    ("a pointer of that name", "src/net/a.h", HEAD + "#pragma once\nint (*random)(int a);\n", []),
    ("part of a name", "src/net/a.c", HEAD + "int a = lifetime(b) + my_strcpy(c);\n", []),
    ("the clock", "src/net/a.c", HEAD + "int a = time(NULL);\n", ["outside"]),
    ("the environment", "src/run/a.c", HEAD + 'char *a = g_getenv("A");\n', ["outside"]),
    ("a wait", "sim/a.c", HEAD + "int a = sleep(1);\n", ["outside"]),
    ("a wait in a daemon", "src/daemons/a.c", HEAD + "int a = sleep(1);\n", []),
    ("the clock in env.c", "src/base/env.c", HEAD + "int a = clock_gettime(b, c);\n", []),
    ("chance in env.c", "src/base/env.c", HEAD + "int a = rand();\n", ["outside"]),
    ("no licence", "src/net/a.c", "/* a */\n/* b */\n", ["licence"]),
    ("no licence in a script", "tools/a.sh", "#!/bin/sh\n", ["licence"]),
    ("no purpose", "src/net/a.c", HEAD.split("\n")[0] + "\nint a;\n", ["purpose"]),
    ("no guard", "src/net/a.h", HEAD + "int f(void);\n", ["guard"]),
    ("left for later", "docs/a.md", "text\n" + UNFINISHED + ": text\n", ["unfinished"]),
    ("a template's name", "src/net/a.c", HEAD + 'char *a = "/tmp/x-XXXXXX";\n', []),
    ("a tab", "src/net/a.c", HEAD + "int\ta;\n", ["blanks"]),
    ("no end of line", "src/net/a.c", HEAD + "int a;", ["blanks"]),
    ("the build's folder", "build-x/a.c", "int\ta = atoi(b);", []),
]


def findings(folder, path, text):
    """The rules that failed, and the last line."""
    full = os.path.join(folder, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w", encoding="utf-8") as file:
        file.write(text)
    done = subprocess.run([os.path.join(folder, "tools/tidy")], capture_output=True, text=True,
                          check=False)
    os.remove(full)
    lines = done.stdout.rstrip("\n").split("\n")
    failed = [line.split()[1].rstrip(":") for line in lines if line.startswith("FAILED")]
    return [rule for rule in failed if rule != "format"], lines, done.returncode


def main():
    passed = 0
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "tools"))
        shutil.copy(os.path.join(SOURCE, "tools/tidy"), os.path.join(folder, "tools/tidy"))
        for what, path, text, wanted in CASES:
            got, lines, code = findings(folder, path, text)
            named = not wanted or any(line.startswith(path + ":") for line in lines)
            ok = got == wanted and named and lines[-1].endswith(" failed") and \
                (code != 0 if wanted else True)
            passed += ok
            if not ok:
                shown = [line for line in lines if line.endswith("]")]
                print(f"{what}: wanted {wanted}, got {got}:", *shown, sep="\n    ")
    print(f"{passed} passed, {len(CASES) - passed} failed")
    return passed != len(CASES)


sys.exit(main())
