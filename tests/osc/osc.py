#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the tests of this folder share: Debian's `openstack` with the plugin of the tree, on two
simulated clouds and two whole sites of real processes.

  openstack()     how it is called
  installed(…)    a folder for PYTHONPATH, in which the plugin is as if pip had installed it there
  table()         the commands that the library tells of

That pip does install it is tested in test_package.py; elsewhere it would only take time.
"""
import ctypes
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, '..', 'cli'))
import cli  # noqa: E402
import daemons  # noqa: E402

PYTHON = os.path.join(daemons.SOURCE, 'python')
LIBRARY = os.path.join(daemons.BUILD, 'src/client/libprotectorclient.so.1')
OPENSTACK = '/usr/bin/openstack'
METADATA = 'Metadata-Version: 2.1\nName: python-protectorclient\nVersion: 0.1.0\n'


def installed(folder):
    """The plugin, and the metadata by which OpenStackClient finds it."""
    path = folder.make('python')
    os.symlink(os.path.join(PYTHON, 'protectorclient'), os.path.join(path, 'protectorclient'))
    info = os.path.join('python', 'python_protectorclient-0.1.0.dist-info')
    folder.make(info)
    folder.write(os.path.join(info, 'METADATA'), METADATA)
    with open(os.path.join(PYTHON, 'entry_points.txt'), encoding='utf-8') as f:
        folder.write(os.path.join(info, 'entry_points.txt'), f.read())
    return path


def openstack():
    """The words that start it."""
    return ('/usr/bin/python3', OPENSTACK)


def variables(folder):
    """What it needs of the environment besides the cloud."""
    path = folder('python')
    return {'PYTHONPATH': path if os.path.isdir(path) else installed(folder),
            'PYTHONDONTWRITEBYTECODE': '1', 'PROTECTOR_CLIENT_LIBRARY': LIBRARY,
            'XDG_CACHE_HOME': folder.make('cache'), 'COLUMNS': '100'}


def table():
    library = ctypes.CDLL(LIBRARY)
    library.protector_commands_json.restype = ctypes.c_char_p
    return json.loads(library.protector_commands_json())


class Case(cli.Case):
    """A test with commands of both programs."""

    def both(self, *words, tree='protector', program=None, **options):
        """What `protector` and `openstack` say to the same words."""
        said = self.ask(*words, **options)
        return said, self.openstack(tree, *words, **options)

    def environment(self, **options):
        env = self.world.environment(**options)
        env.update(variables(self.world.folder))
        return env

    def openstack(self, *words, code=None, cwd='/', **options):
        said = cli.command(words, self.environment(**options), cwd, program=openstack(),
                           limit_s=3 * cli.LIMIT_S)
        if code is not None:
            self.assertEqual(said.code, code, said)
        return said

    def terminal(self, *words, **options):
        return cli.Terminal(self, words, self.environment(**options), openstack())


main = daemons.main
