# SPDX-License-Identifier: Apache-2.0
"""Results of the library for OpenStackClient's formatters: what `protector` prints, by the same
rules (src/cli/render.c)."""
import json

from cliff import columns

CELL_WIDTH_MAX = 72  # of an object: wider ones are shown in lines
DATA_FORMATS = ('json', 'yaml')


def text_of(value):
    """A value in a line: texts bare, None and booleans as Python's, the rest as JSON."""
    if value is None or isinstance(value, (str, bool)):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def lines_of(value, depth=0):
    """An object in lines, as YAML would have it."""
    lines = []
    for key, child in value.items() if isinstance(value, dict) else ():
        inner = isinstance(child, dict) and child
        lines.append('%s%s:%s' % ('  ' * depth, key, '' if inner else ' ' + text_of(child)))
        if inner:
            lines += lines_of(child, depth + 1)
    for child in value if isinstance(value, list) else ():
        below = lines_of(child, depth + 1)
        if below:
            at = depth * 2
            below[0] = below[0][:at] + '-' + below[0][at + 1:]
        lines += below
    return lines


class Cell(columns.FormattableColumn):
    """An object or a list: itself in JSON and YAML, a text for the other formats."""

    def __init__(self, value, data):
        super().__init__(value)
        self.data = data

    def human_readable(self):
        text = text_of(self._value)
        first = self._value[0] if isinstance(self._value, list) and self._value else self._value
        if not isinstance(first, dict) or len(text.encode()) <= CELL_WIDTH_MAX:
            return text
        return '\n'.join(lines_of(self._value))

    def machine_readable(self):
        return self._value if self.data else text_of(self._value)

    def __lt__(self, other):
        return text_of(self._value) < text_of(getattr(other, '_value', other))


def cells(row, formatter):
    """A row's values as the formatter takes them."""
    return tuple(Cell(value, formatter in DATA_FORMATS) if isinstance(value, (dict, list))
                 else value for value in row)


def fields(result):
    """[name, value] of a record, and of a text told as data."""
    return result['fields'] if result['kind'] == 'record' else list(result['object'].items())


def table(result, formatter):
    """(names of columns, data) of a result: rows of a list, the values of anything else."""
    if result['kind'] == 'list':
        return (tuple(result['columns']),
                [cells(row, formatter) for row in result['rows']])
    if result['kind'] == 'nothing':
        return (), ()
    pairs = fields(result)
    return (tuple(name for name, _ in pairs),
            cells([value for _, value in pairs], formatter))


def columns_named(wanted, known):
    """The columns asked for as they are written, in any case; None and what is wrong."""
    names = {name.lower(): name for name in known}
    for name in wanted:
        if name.lower() not in names:
            return None, "there is no column '%s'%s" % (
                name, '; there are: ' + ', '.join(known) if known
                else ': nothing is shown in columns')
    return [names[name.lower()] for name in wanted], None
