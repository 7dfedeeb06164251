// SPDX-License-Identifier: Apache-2.0
// Private to pipeline/: one picture's memory, given as file descriptors (dma-bufs), mapped for
// reading.
#ifndef FG_BUFFER_MEMORY_H
#define FG_BUFFER_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_BUFFER_PLANES    3u
#define FG_BUFFER_MAX_BYTES (256u << 20) // of one descriptor

struct fg_plane_place {
    int fd;
    uint32_t offset, length; // bytes
};

struct fg_mapping {
    int fd; // borrowed
    uint8_t *bytes;
    size_t length;
    uint8_t *writable; // the same memory, once it had to be overwritten
};

struct fg_buffer_memory { // zeroed: nothing is mapped
    unsigned n_mappings;  // one a descriptor; planes may share it
    struct fg_mapping mappings[FG_BUFFER_PLANES];
    const uint8_t *planes[FG_BUFFER_PLANES];
    bool dmabuf; // every descriptor is one, so reads are to be bracketed
};

// Maps what the planes lie in, each descriptor once and as far as they reach. -EPROTO: a plane does
// not lie in its descriptor's memory, or it is over the limit. The descriptors must stay open.
// After a failure too, fg_buffer_memory_finish unmaps what there is.
int fg_buffer_memory_init(struct fg_buffer_memory *memory, const struct fg_plane_place *places,
                          unsigned n_planes, struct fg_error *err);
void fg_buffer_memory_finish(struct fg_buffer_memory *memory);

// Overwrites all of it, through mappings of its own that are made the first time: those for reading
// stay for reading. Negative errno: a descriptor gives none; what could be was overwritten.
int fg_buffer_memory_wipe(struct fg_buffer_memory *memory);

// Overwrites mapped bytes of a driver's buffer, bracketed when dmabuf_fd is one (else -1).
void fg_buffer_zero(uint8_t *bytes, size_t length, int dmabuf_fd);

#ifdef __cplusplus
}
#endif
#endif
