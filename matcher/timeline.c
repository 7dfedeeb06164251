// SPDX-License-Identifier: Apache-2.0
#include "matcher/timeline.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

static void put(struct fg_timeline *t, uint32_t at, struct fg_due due)
{
    t->heap[at] = due;
    *t->place(t->context, due.slot) = at;
}

static void rise(struct fg_timeline *t, uint32_t at, struct fg_due due)
{
    for (; at > 0 && t->heap[(at - 1) / 2].time_s > due.time_s; at = (at - 1) / 2)
        put(t, at, t->heap[(at - 1) / 2]);
    put(t, at, due);
}

static void sink(struct fg_timeline *t, uint32_t at, struct fg_due due)
{
    for (uint32_t child; (child = 2 * at + 1) < t->count; at = child) {
        if (child + 1 < t->count && t->heap[child + 1].time_s < t->heap[child].time_s)
            child++;
        if (t->heap[child].time_s >= due.time_s)
            break;
        put(t, at, t->heap[child]);
    }
    put(t, at, due);
}

static void settle(struct fg_timeline *t, uint32_t at, struct fg_due due)
{
    if (at > 0 && t->heap[(at - 1) / 2].time_s > due.time_s)
        rise(t, at, due);
    else
        sink(t, at, due);
}

int fg_timeline_reserve(struct fg_timeline *timeline, uint32_t slots)
{
    uint32_t room = timeline->room ? timeline->room : 64;
    while (room < slots)
        room *= 2;
    if (room == timeline->room)
        return 0;
    struct fg_due *heap = realloc(timeline->heap, room * sizeof *heap);
    if (!heap)
        return -ENOMEM;
    timeline->heap = heap;
    timeline->room = room;
    return 0;
}

static void drop(struct fg_timeline *t, uint32_t at)
{
    struct fg_due last = t->heap[--t->count];
    *t->place(t->context, t->heap[at].slot) = FG_NOT_WAITING;
    if (at < t->count)
        settle(t, at, last);
}

void fg_timeline_set(struct fg_timeline *timeline, uint32_t slot, uint64_t time_s)
{
    uint32_t at = *timeline->place(timeline->context, slot);
    struct fg_due due = {time_s, slot};
    if (time_s == UINT64_MAX && at != FG_NOT_WAITING)
        drop(timeline, at);
    else if (time_s != UINT64_MAX && at != FG_NOT_WAITING)
        settle(timeline, at, due);
    else if (time_s != UINT64_MAX)
        rise(timeline, timeline->count++, due);
}

void fg_timeline_clear(struct fg_timeline *timeline)
{
    free(timeline->heap);
    timeline->heap = NULL;
    timeline->count = timeline->room = 0;
}
