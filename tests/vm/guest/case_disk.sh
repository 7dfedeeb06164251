# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The disk is full: no enrolment, but decisions.

crowd() { # prefix, how many
    facegate status --json | jq -r '.model | "\(.id) \(.dimension)"' | {
        read -r model dimension
        /host/crowd "$model" "$dimension" "$1" "$2"
    }
}

camera 1 plug
need 'a camera runs' within 120 camera_is GATE0001 state running
empty_lane 1 GATE0001
# The file system needs a part of the rest for itself: the last bytes one block at a time.
fallocate --length $(($(df --output=avail --block-size=1 / | tail -n 1) * 9 / 10)) /filler
dd if=/dev/zero of=/filler2 bs=4k
df /
crowd full 20000 >/run/crowd.out 2>/run/crowd.err
code=$?
cat /run/crowd.err
check 'enrolment is refused' test $code = 1
check 'with the reason' grep -iE 'full|no space|disk' /run/crowd.err
mark_decisions
show 1 first
check 'people are admitted' awaited 1 admit p18
rm /filler /filler2
check 'with room again people can be enrolled' crowd room 10
acked=$(grep -c '^acked' /run/crowd.out)
check 'nothing that was acknowledged is lost' \
    test "$(facegate status --json | jq .gallery.subjects)" = $((2 + acked + 10))
check 'nothing has failed' no_unit_failed
