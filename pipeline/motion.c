// SPDX-License-Identifier: Apache-2.0
#include "pipeline/motion.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/sampler.h"

#define COLUMNS  48u
#define ROWS     27u
#define CELLS    (COLUMNS * ROWS)
#define LEVELS   10           // grey levels that a cell changes by; a sensor's noise is far below 1
#define LEAST    (CELLS / 50) // cells: a person's head at the far end of a lane is more
#define EVERY_NS 190000000u   // a little under a fifth of a second: frames are not on its beat
#define AGAIN_NS 1000000000u

struct fg_motion {
    struct fg_zone zone;
    struct fg_sampler *sampler;
    uint8_t cells[2][CELLS]; // of the look before, and of this one
    bool has_last;
    uint32_t width, height; // of the last frame
    uint64_t t_look_ns, t_told_ns;
};

int fg_motion_create(const struct fg_zone *zone, struct fg_motion **ret)
{
    struct fg_motion *m = calloc(1, sizeof *m);
    if (!m)
        return -ENOMEM;
    m->zone = *zone;
    if (fg_sampler_create(&m->sampler) < 0) {
        free(m);
        return -ENOMEM;
    }
    *ret = m;
    return 0;
}

void fg_motion_destroy(struct fg_motion *motion)
{
    if (!motion)
        return;
    fg_sampler_destroy(motion->sampler);
    free(motion);
}

void fg_motion_forget(struct fg_motion *motion)
{
    motion->has_last = false;
    motion->t_look_ns = motion->t_told_ns = 0;
}

static bool has_moved(const struct fg_motion *m)
{
    int sum = 0;
    unsigned changed = 0;
    for (unsigned i = 0; i < CELLS; i++)
        sum += m->cells[1][i] - m->cells[0][i];
    const int shift = sum / (int)CELLS;
    for (unsigned i = 0; i < CELLS; i++)
        changed += abs(m->cells[1][i] - m->cells[0][i] - shift) > LEVELS;
    return changed >= LEAST;
}

int fg_motion_look(struct fg_motion *motion, const struct fg_frame *frame, uint64_t now_ns)
{
    struct fg_motion *m = motion;
    if (m->has_last && now_ns - m->t_look_ns < EVERY_NS)
        return 0;
    const struct fg_region zone = fg_zone_region(&m->zone, frame->width, frame->height);
    int code = fg_sample_grey(m->sampler, frame, zone.x, zone.y, zone.width, zone.height, COLUMNS,
                              ROWS, m->cells[1]);
    if (code < 0)
        return code;
    const bool same = m->has_last && frame->width == m->width && frame->height == m->height;
    const bool moves = same && has_moved(m);
    memcpy(m->cells[0], m->cells[1], CELLS);
    m->has_last = true;
    m->width = frame->width;
    m->height = frame->height;
    m->t_look_ns = now_ns;
    if (!moves || (m->t_told_ns && now_ns - m->t_told_ns < AGAIN_NS))
        return 0;
    m->t_told_ns = now_ns;
    return 1;
}
