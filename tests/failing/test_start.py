#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""test_start - `protector-manage db sync`, which makes a site's keys and tables, when the n-th call
to the kernel fails: it ends with words and a status, never by a signal, and said again it succeeds.

    test_start.py LIBRARY PROGRAM [STRIDE]     every STRIDE-th call; n = 1 … until none fails
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

CALLS_MAX = 3000
LIMIT_S = 120
BUG = re.compile(r"assert|Bail out|internal error|\(null\)", re.I)


class Folder:
    """A site that has nothing yet."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="protector-failing-")
        self.told = os.path.join(self.path, "told")
        self.conf = os.path.join(self.path, "protector.conf")
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write(f"[DEFAULT]\nstate_path = {self.path}\n[database]\n"
                       f"connection = sqlite:///{self.path}/x.db\n")

    def sync(self, program, **more):
        """(status, what it said)"""
        done = subprocess.run([program, "--config-file", self.conf, "db", "sync"],
                              env=dict(os.environ, LC_ALL="C.UTF-8", **more), timeout=LIMIT_S,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", check=False)
        return done.returncode, done.stdout

    def struck(self):
        """The call that failed, or None."""
        if not os.path.exists(self.told):
            return None
        with open(self.told, encoding="utf-8") as file:
            return file.read()


def one(folder, library, program, nth):
    """What is wrong, or None; and which call failed."""
    status, said = folder.sync(program, LD_PRELOAD=library, FAILING_AT=str(nth),
                               FAILING_TOLD=folder.told)
    struck = folder.struck()
    if status < 0:
        return f"ended by signal {-status}: {said}", struck or "?"
    if status > 0 and (not said.strip() or BUG.search(said)):
        return f"ended with {status} and said: {said}", struck
    if status > 0 and struck is None:
        return f"nothing failed, and yet {status}: {said}", struck
    again, said = folder.sync(program)
    return (None if again == 0 else f"said again: {said}"), struck


def main():
    library, program = sys.argv[1:3]
    stride = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    passed = failed = 0
    for nth in range(1, CALLS_MAX, stride):
        folder = Folder()
        try:
            wrong, struck = one(folder, library, program, nth)
        finally:
            shutil.rmtree(folder.path)
        if wrong is not None:
            print(f"call {nth}, {struck}: {wrong}")
        failed += wrong is not None
        passed += wrong is None
        if struck is None:
            break
    print(f"{nth} calls")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or passed < 10 else 0


if __name__ == "__main__":
    sys.exit(main())
