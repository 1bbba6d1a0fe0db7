# SPDX-License-Identifier: Apache-2.0
"""A pair of simulated clouds and two whole sites of real processes, that can be put back to how
they were: what the suites of this folder play on.

lab/story/world makes it (configuration, databases, clouds.yaml); from then on its processes are
started and killed here, as a power cut or an engine that dies would.  Everything lies in one
temporary folder and on ports of its own; nothing is ever stopped but by its process id.
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get('BUILD_DIR', ROOT / 'build'))
SITES = ('site-a', 'site-b')
ADDRESSES = ('127.0.10.1', '127.0.20.1')
PORTS = 30  # that a world needs
PORT_BASES = range(12000, 30000, PORTS)
TENANT = {'site-a': 'prod-a', 'site-b': 'prod-b'}
SERVERS = ('web-1', 'db-1')
START_S, COMMAND_S, SETTLE_S, KILL_S = 60, 180, 180, 10

_ports_taken = set()
_ports_lock = threading.Lock()


class Wrong(Exception):
    """What must not be."""


def other(site):
    return SITES[1 - SITES.index(site)]


def free(address, port):
    with contextlib.closing(socket.socket()) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((address, port))
        except OSError:
            return False
    return True


def ports_take():
    """The first of PORTS ports that nobody has; where the search begins depends on the process."""
    count = len(PORT_BASES)
    with _ports_lock:
        for i in range(count):
            base = PORT_BASES[(os.getpid() * 7 + i) % count]
            if base not in _ports_taken and all(
                    free(a, p) for a in ADDRESSES for p in range(base, base + PORTS)):
                _ports_taken.add(base)
                return base
    raise Wrong('no %d free ports in a row' % PORTS)


def running(pid):
    """Whether a process still has memory and files; a zombie has not."""
    try:
        stat = pathlib.Path('/proc', pid, 'stat').read_text()
    except OSError:
        return False
    return stat.rsplit(')', 1)[1].split()[0] not in 'ZX'


class Process:
    """One process in a session of its own, so that its workers die with it."""

    def __init__(self, command, log, env=None):
        self.log = log
        with open(log, 'ab') as out:
            self.popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out,
                                          stderr=out, env=dict(os.environ, **(env or {})),
                                          start_new_session=True)

    def kill(self):
        """As a power cut: at once, whatever state it is in.  Returns when it and its workers, which
        are not ours to wait for, have closed their files."""
        workers = self._workers()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()
        end = time.monotonic() + KILL_S
        while any(running(pid) for pid in workers):
            if time.monotonic() > end:
                raise Wrong('a worker of %s outlives SIGKILL' % self.log)
            time.sleep(0.002)

    def _workers(self):
        pid = self.popen.pid
        with contextlib.suppress(OSError):
            return pathlib.Path('/proc/%d/task/%d/children' % (pid, pid)).read_text().split()
        return []

    def alive(self):
        return self.popen.poll() is None


class Engine:
    """An engine that is started anew whenever it kills itself at a crash point."""

    def __init__(self, world, site, crash=None, conf=None):
        self.world, self.site, self.conf = world, site, conf
        self.deaths, self.wanted = 0, True
        self.process = world.spawn(site, 'protector-engine', crash, conf)
        self.thread = threading.Thread(target=self._keep, daemon=True)
        self.thread.start()

    def _keep(self):
        while self.wanted:
            code = self.process.popen.wait()
            if not self.wanted or code != -signal.SIGKILL:
                return
            self.deaths += 1
            self.process = self.world.spawn(self.site, 'protector-engine', None, self.conf)

    def kill(self):
        self.wanted = False
        self.process.kill()
        self.thread.join()
        self.process.kill()


class World:
    def __init__(self, name, storage='mock'):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix='protector-%s-' % name))
        self.dir = self.home / 'world'
        self.base = ports_take()
        self.commands = {}  # (site or '', program) -> argv
        self.running = {}   # the same -> Process or Engine
        self.env = {'WORLD_DIR': str(self.dir), 'WORLD_PORT_BASE': str(self.base),
                    'BUILD_DIR': str(BUILD), 'STORAGE': storage, 'SETTLE_MS': '200',
                    'SIM_OPTIONS': '--transition-ms 20 --state-dir %s' % (self.dir / 'clouds')}

    # ---- its making ----

    def _script(self, *words):
        done = subprocess.run([ROOT / 'lab/story/world', 'sim', *words], text=True, check=False,
                              env=dict(os.environ, **self.env), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise Wrong('world %s: %s' % (' '.join(words), done.stdout))

    def make(self):
        """Both clouds and both sites, from nothing; all is stopped again when it is there."""
        try:
            self._script('clouds-up')
            for site in SITES:
                self._script('protector-start', site)
            for pid_file in self.dir.glob('**/run/*.pid'):
                pid = pid_file.read_text().split()[0]
                argv = pathlib.Path('/proc', pid, 'cmdline').read_bytes().split(b'\0')[:-1]
                site = pid_file.parent.parent.name
                self.commands[site if site in SITES else '', pid_file.stem] = argv
        finally:
            self._script('down')
        if self.env['STORAGE'] == 'mock':
            self._without_bytes()

    def _without_bytes(self):
        """Volumes are files no more: they are copied too often, and `mock` moves nothing."""
        argv = self.commands['', 'protector-sim']
        for option in (b'--volumes-dir-a', b'--volumes-dir-b'):
            at = argv.index(option)
            del argv[at:at + 2]
        for site in SITES:
            shutil.rmtree(self.dir / site / 'volumes')
        shutil.rmtree(self.dir / 'clouds')

    @staticmethod
    def _copy(source, target):
        subprocess.run(['cp', '-a', source, target], check=True)  # sparse files stay so

    def keep(self, name):
        """Everything as it is now, under a name; the processes end by it."""
        sim = self.running.pop(('', 'protector-sim'), None)
        self.kill_all()
        if sim is not None:  # it writes down its state when it ends
            sim.popen.terminate()
            if sim.popen.wait(START_S) != 0:
                raise Wrong('protector-sim ended with %d' % sim.popen.returncode)
        self._copy(self.dir, self.home / name)

    def back(self, name, lost=None):
        """Everything as it was, and running; 'lost': the site without power."""
        self.kill_all()
        shutil.rmtree(self.dir)
        self._copy(self.home / name, self.dir)
        (self.dir / 'protector-sim.log').write_bytes(b'')
        self.start('', 'protector-sim')
        self._until('protector-sim is ready', START_S,
                    lambda: 'ready' in (self.dir / 'protector-sim.log').read_text())
        there = [site for site in SITES if site != lost]
        for site in there:
            self.start(site, 'protector-api')
            self.start_engine(site)
        for site in there:
            self._until_api(site)
        if lost is not None:
            self.control('POST', 'power', {'site': lost, 'on': False})

    def power_on(self, site):
        self.control('POST', 'power', {'site': site, 'on': True})
        self.start(site, 'protector-api')
        self.start_engine(site)
        self._until_api(site)

    def destroy(self):
        self.kill_all()
        shutil.rmtree(self.home, ignore_errors=True)

    # ---- processes ----

    def spawn(self, site, program, crash=None, conf=None):
        argv = list(self.commands[site, program])
        if conf is not None:
            argv[argv.index(b'--config-file') + 1] = str(conf)
        run = self.dir / site / 'run' if site else self.dir
        return Process(argv, run / (program + '.log'), crash)

    def start(self, site, program):
        self.running[site, program] = self.spawn(site, program)

    def start_engine(self, site, crash=None):
        """'crash': variables of crashpoint.c, without LD_PRELOAD."""
        self.kill(site, 'protector-engine')
        if crash is not None:
            crash = dict(crash, LD_PRELOAD=str(BUILD / 'tests/crash/libcrashpoint.so'))
        engine = self.running[site, 'protector-engine'] = Engine(self, site, crash)
        return engine

    def kill(self, site, program):
        process = self.running.pop((site, program), None)
        if process is not None:
            process.kill()

    def kill_all(self):
        for key in list(self.running):
            self.kill(*key)

    def _until(self, what, limit_s, is_so):
        end = time.monotonic() + limit_s
        while not is_so():
            for (site, program), process in list(self.running.items()):
                if isinstance(process, Process) and not process.alive():
                    raise Wrong('%s of %s has ended: %s' % (
                        program, site, pathlib.Path(process.log).read_text()[-2000:]))
            if time.monotonic() > end:
                raise Wrong('not within %d s: %s' % (limit_s, what))
            time.sleep(0.02)

    def _until_api(self, site):
        def answers():
            address = ADDRESSES[SITES.index(site)], self.base + 21
            try:
                with contextlib.closing(socket.create_connection(address, 1)):
                    return True
            except OSError:
                return False
        self._until('the API of %s answers' % site, START_S, answers)

    # ---- what is done to it ----

    def control(self, method, what, body=None):
        url = 'http://%s:%d/sim/control/%s' % (ADDRESSES[0], self.base + 20, what)
        request = urllib.request.Request(
            url, method=method, data=None if body is None else json.dumps(body).encode(),
            headers={'Content-Type': 'application/json'})
        with urllib.request.urlopen(request, timeout=30) as answer:
            data = answer.read()
        return json.loads(data) if data else None

    def client(self, cloud, *words, codes=(0,)):
        """A command of `protector`; None in 'codes': any exit code."""
        env = {k: v for k, v in os.environ.items() if not k.startswith('OS_')}
        env.update(OS_CLIENT_CONFIG_FILE=str(self.dir / 'clouds.yaml'), OS_CLOUD=cloud,
                   OS_SECONDARY_CLOUD=cloud[:-1] + ('b' if cloud[-1] == 'a' else 'a'))
        done = subprocess.run([BUILD / 'src/cli/protector', *words], env=env, text=True,
                              check=False, timeout=COMMAND_S, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if None not in codes and done.returncode not in codes:
            raise Wrong('protector %s: exit code %d: %s' % (
                ' '.join(words), done.returncode, done.stdout))
        return done.stdout

    def settle(self, sites=SITES):
        """Until nothing is open at the sites, and a client has carried what they had to say."""
        last = time.monotonic() + SETTLE_S
        while True:
            self._until('no operation is open', max(last - time.monotonic(), 1),
                        lambda: not any(self.open_operations(site) for site in sites))
            owing = [s for s in sites if self.one(s, 'SELECT COUNT(*) FROM outbox')]
            if not owing or len(sites) < 2:
                return
            self.client(TENANT[owing[0]], 'protection-group', 'list')
            if time.monotonic() > last:
                raise Wrong('the outboxes never become empty')

    # ---- looking ----

    @staticmethod
    def _query(path, sql):
        with contextlib.closing(sqlite3.connect('file:%s?mode=ro' % path, uri=True,
                                                timeout=10)) as db:
            return db.execute(sql).fetchall()

    def rows(self, site, sql):
        return self._query(self.dir / site / 'protector.db', sql)

    def array_rows(self, sql):
        """Of the arrays of `mock`, both sites' in one file."""
        return self._query(self.dir / 'mock_storage' / 'mock.db', sql)

    def one(self, site, sql):
        rows = self.rows(site, sql)
        return rows[0][0] if rows else None

    def open_operations(self, site):
        """(type, status) of those that have not ended."""
        rows = self.rows(site, 'SELECT operation_type, status FROM dr_operations WHERE is_open = 1')
        for kind, status in rows:
            if status == 'needs_operator':
                raise Wrong('%s at %s needs an operator' % (kind, site))
        return rows

    def dump(self):
        return self.control('GET', 'dump')

    def told(self, site):
        """What a person wants to see of the site after a failure."""
        if not (self.dir / site / 'protector.db').exists():
            return '  %s: no database' % site
        steps = self.rows(site, 'SELECT o.operation_type, o.status, s.step_key, s.subject, s.state,'
                          ' s.error FROM dr_operations o LEFT JOIN dr_steps s ON s.op_id = o.id'
                          ' WHERE s.state NOT IN ("done", "skipped") OR o.error IS NOT NULL'
                          ' ORDER BY o.created_at, s.seq')
        log = self.dir / site / 'log' / 'protector-engine.log'
        lines = log.read_text().splitlines()[-12:] if log.exists() else []
        return '\n'.join(['  %s: %s' % (site, ' '.join(map(str, row))) for row in steps] + lines)

