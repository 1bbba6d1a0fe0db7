#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What is made of the table of commands: help, completion for bash, the manual page; and that they
are installed.  Nothing here needs a cloud."""
import functools
import os
import re
import shutil
import subprocess
import unittest

import cli
import daemons

# Each line of the input is a command line up to the cursor, each of its words ended by UNIT; the
# answer is a line, too.
UNIT = '\x1f'
COMPLETE = r'''
set -u
source "$1"
while IFS=$'\x1f' read -r -a COMP_WORDS; do
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
    _protector
    printf '%s\n' "${COMPREPLY[*]}"
done
'''


def ask(*words, code=0):
    said = cli.command(words, daemons.environment())
    if said.code != code:
        raise AssertionError(said)
    return said


@functools.lru_cache
def table():
    """(name, options, aliases) of every command, as the help tells them."""
    found = []
    listed = ask('--help').out.partition('\ncommands:\n')[2].partition('\n\n')[0]
    for line in listed.splitlines():
        name = re.match(r'  (\S+(?: \S+)*?) {2,}', line)[1]
        said = ask(*name.split(), '--help').out
        found.append((name, re.findall(r'^  (--[a-z-]+)( [A-Z|=a-z-]+)?', said, re.M),
                      re.findall(r'^also: protector (.*)$', said, re.M)))
    return found


class Help(unittest.TestCase):
    def test_all(self):
        said = ask('--help').out
        for words in ('usage: protector', '\nglobal options:\n', '  --format, -f FORMAT ',
                      '  --debug ', '  --help, -h ', '\nexit codes: 0 done, 1 failed, 2 usage, '
                      '3 a site did not answer, 4 not allowed, 5 not found, 6 conflict\n'):
            self.assertIn(words, said)
        self.assertGreater(len(table()), 35)
        self.assertEqual(ask('-h').out, said)
        nothing = ask(code=2)
        self.assertEqual((nothing.out, nothing.err), ('', said))

    def test_those_that_begin_so(self):
        for words in (('site', '--help'), ('--help', 'site'), ('-h', 'site')):
            said = ask(*words).out
            names = re.findall(r'^  (\S+(?: \S+)*?) {2,}', said, re.M)
            self.assertEqual(names, ['site create', 'site list', 'site show', 'site update',
                                     'site delete', 'site failover', 'site rekey',
                                     'site fence-peer', 'site decommission', 'site validate',
                                     'site list-volume-types'])
        said = ask('operation', 'step', '--help').out  # of an alias
        self.assertIn('\n  operation steps ', said)
        self.assertNotIn('site', said)
        said = ask('nosuch', '--help', code=2)
        self.assertIn("'nosuch' is no command", said.err)

    def test_one(self):
        said = ask('tenant', 'mapping', 'create', '--help').out
        for words in ('usage: protector tenant mapping create [options]\n',
                      '  --local-tenant PROJECT ', ' (required)\n',
                      '\nalso: protector tenant-mapping create\n'
                      'also: protector dr tenant mapping create\n'):
            self.assertIn(words, said)
        self.assertEqual(ask('dr', 'tenant', 'mapping', 'create', '--help').out, said)


class Completion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = daemons.Folder(cli.Holder(cls))
        cls.script = cls.folder.write('completion', ask('complete').out)

    def answers(self, lines):
        """What bash would offer for the last word of each line (a list of words)."""
        asked = ''.join('%s%s\n' % (UNIT.join(('protector', *words)), UNIT) for words in lines)
        done = subprocess.run(['bash', '-c', COMPLETE, 'bash', self.script], input=asked,
                              env=daemons.environment(), cwd=self.folder.path, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        found = [line.split() for line in done.stdout.splitlines()]
        self.assertEqual(len(found), len(lines))
        return found

    def offers(self, *words):
        """Those of one line, as bash shows them: in order, each once."""
        return sorted(set(self.answers([words])[0]))

    def test_every_command_and_option(self):
        lines, wanted = [], []
        for name, options, aliases in table():
            for command in [name] + aliases:
                words = command.split()
                for i, word in enumerate(words):
                    lines += [words[:i] + [''], words[:i] + [word[:2]]]
                    wanted += [{word}] * 2
                lines.append(words + ['--'])
                wanted.append({option for option, _ in options} | {'--os-cloud', '--debug'})
        for line, want, found in zip(lines, wanted, self.answers(lines), strict=True):
            self.assertLessEqual(want, set(found), line)

    def test_next_word(self):
        self.assertEqual(self.offers('site', ''), ['create', 'decommission', 'delete', 'failover',
                                                   'fence-peer',
                                                   'list', 'list-volume-types', 'rekey', 'set',
                                                   'show', 'update', 'validate'])
        self.assertEqual(self.offers('site', 'lis'), ['list', 'list-volume-types'])
        self.assertEqual(self.offers('tenant', 'mapping', 's'), ['show'])
        self.assertEqual(self.offers('nosuch', ''), [])
        # options with their values do not stand in its way
        for words in (('--os-cloud', 'x'), ('--debug',), ('-f', 'json'),
                      ('--format', '=', 'json')):
            self.assertEqual(self.offers(*words, 'site', 'lis'), ['list', 'list-volume-types'])
        self.assertEqual(
            self.offers('protection-group', 'failover', 'web', '--unplanned', '--net'),
            ['--network-mapping'])
        self.assertEqual(self.offers('site', 'create', '--name', 'x', '--site'), ['--site-type'])

    def test_values(self):
        forms = ['table', 'json', 'yaml', 'value', 'csv']
        create = ('protection-group', 'create')
        rows = ((('-f', ''), forms),
                (('site', 'list', '--format', '=', 'j'), ['json']),
                (('site', 'list', '--format', '='), forms),
                (('--os-interface', 'i'), ['internal']),
                (('protection-group', 'failover', 'web', '--from', ''), ['point', 'kept']),
                (create + ('--replication-type', 's'), ['sync']),
                (('site', 'create', '--site-type', ''), ['primary', 'secondary']),
                (create + ('--name', ''), []),
                (('--os-cloud', ''), []))
        found = self.answers([words for words, _ in rows])
        self.assertEqual(found, [want for _, want in rows])
        for option in ('--os-client-config-file', '--file'):
            self.assertEqual(self.offers('protection-group', 'sync-export', 'web', option, 'comp'),
                             ['completion'])

    def test_global_options(self):
        self.assertEqual(self.offers('--os-c'), ['--os-client-config-file', '--os-cloud'])
        self.assertEqual(self.offers('site', 'list', '--deb'), ['--debug'])


class Manual(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.text = ask('man').out

    @daemons.needs('groff')
    def test_groff_has_nothing_to_say(self):
        done = subprocess.run(['groff', '-man', '-Tutf8', '-ww', '-rHY=0'], input=self.text,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=True,
                              encoding='utf-8', env=daemons.environment())
        self.assertEqual(done.stderr, '')
        page = re.sub(r'\x1b\[[0-9;]*m|.\x08', '', done.stdout)
        for words in ('--network-mapping SRC=DST', "the API's range", 'demote …'):
            self.assertTrue(words in page, words)

    def test_everything_is_there(self):
        text = self.text.replace('\\-', '-')
        for section in ('NAME', 'SYNOPSIS', 'DESCRIPTION', 'OPTIONS', 'COMMANDS', '"EXIT STATUS"',
                        'ENVIRONMENT', 'FILES', '"SEE ALSO"'):
            self.assertIn('\n.SH %s\n' % section, text)
        for name, options, aliases in table():
            command = re.search(r'\n\.SS "%s( <[^"]*)?"\n(.*?)(?=\n\.S[SH] )' % name, text, re.S)
            self.assertTrue(command, name)
            for option, value in options:
                self.assertIn('\n.B "%s%s"\n' % (option, value), command[0])
            for alias in aliases:
                self.assertIn(alias, command[0])
        command = text.partition('\n.SS "protection-group member-show')[2].partition('\n.SS')[0]
        self.assertIn('<protection-group> <member>"\n', command)
        self.assertIn('\n.B "member"\nid of the member or of the server\n', command)
        for word in ('--secondary-cloud NAME', '--format, -f FORMAT', '--debug', 'OS_CLOUD',
                     'OS_SECONDARY_CLOUD', 'OS_CLIENT_SECURE_FILE', 'secure.yaml'):
            self.assertIn('.B "%s"\n' % word, text)
        self.assertIn('\n.B "6"\nconflict\n', text)


class Installed(unittest.TestCase):
    def test_all_of_it(self):
        folder = daemons.Folder(self)
        subprocess.run(['/usr/bin/meson', 'install', '-C', daemons.BUILD, '--no-rebuild',
                        '--destdir', folder('root')], check=True, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, env=daemons.environment())
        found = {}
        for path, _, files in os.walk(folder('root')):
            for name in files:
                found[name] = os.path.join(path, name)
        for name, where, page in (
                ('protector.bash', 'share/bash-completion/completions', 'complete'),
                ('protector.1', 'share/man/man1', 'man')):
            self.assertIn(name, found)
            self.assertTrue(os.path.dirname(found[name]).endswith(where), found[name])
            with open(found[name], encoding='utf-8') as f:
                self.assertEqual(f.read(), ask(page).out)
        for name in ('protector', 'client.h'):
            self.assertIn(name, found)
        self.assertTrue(shutil.which(found['protector']))


if __name__ == '__main__':
    daemons.main()
