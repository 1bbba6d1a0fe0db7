# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Protector of one site, from a build directory: its configuration, its start and its end.  Used for
# the lab (openstack/protector.sh) and for the simulated clouds (story/world-sim.sh).  Sourced,
# after processes.sh, with these set:
#   TOP BUILD_DIR                      the project's root, and where meson built
#   SITE IP PROTECTOR_PORT             name and address of the site, port of its API
#   KEYSTONE REGION PEER               its cloud; the name of the other site
#   STATE LOGS RUN CONF                folders of state, logs and pid files; path of protector.conf
#   DB_URL                             [database] connection
#   STORAGE                            file or mock
#   ARRAY_DIR_A ARRAY_DIR_B MOCK_DIR   where the two arrays are

ARRAY_A=https://array-a.lab
ARRAY_B=https://array-b.lab

# program NAME: its path in the build directory, else in PATH
program() {
    local folder
    for folder in src/daemons src/cli sim sim/server .; do
        if [ -f "$BUILD_DIR/$folder/$1" ] && [ -x "$BUILD_DIR/$folder/$1" ]; then
            echo "$BUILD_DIR/$folder/$1"
            return 0
        fi
    done
    command -v "$1" && return 0
    echo "no program $1 in $BUILD_DIR (BUILD_DIR) or PATH; build it first" >&2
    return 1
}

# driver_folder: where the build put the driver `file`
driver_folder() {
    local so
    so=$(find "$BUILD_DIR" -name '*protector-driver-file.so' -print -quit)
    if [ -z "$so" ]; then
        echo "no protector-driver-file.so below $BUILD_DIR; build it first" >&2
        return 1
    fi
    dirname "$so"
}

storage_section() {
    echo "[storage]"
    echo "driver = $STORAGE"
    case $STORAGE in
        file)
            echo "driver_path = $(driver_folder)"
            echo "file_arrays = $ARRAY_A=$ARRAY_DIR_A,$ARRAY_B=$ARRAY_DIR_B"
            ;;
        mock)
            echo "mock_storage_dir = $MOCK_DIR"
            ;;
        *)
            echo "STORAGE is $STORAGE, not file or mock" >&2
            return 1
            ;;
    esac
}

# protector_conf: the manual's file with this site's addresses, and what two sites on one machine
# need besides
protector_conf() {
    local section
    section=$(storage_section) || return 1
    mkdir -p "$(dirname "$CONF")" "$STATE" "$LOGS" "$RUN" "$MOCK_DIR"
    cat >"$CONF" <<C
[DEFAULT]
debug = ${PROTECTOR_DEBUG:-False}
log_dir = $LOGS
state_path = $STATE
settle_ms = ${SETTLE_MS:-2000}
drift_interval_s = ${DRIFT_S:-3600}

[api]
bind_host = $IP
bind_port = $PROTECTOR_PORT
workers = 2

[database]
connection = $DB_URL

[keystone_authtoken]
www_authenticate_uri = $KEYSTONE
auth_url = $KEYSTONE
auth_type = password
project_domain_name = Default
user_domain_name = Default
project_name = service
username = protector
password = lab
region_name = $REGION

[service_credentials]
default_trust_roles = member,_member_

[oslo_policy]
policy_file = $TOP/tests/manual/policy.yaml

# the story shows how a person is asked before servers are stopped: the engine does not forestall it
[site]
on_superseded = ${ON_SUPERSEDED:-alarm}

[site:$PEER]
username = ${PEER_USER:-protector-peer}
password = ${PEER_PASSWORD:-lab}
project_name = service

$section
C
    chmod 600 "$CONF"
}

# protector_start: database, API and engine; returns when the API answers
protector_start() {
    local manage api engine
    manage=$(program protector-manage)
    api=$(program protector-api)
    engine=$(program protector-engine)
    protector_conf
    "$manage" --config-file "$CONF" db sync
    # (what they write to standard error, their own log in log_dir has too)
    spawn protector-api "$RUN" "$RUN" "$api" --config-file "$CONF"
    spawn protector-engine "$RUN" "$RUN" "$engine" --config-file "$CONF"
    wait_http "http://$IP:$PROTECTOR_PORT/" 20 "$RUN/protector-api.pid"
    sleep 0.3 # an engine that cannot start has ended by now
    alive "$RUN/protector-engine.pid" || {
        tail -5 "$RUN/protector-engine.log" >&2
        echo "the engine of $SITE ended; log: $RUN/protector-engine.log" >&2
        return 1
    }
}

protector_stop() {
    stop "$RUN/protector-api.pid" 10
    stop "$RUN/protector-engine.pid" 20
}

# protector_status: do both run, and does the API answer?
protector_status() {
    alive "$RUN/protector-api.pid" && alive "$RUN/protector-engine.pid" &&
        wait_http "http://$IP:$PROTECTOR_PORT/" 2
}
