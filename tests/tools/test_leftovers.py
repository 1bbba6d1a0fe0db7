#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""lab/leftovers.py sees what a world left behind: processes, sockets, mounts, loop devices; and it
sees nothing of anybody else."""
import os
import socket
import subprocess
import sys
import tempfile
import time

SOURCE = os.environ.get("SOURCE_ROOT") or os.path.abspath(__file__ + "/../../..")
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(SOURCE, "lab"))
import leftovers  # noqa: E402

SLEEP = ["sleep", "600"]


def fake_kernel(folder, inside):
    """/proc and /sys/block with one mount and one loop device; inside or outside of the folder."""
    proc, block = os.path.join(folder, "proc"), os.path.join(folder, "block")
    os.makedirs(proc + "/self")
    os.makedirs(proc + "/net")
    os.makedirs(block + "/loop3/loop")
    with open(proc + "/self/mounts", "w", encoding="ascii") as f:
        f.write("/dev/loop3 %s/a\\040b ext4 rw 0 0\n" % inside)
    with open(block + "/loop3/loop/backing_file", "w", encoding="ascii") as f:
        f.write(inside + "/disk\n")
    return proc, block


class Child:
    """A process with this environment and standard output, as long as the block lasts."""

    def __init__(self, **more):
        self.more = more

    def __enter__(self):
        self.child = subprocess.Popen(SLEEP, **self.more)
        # Popen returns when the new program begins; the kernel tells of it a moment later
        proc = "/proc/%d/" % self.child.pid
        while not leftovers.read(proc + "cmdline").startswith(SLEEP[0] + "\0") or \
                not leftovers.read(proc + "environ"):
            time.sleep(0.01)
        return self.child.pid

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()


def marked(folder):
    return dict(os.environ, WORLD_MARK=folder)


def check_processes(world, other):
    with Child(env=marked(world)) as pid:
        assert leftovers.look(world, []) == ["process %d: %s" % (pid, " ".join(SLEEP))]
        assert leftovers.look(other, []) == []
    with open(world + "/log", "w", encoding="ascii") as log, Child(stdout=log) as pid:
        assert leftovers.look(world, []) == ["process %d: %s" % (pid, " ".join(SLEEP))]
    with Child(env=marked(world + "2")), Child(env=dict(os.environ, OTHER=world)):
        assert leftovers.look(world, []) == []


def check_sockets(world, other):
    for family, address in ((socket.AF_INET, "127.0.10.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as s:
            s.bind((address, 0))
            port = s.getsockname()[1]
            here = leftovers.parse_range("%s:%d" % (address, port))
            assert leftovers.look(world, [here]) == []  # bound, but nobody is let in
            s.listen()
            assert len(leftovers.look(world, [here])) == 1
            assert leftovers.look(world, [leftovers.parse_range("127.0.20.1:%d" % port)]) == []
            assert leftovers.look(
                world, [leftovers.parse_range("%s:%d-65535" % (address, port + 1))]) == []
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(world + "/doorbell")
        s.listen()
        assert leftovers.look(world, []) == [
            "socket: something listens at %s/doorbell" % world]
        assert leftovers.look(other, []) == []


def check_disks(world, other):
    proc, block = fake_kernel(other, world)
    assert leftovers.look(world, [], proc, block) == [
        "loop device: loop3 over %s/disk" % world, "mount: %s/a b" % world]
    assert leftovers.look(world + "x", [], proc, block) == []


def check_program(world):
    """The exit code is what the story looks at."""
    program = [os.path.join(SOURCE, "lab/leftovers.py"), world, "127.0.10.1:1-1"]
    assert subprocess.run(program, check=False).returncode == 0
    with Child(env=marked(world)):
        done = subprocess.run(program, check=False, capture_output=True, text=True)
        assert done.returncode == 1 and "sleep 600" in done.stdout
    # the one that asks is no leftover, though it bears the mark as everything of the world does
    assert subprocess.run(program, check=False, env=marked(world)).returncode == 0
    assert subprocess.run(program + ["nonsense"], check=False,
                          capture_output=True).returncode == 2


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = os.path.realpath(folder)
        world, other = folder + "/world", folder + "/other"
        os.mkdir(world)
        os.mkdir(other)
        for check in (check_processes, check_sockets, check_disks):
            check(world, other)
            print("ok   " + check.__name__)
        check_program(world)
        print("ok   check_program")
    print("4 passed, 0 failed")


if __name__ == "__main__":
    main()
