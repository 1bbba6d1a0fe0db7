#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fingerprints in the files behind the disks of servers.

  fingerprint.py write CLOUD VOLUMES_DIR SERVER...   puts one into every disk, and prints them
  fingerprint.py read  CLOUD VOLUMES_DIR SERVER...   prints what stands there now

A line per disk: server, device, GiB, SHA-256 of all that was ever written to the disk (holes and
blocks of zeros do not count), and the text of the fingerprint.  Two disks hold the same bytes if
their lines are equal; ids do not appear, so that lines of two sites can be compared with diff.
VOLUMES_DIR is where the cloud's Cinder keeps a volume as the file volume-<id>.
"""
import hashlib
import os
import secrets
import sys

import cloud as openstack

BLOCK = 4096
MARK = b'protector fingerprint '
MARK_AT = 1 << 20  # bytes; past partition tables and boot sectors
RANDOM_BYTES = 64 * 1024


def write(path, server, device):
    text = MARK + ('%s %s %s\n' % (server, device, secrets.token_hex(16))).encode()
    with open(path, 'r+b') as f:
        f.seek(MARK_AT)
        f.write(text.ljust(BLOCK, b'\0'))
        f.write(secrets.token_bytes(RANDOM_BYTES))
        f.flush()
        os.fsync(f.fileno())


def extents(fd, size):
    """(start, end) of the parts of a sparse file that hold data."""
    at = 0
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            return
        end = os.lseek(fd, start, os.SEEK_HOLE)
        yield start - start % BLOCK, end
        at = end


def digest(path):
    """Of every block that is not all zeros, with its place."""
    h, zeros = hashlib.sha256(), bytes(BLOCK)
    fd = os.open(path, os.O_RDONLY)
    try:
        for start, end in extents(fd, os.fstat(fd).st_size):
            for at in range(start, end, BLOCK):
                block = os.pread(fd, BLOCK, at)
                if block != zeros[:len(block)]:
                    h.update(b'%d:' % at)
                    h.update(block)
    finally:
        os.close(fd)
    return h.hexdigest()


def mark_of(path):
    with open(path, 'rb') as f:
        f.seek(MARK_AT)
        line = f.read(BLOCK).split(b'\n')[0]
    return line[len(MARK):].decode('ascii', 'replace') if line.startswith(MARK) else '-'


def main(argv):
    if len(argv) < 4 or argv[0] not in ('write', 'read'):
        print(__doc__, file=sys.stderr)
        return 2
    verb, name, folder = argv[:3]
    c = openstack.Cloud(name)
    found = set()
    for server in c.servers(argv[3:]):
        found.add(server['name'])
        for device, volume in c.disks(server):
            path = os.path.join(folder, 'volume-' + volume['id'])
            if verb == 'write':
                write(path, server['name'], device)
            print(server['name'], device, volume['size'], digest(path), mark_of(path))
    missing = sorted(set(argv[3:]) - found)
    if missing:
        print('fingerprint.py: no server %s at %s' % (', '.join(missing), name), file=sys.stderr)
    return 1 if missing else 0


if __name__ == '__main__':
    try:
        sys.exit(main(sys.argv[1:]))
    except (openstack.Failed, OSError) as e:
        print('fingerprint.py: %s' % e, file=sys.stderr)
        sys.exit(1)
