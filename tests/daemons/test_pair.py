#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Two whole sites and the client, for what a single site cannot show: a site whose storage driver
this build lacks, on MariaDB."""
import os
import re
import subprocess

import daemons
from daemons import Case, Folder, Program, Sim, Site

EMOJI = 'Produktion \U0001f680 \U0001f6df'


class MariaDB:
    """A real server on a socket in the test's folder."""

    def __init__(self, test, folder):
        data = folder.make('mariadb')
        common = ['--no-defaults', '--datadir=' + data, '--tmpdir=' + folder.path]
        common += ['--user=root'] if os.geteuid() == 0 else []
        code, said = daemons.run(['mariadb-install-db', *common, '--skip-test-db',
                                  '--auth-root-authentication-method=normal'])
        test.assertEqual(code, 0, said)
        self.socket = folder('mariadb.socket')
        Program(test, folder('mariadb.out'), [
            '/usr/sbin/mariadbd', *common, '--socket=' + self.socket, '--skip-networking',
            '--pid-file=' + folder('mariadb.pid'), '--innodb-flush-method=nosync'
        ]).says('ready for connections')

    def sql(self, text):
        done = subprocess.run(['mariadb', '--no-defaults', '--socket=' + self.socket, '-u', 'root',
                               '--default-character-set=utf8mb4', '-N', '-e', text],
                              stdout=subprocess.PIPE, check=True, env=daemons.environment())
        return done.stdout.decode('utf-8')

    def manual(self, name):
        """The statements of the manual, with another name of the database; the DSN."""
        self.sql("CREATE DATABASE %s CHARACTER SET utf8;"
                 "GRANT ALL PRIVILEGES ON %s.* TO 'protector'@'localhost' IDENTIFIED BY "
                 "'PROTECTOR_DBPASS'; FLUSH PRIVILEGES;" % (name, name))
        return 'mysql+pymysql://protector:PROTECTOR_DBPASS@localhost/%s?unix_socket=%s' % (
            name, self.socket)


@daemons.needs('mariadbd')
class Pair(Case):
    """A group between two sites: B has no [storage], which means the driver `pure`."""

    def setUp(self):
        super().setUp()
        self.folders = {'a': self.folder, 'b': Folder(self)}
        self.db = MariaDB(self, self.folder)
        first, _, last = self.folder.address.rpartition('.')
        self.folders['b'].address = '%s.%d' % (first, int(last) % 254 + 1)
        url = 'http://%s:8788/v1/%%(tenant_id)s'
        self.sim = Sim(self, self.folder, '--protector-url-a', url % self.folders['a'].address,
                       '--protector-url-b', url % self.folders['b'].address)
        self.sites, self.engines = {}, {}
        for letter, region in (('a', 'RegionA'), ('b', 'RegionB')):
            site = Site(self, self.folders[letter], 'site-' + letter, self.sim.keystone(letter), {
                'keystone_authtoken': {'region_name': region},
                'database': {'connection': self.db.manual('protector_' + letter)}})
            if letter == 'b':
                del site.sections['storage']
                site.change({})
            self.sites[letter] = site.synced()
            site.start('api')
            self.engines[letter] = site.start('engine')

    def client(self, *words, at='a', who='prod', code=0):
        other = {'a': 'b', 'b': 'a'}[at]
        names = ('site-' + at, 'site-' + other) if who == 'admin' else \
            ('prod-' + at, 'prod-' + other)
        env = daemons.environment(OS_CLIENT_CONFIG_FILE=self.sim.clouds, OS_CLOUD=names[0],
                                  OS_SECONDARY_CLOUD=names[1])
        got, said = daemons.run([daemons.program('protector'), *words], env=env)
        if code is not None:
            self.assertEqual(got, code, said)
        else:
            self.assertNotEqual(got, 0, said)
        return said

    def admin(self, *words, **options):
        return self.client(*words, who='admin', **options)

    def group(self):
        """Both sites registered and the group made; the ids of two servers."""
        for letter, kind in (('a', 'primary'), ('b', 'secondary')):
            self.admin('site', 'create', '--name', 'site-' + letter, '--site-type', kind,
                       '--auth-url', self.sim.keystone(letter) + '/v3', '--region-name',
                       'Region' + letter.upper())
        for letter in 'ab':
            self.says(self.admin('site', 'validate', 'site-' + letter, at=letter), 'driver')
        self.tenant = {letter: self.sim.cloud('prod-' + letter) for letter in 'ab'}
        remote = self.admin('site', 'show', 'site-b', '-f', 'value', '-c', 'id').strip()
        self.admin('tenant', 'mapping', 'create', '--local-tenant', self.tenant['a'].project,
                   '--remote-site', remote, '--remote-tenant', self.tenant['b'].project)
        self.client('protection-group', 'create', '--name', EMOJI, '--replication-type', 'async',
                    '--primary-site', 'site-a', '--secondary-site', 'site-b', '--volume-type',
                    'replicated-ssd', '--wait')

    def policy(self, **options):
        return self.client('protection-group', 'policy-create', EMOJI, '--primary-fa-url',
                           'https://a.array', '--primary-fa-token', 'T-a', '--secondary-fa-url',
                           'https://b.array', '--secondary-fa-token', 'T-b', '--pure-pg-name', 'pg',
                           '--replication-interval', '300', '--rpo-minutes', '15', **options)

    def add(self, name, **options):
        server = self.tenant['a'].servers([name])[0]
        return self.client('protection-group', 'member-add', EMOJI, '--instance-id', server['id'],
                           **options)

    def driver(self, letter, name):
        """The engine again, with that driver; None: without [storage]."""
        self.assertEqual(self.engines[letter].stop(), 0)
        site = self.sites[letter]
        site.sections.pop('storage', None)
        site.change({'storage': {'driver': name, 'mock_storage_dir': self.folder('mock_storage')}}
                    if name else {})
        self.engines[letter] = site.start('engine')

    def test_without_a_driver_on_mariadb(self):
        said = self.engines['b'].text()
        self.says(said, "WARNING protector-engine [-] storage driver 'pure' is not there",
                  'this build has: mock', 'every verb that needs an array is refused')
        self.group()
        # the name went through both databases, whose default character set is the manual's utf8
        for letter in 'ab':
            self.assertEqual(self.db.sql('SELECT DISTINCT name FROM protector_%s.protection_groups'
                                         % letter), EMOJI + '\n')
            self.says(self.client('protection-group', 'list', at=letter), EMOJI)
            site = self.sites[letter]
            self.assertEqual(site.manage('db', 'check')[0], 0)
            self.assertRegex(site.manage('db', 'version')[1], r'^\w+\n$')
        # what needs an array there is refused, with the list, and changes nothing
        lacking = "storage driver 'pure' is not in this build; there are: mock"
        self.says(self.policy(code=None), lacking)
        self.client('protection-group', 'policy-show', EMOJI, code=None)
        self.driver('b', 'mock')
        self.policy()
        self.add('web-1')
        self.driver('a', None)
        self.says(self.add('db-1', code=None), lacking)
        members = self.client('protection-group', 'member-list', EMOJI, '-f', 'value', '-c',
                              'Instance Name', '-c', 'Status').splitlines()
        self.assertEqual([m for m in members if m.endswith('protected')], ['web-1 protected'])
        self.driver('b', None)
        self.says(self.client('protection-group', 'failover', EMOJI, '--unplanned', '--force',
                              '--reason', 'test', at='b', code=None), lacking)
        shown = self.client('protection-group', 'show', EMOJI, '-f', 'value', '-c', 'role',
                            '-c', 'failover_count', at='b').split()
        self.assertEqual(sorted(shown), ['0', 'STANDBY'])
        self.assertTrue(self.engines['b'].alive())

    def print_of(self, site, at):
        return self.admin('site', 'show', 'site-' + site, '-f', 'value', '-c', 'fingerprint',
                          at=at).strip()

    def rotate(self, letter):
        code, said = self.sites[letter].manage('keys', 'rotate')
        self.assertEqual(code, 0, said)
        now = re.search(r', fingerprint (\S+),', said.splitlines()[-1]).group(1)
        self.assertEqual(self.print_of(letter, letter), now)
        return now

    def role(self, at):
        return self.client('protection-group', 'show', EMOJI, '-f', 'value', '-c', 'role',
                           at=at).strip()

    def test_keys_are_changed_while_services_run(self):
        """No restart, no signal: the next message bears the new key, and the peer learns it."""
        self.group()
        for letter, other in ('ab', 'ba'):
            now = self.rotate(letter)
            self.assertNotEqual(self.print_of(letter, other), now)
            self.client('protection-group', 'sync-force', EMOJI)
            self.assertEqual(self.print_of(letter, other), now)
            self.client('protection-group', 'update', EMOJI, '--description', now)
        stolen = self.print_of('a', 'b')
        now = self.rotate('a')
        said = self.admin('site', 'rekey', 'site-a', '--fingerprint', stolen, at='b', code=None)
        self.says(said, "says its fingerprint is '%s', not '%s': nothing was changed"
                  % (now, stolen))
        self.assertEqual(self.print_of('a', 'b'), stolen)
        said = self.admin('site', 'rekey', 'site-a', '--fingerprint', now, at='b')
        self.says(said, '1 protection groups recover', now)
        self.client('protection-group', 'sync-force', EMOJI)
        self.assertEqual((self.role('a'), self.role('b')), ('ACTIVE', 'STANDBY'))
        said = self.admin('site', 'rekey', 'site-a', '--fingerprint', now, at='b')
        self.says(said, 'nothing was changed')


if __name__ == '__main__':
    daemons.main()
