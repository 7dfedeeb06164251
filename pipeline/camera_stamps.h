// SPDX-License-Identifier: Apache-2.0
// Private to pipeline/: a camera driver's times and frame numbers, as far as they can be believed.
// One thread at a time.
#ifndef FG_CAMERA_STAMPS_H
#define FG_CAMERA_STAMPS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fg_camera_stamps { // zeroed: before the first frame
    bool started;
    uint32_t last;      // the driver's number of the last frame
    uint64_t sequence;  // ours of it
    uint64_t t_last_ns; // its time
    uint64_t lost;      // numbers that were left out
};

// For each buffer that comes, whole or broken, in order: its number in 64 bits. Gaps are counted
// as lost; a step of 0, back, or of more than 10000 is a restart of the driver's count, or it has
// none: no loss.
uint64_t fg_camera_stamps_number(struct fg_camera_stamps *stamps, uint32_t sequence);

// For each good frame, in order: its time, CLOCK_MONOTONIC ns, never after `now_ns` or before the
// last. It is the driver's `t_ns`, unless that is over 100 ms ahead of now, over 10 s behind, or
// before the last, so of another clock or none: then it is now.
uint64_t fg_camera_stamps_time(struct fg_camera_stamps *stamps, uint64_t t_ns, uint64_t now_ns);

#ifdef __cplusplus
}
#endif
#endif
