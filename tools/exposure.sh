#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How open each unit is, as systemd-analyze reckons it: at most 2.0 of 10. Ends with 1 when one is
# more, or is not understood.
set -u
cd "$(dirname "$0")/.." || exit 1
most=20 # tenths

command -v systemd-analyze >/dev/null || {
    echo "lint: no systemd-analyze here: the units' exposure was not looked at"
    exit 0
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0
for unit in systemd/*.service; do
    name=$(basename "$unit" | sed 's/@\./@1./')
    cp "$unit" "$work/$name" # a template is looked at as one of its instances
    # a line that begins with the path is about what it did not understand
    if ! systemd-analyze security --offline=true --no-pager --threshold="$most" "$work/$name" \
        >"$work/out" 2>&1 || grep -q "^$work" "$work/out"; then
        bad=1
        grep -E "^$work|✗|Overall" "$work/out"
    fi
done
exit $bad
