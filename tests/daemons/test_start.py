#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the services say and do when they start: arguments, and everything that must be right."""
import os
import socket

import daemons
from daemons import Case, run

SERVICES = ('api', 'engine')


class Arguments(Case):
    def test_help(self):
        for name in ('api', 'engine', 'manage'):
            code, said = run([daemons.program('protector-' + name), '--help'])
            self.assertEqual(code, 0, said)
            self.says(said, 'usage: protector-' + name, '--config-file')

    def test_version(self):
        for name in ('api', 'engine', 'manage'):
            code, said = run([daemons.program('protector-' + name), '--version'])
            self.assertEqual((code, said), (0, 'protector-%s 0.1.0\n' % name))

    def test_version_needs_no_configuration(self):
        path = self.folder.write('broken.conf', 'no section\n')
        for name in ('api', 'engine', 'manage'):
            code, said = run([daemons.program('protector-' + name), '--config-file', path,
                              '--version'])
            self.assertEqual((code, said), (0, 'protector-%s 0.1.0\n' % name))

    def test_unknown(self):
        site = self.site().synced()
        for name in SERVICES:
            for words in (['--conifg-file', 'x'], ['start'], ['--debug'], ['--help-me']):
                code, said = run(site.words(name) + words)
                self.assertEqual(code, 2, said)
                self.says(said, "protector-%s: there is no argument '%s'" % (name, words[0]),
                          'usage:')

    def test_value_missing(self):
        for name in ('api', 'engine', 'manage'):
            for word in ('--config-file', '--config-dir'):
                code, said = run([daemons.program('protector-' + name), word])
                self.assertEqual(code, 2, said)
                self.says(said, 'protector-%s: %s needs a value' % (name, word), 'usage:')

    def test_files_in_order(self):
        site = self.site(conf={'api': {'workers': 'x'}})
        later = self.folder.write('later.conf', '[api]\nworkers = 1\n')
        code, said = run(site.words('manage') + ['--config-file=' + later, 'config', 'check'])
        self.assertEqual(code, 0, said)
        folder = self.folder.make('conf.d')
        self.folder.write('conf.d/10.conf', '[api]\nworkers = y\n')
        code, said = run(site.words('manage') + ['--config-dir', folder, 'config', 'check'])
        self.assertEqual(code, 1, said)
        self.says(said, "conf.d/10.conf:2: [api] workers = 'y' must be a number")


class Refusals(Case):
    """Exit code 1, words, and nothing is left behind."""

    def refused(self, name, conf, *words, sync=True):
        site = self.site()
        if sync:
            site.synced()
        site.change(conf)
        code, said = site.tries(name)
        self.assertEqual(code, 1, said)
        self.says(said, *words)
        self.assertNotIn('worker', said)
        self.assertFalse(os.path.exists(site.state('engine.bell')))

    def test_no_file(self):
        for name in SERVICES:
            code, said = run([daemons.program('protector-' + name), '--config-file', '/nowhere'])
            self.assertEqual(code, 1, said)
            self.says(said, 'protector-%s: ' % name, "'/nowhere'")

    def test_bad_value(self):
        for name in SERVICES:
            self.refused(name, {'api': {'bind_port': 'http'}}, 'protector.conf:',
                         "[api] bind_port = 'http' must be a number from 0 to 65535")

    def test_credentials(self):
        for name in SERVICES:
            for option, words in (('auth_url', 'auth_url'), ('username', 'a user name or id'),
                                  ('password', 'a password')):
                self.refused(name, {'keystone_authtoken': {option: None}},
                             '[keystone_authtoken]', 'lack ' + words)

    def test_cafile(self):
        for name in SERVICES:
            self.refused(name, {'keystone_authtoken': {'cafile': '/nowhere/ca.pem'}},
                         '[keystone_authtoken] cafile', '/nowhere/ca.pem')
            empty = self.folder.write('empty.pem', 'nothing\n')
            self.refused(name, {'keystone_authtoken': {'cafile': empty}}, empty, 'no certificate')

    def test_policy(self):
        for text, words in (
                ('"protector:sites:create": "http://policy.example/check"\n', 'http:'),
                ('- 1\n', 'policy.yaml'), ('"a": "b\n', 'policy.yaml')):
            path = self.folder.write('policy.yaml', text)
            self.refused('api', {'oslo_policy': {'policy_file': path}}, path, words)

    def test_policy_warnings_are_logged(self):
        text = '"protector:sites:creat": "rule:context_is_admin"\n'
        path = self.folder.write('policy.yaml', text)
        site = self.site(conf={'oslo_policy': {'policy_file': path}}).synced()
        api = site.start('api')
        self.says(api.text(), 'WARNING protector.api.policy', path + ':1:',
                  'protector:sites:creat')

    def test_no_database(self):
        for name in SERVICES:
            self.refused(name, {'database': {'connection': None}}, 'database', sync=False)
            self.refused(name, {'database': {'connection':
                                             'mysql+pymysql://protector:x@127.0.0.1:9/protector'}},
                         "Can't connect", sync=False)
            self.refused(name, {'database': {'connection': 'oracle://x'}}, 'oracle', sync=False)

    def test_database_not_made(self):
        for name in SERVICES:
            self.refused(name, {}, 'run protector-manage db sync', sync=False)

    def test_port_in_use(self):
        site = self.site().synced()
        with socket.socket() as taken:
            taken.bind((site.address, site.port))
            taken.listen()
            code, said = site.tries('api')
        self.assertEqual(code, 1, said)
        self.says(said, 'cannot listen on %s port %d: Address already in use' % (
            site.address, site.port))
        self.assertNotIn('worker', said)

    def test_no_such_address(self):
        self.refused('api', {'api': {'bind_host': '192.0.2.1'}}, '192.0.2.1')

    def test_said_once(self):
        site = self.site()
        for name in SERVICES:
            _, said = site.tries(name)
            self.assertEqual(said.count('run protector-manage db sync'), 1, said)


class Warnings(Case):
    def test_unknown_options(self):
        site = self.site(conf={'api': {'worker': 3}, 'DEFAULT': {'state_pth': '/x'},
                               'apj': {'a': 'b'}}).synced()
        for name in SERVICES:
            said = site.start(name).text()
            self.says(said, "%s: unknown option 'worker' in [api], ignoring it; did you mean "
                      "'workers'?" % site.line_of('worker ='),
                      "%s: unknown option 'state_pth' in [DEFAULT]" % site.line_of('state_pth'),
                      '%s: unknown section [apj]' % site.line_of('[apj]'))

    def test_not_used_yet(self):
        rows = (('DEFAULT', 'transport_url', 'rabbit://openstack:RABBIT_PASS@controller:5672/'),
                ('keystone_authtoken', 'memcached_servers', 'controller:11211'))
        conf = {}
        for section, option, value in rows:
            conf.setdefault(section, {})[option] = value
        site = self.site(conf=conf).synced()
        for name in SERVICES:
            said = site.start(name).text()
            for section, option, _ in rows:
                self.says(said, 'WARNING protector-%s [-] %s: [%s] %s is accepted, but not used '
                          'yet' % (name, site.line_of(option), section, option))
            self.assertNotIn('RABBIT_PASS', said)

    def test_said_at_each_start(self):
        site = self.site(conf={'service_credentials': {'fallback': 'service_admin'}}).synced()
        for name in SERVICES:
            self.says(site.start(name).text(), 'WARNING protector-%s [-] [service_credentials] '
                      'fallback = service_admin: where no trust works' % name)

    def test_silent_where_nothing_is_asked(self):
        site = self.site(conf={'service_credentials': {'fallback': 'none'},
                               'DEFAULT': {'epoch_watch_interval_s': 30},
                               'site': {'on_superseded': 'alarm'}}).synced()
        for name in SERVICES:
            said = site.start(name).text()
            self.assertNotIn('not used yet', said)
            self.assertNotIn('fallback', said)

    def test_options_of_the_driver(self):
        site = self.site(conf={'storage': {'mock_xyz': 1, 'mock_transfer_ms': 50,
                                           'file_speed': 1}}).synced()
        said = site.start('engine').text()
        self.says(said, "%s: unknown option 'mock_xyz' in [storage]" % site.line_of('mock_xyz'),
                  "%s: unknown option 'file_speed' in [storage]" % site.line_of('file_speed'))
        self.assertNotIn("'mock_transfer_ms'", said)

    def test_value_of_the_driver(self):
        site = self.site(conf={'storage': {'mock_transfer_ms': 'soon'}}).synced()
        said = site.start('engine').text()
        self.says(said, "ERROR protector-engine [-] storage driver 'mock' cannot be used",
                  'mock_transfer_ms')


if __name__ == '__main__':
    daemons.main()
