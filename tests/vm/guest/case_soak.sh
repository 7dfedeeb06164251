# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# A camera unplugged and plugged in a hundred times, a frame each time; then a hundred times opened
# again by one process. Nothing may grow.

CYCLES=100
service=$(unit GATE0001)

# Of a process: kB of memory of its own, open files, threads.
size_of() {
    awk '/^Pss_Anon:/ {print $2}' "/proc/$1/smaps_rollup"
}
files_of() { find "/proc/$1/fd" -mindepth 1 | wc -l; }
threads_of() { find "/proc/$1/task" -mindepth 1 -maxdepth 1 | wc -l; }

measure() { # prefix, process
    eval "$1_kb=$(size_of "$2") $1_files=$(files_of "$2") $1_threads=$(threads_of "$2")"
    figure "$1_kb" "$(size_of "$2")"
    figure "$1_files" "$(files_of "$2")"
    figure "$1_threads" "$(threads_of "$2")"
}

replug() {
    mark_journal
    camera 1 unplug
    within 90 is_off "$service" || return 1
    camera 1 plug
    within 90 said_ms "$service" 'first frame after'
}

show 1 nobody
done_cycles=0
while [ $done_cycles -lt $CYCLES ] && replug >/dev/null; do
    done_cycles=$((done_cycles + 1))
    # the first ones fill caches
    [ $done_cycles != 10 ] || measure soak_matcher_before "$(main_pid facegate-matcher.service)"
done
figure soak_replugs $done_cycles
need "$CYCLES times plugged in, a frame each" test $done_cycles = $CYCLES
measure soak_matcher_after "$(main_pid facegate-matcher.service)"
# shellcheck disable=SC2154 # measure sets them
{
    check 'the matcher has no more files open' test "$soak_matcher_after_files" -le "$soak_matcher_before_files"
    check 'nor threads' test "$soak_matcher_after_threads" -le "$soak_matcher_before_threads"
    check 'nor memory, but for a MB' test "$soak_matcher_after_kb" -le $((soak_matcher_before_kb + 1024))
}
check 'nothing has failed' no_unit_failed

camera 1 unplug
within 90 is_off "$service"
modprobe vivid n_devs=1 node_types=0x1 num_inputs=1 input_types=0x3
need 'the other camera comes' within 90 name_of vid-cap
name=$(name_of vid-cap)
service=$(unit "$name")
configure "camera@$name.conf.d/50-vivid.conf" 'lane = 3'
systemctl restart "$service"
need 'it runs' within 120 camera_is "$name" state running
process=$(main_pid "$service")

reopen() {
    mark_journal
    v4l2-ctl -d "/dev/facegate/$name" --set-ctrl=inject_fatal_streaming_error=1
    within 90 said "$service" 'frames again after' || return 1
    sleep 3 # a camera that fails before two steady seconds is soon given up, as it should be
}

done_cycles=0
while [ $done_cycles -lt $CYCLES ] && reopen >/dev/null; do
    done_cycles=$((done_cycles + 1))
    [ $done_cycles != 10 ] || measure soak_camera_before "$process"
done
figure soak_reopens $done_cycles
need "$CYCLES times opened again" test $done_cycles = $CYCLES
need 'by one process' test "$(main_pid "$service")" = "$process"
measure soak_camera_after "$process"
# shellcheck disable=SC2154
{
    check 'it has no more files open' test "$soak_camera_after_files" -le "$soak_camera_before_files"
    check 'nor threads' test "$soak_camera_after_threads" -le "$soak_camera_before_threads"
    check 'nor memory, but for a MB' test "$soak_camera_after_kb" -le $((soak_camera_before_kb + 1024))
}
