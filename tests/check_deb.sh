#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `make check-deb`: build/deb's packages on a clean Debian, in a chroot of its own: installed, used,
# upgraded, removed, installed again, purged. tests/deb_guest.sh is what happens inside. There is no
# systemd running there and no camera; `make check-vm` has both.
set -u
cd "$(dirname "$0")/.." || exit 1
work=build/check-deb
# shellcheck source=/dev/null
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")

rm -rf "$work"
mkdir -p "$work/now" "$work/next"
cp build/deb/*.deb "$work/now"

# The next version: the same, but for its number, and for a setting that the maker changed.
for package in "$work"/now/*.deb; do
    files=$work/files
    dpkg-deb -R "$package" "$files"
    sed -i -E 's/^Version: (.*)/Version: \1+next/; s/facegate-models \(= ([^)]*)\)/facegate-models (= \1+next)/' \
        "$files/DEBIAN/control"
    if [ -e "$files/etc/facegate/matcher.conf" ]; then
        echo '# of the next version' >>"$files/etc/facegate/matcher.conf"
    fi
    dpkg-deb --root-owner-group -b "$files" "$work/next/$(basename "$package")" >/dev/null
    rm -rf "$files"
done

# The host's mirror knows the way to a network where there is one inside the house.
# shellcheck disable=SC2016 # apt's own variable
mirror=${FACEGATE_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
    'Origin: Debian' 'Label: Debian' 2>/dev/null | sed -n 1p)}
# shellcheck disable=SC2016 # mmdebstrap's own variable
timeout 1200 mmdebstrap --quiet --variant=minbase \
    --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "true"' \
    --customize-hook='mkdir -p "$1/root/deb"' \
    --customize-hook="sync-in $work /root/deb" \
    --customize-hook="upload tests/deb_guest.sh /root/deb/guest.sh" \
    --customize-hook='chroot "$1" sh /root/deb/guest.sh >"$1/root/deb/results" 2>&1 || true' \
    --customize-hook="download /root/deb/results $work/results" \
    "$suite" /dev/null "${mirror:-http://deb.debian.org/debian}" >"$work/log" 2>&1 || {
    tail -n 20 "$work/log"
    echo "check-deb: the chroot was not made, see $work/log"
    exit 1
}
grep -vE '^(ok|skip) ' "$work/results" | grep -A 3 '^not ok'
awk '/^ok /{p++} /^not ok /{f++} /^skip /{s++} /^end$/{e = 1}
    END { if (!e) f++; printf "%d passed, %d failed", p, f; if (s) printf ", %d skipped", s; print ""; exit f > 0 }' \
    "$work/results"
