#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""test_daemons - protector-api and protector-engine when the n-th call to the kernel fails while
they start: such a start ends with words and exit code 1, or the service comes up and ends when it
is asked to; never by a signal.  Nothing is left half written: the next start succeeds and finds the
files that every start leaves.

    test_daemons.py LIBRARY FOLDER [STRIDE [PROGRAM]]
        the programs of FOLDER; every STRIDE-th call, n = 1 … until none fails before it is up
"""
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from test_start import BUG, CALLS_MAX, LIMIT_S

# What a service says when it is up; a worker of the API that cannot start is tried again for ever
# (each is forked with the count of its master, so that each of them fails).
PROGRAMS = {"protector-api": ["listening on", "worker serves"], "protector-engine": ["running as"]}
GIVES_UP = re.compile(r"the worker ends")
WORKER_ENDED = re.compile(r"worker \d+ ended \(status (\d+)\)")
CALLS_MIN = {"protector-api": 50, "protector-engine": 30}  # fewer, and nothing was tested
# Above those of the worlds (tests/crash/world.py), below those that the kernel gives to whoever
# connects (ip_local_port_range): another test's connection may hold one of these.
PORT = itertools.count(30000 + os.getpid() % 2600)


class Site:
    """A site with keys and tables, and one service on it at a time."""

    def __init__(self, like=None):
        self.path = tempfile.mkdtemp(prefix="protector-failing-")
        if like is not None:
            shutil.rmtree(self.path)
            shutil.copytree(like.path, self.path)
        self.told = self.path + ".told"
        self.said = self.path + ".said"
        self.conf = os.path.join(self.path, "protector.conf")
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write(f"[DEFAULT]\nstate_path = {self.path}\n"
                       f"[database]\nconnection = sqlite:///{self.path}/x.db\n"
                       f"[api]\nbind_host = 127.0.0.1\nbind_port = {next(PORT)}\nworkers = 1\n"
                       "[keystone_authtoken]\nauth_url = http://127.0.0.1:1/v3\n"
                       "username = protector\npassword = p\nproject_name = service\n")

    def end(self):
        """Takes it away."""
        shutil.rmtree(self.path)
        for path in (self.told, self.said):
            if os.path.exists(path):
                os.unlink(path)

    def start(self, program, *words, **more):
        """A process whose output is in 'said'."""
        with open(self.said, "wb") as file:
            return subprocess.Popen([program, "--config-file", self.conf, *words],
                                    stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                    start_new_session=True,
                                    env=dict(os.environ, LC_ALL="C.UTF-8", **more))

    def text(self):
        """All that the last one said."""
        with open(self.said, encoding="utf-8", errors="replace") as file:
            return file.read()

    def struck(self):
        """The call that failed, or None."""
        if not os.path.exists(self.told):
            return None
        with open(self.told, encoding="utf-8") as file:
            return file.read()

    def files(self):
        """The names of what stands in state_path."""
        return sorted(name for name in os.listdir(self.path) if not name.startswith("x.db"))


def begun(site, process, words):
    """Waits until it is up, gives up or has ended; whether it is up."""
    end = time.monotonic() + LIMIT_S
    while process.poll() is None and time.monotonic() < end:
        text = site.text()
        if all(word in text for word in words) or GIVES_UP.search(text):
            return True
        time.sleep(0.01)
    return False


def stopped(process):
    """Its exit status, after it was asked to end if it runs; None: it had to be killed."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None


def run(site, program, **more):
    """One start and its end: whether it came up; which call had failed by then; what is wrong."""
    process = site.start(program, **more)
    up = begun(site, process, PROGRAMS[os.path.basename(program)])
    struck = site.struck()
    status = stopped(process)
    said = site.text()
    by_signal = [s for s in WORKER_ENDED.findall(said) if int(s) & 127]
    if status is None or status < 0 or by_signal:
        return up, struck, f"ended by a signal, or not at all: {said}"
    if BUG.search(said):
        return up, struck, f"said: {said}"
    if up and status != 0:
        return up, struck, f"came up and ended with {status}: {said}"
    if not up and (status != 1 or not said.strip()):
        return up, struck, f"ended with {status} and said: {said}"
    return up, struck, None


def one(site, library, program, nth, files):
    """What is wrong, or None; and which call failed before it was up."""
    up, struck, wrong = run(site, program, LD_PRELOAD=library, FAILING_AT=str(nth),
                            FAILING_TOLD=site.told)
    if wrong is None and not up and struck is None:
        wrong = f"nothing failed, and yet it ended: {site.text()}"
    if wrong is None:
        up, _, wrong = run(site, program)
        if wrong is None and (not up or GIVES_UP.search(site.text())):
            wrong = f"the next start fails: {site.text()}"
    if wrong is None and site.files() != files:
        wrong = f"left {site.files()}, not {files}"
    return wrong, struck


def sweep(template, library, program, stride):
    """(passed, failed)"""
    passed = failed = 0
    whole = Site(template)
    _, _, wrong = run(whole, program)
    files = whole.files()
    whole.end()
    assert wrong is None, wrong
    for nth in range(1, CALLS_MAX, stride):
        site = Site(template)
        try:
            wrong, struck = one(site, library, program, nth, files)
        finally:
            site.end()
        if wrong is not None:
            print(f"{os.path.basename(program)}, call {nth}, {struck}: {wrong}", flush=True)
        failed += wrong is not None
        passed += wrong is None
        if struck is None:
            break
    print(f"{os.path.basename(program)}: {nth} calls", flush=True)
    return passed, failed + (nth < CALLS_MIN[os.path.basename(program)])


def main():
    library, folder = sys.argv[1:3]
    stride = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    names = sys.argv[4:] or list(PROGRAMS)
    template = Site()
    made = template.start(os.path.join(folder, "protector-manage"), "db", "sync")
    assert made.wait(LIMIT_S) == 0, template.text()
    done = [sweep(template, library, os.path.join(folder, name), stride) for name in names]
    template.end()
    passed, failed = (sum(column) for column in zip(*done))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
