// SPDX-License-Identifier: Apache-2.0
// Private to pipeline/: a driver's times and frame numbers, as far as they can be believed.
#ifndef FG_V4L2_STAMPS_H
#define FG_V4L2_STAMPS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fg_v4l2_stamps { // zeroed: before the first frame
    bool started;
    uint32_t last;      // the driver's number of the last frame
    uint64_t sequence;  // ours of it
    uint64_t t_last_ns; // its time
    uint64_t lost;      // numbers that were left out
    uint64_t untimed;   // frames whose driver's time was not believed
};

// For each buffer that comes, whole or broken, in order: its number in 64 bits. Gaps are counted
// as lost; a step back or of more than 10000 is a restart of the driver's count and no loss.
uint64_t fg_v4l2_stamps_number(struct fg_v4l2_stamps *stamps, uint32_t sequence);

// For each good frame, in order: its time, CLOCK_MONOTONIC ns, never after `now` or before the
// last. It is the driver's, unless that is of another clock (`flags` of the v4l2_buffer), over
// 100 ms ahead of now, over 10 s behind, or before the last: then it is now.
uint64_t fg_v4l2_stamps_time(struct fg_v4l2_stamps *stamps, const struct timeval *timestamp,
                             uint32_t flags, uint64_t now);

#ifdef __cplusplus
}
#endif
#endif
