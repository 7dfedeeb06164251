// SPDX-License-Identifier: Apache-2.0
// Private to pipeline/: what is wished of a camera, read alike for all kinds of cameras. Any
// thread.
#ifndef FG_CAMERA_WISH_H
#define FG_CAMERA_WISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "pipeline/source.h"

#ifdef __cplusplus
extern "C" {
#endif

// Fills what the wish leaves open and checks the rest: -EINVAL.
int fg_camera_wish_complete(const struct fg_camera_wish *wish, struct fg_camera_wish *ret,
                            struct fg_error *err);

struct fg_word { // of a list, separated by blanks and commas
    const char *text;
    size_t length;
};

// The next word at *at, which moves behind it. False: no more.
bool fg_camera_next_word(const char **at, struct fg_word *ret);

// The frame's format of a name in a wish, in any case; 0: none. And back: "MJPEG"; NULL: none.
uint32_t fg_camera_format(struct fg_word name);
const char *fg_camera_format_name(uint32_t fourcc);

struct fg_camera_size {
    uint32_t width, height;
};

bool fg_camera_is_usable(struct fg_camera_size size); // within the limits of image.h

// Whether a is nearer to what is wanted than b: the smallest that covers it, else the largest.
// What is over the limits of image.h is never nearer.
bool fg_camera_is_nearer(struct fg_camera_size a, struct fg_camera_size b,
                         struct fg_camera_size want);

// Takes "NAME=NUMBER" apart. -EINVAL: it is none.
int fg_camera_assignment(struct fg_word word, struct fg_word *ret_name, double *ret_value,
                         struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
