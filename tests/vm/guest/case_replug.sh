# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The cable is pulled and put back.

matcher=$(main_pid facegate-matcher.service)
show 1 first
mark_journal
camera 1 unplug
need 'its unit ends' within 20 is_off "$(unit GATE0001)"
check 'and says why' said "$(unit GATE0001)" 'camera gone'
check 'its name is gone' test ! -e /dev/facegate/GATE0001
check 'nothing has failed' no_unit_failed
mark_journal
mark_decisions
began=$(uptime_ms)
camera 1 plug
need 'frames come again' within 30 said_ms "$(unit GATE0001)" 'first frame after'
replug_to_frame=$(($(said_ms "$(unit GATE0001)" 'first frame after') - began))
figure replug_to_frame_ms $replug_to_frame
check 'in less than five seconds' test $replug_to_frame -lt 5000
need 'a decision follows' awaited 1 admit p18
replug_to_decision=$(($(decided_ms 1 admit p18) - began))
pass=$(pass_ms 1 admit p18)
figure replug_to_decision_ms $replug_to_decision
check 'in five seconds and three inference passes' test $replug_to_decision -lt $((5000 + 3 * pass))
check 'the matcher has run on' test "$(main_pid facegate-matcher.service)" = "$matcher"
