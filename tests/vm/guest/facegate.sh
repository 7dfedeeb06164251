# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What the cases ask of the installed programs. NAME is a camera's, as in /dev/facegate/NAME.

CONF=/etc/facegate
DECISIONS=/run/facegate-test.decisions

unit() { echo "facegate-camera@$1.service"; }
is_active() { systemctl is-active --quiet "$1"; }
is_off() { [ "$(systemctl show --value --property ActiveState "$1")" = inactive ]; }
main_pid() { systemctl show --value --property MainPID "$1"; }
no_unit_failed() {
    failed_units=$(systemctl list-units --failed --no-legend --plain | cut -d ' ' -f 1)
    for failed_unit in $failed_units; do
        journalctl --boot --unit "$failed_unit" --output short-monotonic --no-hostname --lines 20 |
            cut -c 1-200 | sed 's/^/note /' >&3
    done
    [ -z "$failed_units" ]
}

matcher_answers() { facegate status; }

# ---- what the matcher knows: NAME, member; a number or a word. Of a camera that was started again,
# the newest.
camera_status() {
    facegate status --json | jq -r --arg name "$1" --arg member "$2" \
        '[.cameras[] | select(.source == $name)] | sort_by(.silent_ms)[0][$member] // 0'
}

camera_is() { # NAME, member, value
    [ "$(camera_status "$1" "$2")" = "$3" ]
}

camera_more() { # NAME, member, than
    [ "$(camera_status "$1" "$2")" -gt "$3" ] 2>/dev/null
}

frames_go_on() { # NAME
    frames_before=$(camera_status "$1" frames)
    within 90 camera_more "$1" frames "$frames_before"
}

# ---- the journal from a moment on
# By the time, not by a cursor: under load journald takes what was said before in after the mark.
mark_journal() { journal_mark=$(cut -d ' ' -f 1 /proc/uptime); }

said() { # unit, pattern: since the mark
    journalctl --boot --unit "$1" --output short-monotonic |
        awk -v mark="$journal_mark" 'match($0, /^\[ *[0-9.]+\]/) { at = substr($0, 2, RLENGTH - 2) + 0 }
            at >= mark' | grep -E "$2"
}

# Its time, in milliseconds since the boot.
said_ms() { # unit, pattern
    journalctl --boot --unit "$1" --output json |
        jq -r --arg pattern "$2" --argjson mark "$journal_mark" \
            'select(((.MESSAGE | tostring) | test($pattern)) and
                (.__MONOTONIC_TIMESTAMP | tonumber) >= $mark * 1000000) | .__MONOTONIC_TIMESTAMP' |
        head -n 1 | sed 's/...$//' | grep .
}

# ---- decisions, from a moment on
watch_decisions() {
    is_active facegate-test-watch && return
    systemd-run --quiet --unit facegate-test-watch --property Restart=always --property RestartSec=200ms \
        sh -c "facegate watch --json --timeout-ms 600000 >>$DECISIONS"
}

mark_decisions() {
    touch $DECISIONS
    decisions_before=$(wc -l <$DECISIONS)
}

nothing_decided() { [ "$(wc -l <$DECISIONS)" = "$decisions_before" ]; }

decided() { # lane, outcome, subject or null
    tail -n "+$((decisions_before + 1))" $DECISIONS | jq -e -s --arg lane "$1" --arg outcome "$2" --arg subject "$3" \
        'any(.[]; .lane == $lane and .outcome == $outcome and (.subject // "null") == $subject)'
}

decided_for() { # reason
    tail -n "+$((decisions_before + 1))" $DECISIONS | jq -e -s --arg reason "$1" 'any(.[]; .reason == $reason)'
}

first_decided() { # the same; the first such decision
    tail -n "+$((decisions_before + 1))" $DECISIONS | jq -s --arg lane "$1" --arg outcome "$2" --arg subject "$3" \
        '[.[] | select(.lane == $lane and .outcome == $outcome and (.subject // "null") == $subject)][0]'
}

# Its time since the boot; and how long the frame behind it was worked on: an inference pass, which
# takes seconds here.
decided_ms() { first_decided "$@" | jq '.t_decision_ns | tonumber / 1000000 | floor'; }
pass_ms() { first_decided "$@" | jq '.latency_ms | ceil'; }

# Times of an emulated machine swell with whatever else its host does: `measure` is tried up to three
# times, with `again` between, and one try within the bounds is enough. The last try's are told. That
# they are all too long fails nothing, since it tells of the host; a person sees it in the figures.
measured() { # from plug to frame, to decision; an inference pass: all ms
    to_frame=$1
    to_decision=$2
    pass=$3
}

in_time() { [ "$to_frame" -lt 5000 ] && [ "$to_decision" -lt $((5000 + 3 * pass)) ]; }

best_of_three() { # figures' prefix, measure (calls `measured`), again
    tries=1
    "$2"
    until in_time; do
        [ $tries -lt 3 ] || break
        tries=$((tries + 1))
        "$3"
        "$2"
    done
    figure inference_pass_ms "$pass"
    figure "$1_to_frame_ms" "$to_frame"
    figure "$1_to_decision_ms" "$to_decision"
    if in_time; then
        ok 'a frame in less than five seconds, and a decision in those and three inference passes'
    else
        skip "in time: $to_frame ms to a frame, $to_decision ms to a decision: too slow a host"
    fi
}

nobody_else() { # lane, subject: nobody else was let in there
    ! tail -n "+$((decisions_before + 1))" $DECISIONS | jq -e -s --arg lane "$1" --arg subject "$2" \
        'any(.[]; .lane == $lane and .outcome == "admit" and .subject != $subject)' >/dev/null
}

awaited() { within 150 decided "$@"; }

# Nobody is seen any more, for longer than the profile's absent_ms: who comes now is let in anew.
empty_lane() { # camera's number, NAME
    show "$1" nobody
    within 90 camera_is "$2" tracks 0
    sleep 4
}

# ---- configuration
configure() { write_settings camera "$@"; } # a camera's: file below /etc/facegate, then its lines

write_settings() { # section, file below /etc/facegate, then its lines
    settings_section=$1
    settings_file=$CONF/$2
    shift 2
    mkdir -p "$(dirname "$settings_file")"
    printf '%s\n' "[$settings_section]" "$@" >"$settings_file"
}

unconfigure() { rm "$CONF/$1"; }

# The name that udev gave the camera of a driver: the text in its node's sysfs name
name_of() {
    for name_link in /dev/facegate/*; do
        name_node=$(basename "$(readlink -f "$name_link")")
        grep -q "$1" "/sys/class/video4linux/$name_node/name" 2>/dev/null && basename "$name_link" && return
    done
    return 1
}
