// SPDX-License-Identifier: Apache-2.0
#include "pipeline/buffer_memory.h"

#include <errno.h>
#include <linux/dma-buf.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static struct fg_mapping *find_mapping(struct fg_buffer_memory *memory, int fd)
{
    for (unsigned i = 0; i < memory->n_mappings; i++)
        if (memory->mappings[i].fd == fd)
            return &memory->mappings[i];
    return NULL;
}

// Where the planes in one descriptor's memory end.
static uint64_t find_end(const struct fg_plane_place *places, unsigned n_planes, int fd)
{
    uint64_t end = 0;
    for (unsigned i = 0; i < n_planes; i++) {
        const uint64_t own = (uint64_t)places[i].offset + places[i].length;
        if (places[i].fd == fd && own > end)
            end = own;
    }
    return end;
}

// Reading past the end of a file that is mapped raises SIGBUS.
static int check_extent(int fd, uint64_t length, struct fg_error *err)
{
    const off_t size = lseek(fd, 0, SEEK_END);
    if (length > 0 && length <= FG_BUFFER_MAX_BYTES && (size < 0 || (uint64_t)size >= length))
        return 0;
    return fg_fail(err, -EPROTO, "a picture of %llu bytes in a buffer of %lld (at most %u)",
                   (unsigned long long)length, (long long)size, FG_BUFFER_MAX_BYTES);
}

static int map(struct fg_buffer_memory *memory, int fd, uint64_t length, struct fg_error *err)
{
    int code = check_extent(fd, length, err);
    if (code)
        return code;
    void *bytes = mmap(NULL, (size_t)length, PROT_READ, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED)
        return fg_fail(err, -errno, "a buffer cannot be mapped: %s", strerror(errno));
    memory->mappings[memory->n_mappings++] = (struct fg_mapping){fd, bytes, (size_t)length, NULL};
    return 0;
}

static int sync_once(int fd, uint64_t flags)
{
    struct dma_buf_sync sync = {.flags = flags};
    int code;
    do { // dma-buf.h: EAGAIN and EINTR mean again
        code = ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
    } while (code < 0 && (errno == EAGAIN || errno == EINTR));
    return code < 0 ? -errno : 0;
}

// Ordinary memory does not know the call.
static bool is_dmabuf(int fd)
{
    if (sync_once(fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ) == -ENOTTY)
        return false;
    sync_once(fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
    return true;
}

int fg_buffer_memory_init(struct fg_buffer_memory *memory, const struct fg_plane_place *places,
                          unsigned n_planes, struct fg_error *err)
{
    memory->dmabuf = true;
    for (unsigned i = 0; i < n_planes; i++) {
        const int fd = places[i].fd;
        if (!find_mapping(memory, fd)) {
            int code = map(memory, fd, find_end(places, n_planes, fd), err);
            if (code)
                return code;
            memory->dmabuf = memory->dmabuf && is_dmabuf(fd);
        }
        memory->planes[i] = find_mapping(memory, fd)->bytes + places[i].offset;
    }
    return 0;
}

void fg_buffer_zero(uint8_t *bytes, size_t length, int dmabuf_fd)
{
    if (dmabuf_fd >= 0)
        sync_once(dmabuf_fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE);
    explicit_bzero(bytes, length);
    if (dmabuf_fd >= 0)
        sync_once(dmabuf_fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE);
}

static int wipe(const struct fg_buffer_memory *memory, struct fg_mapping *mapping)
{
    if (!mapping->writable) {
        void *bytes =
            mmap(NULL, mapping->length, PROT_READ | PROT_WRITE, MAP_SHARED, mapping->fd, 0);
        if (bytes == MAP_FAILED)
            return -errno;
        mapping->writable = bytes;
    }
    fg_buffer_zero(mapping->writable, mapping->length, memory->dmabuf ? mapping->fd : -1);
    return 0;
}

int fg_buffer_memory_wipe(struct fg_buffer_memory *memory)
{
    int code = 0;
    for (unsigned i = 0; i < memory->n_mappings; i++) {
        int one = wipe(memory, &memory->mappings[i]);
        code = code ? code : one;
    }
    return code;
}

void fg_buffer_memory_finish(struct fg_buffer_memory *memory)
{
    for (unsigned i = 0; i < memory->n_mappings; i++) {
        munmap(memory->mappings[i].bytes, memory->mappings[i].length);
        if (memory->mappings[i].writable)
            munmap(memory->mappings[i].writable, memory->mappings[i].length);
    }
    *memory = (struct fg_buffer_memory){0};
}
