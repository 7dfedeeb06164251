#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A hook of mmdebstrap's (image.sh): fetches the kernel's packages, and what builds a loop-back
# camera for it, into /kernel of the new system. They are to be unpacked, not installed.
set -eu
mkdir "$1/kernel"
cd "$1/kernel"
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
# Of a package that only names another, the other too.
for package in linux-image-amd64 linux-headers-amd64 v4l2loopback-dkms; do
    apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
        --no-replaces --no-enhances "$package" |
        grep -E '^(linux-(image|headers|kbuild)|v4l2loopback)'
done | sort -u | xargs apt-get -q download
