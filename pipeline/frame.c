// SPDX-License-Identifier: Apache-2.0
#include "pipeline/frame.h"

#include <assert.h>
#include <errno.h>
#include <linux/dma-buf.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/wipe.h"

struct fg_frame_pool {
    unsigned slots;
    int returned_fd;
    pthread_mutex_t giving_back; // by a holder whose release is not over yet
    _Atomic uint32_t free_mask;
    _Atomic uint32_t references[FG_POOL_SLOTS];
    struct fg_frame frames[FG_POOL_SLOTS];
    void (*wipe)(void *context, unsigned slot); // NULL: no memory of its own
    void *wipe_context;
};

static uint32_t all_slots(unsigned slots)
{
    return slots == 32 ? UINT32_MAX : (UINT32_C(1) << slots) - 1;
}

int fg_frame_pool_create(unsigned slots, struct fg_frame_pool **ret)
{
    if (slots < 1 || slots > FG_POOL_SLOTS)
        return -EINVAL;
    struct fg_frame_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return -ENOMEM;
    pool->returned_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (pool->returned_fd < 0) {
        int code = -errno;
        free(pool);
        return code;
    }
    int code = pthread_mutex_init(&pool->giving_back, NULL);
    if (code) {
        close(pool->returned_fd);
        free(pool);
        return -code;
    }
    pool->slots = slots;
    atomic_init(&pool->free_mask, all_slots(slots));
    for (unsigned i = 0; i < slots; i++) {
        struct fg_frame *frame = &pool->frames[i];
        frame->pool = pool;
        frame->slot = i;
        for (unsigned p = 0; p < 3; p++)
            frame->planes[p].dmabuf_fd = -1;
    }
    *ret = pool;
    return 0;
}

void fg_frame_pool_destroy(struct fg_frame_pool *pool)
{
    if (!pool)
        return;
    // Acquire: pairs with the release in give_back, so that the last holder's reads are over.
    uint32_t mask = atomic_load_explicit(&pool->free_mask, memory_order_acquire);
    assert(mask == all_slots(pool->slots));
    (void)mask;
    // The last holder set its bit and may still have to tell so: it needs the pool until then.
    pthread_mutex_lock(&pool->giving_back);
    pthread_mutex_unlock(&pool->giving_back);
    pthread_mutex_destroy(&pool->giving_back);
    close(pool->returned_fd);
    free(pool);
}

struct fg_frame *fg_frame_pool_slot(struct fg_frame_pool *pool, unsigned slot)
{
    return slot < pool->slots ? &pool->frames[slot] : NULL;
}

void fg_frame_pool_set_wipe(struct fg_frame_pool *pool, void (*wipe)(void *context, unsigned slot),
                            void *context)
{
    pool->wipe = wipe;
    pool->wipe_context = context;
}

struct fg_frame *fg_frame_pool_take(struct fg_frame_pool *pool)
{
    uint64_t count;
    // Drained before the mask is looked at: a slot that comes back later makes the fd readable
    // again, so a producer that finds nothing here and polls cannot miss it.
    ssize_t got = read(pool->returned_fd, &count, sizeof count);
    (void)got; // EAGAIN: nothing came back

    // Acquire: pairs with the release in give_back; the holder's reads happen before our writes.
    uint32_t mask = atomic_load_explicit(&pool->free_mask, memory_order_acquire);
    if (!mask)
        return NULL;
    unsigned slot = (unsigned)__builtin_ctz(mask);
    // Relaxed: only this thread clears bits, and the load above has acquired the slot already.
    atomic_fetch_and_explicit(&pool->free_mask, ~(UINT32_C(1) << slot), memory_order_relaxed);
    // Relaxed: the frame is still private; whatever hands it on publishes it.
    atomic_store_explicit(&pool->references[slot], 1, memory_order_relaxed);
    return &pool->frames[slot];
}

int fg_frame_pool_fd(const struct fg_frame_pool *pool)
{
    return pool->returned_fd;
}

int fg_frame_pool_wait_whole(struct fg_frame_pool *pool, int timeout_ms)
{
    const uint64_t end = fg_monotonic_ns() + (uint64_t)timeout_ms * 1000000u;
    uint64_t count;
    // Acquire: pairs with the release in give_back; the holders' reads are over.
    while (atomic_load_explicit(&pool->free_mask, memory_order_acquire) != all_slots(pool->slots)) {
        uint64_t now = fg_monotonic_ns();
        if (now >= end)
            return -ETIMEDOUT;
        struct pollfd fd = {.fd = pool->returned_fd, .events = POLLIN};
        poll(&fd, 1, (int)((end - now) / 1000000u) + 1);
        ssize_t got = read(pool->returned_fd, &count, sizeof count);
        (void)got; // EAGAIN: nothing came back
    }
    return 0;
}

static void give_back(struct fg_frame_pool *pool, unsigned slot)
{
    const uint64_t one = 1;
    pthread_mutex_lock(&pool->giving_back);
    // Release: pairs with the acquire in fg_frame_pool_take and fg_frame_pool_destroy.
    atomic_fetch_or_explicit(&pool->free_mask, UINT32_C(1) << slot, memory_order_release);
    ssize_t put = write(pool->returned_fd, &one, sizeof one);
    (void)put; // cannot fail short of 2^64 - 2 slots unread
    pthread_mutex_unlock(&pool->giving_back);
}

void fg_frame_hold(struct fg_frame *frame)
{
    if (!frame->pool)
        return;
    // Relaxed: the caller has a reference already, nothing is published by a second one.
    uint32_t before =
        atomic_fetch_add_explicit(&frame->pool->references[frame->slot], 1, memory_order_relaxed);
    assert(before > 0);
    (void)before;
}

void fg_frame_release(struct fg_frame *frame)
{
    struct fg_frame_pool *pool = frame->pool;
    if (!pool)
        return;
    unsigned slot = frame->slot;
    // Release: our reads come before; acquire, paired with it in the other holders' calls: the
    // last one sees them all done before it gives the slot back.
    uint32_t before = atomic_fetch_sub_explicit(&pool->references[slot], 1, memory_order_acq_rel);
    assert(before > 0);
    if (before != 1)
        return;
    if (pool->wipe && fg_wipes())
        pool->wipe(pool->wipe_context, slot);
    give_back(pool, slot);
}

// The first plane of those that share a dma-buf; NV12's two lie in one.
static bool is_first_of_buffer(const struct fg_frame *frame, unsigned plane)
{
    for (unsigned i = 0; i < plane; i++)
        if (frame->planes[i].dmabuf_fd == frame->planes[plane].dmabuf_fd)
            return false;
    return frame->planes[plane].dmabuf_fd >= 0;
}

static int sync_planes(const struct fg_frame *frame, uint64_t flags)
{
    for (unsigned i = 0; i < frame->n_planes; i++) {
        struct dma_buf_sync sync = {.flags = flags | DMA_BUF_SYNC_READ};
        int code = -1;
        if (!is_first_of_buffer(frame, i))
            continue;
        do { // dma-buf.h: EAGAIN and EINTR mean again
            code = ioctl(frame->planes[i].dmabuf_fd, DMA_BUF_IOCTL_SYNC, &sync);
        } while (code < 0 && (errno == EAGAIN || errno == EINTR));
        if (code < 0)
            return -errno;
    }
    return 0;
}

int fg_frame_read_begin(const struct fg_frame *frame)
{
    return sync_planes(frame, DMA_BUF_SYNC_START);
}

void fg_frame_read_end(const struct fg_frame *frame)
{
    sync_planes(frame, DMA_BUF_SYNC_END); // nothing is left to be done about a failure
}

static int check_plane(const struct fg_frame *frame, unsigned index, uint64_t row_bytes,
                       uint64_t rows, struct fg_error *err)
{
    const struct fg_plane *plane = &frame->planes[index];
    if (!plane->data)
        return fg_fail(err, -EINVAL, "plane %u of the frame has no memory", index);
    if (plane->stride < row_bytes)
        return fg_fail(err, -EINVAL, "plane %u of the frame: stride %u is under a row's %llu bytes",
                       index, plane->stride, (unsigned long long)row_bytes);
    uint64_t need = (rows - 1) * plane->stride + row_bytes;
    if (plane->length < need)
        return fg_fail(err, -EINVAL, "plane %u of the frame: %u bytes where %ux%u need %llu", index,
                       plane->length, frame->width, frame->height, (unsigned long long)need);
    return 0;
}

static int check_chroma(const struct fg_frame *frame, struct fg_error *err)
{
    unsigned x = frame->chroma_shift_x, y = frame->chroma_shift_y;
    if (x > 2 || y > 2)
        return fg_fail(err, -EINVAL, "chroma shifts %u, %u of the frame are over 2", x, y);
    uint64_t width = ((uint64_t)frame->width + (1u << x) - 1) >> x;
    uint64_t height = ((uint64_t)frame->height + (1u << y) - 1) >> y;
    int code = check_plane(frame, 1, width, height, err);
    return code ? code : check_plane(frame, 2, width, height, err);
}

static unsigned plane_count(uint32_t fourcc)
{
    switch (fourcc) {
    case FG_FOURCC_YUV:
        return 3;
    case FG_FOURCC_NV12:
        return 2;
    case FG_FOURCC_GREY:
    case FG_FOURCC_RGB:
    case FG_FOURCC_YUYV:
    case FG_FOURCC_UYVY:
    case FG_FOURCC_MJPG:
        return 1;
    default:
        return 0;
    }
}

static uint64_t first_row_bytes(const struct fg_frame *frame)
{
    const uint64_t width = frame->width;
    switch (frame->fourcc) {
    case FG_FOURCC_RGB:
        return 3 * width;
    case FG_FOURCC_YUYV:
    case FG_FOURCC_UYVY:
        return (width + 1) / 2 * 4;
    default:
        return width;
    }
}

static int check_jpeg(const struct fg_frame *frame, struct fg_error *err)
{
    if (frame->planes[0].data && frame->planes[0].length >= 4 && frame->jpeg)
        return 0;
    return fg_fail(err, -EINVAL, "the frame's JPEG picture is missing");
}

int fg_frame_check(const struct fg_frame *frame, struct fg_error *err)
{
    const unsigned n_planes = plane_count(frame->fourcc);
    if (n_planes == 0)
        return fg_fail(err, -EINVAL, "frame format 0x%08x is not known here", frame->fourcc);
    if (!frame->width || !frame->height)
        return fg_fail(err, -EINVAL, "the frame's size is %ux%u", frame->width, frame->height);
    if (frame->n_planes != n_planes)
        return fg_fail(err, -EINVAL, "the frame has %u planes where its format has %u",
                       frame->n_planes, n_planes);
    if (frame->fourcc == FG_FOURCC_MJPG)
        return check_jpeg(frame, err);
    int code = check_plane(frame, 0, first_row_bytes(frame), frame->height, err);
    if (code == 0 && frame->fourcc == FG_FOURCC_YUV)
        code = check_chroma(frame, err);
    if (code == 0 && frame->fourcc == FG_FOURCC_NV12)
        code = check_plane(frame, 1, ((uint64_t)frame->width + 1) / 2 * 2,
                           ((uint64_t)frame->height + 1) / 2, err);
    return code;
}
