# SPDX-License-Identifier: Apache-2.0
"""The rows of rows.yaml: reading them, and what must hold of the table itself.
Neighbours: run (the story), checks.py (what is compared), ../../lab/miniyaml.py.
"""
import os

import miniyaml

PAGES = ('site-topology', 'service-placement', 'architecture', 'key-concepts', 'panel')
FILES = {'panel': 'protection-groups-panel'}
KINDS = ('command', 'option', 'table', 'message', 'symptom', 'config', 'file', 'sql', 'http',
         'prose')
OWNERS = ('Foundation', 'Proof', 'Every DR operation', 'Foresight')
KEYS = ('id', 'page', 'kind', 'owner', 'state', 'quote', 'reason', 'on', 'as', 'before', 'after',
        'run', 'of', 'exit', 'until', 'expect', 'prints', 'lacks', 'fields', 'columns', 'values',
        'help', 'option', 'need', 'conf', 'equals', 'holds', 'proof', 'told', 'capture')
LIVE = ('run', 'of', 'help')
STATIC = ('conf', 'equals', 'holds', 'proof', 'told')
LISTS = ('prints', 'lacks', 'values')


class Row:
    """One row; a key that it lacks is None."""

    def __init__(self, raw):
        self.raw = raw
        for key in KEYS:
            if key != 'as':
                value = raw.get(key)
                setattr(self, key, [value] if key in LISTS and isinstance(value, str) else value)
        self.who = raw.get('as', 'prod-a')
        self.live = any(raw.get(key) for key in LIVE)
        self.static = not self.live
        self.only_help = bool(raw.get('help')) and not raw.get('run') and not raw.get('of')
        self.checked = self.live or any(raw.get(key) for key in STATIC)
        self.only_told = self.static and not any(raw.get(k) for k in STATIC if k != 'told')

    def steps(self, key):
        return [s.strip() for s in (self.raw.get(key) or '').split(';') if s.strip()]


def load(path):
    """All rows, in the order of the story."""
    return [Row(raw) for raw in miniyaml.load(path)['rows']]


def _of_row(row, known):
    for key in row.raw:
        if key not in KEYS:
            yield 'no such key: %s' % key
    for key in ('id', 'page', 'kind', 'owner', 'state', 'quote'):
        if not row.raw.get(key):
            yield '%s is missing' % key
    for key, words in (('page', PAGES), ('kind', KINDS), ('owner', OWNERS),
                       ('state', ('done', 'open')), ('on', (None, 'sim', 'lab')),
                       ('need', (None, 'yes', 'no'))):
        if row.raw.get(key) not in words:
            yield '%s is %s' % (key, row.raw.get(key))
    if row.state == 'done' and not row.checked:
        yield 'is done, but says nothing about how it is checked'
    if row.of and (row.of not in known or not known[row.of].run):
        yield 'of: no earlier row %s with a command' % row.of
    elif row.of and row.state == 'done' and known[row.of].state != 'done':
        yield 'is done, but the row %s, whose output it looks at, is open' % row.of
    elif row.of and known[row.of].on not in (None, row.on):
        yield 'looks at the row %s, which runs on %s only' % (row.of, known[row.of].on)
    if row.help and not row.option:
        yield 'help without option'
    for other in known.values():
        name = '${%s}' % (other.capture or '=').split('=')[0]
        if row.state == 'done' and other.state == 'open' and name in str(row.raw):
            yield 'is done, but %s comes from the row %s, which is open' % (name, other.id)


def problems(rows, root, pages):
    """What is wrong with the table itself, a line each."""
    out, known = [], {}
    for row in rows:
        out += ['%s: %s' % (row.id, text) for text in _of_row(row, known)]
        if row.id in known:
            out.append('%s: stands twice' % row.id)
        known[row.id] = row
    if pages:
        out += quotes(rows, pages)
    for row in rows:
        for key in ('equals', 'holds'):
            path = row.raw.get(key)
            if path and row.state == 'done' and not os.path.exists(os.path.join(root, path)):
                out.append('%s: no file %s' % (row.id, path))
    return out


def quotes(rows, folder):
    """Rows whose quote does not stand in its page, word by word."""
    out, texts = [], {}
    for row in rows:
        if row.page not in texts:
            name = FILES.get(row.page, row.page) + '.txt'
            with open(os.path.join(folder, name), encoding='utf-8') as f:
                texts[row.page] = _words(f.read())
        if _words(row.quote) not in texts[row.page]:
            out.append('%s: the quote does not stand in the page %s' % (row.id, row.page))
    return out


def _words(text):
    """Lines without what the browser's layout did to their ends and their indentation."""
    lines = (line.strip() for line in text.split('\n'))
    return '\n'.join(line for line in lines if line)
