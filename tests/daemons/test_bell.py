#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The doorbell between the API and the engine: a socket in state_path that may be lost."""
import os
import socket
import stat

import daemons
from daemons import Case, Sim


class Bell(Case):
    def setUp(self):
        super().setUp()
        self.sim = Sim(self, self.folder)
        self.own = self.site(keystone=self.sim.keystone(), conf={
            'DEFAULT': {'debug': True},
            'keystone_authtoken': {'region_name': 'RegionA'}}).synced()
        self.own.start('api')
        self.admin = self.sim.cloud('site-a')
        self.ident = self.own.register(self.admin.token, 'RegionA', self.sim.keystone())['id']

    def change(self):
        r = self.own.ask('POST', '/v1/admin/sites/%s/validate' % self.ident,
                         token=self.admin.token)
        self.assertEqual(r.status, 202, r.body)
        return r

    def completes(self, reply):
        self.assertEqual(self.own.operation(self.admin.token, reply)['status'], 'completed')

    def test_a_change_rings(self):
        path = self.own.state('engine.bell')
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bell:
            bell.bind(path)
            bell.settimeout(daemons.LIMIT_S)
            self.own.ask('GET', '/v1/admin/sites', token=self.admin.token)
            reply = self.change()
            self.assertEqual(bell.recv(16), b'r')
            bell.setblocking(False)
            with self.assertRaises(BlockingIOError):
                bell.recv(16)  # reading did not ring
        # nobody heard it; the engine that comes later finds the work, and takes the socket over
        self.own.start('engine')
        self.completes(reply)
        self.assertTrue(stat.S_ISSOCK(os.stat(path).st_mode))

    def test_the_engine_is_rung(self):
        engine = self.own.start('engine')
        self.assertNotIn('rung', engine.text())
        self.completes(self.change())
        engine.says('DEBUG protector-engine [-] rung')

    def test_without_the_socket_it_polls(self):
        engine = self.own.start('engine')
        os.remove(self.own.state('engine.bell'))
        for _ in range(3):
            self.completes(self.change())
        self.assertNotIn('rung', engine.text())

    def test_without_an_engine_work_waits(self):
        reply = self.change()
        path = '/v1' + daemons.cloud.header(reply, 'Location').partition('/v1')[2]
        op = self.own.ask('GET', path, token=self.admin.token).body['operation']
        self.assertEqual(op['status'], 'pending')


if __name__ == '__main__':
    daemons.main()
