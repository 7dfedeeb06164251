// SPDX-License-Identifier: Apache-2.0
#include "common/stays.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int make_room(struct fg_stays *stays)
{
    if (stays->count < stays->room)
        return 0;
    size_t room = stays->room ? 2 * stays->room : 64;
    struct fg_crossing *crossings = realloc(stays->crossings, room * sizeof *crossings);
    if (!crossings)
        return -ENOMEM;
    stays->crossings = crossings;
    stays->room = room;
    return 0;
}

int fg_stays_add(struct fg_stays *stays, const char *subject, const char *zone, uint64_t t_s,
                 bool in)
{
    if (strlen(subject) >= FG_STAYS_SUBJECT || strlen(zone) >= FG_STAYS_ZONE)
        return -EINVAL;
    int r = make_room(stays);
    if (r < 0)
        return r;
    struct fg_crossing *crossing = &stays->crossings[stays->count];
    *crossing = (struct fg_crossing){.t_s = t_s, .in = in, .place = stays->count++};
    memcpy(crossing->subject, subject, strlen(subject));
    memcpy(crossing->zone, zone, strlen(zone));
    return 0;
}

static int same(const struct fg_crossing *a, const struct fg_crossing *b)
{
    int r = strcmp(a->subject, b->subject);
    return r ? r : strcmp(a->zone, b->zone);
}

static int by_subject(const void *left, const void *right)
{
    const struct fg_crossing *a = left, *b = right;
    int r = same(a, b);
    return r ? r : (a->place > b->place) - (a->place < b->place);
}

void fg_stays_sort(struct fg_stays *stays)
{
    if (stays->count > 0)
        qsort(stays->crossings, stays->count, sizeof *stays->crossings, by_subject);
}

bool fg_stays_next(const struct fg_stays *stays, size_t *at, struct fg_stay *ret)
{
    if (*at >= stays->count)
        return false;
    const struct fg_crossing *first = &stays->crossings[*at], *second = first + 1;
    bool paired = first->in && *at + 1 < stays->count && !second->in && same(first, second) == 0;
    *ret = (struct fg_stay){.subject = first->subject,
                            .zone = first->zone,
                            .came = first->in,
                            .left = paired || !first->in};
    ret->in_s = first->in ? first->t_s : 0;
    ret->out_s = paired ? second->t_s : first->in ? 0 : first->t_s;
    if (paired && ret->out_s > ret->in_s)
        ret->seconds = ret->out_s - ret->in_s;
    *at += paired ? 2 : 1;
    return true;
}

void fg_stays_finish(struct fg_stays *stays)
{
    free(stays->crossings);
    *stays = (struct fg_stays){.count = 0};
}
