# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Faults of a USB camera that stays plugged in.

service=$(unit GATE0001)
show 1 first
need 'it runs' within 120 camera_is GATE0001 state running

# One that hangs for a moment: the same process goes on.
process=$(main_pid "$service")
mark_journal
camera 1 freeze
check 'a stall is noticed' within 90 said "$service" 'no frame for'
camera 1 thaw
check 'frames come again' within 90 said "$service" 'frames again after'
check 'in the same process' test "$(main_pid "$service")" = "$process"
check 'it is counted' within 90 camera_more GATE0001 recoveries 0

# Each fault is followed by frames.
lost=$(camera_status GATE0001 lost_frames)
camera 1 error 20
check 'frames with an error: they are missed' within 90 camera_more GATE0001 lost_frames "$lost"
check 'frames with an error: others follow' frames_go_on GATE0001
broken=$(camera_status GATE0001 broken)
camera 1 truncate 20
check 'half pictures: they are counted' within 90 camera_more GATE0001 broken "$broken"
check 'half pictures: others follow' frames_go_on GATE0001
mark_journal
camera 1 stall 5
check 'refused reads: frames come again' within 90 frames_go_on GATE0001

# One that hangs for good: the unit tries again until it works.
mark_journal
camera 1 freeze
check 'a lasting stall ends the process' within 120 said "$service" 'code=exited, status=75'
camera 1 thaw
check 'its unit starts again' within 120 said "$service" 'first frame after'
check 'frames come again' within 120 frames_go_on GATE0001
empty_lane 1 GATE0001
mark_decisions
show 1 first
check 'decisions too' awaited 1 admit p18
check 'nothing has failed' no_unit_failed
