#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fingerprints in the disks of the tenant's servers (../fingerprint.py says what a line means).
#   fingerprint.sh write SITE [SERVER...]   puts one into every disk of web-1 and db-1
#   fingerprint.sh read SITE [SERVER...]    prints what stands there
set -euo pipefail
# shellcheck source=lab/openstack/lib.sh
. "$(dirname "$0")/lib.sh"
if [ $# -lt 2 ]; then
    sed -n '3,5s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
verb=$1
site_vars "$2"
shift 2
[ $# -gt 0 ] || set -- web-1 db-1
OS_CLIENT_CONFIG_FILE=$LAB_DIR/clouds.yaml exec "$HERE/../fingerprint.py" \
    "$verb" "prod-$X" "$D/volumes" "$@"
