#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The master of protector-api and its workers: number, replacement, the end."""
import os
import signal
import threading

import daemons
from daemons import Case, Sim, until


def exists(pid):
    """Is there such a process that has not ended?"""
    try:
        with open('/proc/%d/stat' % pid, encoding='ascii', errors='replace') as f:
            return f.read().rpartition(') ')[2][0] != 'Z'
    except OSError:
        return False


class Workers(Case):
    def started(self, number):
        site = self.site(conf={'api': {'workers': number}}).synced()
        api = site.start('api')
        until('all workers', lambda: api.text().count('worker serves') == number)
        return site, api

    def test_as_many_as_asked(self):
        for number in (1, 3, 80):
            _, api = self.started(number)
            self.assertEqual(len(api.children()), number)
            self.says(api.text(), 'with %d workers' % number)
            self.assertEqual(api.stop(), 0)

    def test_killed_ones_are_replaced(self):
        site, api = self.started(3)
        before = set(api.children())
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        until('a new worker', lambda: api.text().count('worker serves') == 4)
        after = set(api.children())
        self.assertEqual((len(after), before & after), (3, before - {victim}))
        self.says(api.text(), 'worker %d ended (status 9), a new one is started' % victim)
        self.assertEqual(site.ask('GET', '/').status, 300)

    def test_all_killed_at_once(self):
        site, api = self.started(3)
        before = api.children()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        until('new workers', lambda: api.text().count('worker serves') == 6)
        self.assertEqual(len(set(api.children()) - set(before)), 3)
        self.assertEqual(site.ask('GET', '/').status, 300)

    def test_term_ends_all(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            site, api = self.started(3)
            workers = api.children()
            idle = daemons.connection(site)  # stays open and must not hold anybody up for long
            idle.request('GET', '/')
            self.assertEqual(idle.getresponse().status, 300)
            api.signal(number)
            self.assertEqual(api.ends(), 0)
            self.assertEqual([pid for pid in workers if exists(pid)], [])
            with self.assertRaises(OSError):
                site.ask('GET', '/')
            idle.close()

    def test_workers_end_with_their_master(self):
        _, api = self.started(3)
        workers = api.children()
        api.signal(signal.SIGKILL)
        until('the end of the workers', lambda: not any(map(exists, workers)))

    def test_what_is_in_flight_is_answered(self):
        """A request whose token is being asked for at a slow Keystone when the end comes."""
        # four calls, one after another: far less than the API's grace of 5 s
        sim = Sim(self, self.folder, '--latency-ms', '400')
        site = self.site(keystone=sim.keystone(), conf={
            'DEFAULT': {'debug': True}, 'keystone_authtoken': {'region_name': 'RegionA'}}).synced()
        admin = sim.cloud('site-a')
        sim.control('DELETE', 'log')
        api = site.start('api')
        got = []
        asking = threading.Thread(target=lambda: got.append(
            site.ask('GET', '/v1/admin/sites', token=admin.token)))
        asking.start()
        until('the call to Keystone', lambda: sim.control('GET', 'log')['count'])
        api.signal(signal.SIGTERM)
        self.assertEqual(api.ends(), 0)
        asking.join()
        self.assertEqual([r.status for r in got], [200])
        self.assertEqual(got[0].body['sites'], [])


if __name__ == '__main__':
    daemons.main()
