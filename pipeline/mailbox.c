// SPDX-License-Identifier: Apache-2.0
#include "pipeline/mailbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "common/clock.h"

struct fg_mailbox {
    pthread_mutex_t lock;
    pthread_cond_t filled, emptied; // CLOCK_MONOTONIC
    struct fg_frame *frame;         // under lock, as is closed
    bool closed;
    _Atomic uint64_t displaced; // relaxed: a figure for people, it orders nothing
};

static int init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    int code = pthread_condattr_init(&attributes);
    if (code)
        return -code;
    code = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (!code)
        code = pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return -code;
}

static int init_locks(struct fg_mailbox *box)
{
    int code = -pthread_mutex_init(&box->lock, NULL);
    if (code)
        return code;
    code = init_condition(&box->filled);
    if (code)
        goto no_filled;
    code = init_condition(&box->emptied);
    if (code)
        goto no_emptied;
    return 0;
no_emptied:
    pthread_cond_destroy(&box->filled);
no_filled:
    pthread_mutex_destroy(&box->lock);
    return code;
}

int fg_mailbox_create(struct fg_mailbox **ret)
{
    struct fg_mailbox *box = calloc(1, sizeof *box);
    if (!box)
        return -ENOMEM;
    int code = init_locks(box);
    if (code) {
        free(box);
        return code;
    }
    *ret = box;
    return 0;
}

void fg_mailbox_destroy(struct fg_mailbox *box)
{
    if (!box)
        return;
    if (box->frame)
        fg_frame_release(box->frame);
    pthread_cond_destroy(&box->emptied);
    pthread_cond_destroy(&box->filled);
    pthread_mutex_destroy(&box->lock);
    free(box);
}

static void displace(struct fg_mailbox *box, struct fg_frame *displaced)
{
    if (!displaced)
        return;
    atomic_fetch_add_explicit(&box->displaced, 1, memory_order_relaxed);
    fg_frame_release(displaced);
}

void fg_mailbox_drop(struct fg_mailbox *box)
{
    pthread_mutex_lock(&box->lock);
    struct fg_frame *displaced = box->frame;
    box->frame = NULL;
    pthread_mutex_unlock(&box->lock);
    displace(box, displaced);
}

void fg_mailbox_put(struct fg_mailbox *box, struct fg_frame *frame)
{
    struct fg_frame *displaced = frame;
    pthread_mutex_lock(&box->lock);
    if (!box->closed) {
        displaced = box->frame;
        box->frame = frame;
        pthread_cond_signal(&box->filled);
    }
    pthread_mutex_unlock(&box->lock);
    displace(box, displaced);
}

// Under lock, until the box is full (or empty, as `full` says), closed, or the time is over.
static int wait_locked(struct fg_mailbox *box, bool full, int timeout_ms)
{
    pthread_cond_t *condition = full ? &box->filled : &box->emptied;
    struct timespec deadline = fg_deadline(timeout_ms > 0 ? timeout_ms : 0);
    int code = 0;
    while (!box->closed && (box->frame != NULL) != full && code == 0) {
        if (timeout_ms < 0)
            pthread_cond_wait(condition, &box->lock);
        else
            code = pthread_cond_timedwait(condition, &box->lock, &deadline);
    }
    return (box->frame != NULL) == full ? 0 : -code;
}

int fg_mailbox_wait_empty(struct fg_mailbox *box, int timeout_ms)
{
    pthread_mutex_lock(&box->lock);
    int code = wait_locked(box, false, timeout_ms);
    if (box->closed)
        code = -ECANCELED;
    pthread_mutex_unlock(&box->lock);
    return code;
}

int fg_mailbox_take(struct fg_mailbox *box, int timeout_ms, struct fg_frame **ret)
{
    pthread_mutex_lock(&box->lock);
    int code = wait_locked(box, true, timeout_ms);
    if (box->frame) {
        *ret = box->frame;
        box->frame = NULL;
        pthread_cond_signal(&box->emptied);
    } else if (box->closed) {
        code = -ECANCELED;
    }
    pthread_mutex_unlock(&box->lock);
    return code;
}

void fg_mailbox_close(struct fg_mailbox *box)
{
    pthread_mutex_lock(&box->lock);
    box->closed = true;
    pthread_cond_broadcast(&box->filled);
    pthread_cond_broadcast(&box->emptied);
    pthread_mutex_unlock(&box->lock);
}

uint64_t fg_mailbox_displaced(const struct fg_mailbox *box)
{
    return atomic_load_explicit(&box->displaced, memory_order_relaxed);
}
