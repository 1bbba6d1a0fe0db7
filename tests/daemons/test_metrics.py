#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""/metrics of a real protector-api, read with Prometheus' own parser; the alerts that are shipped
for it.  What the numbers are is tested in tests/sim/test_stories_health.c.
"""
import os
import re
import signal
import socket
import urllib.error
import urllib.request

import yaml
from prometheus_client import parser

import daemons
from daemons import Case, until

PORT = 8789
RULES = os.path.join(daemons.SOURCE, 'etc/prometheus/protector.rules.yml')
PAGE = os.path.join(daemons.SOURCE, 'docs/metrics.md')


def documented():
    with open(PAGE, encoding='utf-8') as f:
        return re.findall(r'^\| `(protector_\w+)` \|', f.read(), re.M)


class Metrics(Case):
    def started(self, **options):
        site = self.site(conf={'metrics': {'bind_host': self.folder.address}, **options}).synced()
        return site, site.start('api')

    def ask(self, path='/metrics', **options):
        """Status, type and text."""
        url = 'http://%s:%d%s' % (self.folder.address, PORT, path)
        try:
            with urllib.request.urlopen(urllib.request.Request(url, **options), timeout=10) as r:
                return r.status, r.headers['Content-Type'], r.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.headers['Content-Type'], e.read().decode()

    def test_prometheus_reads_it(self):
        _, api = self.started()
        self.says(api.text(), 'metrics at http://%s:%d/metrics' % (self.folder.address, PORT))
        status, kind, text = self.ask()
        self.assertEqual((status, kind), (200, 'text/plain; version=0.0.4; charset=utf-8'))
        families = {f.name: f for f in parser.text_string_to_metric_families(text)}
        self.assertEqual(sorted(families), sorted(documented()))
        for family in families.values():
            self.assertEqual(family.type, 'gauge')
        self.assertEqual(families['protector_build_info'].samples[0].value, 1)

    def test_nothing_else_is_there(self):
        site, _ = self.started()
        self.assertEqual(self.ask('/v1/health')[0], 404)
        self.assertEqual(self.ask('/')[0], 404)
        self.assertEqual(self.ask(method='POST', data=b'')[0], 405)
        self.assertEqual(self.ask(method='POST', data=b'x')[0], 413)
        self.assertEqual(site.ask('GET', '/metrics').status, 404)

    def test_off_unless_asked_for(self):
        site = self.site().synced()
        site.start('api')
        with self.assertRaises(urllib.error.URLError):
            self.ask()

    def test_another_worker_takes_over(self):
        _, api = self.started(api={'workers': 1})
        until('the worker', lambda: 'worker serves' in api.text())
        os.kill(api.children()[0], signal.SIGKILL)
        until('a new worker', lambda: api.text().count('worker serves') == 2)
        self.assertEqual(self.ask()[0], 200)

    def test_an_address_that_is_taken(self):
        with socket.socket() as taken:
            taken.bind((self.folder.address, PORT))
            taken.listen()
            site = self.site(conf={'metrics': {'bind_host': self.folder.address}}).synced()
            code, said = site.tries('api')
        self.assertEqual(code, 1, said)
        self.says(said, '%s port %d' % (self.folder.address, PORT), 'Address already in use')


class Alerts(Case):
    def test_they_name_what_is_told(self):
        with open(RULES, encoding='utf-8') as f:
            rules = [rule for group in yaml.safe_load(f)['groups'] for rule in group['rules']]
        self.assertGreater(len(rules), 5)
        for rule in rules:
            names = re.findall(r'\bprotector_\w+', rule['expr'])
            self.assertEqual([n for n in names if n not in documented()], [], rule['alert'])
            self.assertTrue(names or rule['expr'].startswith('up{'), rule['alert'])
            self.assertEqual(sorted(rule['annotations']), ['description', 'summary'])


if __name__ == '__main__':
    daemons.main()
