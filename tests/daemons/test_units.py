#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The manual's unit files and its minimal protector.conf, to the byte, as systemd would run them:
ExecStart as user protector, cwd /, no HOME, nothing writable but state_path and log_dir.

The machine of the manual is a namespace of the test: its own mounts (all read-only, then the
folders of the manual) and its own network, whose loopback has the host "controller" with Keystone
on port 5000 and MariaDB on port 3306.  Nothing of it outlives the test; it needs root.
"""
import ctypes
import fcntl
import os
import re
import shlex
import socket
import struct
import subprocess
import sys
import unittest

import daemons
from daemons import Case, Program, Sim, until

UID, GID = 64123, 64124  # of user protector in the namespace
UNITS = os.path.join(daemons.SOURCE, 'etc/systemd')
MANUAL = os.path.join(daemons.SOURCE, 'tests/manual')
FOLDERS = ('/var/lib/protector', '/var/log/protector')
CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def libc(call, *arguments):
    if getattr(daemons.LIBC, call)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, '%s: %s' % (call, os.strerror(number)))


def mount(source, target, kind=None, flags=0, data=None):
    libc('mount', *(word and word.encode() for word in (source, target, kind)), flags,
         data and data.encode())


def loopback_up():
    with socket.socket() as s:
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack('16sH14x', b'lo', IFF_UP))


def mount_points():
    with open('/proc/self/mounts', encoding='utf-8') as f:
        return [line.split()[1].encode().decode('unicode_escape') for line in f]


def read_only():
    """Every mount but those of the kernel's own views."""
    for point in mount_points():
        if point.startswith(('/proc', '/sys', '/dev')):
            continue
        try:
            mount(None, point, flags=MS_REMOUNT | MS_BIND | MS_RDONLY)
        except OSError:
            if point == '/':
                raise


def build_machine(folder, address):
    """The namespace's files.  'folder' is the test's, which stays writable for those outside."""
    libc('unshare', CLONE_NEWNS | CLONE_NEWNET)
    mount(None, '/', flags=MS_REC | MS_PRIVATE)
    loopback_up()
    mount('tmpfs', folder.path, 'tmpfs')
    etc = folder.make('etc')
    for name, text in (('passwd', 'root:x:0:0::/:/bin/sh\nprotector:x:%d:%d::/:/bin/false\n'),
                       ('group', 'root:x:0:\nprotector:x:%.0s%d:\n')):
        folder.write('etc/' + name, text % (UID, GID))
    folder.write('etc/hosts', '127.0.0.1 localhost\n%s controller\n' % address)
    # /usr/local/bin and the folders of the manual, whether this machine has them or not
    mount('tmpfs', '/usr/local', 'tmpfs')
    os.mkdir('/usr/local/bin')
    for name in ('api', 'engine', 'manage'):
        target = '/usr/local/bin/protector-' + name
        with open(target, 'wb'):
            pass
        mount(daemons.program('protector-' + name), target, flags=MS_BIND)
    for point in ('/var/lib', '/var/log'):
        mount('tmpfs', point, 'tmpfs')
    # a copy of /etc, as a folder made in the real one would stay behind
    subprocess.run(['cp', '-a', '/etc/.', folder.make('whole-etc')], check=True)
    mount(folder('whole-etc'), '/etc', flags=MS_BIND)
    for name in ('passwd', 'group', 'hosts'):
        mount(os.path.join(etc, name), '/etc/' + name, flags=MS_BIND)
    os.makedirs('/etc/protector', exist_ok=True)
    for name in ('protector.conf', 'policy.yaml'):
        with open(os.path.join(MANUAL, name), 'rb') as source, \
                open('/etc/protector/' + name, 'wb') as target:
            target.write(source.read())
    for path in FOLDERS:
        os.mkdir(path)
        os.chown(path, UID, GID)


def finish_machine():
    """Nothing can be written any more but the two folders (and /tmp, by those who are outside)."""
    for path in FOLDERS:
        mount(path, path, flags=MS_BIND)
    read_only()
    for path in FOLDERS:
        mount(None, path, flags=MS_REMOUNT | MS_BIND)


def unit(name):
    """The [Service] section of a unit file."""
    with open(os.path.join(UNITS, 'protector-%s.service' % name), encoding='utf-8') as f:
        section = f.read().partition('[Service]\n')[2].partition('\n[')[0]
    return dict(line.split('=', 1) for line in section.splitlines())


@unittest.skipUnless(os.geteuid() == 0, 'needs root for a namespace of its own')
@daemons.needs('mariadbd')
class Units(Case):
    """One machine for all: its life is told from the first step of the manual to the last."""

    def setUp(self):
        if daemons.run(['unshare', '-m', '-n', 'true'])[0] != 0:
            self.skipTest('namespaces are not allowed here')
        # Our own folder will be a mount point here: somebody outside takes it away at the end.
        outside = subprocess.Popen(['sh', '-c', 'read -r path; rmdir "$path"'],
                                   stdin=subprocess.PIPE)
        self.addCleanup(lambda: outside.communicate((self.folder.path + '\n').encode()))
        super().setUp()

    def start_unit(self, name):
        service = unit(name)
        self.assertEqual((service['Type'], service['User'], service['Group']),
                         ('simple', 'protector', 'protector'))
        self.assertNotIn('RuntimeDirectory', service)
        words = shlex.split(service['ExecStart'])
        self.assertEqual(words[0], '/usr/local/bin/protector-' + name)
        env = {key: value for key, value in daemons.environment().items() if key != 'LOGNAME'}
        return Program(self, self.folder(name + '.out'), words, env=env, cwd='/', user=UID,
                       group=GID, extra_groups=[])

    def as_user(self, *words):
        return daemons.run(list(words), cwd='/', user=UID, group=GID, extra_groups=[])

    def database(self, address):
        """mariadbd as the manual wants it: on controller's port 3306, made by its statements."""
        data = self.folder.make('mariadb')
        common = ['--no-defaults', '--datadir=' + data, '--tmpdir=' + self.folder.path,
                  '--user=root']
        code, said = daemons.run(['mariadb-install-db', *common, '--skip-test-db',
                                  '--auth-root-authentication-method=normal'])
        self.assertEqual(code, 0, said)
        at = self.folder('mariadb.socket')
        Program(self, self.folder('mariadb.out'), [
            '/usr/sbin/mariadbd', *common, '--socket=' + at, '--bind-address=' + address,
            '--pid-file=' + self.folder('mariadb.pid'), '--innodb-flush-method=nosync',
            '--skip-name-resolve']).says('ready for connections')
        sql = ("CREATE DATABASE protector CHARACTER SET utf8;"
               "GRANT ALL PRIVILEGES ON protector.* TO 'protector'@'localhost' "
               "IDENTIFIED BY 'PROTECTOR_DBPASS';"
               "GRANT ALL PRIVILEGES ON protector.* TO 'protector'@'%' "
               "IDENTIFIED BY 'PROTECTOR_DBPASS';")
        self.client = ['mariadb', '--no-defaults', '--socket=' + at, '-u', 'root']
        code, said = daemons.run(self.client + ['-e', sql])
        self.assertEqual(code, 0, said)

    def only_two_folders(self):
        """The user can write nowhere else: asked of the kernel, place by place."""
        places = ['/', '/etc', '/etc/protector', '/run', '/usr/local/bin', '/home', '/var',
                  '/var/lib', '/var/log', *FOLDERS]
        test = ('import os, sys\n'
                'print([p for p in sys.argv[1:] if os.path.isdir(p) and os.access(p, os.W_OK)])')
        code, said = self.as_user(sys.executable, '-c', test, *places)
        self.assertEqual((code, said), (0, repr(list(FOLDERS)) + '\n'))

    def files_of(self, path):
        return sorted(name for _, _, names in os.walk(path) for name in names)

    def test_as_systemd_runs_them(self):
        address = self.folder.address
        build_machine(self.folder, address)
        sim = Sim(self, self.folder, port=5000)
        sim.set_password('protector', 'PROTECTOR_PASS')
        self.database(address)
        finish_machine()
        self.only_two_folders()

        manage = ['/usr/local/bin/protector-manage', '--config-file',
                  '/etc/protector/protector.conf']
        code, said = self.as_user(*manage, 'db', 'sync')
        self.assertEqual(code, 0, said)
        services = {name: self.start_unit(name) for name in ('api', 'engine')}
        services['api'].says('listening on 0.0.0.0:8788 with 4 workers')
        services['engine'].says('running as')
        until('4 workers', lambda: services['api'].text().count('worker serves') == 4)
        self.says(services['engine'].text(), "storage driver 'pure' is not there")
        for name, service in services.items():
            with open('/var/log/protector/protector-%s.log' % name, encoding='utf-8') as f:
                self.assertEqual(f.read(), service.text())
            self.says(service.text(), 'memcached_servers is accepted, but not used yet')
            self.assertNotRegex(service.text(), ' (ERROR|CRITICAL) ')
            with open('/proc/%d/status' % service.pid, encoding='ascii') as f:
                status = f.read()
            self.assertRegex(status, r'\nUid:\t%d\t%d\t' % (UID, UID))
            self.assertEqual(os.readlink('/proc/%d/cwd' % service.pid), '/')
        self.serves(sim)
        self.assertEqual(self.files_of('/var/log/protector'),
                         ['protector-api.log', 'protector-engine.log'])
        self.says(self.files_of('/var/lib/protector'), 'encryption.key', 'site.keys',
                  'engine.bell')
        for path in FOLDERS:
            self.assertEqual([n for n in self.files_of(path) if n.endswith('.pid')], [])
        for service in services.values():
            self.assertEqual(service.stop(), 0)
        code, said = self.as_user(*manage, 'db', 'check')
        self.assertEqual(code, 0, said)

    def serves(self, sim):
        """Through the whole of it: API, Keystone, database, bell, engine."""
        site = daemons.Site(self, self.folder)
        r = site.ask('GET', '/v1/admin/sites')
        self.assertEqual(r.status, 401)
        self.assertEqual(daemons.cloud.header(r, 'WWW-Authenticate'),
                         'Keystone uri="http://controller:5000"')
        admin = sim.cloud('site-a')
        name = 'Zürich \U0001f680'  # four bytes, in a database whose default has three
        own = site.register(admin.token, 'RegionA', sim.keystone(), name)
        self.assertEqual(own['name'], name)
        op = site.validate(admin.token, own['id'])
        self.assertEqual(op['status'], 'completed', op)
        shown = site.ask('GET', '/v1/admin/sites/' + own['id'], token=admin.token).body['site']
        self.assertEqual((shown['name'], shown['status']), (name, 'active'), shown)
        done = subprocess.run(self.client + ['--default-character-set=utf8mb4', '-N', '-e',
                                             'SELECT HEX(name) FROM protector.sites'],
                              stdout=subprocess.PIPE, check=True)
        self.assertEqual(done.stdout.decode().strip().lower(), name.encode().hex())
        self.assertFalse(re.search('RuntimeDirectory|PIDFile', open_all(UNITS)))


def open_all(path):
    text = ''
    for name in os.listdir(path):
        with open(os.path.join(path, name), encoding='utf-8') as f:
            text += f.read()
    return text


if __name__ == '__main__':
    daemons.main()
