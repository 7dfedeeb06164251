#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is installed around the programs: users and groups, folders, settings, the master key, and
# where `make install` puts it all. Prints ok / not ok / skip.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${FACEGATE_BUILD:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

check() { # what, wanted, got
    if [ "$2" = "$3" ]; then echo "ok $1"; else
        echo "not ok $1"
        printf '    wanted: %s\n    got:    %s\n' "$2" "$3"
    fi
}

has() { command -v "$1" >/dev/null; }

# ---- users, groups, folders
mkdir -p "$work/root/etc"
if has systemd-sysusers && has systemd-tmpfiles && [ "$(id -u)" = 0 ]; then
    systemd-sysusers --root="$work/root" "$PWD/systemd/facegate.sysusers" >"$work/out" 2>&1
    check "users are made" "facegate-camera facegate-gate facegate-matcher " \
        "$(cut -d: -f1 "$work/root/etc/passwd" | sort | tr '\n' ' ')"
    check "nobody can log in as them" "" "$(grep -v ':/usr/sbin/nologin$' "$work/root/etc/passwd")"
    check "cameras and gates may publish" facegate-camera,facegate-gate "$(sed -n 's/^facegate-probe:.*://p' "$work/root/etc/group")"
    check "gates may open GPIO chips" facegate-gate "$(sed -n 's/^facegate-gpio:.*://p' "$work/root/etc/group")"
    check "and neither decide nor ask" "" "$(sed -n 's/^facegate-\(gate\|admin\):.*://p' "$work/root/etc/group")"
    systemd-tmpfiles --root="$work/root" --create "$PWD/systemd/facegate.tmpfiles" >"$work/out" 2>&1
    id_of() { sed -n "s/^$1:[^:]*:\([0-9]*\):.*/\1/p" "$work/root/etc/$2"; }
    matcher=$(id_of facegate-matcher passwd)
    for name in probe gate admin; do
        check "members of facegate-$name may use its socket, not replace it" \
            "2750 $matcher $(id_of facegate-$name group)" "$(stat -c '%a %u %g' "$work/root/run/facegate/$name")"
    done
    check "the gallery's folder is the matcher's alone" "700 $matcher" \
        "$(stat -c '%a %u' "$work/root/var/lib/facegate")"
else
    echo "skip users, groups, folders (they need root and systemd)"
fi

# ---- settings: each key that is shown is one that the program knows
shown() { sed 's/^#\([a-z_-]* = \)/\1/' "$1"; }

camera_says() { # a setting: exit code, and why it was refused
    printf '[camera]\n%s\n' "$1" >"$work/camera.conf"
    timeout 20 "$build/facegate-camera" --config "$work/camera.conf" --source file:/nowhere --models /nowhere \
        2>&1 >/dev/null | grep -F "$work/camera.conf:"
}
shown conf/camera.conf | grep ' = ' >"$work/keys"
check "camera.conf shows its keys" yes "$([ "$(wc -l <"$work/keys")" -ge 20 ] && echo yes)"
check "a key that is none would be seen" yes "$(camera_says 'rat = 3' >/dev/null && echo yes)"
check "camera.conf shows none but keys with values that are taken" "" \
    "$(while read -r line; do camera_says "$line"; done <"$work/keys")"

shown conf/matcher.conf | sed -e "s|/var/lib|$work|" -e "s|/etc/facegate|conf|" \
    -e 's|/usr/share/facegate|/nowhere|' -e "s|/etc|$work|" >"$work/matcher.conf"
timeout 20 "$build/facegate-matcher" --config "$work/matcher.conf" 2>"$work/out"
check "matcher.conf is taken with every key it shows, up to the card that is not there" \
    78:1 "$?:$(grep -c 'mobilefacenet.card: No such file' "$work/out")"

shown conf/gate.conf | sed -e 's|/usr/local/bin/turnstile|/bin/true|' >"$work/gate.conf"
"$build/facegate-gate" --lane 1 --config "$work/gate.conf" --check >"$work/out" 2>&1
check "gate.conf is taken with every key it shows" 0:7 "$?:$(grep -c ' line ' "$work/out")"
check "and drives nothing as it is" 78:1 \
    "$("$build/facegate-gate" --lane 1 --config conf/gate.conf --check 2>"$work/out"; echo "$?:$(grep -c 'nothing to open' "$work/out")")"

# ---- the master key
FACEGATE_ROOT=$work/keys.d
export FACEGATE_ROOT
key=$FACEGATE_ROOT/etc/credstore.encrypted/facegate-master
drop_in=$FACEGATE_ROOT/etc/systemd/system/facegate-matcher.service.d/50-plain-master-key.conf
mkdir -p "$work/bin" "$FACEGATE_ROOT"
path=$PATH
PATH=$work/bin:$path
# shellcheck disable=SC2016 # the words are for the fake command
printf '#!/bin/sh\nfor last; do :; done\n{ echo sealed; od -An -tx1; } >"$last"\n' >"$work/bin/systemd-creds"
chmod +x "$work/bin/systemd-creds"
systemd/facegate-master-key 2>/dev/null
check "a key is made, for root alone" "600 700" "$(stat -c %a "$key") $(stat -c %a "$(dirname "$key")")"
check "of 32 bytes" 32 "$(tail -n +2 "$key" | wc -w)"
sum=$(cksum <"$key")
systemd/facegate-master-key 2>/dev/null
check "and never again" "$sum" "$(cksum <"$key")"
mkdir -p "$FACEGATE_ROOT/var/lib/facegate/gallery"
: >"$FACEGATE_ROOT/var/lib/facegate/gallery/keys"
rm "$key"
systemd/facegate-master-key 2>"$work/out"
check "a gallery whose key is gone gets no other" "1 restore" "$? $(grep -o restore "$work/out")"
check "not even a file" "" "$(ls "$(dirname "$key")")"
rm -r "${FACEGATE_ROOT:?}/var"
printf '#!/bin/sh\nexit 1\n' >"$work/bin/systemd-creds"
systemd/facegate-master-key 2>"$work/out"
check "where nothing can be encrypted it is a plain file" "32 600" \
    "$(stat -c '%s %a' "$FACEGATE_ROOT/etc/credstore/facegate-master")"
check "that the matcher's unit is told of" LoadCredential=facegate-master "$(tail -n 1 "$drop_in")"
check "with a warning" "<4>" "$(cut -c 1-3 "$work/out")"
rm -r "${FACEGATE_ROOT:?}"
mkdir -p "$FACEGATE_ROOT/run/credentials/@system"
: >"$FACEGATE_ROOT/run/credentials/@system/facegate-master"
systemd/facegate-master-key 2>/dev/null
check "a key that the machine was started with is enough" "" "$(find "$FACEGATE_ROOT" -mindepth 1 -maxdepth 1 ! -name run)"
PATH=$path
unset FACEGATE_ROOT

# ---- make install, with its programs as they were built
if [ "$build" = build ] && [ -e models/MobileFaceNet.tflite ]; then
    install_to() { env -u MAKEFLAGS make --no-print-directory install DESTDIR="$work/image" "$@" >"$work/out" 2>&1; }
    install_to -o all
    check "settings are the machine's, whatever the prefix" "camera.conf gate.conf matcher.conf profile.ini " \
        "$(find "$work/image/etc/facegate" -type f -printf '%f\n' | sort | tr '\n' ' ')"
    check "every path follows the prefix" "" \
        "$(cd "$work/image" && grep -rnE '/usr/(bin|lib|share)/' etc usr/local/lib)"
    echo changed >"$work/image/etc/facegate/camera.conf"
    install_to -o all
    check "a changed setting stays" changed "$(cat "$work/image/etc/facegate/camera.conf")"
    env -u MAKEFLAGS make --no-print-directory uninstall DESTDIR="$work/image" >"$work/out" 2>&1
    check "uninstall leaves the settings alone" "./etc/facegate/" \
        "$(cd "$work/image" && find . -type f | sed 's|[^/]*$||' | sort -u)"
else
    echo "skip make install (another build, or no models)"
fi
