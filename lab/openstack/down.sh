#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Stops exactly the processes that up.sh and protector.sh started (by their pid files).
#   down.sh            both sites and the infrastructure; data stays
#   down.sh site-a     only that site's services; up.sh brings it back (abruptly: power-cut.sh)
#   down.sh --wipe     everything, and the sites' data too (packages and schema dumps stay)
set -uo pipefail
# shellcheck source=lab/openstack/lib.sh
. "$(dirname "$0")/lib.sh"

wipe='' sites='' all=''
for a in "$@"; do
    case $a in
        --wipe) wipe=1 ;;
        site-a | site-b) sites="$sites $a" ;;
        *)
            echo "usage: down.sh [site-a|site-b] [--wipe]" >&2
            exit 2
            ;;
    esac
done
if [ -z "$sites" ]; then
    sites='site-a site-b' all=1
elif [ -n "$wipe" ]; then
    echo "down.sh: --wipe is for the whole lab only, without a site" >&2
    exit 2
fi

# First who asks, then who is asked: memcached and Keystone last.
for s in $sites; do
    site_vars "$s"
    for f in "$RUN"/*.pid; do
        case $f in
            */keystone.pid | */memcached.pid) ;;
            *) stop "$f" 20 & ;;
        esac
    done
done
wait
for s in $sites; do
    site_vars "$s"
    stop "$RUN/keystone.pid" 10
    stop "$RUN/memcached.pid" 10
done
if [ -n "$all" ]; then
    stop "$INFRA/run/rabbitmq.pid" 20 &
    stop "$INFRA/run/mariadb.pid" 30 &
    wait
    stop "$INFRA/run/epmd.pid" 10
    [ -z "$wipe" ] || rm -rf "${LAB_DIR:?}"/{site-a,site-b,tmpl,infra}
    sites=" everything"
fi
echo "down.sh: stopped$sites"
