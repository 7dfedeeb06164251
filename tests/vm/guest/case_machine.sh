# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The machine itself, without facegate: what the other cases build on.

grab() { # device, further options of v4l2-ctl: 30 frames
    device=$1
    shift
    timeout 60 v4l2-ctl -d "$device" "$@" --stream-mmap=4 --stream-count=30 --stream-to=/tmp/grab 2>&1
}

# The capture node of a USB camera by its serial number.
node() {
    for path in /dev/v4l/by-id/*"$1"*-video-index0; do
        [ -e "$path" ] && echo "$path" && return
    done
    return 1
}

no_node() { ! node "$1"; }

need 'no unit has failed' test -z "$(systemctl list-units --failed --no-legend)"
show 1 first
began=$(uptime_ms)
camera 1 plug
need 'a USB camera comes' within 90 node GATE0001
figure machine_plug_to_node_ms $(($(uptime_ms) - began))
v4l2-ctl -d "$(node GATE0001)" --list-formats-ext --list-ctrls
check 'it gives MJPEG at 1280x720' grab "$(node GATE0001)" --set-fmt-video=width=1280,height=720,pixelformat=MJPG
check 'it gives raw frames at 640x480' grab "$(node GATE0001)" --set-fmt-video=width=640,height=480,pixelformat=YUYV
check 'they are the film' cmp -n 614400 /tmp/grab /host/film/first-640x480.yuyv
camera 1 freeze
is_still() { ! timeout 3 v4l2-ctl -d "$(node GATE0001)" --stream-mmap=4 --stream-count=1; }
check 'frozen it gives nothing' is_still
camera 1 thaw
check 'thawed it goes on' grab "$(node GATE0001)"
camera 1 unplug
check 'unplugged it is gone' within 90 no_node GATE0001
camera 1 plug
camera 2 plug
check 'plugged again it is back' within 90 node GATE0001
check 'a second one comes too' within 90 node GATE0002
camera 1 unplug
camera 2 unplug
within 90 no_node GATE0002

mark_lines
chip hold 6 1
chip plug
need 'a USB chip with lines comes' within 90 chip_is_there
check 'what is set is driven' gpioset "$CHIP_LABEL" 7=1
check 'the host sees it' within 90 is_driven 7 1
check 'and back' gpioset "$CHIP_LABEL" 7=0
check 'in this order' within 90 went 7 '1 0'
check 'a line held high is read so' test "$(gpioget "$CHIP_LABEL" 5 6)" = '0 1'
chip unplug
check 'unplugged it is gone as well' within 90 chip_is_gone
chip hold 6 0

vivid_load
need 'vivid loads' within 90 vivid_node cap
vivid_loop
feed "$(vivid_node out)" NV12 1280 720 /host/film/first-1280x720.nv12
sleep 1
check 'its loop gives NV12 at 1280x720' grab "$(vivid_node cap)" --set-fmt-video=width=1280,height=720,pixelformat=NV12
is_film() { # a frame of the film, whichever
    for skip in 0 1 2; do
        cmp --bytes 1382400 /tmp/grab /host/film/first-1280x720.nv12 0 $((skip * 1382400)) && return
    done
    return 1
}
check 'unchanged' is_film
stop_feeding
rmmod vivid
modprobe v4l2loopback video_nr=9 exclusive_caps=1
feed /dev/video9 YUYV 640 480 /host/film/first-640x480.yuyv
sleep 1
check 'v4l2loopback gives frames' grab /dev/video9
stop_feeding
rmmod v4l2loopback
rm /tmp/grab
