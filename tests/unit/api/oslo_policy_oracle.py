#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""oslo_policy_oracle - what Debian's oslo.policy says about the cases of test_policy.c.

Reads cases, one JSON object per line (rules, names, creds, targets), from the file of the first
argument; writes a line of letters per case to the file of the second: for each name, each creds,
each target A (allowed), D (denied) or E (an exception, which a service answers with 500).
"""
import functools
import inspect
import json
import logging
import sys

from oslo_config import cfg
from oslo_policy import policy

logging.disable(logging.CRITICAL)


def remember_signatures():
    """oslo.policy asks inspect for the same few signatures again and again."""
    original = inspect.getfullargspec
    cached = functools.lru_cache(maxsize=None)(original)
    inspect.getfullargspec = lambda f: cached(f.__func__) if hasattr(f, "__func__") else original(f)


def letter(enforcer, name, target, creds):
    try:
        return "A" if enforcer.enforce(name, target, dict(creds)) else "D"
    except Exception:  # whatever it is, the service would not let the request through
        return "E"


def answers(case):
    conf = cfg.ConfigOpts()
    conf([])
    enforcer = policy.Enforcer(conf, use_conf=False)
    enforcer.set_rules(policy.Rules.from_dict(case["rules"]), use_conf=False)
    return "".join(letter(enforcer, name, target, creds) for name in case["names"]
                   for creds in case["creds"] for target in case["targets"])


def main():
    remember_signatures()
    with open(sys.argv[1], encoding="utf-8") as cases, \
            open(sys.argv[2], "w", encoding="ascii") as out:
        for line in cases:
            out.write(answers(json.loads(line)) + "\n")


main()
