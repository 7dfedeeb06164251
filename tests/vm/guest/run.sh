#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the cases of /host/cases in the guest, each in a shell and with a log of its own, and turns
# the machine off.
exec 3>/dev/virtio-ports/results
# shellcheck source=/dev/null
. /host/guest/report.sh
journalctl --follow --lines all --output short-monotonic >/dev/virtio-ports/journal &
tell "figure boot_ms $(uptime_ms)"
while read -r case_name; do
    tell "case $case_name"
    if [ -e /run/facegate-test.stop ]; then
        not_ok 'not run, it builds on what failed'
        continue
    fi
    began=$(uptime_ms)
    case $case_name in
    soak) limit=1400 ;;
    *) limit=400 ;;
    esac
    timeout -k 10 $limit sh -c "case_name=$case_name; . /host/guest/report.sh; . /host/guest/cameras.sh
        . /host/guest/lines.sh; . /host/guest/facegate.sh; . /host/guest/case_$case_name.sh" >"/host/out/$case_name.log" 2>&1 </dev/null
    code=$?
    [ $code = 0 ] || not_ok "it ended with code $code"
    echo "$case_name took $(($(uptime_ms) - began)) ms"
done </host/cases
journalctl --boot --output json >/host/out/journal.json
systemd-analyze blame --no-pager >/host/out/blame.log 2>&1
tell finished
sync
systemctl poweroff -ff
