#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Which processes of the lab run, their memory (PSS shares what forked processes share), and
# whether each API answers.  Exit code 1 if one that should run is dead or does not answer.
set -uo pipefail
# shellcheck source=lab/openstack/lib.sh
. "$(dirname "$0")/lib.sh"

session_pids() { # PID of a leader -> all processes of its session
    local p
    for p in /proc/[0-9]*; do
        [ "$(sed 's/.*) //' "$p/stat" 2>/dev/null | cut -d' ' -f4)" = "$1" ] && echo "${p#/proc/}"
    done
}

memory() { # PIDS... -> "RSS_MIB PSS_MIB COUNT"
    local p rss=0 pss=0 n=0 r s
    for p in "$@"; do
        read -r r s < <(awk '/^Rss:/{r=$2} /^Pss:/{s=$2} END{print r+0, s+0}' \
            "/proc/$p/smaps_rollup" 2>/dev/null) || continue
        rss=$((rss + r)) pss=$((pss + s)) n=$((n + 1))
    done
    echo "$((rss / 1024)) $((pss / 1024)) $n"
}

grand=0 bad=0
for dir in "$INFRA" "$LAB_DIR/site-a" "$LAB_DIR/site-b"; do
    total=0
    printf '== %s\n' "$(basename "$dir")"
    printf '%-20s %8s %6s %9s %9s\n' process pid procs 'RSS MiB' 'PSS MiB'
    for f in "$dir"/run/*.pid; do
        [ -e "$f" ] || continue
        read -r pid _ <"$f"
        if alive "$f"; then
            # shellcheck disable=SC2046  # one word per process
            read -r r s n <<<"$(memory $(session_pids "$pid"))"
            printf '%-20s %8d %6d %9d %9d\n' "$(basename "$f" .pid)" "$pid" "$n" "$r" "$s"
            total=$((total + s))
        else
            printf '%-20s %8s   DEAD\n' "$(basename "$f" .pid)" "$pid"
            bad=1
        fi
    done
    printf '%-20s %35d\n' total $total
    grand=$((grand + total))
done
echo "== sum of PSS: $grand MiB"
for s in site-a site-b; do
    site_vars $s
    [ -d "$RUN" ] || continue
    printf '== %s:' $s
    for pp in keystone:5000/v3 glance:9292/ placement:8778/ nova:8774/ neutron:9696/ cinder:8776/ \
        "protector:$PROTECTOR_PORT/"; do
        code=$(curl -s -o /dev/null --max-time 10 -w '%{http_code}' "http://$IP:${pp#*:}") || true
        printf ' %s=%s' "${pp%%:*}" "$code"
        # Protector is started apart from the cloud (protector.sh)
        case $pp in protector:*) ;; *) [ "$code" != 000 ] || bad=1 ;; esac
    done
    echo
done
exit $bad
