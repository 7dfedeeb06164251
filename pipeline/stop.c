// SPDX-License-Identifier: Apache-2.0
#include "pipeline/stop.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct fg_stop {
    atomic_bool set;
    int fd;
};

int fg_stop_create(struct fg_stop **ret)
{
    struct fg_stop *stop = calloc(1, sizeof *stop);
    if (!stop)
        return -ENOMEM;
    stop->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (stop->fd < 0) {
        int code = -errno;
        free(stop);
        return code;
    }
    *ret = stop;
    return 0;
}

void fg_stop_destroy(struct fg_stop *stop)
{
    if (!stop)
        return;
    close(stop->fd);
    free(stop);
}

void fg_stop_set(struct fg_stop *stop)
{
    const uint64_t one = 1;
    int saved = errno; // we may be in a signal handler
    // Relaxed: nothing else is handed over by it, and the eventfd wakes whoever sleeps.
    atomic_store_explicit(&stop->set, true, memory_order_relaxed);
    ssize_t put = write(stop->fd, &one, sizeof one);
    (void)put; // stays readable once written
    errno = saved;
}

bool fg_stop_is_set(const struct fg_stop *stop)
{
    return stop && atomic_load_explicit(&stop->set, memory_order_relaxed);
}

int fg_stop_fd(const struct fg_stop *stop)
{
    return stop ? stop->fd : -1;
}

bool fg_stop_sleep(const struct fg_stop *stop, int ms)
{
    struct pollfd fd = {.fd = fg_stop_fd(stop), .events = POLLIN};
    poll(&fd, 1, ms);
    return fg_stop_is_set(stop);
}
