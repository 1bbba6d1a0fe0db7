#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the tests of this folder share: the real `protector`, with and without a terminal, on two
simulated clouds and two whole sites of real processes.

  World      clouds, sites, the mapping and the group "web" between them; one for a class of tests
  Case       a test in such a class: a folder of its own, commands
  Terminal   a command at a terminal: what it shows, what is typed
"""
import collections
import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, '..', 'daemons'))
import daemons  # noqa: E402

LIMIT_S = daemons.LIMIT_S
PROTECTOR = daemons.program('protector')
GROUP = 'web'
DESCRIPTION = 'a "web" shop, für alle'

Said = collections.namedtuple('Said', 'code out err')


def command(words, env, cwd='/', stdin=subprocess.DEVNULL, program=(PROTECTOR,), limit_s=LIMIT_S):
    """Without a terminal: exit code, standard output, standard error."""
    done = subprocess.run([*program, *words], env=env, cwd=cwd, stdin=stdin, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=limit_s)
    return Said(done.returncode, done.stdout.decode(), done.stderr.decode())


class Holder(unittest.TestCase):
    """What a class's programs end with, as a test's end with a test."""

    def __init__(self, cls):
        super().__init__()
        self.addCleanup = cls.addClassCleanup

    def runTest(self):
        """There is none."""


class World:
    def __init__(self, cls):
        holder = Holder(cls)
        self.folder = daemons.Folder(holder)
        folders = {'a': self.folder, 'b': daemons.Folder(holder)}
        first, _, last = self.folder.address.rpartition('.')
        folders['b'].address = '%s.%d' % (first, int(last) % 254 + 1)
        url = 'http://%s:8788/v1/%%(tenant_id)s'
        self.sim = daemons.Sim(holder, self.folder, '--protector-url-a', url % folders['a'].address,
                               '--protector-url-b', url % folders['b'].address)
        self.sites, self.programs = {}, {}
        for letter in 'ab':
            site = daemons.Site(holder, folders[letter], 'site-' + letter,
                                self.sim.keystone(letter),
                                {'DEFAULT': {'debug': 'True'},
                                 'storage': {'mock_storage_dir': self.folder('mock_storage')},
                                 'keystone_authtoken': {'region_name': 'Region' + letter.upper()}})
            self.sites[letter] = site.synced()
            for name in ('api', 'engine'):
                self.programs[letter, name] = site.start(name)
        self.register(holder)

    def environment(self, at='a', who='prod', **more):
        """Somebody's at a site; a variable that is None is not there."""
        other = {'a': 'b', 'b': 'a'}[at]
        prefix = 'site' if who == 'admin' else who
        env = {'OS_CLIENT_CONFIG_FILE': self.sim.clouds, 'OS_CLOUD': prefix + '-' + at,
               'OS_SECONDARY_CLOUD': prefix + '-' + other}
        env.update(more)
        return daemons.environment(**{k: v for k, v in env.items() if v is not None})

    def register(self, holder):
        def good(who, *words):
            said = command(words, self.environment(who=who))
            holder.assertEqual(said.code, 0, said)
            return said.out.strip()
        for letter, kind in (('a', 'primary'), ('b', 'secondary')):
            good('admin', 'site', 'create', '--name', 'site-' + letter, '--site-type', kind,
                 '--auth-url', self.sim.keystone(letter) + '/v3', '--region-name',
                 'Region' + letter.upper())
        self.project = {letter: self.sim.cloud('prod-' + letter).project for letter in 'ab'}
        good('admin', 'tenant', 'mapping', 'create', '--local-tenant', self.project['a'],
             '--remote-site', 'site-b', '--remote-tenant', self.project['b'])
        good('prod', 'protection-group', 'create', '--name', GROUP, '--replication-type', 'async',
             '--primary-site', 'site-a', '--secondary-site', 'site-b', '--volume-type',
             'replicated-ssd', '--description', DESCRIPTION, '--wait')


class Case(unittest.TestCase):
    """A test with commands on the world of its class."""
    longMessage = True

    @classmethod
    def setUpClass(cls):
        cls.world = World(cls)

    def setUp(self):
        self.folder = daemons.Folder(self)

    def ask(self, *words, code=0, cwd='/', **options):
        """Without a terminal; must end with that exit code (None: with any)."""
        said = command(words, self.world.environment(**options), cwd)
        if code is not None:
            self.assertEqual(said.code, code, said)
        return said

    def says(self, text, *words):
        for word in words:
            self.assertIn(word, text)

    def fault(self, site, service, method, path, status):
        """A service of a cloud answers so until the test ends."""
        self.world.sim.control('POST', 'faults', {
            'site': 'site-' + site, 'service': service, 'method': method, 'path': path,
            'kind': 'status', 'status': status, 'count': 0})
        self.addCleanup(self.world.sim.control, 'DELETE', 'faults')

    def clouds_with(self, password):
        """The clouds' entries with another password."""
        with open(self.world.sim.clouds, encoding='utf-8') as f:
            return self.folder.write('clouds.yaml', f.read().replace('password: lab',
                                                                     'password: ' + password))

    def down(self, letter, name='api'):
        """One program of a site is away until the test ends."""
        self.assertEqual(self.world.programs[letter, name].stop(), 0)

        def up():
            self.world.programs[letter, name] = self.world.sites[letter].start(name)
        self.addCleanup(up)


class Terminal:
    """A command whose terminal we are."""

    def __init__(self, test, words, env, program=(PROTECTOR,)):
        self.test, self.text = test, ''
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [*program, *words], env=env, cwd='/', stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True, preexec_fn=self.take)
        os.close(slave)
        test.addCleanup(self.end)

    @staticmethod
    def take():
        """The terminal becomes the one of the new session: where a password is asked for."""
        daemons.end_with_parent()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)

    def read(self, limit_s):
        """What has come meanwhile; False at the end."""
        ready, _, _ = select.select([self.master], [], [], limit_s)
        try:
            data = os.read(self.master, 65536) if ready else b''
        except OSError:
            return False
        self.text += data.decode('utf-8', 'replace')
        return True

    def until(self, words):
        """Reads until those are shown."""
        limit = time.monotonic() + LIMIT_S
        while words not in self.text:
            if not self.read(0.1) or time.monotonic() > limit:
                raise AssertionError('never shown: "%s" in:\n%s' % (words, self.text))
        return self.text

    def type(self, text):
        os.write(self.master, text.encode())

    def ends(self):
        """Its exit code."""
        limit = time.monotonic() + LIMIT_S
        while self.read(0.1):
            if time.monotonic() > limit:
                raise AssertionError('does not end:\n' + self.text)
        return self.process.wait(LIMIT_S)


main = daemons.main
