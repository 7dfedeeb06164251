// SPDX-License-Identifier: Apache-2.0
// Private to pipeline/: a V4L2 capture device, and the calls to the kernel behind a table, so that
// a driver can be played in tests. One thread at a time.
// Source: the kernel's "Video for Linux API" (docs.kernel.org/userspace-api/media/v4l).
#ifndef FG_V4L2_DEVICE_H
#define FG_V4L2_DEVICE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_v4l2_system {
    int (*open)(const char *path); // a descriptor or negative errno; -ENOTTY: no video device
    void (*close)(int fd);
    int (*control)(int fd, unsigned long request, void *argument);    // ioctl(2): 0, negative errno
    const uint8_t *(*map)(int fd, size_t length, uint64_t offset);    // for reading; NULL: no
    uint8_t *(*map_to_write)(int fd, size_t length, uint64_t offset); // and writing; NULL: no
    void (*unmap)(const uint8_t *bytes, size_t length);
    int (*wait)(struct pollfd *fds, unsigned n, int timeout_ms); // poll(2); negative errno
    bool (*is_there)(const char *path);
    // Whether the processor reads these bytes past its caches, slower by far than ordinary memory.
    bool (*is_uncached)(const uint8_t *bytes, size_t length);
};

extern const struct fg_v4l2_system fg_v4l2_kernel;
// What devices are opened through from now on: the kernel, or a test's.
extern const struct fg_v4l2_system *fg_v4l2_system;

struct fg_v4l2_device {
    const struct fg_v4l2_system *system;
    const char *path; // borrowed
    int fd;           // -1: not open
    uint32_t type;    // V4L2_BUF_TYPE_VIDEO_CAPTURE or ..._MPLANE
    char driver[17], card[33], bus[33];
};

// Opens a device and makes sure that it captures video by streaming. -EINVAL: it does not.
int fg_v4l2_device_open(struct fg_v4l2_device *device, const char *path, struct fg_error *err);
void fg_v4l2_device_close(struct fg_v4l2_device *device); // may be called twice

// An ioctl, again when a signal came between. 0 or negative errno.
int fg_v4l2_ask(const struct fg_v4l2_device *device, unsigned long request, void *argument);

bool fg_v4l2_is_multiplanar(const struct fg_v4l2_device *device);

// Returns `code` with a sentence on what it means while `doing` ("setting the format"). -ENXIO
// becomes -ENODEV, -EPERM -EACCES, and what means something else in source.h -EIO.
int fg_v4l2_fail(const struct fg_v4l2_device *device, int code, const char *doing,
                 struct fg_error *err);

// A fourcc as text, for messages: "YUYV"; what is not printable becomes '?'.
struct fg_v4l2_name {
    char text[5];
};
struct fg_v4l2_name fg_v4l2_name(uint32_t fourcc);

// Copies at most n - 1 bytes of a driver's string that may lack its end; what is not printable
// ASCII becomes '?'.
void fg_v4l2_copy_text(char *to, size_t n, const void *from, size_t length);

#ifdef __cplusplus
}
#endif
#endif
