#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Unpacks what facegate builds and runs with, from Debian's own packages, into a folder that serves
# as --sysroot for another architecture or another Debian: sysroot.sh SUITE ARCH FOLDER
#   SUITE  bookworm or trixie        ARCH  amd64 or arm64
# apt works with a configuration, lists and a cache of its own: the host's packages and apt's state
# stay as they are, and no right is needed but to write to FOLDER. A second run finds the folder
# complete and changes nothing; one that was interrupted goes on where it stopped.
#
# Environment: FACEGATE_MIRROR  the Debian mirror (the host's own, else deb.debian.org)
set -eu

# A folder made by another recipe is made anew: count up when what follows puts other files there.
RECIPE=1
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

fail() {
    printf 'sysroot: %s\n' "$@" >&2
    exit 1
}

say() {
    printf 'sysroot: %s %s: %s\n' "$suite" "$arch" "$*"
}

[ $# = 3 ] || fail 'say sysroot.sh SUITE ARCH FOLDER'
suite=$1 arch=$2 folder=$3
case $suite in
bookworm) armnn=22 ;;
trixie) armnn=33 ;;
*) fail "$suite is not known; take bookworm or trixie" ;;
esac
# C++ headers go with the compiler, which is Debian 12's in any case.
packages="libc6-dev libstdc++-12-dev linux-libc-dev libzmq3-dev liblmdb-dev libxnnpack-dev
libpthreadpool-dev libturbojpeg0-dev libjpeg62-turbo-dev libpng-dev libopenjp2-7-dev libqrencode-dev libzbar-dev libexif-dev
libsodium-dev libcjson-dev libinih-dev libgpiod-dev libcmocka-dev libcamera-dev libarmnn-dev libarmnn-cpuref-backend$armnn"
case $arch in
amd64) ;;
# GpuAcc finds no OpenCL there: it is the backend that registers and can not run.
arm64) packages="$packages libarmnn-cpuacc-backend$armnn libarmnn-gpuacc-backend$armnn" ;;
*) fail "$arch is not known; take amd64 or arm64" ;;
esac
wanted="$RECIPE $suite $arch $(printf '%s' "$packages" | tr '\n' ' ')"
stamp=$folder/.packages

is_complete() {
    [ "$(sed -n 1p "$stamp" 2>/dev/null)" = "$wanted" ]
}

is_complete && exit 0
[ -r "$KEYRING" ] || fail "Debian's keys are missing; install debian-archive-keyring"
case $folder in /*) ;; *) folder=$PWD/$folder stamp=$PWD/$stamp ;; esac
case $folder in *[!-A-Za-z0-9._/+@]*) fail "apt can not work in $folder; take a folder with a plain name" ;; esac
work=$folder.work
mkdir -p "$work" || fail "can not write to $work"
exec 9>"$work/lock"
flock 9
is_complete && exit 0

# shellcheck disable=SC2016 # apt's own variable
# The host's mirror knows the way to a network where there is one inside the house.
mirror=${FACEGATE_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
    'Origin: Debian' 'Label: Debian' 2>/dev/null | sed -n 1p)}
mirror=${mirror:-http://deb.debian.org/debian}

configure() {
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
    : >"$work/status"
    echo "deb [signed-by=$KEYRING] $mirror $suite main" >"$work/sources.list"
    {
        apt-config dump Acquire | grep -iE '^Acquire::(https?|ftp)::(proxy|timeout)' || true
        cat <<END
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Install-Recommends "false";
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "$work";
Dir::State::lists "$work/lists";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
END
    } >"$work/apt.conf"
}

apt() { # what it is for, then apt-get's words
    what=$1
    shift
    if ! APT_CONFIG=$work/apt.conf apt-get -q "$@" >"$work/log" 2>&1; then
        grep -E '^(E|W|Err):' "$work/log" | tail -n 3 >&2
        fail "can not fetch $what from $mirror; is there a network?" \
            'run it again when there is, or name another mirror in FACEGATE_MIRROR'
    fi
}

# /bin and its like are links before anything is unpacked, so that old packages land in /usr too.
unpack() {
    root=$work/root
    rm -rf "$root"
    for name in bin sbin lib lib64; do
        mkdir -p "$root/usr/$name"
        ln -s "usr/$name" "$root/$name"
    done
    for deb in "$work"/cache/archives/*.deb; do
        if ! dpkg-deb --fsys-tarfile "$deb" >"$work/tar" ||
            ! tar -x --no-same-owner --keep-directory-symlink -C "$root" -f "$work/tar"; then
            fail "can not unpack $deb; remove $work and run it again"
        fi
    done
    rm -f "$work/tar"
    rm -rf "$root/usr/share/doc" "$root/usr/share/man" "$root/usr/share/locale"
}

# A link to /lib/... means the host's outside of a chroot.
mend_links() {
    find "$root" -type l -lname '/*' | while read -r link; do
        ln -sfnr "$root$(readlink "$link")" "$link"
    done
}

list_packages() {
    # shellcheck disable=SC2016 # dpkg's own variables
    for deb in "$work"/cache/archives/*.deb; do
        dpkg-deb --show --showformat '${Package} ${Version}\n' "$deb"
    done
}

configure
say "fetching the package lists from $mirror"
apt 'the package lists' update --error-on=any
say 'fetching the packages'
# What an older list named must not be unpacked beside its successor.
# shellcheck disable=SC2086
APT_CONFIG=$work/apt.conf apt-get -q autoclean >/dev/null 2>&1 || true
# shellcheck disable=SC2086
apt 'the packages' install -y --download-only $packages
say 'unpacking'
unpack
mend_links
{
    echo "$wanted"
    list_packages
} >"$root/.packages"
rm -rf "$folder"
mv "$root" "$folder"
rm -rf "$work"
say "$(($(wc -l <"$stamp") - 1)) packages in $folder"
