#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs OpenStack Zed (Debian 12's own packages) for the two-site lab.  Idempotent: packages that
# are there are left alone.  No service is started: policy-rc.d answers 101 while apt works.
set -euo pipefail

LAB_DIR=${LAB_DIR:-/var/tmp/lab}
LOG=$LAB_DIR/install.log

PACKAGES=(
    # infrastructure
    mariadb-server rabbitmq-server memcached
    # control plane
    keystone
    glance-api
    placement-api
    nova-api nova-conductor nova-scheduler nova-compute
    neutron-server
    cinder-api cinder-scheduler cinder-volume
    # web server for WSGI applications
    uwsgi-core uwsgi-plugin-python3
    # clients, and the tools that these scripts call
    python3-openstackclient python3-cinderclient qemu-utils jq curl openssh-client
)

die() {
    echo "install.sh: $*" >&2
    exit 1
}

installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null || true)" = installed ]
}

[ "$(id -u)" = 0 ] || die "must run as root, for it calls apt-get"
mkdir -p "$LAB_DIR"

missing=()
for p in "${PACKAGES[@]}"; do
    installed "$p" || missing+=("$p")
done
if [ ${#missing[@]} -eq 0 ]; then
    echo "install.sh: all ${#PACKAGES[@]} packages are installed already"
    exit 0
fi

start=$SECONDS
export DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none

# A fresh machine may have no package lists, or lists that are too old to load from.
apt-get -o DPkg::Lock::Timeout=900 update >"$LOG" 2>&1 ||
    die "apt-get update failed; log: $LOG"

# Keeps post-install scripts from starting anything.
if [ ! -e /usr/sbin/policy-rc.d ]; then
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
fi

apt-get -o DPkg::Lock::Timeout=900 install -y --no-install-recommends \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
    "${missing[@]}" </dev/null >>"$LOG" 2>&1 || {
    tail -40 "$LOG" >&2
    die "apt-get install failed; log: $LOG"
}
echo "install.sh: installed ${#missing[@]} packages (with dependencies) in" \
    "$((SECONDS - start)) s; log: $LOG"
