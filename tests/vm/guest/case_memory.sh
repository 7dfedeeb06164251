# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The camera's unit runs out of memory: it is killed and comes back, the matcher never notices.

service=$(unit GATE0001)
show 1 first
camera 1 plug
need 'it runs' within 120 camera_is GATE0001 state running
matcher=$(main_pid facegate-matcher.service)
process=$(main_pid "$service")
usual=$(systemctl show --value --property MemoryMax "$service")
mark_journal
systemctl set-property --runtime "$service" MemoryMax=4M
killed() { [ "$(main_pid "$service")" != "$process" ]; }
check 'without memory it ends' within 120 killed
check 'the kernel has killed it' sh -c 'journalctl --dmesg | grep -i "oom-kill"'
systemctl set-property --runtime "$service" MemoryMax="$usual"
mark_decisions
systemctl reset-failed "$service"
systemctl start "$service"
check 'it runs again' within 90 frames_go_on GATE0001
check 'decisions too' awaited 1 admit p18
check 'the matcher has lived on' test "$(main_pid facegate-matcher.service)" = "$matcher"
