#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares two records of walk.py: does the second cloud answer as the first one, the judge, does?

  compare.py JUDGE OTHER [--known FILE]

FILE (known.tsv beside this script by default) lists differences that are meant:
call<TAB>start of the difference<TAB>reason; `*` as the call is every call.  One that no longer
occurs is told, and is an error, so that the list cannot rot.  Exit code 1 when something differs.
"""
import argparse
import fnmatch
import json
import os
import sys

import shapes

KNOWN = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'known.tsv')


def known_differences(path):
    rows = []
    with open(path, encoding='utf-8') as f:
        for n, line in enumerate(f, 1):
            if not line.strip() or line.startswith('#'):
                continue
            row = line.rstrip('\n').split('\t')
            if len(row) != 3 or not row[2]:
                sys.exit('%s:%d: expected call, difference and reason, by tabs' % (path, n))
            rows.append(row)
    return rows


def of_call(judge, other):
    """Every difference of one exchange, a line each."""
    out = []
    for key in ('method', 'path', 'status'):
        if judge[key] != other[key]:
            out.append('%s: %s, not %s' % (key, other[key], judge[key]))
    for name in sorted({*judge['headers'], *other['headers']}):
        left, right = judge['headers'].get(name), other['headers'].get(name)
        if left != right:
            out.append('header %s: %s, not %s' % (name, right, left))
    return out + shapes.differences(judge['body'], other['body'])


def compare(judge, other, known):
    """(differences as (call, text), rows of known that occurred)"""
    out, used = [], set()
    answers = {}
    for record in other:
        answers.setdefault(record['name'], record)
    for record in judge:
        name = record['name']
        if name not in answers:
            found = ['not reached, or not known there']
        else:
            found = of_call(record, answers[name])
        for text in found:
            rows = [n for n, (call, start, _) in enumerate(known)
                    if fnmatch.fnmatch(name, call) and text.startswith(start)]
            used.update(rows)
            if not rows:
                out.append((name, text))
    names = {record['name'] for record in judge}
    out += [(name, 'the judge has no such call') for name in answers if name not in names]
    return out, used


def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    p.add_argument('judge')
    p.add_argument('other')
    p.add_argument('--known', default=KNOWN)
    o = p.parse_args()
    with open(o.judge, encoding='utf-8') as f:
        judge = json.load(f)
    with open(o.other, encoding='utf-8') as f:
        other = json.load(f)
    known = known_differences(o.known) if o.known else []
    found, used = compare(judge, other, known)
    last = None
    for name, text in found:
        if name != last:
            print(name)
        print('    ' + text)
        last = name
    stale = [row for n, row in enumerate(known) if n not in used]
    for call, start, _ in stale:
        print('known difference that does not occur: %s: %s' % (call, start))
    calls = len({name for name, _ in found})
    print('%d calls compared, %d differ in %d places, %d known differences, %d of them stale' % (
        len(judge), calls, len(found), len(known), len(stale)))
    return 1 if found or stale else 0


if __name__ == '__main__':
    sys.exit(main())
