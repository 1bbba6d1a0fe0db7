#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The story that `make demo` and `make lab-demo` tell: two servers are protected, their site loses
# its power, they run at the other site, the lost site comes back and is told.
#
#   story.sh sim                 on the simulated clouds
#   story.sh lab                 on the two real ones (../openstack), with the driver of STORAGE
#   story.sh KIND --keep         leave everything running at the end
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

# ---------------------------------------------------------------- the chapters
peer_away() {
    chapter "Site B's Protector is away for a moment: nothing may be changed"
    run world protector-stop site-b
    refused protector protection-group member-add prod-web-app --instance-id "$INSTANCE_3"
    says 'Error: Cannot modify protection group - remote site unreachable\.'
    says 'Reason: Modification requires both sites to be reachable to prevent metadata divergence\.'
    says 'Action: Wait for the remote site to recover, then run:' \
        'protection-group sync-force prod-web-app'
    run protector protection-group member-list prod-web-app
    says_not web-2
    run world protector-start site-b
    run protector protection-group sync-status prod-web-app
    says 'IN SYNC' "Version: $VERSION\$"
}

write_data() {
    chapter "The servers write to their disks; a recovery point reaches site B"
    : >"$WORK/fingerprints"
    if [ "$STORAGE" = mock ]; then
        note "the driver mock moves no data; there is nothing to compare afterwards"
    else
        run world fingerprints write site-a web-1 db-1
        cp "$OUT" "$WORK/fingerprints"
    fi
    run world wait-point prod-web-app
    run protector protection-group show prod-web-app
    is status active
}

rehearse() {
    chapter "A rehearsal at site B: production is neither asked nor told"
    run protector protection-group test-failover prod-web-app --flavor-mapping m1.tiny=m1.medium
    is operation_type test_failover
    is status completed
    REHEARSAL=$(value id)
    run protector operation show "$REHEARSAL" --long
    says 'server is ACTIVE' 'rto_s'
    run world wait-servers site-b ACTIVE unlocked web-1-drill db-1-drill
    run world servers site-b web-1-drill db-1-drill
    run protector operation report "$REHEARSAL" --file "$WORK/drill.html"
    says 'Test failover of prod-web-app: completed'
    at prod-b
    run protector operation report-verify "$WORK/drill.html"
    says "whole, and signed by site 'site-b'"
    run protector operation report "$REHEARSAL"
    says 'recovery point' 'server is ACTIVE: passed' 'What was made'
    says_compared
    run protector protection-group show prod-web-app
    is status testing
    run protector protection-group test-cleanup prod-web-app
    is status completed
    run world servers site-b
    says_not drill
    run protector protection-group show prod-web-app
    is status active
    at prod-a
}

# plan_ahead GROUP --planned|--unplanned LOSS: what it would be, and ready it is; PLAN: its hash
plan_ahead() {
    run protector protection-group failover "$1" "$2" --dry-run \
        --network-mapping "$NETWORK_A=$NETWORK_B" --flavor-mapping m1.tiny=m1.medium
    says ': ready$' 'would take about [0-9]+ s' "$3" 'Open the epoch: this site is active' \
        '^  server web-1, flavor m1.medium' 'ok +Quota of instances: 2 wanted' \
        'ok +Tenants may manage volumes into Cinder'
    PLAN=$(sed -n 's/^plan \([0-9a-f]\{64\}\)$/\1/p' "$OUT")
    [ -n "$PLAN" ] || die "the plan has no hash"
}

go_and_come_home() {
    chapter "Planned failover: site A's servers come to rest, site B runs them, nothing is lost"
    run world servers site-a web-1
    FLOATING=$(sed -n 's/^web-1 .*net-app=[0-9.]*,net-app=\([0-9.]*\) .*/\1/p' "$OUT")
    run protector protection-group mapping-set prod-web-app --floating-ip-mapping "$FLOATING=public"
    says "floating_ip.*$FLOATING.*public"
    plan_ahead prod-web-app --planned "would lose nothing"
    note "another plan than the one that was shown is refused, and nothing has come of it"
    refused protector protection-group failover prod-web-app --planned --plan "${PLAN//[0-9]/a}" \
        --network-mapping "$NETWORK_A=$NETWORK_B" --flavor-mapping m1.tiny=m1.medium
    says 'not what plan'
    settled
    run world wait-servers site-a ACTIVE unlocked web-1 db-1
    run protector protection-group failover prod-web-app --planned --plan "$PLAN" \
        --network-mapping "$NETWORK_A=$NETWORK_B" --flavor-mapping m1.tiny=m1.medium
    is status completed
    PLANNED=$(value id)
    run protector operation show "$PLANNED" --long
    says 'zero_loss: True'
    compared "$PLANNED"
    run world wait-servers site-b ACTIVE unlocked web-1 db-1
    run world wait-servers site-a SHUTOFF locked web-1 db-1
    run world servers site-b web-1
    says '^web-1 .*net-app=[0-9.]+,net-app=203[0-9.]+ '
    note "web-1 has a floating IP of the network that its own is mapped to"
    run protector protection-group show prod-web-app
    is status failed_over
    is current_primary_site site-b
    compare_fingerprints site-b
    chapter "Failback: the same way home, under the addresses that the servers always had"
    run world servers site-a web-1 db-1
    run protector protection-group failback prod-web-app
    is operation_type failback
    is status completed
    compared "$(value id)"
    run world wait-servers site-a ACTIVE unlocked web-1 db-1
    run world wait-servers site-b SHUTOFF locked web-1 db-1
    run world servers site-a
    says '^web-1 +ACTIVE +unlocked' '^db-1 +ACTIVE +unlocked' \
        '^web-1-kept-[0-9]+ +SHUTOFF +locked' "^web-1 .*,net-app=$FLOATING "
    compare_fingerprints site-a
    run protector protection-group show prod-web-app
    is status active
    is current_primary_site site-a
    run protector protection-group sync-status prod-web-app
    says 'IN SYNC' 'Status: SYNCED'
    clean_up site-b web-1 db-1
    clean_up site-a 'web-1-kept-[0-9]+' 'db-1-kept-[0-9]+'
    run world wait-point prod-web-app
}

# clean_up SITE SERVER…: what was kept there goes, by a word
clean_up() {
    local site=$1 moved=()
    shift
    [ "$STORAGE" != mock ] || moved=(--discard-writes-after 1970-01-01T00:00:00Z)
    chapter "What $site has kept of the group may go"
    run protector protection-group cleanup-source prod-web-app --site "$site" --dry-run
    says "destroyed at $site" "server '$1'" "server '$2'" 'volume .*, 1 GiB'
    run protector protection-group cleanup-source prod-web-app --site "$site" --yes "${moved[@]}"
    is operation_type cleanup_source
    is status completed
    run world servers "$site"
    says_not "^($1|$2) "
}

lose_site() {
    chapter "Site A loses its power: cloud and Protector, all at once"
    run world lose site-a
    LOST=$SECONDS
}

fail_over() {
    chapter "At site B: unplanned failover"
    at prod-b
    plan_ahead prod-web-app --unplanned 'would lose what was written in the last'
    run protector protection-group failover prod-web-app --unplanned --plan "$PLAN" \
        --reason "site-a lost its power" --network-mapping "$NETWORK_A=$NETWORK_B" \
        --flavor-mapping m1.tiny=m1.medium
    says 100
    note "the servers run again $((SECONDS - LOST)) s after the power cut"
    run world wait-servers site-b ACTIVE unlocked web-1 db-1
    run world servers site-b web-1 db-1
    says '^web-1 +ACTIVE +unlocked +m1.medium +net-app=.*/dev/vda=root-web-1,/dev/vdb=data-web-1$' \
        '^db-1 +ACTIVE +unlocked +m1.small +net-app=.*/dev/vda=root-db-1,/dev/vdb=data-db-1$'
    note "web-1 has the flavor that m1.tiny is mapped to; the disks are in their order"
    compare_fingerprints site-b
    run protector protection-group show prod-web-app
    is status failed_over
    is current_primary_site site-b
    is failover_count 3
    show_operation
    run protector protection-group sync-status prod-web-app
    says 'Status: UNREACHABLE'
}

# operation_of TYPE: its id, out of the list that was printed last
operation_of() {
    awk -F' *[|] *' -v t="$1" '{ for (i = 2; i < NF; i++) if ($i == t) { print $2; exit } }' "$OUT"
}

# compared OPERATION: its report says that all four volumes hold what the recovery point does
compared() {
    run protector operation report "$1"
    says_compared
}

says_compared() {
    [ "$STORAGE" != mock ] || return 0
    says 'Volumes, compared with the recovery point' 'root-web-1 \| the same \|' \
        'data-web-1 \| the same \|' 'root-db-1 \| the same \|' 'data-db-1 \| the same \|'
}

# compare_fingerprints SITE: what the servers' disks hold there
compare_fingerprints() {
    [ -s "$WORK/fingerprints" ] || return 0
    run world fingerprints read "$1" web-1 db-1
    diff "$WORK/fingerprints" "$OUT" || die "the disks at $1 hold other bytes than were written"
    note "every disk holds the bytes that were written at site-a"
}

show_operation() {
    local op
    run protector operation list
    op=$(operation_of failover)
    run protector operation show "$op"
    is operation_type failover
    is status completed
    is progress 100
    is steps_failed '[]'
    says 'steps_completed .*"validate_target".*"storage_promo"'
    if [ "$STORAGE" = mock ]; then
        run protector operation show "$op" --long
        says 'no data (was|is) moved'
    fi
    run protector operation steps "$op"
    says 'storage_promo .*done' 'Manage volumes into Cinder' 'group.claim .*done' \
        'server.boot .*done'
    compared "$op"
}

come_back() {
    chapter "Site A has power again; its servers start by themselves"
    run world restore site-a
    run world wait-servers site-a ACTIVE unlocked web-1 db-1
    run world servers site-a web-1 db-1
    [ "$STORAGE" = mock ] || run world fingerprints write site-a web-1
    chapter "The truth, and the sync"
    run protector protection-group sync-status prod-web-app
    says_not 'IN SYNC'
    note "site-a must stop what it runs; nobody does that without being asked"
    refused protector protection-group sync-force prod-web-app
    says 'web-1' 'db-1' '--yes'
    run protector protection-group sync-force prod-web-app --yes
    says 'site-a is reachable' 'Sync completed successfully'
    chapter "Site A follows: its servers are stopped and locked, nothing is deleted"
    run world wait-servers site-a SHUTOFF locked web-1 db-1
    run world servers site-a
    says '^web-1 +SHUTOFF +locked .*/dev/vda=root-web-1,/dev/vdb=data-web-1' \
        '^db-1 +SHUTOFF +locked .*/dev/vda=root-db-1,/dev/vdb=data-db-1' '^web-2 +ACTIVE +unlocked'
    at prod-a
    run protector operation list --all
    until_is 60 status completed protector operation show "$(operation_of demote)" --long
    says '^\| result .*web-1' '^\| result .*db-1'
    run protector protection-group show prod-web-app
    is status failed_over
    is current_primary_site site-b
    run protector protection-group sync-status prod-web-app
    says 'IN SYNC' 'Status: SYNCED'
    at prod-b
    run protector protection-group sync-status prod-web-app
    says 'IN SYNC' 'Status: SYNCED'
    run world servers site-b web-1 db-1
    says '^web-1 +ACTIVE' '^db-1 +ACTIVE'
    refused protector protection-group cleanup-source prod-web-app --yes
    says 'would be lost' '--discard-writes-after'
    note "what site-a wrote after the recovery point only site-a has: nobody deletes it by mistake"
}

whose() {
    chapter "Everything that was made belongs to the tenant, nothing to the service"
    run world owners site-a
    says '^trust ' '^cinder_group '
    run world owners site-b
    says '^trust ' '^cinder_group ' '^volume ' '^port ' '^server ' '^keypair ' \
        '^security_group '
    note "and what does not belong to the tenant would be seen:"
    run world stray make site-b
    refused world owners site-b
    says "WRONG: volume .*stray.* is in the service's project"
    run world stray remove site-b
}

trap finish EXIT
bring_up
register
protect
peer_away
write_data
rehearse
go_and_come_home
lose_site
fail_over
come_back
whose
[ "$KEEP" = --keep ] || the_end
