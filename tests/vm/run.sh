#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Boots the emulated machine and runs cases in it: run.sh IMAGE FOLDER all|short|soak|CASE ...
#   IMAGE   image.sh's folder
#   FOLDER  the programs and stage/film are there; stage/ is what the guest sees as /host. Made
#           there: a folder for each boot with console.log, journal.log, results, camera*.log, chip.log
#           and the cases' own logs; results; summary.json
# The guest reports line by line, see guest/report.sh; what it does not report has failed. Ends
# with "N passed, N failed" and 1 if any did.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
image=$(cd "$1" && pwd)
cd "$2" || exit 1
shift 2

CAMERAS="1 2"
# Case by case in the order of what they build on. After a cut the machine boots again.
ALL="machine install enrol plug people gate portrait raw replug two uvc_faults vivid loopback libcamera memory disk power_cut / power_back"
SHORT="install enrol plug gate portrait replug"
SOAK="install enrol plug soak"

fail() {
    printf 'check-vm: %s\n' "$*" >&2
    exit 1
}

children=
stop_children() {
    for child in $children; do
        kill "$child" 2>/dev/null
    done
    children=
}
trap stop_children EXIT
trap 'exit 1' INT TERM

fill_stage() {
    rm -rf stage/guest stage/packages stage/out
    mkdir -p stage/packages stage/out
    cp -r "$here/guest" stage/
    cp feed crowd stage/
    if [ -d "$source/build/deb" ]; then
        cp "$source"/build/deb/facegate*.deb stage/packages/
    fi
}

start_cameras() { # folder of this boot
    for n in $CAMERAS; do
        (cd stage/film && exec ../../uvc_camera --unplugged --serial "GATE000$n" \
            --socket "../../$1/camera$n.socket" --control "../../$1/camera$n.control") 2>"$1/camera$n.log" &
        children="$children $!"
    done
    for n in $CAMERAS; do
        await_device "$1" "camera$n"
    done
}

# What its lines do goes where the guest sees it, too.
start_chip() { # folder of this boot
    ./cp2112_chip --unplugged --serial LINES001 --socket "$1/chip.socket" --control "$1/chip.control" \
        >stage/out/lines 2>"$1/chip.log" &
    children="$children $!"
    await_device "$1" chip
}

await_device() { # folder of this boot, name: QEMU would make a file of a control that is not there yet
    for _ in $(seq 50); do
        [ -p "$1/$2.control" ] && [ -S "$1/$2.socket" ] && return
        sleep 0.1
    done
    fail "$2 did not start, see $1/$2.log"
}

# Emulated FMA and AVX2 are ten times slower than without, and 57-bit addresses cost too.
start_machine() { # folder of this boot
    local devices=() names=chip
    for n in $CAMERAS; do
        names+=" camera$n"
    done
    for name in $names; do
        devices+=(-chardev "socket,id=$name,path=$1/$name.socket,reconnect=1"
            -device "usb-redir,chardev=$name,bus=usb.0"
            -chardev "file,id=control-$name,path=$1/$name.control"
            -device "virtserialport,chardev=control-$name,name=$name")
    done
    qemu-system-x86_64 -M q35 -accel tcg,thread=multi,tb-size=512 -cpu max,la57=off,-fma,-avx2,-f16c \
        -smp 2 -m 2048 -nodefaults -no-user-config -display none -monitor none -no-reboot \
        -kernel "$image/vmlinuz" -initrd "$image/initrd.img" \
        -append 'console=ttyS0 quiet panic=-1 mitigations=off nokaslr audit=0 apparmor=0 random.trust_cpu=on no_timer_check systemd.show_status=0' \
        -drive file=disk.img,if=virtio,format=raw,cache=writeback \
        -fsdev local,id=host,path=stage,security_model=none -device virtio-9p-pci,fsdev=host,mount_tag=host \
        -device virtio-rng-pci -device qemu-xhci,id=usb -device virtio-serial-pci \
        -chardev "file,id=results,path=$1/results" -device virtserialport,chardev=results,name=results \
        -chardev "file,id=journal,path=$1/journal.log" -device virtserialport,chardev=journal,name=journal \
        -serial "file:$1/console.log" "${devices[@]}" 2>"$1/qemu.log" &
    machine=$!
    disown # bash would tell of a cut
    children="$children $machine"
}

# Shows results as they come, until the guest is off, asks for a cut, or has had its time.
follow() { # folder of this boot, seconds
    local seen=0 lines end=$((SECONDS + $2))
    while :; do
        sleep 0.2
        lines=$(wc -l <"$1/results")
        if [ "$lines" -gt "$seen" ]; then
            sed -n "$((seen + 1)),${lines}p" "$1/results" | grep -E '^(ok|not ok|skip|case|figure|note) ' | sed 's/^/  /'
            seen=$lines
        fi
        if ! kill -0 "$machine" 2>/dev/null; then
            return
        elif grep -qx cut "$1/results"; then
            kill -9 "$machine"
        elif [ $SECONDS -gt "$end" ]; then
            echo "not ok the machine: it was not done in $2 seconds" >>"$1/results"
            kill -9 "$machine"
        fi
    done
}

boot() { # number, cases
    local folder=boot$1
    rm -rf "$folder"
    mkdir -p "$folder"
    shift
    printf '%s\n' "$@" >stage/cases
    : >"$folder/results"
    start_cameras "$folder"
    start_chip "$folder"
    start_machine "$folder"
    follow "$folder" "${FACEGATE_VM_SECONDS:-1500}"
    stop_children
    wait 2>/dev/null
    rm -f "$folder"/*.socket "$folder"/*.control
    mv stage/out "$folder/cases" && mkdir stage/out
    if ! grep -qE '^(finished|cut|not ok the machine: .*)$' "$folder/results"; then
        echo "not ok the machine: it went down in $(sed -n 's/^case //p' "$folder/results" | tail -n 1 | grep . || echo 'its boot'), see $folder/console.log" |
            tee -a "$folder/results"
    fi
    sed -n 's/^acked //p' "$folder/results" >stage/acked
    cat "$folder/results" >>results
}

# {"passed": N, "failed": N, "skipped": N, figures}; of a figure told twice, the later.
summarise() {
    awk -v seconds=$SECONDS '
        /^ok / {passed++} /^not ok / {failed++} /^skip / {skipped++}
        /^figure / {if (!($2 in value)) order[++n] = $2; value[$2] = $3}
        END {
            printf "{\n  \"passed\": %d,\n  \"failed\": %d,\n  \"skipped\": %d,\n  \"seconds\": %d", passed, failed, skipped, seconds > "summary.json"
            for (i = 1; i <= n; i++) printf ",\n  \"%s\": %s", order[i], value[order[i]] > "summary.json"
            printf "\n}\n" > "summary.json"
            if (!passed && !failed) failed = 1
            printf "%d passed, %d failed", passed, failed
            if (skipped) printf ", %d skipped", skipped
            print ""
            exit failed > 0
        }' results
}

cases="$*"
case $cases in
all) cases=$ALL ;;
short) cases=$SHORT ;;
soak) cases=$SOAK ;;
esac
for name in $cases; do
    [ "$name" = / ] || [ -f "$here/guest/case_$name.sh" ] || fail "no case $name"
done
fill_stage
rm -f results
cp --sparse=always "$image/root.img" disk.img || fail 'no room for the disk'
number=0
while [ -n "$cases" ]; do
    number=$((number + 1))
    # shellcheck disable=SC2086 # names
    boot $number ${cases%%/*}
    case $cases in
    */*) cases=${cases#*/} ;;
    *) cases= ;;
    esac
done
rm -f disk.img
summarise
