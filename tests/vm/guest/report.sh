# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What runs in the guest tells the host line by line, on descriptor 3:
#   case NAME, ok WHAT, not ok WHAT: why, skip WHAT: why, figure NAME NUMBER, note WORDS, cut, finished

# shellcheck disable=SC2154 # guest/run.sh sets case_name

tell() {
    echo "$*" >&3
    echo "[$(uptime_ms) ms] $*"
}

ok() { tell "ok $case_name: $*"; }
not_ok() { tell "not ok $case_name: $*"; }
skip() { tell "skip $case_name: $*"; }
figure() { tell "figure $1 $2"; }

# For who reads of a failure where the machine is gone: what the journal says since mark_journal, but
# for the kernel's lines; of many the first and the last.
journal_mark=0
note_journal() {
    journalctl --boot --output short-monotonic --no-hostname | grep -v ' kernel: ' |
        awk -v mark="$journal_mark" 'substr($0, 2) + 0 >= mark { line[++n] = $0 }
            END { for (i = 1; i <= n; i++) if (i <= 20 || i > n - 20) print "note " substr(line[i], 1, 200) }' >&3
}

# what, then a command that must succeed. Its words go to the case's log.
check() {
    check_what=$1
    shift
    if "$@"; then
        ok "$check_what"
    else
        not_ok "$check_what ($*)"
        note_journal
        return 1
    fi
}

# The same, and without it the case has no sense; nor have those after it.
need() {
    check "$@" || exit 0
}

must() {
    check "$@" && return
    touch /run/facegate-test.stop
    exit 0
}

not() { ! "$@"; }

uptime_ms() {
    read -r uptime_now _ </proc/uptime
    echo "${uptime_now%.*}${uptime_now#*.}0"
}

# seconds, then a command: until it succeeds. In a shell of its own, since the command may wait too.
within() (
    within_end=$(($(uptime_ms) + $1 * 1000))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(uptime_ms)" -lt $within_end ] || exit 1
        sleep 0.1
    done
)
