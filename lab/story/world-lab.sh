# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The two real clouds as a world of the story.  Sourced by `world`, which uses every function here.
# shellcheck disable=SC2317  # called by the one that sources it

OPENSTACK=$TOP/lab/openstack
STORAGE=${STORAGE:-file}
export STORAGE
# shellcheck source=lab/openstack/lib.sh
. "$OPENSTACK/lib.sh"
# shellcheck source=lab/protector-lib.sh
. "$TOP/lab/protector-lib.sh"

clouds_file() { echo "$LAB_DIR/clouds.yaml"; }
origin() { (site_vars "$1" && echo "$KEYSTONE"); }
protector_url() { (site_vars "$1" && echo "http://$IP:$PROTECTOR_PORT"); }
conf_of() { echo "$LAB_DIR/$1/etc/protector/protector.conf"; }
logs_of() { echo "$LAB_DIR/$1/log"; }
run_of() { echo "$LAB_DIR/$1/run"; }

# Bytes of the disks can be looked at in either case, but with mock none are moved.
volumes_dir() { [ "$STORAGE" = mock ] || echo "$LAB_DIR/$1/volumes"; }

world_clouds_up() {
    "$OPENSTACK/install.sh"
    FRESH=${FRESH:-1} "$OPENSTACK/up.sh" # FRESH=0: on what an earlier one left
}

# addresses and ports of both sites, and of what they share
ports() {
    local ip port
    for ip in 127.0.10.1 127.0.20.1; do
        for port in 5000 9292 8778 8774 9696 8776 11211 "$PROTECTOR_PORT"; do echo "$ip:$port"; done
    done
    for port in "$DB_PORT" "$MQ_PORT" "$MQ_DIST_PORT" "$EPMD_PORT"; do echo "127.0.0.1:$port"; done
}
world_folder() { echo "$LAB_DIR"; }

world_down() { "$OPENSTACK/down.sh"; }
protector_of() { "$OPENSTACK/protector.sh" "$2" "$1"; }
world_lose() { "$OPENSTACK/power-cut.sh" cut "$1"; }
world_restore() { "$OPENSTACK/power-cut.sh" restore "$1"; }
world_tables() { sql -N "protector_$(letter "$1")" -e 'SHOW TABLES'; }
world_sql() {
    local db
    db=protector_$(letter "$1")
    shift
    sql -N "$db" -e "$*" | sed 's/\\n/\n/g'
}
world_dump() {
    mariadb-dump --no-defaults -uroot -S "$INFRA/mysql.sock" "protector_$(letter "$1")"
}

not_here() {
    echo "world: real clouds give no faults on demand" >&2
    return 1
}
world_fault() { not_here; }
world_no_fault() { not_here; }

world_backend() { as_cloud "site-$(letter "$1")" volume-service "$2"; }

# Services read a changed policy file by themselves.  The lab allows tenants rules of Cinder only.
policy_of() { echo "$LAB_DIR/$1/etc/cinder/policy.yaml"; }
rule_is() { # SITE RULE WHAT
    grep -q "^\"$2\": " "$(policy_of "$1")" || {
        echo "world: the lab has no rule $2" >&2
        return 1
    }
    sed -i "s/^\"$2\": .*/\"$2\": \"$3\"/" "$(policy_of "$1")"
}
world_deny() { rule_is "$1" "$2" rule:admin_api; }
world_allow() { rule_is "$1" "$2" rule:admin_or_owner; }
