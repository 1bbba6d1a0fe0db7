#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How the command line finds the two clouds: clouds.yaml and secure.yaml in all their forms, the
OS_* variables, and which entry is the other site's."""
import json
import os
import sys

import cli
import daemons
from cli import DESCRIPTION, GROUP, Case

sys.path.insert(0, os.path.join(daemons.SOURCE, 'tests/daemons'))
import test_tls  # noqa: E402

UPDATE = ('protection-group', 'update', GROUP, '--description')


class Clouds(Case):
    """What an entry may look like; a command that reads the local site tells whether it was
    understood."""

    def entry(self, letter='a', user='prod-user', project='prod', **more):
        """An entry as protector-sim writes it; None takes something away."""
        auth = {'auth_url': self.world.sim.keystone(letter) + '/v3', 'username': user,
                'password': 'lab', 'project_name': project, 'user_domain_name': 'Default',
                'project_domain_name': 'Default'}
        auth.update(more.pop('auth', {}))
        entry = {'auth': auth, 'region_name': 'Region' + letter.upper()}
        entry.update(more)
        entry['auth'] = {k: v for k, v in auth.items() if v is not None}
        return {k: v for k, v in entry.items() if v is not None}

    def write(self, name, clouds):
        """JSON is YAML."""
        os.makedirs(os.path.dirname(self.folder(name)), exist_ok=True)
        return self.folder.write(name, json.dumps({'clouds': clouds}))

    def reads(self, entry, *words, code=0, **env):
        """`site list` with this entry as the local cloud."""
        clouds = self.write('clouds.yaml', {'mine': entry})
        return self.ask('site', 'list', *words, code=code, **dict({
            'OS_CLIENT_CONFIG_FILE': clouds, 'OS_CLOUD': 'mine', 'OS_SECONDARY_CLOUD': None},
            **env))


class Entries(Clouds):
    def test_auth_url(self):
        keystone = self.world.sim.keystone()
        for url in (keystone, keystone + '/', keystone + '/v3', keystone + '/v3/'):
            self.reads(self.entry(auth={'auth_url': url}))
        said = self.reads(self.entry(auth={'auth_url': None}), code=1)
        self.says(said.err, "the entry 'mine' of clouds.yaml has no auth_url")

    def test_region(self):
        self.reads(self.entry(region_name=None))
        said = self.reads(self.entry(region_name='RegionQ'), code=1)
        self.says(said.err, "the catalog of cloud 'mine' has no public endpoint of type protector "
                  'in region RegionQ')
        self.reads(self.entry(region_name='RegionQ'), '--os-region-name', 'RegionA')

    def test_interface(self):
        for interface in ('public', 'internal', 'admin'):
            self.reads(self.entry(interface=interface))
            self.reads(self.entry(), '--os-interface', interface)
        said = self.reads(self.entry(interface='secret'), code=1)
        self.says(said.err, 'no secret endpoint of type protector')
        self.reads(self.entry(interface='secret'), '--os-interface', 'public')

    def test_ids_instead_of_names(self):
        cloud = self.world.sim.cloud('prod-a')
        self.reads(self.entry(auth={'username': None, 'user_id': cloud.user, 'project_name': None,
                                    'project_id': cloud.project}))
        self.reads(self.entry(auth={'user_domain_name': None, 'user_domain_id': 'default',
                                    'project_domain_name': None, 'project_domain_id': 'default'}))
        said = self.reads(self.entry(auth={'user_domain_name': 'Nosuch'}), code=4)
        self.says(said.err, 'refuses these credentials')

    def test_token(self):
        token = self.world.sim.cloud('prod-a').token
        self.reads(self.entry(auth={'username': None, 'password': None, 'token': token}))

    def test_numbers_are_text(self):
        """A password of digits, as it is written."""
        self.world.sim.set_password('prod-user', '0123')
        self.addCleanup(self.world.sim.set_password, 'prod-user', 'lab')
        self.ask('site', 'list', OS_CLIENT_CONFIG_FILE=self.clouds_with('0123'))

    def test_broken(self):
        clouds = self.folder.write('clouds.yaml', 'clouds:\n  mine:\n    auth: {a: 1, a: 2}\n')
        said = self.ask('site', 'list', OS_CLIENT_CONFIG_FILE=clouds, code=1)
        self.says(said.err, clouds + ':3: ')


class Tls(Clouds):
    """A Keystone whose certificate only one authority knows."""

    def setUp(self):
        super().setUp()
        self.front = test_tls.Front('keystone', self.world.sim.keystone(), self)
        self.addCleanup(self.front.server_close)
        self.addCleanup(self.front.shutdown)

    @staticmethod
    def rewrite(data):
        """The catalog stays as it is: Protector itself is reached without TLS."""
        return data

    def through(self, code=0, **more):
        return self.reads(self.entry(auth={'auth_url': self.front.url + '/v3'}, **more), code=code)

    def test_cacert(self):
        self.through(cacert=test_tls.CA)
        self.assertEqual(self.front.seen, ['POST /v3/auth/tokens'])

    def test_cacert_of_the_environment(self):
        for env, code in (({'OS_CACERT': test_tls.CA}, 0), ({}, 3)):
            said = self.ask('site', 'list', code=code, **dict({
                'OS_CLIENT_CONFIG_FILE': None, 'OS_CLOUD': None, 'OS_SECONDARY_CLOUD': None,
                'OS_AUTH_URL': self.front.url, 'OS_USERNAME': 'prod-user', 'OS_PASSWORD': 'lab',
                'OS_PROJECT_NAME': 'prod', 'OS_USER_DOMAIN_NAME': 'Default',
                'OS_PROJECT_DOMAIN_NAME': 'Default'}, **env))
        self.says(said.err, 'certificate')

    def test_verify(self):
        for no in (False, 'no', 'False'):
            self.through(verify=no)

    def test_without_the_authority(self):
        for more in ({}, {'verify': True}):
            said = self.through(3, **more)
            self.says(said.err, 'certificate', 'Action: check cacert')
        self.assertEqual(self.front.seen, [])

    def test_a_cacert_that_is_not_there(self):
        said = self.reads(self.entry(auth={'auth_url': self.front.url}, cacert='/nosuch/ca.pem'),
                          code=None)
        self.assertNotEqual(said.code, 0)
        self.says(said.err, '/nosuch/ca.pem')


class Files(Clouds):
    """Where they are looked for."""

    def test_secure_beside_a_named_file(self):
        self.write('secure.yaml', {'mine': {'auth': {'password': 'lab'}}})
        self.reads(self.entry(auth={'password': None}))
        self.write('secure.yaml', {'mine': {'auth': {'password': 'wrong'}}})
        self.reads(self.entry(), code=4)

    def test_secure_file_named(self):
        other = self.write('other/secret.yaml', {'mine': {'auth': {'password': 'lab'}}})
        self.write('secure.yaml', {'mine': {'auth': {'password': 'wrong'}}})
        self.reads(self.entry(auth={'password': None}), OS_CLIENT_SECURE_FILE=other)
        said = self.reads(self.entry(), code=1, OS_CLIENT_SECURE_FILE=self.folder('nosuch.yaml'))
        self.says(said.err, 'nosuch.yaml', 'No such file', 'Action: correct')

    def test_secure_of_the_usual_places(self):
        """Also for a file that is named, as openstacksdk does."""
        self.write('home/.config/openstack/secure.yaml', {'mine': {'auth': {'password': 'lab'}}})
        self.reads(self.entry(auth={'password': None}), HOME=self.folder('home'))

    def test_named_file_is_missing(self):
        nosuch = self.folder('nosuch.yaml')
        for words, env in (((), {'OS_CLIENT_CONFIG_FILE': nosuch}),
                           (('--os-client-config-file', nosuch), {})):
            said = self.ask('site', 'list', *words, code=1, **env)
            self.says(said.err, 'Error: cannot read the file of clouds', 'nosuch.yaml',
                      'Action: correct --os-client-config-file')

    def test_usual_places(self):
        """The working folder, then the home folder; the first that is there counts alone."""
        env = {'OS_CLIENT_CONFIG_FILE': None, 'OS_CLOUD': 'mine', 'OS_SECONDARY_CLOUD': None,
               'HOME': self.folder('home')}
        said = self.ask('site', 'list', code=1, **env)
        self.says(said.err, "clouds.yaml has no entry 'mine'")
        self.write('home/.config/openstack/clouds.yaml', {'mine': self.entry()})
        self.ask('site', 'list', **env)
        here = os.path.dirname(self.write('here/clouds.yaml', {'other': self.entry()}))
        self.ask('site', 'list', cwd=here, code=1, **env)
        self.ask('site', 'list', '--os-cloud', 'other', cwd=here, **env)

    def test_option_before_variable(self):
        clouds = self.write('clouds.yaml', {'mine': self.entry()})
        self.ask('site', 'list', '--os-client-config-file', clouds, '--os-cloud', 'mine',
                 OS_CLIENT_CONFIG_FILE=self.folder('nosuch.yaml'), OS_CLOUD='nosuch')

    def test_variables_alone(self):
        env = {'OS_CLIENT_CONFIG_FILE': None, 'OS_CLOUD': None, 'OS_SECONDARY_CLOUD': None}
        said = self.ask('site', 'list', code=1, **env)
        self.says(said.err, 'Error: no cloud is named\nAction: give --os-cloud')
        env.update(OS_AUTH_URL=self.world.sim.keystone(), OS_USERNAME='prod-user',
                   OS_PASSWORD='lab', OS_PROJECT_NAME='prod', OS_USER_DOMAIN_NAME='Default',
                   OS_PROJECT_DOMAIN_NAME='Default', OS_REGION_NAME='RegionA',
                   OS_INTERFACE='internal')
        self.ask('site', 'list', **env)
        said = self.ask('site', 'list', code=1, **dict(env, OS_REGION_NAME='RegionQ'))
        self.says(said.err, 'no internal endpoint of type protector in region RegionQ')

    def test_os_cloud_before_variables(self):
        self.ask('site', 'list', OS_AUTH_URL='http://%s:1' % self.folder.address)


class Peers(Clouds):
    """The other site's entry; it is found if the group's trust there is known."""

    def trusts(self, clouds, *words, **env):
        """Of both sites, as `protection-group show` tells; the local entry is 'here'."""
        path = self.write('clouds.yaml', dict(clouds, here=self.entry()))
        said = self.ask('protection-group', 'show', GROUP, '-f', 'json', '-c', 'trusts', *words,
                        **dict({'OS_CLIENT_CONFIG_FILE': path, 'OS_CLOUD': 'here',
                                'OS_SECONDARY_CLOUD': None}, **env))
        return json.loads(said.out)['trusts']

    FOUND = {'site-a': 'verified', 'site-b': 'verified'}
    LOST = {'site-a': 'verified', 'site-b': 'not asked'}

    def test_named_as_the_site(self):
        """It wins over one with the same address: that one could not log in."""
        wrong = self.entry('b', auth={'password': 'wrong'})
        self.assertEqual(self.trusts({'first': wrong, 'site-b': self.entry('b')}), self.FOUND)
        self.assertEqual(self.trusts({'first': self.entry('b'), 'site-b': wrong}), self.LOST)

    def test_by_address_and_region(self):
        keystone = self.world.sim.keystone('b')
        for url in (keystone, keystone + '/', keystone + '/v3/'):
            self.assertEqual(self.trusts({'x': self.entry('b', auth={'auth_url': url})}),
                             self.FOUND)
        self.assertEqual(self.trusts({'x': self.entry('b', region_name=None)}), self.FOUND)
        self.assertEqual(self.trusts({'x': self.entry('b', region_name='RegionQ')}), self.LOST)
        self.assertEqual(self.trusts({}), self.LOST)

    def test_named_by_the_user(self):
        clouds = {'x': self.entry('b'), 'site-b': self.entry('b', auth={'password': 'wrong'})}
        self.assertEqual(self.trusts(clouds), self.LOST)
        self.assertEqual(self.trusts(clouds, '--secondary-cloud', 'x'), self.FOUND)
        self.assertEqual(self.trusts(clouds, OS_SECONDARY_CLOUD='x'), self.FOUND)
        self.assertEqual(self.trusts(clouds, '--secondary-cloud', 'x',
                                     OS_SECONDARY_CLOUD='site-b'), self.FOUND)

    def test_a_change_says_what_is_missing(self):
        clouds = self.write('clouds.yaml', {'here': self.entry()})
        said = self.ask(*UPDATE, 'other', code=1, OS_CLIENT_CONFIG_FILE=clouds, OS_CLOUD='here',
                        OS_SECONDARY_CLOUD=None)
        self.says(said.err, "clouds.yaml has no entry for site 'site-b'", self.world.sim.keystone(
            'b'), "Action: add an entry named 'site-b', or name one: --secondary-cloud")
        self.unchanged()

    def test_of_another_project(self):
        """Refused, whichever way it was found, and nothing is asked of Protector there."""
        other = self.entry('b', user='protector', project='service')
        self.assertEqual(self.trusts({'site-b': other}), self.LOST)
        for env in ({'OS_SECONDARY_CLOUD': None}, {'OS_SECONDARY_CLOUD': 'x'}):
            clouds = self.write('clouds.yaml', {'here': self.entry(), 'x': other})
            said = self.ask(*UPDATE, 'other', code=1, OS_CLIENT_CONFIG_FILE=clouds,
                            OS_CLOUD='here', **env)
            self.says(said.err, "the entry 'x' is of project '", "the one that is mapped at that "
                      "site is '%s'" % self.world.project['b'],
                      'Action: name an entry of the mapped project: --secondary-cloud')
        self.unchanged()

    def unchanged(self):
        for at in 'ab':
            said = self.ask('protection-group', 'show', GROUP, '-f', 'value', '-c', 'description',
                            at=at)
            self.assertEqual(said.out, DESCRIPTION + '\n')


if __name__ == '__main__':
    cli.main()
