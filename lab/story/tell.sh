# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# How a story is told, and the chapters with which each one begins and ends.  Sourced by the
# stories, which set STORY (this folder) and KIND (sim or lab), and say `trap finish EXIT`.
#
# Every command is printed before it runs, with its output; what it must say is checked by its exit
# code and by what it prints, and the first thing that is not so ends the story with exit code 1.
# VIA=openstack: by the plugin of OpenStackClient, instead of by the program protector.
# shellcheck disable=SC2034,SC2154  # STORY, KIND, KEEP: the story's; VERSION: for it

# ---------------------------------------------------------------- how it is told
VIA=${VIA:-protector}
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
    line=${line# }
    [ "$1" != protector ] || [ "$VIA" != openstack ] || line="openstack $line"
    printf '\n$ %s\n' "$line"
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

# settled: until no operation runs (a handover that was refused still frees the source)
settled() {
    local end=$((SECONDS + 60))
    while protector operation list --all -f value -c status | grep -qE 'pending|running|waiting'; do
        [ $SECONDS -lt $end ] || die "an operation does not end"
        sleep 1
    done
}

# ---------------------------------------------------------------- the chapters
# `protector WORDS` is `openstack protector WORDS`.
openstack_client() {
    local words
    words=$("$STORY/../plugin" "$WORK/plugin") || die "the plugin is not installed"
    export PROTECTOR_CLIENT_LIBRARY=${CLIENT%/cli/protector}/client/libprotectorclient.so.1
    printf '#!/bin/sh\nexec %s protector "$@"\n' "$words" >"$WORK/bin/protector"
    chmod 755 "$WORK/bin/protector"
}

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
    case $VIA in
        openstack) openstack_client ;;
        protector) ln -s "$CLIENT" "$WORK/bin/protector" ;;
        *) die "VIA is protector or openstack, not $VIA" ;;
    esac
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

the_end() {
    chapter "The end: nothing is left running"
    run world down
    run world leftovers
}
