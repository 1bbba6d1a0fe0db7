# SPDX-License-Identifier: Apache-2.0
"""The part of YAML that clouds.yaml and the tables of tests use, with the standard library alone:
maps, lists, quoted and plain scalars (always strings), and literal blocks (`|`).  Anything else is
an error with its line number, never a guess.  Neighbours: cloud.py, tests/manual/run.
"""


class Error(Exception):
    """What is wrong, with file and line."""


class _Lines:
    def __init__(self, text, name):
        self.raw, self.at, self.name = text.split('\n'), 0, name

    def fail(self, what):
        raise Error('%s:%d: %s' % (self.name, self.at + 1, what))

    def peek(self):
        """(indent, text) of the next line that says something, or None."""
        while self.at < len(self.raw):
            line = self.raw[self.at]
            if '\t' in line[:len(line) - len(line.lstrip())]:
                self.fail('a tab in the indentation')
            text = line.strip()
            if text and not text.startswith('#') and text != '---':
                return len(line) - len(line.lstrip(' ')), text
            self.at += 1
        return None

    def block(self, indent):
        """A literal block that is indented deeper than its key."""
        out, depth = [], None
        while self.at < len(self.raw):
            line = self.raw[self.at]
            here = len(line) - len(line.lstrip(' '))
            if line.strip() and here <= indent:
                break
            if line.strip() and depth is None:
                depth = here
            out.append(line[depth or 0:] if line.strip() else '')
            self.at += 1
        while out and not out[-1]:
            out.pop()
        return '\n'.join(out)


def _scalar(lines, text):
    if text[:1] in '"\'':
        end = text.rfind(text[0])
        rest = text[end + 1:].strip()
        if end == 0 or (rest and not rest.startswith('#')):
            lines.fail('an open quote, or text after it: %s' % text)
        inner = text[1:end]
        if text[0] == "'":
            return inner.replace("''", "'")
        return inner.replace('\\"', '"').replace('\\n', '\n').replace('\\\\', '\\')
    text = text.split(' #')[0].strip()
    if text[:1] in '[]{}&*!|>%@`,' or text[:2] in ('- ', '? ') or ': ' in text or text[-1:] == ':':
        lines.fail('this needs quotes, or a form of YAML that is not read here: %s' % text)
    return text


def _key(text):
    """(key, value text) of `key: value`, or None."""
    head, colon, rest = text.partition(':')
    if not colon or (rest and not rest.startswith(' ')) or ' ' in head or head[:1] in '"\'':
        return None
    return head, rest.strip()


def _value(lines, indent, text):
    """What stands after `key:` or `-`; the line itself has been taken."""
    if text == '|':
        return lines.block(indent)
    if text and not text.startswith('#'):
        return _scalar(lines, text)
    following = lines.peek()
    if following is None or following[0] < indent:
        return ''
    if following[0] == indent and not following[1].startswith('- '):
        return ''
    return _node(lines, following[0])


def _node(lines, indent):
    item = lines.peek()
    return _list(lines, indent) if item[1].startswith('-') else _map(lines, indent)


def _map(lines, indent):
    out = {}
    while True:
        item = lines.peek()
        if item is None or item[0] < indent or item[1].startswith('- '):
            return out
        pair = _key(item[1])
        if item[0] > indent or not pair:
            lines.fail('expected `key: value` at column %d: %s' % (indent + 1, item[1]))
        if pair[0] in out:
            lines.fail('%s stands twice' % pair[0])
        lines.at += 1
        out[pair[0]] = _value(lines, indent, pair[1])


def _list(lines, indent):
    out = []
    while True:
        item = lines.peek()
        if item is None or item[0] < indent:
            return out
        if item[0] > indent or not (item[1] + ' ').startswith('- '):
            if item[0] == indent:
                return out
            lines.fail('expected `- ` at column %d: %s' % (indent + 1, item[1]))
        text = item[1][1:].strip()
        if _key(text):
            # a map begins on the same line as its dash
            lines.raw[lines.at] = ' ' * (indent + 2) + text
            out.append(_map(lines, indent + 2))
        else:
            lines.at += 1
            out.append(_value(lines, indent, text))


def loads(text, name='text'):
    """The document in `text`; name is for error messages."""
    lines = _Lines(text, name)
    item = lines.peek()
    if item is None:
        return {}
    out = _node(lines, item[0])
    if lines.peek() is not None:
        lines.fail('text after the end of the document')
    return out


def load(path):
    """The document in the file `path`."""
    with open(path, encoding='utf-8') as f:
        return loads(f.read(), path)
