// SPDX-License-Identifier: Apache-2.0
// A part of the picture, upright: where people are looked for, or what wakes the lane.
#ifndef FG_ZONE_H
#define FG_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "pipeline/view.h"

#ifdef __cplusplus
extern "C" {
#endif

// In parts of the picture's width and height, 0..1. All zero: the whole picture.
struct fg_zone {
    double x, y, width, height;
};

// "X Y WIDTH HEIGHT", as "0.25 0 0.5 1". -EINVAL: not four numbers, or not within the picture.
int fg_zone_read(const char *text, struct fg_zone *ret, struct fg_error *err);

// The same in pixels of a picture of this size.
struct fg_region fg_zone_region(const struct fg_zone *zone, uint32_t width, uint32_t height);

bool fg_region_has(const struct fg_region *region, double x, double y);

#ifdef __cplusplus
}
#endif
#endif
