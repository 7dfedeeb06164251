#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The names that udev/facegate-camera-name gives to cameras, without udev: cameras are folders of a
# /sys of our own. Prints ok / not ok.
set -u
cd "$(dirname "$0")/.." || exit 1
helper=$PWD/udev/facegate-camera-name
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

check() { # what, wanted, got
    if [ "$2" = "$3" ]; then echo "ok $1"; else
        echo "not ok $1"
        printf '    wanted: %s\n    got:    %s\n' "$2" "$3"
    fi
}

begin() { # another machine, with nothing plugged in
    FACEGATE_ROOT=$work/$1
    export FACEGATE_ROOT
    mkdir -p "$FACEGATE_ROOT/etc" "$FACEGATE_ROOT/run"
}

reboot() {
    rm -rf "$FACEGATE_ROOT/run" "$FACEGATE_ROOT/sys"
    mkdir -p "$FACEGATE_ROOT/run"
}

plug() { # port, serial number, place, the driver's name: what udev prints of it
    mkdir -p "$FACEGATE_ROOT/sys/devices/$1"
    printf '%s\n' "${4:-UVC Camera}" >"$FACEGATE_ROOT/sys/devices/$1/name"
    DEVPATH=/devices/$1 ID_SERIAL_SHORT=$2 ID_PATH=$3 "$helper" claim 2>"$work/err"
}

name_of() { # the same, but the name alone
    plug "$@" | sed -n 's/^FACEGATE_CAMERA=//p'
}

unplug() { # port
    rm -rf "$FACEGATE_ROOT/sys/devices/$1"
    DEVPATH=/devices/$1 "$helper" release
}

begin names
check "the serial number is the name" SN0001 "$(name_of a/video0 SN0001 pci-0000:00:14.0-usb-0:1:1.0)"
check "without one the place is" pci_0000_00_14.0_usb_0_2_1.0 "$(name_of b/video1 '' pci-0000:00:14.0-usb-0:2:1.0)"
check "without a place the driver's name is" vivid_000_vid_cap "$(name_of c/video2 '' '' vivid-000-vid-cap)"
check "with nothing at all the kernel's is" video3 "$(mkdir -p "$FACEGATE_ROOT/sys/devices/d/video3" && DEVPATH=/devices/d/video3 "$helper" claim | cut -d= -f2)"
check "odd characters become _" A_B_C_D_E_F_ "$(name_of e/video4 'A-B/C D%E\F"' p)"
check "a letter beyond ASCII does" caf__ "$(name_of f/video5 "$(printf 'caf\303\251')" p)"
check "a dot at the start does" _.hidden "$(name_of g/video6 ..hidden p)"
check "dots alone are no folder" _. "$(name_of h/video7 .. p)"
check "a star is no pattern" _ "$(name_of i/video8 '*' p)"
check "31 characters stay" 1234567890123456789012345678901 "$(name_of k/video10 1234567890123456789012345678901 p)"
long=$(name_of l/video11 12345678901234567890123456789012 p)
other=$(name_of m/video12 12345678901234567890123456789013 p)
check "32 are cut to 31" 31 ${#long}
check "and begin alike" 1234567890123456789012_ "${long%????????}"
check "and stay apart" yes "$([ "$long" != "$other" ] && echo yes)"
check "every name is fit for a unit" '' "$(find "$FACEGATE_ROOT/run/facegate/names/claims" -type l -printf '%f\n' | LC_ALL=C grep -vxE '[A-Za-z0-9_][A-Za-z0-9_.]{0,30}')"

begin again
check "a camera gets its name" S1 "$(name_of a/video0 S1 place1)"
check "asked twice it keeps it" S1 "$(name_of a/video0 S1 place1)"
unplug a/video0
check "unplugged it leaves nothing" '' "$(ls "$FACEGATE_ROOT/run/facegate/names/claims")"
check "plugged in again it has it again" S1 "$(name_of a/video0 S1 place1)"
unplug a/video0
check "at another port too" S1 "$(name_of b/video0 S1 place2)"
rm -r "$FACEGATE_ROOT/sys/devices/b/video0" # gone, and udev did not say so
check "a name of a camera that is gone is taken over" S1 "$(name_of c/video1 S1 place3)"
check "without a word about sharing" '' "$(cat "$FACEGATE_ROOT/run/facegate/names/shared" 2>/dev/null)"
check "another camera where one was has its own name" S2 "$(name_of c/video1 S2 place3)"
check "and the old name is free" S1 "$(name_of d/video2 S1 place4)"

begin twins
check "the first of two has the serial number" FACEGATE_CAMERA=SAME "$(plug a/video0 SAME place-1)"
check "the second its place, and udev is told" 'FACEGATE_CAMERA=place_2 FACEGATE_SHARED=1' \
    "$(plug b/video1 SAME place-2 | tr '\n' ' ' | sed 's/ $//')"
check "the first keeps it while it is there" SAME "$(name_of a/video0 SAME place-1)"
check "the second is told once" 'FACEGATE_CAMERA=place_2' "$(plug b/video1 SAME place-2)"
"$helper" save 2>"$work/said"
check "saving warns in the journal" 1 "$(grep -c '^<4>two cameras call themselves SAME:' "$work/said")"
"$helper" save 2>"$work/said"
check "and only once" '' "$(cat "$work/said")"
check "the name is written down" SAME "$(grep -v '^#' "$FACEGATE_ROOT/etc/facegate/shared-names")"
reboot
check "after a start the first is named by place" place_1 "$(name_of a/video0 SAME place-1)"
check "and so is the second" place_2 "$(name_of b/video1 SAME place-2)"
"$helper" save 2>"$work/said"
check "nothing new is written" 2 "$(wc -l <"$FACEGATE_ROOT/etc/facegate/shared-names")"
unplug a/video0
unplug b/video1
check "alone it is still named by place" place_1 "$(name_of a/video0 SAME place-1)"
reboot
check "the other way round nothing changes" 'place_2 place_1' \
    "$(name_of b/video0 SAME place-2) $(name_of a/video1 SAME place-1)"

begin place
check "two at one place: the second has its driver's name" 'platform_vivid.0 vivid_001_vid_cap' \
    "$(name_of a/video0 '' platform-vivid.0 vivid-000-vid-cap) $(name_of a/video2 '' platform-vivid.0 vivid-001-vid-cap)"
"$helper" save 2>/dev/null
reboot
check "after a start both have" 'vivid_000_vid_cap vivid_001_vid_cap' \
    "$(name_of a/video0 '' platform-vivid.0 vivid-000-vid-cap) $(name_of a/video2 '' platform-vivid.0 vivid-001-vid-cap)"

begin crowd
for port in 1 2 3 4 5 6 7 8; do
    mkdir -p "$FACEGATE_ROOT/sys/devices/$port/video$port"
done
for port in 1 2 3 4 5 6 7 8; do # udev's workers do not wait for each other
    DEVPATH=/devices/$port/video$port ID_SERIAL_SHORT=SAME ID_PATH=place-$port "$helper" claim >"$work/claim$port" &
done
wait
check "of eight at once each has a name of its own" 8 "$(sed -n 's/^FACEGATE_CAMERA=//p' "$work"/claim? | sort -u | wc -l)"
check "one of them the serial number" 1 "$(grep -lx FACEGATE_CAMERA=SAME "$work"/claim? | wc -l)"

"$helper" claim </dev/null >/dev/null 2>"$work/err"
check "without DEVPATH it says so" 1 "$(grep -c DEVPATH "$work/err")"
"$helper" frobnicate 2>"$work/err"
check "an unknown verb is refused" 1 "$(grep -c usage "$work/err")"
check "the rules call what there is" '' \
    "$(sed -n 's|.*"/usr/lib/udev/facegate-camera-name \([a-z]*\)".*|\1|p' udev/60-facegate.rules | grep -vx -e claim -e release)"
