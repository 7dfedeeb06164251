// SPDX-License-Identifier: Apache-2.0
// Private to pipeline/: a JPEG frame's pixels, decoded only as far as they are looked at: no finer
// than the looks of this picture and the last ones need, and from the top down to the last row
// that was asked for. A decode rests there and goes on when a later look needs more rows.
//
// Two thirds of a decode are its Huffman codes, which no scale and no crop saves but below the last
// row: so columns are not cropped, and a second decode of the same picture is what is avoided.
//
// One window for each slot of a source, which makes it, sets it when it fills the slot, and
// destroys it; looks at it come through fg_view_get from whoever holds the frame. What hands the
// frame from thread to thread and back keeps the two apart.
#ifndef FG_JPEG_WINDOW_H
#define FG_JPEG_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/view.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_jpeg_window;

// 0 and *ret owned by the caller, or -ENOMEM.
int fg_jpeg_window_create(struct fg_jpeg_window **ret);
// Overwrites what was decoded; the next look at the same picture decodes it again.
void fg_jpeg_window_wipe(struct fg_jpeg_window *window);
// Wipes the pixels. Accepts NULL.
void fg_jpeg_window_destroy(struct fg_jpeg_window *window);

// Another picture: what was decoded of the last one is forgotten, its memory is kept. Decodes
// nothing. The bytes are borrowed until the next call or fg_jpeg_window_destroy, but read in
// fg_jpeg_window_get alone.
void fg_jpeg_window_set(struct fg_jpeg_window *window, const uint8_t *bytes, size_t length);

// Shows what a camera gave in plane 0 of `frame` through the window: it must be a whole picture of
// the frame's size, since a driver only moves bytes. Cuts what some cameras pad it with. The frame
// must be readable. -EBADMSG, with `camera` before the sentence.
int fg_jpeg_window_show(struct fg_jpeg_window *window, const char *camera, struct fg_frame *frame,
                        struct fg_error *err);

// As fg_view_get, of an MJPG frame whose `jpeg` is set. The view's frame is YUV (as the picture has
// its chroma) or GREY, full range, at 1, 1/2, 1/4 or 1/8 of the picture's size, rounded up; rows
// below the region may not be decoded yet. It is changed by the next call.
// -EBADMSG: truncated, broken (whatever makes the decoder invent pixels), of another size than the
// frame, over the limits of image.h, of more than 500 scans, or neither YCbCr nor grey. -ENOMEM.
int fg_jpeg_window_get(const struct fg_frame *frame, const struct fg_region *region, double shrink,
                       struct fg_view *ret, struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
