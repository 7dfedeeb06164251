// SPDX-License-Identifier: Apache-2.0
// For test_libcamera: gives libcamera what its virtual cameras (0.4) need and test machines lack,
// a configuration file where libcamera looks for it, and /dev/udmabuf. The program's open64,
// stat64, mmap64 and ioctl come before the C library's for libcamera too.
#ifndef FG_VIRTUAL_CAMERA_H
#define FG_VIRTUAL_CAMERA_H

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char virtual_cameras[] = "%YAML 1.1\n"
                                      "---\n"
                                      "\"bars\":\n"
                                      "  supported_formats:\n"
                                      "  - width: 320\n"
                                      "    height: 240\n"
                                      "    frame_rates:\n"
                                      "    - 10\n"
                                      "    - 60\n"
                                      "  - width: 640\n"
                                      "    height: 480\n"
                                      "    frame_rates:\n"
                                      "    - 10\n"
                                      "    - 60\n"
                                      "  test_pattern: \"bars\"\n"
                                      "  model: \"Bars\"\n"
                                      "\"lines\":\n"
                                      "  supported_formats:\n"
                                      "  - width: 64\n"
                                      "    height: 48\n"
                                      "  test_pattern: \"lines\"\n"
                                      "  model: \"Lines\"\n";

static bool virtual_plugged;               // the cameras are there
static atomic_bool virtual_frozen;         // their next pictures wait until it is false again
static atomic_bool virtual_without_memory; // no buffer can be made

// operator new: 0.4.0's virtual cameras leave a frame's status, number and time as they find them,
// which should be 0.
#ifndef __SANITIZE_ADDRESS__
void *_Znwm(size_t size);
void *_Znwm(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory)
        abort();
    return memory;
}
#endif

static bool has_end(const char *path, const char *end)
{
    const size_t length = strlen(path), end_length = strlen(end);
    return length >= end_length && strcmp(path + length - end_length, end) == 0;
}

static bool is_configuration(const char *path)
{
    return virtual_plugged && has_end(path, "/pipeline/virtual/virtual.yaml");
}

static int open_configuration(void)
{
    int fd = memfd_create("virtual.yaml", MFD_CLOEXEC);
    ssize_t length = (ssize_t)sizeof virtual_cameras - 1;
    if (fd >= 0 && pwrite(fd, virtual_cameras, (size_t)length, 0) != length) {
        close(fd);
        fd = -1;
    }
    return fd;
}

int open64(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (is_configuration(path))
        return open_configuration();
    if (virtual_plugged && strcmp(path, "/dev/udmabuf") == 0)
        return memfd_create("udmabuf", MFD_CLOEXEC);
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int stat64(const char *path, struct stat64 *status)
{
    if (!is_configuration(path))
        return (int)syscall(SYS_newfstatat, AT_FDCWD, path, status, 0);
    *status = (struct stat64){.st_mode = S_IFREG | 0444, .st_size = sizeof virtual_cameras - 1};
    return 0;
}

// libcamera maps a buffer each time it draws into it.
void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t offset)
{
    while ((protection & PROT_WRITE) && (flags & MAP_SHARED) && atomic_load(&virtual_frozen))
        usleep(1000);
    return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (request == UDMABUF_CREATE && virtual_plugged) {
        const struct udmabuf_create *create = argument;
        errno = ENOMEM;
        return atomic_load(&virtual_without_memory) ? -1
                                                    : fcntl((int)create->memfd, F_DUPFD_CLOEXEC, 0);
    }
    if (request == DMA_BUF_IOCTL_SYNC) { // qemu-user would answer ENOSYS
        errno = ENOTTY;
        return -1;
    }
    return (int)syscall(SYS_ioctl, fd, request, argument);
}

#endif
