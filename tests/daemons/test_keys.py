#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The keys of a site: who makes them, whose they are, and what happens where they are missing or
are others'."""
import os
import shutil
import sqlite3
import unittest

import daemons
from daemons import Case

KEYS = ('encryption.key', 'site.keys')
PROGRAMS = (('api', ()), ('engine', ()), ('manage', ('keys', 'create')))
root_only = unittest.skipUnless(os.geteuid() == 0, 'not root')


class Keys(Case):
    def refused_by_all(self, site, *words):
        """Each program ends with exit code 1 and says so, and leaves the folder as it is."""
        before = sorted(os.listdir(site.state()))
        for name, more in PROGRAMS:
            code, said = daemons.run(site.words(name) + list(more))
            self.assertEqual(code, 1, said)
            self.says(said, *words)
        self.assertEqual(sorted(os.listdir(site.state())), before)

    def test_made_once(self):
        site = self.site().synced()
        kept = {}
        for name in KEYS:
            with open(site.state(name), 'rb') as f:
                kept[name] = f.read()
        for name in KEYS:
            self.assertEqual(os.stat(site.state(name)).st_mode & 0o7777, 0o600)
        site.synced()
        self.assertEqual(site.manage('keys', 'create')[0], 0)
        for name in KEYS:
            with open(site.state(name), 'rb') as f:
                self.assertEqual(f.read(), kept[name])

    @root_only
    def test_root_makes_them_for_the_owner(self):
        site = self.site()
        os.chown(site.state(), 64123, 64124)
        site.synced()
        for name in os.listdir(site.state()):
            st = os.stat(site.state(name))
            self.assertEqual((st.st_uid, st.st_gid), (64123, 64124), name)
            if name in KEYS:
                self.assertEqual(st.st_mode & 0o7777, 0o600, name)

    def forgotten(self):
        """A site with tables and without an identity."""
        site = self.site().synced()
        for name in KEYS:
            os.remove(site.state(name))
        with sqlite3.connect(self.folder(site.name, 'protector.db')) as db:
            db.execute('DELETE FROM local_site')
        db.close()
        return site

    def test_first_starts_at_once(self):
        """Whoever comes first makes the identity; the others have the same."""
        crowd = 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do "$@" & done; wait'
        for _ in range(8):
            site = self.forgotten()
            _, said = daemons.run(['sh', '-c', crowd, 'sh', *site.words('manage'), 'keys',
                                   'create'])
            lines = [line for line in said.splitlines() if not line.startswith('database at')]
            self.assertEqual((len(lines), len(set(lines))), (12, 1), said)
            self.says(lines[0], 'fingerprint')

    def test_first_start_makes_them(self):
        site = self.forgotten()
        api, engine = site.start('api', ready=False), site.start('engine', ready=False)
        api.says('listening on')
        engine.says('running as')
        for name in KEYS:
            self.assertEqual(os.stat(site.state(name)).st_mode & 0o7777, 0o600)

    def test_keys_create_makes_no_tables(self):
        site = self.site()
        code, said = site.manage('keys', 'create')
        self.assertEqual(code, 1, said)
        self.says(said, 'run protector-manage db sync')
        self.assertEqual(os.listdir(site.state()), [])

    def test_second_controller(self):
        first = self.site().synced()
        second = daemons.Site(self, self.folder, 'second').change(
            {'database': {'connection': 'sqlite:///' + self.folder('site-a', 'protector.db')}})
        self.refused_by_all(second, "there is no file '%s'" % second.state('encryption.key'),
                            "copy 'encryption.key' from another controller of this site")
        shutil.copy(first.state('encryption.key'), second.state('encryption.key'))
        self.refused_by_all(second, "there is no file '%s'" % second.state('site.keys'),
                            "copy 'site.keys' from another controller of this site")
        shutil.copy(first.state('site.keys'), second.state('site.keys'))
        second.start('engine')
        second.start('api')

    def test_keys_of_another_database(self):
        site = self.site().synced()
        other = daemons.Site(self, self.folder, 'other').synced()
        own = self.folder.make('own')
        for name in KEYS:
            shutil.copy(site.state(name), own)
        shutil.copy(other.state('encryption.key'), site.state('encryption.key'))
        self.refused_by_all(site, "the encryption key in '%s' does not fit this site's database"
                            % site.state(), 'copy encryption.key from a controller that has it')
        shutil.copy(os.path.join(own, 'encryption.key'), site.state('encryption.key'))
        shutil.copy(other.state('site.keys'), site.state('site.keys'))
        self.refused_by_all(site, "the keys in '%s'" % site.state(),
                            "are not those of this site's database", 'copy site.keys')
        shutil.copy(os.path.join(own, 'site.keys'), site.state('site.keys'))
        site.start('engine')

    def test_damaged(self):
        site = self.site().synced()
        for name in KEYS:
            with open(site.state(name), 'rb') as f:
                kept = f.read()
            with open(site.state(name), 'wb') as f:
                f.write(b'garbage\n')
            self.refused_by_all(site, site.state(name))
            with open(site.state(name), 'wb') as f:
                f.write(kept)
            os.chmod(site.state(name), 0o640)
            self.refused_by_all(site, site.state(name), 'mode 0640: others may read or change it')
            os.chmod(site.state(name), 0o600)
        site.start('engine')


if __name__ == '__main__':
    daemons.main()
