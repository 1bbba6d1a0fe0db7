#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every command of the table through both programs: one script, run on a pair of sites of its own
by `protector` and by `openstack protector`, must end with the same exit codes, the same JSON and
the same words, but for ids, times and what else differs from run to run.

What a step needs and an earlier one told stands in braces.  A command that is refused is compared
as well: with its error.
"""
import json
import re
import shlex
import sys
import unittest

import osc
import cli
import daemons

MASKS = [(re.compile(pattern), word) for pattern, word in (
    (r'e\d+-[0-9a-f]{8}-(p\d+-\d+|now-[0-9a-f-]{36})', '<point>'),
    (r'(pg|cg|member|op|m)-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', '<id>'),
    (r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', '<uuid>'),
    (r'\b[0-9a-f]{32,}\b', '<hex>'),
    (r'\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?', '<time>'),
    (r'(protector-[\w-]+-)[0-9a-f]{24}\b', r'\1<key>'),
    (r'([0-9a-f]{4}:){3}[0-9a-f]{4}', '<fingerprint>'),
    (r'/tmp/protector-\S*?(?=[/\s\'"]|$)', '<folder>'),
    (r'([0-9a-f]{2}:){5}[0-9a-f]{2}', '<mac>'),
    (r'127\.\d+\.\d+\.\d+', '<address>'),
    (r'10\.\d+\.\d+\.\d+|192\.0\.2\.\d+|203\.0\.113\.\d+', '<ip>'),
    (r'\d+(\.\d+)? ?(ms|s|seconds?)\b', '<duration>'),
)]
FIGURES = ('rpo_s', 'rto_s', 'downtime_s', 'data_loss_s', 'lag_s', 'seq', 'attempts', 'signature',
           'signed', 'serial')
PROGRESS = re.compile(r'^\w+ \d+% \w+( [\w.]+)?$')

POLICY = ('--primary-fa-url https://array-a.lab --primary-fa-token T-a '
          '--secondary-fa-url https://array-b.lab --secondary-fa-token T-b '
          '--pure-pg-name pg-web --replication-interval 2 --rpo-minutes 15')
SERVICE = ('--service-username protector --service-password lab --service-project-name service '
           '--service-user-domain-name Default --service-project-domain-name Default')
CREATE = ('--replication-type async --primary-site site-a --secondary-site site-b '
          '--volume-type replicated-ssd')
# Who, at which site, the words; `| name=field` keeps what is told.
STEPS = '''
admin a  site create --name site-a --site-type primary {where_a}
admin a  site create --name site-b --site-type secondary {where_b} | b=id
prod a   site create --name site-c {where_b}
prod a   health show --long
prod a   protection-group health nosuch
admin a  site list --long
admin a  dr site show site-b | key=fingerprint
admin a  site update site-b --description 'the other one'
admin a  site set site-b {service}
admin a  site update site-a {service}
admin a  site validate site-b
admin a  site list-volume-types site-a
admin a  site rekey site-b --fingerprint 0000:0000:0000:0000
admin a  site rekey site-b --fingerprint {key}
admin a  site fence-peer site-b --reason drill
admin a  site fence-peer site-b --reason drill --user protector
admin a  site fence-peer site-b --reason drill --lift
admin a  dr tenant mapping create --local-tenant {project_a} {tenant_b} | mapping=id
admin a  tenant-mapping create --local-tenant nosuch {tenant_b}
prod a   tenant mapping list
prod a   dr tenant mapping show {mapping}
prod a   protection-group create --name web --description 'a "web" shop' --wait {create}
prod a   protection group create --name web {create}
prod a   protection-group create --name nosuch --replication-type neither
prod a   protection-group show web --long
prod a   protection-group list --limit 1 --long
prod a   protection-group update web --description 'für alle'
prod a   protection-group set web
prod a   protection-group policy-create web {policy}
prod a   policy show web
prod a   protection-group policy-update web --rpo-minutes 20
prod a   member add web --instance-id {web_1} --priority 2 | member=id
prod a   protection-group member-add web --instance-id {db_1}
prod a   protection-group member-add web --instance-id nosuch
prod a   protection-group member-update web --member-id {web_1} --start-delay 1
prod a   protection-group member-list web
prod a   member show web --no-carry {member}
prod a   consistency group sync web
prod a   consistency-group show web
prod a   mapping set web --flavor-mapping m1.tiny=m1.medium --image-mapping tiny=tiny
prod a   protection-group mapping-list web
prod a   protection-group mapping-unset web --image-mapping tiny
prod a   protection-group sync-status web
prod a   protection-group sync-status nosuch
prod a   sync force web
prod a   protection-group sync-log web --limit 3
prod a   protection-group sync-export web --file {folder}/outbox
prod b   sync import --file {folder}/outbox
prod a   protection-group sync-resolve web --keep site-a
prod b   dr test-failover web --flavor-mapping m1.tiny=m1.medium | rehearsal=id
prod b   dr operation show {rehearsal} --long
prod b   operation steps {rehearsal}
prod b   operation report {rehearsal} --file {folder}/drill.html
prod b   operation report-verify {folder}/drill.html
prod b   dr test-cleanup web
prod b   plan web --unplanned --network-mapping nosuch=net-app
prod b   protection-group plan web --planned
prod b   failover web --planned --dry-run --flavor-mapping m1.tiny=nosuch
prod b   failover web --planned --plan aaaa
prod b   operation retry {rehearsal}
prod b   operation skip {rehearsal} --step server.boot --reason drill
prod b   operation abandon {rehearsal} --reason drill
prod b   operation cancel {rehearsal}
prod b   protection-group failover web
prod b   failover web --planned
prod b   protection-group show web -c status -c current_primary_site
prod b   protection-group cleanup-source web --site site-a --dry-run
prod a   protection-group failover web --unplanned --reason again
prod a   failback web --reason home
prod a   operation list --limit 2
prod a   protection-group reprotect web
admin a  protection-group unprotect web --project {project_a} --reason gone --yes
admin a  site failover site-b --reason gone --yes
admin a  site decommission site-b --reason gone --yes
prod a   member remove web --member-id {web_1}
prod a   protection-group member-remove web --member-id {db_1}
prod a   protection-group policy-delete web
prod a   protection-group show web -c nosuch
prod a   protection-group delete web --no-wait
admin a  tenant mapping delete nosuch
admin a  site delete site-b
prod a   operation show nosuch
'''


def masked(text):
    for pattern, word in MASKS:
        text = pattern.sub(word, text)
    return text


def data(text):
    """JSON with its texts masked; what is none as it is."""
    try:
        value = json.loads(text)
    except ValueError:
        return masked(text)
    return mask_value(value)


def in_order(value):
    return json.dumps(value, sort_keys=True)


def mask_value(value, inner=False):
    """Lists inside are in any order: what runs side by side is done by whoever is faster."""
    if isinstance(value, dict):
        return {masked(key): '<n>' if key in FIGURES or key.endswith('_ms') else mask_value(v, True)
                for key, v in value.items()}
    if isinstance(value, list):
        values = [mask_value(v, True) for v in value]
        return sorted(values, key=in_order) if inner else values
    return masked(value) if isinstance(value, str) else value


def words_of(err):
    """Standard error without progress, which depends on who was faster."""
    return [masked(line) for line in err.splitlines()
            if not PROGRESS.match(line) and not line.startswith('Request: ')]


class World(cli.World):
    """A pair of sites on which nothing is registered."""

    def register(self, holder):
        self.known = {'folder': self.folder.path, 'policy': POLICY, 'create': CREATE,
                      'service': SERVICE}
        for letter in 'ab':
            cloud = self.sim.cloud('prod-' + letter)
            self.known['where_' + letter] = '--auth-url %s/v3 --region-name Region%s' % (
                self.sim.keystone(letter), letter.upper())
            self.known['project_' + letter] = cloud.project
        self.known['tenant_b'] = '--remote-site site-b --remote-tenant ' + self.known['project_b']
        cloud = self.sim.cloud('prod-a')
        for name in ('web-1', 'db-1'):
            found = cloud.find('compute', '/servers?name=' + name, 'servers', name)
            self.known[name.replace('-', '_')] = found['id']


def without_tree(words):
    return words[3:] if words.startswith('dr ') else words


def tell(world, program, tree):
    """The whole script; [(step, exit code, data, words)]."""
    told = []
    for line in STEPS.strip().split('\n'):
        step, _, keep = line.partition(' | ')
        who, at, words = step.split(None, 2)
        words = words.format(**world.known)
        env = dict(world.environment(at=at, who=who), **osc.variables(world.folder))
        argv = shlex.split(words)
        if argv[0] == 'dr' or not tree:  # the program has no trees
            argv = argv[not tree and argv[0] == 'dr':]
        else:
            argv = [tree, *argv]
        said = cli.command([*argv, '-f', 'json'], env, program=program, limit_s=300)
        print('%3d %s%s' % (said.code, step, '\n' + said.err if said.code else ''),
              file=sys.stderr, flush=True)
        told.append((step, said.code, data(said.out), words_of(said.err)))
        if keep:
            name, _, field = keep.partition('=')
            world.known[name] = json.loads(said.out)[field]
    return told


class Transcript(unittest.TestCase):
    maxDiff = None

    def test_every_command_is_told(self):
        told = [without_tree(step.split(None, 2)[2]) for step in STEPS.strip().split('\n')]
        for command in osc.table():
            names = [without_tree(name) for name in [command['name'], *command['aliases']]]
            self.assertTrue(any((step + ' ').startswith(name + ' ')
                                for step in told for name in names), command['name'])

    def test_both_say_the_same(self):
        first = tell(World(type(self)), (cli.PROTECTOR,), None)
        second = tell(World(type(self)), osc.openstack(), 'protector')
        for one, two in zip(first, second):
            if one != two:
                print('%s\n  protector: %s\n  openstack: %s' % (one[0], one[1:], two[1:]))
        self.assertEqual([one[0] for one, two in zip(first, second) if one != two], [])
        self.assertEqual(len(first), len(second))
        self.assertGreater(sum(code == 0 for _, code, _, _ in first), 40)


if __name__ == '__main__':
    daemons.main()
