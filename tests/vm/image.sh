#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the guest of `make check-vm`: a Debian 12 with its own kernel, real camera drivers and the
# libraries that the packages need, but without the packages: image.sh FOLDER
# FOLDER gets root.img (ext4), vmlinuz and initrd.img. A folder of this recipe is left as it is.
# The host's packages and apt's state stay as they are.
#
# Environment: FACEGATE_MIRROR  the Debian mirror (the host's own, else deb.debian.org)
set -eu
cd "$(dirname "$0")/../.."
PATH=$PATH:/usr/sbin:/sbin # of an ordinary user too

# Count up when what follows makes another guest of the same packages.
RECIPE=1
SUITE=bookworm
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
PACKAGES="systemd systemd-sysv udev kmod dbus procps e2fsprogs v4l-utils gpiod jq"
# what Depends of the packages comes to
PACKAGES="$PACKAGES libzmq5 liblmdb0 libarmnn22 libarmnn-cpuref-backend22 libturbojpeg0 libjpeg62-turbo
libpng16-16 libexif12 libopenjp2-7 libsodium23 libcjson1 libinih1 libxnnpack0 libpthreadpool0 libcamera0.0.3
libcamera-ipa libgpiod2 libqrencode4 libzbar0"

fail() {
    printf 'check-vm: %s\n' "$@" >&2
    exit 1
}

say() {
    printf 'check-vm: %s\n' "$*"
}

[ $# = 1 ] || fail 'say image.sh FOLDER'
mkdir -p "$1" || fail "can not write to $1"
folder=$(cd "$1" && pwd)
packages=$(printf '%s' "$PACKAGES" | tr ' \n' ',,')
recipe=$({
    echo "$RECIPE $SUITE $packages"
    cat tests/vm/fetch_kernel.sh tests/vm/kernel.sh tests/vm/initramfs.sh tests/vm/root.sh tests/vm/guest/start.service
} | sha256sum | cut -d' ' -f1)

is_made() {
    [ "$(cat "$folder/recipe" 2>/dev/null)" = "$recipe" ]
}

is_made && exit 0
exec 9>"$folder/lock"
flock 9
is_made && exit 0
rm -f "$folder/recipe"
work=$folder/work
rm -rf "$work"
mkdir -p "$work/debs"
log=$work/log

# shellcheck disable=SC2016 # apt's own variable
mirror=${FACEGATE_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
    'Origin: Debian' 'Label: Debian' 2>/dev/null | sed -n 1p)}
mirror=${mirror:-http://deb.debian.org/debian}

# shellcheck disable=SC2016 # mmdebstrap's own $1
bootstrap() {
    apt-config dump Acquire | grep -iE '^Acquire::(https?|ftp)::(proxy|timeout)' >"$work/apt.conf" || true
    cat >>"$work/apt.conf" <<END
Acquire::Languages "none";
Acquire::Retries "3";
APT::Install-Recommends "false";
END
    say "fetching Debian's packages from $mirror (a few minutes, once)"
    mmdebstrap --variant=minbase --include="$packages" --format=tar \
        --aptopt="$work/apt.conf" \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
        --customize-hook="$PWD/tests/vm/fetch_kernel.sh" --customize-hook="copy-out /kernel $work/debs" \
        --customize-hook='rm -r "$1"/kernel' \
        "$SUITE" "$work/root.tar" "deb [signed-by=$KEYRING] $mirror $SUITE main" >"$log" 2>&1 || {
        grep -E '^(E|W|Err):' "$log" | tail -n 3 >&2
        fail "can not make the guest (whole log: $log); is there a network?" \
            'run it again when there is, or name another mirror in FACEGATE_MIRROR'
    }
}

bootstrap
say 'taking the drivers out of the kernel package'
sh tests/vm/kernel.sh "$work/debs/kernel" "$work/kernel" >>"$log" 2>&1 || fail "the kernel can not be unpacked (log: $log)"
sh tests/vm/initramfs.sh "$work/kernel" "$work/initrd.img" >>"$log" 2>&1 || fail "no initramfs (log: $log)"
fakeroot sh tests/vm/root.sh "$work/root.tar" "$work/kernel/lib" "$work/root.img" >>"$log" 2>&1 || fail "no image (log: $log)"
mv "$work/root.img" "$work/initrd.img" "$folder/"
mv "$work/kernel/vmlinuz" "$folder/vmlinuz"
rm -rf "$work"
echo "$recipe" >"$folder/recipe"
say "the guest is made: $(du -sh "$folder" | cut -f1) in $folder"
