// SPDX-License-Identifier: Apache-2.0
// A camera frame: pixels where the camera, the decoder or the mapped file put them.
//
// One producer, many holders, a fixed pool. The producer takes a free slot, fills it and hands it
// on with one reference; the last release gives the slot back (atomic mask and eventfd). Pixels
// are never copied: whoever holds the frame reads the producer's own memory.
#ifndef FG_FRAME_H
#define FG_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

// Formats by their V4L2 names, so that a driver's fourcc needs no table.
#define FG_FOURCC(a, b, c, d)                                                                      \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define FG_FOURCC_YUV  FG_FOURCC('Y', 'U', '1', '2') // three planes; chroma as chroma_shift_* says
#define FG_FOURCC_GREY FG_FOURCC('G', 'R', 'E', 'Y') // one plane, full range
#define FG_FOURCC_RGB  FG_FOURCC('R', 'G', 'B', '3') // one plane, 3 bytes a pixel, full range
#define FG_FOURCC_NV12 FG_FOURCC('N', 'V', '1', '2') // two planes: Y; U V at half of both sides
#define FG_FOURCC_YUYV FG_FOURCC('Y', 'U', 'Y', 'V') // one plane: Y U Y V for each two pixels
#define FG_FOURCC_UYVY FG_FOURCC('U', 'Y', 'V', 'Y') // one plane: U Y V Y for each two pixels
#define FG_FOURCC_MJPG FG_FOURCC('M', 'J', 'P', 'G') // one plane: a JPEG picture, stride 0; `jpeg`

struct fg_plane {
    const uint8_t *data; // row 0
    uint32_t stride;     // bytes from row to row
    uint32_t length;     // bytes that may be read from data
    int dmabuf_fd;       // -1 when the plane is ordinary memory
    uint32_t offset;     // of data in the dma-buf
};

struct fg_frame_pool;
struct fg_jpeg_window;

struct fg_frame {
    uint32_t fourcc;
    uint32_t width, height;                 // of the picture, pixels
    uint8_t chroma_shift_x, chroma_shift_y; // YUV: log2 of the chroma planes' subsampling
    bool full_range;                        // YUV: BT.601 0..255 (JPEG) or else 16..235
    unsigned n_planes;
    struct fg_plane planes[3];
    struct fg_jpeg_window *jpeg; // MJPG: decodes parts of it, the source's; else NULL
    uint64_t t_capture_ns;       // CLOCK_MONOTONIC, from the driver where there is one
    uint64_t sequence;           // the driver's, or counted by the source
    unsigned slot;               // in its pool
    struct fg_frame_pool *pool;  // NULL: a frame outside any pool (a still)
};

#define FG_POOL_SLOTS 32

// A pool of `slots` frames, 1 to FG_POOL_SLOTS. Success: *ret owned by the caller.
int fg_frame_pool_create(unsigned slots, struct fg_frame_pool **ret);
// Every frame must be back; waits for a release that is not over yet. Accepts NULL.
void fg_frame_pool_destroy(struct fg_frame_pool *pool);
// The slot's frame, for set-up by the producer.
struct fg_frame *fg_frame_pool_slot(struct fg_frame_pool *pool, unsigned slot);
// While fg_wipes(), `wipe` is called for a slot whose last reference was released, before it is
// free again, by whoever released it: it overwrites the memory that the slot owns. Before the first
// take.
void fg_frame_pool_set_wipe(struct fg_frame_pool *pool, void (*wipe)(void *context, unsigned slot),
                            void *context);
// Producer thread: a free frame with one reference, or NULL when all are held.
struct fg_frame *fg_frame_pool_take(struct fg_frame_pool *pool);
// Readable when a slot came back since the last fg_frame_pool_take; for poll(2).
int fg_frame_pool_fd(const struct fg_frame_pool *pool);
// Producer thread: waits until every slot is free, at most timeout_ms. 0, -ETIMEDOUT.
int fg_frame_pool_wait_whole(struct fg_frame_pool *pool, int timeout_ms);

// Any thread. Release of the last reference gives the slot back; the frame must not be touched
// after it. Both accept frames outside any pool and do nothing there.
void fg_frame_hold(struct fg_frame *frame);
void fg_frame_release(struct fg_frame *frame);

// Brackets what the processor reads of a frame (DMA_BUF_IOCTL_SYNC): between them caches are those
// of the camera's memory. Does nothing for planes in ordinary memory. Begin: 0 or negative errno,
// then the frame must not be read. Holders may nest them.
int fg_frame_read_begin(const struct fg_frame *frame);
void fg_frame_read_end(const struct fg_frame *frame);

// Checks that every plane has the rows and columns that fourcc and size promise.
// 0 or -EINVAL with the plane named in err. Sources call it for each new format, the sampler
// relies on it.
int fg_frame_check(const struct fg_frame *frame, struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
