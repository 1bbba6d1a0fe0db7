#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fills a site, with the commands of python3-openstackclient.

  seed.py - files            what both sites use: clouds.yaml, a key pair, an image
  seed.py site-a identity    service users, endpoints, Protector's registration, projects
  seed.py site-a admin       flavors, types, image, external network
  seed.py site-a tenant      network, keypair; on site-a also servers

The commands run inside this one process, for the client's start costs more than most commands do.
One process serves one cloud only: the client keeps its service clients in class attributes, so
that a second shell with other credentials would go on with the first one's.  What exists is left
as it is.
"""
import io
import json
import os
import subprocess
import sys
import time

PW = 'lab'
LAB_DIR = os.environ.get('LAB_DIR', '/var/tmp/lab')
PROTECTOR_PORT = os.environ.get('PROTECTOR_PORT', '8788')
SITES = {
    'site-a': dict(ip='127.0.10.1', region='RegionA', x='a',
                   ext='203.0.113.0/25', tenant='10.10.1.0/24'),
    'site-b': dict(ip='127.0.20.1', region='RegionB', x='b',
                   ext='203.0.113.128/25', tenant='10.10.1.0/24'),
}
# user -> (project, role) granted; everyone else is a service of OpenStack
GRANTS = {
    # as Protector's manual says
    'protector': [('service', 'admin')],
    # what the other site's Protector logs in with (`site create --service-*`)
    'protector-peer': [('service', 'admin')],
    # the tenant
    'prod-user': [('prod', 'member')],
    # another tenant, who must see nothing of the first
    'other-user': [('other', 'member')],
    # may fail over a whole site
    'dr-admin': [('admin', 'admin'), ('admin', 'dr_site_admin')],
}
SERVICE_USERS = ('nova', 'glance', 'placement', 'neutron', 'cinder')


class CommandFailed(Exception):
    pass


class Osc:
    """`openstack --os-cloud CLOUD` with many commands in one process."""

    def __init__(self, cloud):
        from openstackclient import shell
        os.environ['OS_CLIENT_CONFIG_FILE'] = LAB_DIR + '/clouds.yaml'
        self.cloud, self.out = cloud, io.StringIO()
        self.shell = shell.OpenStackShell()
        self.shell.stdout = self.out
        self.started = False

    def __call__(self, *args):
        args = [str(a) for a in args]
        self.out.seek(0)
        self.out.truncate()
        begin = time.time()
        if self.started:
            rc = self.shell.run_subcommand(args)
        else:
            rc = self.shell.run(['--os-cloud', self.cloud] + args)
            self.started = True
        text = self.out.getvalue()
        print('%5.2f s  rc %s  [%s] %s' % (time.time() - begin, rc, self.cloud, ' '.join(args)),
              flush=True)
        if rc:
            raise CommandFailed(' '.join(args))
        return json.loads(text) if '-f' in args else text

    def json(self, *args):
        return self(*args, '-f', 'json')

    def names(self, *kind, column='Name'):
        return {row[column] for row in self.json(*kind)}


def clouds():
    """Every user of both sites as an entry of $LAB_DIR/clouds.yaml."""
    entries = (('site-', 'admin', 'admin'), ('prod-', 'prod-user', 'prod'),
               ('other-', 'other-user', 'other'), ('protector-', 'protector', 'service'),
               ('dr-admin-', 'dr-admin', 'admin'))
    lines = ['# written by the two-site lab (up.sh)', 'clouds:']
    for s in SITES.values():
        for prefix, user, project in entries:
            lines += [
                '  %s%s:' % (prefix, s['x']),
                '    auth:',
                '      auth_url: http://%s:5000/v3' % s['ip'],
                '      username: %s' % user,
                '      password: %s' % PW,
                '      project_name: %s' % project,
                '      user_domain_name: Default',
                '      project_domain_name: Default',
                '    region_name: %s' % s['region'],
                '    identity_api_version: "3"',
                '    compute_api_version: "2.92"',
                '    volume_api_version: "3.70"']
    with open(LAB_DIR + '/clouds.yaml', 'w', encoding='utf-8') as f:
        f.write('\n'.join(lines) + '\n')


def users(osc, site):
    roles = osc.names('role', 'list')
    for role in ('service', 'dr_site_admin'):
        if role not in roles:
            osc('role', 'create', role)
    projects = osc.names('project', 'list')
    for name in ('service', 'prod', 'other'):
        if name not in projects:
            osc('project', 'create', '--domain', 'default', name)
    have = osc.names('user', 'list')
    for name in (*SERVICE_USERS, *GRANTS):
        if name not in have:
            osc('user', 'create', '--domain', 'default', '--password', PW,
                '--email', '%s@%s.example' % (name, site), name)
        # Granting twice changes nothing, and heals a run that ended between the two.
        for project, role in GRANTS.get(name, [('service', 'admin'), ('service', 'service')]):
            osc('role', 'add', '--project', project, '--user', name, role)


def identity(site):
    s, osc = SITES[site], Osc(site)
    users(osc, site)
    ip, have = s['ip'], osc.names('service', 'list')
    for name, kind, url, description in (
            ('glance', 'image', 'http://%s:9292' % ip, None),
            ('placement', 'placement', 'http://%s:8778' % ip, None),
            ('nova', 'compute', 'http://%s:8774/v2.1' % ip, None),
            ('neutron', 'network', 'http://%s:9696' % ip, None),
            ('cinderv3', 'volumev3', 'http://%s:8776/v3/%%(project_id)s' % ip, None),
            # the manual's own commands, with this site's address and region
            ('protector', 'protector', 'http://%s:%s/v1/%%(tenant_id)s' % (ip, PROTECTOR_PORT),
             'OpenStack Disaster Recovery Service')):
        if name not in have:
            osc('service', 'create', '--name', name,
                *(['--description', description] if description else []), kind)
        endpoints = osc.json('endpoint', 'list', '--service', name)
        for interface in ('public', 'internal', 'admin'):
            if not any(e['Interface'] == interface for e in endpoints):
                osc('endpoint', 'create', '--region', s['region'], kind, interface, url)


def files():
    """What both sites use, made once and before them: two sites are filled at the same time."""
    clouds()
    key, image = LAB_DIR + '/lab_key', LAB_DIR + '/tiny.raw'
    if not os.path.exists(key + '.pub'):
        subprocess.run(['ssh-keygen', '-q', '-t', 'rsa', '-b', '2048', '-N', '', '-C', 'lab',
                        '-f', key], check=True, stdin=subprocess.DEVNULL)
    with open(image + '.new', 'wb') as f:
        f.write((b'two-site lab tiny image\n' * 64)[:510] + b'\x55\xaa')
        f.truncate(4 << 20)
    os.rename(image + '.new', image)


def wait(osc, kind, name, want, limit_s=120):
    end = time.time() + limit_s
    while True:
        state = osc.json(*kind, 'show', name)['status']
        if state == want:
            return
        if state.lower() == 'error' or time.time() > end:
            raise CommandFailed('%s %s is %s, not %s' % (' '.join(kind), name, state, want))
        time.sleep(0.5)


def admin(site):
    s, osc = SITES[site], Osc(site)
    have = osc.names('flavor', 'list', '--all')
    for name, ram, disk, vcpus in (('m1.tiny', 512, 1, 1), ('m1.small', 2048, 20, 1),
                                   ('m1.medium', 4096, 40, 2)):
        if name not in have:
            osc('flavor', 'create', '--ram', ram, '--disk', disk, '--vcpus', vcpus, name)
    have = osc.names('volume', 'type', 'list')
    if 'replicated-ssd' not in have:
        osc('volume', 'type', 'create', '--public',
            '--property', 'replication_enabled=<is> True',
            '--property', 'replication_type=<in> async',
            '--property', 'volume_backend_name=lab', 'replicated-ssd')
    if 'plain' not in have:
        osc('volume', 'type', 'create', '--public',
            '--property', 'volume_backend_name=lab', 'plain')
    if 'consistent' not in osc.names('volume', 'group', 'type', 'list'):
        osc('volume', 'group', 'type', 'create', 'consistent')
    osc('volume', 'group', 'type', 'set', '--property',
        'consistent_group_snapshot_enabled=<is> True', 'consistent')
    if 'tiny' not in osc.names('image', 'list'):
        osc('image', 'create', '--public', '--disk-format', 'raw', '--container-format', 'bare',
            '--file', LAB_DIR + '/tiny.raw', '--property', 'hw_disk_bus=virtio',
            '--property', 'os_distro=none', 'tiny')
    if 'public' not in osc.names('network', 'list'):
        osc('network', 'create', '--external', '--provider-network-type', 'flat',
            '--provider-physical-network', 'physnet1', 'public')
    if 'public-subnet' not in osc.names('subnet', 'list'):
        osc('subnet', 'create', '--network', 'public', '--subnet-range', s['ext'], '--no-dhcp',
            'public-subnet')


def tenant_network(osc, cidr):
    if 'net-app' not in osc.names('network', 'list'):
        osc('network', 'create', 'net-app')
    if 'subnet-app' not in osc.names('subnet', 'list'):
        osc('subnet', 'create', '--network', 'net-app', '--subnet-range', cidr,
            '--dns-nameserver', '192.0.2.53', 'subnet-app')
    if 'router-app' not in osc.names('router', 'list'):
        osc('router', 'create', 'router-app')
        osc('router', 'set', '--external-gateway', 'public', 'router-app')
        osc('router', 'add', 'subnet', 'router-app', 'subnet-app')
    if 'web' not in osc.names('security', 'group', 'list'):
        osc('security', 'group', 'create', '--description', 'web servers', 'web')
        osc('security', 'group', 'rule', 'create', '--protocol', 'tcp', '--dst-port', '22', 'web')
        osc('security', 'group', 'rule', 'create', '--protocol', 'tcp', '--dst-port', '443',
            '--remote-ip', '198.51.100.0/24', 'web')
        osc('security', 'group', 'rule', 'create', '--protocol', 'icmp', 'web')
    if 'lab-key' not in osc.names('keypair', 'list'):
        osc('keypair', 'create', '--public-key', LAB_DIR + '/lab_key.pub', 'lab-key')


def server_volumes(osc, servers):
    have = osc.names('volume', 'list')
    for n, name in enumerate(servers):
        if 'root-' + name not in have:
            osc('volume', 'create', '--size', 1, '--image', 'tiny', '--type', 'replicated-ssd',
                '--bootable', 'root-' + name)
        if 'data-' + name not in have:
            osc('volume', 'create', '--size', 1 + n, '--type', 'replicated-ssd',
                '--property', 'app=shop', 'data-' + name)
    for name in servers:
        for volume in ('root-' + name, 'data-' + name):
            if osc.json('volume', 'show', volume)['status'] != 'in-use':
                wait(osc, ('volume',), volume, 'available')


def tenant(site):
    s = SITES[site]
    osc = Osc('prod-' + s['x'])
    tenant_network(osc, s['tenant'])
    if site != 'site-a':
        return
    servers = ('web-1', 'db-1')
    server_volumes(osc, servers)
    have = osc.names('server', 'list')
    for n, name in enumerate(servers):
        if name not in have:
            extra = ['--config-drive', 'True'] if n else []
            osc('server', 'create', '--flavor', ('m1.tiny', 'm1.small')[n],
                '--volume', 'root-' + name, '--network', 'net-app', '--security-group', 'web',
                '--security-group', 'default', '--key-name', 'lab-key', '--property', 'app=shop',
                '--property', 'tier=' + name.split('-')[0], *extra, name)
    for name in servers:
        # (a server that was stopped on purpose stays as it is)
        if name not in have:
            wait(osc, ('server',), name, 'ACTIVE')
        if osc.json('volume', 'show', 'data-' + name)['status'] == 'available':
            osc('server', 'add', 'volume', name, 'data-' + name)
        wait(osc, ('volume',), 'data-' + name, 'in-use')
    if not osc.json('floating', 'ip', 'list'):
        fip = osc.json('floating', 'ip', 'create', 'public')
        osc('server', 'add', 'floating', 'ip', 'web-1', fip['floating_ip_address'])


def main():
    if sys.argv[2:] == ['files']:
        return files()
    site, what = sys.argv[1:3]
    return {'identity': identity, 'admin': admin, 'tenant': tenant}[what](site)


if __name__ == '__main__':
    main()
