# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The simulated clouds as a world of the story: protector-sim, and Protector with SQLite at each
# site.  Everything lies in WORLD_DIR, which `up` makes anew.  Sourced by `world`.
# shellcheck disable=SC2034  # for protector-lib.sh

WORLD_DIR=$(realpath -m "${WORLD_DIR:-$BUILD_DIR/world-sim}")
STORAGE=${STORAGE:-mock}
# 0: OpenStack's own ports.  N: all ports from N on.  auto: N by the name of WORLD_DIR, so that
# several worlds can be at once.
WORLD_PORT_BASE=${WORLD_PORT_BASE:-0}
if [ "$WORLD_PORT_BASE" = auto ]; then
    read -r WORLD_PORT_BASE _ < <(echo "$WORLD_DIR" | cksum)
    WORLD_PORT_BASE=$((12000 + WORLD_PORT_BASE % 600 * 30))
fi
if [ "$WORLD_PORT_BASE" -gt 0 ]; then
    CONTROL=http://127.0.10.1:$((WORLD_PORT_BASE + 20))/sim/control
    KEYSTONE_PORT_A=$WORLD_PORT_BASE KEYSTONE_PORT_B=$((WORLD_PORT_BASE + 10))
    PROTECTOR_PORT=$((WORLD_PORT_BASE + 21))
    SIM_PORTS=(--port-base "$WORLD_PORT_BASE")
else
    CONTROL=http://127.0.10.1:8799/sim/control
    KEYSTONE_PORT_A=5000 KEYSTONE_PORT_B=5000 SIM_PORTS=()
    PROTECTOR_PORT=${PROTECTOR_PORT:-8788}
fi
export WORLD_MARK=$WORLD_DIR # whose a process is: ../leftovers.py
# shellcheck source=lab/processes.sh
. "$TOP/lab/processes.sh"

# site_vars SITE: for protector-lib.sh
site_vars() {
    SITE=$1
    case $SITE in
        site-a) IP=127.0.10.1 REGION=RegionA PEER=site-b KEYSTONE=http://$IP:$KEYSTONE_PORT_A ;;
        site-b) IP=127.0.20.1 REGION=RegionB PEER=site-a KEYSTONE=http://$IP:$KEYSTONE_PORT_B ;;
        *)
            echo "world: no site $SITE" >&2
            return 1
            ;;
    esac
    STATE=$WORLD_DIR/$SITE/state LOGS=$WORLD_DIR/$SITE/log RUN=$WORLD_DIR/$SITE/run
    CONF=$WORLD_DIR/$SITE/protector.conf DB_URL=sqlite:///$WORLD_DIR/$SITE/protector.db
}
PEER_USER=protector
ARRAY_DIR_A=$WORLD_DIR/site-a/volumes ARRAY_DIR_B=$WORLD_DIR/site-b/volumes
MOCK_DIR=$WORLD_DIR/mock_storage
# shellcheck source=lab/protector-lib.sh
. "$TOP/lab/protector-lib.sh"

clouds_file() { echo "$WORLD_DIR/clouds.yaml"; }
origin() { (site_vars "$1" && echo "$KEYSTONE"); }
protector_url() { (site_vars "$1" && echo "http://$IP:$PROTECTOR_PORT"); }
conf_of() { echo "$WORLD_DIR/$1/protector.conf"; }
logs_of() { echo "$WORLD_DIR/$1/log"; }
run_of() { echo "$WORLD_DIR/$1/run"; }
volumes_dir() { [ "$STORAGE" = mock ] || echo "$WORLD_DIR/$1/volumes"; }
world_folder() { echo "$WORLD_DIR"; }
ports() { # addresses and ports of both sites
    local ip port list='5000 9292 8778 8774 9696 8776 8799'
    [ "$WORLD_PORT_BASE" -eq 0 ] || list=$WORLD_PORT_BASE-$((WORLD_PORT_BASE + 20))
    for ip in 127.0.10.1 127.0.20.1; do
        for port in $list $PROTECTOR_PORT; do echo "$ip:$port"; done
    done
}

# world_clouds_up [OPTIONS]: the simulator, from nothing
world_clouds_up() {
    local sim url
    sim=$(program protector-sim)
    world_down
    rm -rf "${WORLD_DIR:?}"
    mkdir -p "$WORLD_DIR"/{site-a,site-b}/volumes "$WORLD_DIR/run"
    url='/v1/%(tenant_id)s'
    # shellcheck disable=SC2086  # SIM_OPTIONS: words
    spawn protector-sim "$WORLD_DIR/run" "$WORLD_DIR" "$sim" \
        --volumes-dir-a "$ARRAY_DIR_A" --volumes-dir-b "$ARRAY_DIR_B" \
        --protector-url-a "$(protector_url site-a)$url" \
        --protector-url-b "$(protector_url site-b)$url" --clouds "$(clouds_file)" \
        "${SIM_PORTS[@]}" ${SIM_OPTIONS:-} "$@"
    local end=$((SECONDS + 20))
    until grep -qx ready "$WORLD_DIR/protector-sim.log"; do
        if [ $SECONDS -ge $end ] || ! alive "$WORLD_DIR/run/protector-sim.pid"; then
            cat "$WORLD_DIR/protector-sim.log" >&2
            echo "world: protector-sim does not get ready" >&2
            return 1
        fi
        sleep 0.1
    done
}

world_down() {
    local f
    for f in "$WORLD_DIR"/site-*/run/*.pid "$WORLD_DIR"/run/*.pid; do stop "$f" 20; done
}

protector_of() { # SITE start|stop
    site_vars "$1"
    "protector_$2"
}

# control METHOD WHAT [JSON]: something happens to the simulated world
control() { "$TOP/lab/web.py" send "$1" "$CONTROL/$2" ${3:+"$3"} >/dev/null; }

world_lose() {
    local f
    control POST power "{\"site\": \"$1\", \"on\": false}"
    rm -f "$WORLD_DIR/$1/ran"
    ! alive "$WORLD_DIR/$1/run/protector-engine.pid" || touch "$WORLD_DIR/$1/ran"
    for f in "$WORLD_DIR/$1"/run/*.pid; do cut_off "$f"; done
}

world_restore() {
    control POST power "{\"site\": \"$1\", \"on\": true}"
    if [ -e "$WORLD_DIR/$1/ran" ]; then
        protector_of "$1" start
        rm -f "$WORLD_DIR/$1/ran"
    fi
}

# With the standard library's SQLite: no client needs to be installed.
query() { # SITE SQL
    /usr/bin/python3 - "$WORLD_DIR/$1/protector.db" "$2" <<'PY'
import sqlite3
import sys
for row in sqlite3.connect('file:%s?mode=ro' % sys.argv[1], uri=True).execute(sys.argv[2]):
    print(*row)
PY
}
world_tables() { query "$1" "SELECT name FROM sqlite_master WHERE type = 'table'"; }
world_sql() {
    local site=$1
    shift
    query "$site" "$*"
}
world_dump() { cat "$WORLD_DIR/$1"/protector.db*; }

world_fault() { # SITE SERVICE METHOD PATH STATUS
    control POST faults "{\"site\": \"$1\", \"service\": \"$2\", \"method\": \"$3\",
        \"path\": \"$4\", \"kind\": \"status\", \"status\": $5, \"count\": 0}"
}
world_no_fault() { control DELETE faults; }
world_backend() { # SITE disable|enable
    [ "$2" = disable ] || { control DELETE faults && return; }
    control POST faults "{\"site\": \"$1\", \"service\": \"cinder\", \"method\": \"GET\",
        \"path\": \"*/os-services*\", \"kind\": \"status\", \"status\": 200, \"count\": 0,
        \"body\": \"{\\\"services\\\": []}\"}"
}
world_deny() { control POST policy "{\"site\": \"$1\", \"rule\": \"$2\", \"tenants\": false}"; }
world_allow() { control POST policy "{\"site\": \"$1\", \"rule\": \"$2\", \"tenants\": true}"; }
