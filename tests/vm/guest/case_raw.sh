# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Raw frames: read where the driver put them, none of them copied.

show 1 first
configure camera@GATE0001.conf.d/50-raw.conf 'format = YUYV' 'width = 640' 'height = 480'
systemctl stop "$(unit GATE0001)"
mark_decisions
need 'the camera starts' systemctl start "$(unit GATE0001)"
need 'it gives raw frames' within 120 camera_is GATE0001 picture 'YUYV 640x480'
check 'who is enrolled is admitted' awaited 1 admit p18
check 'frames were read' camera_more GATE0001 bytes_raw 0
copied=$(camera_status GATE0001 bytes_copied)
figure frame_bytes_copied "$copied"
check 'and none copied' test "$copied" = 0
check 'in the buffers of the driver' camera_is GATE0001 memory dma-buf
unconfigure camera@GATE0001.conf.d/50-raw.conf
systemctl restart "$(unit GATE0001)"
check 'and back to MJPEG' within 120 camera_is GATE0001 picture 'MJPG 1280x720'
