#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What fresh.sh runs inside the fresh root.  Each must succeed; its output is shown if it fails.
set -euo pipefail
cd "$(dirname "$0")"

step() {
    local start=$SECONDS
    if ! "$@" >/tmp/step.log 2>&1; then
        tail -40 /tmp/step.log >&2
        echo "fresh.sh: failed: $*" >&2
        exit 1
    fi
    printf '%-34s %4d s   %s\n' "$*" $((SECONDS - start)) "$(tail -1 /tmp/step.log)"
}

step ./install.sh
step ./up.sh
step ./verify.sh
step ../contract/walk.py
step ./fingerprint.sh write site-a
step ./power-cut.sh cut site-a
step ./power-cut.sh restore site-a
step ./down.sh
