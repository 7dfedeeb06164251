// SPDX-License-Identifier: Apache-2.0
#include "matcher/drain.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/wipe.h"

#define HIGH_WATER 64
#define BURST      256 // messages between two looks at stop_fd
#define PLACES     (FG_DRAIN_PROBES + FG_DRAIN_NOTICES)

struct place {
    uint64_t arrival; // 0: free
    struct fg_wire_message message;
};

struct fg_drain {
    struct fg_socket *socket; // of the thread
    pthread_t thread;
    bool started;
    int wake_fd, stop_fd;
    pthread_mutex_t lock; // over all below; held for a copy or a scan, never while waiting
    uint64_t arrivals;
    struct fg_drain_counters counters;
    struct fg_senders senders;
    struct place places[PLACES]; // probes first, then the others
};

static void place_free(struct place *place)
{
    place->arrival = 0;
    // All of it: what was decoded into the same room before leaves the end of its vector.
    explicit_bzero(&place->message, sizeof place->message);
}

// A free place of places[from..to), or the oldest one there, whose message is lost.
static struct place *place_of(struct fg_drain *d, unsigned from, unsigned to, uint64_t *lost)
{
    struct place *oldest = &d->places[from];
    for (unsigned i = from; i < to; i++) {
        if (d->places[i].arrival == 0)
            return &d->places[i];
        if (d->places[i].arrival < oldest->arrival)
            oldest = &d->places[i];
    }
    ++*lost;
    place_free(oldest);
    return oldest;
}

static struct place *place_of_probe(struct fg_drain *d, const struct fg_wire_message *m)
{
    for (unsigned i = 0; i < FG_DRAIN_PROBES; i++) {
        const struct fg_wire_message *there = &d->places[i].message;
        if (d->places[i].arrival != 0 && there->probe.track == m->probe.track &&
            there->head.session == m->head.session &&
            strcmp(there->head.source, m->head.source) == 0 &&
            strcmp(there->head.lane, m->head.lane) == 0) {
            d->counters.displaced++;
            return &d->places[i];
        }
    }
    return place_of(d, 0, FG_DRAIN_PROBES, &d->counters.displaced);
}

static void wake(struct fg_drain *d)
{
    uint64_t one = 1;
    ssize_t written = write(d->wake_fd, &one, sizeof one);
    (void)written; // EAGAIN: the counter is full, so the reader will wake
}

// Under the lock.
static void keep(struct fg_drain *d, const struct fg_wire_message *m)
{
    if (!fg_senders_hear(&d->senders, m, fg_monotonic_ns()) || m->head.type == FG_WIRE_BEAT ||
        m->head.type == FG_WIRE_BLANK)
        return;
    struct place *place = m->head.type == FG_WIRE_PROBE
                              ? place_of_probe(d, m)
                              : place_of(d, FG_DRAIN_PROBES, PLACES, &d->counters.overrun);
    place->message = *m;
    place->arrival = ++d->arrivals;
    wake(d);
}

static int read_message(const struct fg_message *parts, struct fg_wire_message *ret)
{
    char topic[FG_WIRE_NAME];
    if (parts->count != 2)
        return -EBADMSG;
    int r = fg_wire_decode(parts->parts[1].data, parts->parts[1].length, ret, NULL);
    if (r < 0)
        return r;
    size_t length = fg_wire_topic(ret->head.lane, topic);
    bool agrees =
        parts->parts[0].length == length && memcmp(parts->parts[0].data, topic, length) == 0;
    return agrees ? 0 : -EBADMSG;
}

static void on_message(struct fg_drain *d, const struct fg_message *parts,
                       struct fg_wire_message *room)
{
    int r = read_message(parts, room);
    pthread_mutex_lock(&d->lock);
    d->counters.received++;
    if (r == 0)
        keep(d, room);
    else if (r == -ENOMSG)
        d->counters.unknown++;
    else if (r == -EPROTONOSUPPORT)
        d->counters.wrong_version++;
    else
        d->counters.bad++;
    pthread_mutex_unlock(&d->lock);
}

static void *run(void *context)
{
    struct fg_drain *d = context;
    struct fg_wire_message room;
    struct fg_message parts;
    pthread_setname_np(pthread_self(), "drain");
    for (;;) {
        int ready = fg_bus_poll(&d->socket, 1, d->stop_fd, -1);
        if (ready < 0 && ready != -EINTR)
            break;
        if (ready > 0 && (ready & 2))
            break;
        int r = 0;
        for (unsigned i = 0; ready > 0 && i < BURST && r != -EAGAIN; i++) {
            r = fg_socket_receive(d->socket, 0, &parts);
            if (r == 0 || r == -EMSGSIZE) // far too many parts: bad, and counted
                on_message(d, &parts, &room);
        }
        explicit_bzero(&room, sizeof room); // no vector stays while waiting
        if (fg_wipes())
            fg_wipe_stack();
    }
    return NULL;
}

int fg_drain_start(struct fg_bus *bus, const char *endpoint, struct fg_drain **ret,
                   struct fg_error *err)
{
    struct fg_drain *d = calloc(1, sizeof *d);
    if (!d)
        return fg_fail(err, -ENOMEM, "out of memory");
    pthread_mutex_init(&d->lock, NULL);
    d->stop_fd = -1;
    d->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = -errno;
    if (d->wake_fd < 0)
        goto fail;
    d->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r = -errno;
    if (d->stop_fd < 0)
        goto fail;
    r = fg_socket_bind(bus, FG_SOCKET_SUB, endpoint, HIGH_WATER, &d->socket, err);
    if (r == 0)
        r = fg_socket_subscribe(d->socket, "", 0);
    if (r < 0)
        goto stop;
    r = -pthread_create(&d->thread, NULL, run, d);
    if (r < 0)
        goto fail;
    d->started = true;
    *ret = d;
    return 0;
fail:
    fg_fail(err, r, "can't start the probe thread: %s", strerror(-r));
stop:
    fg_drain_stop(d);
    return r;
}

void fg_drain_stop(struct fg_drain *drain)
{
    if (!drain)
        return;
    if (drain->started) {
        uint64_t one = 1;
        ssize_t written = write(drain->stop_fd, &one, sizeof one);
        (void)written; // a fresh eventfd takes a one
        pthread_join(drain->thread, NULL);
    }
    fg_socket_close(drain->socket);
    if (drain->wake_fd >= 0)
        close(drain->wake_fd);
    if (drain->stop_fd >= 0)
        close(drain->stop_fd);
    pthread_mutex_destroy(&drain->lock);
    explicit_bzero(drain, sizeof *drain);
    free(drain);
}

int fg_drain_fd(const struct fg_drain *drain)
{
    return drain->wake_fd;
}

bool fg_drain_take(struct fg_drain *drain, struct fg_wire_message *ret)
{
    struct place *first = NULL;
    pthread_mutex_lock(&drain->lock);
    for (unsigned i = 0; i < PLACES; i++) {
        struct place *place = &drain->places[i];
        if (place->arrival != 0 && (!first || place->arrival < first->arrival))
            first = place;
    }
    if (first) {
        *ret = first->message;
        place_free(first);
    }
    pthread_mutex_unlock(&drain->lock);
    return first != NULL;
}

void fg_drain_counters(struct fg_drain *drain, struct fg_drain_counters *ret)
{
    pthread_mutex_lock(&drain->lock);
    *ret = drain->counters;
    pthread_mutex_unlock(&drain->lock);
}

void fg_drain_senders(struct fg_drain *drain, struct fg_senders *ret)
{
    pthread_mutex_lock(&drain->lock);
    *ret = drain->senders;
    pthread_mutex_unlock(&drain->lock);
}
