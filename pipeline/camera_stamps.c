// SPDX-License-Identifier: Apache-2.0
#include "pipeline/camera_stamps.h"

#define NS_PER_S  UINT64_C(1000000000)
#define AHEAD_NS  (NS_PER_S / 10) // a driver may stamp when it expects the frame's end
#define BEHIND_NS (10 * NS_PER_S)
#define MOST_LOST 10000u

uint64_t fg_camera_stamps_number(struct fg_camera_stamps *stamps, uint32_t sequence)
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

uint64_t fg_camera_stamps_time(struct fg_camera_stamps *stamps, uint64_t t_ns, uint64_t now_ns)
{
    const bool near = t_ns <= now_ns + AHEAD_NS && t_ns + BEHIND_NS >= now_ns;
    const bool believed = near && t_ns >= stamps->t_last_ns;
    stamps->t_last_ns = believed && t_ns < now_ns ? t_ns : now_ns;
    return stamps->t_last_ns;
}
