# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The packages on a clean system: working, and at rest until a camera comes.

need 'a clean system' no_unit_failed
must 'the packages install' dpkg --install /host/packages/facegate*.deb
check 'no unit has failed' no_unit_failed
check 'no matcher runs without a camera' is_off facegate-matcher.service
check 'no camera runs' test -z "$(systemctl list-units --plain --no-legend --state active 'facegate-camera@*')"
for folder in probe gate admin; do
    check "the group of its sockets has /run/facegate/$folder" \
        test "$(stat --format %G /run/facegate/$folder)" = "facegate-$folder"
done
check 'the gallery is for the matcher alone' test "$(stat --format '%U %a' /var/lib/facegate)" = 'facegate-matcher 700'

# A network takes seconds here, and tens of them while others work on the host.
configure camera.conf.d/90-emulated.conf 'inference-ms = 120000'
mkdir -p /etc/systemd/system/facegate-camera@.service.d
printf '[Service]\nWatchdogSec=150\nTimeoutStopSec=60\n' >/etc/systemd/system/facegate-camera@.service.d/emulated.conf
systemctl daemon-reload
configure camera@GATE0002.conf.d/90-lane.conf 'lane = 2'
sync
