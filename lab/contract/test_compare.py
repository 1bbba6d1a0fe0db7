#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The contract can be broken: every kind of difference between two clouds is found, and what
differs only by ids, times, tokens and addresses is not."""
import copy
import json
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import compare  # noqa: E402
import shapes  # noqa: E402

ID_A, ID_B = '12345678-1234-1234-1234-123456789abc', '87654321-1234-1234-1234-123456789abc'


class Response:
    def __init__(self, status, body, headers=()):
        self.status, self.body, self.headers = status, body, headers


def record(body, status=200, headers=(), name='nova/servers', url='http://127.0.10.1:8774/v2.1/x'):
    return shapes.record(name, 'GET', url, Response(status, body, headers), status >= 400)


def differ(a, b, **keys):
    return compare.of_call(record(a, **keys), record(b, **keys))


class Shapes(unittest.TestCase):
    def test_ids_times_and_addresses_are_alike(self):
        a = {'id': ID_A, 'at': '2025-11-03T09:00:00Z', 'ip': '10.0.0.1', 'token': 'gAAAAAxyz',
             'links': [{'href': 'http://127.0.10.1:8774/v2.1/servers/' + ID_A}], 'status': 'ACTIVE'}
        b = {'id': ID_B, 'at': '2024-01-01T00:00:00Z', 'ip': '10.0.0.9', 'token': 'gAAAAAabc',
             'links': [{'href': 'http://10.1.1.1:80/v2.1/servers/' + ID_B}], 'status': 'ACTIVE'}
        self.assertEqual(differ(a, b), [])

    def test_every_difference_is_found(self):
        a = {'id': ID_A, 'at': '2025-11-03T09:00:00Z', 'n': 1, 'none': None, 'yes': True,
             'status': 'ACTIVE', 'list': [{'x': 1}], 'link': 'http://h/v3/servers', 'text': 'a'}
        for key, value in (('id', 'no id'), ('at', '2025-11-03T09:00:00.000000'), ('n', '1'),
                           ('none', 'x'), ('yes', 'true'), ('status', 'SHUTOFF'), ('list', []),
                           ('list', [{'x': '1'}]), ('list', [{'y': 1}]), ('list', {}),
                           ('link', 'http://h/v3/volumes'), ('text', ''), ('text', None)):
            self.assertTrue(differ(a, {**a, key: value}), (key, value))
        for key in a:
            less = {k: v for k, v in a.items() if k != key}
            self.assertEqual(len(differ(a, less)), 1, key)
            self.assertEqual(len(differ(less, a)), 1, key)

    def test_elements_of_a_list_are_one(self):
        a = [{'x': 1, 'only': 2}, {'x': None}]
        self.assertEqual(differ(a, [{'x': 1}]), [])
        self.assertEqual(differ(a, [{'x': None, 'only': 2}]), [])
        self.assertTrue(differ(a, [{'x': 'text'}]))
        self.assertTrue(differ([{'x': 1}], [{'x': 1}, {}]))

    def test_texts_of_errors(self):
        a = {'itemNotFound': {'code': 404, 'message': 'Volume %s could not be found.' % ID_A}}
        b = copy.deepcopy(a)
        b['itemNotFound']['message'] = 'Volume %s could not be found.' % ID_B
        self.assertEqual(differ(a, b, status=404), [])
        b['itemNotFound']['message'] = 'No volume %s.' % ID_B
        self.assertTrue(differ(a, b, status=404))

    def test_status_and_headers(self):
        a = record({}, headers=[('Vary', 'A'), ('vary', 'B'), ('Date', 'x')])
        self.assertEqual(compare.of_call(a, record({}, headers=[('VARY', 'A, B')])), [])
        self.assertTrue(compare.of_call(a, record({}, headers=[('Vary', 'A')])))
        self.assertTrue(compare.of_call(a, record({}, status=201)))

    def test_states_in_motion(self):
        a, b = {'status': 'creating'}, {'status': 'available'}
        self.assertEqual(differ(a, b, name='cinder/volume-create'), [])
        self.assertTrue(differ(a, b, name='cinder/volume-show'))


class Program(unittest.TestCase):
    def run_it(self, judge, other, known=''):
        with tempfile.TemporaryDirectory() as folder:
            paths = [os.path.join(folder, name) for name in ('judge', 'other', 'known')]
            for path, text in zip(paths, (json.dumps(judge), json.dumps(other), known)):
                with open(path, 'w', encoding='utf-8') as f:
                    f.write(text)
            r = subprocess.run([os.path.join(HERE, 'compare.py'), *paths[:2], '--known', paths[2]],
                               text=True, stdout=subprocess.PIPE, check=False,
                               env={**os.environ, 'PYTHONDONTWRITEBYTECODE': '1'})
            return r.returncode, r.stdout

    def test_known_differences_must_occur(self):
        a, b = [record({'x': 1})], [record({'x': '1'})]
        self.assertEqual(self.run_it(a, a)[0], 0)
        self.assertEqual(self.run_it(a, b)[0], 1)
        self.assertEqual(self.run_it(a, b, 'nova/*\tx: \twhy\n')[0], 0)
        self.assertEqual(self.run_it(a, a, 'nova/*\tx: \twhy\n')[0], 1)

    def test_calls_must_be_reached(self):
        self.assertEqual(self.run_it([record({})], [])[0], 1)
        self.assertEqual(self.run_it([], [record({})])[0], 1)

    def test_the_kept_record(self):
        with open(os.path.join(HERE, 'lab.json'), encoding='utf-8') as f:
            kept = json.load(f)
        self.assertGreater(len(kept), 250)
        broken = copy.deepcopy(kept)
        for n, row in enumerate(broken):
            row['status'] += 1
            self.assertTrue(compare.of_call(kept[n], row))


if __name__ == '__main__':
    result = unittest.main(exit=False, verbosity=0).result
    bad = len(result.failures) + len(result.errors)
    print('%d passed, %d failed' % (result.testsRun - bad, bad))
    sys.exit(1 if bad else 0)
