#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The story that `make demo` and `make lab-demo` tell: two servers are protected, their site loses
# its power, they run at the other site, the lost site comes back and is told.
#
#   story.sh sim                 on the simulated clouds
#   story.sh lab                 on the two real ones (../openstack), with the driver of STORAGE
#   story.sh KIND --keep         leave everything running at the end
#
# Every command is printed before it runs, with its output; what it must say is checked by its exit
# code and by what it prints, and the first thing that is not so ends the story with exit code 1.
# Nothing is left running.  Environment: see ./world.
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

# ---------------------------------------------------------------- how it is told
WORK=$(mktemp -d)
OUT=$WORK/out # the output of the last command
BEGIN=$SECONDS

world() { "$STORY/world" "$KIND" "$@"; }

chapter() { printf '\n=== %s   [%d s]\n' "$*" $((SECONDS - BEGIN)); }
note() { printf '# %s\n' "$*"; }

die() {
    printf 'STORY FAILED: %s\n' "$*" >&2
    exit 1
}

finish() {
    local rc=$?
    if [ $rc -ne 0 ]; then
        world last-words || true
    fi
    if [ "$KEEP" != --keep ]; then
        [ $rc -eq 0 ] || world down >/dev/null 2>&1 || true
        [ $rc -ne 0 ] ||
            printf '\nThe story was told to its end in %d s; nothing is left running.\n' \
                $((SECONDS - BEGIN))
    fi
    rm -rf "$WORK"
    exit $rc
}

# printed CODE COMMAND...: prints a command, runs it, shows its output, checks its exit code
# (CODE is a number, or `no` for any that tells of a refusal)
printed() {
    local want=$1 rc=0 word line=''
    shift
    for word in "$@"; do
        case $word in
            *[!A-Za-z0-9_./:=@,-]* | '') line+=" '$word'" ;;
            *) line+=" $word" ;;
        esac
    done
    printf '\n$%s\n' "$line"
    "$@" >"$OUT" 2>&1 || rc=$?
    cat "$OUT"
    case $want in
        no) if [ $rc -eq 0 ] || [ $rc -ge 124 ]; then die "this is no refusal: exit code $rc"; fi ;;
        *) [ $rc -eq "$want" ] || die "exit code $rc, not $want" ;;
    esac
}

run() { printed 0 "$@"; }
refused() { printed no "$@"; }

# says PATTERN...: the last output has a line for each (extended regular expressions)
says() {
    local pattern
    for pattern in "$@"; do
        grep -Eq -- "$pattern" "$OUT" || die "the output does not say: $pattern"
    done
}

says_not() {
    ! grep -Eq -- "$1" "$OUT" || die "the output must not say: $1"
}

# value FIELD: of the record that was printed last
value() { awk -F'|' -v f="$1" '{ k = $2; gsub(/^ +| +$/, "", k); v = $3; gsub(/^ +| +$/, "", v) }
    k == f { print v; exit }' "$OUT"; }

# is FIELD VALUE: so it stands in the record that was printed last
is() {
    [ "$(value "$1")" = "$2" ] || die "the field $1 is '$(value "$1")', not '$2'"
}

# at CLOUD: who asks from now on, and where
at() {
    local other
    case $1 in
        *-a) other=${1%a}b ;;
        *) other=${1%b}a ;;
    esac
    export OS_CLOUD=$1 OS_SECONDARY_CLOUD=$other
    printf '\n$ export OS_CLOUD=%s OS_SECONDARY_CLOUD=%s\n' "$OS_CLOUD" "$OS_SECONDARY_CLOUD"
}

# until_is SECONDS FIELD VALUE COMMAND...: repeats quietly, then prints the command once
until_is() {
    local end=$((SECONDS + $1)) field=$2 want=$3
    shift 3
    while true; do
        "$@" >"$OUT" 2>&1 || true
        [ "$(value "$field")" != "$want" ] || break
        [ $SECONDS -lt $end ] || break
        sleep 1
    done
    run "$@"
    is "$field" "$want"
}

# until_says SECONDS PATTERN COMMAND...: repeats quietly, then prints the command once
until_says() {
    local end=$((SECONDS + $1)) pattern=$2
    shift 2
    while [ $SECONDS -lt $end ]; do
        "$@" >"$OUT" 2>&1 || true
        ! grep -Eq -- "$pattern" "$OUT" || break
        sleep 1
    done
    run "$@"
    says "$pattern"
}

# ---------------------------------------------------------------- the chapters
bring_up() {
    chapter "Two clouds, and Protector at each"
    world up >"$WORK/up" 2>&1 || {
        tail -20 "$WORK/up"
        die "the sites did not come up"
    }
    local name val
    world vars >"$WORK/vars"
    while IFS='=' read -r name val; do export "$name=$val"; done <"$WORK/vars"
    mkdir "$WORK/bin"
    ln -s "$CLIENT" "$WORK/bin/protector"
    PATH=$WORK/bin:$PATH
    export OS_CLIENT_CONFIG_FILE=$CLOUDS
    note "storage driver: $STORAGE; servers of the tenant at site-a:"
    world servers site-a
}

register() {
    chapter "An administrator registers both sites, and the pair of tenants"
    at site-a
    run protector site create --name site-a --description "Primary datacenter - Boston" \
        --site-type primary --auth-url "$AUTH_URL_A" --region-name "$REGION_A"
    run protector site create --name site-b --description "Secondary datacenter - Seattle" \
        --site-type secondary --auth-url "$AUTH_URL_B" --region-name "$REGION_B"
    run protector site validate site-a
    says_not unreachable
    run protector site validate site-b
    says_not unreachable
    run protector site list
    says 'site-a .*active' 'site-b .*active'
    run protector site list-volume-types site-a
    says 'replicated-ssd .*<is> True .*<in> async'
    local site_b
    site_b=$(protector site show site-b -f value -c id)
    run protector tenant mapping create --local-tenant "$PROJECT_A" --remote-site "$site_b" \
        --remote-tenant "$PROJECT_B" --description "Production tenant mapping"
}

protect() {
    chapter "The tenant makes a protection group, gives it a policy and two servers"
    at prod-a
    run protector protection-group create --name prod-web-app \
        --description "Production web application" --replication-type async \
        --primary-site site-a --secondary-site site-b --volume-type replicated-ssd
    says '^\| id +\| pg-' '^\| consistency_group_id +\| cg-'
    until_is 60 status active protector protection-group show prod-web-app
    run protector protection-group sync-status prod-web-app
    says 'IN SYNC' 'Version: 1$' 'Versions match \(1 = 1\)'
    local verify=() # a driver that moves no data has nothing to compare
    [ "$STORAGE" = mock ] || verify=(--verify-data)
    run protector protection-group policy-create prod-web-app "${verify[@]}" \
        --primary-fa-url "$ARRAY_A" --primary-fa-token T-12345678-abcd-efgh-ijkl-mnopqrstuvwx \
        --secondary-fa-url "$ARRAY_B" --secondary-fa-token T-87654321-dcba-hgfe-lkji-xwvutsrqponm \
        --pure-pg-name pg-prod-web-app --replication-interval "$INTERVAL_S" --rpo-minutes 15
    says_not 'T-[18]'
    run protector protection-group member-add prod-web-app --instance-id "$INSTANCE_1"
    is status protected
    is volumes_added 2
    run protector protection-group member-add prod-web-app --instance-id "$INSTANCE_2"
    is status protected
    run protector protection-group member-list prod-web-app
    says 'web-1 .*protected' 'db-1 .*protected'
    run protector consistency-group show prod-web-app
    is volume_count 4
    run protector protection-group sync-status prod-web-app
    says 'IN SYNC' 'Status: SYNCED'
    VERSION=$(sed -n 's/^ *Version: //p' "$OUT" | head -1)
}

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

the_end() {
    chapter "The end: nothing is left running"
    run world down
    run world leftovers
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
