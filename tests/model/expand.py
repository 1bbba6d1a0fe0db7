# SPDX-License-Identifier: Apache-2.0
"""expand - a Promela file with its macros and inlines expanded.

spin's own expansion of inlines mixes up parameters of one name where inlines call each other, and
it runs cpp without options; here cpp runs first, then every inline is put in place of its call.
"""
import re
import subprocess

INLINE = re.compile(r"\binline (\w+)\(([^)]*)\)\s*\{")


def closing(text, i, opens, closes):
    """Where the bracket that stands at `i` is closed."""
    depth = 0
    while True:
        depth += (text[i] == opens) - (text[i] == closes)
        if depth == 0:
            return i
        i += 1


def take_inlines(text):
    """The text without its inlines, and the inlines: name -> (parameters, body)."""
    inlines = {}
    found = INLINE.search(text)
    while found:
        end = closing(text, found.end() - 1, "{", "}")
        parameters = [name.strip() for name in found[2].split(",") if name.strip()]
        inlines[found[1]] = (parameters, text[found.end():end].strip())
        text = text[:found.start()] + text[end + 1:]
        found = INLINE.search(text)
    return text, inlines


def split_arguments(text):
    """The arguments between two brackets."""
    arguments, depth = [""], 0
    for c in text:
        depth += (c in "([") - (c in ")]")
        if c == "," and depth == 0:
            arguments.append("")
        else:
            arguments[-1] += c
    return [argument.strip() for argument in arguments]


def replaced(body, values):
    """The body of an inline with its parameters' values; what stands in quotes is left alone."""
    parts = re.split(r'("[^"]*")', body)
    return "".join(part if part.startswith('"')
                   else re.sub(r"\w+", lambda word: values.get(word[0], word[0]), part)
                   for part in parts)


def expand(path, options):
    """The file after cpp with these options, without inlines."""
    text = subprocess.run(["gcc", "-E", "-P", "-x", "c", *options, path], capture_output=True,
                          text=True, check=True).stdout
    text, inlines = take_inlines(text)
    call = re.compile(r"\b(%s)\(" % "|".join(inlines))
    start = 0
    found = call.search(text, start)
    while found:
        end = closing(text, found.end() - 1, "(", ")")
        start = found.start()
        if text[found.start() - 1] == '"':  # the name inside a printf
            start = end
        else:
            parameters, body = inlines[found[1]]
            values = dict(zip(parameters, split_arguments(text[found.end():end])))
            text = text[:found.start()] + replaced(body, values) + text[end + 1:]
        found = call.search(text, start)
    return text.replace("::", "\n::")
