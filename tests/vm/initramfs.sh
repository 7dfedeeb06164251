#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An initramfs that mounts the guest's disk and goes on there: initramfs.sh KERNEL IMAGE
# KERNEL is kernel.sh's folder.
set -eu
kernel=$1 image=$2
version=$(cat "$kernel/version")
tree=$image.tree
mkdir -p "$tree/bin" "$tree/modules" "$tree/dev" "$tree/proc" "$tree/root"
cp /bin/busybox "$tree/bin/"

: >"$tree/modules/order"
for module in virtio_pci virtio_blk ext4; do
    modprobe -d "$kernel" -S "$version" --show-depends "$module" | sed -n 's/^insmod \([^ ]*\).*/\1/p'
done | while read -r file; do
    name=${file##*/}
    grep -qx "$name" "$tree/modules/order" && continue
    cp "$file" "$tree/modules/"
    echo "$name" >>"$tree/modules/order"
done

cat >"$tree/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs dev /dev
while read -r module; do
    insmod "/modules/$module"
done </modules/order
tries=0
until [ -b /dev/vda ] || [ $tries = 100 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
# After a power cut this replays the journal.
mount -t ext4 /dev/vda /root || poweroff -f
mount --move /dev /root/dev
exec switch_root /root /lib/systemd/systemd
INIT
chmod 755 "$tree/init"
(cd "$tree" && find . | cpio -o -H newc --quiet) | gzip -1 >"$image"
rm -rf "$tree"
