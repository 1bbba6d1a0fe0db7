# SPDX-License-Identifier: Apache-2.0
"""The commands, made of the library's table.

A class is made when its command is called, and looks into the table only when it is used: other
commands of OpenStackClient pay neither for the library nor for this module (entries.py).

What is wrong with arguments is judged by the library, in its words; argparse only shows what must
be given.  A command ends with the exit code that `protector` ends with (docs/cli.md).
"""
import argparse
import functools

from keystoneauth1 import exceptions as keystone
from osc_lib import exceptions
from osc_lib.command import command

from protectorclient import library
from protectorclient.osc import entries
from protectorclient.osc import host as hosts
from protectorclient.osc import output
from protectorclient.osc import session

# Of a login by OpenStackClient, which has no limit of its own: a Keystone whose host is gone is
# then asked by the library, which waits as long as `protector` does.
LOGIN_TIMEOUT_S = 10
# A Keystone, or its catalog, was asked and did not give what is needed.
ASKED_IN_VAIN = (keystone.ConnectionError, keystone.HttpError, keystone.DiscoveryFailure,
                 keystone.CatalogException)
# In front of the names in parsed arguments, so that none is one of OpenStackClient's own.
OURS = 'protector '


class Failed(exceptions.CommandError):
    """A command's end, with cause and remedy, and the exit code for it."""

    def __init__(self, text, exit_code):
        super().__init__(text)
        self.exit_code = exit_code


class Arguments(argparse.Namespace):
    """Parsed arguments, of which --debug writes no secret."""

    def __repr__(self):
        return 'Arguments(%s)' % ', '.join(sorted(vars(self)))


def key_of(name):
    """A command's name as a part of a Python name."""
    return name.replace(' ', '_').replace('-', '_')


@functools.lru_cache(maxsize=None)
def rows():
    """The table, by key."""
    return {key_of(row['name']): row for row in library.commands()}


class Base(command.Command):
    """What all commands share: the session, the library, errors, the exit code."""

    key = None
    # Not by OpenStackClient: where its login fails, the library tells why, with what to do.
    auth_required = False

    def run(self, parsed_args):
        self.exit_code = 0
        self.notes = []
        try:
            super().run(parsed_args)
        except Failed as e:
            self.app.stderr.write('%s\n' % e)
            self.exit_code = e.exit_code
        for note in self.notes:
            self.app.stderr.write(note + '\n')
        return self.exit_code

    def settings(self):
        """OpenStackClient's session; without one, what the library needs to log in itself."""
        manager, config = self.app.client_manager, self.app.cloud_config
        clouds = config.cloud_config.get('clouds') or {}
        try:
            self.login()
            settings = session.of(manager, clouds)
        except Exception as e:  # whatever a plugin of keystoneauth may raise
            self.log.debug('no session of OpenStackClient: %s', e)
            settings = self.without_session(e, clouds)
        if not settings.names_a_cloud and self.auth_url():
            raise Failed('Error: this login is of no project, and Protector needs one', 1)
        settings.reads(config.config_filename)
        return settings

    def auth_url(self):
        return (self.app.client_manager._cli_options.config.get('auth') or {}).get('auth_url')

    def without_session(self, error, clouds):
        """The library tries, and tells why in its words, where a Keystone was asked in vain.  What
        OpenStackClient itself found wrong with the settings is not tried as something else."""
        settings = session.without(self.app.client_manager, clouds)
        asked = isinstance(error, ASKED_IN_VAIN) and settings.names_a_cloud
        if self.auth_url() and not asked:
            raise Failed('Error: %s' % error, 1) from error
        return settings

    def login(self):
        """As for a command that leaves it to OpenStackClient, but not for ever; of the session that
        is made other commands use as well, so its limit goes again."""
        self.auth_required = True
        self.app.options.api_timeout = LOGIN_TIMEOUT_S
        try:
            self.app.prepare_to_run_command(self)
            self.app.client_manager.session.timeout = self.own_timeout()
        finally:
            del self.app.options.api_timeout

    def own_timeout(self):
        """As the entry of clouds.yaml has it; None: OpenStackClient waits for ever."""
        name = self.app.client_manager._cli_options.name
        entry = (self.app.cloud_config.cloud_config.get('clouds') or {}).get(name) or {}
        return float(entry['api_timeout']) if entry.get('api_timeout') else None

    def with_library(self, action):
        """What 'action' makes of an open handle."""
        settings = self.settings()
        try:
            with hosts.Host(settings.getenv, self.app.stderr) as host:
                with library.Client(host, debug=self.app.options.debug,
                                    **settings.options) as client:
                    return action(client)
        except library.Error as e:
            # the user's wish is no conflict
            raise Failed(e.text(), 1 if host.interrupted else e.exit_code) from None


class Command(Base):
    """A command of the table."""

    @property
    def row(self):
        try:
            return rows()[self.key]
        except KeyError:
            raise library.Error(
                "this client library (%s) has no command '%s'" % (
                    library.version(), self.key.replace('_', ' ')),
                'install python-protectorclient and libprotectorclient of one release') from None

    def get_description(self):
        try:
            return self.row['summary']
        except library.Error as e:
            return str(e)

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        try:
            row = self.row
        except library.Error:  # told when it is run: `openstack complete` asks for all parsers
            parser.parse_args = lambda args: parser.parse_known_args(args, Arguments())[0]
            return parser
        parser.allow_abbrev = False
        judged = [_argument(parser, argument) for argument in row['arguments']]
        judged += [_option(parser, option) for option in row['options']]
        _show_required(parser, judged)
        # not parse_args: it takes a second argument behind an option for one too many
        parser.parse_args = lambda args: parser.parse_intermixed_args(args, Arguments())
        return parser

    def take_action(self, parsed_args):
        arguments = {key[len(OURS):]: value for key, value in vars(parsed_args).items()
                     if key.startswith(OURS) and value is not None}
        try:
            name = self.row['name']
        except library.Error as e:
            raise Failed(e.text(), e.exit_code) from None
        self.result = self.with_library(lambda client: client.run(name, arguments))
        self.exit_code = self.result.get('exit', 0)
        self.notes = self.result.get('notes') or []
        return output.table(self.result, getattr(parsed_args, 'formatter', None))


class Shown(Command):
    """A command that shows something, by OpenStackClient's formatters."""

    def produce_output(self, parsed_args, column_names, data):
        names, wrong = output.columns_named(parsed_args.columns, column_names)
        if wrong:
            raise Failed('Error: %s (the command itself is done)' % wrong, 2)
        if self.result['kind'] == 'nothing':
            return 0
        # an object may come as a text: failover --dry-run
        if self.result['kind'] == 'text' and parsed_args.formatter == 'table' and not names:
            self.app.stdout.write(self.result['text'])
            return 0
        parsed_args.columns = names
        return super().produce_output(parsed_args, column_names, data)


class Record(Shown, command.ShowOne):
    """Shows an object."""


class Text(Record):
    """Shows a text; as data, and where columns are asked for, an object."""


class List(Shown, command.Lister):
    """Shows a list."""

    def produce_output(self, parsed_args, column_names, data):
        known = {name.lower(): name for name in column_names}
        parsed_args.sort_columns = [known.get(name.lower(), name)
                                    for name in parsed_args.sort_columns]
        return super().produce_output(parsed_args, column_names, data)


class Nothing(Record):
    """Shows nothing; with --no-wait what was begun."""


class Version(Base):
    """Show the version of Protector's client and the range of the API"""

    def take_action(self, parsed_args):
        del parsed_args
        try:
            self.app.stdout.write('protector %s\n' % library.version())
        except library.Error as e:
            raise Failed(e.text(), e.exit_code) from None
        self.app.stdout.flush()
        if not (self.app.client_manager._cli_options.config.get('auth') or {}).get('auth_url'):
            return  # no cloud is named
        try:
            lowest, highest = self.with_library(lambda client: client.api_range())
            self.app.stdout.write('API versions %s to %s\n' % (lowest, highest))
        except Failed as e:
            self.app.stderr.write("The API's versions are not known:\n%s\n" % e)


KINDS = {'Record': Record, 'List': List, 'Text': Text, 'Nothing': Nothing}


def class_of(name):
    """The class of an entry: of a command by what it shows and its name, Record_site_create."""
    if name == entries.VERSION:
        return Version
    kind, _, key = name.partition('_')
    return type(name, (KINDS[kind],), {'key': key, '__module__': __name__, '__doc__': None})


def _argument(parser, argument):
    return parser.add_argument(OURS + argument['name'], metavar='<%s>' % argument['name'],
                               nargs='?', help=argument['help'].replace('%', '%%'))


def _option(parser, option):
    how = {'dest': OURS + option['name'][2:], 'default': None,
           'help': option['help'].replace('%', '%%')}
    if option['value'] is None:
        how.update(action='store_const', const=True)
    else:
        how.update(action='append' if option['repeat'] else 'store', metavar=option['value'])
    action = parser.add_argument(option['name'], **how)
    action.must = option['required']
    return action


def _show_required(parser, actions):
    """Help and usage as if argparse judged what must be given."""
    def shown(method):
        def call():
            before = [(action, action.required, action.nargs) for action in actions]
            for action in actions:
                if action.option_strings:
                    action.required = action.must
                else:
                    action.required, action.nargs = True, None
            try:
                return method()
            finally:
                for action, required, nargs in before:
                    action.required, action.nargs = required, nargs
        return call

    parser.format_help = shown(parser.format_help)
    parser.format_usage = shown(parser.format_usage)
