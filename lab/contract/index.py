#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes INDEX.md of a folder of samples:  index.py DIR"""
import glob
import json
import os
import sys


def main(folder):
    rows = []
    for path in sorted(glob.glob(os.path.join(folder, '*', '*.json'))):
        with open(path, encoding='utf-8') as f:
            doc = json.load(f)
        request = doc['request']
        version = next((v for k, v in request['headers'].items()
                        if k.lower() == 'openstack-api-version'), '')
        rows.append('| %s | %s %s %s | %d |' % (
            os.path.relpath(path, folder), request['method'],
            request['url'].split('://')[1].replace('|', '%7C'), version,
            doc['response']['status']))
    with open(os.path.join(folder, 'INDEX.md'), 'w', encoding='utf-8') as f:
        f.write('# Raw exchanges\n\n| file | request | status |\n|---|---|---|\n')
        f.write('\n'.join(rows) + '\n')
    print('%d exchanges' % len(rows))


if __name__ == '__main__':
    main(sys.argv[1])
