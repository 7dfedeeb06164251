# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# A lane to rehearse in, for the pages about the profiles: a matcher with an empty gallery, cameras
# that look at made footage of real faces, and gates that count. All of it lives in a folder of its
# own, which goes with the shell. Build first (make all build/footage), then, in the source folder:
#
#   . docs/rehearse.sh        and then the page's commands
#
#   rehearse PROFILE [OPTION ...]  starts the matcher, attended, with further options of its own; the
#                               one before it ends
#   film PERSON                 makes pictures of a person; prints two photographs to enrol from
#   see LANE SCRIPT             shows a camera the script of `footage --lane`; prints what is decided
#   gate LANE [SECONDS]         a gate; `walk LANE` is somebody who goes through it
#
# People of the footage: p01 to p21. FACEGATE_BUILD names the folder of the programs (build).

FACEGATE_BUILD=${FACEGATE_BUILD:-build}
PATH=$PWD/$FACEGATE_BUILD:$PATH
FACEGATE_HOME=$(mktemp -d /tmp/facegate-rehearsal-XXXXXX)
export FACEGATE_CONTROL="ipc://$FACEGATE_HOME/admin/control.sock"
export FACEGATE_DECISION="ipc://$FACEGATE_HOME/gate/decision.sock"
export FACEGATE_MODELS=models FACEGATE_HOME
mkdir "$FACEGATE_HOME/probe" "$FACEGATE_HOME/gate" "$FACEGATE_HOME/admin"

rehearsal_over() {
    for pid_file in "$FACEGATE_HOME"/*.pid; do
        [ -e "$pid_file" ] && kill "$(cat "$pid_file")" 2>/dev/null
    done
    rm -rf "$FACEGATE_HOME"
}
trap rehearsal_over EXIT

rehearse() {
    if [ -e "$FACEGATE_HOME/matcher.pid" ]; then
        kill "$(cat "$FACEGATE_HOME/matcher.pid")"
        wait "$(cat "$FACEGATE_HOME/matcher.pid")" || :
    fi
    sed "s|/run/facegate/firms|$FACEGATE_HOME/firms|" "$1" >"$FACEGATE_HOME/profile.ini"
    sed -n "s|^control = ipc://\(.*\)/.*|\1|p" "$FACEGATE_HOME/profile.ini" | xargs -r mkdir -p
    shift
    mkdir -p "$FACEGATE_HOME/profile.ini.d"
    cp profiles/attended.conf "$FACEGATE_HOME/profile.ini.d"
    facegate-matcher --gallery "$FACEGATE_HOME/gallery" --key "$FACEGATE_HOME/master.key" --make-key \
        --profile "$FACEGATE_HOME/profile.ini" --model models/mobilefacenet.card \
        --probe "ipc://$FACEGATE_HOME/probe/probe.sock" --decision "$FACEGATE_DECISION" \
        --control "$FACEGATE_CONTROL" --portrait "$PWD/$FACEGATE_BUILD/facegate-portrait" \
        --locale "$PWD/$FACEGATE_BUILD/locale" "$@" \
        2>"$FACEGATE_HOME/matcher.log" &
    echo $! >"$FACEGATE_HOME/matcher.pid"
    facegate status --timeout-ms 10000 >/dev/null || cat "$FACEGATE_HOME/matcher.log"
}

film() {
    footage --lane "$1:0.1" "$FACEGATE_HOME/$1" models/sample?.jpg >/dev/null
    echo "$FACEGATE_HOME/$1/enrol/$1_1.jpg $FACEGATE_HOME/$1/enrol/$1_2.jpg"
}

see() {
    footage --lane "$2" "$FACEGATE_HOME/film" models/sample?.jpg >/dev/null
    facegate watch --json --lane "$1" >"$FACEGATE_HOME/decisions" &
    watch_pid=$!
    rate=0 # as fast as it goes; codes are looked for five times a second
    case $2 in *@*) rate=30 ;; esac
    facegate-camera --source "file:$FACEGATE_HOME/film/footage.mjpeg" --lane "$1" --models models \
        --rate $rate --probe "ipc://$FACEGATE_HOME/probe/probe.sock" 2>"$FACEGATE_HOME/camera.log"
    sleep 0.5
    kill $watch_pid
    wait $watch_pid 2>/dev/null || :
    sed -n '/"outcome":"retry"/d
        s/.*"outcome":"\([a-z]*\)","reason":"\([a-z_]*\)".*"subject":"\([^"]*\)".*/\1 \2 \3/p; t
        s/.*"outcome":"\([a-z]*\)","reason":"\([a-z_]*\)".*/\1 \2/p' "$FACEGATE_HOME/decisions"
}

gate() {
    mkfifo "$FACEGATE_HOME/beam-$1"
    examples/gate.py "$1" "${2:-5}" "$FACEGATE_HOME" <>"$FACEGATE_HOME/beam-$1" \
        >"$FACEGATE_HOME/gate-$1.log" &
    echo $! >"$FACEGATE_HOME/gate-$1.pid"
    sleep 1
}

walk() {
    echo 1<>"$FACEGATE_HOME/beam-$1" # not blocked by a gate that is gone
    sleep 1
}
