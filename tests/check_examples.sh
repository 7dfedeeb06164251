#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What integrators start from, examples/, against the real matcher with a played camera, and the
# gate against a played matcher. Prints ok / not ok / skip.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${FACEGATE_BUILD:-build}
work=$(mktemp -d)
children=
end() {
    for child in $children; do kill "$child" 2>/dev/null; done
    exec 7>&- 8>&-
    wait
    rm -rf "$work"
}
trap end EXIT

check() { # what, wanted, got
    if [ "$2" = "$3" ]; then echo "ok $1"; else
        echo "not ok $1"
        printf '    wanted: %s\n    got:    %s\n' "$2" "$3"
    fi
}

until_true() { # command: tried for 20 seconds
    for _ in $(seq 200); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep .1
    done
    return 1
}

for python in python3 /usr/bin/python3 ''; do
    [ -n "$python" ] && "$python" -c 'import zmq' 2>/dev/null && break
done

# ---- the matcher
mkdir -p "$work/probe" "$work/gate" "$work/admin"
card="[model]
name = toy
version = 1
kind = embedder
file = toy.tflite
sha256 = 0000000000000000000000000000000000000000000000000000000000000000
licence = none
source = the test
[input]
width = 16
height = 16
mean = 127.5
scale = 128
[embedder]
dimension = 16
same_track = 0.45
[calibration]
dataset = none
impostor_pairs = 1000000000
genuine_pairs = 1000
score_0.3 = 1e-2 0.01
score_0.5 = 1e-4 0.05
score_0.7 = 1e-6 0.3"
printf '%s\n' "$card" >"$work/toy.card"
printf '[profile]\nname = test\nmode = identify\nliveness = attended\nfmr = 1e-4\nlanguages = en ko\n' \
    >"$work/profile.ini"
control=ipc://$work/admin/control.sock
decision=ipc://$work/gate/decision.sock
"$build/facegate-matcher" --gallery "$work/gallery" --profile "$work/profile.ini" \
    --model "$work/toy.card" --key "$work/key" --make-key --locale "$build/locale" \
    --probe "ipc://$work/probe/probe.sock" --decision "$decision" --control "$control" \
    2>"$work/matcher.log" &
children="$children $!"

counter() { # name: of the matcher's status
    "$build/facegate" status --control "$control" --json | tr -d ' \n\t' |
        sed -n "s/.*\"counters\":{[^}]*\"$1\":\([0-9]*\).*/\1/p"
}
if ! until_true "$build/facegate" status --control "$control"; then
    echo "not ok the matcher starts: $(cat "$work/matcher.log")"
    exit 1
fi
model=$("$build/facegate" status --control "$control" --json | tr -d ' \n\t' |
    sed -n 's/.*"model":{[^}]*"id":"\([0-9a-f]*\)".*/\1/p')

for axis in 0 1 2; do "$build/tests/prober" vector "$work/face$axis" 16 $axis; done
walk() { # lane, face
    "$build/tests/prober" walk "ipc://$work/probe/probe.sock" "$1" "$model" "$2"
}

# ---- enrolling, with and without the example
said() { # runs the example; its output, and its exit code when that is not 0
    "$python" examples/enrol.py --control "$control" "$@" >"$work/out" 2>&1
    code=$?
    [ $code = 0 ] || echo "exit $code" >>"$work/out"
    cat "$work/out"
}
if [ -n "$python" ]; then
    check "a raw vector of any length is enrolled" "badge-1 enrolled, 1 vectors" \
        "$(said enrol --model "$model" badge-1 "$work/face0")"
    "$python" - "$work/face1" "$work/face1.npy" <<'END'
import struct, sys
vector = open(sys.argv[1], "rb").read()
about = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 16), }"
about += b" " * (-(10 + len(about) + 1) % 64) + b"\n"
open(sys.argv[2], "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(about)) + about + 2 * vector)
END
    check "so is a .npy file of two" "badge-2 enrolled, 2 vectors" \
        "$(said enrol --model "$model" badge-2 "$work/face1.npy")"
    check "they are listed" "badge-1 1 vectors badge-2 2 vectors" "$(said list | tr '\n' ' ' | sed 's/ $//')"
    check "an id that is there is refused" "exists: exit 1" \
        "$(said enrol --model "$model" badge-1 "$work/face0" | sed 's/:.*/:/' | tr '\n' ' ' | sed 's/ $//')"
    check "so are vectors of another model" "wrong_model: exit 1" \
        "$(said enrol --model 0123456789abcdef badge-3 "$work/face0" | sed 's/:.*/:/' | tr '\n' ' ' | sed 's/ $//')"
    head -c 60 "$work/face0" >"$work/short"
    check "and half a vector, before it is sent" "exit 1" \
        "$(said enrol --model "$model" badge-3 "$work/short" | tail -n 1)"
    head -c 64 /dev/zero >"$work/zero"
    check "and one without a direction" "$work/zero: a vector without a direction exit 1" \
        "$(said enrol --model "$model" badge-3 "$work/zero" | tr '\n' ' ' | sed 's/ $//')"
else
    echo "skip enrol.py, watch.py and gate.py (python3 with python3-zmq is not there)"
fi

# ---- watching
watch() { # name, command ...: in the background, once it has heard something
    name=$1
    shift
    : >"$work/$name"
    "$@" >"$work/$name" 2>>"$work/$name.err" &
    children="$children $!"
    until_true heard "$name" || echo "not ok $name hears the matcher"
}
heard() { # a lane's notices until one arrives
    "$build/tests/prober" notice "ipc://$work/probe/probe.sock" north 3
    [ -s "$work/$1" ]
}
watch watch.c "$build/examples/watch" north "$decision"
if [ -n "$python" ]; then
    watch watch.py "$python" examples/watch.py north "$decision"
    watch watch.ko "$python" examples/watch.py north "$decision" ko
    mkfifo "$work/beam"
    "$python" examples/gate.py north 60 "$work" <"$work/beam" >"$work/gate.out" 2>"$work/gate.err" &
    children="$children $!"
    exec 7>"$work/beam"
    received=$(counter received)
    more_received() { [ "$(counter received)" -gt "$received" ]; }
    until_true more_received
    check "the matcher hears the gate" yes "$(more_received && echo yes)"
fi
wanted="north retry more_evidence - One moment. Please keep looking at the camera.
north deny no_match - You were not recognised."
walk north10 "$work/face0"
walk north "$work/face2"
if [ -n "$python" ]; then
    walk north "$work/face0"
    until_true grep -q 'open badge-1' "$work/gate.out"
    echo >&7
    until_true grep -q closed "$work/gate.out"
    walk north "$work/face1"
    until_true grep -q 'open badge-2' "$work/gate.out"
    wanted="$wanted
north admit matched badge-1 Please go through.
north admit matched badge-2 Please go through."
fi
result() { grep -v too_dark "$work/$1"; } # which were to find out that it listens
complete() { [ "$(result "$1" | wc -l)" -ge "$(printf '%s\n' "$wanted" | wc -l)" ]; }
for name in watch.c ${python:+watch.py}; do
    until_true complete "$name"
    check "$name prints its lane's decisions, and no other's" "$wanted" "$(result "$name")"
    check "$name has nothing to complain of" "" "$(cat "$work/$name.err")"
done
if [ -n "$python" ]; then
    until_true complete watch.ko
    check "in Korean, too" "north admit matched badge-2 통과해 주세요." "$(result watch.ko | tail -n 1)"
    check "the gate opens for them" "open badge-1 passed closed open badge-2" "$(tr -s '\n ' ' ' <"$work/gate.out" | sed 's/ $//')"
    check "what it says is well formed" "0 0 0" "$(counter bad) $(counter wrong_version) $(counter unknown)"
    check "badge-1 is deleted" "badge-1 deleted" "$(said delete badge-1)"
    check "and gone" "badge-2 2 vectors" "$(said list)"
    check "a second time there is nobody" "not_found: exit 1" \
        "$(said delete badge-1 | sed 's/:.*/:/' | tr '\n' ' ' | sed 's/ $//')"
fi

# ---- a gate and those who watch, where decisions are late or repeated
mkdir -p "$work/played/gate" "$work/played/probe"
mkfifo "$work/script"
"$build/tests/played_matcher" "$work/played" north <"$work/script" >"$work/reports" 2>"$work/played.err" &
played=$!
children="$children $played"
exec 8>"$work/script"
reported() { [ "$(wc -l <"$work/reports")" -ge "$1" ]; }
if [ -n "$python" ]; then
    mkfifo "$work/beam2"
    "$python" examples/gate.py north 1 "$work/played" <"$work/beam2" >"$work/gate2.out" 2>"$work/gate2.err" &
    gate=$!
    children="$children $gate"
    exec 7>"$work/beam2"
    opened() { grep -q "open $1" "$work/gate2.out"; }
    run=9223372036854775809 # needs all 64 bits
    cat >&8 <<END
join
say $run 1 20000 admit late
say $run 2 0 deny nobody
say $run 2 0 admit repeated
say $run 1 0 admit older
say $run 3 0 admit anna
END
    until_true opened anna
    echo >&7
    printf 'hear\nagain\n' >&8
    until_true reported 2
    printf 'ack %s 2\nagain\nack %s 3\nsay 7 1 0 admit berta\nhear\nack 7 1\n' $run $run >&8
    until_true reported 4
    echo >&7
    printf 'hear\n' >&8
    until_true reported 5
    check "late, repeated and other decisions do not open the gate" \
        "open anna passed closed open berta timeout closed" "$(tr -s '\n ' ' ' <"$work/gate2.out" | sed 's/ $//')"
    check "reports are repeated until theirs is acknowledged, one at a time" \
        "passed $run 3,passed $run 3,passed $run 3,timeout 7 1,forced 0 0," "$(tr '\n' , <"$work/reports")"
    exec 7>&-
    wait $gate
    check "a gate without its beam ends" "1 the beam is gone" "$? $(cat "$work/gate2.err")"
fi
watchers="watch.c ${python:+watch.py}"
for name in $watchers; do
    case $name in
    *.py) set -- "$python" examples/watch.py ;;
    *) set -- "$build/examples/watch" ;;
    esac
    : >"$work/late"
    "$@" north "ipc://$work/played/gate/decision.sock" >"$work/late" 2>"$work/late.err" &
    watcher=$!
    children="$children $watcher"
    says() { # until it listens
        echo "say 8 1 0 admit listens" >&8
        [ -s "$work/late" ]
    }
    until_true says
    printf 'say 8 2 20000 admit late\nsay 8 3 0 admit last\n' >&8
    until_true grep -q last "$work/late"
    check "$name prints no stale decision" "0 stale: north matched" "$(grep -c ' late ' "$work/late") $(cat "$work/late.err")"
    kill $watcher
done
exec 8>&-
wait $played
check "the played matcher saw what it waited for" "0" "$?$(cat "$work/played.err")"
