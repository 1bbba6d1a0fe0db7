#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The other side of test_conf_oslo.c: reads the same texts with Debian's oslo.config.

Input (a file named by the first argument): {"options": [row of conf.tbl...], "cases": [case...]}
with case = {"files": [text...], "env": {...}, "sites": [name...]}.  Output (standard output): one
item per case, either null (something in it is not valid) or {"section name": value}.

What Protector adds to oslo.config is put in here by hand: minimum lengths, defaults for empty
numbers, and a limit on the number of items of a list.  Exit code 77: oslo.config is not installed.
"""
import json
import os
import sys
import tempfile

try:
    from oslo_config import cfg
except ImportError:
    sys.exit(77)


def make_option(row):
    kind, name, default = row["type"], row["name"], row["default"]
    if kind == "int":
        return cfg.IntOpt(name, default=default, min=row["min"], max=row["max"])
    if kind == "bool":
        return cfg.BoolOpt(name, default=default)
    if kind == "list":
        return cfg.ListOpt(name, default=default or "")
    choices = row["choices"].split("|") if row["choices"] else None
    return cfg.StrOpt(name, default=default, choices=choices)


def section_of(row, sites):
    if row["section"] == "site:":
        return [row["section"] + site for site in sites]
    return [row["section"]]


def value_of(conf, section, row):
    group = conf if section == "DEFAULT" else conf[section]
    value = group[row["name"]]
    if row["type"] == "int" and value is None:
        value = int(row["default"])
    if row["type"] in ("string", "secret") and value is not None:
        if not row["min"] <= len(value.encode()) <= row["max"]:
            raise ValueError("length")
    if row["type"] == "list" and not row["min"] <= len(value) <= row["max"] and value:
        raise ValueError("items")
    if row["type"] == "list" and row["min"] > 0 and not value:
        raise ValueError("items")
    return value


def run(options, case, folder):
    os.environ.update(case["env"])
    arguments = []
    for number, text in enumerate(case["files"]):
        path = os.path.join(folder, "%d.conf" % number)
        with open(path, "w", newline="") as file:
            file.write(text)
        arguments += ["--config-file", path]
    conf = cfg.ConfigOpts()
    pairs = [(section, row) for row in options for section in section_of(row, case["sites"])]
    for section, row in pairs:
        conf.register_opt(make_option(row), group=None if section == "DEFAULT" else section)
    try:
        conf(arguments, default_config_files=[], default_config_dirs=[])
        return {f"{section} {row['name']}": value_of(conf, section, row) for section, row in pairs}
    except (Exception, RecursionError):
        return None
    finally:
        for name in case["env"]:
            os.environ.pop(name, None)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        work = json.load(file)
    with tempfile.TemporaryDirectory() as folder:
        json.dump([run(work["options"], case, folder) for case in work["cases"]], sys.stdout)


main()
