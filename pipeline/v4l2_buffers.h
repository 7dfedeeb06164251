// SPDX-License-Identifier: Apache-2.0
// Private to pipeline/: a V4L2 driver's buffers, exported as dma-bufs where it can, mapped, queued
// and taken back. Everything that the driver says of them is checked. One thread at a time.
#ifndef FG_V4L2_BUFFERS_H
#define FG_V4L2_BUFFERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>

#include "common/error.h"
#include "pipeline/frame.h"
#include "pipeline/v4l2_device.h"
#include "pipeline/v4l2_format.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_V4L2_MIN_BUFFERS 3u // one being filled, one in the mailbox, one in inference

struct fg_v4l2_buffer {
    struct fg_v4l2_part parts[FG_V4L2_PARTS];
    uint64_t offsets[FG_V4L2_PARTS]; // for mapping the device
    bool queued;                     // the driver has it
};

struct fg_v4l2_buffers {
    const struct fg_v4l2_device *device; // borrowed
    struct fg_v4l2_format format;
    unsigned n;
    struct fg_v4l2_buffer all[FG_POOL_SLOTS];
    bool exported; // as dma-bufs; else the device itself is mapped
    bool uncached; // reading them is slow: copy them once
    bool streaming;
    uint64_t unwiped; // times that a buffer was queued with its picture although fg_wipes()
};

// A filled buffer.
struct fg_v4l2_arrival {
    unsigned index;
    struct fg_v4l2_extent extents[FG_V4L2_PARTS];
    uint32_t flags, sequence;
    struct timeval timestamp;
    bool held; // the buffer was not the driver's to give: a reader may have it
};

// Has about `wanted` buffers made, at least FG_V4L2_MIN_BUFFERS. After a failure too,
// fg_v4l2_buffers_finish gives back what there is.
int fg_v4l2_buffers_init(struct fg_v4l2_buffers *buffers, const struct fg_v4l2_device *device,
                         const struct fg_v4l2_format *format, unsigned wanted,
                         struct fg_error *err);
void fg_v4l2_buffers_finish(struct fg_v4l2_buffers *buffers); // may be called twice

// Hands a buffer to the driver; while fg_wipes(), overwritten if it can be mapped for writing.
int fg_v4l2_buffers_queue(struct fg_v4l2_buffers *buffers, unsigned index, struct fg_error *err);
unsigned fg_v4l2_buffers_queued(const struct fg_v4l2_buffers *buffers);

int fg_v4l2_buffers_start(struct fg_v4l2_buffers *buffers, struct fg_error *err);
// The driver has no buffer after it. May be called twice.
void fg_v4l2_buffers_stop(struct fg_v4l2_buffers *buffers);

// Takes a filled buffer. 0; -EAGAIN: none is ready. -EBADMSG: a broken one: *ret is filled but for
// the extents, and the buffer is ours unless it is `held`. -EPROTO: what cannot be. Others: as the
// driver said.
int fg_v4l2_buffers_take(struct fg_v4l2_buffers *buffers, struct fg_v4l2_arrival *ret,
                         struct fg_error *err);

// When it was filled, CLOCK_MONOTONIC ns; UINT64_MAX: the driver's clock is another, or broken.
uint64_t fg_v4l2_arrival_ns(const struct fg_v4l2_arrival *arrival);

#ifdef __cplusplus
}
#endif
#endif
