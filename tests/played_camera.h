// SPDX-License-Identifier: Apache-2.0
// For test_played_camera: a camera behind pipeline/libcamera_device.h that does what a test says,
// with buffers that are files in memory, which may pass for dma-bufs.
#ifndef FG_PLAYED_CAMERA_H
#define FG_PLAYED_CAMERA_H

#include <errno.h>
#include <linux/dma-buf.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pipeline/libcamera_device.h"

#define PLAYED_BUFFERS 4u
#define PLAYED_QUEUE   64u

static struct played {
    struct fg_libcamera_setup setup; // what the camera agrees to
    struct fg_camera_wish wish;      // what it was asked
    int open_code, start_code, queue_code;
    uint32_t plane_bytes[2];  // of each buffer, one behind the other
    uint32_t missing;         // bytes that a buffer's file is shorter than its planes
    bool dmabuf, slow, empty; // empty: it is not there
    int files[PLAYED_BUFFERS];
    uint8_t *bytes[PLAYED_BUFFERS];
    int fd;
    atomic_bool gone;
    bool with_camera[PLAYED_BUFFERS]; // queued
    unsigned queued[PLAYED_QUEUE], first_queued, n_queued;
    struct fg_libcamera_arrival arrivals[PLAYED_QUEUE];
    unsigned first_arrival, n_arrivals;
    unsigned opened, started, stopped, closed;
    int sync_depth, syncs;
    int sync_code; // errno of the next DMA_BUF_IOCTL_SYNC
} played;

// ---- memory: what the source calls, as the linker finds it here first ---------------------------

bool fg_memory_is_slow(const uint8_t *bytes, size_t length);
bool fg_memory_is_slow(const uint8_t *bytes, size_t length)
{
    (void)bytes;
    (void)length;
    return played.slow;
}

static bool is_played(int fd)
{
    for (unsigned i = 0; i < PLAYED_BUFFERS; i++)
        if (played.opened && played.files[i] == fd)
            return true;
    return false;
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (request != DMA_BUF_IOCTL_SYNC || !is_played(fd))
        return (int)syscall(SYS_ioctl, fd, request, argument);
    if (!played.dmabuf || played.sync_code) {
        errno = played.dmabuf ? played.sync_code : ENOTTY;
        return -1;
    }
    const struct dma_buf_sync *sync = argument;
    played.sync_depth += sync->flags & DMA_BUF_SYNC_END ? -1 : 1;
    played.syncs++;
    return 0;
}

// ---- the table ----------------------------------------------------------------------------------

static int played_make_buffers(void)
{
    const size_t length = played.plane_bytes[0] + played.plane_bytes[1];
    for (unsigned i = 0; i < PLAYED_BUFFERS; i++) {
        played.files[i] = memfd_create("buffer", MFD_CLOEXEC);
        if (played.files[i] < 0 || ftruncate(played.files[i], (off_t)(length - played.missing)) < 0)
            abort();
        played.bytes[i] =
            mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, played.files[i], 0);
        if (played.bytes[i] == MAP_FAILED)
            abort();
    }
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static int played_open(const char *name, const struct fg_camera_wish *wish, void **ret_device,
                       struct fg_libcamera_setup *ret_setup, struct fg_error *err)
{
    if (played.open_code)
        return fg_fail(err, played.open_code, "%s: refused", name);
    played.wish = *wish;
    played.opened++;
    played.fd = played_make_buffers();
    *ret_device = &played;
    *ret_setup = played.setup;
    return 0;
}

static struct fg_plane_place played_place(const void *device, unsigned buffer, unsigned plane)
{
    (void)device;
    return (struct fg_plane_place){played.files[buffer], plane ? played.plane_bytes[0] : 0,
                                   played.plane_bytes[plane]};
}

static int played_start(void *device, struct fg_error *err)
{
    (void)device;
    if (played.start_code)
        return fg_fail(err, played.start_code, "no start");
    played.started++;
    return 0;
}

static int played_queue(void *device, unsigned buffer, struct fg_error *err)
{
    (void)device;
    if (played.queue_code)
        return fg_fail(err, played.queue_code, "no queue");
    if (played.with_camera[buffer])
        abort(); // twice
    played.with_camera[buffer] = true;
    played.queued[(played.first_queued + played.n_queued++) % PLAYED_QUEUE] = buffer;
    return 0;
}

static int played_fd(const void *device)
{
    (void)device;
    return played.fd;
}

static bool played_take(void *device, struct fg_libcamera_arrival *ret)
{
    uint64_t rings;
    (void)device;
    ssize_t got = read(played.fd, &rings, sizeof rings);
    (void)got;
    if (played.n_arrivals == 0)
        return false;
    *ret = played.arrivals[played.first_arrival++ % PLAYED_QUEUE];
    played.n_arrivals--;
    if (ret->buffer < PLAYED_BUFFERS)
        played.with_camera[ret->buffer] = false;
    return true;
}

static bool played_is_gone(const void *device)
{
    (void)device;
    return played.gone;
}

static void played_stop(void *device)
{
    (void)device;
    played.stopped++;
}

static void played_close(void *device)
{
    (void)device;
    for (unsigned i = 0; i < PLAYED_BUFFERS; i++) {
        munmap(played.bytes[i], played.plane_bytes[0] + played.plane_bytes[1]);
        close(played.files[i]);
    }
    close(played.fd);
    played.closed++;
}

static bool played_is_there(const char *name)
{
    return !played.empty && strcmp(name, "there") == 0;
}

static const struct fg_libcamera_system played_system = {
    played_open, played_place,   played_start, played_queue, played_fd,
    played_take, played_is_gone, played_stop,  played_close, played_is_there,
};

// ---- what a test says ---------------------------------------------------------------------------

static void played_ring(void)
{
    const uint64_t one = 1;
    ssize_t put = write(played.fd, &one, sizeof one);
    (void)put;
}

static void played_put(struct fg_libcamera_arrival arrival)
{
    played.arrivals[(played.first_arrival + played.n_arrivals++) % PLAYED_QUEUE] = arrival;
    played_ring();
}

// The buffer that was queued first.
static unsigned played_next_buffer(void)
{
    if (played.n_queued == 0)
        abort();
    played.n_queued--;
    return played.queued[played.first_queued++ % PLAYED_QUEUE];
}

#endif
