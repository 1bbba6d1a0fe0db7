#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""protector-manage: each of its commands, and what it makes of garbage."""
import json
import os
import re
import shutil
import sqlite3

import daemons
from daemons import Case


class Manage(Case):
    def good(self, site, *words):
        code, said = site.manage(*words)
        self.assertEqual(code, 0, said)
        return said

    def bad(self, site, *words):
        code, said = site.manage(*words)
        self.assertEqual(code, 1, said)
        return said

    def test_garbage(self):
        site = self.site()
        for words in ((), ('db',), ('db', 'drop'), ('db', 'sync', 'now'), ('config',),
                      ('keys', 'turn'), ('db', 'restore'), ('doctor', '--fast'), ('--verbose',),
                      ('sync', 'db'), ('orphans', 'release'), ('orphans', 'drop'),
                      ('orphans', 'release', 'op-1', 'op-2')):
            code, said = site.manage(*words)
            self.assertEqual(code, 2, said)
            self.says(said, 'usage: protector-manage', 'db version')
            if words:
                self.says(said, "there is no command '%s'" % ' '.join(words))
        self.assertFalse(os.path.exists(self.folder(site.name, 'protector.db')))
        self.assertEqual(os.listdir(site.state()), [])

    def test_database(self):
        site = self.site()
        self.assertEqual(self.good(site, 'db', 'version'), 'none\n')
        self.says(self.bad(site, 'db', 'check'), 'do: run protector-manage db sync')
        said = self.good(site, 'db', 'sync')
        self.assertRegex(said, r'database at version (\w+) \([1-9]\d* migrations run\)\n'
                         r'site [0-9a-f-]{36}, fingerprint \S+')
        version = said.split()[3]
        self.assertEqual(self.good(site, 'db', 'version'), version + '\n')
        self.says(self.good(site, 'db', 'check'), 'the database is as this version wants it')
        self.says(self.good(site, 'db', 'sync'), '(0 migrations run)')
        with sqlite3.connect(self.folder(site.name, 'protector.db')) as db:
            db.execute('DROP TABLE sync_log')
        db.close()
        self.says(self.bad(site, 'db', 'check'), 'sync_log')

    def incarnation(self, said):
        return int(re.search(r'incarnation (\d+)-[0-9a-f]{32}$', said.strip()).group(1))

    def marks(self, site):
        with open(os.path.join(site.state(), 'marks.json'), encoding='utf-8') as file:
            return json.load(file)

    def test_db_restored(self):
        """By the operator's word, by the marks, and with an empty database."""
        site = self.site()
        path = self.folder(site.name, 'protector.db')
        said = self.good(site, 'db', 'sync')
        name = re.search(r'site (\S+),', said).group(1)
        self.assertEqual(self.incarnation(said), 1)
        shutil.copy(path, path + '.old')
        said = self.good(site, 'db', 'restored')
        self.says(said, 'the database counts as restored: 0 protection groups recover')
        self.assertEqual(self.incarnation(said), 2)
        self.assertEqual(self.marks(site)['site'], name)
        self.assertTrue(self.marks(site)['incarnation'].startswith('2-'))
        shutil.copy(path + '.old', path)
        said = self.good(site, 'db', 'restored')  # it was noticed already: said once, not twice
        self.assertEqual(self.incarnation(said), 3)
        os.remove(path)
        said = self.good(site, 'db', 'sync')
        self.says(said, 'site %s,' % name)
        self.assertEqual(self.incarnation(said), 4)
        with open(os.path.join(site.state(), 'marks.json'), 'w', encoding='utf-8') as file:
            file.write('{}')
        self.says(self.bad(site, 'db', 'restored'), 'marks.json', 'usable', 'backup of the folder')

    def test_no_database(self):
        for dsn, words in ((None, 'connection'), ('sqlite:////nowhere/x.db', '/nowhere/x.db'),
                           ('mysql+pymysql://u:Pq7-secret@127.0.0.1:9/p', "Can't connect"),
                           ('oracle://x', 'oracle')):
            site = self.site(conf={'database': {'connection': dsn}})
            for command in (('db', 'sync'), ('db', 'version'), ('db', 'check'), ('orphans',),
                            ('keys', 'create')):
                said = self.bad(site, *command)
                self.says(said, words)
                self.assertNotIn('Pq7-secret', said)

    def test_config(self):
        site = self.site()
        self.assertEqual(self.good(site, 'config', 'check'), '0 warnings\n')
        sample = self.good(site, 'config', 'sample')
        self.says(sample, '[keystone_authtoken]', '#bind_port = 8788')
        site.change({'api': {'worker': 1}, 'DEFAULT': {'transport_url': 'rabbit://x'},
                     'storage': {'mock_xyz': 1}})
        self.says(self.good(site, 'config', 'check'), "unknown option 'worker'",
                  'transport_url is accepted', "unknown option 'mock_xyz'", '3 warnings')
        site.change({'storage': {'driver': 'pure'}})
        self.says(self.good(site, 'config', 'check'), '[storage] driver:', 'mock')
        site.change({'keystone_authtoken': {'password': None}})
        self.says(self.bad(site, 'config', 'check'), 'lack a password')
        site.change({'api': {'workers': '0'}})
        self.says(self.bad(site, 'config', 'check'), '%s: [api] workers' % site.line_of('workers'),
                  'from 1 to')

    def test_policy(self):
        site = self.site()
        self.says(self.good(site, 'policy', 'check'), daemons.MANUAL_POLICY + ': 0 warnings')
        sample = self.good(site, 'policy', 'sample')
        self.says(sample, '"protector:sites:create"', '#')
        path = self.folder.write('policy.yaml', sample)
        site.change({'oslo_policy': {'policy_file': path}})
        self.says(self.good(site, 'policy', 'check'), '0 warnings')
        for text, words in (('"a": "http://x/y"\n', 'http:'), ('- 1\n', path), ('"a": "b\n', path)):
            self.folder.write('policy.yaml', text)
            self.says(self.bad(site, 'policy', 'check'), words)
        self.folder.write('policy.yaml', '"protector:sites:creat": "@"\n')
        self.says(self.good(site, 'policy', 'check'), 'protector:sites:creat', '1 warnings')
        os.remove(path)
        self.says(self.bad(site, 'policy', 'check'), path, 'No such file')

    def test_orphans(self):
        site = self.site().synced()
        self.assertEqual(self.good(site, 'orphans'), '0 objects\n')
        self.says(self.bad(site, 'orphans', 'release', 'op-nobody'), 'op-nobody does not exist')

    def test_doctor(self):
        site = self.site()
        said = self.bad(site, 'doctor')
        self.says(said, '-- configuration\n0 warnings', '-- database\nWRONG: ', '-- keys\nWRONG: ',
                  'do: run protector-manage db sync', 'state_path and log_dir can be written')
        site.synced()
        said = self.good(site, 'doctor')
        self.assertNotIn('WRONG', said)
        self.says(said, '-- policy\n', 'the database is as this version wants it', 'fingerprint ',
                  '-- orphans\n0 objects')
        site.change({'DEFAULT': {'log_dir': self.folder('nowhere')},
                     'keystone_authtoken': {'cafile': '/nowhere.pem'}})
        said = self.bad(site, 'doctor')
        self.says(said, '/nowhere.pem', self.folder('nowhere'), 'the database is as this version')
        self.assertEqual(said.count('WRONG'), 2, said)

    def test_writes_no_log(self):
        site = self.site().synced()
        self.assertEqual(os.listdir(self.folder(site.name, 'log')), [])


if __name__ == '__main__':
    daemons.main()
