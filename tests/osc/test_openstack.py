#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Debian's `openstack` with the plugin, on two simulated clouds and two whole sites: versions,
sessions, errors and exit codes, formatters, completion, the terminal."""
import json
import os
import re
import signal
import subprocess
import sys
import time

import osc
import cli
import daemons
from cli import GROUP

SHOW = ('protection-group', 'show', GROUP)
BAR = re.compile(r'\r\x1b\[K\[(#{0,20}) {0,20}\] (\w+) (\d+)% (\w+)')


def import_plugin():
    os.environ['PROTECTOR_CLIENT_LIBRARY'] = osc.LIBRARY
    sys.path.insert(0, osc.PYTHON)


def without_request(text):
    """Errors of two requests differ in that line; a login's discovery has words of its own; which
    steps of the progress are seen depends on who is faster."""
    return [line for line in text.splitlines() if not line.startswith('Request: ')
            and not re.match(r'\w+ \d+% \w+', line)
            and 'Failed to discover available identity versions' not in line]


class Sites(osc.Case):
    """One pair of sites for all of this file."""
    shared = None

    @classmethod
    def setUpClass(cls):
        if Sites.shared is None:
            Sites.shared = cli.World(Keeper)
        cls.world = Sites.shared

    def clouds(self, change):
        """clouds.yaml with something changed."""
        with open(self.world.sim.clouds, encoding='utf-8') as f:
            return self.folder.write('clouds.yaml', change(f.read()))

    def same(self, *words, code=None, **options):
        """Both programs say the same; what `openstack` said."""
        one, two = self.both(*words, code=None, **options)
        self.assertEqual(one.code, two.code, (one, two))
        self.assertEqual(without_request(one.err), without_request(two.err))
        if code is not None:
            self.assertEqual(two.code, code, two)
        return one, two


class Keeper:
    """Ends the sites with the program."""
    cleanups = []

    @classmethod
    def addClassCleanup(cls, function, *args, **options):
        cls.cleanups.append((function, args, options))

    @classmethod
    def end(cls):
        for function, args, options in reversed(cls.cleanups):
            function(*args, **options)


class Versions(Sites):
    RANGE = r'protector \d+\.\d+\.\d+\nAPI versions 1\.0 to 1\.\d+\n'

    def test_both_trees(self):
        for tree in ('protector', 'dr'):
            said = self.openstack(tree, '--version', code=0)
            self.assertRegex(said.out, '^%s$' % self.RANGE)
            said = self.openstack('--os-cloud', 'prod-a', tree, '--version', code=0, OS_CLOUD=None)
            self.assertRegex(said.out, '^%s$' % self.RANGE)

    def test_where_it_stands(self):
        for words in (('--version', 'protector'), ('protector', '--version', '--os-cloud',
                                                   'prod-a'), ('dr', 'site', '--version')):
            self.assertRegex(self.openstack(*words, code=0).out, '^%s$' % self.RANGE)

    def test_openstacks_own_is_unchanged(self):
        plain = cli.command(['--version'], daemons.environment(), program=osc.openstack())
        for words in (('--version',), ('--version', 'server', 'list')):
            said = self.openstack(*words, code=0)
            self.assertEqual((said.out, said.err), (plain.out, plain.err))

    def test_no_cloud_and_no_answer(self):
        said = self.openstack('protector', '--version', code=0, OS_CLOUD=None)
        self.assertRegex(said.out, r'^protector [\d.]+\n$')
        clouds = self.clouds_with('wrong')
        said = self.openstack('protector', '--version', code=0, OS_CLIENT_CONFIG_FILE=clouds)
        self.assertRegex(said.out, r'^protector [\d.]+\n$')
        self.says(said.err, "The API's versions are not known:\nError: Keystone of cloud 'prod-a'",
                  'refuses these credentials (401)')

    def test_asked_for(self):
        for version in ('latest', '1', '1.1'):
            said = self.openstack('protector', *SHOW, '--long', '-f', 'json', code=0,
                                  OS_PROTECTOR_API_VERSION=version)
            self.assertIn('position', json.loads(said.out), version)
        said = self.openstack('--os-protector-api-version', '1.0', 'protector', *SHOW, '--long',
                              '-f', 'json', code=0)
        one = self.ask(*SHOW, '--long', '-f', 'json', OS_PROTECTOR_API_VERSION='1.0')
        self.assertEqual(json.loads(said.out), json.loads(one.out))
        said = self.openstack('--os-protector-api-version', '1.7', 'protector', *SHOW)
        self.says(said.err, 'API version 1.7 cannot be used', 'Action: ')


class Session(Sites):
    def test_no_login_but_openstacks(self):
        """The library is given the token and the endpoint: it asks nothing of Keystone."""
        said = self.openstack('protector', *SHOW, '--debug', code=0, OS_SECONDARY_CLOUD=None)
        self.assertNotIn('debug: > POST %s' % self.world.sim.keystone(), said.err)
        self.says(said.err, 'debug: > POST %s' % self.world.sim.keystone('b'),
                  'debug: > GET http://%s:8788/v1' % self.world.sites['a'].address)

    def test_by_options_alone(self):
        said = self.openstack(
            '--os-auth-url', self.world.sim.keystone() + '/v3', '--os-username', 'prod-user',
            '--os-password', 'lab', '--os-project-name', 'prod', '--os-user-domain-name',
            'Default', '--os-project-domain-name', 'Default', '--secondary-cloud', 'prod-b',
            'protector', *SHOW, '-f', 'value', '-c', 'name', code=0, OS_CLOUD=None,
            OS_SECONDARY_CLOUD=None)
        self.assertEqual(said.out, GROUP + '\n')

    def test_the_other_site_by_its_name(self):
        clouds = self.clouds(lambda text: text.replace('  site-b:', '  admin-b:').replace(
            '  prod-b:', '  site-b:'))
        said = self.openstack('protector', 'protection-group', 'sync-status', GROUP, code=0,
                              OS_SECONDARY_CLOUD=None, OS_CLIENT_CONFIG_FILE=clouds)
        self.says(said.out, 'IN SYNC')
        said = self.openstack('--secondary-cloud', 'nosuch', 'protector', 'protection-group',
                              'update', GROUP, '--description', 'x')
        self.says(said.err, "clouds.yaml has no entry 'nosuch'")

    def test_another_project_than_the_entrys(self):
        """What is given besides the entry is followed, also where the library logs in itself."""
        clouds = self.clouds(lambda text: text.replace('      project_name: prod\n', ''))
        self.openstack('--os-project-name', 'prod', 'protector', *SHOW, code=0,
                       OS_CLIENT_CONFIG_FILE=clouds, OS_SECONDARY_CLOUD=None)
        said = self.openstack('--os-project-name', 'nosuch', 'protector', *SHOW, code=4,
                              OS_CLIENT_CONFIG_FILE=clouds)
        self.says(said.err, 'Error: Keystone of cloud', 'refuses these credentials')

    def test_region_and_interface(self):
        said = self.openstack('--os-region-name', 'NoSuchRegion', 'protector', 'site', 'list')
        self.assertEqual(said.code, 1, said)  # by OpenStackClient itself
        self.says(said.err, 'NoSuchRegion')
        said = self.openstack('--os-interface', 'internal', 'protector', 'site', 'list', '--debug',
                              '-f', 'value', '-c', 'name')
        one = self.ask('--os-interface', 'internal', 'site', 'list', '-f', 'value', '-c', 'name',
                       code=None)
        self.assertEqual((said.code, said.out), (one.code, one.out))

    def test_a_token_that_ends(self):
        """An operation may outlive OpenStackClient's token: the library logs in by itself."""
        import_plugin()
        from protectorclient import library
        from protectorclient.osc import host
        endpoint = 'http://%s:8788/v1/%s' % (self.world.sites['a'].address,
                                             self.world.project['a'])
        with library.Client(host.Host(os.environ.get, sys.stderr), token='ended', cloud='prod-a',
                            endpoint=endpoint, config_file=self.world.sim.clouds) as client:
            self.assertEqual(len(client.run('site list', {})['rows']), 2)
            self.assertEqual(client.api_range()[0], '1.0')


class Errors(Sites):
    def test_the_librarys_words_and_codes(self):
        for code, words in (
                (2, ('site', 'create')), (2, ('protection-group', 'show')),
                (2, ('protection-group', 'failback', GROUP, '--on-conflict', 'neither')),
                (2, (*SHOW, '-c', 'nosuch')), (4, ('site', 'delete', 'site-b')),
                (5, ('protection-group', 'show', 'nosuch')), (6, ('site', 'create', '--name',
                 'site-b', '--region-name', 'other', '--auth-url',
                 self.world.sim.keystone('b') + '/v3'))):
            _, said = self.same(*words)
            if code != 6:
                self.assertEqual(said.code, code, said)
            self.assertRegex(said.err, '(?m)^Error: ')

    def test_unknown_options(self):
        said = self.openstack('protector', *SHOW, '--nosuch')
        self.assertEqual(said.code, 2)
        self.says(said.err, 'unrecognized arguments: --nosuch')

    def test_no_cloud(self):
        _, said = self.same('site', 'list', code=1, OS_CLOUD=None)
        self.says(said.err, 'Error: no cloud is named\nAction: give --os-cloud NAME')

    def test_credentials(self):
        _, said = self.same('site', 'list', code=4,
                            OS_CLIENT_CONFIG_FILE=self.clouds_with('wrong'))
        self.assertNotIn('Traceback', said.err)

    def test_no_keystone(self):
        clouds = self.clouds(lambda text: text.replace(
            self.world.sim.keystone(), 'http://%s:1' % self.world.folder.address))
        _, said = self.same('site', 'list', code=3, OS_CLIENT_CONFIG_FILE=clouds)
        self.says(said.err, "Error: Keystone of cloud 'prod-a'", 'does not answer', 'Action: ')
        self.assertNotIn('Traceback', said.err)

    def test_no_protector(self):
        self.down('a')
        _, said = self.same('site', 'list', code=3)
        self.says(said.err, "Error: Protector of cloud 'prod-a'", 'does not answer')

    def test_the_other_site_away(self):
        self.down('b')
        _, said = self.same('protection-group', 'update', GROUP, '--description', 'x', code=3)
        self.says(said.err, 'Error: Cannot modify protection group - remote site unreachable.\n'
                  'Reason: ', 'Action: ')

    def test_bad_news_is_an_exit_code(self):
        self.down('b')
        one, two = self.same('protection-group', 'sync-force', GROUP)
        self.assertEqual((one.code, one.out), (1, two.out))

    def test_no_library(self):
        env = self.environment()
        env['PROTECTOR_CLIENT_LIBRARY'] = '/nosuch.so'
        for words, code in ((('protector', *SHOW), 1), (('complete',), 0), (('--help',), 0),
                            (('protector', '--version'), 1)):
            said = cli.command(words, env, program=osc.openstack(), limit_s=3 * cli.LIMIT_S)
            self.assertEqual(said.code, code, said)
            self.assertNotIn('Traceback', said.err)
            if code:
                self.says(said.err, "Error: Protector's client library cannot be loaded",
                          'Action: install it')


class Formats(Sites):
    def test_records(self):
        values = json.loads(self.openstack('dr', *SHOW, '-f', 'json', code=0).out)
        said = self.openstack('dr', *SHOW, '-f', 'value', '-c', 'NAME', '-c', 'status', code=0)
        self.assertEqual(said.out, 'web\n%s\n' % values['status'])
        said = self.openstack('dr', *SHOW, '-f', 'shell', '--prefix', 'pg_', '-c', 'name', code=0)
        self.assertEqual(said.out, 'pg_name="web"\n')
        said = self.openstack('dr', *SHOW, '-f', 'yaml', '-c', 'name', code=0)
        self.assertEqual(said.out, 'name: web\n')

    def test_lists(self):
        said = self.openstack('protector', 'site', 'list', '-f', 'csv', '-c', 'name',
                              '--sort-column', 'NAME', '--sort-descending', code=0)
        self.assertEqual(said.out, '"name"\n"site-b"\n"site-a"\n')
        long = json.loads(self.openstack('protector', 'site', 'list', '--long', '-f', 'json').out)
        self.assertIn('fingerprint', long[0])
        words = ('protection-group', 'list', '--limit', '1', '--marker', 'nosuch')
        self.same(*words)

    def test_tables_are_the_same(self):
        for words in ((*SHOW, '--long'), ('site', 'list'), ('operation', 'list'),
                      ('protection-group', 'sync-status', GROUP), ('site', 'validate', 'site-b'),
                      ('protection-group', 'member-list', GROUP),
                      ('failover', GROUP, '--planned', '--dry-run')):
            one, two = self.same(*words, who='admin' if 'validate' in words else 'prod')
            squeeze = re.compile(r'[-+ ]+|\d+ seconds? ago|\d+-\d\dT\S+|\d+ s\b')
            self.assertEqual(squeeze.sub(' ', one.out), squeeze.sub(' ', two.out))

    def test_text_as_data(self):
        one, two = self.same('protection-group', 'sync-status', GROUP, '-f', 'json', code=0)
        self.assertEqual(set(json.loads(one.out)), set(json.loads(two.out)))


class Words(Sites):
    def test_complete(self):
        said = self.openstack('complete', code=0)
        for text in ("cmds_dr_operation='", "cmds_dr_failover='", "cmds_protector_site_create='",
                     "cmds_protector_protection_group_member_add='", '--instance-id'):
            self.assertIn(text, said.out)
        verbs = re.findall(r"cmds_protector_protection_group='([^']*)'", said.out)
        self.assertEqual(len(set(verbs)), 1, 'both spellings must have all verbs')

    def test_help(self):
        said = self.openstack('dr', '--help', code=0)
        self.says(said.out, 'dr operation list\n', 'dr operation show\n', 'dr failover\n',
                  'dr tenant mapping create\n')
        said = self.openstack('dr', 'operation', '--help', code=0)
        self.says(said.out, 'dr operation list\n', 'dr operation show\n')
        said = self.openstack('protector', 'protection-group', 'failover', '--help', code=0)
        self.says(said.out, 'usage: openstack protector protection-group failover', '--planned')


class AtTerminal(Sites):
    CREATE = ('protection-group', 'create', '--replication-type', 'async', '--primary-site',
              'site-a', '--secondary-site', 'site-b', '--volume-type', 'replicated-ssd')

    def test_bar(self):
        self.addCleanup(self.ask, 'protection-group', 'delete', 'bar')
        terminal = self.terminal('protector', *self.CREATE, '--name', 'bar')
        self.assertEqual(terminal.ends(), 0, terminal.text)
        bars = BAR.findall(terminal.text)
        self.assertEqual(bars[-1], ('#' * 20, 'create', '100', 'completed'), terminal.text)
        before, _, after = terminal.text.rpartition('\r\x1b[K')
        self.assertNotIn('\n', before)
        self.assertRegex(after, r'^\[#{20}\] create 100% completed\r\n\+-+')

    def test_lines(self):
        self.addCleanup(self.ask, 'protection-group', 'delete', 'lines')
        said = self.openstack('protector', *self.CREATE, '--name', 'lines', code=0)
        self.assertEqual(said.err.splitlines()[-1], 'create 100% completed')
        self.assertNotIn('\x1b', said.err + said.out)

    def test_secrets_are_asked_for(self):
        terminal = self.terminal(
            'protector', 'protection-group', 'policy-create', GROUP, '--primary-fa-url',
            'https://a.array', '--secondary-fa-url', 'https://b.array', '--pure-pg-name', 'pg',
            '--replication-interval', '300', '--rpo-minutes', '15')
        for name in ('--primary-fa-token', '--secondary-fa-token'):
            terminal.until(name + ': ')
            terminal.type('T0ken\n')
        self.assertEqual(terminal.ends(), 0, terminal.text)
        self.addCleanup(self.ask, 'protection-group', 'policy-delete', GROUP)
        self.assertNotIn('T0ken', terminal.text)

    def test_questions(self):
        terminal = self.terminal('dr', 'failover', GROUP, at='b')
        terminal.until('(yes/no) ')
        terminal.type('no\n')
        self.assertEqual(terminal.ends(), 2, terminal.text)
        self.says(terminal.text, 'Error: nothing was started')

    def test_interrupt(self):
        """Ctrl-C ends the waiting, not what was begun."""
        self.world.programs['b', 'engine'].signal(signal.SIGSTOP)
        try:
            process = subprocess.Popen(
                [*osc.openstack(), 'protector', *self.CREATE, '--name', 'stopped'], stdout=-1,
                stderr=-1, env=self.environment(), start_new_session=True)
            self.addCleanup(process.wait)
            process.stderr.readline()
            time.sleep(1)
            os.kill(process.pid, signal.SIGINT)
            _, err = process.communicate(timeout=cli.LIMIT_S)
        finally:
            self.world.programs['b', 'engine'].signal(signal.SIGCONT)
        self.assertEqual(process.returncode, 1, err)
        self.assertIn(b'Error: ', err)
        self.assertNotIn(b'Traceback', err)
        self.openstack('protector', 'protection-group', 'show', 'stopped', code=0)
        self.ask('protection-group', 'delete', 'stopped', code=None)


if __name__ == '__main__':
    try:
        osc.main()
    finally:
        Keeper.end()
