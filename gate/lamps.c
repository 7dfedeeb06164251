// SPDX-License-Identifier: Apache-2.0
#include "gate/lamps.h"

#define NS_PER_MS UINT64_C(1000000)

// On for the first on_ms of each period_ms, until until_ms (0: for ever). on_ms 0: never on.
struct beat {
    unsigned on_ms, period_ms, until_ms;
};

#define STEADY                                                                                     \
    {                                                                                              \
        1, 1, 0                                                                                    \
    }

static const struct pattern {
    unsigned length_ms; // 0: until another comes
    struct beat red, green, buzzer;
} patterns[FG_SIGNS] = {
    [FG_SIGN_CLOSED] = {.red = STEADY},
    [FG_SIGN_OPEN] = {.green = STEADY},
    [FG_SIGN_EMERGENCY] = {.green = STEADY, .buzzer = {200, 1000, 0}},
    [FG_SIGN_RETRY] = {1000, .red = {250, 500, 0}, .green = {250, 500, 0}},
    [FG_SIGN_DENY] = {1500, .red = {150, 300, 0}, .buzzer = {150, 300, 900}},
    [FG_SIGN_FALLBACK] = {3000, .red = {500, 1000, 0}, .buzzer = {800, 3000, 0}},
    [FG_SIGN_ALARM] = {3000, .red = {250, 500, 0}, .buzzer = {250, 500, 0}},
};

static bool is_on(const struct beat *beat, uint64_t shown_ns)
{
    uint64_t ms = shown_ns / NS_PER_MS;
    if (beat->on_ms == 0 || (beat->until_ms > 0 && ms >= beat->until_ms))
        return false;
    return ms % beat->period_ms < beat->on_ms;
}

struct fg_lamps fg_sign_lamps(enum fg_sign sign, uint64_t shown_ns)
{
    const struct pattern *p = &patterns[sign];
    return (struct fg_lamps){is_on(&p->red, shown_ns), is_on(&p->green, shown_ns),
                             is_on(&p->buzzer, shown_ns)};
}

uint64_t fg_sign_length_ns(enum fg_sign sign)
{
    unsigned ms = patterns[sign].length_ms;
    return ms > 0 ? ms * NS_PER_MS : UINT64_MAX;
}

static uint64_t next_of(const struct beat *beat, uint64_t ms)
{
    if (beat->on_ms == 0 || beat->on_ms == beat->period_ms)
        return UINT64_MAX;
    if (beat->until_ms > 0 && ms >= beat->until_ms)
        return UINT64_MAX;
    uint64_t begun = ms - ms % beat->period_ms;
    return begun + (ms - begun < beat->on_ms ? beat->on_ms : beat->period_ms);
}

uint64_t fg_sign_next_ns(enum fg_sign sign, uint64_t shown_ns)
{
    const struct pattern *p = &patterns[sign];
    const struct beat *const beats[] = {&p->red, &p->green, &p->buzzer};
    uint64_t ms = shown_ns / NS_PER_MS, next = UINT64_MAX;
    for (unsigned i = 0; i < 3; i++) {
        uint64_t one = next_of(beats[i], ms);
        next = one < next ? one : next;
    }
    if (p->length_ms > 0 && p->length_ms < next)
        next = p->length_ms;
    return next == UINT64_MAX ? next : next * NS_PER_MS;
}
