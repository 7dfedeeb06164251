# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# The cameras that cases use, and what these show.

# ---- USB, emulated by the host
# camera 1 or 2, then a command of uvc_camera
camera() {
    camera_port=/dev/virtio-ports/camera$1
    shift
    echo "$*" >"$camera_port"
    echo "[$(uptime_ms) ms] $camera_port: $*"
}

# camera, scene: what it sees from now on
show() {
    for show_size in '1280 720' '640 480'; do
        show_file=$2-$(echo "$show_size" | tr ' ' x)
        camera "$1" "yuyv $show_file.yuyv $show_size"
    done
    camera "$1" "mjpeg $2-1280x720.mjpeg"
}

# ---- vivid: an HDMI bridge whose output node is looped through to its capture node
vivid_load() { modprobe vivid n_devs=1 node_types=0x101 num_inputs=1 input_types=0x3 num_outputs=1 output_types=0x1; }

vivid_node() { # cap or out
    for vivid_name in /sys/class/video4linux/*/name; do
        grep -q "vid-$1" "$vivid_name" && basename "$(dirname "$vivid_name")" | sed 's,^,/dev/,' && return
    done
    return 1
}

# 720p30, which is number 62 of CTA-861, and no text over the picture.
vivid_loop() {
    vivid_timings=$(v4l2-ctl -d "$(vivid_node cap)" --list-dv-timings | awk '/Index:/ {i = $2} /VIC: 62$/ {print i}')
    v4l2-ctl -d "$(vivid_node out)" --set-dv-bt-timings=index="$vivid_timings"
    v4l2-ctl -d "$(vivid_node cap)" --set-dv-bt-timings=index="$vivid_timings"
    vivid_set loop_video=1,osd_text_mode=2
}

vivid_set() { v4l2-ctl -d "$(vivid_node cap)" --set-ctrl="$1"; }

# ---- a film on an output node, of vivid or v4l2loopback, until stop_feeding; a fault of the driver ends a film.
feed() { # device, format, width, height, file
    systemd-run --quiet --unit facegate-test-feed --property Restart=always --property RestartSec=200ms \
        --property StartLimitIntervalSec=0 /host/feed "$@"
}

stop_feeding() { systemctl stop facegate-test-feed; }
