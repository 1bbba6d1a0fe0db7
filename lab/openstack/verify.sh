#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a disaster recovery does, in short and with OpenStack's own command-line clients: attach,
# detach, group, group snapshot, volume from a snapshot; a replica taken under management on site-b,
# a server booted from it, everything deleted; a trust.  (lab/contract/walk.py goes the same way
# over raw HTTP, in detail.)
set -euo pipefail
# shellcheck source=lab/openstack/lib.sh
. "$(dirname "$0")/lib.sh"
export OS_CLIENT_CONFIG_FILE=$LAB_DIR/clouds.yaml
at_a() { openstack --os-cloud prod-a "$@"; }
at_b() { openstack --os-cloud prod-b "$@"; }

step() { printf '%s -- %s\n' "$(date +%H:%M:%S)" "$*"; }

until_is() { # COMMAND... STATE
    local want=${!#} i got
    set -- "${@:1:$#-1}"
    for ((i = 0; i < 60; i++)); do
        got=$("$@" -f json 2>/dev/null | jq -er '.status // .Status' || echo gone)
        [ "${got,,}" = "$want" ] && return 0
        case ${got,,} in error*) break ;; esac
        sleep 0.5
    done
    echo "FAIL: $*: $got, not $want" >&2
    return 1
}

id_of() { # CLOUD KIND NAME
    openstack --os-cloud "$1" "$2" show "$3" -f value -c id
}

# Cinder's own client where openstackclient 6.0.0 falls short: there `volume group show` is broken,
# and `volume group create` wants ids from a tenant.
cinder_at() { # SITE ARGUMENTS...
    site_vars "$1"
    shift
    env OS_AUTH_URL="$KEYSTONE/v3" OS_REGION_NAME="$REGION" OS_USERNAME=prod-user \
        OS_PASSWORD="$PW" OS_PROJECT_NAME=prod OS_USER_DOMAIN_NAME=Default \
        OS_PROJECT_DOMAIN_NAME=Default OS_IDENTITY_API_VERSION=3 OS_VOLUME_API_VERSION=3.70 \
        cinder "$@"
}

field() { awk -v name="$1" '$2 == name { print $4 }'; }

group_until() { # group-show|group-snapshot-show ID STATE
    local i got
    for ((i = 0; i < 60; i++)); do
        got=$(cinder_at site-a "$1" "$2" 2>/dev/null | field status || true)
        [ "${got:-gone}" = "$3" ] && return 0
        sleep 0.5
    done
    echo "FAIL: $1 $2: ${got:-gone}, not $3" >&2
    return 1
}

step "servers of site-a"
at_a server list

step "attach and detach a volume"
at_a volume create --size 1 --type replicated-ssd vfy -f value -c id
until_is at_a volume show vfy available
at_a server add volume web-1 vfy -f value -c Device
until_is at_a volume show vfy in-use
at_a server remove volume web-1 vfy
until_is at_a volume show vfy available

step "group, group snapshot, volume from the snapshot"
volume=$(id_of prod-a volume data-web-1)
group=$(cinder_at site-a group-create --name vfy-g consistent replicated-ssd | field id)
group_until group-show "$group" available
cinder_at site-a group-update "$group" --add-volumes "$volume"
group_until group-show "$group" available
group_snapshot=$(cinder_at site-a group-snapshot-create --name vfy-gs "$group" | field id)
group_until group-snapshot-show "$group_snapshot" available
snapshot=$(at_a volume snapshot list -f value -c ID | head -1)
at_a volume create --snapshot "$snapshot" vfy-from-snap -f value -c id
until_is at_a volume show vfy-from-snap available
at_a volume delete vfy-from-snap vfy
cinder_at site-a group-snapshot-delete "$group_snapshot"
group_until group-snapshot-show "$group_snapshot" gone
cinder_at site-a group-update "$group" --remove-volumes "$volume"
group_until group-show "$group" available
cinder_at site-a group-delete "$group"
group_until group-show "$group" gone

step "manage a backend volume on site-b, boot a server from it"
cp --sparse=always "$LAB_DIR/site-a/volumes/volume-$(id_of prod-a volume root-web-1)" \
    "$LAB_DIR/site-b/volumes/vfy-replica"
cinder_at site-b manage --id-type source-name --name vfy-root \
    --volume-type replicated-ssd --bootable cinder-b@lab#lab vfy-replica
until_is at_b volume show vfy-root available
at_b server create --flavor m1.tiny --volume vfy-root --network net-app --key-name lab-key \
    --security-group web vfy-server -f value -c id
until_is at_b server show vfy-server active
at_b server list
at_b server delete --wait vfy-server
until_is at_b volume show vfy-root available
at_b volume delete vfy-root
until_is at_b volume show vfy-root gone

step "trust of the tenant for Protector"
# (by ids: a tenant may not look projects and roles up by name)
read -r project user <<<"$(at_a token issue -f json | jq -r '.project_id + " " + .user_id')"
protector=$(openstack --os-cloud protector-a token issue -f value -c user_id)
trust=$(at_a trust create --project "$project" --impersonate \
    --role "$(id_of site-a role member)" "$user" "$protector" -f value -c id)
openstack --os-auth-url http://127.0.10.1:5000/v3 --os-username protector --os-password $PW \
    --os-user-domain-name Default --os-trust-id "$trust" --os-identity-api-version 3 server list
at_a trust delete "$trust"

step "Protector's registration in Keystone"
for cloud in site-a site-b; do
    n=$(openstack --os-cloud $cloud endpoint list --service protector -f value -c URL |
        grep -c ":$PROTECTOR_PORT/v1/%(tenant_id)s\$")
    [ "$n" = 3 ] || {
        echo "FAIL: $cloud has $n endpoints of protector, not 3" >&2
        exit 1
    }
    openstack --os-cloud $cloud role show dr_site_admin -f value -c name
done
step "verify.sh: all done"
