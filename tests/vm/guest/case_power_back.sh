# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# After the power cut. /host/acked has who was acknowledged.

check 'nothing has failed' no_unit_failed
show 1 first
mark_decisions
watch_decisions
camera 1 plug
check 'the camera and the matcher start' within 120 camera_is GATE0001 state running
check 'who was enrolled is admitted' awaited 1 admit p18
facegate list --json | jq -r '.[].subject' | sort >/run/listed
missing=$(sort /host/acked | comm -23 - /run/listed | wc -l)
figure acknowledged_before_cut "$(wc -l </host/acked)"
check 'people were enrolled when the power was cut' test -s /host/acked
check 'none of them is missing' test "$missing" = 0
