#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Out of Debian's kernel packages what the guest needs: kernel.sh DEBS FOLDER
# FOLDER gets vmlinuz, version and lib/modules/VERSION with the modules below and what they need,
# v4l2loopback among them, built against the headers without installing anything.
set -eu
debs=$(cd "$1" && pwd)
mkdir -p "$2"
folder=$(cd "$2" && pwd)
unpacked=$folder/unpacked

# The disk and the share; the cameras: vivid, real USB ones on the emulated host controller; a USB
# chip with GPIO lines on it too.
MODULES="virtio_pci virtio_blk virtio_console virtio_rng ext4 9p 9pnet_virtio loop xhci_pci
uvcvideo vivid v4l2loopback usbhid hid_cp2112 configfs autofs4 fuse efi_pstore"

for deb in "$debs"/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x --no-same-owner -C "$(mkdir -p "$unpacked" && echo "$unpacked")"
done
version=$(cd "$unpacked/lib/modules" && echo *)
modules=$unpacked/lib/modules/$version
echo "$version" >"$folder/version"
cp "$unpacked/boot/vmlinuz-$version" "$folder/vmlinuz"

# Debian's headers name each other by absolute paths.
build_v4l2loopback() {
    source=$(echo "$unpacked"/usr/src/v4l2loopback-*)
    headers=$unpacked/usr/src/linux-headers-$version
    common=$(echo "$unpacked"/usr/src/linux-headers-*-common)
    kbuild=$(echo "$unpacked"/usr/lib/linux-kbuild-*)
    sed -i "s,/usr/src/,$unpacked/usr/src/,g; s,/usr/lib/linux-kbuild,$unpacked/usr/lib/linux-kbuild,g" \
        "$headers/Makefile"
    for name in scripts tools; do
        ln -sfn "$kbuild/$name" "$headers/$name"
        ln -sfn "$kbuild/$name" "$common/$name"
    done
    make -C "$headers" M="$source" CC="${CC:-gcc}" modules
    mkdir -p "$modules/updates"
    cp "$source/v4l2loopback.ko" "$modules/updates/"
}

# The modules and all that they need.
pick() {
    for module in $MODULES; do
        modprobe -d "$unpacked" -S "$version" --show-depends "$module" || echo "no $module" >&2
    done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u | while read -r file; do
        install -D -m 644 "$file" "$folder/${file#"$unpacked"/}"
    done
    cp "$modules"/modules.builtin* "$modules/modules.order" "$folder/lib/modules/$version/"
    depmod -b "$folder" "$version"
}

build_v4l2loopback
depmod -b "$unpacked" "$version"
pick
rm -rf "$unpacked"
