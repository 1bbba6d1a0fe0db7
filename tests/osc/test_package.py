#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The package itself, without sites: what is made of tables is as the tables are, Python 3.8 would
do, no option hides one of OpenStackClient's, results are rendered as `protector` renders them; and
pip installs it from the tree, without a network.
"""
import argparse
import ast
import configparser
import io
import os
import re
import shutil
import subprocess
import sys
import unittest
import warnings

import osc
import daemons

os.environ['PROTECTOR_CLIENT_LIBRARY'] = osc.LIBRARY
sys.path.insert(0, osc.PYTHON)
from osc_lib import shell  # noqa: E402
from protectorclient import library  # noqa: E402
from protectorclient.osc import commands, entries, host, output, plugin, session  # noqa: E402

# Of the standard library, in Python 3.8 as well as today; besides these cffi, cliff and osc_lib.
MODULES = {'argparse', 'functools', 'getpass', 'json', 'os', 'signal', 'sys', 'time',
           'cffi', 'cliff', 'keystoneauth1', 'osc_lib', 'protectorclient'}
PYTHON = (3, 8)


def sources():
    for folder, _, names in os.walk(osc.PYTHON):
        for name in names:
            if name.endswith('.py') and '/build/' not in folder + '/':
                path = os.path.join(folder, name)
                with open(path, encoding='utf-8') as f:
                    yield os.path.relpath(path, osc.PYTHON), f.read()


def entry_points():
    parser = configparser.ConfigParser(delimiters=('=',))
    parser.optionxform = str
    parser.read(os.path.join(osc.PYTHON, 'entry_points.txt'))
    return dict(parser['openstack.protector.v1'])


class App:
    """As much of OpenStackClient's as a parser needs."""
    command_manager = type('Manager', (), {'namespace': 'openstack.cli'})
    NAME = 'openstack'


def made(target, name='protector x'):
    """A command by its entry point."""
    return getattr(entries, target.partition(':')[2])(App(), None, cmd_name=name)


class Tables(unittest.TestCase):
    def test_pages_are_as_the_tables_are(self):
        """entry_points.txt, declarations.py (and the pages of docs/)."""
        build = os.path.relpath(daemons.BUILD, daemons.SOURCE)
        code, said = daemons.run([os.path.join(daemons.SOURCE, 'tools/docs'), build, '--check'])
        self.assertEqual((code, said), (0, ''))

    def test_every_command_and_spelling_in_both_trees(self):
        found = {name.replace('_', ' '): target for name, target in entry_points().items()}
        for command in osc.table():
            for name in [command['name'], *command['aliases']]:
                name = name[3:] if name.startswith('dr ') else name
                for tree in ('protector', 'dr'):
                    target = found.get('%s %s' % (tree, name))
                    self.assertIsNotNone(target, '%s %s' % (tree, name))
                    self.assertEqual(made(target).row, command)

    def test_the_grammar_of_the_manual(self):
        """What its pages spell, and the two tables do not have as a name."""
        names = {name.replace('_', ' ') for name in entry_points()}
        for verb in ('create', 'list', 'show', 'delete', 'validate', 'list-volume-types'):
            self.assertIn('dr site ' + verb, names)
        for name in ('protection-group create', 'protection-group list', 'protection-group show',
                     'protection-group delete', 'member add', 'member remove', 'policy create',
                     'policy show', 'failover', 'failback', 'test-failover', 'test-cleanup',
                     'operation list', 'operation show', 'tenant mapping create'):
            self.assertIn('dr ' + name, names)

    def test_no_two_commands_share_a_key(self):
        keys = [commands.key_of(command['name']) for command in osc.table()]
        self.assertEqual(len(keys), len(set(keys)))

    def test_classes_show_what_the_table_says(self):
        for target in set(entry_points().values()) - {'protectorclient.osc.entries:Version'}:
            command = made(target)
            self.assertEqual(type(command).__name__.partition('_')[0].lower(),
                             command.row['shows'], target)

    def test_other_names_are_no_commands(self):
        for name in ('Record', '_x', 'Record_', 'nosuch', 'Version_x', '__path__'):
            self.assertFalse(hasattr(entries, name), name)

    def test_entries_cost_nothing(self):
        """All are looked up at every start: neither the commands nor what they need is loaded."""
        names = sorted({target.partition(':')[2] for target in entry_points().values()})
        code, said = daemons.run(
            [sys.executable, '-B', '-c', 'import sys\nbefore = set(sys.modules)\n'
             'from protectorclient.osc import entries, plugin\n'
             'for name in sys.argv[1:]:\n    getattr(entries, name)\n'
             'print(*sorted(set(sys.modules) - before))', *names], cwd=osc.PYTHON)
        self.assertEqual((code, said.split()), (0, [
            'protectorclient', 'protectorclient.osc', 'protectorclient.osc.entries',
            'protectorclient.osc.plugin']))

    def test_version_is_the_projects(self):
        with open(os.path.join(daemons.SOURCE, 'meson.build'), encoding='utf-8') as f:
            version = re.search(r"version: '([^']+)'", f.read()).group(1)
        with open(os.path.join(osc.PYTHON, 'pyproject.toml'), encoding='utf-8') as f:
            self.assertIn('version = "%s"' % version, f.read())
        self.assertEqual(library.version(), version)


class OldPython(unittest.TestCase):
    def test_grammar(self):
        for path, text in sources():
            ast.parse(text, path, feature_version=PYTHON)

    def test_modules(self):
        for path, text in sources():
            for node in ast.walk(ast.parse(text, path)):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else (
                    [node.module] if isinstance(node, ast.ImportFrom) else [])
                for name in names:
                    self.assertIn(name.partition('.')[0], MODULES, path)

    def test_requires_python(self):
        with open(os.path.join(osc.PYTHON, 'pyproject.toml'), encoding='utf-8') as f:
            self.assertIn('requires-python = ">=%d.%d"' % PYTHON, f.read())


class Options(unittest.TestCase):
    """Nothing of the table hides an option of OpenStackClient, or is hidden by one."""

    def test_none_is_global_or_short_for_one(self):
        parser = argparse.ArgumentParser(add_help=False)
        plugin.build_option_parser(parser)
        ours = set(parser._option_string_actions)
        theirs = set(shell.OpenStackShell('', '1').parser._option_string_actions)
        self.assertFalse(ours & theirs)
        for command in osc.table():
            for option in command['options']:
                short_for = [o for o in ours | theirs if o.startswith(option['name'])]
                self.assertEqual(short_for, [], command['name'])

    def test_none_is_of_the_formatters(self):
        """All parsers are made: a collision is a warning of cliff, which is an error here."""
        for target in set(entry_points().values()) - {'protectorclient.osc.entries:Version'}:
            command = made(target)
            with warnings.catch_warnings():
                warnings.simplefilter('error')
                parser = command.get_parser('openstack x')
            for option in command.row['options']:
                self.assertTrue(parser._option_string_actions[option['name']].dest.startswith(
                    commands.OURS), (target, option))

    def test_help_shows_what_must_be_given(self):
        text = made(':Record_site_create').get_parser('openstack x').format_help()
        usage = text.partition('\n\n')[0]
        self.assertRegex(usage, r'[^\[]--name NAME')
        self.assertIn('[--description TEXT]', usage)
        self.assertIn('[--site-type primary|secondary]', usage)
        parser = made(':Record_protection_group_member_show').get_parser('openstack x')
        self.assertRegex(parser.format_usage(), r'(?s)[^\[]<protection-group>\s+<member>')

    def test_the_help_of_every_command(self):
        for target in set(entry_points().values()):
            self.assertIn('usage: ', made(target).get_parser('openstack x').format_help())

    def parsed(self, target, *words):
        return {key[len(commands.OURS):]: value for key, value in
                vars(made(target).get_parser('openstack x').parse_args(list(words))).items()
                if key.startswith(commands.OURS) and value is not None}

    def test_what_the_library_gets(self):
        self.assertEqual(self.parsed(':Record_site_create'), {})
        self.assertEqual(self.parsed(':Record_site_create', '--site-type', 'neither'),
                         {'site-type': 'neither'})
        self.assertEqual(self.parsed(':Record_protection_group_failover', '--planned', 'web',
                                     '--network-mapping', 'a=b', '--network-mapping=c=d'),
                         {'planned': True, 'protection-group': 'web',
                          'network-mapping': ['a=b', 'c=d']})
        self.assertEqual(self.parsed(':Record_protection_group_member_show', 'web', '--no-carry',
                                     'member'),
                         {'protection-group': 'web', 'member': 'member', 'no-carry': True})

    def test_no_option_is_shortened(self):
        for words in (['web', '--forc'], ['web', '--nosuch'], ['web', 'one', 'too-many']):
            err, sys.stderr = sys.stderr, io.StringIO()
            try:
                with self.assertRaises(SystemExit) as ended:
                    self.parsed(':Record_protection_group_failover', *words)
            finally:
                sys.stderr = err
            self.assertEqual(ended.exception.code, 2)

    def test_secrets_are_not_in_what_debug_writes(self):
        parsed = made(':Record_site_create').get_parser('x').parse_args(
            ['--service-password', 'S3cret'])
        self.assertNotIn('S3cret', repr(parsed))


class Rendering(unittest.TestCase):
    """The same values as `protector` (src/cli/render.c) shows."""
    WIDE = {'a': 'x' * 80, 'b': {'c': [1, 2], 'd': None}, 'e': {}}

    def test_record(self):
        result = {'kind': 'record', 'fields': [['id', '1'], ['n', 2], ['no', None],
                                               ['yes', True], ['list', ['ä', 1]]]}
        names, data = output.table(result, 'json')
        self.assertEqual(names, ('id', 'n', 'no', 'yes', 'list'))
        self.assertEqual(data[:4], ('1', 2, None, True))
        self.assertEqual(data[4].machine_readable(), ['ä', 1])
        self.assertEqual(data[4].human_readable(), '["ä", 1]')
        _, data = output.table(result, 'value')
        self.assertEqual(data[4].machine_readable(), '["ä", 1]')

    def test_list(self):
        result = {'kind': 'list', 'columns': ['A', 'B'], 'rows': [['1', {'k': 2}], ['2', None]]}
        names, data = output.table(result, 'table')
        self.assertEqual(names, ('A', 'B'))
        self.assertEqual([row[0] for row in data], ['1', '2'])
        self.assertEqual(data[0][1].human_readable(), '{"k": 2}')

    def test_text_and_nothing(self):
        result = {'kind': 'text', 'text': 'x\n', 'object': {'a': 1}}
        self.assertEqual(output.table(result, 'json'), (('a',), (1,)))
        self.assertEqual(output.table({'kind': 'nothing'}, 'json'), ((), ()))

    def test_wide_objects_in_lines(self):
        self.assertEqual(output.Cell(self.WIDE, False).human_readable(), '\n'.join(
            ['a: ' + 'x' * 80, 'b:', '  c: [1, 2]', '  d: None', 'e: {}']))
        self.assertEqual(output.Cell([self.WIDE], False).human_readable(), '\n'.join(
            ['- a: ' + 'x' * 80, '  b:', '    c: [1, 2]', '    d: None', '  e: {}']))

    def test_cells_can_be_sorted(self):
        cells = [output.Cell([2], True), output.Cell([1], True)]
        self.assertEqual(sorted(cells)[0].machine_readable(), [1])

    def test_columns_in_any_case(self):
        self.assertEqual(output.columns_named(['ID', 'b'], ('id', 'B')), (['id', 'B'], None))
        self.assertIn("no column 'x'; there are: id, B",
                      output.columns_named(['x'], ('id', 'B'))[1])
        self.assertIn('nothing is shown', output.columns_named(['x'], ())[1])

    def test_errors(self):
        error = library.Error('it is so', 'do that', details={'operation': 'op-1',
                                                              'request_id': 'req-1'})
        self.assertEqual(error.text(), 'Error: it is so\nAction: do that\nOperation: op-1\n'
                         'Request: req-1')
        self.assertEqual(library.Error('a\nAction: b', 'c').text(), 'Error: a\nAction: b')


class Progress(unittest.TestCase):
    EVENTS = [{'event': 'progress', 'type': 'create', 'progress': p, 'status': 'running',
               'step': 'cg.create'} for p in (0, 50, 50, 100)] + [
        {'event': 'carry', 'type': 'PROPOSE'}, {'event': 'note', 'text': 'words'}]

    def shown(self, terminal):
        err = io.StringIO()
        err.isatty = lambda: terminal
        shown = host.Host(os.environ.get, err)
        for event in self.EVENTS:
            shown.event(event)
        return err.getvalue()

    def test_lines(self):
        self.assertEqual(self.shown(False), ''.join(
            'create %d%% running cg.create\n' % p for p in (0, 50, 100)) + 'note: words\n')

    def test_bar(self):
        self.assertEqual(self.shown(True), ''.join(
            '\r\x1b[K[%-20s] create %d%% running cg.create' % ('#' * (p // 5), p)
            for p in (0, 50, 100)) + '\nnote: words\n')


class Manager:
    """OpenStackClient's manager, as much as session.py looks at."""

    def __init__(self, config, name='prod-a'):
        self._cli_options = type('Cloud', (), {'config': config, 'name': name})


class Sessions(unittest.TestCase):
    ENTRY = {'auth': {'auth_url': 'http://k/v3', 'username': 'u', 'password': 'p',
                      'project_name': 'prod', 'user_domain_name': 'Default'}}

    def settings(self, auth=None, **more):
        config = {'auth_type': 'password', 'auth': dict(self.ENTRY['auth'], **auth or {}), **more}
        return session.without(Manager(config), {'prod-a': self.ENTRY})

    def test_the_cloud_by_its_name(self):
        settings = self.settings(region_name='R', interface='internal', secondary_cloud='prod-b')
        self.assertEqual(settings.options, {
            'cloud': 'prod-a', 'region': 'R', 'interface': 'internal', 'secondary_cloud': 'prod-b',
            'user_agent': 'python-protectorclient', 'api_version': 'latest'})
        self.assertIsNone(settings.getenv('OS_AUTH_URL'))

    def test_what_was_given_besides_the_cloud(self):
        for changed in ({'project_name': 'other'}, {'username': 'other'}, {'project_id': '1'},
                        {'user_domain_name': 'other'}, {'password': 'other'}):
            settings = self.settings(changed)
            self.assertNotIn('cloud', settings.options)
            self.assertIsNone(settings.getenv('OS_CLOUD'))
            for key, value in changed.items():
                self.assertEqual(settings.getenv('OS_' + key.upper()), value)
            self.assertEqual(settings.getenv('OS_AUTH_URL'), 'http://k/v3')

    def test_what_the_library_cannot_do(self):
        for config in ({'auth_type': 'v3oidcpassword'}, {'service_provider': 'other'},
                       {'remote_project_name': 'other'},
                       {'auth': {'trust_id': 'T'}}, {'auth': {'domain_name': 'D'}},
                       {'auth_type': 'v3applicationcredential',
                        'auth': {'application_credential_name': 'n'}}):
            settings = self.settings(**config)
            self.assertFalse(settings.names_a_cloud, config)
            self.assertIsNone(settings.getenv('OS_USERNAME'))

    def test_who_logs_in_is_of_one_kind(self):
        """A token, or a credential, over an entry with a password: that user does not act."""
        for kind, auth in (('token', {'token': 'T'}),
                           ('v3applicationcredential', {'application_credential_id': 'I',
                                                        'application_credential_secret': 'S'})):
            settings = self.settings(auth, auth_type=kind)
            self.assertNotIn('cloud', settings.options)
            for key, value in auth.items():
                self.assertEqual(settings.getenv('OS_' + key.upper()), value)
            self.assertIsNone(settings.getenv('OS_USERNAME'))
            self.assertIsNone(settings.getenv('OS_PASSWORD'))

    def test_the_file(self):
        settings = self.settings()
        settings.reads('/etc/xdg/openstack/clouds.yaml')
        self.assertEqual(settings.options['config_file'], '/etc/xdg/openstack/clouds.yaml')
        settings.reads(None)

    def test_the_api(self):
        for given, wanted in ((None, 'latest'), ('1', 'latest'), ('1.0', '1.0')):
            settings = self.settings(protector_api_version=given)
            self.assertEqual(settings.options['api_version'], wanted)


class Install(unittest.TestCase):
    """From the tree, offline, beside Debian's OpenStackClient."""
    TIME_S = 600

    def run_it(self, *words, **env):
        done = subprocess.run(words, cwd=self.folder('tree'), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=self.TIME_S, check=False,
                              env=daemons.environment(PROTECTOR_CLIENT_LIBRARY=osc.LIBRARY,
                                                      XDG_CACHE_HOME=self.folder('cache'), **env))
        text = done.stdout.decode('utf-8', 'replace')
        self.assertEqual(done.returncode, 0, text)
        return text

    def test_pip(self):
        self.folder = daemons.Folder(self)
        shutil.copytree(osc.PYTHON, self.folder('tree'),
                        ignore=shutil.ignore_patterns('build', '*.egg-info', '__pycache__'))
        venv = self.folder('venv')
        self.run_it('/usr/bin/python3', '-m', 'venv', '--system-site-packages', venv)
        pip, python = os.path.join(venv, 'bin/pip'), os.path.join(venv, 'bin/python3')
        self.run_it(pip, 'install', '--no-build-isolation', '--no-index', '.')
        shown = self.run_it(pip, 'show', 'python-protectorclient')
        self.assertIn('Name: python-protectorclient\nVersion: %s\n' % library.version(), shown)
        for tree in plugin.TREES:
            self.assertEqual(self.run_it(python, osc.OPENSTACK, tree, '--version'),
                             'protector %s\n' % library.version())
        self.assertEqual(self.run_it(python, osc.OPENSTACK, '--version'),
                         self.run_it('/usr/bin/python3', osc.OPENSTACK, '--version'))


if __name__ == '__main__':
    osc.main()
