# SPDX-License-Identifier: Apache-2.0
"""What is compared: outputs against what a row expects, with everything masked that differs from
run to run.  Every check raises Deviation with what was expected and what came.
Neighbours: run (the story), rows.py (the table).
"""
import json
import os
import re

UUID = r'[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'
MASKS = {
    '<id>': r'(?:(?:pg|cg|member|op)-)?%s|[0-9a-f]{32}' % UUID,
    '<uuid>': UUID,
    '<time>': r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ',
    '<n>': r'\d+',
    '<word>': r'\S+',
    '<text>': r'.*',
}


class Deviation(Exception):
    """What was expected, and what came."""


def template(text):
    """A regular expression for a text with masks."""
    parts = re.split('(%s)' % '|'.join(MASKS), text)
    return ''.join('(?:%s)' % MASKS[p] if p in MASKS else re.escape(p) for p in parts)


def normal(text):
    """The output with its tables brought to one width, without their borders."""
    out = []
    for line in text.split('\n'):
        line = line.rstrip()
        if re.match(r'^\+[-=+]+\+$', line):
            continue
        if line.startswith('|') and line.endswith('|'):
            line = '| %s |' % ' | '.join(cell.strip() for cell in line[1:-1].split('|'))
        out.append(line)
    return '\n'.join(out)


def cells(text):
    """The rows of the first table of an output."""
    return [[cell.strip() for cell in line.strip()[1:-1].split('|')]
            for line in text.split('\n') if line.strip().startswith('|')]


def record(text):
    """(field, value) pairs of an output's table, in their order; a value may have several lines."""
    out = []
    for row in cells(text):
        if len(row) < 2 or row[:2] == ['Field', 'Value']:
            continue
        if row[0]:
            out.append([row[0], '|'.join(row[1:])])
        elif out:
            out[-1][1] += ' ' + row[1]
    return out


def field(text, name):
    """The value of one field; of a list: of the column, in its first row."""
    table = cells(text)
    if table and table[0] != ['Field', 'Value'] and len(table) > 1:
        head = [c.lower() for c in table[0]]
        if name in head:
            return table[1][head.index(name)]
    for key, value in record(text):
        if key == name:
            return value
    raise Deviation('no field %s in:\n%s' % (name, text))


def pretty(text):
    """JSON with one thing on a line; other texts as they are."""
    try:
        return json.dumps(json.loads(text), indent=1, ensure_ascii=False)
    except ValueError:
        return text


# ---------------------------------------------------------------- of a command
def live(row, out, substitute):
    """All that a row says about an output."""
    if out is None:
        return
    if not (row.help and not row.run and not row.of):
        _exit(row, out)
    for key, check in (('prints', _prints), ('lacks', _lacks), ('values', _values)):
        for text in row.raw.get(key) and getattr(row, key) or ():
            check(substitute(text), out)
    if row.expect:
        _expect(substitute(row.expect), out)
    if row.fields:
        _fields(row.fields.split(), out)
    if row.columns:
        _columns(row.columns.split(), out)


def _fail(out, text):
    raise Deviation('%s\n  of: %s [exit %d]\n%s' % (text, out.command, out.code, _indent(out.text)))


def _indent(text):
    return '\n'.join('    ' + line for line in text.rstrip('\n').split('\n'))


def _exit(row, out):
    if row.of and row.exit is None:
        return
    want = row.exit or '0'
    good = out.code not in (0, 124, 127) if want == 'not 0' else out.code == int(want)
    if not good:
        _fail(out, 'exit code %d, not %s' % (out.code, want.replace('not 0', 'another than 0')))


def _prints(text, out):
    lines = normal(out.text).split('\n')
    lines += [re.sub(' +', ' ', line) for line in lines]  # columns without a frame
    if not any(re.search(template(text), line) for line in lines):
        _fail(out, 'not printed: %s' % text)


def _lacks(text, out):
    if text in out.text:
        _fail(out, 'must not be printed: %s' % text)


def _values(text, out):
    name, _, want = text.partition('=')
    for key, value in record(out.text):
        if key == name:
            if not re.fullmatch(template(want), value):
                _fail(out, 'the field %s is %s, not %s' % (name, value, want))
            return
    _fail(out, 'no field %s' % name)


def _fields(want, out):
    have = [key for key, _ in record(out.text)]
    at = 0
    for name in want:
        if name not in have[at:]:
            _fail(out, 'the field %s is %s; its fields are: %s' % (
                name, 'not in its place' if name in have else 'missing', ' '.join(have)))
        at = have.index(name, at) + 1


def _columns(want, out):
    table = cells(out.text)
    have = [c.replace(' ', '_') for c in table[0]] if table else []
    if have != want:
        _fail(out, 'the columns are %s, not %s' % (' '.join(have) or 'none', ' '.join(want)))


def _expect(text, out):
    """The whole output, line by line; `...` stands for any lines."""
    pattern = ''
    for line in normal(text.rstrip('\n')).split('\n'):
        pattern += r'(?:.*\n)*?' if line == '...' else template(line) + r'\n'
    if not re.fullmatch(pattern, normal(out.text).strip('\n') + '\n'):
        _fail(out, 'not as expected:\n%s' % _indent(text))


def option(row, out):
    """Does the help of a command name the option, and say whether it must be given?"""
    if out.code != 0:
        _fail(out, 'no help')
    if not re.search(r'(?<![\w-])%s(?![\w-])' % re.escape(row.option), out.text):
        _fail(out, 'its help does not name %s' % row.option)
    if row.need and _required(row.option, out.text) != (row.need == 'yes'):
        _fail(out, 'by its help, %s must%s be given' % (
            row.option, '' if row.need == 'no' else ' not'))


def _required(name, text):
    """Our own help marks what must be given; OpenStackClient's has brackets around the others."""
    if '(required)' in text or not re.search(r'\[[^\[\]]*--', text):
        return bool(re.search(r'^\s+%s\b.*\(required\)' % re.escape(name), text, re.M))
    usage = re.split(r'\n\s*\n', text.strip())[0]
    return not re.search(r'\[[^\[\]]*(?<![\w-])%s(?![\w-])' % re.escape(name), usage)


# ---------------------------------------------------------------- of the tree
def static(row, root):
    """What needs no sites: None, or why the row deviates."""
    try:
        if row.conf:
            _conf(row.conf.split(), root)
        if row.equals:
            _equals(row, root)
        if row.holds:
            _holds(row, root)
        if row.proof:
            _proof(row.proof, root)
        return None if row.checked else 'nothing says how it is checked'
    except Deviation as e:
        return str(e)


def _read(root, path):
    try:
        with open(os.path.join(root, path), encoding='utf-8') as f:
            return f.read()
    except OSError as e:
        raise Deviation('%s: %s' % (path, e.strerror)) from None


def _conf(want, root):
    section, name = want[:2]
    pattern = r'OPTION\("%s",\s*"%s",\s*\w+,\s*(NULL|"[^"]*")' % (
        re.escape(section), re.escape(name))
    found = re.search(pattern, _read(root, 'src/base/conf.tbl'))
    if not found:
        raise Deviation('no option [%s] %s' % (section, name))
    if len(want) > 2 and found.group(1).strip('"') != want[2]:
        raise Deviation('the default of [%s] %s is %s, not %s' % (
            section, name, found.group(1), want[2]))


def _equals(row, root):
    if _read(root, row.equals).rstrip('\n') != row.quote.rstrip('\n'):
        raise Deviation('%s differs from the quote' % row.equals)


def _holds(row, root):
    lines = [line.strip() for line in _read(root, row.holds).split('\n')]
    for line in row.quote.strip().split('\n'):
        if line.strip() not in lines:
            raise Deviation('%s has no line: %s' % (row.holds, line.strip()))


def _proof(text, root):
    path, _, words = text.partition(' ')
    if words not in _read(root, path):
        raise Deviation('%s does not hold: %s' % (path, words))
