# SPDX-License-Identifier: Apache-2.0
"""What is done on a pair of sites (world.py), and what must be so afterwards: group "web" of the
servers web-1 and db-1, as the tenant's commands make, protect, fail over and delete it.
"""
import json
import time

from world import SERVERS, SITES, Wrong

# The simulated clouds' tables of what Protector makes.
MADE = ('servers', 'volumes', 'ports', 'groups', 'security_groups', 'snapshots', 'group_snapshots')
OURS = ('protector:key', 'protector pg-')
POINT_S = 60


def equal(what, found, wanted):
    if found != wanted:
        raise Wrong('%s: %r, not %r' % (what, found, wanted))


def find(dump, site, table, name):
    for row in dump[site].get(table, {}).values():
        if row.get('name') == name:
            return row
    raise Wrong('no %s in %s of %s' % (name, table, site))


# ---- commands ----

def register(w):
    dump = w.dump()
    for site, region, port in zip(SITES, ('RegionA', 'RegionB'), (0, 10)):
        w.client('site-a', 'site', 'create', '--name', site, '--region-name', region, '--auth-url',
                 'http://127.0.%d0.1:%d/v3' % (1 + SITES.index(site), w.base + port))
    w.client('site-a', 'tenant', 'mapping', 'create', '--remote-site', 'site-b',
             '--local-tenant', find(dump, 'site-a', 'projects', 'prod')['id'],
             '--remote-tenant', find(dump, 'site-b', 'projects', 'prod')['id'])


def group(w, verb, *words, cloud='prod-a', codes=(0,)):
    return w.client(cloud, 'protection-group', verb, *words, codes=codes)


def create(w, codes=(0,)):
    group(w, 'create', '--name', 'web', '--replication-type', 'async', '--primary-site', 'site-a',
          '--secondary-site', 'site-b', '--volume-type', 'replicated-ssd', '--wait', codes=codes)


def policy(w):
    group(w, 'policy-create', 'web', '--primary-fa-url', 'https://array-a.lab',
          '--primary-fa-token', 'T-a', '--secondary-fa-url', 'https://array-b.lab',
          '--secondary-fa-token', 'T-b', '--pure-pg-name', 'pg-web',
          '--replication-interval', '5', '--rpo-minutes', '15')


def member_add(w, name='web-1', codes=(0,)):
    group(w, 'member-add', 'web', '--instance-id', find(w.dump(), 'site-a', 'servers', name)['id'],
          codes=codes)


def member_remove(w):
    server = find(w.dump(), 'site-a', 'servers', 'db-1')['id']
    group(w, 'member-remove', 'web', '--member-id', server)


def delete(w):
    group(w, 'delete', 'web')


def failover(w, codes=(0,)):
    group(w, 'failover', 'web', '--unplanned', '--reason', 'the other site lost its power',
          '--network-mapping', 'net-app=net-app', cloud='prod-b', codes=codes)


def demote(w):
    group(w, 'sync-force', 'web', '--yes', cloud='prod-b')


def wait_point(w):
    """A recovery point made from now on is complete."""
    since, end = time.time() * 1000, time.monotonic() + POINT_S
    while w.one('site-a', 'SELECT last_replication_at FROM protection_groups') <= since:
        if time.monotonic() > end:
            raise Wrong('no recovery point comes')
        time.sleep(0.1)


def servers_are(w, site, wanted):
    """'active', 'stopped locked': within a moment."""
    end = time.monotonic() + 20
    while True:
        servers = [find(w.dump(), site, 'servers', name) for name in SERVERS]
        found = [s['vm_state'] + (' locked' if s.get('locked') else '') for s in servers]
        if found == [wanted] * len(found):
            return
        if time.monotonic() > end:
            raise Wrong('%s at %s are %s, not %s' % (', '.join(SERVERS), site, found, wanted))
        time.sleep(0.1)


# ---- what must be so, whatever happened ----

def keyed(w, site, dump, table):
    """How many objects of a table bear a key of ours: each in the ledger, none twice, none that it
    calls gone."""
    states = dict(w.rows(site, 'SELECT resource_key, state FROM dr_resources'))
    seen = set()
    for name, row in dump[site].get(table, {}).items():
        text = json.dumps(row)
        key = next((k for k in states if k in text), None)
        if key is None and not any(word in text for word in OURS):
            continue
        if key is None:
            raise Wrong('%s: %s %s is ours and in no ledger: %s' % (site, table, name, text))
        if states[key] == 'gone':
            raise Wrong('%s: %s %s is there, the ledger says gone' % (site, table, name))
        if key in seen:
            raise Wrong('%s: two %s under the key %s' % (site, table, key))
        seen.add(key)
    return len(seen)


def counts(w, site, dump=None):
    """The keyed objects of a site, as {table: number} of those that are there."""
    dump = dump or w.dump()
    found = {table: keyed(w, site, dump, table) for table in MADE}
    return {table: count for table, count in found.items() if count}


def ledger_holds(w, sites=SITES):
    """Besides keyed(): what the ledger calls made or intended, but for what arrays hold, is there
    or was handed over."""
    dump = w.dump()
    text = {site: json.dumps(dump[site]) for site in sites}
    for site in sites:
        counts(w, site, dump)
        for key, kind, cloud_id, state in w.rows(
                site, 'SELECT resource_key, kind, cloud_id, state FROM dr_resources'):
            if state == 'intent':
                raise Wrong('%s: the ledger still intends %s %s' % (site, kind, key))
            if state == 'made' and cloud_id and 'array' not in kind and cloud_id not in text[site]:
                raise Wrong('%s: the ledger holds %s %s, which is not there' % (site, kind, key))


def positions_equal(w):
    a, b = (w.rows(site, 'SELECT id, epoch, version, position FROM protection_groups ORDER BY id')
            for site in SITES)
    equal('the positions of both sites', a, b)


# ---- what must have come of a command ----

def groups(w):
    dump = w.dump()
    return [len(dump[site].get('groups', {})) for site in SITES]


def created(w):
    equal('the group at both sites', [w.rows(s, 'SELECT status, role FROM protection_groups')
                                      for s in SITES],
          [[('active', 'ACTIVE')], [('active', 'STANDBY')]])
    equal('Cinder groups', groups(w), [1, 1])
    positions_equal(w)


def policy_there(w):
    created(w)
    equal('policies', [w.one(s, 'SELECT COUNT(*) FROM replication_policies') for s in SITES],
          [1, 1])


def member_added(w):
    created(w)
    equal('members', [w.one(s, 'SELECT COUNT(*) FROM pg_members') for s in SITES], [1, 1])
    equal('volumes in the Cinder group', volumes_in_group(w), 2)


def volumes_in_group(w):
    return sum(bool(v.get('group_id')) for v in w.dump()['site-a']['volumes'].values())


def failed_over(w):
    servers_are(w, 'site-b', 'active')
    dump = w.dump()
    equal('all at site-b', [len(dump['site-b'][t]) for t in ('servers', 'volumes')], [2, 4])
    found = counts(w, 'site-b', dump)
    equal('made at site-b', {t: found.get(t) for t in ('servers', 'volumes', 'ports')},
          {'servers': 2, 'volumes': 4, 'ports': 2})
    equal('the group at site-b', w.rows('site-b', 'SELECT status, role, failover_count FROM'
                                        ' protection_groups'), [('failed_over', 'ACTIVE', 1)])


def array_copies_are(w, count):
    """Copies at the (mock) arrays: so many, and none twice."""
    copies = w.array_rows('SELECT subject, key FROM copies')
    equal('copies at the arrays', [len(copies), len(set(s for s, _ in copies))], [count, count])


def demoted(w):
    servers_are(w, 'site-a', 'stopped locked')
    failed_over(w)
    positions_equal(w)


def deleted(w):
    equal('roles', [w.rows(s, 'SELECT role FROM protection_groups') for s in SITES],
          [[('TOMBSTONE',)]] * 2)
    equal('Cinder groups', groups(w), [0, 0])
    servers_are(w, 'site-a', 'active')
    equal('volumes at site-a', len(w.dump()['site-a']['volumes']), 4)
    equal('made', [counts(w, s) for s in SITES], [{}, {}])
    positions_equal(w)
