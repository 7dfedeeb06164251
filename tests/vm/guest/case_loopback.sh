# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# v4l2loopback, which exports no dma-buf: its buffers are mapped, and still nothing is copied.

# It writes into buffers that are read still, one after the other: many, and slowly fed.
modprobe v4l2loopback video_nr=9 card_label=loopback exclusive_caps=1 max_buffers=8
feed /dev/video9 YUYV 640 480 /host/film/nobody-640x480.yuyv 1000
sleep 2
# Only now it is a capture device.
udevadm trigger --action=add /dev/video9
need 'udev names it' within 90 name_of loopback
name=$(name_of loopback)
configure "camera@$name.conf.d/50-loopback.conf" 'lane = 4' 'buffers = 8' 'stall-ms = 20000'
systemctl restart "$(unit "$name")"
need 'it gives frames' within 120 camera_is "$name" picture 'YUYV 640x480'
check 'they are mapped' camera_is "$name" memory mapped
check 'they come on' frames_go_on "$name"
check 'none is copied' camera_is "$name" bytes_copied 0
systemctl stop "$(unit "$name")"
stop_feeding
rmmod v4l2loopback
