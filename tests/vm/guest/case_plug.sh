# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# A camera is plugged in while an enrolled person stands before it. Everything starts from nothing.

show 1 first
mark_journal
mark_decisions
watch_decisions
began=$(uptime_ms)
camera 1 plug
must 'udev names the camera' within 15 test -e /dev/facegate/GATE0001
must 'and starts its unit' within 30 is_active "$(unit GATE0001)"
need 'a frame comes' within 30 said_ms "$(unit GATE0001)" 'first frame after'
plug_to_frame=$(($(said_ms "$(unit GATE0001)" 'first frame after') - began))
figure plug_to_frame_ms $plug_to_frame
check 'in less than five seconds' test $plug_to_frame -lt 5000
check 'its unit has brought the matcher' within 20 is_active facegate-matcher.service
need 'who is enrolled is admitted' awaited 1 admit p18
plug_to_decision=$(($(decided_ms 1 admit p18) - began))
pass=$(pass_ms 1 admit p18)
figure inference_pass_ms "$pass"
figure plug_to_decision_ms $plug_to_decision
check 'in five seconds and three inference passes' test $plug_to_decision -lt $((5000 + 3 * pass))
check 'the status knows the camera' camera_is GATE0001 state running
check 'and what it gives' camera_is GATE0001 picture 'MJPG 1280x720'
check 'nothing has failed' no_unit_failed
facegate status
