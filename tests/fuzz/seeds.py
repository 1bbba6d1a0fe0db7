#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""seeds - what the corpora of tests/fuzz begin with: the recorded replies of real clouds.

    tests/fuzz/seeds.py FOLDER      writes FOLDER/cloud/… from lab/openstack/samples

`tools/fuzz --merge` keeps of it (and of what is found) what reaches code that nothing else reaches.
What comes from two whole sites (messages, states, plans) makes fuzz-seeds, seeds.c.
"""
import glob
import json
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BODY_MAX = 20000  # bytes; a longer one teaches nothing new and slows everything down

# The call of target_cloud.c whose reply an exchange is: method, pattern of the path.
CALLS = [
    ("POST", r"/auth/tokens", "login"),
    ("GET", r"/auth/tokens", "keystone_validate"),
    ("GET", r":5000/(v3/?)?$", "discover"),
    ("GET", r":\d+/(v[\d.]+/)?$", "versions"),
    ("GET", r"/OS-TRUST/trusts\?", "keystone_trust_list"),
    ("GET", r"/OS-TRUST/trusts/", "keystone_trust_get"),
    ("POST", r"/OS-TRUST/trusts", "keystone_trust_create"),
    ("GET", r"/roles", "keystone_role_find"),
    ("GET", r"/servers/detail", "nova_server_list"),
    ("GET", r"/os-volume_attachments", "nova_attachment_list"),
    ("GET", r"/os-interface", "nova_interface_list"),
    ("GET", r"/servers/[^/]+$", "nova_server_get"),
    ("POST", r"/servers$", "nova_server_create"),
    ("POST", r"/servers/[^/]+/action", "nova_server_stop"),
    ("DELETE", r"/servers/[^/]+$", "nova_server_delete"),
    ("GET", r"/flavors/detail", "nova_flavor_list"),
    ("GET", r"/flavors/[^/]+$", "nova_flavor_get"),
    ("GET", r"/os-keypairs/", "nova_keypair_get"),
    ("GET", r"/os-server-groups$", "nova_group_list"),
    ("GET", r"/os-server-groups/", "nova_group_get"),
    ("POST", r"/os-server-groups", "nova_group_create"),
    ("GET", r"/os-availability-zone", "nova_zone_list"),
    ("GET", r":8774/.*/limits", "nova_limits"),
    ("GET", r":8774/.*/os-services", "nova_service_list"),
    ("GET", r"/volumes/detail", "cinder_volume_list"),
    ("GET", r"/volumes/[^/]+$", "cinder_volume_get"),
    ("POST", r"/os-volume-manage", "cinder_volume_manage"),
    ("GET", r"/manageable_volumes", "cinder_manageable_list"),
    ("GET", r"/types", "cinder_type_find"),
    ("GET", r"/group_types", "cinder_group_type_list"),
    ("POST", r"/groups$", "cinder_group_create"),
    ("GET", r"/groups/detail", "cinder_group_list"),
    ("GET", r"/groups/[^/]+$", "cinder_group_get"),
    ("GET", r":8776/.*/os-services", "cinder_service_list"),
    ("GET", r"get_pools", "cinder_pool_list"),
    ("GET", r":8776/.*/os-quota-sets", "cinder_quota"),
    ("GET", r"/networks", "neutron_network_list"),
    ("GET", r"/subnets", "neutron_subnet_list"),
    ("GET", r"/ports\?|/ports$", "neutron_port_list"),
    ("GET", r"/ports/", "neutron_port_get"),
    ("POST", r"/ports$", "neutron_port_create"),
    ("GET", r"/security-groups", "neutron_security_group_list"),
    ("POST", r"/security-groups", "neutron_security_group_create"),
    ("POST", r"/security-group-rules", "neutron_security_group_rule_create"),
    ("GET", r"/floatingips", "neutron_floating_ip_list"),
    ("POST", r"/floatingips", "neutron_floating_ip_create"),
    ("GET", r"/quotas", "neutron_quota"),
    ("GET", r"/extensions", "neutron_extension_list"),
    ("GET", r"/images\?|/images$", "glance_image_list"),
    ("GET", r"/images/", "glance_image_get"),
]
# Headers that say nothing to us and change with each recording.
DULL = {"date", "server", "connection", "content-length", "keep-alive", "vary"}


def call_of(request):
    """The name in target_cloud.c, or None."""
    for method, pattern, name in CALLS:
        if request["method"] == method and re.search(pattern, request["url"]):
            return name
    return None


def seed(exchange):
    """The input that replays an exchange, or None."""
    call, reply = call_of(exchange["request"]), exchange["response"]
    body = reply.get("body")
    text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    if call is None or len(text) > BODY_MAX:
        return None
    headers = [f"{name}: {value}" for name, value in reply.get("headers", {}).items()
               if name.lower() not in DULL]
    return "\n".join([f"{call} {reply['status']}", *headers, "", text])


def main():
    folder = os.path.join(sys.argv[1], "cloud")
    os.makedirs(folder, exist_ok=True)
    count = 0
    for path in sorted(glob.glob(os.path.join(ROOT, "lab/openstack/samples/*/*.json"))):
        with open(path, encoding="utf-8") as file:
            exchange = json.load(file)
        text = seed(exchange) if "response" in exchange else None
        if text is None:
            continue
        name = "-".join(path[:-len(".json")].split("/")[-2:])
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
        count += 1
    print(f"{count} seeds")


if __name__ == "__main__":
    main()
