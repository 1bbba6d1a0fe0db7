#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the command line prints: formats, columns, errors with their exit codes, --debug,
--version."""
import csv
import io
import json
import os
import re
import signal
import subprocess

import cli
import daemons
import yaml
from cli import DESCRIPTION, GROUP, Case

SHOW = ('protection-group', 'show', GROUP)
LIST = ('protection-group', 'list')


def cells(table):
    """The rows of a table: lists of texts."""
    return [[cell.strip() for cell in line.strip('|').split(' | ')]
            for line in table.splitlines() if line.startswith('|')]


class Formats(Case):
    """The same result in each of them."""

    def test_record(self):
        data = json.loads(self.ask(*SHOW, '-f', 'json').out)
        self.assertEqual(data['name'], GROUP)
        self.assertEqual(data['description'], DESCRIPTION)
        self.assertIsNone(data['last_failover_at'])
        self.assertEqual(data['failover_count'], 0)
        self.assertIs(data['has_policy'], False)
        self.assertEqual(yaml.safe_load(self.ask(*SHOW, '--format=yaml').out), data)
        texts = {'last_failover_at': 'None', 'failover_count': '0', 'has_policy': 'False',
                 'description': DESCRIPTION}
        rows = cells(self.ask(*SHOW).out)
        self.assertEqual(rows[0], ['Field', 'Value'])
        self.assertEqual([row[0] for row in rows[1:] if row[0]], list(data))
        self.assertLessEqual(texts.items(), {row[0]: row[1] for row in rows[1:]}.items())
        rows = list(csv.reader(io.StringIO(self.ask(*SHOW, '-f', 'csv').out)))
        self.assertEqual(rows[0], ['Field', 'Value'])
        self.assertEqual([row[0] for row in rows[1:]], list(data))
        self.assertLessEqual(texts.items(), dict(rows[1:]).items())
        lines = self.ask(*SHOW, '-f', 'value').out.splitlines()
        self.assertEqual(len(lines), len(data))
        self.assertEqual(lines[list(data).index('description')], DESCRIPTION)

    def test_list(self):
        data = json.loads(self.ask('site', 'list', '-f', 'json').out)
        self.assertEqual([row['name'] for row in data], ['site-a', 'site-b'])
        self.assertEqual(yaml.safe_load(self.ask('site', 'list', '-f', 'yaml').out), data)
        rows = [list(data[0])] + [list(row.values()) for row in data]
        self.assertEqual(cells(self.ask('site', 'list').out), rows)
        self.assertEqual(list(csv.reader(io.StringIO(self.ask('site', 'list', '-f', 'csv').out))),
                         rows)
        self.assertEqual(self.ask('site', 'list', '-f', 'value').out,
                         ''.join(' '.join(row) + '\n' for row in rows[1:]))

    def test_empty_list(self):
        words = ('protection-group', 'member-list', GROUP)
        self.assertEqual(self.ask(*words).out, '\n')
        self.assertEqual(json.loads(self.ask(*words, '-f', 'json').out), [])
        self.assertEqual(self.ask(*words, '-f', 'value').out, '')

    def test_text(self):
        words = ('protection-group', 'sync-status', GROUP)
        said = self.ask(*words).out
        self.assertTrue(said.startswith('Sync Status: '), said)
        data = json.loads(self.ask(*words, '-f', 'json').out)
        self.assertEqual(data['current_site'], 'site-a')
        self.assertEqual(set(yaml.safe_load(self.ask(*words, '-f', 'yaml').out)), set(data))
        self.assertEqual(self.ask(*words, '-f', 'value', '-c', 'current_site').out, 'site-a\n')

    def test_nothing(self):
        for form in ('table', 'json', 'value'):
            self.ask('protection-group', 'update', GROUP, '--description', DESCRIPTION)
            name = 'gone-' + form
            self.ask('protection-group', 'create', '--name', name, '--replication-type', 'async',
                     '--primary-site', 'site-a', '--secondary-site', 'site-b', '--volume-type',
                     'replicated-ssd')
            self.assertEqual(self.ask('protection-group', 'delete', name, '-f', form).out, '')

    def test_unknown_format(self):
        said = self.ask(*LIST, '-f', 'xml', code=2)
        self.says(said.err, "'xml' is no format: table, json, yaml, value or csv")
        self.assertEqual(said.out, '')

    def test_wide_objects_are_shown_in_lines(self):
        """A server with its volumes, which would be one line of 1,500 columns."""
        self.ask('protection-group', 'policy-create', GROUP, '--primary-fa-url', 'https://a.array',
                 '--primary-fa-token', 'T-a', '--secondary-fa-url', 'https://b.array',
                 '--secondary-fa-token', 'T-b', '--pure-pg-name', 'pg', '--replication-interval',
                 '300', '--rpo-minutes', '15')
        self.addCleanup(self.ask, 'protection-group', 'policy-delete', GROUP)
        server = self.world.sim.cloud('prod-a').servers(['web-1'])[0]['id']
        self.ask('protection-group', 'member-add', GROUP, '--instance-id', server)
        self.addCleanup(self.ask, 'protection-group', 'member-remove', GROUP, '--member-id', server)
        words = ('protection-group', 'member-show', GROUP, server)
        said = self.ask(*words).out
        volumes = json.loads(self.ask(*words, '-f', 'json').out)['volumes']
        self.assertEqual(len(volumes), 2)
        self.assertLess(max(map(len, said.splitlines())), 120, said)
        self.assertEqual(len({len(line) for line in said.splitlines()}), 1, said)
        for volume in volumes:
            self.assertRegex(said, r'\| (- |  )id: %s +\|' % volume['id'])


class Columns(Case):
    def test_some(self):
        self.assertEqual(self.ask('site', 'list', '-f', 'value', '-c', 'status', '-c', 'name').out,
                         'active site-a\nactive site-b\n')
        self.assertEqual(self.ask(*LIST, '-f', 'csv', '--column', 'replication type').out,
                         '"Replication Type"\n"async"\n')
        for form, want in (('json', {'name': GROUP}), ('yaml', {'name': GROUP})):
            said = self.ask(*SHOW, '-f', form, '-c', 'NAME').out
            self.assertEqual(yaml.safe_load(said), want)
        self.assertEqual(self.ask(*SHOW, '-f', 'value', '-c', 'NAME').out, GROUP + '\n')
        self.assertEqual(cells(self.ask('site', 'list', '-c', 'name').out),
                         [['name'], ['site-a'], ['site-b']])

    def test_unknown(self):
        for form in ('table', 'json', 'yaml', 'value', 'csv'):
            for words, names in ((SHOW, 'id, name, description'), (LIST, 'ID, Name, Status'),
                                 (('protection-group', 'member-list', GROUP), 'ID, Instance Name'),
                                 (('protection-group', 'sync-status', GROUP), 'current_site')):
                said = self.ask(*words, '-f', form, '-c', 'name', '-c', 'nosuch', code=2)
                if 'sync-status' not in words and 'member-list' not in words:
                    self.says(said.err, "there is no column 'nosuch'")
                self.says(said.err, 'Error: there is no column', names)
                self.assertEqual(said.out, '')


class Errors(Case):
    """Exit codes, and what an error tells."""

    def test_done(self):
        self.assertEqual(self.ask('site', 'list').err, '')

    def test_failed(self):
        said = self.ask('site', 'list', OS_CLOUD='nosuch', code=1)
        self.says(said.err, "Error: clouds.yaml has no entry 'nosuch'", '\nAction: ')

    def test_usage(self):
        group = ('protection-group', 'create')
        for words, says in (
                ((), 'usage: protector'),
                (('nosuch',), "'nosuch' is no command"),
                (('site', 'nosuch'), "'site nosuch' is no command"),
                (('site',), "'site' begins a command; protector site --help lists which"),
                (('site', 'list', '--nosuch'), "'site list' has no option --nosuch"),
                (('site', 'list', 'more'), "'site list' takes 0 arguments; 'more' is too much"),
                (('site', 'show'), 'site show needs <site>: name or id'),
                (('--nosuch', 'site', 'list'), "'--nosuch' comes before the command"),
                (('site', 'list', '--os-cloud'), '--os-cloud needs NAME'),
                (('site', 'list', '-c'), '--column needs COLUMN'),
                (('site', 'list', '--debug=yes'), '--debug takes no value'),
                (('protection-group', 'list', '--long=yes'), '--long takes no value'),
                (group, 'protection-group create needs --name NAME'),
                (group + ('--name',), '--name needs NAME'),
                (group + ('--name', 'x', '--replication-type', 'hourly'),
                 "--replication-type is 'async' or 'sync', not 'hourly'"),
                (('protection-group', 'update', GROUP), 'nothing to change'),
                (('protection-group', 'failover', GROUP, '--planned', '--unplanned'),
                 '--planned and --unplanned exclude each other'),
                (('protection-group', 'failover', GROUP, '--from', 'nowhere'),
                 "--from is 'point' or 'kept', not 'nowhere'"),
                (('protection-group', 'mapping-set', GROUP, '--flavor-mapping', 'one'),
                 "--flavor-mapping wants SRC=DST, not 'one'")):
            with self.subTest(words=words):
                said = self.ask(*words, code=2)
                self.says(said.err, says)
                self.assertEqual(said.out, '')

    def test_a_site_does_not_answer(self):
        said = self.ask('site', 'list', code=3, OS_CLOUD=None,
                        OS_AUTH_URL='http://%s:1/v3' % self.folder.address, OS_USERNAME='u',
                        OS_PASSWORD='p', OS_PROJECT_NAME='p')
        self.says(said.err, "Error: Keystone of cloud 'environment'", 'does not answer',
                  'Failed to connect')
        self.down('b')
        said = self.ask('protection-group', 'update', GROUP, '--description', 'other', code=3)
        self.says(said.err, 'Error: Cannot modify protection group - remote site unreachable.\n'
                  'Reason: ', "note: Protector of cloud 'prod-b'")
        self.assertEqual(self.ask(*SHOW, '-f', 'value', '-c', 'description').out,
                         DESCRIPTION + '\n')
        # that the sites are not in sync is what it was asked to tell
        self.ask('protection-group', 'sync-force', GROUP, code=1)

    def test_service_unavailable(self):
        self.fault('a', 'keystone', 'POST', '/v3/auth/tokens', 503)
        self.says(self.ask('site', 'list', code=3).err, "Keystone of cloud 'prod-a' answers 503")

    def test_not_allowed(self):
        said = self.ask('site', 'update', 'site-a', '--description', 'mine', code=4)
        self.says(said.err, 'Error: ')
        self.assertRegex(said.err, r'\nRequest: req-[0-9a-f-]{36}\n')
        clouds = self.clouds_with('wrong')
        said = self.ask('site', 'list', code=4, OS_CLIENT_CONFIG_FILE=clouds)
        self.says(said.err, "refuses these credentials (401)\nAction: check user, password",
                  "entry 'prod-a'")

    def test_not_found(self):
        for words in (('protection-group', 'show', 'nosuch'), ('site', 'show', 'nosuch'),
                      ('operation', 'show', 'op-nosuch')):
            said = self.ask(*words, code=5)
            self.assertRegex(said.err, r'Error: .*nosuch')

    def test_conflict(self):
        said = self.ask('protection-group', 'create', '--name', GROUP, '--replication-type',
                        'async', '--primary-site', 'site-a', '--secondary-site', 'site-b',
                        '--volume-type', 'replicated-ssd', code=6)
        self.says(said.err, GROUP)
        self.assertEqual(len(json.loads(self.ask(*LIST, '-f', 'json').out)), 1)

    def test_request_and_operation(self):
        """They can be looked up: the one in the log, the other with `operation show`."""
        said = self.ask('protection-group', 'show', 'nosuch', code=5)
        request = re.search(r'\nRequest: (req-[0-9a-f-]{36})\n', said.err)[1]
        self.says(self.world.sites['a'].log('api'), request)
        said = self.ask('protection-group', 'create', '--name', 'plain', '--replication-type',
                        'async', '--primary-site', 'site-a', '--secondary-site', 'site-b',
                        '--volume-type', 'plain', code=None)
        self.assertNotEqual(said.code, 0, said)
        operation = re.search(r'\nOperation: (op-[0-9a-f-]{36})\n', said.err)
        self.assertTrue(operation, said)
        shown = json.loads(self.ask('operation', 'show', operation[1], '-f', 'json').out)
        self.assertEqual(shown['operation_type'], 'create')
        steps = json.loads(self.ask('operation', 'steps', operation[1], '-f', 'json').out)
        errors = [row['Error'] for row in steps if row['Error']]
        self.assertTrue(errors, steps)
        self.assertNotIn('{', ''.join(errors))
        self.says(said.err, errors[0])

    def test_interrupted(self):
        """Ctrl-C while an operation is followed."""
        engine = self.world.programs['a', 'engine']
        os.killpg(engine.pid, signal.SIGSTOP)
        self.addCleanup(os.killpg, engine.pid, signal.SIGCONT)
        running = subprocess.Popen([cli.PROTECTOR, 'site', 'list-volume-types', 'site-a'],
                                   env=self.world.environment(who='admin'), text=True, cwd='/',
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(running.wait)
        self.addCleanup(running.kill)
        said = running.stderr.readline()
        self.assertRegex(said, r'^\w+ 0% pending')
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=daemons.LIMIT_S)
        self.assertEqual(running.returncode, 1, err)
        self.says(err, 'stopped by the user', 'Action: what was begun goes on')


class Operations(Case):
    def test_sites_are_named_as_registered(self):
        """Not as the entries of clouds.yaml, prod-a and prod-b, and only of the mapped project."""
        rows = json.loads(self.ask('operation', 'list', '--all', '-f', 'json').out)
        self.assertEqual({row['operation_type']: row['site'] for row in rows},
                         {'create': 'site-a', 'realize': 'site-b'})
        said = self.ask('operation', 'list', '--all', OS_SECONDARY_CLOUD='protector-b')
        self.says(said.err, "operations of site 'site-b' are missing: the entry 'protector-b' is "
                  'of project')
        realize = next(row['id'] for row in rows if row['operation_type'] == 'realize')
        self.ask('operation', 'show', realize)
        said = self.ask('operation', 'show', realize, OS_SECONDARY_CLOUD='protector-b', code=5)
        self.says(said.err, "note: site 'site-b' was not asked for the operation")


class Debug(Case):
    SECRET = 'S3cret-Passw0rd'

    def test_requests_and_replies_without_secrets(self):
        self.world.sim.set_password('prod-user', self.SECRET)
        self.addCleanup(self.world.sim.set_password, 'prod-user', 'lab')
        clouds = self.clouds_with(self.SECRET)
        token = self.folder.write('token', 'T0ken-of-the-array\n')
        words = ('protection-group', 'policy-create', GROUP, '--primary-fa-url', 'https://a.array',
                 '--primary-fa-token', 'Oth3r-token', '--secondary-fa-url', 'https://b.array',
                 '--secondary-fa-token', '@' + token, '--pure-pg-name', 'pg', '--debug')
        env = {'OS_CLIENT_CONFIG_FILE': clouds, 'OS_SECONDARY_CLOUD': None}
        plain = self.ask(*SHOW, **env)
        said = self.ask(*SHOW, '--debug', **env)
        self.assertEqual(said.out, plain.out)
        self.assertEqual(plain.err, '')
        self.says(said.err, 'debug: > POST %s/v3/auth/tokens\n' % self.world.sim.keystone(),
                  '"password":"***"', '> X-Auth-Token: ***\n', 'X-Subject-Token: ***\n',
                  'debug: < 201 after ', 'debug: < 200 after ', '/protection-groups/' + GROUP)
        for text in (said.err, self.ask(*words, code=None, **env).err):
            for secret in (self.SECRET, 'Oth3r-token', 'T0ken-of-the-array'):
                self.assertNotIn(secret, text)
        said = self.ask('site', 'list', '--debug', code=3, OS_CLOUD=None,
                        OS_AUTH_URL='http://%s:1/v3' % self.folder.address, OS_PASSWORD='p')
        self.says(said.err, 'debug: < nothing after ')


class ByFile(Case):
    """A change while no client reaches both sites: messages as files."""

    def alone(self, at, *words, **options):
        return self.ask('protection-group', *words, at=at, OS_SECONDARY_CLOUD='nowhere', **options)

    def export(self, at, name, *words):
        """What was written, as data."""
        return json.loads(self.alone(at, 'sync-export', GROUP, '--file', self.folder(name), '-f',
                                     'json', *words).out)

    def carry(self, there, back):
        self.alone('b', 'sync-import', '--file', self.folder(there), '--reply', self.folder(back))
        self.alone('a', 'sync-import', '--file', self.folder(back))

    def descriptions(self):
        return [self.alone(at, 'show', GROUP, '-f', 'value', '-c', 'description').out
                for at in 'ab']

    def test_change(self):
        proof = self.export('a', 'challenge', '--challenge')['proof']
        self.carry('challenge', 'answer')
        self.alone('a', 'update', GROUP, '--description', 'by file', '--proof', proof)
        daemons.until('a message', lambda: self.export('a', 'there')['messages'])
        self.assertEqual(self.descriptions(), [DESCRIPTION + '\n'] * 2)
        self.carry('there', 'back')
        daemons.until('both sites have it', lambda: self.descriptions() == ['by file\n'] * 2)
        said = self.alone('a', 'update', GROUP, '--description', 'again', '--proof', proof,
                          code=None)
        self.assertNotEqual(said.code, 0, said)
        said = self.alone('b', 'sync-import', '--file', self.folder('nosuch'), code=None)
        self.assertNotEqual(said.code, 0, said)
        self.says(said.err, 'nosuch')


class Version(Case):
    def test_version(self):
        said = self.ask('--version', OS_CLOUD=None)
        self.assertRegex(said.out, r'^protector \d+\.\d+\.\d+\n$')
        client = said.out
        said = self.ask('--version')
        self.assertRegex(said.out, r'^protector .*\nAPI versions 1\.0 to 1\.\d+\n$')
        said = self.ask('--version', OS_CLOUD='nosuch')
        self.assertEqual(said.out, client)
        self.says(said.err, "The API's versions are not known:\nError: clouds.yaml has no entry")
        self.down('a')
        said = self.ask('--version')
        self.assertEqual(said.out, client)
        self.says(said.err, "Protector of cloud 'prod-a'", 'does not answer')


if __name__ == '__main__':
    cli.main()
