#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The runner of the manual's rows can fail: outputs that deviate in every way are refused, and
those that differ only in what is masked are not.  A fake client and a fake world stand for the
product.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, os.path.join(ROOT, 'lab')]
import checks  # noqa: E402
import miniyaml  # noqa: E402
import rows  # noqa: E402

UUID = '12345678-1234-1234-1234-123456789abc'
SHOW = '''+--------+------------------------------------------+
| Field  | Value                                    |
+--------+------------------------------------------+
| id     | pg-%s  |
| status | active                                   |
| made   | 2025-01-15T09:00:00Z                     |
+--------+------------------------------------------+
''' % UUID
LIST = '''+----+---------------+
| ID | Instance Name |
+----+---------------+
| 1  | web-1         |
+----+---------------+
'''
ROW = {'id': 'x', 'page': 'panel', 'kind': 'table', 'owner': 'Foundation', 'state': 'done',
       'quote': 'words', 'run': 'protector show'}


class Out:
    def __init__(self, text, code=0):
        self.command, self.text, self.code = 'protector show', text, code


def deviates(out, **keys):
    row = rows.Row({**ROW, **keys})
    try:
        if 'option' in keys:
            checks.option(row, out)
        checks.live(row, out, lambda text: text)
        return False
    except checks.Deviation:
        return True


class Checks(unittest.TestCase):
    def test_exit(self):
        self.assertFalse(deviates(Out('')))
        self.assertTrue(deviates(Out('', 1)))
        self.assertFalse(deviates(Out('', 1), exit='not 0'))
        self.assertTrue(deviates(Out('', 0), exit='not 0'))
        self.assertTrue(deviates(Out('no program', 127), exit='not 0'))

    def test_fields_keep_their_order(self):
        self.assertFalse(deviates(Out(SHOW), fields='id status made'))
        self.assertFalse(deviates(Out(SHOW), fields='id made'))
        self.assertTrue(deviates(Out(SHOW), fields='status id'))
        self.assertTrue(deviates(Out(SHOW), fields='id nothing'))

    def test_values_are_masked_whole(self):
        self.assertFalse(deviates(Out(SHOW), values=['id=<id>', 'made=<time>', 'status=active']))
        self.assertTrue(deviates(Out(SHOW), values='id=<uuid>'))
        self.assertTrue(deviates(Out(SHOW), values='status=act'))
        self.assertTrue(deviates(Out(SHOW), values='status=<time>'))

    def test_columns_are_exact(self):
        self.assertFalse(deviates(Out(LIST), columns='ID Instance_Name'))
        self.assertTrue(deviates(Out(LIST), columns='ID'))
        self.assertTrue(deviates(Out(LIST), columns='Instance_Name ID'))
        self.assertTrue(deviates(Out(''), columns='ID'))

    def test_widths_of_tables_do_not_matter(self):
        self.assertFalse(deviates(Out(LIST), prints='| 1 | web-1 |'))
        self.assertTrue(deviates(Out(LIST), prints='| 1 | web-2 |'))

    def test_lacks(self):
        self.assertTrue(deviates(Out(LIST), lacks='web-1'))

    def test_expect_is_the_whole_output(self):
        text = 'Version: 4\nLast: 2025-01-15T09:15:05Z (5 seconds ago)\n'
        good = 'Version: <n>\nLast: <time> (<n> <word> ago)'
        self.assertFalse(deviates(Out(text), expect=good))
        self.assertTrue(deviates(Out(text + 'more\n'), expect=good))
        self.assertTrue(deviates(Out('before\n' + text), expect=good))
        self.assertFalse(deviates(Out('a\nb\n' + text + 'c\n'), expect='...\n' + good + '\n...'))
        self.assertTrue(deviates(Out(text.replace('4', 'four')), expect=good))

    def test_option(self):
        usage = 'usage: protector x --name NAME [--size N] [--kind a|b]\n\n  --other\n'
        for name, need, bad in (('--name', 'yes', False), ('--name', 'no', True),
                                ('--size', 'no', False), ('--size', 'yes', True),
                                ('--nam', 'yes', True), ('--absent', 'no', True)):
            self.assertEqual(deviates(Out(usage), help='x', run=None, option=name, need=need), bad,
                             (name, need))

    def test_option_of_our_own_help(self):
        text = ('usage: protector x [options]\n\n'
                '  --name NAME   what (required)\n  --size N   how big\n')
        for name, need, bad in (('--name', 'yes', False), ('--name', 'no', True),
                                ('--size', 'no', False), ('--size', 'yes', True)):
            self.assertEqual(deviates(Out(text), help='x', run=None, option=name, need=need), bad,
                             (name, need))

    def test_capture(self):
        self.assertEqual(checks.field(SHOW, 'id'), 'pg-' + UUID)
        self.assertEqual(checks.field(LIST, 'id'), '1')
        with self.assertRaises(checks.Deviation):
            checks.field(LIST, 'nothing')


class Table(unittest.TestCase):
    def problems(self, *changes):
        return rows.problems([rows.Row({**ROW, **c}) for c in changes], ROOT, None)

    def test_a_bad_row_is_told(self):
        self.assertEqual(self.problems({}), [])
        for change in ({'page': 'other'}, {'state': 'maybe'}, {'nonsense': '1'}, {'quote': ''},
                       {'run': None}, {'of': 'nobody', 'run': None}, {'owner': 'Nobody'}):
            self.assertEqual(len(self.problems(change)), 1, change)
        self.assertEqual(len(self.problems({}, {})), 1, 'the same id twice')

    def test_a_done_row_needs_done_rows(self):
        self.assertEqual(len(self.problems({'state': 'open'},
                                           {'id': 'y', 'run': None, 'of': 'x'})), 1)

    def test_a_row_runs_where_the_one_it_looks_at_does(self):
        looks = {'id': 'y', 'run': None, 'of': 'x'}
        self.assertEqual(len(self.problems({'on': 'sim'}, looks)), 1)
        self.assertEqual(self.problems({'on': 'sim'}, {**looks, 'on': 'sim'}), [])
        self.assertEqual(self.problems({}, looks), [])

    def test_the_table_of_the_project(self):
        loaded = rows.load(os.path.join(HERE, 'rows.yaml'))
        self.assertGreater(len(loaded), 150)
        self.assertEqual(rows.problems(loaded, ROOT, None), [])
        self.assertEqual({row.page for row in loaded}, set(rows.PAGES))

    def test_static_checks_can_fail(self):
        for change in ({'conf': 'api bind_port 8789'}, {'conf': 'api no_such'},
                       {'equals': 'tests/manual/policy.yaml'}, {'proof': 'tests/none.c x'},
                       {'holds': 'tests/manual/policy.yaml', 'quote': 'not there'}):
            row = rows.Row({**ROW, 'run': None, **change})
            self.assertIsNotNone(checks.static(row, ROOT), change)
        self.assertIsNone(checks.static(rows.Row({**ROW, 'conf': 'api bind_port 8788'}), ROOT))


class Yaml(unittest.TestCase):
    def test_what_is_not_read_is_refused(self):
        for text in ('a: [1]', 'a: {b: 1}', 'a: &x 1', 'a: |x', 'a: b: c', 'a: 1\na: 2',
                     'a:\n\tb: 1', 'a: "open', 'a: 1\n  b: 2'):
            with self.assertRaises(miniyaml.Error, msg=text):
                miniyaml.loads(text)

    def test_what_is_read(self):
        self.assertEqual(
            miniyaml.loads("a:\n  b: 'it''s' # c\n  l:\n  - x\n"
                           "  - k: |\n      1\n       2\n\n    m: 3\n"),
            {'a': {'b': "it's", 'l': ['x', {'k': '1\n 2', 'm': '3'}]}})


CLIENT = '''#!/bin/sh
case "$*" in
*"site create"*"--help") echo "usage: protector site create [options]"
    echo; echo "  --name NAME   (required)"; echo "  --site-type --region-name --description";;
*"site create"*site-a*) printf '| id | %(uuid)s |\\n| name | site-a |\\n';;
*) echo "unknown: $*" >&2; exit 2;;
esac
''' % {'uuid': UUID}
WORLD = '''#!/bin/sh
[ "$1" = vars ] || exit 1
cat <<END
ON=sim
CLOUDS=%(folder)s/clouds.yaml
CLIENT=%(folder)s/client
AUTH_URL_A=http://127.0.0.1:1/v3
REGION_A=RegionA
END
'''
CLOUDS = '''clouds:
  prod-b:
    auth:
      auth_url: http://127.0.0.1:2/v3
      password: right
  prod-a:
    region_name: RegionA
    auth:
      auth_url: http://127.0.0.1:1/v3
      password: right
'''


class Run(unittest.TestCase):
    """The program as a whole, over the real table; the product answers nearly nothing."""

    def run_it(self, client, *arguments, program=os.path.join(HERE, 'run')):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (('client', client), ('world', WORLD), ('clouds.yaml', CLOUDS)):
                path = os.path.join(folder, name)
                with open(path, 'w', encoding='utf-8') as f:
                    f.write(text.replace('%(folder)s', folder))
                os.chmod(path, 0o755)
            env = {**os.environ, 'MANUAL_WORLD': os.path.join(folder, 'world'),
                   'MANUAL_UNTIL_S': '0', 'PYTHONDONTWRITEBYTECODE': '1'}
            env.pop('MANUAL_CLIENT', None)
            r = subprocess.run([program, *arguments], env=env, text=True,
                               stdout=subprocess.PIPE, check=False)
            return r.returncode, r.stdout

    def test_open_rows_tell_whether_they_pass(self):
        _, text = self.run_it(CLIENT, '--all', '--only', 'topo-site-create-name')
        self.assertIn('ok   topo-site-create-name\n', text)
        self.assertIn('open topo-site-create-a: ', text)
        self.assertIn('1 passed, ', text)

    def test_a_done_row_that_deviates_fails(self):
        done = CLIENT.replace('printf', ': printf')
        with tempfile.TemporaryDirectory() as folder:
            copy = os.path.join(folder, 'tests', 'manual')
            os.makedirs(copy)
            for name in ('run', 'rows.py', 'checks.py', 'policy.yaml', 'protector.conf'):
                shutil.copy(os.path.join(HERE, name), copy)
            shutil.copytree(os.path.join(ROOT, 'lab'), os.path.join(folder, 'lab'),
                            ignore=shutil.ignore_patterns('samples', 'file-driver'))
            with open(os.path.join(HERE, 'rows.yaml'), encoding='utf-8') as f:
                text = f.read()
            start = text.index('- id: topo-site-create-a')
            with open(os.path.join(copy, 'rows.yaml'), 'w', encoding='utf-8') as f:
                f.write('rows:\n' + text[start:text.index('- id: topo-site-create-b')].replace(
                    'state: open', 'state: done'))
            self.assertEqual(self.run_it(CLIENT, program=os.path.join(copy, 'run'))[0], 1)
            code, out = self.run_it(done, program=os.path.join(copy, 'run'))
            self.assertEqual(code, 1)
            self.assertIn('FAIL topo-site-create-a', out)
            full = CLIENT.replace("| name | site-a |", "| name | site-a |\\n"
                                  "| description | Primary datacenter - Boston |\\n"
                                  "| site_type | primary |\\n"
                                  "| auth_url | http://127.0.0.1:1/v3 |\\n"
                                  "| region_name | RegionA |\\n"
                                  "| status | active |")
            code, out = self.run_it(full, program=os.path.join(copy, 'run'))
            self.assertEqual((code, out.strip().split('\n')[-1]), (0, '1 passed, 0 failed'), out)

    def test_last_line_counts(self):
        code, text = self.run_it(CLIENT, '--only', 'conf-workers')
        self.assertEqual(text.strip().split('\n')[-1], '1 passed, 0 failed')
        self.assertEqual(code, 0)


if __name__ == '__main__':
    program = unittest.main(exit=False, verbosity=0)
    result = program.result
    bad = len(result.failures) + len(result.errors)
    print('%d passed, %d failed' % (result.testsRun - bad, bad))
    sys.exit(1 if bad else 0)
