// SPDX-License-Identifier: Apache-2.0
#include "matcher/senders.h"

#include <string.h>

static struct fg_sender *find(struct fg_senders *senders, const struct fg_wire_head *head)
{
    struct fg_sender *oldest = &senders->senders[0];
    for (unsigned i = 0; i < FG_SENDERS; i++) {
        struct fg_sender *s = &senders->senders[i];
        if (s->session == head->session && strcmp(s->source, head->source) == 0)
            return s;
        if (s->heard_ns < oldest->heard_ns)
            oldest = s;
    }
    memset(oldest, 0, sizeof *oldest);
    memcpy(oldest->source, head->source, sizeof oldest->source);
    oldest->session = head->session;
    return oldest;
}

bool fg_senders_hear(struct fg_senders *senders, const struct fg_wire_message *message,
                     uint64_t now_ns)
{
    const struct fg_wire_head *head = &message->head;
    struct fg_sender *s = find(senders, head);
    s->heard_ns = now_ns;
    if (s->received > 0 && head->sequence <= s->sequence) {
        s->repeated++;
        senders->repeated++;
        return false;
    }
    uint64_t lost = s->received > 0 ? head->sequence - s->sequence - 1 : 0;
    s->received++;
    s->lost += lost;
    senders->lost += lost;
    s->sequence = head->sequence;
    memcpy(s->lane, head->lane, sizeof s->lane);
    if (head->type == FG_WIRE_BEAT) {
        s->has_beat = true;
        s->beat = message->beat;
    }
    return true;
}
