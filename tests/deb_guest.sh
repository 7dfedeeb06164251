#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What tests/check_deb.sh does inside its chroot. Prints ok / not ok, and `end` when it came there.
set -u
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
cd /root/deb || exit 1
gallery=/var/lib/facegate/gallery
key=/etc/credstore.encrypted/facegate-master

check() { # what, wanted, got
    if [ "$2" = "$3" ]; then echo "ok $1"; else
        echo "not ok $1"
        printf '    wanted: %s\n    got:    %s\n' "$2" "$3"
    fi
}

quietly() { # what, command: it succeeds, and asks nothing (nobody is there to answer)
    what=$1
    shift
    timeout 300 "$@" </dev/null >out 2>&1
    code=$?
    check "$what" 0 $code
    [ $code = 0 ] || tail -n 5 out | sed 's/^/    /'
}

as() { # user, command
    user=$1
    shift
    setpriv --reuid "$user" --regid "$user" --init-groups "$@"
}

# ---- installed
apt-get update >/dev/null 2>&1
quietly "they install" apt-get install -y ./now/*.deb
cp out installing
check "without a word of failure" "" "$(grep -iE 'warn|fail|error|unknown|cannot' installing)"
check "the programs start" "0 0 0 0" \
    "$(for p in facegate facegate-camera facegate-gate facegate-matcher; do $p --version >/dev/null 2>&1 || echo $p; echo $?; done | tr '\n' ' ' | sed 's/ $//')"
check "each profile has its page to read" "$(find /usr/share/facegate/profiles -name '*.ini' ! -name vault.ini ! -name demo.ini | wc -l)" \
    "$(for p in now/facegate_*.deb; do dpkg-deb --contents "$p"; done | grep -cE '/docs/(egate-.*|fare|pass|pay|portrait-check|worksite)\.md$')"
check "the users are there" "facegate-camera facegate-gate facegate-matcher" "$(getent passwd facegate-camera facegate-gate facegate-matcher | cut -d: -f1 | tr '\n' ' ' | sed 's/ $//')"
check "the sockets' folders are" "2750 facegate-matcher facegate-gate" "$(stat -c '%a %U %G' /run/facegate/gate)"
check "nothing is enabled" "" "$(find /etc/systemd/system -name '*facegate*')"
check "systemd knows the units" "static disabled static static static disabled" \
    "$(systemctl is-enabled facegate-camera@.service facegate-gate@.service facegate-matcher.service facegate-master-key.service facegate-shared-names.service facegate.target 2>/dev/null | tr '\n' ' ' | sed 's/ $//')"
check "an image has no key yet: each machine makes its own" "" "$(ls /etc/credstore.encrypted)"
check "settings are files that dpkg asks about" "/etc/facegate/camera.conf /etc/facegate/gate.conf /etc/facegate/matcher.conf /etc/facegate/profile.ini" \
    "$(dpkg-query -W -f '${Conffiles}\n' facegate | awk 'NF {print $1}' | sort | tr '\n' ' ' | sed 's/ $//')"
udev=$(sed -n 's|.*"\(/[^ ]*/facegate-camera-name\).*|\1|p' /lib/udev/rules.d/60-facegate.rules | sort -u)
check "the rule's program is there" yes "$([ -x "$udev" ] && echo yes)"
check "the rule's program names a camera" FACEGATE_CAMERA=SN1 \
    "$(FACEGATE_ROOT=/tmp DEVPATH=/devices/x/video0 ID_SERIAL_SHORT=SN1 "$udev" claim)"
rm -rf /tmp/run

# ---- the key, as the unit makes it
[ -s /etc/machine-id ] || systemd-machine-id-setup >/dev/null 2>&1
quietly "the key is made" /usr/lib/facegate/facegate-master-key
check "it is encrypted, 32 bytes" "600 32" \
    "$(stat -c %a $key) $(systemd-creds decrypt --name=facegate-master $key - 2>/dev/null | wc -c)"
check "and no plain one is" "" "$(ls /etc/credstore 2>/dev/null)"
sum=$(cksum <$key)

# ---- used: the matcher with the settings as installed
export CREDENTIALS_DIRECTORY=/root/credentials
install -d -m 755 /root $CREDENTIALS_DIRECTORY
systemd-creds decrypt --name=facegate-master $key $CREDENTIALS_DIRECTORY/facegate-master 2>/dev/null
chown facegate-matcher $CREDENTIALS_DIRECTORY/facegate-master
setpriv --reuid facegate-matcher --regid facegate-matcher --init-groups \
    facegate-matcher --config /etc/facegate/matcher.conf 2>matcher.log &
matcher=$!
i=0
while [ ! -S /run/facegate/admin/control.sock ] && [ $i -lt 100 ] && kill -0 $matcher 2>/dev/null; do
    sleep 0.1
    i=$((i + 1))
done
check "the matcher starts with the settings as installed" "" "$([ -S /run/facegate/admin/control.sock ] || cat matcher.log)"
check "its sockets belong to the groups" "660 facegate-admin 660 facegate-gate 660 facegate-probe" \
    "$(stat -c '%a %G' /run/facegate/admin/control.sock /run/facegate/gate/decision.sock /run/facegate/probe/probe.sock | tr '\n' ' ' | sed 's/ $//')"
useradd -G facegate-admin,facegate-gate clerk
check "an operator may ask it" "" "$(as clerk timeout 20 facegate status >out 2>&1 || cat out)"
check "a camera may not" no "$(as facegate-camera timeout 20 facegate status >out 2>&1 && echo yes || echo no)"
check "a gate may listen and report, and not ask" "yes yes no" \
    "$(as facegate-gate test -w /run/facegate/gate/decision.sock && echo yes) $(as facegate-gate test -w /run/facegate/probe/probe.sock && echo yes) $(as facegate-gate timeout 20 facegate status >out 2>&1 && echo yes || echo no)"
check "nor replace its socket" no "$(as facegate-camera rm -f /run/facegate/probe/probe.sock 2>/dev/null && echo yes || echo no)"
check "a camera may publish" yes "$(as facegate-camera test -w /run/facegate/probe/probe.sock && echo yes)"
kill $matcher
wait $matcher
check "it stops" 0 $?
check "the gallery is the matcher's alone" "700 facegate-matcher" "$(stat -c '%a %U' $gallery)"
check "the camera's program takes its settings" "" \
    "$(timeout 20 facegate-camera --config /etc/facegate/camera.conf --source file:/nowhere 2>&1 | grep camera.conf)"

# ---- upgraded
echo '#mine' >>/etc/facegate/camera.conf
quietly "the next version installs over it" apt-get install -y ./next/*.deb
check "it is the next version" yes "$(dpkg-query -W -f '${Version}' facegate | grep -q '+next$' && echo yes)"
check "a setting of mine stays" 1 "$(grep -c '^#mine' /etc/facegate/camera.conf)"
check "the maker's change comes" 1 "$(grep -c 'of the next version' /etc/facegate/matcher.conf)"
check "the gallery stays" yes "$([ -e $gallery/keys ] && echo yes)"
check "the key stays" "$sum" "$(cksum <$key)"

# ---- removed, and back
echo SN1 >/etc/facegate/shared-names
quietly "they are removed" apt-get remove -y facegate facegate-models
check "the programs are gone" "" "$(ls /usr/bin/facegate* /usr/share/facegate /lib/systemd/system/facegate* /lib/udev/rules.d/60-facegate*.rules 2>/dev/null)"
check "gallery, key and settings stay" "yes $sum yes" \
    "$([ -e $gallery/keys ] && echo yes) $(cksum <$key) $([ -e /etc/facegate/matcher.conf ] && echo yes)"
quietly "they install again" apt-get install -y ./next/*.deb
check "with the same key" "$sum" "$(cksum <$key)"

# ---- purged
quietly "they are purged" apt-get purge -y facegate facegate-models
check "the gallery is gone" no "$([ -e /var/lib/facegate ] && echo yes || echo no)"
check "nothing of it is left" "" \
    "$(find / -xdev \( -path /proc -o -path /sys -o -path /root -o -path /var/log -o -path /var/cache/apt \) -prune -o -iname '*facegate*' -print)"
check "the users stay" "facegate-camera facegate-gate facegate-matcher" "$(getent passwd facegate-camera facegate-gate facegate-matcher | cut -d: -f1 | tr '\n' ' ' | sed 's/ $//')"
echo end
