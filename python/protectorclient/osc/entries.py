# SPDX-License-Identifier: Apache-2.0
"""The entry points of the commands.

OpenStackClient asks for all of them at every start, whatever is asked of it.  An entry is therefore
no class (a command's costs a tenth of a millisecond, and cliff's, osc-lib's and keystoneauth's
modules) but an object that makes the command when it is called.
"""

KINDS = ('Record', 'List', 'Text', 'Nothing')
VERSION = 'Version'


class Entry:
    """What cliff calls for a command, as it would call a command's class."""
    __slots__ = ('name',)

    def __init__(self, name, cmd_name=None):
        """`cmd_name`: cliff looks here whether it may tell a command its name when it calls."""
        del cmd_name
        self.name = name

    def __call__(self, app, app_args, cmd_name=None):
        from protectorclient.osc import commands
        return commands.class_of(self.name)(app, app_args, cmd_name)


def __getattr__(name):
    """An entry is named by what its command shows and the command's name: Record_site_create."""
    kind, _, key = name.partition('_')
    if name != VERSION and (kind not in KINDS or not key):
        raise AttributeError('module %r has no attribute %r' % (__name__, name))
    return Entry(name)
