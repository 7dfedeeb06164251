// SPDX-License-Identifier: Apache-2.0
// What the emulated camera offers: formats, sizes and rates, numbered as UVC does, from 1.
// Raw 720p has the rate that USB 2 leaves real cameras, so that a reader has to choose.
#ifndef FG_UVC_MODES_H
#define FG_UVC_MODES_H

#include <stddef.h>
#include <stdint.h>

#define FG_UVC_MJPEG   1
#define FG_UVC_YUYV    2
#define FG_UVC_FORMATS 2
#define FG_UVC_SIZES   2
#define FG_UVC_RATES   2
#define FG_UVC_MOST    (1280u * 720u * 2u) // bytes of a frame

struct fg_uvc_mode {
    uint16_t width, height;
    uint32_t intervals[FG_UVC_RATES]; // from frame to frame, 100 ns; the first is the default
};

// The nearest mode there is: a number out of range is taken for 1.
const struct fg_uvc_mode *fg_uvc_mode(unsigned format, unsigned size);
// Of one raw frame, and the most that a JPEG may have.
uint32_t fg_uvc_mode_bytes(const struct fg_uvc_mode *mode);
// The size's number, or 0 when there is none such.
unsigned fg_uvc_size_of(unsigned width, unsigned height);

#endif
