// SPDX-License-Identifier: Apache-2.0
// Where frames come from. A source owns its pool and its memory; the capture thread alone calls
// it. Sources: `file` (a folder of JPEG and PNG pictures, an MJPEG file, a Y4M file).
#ifndef FG_SOURCE_H
#define FG_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "pipeline/frame.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_source;

struct fg_source_options {
    double rate; // frames a second, 0.001 to 1e6; 0: as fast as they are taken, none left out
    bool loop;   // start again at the end; the sequence goes on
    uint64_t max_frames; // stop after this many handed out; 0: no limit
};

struct fg_source_info {
    const char *description; // "y4m 1280x720 I420", owned by the source
    uint32_t width, height;  // of the first frame
};

// Opens "file:PATH". Success: *ret owned by the caller. Failure: negative errno and what is wrong
// with which file (-ENOENT, -EINVAL unknown kind or broken first frame, -ENOTSUP a format that
// is not read, -EFBIG over the limits of image.h).
int fg_source_open(const char *spec, const struct fg_source_options *options,
                   struct fg_source **ret, struct fg_error *err);

void fg_source_info(const struct fg_source *source, struct fg_source_info *ret);

// Waits for the next frame (its time by `rate`, and a free slot). Success: 0 and one reference
// passes to the caller (fg_frame_release). 1: the end, no frame. -ECANCELED after
// fg_source_stop. -EBADMSG: one broken picture, counted; the next call goes on. -EIO: the file
// has shrunk under us, it cannot go on. -ENOMEM.
// With a rate, picture i is due at t0 + i/rate (t0: the first call) and t_capture_ns is that time,
// before any decoding; whoever comes more than a frame late gets the picture that is due now, and
// the sequence (which counts due times) jumps. Without one, t_capture_ns is the time of the call.
int fg_source_next(struct fg_source *source, struct fg_frame **ret, struct fg_error *err);

// Wakes a waiting fg_source_next. Any thread, async-signal-safe.
void fg_source_stop(struct fg_source *source);

uint64_t fg_source_broken(const struct fg_source *source); // pictures that did not decode
// Frame bytes written a second time: 0, except for stills that EXIF asks to turn upright.
uint64_t fg_source_bytes_copied(const struct fg_source *source);

// All frames must be released. Accepts NULL.
void fg_source_close(struct fg_source *source);

#ifdef __cplusplus
}
#endif
#endif
