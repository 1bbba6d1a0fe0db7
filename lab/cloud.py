#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A small OpenStack client on the standard library alone, for the scripts of the lab, the story and
the tests: it works against real and simulated clouds alike and shares no code with what it checks.

  cloud.py CLOUD project-id                 id of the cloud's project
  cloud.py CLOUD user-id                    id of the cloud's user
  cloud.py CLOUD roles                      roles of the user in the project
  cloud.py CLOUD endpoint TYPE              public address of a service
  cloud.py CLOUD endpoints TYPE             every interface and address of it
  cloud.py CLOUD volume-services            binary, host and state of Cinder's services
  cloud.py CLOUD server-id NAME             id of a server
  cloud.py CLOUD network-id NAME            id of a network
  cloud.py CLOUD flavor-id NAME             id of a flavor
  cloud.py CLOUD servers [NAME...]          name, status, lock, flavor, addresses, devices
  cloud.py CLOUD disks [NAME...]            server, device, volume, GiB: a line per disk
  cloud.py CLOUD boot NAME TYPE             a server that boots from a new volume of that type
  cloud.py CLOUD remove NAME                deletes a server made by `boot`, and its volume
  cloud.py CLOUD make-volume NAME           an empty one of the type plain, 1 GiB
  cloud.py CLOUD remove-volume NAME         deletes it
  cloud.py CLOUD bare                       without the key pair lab-key, the security group web
  cloud.py CLOUD wait-status NAME STATUS    until the server has that status (60 s)
  cloud.py CLOUD quota PROJECT SERVICE RESOURCE LIMIT    of compute, volumev3 or network; -1: none
  cloud.py CLOUD drop-flavor NAME           deletes it
  cloud.py CLOUD put-flavor NAME RAM VCPUS DISK    makes it anew
  cloud.py CLOUD small-network NAME         one address is free in it
  cloud.py CLOUD remove-network NAME        deletes it
  cloud.py CLOUD rename-network NAME NEW
  cloud.py CLOUD rename-server NAME NEW
  cloud.py CLOUD volume-service enable|disable    every cinder-volume there is
  cloud.py CLOUD other-key NAME             a key pair of that name, of another key
  cloud.py CLOUD remove-key NAME            deletes it

CLOUD is an entry of clouds.yaml ($OS_CLIENT_CONFIG_FILE, ./clouds.yaml,
~/.config/openstack/clouds.yaml).  Exit codes: 0 done, 1 it is not so, 2 wrong usage.
"""
import http.client
import json
import os
import sys
import time
import urllib.parse

import miniyaml

CONNECT_TIMEOUT_S = 60
# Of nobody: its private half was thrown away.
OTHER_KEY = ('ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL0c2HTarW27s3lv0/Yh8ExbhalpE7kgEN/zXo77Fzsn '
             'somebody-else')
NOVA_VERSION, CINDER_VERSION = 'compute 2.87', 'volume 3.62'  # what Victoria knows


class Failed(Exception):
    """What was tried and what came back."""


class Response:
    def __init__(self, status, reason, headers, data):
        self.status, self.reason, self.headers = status, reason, headers
        self.data = data
        try:
            self.body = json.loads(data) if data else None
        except ValueError:
            self.body = data.decode('utf-8', 'replace')


def exchange(method, url, headers=None, body=None, timeout_s=CONNECT_TIMEOUT_S):
    """One request; body is bytes or None.  Follows nothing, retries nothing."""
    u = urllib.parse.urlsplit(url)
    kind = http.client.HTTPSConnection if u.scheme == 'https' else http.client.HTTPConnection
    conn = kind(u.hostname, u.port, timeout=timeout_s)
    try:
        path = (u.path or '/') + ('?' + u.query if u.query else '')
        conn.request(method, path, body, headers or {})
        r = conn.getresponse()
        return Response(r.status, r.reason, r.getheaders(), r.read())
    finally:
        conn.close()


def header(response, name):
    return next((v for k, v in response.headers if k.lower() == name.lower()), None)


def clouds_file():
    places = [os.environ.get('OS_CLIENT_CONFIG_FILE'), 'clouds.yaml',
              os.path.expanduser('~/.config/openstack/clouds.yaml')]
    for p in places:
        if p and os.path.exists(p):
            return p
    raise Failed('no clouds.yaml in ' + ', '.join(p for p in places if p))


def cloud_entry(name):
    path = clouds_file()
    try:
        return miniyaml.load(path)['clouds'][name]
    except KeyError:
        raise Failed('%s has no cloud %s' % (path, name)) from None


def password_auth(user, password, project=None, domain='Default'):
    """The body that asks Keystone for a token."""
    auth = {'identity': {'methods': ['password'], 'password': {'user': {
        'name': user, 'password': password, 'domain': {'name': domain}}}}}
    if project:
        auth['scope'] = {'project': {'name': project, 'domain': {'name': domain}}}
    return {'auth': auth}


class Cloud:
    """A token of one project at one cloud, and that cloud's catalog."""

    def __init__(self, name):
        entry = cloud_entry(name)
        a = entry['auth']
        self.name, self.region = name, entry.get('region_name')
        self.auth_url = a['auth_url'].rstrip('/')
        body = password_auth(a['username'], a['password'], a['project_name'])
        r = exchange('POST', self.auth_url + '/auth/tokens',
                     {'Content-Type': 'application/json'}, json.dumps(body).encode())
        if r.status != 201:
            raise Failed('%s: no token for %s at %s: %d %s' % (
                name, a['username'], self.auth_url, r.status, r.body))
        self.token = header(r, 'X-Subject-Token')
        t = r.body['token']
        self.user, self.project = t['user']['id'], t['project']['id']
        self.roles = [role['name'] for role in t['roles']]
        self.endpoints, self.interfaces = {}, {}
        for service in t['catalog']:
            for e in service['endpoints']:
                if self.region not in (None, e['region']):
                    continue
                self.interfaces.setdefault(service['type'], []).append((e['interface'], e['url']))
                if e['interface'] == 'public':
                    self.endpoints[service['type']] = e['url'].rstrip('/')

    def __call__(self, service, method, path, body=None, want=(200, 201, 202, 204)):
        headers = {'X-Auth-Token': self.token, 'Accept': 'application/json',
                   'Content-Type': 'application/json'}
        version = {'compute': NOVA_VERSION, 'volumev3': CINDER_VERSION}.get(service)
        if version:
            headers['OpenStack-API-Version'] = version
        url = self.endpoints[service] + path
        r = exchange(method, url, headers, None if body is None else json.dumps(body).encode())
        if r.status not in want:
            raise Failed('%s: %s %s: %d %s' % (self.name, method, url, r.status, r.body))
        return r.body

    def find(self, service, path, key, name):
        """The one object of that name."""
        found = [o for o in self(service, 'GET', path)[key] if o['name'] == name]
        if len(found) != 1:
            raise Failed('%s: %d objects named %s in %s' % (self.name, len(found), name, path))
        return found[0]

    def servers(self, names=()):
        rows = self('compute', 'GET', '/servers/detail')['servers']
        rows = [s for s in rows if not names or s['name'] in names]
        return sorted(rows, key=lambda s: s['name'])

    def disks(self, server):
        """(device, volume) of a server, in the order of the devices."""
        path = '/servers/%s/os-volume_attachments' % server['id']
        rows = self('compute', 'GET', path)['volumeAttachments']
        out = []
        for row in sorted(rows, key=lambda row: row['device']):
            volume = self('volumev3', 'GET', '/volumes/' + row['volumeId'])['volume']
            out.append((row['device'], volume))
        return out

    def wait(self, get, want, limit_s=60):
        end = time.monotonic() + limit_s
        while True:
            state = get()
            if state.upper() == want.upper():
                return
            if state.upper() == 'ERROR' or time.monotonic() > end:
                raise Failed('%s: it is %s, not %s' % (self.name, state, want))
            time.sleep(0.3)

    def volume_status(self, ident):
        return self('volumev3', 'GET', '/volumes/' + ident)['volume']['status']

    def make_volume(self, name):
        volume = self('volumev3', 'POST', '/volumes', {'volume': {
            'size': 1, 'name': name, 'volume_type': 'plain'}})['volume']['id']
        self.wait(lambda: self.volume_status(volume), 'available')
        return volume

    def remove_volume(self, name):
        volume = self.find('volumev3', '/volumes', 'volumes', name)['id']
        self('volumev3', 'DELETE', '/volumes/' + volume)
        end = time.monotonic() + 60
        while any(v['id'] == volume for v in self('volumev3', 'GET', '/volumes')['volumes']):
            if time.monotonic() > end:
                raise Failed('%s: the volume %s does not go' % (self.name, name))
            time.sleep(0.3)

    def bare(self):
        """Takes away what the lab's servers name besides network and flavor."""
        self('compute', 'DELETE', '/os-keypairs/lab-key', want=(202, 204, 404))
        path = '/v2.0/security-groups'
        mine = '%s?project_id=%s' % (path, self.project)
        for group in self('network', 'GET', mine)['security_groups']:
            if group['name'] == 'web':
                self('network', 'DELETE', path + '/' + group['id'])

    def boot(self, name, volume_type):
        image = self.find('image', '/v2/images', 'images', 'tiny')['id']
        network = self.find('network', '/v2.0/networks', 'networks', 'net-app')['id']
        flavor = self.find('compute', '/flavors', 'flavors', 'm1.tiny')['id']
        volume = self('volumev3', 'POST', '/volumes', {'volume': {
            'size': 1, 'name': 'root-' + name, 'imageRef': image,
            'volume_type': volume_type}})['volume']['id']
        self.wait(lambda: self.volume_status(volume), 'available')
        server = self('compute', 'POST', '/servers', {'server': {
            'name': name, 'flavorRef': flavor, 'networks': [{'uuid': network}],
            'block_device_mapping_v2': [{
                'uuid': volume, 'source_type': 'volume', 'destination_type': 'volume',
                'boot_index': 0, 'delete_on_termination': False}]}})['server']['id']
        self.wait(lambda: self('compute', 'GET', '/servers/' + server)['server']['status'],
                  'ACTIVE')
        return server

    def quota(self, project, service, resource, limit):
        path, key = {'network': ('/v2.0/quotas/', 'quota')}.get(
            service, ('/os-quota-sets/', 'quota_set'))
        self(service, 'PUT', path + project, {key: {resource: int(limit)}})

    def drop_flavor(self, name):
        flavor = self.find('compute', '/flavors', 'flavors', name)['id']
        self('compute', 'DELETE', '/flavors/' + flavor)

    def put_flavor(self, name, ram, vcpus, disk):
        self('compute', 'POST', '/flavors', {'flavor': {
            'name': name, 'ram': int(ram), 'vcpus': int(vcpus), 'disk': int(disk)}})

    def small_network(self, name):
        network = self('network', 'POST', '/v2.0/networks', {'network': {'name': name}})
        self('network', 'POST', '/v2.0/subnets', {'subnet': {
            'network_id': network['network']['id'], 'ip_version': 4, 'cidr': '10.99.0.0/24',
            'enable_dhcp': False, 'allocation_pools': [{'start': '10.99.0.9',
                                                        'end': '10.99.0.9'}]}})

    def remove_network(self, name):
        network = self.find('network', '/v2.0/networks', 'networks', name)['id']
        self('network', 'DELETE', '/v2.0/networks/' + network)

    def rename_network(self, name, new):
        network = self.find('network', '/v2.0/networks', 'networks', name)['id']
        self('network', 'PUT', '/v2.0/networks/' + network, {'network': {'name': new}})

    def rename_server(self, name, new):
        server = self.find('compute', '/servers', 'servers', name)['id']
        self('compute', 'PUT', '/servers/' + server, {'server': {'name': new}})

    def volume_service(self, verb):
        for s in self('volumev3', 'GET', '/os-services')['services']:
            if s['binary'] == 'cinder-volume':
                self('volumev3', 'PUT', '/os-services/' + verb, {
                    'binary': s['binary'], 'host': s['host']})

    def other_key(self, name):
        self('compute', 'POST', '/os-keypairs', {'keypair': {
            'name': name, 'public_key': OTHER_KEY}})

    def remove(self, name):
        for server in self.servers([name]):
            volumes = [v['id'] for _, v in self.disks(server)]
            self('compute', 'DELETE', '/servers/' + server['id'])
            end = time.monotonic() + 60
            while any(s['id'] == server['id'] for s in self.servers([name])):
                if time.monotonic() > end:
                    raise Failed('%s: the server %s does not go' % (self.name, name))
                time.sleep(0.3)
            for v in volumes:
                self.wait(lambda: self.volume_status(v), 'available')  # noqa: B023
                self('volumev3', 'DELETE', '/volumes/' + v)


def print_servers(cloud, names):
    for s in cloud.servers(names):
        addresses = ['%s=%s' % (net, a['addr']) for net, rows in sorted(s['addresses'].items())
                     for a in rows]
        devices = ['%s=%s' % (dev, v['name']) for dev, v in cloud.disks(s)]
        print('%-8s %-8s %-8s %-9s %s %s' % (
            s['name'], s['status'], 'locked' if s.get('locked') else 'unlocked',
            s['flavor']['original_name'], ','.join(addresses) or '-', ','.join(devices) or '-'))


def print_disks(cloud, names):
    for s in cloud.servers(names):
        for device, v in cloud.disks(s):
            print(s['name'], device, v['id'], v['size'])


def print_volume_services(cloud):
    for s in cloud('volumev3', 'GET', '/os-services')['services']:
        print(s['binary'], s['host'], s['status'], s['state'])


def main(argv):
    if len(argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    verb, args = argv[1], argv[2:]
    c = Cloud(argv[0])
    verbs = {
        'project-id': lambda: print(c.project),
        'user-id': lambda: print(c.user),
        'roles': lambda: print('\n'.join(sorted(c.roles))),
        'endpoints': lambda: print('\n'.join(
            '%s %s' % pair for pair in c.interfaces.get(args[0], [('no', 'endpoint')]))),
        'volume-services': lambda: print_volume_services(c),
        'endpoint': lambda: print(c.endpoints[args[0]]),
        'server-id': lambda: print(c.find('compute', '/servers', 'servers', args[0])['id']),
        'network-id': lambda: print(
            c.find('network', '/v2.0/networks', 'networks', args[0])['id']),
        'flavor-id': lambda: print(c.find('compute', '/flavors', 'flavors', args[0])['id']),
        'servers': lambda: print_servers(c, args),
        'disks': lambda: print_disks(c, args),
        'boot': lambda: print(c.boot(args[0], args[1])),
        'make-volume': lambda: print(c.make_volume(args[0])),
        'remove-volume': lambda: c.remove_volume(args[0]),
        'bare': c.bare,
        'remove': lambda: c.remove(args[0]),
        'quota': lambda: c.quota(*args),
        'drop-flavor': lambda: c.drop_flavor(args[0]),
        'put-flavor': lambda: c.put_flavor(*args),
        'small-network': lambda: c.small_network(args[0]),
        'remove-network': lambda: c.remove_network(args[0]),
        'rename-network': lambda: c.rename_network(*args),
        'rename-server': lambda: c.rename_server(*args),
        'volume-service': lambda: c.volume_service(args[0]),
        'other-key': lambda: c.other_key(args[0]),
        'remove-key': lambda: c('compute', 'DELETE', '/os-keypairs/' + args[0]),
        'wait-status': lambda: c.wait(
            lambda: c.find('compute', '/servers/detail', 'servers', args[0])['status'], args[1]),
    }
    if verb not in verbs:
        print('cloud.py: no verb %s' % verb, file=sys.stderr)
        return 2
    verbs[verb]()
    return 0


if __name__ == '__main__':
    try:
        sys.exit(main(sys.argv[1:]))
    except (Failed, OSError, miniyaml.Error) as e:
        print('cloud.py: %s' % e, file=sys.stderr)
        sys.exit(1)
