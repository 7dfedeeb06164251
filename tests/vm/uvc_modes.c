// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/uvc_modes.h"

#define PER_SECOND(rate) (10000000u / (rate))

static const struct fg_uvc_mode modes[FG_UVC_FORMATS][FG_UVC_SIZES] = {
    {
        {1280, 720, {PER_SECOND(30), PER_SECOND(15)}},
        {640, 480, {PER_SECOND(30), PER_SECOND(15)}},
    },
    {
        {1280, 720, {PER_SECOND(10), PER_SECOND(5)}},
        {640, 480, {PER_SECOND(30), PER_SECOND(15)}},
    },
};

const struct fg_uvc_mode *fg_uvc_mode(unsigned format, unsigned size)
{
    if (format < 1 || format > FG_UVC_FORMATS)
        format = 1;
    if (size < 1 || size > FG_UVC_SIZES)
        size = 1;
    return &modes[format - 1][size - 1];
}

uint32_t fg_uvc_mode_bytes(const struct fg_uvc_mode *mode)
{
    return (uint32_t)mode->width * mode->height * 2;
}

unsigned fg_uvc_size_of(unsigned width, unsigned height)
{
    for (unsigned i = 1; i <= FG_UVC_SIZES; i++) {
        const struct fg_uvc_mode *mode = fg_uvc_mode(FG_UVC_YUYV, i);
        if (mode->width == width && mode->height == height)
            return i;
    }
    return 0;
}
