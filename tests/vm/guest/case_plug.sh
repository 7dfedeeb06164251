# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# A camera is plugged in while an enrolled person stands before it. Everything starts from nothing.

show 1 first
watch_decisions
plug_and_decide() {
    mark_journal
    mark_decisions
    began=$(uptime_ms)
    camera 1 plug
    must 'udev names the camera' within 90 test -e /dev/facegate/GATE0001
    must 'and starts its unit' within 90 is_active "$(unit GATE0001)"
    need 'a frame comes' within 90 said_ms "$(unit GATE0001)" 'first frame after'
    framed=$(said_ms "$(unit GATE0001)" 'first frame after')
    check 'its unit has brought the matcher' within 90 is_active facegate-matcher.service
    need 'who is enrolled is admitted' awaited 1 admit p18
    measured $((framed - began)) $(($(decided_ms 1 admit p18) - began)) "$(pass_ms 1 admit p18)"
}
back_to_nothing() {
    camera 1 unplug
    need 'its unit ends' within 90 is_off "$(unit GATE0001)"
    systemctl stop facegate-matcher.service
}
best_of_three plug plug_and_decide back_to_nothing
check 'the status knows the camera' camera_is GATE0001 state running
check 'and what it gives' camera_is GATE0001 picture 'MJPG 1280x720'
check 'nothing has failed' no_unit_failed
facegate status
