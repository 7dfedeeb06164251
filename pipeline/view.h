// SPDX-License-Identifier: Apache-2.0
// What the sampler reads of a frame: the frame itself or, of a JPEG picture, a part of it decoded
// at a scale that suffices.
#ifndef FG_VIEW_H
#define FG_VIEW_H

#include "pipeline/frame.h"

#ifdef __cplusplus
extern "C" {
#endif

// A rectangle in a frame, in edges: pixel i is the interval [i, i+1).
struct fg_region {
    double x, y, width, height;
};

struct fg_view {
    const struct fg_frame *frame; // raw; valid until the next fg_view_get on the same frame
    // A place (X, Y) of the whole picture, in edges, is ((X - x) / shrink, (Y - y) / shrink) here.
    double x, y, shrink;
};

// A view that has every pixel of `region` (as far as it lies in the picture, and one pixel around
// it for filters), at no less than 1/shrink of the picture's resolution. Raw frames: themselves.
// One thread at a time for each frame. 0; -EBADMSG: the JPEG does not decode; -ENOMEM.
int fg_view_get(const struct fg_frame *frame, const struct fg_region *region, double shrink,
                struct fg_view *ret, struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
