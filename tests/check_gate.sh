#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The program facegate-gate as people start it: its options, --check, exit codes, and a chip that is
# not there. Prints ok / not ok.
set -u
cd "$(dirname "$0")/.." || exit 1
gate=${FACEGATE_BUILD:-build}/facegate-gate
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

check() { # what, wanted, got
    if [ "$2" = "$3" ]; then echo "ok $1"; else
        echo "not ok $1"
        printf '    wanted: %s\n    got:    %s\n' "$2" "$3"
    fi
}

run() { # option ...: its output in $work/out, its exit code in $code
    timeout 20 "$gate" "$@" >"$work/out" 2>&1
    code=$?
}

config() { # the lines after [gpio]
    printf '[gpio]\n%s\n' "$*" >"$work/gate.conf"
    printf '[sockets]\ndecision = ipc://%s/decision\nlane = ipc://%s/lane\nprobe = ipc://%s/probe\n' "$work" "$work" "$work" >>"$work/gate.conf"
}

says() { grep -q -e "$1" "$work/out" && echo yes; }

run --help
check "--help is answered" "0 yes" "$code $(says 'usage: facegate-gate')"
run --version
check "--version is" "0 yes" "$code $(says '^facegate-gate [0-9]')"
run --lane 1
check "without a configuration nothing is done" "2 yes" "$code $(says 'give --lane and --config')"
run --lane 'a b' --config "$work/gate.conf"
check "a lane has a plain name" "2 yes" "$code $(says 'lane a b: 1 to 31 letters')"
run --lane 1 --config "$work/gate.conf" more
check "an operand is refused" "2 yes" "$code $(says 'unexpected argument more')"
run --lane 1 --config "$work/none.conf"
check "a file that is not there is named" "78 yes" "$code $(says 'none.conf: No such file')"

config 'chip = none
open = 3
red = 4 active-low
beam = 5 pull-up'
run --lane 1 --config "$work/gate.conf" --check
check "--check takes a good one" 0 "$code"
check "and says what it would drive" "yes yes yes" \
    "$(says 'open .*output line 3$') $(says 'red .*output line 4, active low$') $(says 'beam .*input  line 5, pulled up, debounced 20 ms')"
printf '[lane]\nbutton = open\n' >"$work/gate@2.conf"
run --lane 2 --config "$work/gate.conf" --check
check "--check refuses what another lane's file says, with its name" "78 yes" "$code $(says 'gate@2.conf: .* there is no .gpio. button')"

config 'chip = none
open = 3
door = 4'
run --lane 1 --config "$work/gate.conf"
check "what is off is named by file and line" "78 yes" "$code $(says 'gate.conf:4: unknown key door')"
check "and nothing is driven" "" "$(says 'only the emergency')"
echo 'emergency = 6' | sed -i '/door/r /dev/stdin' "$work/gate.conf"

# with an emergency input it goes on for that, until it is ended
"$gate" --lane 1 --config "$work/gate.conf" 2>"$work/out" &
pid=$!
i=0
while [ $i -lt 200 ] && [ -z "$(says 'trying again')" ]; do
    sleep 0.1
    i=$((i + 1))
done
kill $pid
wait $pid
check "with an emergency input it goes on" 0 $?
check "for that alone, and says so" "yes yes" "$(says 'gate.conf:4: unknown key door') $(says 'only the emergency input works')"
check "and names the chip that is not there, once" "1" "$(grep -c 'emergency: chip none: there is none' "$work/out")"

config 'chip = none
give_up_ms = 1000
open = 3'
run --lane 1 --config "$work/gate.conf"
check "a chip that stays away ends it with 75" "75 yes" "$code $(says 'giving up for now')"
check "after a line of counters" yes "$(says 'opened 0, passed 0')"
