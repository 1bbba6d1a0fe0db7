# SPDX-License-Identifier: Apache-2.0
"""libprotectorclient for Python, by cffi over the installed library (ABI mode: no compiler).

  commands()   the table of commands
  version()    of the library
  Client       a handle: runs commands, asks for the API's range
  Error        what the library refused or did not reach; also that it is not installed

Nothing is loaded before it is needed: whoever imports this module pays for none of it.
"""
import functools
import json
import os

# The soname: another one would have other structures.
SONAME = 'libprotectorclient.so.1'
# Another path than the linker's, for tests and for trees that are not installed.
VARIABLE = 'PROTECTOR_CLIENT_LIBRARY'
DETAILS = ('operation', 'request_id')


class Error(Exception):
    """What went wrong, for people, and what to do."""

    def __init__(self, message, remedy='', code='', exit_code=1, details=None):
        super().__init__(message)
        self.message, self.remedy, self.code = message, remedy, code
        self.exit_code, self.details = exit_code, details or {}

    def text(self):
        """As the program `protector` prints it."""
        lines = ['Error: ' + self.message]
        if self.remedy and '\nAction:' not in self.message:
            lines.append('Action: ' + self.remedy)
        for key, word in (('operation', 'Operation'), ('request_id', 'Request')):
            if self.details.get(key) is not None:
                lines.append('%s: %s' % (word, self.details[key]))
        return '\n'.join(lines)


@functools.lru_cache(maxsize=None)
def _load():
    """(ffi, library), once."""
    try:
        import cffi
    except ImportError as e:
        raise Error('the Python module cffi is not there: %s' % e,
                    'install it: python3-cffi, or pip install cffi') from None
    from protectorclient import declarations
    ffi = cffi.FFI()
    ffi.cdef(declarations.CDEF)
    ffi.cdef('char *strdup(const char *text);')
    path = os.environ.get(VARIABLE) or SONAME
    try:
        return ffi, ffi.dlopen(path)
    except OSError as e:
        raise Error("Protector's client library cannot be loaded: %s" % str(e).partition('.  ')[0],
                    'install it (meson install), or name its path: ' + VARIABLE) from None


def _text(ffi, pointer):
    """A C string; None for NULL."""
    return None if pointer == ffi.NULL else ffi.string(pointer).decode('utf-8', 'replace')


def _taken(ffi, lib, pointer):
    """A string that was handed over."""
    try:
        return _text(ffi, pointer)
    finally:
        lib.protector_free(pointer)


@functools.lru_cache(maxsize=None)
def commands():
    """The table: see protector_commands_json() in client.h."""
    ffi, lib = _load()
    return json.loads(_text(ffi, lib.protector_commands_json()))


def version():
    ffi, lib = _load()
    return _text(ffi, lib.protector_client_version())


class Client:
    """A handle.  'host' is asked for what a library cannot do by itself:

      getenv(name) -> str or None     wait(ms) -> True when the user wants to stop
      event(dict)                     ask(question, secret) -> str or None

    'settings' are the options of the same names in client.h; None is not given.
    """

    def __init__(self, host, debug=False, **settings):
        self.ffi, self.lib = _load()
        self.host, self.kept, self.environment = host, [], {}
        options = self.ffi.new('struct protector_client_options *')
        options.size = self.ffi.sizeof('struct protector_client_options')
        options.debug = bool(debug)
        for name, signature, function in self._callbacks():
            setattr(options, name, self._keep(self.ffi.callback(signature, function)))
        for name, value in settings.items():
            if value:
                setattr(options, name, self._string(value))
        error = self.ffi.new('struct protector_error **')
        self.handle = self.lib.protector_client_open(options, error)
        if self.handle == self.ffi.NULL:
            raise self._error(error[0])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lib.protector_client_close(self.handle)
        self.handle = self.ffi.NULL

    def run(self, command, arguments):
        """The result of a command, as client.h describes it."""
        ret = self.ffi.new('char **')
        error = self.lib.protector_client_run(
            self.handle, command.encode(), json.dumps(arguments).encode(), ret)
        if error != self.ffi.NULL:
            raise self._error(error)
        return json.loads(_taken(self.ffi, self.lib, ret[0]))

    def api_range(self):
        """(lowest, highest) version of the API at the local site."""
        ret = self.ffi.new('char **')
        error = self.lib.protector_client_api_range(self.handle, ret)
        if error != self.ffi.NULL:
            raise self._error(error)
        found = json.loads(_taken(self.ffi, self.lib, ret[0]))
        return found['min'], found['max']

    def _keep(self, thing):
        """What C points to must live as long as the handle."""
        self.kept.append(thing)
        return thing

    def _string(self, text):
        return self._keep(self.ffi.new('char[]', str(text).encode('utf-8', 'surrogateescape')))

    def _callbacks(self):
        return (('getenv', 'const char *(void *, const char *)', self._getenv),
                ('wait', 'int (void *, int64_t)', self._wait),
                ('event', 'void (void *, const char *)', self._event),
                ('ask', 'char *(void *, const char *, int)', self._ask))

    def _getenv(self, _, name):
        name = _text(self.ffi, name)
        if name not in self.environment:
            value = self.host.getenv(name)
            self.environment[name] = self.ffi.NULL if value is None else self._string(value)
        return self.environment[name]

    def _wait(self, _, ms):
        return int(bool(self.host.wait(ms)))

    def _event(self, _, text):
        self.host.event(json.loads(_text(self.ffi, text)))

    def _ask(self, _, question, secret):
        answer = self.host.ask(_text(self.ffi, question), bool(secret))
        if answer is None:
            return self.ffi.NULL
        return self.ffi.dlopen(None).strdup(answer.encode('utf-8', 'surrogateescape'))

    def _error(self, pointer):
        """A Python exception of the library's error, which is freed."""
        lib, text = self.lib, functools.partial(_text, self.ffi)
        try:
            details = {key: text(lib.protector_error_detail(pointer, key.encode()))
                       for key in DETAILS}
            return Error(text(lib.protector_error_message(pointer)),
                         text(lib.protector_error_remedy(pointer)),
                         text(lib.protector_error_code(pointer)),
                         lib.protector_error_exit_code(pointer), details)
        finally:
            lib.protector_error_free(pointer)
