#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""[keystone_authtoken] and [site:NAME] on the wire: a private authority for all services of the
catalog, insecure, discovery, interface and region.

In front of each simulated service stands a small proxy with TLS on a port of its own, whose
certificate only the test's authority knows; what passes it is rewritten, so that the catalog names
the proxies, and may be changed further by a test.
"""
import http.server
import json
import os
import ssl
import threading

import daemons
from daemons import Case, Sim

TLS = os.path.join(daemons.SOURCE, 'tests/unit/net/tls')
CA = os.path.join(TLS, 'cert.pem')  # of https://localhost, its own authority
OTHER_CA = '/etc/ssl/certs/ca-certificates.crt'
PORTS = {'keystone': 5000, 'nova': 8774, 'cinder': 8776, 'neutron': 9696, 'glance': 9292}


class Front(http.server.ThreadingHTTPServer):
    """TLS before one service."""
    daemon_threads = True

    def __init__(self, name, target, fronts):
        super().__init__(('127.0.0.1', 0), Handler)
        self.name, self.target, self.fronts = name, target, fronts
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CA, os.path.join(TLS, 'key.pem'))
        self.socket = context.wrap_socket(self.socket, server_side=True,
                                          do_handshake_on_connect=False)
        self.seen = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """A client that does not trust us hangs up: that is what is tested."""

    @property
    def url(self):
        return 'https://localhost:%d' % self.server_address[1]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, format, *args):
        pass

    def answer(self):
        front = self.server
        front.seen.append('%s %s' % (self.command, self.path))
        size = int(self.headers.get('Content-Length') or 0)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in (
            'host', 'content-length', 'accept-encoding')}
        r = daemons.cloud.exchange(self.command, front.target + self.path, headers,
                                   self.rfile.read(size) if size else None)
        data = front.fronts.rewrite(r.data)
        self.send_response(r.status)
        for key, value in r.headers:
            if key.lower() not in ('content-length', 'transfer-encoding', 'connection', 'date'):
                self.send_header(key, front.fronts.rewrite(value.encode()).decode())
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = answer


class Fronts:
    """One before each service of site-a; 'change' gets each catalog."""

    def __init__(self, test, sim, letter='a'):
        self.change = None
        admin = sim.cloud('site-' + letter)
        types = {'keystone': 'identity', 'nova': 'compute', 'cinder': 'volumev3',
                 'neutron': 'network', 'glance': 'image'}
        self.fronts = {}
        for name, kind in types.items():
            origin = '/'.join(admin.endpoints[kind].split('/')[:3])
            self.fronts[name] = Front(name, origin, self)
            test.addCleanup(self.fronts[name].server_close)
            test.addCleanup(self.fronts[name].shutdown)

    def __getitem__(self, name):
        return self.fronts[name]

    def rewrite(self, data):
        for front in self.fronts.values():
            data = data.replace(front.target.encode(), front.url.encode())
        if self.change is not None and b'"catalog"' in data:
            body = json.loads(data)
            for service in body['token']['catalog']:
                service['endpoints'] = self.change(service)
            data = json.dumps(body).encode()
        return data

    def seen(self):
        return {name for name, front in self.fronts.items() if front.seen}


class Fronted(Case):
    def setUp(self):
        super().setUp()
        self.sim = Sim(self, self.folder)
        self.fronts = Fronts(self, self.sim)
        self.admin = self.sim.cloud('site-a')

    def started(self, register=True, **options):
        """A site behind TLS, with these options of [keystone_authtoken]."""
        options.setdefault('region_name', 'RegionA')
        self.own = self.site(keystone=self.fronts['keystone'].url,
                             conf={'keystone_authtoken': options}).synced()
        self.own.start('api')
        self.engine = self.own.start('engine')
        if register:
            self.ident = self.own.register(self.admin.token, 'RegionA',
                                           self.fronts['keystone'].url)['id']

    def checks(self):
        """What `site validate` finds, by check: (result, text)."""
        op = self.own.validate(self.admin.token, self.ident)
        self.assertEqual(op['status'], 'completed', op)
        self.status = op['result']['status']
        return {row['check']: (row['result'], row['text']) for row in op['result']['checks']}


class Certificates(Fronted):
    def test_cafile_holds_for_all_services(self):
        self.started(cafile=CA)
        found = self.checks()
        self.assertEqual(self.status, 'active', found)
        for name in ('keystone', 'login', 'compute', 'volume', 'network', 'image', 'services'):
            self.assertEqual(found[name][0], 'ok', found)
        self.says(self.fronts.seen(), 'keystone', 'nova', 'cinder')
        # the caller's own token, at Keystone
        tenant = self.sim.cloud('prod-a')
        r = self.own.ask('PUT', '/v1/%s/trust' % tenant.project, token=tenant.token)
        self.assertEqual(r.status, 200, r.body)
        # the tenant's trust, at Cinder
        self.assertEqual(self.checks()['volume_manage'][0], 'ok')

    def test_auth_url_is_discovered(self):
        """The manual's auth_url has no /v3: the version document says where it is."""
        self.started(cafile=CA)
        self.assertIn('GET /', self.fronts['keystone'].seen)
        self.assertTrue(any(line.startswith('POST /v3/auth/tokens')
                            for line in self.fronts['keystone'].seen))

    def test_insecure(self):
        self.started(insecure=True)
        self.checks()
        self.assertEqual(self.status, 'active')

    def refused(self, **options):
        self.started(register=False, **options)
        r = self.own.ask('GET', '/v1/admin/sites', token=self.admin.token)
        self.assertEqual(r.status, 503, r.body)
        self.assertEqual(self.fronts.seen(), set())
        self.says(self.own.log('api'), 'certificate')

    def test_without_the_authority(self):
        self.refused()

    def test_another_authority(self):
        if not os.path.exists(OTHER_CA):
            self.skipTest('no ' + OTHER_CA)
        self.refused(cafile=OTHER_CA)


class Catalog(Fronted):
    """Interface and region."""

    def test_interface(self):
        """internal is the default; the other one leads nowhere."""
        def only(good):
            return lambda service: [
                e if e['interface'] == good or service['type'] in ('identity', 'protector')
                else dict(e, url='https://localhost:1/v2.1') for e in service['endpoints']]
        self.fronts.change = only('internal')
        self.started(cafile=CA)
        self.assertEqual(self.checks()['compute'][0], 'ok')
        self.engine.stop()
        self.own.change({'keystone_authtoken': {'interface': 'public'}})
        self.own.start('engine')
        found = self.checks()
        self.assertEqual(found['compute'][0], 'failed', found)
        self.says(found['compute'][1], 'nova')

    def two_regions(self, service):
        """Each endpoint again in RegionZ, where nothing is."""
        return service['endpoints'] + [
            dict(e, id='z' + e['id'], region='RegionZ', region_id='RegionZ',
                 url='https://localhost:1/z') for e in service['endpoints']]

    def compute_in(self, own_record, region_name):
        """The check of Nova with that region in the site's own record and in the file."""
        self.fronts.change = self.two_regions
        self.started(register=False, cafile=CA, region_name=region_name)
        self.ident = self.own.register(self.admin.token, own_record,
                                       self.fronts['keystone'].url)['id']
        return self.checks()['compute']

    def test_the_own_record_comes_first(self):
        self.assertEqual(self.compute_in('RegionA', 'RegionZ')[0], 'ok')

    def test_and_not_the_file(self):
        result, text = self.compute_in('RegionZ', 'RegionA')
        self.assertEqual(result, 'failed', text)

    def test_a_region_that_is_not_there(self):
        result, text = self.compute_in('RegionQ', 'RegionA')
        self.assertEqual(result, 'failed')
        self.says(text, 'RegionQ', 'nova')


class Peer(Fronted):
    """[site:NAME]: the other site's cloud stands behind TLS, its record knows nothing of that."""

    def looked_at(self, **options):
        """The check of the peer's login, with these options of [site:site-b]."""
        behind = Fronts(self, self.sim, 'b')
        front = behind['keystone']
        other = daemons.Site(self, daemons.Folder(self), 'site-b', self.sim.keystone('b')).synced()
        other.start('api')
        record = other.record(self.sim.cloud('site-b').token, 'RegionB', 'https://localhost:1')
        values = {'auth_url': front.url, 'username': 'protector', 'password': 'lab',
                  'project_name': 'service'}
        self.own = self.site(keystone=self.sim.keystone(), conf={
            'keystone_authtoken': {'region_name': 'RegionA'},
            'site:site-b': dict(values, **options)}).synced()
        self.own.start('api')
        self.own.start('engine')
        r = self.own.ask('POST', '/v1/admin/sites', record, self.admin.token)
        self.assertEqual(r.status, 201, r.body)
        self.ident = r.body['site']['id']
        found = self.checks()
        return found.get('peer_login') or found['peer_keystone'], front

    def test_auth_url_and_cafile(self):
        (result, text), front = self.looked_at(cafile=CA)
        self.assertEqual(result, 'ok', text)
        self.assertTrue(front.seen)

    def test_insecure(self):
        (result, text), _ = self.looked_at(insecure=True)
        self.assertEqual(result, 'ok', text)

    def test_without_the_authority(self):
        (result, text), front = self.looked_at()
        self.assertNotEqual(result, 'ok')
        self.says(text, 'certificate')
        self.assertEqual(front.seen, [])


if __name__ == '__main__':
    daemons.main()
