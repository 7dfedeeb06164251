// SPDX-License-Identifier: Apache-2.0
#include "pipeline/zone.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define ROUNDING 1e-9 // 0.3 + 0.7 is within the picture

static int read_numbers(const char *text, double ret[4])
{
    for (int i = 0; i < 4; i++) {
        char *end;
        ret[i] = strtod(text, &end);
        if (end == text || !isfinite(ret[i]))
            return -EINVAL;
        text = end;
    }
    while (*text == ' ')
        text++;
    return *text ? -EINVAL : 0;
}

int fg_zone_read(const char *text, struct fg_zone *ret, struct fg_error *err)
{
    double n[4];
    if (read_numbers(text, n) < 0)
        return fg_fail(err, -EINVAL, "must be four numbers: x y width height, as 0.25 0 0.5 1");
    if (!(n[0] >= 0 && n[1] >= 0 && n[2] > 0 && n[3] > 0 && n[0] + n[2] <= 1 + ROUNDING &&
          n[1] + n[3] <= 1 + ROUNDING))
        return fg_fail(err, -EINVAL,
                       "must lie within the picture: x + width and y + height are "
                       "parts of it, at most 1");
    *ret = (struct fg_zone){n[0], n[1], n[2], n[3]};
    return 0;
}

struct fg_region fg_zone_region(const struct fg_zone *zone, uint32_t width, uint32_t height)
{
    if (!(zone->width > 0 && zone->height > 0))
        return (struct fg_region){0, 0, width, height};
    return (struct fg_region){zone->x * width, zone->y * height, zone->width * width,
                              zone->height * height};
}

bool fg_region_has(const struct fg_region *region, double x, double y)
{
    return x >= region->x && x <= region->x + region->width && y >= region->y &&
           y <= region->y + region->height;
}
