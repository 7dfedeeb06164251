// SPDX-License-Identifier: Apache-2.0
// Private to pipeline/: the format that a V4L2 driver agreed to, and where a picture's planes lie
// in its buffers.
#ifndef FG_V4L2_FORMAT_H
#define FG_V4L2_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "pipeline/frame.h"
#include "pipeline/v4l2_modes.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_V4L2_PARTS     2u           // pieces of memory that one buffer may consist of
#define FG_V4L2_MAX_BYTES (256u << 20) // of one of them

struct fg_v4l2_format {
    uint32_t pixelformat, fourcc;
    uint32_t width, height;
    unsigned n_parts;               // of a buffer: 2 for NV12M, else 1
    uint32_t stride[FG_V4L2_PARTS]; // bytes from row to row; JPEG: 0
    uint32_t size[FG_V4L2_PARTS];   // bytes that the driver wants for a part
    uint32_t need[FG_V4L2_PARTS];   // bytes that a whole picture has at least
    bool full_range;
    double rate; // frames a second; 0: the driver does not say
};

// Sets format and rate, and checks the driver's answer, which may differ from the mode in all but
// the principle. -ENOTSUP: it is nothing that we read (another format, interlaced); -EPROTO: it
// cannot be (rows shorter than the picture).
int fg_v4l2_format_set(const struct fg_v4l2_device *device, const struct fg_v4l2_mode *mode,
                       struct fg_v4l2_format *ret, struct fg_error *err);

// "YUYV", "MJPEG".
const char *fg_v4l2_format_name(const struct fg_v4l2_format *format);

// One part of one buffer, mapped.
struct fg_v4l2_part {
    const uint8_t *bytes; // NULL: none
    size_t length;
    int dmabuf_fd;     // -1: none
    uint8_t *writable; // the same memory, once it had to be overwritten; NULL: not mapped so
};

// Where in a part the picture is.
struct fg_v4l2_extent {
    uint32_t offset, length;
};

// Points the picture part of `frame` at the extents, which hold at least format->need. Leaves
// slot, pool, times and `jpeg`.
void fg_v4l2_format_lay_out(const struct fg_v4l2_format *format, const struct fg_v4l2_part *parts,
                            const struct fg_v4l2_extent *extents, struct fg_frame *frame);

#ifdef __cplusplus
}
#endif
#endif
