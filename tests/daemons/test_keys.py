#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The keys of a site: who makes them, whose they are, and what happens where they are missing or
are others'."""
import os
import re
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

    def print_of(self, said):
        """The fingerprint that a command printed last."""
        return re.search(r', fingerprint (\S+),', said.splitlines()[-1]).group(1)

    def rotate(self, site):
        code, said = site.manage('keys', 'rotate')
        self.assertEqual(code, 0, said)
        return said, self.print_of(said)

    def test_rotate(self):
        """Each call makes one more rotation, and says which keys are whose place now."""
        site = self.site().synced()
        before = self.print_of(site.manage('keys', 'create')[1])
        for number in (1, 2, 3):
            said, now = self.rotate(site)
            self.says(said, 'rotation %d of this site: %s is replaced by %s'
                      % (number, before, now), 'copy site.keys to the other controllers')
            self.assertNotEqual(before, now)
            before = now
        self.assertEqual(os.stat(site.state('site.keys')).st_mode & 0o7777, 0o600)
        self.assertEqual(self.print_of(site.manage('keys', 'create')[1]), before)
        site.start('engine')
        site.start('api')

    def test_rotate_needs_keys(self):
        site = self.site()
        code, said = site.manage('keys', 'rotate')
        self.assertEqual(code, 1, said)
        self.says(said, 'run protector-manage db sync')
        site.synced()
        os.remove(site.state('site.keys'))
        code, said = site.manage('keys', 'rotate')
        self.assertEqual(code, 1, said)
        self.says(said, "there is no file '%s'" % site.state('site.keys'))

    def test_rotations_at_once(self):
        """Two operators: the rotations follow each other, and all that is there fits together."""
        site = self.site().synced()
        crowd = 'for i in 1 2 3 4 5 6; do { "$@" || echo REFUSED; } & done; wait'
        said = daemons.run(['sh', '-c', crowd, 'sh', *site.words('manage'), 'keys', 'rotate'])[1]
        self.assertNotIn('REFUSED', said)
        code, said = site.manage('keys', 'create')
        self.assertEqual(code, 0, said)
        self.says(self.rotate(site)[0], 'rotation 7 of this site')

    def test_database_from_before_the_rotation(self):
        """A backup put back, or a rotation that died before it wrote the row."""
        site = self.site().synced()
        path = self.folder(site.name, 'protector.db')
        shutil.copy(path, path + '.old')
        now = self.rotate(site)[1]
        shutil.copy(path + '.old', path)
        site.start('engine')
        self.assertEqual(self.print_of(site.manage('keys', 'create')[1]), now)

    def test_second_controller_after_a_rotation(self):
        first = self.site().synced()
        second = daemons.Site(self, self.folder, 'second').change(
            {'database': {'connection': 'sqlite:///' + self.folder('site-a', 'protector.db')}})
        for name in KEYS:
            shutil.copy(first.state(name), second.state(name))
        now = self.rotate(first)[1]
        self.refused_by_all(second, 'are not those of this site\'s database', 'copy site.keys')
        shutil.copy(first.state('site.keys'), second.state('site.keys'))
        self.assertEqual(self.print_of(second.manage('keys', 'create')[1]), now)
        second.start('engine')

    def test_replace(self):
        """Only where they are lost; whoever finds half of it does it again."""
        site = self.site().synced()
        before = self.print_of(site.manage('keys', 'create')[1])
        code, said = site.manage('keys', 'replace')
        self.assertEqual(code, 1, said)
        self.says(said, 'nothing was replaced', 'protector-manage keys rotate')
        os.remove(site.state('site.keys'))
        code, said = site.manage('keys', 'replace')
        self.assertEqual(code, 0, said)
        now = self.print_of(said)
        self.assertNotEqual(before, now)
        self.says(said, 'protector site rekey NAME --fingerprint ' + now)
        os.remove(site.state('site.keys'))
        code, said = site.manage('keys', 'replace')
        self.assertEqual(code, 0, said)
        site.start('api')

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
