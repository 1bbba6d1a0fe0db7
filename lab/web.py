#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP for shell scripts on the standard library, so that no other tool needs to be there.

  web.py wait URL SECONDS [PIDFILE]     until anything answers; an error at once if the process of
                                         PIDFILE ("PID START", see processes.sh) has ended
  web.py send METHOD URL [JSON]         one request; prints the body, exit code 1 if it is no 2xx
"""
import sys
import time

import cloud


def start_of(pid):
    """The kernel's start time of a process, '' if there is none."""
    try:
        with open('/proc/%s/stat' % pid, encoding='ascii', errors='replace') as f:
            return f.read().rpartition(') ')[2].split()[19]
    except OSError:
        return ''


def alive(pid_file):
    try:
        with open(pid_file, encoding='ascii') as f:
            pid, start = f.read().split()
    except (OSError, ValueError):
        return False
    return start_of(pid) == start


def wait(url, limit_s, pid_file=None):
    end = time.monotonic() + float(limit_s)
    while True:
        try:
            cloud.exchange('GET', url, timeout_s=5)
            return 0
        except (OSError, cloud.http.client.HTTPException):
            pass
        if pid_file and not alive(pid_file):
            print('the process of %s ended before it answered at %s; see its log' % (
                pid_file, url), file=sys.stderr)
            return 1
        if time.monotonic() > end:
            print('no answer from %s within %s s' % (url, limit_s), file=sys.stderr)
            return 1
        time.sleep(0.1)


def send(method, url, body=None):
    headers = {'Content-Type': 'application/json'} if body else {}
    r = cloud.exchange(method, url, headers, body and body.encode())
    print(r.data.decode('utf-8', 'replace'))
    if r.status // 100 != 2:
        print('%s %s %s: %d %s' % (method, url, body or '', r.status, r.reason), file=sys.stderr)
        return 1
    return 0


def main(argv):
    verbs = {'wait': (wait, 2, 3), 'send': (send, 2, 3)}
    if not argv or argv[0] not in verbs or \
            not verbs[argv[0]][1] < len(argv) <= verbs[argv[0]][2] + 1:
        print(__doc__, file=sys.stderr)
        return 2
    return verbs[argv[0]][0](*argv[1:])


if __name__ == '__main__':
    try:
        sys.exit(main(sys.argv[1:]))
    except OSError as e:
        print('web.py: %s' % e, file=sys.stderr)
        sys.exit(1)
