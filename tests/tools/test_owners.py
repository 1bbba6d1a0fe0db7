#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""lab/owners.py finds everything that is not the tenant's; here the clouds are tables.  That it
asks real ones and simulated ones rightly, the story shows."""
import copy
import os
import sys

SOURCE = os.environ.get("SOURCE_ROOT") or os.path.abspath(__file__ + "/../../..")
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(SOURCE, "lab"))
import owners  # noqa: E402

EMPTY = {"volumes": [], "groups": [], "snapshots": [], "servers": [], "keypairs": [], "ports": [],
         "networks": [], "security_groups": [], "floatingips": []}
VOLUME = {"id": "v1", "name": "root", "os-vol-tenant-attr:tenant_id": "prod", "user_id": "tina"}
SERVER = {"id": "s1", "name": "web-1", "tenant_id": "prod", "user_id": "tina",
          "metadata": {"protector:key": "5"}}
PORT = {"id": "p1", "name": "x", "project_id": "prod", "description": "protector pg-1 epoch 2"}
KEY = {"name": "my key", "user_id": "tina"}
TRUST = {"id": "t1", "project_id": "prod", "trustor_user_id": "tina"}
ROWS = ["volume made prod v1", "server released prod s1", "port made prod p1",
        "keypair made prod my key", "copy made prod"]


class Table:
    """A cloud that answers each path from a table; lists by the last word of theirs."""

    def __init__(self, project, user, table):
        self.project, self.user, self.table = project, user, table

    def __call__(self, service, method, path):
        assert method == "GET" and service
        if path in self.table:
            return self.table[path]
        return {key: self.table.get(key, []) for key in EMPTY}


def world():
    admin = {"/volumes/v1": {"volume": VOLUME}, "/servers/s1": {"server": SERVER},
             "/v2.0/ports/p1": {"port": PORT},
             "/os-keypairs/my%20key?user_id=tina": {"keypair": KEY},
             "volumes": [VOLUME], "servers": [SERVER], "ports": [PORT]}
    service = {"/OS-TRUST/trusts?trustee_user_id=sam": {"trusts": [TRUST]},
               "security_groups": [{"id": "g0", "name": "default"}]}
    return copy.deepcopy({"rows": ROWS, "admin": admin, "service": service})


def judge(w):
    rows = [owners.parse(line) for line in w["rows"]]
    return owners.judge(rows, Table("admin", "root", w["admin"]),
                        Table("service", "sam", w["service"]), Table("prod", "tina", {}))


def of_service_project(w):
    w["admin"]["/volumes/v1"]["volume"]["os-vol-tenant-attr:tenant_id"] = "service"


def by_service_user(w):
    w["admin"]["/servers/s1"]["server"]["user_id"] = "sam"


def key_of_another(w):
    w["admin"]["/os-keypairs/my%20key?user_id=tina"]["keypair"]["user_id"] = "sam"


def stray_volume(w):
    w["service"]["volumes"] = [{"id": "v9", "name": "stray"}]


def stray_key(w):
    w["service"]["keypairs"] = [{"keypair": {"name": "lab-key"}}]


def stray_group(w):
    w["service"]["security_groups"].append({"id": "g9", "name": "web"})


def unknown_port(w):
    w["admin"]["ports"].append(dict(PORT, id="p9"))


def trust_of_another(w):
    w["service"]["/OS-TRUST/trusts?trustee_user_id=sam"]["trusts"][0]["project_id"] = "other"


def no_trust(w):
    w["service"]["/OS-TRUST/trusts?trustee_user_id=sam"]["trusts"] = []


def row(line):
    return lambda w: w["rows"].append(line)


# what is changed, and the beginning of the one thing that must be wrong then
WRONG = [
    (of_service_project, "volume v1: its project is service, not"),
    (by_service_user, "server s1: its user is sam, not"),
    (key_of_another, "keypair my key: its user is sam, not"),
    (stray_volume, "volume v9 (stray) is in the service's project"),
    (stray_key, "keypair - (lab-key) is in the service's project"),
    (stray_group, "security_group g9 (web) is in the service's project"),
    (unknown_port, "port p9 (x) is Protector's and in no ledger"),
    (trust_of_another, "trust t1: its project is other, not"),
    (no_trust, "no trust: nothing can have been made"),
    (row("volume made service v1"), "volume v1: its project in the ledger is service, not"),
    (row("volume made prod NULL"), "volume: the ledger does not say which"),
    (row("server intent prod NULL"), "server NULL: it is only intent in the ledger"),
    (row("load_balancer made prod l1"), "load_balancer l1: owners.py does not know this kind"),
]


def main():
    report = judge(world())
    assert report.wrong == [], report.wrong
    assert len(report.lines) == len(ROWS) + 1, report.lines
    print("ok   all is the tenant's")
    for change, want in WRONG:
        w = world()
        change(w)
        found = judge(w).wrong
        assert len(found) == 1 and found[0].startswith(want), (want, found)
        print("ok   " + want)
    print("%d passed, 0 failed" % (1 + len(WRONG)))


if __name__ == "__main__":
    main()
