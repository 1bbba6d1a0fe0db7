#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Whose is what Protector made at a site?  Everything in a tenant's project must have been made
with the tenant's own trust, so it belongs to that project, and nothing to the service's.

  owners.py LETTER < LEDGER      of site-LETTER, asked as admin, as the service user, as the tenant

LEDGER has a line for each row of dr_resources that is not gone: kind, state, project_id, cloud_id
(nothing, where a driver gives none), separated by white space.  Printed is a line for each object,
with what the cloud says of it; then what is wrong.  Wrong is: another project or user than the
tenant's, in the ledger or at the cloud; a kind that this program does not know (so that no new one
goes unlooked at); an object of the service's project; an object that bears Protector's mark and is
not in the ledger; no trust.
Exit codes: 0 all is the tenant's, 1 something is not, 2 wrong usage.
"""
import json
import sys
import urllib.parse

import cloud as openstack
import miniyaml

# kind: service, path, key of the answer, its field of the project, its field of the user
KINDS = {
    'volume': ('volumev3', '/volumes/%s', 'volume', 'os-vol-tenant-attr:tenant_id', 'user_id'),
    'cinder_group': ('volumev3', '/groups/%s', 'group', 'project_id', None),
    'server': ('compute', '/servers/%s', 'server', 'tenant_id', 'user_id'),
    'kept_server': ('compute', '/servers/%s', 'server', 'tenant_id', None),
    'port': ('network', '/v2.0/ports/%s', 'port', 'project_id', None),
    'network': ('network', '/v2.0/networks/%s', 'network', 'project_id', None),
    'subnet': ('network', '/v2.0/subnets/%s', 'subnet', 'project_id', None),
    'floating_ip': ('network', '/v2.0/floatingips/%s', 'floatingip', 'project_id', None),
    'security_group': ('network', '/v2.0/security-groups/%s', 'security_group', 'project_id', None),
    'server_group': ('compute', '/os-server-groups/%s', 'server_group', 'project_id', 'user_id'),
    'keypair': ('compute', '/os-keypairs/%s?user_id={user}', 'keypair', None, 'user_id'),
    'copy': None,  # at the array, where no project is
}
MADE = ('made', 'released')
NO_ID = ('', 'None', 'NULL')  # as the databases' clients print them

# What a project can hold: name, service, path, key of the list.  For an admin Neutron lists every
# project's, Cinder and Nova do when told to.
HOLDS = (
    ('volume', 'volumev3', '/volumes/detail', 'volumes'),
    ('cinder_group', 'volumev3', '/groups/detail', 'groups'),
    ('snapshot', 'volumev3', '/snapshots/detail', 'snapshots'),
    ('server', 'compute', '/servers/detail', 'servers'),
    ('keypair', 'compute', '/os-keypairs', 'keypairs'),
    ('port', 'network', '/v2.0/ports?project_id={project}', 'ports'),
    ('network', 'network', '/v2.0/networks?project_id={project}', 'networks'),
    ('security_group', 'network', '/v2.0/security-groups?project_id={project}', 'security_groups'),
    ('floating_ip', 'network', '/v2.0/floatingips?project_id={project}', 'floatingips'),
)
EVERYWHERE = (
    ('volume', 'volumev3', '/volumes/detail?all_tenants=1', 'volumes'),
    ('cinder_group', 'volumev3', '/groups/detail?all_tenants=1', 'groups'),
    ('server', 'compute', '/servers/detail?all_tenants=1', 'servers'),
    ('port', 'network', '/v2.0/ports', 'ports'),
    ('security_group', 'network', '/v2.0/security-groups', 'security_groups'),
)
MARKS = ('protector:key', 'protector pg-')


class Report:
    def __init__(self):
        self.lines, self.wrong = [], []

    def expect(self, what, field, got, want):
        if got != want:
            self.wrong.append('%s: its %s is %s, not the tenant\'s %s' % (what, field, got, want))


def look_at(report, admin, tenant, row):
    """One row of the ledger."""
    kind, state, project, ident = row
    what = '%s %s' % (kind, ident)
    report.expect(what, 'project in the ledger', project, tenant.project)
    if kind not in KINDS:
        report.wrong.append('%s: owners.py does not know this kind; give it a row of KINDS' % what)
        return
    if state not in MADE:
        report.wrong.append('%s: it is only %s in the ledger' % (what, state))
        return
    if KINDS[kind] is None:
        report.lines.append('%-14s %s: at the array' % (kind, ident or '-'))
        return
    if ident in NO_ID:
        report.wrong.append('%s: the ledger does not say which' % kind)
        return
    service, path, key, project_field, user_field = KINDS[kind]
    path = path.format(user=tenant.user) % urllib.parse.quote(ident, safe='')
    there = admin(service, 'GET', path)[key]
    said = []
    for field, name, want in ((project_field, 'project', tenant.project),
                              (user_field, 'user', tenant.user)):
        if field is not None:
            report.expect(what, name, there.get(field), want)
            said.append('%s %s' % (name, there.get(field)))
    report.lines.append('%-14s %s: %s' % (kind, ident, ', '.join(said)))


def inner(kind, item):
    """A list of key pairs wraps each of them once more."""
    return item[kind] if kind == 'keypair' else item


def nothing_of_the_service(report, service):
    for kind, api, path, key in HOLDS:
        for item in service(api, 'GET', path.format(project=service.project))[key]:
            item = inner(kind, item)
            # Neutron gives a security group of this name to every project that is looked at
            if (kind, item['name' if 'name' in item else 'id']) != ('security_group', 'default'):
                report.wrong.append('%s %s (%s) is in the service\'s project' % (
                    kind, item.get('id', '-'), item.get('name')))


def nothing_unknown(report, admin, rows):
    known = {ident for _, _, _, ident in rows}
    for kind, api, path, key in EVERYWHERE:
        for item in admin(api, 'GET', path)[key]:
            text = json.dumps(item)
            if any(mark in text for mark in MARKS) and item['id'] not in known:
                report.wrong.append('%s %s (%s) is Protector\'s and in no ledger' % (
                    kind, item['id'], item.get('name')))


def trusts(report, service, tenant):
    """Those that were given to the service user: of the tenant's project, by the tenant."""
    found = service('identity', 'GET', '/OS-TRUST/trusts?trustee_user_id=' + service.user)['trusts']
    for trust in found:
        what = 'trust %s' % trust['id']
        report.expect(what, 'project', trust['project_id'], tenant.project)
        report.expect(what, 'trustor', trust['trustor_user_id'], tenant.user)
        report.lines.append('%-14s %s: project %s, user %s' % (
            'trust', trust['id'], trust['project_id'], trust['trustor_user_id']))
    if not found:
        report.wrong.append('no trust: nothing can have been made in the tenant\'s name')


def judge(rows, admin, service, tenant):
    report = Report()
    trusts(report, service, tenant)
    for row in rows:
        look_at(report, admin, tenant, row)
    nothing_of_the_service(report, service)
    nothing_unknown(report, admin, rows)
    return report


def parse(line):
    kind, state, project, *ident = line.split(maxsplit=3)
    return kind, state, project, ident[0].strip() if ident else ''


def main(argv):
    if len(argv) != 2 or argv[1] not in ('a', 'b'):
        print(__doc__, file=sys.stderr)
        return 2
    rows = [parse(line) for line in sys.stdin.read().splitlines() if line.strip()]
    clouds = [openstack.Cloud(name + argv[1]) for name in ('site-', 'protector-', 'prod-')]
    report = judge(rows, *clouds)
    for line in report.lines:
        print(line)
    for line in report.wrong:
        print('WRONG: ' + line)
    return 1 if report.wrong else 0


if __name__ == '__main__':
    try:
        sys.exit(main(sys.argv))
    except (openstack.Failed, OSError, miniyaml.Error) as e:
        print('owners.py: %s' % e, file=sys.stderr)
        sys.exit(1)
