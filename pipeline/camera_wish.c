// SPDX-License-Identifier: Apache-2.0
#include "pipeline/camera_wish.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "pipeline/image.h"

#define SEPARATORS      " ,\t"
#define DEFAULT_FORMATS "NV12 YUYV UYVY MJPEG GREY"

static const struct format {
    const char *name; // in the configuration
    uint32_t fourcc;
} known_formats[] = {
    {"NV12", FG_FOURCC_NV12},  {"YUYV", FG_FOURCC_YUYV}, {"UYVY", FG_FOURCC_UYVY},
    {"MJPEG", FG_FOURCC_MJPG}, {"GREY", FG_FOURCC_GREY},
};
#define N_FORMATS (sizeof known_formats / sizeof known_formats[0])

bool fg_camera_next_word(const char **at, struct fg_word *ret)
{
    const char *start = *at + strspn(*at, SEPARATORS);
    *ret = (struct fg_word){start, strcspn(start, SEPARATORS)};
    *at = start + ret->length;
    return ret->length > 0;
}

uint32_t fg_camera_format(struct fg_word name)
{
    for (size_t i = 0; i < N_FORMATS; i++)
        if (strlen(known_formats[i].name) == name.length &&
            strncasecmp(known_formats[i].name, name.text, name.length) == 0)
            return known_formats[i].fourcc;
    return 0;
}

const char *fg_camera_format_name(uint32_t fourcc)
{
    for (size_t i = 0; i < N_FORMATS; i++)
        if (known_formats[i].fourcc == fourcc)
            return known_formats[i].name;
    return NULL;
}

static int check_formats(const char *formats, struct fg_error *err)
{
    struct fg_word word;
    size_t words = 0;
    for (; fg_camera_next_word(&formats, &word); words++)
        if (!fg_camera_format(word))
            return fg_fail(err, -EINVAL, "'%.*s' is not a camera format: write some of %s",
                           (int)word.length, word.text, DEFAULT_FORMATS);
    return words ? 0 : fg_fail(err, -EINVAL, "no camera format: write some of %s", DEFAULT_FORMATS);
}

int fg_camera_wish_complete(const struct fg_camera_wish *wish, struct fg_camera_wish *ret,
                            struct fg_error *err)
{
    struct fg_camera_wish full = *wish;
    if (!full.formats || !full.formats[0])
        full.formats = DEFAULT_FORMATS;
    if (!full.controls)
        full.controls = "";
    full.width = full.width ? full.width : 1280;
    full.height = full.height ? full.height : 720;
    full.rate = full.rate != 0 ? full.rate : 30;
    full.buffers = full.buffers ? full.buffers : 4;
    full.stall_ms = full.stall_ms ? full.stall_ms : 2000;
    if (full.width > FG_IMAGE_MAX_SIDE || full.height > FG_IMAGE_MAX_SIDE)
        return fg_fail(err, -EINVAL, "%ux%u is over the limit of %u pixels a side", full.width,
                       full.height, FG_IMAGE_MAX_SIDE);
    if (!(full.rate >= 0.1 && full.rate <= 1000))
        return fg_fail(err, -EINVAL, "%g frames a second: give 0.1 to 1000 for a camera",
                       full.rate);
    if (full.buffers < 3 || full.buffers > 16)
        return fg_fail(err, -EINVAL, "%u buffers: give 3 to 16", full.buffers);
    int code = check_formats(full.formats, err);
    if (code == 0)
        *ret = full;
    return code;
}

static bool covers(struct fg_camera_size size, struct fg_camera_size want)
{
    return size.width >= want.width && size.height >= want.height;
}

bool fg_camera_is_usable(struct fg_camera_size size)
{
    return size.width > 0 && size.height > 0 && size.width <= FG_IMAGE_MAX_SIDE &&
           size.height <= FG_IMAGE_MAX_SIDE &&
           (uint64_t)size.width * size.height <= FG_IMAGE_MAX_PIXELS;
}

bool fg_camera_is_nearer(struct fg_camera_size a, struct fg_camera_size b,
                         struct fg_camera_size want)
{
    const uint64_t area_a = (uint64_t)a.width * a.height, area_b = (uint64_t)b.width * b.height;
    if (!fg_camera_is_usable(a) || !fg_camera_is_usable(b))
        return fg_camera_is_usable(a) && !fg_camera_is_usable(b);
    if (covers(a, want) != covers(b, want))
        return covers(a, want);
    return covers(a, want) ? area_a < area_b : area_a > area_b;
}

int fg_camera_assignment(struct fg_word word, struct fg_word *ret_name, double *ret_value,
                         struct fg_error *err)
{
    const char *equals = memchr(word.text, '=', word.length);
    const size_t name_length = equals ? (size_t)(equals - word.text) : 0;
    const size_t length = equals ? word.length - name_length - 1 : 0;
    char number[40] = "", *end = number;
    double value = NAN;
    if (name_length > 0 && length > 0 && length < sizeof number) {
        memcpy(number, equals + 1, length);
        value = strtod(number, &end);
    }
    if (end != number + length || !isfinite(value))
        return fg_fail(err, -EINVAL, "'%.*s' is no control: write NAME=NUMBER", (int)word.length,
                       word.text);
    *ret_name = (struct fg_word){word.text, name_length};
    *ret_value = value;
    return 0;
}
