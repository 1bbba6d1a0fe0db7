# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# How the scripts of the lab and of the story start and stop processes.  Sourced, never run.
#
# A process is known by its pid file, "PID START", START being the kernel's start time of the
# process: so a recycled pid is never taken for ours, and nothing is ever stopped by its name.

PROCESSES_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

say() { printf '%s %s\n' "$(date +%H:%M:%S)" "$*"; }

# pid_start PID: the kernel's start time of a process (field 22; the name before it may hold blanks)
pid_start() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# alive PIDFILE: does it name a process of ours that still runs?
alive() {
    local pid start
    [ -r "$1" ] || return 1
    read -r pid start <"$1" || return 1
    [ -n "$pid" ] && [ -n "$start" ] && [ "$(pid_start "$pid")" = "$start" ]
}

# spawn NAME RUN_DIR LOG_DIR COMMAND...: starts COMMAND in a session of its own, unless it runs
spawn() {
    local name=$1 run=$2 logs=$3 pid
    shift 3
    mkdir -p "$run" "$logs"
    alive "$run/$name.pid" && return 0
    setsid "$@" >>"$logs/$name.log" 2>&1 </dev/null &
    pid=$!
    disown "$pid" 2>/dev/null || true
    echo "$pid $(pid_start "$pid")" >"$run/$name.pid"
}

# stop PIDFILE [SECONDS]: TERM, after SECONDS KILL, to that process; then KILL to what its process
# group still holds (forked workers that outlived their parent)
stop() {
    local f=$1 limit=${2:-15} pid i
    [ -e "$f" ] || return 0
    if alive "$f"; then
        read -r pid _ <"$f"
        kill -TERM "$pid" 2>/dev/null || true
        for ((i = 0; i < limit * 10; i++)); do
            alive "$f" || break
            sleep 0.1
        done
        ! alive "$f" || echo "$f: no end within $limit s of TERM, killed"
        kill -KILL -- "-$pid" 2>/dev/null || true
    fi
    rm -f "$f"
}

# cut_off PIDFILE: KILL at once to the process and its group, as a power cut would
cut_off() {
    local f=$1 pid
    if alive "$f"; then
        read -r pid _ <"$f"
        kill -KILL -- "-$pid" 2>/dev/null || kill -KILL "$pid" 2>/dev/null || true
    fi
    rm -f "$f"
}

# wait_http URL SECONDS [PIDFILE]: until anything answers; at once an error if the process ended
wait_http() { PYTHONDONTWRITEBYTECODE=1 "$PROCESSES_DIR/web.py" wait "$@"; }
