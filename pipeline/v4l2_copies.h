// SPDX-License-Identifier: Apache-2.0
// Private to pipeline/: ordinary memory for pictures whose buffers the processor reads uncached.
#ifndef FG_V4L2_COPIES_H
#define FG_V4L2_COPIES_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/frame.h"
#include "pipeline/v4l2_buffers.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_v4l2_copies { // zeroed: none
    uint8_t *bytes[FG_POOL_SLOTS][FG_V4L2_PARTS];
    size_t length[FG_V4L2_PARTS]; // of each: any buffer's picture may come into any slot
};

// Memory for as many slots as there are buffers. 0, -ENOMEM; then too, finish frees what there is.
int fg_v4l2_copies_init(struct fg_v4l2_copies *copies, const struct fg_v4l2_buffers *buffers);
void fg_v4l2_copies_finish(struct fg_v4l2_copies *copies); // wipes
void fg_v4l2_copies_wipe(struct fg_v4l2_copies *copies, unsigned slot);

// Copies an arrival into the slot of `frame` and lays the frame out there. Adds to *copied the
// bytes. 0; negative errno: the buffer's memory cannot be made readable.
int fg_v4l2_copies_fill(struct fg_v4l2_copies *copies, const struct fg_v4l2_buffers *buffers,
                        const struct fg_v4l2_arrival *arrival, struct fg_frame *frame,
                        uint64_t *copied);

#ifdef __cplusplus
}
#endif
#endif
