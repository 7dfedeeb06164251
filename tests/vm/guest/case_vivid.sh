# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# vivid as an HDMI bridge at 720p30, NV12, our film looped through; and the faults it can be told.

goes_on() { within 90 frames_go_on "$name"; }

# Asked again: the fault is gone with a tick that finds no buffer in the driver's queue.
breaks_one() { # count of broken ones before
    vivid_set inject_v4l2_buf_flag_error=1
    camera_more "$name" broken "$1"
}

camera 1 unplug
within 90 is_off "$(unit GATE0001)"
vivid_load
need 'udev names it by its place' within 90 name_of vid-cap
name=$(name_of vid-cap)
service=$(unit "$name")
check 'and starts its unit' within 90 is_active "$service"
systemctl stop "$service"
configure "camera@$name.conf.d/50-vivid.conf" 'lane = 3' 'format = NV12'
vivid_loop
feed "$(vivid_node out)" NV12 1280 720 /host/film/first-1280x720.nv12
mark_decisions
systemctl start "$service"
need 'it gives NV12' within 120 camera_is "$name" picture 'NV12 1280x720'
check 'who is enrolled is admitted' awaited 3 admit p18
check 'no frame is copied' camera_is "$name" bytes_copied 0
check 'frames are in the buffers of the driver' camera_is "$name" memory dma-buf

broken=$(camera_status "$name" broken)
check 'a buffer with an error is counted' within 90 breaks_one "$broken"
check 'after it, frames' goes_on
lost=$(camera_status "$name" lost_frames)
vivid_set percentage_of_dropped_buffers=50
check 'frames that the driver drops are counted' within 90 camera_more "$name" lost_frames "$lost"
vivid_set percentage_of_dropped_buffers=0
mark_journal
vivid_set inject_fatal_streaming_error=1
check 'an error of DQBUF is noticed' within 90 said "$service" 'opening it again'
check 'after it, frames' within 90 said "$service" 'frames again after'
mark_journal
vivid_set disconnect=1
check 'a camera that is gone without a word is noticed' within 90 said "$service" 'opening it again|camera gone'
check 'after it, frames' goes_on
figure recoveries "$(camera_status "$name" recoveries)"

mark_journal
stop_feeding
echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind
check 'a driver that goes ends the unit' within 90 is_off "$service"
check 'without a failure' no_unit_failed
mark_journal
echo vivid.0 >/sys/bus/platform/drivers/vivid/bind
check 'and starts it when it is back' within 90 said "$service" 'first frame after'
systemctl stop "$service"
rmmod vivid
