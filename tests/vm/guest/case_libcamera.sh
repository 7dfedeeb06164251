# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The USB camera once more, by libcamera.

service=$(unit GATE0001)
camera 1 unplug
within 90 is_off "$service"
example=$(grep -l -r AF_NETLINK /usr/share/doc/facegate/examples | head -n 1)
need 'there is an example of what its unit needs' test -n "$example"
mkdir -p "/run/systemd/system/$service.d"
cp "$example" "/run/systemd/system/$service.d/50-libcamera.conf"
systemctl daemon-reload
configure camera@GATE0001.conf.d/50-libcamera.conf 'source = libcamera:/dev/facegate/GATE0001'
show 1 first
mark_journal
mark_decisions
began=$(uptime_ms)
camera 1 plug
need 'a frame comes' within 90 said_ms "$service" 'first frame after'
figure libcamera_plug_to_frame_ms $(($(said_ms "$service" 'first frame after') - began))
check 'who is enrolled is admitted' awaited 1 admit p18
mark_journal
camera 1 freeze
check 'a stall is noticed' within 90 said "$service" 'no frame for'
camera 1 thaw
check 'frames come again' within 90 said "$service" 'frames again after'
lost=$(camera_status GATE0001 lost_frames)
# Few: libcamera has taken the raw pictures, ten a second, and twenty would be a stall.
camera 1 error 5
check 'frames with an error are missed' within 90 camera_more GATE0001 lost_frames "$lost"
check 'others follow' frames_go_on GATE0001
camera 1 unplug
check 'unplugged, its unit ends' within 90 is_off "$service"
check 'without a failure' no_unit_failed
mark_journal
mark_decisions
began=$(uptime_ms)
camera 1 plug
check 'plugged in again, frames come' within 90 said_ms "$service" 'first frame after'
check 'and decisions' awaited 1 admit p18
camera 1 unplug
within 90 is_off "$service"
rm -r "/run/systemd/system/$service.d"
unconfigure camera@GATE0001.conf.d/50-libcamera.conf
systemctl daemon-reload
