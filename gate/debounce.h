// SPDX-License-Identifier: Apache-2.0
// A level counts when it has been there, unmoved, for a while. Pure: time is an argument.
#ifndef FG_DEBOUNCE_H
#define FG_DEBOUNCE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fg_debounce { // starts as {.ms = M}: off
    uint32_t ms;
    bool level;       // what counts
    bool seen;        // what was seen last
    uint64_t seen_ns; // since when
};

// `moved`: there were edges since the last look, so that the level was not there all the time.
// True: `level` has changed.
bool fg_debounce_look(struct fg_debounce *d, bool level, bool moved, uint64_t now_ns);

// When to look again for what is seen to count; UINT64_MAX: it counts.
uint64_t fg_debounce_due_ns(const struct fg_debounce *d);

#ifdef __cplusplus
}
#endif
#endif
