# SPDX-License-Identifier: Apache-2.0
"""OpenStackClient's session as libprotectorclient takes it.

The token and Protector's endpoint at the local site come from OpenStackClient.  The library is also
told how to log in there by itself: an operation may outlive a token, and where OpenStackClient does
not get in at all, the library tries and says why in its own words.  This is the entry of
clouds.yaml by its name; or, where something else than the entry was given on the command line or in
the environment, what OpenStackClient made of all of it, as the OS_* variables that the library
reads.
"""
import os

# What the library can log in with, and by which of OpenStackClient's settings; of other plugins the
# session serves as long as its token.  The library has an OS_* variable for each.
PASSWORD = ('username', 'user_id', 'password', 'project_name', 'project_id')
TOKEN = ('token', 'project_name', 'project_id')
CREDENTIAL = ('application_credential_id', 'application_credential_secret')
KNOWN_AUTH = {'password': PASSWORD, 'v3password': PASSWORD, 'token': TOKEN, 'v3token': TOKEN,
              'v3applicationcredential': CREDENTIAL}
WHO = ('auth_url',) + tuple(sorted(set(PASSWORD + TOKEN + CREDENTIAL)))
# Who logs in with one of these acts elsewhere, or as somebody else, than the rest says: a login of
# the library's own would be another one.
ELSEWHERE = ('trust_id', 'service_provider', 'remote_project_id', 'remote_project_name',
             'system_scope', 'domain_id', 'domain_name')
DOMAINS = ('user_domain_name', 'user_domain_id', 'project_domain_name', 'project_domain_id')
CLOUD_VARIABLES = ('OS_CLOUD', 'OS_AUTH_TYPE', 'OS_CACERT') + tuple(
    'OS_' + key.upper() for key in WHO + DOMAINS)


class Settings:
    """For library.Client: the options by name, and the OS_* variables that go with them."""

    def __init__(self):
        self.options, self.variables = {}, {}

    @property
    def names_a_cloud(self):
        """Is it known at all where the local site is?"""
        return bool({'cloud', 'token'} & set(self.options) or self.variables.get('OS_AUTH_URL'))

    def reads(self, clouds_file):
        """The very file that OpenStackClient has read, wherever it found it; None: none."""
        if clouds_file and clouds_file.endswith(('.yaml', '.yml')):
            self.options['config_file'] = clouds_file

    def getenv(self, name):
        """What the library sees of the environment: who logs in is said here and nowhere else."""
        if name in CLOUD_VARIABLES or name in self.variables:
            return self.variables.get(name)
        return os.environ.get(name)


def without(manager, clouds):
    """Settings with which the library logs in by itself.  'clouds': the entries of clouds.yaml."""
    settings, config = Settings(), manager._cli_options.config
    settings.options.update(
        secondary_cloud=config.get('secondary_cloud'), region=config.get('region_name'),
        interface=config.get('interface'), user_agent='python-protectorclient',
        api_version=_api_version(config.get('protector_api_version')))
    settings.options = {key: value for key, value in settings.options.items() if value}
    if _is_known(config):
        _who(settings, manager._cli_options.name, config, clouds)
    return settings


def _is_known(config):
    """Can the library log in as OpenStackClient was told to?"""
    auth, kind = config.get('auth') or {}, config.get('auth_type')
    if kind not in KNOWN_AUTH or any(config.get(key) or auth.get(key) for key in ELSEWHERE):
        return False
    return KNOWN_AUTH[kind] != CREDENTIAL or bool(auth.get('application_credential_id'))


def of(manager, clouds=None):
    """Settings with the session: its token, and the endpoint that the catalog or an override has.

    Raises what OpenStackClient raises when nobody gets in, or there is no endpoint.
    """
    settings = without(manager, clouds or {})
    auth_ref = manager.auth_ref
    if auth_ref is not None and auth_ref.project_id is None:
        return settings  # of no project: the library says which commands need one
    endpoint = manager.get_endpoint_for_service_type(
        'protector', region_name=manager.region_name, interface=manager.interface)
    if endpoint:
        settings.options.update(token=manager.session.get_token(), endpoint=endpoint)
    if auth_ref is not None:
        settings.variables['OS_PROJECT_ID'] = auth_ref.project_id
    return settings


def _api_version(wanted):
    """1 (as well as nothing) is the highest that the site and the library know."""
    return wanted if wanted and '.' in str(wanted) else 'latest'


def _who(settings, name, config, clouds):
    """The cloud by name, if its entry says all; else what OpenStackClient knows, as variables."""
    auth, entry = config.get('auth') or {}, clouds.get(name) or {}
    if _is_entry(auth, config, entry):
        settings.options['cloud'] = name
        return
    for key in ('auth_url',) + KNOWN_AUTH[config['auth_type']] + DOMAINS:
        if auth.get(key):
            settings.variables['OS_' + key.upper()] = str(auth[key])
    if config.get('cacert'):
        settings.variables['OS_CACERT'] = config['cacert']


def _is_entry(auth, config, entry):
    """Would the library, which reads the entry, log in as OpenStackClient does?"""
    said = entry.get('auth') or {}
    if (entry.get('auth_type') or 'password') != config['auth_type']:
        return False
    if any(auth.get(key) and str(auth[key]) != str(said.get(key)) for key in WHO):
        return False
    if any(str(said.get(key) or 'default') != str(auth.get(key) or 'default') for key in DOMAINS):
        return False
    return bool(said) and config.get('cacert') == entry.get('cacert')
