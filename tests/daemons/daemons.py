#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the tests of this folder share: the real programs of Protector, started as an operator would
start them, on addresses and in folders that nobody else has.  Standard library alone.

  Folder     a temporary folder of one test, with its own address
  Program    a process that runs: its output, its end
  Site       protector.conf, state, logs, database, and the programs on them
  Sim        two simulated clouds
  main       runs a file's tests; the last line is "N passed, N failed"

Nothing is ever stopped by its name; whatever a test started ends with it, also when it is killed.
"""
import ctypes
import http.client
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.environ.get('SOURCE_ROOT') or os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get('BUILD_ROOT') or os.path.join(SOURCE, 'build')
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(SOURCE, 'lab'))
import cloud  # noqa: E402

PLACES = {'protector': 'src/cli', 'protector-sim': 'sim'}
# Long enough for a machine that is busy with other things; a test that passes never waits so long.
LIMIT_S = 60
SIM_PORTS = 13000
LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1
MANUAL_POLICY = os.path.join(SOURCE, 'tests/manual/policy.yaml')


def program(name):
    """Its path; DAEMONS_DIR takes the place of the build's folder of the daemons."""
    folder = PLACES.get(name) or os.environ.get('DAEMONS_DIR') or 'src/daemons'
    return os.path.join(BUILD, folder, name)


def environment(**more):
    """Ours without what could point a program at somebody's cloud, and without HOME."""
    env = {k: v for k, v in os.environ.items() if not k.startswith('OS_') and k != 'HOME'}
    env.update(LANG='C.UTF-8', LC_ALL='C.UTF-8', **more)
    return env


def until(what, question, limit_s=LIMIT_S):
    """Asks until the answer is true, and gives it."""
    end = time.monotonic() + limit_s
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError('not within %d s: %s' % (limit_s, what))
        time.sleep(0.05)


def end_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def run(words, **options):
    """A program that ends by itself: exit code and all it said."""
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=LIMIT_S, check=False,
                          env=options.pop('env', None) or environment(), **options)
    return done.returncode, done.stdout.decode('utf-8', 'replace')


class Folder:
    """A temporary folder and an address of 127.0.0.0/8 that goes with it."""
    count = itertools.count()

    def __init__(self, test):
        self.path = tempfile.mkdtemp(prefix='protector-daemons-')
        os.chmod(self.path, 0o755)
        number = os.getpid() * 8 + next(self.count) % 8
        self.address = '127.%d.%d.%d' % (64 + number // 62500 % 64, number // 250 % 250,
                                         1 + number % 250)
        test.addCleanup(shutil.rmtree, self.path, ignore_errors=True)

    def __call__(self, *parts):
        return os.path.join(self.path, *parts)

    def make(self, *parts):
        path = self(*parts)
        os.makedirs(path, exist_ok=True)
        return path

    def write(self, name, text):
        path = self(name)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        return path


class Program:
    """A process with its own session, whose output (both streams) goes to a file."""

    def __init__(self, test, output, words, env=None, **options):
        self.output = output
        with open(output, 'wb') as f:
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=f, stderr=f, start_new_session=True,
                env=env or environment(), preexec_fn=end_with_parent, **options)
        self.pid = self.process.pid
        test.addCleanup(self.kill)

    def text(self):
        with open(self.output, encoding='utf-8', errors='replace') as f:
            return f.read()

    def alive(self):
        return self.process.poll() is None

    def says(self, words):
        """Waits until it has said that; an end before is an error."""
        def said():
            if words in self.text():
                return True
            if not self.alive():
                raise AssertionError('ended (%s) before it said "%s":\n%s' % (
                    self.process.returncode, words, self.text()))
            return False
        until('"%s" in:\n%s' % (words, self.output), said)
        return self.text()

    def signal(self, number):
        self.process.send_signal(number)

    def ends(self):
        """Waits for its end; the exit code."""
        return self.process.wait(LIMIT_S)

    def stop(self):
        self.signal(signal.SIGTERM)
        return self.ends()

    def kill(self):
        """At once, with all that it forked."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def children(self):
        path = '/proc/%d/task/%d/children' % (self.pid, self.pid)
        with open(path, encoding='ascii') as f:
            return [int(word) for word in f.read().split()]


class Site:
    """One Protector.  'conf' is {section: {option: value}}; None takes an option away."""

    def __init__(self, test, folder, name='site-a', keystone=None, conf=None):
        self.test, self.folder, self.name = test, folder, name
        self.address, self.port = folder.address, 8788
        keystone = keystone or 'http://%s:1' % folder.address
        for part in ('state', 'log'):
            folder.make(name, part)
        self.sections = {
            'DEFAULT': {'state_path': folder(name, 'state'), 'log_dir': folder(name, 'log'),
                        'settle_ms': '200'},
            'api': {'bind_host': self.address, 'bind_port': self.port, 'workers': 2},
            'database': {'connection': 'sqlite:///' + folder(name, 'protector.db')},
            'keystone_authtoken': {
                'www_authenticate_uri': keystone, 'auth_url': keystone, 'auth_type': 'password',
                'project_domain_name': 'Default', 'user_domain_name': 'Default',
                'project_name': 'service', 'username': 'protector', 'password': 'lab'},
            'oslo_policy': {'policy_file': MANUAL_POLICY},
            'storage': {'driver': 'mock', 'mock_storage_dir': folder('mock_storage')},
        }
        self.change(conf or {})

    def change(self, conf):
        for section, options in conf.items():
            self.sections.setdefault(section, {}).update(options)
        lines = []
        for section, options in self.sections.items():
            lines.append('[%s]' % section)
            lines += ['%s = %s' % item for item in options.items() if item[1] is not None]
        self.conf = self.folder.write(os.path.join(self.name, 'protector.conf'),
                                      '\n'.join(lines) + '\n')
        return self

    def line_of(self, text):
        """Where that stands in the file: "path:line"."""
        with open(self.conf, encoding='utf-8') as f:
            for number, line in enumerate(f, 1):
                if line.startswith(text):
                    return '%s:%d' % (self.conf, number)
        raise AssertionError(text)

    def state(self, *parts):
        return self.folder(self.name, 'state', *parts)

    def log(self, name):
        with open(self.folder(self.name, 'log', 'protector-%s.log' % name), encoding='utf-8') as f:
            return f.read()

    def words(self, name):
        return [program('protector-' + name), '--config-file', self.conf]

    def manage(self, *words, **options):
        return run(self.words('manage') + list(words), **options)

    def synced(self):
        code, said = self.manage('db', 'sync')
        self.test.assertEqual(code, 0, said)
        return self

    def tries(self, name, **options):
        """A start that is expected to fail: exit code and what was said."""
        return run(self.words(name), **options)

    def start(self, name, ready=True, **options):
        started = Program(self.test, self.folder(self.name, name + '.out'), self.words(name),
                          **options)
        if ready:
            started.says({'api': 'listening on', 'engine': 'running as'}[name])
        return started

    def ask(self, method, path, body=None, token=None, headers=None):
        headers = dict(headers or {})
        if token:
            headers['X-Auth-Token'] = token
        if body is not None:
            headers['Content-Type'] = 'application/json'
            body = json.dumps(body).encode()
        return cloud.exchange(method, 'http://%s:%d%s' % (self.address, self.port, path), headers,
                              body)

    # ---- what an administrator does

    def record(self, token, region, auth_url, name=None):
        """The body that registers this site at itself."""
        me = self.ask('GET', '/v1/admin/sites/self', token=token)
        self.test.assertEqual(me.status, 200, me.body)
        me = me.body['site']
        keys = ('id', 'sign_public', 'seal_public', 'fingerprint')
        return {'site': dict({key: me[key] for key in keys}, name=name or self.name,
                             auth_url=auth_url, region_name=region)}

    def register(self, token, region, auth_url, name=None):
        r = self.ask('POST', '/v1/admin/sites', self.record(token, region, auth_url, name), token)
        self.test.assertIn(r.status, (200, 201), r.body)
        return r.body['site']

    def validate(self, token, ident):
        """Runs `site validate`; the operation when it has ended."""
        r = self.ask('POST', '/v1/admin/sites/%s/validate' % ident, token=token)
        self.test.assertEqual(r.status, 202, r.body)
        return self.operation(token, r)

    def operation(self, token, reply):
        path = '/v1' + cloud.header(reply, 'Location').partition('/v1')[2]

        def ended():
            r = self.ask('GET', path, token=token)
            self.test.assertEqual(r.status, 200, r.body)
            op = r.body['operation']
            return op if op['status'] not in ('pending', 'running') else None
        return until('the end of ' + path, ended)


class Sim:
    """Two simulated clouds at addresses of the test's own folder."""

    def __init__(self, test, folder, *words, port=None):
        first, _, last = folder.address.rpartition('.')
        self.addresses = {'a': folder.address,
                          'b': '%s.%d' % (first, int(last) % 254 + 1)}
        self.port = port or SIM_PORTS
        self.clouds = folder('clouds.yaml')
        self.program = Program(test, folder('sim.out'), [
            program('protector-sim'), '--address-a', self.addresses['a'],
            '--address-b', self.addresses['b'], '--port-base', str(self.port),
            '--clouds', self.clouds, *words])
        self.program.says('ready')

    def keystone(self, letter='a'):
        return 'http://%s:%d' % (self.addresses[letter], self.port + 10 * (letter == 'b'))

    def cloud(self, name):
        """Somebody's token and catalog there: 'site-a' (admin), 'prod-a' (a tenant) …"""
        os.environ['OS_CLIENT_CONFIG_FILE'] = self.clouds
        return cloud.Cloud(name)

    def control(self, method, what, body=None):
        r = cloud.exchange(method, 'http://%s:%d/sim/control/%s' % (
            self.addresses['a'], self.port + 20, what), {'Content-Type': 'application/json'},
            None if body is None else json.dumps(body).encode())
        if r.status // 100 != 2:
            raise AssertionError('%s %s: %d %s' % (method, what, r.status, r.body))
        return r.body

    def set_password(self, user, password, letter='a'):
        admin = self.cloud('site-' + letter)
        found = admin.find('identity', '/users?name=' + user, 'users', user)
        admin('identity', 'PATCH', '/users/' + found['id'], {'user': {'password': password}})


class Case(unittest.TestCase):
    """A test with a folder."""
    longMessage = True

    def setUp(self):
        self.folder = Folder(self)

    def site(self, **options):
        return Site(self, self.folder, **options)

    def says(self, text, *words):
        for word in words:
            self.assertIn(word, text)


def needs(program_name):
    """Skips where a program of the system is missing."""
    return unittest.skipUnless(shutil.which(program_name) or
                               os.path.exists('/usr/sbin/' + program_name),
                               program_name + ' is not installed')


def connection(site):
    return http.client.HTTPConnection(site.address, site.port, timeout=LIMIT_S)


def main():
    """Runs the tests of the calling file."""
    ended = unittest.main(exit=False, verbosity=2 if '-v' in sys.argv else 1).result
    for test, why in ended.skipped:
        print('SKIP %s: %s' % (test.id(), why))
    bad = len({id(test) for test, _ in ended.failures + ended.errors})
    print('%d passed, %d failed' % (ended.testsRun - bad - len(ended.skipped), bad))
    sys.exit(0 if ended.wasSuccessful() else 1)
