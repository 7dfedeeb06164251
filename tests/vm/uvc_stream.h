// SPDX-License-Identifier: Apache-2.0
// The emulated camera's video: frames at their rate, cut into UVC payloads, and the faults that a
// test asks for. One thread.
#ifndef FG_UVC_STREAM_H
#define FG_UVC_STREAM_H

#include <stdbool.h>

#include "tests/vm/uvc_film.h"
#include "tests/vm/uvc_modes.h"

#define FG_UVC_PAYLOAD                                                                             \
    16384 // most bytes of one payload, its header included: what uvcvideo reads
          // from a bulk endpoint at once

struct fg_uvc_stream { // large
    struct fg_uvc_film jpegs, raw[FG_UVC_SIZES];
    unsigned format, size;
    uint64_t interval_ns;
    bool frozen;        // no frame begins or goes on
    unsigned errors;    // so many frames to come carry the error bit
    unsigned truncated; // so many are cut in half
    unsigned stalls;    // so many reads are refused
    // of the frame on its way
    uint8_t frame[FG_UVC_MOST];
    size_t length, sent; // length 0: none
    uint64_t due_ns;
    unsigned count; // of frames since the start
    uint8_t toggle; // tells a frame from the next
};

// From now on frames of this mode, the first at once. What was on its way is dropped.
void fg_uvc_stream_start(struct fg_uvc_stream *stream, unsigned format, unsigned size,
                         uint32_t interval_100ns);
// Drops the frame on its way.
void fg_uvc_stream_reset(struct fg_uvc_stream *stream);

// The next payload into `to` of `room` bytes, more than 2: its length, 0 when there is none yet,
// -EPIPE for a refused read.
int fg_uvc_stream_read(struct fg_uvc_stream *stream, uint8_t *to, size_t room);
// Until there may be one: milliseconds, for poll(2).
int fg_uvc_stream_wait_ms(const struct fg_uvc_stream *stream);

void fg_uvc_stream_finish(struct fg_uvc_stream *stream);

#endif
