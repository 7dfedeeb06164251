// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/uvc_stream.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"

#define HEADER          2
#define FLAG_TOGGLE     0x01
#define FLAG_END        0x02
#define FLAG_ERROR      0x40
#define FLAG_HEADER_END 0x80
#define FROZEN_MS       100
#define GREY            0x80

void fg_uvc_stream_reset(struct fg_uvc_stream *stream)
{
    stream->length = stream->sent = 0;
    stream->due_ns = fg_monotonic_ns();
}

void fg_uvc_stream_start(struct fg_uvc_stream *stream, unsigned format, unsigned size,
                         uint32_t interval_100ns)
{
    stream->format = format;
    stream->size = size;
    stream->interval_ns = interval_100ns * UINT64_C(100);
    stream->count = 0;
    stream->toggle = 0;
    fg_uvc_stream_reset(stream);
}

// Copied, so that a film may change while its frame is on its way. A raw mode without a film is
// grey; an MJPEG one has nothing to show.
static bool next_frame(struct fg_uvc_stream *stream)
{
    const struct fg_uvc_film *film =
        stream->format == FG_UVC_MJPEG ? &stream->jpegs : &stream->raw[stream->size - 1];
    if (film->count > 0) {
        const unsigned at = stream->count % film->count;
        stream->length = film->lengths[at];
        memcpy(stream->frame, film->bytes + film->starts[at], stream->length);
    } else if (stream->format == FG_UVC_YUYV) {
        stream->length = fg_uvc_mode_bytes(fg_uvc_mode(stream->format, stream->size));
        memset(stream->frame, GREY, stream->length);
    } else {
        return false;
    }
    stream->sent = 0;
    stream->count++;
    if (stream->truncated > 0) {
        stream->truncated--;
        stream->length /= 2;
    }
    return true;
}

// A reader that is slow gets the next frame late and none of those that it missed.
static bool begin(struct fg_uvc_stream *stream)
{
    const uint64_t now = fg_monotonic_ns();
    if (now < stream->due_ns || !next_frame(stream))
        return false;
    stream->due_ns += stream->interval_ns;
    if (stream->due_ns < now)
        stream->due_ns = now;
    return true;
}

int fg_uvc_stream_read(struct fg_uvc_stream *stream, uint8_t *to, size_t room)
{
    if (stream->stalls > 0) {
        stream->stalls--;
        return -EPIPE;
    }
    if (stream->frozen || stream->format == 0 || (stream->length == 0 && !begin(stream)))
        return 0;
    if (room > FG_UVC_PAYLOAD)
        room = FG_UVC_PAYLOAD;
    size_t part = stream->length - stream->sent;
    if (part > room - HEADER)
        part = room - HEADER;
    to[0] = HEADER;
    to[1] = FLAG_HEADER_END | (stream->toggle ? FLAG_TOGGLE : 0) |
            (stream->errors > 0 ? FLAG_ERROR : 0);
    memcpy(to + HEADER, stream->frame + stream->sent, part);
    stream->sent += part;
    if (stream->sent == stream->length) {
        to[1] |= FLAG_END;
        stream->toggle ^= 1;
        stream->length = 0;
        if (stream->errors > 0)
            stream->errors--;
    }
    return (int)(HEADER + part);
}

int fg_uvc_stream_wait_ms(const struct fg_uvc_stream *stream)
{
    const uint64_t now = fg_monotonic_ns();
    if (stream->frozen || stream->format == 0)
        return FROZEN_MS;
    if (stream->length > 0)
        return 0;
    // due, but without a picture: a film may come
    return stream->due_ns > now ? (int)((stream->due_ns - now) / 1000000) + 1 : FROZEN_MS;
}

void fg_uvc_stream_finish(struct fg_uvc_stream *stream)
{
    fg_uvc_film_finish(&stream->jpegs);
    for (int i = 0; i < FG_UVC_SIZES; i++)
        fg_uvc_film_finish(&stream->raw[i]);
}
