// SPDX-License-Identifier: Apache-2.0
#include "gate/debounce.h"

#define NS_PER_MS UINT64_C(1000000)

bool fg_debounce_look(struct fg_debounce *d, bool level, bool moved, uint64_t now_ns)
{
    if (level != d->seen || moved) {
        d->seen = level;
        d->seen_ns = now_ns;
    }
    if (d->seen == d->level || now_ns - d->seen_ns < d->ms * NS_PER_MS)
        return false;
    d->level = d->seen;
    return true;
}

uint64_t fg_debounce_due_ns(const struct fg_debounce *d)
{
    return d->seen == d->level ? UINT64_MAX : d->seen_ns + d->ms * NS_PER_MS;
}
