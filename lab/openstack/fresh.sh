#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Proves that install.sh, up.sh and verify.sh need nothing that an earlier try left behind: runs
# them in a fresh minimal Debian 12 root of its own (mmdebstrap), where only lab/ is copied to.  The
# lab must be down outside, for the ports are the machine's.
#   fresh.sh [ROOT]      ROOT (default $LAB_DIR/fresh) is made anew, and removed if all went well
set -euo pipefail
# shellcheck source=lab/openstack/lib.sh
. "$(dirname "$0")/lib.sh"
ROOT=${1:-$LAB_DIR/fresh}

die() {
    echo "fresh.sh: $*" >&2
    exit 1
}

[ "$(id -u)" = 0 ] || die "must run as root"
command -v mmdebstrap >/dev/null || die "mmdebstrap is not installed"
! curl -s -o /dev/null http://127.0.10.1:5000/ || die "something listens at 127.0.10.1:5000; stop it"

start=$SECONDS
rm -rf "${ROOT:?}"
mkdir -p "$ROOT"
mmdebstrap --quiet --variant=minbase --mode=root bookworm "$ROOT"
mkdir -p "$ROOT/opt/lab"
cp -a "$HERE/../." "$ROOT/opt/lab/"
cp /etc/resolv.conf "$ROOT/etc/resolv.conf" 2>/dev/null || true
echo "fresh.sh: a root of $(du -sm "$ROOT" | cut -f1) MB after $((SECONDS - start)) s"

# In namespaces of its own: whatever is left running ends with it.
# shellcheck disable=SC2016  # the inner shell expands
unshare --mount --pid --fork --kill-child sh -ec '
    mount --make-rprivate /
    mount -t proc proc "$1/proc"
    mount -t sysfs sysfs "$1/sys"
    mount --rbind /dev "$1/dev"
    exec chroot "$1" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LAB_DIR=/var/tmp/lab \
        OS_CLIENT_CONFIG_FILE=/var/tmp/lab/clouds.yaml /opt/lab/openstack/fresh-steps.sh
' sh "$ROOT"
rm -rf "${ROOT:?}"
echo "fresh.sh: passed in $((SECONDS - start)) s"
