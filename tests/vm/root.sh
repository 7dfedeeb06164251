#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The guest's disk out of Debian's files and the kernel's modules: root.sh ROOT.tar LIB IMAGE
# Run by image.sh under fakeroot, so that files keep their owners without any right here.
set -eu
cd "$(dirname "$0")/../.."
tar=$1 lib=$2 image=$3
root=$image.files

# What a machine without a person and a network does not need.
MASKED="getty.target apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer
e2scrub_reap.service fstrim.timer systemd-timesyncd.service systemd-networkd.service
systemd-pstore.service systemd-logind.service"

mkdir "$root"
tar -xpf "$tar" --exclude='./dev/*' --exclude='./var/lib/apt/lists/*' -C "$root"
cp -r "$lib" "$root/usr/"
units=$root/etc/systemd/system
mkdir -p "$units/multi-user.target.wants" "$root/host"
cp tests/vm/guest/start.service "$units/facegate-test.service"
ln -s ../facegate-test.service "$units/multi-user.target.wants/"
for unit in $MASKED; do
    ln -sf /dev/null "$units/$unit"
done
ln -sf /lib/systemd/system/multi-user.target "$units/default.target"
echo gate >"$root/etc/hostname"
echo '/dev/vda / ext4 defaults 0 1' >"$root/etc/fstab"
# What mmdebstrap left out is installed of our packages.
rm "$root/etc/dpkg/dpkg.cfg.d/99mmdebstrap"
# dpkg waits for the disk after each file otherwise.
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/facegate-test"
mke2fs -q -t ext4 -m 0 -E lazy_itable_init=1,lazy_journal_init=1 -L root -d "$root" "$image" 1600M
rm -rf "$root"
