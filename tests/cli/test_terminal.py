#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The command line at a terminal: questions, secrets, the progress bar; and without one."""
import json
import re

import cli
import daemons
from cli import DESCRIPTION, GROUP, Case, Terminal

FAILOVER = ('protection-group', 'failover', GROUP)
POLICY = ('protection-group', 'policy-create', GROUP, '--primary-fa-url', 'https://a.array',
          '--secondary-fa-url', 'https://b.array', '--pure-pg-name', 'pg',
          '--replication-interval', '300', '--rpo-minutes', '15')
BAR = re.compile(r'\r\x1b\[K\[(#{0,20}) {0,20}\] (\w+) (\d+)% (\w+)')


class AtTerminal(Case):
    def terminal(self, *words, **options):
        return Terminal(self, words, self.world.environment(**options))

    def group(self, column, at='a'):
        said = self.ask('protection-group', 'show', GROUP, '-f', 'value', '-c', column, at=at)
        return said.out.rstrip('\n')

    def operations(self, at):
        """The types of what was started at a site."""
        rows = json.loads(self.ask('operation', 'list', '--all', '-f', 'json', at=at).out)
        return [row['operation_type'] for row in rows]


class Progress(AtTerminal):
    def create(self):
        """A group of this test's own: a deleted one keeps its name until its sites have settled."""
        name = self._testMethodName
        self.addCleanup(self.ask, 'protection-group', 'delete', name)
        return ('protection-group', 'create', '--name', name, '--replication-type', 'async',
                '--primary-site', 'site-a', '--secondary-site', 'site-b', '--volume-type',
                'replicated-ssd')

    def test_bar(self):
        terminal = self.terminal(*self.create())
        self.assertEqual(terminal.ends(), 0, terminal.text)
        bars = BAR.findall(terminal.text)
        self.assertTrue(bars, terminal.text)
        for bar, _, percent, _ in bars:
            self.assertEqual(len(bar), int(percent) // 5)
        self.assertEqual(bars[-1], ('#' * 20, 'create', '100', 'completed'))
        # one line, overwritten; what follows begins in the next one
        before, _, after = terminal.text.rpartition('\r\x1b[K')
        self.assertNotIn('\n', before)
        self.assertRegex(after, r'^\[#{20}\] create 100% completed\r\n\+-+')

    def test_lines(self):
        said = self.ask(*self.create())
        lines = said.err.splitlines()
        self.assertEqual(lines[-1], 'create 100% completed')
        for line in lines:
            self.assertRegex(line, r'^(create|realize) \d+% \w+( [a-z._]+)?$')
        self.assertNotIn('\x1b', said.err + said.out)
        self.assertEqual(len(lines), len(set(zip(lines, lines[1:]))) + 1)


class Secrets(AtTerminal):
    def asked(self, *words, **options):
        terminal = self.terminal(*words, **options)
        for name in ('--primary-fa-token', '--secondary-fa-token'):
            terminal.until(name + ': ')
            terminal.type('T0ken\n')
        return terminal

    def test_tokens(self):
        """Asked for where they are missing, and not shown."""
        terminal = self.asked(*POLICY)
        self.assertEqual(terminal.ends(), 0, terminal.text)
        self.addCleanup(self.ask, 'protection-group', 'policy-delete', GROUP)
        self.assertNotIn('T0ken', terminal.text)
        self.says(terminal.text, 'https://a.array')

    def test_nobody_to_ask(self):
        said = self.ask(*POLICY, '--primary-fa-token', 'T-a', code=2)
        self.says(said.err, 'protection-group policy-create needs --secondary-fa-token TOKEN')
        self.ask('protection-group', 'policy-show', GROUP, code=5)

    def test_file(self):
        token = self.folder.write('token', ' T0ken \n')
        said = self.ask(*POLICY, '--primary-fa-token', '@' + token, '--secondary-fa-token',
                        '@%s.nosuch' % token, code=2)
        self.says(said.err, '--secondary-fa-token: ', 'No such file')
        self.ask('protection-group', 'policy-show', GROUP, code=5)
        self.ask(*POLICY, '--primary-fa-token', '@' + token, '--secondary-fa-token', '@' + token)
        self.ask('protection-group', 'policy-delete', GROUP)

    def test_password_of_the_service(self):
        """Asked for with its user; @FILE and the prompt are the same as the option."""
        words = ('site', 'update', 'site-b', '--service-username', 'protector',
                 '--service-project-name', 'service', '--service-user-domain-name', 'Default',
                 '--service-project-domain-name', 'Default')

        def login():
            """What the local engine finds when it logs in there."""
            said = self.ask('site', 'validate', 'site-b', '-f', 'json', who='admin', code=None)
            return [row['Result'] for row in json.loads(said.out)
                    if row['Check'] == 'The peer credentials log in there']
        for password, good in (('wrong', False), ('lab', True)):
            terminal = self.terminal(*words, who='admin')
            terminal.until('--service-password: ')
            terminal.type(password + '\n')
            self.assertEqual(terminal.ends(), 0, terminal.text)
            self.assertNotIn(password + '\r', terminal.text)
            self.assertEqual(login() == ['ok'], good)
        for password, good in (('wrong', False), ('lab', True)):
            path = self.folder.write('password', password + '\n')
            self.ask(*words, '--service-password', '@' + path, who='admin')
            self.assertEqual(login() == ['ok'], good)


class Failover(AtTerminal):
    """Every way not to start one."""

    def tearDown(self):
        self.assertEqual(self.group('role', 'b'), 'STANDBY')
        self.assertNotIn('failover', self.operations('b'))

    def test_kept_is_not_planned(self):
        said = self.ask(*FAILOVER, '--planned', '--from', 'kept', at='b', code=None)
        self.assertNotEqual(said.code, 0, said)
        self.says(said.err, 'Error: ', 'the point that it makes')

    def test_nobody_to_ask(self):
        said = self.ask(*FAILOVER, at='b', code=2)
        self.says(said.err, "Error: Site 'site-a': Keystone is alive, Nova is alive, Protector is "
                  'alive.', 'say which failover: --unplanned (the other site is lost) or --planned')
        said = self.ask(*FAILOVER, '--unplanned', at='b', code=2)
        self.says(said.err, 'give --reason TEXT')

    def test_no(self):
        for answer in ('no', '', 'yess', 'y es'):
            terminal = self.terminal(*FAILOVER, at='b')
            terminal.until("Unplanned failover of '%s' to this site? (yes/no) " % GROUP)
            self.says(terminal.text, 'Keystone is alive, Nova is alive, Protector is alive')
            terminal.type(answer + '\n')
            self.assertEqual(terminal.ends(), 2, terminal.text)
            self.says(terminal.text, 'Error: nothing was started')

    def test_end_of_file(self):
        terminal = self.terminal(*FAILOVER, at='b')
        terminal.until('(yes/no) ')
        terminal.type('\x04')
        self.assertEqual(terminal.ends(), 2, terminal.text)
        self.says(terminal.text, 'say which failover')

    def test_yes_and_no_reason(self):
        terminal = self.terminal(*FAILOVER, at='b')
        terminal.until('(yes/no) ')
        terminal.type('yes\n')
        terminal.until('Reason: ')
        terminal.type('\n')
        self.assertEqual(terminal.ends(), 2, terminal.text)
        self.says(terminal.text, 'give --reason TEXT')

    def test_yes_with_a_reason(self):
        """It arrives: the site refuses it, as the group has no policy."""
        terminal = self.terminal(*FAILOVER, at='b')
        terminal.until('(yes/no) ')
        terminal.type('Y\n')
        terminal.until('Reason: ')
        terminal.type('a fire\n')
        self.assertEqual(terminal.ends(), 6, terminal.text)
        self.says(terminal.text, "\r\nError: cannot", 'it has no replication policy\r\nAction: ',
                  '\r\nRequest: req-')


if __name__ == '__main__':
    cli.main()
