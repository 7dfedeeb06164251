// SPDX-License-Identifier: Apache-2.0
#include "pipeline/libcamera_inbox.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "pipeline/frame.h"

struct fg_libcamera_inbox {
    int fd;
    atomic_bool gone;
    pthread_mutex_t lock; // for what follows
    unsigned first, count;
    struct entry {
        unsigned buffer;
        uint64_t t_ns;
    } entries[FG_POOL_SLOTS]; // a ring; a buffer is in it once at most
};

int fg_libcamera_inbox_create(struct fg_libcamera_inbox **ret)
{
    struct fg_libcamera_inbox *inbox = calloc(1, sizeof *inbox);
    if (!inbox)
        return -ENOMEM;
    inbox->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (inbox->fd < 0) {
        int code = -errno;
        free(inbox);
        return code;
    }
    pthread_mutex_init(&inbox->lock, NULL);
    *ret = inbox;
    return 0;
}

void fg_libcamera_inbox_destroy(struct fg_libcamera_inbox *inbox)
{
    if (!inbox)
        return;
    pthread_mutex_destroy(&inbox->lock);
    close(inbox->fd);
    free(inbox);
}

static void ring(const struct fg_libcamera_inbox *inbox)
{
    const uint64_t one = 1;
    ssize_t put = write(inbox->fd, &one, sizeof one);
    (void)put; // cannot fail short of 2^64 - 2 calls unread
}

void fg_libcamera_inbox_put(struct fg_libcamera_inbox *inbox, unsigned buffer)
{
    const uint64_t now = fg_monotonic_ns();
    pthread_mutex_lock(&inbox->lock);
    assert(inbox->count < FG_POOL_SLOTS);
    inbox->entries[(inbox->first + inbox->count++) % FG_POOL_SLOTS] = (struct entry){buffer, now};
    pthread_mutex_unlock(&inbox->lock);
    ring(inbox);
}

void fg_libcamera_inbox_tell_gone(struct fg_libcamera_inbox *inbox)
{
    // Relaxed: nothing goes with it, and the eventfd wakes whoever waits.
    atomic_store_explicit(&inbox->gone, true, memory_order_relaxed);
    ring(inbox);
}

bool fg_libcamera_inbox_take(struct fg_libcamera_inbox *inbox, unsigned *ret_buffer,
                             uint64_t *ret_t_ns)
{
    uint64_t rings;
    // Drained before the entries are looked at: what is put later makes it readable again.
    ssize_t got = read(inbox->fd, &rings, sizeof rings);
    (void)got; // EAGAIN: nothing was put
    pthread_mutex_lock(&inbox->lock);
    const bool found = inbox->count > 0;
    if (found) {
        *ret_buffer = inbox->entries[inbox->first].buffer;
        *ret_t_ns = inbox->entries[inbox->first].t_ns;
        inbox->first = (inbox->first + 1) % FG_POOL_SLOTS;
        inbox->count--;
    }
    pthread_mutex_unlock(&inbox->lock);
    return found;
}

bool fg_libcamera_inbox_is_gone(const struct fg_libcamera_inbox *inbox)
{
    return atomic_load_explicit(&inbox->gone, memory_order_relaxed);
}

int fg_libcamera_inbox_fd(const struct fg_libcamera_inbox *inbox)
{
    return inbox->fd;
}
