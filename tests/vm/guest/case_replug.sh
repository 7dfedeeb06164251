# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The cable is pulled and put back.

matcher=$(main_pid facegate-matcher.service)
show 1 first
pull() {
    mark_journal
    camera 1 unplug
    need 'its unit ends' within 90 is_off "$(unit GATE0001)"
    check 'and says why' said "$(unit GATE0001)" 'camera gone'
    check 'its name is gone' test ! -e /dev/facegate/GATE0001
    check 'nothing has failed' no_unit_failed
}
put_back() {
    mark_journal
    mark_decisions
    began=$(uptime_ms)
    camera 1 plug
    need 'frames come again' within 90 said_ms "$(unit GATE0001)" 'first frame after'
    framed=$(said_ms "$(unit GATE0001)" 'first frame after')
    need 'a decision follows' awaited 1 admit p18
    measured $((framed - began)) $(($(decided_ms 1 admit p18) - began)) "$(pass_ms 1 admit p18)"
}
pull
best_of_three replug put_back pull
check 'the matcher has run on' test "$(main_pid facegate-matcher.service)" = "$matcher"
