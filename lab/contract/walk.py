#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Walks two clouds through what a disaster recovery does, over raw HTTP, and checks the outcome.

  walk.py                          only checks
  walk.py --samples DIR            keeps every exchange, whole, as DIR/<service>/<name>.json
  walk.py --samples DIR --only 'cinder/manage*'      only those
  walk.py --record FILE            keeps the shape of every exchange, for compare.py
  walk.py --volumes-a DIR --volumes-b DIR
                                   where the clouds' Cinders keep volumes as files (the lab's, by
                                   default); a replica is a copy of a file from the one to the other

The clouds are the entries site-a, prod-a, protector-a, prod-b, site-b of clouds.yaml, see
../cloud.py: the lab's or the simulator's.  Exit code 1 when a step did not give the expected status
or state.  A section that cannot go on ends there; the others still run.
Neighbours: exchanges.py makes, checks and keeps each exchange.
"""
import argparse
import base64
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import cloud as openstack  # noqa: E402
from exchanges import LOG, Cloud, Stop, call  # noqa: E402

NV, CV = '2.93', '3.70'
ZERO = '00000000-0000-0000-0000-000000000000'


def other_tenant(adm):
    """A tenant who must see nothing of the first one: (user, ids to take away again)."""
    r = adm('keystone/project-create', 'POST', 'keystone:/projects', {
        'project': {'name': 'walk-other', 'domain_id': 'default'}}, want=201)
    project = r.body['project']['id']
    r = adm('keystone/user-create', 'POST', 'keystone:/users', {'user': {
        'name': 'walk-other', 'domain_id': 'default', 'password': 'walk'}}, want=201)
    user = r.body['user']['id']
    roles = adm('keystone/roles-by-name', 'GET', 'keystone:/roles?name=member', want=200)
    role = roles.body['roles'][0]['id']
    grant = 'keystone:/projects/%s/users/%s/roles/%s' % (project, user, role)
    adm('keystone/role-grant', 'PUT', grant, want=204)
    adm('keystone/role-check', 'HEAD', grant, want=204)
    r = call(None, 'POST', adm.url + '/auth/tokens', want=201,
             body=openstack.password_auth('walk-other', 'walk', 'walk-other'))
    return Cloud.from_response(adm.url, r), user, project


def keystone(adm, prod, prot):
    root = prod.url.rsplit('/v3', 1)[0]
    call('keystone/versions', 'GET', root + '/', want=300)
    call('keystone/version-v3', 'GET', root + '/v3', want=200)
    prod('keystone/catalog', 'GET', 'keystone:/auth/catalog', want=200)
    unscoped = {'auth': {'identity': prod.body['auth']['identity']}}
    r = call('keystone/token-unscoped', 'POST', prod.url + '/auth/tokens',
             body=unscoped, want=201)
    call('keystone/auth-projects', 'GET', prod.url + '/auth/projects',
         openstack.header(r, 'X-Subject-Token'), want=200)
    prod('keystone/token-validate', 'GET', 'keystone:/auth/tokens',
         want=200, headers={'X-Subject-Token': prod.token})
    prod('keystone/token-validate-404', 'GET', 'keystone:/auth/tokens',
         want=404, headers={'X-Subject-Token': 'gAAAAABnotatoken'})
    bad = json.loads(json.dumps(prod.body))
    bad['auth']['identity']['password']['user']['password'] = 'wrong'
    call('keystone/token-401', 'POST', prod.url + '/auth/tokens', body=bad,
         want=401)
    bad = json.loads(json.dumps(prod.body))
    bad['auth']['scope']['project']['name'] = 'service'
    call('keystone/token-401-no-role-on-project', 'POST',
         prod.url + '/auth/tokens', body=bad, want=401)
    call('keystone/token-400', 'POST', prod.url + '/auth/tokens',
         body={'auth': {}}, want=400)
    call('keystone/projects-401', 'GET', prod.url + '/projects', want=401)
    prod('keystone/users-403', 'GET', 'keystone:/users', want=403)
    adm('keystone/user-404', 'GET', 'keystone:/users/' + '0' * 32, want=404)
    adm('keystone/project-409', 'POST', 'keystone:/projects',
        {'project': {'name': 'prod', 'domain_id': 'default'}}, want=409)
    call('keystone/too-large-413', 'POST', prod.url + '/auth/tokens',
         raw='x' * 120000, want=413,
         headers={'Content-Type': 'application/json'})
    adm('keystone/users', 'GET', 'keystone:/users', want=200)
    adm('keystone/projects', 'GET', 'keystone:/projects', want=200)
    adm('keystone/roles', 'GET', 'keystone:/roles', want=200)
    adm('keystone/services', 'GET', 'keystone:/services', want=200)
    adm('keystone/endpoints', 'GET', 'keystone:/endpoints', want=200)
    adm('keystone/regions', 'GET', 'keystone:/regions', want=200)

    # a trust, made by the tenant's user for the protector
    r = prod('keystone/trust-create', 'POST', 'keystone:/OS-TRUST/trusts',
             {'trust': {'trustor_user_id': prod.user,
                        'trustee_user_id': prot.user,
                        'project_id': prod.project, 'impersonation': True,
                        'roles': [{'name': 'member'}],
                        'allow_redelegation': False,
                        'expires_at': None}}, want=201)
    trust = r.body['trust']['id']
    prod('keystone/trust-show', 'GET', 'keystone:/OS-TRUST/trusts/' + trust,
         want=200)
    prod('keystone/trust-list', 'GET',
         'keystone:/OS-TRUST/trusts?trustor_user_id=' + prod.user, want=200)
    body = {'auth': {'identity': prot.body['auth']['identity'],
                     'scope': {'OS-TRUST:trust': {'id': trust}}}}
    r = call('keystone/token-trust-scoped', 'POST',
             prot.url + '/auth/tokens', body=body, want=201)
    t = Cloud.from_response(prot.url, r)
    t('keystone/trust-token-nova', 'GET', 'nova:/servers', want=200)
    t('keystone/trust-token-nova-keypairs', 'GET', 'nova:/os-keypairs',
      want=200)
    t('keystone/trust-token-cinder', 'GET', 'cinder:/volumes', want=200)
    t('keystone/trust-token-neutron', 'GET', 'neutron:/ports', want=200)
    r = t(None, 'POST', 'cinder:/volumes', {'volume': {
        'size': 1, 'name': 'by-trust', 'volume_type': 'plain'}}, want=202)
    vid = r.body['volume']['id']
    t.until('cinder:/volumes/' + vid, 'volume', 'available')
    t(None, 'DELETE', 'cinder:/volumes/' + vid, want=202)
    t('keystone/trust-token-trust-create-403', 'POST',
      'keystone:/OS-TRUST/trusts',
      {'trust': {'trustor_user_id': prod.user, 'trustee_user_id': prot.user,
                 'project_id': prod.project, 'impersonation': True,
                 'roles': [{'name': 'member'}]}}, want=403)
    other, other_user, other_project = other_tenant(adm)
    other('keystone/trust-show-403-by-other', 'GET', 'keystone:/OS-TRUST/trusts/' + trust,
          want=403)
    other('keystone/trust-delete-403-by-other', 'DELETE', 'keystone:/OS-TRUST/trusts/' + trust,
          want=403)
    adm('keystone/user-delete', 'DELETE', 'keystone:/users/' + other_user, want=204)
    adm('keystone/project-delete', 'DELETE', 'keystone:/projects/' + other_project, want=204)
    # (a role that the trustor does not hold: 404, not 403)
    prod('keystone/trust-404-role-not-held', 'POST',
         'keystone:/OS-TRUST/trusts',
         {'trust': {'trustor_user_id': prod.user,
                    'trustee_user_id': prot.user,
                    'project_id': prod.project, 'impersonation': True,
                    'roles': [{'name': 'admin'}]}}, want=404)
    prod('keystone/trust-delete', 'DELETE',
         'keystone:/OS-TRUST/trusts/' + trust, want=204)
    call('keystone/token-trust-gone', 'POST', prot.url + '/auth/tokens',
         body=body, want=(401, 403, 404))
    t('keystone/trust-token-after-delete-nova', 'GET', 'nova:/servers')
    prod('keystone/trust-404', 'GET', 'keystone:/OS-TRUST/trusts/' + trust,
         want=404)
    # the trustee may end it too, for the service user is an admin
    r = prod(None, 'POST', 'keystone:/OS-TRUST/trusts', {'trust': {
        'trustor_user_id': prod.user, 'trustee_user_id': prot.user, 'project_id': prod.project,
        'impersonation': True, 'roles': [{'name': 'member'}]}}, want=201)
    prot('keystone/trust-delete-by-admin', 'DELETE',
         'keystone:/OS-TRUST/trusts/' + r.body['trust']['id'], want=204)
    # an application credential, the other way to lend rights
    r = prod('keystone/application-credential-create', 'POST',
             'keystone:/users/%s/application_credentials' % prod.user,
             {'application_credential': {'name': 'dr', 'roles': [
                 {'name': 'member'}]}}, want=201)
    ac = r.body['application_credential']
    call('keystone/token-application-credential', 'POST',
         prod.url + '/auth/tokens', body={'auth': {'identity': {
             'methods': ['application_credential'],
             'application_credential': {'id': ac['id'],
                                        'secret': ac['secret']}}}}, want=201)
    prod('keystone/application-credential-delete', 'DELETE',
         'keystone:/users/%s/application_credentials/%s' % (
             prod.user, ac['id']), want=204)


def nova(adm, prod):
    root = prod.nova.rsplit('/v2.1', 1)[0]
    call('nova/versions', 'GET', root + '/', want=200)
    call('nova/version-v2.1', 'GET', prod.nova + '/', prod.token, want=200)
    prod('nova/servers', 'GET', 'nova:/servers', want=200)
    r = prod('nova/servers-detail', 'GET', 'nova:/servers/detail', want=200)
    servers = {s['name']: s for s in r.body['servers']}
    prod('nova/servers-detail-mv', 'GET', 'nova:/servers/detail', want=200,
         mv=NV)
    for n in ('web-1', 'db-1'):
        i = servers[n]['id']
        prod('nova/server-show-%s' % n, 'GET', 'nova:/servers/' + i, want=200)
        prod('nova/server-show-%s-mv' % n, 'GET', 'nova:/servers/' + i,
             want=200, mv=NV)
        adm('nova/server-show-%s-admin-mv' % n, 'GET', 'nova:/servers/' + i,
            want=200, mv=NV)
    i = servers['web-1']['id']
    for p in ('os-volume_attachments', 'os-interface', 'os-security-groups',
              'os-instance-actions', 'metadata', 'tags', 'ips'):
        prod('nova/server-' + p, 'GET', 'nova:/servers/%s/%s' % (i, p),
             want=200, mv=NV if p in ('tags', 'os-instance-actions') else
             None)
        if p == 'os-volume_attachments':
            prod('nova/server-%s-mv' % p, 'GET', 'nova:/servers/%s/%s' % (
                i, p), want=200, mv=NV)
    for p in ('flavors/detail', 'os-keypairs', 'os-keypairs/lab-key',
              'limits', 'os-availability-zone', 'os-server-groups',
              'extensions'):
        prod('nova/' + p.replace('/', '-'), 'GET', 'nova:/' + p, want=200)
    prod('nova/flavors-detail-mv', 'GET', 'nova:/flavors/detail', want=200,
         mv=NV)
    prod('nova/os-keypairs-mv', 'GET', 'nova:/os-keypairs/lab-key', want=200,
         mv=NV)
    adm('nova/os-services', 'GET', 'nova:/os-services', want=200)
    adm('nova/os-hypervisors-detail', 'GET', 'nova:/os-hypervisors/detail',
        want=200)
    prod('nova/quota-set', 'GET', 'nova:/os-quota-sets/' + prod.project,
         want=200)
    # errors
    call('nova/servers-401', 'GET', prod.nova + '/servers', want=401)
    call('nova/servers-401-bad-token', 'GET', prod.nova + '/servers',
         'gAAAAABnotatoken', want=401)
    prod('nova/os-services-403', 'GET', 'nova:/os-services', want=403)
    prod('nova/server-404', 'GET',
         'nova:/servers/' + ZERO, want=404)
    prod('nova/server-start-409', 'POST', 'nova:/servers/%s/action' % i,
         {'os-start': None}, want=409)
    prod('nova/keypair-409', 'POST', 'nova:/os-keypairs', {'keypair': {
        'name': 'lab-key'}}, want=409)
    prod('nova/server-create-400', 'POST', 'nova:/servers',
         {'server': {'name': 'x'}}, want=400)
    prod('nova/too-large-413', 'POST', 'nova:/servers', want=413,
         raw='x' * 120000, headers={'Content-Type': 'application/json'})
    prod('nova/microversion-406', 'GET', 'nova:/servers', want=406,
         mv='2.999')
    adm(None, 'PUT', 'nova:/os-quota-sets/' + prod.project,
        {'quota_set': {'instances': 2}}, want=200)
    fl = prod(None, 'GET', 'nova:/flavors').body['flavors'][0]['id']
    net = prod(None, 'GET', 'neutron:/networks?name=net-app').body[
        'networks'][0]['id']
    img = prod(None, 'GET', 'glance:/images?name=tiny').body['images'][0]['id']
    prod('nova/over-quota-403', 'POST', 'nova:/servers', {'server': {
        'name': 'over', 'flavorRef': fl, 'imageRef': img,
        'networks': [{'uuid': net}]}}, want=403)
    adm(None, 'PUT', 'nova:/os-quota-sets/' + prod.project,
        {'quota_set': {'instances': -1}}, want=200)
    adm('nova/quota-set-put', 'PUT', 'nova:/os-quota-sets/' + prod.project,
        {'quota_set': {'instances': -1}}, want=200)
    # stop, start
    prod('nova/server-stop', 'POST', 'nova:/servers/%s/action' % i,
         {'os-stop': None}, want=202)
    prod.until('nova:/servers/' + i, 'server', 'shutoff')
    prod('nova/server-show-shutoff', 'GET', 'nova:/servers/' + i, want=200)
    prod('nova/server-stop-409', 'POST', 'nova:/servers/%s/action' % i,
         {'os-stop': None}, want=409)
    prod('nova/server-start', 'POST', 'nova:/servers/%s/action' % i,
         {'os-start': None}, want=202)
    prod.until('nova:/servers/' + i, 'server', 'active')
    # attach, detach
    r = prod('cinder/volume-create', 'POST', 'cinder:/volumes', {'volume': {
        'size': 1, 'name': 'extra', 'volume_type': 'replicated-ssd',
        'metadata': {'app': 'shop'}}}, want=202)
    v = r.body['volume']['id']
    prod.until('cinder:/volumes/' + v, 'volume', 'available')
    prod('nova/volume-attach', 'POST',
         'nova:/servers/%s/os-volume_attachments' % i,
         {'volumeAttachment': {'volumeId': v}}, want=200)
    prod.until('cinder:/volumes/' + v, 'volume', 'in-use')
    prod('nova/volume-attach-400-in-use', 'POST',
         'nova:/servers/%s/os-volume_attachments' % i,
         {'volumeAttachment': {'volumeId': v}}, want=(400, 409))
    prod('nova/volume-attachment-show', 'GET',
         'nova:/servers/%s/os-volume_attachments/%s' % (i, v), want=200)
    prod('nova/volume-attachment-show-mv', 'GET',
         'nova:/servers/%s/os-volume_attachments/%s' % (i, v), want=200,
         mv=NV)
    prod('cinder/volume-delete-400-in-use', 'DELETE', 'cinder:/volumes/' + v,
         want=400)
    r = prod('cinder/attachments', 'GET',
             'cinder:/attachments/detail?volume_id=' + v, want=200, mv=CV)
    att = r.body['attachments'][0]['id']
    prod('cinder/attachment-show', 'GET', 'cinder:/attachments/' + att,
         want=200, mv=CV)
    prod('cinder/attachment-delete-409-by-user', 'DELETE',
         'cinder:/attachments/' + att, want=409, mv=CV)
    prod('nova/volume-detach', 'DELETE',
         'nova:/servers/%s/os-volume_attachments/%s' % (i, v), want=202)
    prod.until('cinder:/volumes/' + v, 'volume', 'available')
    prod('nova/volume-detach-404', 'DELETE',
         'nova:/servers/%s/os-volume_attachments/%s' % (i, v), want=404)
    prod(None, 'DELETE', 'cinder:/volumes/' + v, want=202)
    # a port of our own with a fixed address, a server on it
    r = prod('neutron/port-create', 'POST', 'neutron:/ports', {'port': {
        'network_id': net, 'name': 'dr-port',
        'fixed_ips': [{'ip_address': '10.10.1.77'}]}}, want=201)
    port = r.body['port']['id']
    r = prod(None, 'POST', 'cinder:/volumes', {'volume': {
        'size': 1, 'name': 'root-tmp', 'volume_type': 'replicated-ssd',
        'imageRef': img}}, want=202)
    root = r.body['volume']['id']
    prod.until('cinder:/volumes/' + root, 'volume', 'available')
    body = {'server': {
        'name': 'tmp', 'flavorRef': fl, 'key_name': 'lab-key',
        'config_drive': True, 'metadata': {'app': 'shop'},
        'user_data': base64.b64encode(b'#cloud-config\n').decode(),
        'networks': [{'port': port}],
        'block_device_mapping_v2': [{
            'uuid': root, 'source_type': 'volume',
            'destination_type': 'volume', 'boot_index': 0,
            'delete_on_termination': False}]}}
    r = prod('nova/server-create', 'POST', 'nova:/servers', body, want=202)
    s = r.body['server']['id']
    prod('nova/server-show-building', 'GET', 'nova:/servers/' + s, want=200,
         mv=NV)
    # 404 while the scheduler has not placed it, 409 after that
    prod('nova/server-stop-while-building', 'POST',
         'nova:/servers/%s/action' % s, {'os-stop': None}, want=(404, 409))
    prod.until('nova:/servers/' + s, 'server', 'active')
    prod('nova/server-show-tmp', 'GET', 'nova:/servers/' + s, want=200,
         mv=NV)
    prod('neutron/port-show-bound', 'GET', 'neutron:/ports/' + port,
         want=200)
    adm('neutron/port-show-bound-admin', 'GET', 'neutron:/ports/' + port,
        want=200)
    prod('nova/server-create-409-port-in-use', 'POST', 'nova:/servers',
         {'server': {'name': 'tmp2', 'flavorRef': fl, 'imageRef': img,
                     'networks': [{'port': port}]}}, want=409)
    prod('nova/server-delete', 'DELETE', 'nova:/servers/' + s, want=204)
    prod.until('nova:/servers/' + s, 'server', 'gone')
    prod.until('cinder:/volumes/' + root, 'volume', 'available')
    prod('neutron/port-show-unbound', 'GET', 'neutron:/ports/' + port,
         want=200)
    prod('neutron/port-409-address-in-use', 'POST', 'neutron:/ports',
         {'port': {'network_id': net,
                   'fixed_ips': [{'ip_address': '10.10.1.77'}]}}, want=409)
    prod('neutron/port-delete', 'DELETE', 'neutron:/ports/' + port, want=204)
    prod(None, 'DELETE', 'cinder:/volumes/' + root, want=202)
    # no room: server goes to ERROR with a fault
    adm(None, 'POST', 'nova:/flavors', {'flavor': {
        'id': 'huge', 'name': 'huge', 'ram': 10 ** 7, 'vcpus': 900,
        'disk': 1}}, want=(200, 409))
    r = prod(None, 'POST', 'nova:/servers', {'server': {
        'name': 'huge', 'flavorRef': 'huge', 'imageRef': img,
        'networks': [{'uuid': net}]}}, want=202)
    s = r.body['server']['id']
    prod.until('nova:/servers/' + s, 'server', 'error', bad='never')
    prod('nova/server-show-error-no-valid-host', 'GET', 'nova:/servers/' + s,
         want=200)
    prod(None, 'DELETE', 'nova:/servers/' + s, want=204)
    prod.until('nova:/servers/' + s, 'server', 'gone', bad='never')
    adm(None, 'DELETE', 'nova:/flavors/huge', want=202)


def cinder(adm, prod):
    root = prod.cinder.rsplit('/v3', 1)[0]
    call('cinder/versions', 'GET', root + '/', want=300)
    call('cinder/version-v3-401', 'GET', root + '/v3/', want=401)
    call('cinder/version-v3', 'GET', root + '/v3/', prod.token, want=200)
    r = prod('cinder/volumes-detail', 'GET', 'cinder:/volumes/detail',
             want=200)
    vols = {v['name']: v for v in r.body['volumes']}
    prod('cinder/volumes-detail-mv', 'GET', 'cinder:/volumes/detail',
         want=200, mv=CV)
    for n in ('root-web-1', 'data-web-1'):
        p = 'cinder:/volumes/' + vols[n]['id']
        prod('cinder/volume-show-' + n, 'GET', p, want=200)
        prod('cinder/volume-show-%s-mv' % n, 'GET', p, want=200, mv=CV)
        adm('cinder/volume-show-%s-admin-mv' % n, 'GET', p, want=200, mv=CV)
    prod('cinder/types-tenant', 'GET', 'cinder:/types', want=200)
    r = adm('cinder/types-admin', 'GET', 'cinder:/types', want=200)
    prod('cinder/types-default', 'GET', 'cinder:/types/default', want=200)
    prod('cinder/group-types-tenant', 'GET', 'cinder:/group_types', want=200,
         mv=CV)
    r = adm('cinder/group-types-admin', 'GET', 'cinder:/group_types',
            want=200, mv=CV)
    gtype = [g['id'] for g in r.body['group_types']
             if g['name'] == 'consistent'][0]
    # 403 although the policy allows it: the database layer wants an admin
    prod('cinder/os-services-tenant-403', 'GET', 'cinder:/os-services',
         want=403)
    adm('cinder/os-services-admin-mv', 'GET', 'cinder:/os-services',
        want=200, mv=CV)
    adm('cinder/get-pools', 'GET',
        'cinder:/scheduler-stats/get_pools?detail=True', want=200)
    prod('cinder/limits', 'GET', 'cinder:/limits', want=200)
    adm('cinder/quota-set', 'GET', 'cinder:/os-quota-sets/%s?usage=True'
        % prod.project, want=200)
    # errors
    call('cinder/volumes-401', 'GET', prod.cinder + '/volumes', want=401)
    prod('cinder/get-pools-403', 'GET', 'cinder:/scheduler-stats/get_pools',
         want=403)
    prod('cinder/volume-404', 'GET', 'cinder:/volumes/' + ZERO, want=404)
    prod('cinder/type-404', 'POST', 'cinder:/volumes', {'volume': {
        'size': 1, 'volume_type': 'no-such-type'}}, want=(400, 404))
    prod('cinder/volume-create-400', 'POST', 'cinder:/volumes',
         {'volume': {'name': 'x'}}, want=400)
    adm('cinder/type-409', 'POST', 'cinder:/types', {'volume_type': {
        'name': 'replicated-ssd'}}, want=409)
    prod('cinder/microversion-406', 'GET', 'cinder:/volumes', want=406,
         mv='3.999')
    prod('cinder/too-large-413', 'POST', 'cinder:/volumes', want=413,
         raw='x' * 120000, headers={'Content-Type': 'application/json'})
    adm('cinder/quota-set-put', 'PUT', 'cinder:/os-quota-sets/'
        + prod.project, {'quota_set': {'volumes': 4}}, want=200)
    prod('cinder/over-quota-413', 'POST', 'cinder:/volumes', {'volume': {
        'size': 1, 'volume_type': 'plain'}}, want=413)
    adm(None, 'PUT', 'cinder:/os-quota-sets/' + prod.project,
        {'quota_set': {'volumes': -1, 'gigabytes': 10}}, want=200)
    prod('cinder/over-quota-413-gigabytes', 'POST', 'cinder:/volumes',
         {'volume': {'size': 50, 'volume_type': 'plain'}}, want=413)
    adm(None, 'PUT', 'cinder:/os-quota-sets/' + prod.project,
        {'quota_set': {'gigabytes': -1, 'snapshots': 0}}, want=200)
    prod('cinder/over-quota-413-snapshots', 'POST', 'cinder:/snapshots',
         {'snapshot': {'volume_id': vols['data-web-1']['id'],
                       'force': True}}, want=413)
    adm(None, 'PUT', 'cinder:/os-quota-sets/' + prod.project,
        {'quota_set': {'snapshots': -1}}, want=200)
    # group with the volumes of a server
    r = prod('cinder/group-create', 'POST', 'cinder:/groups', {'group': {
        'name': 'pg-shop', 'description': 'protection group',
        'group_type': gtype, 'volume_types': [
            vols['data-web-1']['volume_type']],
        'availability_zone': 'nova'}}, want=202, mv=CV)
    # volume_types wants names or ids; keep what the service answered
    g = r.body['group']['id']
    prod.until('cinder:/groups/' + g, 'group', 'available', mv=CV)
    ids = [vols['data-web-1']['id'], vols['data-db-1']['id']]
    prod('cinder/group-update-add-volumes', 'PUT', 'cinder:/groups/' + g,
         {'group': {'add_volumes': ','.join(ids)}}, want=202, mv=CV)
    prod.until('cinder:/groups/' + g, 'group', 'available', mv=CV)
    prod('cinder/group-show', 'GET',
         'cinder:/groups/%s?list_volume=True' % g, want=200, mv=CV)
    prod('cinder/groups-detail', 'GET', 'cinder:/groups/detail', want=200,
         mv=CV)
    prod('cinder/volume-show-in-group', 'GET', 'cinder:/volumes/' + ids[0],
         want=200, mv=CV)
    prod('cinder/group-create-below-microversion-404', 'POST',
         'cinder:/groups', {'group': {'name': 'x', 'group_type': gtype,
                                      'volume_types': ['plain']}}, want=404)
    prod('cinder/group-404', 'GET', 'cinder:/groups/' + ZERO, want=404,
         mv=CV)
    r = prod('cinder/group-snapshot-create', 'POST',
             'cinder:/group_snapshots', {'group_snapshot': {
                 'group_id': g, 'name': 'pg-shop-1'}}, want=202, mv=CV)
    gs = r.body['group_snapshot']['id']
    prod.until('cinder:/group_snapshots/' + gs, 'group_snapshot',
               'available', mv=CV)
    prod('cinder/group-snapshot-show', 'GET', 'cinder:/group_snapshots/' + gs,
         want=200, mv=CV)
    r = prod('cinder/group-snapshot-snapshots', 'GET',
             'cinder:/snapshots/detail', want=200, mv=CV)
    snaps = [s for s in r.body['snapshots']
             if s.get('group_snapshot_id') == gs]
    if len(snaps) != 2:
        LOG.fail('group snapshot has %d snapshots' % len(snaps))
    prod('cinder/volume-delete-400-in-group', 'DELETE',
         'cinder:/volumes/' + ids[0], want=400)
    r = prod('cinder/volume-from-snapshot', 'POST', 'cinder:/volumes',
             {'volume': {'snapshot_id': snaps[0]['id'],
                         'name': 'from-group-snapshot'}}, want=202)
    v = r.body['volume']['id']
    prod.until('cinder:/volumes/' + v, 'volume', 'available')
    prod('cinder/volume-show-from-snapshot', 'GET', 'cinder:/volumes/' + v,
         want=200)
    prod(None, 'DELETE', 'cinder:/volumes/' + v, want=202)
    r = prod('cinder/group-from-group-snapshot', 'POST',
             'cinder:/groups/action', {'create-from-src': {
                 'name': 'pg-shop-copy', 'group_snapshot_id': gs}}, want=202,
             mv=CV)
    if r.status == 202:
        g2 = r.body['group']['id']
        prod.until('cinder:/groups/' + g2, 'group', 'available', mv=CV)
        prod('cinder/group-show-from-src', 'GET',
             'cinder:/groups/%s?list_volume=True' % g2, want=200, mv=CV)
        prod('cinder/group-delete', 'POST', 'cinder:/groups/%s/action' % g2,
             {'delete': {'delete-volumes': True}}, want=202, mv=CV)
        prod.until('cinder:/groups/' + g2, 'group', 'gone', mv=CV)
    prod('cinder/group-snapshot-delete', 'DELETE',
         'cinder:/group_snapshots/' + gs, want=202, mv=CV)
    prod.until('cinder:/group_snapshots/' + gs, 'group_snapshot', 'gone',
               mv=CV)
    # a type of the group that no volume type of it allows
    r = prod(None, 'POST', 'cinder:/volumes', {'volume': {
        'size': 1, 'name': 'other', 'volume_type': 'plain'}}, want=202)
    v = r.body['volume']['id']
    prod.until('cinder:/volumes/' + v, 'volume', 'available')
    prod('cinder/group-add-volume-400-type', 'PUT', 'cinder:/groups/' + g,
         {'group': {'add_volumes': v}}, want=400, mv=CV)
    prod('cinder/group-update-remove-volumes', 'PUT', 'cinder:/groups/' + g,
         {'group': {'remove_volumes': ','.join(ids)}}, want=202, mv=CV)
    prod.until('cinder:/groups/' + g, 'group', 'available', mv=CV)
    prod(None, 'POST', 'cinder:/groups/%s/action' % g,
         {'delete': {'delete-volumes': False}}, want=202, mv=CV)
    prod.until('cinder:/groups/' + g, 'group', 'gone', mv=CV)
    # plain snapshot, forced on an attached volume
    prod('cinder/snapshot-create-400-in-use', 'POST', 'cinder:/snapshots',
         {'snapshot': {'volume_id': ids[0], 'name': 's'}}, want=400)
    r = prod('cinder/snapshot-create', 'POST', 'cinder:/snapshots',
             {'snapshot': {'volume_id': ids[0], 'name': 's',
                           'force': True}}, want=202)
    s = r.body['snapshot']['id']
    prod.until('cinder:/snapshots/' + s, 'snapshot', 'available')
    prod('cinder/snapshot-show', 'GET', 'cinder:/snapshots/' + s, want=200)
    prod('cinder/snapshot-delete', 'DELETE', 'cinder:/snapshots/' + s,
         want=202)
    prod.until('cinder:/snapshots/' + s, 'snapshot', 'gone')
    # extend, metadata
    prod('cinder/volume-extend', 'POST', 'cinder:/volumes/%s/action' % v,
         {'os-extend': {'new_size': 2}}, want=202)
    prod.until('cinder:/volumes/' + v, 'volume', 'available')
    prod('cinder/volume-metadata', 'POST', 'cinder:/volumes/%s/metadata' % v,
         {'metadata': {'dr:peer': 'x'}}, want=200)
    prod('cinder/volume-set-bootable', 'POST',
         'cinder:/volumes/%s/action' % v, {'os-set_bootable': {
             'bootable': True}}, want=200)
    prod('cinder/volume-set-image-metadata', 'POST',
         'cinder:/volumes/%s/action' % v, {'os-set_image_metadata': {
             'metadata': {'hw_disk_bus': 'virtio'}}}, want=200)
    prod('cinder/volume-reset-status-403', 'POST',
         'cinder:/volumes/%s/action' % v, {'os-reset_status': {
             'status': 'error'}}, want=403)
    # unmanage: the backend's volume stays
    prod('cinder/volume-unmanage', 'POST', 'cinder:/volumes/%s/action' % v,
         {'os-unmanage': {}}, want=202)
    prod.until('cinder:/volumes/' + v, 'volume', 'gone')
    path = '%s/volume-%s' % (LOG.options.volumes_a, v)
    if not os.path.exists(path):
        LOG.fail('unmanage took the file away')
    else:
        os.unlink(path)
    adm('cinder/volume-reset-status-admin', 'POST',
        'cinder:/volumes/%s/action' % ids[0], {'os-reset_status': {
            'status': 'in-use'}}, want=202)


def neutron(adm, prod):
    root = prod.ep['network']
    call('neutron/versions', 'GET', root + '/', want=200)
    prod('neutron/v2.0-404-no-slash', 'GET', 'neutron:', want=404)
    prod('neutron/v2.0', 'GET', 'neutron:/', want=200)
    for p in ('extensions', 'networks', 'subnets', 'ports', 'routers',
              'floatingips', 'security-groups', 'security-group-rules',
              'availability_zones'):
        prod('neutron/' + p, 'GET', 'neutron:/' + p, want=200)
    for p in ('networks', 'ports', 'agents'):
        adm('neutron/%s-admin' % p, 'GET', 'neutron:/' + p, want=200)
    prod('neutron/quota', 'GET', 'neutron:/quotas/' + prod.project, want=200)
    call('neutron/networks-401', 'GET', prod.neutron + '/networks', want=401)
    prod('neutron/network-create-403', 'POST', 'neutron:/networks',
         {'network': {'name': 'x', 'provider:network_type': 'vxlan'}},
         want=403)
    prod('neutron/network-404', 'GET',
         'neutron:/networks/' + ZERO, want=404)
    net = prod(None, 'GET', 'neutron:/networks?name=net-app').body[
        'networks'][0]['id']
    prod('neutron/network-delete-409', 'DELETE', 'neutron:/networks/' + net,
         want=409)
    prod('neutron/network-create-400', 'POST', 'neutron:/networks',
         {'network': {'nonsense': 1}}, want=400)
    adm('neutron/quota-put', 'PUT', 'neutron:/quotas/' + prod.project,
        {'quota': {'network': 1}}, want=200)
    prod('neutron/over-quota-409', 'POST', 'neutron:/networks',
         {'network': {'name': 'over'}}, want=409)
    adm('neutron/quota-delete', 'DELETE', 'neutron:/quotas/' + prod.project,
        want=204)
    # no limit of size in neutron's pipeline, so no 413: 400 for the JSON
    prod('neutron/not-json-400', 'POST', 'neutron:/networks',
         raw='x' * 120000, want=400,
         headers={'Content-Type': 'application/json'})
    r = prod('neutron/network-create', 'POST', 'neutron:/networks',
             {'network': {'name': 'tmp'}}, want=201)
    n = r.body['network']['id']
    prod('neutron/subnet-create', 'POST', 'neutron:/subnets', {'subnet': {
        'network_id': n, 'cidr': '10.99.0.0/24', 'ip_version': 4}}, want=201)
    prod('neutron/subnet-400-overlap', 'POST', 'neutron:/subnets',
         {'subnet': {'network_id': n, 'cidr': '10.99.0.0/25',
                     'ip_version': 4}}, want=400)
    prod('neutron/network-delete', 'DELETE', 'neutron:/networks/' + n,
         want=204)
    r = prod('neutron/security-group-create', 'POST',
             'neutron:/security-groups', {'security_group': {
                 'name': 'tmp'}}, want=201)
    g = r.body['security_group']['id']
    rule = {'security_group_rule': {
        'security_group_id': g, 'direction': 'ingress', 'protocol': 'tcp',
        'port_range_min': 80, 'port_range_max': 80, 'ethertype': 'IPv4'}}
    prod('neutron/security-group-rule-create', 'POST',
         'neutron:/security-group-rules', rule, want=201)
    prod('neutron/security-group-rule-409', 'POST',
         'neutron:/security-group-rules', rule, want=409)
    prod('neutron/security-group-delete', 'DELETE',
         'neutron:/security-groups/' + g, want=204)


def glance(adm, prod):
    root = prod.ep['image']
    call('glance/versions', 'GET', root + '/', want=300)
    r = prod('glance/images', 'GET', 'glance:/images', want=200)
    img = r.body['images'][0]['id']
    prod('glance/image-show', 'GET', 'glance:/images/' + img, want=200)
    call('glance/images-401', 'GET', prod.glance + '/images', want=401)
    prod('glance/image-404', 'GET',
         'glance:/images/' + ZERO, want=404)
    prod('glance/image-delete-403', 'DELETE', 'glance:/images/' + img,
         want=403)
    r = prod('glance/image-create', 'POST', 'glance:/images', {
        'name': 'tmp', 'disk_format': 'raw', 'container_format': 'bare',
        'os_distro': 'none'}, want=201)
    i = r.body['id']
    prod('glance/image-create-409', 'POST', 'glance:/images', {
        'id': i, 'name': 'tmp', 'disk_format': 'raw',
        'container_format': 'bare'}, want=409)
    prod('glance/image-upload', 'PUT', 'glance:/images/%s/file' % i,
         want=204, raw='x' * 1024,
         headers={'Content-Type': 'application/octet-stream'})
    prod('glance/image-upload-409-again', 'PUT', 'glance:/images/%s/file' % i,
         want=409, raw='x' * 1024,
         headers={'Content-Type': 'application/octet-stream'})
    prod('glance/image-show-active', 'GET', 'glance:/images/' + i, want=200)
    prod('glance/image-delete', 'DELETE', 'glance:/images/' + i, want=204)
    prod('glance/image-create-400', 'POST', 'glance:/images', {
        'name': 1}, want=400)
    prod('glance/not-json-400', 'POST', 'glance:/images', raw='x' * 120000,
         want=400, headers={'Content-Type': 'application/json'})
    prod('glance/image-413-properties', 'POST', 'glance:/images', dict(
        {'name': 'tmp', 'disk_format': 'raw', 'container_format': 'bare'},
        **{'p%03d' % n: 'x' for n in range(140)}), want=413)


def failover(a, b, badm):
    """The way of a disaster recovery: the replica's volumes are files in
    site-b's backend; they are managed there and a server is booted."""
    r = a(None, 'GET', 'cinder:/volumes/detail')
    vols = {v['name']: v for v in r.body['volumes']}
    refs = {}
    for n in ('root-db-1', 'data-db-1'):
        refs[n] = 'replica-' + vols[n]['id']
        src = '%s/volume-%s' % (LOG.options.volumes_a, vols[n]['id'])
        dst = '%s/%s' % (LOG.options.volumes_b, refs[n])
        subprocess.run(['cp', '--sparse=always', src, dst], check=True)
    r = badm('cinder/site-b-os-services-admin', 'GET',
             'cinder:/os-services?binary=cinder-volume', want=200)
    host = [s['host'] for s in r.body['services']][0] + '#lab'
    query = 'detail?host=' + host.replace('#', '%23')
    # the tenant may manage, but not list: the volume service's database
    # layer wants an admin, whatever the policy says
    b('cinder/manageable-volumes-tenant-403', 'GET',
      'cinder:/manageable_volumes/' + query, want=403, mv=CV)
    badm('cinder/manageable-volumes-admin', 'GET',
         'cinder:/manageable_volumes/' + query, want=200, mv=CV)
    badm('cinder/os-volume-manage-list-admin', 'GET',
         'cinder:/os-volume-manage/' + query, want=200)
    got = {}
    for n in refs:
        body = {'volume': {
            'host': host, 'ref': {'source-name': refs[n]}, 'name': n,
            'volume_type': 'replicated-ssd', 'bootable': n.startswith('root'),
            'availability_zone': 'nova', 'metadata': {'dr': 'failover'},
            'description': 'failed over'}}
        kind = n.split('-')[0]
        if kind == 'root':
            r = b('cinder/os-volume-manage-' + kind, 'POST',
                  'cinder:/os-volume-manage', body, want=202)
        else:
            body['volume']['cluster'] = None
            r = b('cinder/manageable-volumes-post-' + kind, 'POST',
                  'cinder:/manageable_volumes',
                  {'volume': {k: v for k, v in body['volume'].items()
                              if k != 'cluster'}}, want=202, mv=CV)
        got[n] = r.body['volume']['id']
        b.until('cinder:/volumes/' + got[n], 'volume', 'available')
        b('cinder/volume-show-managed-' + kind, 'GET',
          'cinder:/volumes/' + got[n], want=200, mv=CV)
    # a reference that is not there: accepted, then the volume is in error
    r = b('cinder/os-volume-manage-no-such-ref', 'POST',
          'cinder:/os-volume-manage', {'volume': {
              'host': host, 'ref': {'source-name': 'no-such'},
              'name': 'bad', 'volume_type': 'replicated-ssd'}}, want=202)
    if r.status == 202:
        bad = r.body['volume']['id']
        # ('error_managing' in the database, 'error' in the API)
        b.until('cinder:/volumes/' + bad, 'volume', 'error', bad='never')
        b('cinder/volume-show-error-managing', 'GET',
          'cinder:/volumes/' + bad, want=200)
        b('cinder/volume-error-managing-messages', 'GET',
          'cinder:/messages?resource_uuid=' + bad, want=200, mv=CV)
        b('cinder/volume-delete-error-managing', 'DELETE',
          'cinder:/volumes/' + bad, want=202)
        b.until('cinder:/volumes/' + bad, 'volume', 'gone', bad='never')
    b('cinder/os-volume-manage-400-host', 'POST', 'cinder:/os-volume-manage',
      {'volume': {'host': 'nowhere@x#y', 'ref': {'source-name': 'a'}}},
      want=(400, 404))
    b('cinder/os-volume-manage-400-no-host', 'POST',
      'cinder:/os-volume-manage', {'volume': {'ref': {'source-name': 'a'}}},
      want=400)
    fl = [f['id'] for f in b(None, 'GET', 'nova:/flavors').body['flavors']
          if f['name'] == 'm1.small'][0]
    net = b(None, 'GET', 'neutron:/networks?name=net-app').body[
        'networks'][0]['id']
    r = b('nova/site-b-server-create', 'POST', 'nova:/servers', {'server': {
        'name': 'db-1', 'flavorRef': fl, 'key_name': 'lab-key',
        'config_drive': True, 'metadata': {'app': 'shop'},
        'security_groups': [{'name': 'web'}], 'networks': [{'uuid': net}],
        'block_device_mapping_v2': [
            {'uuid': got['root-db-1'], 'source_type': 'volume',
             'destination_type': 'volume', 'boot_index': 0,
             'delete_on_termination': False},
            {'uuid': got['data-db-1'], 'source_type': 'volume',
             'destination_type': 'volume', 'boot_index': -1,
             'delete_on_termination': False}]}}, want=202)
    s = r.body['server']['id']
    b.until('nova:/servers/' + s, 'server', 'active')
    b('nova/site-b-server-show', 'GET', 'nova:/servers/' + s, want=200,
      mv=NV)
    for n in got:
        path = '%s/volume-%s' % (LOG.options.volumes_b, got[n])
        if not os.path.exists(path):
            LOG.fail('managed volume has no file ' + path)
    # delete everything again
    b(None, 'DELETE', 'nova:/servers/' + s, want=204)
    b.until('nova:/servers/' + s, 'server', 'gone')
    for n, v in got.items():
        b.until('cinder:/volumes/' + v, 'volume', 'available')
        b('cinder/volume-delete-managed', 'DELETE', 'cinder:/volumes/' + v,
          want=202)
        b.until('cinder:/volumes/' + v, 'volume', 'gone')
        if os.path.exists('%s/volume-%s' % (LOG.options.volumes_b, v)):
            LOG.fail('the file of %s is still there' % v)


def orchestrate(adm, prod):
    """What an orchestrator does beside: locks, marks, ports, lists of many."""
    r = prod(None, 'GET', 'nova:/servers/detail?name=db-1', want=200)
    i = r.body['servers'][0]['id']
    act = 'nova:/servers/%s/action' % i
    adm('nova/server-lock-admin', 'POST', act, {'lock': {'locked_reason': 'dr'}}, want=202, mv=NV)
    prod('nova/server-show-locked', 'GET', 'nova:/servers/' + i, want=200, mv=NV)
    prod('nova/server-stop-409-locked', 'POST', act, {'os-stop': None}, want=409)
    prod('nova/server-unlock-403-locked-by-admin', 'POST', act, {'unlock': None}, want=403)
    adm('nova/server-unlock-admin', 'POST', act, {'unlock': None}, want=202)
    prod('nova/server-metadata-post', 'POST', 'nova:/servers/%s/metadata' % i,
         {'metadata': {'protector:was': 'ACTIVE'}}, want=200)
    prod('nova/server-metadata-delete', 'DELETE',
         'nova:/servers/%s/metadata/protector:was' % i, want=204)
    prod('nova/server-metadata-404', 'GET', 'nova:/servers/%s/metadata/no-such' % i, want=404)
    adm('nova/servers-detail-all-projects', 'GET',
        'nova:/servers/detail?all_tenants=1&project_id=' + prod.project, want=200, mv=NV)
    prod('nova/servers-detail-limit', 'GET', 'nova:/servers/detail?limit=1', want=200)
    adm('nova/os-keypairs-of-user', 'GET', 'nova:/os-keypairs/lab-key?user_id=' + prod.user,
        want=200, mv=NV)
    r = prod('nova/os-server-groups-create', 'POST', 'nova:/os-server-groups', {
        'server_group': {'name': 'apart', 'policy': 'anti-affinity'}}, want=200, mv=NV)
    group = r.body['server_group']['id']
    prod('nova/os-server-groups-delete', 'DELETE', 'nova:/os-server-groups/' + group, want=204)
    net = prod(None, 'GET', 'neutron:/networks?name=net-app').body['networks'][0]['id']
    body = {'port': {'network_id': net, 'name': 'dr-mac', 'mac_address': 'fa:16:3e:00:00:77',
                     'device_owner': '', 'description': 'protector'}}
    r = prod('neutron/port-create-mac', 'POST', 'neutron:/ports', body, want=201)
    port = r.body['port']['id']
    prod('neutron/port-409-mac-in-use', 'POST', 'neutron:/ports', body, want=409)
    prod('neutron/port-list-by-name', 'GET', 'neutron:/ports?name=dr-mac', want=200)
    prod('neutron/port-put', 'PUT', 'neutron:/ports/' + port, {'port': {'name': 'dr-two'}},
         want=200)
    prod('neutron/port-delete-mac', 'DELETE', 'neutron:/ports/' + port, want=204)
    prod('neutron/port-404', 'GET', 'neutron:/ports/' + port, want=404)
    prod('cinder/volumes-by-metadata', 'GET',
         "cinder:/volumes/detail?metadata=%7B'app':'shop'%7D", want=200)
    # (the newest alone could be either of two that were made within a second)
    prod('cinder/volumes-detail-limit', 'GET',
         "cinder:/volumes/detail?limit=1&metadata=%7B'app':'shop'%7D", want=200)


def section(name, function, *args):
    try:
        function(*args)
    except (Stop, openstack.Failed) as e:
        LOG.fail('section %s ends early: %s' % (name, e))
    except (KeyError, IndexError, TypeError, AttributeError, OSError,
            subprocess.CalledProcessError) as e:
        LOG.fail('section %s ends early: %s: %s' % (name, type(e).__name__, e))


def walk():
    adm, prod = Cloud('site-a'), Cloud('prod-a', 'keystone/token-project')
    prot = Cloud('protector-a', 'keystone/token-protector')
    Cloud('site-a', 'keystone/token-admin')
    section('keystone', keystone, adm, prod, prot)
    section('nova', nova, adm, prod)
    section('cinder', cinder, adm, prod)
    section('neutron', neutron, adm, prod)
    section('glance', glance, adm, prod)
    section('placement', placement, adm)
    section('orchestrate', orchestrate, adm, prod)
    section('failover', failover, prod, Cloud('prod-b'), Cloud('site-b'))


def placement(adm):
    call('placement/versions', 'GET', adm.ep['placement'] + '/', want=200)
    call('placement/resource-providers', 'GET', adm.ep['placement'] + '/resource_providers',
         adm.token, want=200)


def options(argv):
    lab = os.environ.get('LAB_DIR', '/var/tmp/lab')
    p = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    p.add_argument('--samples')
    p.add_argument('--only', default='*')
    p.add_argument('--record')
    p.add_argument('--volumes-a', default=lab + '/site-a/volumes')
    p.add_argument('--volumes-b', default=lab + '/site-b/volumes')
    return p.parse_args(argv)


def main(argv):
    LOG.options = options(argv)
    section('start', walk)
    if LOG.options.record:
        with open(LOG.options.record, 'w', encoding='utf-8') as f:
            json.dump(LOG.records, f, indent=1, sort_keys=True)
            f.write('\n')
    print('\n%d exchanges, %d kept whole, %d failures' % (
        len(LOG.records), LOG.samples, len(LOG.failures)))
    for text in LOG.failures:
        print('  ' + text)
    return 1 if LOG.failures else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
