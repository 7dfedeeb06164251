// SPDX-License-Identifier: Apache-2.0
#include "pipeline/v4l2_device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "pipeline/slow_memory.h"

#define VIDEO_MAJOR 81 // the kernel's admin-guide/devices.txt

// ---- the kernel ---------------------------------------------------------------------------------

// Looked at before it is opened: opening a terminal or a watchdog does something.
static int kernel_open(const char *path)
{
    struct stat status;
    if (stat(path, &status) < 0)
        return -errno;
    if (!S_ISCHR(status.st_mode) || major(status.st_rdev) != VIDEO_MAJOR)
        return -ENOTTY;
    int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static void kernel_close(int fd)
{
    close(fd);
}

static int kernel_control(int fd, unsigned long request, void *argument)
{
    return ioctl(fd, request, argument) < 0 ? -errno : 0;
}

static const uint8_t *kernel_map(int fd, size_t length, uint64_t offset)
{
    void *bytes = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, (off_t)offset);
    return bytes == MAP_FAILED ? NULL : bytes;
}

static uint8_t *kernel_map_to_write(int fd, size_t length, uint64_t offset)
{
    void *bytes = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
    return bytes == MAP_FAILED ? NULL : bytes;
}

static void kernel_unmap(const uint8_t *bytes, size_t length)
{
    munmap((void *)(uintptr_t)bytes, length);
}

static int kernel_wait(struct pollfd *fds, unsigned n, int timeout_ms)
{
    int ready = poll(fds, n, timeout_ms);
    return ready < 0 ? -errno : ready;
}

static bool kernel_is_there(const char *path)
{
    struct stat status;
    char sysfs[64];
    if (stat(path, &status) < 0 || !S_ISCHR(status.st_mode))
        return false;
    // A node in /dev may outlive its device; sysfs knows.
    snprintf(sysfs, sizeof sysfs, "/sys/dev/char/%u:%u", major(status.st_rdev),
             minor(status.st_rdev));
    return access(sysfs, F_OK) == 0;
}

const struct fg_v4l2_system fg_v4l2_kernel = {
    .open = kernel_open,
    .close = kernel_close,
    .control = kernel_control,
    .map = kernel_map,
    .map_to_write = kernel_map_to_write,
    .unmap = kernel_unmap,
    .wait = kernel_wait,
    .is_there = kernel_is_there,
    .is_uncached = fg_memory_is_slow,
};

const struct fg_v4l2_system *fg_v4l2_system = &fg_v4l2_kernel;

// ---- texts --------------------------------------------------------------------------------------

void fg_v4l2_copy_text(char *to, size_t n, const void *from, size_t length)
{
    const char *text = from;
    size_t i = 0;
    for (; i < length && i + 1 < n && text[i]; i++)
        to[i] = (char)(text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
    to[i] = 0;
}

struct fg_v4l2_name fg_v4l2_name(uint32_t fourcc)
{
    const char letters[4] = {(char)(fourcc & 0x7f), (char)(fourcc >> 8 & 0x7f),
                             (char)(fourcc >> 16 & 0x7f), (char)(fourcc >> 24 & 0x7f)};
    struct fg_v4l2_name name = {""};
    fg_v4l2_copy_text(name.text, sizeof name.text, letters, sizeof letters);
    return name;
}

int fg_v4l2_fail(const struct fg_v4l2_device *device, int code, const char *doing,
                 struct fg_error *err)
{
    const char *path = device->path;
    switch (code) {
    case -ENODEV:
    case -ENXIO:
        return fg_fail(err, -ENODEV,
                       "%s: the camera was unplugged or disconnected (while %s): plug it in again",
                       path, doing);
    case -EBUSY:
        return fg_fail(err, code,
                       "%s: another program uses this camera (found while %s): stop that program; "
                       "'fuser -v %s' names it",
                       path, doing, path);
    case -EACCES:
    case -EPERM:
        return fg_fail(err, -EACCES,
                       "%s: this user may not use the camera: add it to the group of the device "
                       "('ls -lL %s' shows it, usually video)",
                       path, path);
    case -EAGAIN: // these have a meaning of their own in source.h
    case -EBADMSG:
    case -ECANCELED:
        return fg_fail(err, -EIO, "%s: %s failed: %s", path, doing, strerror(-code));
    default:
        return fg_fail(err, code, "%s: %s failed: %s", path, doing, strerror(-code));
    }
}

// ---- the device ---------------------------------------------------------------------------------

int fg_v4l2_ask(const struct fg_v4l2_device *device, unsigned long request, void *argument)
{
    int code;
    do {
        code = device->system->control(device->fd, request, argument);
    } while (code == -EINTR);
    return code;
}

bool fg_v4l2_is_multiplanar(const struct fg_v4l2_device *device)
{
    return device->type == V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
}

static int check_capabilities(struct fg_v4l2_device *device, uint32_t capabilities,
                              struct fg_error *err)
{
    const uint32_t both_ways = V4L2_CAP_VIDEO_M2M | V4L2_CAP_VIDEO_M2M_MPLANE;
    const uint32_t capture = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_VIDEO_CAPTURE_MPLANE;
    if (!(capabilities & capture) || (capabilities & both_ways))
        return fg_fail(err, -EINVAL,
                       "%s (%s): not a capture device: a camera often has several nodes, take the "
                       "one of which 'v4l2-ctl -d NODE --info' says Video Capture",
                       device->path, device->card);
    if (!(capabilities & V4L2_CAP_STREAMING))
        return fg_fail(err, -EINVAL,
                       "%s (%s): its driver, %s, does not stream: another camera is needed",
                       device->path, device->card, device->driver);
    device->type = capabilities & V4L2_CAP_VIDEO_CAPTURE ? V4L2_BUF_TYPE_VIDEO_CAPTURE
                                                         : V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
    return 0;
}

static int no_video(const struct fg_v4l2_device *device, struct fg_error *err)
{
    return fg_fail(err, -EINVAL,
                   "%s: not a video device: give a camera's node, such as /dev/video0",
                   device->path);
}

static int ask_capabilities(struct fg_v4l2_device *device, struct fg_error *err)
{
    struct v4l2_capability answer = {0};
    int code = fg_v4l2_ask(device, VIDIOC_QUERYCAP, &answer);
    if (code == -ENOTTY || code == -EINVAL)
        return no_video(device, err);
    if (code)
        return fg_v4l2_fail(device, code, "asking for its capabilities", err);
    fg_v4l2_copy_text(device->driver, sizeof device->driver, answer.driver, sizeof answer.driver);
    fg_v4l2_copy_text(device->card, sizeof device->card, answer.card, sizeof answer.card);
    fg_v4l2_copy_text(device->bus, sizeof device->bus, answer.bus_info, sizeof answer.bus_info);
    return check_capabilities(
        device,
        answer.capabilities & V4L2_CAP_DEVICE_CAPS ? answer.device_caps : answer.capabilities, err);
}

int fg_v4l2_device_open(struct fg_v4l2_device *device, const char *path, struct fg_error *err)
{
    *device = (struct fg_v4l2_device){.system = fg_v4l2_system, .path = path, .fd = -1};
    int fd = device->system->open(path);
    if (fd == -ENOTTY)
        return no_video(device, err);
    if (fd == -ENOENT)
        return fg_fail(err, fd,
                       "%s: no such device: plug the camera in, or see what there is with "
                       "'ls /dev/facegate /dev/video*'",
                       path);
    if (fd < 0)
        return fg_v4l2_fail(device, fd, "opening it", err);
    device->fd = fd;
    int code = ask_capabilities(device, err);
    if (code)
        fg_v4l2_device_close(device);
    return code;
}

void fg_v4l2_device_close(struct fg_v4l2_device *device)
{
    if (device->system && device->fd >= 0)
        device->system->close(device->fd);
    device->fd = -1;
}
