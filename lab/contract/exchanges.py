# SPDX-License-Identifier: Apache-2.0
"""Exchanges with a cloud over raw HTTP: made, checked, and kept in a log.

call() is one exchange, a Cloud is one user's view of one cloud, LOG is what came of them so far.
Neighbours: walk.py says which exchanges there are, shapes.py what of them is compared.
"""
import fnmatch
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import cloud as openstack  # noqa: E402
import shapes  # noqa: E402

KEEP = ('content-type', 'content-length', 'location', 'retry-after', 'vary',
        'x-openstack-request-id', 'x-compute-request-id', 'openstack-api-version',
        'x-openstack-nova-api-version', 'x-subject-token', 'www-authenticate',
        'openstack-image-import-methods')


class Stop(Exception):
    """This section cannot go on."""


class Log:
    """What came of the walk so far; its options are those of walk.py."""

    def __init__(self):
        self.options, self.failures, self.records, self.samples = None, [], [], 0

    def fail(self, text):
        self.failures.append(text)
        print('FAIL', text, flush=True)

    def keep(self, name, method, url, headers, body, response, ms):
        self.records.append(shapes.record(name, method, url, response, response.status >= 400))
        if not self.options.samples or not fnmatch.fnmatch(name, self.options.only):
            return
        path = os.path.join(self.options.samples, name + '.json')
        os.makedirs(os.path.dirname(path), exist_ok=True)
        names = {k.lower(): k for k, _ in response.headers}
        doc = {'request': {'method': method, 'url': url, 'headers': trim(headers),
                           'body': trim(body)},
               'response': {'status': response.status, 'reason': response.reason,
                            'milliseconds': ms,
                            'headers': {names[k]: trim(v) for k, v in
                                        shapes.joined(response.headers).items() if k in KEEP},
                            'body': trim(response.body)}}
        with open(path, 'w', encoding='utf-8') as f:
            json.dump(doc, f, indent=1)
            f.write('\n')
        self.samples += 1


LOG = Log()


def trim(obj):
    """Tokens and long texts are shortened; everything else stays."""
    if isinstance(obj, dict):
        return {k: trim(v) for k, v in obj.items()}
    if isinstance(obj, list):
        return [trim(v) for v in obj]
    if isinstance(obj, str) and obj.startswith('gAAAAA') and len(obj) > 40:
        return obj[:24] + '...(%d characters)' % len(obj)
    if isinstance(obj, str) and len(obj) > 4000:
        return obj[:80] + '...(%d characters)' % len(obj)
    return obj


def call(name, method, url, token=None, body=None, want=None, mv=None, headers=None, raw=None):
    """One exchange; name is 'service/what', None is not kept."""
    h = {'Accept': 'application/json'}
    if token:
        h['X-Auth-Token'] = token
    if mv:
        h['OpenStack-API-Version'] = mv
    h.update(headers or {})
    data = raw
    if body is not None:
        data = json.dumps(body)
        h['Content-Type'] = 'application/json'
    begin = time.monotonic()
    try:
        r = openstack.exchange(method, url, h, data and data.encode(), 120)
    except OSError as e:
        LOG.fail('%s: %s %s: %s' % (name, method, url, e))
        raise Stop(str(e)) from None
    ms = round((time.monotonic() - begin) * 1000)
    if want is not None and r.status not in (want if isinstance(want, tuple) else (want,)):
        LOG.fail('%s: %s %s gave %d, wanted %s: %s' % (
            name, method, url, r.status, want, str(r.body)[:300]))
    elif name:
        print('ok   %4d ms  %s %s' % (ms, r.status, name), flush=True)
    if name:
        LOG.keep(name, method, url, h, body if body is not None else raw, r, ms)
    return r


class Cloud:
    """One user's view of one cloud."""

    def __init__(self, name, sample=None):
        a = openstack.cloud_entry(name)['auth']
        self.url = a['auth_url']
        self.body = openstack.password_auth(a['username'], a['password'], a['project_name'])
        self.take(call(sample, 'POST', self.url + '/auth/tokens', body=self.body, want=201))

    def take(self, r):
        if r.status != 201:
            raise Stop('no token')
        self.token = openstack.header(r, 'X-Subject-Token')
        t = self.tok = r.body['token']
        self.user, self.project = t['user']['id'], t['project']['id']
        self.ep = {s['type']: [e['url'] for e in s['endpoints'] if e['interface'] == 'public'][0]
                   for s in t['catalog']}
        self.nova, self.cinder = self.ep['compute'], self.ep['volumev3']
        self.neutron = self.ep['network'] + '/v2.0'
        self.glance = self.ep['image'] + '/v2'

    @classmethod
    def from_response(cls, url, r):
        c = cls.__new__(cls)
        c.url = url
        c.take(r)
        return c

    def __call__(self, name, method, path, body=None, want=None, mv=None, **kw):
        """path starts with nova: cinder: neutron: glance: or keystone:"""
        svc, rest = path.split(':', 1)
        base = self.url if svc == 'keystone' else getattr(self, svc)
        if mv:
            mv = {'nova': 'compute', 'cinder': 'volume'}[svc] + ' ' + mv
        return call(name, method, base + rest, self.token, body, want, mv, **kw)

    def until(self, path, key, good, mv=None, limit_s=90, bad='error'):
        """Asks until the object has that status, or is gone."""
        end = time.monotonic() + limit_s
        while True:
            r = self(None, 'GET', path, mv=mv)
            state = r.body[key]['status'] if r.status == 200 else str(r.status)
            if state.lower() == good or (good == 'gone' and r.status == 404):
                return r.body.get(key)
            if state.lower().startswith(bad) or time.monotonic() > end:
                break
            time.sleep(0.3)
        LOG.fail('%s is %s, not %s' % (path, state, good))
        raise Stop(path)
