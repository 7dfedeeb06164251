// SPDX-License-Identifier: Apache-2.0
#include "pipeline/v4l2_stamps.h"

#include <linux/videodev2.h>

#define NS_PER_S  UINT64_C(1000000000)
#define AHEAD_NS  (NS_PER_S / 10) // a driver may stamp when it expects the frame's end
#define BEHIND_NS (10 * NS_PER_S)
#define MOST_LOST 10000u

uint64_t fg_v4l2_stamps_number(struct fg_v4l2_stamps *stamps, uint32_t sequence)
{
    const uint32_t step = sequence - stamps->last; // the driver's count wraps at 32 bits
    if (!stamps->started) {
        stamps->started = true;
        stamps->sequence = sequence;
    } else if (step >= 1 && step <= MOST_LOST) {
        stamps->sequence += step;
        stamps->lost += step - 1;
    } else {
        stamps->sequence++;
    }
    stamps->last = sequence;
    return stamps->sequence;
}

static bool is_believed(const struct fg_v4l2_stamps *stamps, const struct timeval *timestamp,
                        uint32_t flags, uint64_t now)
{
    if ((flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) != V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC)
        return false;
    if (timestamp->tv_sec < 0 || timestamp->tv_usec < 0 || timestamp->tv_usec > 999999 ||
        (uint64_t)timestamp->tv_sec > (now + AHEAD_NS) / NS_PER_S)
        return false;
    const uint64_t t = (uint64_t)timestamp->tv_sec * NS_PER_S + (uint64_t)timestamp->tv_usec * 1000;
    return t <= now + AHEAD_NS && t + BEHIND_NS >= now && t >= stamps->t_last_ns;
}

uint64_t fg_v4l2_stamps_time(struct fg_v4l2_stamps *stamps, const struct timeval *timestamp,
                             uint32_t flags, uint64_t now)
{
    uint64_t t = now;
    if (is_believed(stamps, timestamp, flags, now)) {
        t = (uint64_t)timestamp->tv_sec * NS_PER_S + (uint64_t)timestamp->tv_usec * 1000;
        t = t < now ? t : now;
    } else {
        stamps->untimed++;
    }
    stamps->t_last_ns = t;
    return t;
}
