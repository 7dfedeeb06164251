#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `make deb`: builds the packages in a copy under build/deb, so that nothing is littered here, and
# has lintian look at them. deb.sh VERSION
set -eu
cd "$(dirname "$0")/.."
version=$1
out=build/deb
copy=$out/facegate-$version

fail() {
    printf 'deb: %s\n' "$*" >&2
    exit 1
}

said=$(dpkg-parsechangelog -S Version)
[ "$said" = "$version" ] || fail "debian/changelog is of $said, the Makefile of $version: give both one VERSION"
rm -rf "$out"
mkdir -p "$copy"
tar --exclude=./build --exclude=./.git --exclude='./models/*.jpg' -cf - . | tar -xf - -C "$copy"
SOURCE_DATE_EPOCH=$(dpkg-parsechangelog -S Timestamp)
export SOURCE_DATE_EPOCH DEB_BUILD_OPTIONS=noautodbgsym
unset MAKEFLAGS MAKELEVEL
(cd "$copy" && dpkg-buildpackage -b -us -uc --jobs=2) >"$out/build.log" 2>&1 || {
    tail -n 30 "$out/build.log" >&2
    fail "the build failed, see $out/build.log"
}
rm -rf "$copy"
lintian --fail-on error,warning "$out"/*.changes ||
    fail "lintian found the above"
for package in "$out"/*_"$version"_*.deb; do
    printf 'deb: %s, %s bytes\n' "$package" "$(stat -c %s "$package")"
done
