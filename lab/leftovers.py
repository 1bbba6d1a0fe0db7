#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a world of the story (story/world) left behind: nothing, if its end was one.

  leftovers.py FOLDER [ADDRESS:FROM-TO]...

A line for each process that FOLDER's world started and that still runs, for each socket that
listens at one of these addresses and ports or below FOLDER, for each mount below FOLDER, and for
each loop device over a file there.  Such a process is known by WORLD_MARK=FOLDER, which the scripts
give to all that they start, or by where it logs to (programs that change their title lose their
environment).  Exit codes: 0 nothing is left, 1 something is, 2 wrong usage.
"""
import glob
import ipaddress
import os
import sys
import time

PATIENCE_S = 5  # a killed process is there until the kernel has cleaned up behind it
LISTEN_TCP, ACCEPTS_UNIX = '0A', 0x10000


def read(path):
    try:
        with open(path, 'rb') as f:
            return f.read().decode('utf-8', 'replace')
    except OSError:
        return ''


def link(path):
    try:
        return os.readlink(path)
    except OSError:
        return ''


def below(folder, path):
    return path == folder or path.startswith(folder + '/')


def processes(proc, folder):
    for path in glob.glob(proc + '/[0-9]*'):
        pid = os.path.basename(path)
        marked = 'WORLD_MARK=' + folder in read(path + '/environ').split('\0')
        logs = any(below(folder, link('%s/fd/%d' % (path, fd))) for fd in (1, 2))
        if (marked or logs) and int(pid) not in (os.getpid(), os.getppid()):
            yield 'process %s: %s' % (pid, read(path + '/cmdline').replace('\0', ' ').strip())


def parse_range(text):
    """ADDRESS:FROM-TO, or ADDRESS:PORT."""
    address, _, ports = text.rpartition(':')
    first, _, last = ports.partition('-')
    return ipaddress.ip_address(address), int(first), int(last or first)


def tcp_address(text):
    """0100007F:1F90 as the kernel prints it: each word in the machine's own order."""
    words, port = text.split(':')
    data = b''.join(int(words[i:i + 8], 16).to_bytes(4, sys.byteorder)
                    for i in range(0, len(words), 8))
    return ipaddress.ip_address(data), int(port, 16)


def sockets(proc, folder, ranges):
    for name in ('tcp', 'tcp6'):
        for line in read('%s/net/%s' % (proc, name)).splitlines()[1:]:
            field = line.split()
            address, port = tcp_address(field[1])
            if field[3] != LISTEN_TCP:
                continue
            if any(address == a and first <= port <= last for a, first, last in ranges):
                yield 'socket: something listens at %s port %d' % (address, port)
    for line in read(proc + '/net/unix').splitlines()[1:]:
        field = line.split(maxsplit=7)
        if len(field) == 8 and int(field[3], 16) & ACCEPTS_UNIX and below(folder, field[7]):
            yield 'socket: something listens at ' + field[7]


def disks(proc, sys_block, folder):
    for line in read(proc + '/self/mounts').splitlines():
        at = line.split()[1].encode().decode('unicode_escape')
        if below(folder, at):
            yield 'mount: ' + at
    for path in glob.glob(sys_block + '/loop*/loop/backing_file'):
        if below(folder, read(path).strip()):
            yield 'loop device: %s over %s' % (path.split('/')[-3], read(path).strip())


def look(folder, ranges, proc='/proc', sys_block='/sys/block'):
    found = list(processes(proc, folder))
    found += sockets(proc, folder, ranges)
    found += disks(proc, sys_block, folder)
    return sorted(found)


def main(argv):
    if len(argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    folder = os.path.abspath(argv[1])
    try:
        ranges = [parse_range(text) for text in argv[2:]]
    except ValueError as e:
        print('leftovers.py: %s; ADDRESS:FROM-TO is wanted' % e, file=sys.stderr)
        return 2
    end = time.monotonic() + PATIENCE_S
    found = look(folder, ranges)
    while found and time.monotonic() < end:
        time.sleep(0.2)
        found = look(folder, ranges)
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv))
