// SPDX-License-Identifier: Apache-2.0
// Private to pipeline/: what libcamera's thread leaves for the thread that captures.
#ifndef FG_LIBCAMERA_INBOX_H
#define FG_LIBCAMERA_INBOX_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fg_libcamera_inbox;

// 0 or negative errno (no descriptor, no memory).
int fg_libcamera_inbox_create(struct fg_libcamera_inbox **ret);
void fg_libcamera_inbox_destroy(struct fg_libcamera_inbox *inbox); // accepts NULL

// libcamera's thread. Buffer, under FG_POOL_SLOTS, is finished; it is not in here yet.
void fg_libcamera_inbox_put(struct fg_libcamera_inbox *inbox, unsigned buffer);
void fg_libcamera_inbox_tell_gone(struct fg_libcamera_inbox *inbox);

// The other thread. What was put first, and when (CLOCK_MONOTONIC); false: nothing is there.
bool fg_libcamera_inbox_take(struct fg_libcamera_inbox *inbox, unsigned *ret_buffer,
                             uint64_t *ret_t_ns);
bool fg_libcamera_inbox_is_gone(const struct fg_libcamera_inbox *inbox);
// Readable after a call from libcamera's thread, until the next fg_libcamera_inbox_take.
int fg_libcamera_inbox_fd(const struct fg_libcamera_inbox *inbox);

#ifdef __cplusplus
}
#endif
#endif
