// SPDX-License-Identifier: Apache-2.0
#include "matcher/desk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct visitor {
    struct fg_request *request;
    size_t peer_length;
    uint8_t peer[FG_DESK_PEER];
};

struct fg_desk {
    const struct fg_control *control;
    fg_desk_answer answer;
    void *context;
    unsigned waiting, subjects;
    struct visitor visitors[FG_DESK_REQUESTS];
    struct fg_change changes[FG_DESK_REQUESTS];
};

int fg_desk_create(const struct fg_control *control, fg_desk_answer answer, void *context,
                   struct fg_desk **ret)
{
    struct fg_desk *desk = calloc(1, sizeof *desk);
    if (!desk)
        return -ENOMEM;
    desk->control = control;
    desk->answer = answer;
    desk->context = context;
    *ret = desk;
    return 0;
}

void fg_desk_destroy(struct fg_desk *desk)
{
    if (!desk)
        return;
    for (unsigned i = 0; i < desk->waiting; i++)
        fg_json_destroy(fg_request_end(desk->visitors[i].request));
    free(desk);
}

static void answer(struct fg_desk *desk, const struct visitor *visitor)
{
    const struct fg_part peer = {visitor->peer, visitor->peer_length};
    desk->answer(desk->context, &peer, fg_request_end(visitor->request));
}

bool fg_desk_full(const struct fg_desk *desk)
{
    return desk->waiting == FG_DESK_REQUESTS || desk->subjects >= FG_DESK_SUBJECTS;
}

bool fg_desk_take(struct fg_desk *desk, const struct fg_part *parts, unsigned count,
                  uint64_t now_ns, uint64_t realtime_s)
{
    if (count == 0 || parts[0].length > FG_DESK_PEER)
        return false;
    if (fg_desk_full(desk))
        fg_desk_commit(desk);
    struct visitor *v = &desk->visitors[desk->waiting];
    v->request = fg_request_read(desk->control, parts + 1, count - 1, now_ns, realtime_s);
    if (!v->request)
        return false;
    v->peer_length = parts[0].length;
    memcpy(v->peer, parts[0].data, v->peer_length);
    const struct fg_change *change = fg_request_change(v->request);
    if (!fg_request_only_reads(v->request)) {
        desk->waiting++;
        desk->subjects += change && change->subjects ? change->count : 1;
        return true;
    }
    struct visitor reader = *v;
    fg_desk_commit(desk);
    fg_request_run(reader.request);
    answer(desk, &reader);
    return true;
}

// The requests' changes, side by side as the gallery takes them. Whoever is to be deleted leaves
// the search first: whatever the disk says, this person is no longer let through.
static unsigned gather(struct fg_desk *desk)
{
    unsigned n = 0;
    for (unsigned i = 0; i < desk->waiting; i++) {
        const struct fg_change *change = fg_request_change(desk->visitors[i].request);
        if (!change)
            continue;
        if (!change->subjects)
            fg_roster_remove(desk->control->roster, change->id);
        desk->changes[n++] = *change;
    }
    return n;
}

void fg_desk_commit(struct fg_desk *desk)
{
    unsigned waiting = desk->waiting, n = gather(desk);
    if (n > 0)
        fg_gallery_apply(desk->control->gallery, desk->changes, n);
    desk->waiting = desk->subjects = 0;
    n = 0;
    for (unsigned i = 0; i < waiting; i++) {
        struct fg_request *request = desk->visitors[i].request;
        struct fg_change *change = fg_request_change(request);
        if (change) {
            *change = desk->changes[n++];
            fg_request_settle(request);
        }
        answer(desk, &desk->visitors[i]);
    }
}
