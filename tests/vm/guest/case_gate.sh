# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The gate of lane 1 drives a chip: what it opens, for whom, and how it is when something is missing.

OPEN=0 RED=1 GREEN=2 BUZZER=3 BEAM=4 EMERGENCY=5
service=facegate-gate@1.service

passages() { facegate status --json | jq ".passages.$1"; }
passages_are() { [ "$(passages "$1")" = "$2" ]; }
lane_is_empty() { camera_is GATE0001 tracks 0; }
lane_is_closed() { is_driven $OPEN 0 && is_driven $RED 1 && is_driven $GREEN 0; }
lane_is_open() { is_driven $OPEN 1 && is_driven $RED 0 && is_driven $GREEN 1; }
dmesg_says() { journalctl --dmesg --output cat | grep -E "$1"; }
is_another_process() { [ "$(main_pid $service)" != 0 ] && [ "$(main_pid $service)" != "$1" ]; }
cross() {
    chip hold $BEAM 1
    sleep 2
    chip hold $BEAM 0
}
lane() { # settings of the lane
    write_settings lane gate@1.conf.d/20-lane.conf "$@"
    systemctl restart $service
}

# ---- a lane: the emergency switch is closed at rest, and decisions may be as late as they like here
show 1 nobody
write_settings profile profile.ini.d/90-emulated.conf 'valid_ms = 600000' 'passage_s = 3600'
systemctl restart facegate-matcher
mark_lines
chip plug
need 'the chip comes' within 90 chip_is_there
write_settings gpio gate@1.conf.d/10-lines.conf "chip = $CHIP_LABEL" "open = $OPEN" "red = $RED" \
    "green = $GREEN" "buzzer = $BUZZER" "beam = $BEAM" "emergency = $EMERGENCY" 'give_up_ms = 3000'
write_settings lane gate@1.conf.d/20-lane.conf 'pulse_ms = 400' 'passage_ms = 120000'
check 'the settings are fine' facegate-gate --lane 1 --config "$CONF/gate.conf" --check
need 'the gate starts' systemctl start $service
check 'the lane is closed' within 90 lane_is_closed
check 'and was not open for a moment' not went $OPEN 1

# ---- an enrolled person goes through
need 'the lane is empty' within 90 lane_is_empty
mark_decisions
show 1 first
check 'who is enrolled is admitted' awaited 1 admit p18
check 'there is a pulse on open' within 90 went $OPEN '1 0'
check 'green is on' within 90 is_driven $GREEN 1
check 'red is off' is_driven $RED 0
show 1 nobody
cross
check 'then the lane is closed' within 90 lane_is_closed
check 'and the matcher knows of the passage' within 90 passages_are passed 1

# ---- an emergency, without a matcher
systemctl stop facegate-matcher
mark_lines
chip hold $EMERGENCY 1
check 'an emergency opens' within 90 lane_is_open
figure emergency_to_open_ms "$(took_ms $EMERGENCY 1 $OPEN 1)"
mark_lines
process=$(main_pid $service)
kill -9 "$process"
check 'killed in it, the gate is there again' within 90 is_another_process "$process"
check 'and whole' within 90 is_active $service
check 'the lane was not closed for a moment' stayed $OPEN
chip hold $EMERGENCY 0
check 'when it is over, the lane is closed' within 90 lane_is_closed

# ---- the matcher is lost
mark_journal
lane 'passage_ms = 1000' 'on_loss = open'
check 'the matcher is lost: the gate says so' within 90 said $service 'the matcher is lost: the lane is open'
check 'and opens, as it was told' within 90 lane_is_open
mark_lines
process=$(main_pid $service)
kill -9 "$process"
check 'killed while open, the gate is there again' within 90 is_another_process "$process"
check 'and closes first' within 90 went $OPEN '0'
check 'until it finds the matcher lost, too' within 90 lane_is_open
need 'the matcher starts' systemctl start facegate-matcher
check 'the lane is closed with it' within 90 lane_is_closed
check 'and the gate says that it is back' within 90 said $service 'the matcher is there again'

# ---- an enrolled person turns back
lane 'passage_ms = 1000'
need 'the lane is empty again' within 90 lane_is_empty
mark_lines
mark_decisions
show 1 second
check 'another is admitted' awaited 1 admit p20
check 'the lane opens, and closes by itself' within 90 went $OPEN '1 0'
show 1 nobody
check 'the matcher knows that nobody went through' within 90 passages_are timeouts 1
check 'and of no passage' passages_are passed 0

# ---- the chip is pulled out
mark_journal
mark_lines
process=$(main_pid $service)
chip unplug
check 'without the chip the gate says so' within 90 said $service '(unplugged|there is none: .*); trying again'
check 'and gives up' within 90 said $service 'giving up for now'
check 'it is started again' within 90 is_another_process "$process"
chip plug
check 'with the chip it works again' within 90 is_active $service
check 'and the lane is closed' within 90 lane_is_closed

# ---- a stranger
need 'the lane is empty once more' within 90 lane_is_empty
mark_lines
mark_decisions
show 1 stranger
check 'a stranger is denied' awaited 1 deny null
check 'red blinks' within 90 went $RED '0 1'
check 'there is a beep' within 90 went $BUZZER '1 0'
check 'the lane stays closed' stayed $OPEN

mark_journal
mark_lines
need 'the gate stops' systemctl stop $service
check 'the lamps are dark' within 90 is_driven $RED 0
check 'its reports are settled' said $service 'waiting 0, given up 0'
check 'nothing has failed' no_unit_failed
check 'and the kernel minded nothing' not dmesg_says 'BUG: (kernel|unable)|WARNING: CPU'
chip unplug
within 90 chip_is_gone
rm -r "$CONF/gate@1.conf.d" "$CONF/profile.ini.d/90-emulated.conf"
systemctl restart facegate-matcher
