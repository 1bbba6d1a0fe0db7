#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The logs of the services: where they go, rotation, debug, and that no secret gets into them."""
import os
import re
import shutil
import signal

import daemons
from daemons import Case, Sim, until

LINE = re.compile(r'^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (\d+) '
                  r'(DEBUG|INFO|WARNING|ERROR|CRITICAL) '
                  r'(protector[a-z.-]*|mock) \[[^]]*\] .')


class Places(Case):
    def test_file_and_stderr_get_the_same(self):
        site = self.site(conf={'DEFAULT': {'transport_url': 'rabbit://x'}}).synced()
        for name in ('api', 'engine'):
            started = site.start(name)
            self.assertEqual(started.stop(), 0)
            self.assertEqual(started.text(), site.log(name))
            for line in site.log(name).splitlines():
                self.assertRegex(line, LINE)
            self.says(site.log(name), 'transport_url')
        self.assertEqual(sorted(os.listdir(self.folder(site.name, 'log'))),
                         ['protector-api.log', 'protector-engine.log'])

    def test_refusal_is_in_the_file(self):
        site = self.site()
        for name in ('api', 'engine'):
            code, said = site.tries(name)
            self.assertEqual((code, site.log(name)), (1, said))

    def test_no_folder(self):
        missing = self.folder('nowhere')
        site = self.site(conf={'DEFAULT': {'log_dir': missing}}).synced()
        for name in ('api', 'engine'):
            started = site.start(name)
            self.says(started.text(), 'WARNING protector-%s [-] standard error alone gets the log'
                      % name, missing, 'let the service')
            self.assertTrue(started.alive())
        self.assertFalse(os.path.exists(missing))

    def test_file_belongs_to_the_owner_of_the_folder(self):
        if os.geteuid() != 0:
            self.skipTest('not root')
        site = self.site().synced()
        os.chown(self.folder(site.name, 'log'), 64123, 64124)
        site.start('engine')
        st = os.stat(self.folder(site.name, 'log', 'protector-engine.log'))
        self.assertEqual((st.st_uid, st.st_gid, st.st_mode & 0o7777), (64123, 64124, 0o640))


class Rotation(Case):
    def test_hangup(self):
        site = self.site(conf={'DEFAULT': {'debug': True}, 'api': {'workers': 2}}).synced()
        api, engine = site.start('api'), site.start('engine')
        until('both workers', lambda: api.text().count('worker serves') == 2)
        workers = sorted(api.children())
        for name in ('api', 'engine'):
            log = self.folder(site.name, 'log', 'protector-%s.log' % name)
            os.rename(log, log + '.1')
        api.signal(signal.SIGHUP)
        engine.signal(signal.SIGHUP)
        fresh = self.folder(site.name, 'log', 'protector-api.log')

        def all_write():
            self.assertEqual(site.ask('GET', '/').status, 300)
            if not os.path.exists(fresh):
                return False
            writers = {int(LINE.match(line).group(1)) for line in site.log('api').splitlines()}
            return set(workers) <= writers
        until('lines of both workers in the new file', all_write)
        self.assertEqual(sorted(api.children()), workers)  # nobody ended by it
        size = os.path.getsize(fresh + '.1')
        self.assertEqual(site.ask('GET', '/').status, 300)
        self.assertEqual(os.path.getsize(fresh + '.1'), size)
        os.kill(workers[0], signal.SIGKILL)
        until("the master's line", lambda: 'a new one is started' in site.log('api'))
        log = self.folder(site.name, 'log', 'protector-engine.log')
        until("the engine's new file", lambda: os.path.exists(log))
        self.assertEqual(engine.stop(), 0)
        self.says(site.log('engine'), 'stopping')

    def test_hangup_without_a_folder(self):
        site = self.site().synced()
        engine = site.start('engine')
        shutil.rmtree(self.folder(site.name, 'log'))
        engine.signal(signal.SIGHUP)
        engine.says('the log is not opened anew')
        self.assertEqual(engine.stop(), 0)
        self.says(engine.text(), 'stopping')


class Debug(Case):
    def test_switch(self):
        site = self.site().synced()
        api = site.start('api')
        site.ask('GET', '/?a=b')
        self.assertEqual(api.stop(), 0)
        self.assertNotIn(' DEBUG ', site.log('api'))
        site.change({'DEFAULT': {'debug': True}})
        api = site.start('api')
        site.ask('GET', '/?a=b')
        self.assertEqual(api.stop(), 0)
        self.assertRegex(site.log('api'), r'DEBUG protector.api \[.*\] GET /: 300\n')


class Secrets(Case):
    """What the services learn of secrets in a busy life is in none of their lines."""
    PASSWORD, PEER, WRONG = 'Pq7-own-password', 'Pq7-peer-password', 'Pq7-wrong-token'

    def test_at_every_level(self):
        sim = Sim(self, self.folder)
        sim.set_password('protector', self.PASSWORD)
        site = self.site(keystone=sim.keystone(), conf={
            'DEFAULT': {'debug': True},
            'keystone_authtoken': {'password': self.PASSWORD, 'region_name': 'RegionA'},
            'site:site-b': {'username': 'protector', 'password': self.PEER,
                            'project_name': 'service'}}).synced()
        api, engine = site.start('api'), site.start('engine')
        admin, tenant = sim.cloud('site-a'), sim.cloud('prod-a')
        own = site.register(admin.token, 'RegionA', sim.keystone())
        self.assertEqual(site.validate(admin.token, own['id'])['status'], 'completed')
        r = site.ask('PUT', '/v1/%s/trust' % tenant.project, token=tenant.token)
        self.assertEqual(r.status, 200, r.body)
        self.assertEqual(site.ask('GET', '/v1/admin/sites', token=self.WRONG).status, 401)
        # a trust that is gone: the engine tries it, and must not say which it was
        trusts = admin('identity', 'GET', '/OS-TRUST/trusts')['trusts']
        self.assertEqual(len(trusts), 1)
        tenant('identity', 'DELETE', '/OS-TRUST/trusts/' + trusts[0]['id'])
        self.assertEqual(site.validate(admin.token, own['id'])['status'], 'completed')
        # the peer, with credentials that are wrong there
        peer = self.peer(site, admin, sim)
        self.assertEqual(site.validate(admin.token, peer)['status'], 'completed')
        self.assertEqual((api.stop(), engine.stop()), (0, 0))
        for name in ('api', 'engine'):
            log = site.log(name)
            self.says(log, ' DEBUG ')
            for secret in (self.PASSWORD, self.PEER, self.WRONG, admin.token, tenant.token,
                           trusts[0]['id']):
                self.assertNotIn(secret, log)
            self.assertNotRegex(log, 'gAAAA[A-Za-z0-9_-]{20}')
        self.says(site.log('engine'), '/v3/auth/tokens')

    def peer(self, site, admin, sim):
        """Registers another Protector as site-b; its id."""
        other = daemons.Site(self, daemons.Folder(self), 'site-b', sim.keystone('b'))
        other.change({'keystone_authtoken': {'region_name': 'RegionB'}}).synced()
        other.start('api')
        there = sim.cloud('site-b')
        record = other.record(there.token, 'RegionB', sim.keystone('b'), 'site-b')
        r = site.ask('POST', '/v1/admin/sites', record, admin.token)
        self.assertEqual(r.status, 201, r.body)
        return r.body['site']['id']


if __name__ == '__main__':
    daemons.main()
