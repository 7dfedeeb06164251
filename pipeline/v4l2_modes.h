// SPDX-License-Identifier: Apache-2.0
// Private to pipeline/: what a V4L2 camera offers, and what of it is taken.
#ifndef FG_V4L2_MODES_H
#define FG_V4L2_MODES_H

#include <stdint.h>

#include "common/error.h"
#include "pipeline/source.h"
#include "pipeline/v4l2_device.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_v4l2_mode {
    uint32_t pixelformat; // the driver's
    uint32_t fourcc;      // the frame's
    uint32_t width, height;
    double rate;                     // frames a second; 0: the driver does not say
    uint32_t numerator, denominator; // of the time between two frames to ask for, seconds
};

// The frame's format of a driver's; 0: none.
uint32_t fg_v4l2_fourcc(uint32_t pixelformat);

// Takes, of the wished formats, the size nearest to the wished (the smallest that covers it, else
// the largest), then the first format that reaches 90 % of the wished rate at that size, else the
// fastest. -ENOTSUP: none of the formats is there; the text lists what is.
int fg_v4l2_choose(const struct fg_v4l2_device *device, const struct fg_camera_wish *wish,
                   struct fg_v4l2_mode *ret, struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
