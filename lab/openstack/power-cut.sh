#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A site loses its power, and gets it back.
#   power-cut.sh cut SITE       every process of the site ends at once (KILL, by pid file), its
#                               Protector too; nothing is told to anyone
#   power-cut.sh restore SITE   the cloud's services start again, its Protector too if it ran; Nova
#                               starts by itself the servers that ran, as a hypervisor does
# What both sites of the lab share (MariaDB, RabbitMQ) goes on.
set -euo pipefail
# shellcheck source=lab/openstack/lib.sh
. "$(dirname "$0")/lib.sh"

lose_power() {
    local f
    [ -d "$RUN" ] || {
        echo "power-cut.sh: $SITE was never up" >&2
        exit 1
    }
    rm -f "$D/protector-ran"
    ! alive "$RUN/protector-engine.pid" || touch "$D/protector-ran"
    # nova_fake.py finds its servers switched off when it sees this
    touch "$D/state/nova/power-cut"
    for f in "$RUN"/*.pid; do cut_off "$f"; done
    echo "power-cut.sh: $SITE is without power"
}

get_power() {
    SITES=$SITE SEED=0 "$HERE/up.sh"
    if [ -e "$D/protector-ran" ]; then
        "$HERE/protector.sh" start "$SITE"
        rm -f "$D/protector-ran"
    fi
    echo "power-cut.sh: $SITE has power again"
}

case ${1:-} in
    cut)
        site_vars "${2:?which site?}"
        lose_power
        ;;
    restore)
        site_vars "${2:?which site?}"
        get_power
        ;;
    *)
        sed -n '3,9s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
esac
