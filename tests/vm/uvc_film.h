// SPDX-License-Identifier: Apache-2.0
// The pictures that an emulated camera shows, one after another and over again, from a file.
#ifndef FG_UVC_FILM_H
#define FG_UVC_FILM_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define FG_UVC_FILM_FRAMES 256 // more are not shown

// A film starts as {0}, which has no frames.
struct fg_uvc_film {
    uint8_t *bytes; // owned
    unsigned count;
    size_t starts[FG_UVC_FILM_FRAMES], lengths[FG_UVC_FILM_FRAMES];
};

// JPEGs of at most `most` bytes, one after another. Failure: the film stays as it was.
int fg_uvc_film_load_jpegs(struct fg_uvc_film *film, const char *path, size_t most,
                           struct fg_error *err);
// Frames of `bytes` each. Failure: the film stays as it was.
int fg_uvc_film_load_raw(struct fg_uvc_film *film, const char *path, size_t bytes,
                         struct fg_error *err);
void fg_uvc_film_finish(struct fg_uvc_film *film);

#endif
