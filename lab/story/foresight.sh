#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The story of the plan before the act: what it calls ready succeeds, and what it calls not ready
# ends in the way it has said, for each check that a pair of clouds can be made to fail.
#
#   foresight.sh sim             on the simulated clouds
#   foresight.sh lab             on the two real ones (../openstack)
#   foresight.sh KIND --keep     leave everything running at the end
#
# Nothing is left running.  Environment: see ./world and ./tell.sh (VIA).
set -euo pipefail
STORY=$(cd "$(dirname "$0")" && pwd)
KIND=${1:-}
case $KIND in
    sim | lab) ;;
    *)
        sed -n '6,8s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
esac
KEEP=${2:-}

# shellcheck source=lab/story/tell.sh
. "$STORY/tell.sh"

PG=prod-web-app EMPTY=prod-empty
export DRIFT_S=60 # the shortest there is

# ---------------------------------------------------------------- how it is looked at
# as_planned KIND: the words of the look, LOOK, and of the operation itself, ACT
as_planned() {
    case $1 in
        drill) LOOK=(plan "$PG" --operation test-failover) ACT=(test-failover "$PG") ;;
        planned) LOOK=(failover "$PG" --planned --dry-run) ACT=(failover "$PG" --planned) ;;
        unplanned)
            LOOK=(failover "$PG" --unplanned --dry-run)
            ACT=(failover "$PG" --unplanned --reason "as it was" --yes)
            ;;
        failback) LOOK=(failback "$PG" --dry-run) ACT=(failback "$PG") ;;
    esac
}

# ready KIND: it is called ready; PLAN: its hash, PREDICTED: how many seconds it would take
ready() {
    as_planned "$1"
    run protector protection-group "${LOOK[@]}"
    says ': ready$' 'would take about [0-9]+ s'
    PLAN=$(sed -n 's/^plan \([0-9a-f]\{64\}\)$/\1/p' "$OUT")
    PREDICTED=$(sed -n 's/^would take about \([0-9]*\) s.*/\1/p' "$OUT")
    [ -n "$PLAN" ] || die "the plan has no hash"
}

# happens VERB...: of the world, or nothing
happens() {
    [ "$1" = nothing ] || run world "$@"
}

# provoked CHECK KIND SEEN PROVOKE RESTORE [OPTIONS]: the plan says what is wrong, and the operation
# refuses before anything is made, with the same words, or with REFUSAL
provoked() {
    local check=$1 kind=$2 seen=$3 provoke=$4 restore=$5 options=${6:-}
    as_planned "$kind"
    # shellcheck disable=SC2086  # words of a verb, and of options
    {
        happens $provoke
        printed 1 protector protection-group "${LOOK[@]}" $options
        says ': NOT READY$' "^  FAILED .*$seen" "^ +$check: it ends before anything is made"
        refused protector protection-group "${ACT[@]}" $options
        says "${REFUSAL:-(would not succeed: .*$check|the target site is not ready): .*$seen}"
        happens $restore
        settled
    }
}

# told CHECK KIND SEEN PROVOKE RESTORE: it would succeed all the same, with less
told() {
    as_planned "$2"
    # shellcheck disable=SC2086  # words of a verb
    {
        happens $4
        printed 1 protector protection-group "${LOOK[@]}"
        says ': NOT READY$' "^  FAILED .*$3" "^ +$1: it succeeds, with less than was protected"
        happens $5
    }
}

# ---------------------------------------------------------------- the chapters
empty_group() {
    chapter "A group without a policy, and without a recovery point"
    run protector protection-group create --name "$EMPTY" --replication-type async \
        --primary-site site-a --secondary-site site-b --volume-type replicated-ssd
    until_is 60 status active protector protection-group show "$EMPTY"
    PG=$EMPTY REFUSAL='it has no replication policy' provoked policy drill 'none' nothing nothing
    run protector protection-group delete "$EMPTY" --yes
}

refuse_drills() {
    local tight
    chapter "What a rehearsal would lack, it says; and it does not begin"
    ready drill
    FLOATING=$(world servers site-a web-1 |
        sed -n 's/^web-1 .*net-app=[0-9.]*,net-app=\([0-9.]*\) .*/\1/p')
    run world rename-server site-a web-1 web-9 # the engine will see it by and by
    provoked quota.instances drill '2 wanted, 0 of 1 in use' \
        'quota site-b compute instances 1' 'quota site-b compute instances -1'
    provoked quota.cores drill 'wanted, 0 of 1 in use' \
        'quota site-b compute cores 1' 'quota site-b compute cores -1'
    provoked quota.ram drill 'MiB wanted, 0 of 16 in use' \
        'quota site-b compute ram 16' 'quota site-b compute ram -1'
    for tight in volumes volumes_replicated-ssd; do
        provoked "quota.${tight/_replicated-ssd/_of_type}" drill '4 wanted, 0 of 3 in use' \
            "quota site-b volumev3 $tight 3" "quota site-b volumev3 $tight -1"
    done
    for tight in gigabytes gigabytes_replicated-ssd; do
        provoked "quota.${tight/_replicated-ssd/_of_type}" drill 'GiB wanted, 0 of 3 in use' \
            "quota site-b volumev3 $tight 3" "quota site-b volumev3 $tight -1"
    done
    provoked quota.per_volume_gigabytes drill 'GiB in one volume wanted' \
        'quota site-b volumev3 per_volume_gigabytes 0' \
        'quota site-b volumev3 per_volume_gigabytes -1'
    provoked quota.ports drill 'wanted, [0-9]+ of 2 in use' \
        'quota site-b network port 2' 'quota site-b network port -1'
    provoked quota.networks drill '1 wanted, 1 of 1 in use' \
        'quota site-b network network 1' 'quota site-b network network -1'
    provoked quota.subnets drill '1 wanted, 1 of 1 in use' \
        'quota site-b network subnet 1' 'quota site-b network subnet -1'
    provoked quota.security_groups drill '1 wanted, 1 of 1 in use' \
        'quota site-b network security_group 1' 'quota site-b network security_group -1'
    provoked quota.security_group_rules drill 'wanted, [0-9]+ of 5 in use' \
        'quota site-b network security_group_rule 5' 'quota site-b network security_group_rule -1'
    provoked mapping.flavors drill "no flavor named 'm1.small'" \
        'drop-flavor site-b m1.small' 'put-flavor site-b m1.small 2048 1 20'
    provoked network.addresses drill "network 'net-small' has 1 free, 2 wanted" \
        'small-network site-b net-small' 'remove-network site-b net-small' \
        '--network-mapping net-app=net-small'
    [ "$STORAGE" = mock ] || # whose volumes are made, not managed
        provoked rights.volume_manage drill 'volume_manage' \
            'deny site-b volume_extension:volume_manage' \
            'allow site-b volume_extension:volume_manage'
    provoked volume.backend drill 'no backend that is up and enabled' \
        'backend-down site-b' 'backend-up site-b'
    provoked mapping.outside drill "'nova' is mapped to 'mars'" nothing nothing \
        '--availability-zone-mapping nova=mars'
    told keypairs drill "'lab-key' is another key" \
        'other-key site-b lab-key' 'remove-key site-b lab-key'
}

# servers_drift: as the active site's engine sees it, which looks every DRIFT_S
servers_drift() {
    local end=$((SECONDS + 2 * DRIFT_S + 10))
    chapter "A server that is not as it was captured"
    as_planned drill
    until [[ $(protector protection-group "${LOOK[@]}" 2>&1) = *"FAILED"*"captured as"* ]]; do
        [ $SECONDS -lt $end ] || break
        sleep 2
    done
    told members.drift drill "it is called 'web-9', captured as 'web-1'" nothing \
        'rename-server site-a web-9 web-1'
    note "any change of the group captures its servers anew"
    run protector protection-group update "$PG" --description "Captured anew"
    ready drill
}

refuse_handovers() {
    chapter "A planned failover stops nothing that could not start again"
    provoked mapping.networks planned "no network named 'net-app'" \
        'rename-network site-b net-app net-other' 'rename-network site-b net-other net-app'
    provoked source.cloud planned '401' \
        'peer-password site-b forgotten' 'peer-password site-b lab'
    [ "$STORAGE" = mock ] || # which has no two arrays
        provoked replication.link planned 'down: the array of .* does not answer' \
            'array-down site-a' 'array-up site-a'
    run protector protection-group mapping-set "$PG" --floating-ip-mapping "$FLOATING=public"
    told quota.floating_ips planned '1 wanted, 0 of 0 in use' \
        'quota site-b network floatingip 0' 'quota site-b network floatingip -1'
    provoked quota.instances planned '2 wanted, 0 of 1 in use' \
        'quota site-b compute instances 1' 'quota site-b compute instances -1'
    run protector protection-group test-failover "$PG"
    is status completed
    as_planned planned
    printed 1 protector protection-group "${LOOK[@]}"
    says "^ +group.state: it ends before anything is made" 'testing at site-b'
    refused protector protection-group "${ACT[@]}"
    says 'protector.drill.running'
    run world wait-servers site-a ACTIVE unlocked web-1 db-1
    note "what a kept drill holds does not count against an unplanned failover, which takes it away"
    run world quota site-b compute instances 2
    run protector protection-group plan "$PG" --unplanned
    says ': ready$' '2 of 2 in use, 2 of them by a drill that gives way'
    run world quota site-b compute instances -1
    run protector protection-group test-cleanup "$PG"
}

other_site_silent() {
    chapter "Protector at site-a falls silent: what can be done without it is told apart"
    run protector protection-group policy-update "$PG" --rpo-minutes 1
    at prod-b
    provoked kept unplanned 'this site has kept no server of the group' \
        nothing nothing '--from kept'
    run world protector-stop site-a
    REFUSAL='remote site unreachable' provoked peer.api planned 'site-a' nothing nothing
    late
    note "that a site is silent makes no failover from it hopeless"
    run protector protection-group plan "$PG" --operation test-failover
    says ': ready$' '^  FAILED .* [0-9]+ s of 60 s' \
        '^ +replication.lag: it succeeds, with less than was protected'
    run protector protection-group test-failover "$PG" --auto-cleanup
    is status completed
    run world protector-start site-a
    until_is 60 status active protector protection-group show "$PG" # the cleanup runs beside
    at prod-a
    run protector protection-group policy-update "$PG" --rpo-minutes 15
    run world wait-point "$PG"
}

# late: until the newest recovery point is older than a minute
late() {
    note "no recovery point is made for more than a minute"
    sleep 65
}

# measured OPERATION: beside what was predicted, in its report
measured() {
    run protector operation report "$1"
    says 'data loss predicted' 'RTO\) \| .*; predicted: [0-9]'
}

keep_promises() {
    chapter "What is called ready succeeds; the report has what was predicted and measured"
    ready drill
    note "the last drill took $PREDICTED s, says the plan"
    run protector protection-group test-failover "$PG" --auto-cleanup --plan "$PLAN"
    is status completed
    measured "$(value id)"
    at prod-b
    until_is 60 status active protector protection-group show "$PG" # the cleanup runs beside
    at prod-a
    ready planned
    run protector protection-group failover "$PG" --planned --plan "$PLAN"
    is status completed
    measured "$(value id)"
    run world wait-servers site-b ACTIVE unlocked web-1 db-1
    chapter "Home again: refused while home has no room, then as planned"
    at prod-b
    provoked quota.volumes_of_type failback '4 wanted, [0-9]+ of [0-9]+ in use' \
        'quota site-a volumev3 volumes_replicated-ssd 6' \
        'quota site-a volumev3 volumes_replicated-ssd -1'
    run world wait-servers site-b ACTIVE unlocked web-1 db-1
    ready failback
    run protector protection-group failback "$PG" --plan "$PLAN"
    is status completed
    measured "$(value id)"
    run world wait-servers site-a ACTIVE unlocked web-1 db-1
    at prod-a
}

trap finish EXIT
bring_up
register
protect
run world wait-point "$PG"
empty_group
refuse_drills
servers_drift
refuse_handovers
other_site_silent
keep_promises
[ "$KEEP" = --keep ] || the_end
