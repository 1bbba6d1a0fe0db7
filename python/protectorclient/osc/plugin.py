# SPDX-License-Identifier: Apache-2.0
"""What OpenStackClient loads at every start, whatever is asked of it: kept small.  The library and
cffi are loaded by the commands (commands.py)."""
import os
import sys

API_NAME = 'protector'
API_VERSION_OPTION = 'os_protector_api_version'
# The group of commands is of the major version.  Of the API's 1.x the highest that both know is
# spoken with each site, unless one is asked for.
DEFAULT_API_VERSION = '1'
API_VERSIONS = {'1': 'protectorclient.osc.session'}
TREES = ('protector', 'dr')


def check_api_version(version):
    """True if nobody needs to be warned: the library itself knows which 1.x there are."""
    return version.partition('.')[0] == DEFAULT_API_VERSION


def make_client(instance):
    """`client_manager.protector`: the settings of a library.Client for one openstack command."""
    from protectorclient.osc import session
    return session.of(instance)


def _api_version(text):
    """`latest` names no group of commands: it is what is done anyway."""
    return DEFAULT_API_VERSION if text == 'latest' else text


def build_option_parser(parser):
    """OpenStackClient's hook for global options."""
    parser.add_argument(
        '--secondary-cloud', metavar='<cloud-config-name>', dest='secondary_cloud',
        default=os.environ.get('OS_SECONDARY_CLOUD'),
        help="Entry of clouds.yaml of the other site, for protector and dr; default: the one that "
             "is named as the site is, or has its auth_url (Env: OS_SECONDARY_CLOUD)")
    parser.add_argument(
        '--os-protector-api-version', metavar='<protector-api-version>', type=_api_version,
        default=os.environ.get('OS_PROTECTOR_API_VERSION') or None,
        help='Protector API version, default=%s: the highest 1.x that client and site know '
             '(Env: OS_PROTECTOR_API_VERSION)' % DEFAULT_API_VERSION)
    _version_of_the_tree(parser)
    return parser


def _version_of_the_tree(parser):
    """`openstack protector --version` is the command `protector version`.

    OpenStackClient's own --version prints and exits as soon as the parser meets it, wherever it
    stands; so it is taken out before, where the words are ours.  All other calls pass unchanged.
    """
    parse = parser.parse_known_args

    def parse_known_args(args=None, namespace=None):
        args = list(sys.argv[1:] if args is None else args)
        if '--version' in args and any(tree in args for tree in TREES):
            options, words = parse([arg for arg in args if arg != '--version'])
            if words and words[0] in TREES:
                return options, [words[0], 'version']
        return parse(args, namespace)

    parser.parse_known_args = parse_known_args
