// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/uvc_descriptors.h"

#include <string.h>

#include "tests/vm/uvc_modes.h"

#define CLOCK_HZ       48000000
#define OUTPUT         3 // the terminal that the stream comes from
#define ITT_CAMERA     0x0201
#define TT_STREAMING   0x0101
#define CS_INTERFACE   0x24
#define VS_FORMAT_YUYV 0x04
#define VS_FRAME_YUYV  0x05
#define VS_FORMAT_JPEG 0x06
#define VS_FRAME_JPEG  0x07

struct writer {
    uint8_t *to;
    size_t length;
};

static void put(struct writer *w, unsigned width, uint32_t value)
{
    for (unsigned i = 0; i < width; i++)
        w->to[w->length++] = (uint8_t)(value >> 8 * i);
}

static void put_bytes(struct writer *w, const uint8_t *bytes, size_t count)
{
    memcpy(w->to + w->length, bytes, count);
    w->length += count;
}

#define PUT(w, ...)                                                                                \
    do {                                                                                           \
        const uint8_t bytes_[] = {__VA_ARGS__};                                                    \
        put_bytes(w, bytes_, sizeof bytes_);                                                       \
    } while (0)

static void patch16(struct writer *w, size_t at, size_t value)
{
    w->to[at] = (uint8_t)value;
    w->to[at + 1] = (uint8_t)(value >> 8);
}

// Exposure (automatic or in 100 us), focus (automatic or a distance); brightness, contrast, gain.
// Which bit is which is in the tables of UVC 1.1, 3.7.2.3 and 3.7.2.5.
static void put_control_interface(struct writer *w)
{
    PUT(w, 9, 4, FG_UVC_CONTROL, 0, 0, FG_UVC_VIDEO_CLASS, 1, 0, 2);
    const size_t header = w->length;
    PUT(w, 13, CS_INTERFACE, 1, 0x10, 0x01, 0, 0);
    put(w, 4, CLOCK_HZ);
    PUT(w, 1, FG_UVC_STREAMING);
    PUT(w, 18, CS_INTERFACE, 2, FG_UVC_CAMERA_TERMINAL, ITT_CAMERA & 0xff, ITT_CAMERA >> 8, 0, 0, 0,
        0, 0, 0, 0, 0, 3, 0x2a, 0x00, 0x02);
    PUT(w, 13, CS_INTERFACE, 5, FG_UVC_PROCESSING_UNIT, FG_UVC_CAMERA_TERMINAL, 0, 0, 3, 0x03, 0x02,
        0x00, 0, 0);
    PUT(w, 9, CS_INTERFACE, 3, OUTPUT, TT_STREAMING & 0xff, TT_STREAMING >> 8, 0,
        FG_UVC_PROCESSING_UNIT, 0);
    patch16(w, header + 5, w->length - header);
}

static void put_frames(struct writer *w, unsigned format, uint8_t subtype)
{
    for (unsigned size = 1; size <= FG_UVC_SIZES; size++) {
        const struct fg_uvc_mode *mode = fg_uvc_mode(format, size);
        const uint32_t bits = fg_uvc_mode_bytes(mode) * 8;
        PUT(w, 26 + 4 * FG_UVC_RATES, CS_INTERFACE, subtype, (uint8_t)size, 0);
        put(w, 2, mode->width);
        put(w, 2, mode->height);
        put(w, 4, bits * (10000000u / mode->intervals[FG_UVC_RATES - 1]));
        put(w, 4, bits * (10000000u / mode->intervals[0]));
        put(w, 4, fg_uvc_mode_bytes(mode));
        put(w, 4, mode->intervals[0]);
        put(w, 1, FG_UVC_RATES);
        for (int i = 0; i < FG_UVC_RATES; i++)
            put(w, 4, mode->intervals[i]);
    }
    PUT(w, 6, CS_INTERFACE, 13, 1, 1, 4); // the colours of BT.709, matrix of BT.601
}

static void put_streaming_interface(struct writer *w)
{
    static const uint8_t yuy2[16] = {'Y',  'U', 'Y', '2',  0x00, 0x00, 0x10, 0x00,
                                     0x80, 0x0, 0x0, 0xaa, 0x00, 0x38, 0x9b, 0x71};
    PUT(w, 9, 4, FG_UVC_STREAMING, 0, 1, FG_UVC_VIDEO_CLASS, 2, 0, 0);
    const size_t header = w->length;
    PUT(w, 13 + FG_UVC_FORMATS, CS_INTERFACE, 1, FG_UVC_FORMATS, 0, 0, FG_UVC_ENDPOINT, 0, OUTPUT,
        0, 0, 0, 1, 0, 0);
    PUT(w, 11, CS_INTERFACE, VS_FORMAT_JPEG, FG_UVC_MJPEG, FG_UVC_SIZES, 0, 1, 0, 0, 0, 0);
    put_frames(w, FG_UVC_MJPEG, VS_FRAME_JPEG);
    PUT(w, 27, CS_INTERFACE, VS_FORMAT_YUYV, FG_UVC_YUYV, FG_UVC_SIZES);
    put_bytes(w, yuy2, sizeof yuy2);
    PUT(w, 16, 1, 0, 0, 0, 0);
    put_frames(w, FG_UVC_YUYV, VS_FRAME_YUYV);
    patch16(w, header + 4, w->length - header);
    PUT(w, 7, 5, FG_UVC_ENDPOINT, 2, FG_UVC_PACKET & 0xff, FG_UVC_PACKET >> 8, 0);
}

size_t fg_uvc_describe_configuration(uint8_t ret[FG_USB_ANSWER_BYTES])
{
    struct writer w = {ret, 0};
    PUT(&w, 9, 2, 0, 0, 2, 1, 0, 0x80, 250);
    PUT(&w, 8, 11, FG_UVC_CONTROL, 2, FG_UVC_VIDEO_CLASS, 3, 0, 2);
    put_control_interface(&w);
    put_streaming_interface(&w);
    patch16(&w, 2, w.length);
    return w.length;
}
