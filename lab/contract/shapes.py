# SPDX-License-Identifier: Apache-2.0
"""What of an exchange must be equal at two clouds, and how it is compared.

A body becomes a *shape*: maps keep their keys, the elements of a list are merged into one, a scalar
becomes the name of its form ("uuid", "time", "int", ...), or "=value" where the value itself is
meaning (states, device names, flags).  Error bodies keep their text, with ids masked.  The first
cloud is the judge: what the second answers must fit into what the first does.
Neighbours: exchanges.py records shapes, compare.py compares two records.
"""
import re

# Keys whose values carry meaning that programs act on; everything else is compared by its form.
EXACT = {
    'status', 'OS-EXT-STS:vm_state', 'OS-EXT-STS:power_state', 'attach_status', 'bootable',
    'boot_index', 'device', 'multiattach', 'encrypted', 'replication_status', 'locked',
    'binding:vif_type', 'binding:vnic_type', 'device_owner', 'impersonation', 'enabled',
    'admin_state_up', 'config_drive', 'volume_type', 'methods', 'code', 'title', 'direction',
    'ethertype', 'protocol', 'attachment_count', 'replication_enabled', 'replication_type',
    'consistent_group_snapshot_enabled', 'safe_to_manage', 'reason_not_safe', 'binary',
    'delete_on_termination', 'tag', 'host_status', 'visibility',
}
# Answers that catch an object on its way: which of its states was caught is a matter of time.
IN_MOTION = re.compile(r'building|create$|stop-while|volume-attach$|from-snapshot$|manage')
MOVING = {'status', 'OS-EXT-STS:vm_state', 'OS-EXT-STS:power_state', 'OS-EXT-STS:task_state'}
HEADERS = ('content-type', 'location', 'retry-after', 'vary', 'x-openstack-request-id',
           'x-compute-request-id', 'openstack-api-version', 'x-openstack-nova-api-version',
           'x-subject-token', 'www-authenticate')

UUID = re.compile(r'[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}')
HEX32 = re.compile(r'\b[0-9a-f]{32}\b')
TIME = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?')
HOST = re.compile(r'\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b')
FORMS = (
    ('uuid', re.compile('^%s$' % UUID.pattern)),
    ('hex32', re.compile('^[0-9a-f]{32}$')),
    ('mac', re.compile('^([0-9a-f]{2}:){5}[0-9a-f]{2}$')),
    ('cidr', re.compile(r'^[0-9a-f:.]+/\d+$')),
    ('address', re.compile(r'^\d{1,3}(\.\d{1,3}){3}$')),
    ('time', re.compile(r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$')),
    ('time.us', re.compile(r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+$')),
    ('timeZ', re.compile(r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$')),
    ('time.usZ', re.compile(r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$')),
    ('token', re.compile(r'^gAAAAA')),
    ('request-id', re.compile('^req-%s$' % UUID.pattern)),
)


def mask(text):
    """The text with everything that differs from cloud to cloud replaced by its kind."""
    text = re.sub(r'gAAAAA[\w=-]+', 'TOKEN', text)
    text = UUID.sub('UUID', text)
    text = HEX32.sub('HEX32', text)
    text = TIME.sub('TIME', text)
    text = HOST.sub('ADDRESS', text)
    text = re.sub(r'\b\d+G has been consumed', 'nG has been consumed', text)
    return re.sub(r'\b(cinder|compute|neutron)-[ab]\b', r'\1-X', text)


def form(value):
    """The name of a scalar's form."""
    if value is None:
        return 'null'
    if isinstance(value, bool):
        return 'bool'
    if isinstance(value, (int, float)):
        return 'number'
    for name, pattern in FORMS:
        if pattern.match(value):
            return name
    if value.startswith(('http://', 'https://')):
        return 'url ' + mask(value).split('?')[0]
    return 'str' if value else 'empty'


def shape(value, key=None, exact=EXACT):
    """The shape of a JSON value; key is the name it stands under."""
    if isinstance(value, dict):
        return {k: shape(v, k, exact) for k, v in value.items()}
    if isinstance(value, list):
        merged = None
        for v in value:
            merged = merge(merged, shape(v, key, exact))
        return [] if merged is None else [merged]
    if key in exact:
        return ['=' + mask(str(value))]  # a set of one
    return '|'.join([form(value)])


def merge(a, b):
    """What holds of both; a key that only one has is marked as optional (`key?`)."""
    if a is None:
        return b
    if isinstance(a, dict) and isinstance(b, dict):
        out = {}
        names = [k.rstrip('?') for k in (*a, *b)]
        for name in dict.fromkeys(names):
            left = a.get(name, a.get(name + '?'))
            right = b.get(name, b.get(name + '?'))
            both = name in a and name in b
            out[name if both else name + '?'] = (
                merge(left, right) if left is not None and right is not None else
                left if left is not None else right)
        return out
    if isinstance(a, list) and isinstance(b, list):
        if all(isinstance(x, str) and x.startswith('=') for x in a + b):
            return sorted(set(a) | set(b))
        return [merge(a[0], b[0])] if a and b else a or b
    if isinstance(a, str) and isinstance(b, str):
        return '|'.join(sorted(set(a.split('|')) | set(b.split('|'))))
    return '|'.join(sorted({str(a), str(b)}))


def joined(headers):
    """(name, value) pairs as a map; a header that stands twice is one list, as HTTP says."""
    out = {}
    for k, v in headers:
        k = k.lower()
        out[k] = out[k] + ', ' + v if k in out else v
    return out


def record(name, method, url, response, in_error):
    """What is kept of one exchange."""
    exact = EXACT - MOVING if IN_MOTION.search(name) else EXACT
    body = response.body
    if in_error:
        kept = error_text(body)
    elif isinstance(body, str):
        kept = 'text ' + mask(body)[:200]
    else:
        kept = shape(body, None, exact)
    headers = {}
    for k, v in joined(response.headers).items():
        if k in HEADERS:
            f = form(v)
            headers[k] = f if f in ('token', 'request-id') else mask(v)
    return {'name': name, 'method': method, 'path': mask(url.split('://')[1].split('?')[0]),
            'status': response.status, 'headers': headers, 'body': kept}


def error_text(body):
    """An error's body with its texts, ids masked; long schema dumps only in their first line."""
    if isinstance(body, dict):
        return {k: error_text(v) for k, v in body.items()}
    if isinstance(body, list):
        return [error_text(v) for v in body]
    if isinstance(body, str):
        return mask(body).split('\n')[0]
    return body


def differences(judge, other, at=''):
    """Lines that tell where `other` does not fit into `judge`."""
    if isinstance(judge, dict) and isinstance(other, dict):
        return _of_maps(judge, other, at)
    if isinstance(judge, list) and isinstance(other, list):
        return _of_lists(judge, other, at)
    if isinstance(judge, str) and isinstance(other, str) and not judge.startswith('='):
        if set(other.split('|')) <= set(judge.split('|')):
            return []
    elif judge == other:
        return []
    return ['%s: %s, not %s' % (at or 'body', other, judge)]


def _of_maps(judge, other, at):
    out, names = [], dict.fromkeys(k.rstrip('?') for k in (*judge, *other))
    for name in names:
        where = '%s.%s' % (at, name) if at else name
        left = judge.get(name, judge.get(name + '?'))
        right = other.get(name, other.get(name + '?'))
        if right is None and name in judge:
            out.append('%s: missing' % where)
        elif left is None and right is not None:
            out.append('%s: not known to the judge (%s)' % (where, right))
        elif right is not None and left is not None:
            if name + '?' in other and name in judge:
                out.append('%s: missing in some elements' % where)
            out += differences(left, right, where)
    return out


def _of_lists(judge, other, at):
    if all(isinstance(x, str) and x.startswith('=') for x in judge + other) and judge:
        return [] if set(other) <= set(judge) and other else [
            '%s: %s, not one of %s' % (at, ' '.join(other) or 'none', ' '.join(judge))]
    if bool(judge) != bool(other):
        return ['%s: %s' % (at, 'an empty list' if judge else 'a list that should be empty')]
    return differences(judge[0], other[0], at + '[]') if judge else []
