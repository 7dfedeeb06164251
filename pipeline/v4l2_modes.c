// SPDX-License-Identifier: Apache-2.0
#include "pipeline/v4l2_modes.h"

#include <errno.h>
#include <linux/videodev2.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "pipeline/camera_wish.h"

// Drivers end their lists with EINVAL; one that never does is left here.
#define MAX_FORMATS 64u
#define MAX_LISTED  512u

static const struct known {
    uint32_t pixelformat, fourcc;
} known[] = {
    {V4L2_PIX_FMT_NV12, FG_FOURCC_NV12},  {V4L2_PIX_FMT_NV12M, FG_FOURCC_NV12},
    {V4L2_PIX_FMT_YUYV, FG_FOURCC_YUYV},  {V4L2_PIX_FMT_UYVY, FG_FOURCC_UYVY},
    {V4L2_PIX_FMT_MJPEG, FG_FOURCC_MJPG}, {V4L2_PIX_FMT_JPEG, FG_FOURCC_MJPG},
    {V4L2_PIX_FMT_GREY, FG_FOURCC_GREY},
};
#define N_KNOWN (sizeof known / sizeof known[0])

uint32_t fg_v4l2_fourcc(uint32_t pixelformat)
{
    for (size_t i = 0; i < N_KNOWN; i++)
        if (known[i].pixelformat == pixelformat)
            return known[i].fourcc;
    return 0;
}

// ---- sizes --------------------------------------------------------------------------------------

// The least of min, min + step ... that is not under want; max when there is none.
static uint32_t step_up(uint32_t want, uint32_t min, uint32_t max, uint32_t step)
{
    if (want <= min)
        return min;
    if (want >= max)
        return max;
    uint64_t steps = step ? ((uint64_t)want - min + step - 1) / step : 0;
    uint64_t value = step ? min + steps * step : want;
    return value > max ? max : (uint32_t)value;
}

static struct fg_camera_size step_size(const struct v4l2_frmsizeenum *answer,
                                       struct fg_camera_size want)
{
    const struct v4l2_frmsize_stepwise *range = &answer->stepwise;
    const bool continuous = answer->type == V4L2_FRMSIZE_TYPE_CONTINUOUS;
    return (struct fg_camera_size){
        step_up(want.width, range->min_width, range->max_width, continuous ? 1 : range->step_width),
        step_up(want.height, range->min_height, range->max_height,
                continuous ? 1 : range->step_height)};
}

// What a camera that lists no sizes is asked for is what is wanted. 0, -ENODEV; *ret may be
// unusable.
static int find_size(const struct fg_v4l2_device *device, uint32_t pixelformat,
                     struct fg_camera_size want, struct fg_camera_size *ret)
{
    struct fg_camera_size best = {0, 0};
    for (uint32_t i = 0; i < MAX_LISTED; i++) {
        struct v4l2_frmsizeenum answer = {.index = i, .pixel_format = pixelformat};
        int code = fg_v4l2_ask(device, VIDIOC_ENUM_FRAMESIZES, &answer);
        if (code == -ENODEV)
            return code;
        if (code && i == 0)
            best = want;
        if (code)
            break;
        const bool listed = answer.type == V4L2_FRMSIZE_TYPE_DISCRETE;
        struct fg_camera_size size = {answer.discrete.width, answer.discrete.height};
        if (!listed)
            size = step_size(&answer, want);
        if (fg_camera_is_nearer(size, best, want))
            best = size;
        if (!listed)
            break;
    }
    *ret = best;
    return 0;
}

// ---- rates --------------------------------------------------------------------------------------

// How many times off; infinite for a rate that cannot be.
static double distance(double rate, double want)
{
    return rate > 0 && isfinite(rate) ? fabs(log(rate / want)) : INFINITY;
}

static void consider(struct fg_v4l2_mode *mode, struct v4l2_fract interval, double want)
{
    if (!interval.numerator || !interval.denominator)
        return;
    const double rate = (double)interval.denominator / interval.numerator;
    const double old = distance(mode->rate, want), new = distance(rate, want);
    if (new < old || (new == old &&rate > mode->rate)) {
        mode->rate = rate;
        mode->numerator = interval.numerator;
        mode->denominator = interval.denominator;
    }
}

static struct v4l2_fract interval_of(double rate)
{
    return (struct v4l2_fract){1000, (uint32_t)(rate * 1000 + .5)};
}

// A range of intervals: what is wanted if it lies inside, else the nearer end.
static void consider_range(struct fg_v4l2_mode *mode, const struct v4l2_frmival_stepwise *range,
                           double want)
{
    const struct v4l2_fract wanted = interval_of(want);
    if (!range->min.denominator || !range->max.denominator)
        return;
    const double interval = (double)wanted.numerator / wanted.denominator;
    if (interval >= (double)range->min.numerator / range->min.denominator &&
        interval <= (double)range->max.numerator / range->max.denominator)
        consider(mode, wanted, want);
    consider(mode, range->min, want);
    consider(mode, range->max, want);
}

// Fills the mode's rate and interval. A camera that lists none is asked for what is wanted, since
// its own may be slow, and its rate stays unknown. 0, -ENODEV.
static int find_rate(const struct fg_v4l2_device *device, struct fg_v4l2_mode *mode, double want)
{
    for (uint32_t i = 0; i < MAX_LISTED; i++) {
        struct v4l2_frmivalenum answer = {.index = i,
                                          .pixel_format = mode->pixelformat,
                                          .width = mode->width,
                                          .height = mode->height};
        int code = fg_v4l2_ask(device, VIDIOC_ENUM_FRAMEINTERVALS, &answer);
        if (code == -ENODEV)
            return code;
        if (code)
            break;
        if (answer.type != V4L2_FRMIVAL_TYPE_DISCRETE) {
            consider_range(mode, &answer.stepwise, want);
            break;
        }
        consider(mode, answer.discrete, want);
    }
    if (mode->rate == 0) {
        mode->numerator = interval_of(want).numerator;
        mode->denominator = interval_of(want).denominator;
    }
    return 0;
}

// ---- formats ------------------------------------------------------------------------------------

struct offer {
    uint32_t formats[MAX_FORMATS]; // the driver's
    unsigned n_formats;
    struct fg_v4l2_mode modes[N_KNOWN]; // what can be taken, the best format first
    unsigned n_modes;
};

static int list_formats(const struct fg_v4l2_device *device, struct offer *offer)
{
    for (uint32_t i = 0; i < MAX_FORMATS; i++) {
        struct v4l2_fmtdesc answer = {.index = i, .type = device->type};
        int code = fg_v4l2_ask(device, VIDIOC_ENUM_FMT, &answer);
        if (code == -EINVAL) // the end of the list
            break;
        if (code)
            return code;
        offer->formats[offer->n_formats++] = answer.pixelformat;
    }
    return 0;
}

static bool is_offered(const struct offer *offer, uint32_t pixelformat)
{
    for (unsigned i = 0; i < offer->n_formats; i++)
        if (offer->formats[i] == pixelformat)
            return true;
    return false;
}

static bool is_taken(const struct offer *offer, uint32_t pixelformat)
{
    for (unsigned i = 0; i < offer->n_modes; i++)
        if (offer->modes[i].pixelformat == pixelformat)
            return true;
    return false;
}

static int add_mode(const struct fg_v4l2_device *device, const struct known *format,
                    const struct fg_camera_wish *wish, struct offer *offer)
{
    const struct fg_camera_size want = {wish->width, wish->height};
    struct fg_camera_size size;
    int code = find_size(device, format->pixelformat, want, &size);
    if (code || !fg_camera_is_usable(size))
        return code;
    struct fg_v4l2_mode mode = {.pixelformat = format->pixelformat,
                                .fourcc = format->fourcc,
                                .width = size.width,
                                .height = size.height};
    code = find_rate(device, &mode, wish->rate);
    if (code == 0)
        offer->modes[offer->n_modes++] = mode;
    return code;
}

static int add_modes(const struct fg_v4l2_device *device, const struct fg_camera_wish *wish,
                     struct offer *offer)
{
    struct fg_word word;
    for (const char *at = wish->formats; fg_camera_next_word(&at, &word);) {
        for (size_t i = 0; i < N_KNOWN; i++) {
            if (known[i].fourcc != fg_camera_format(word) ||
                !is_offered(offer, known[i].pixelformat) || is_taken(offer, known[i].pixelformat))
                continue;
            int code = add_mode(device, &known[i], wish, offer);
            if (code)
                return code;
        }
    }
    return 0;
}

static const struct fg_v4l2_mode *pick(const struct offer *offer, const struct fg_camera_wish *wish)
{
    const struct fg_camera_size want = {wish->width, wish->height};
    struct fg_camera_size best = {0, 0};
    const struct fg_v4l2_mode *fastest = NULL;
    for (unsigned i = 0; i < offer->n_modes; i++) {
        const struct fg_camera_size size = {offer->modes[i].width, offer->modes[i].height};
        if (fg_camera_is_nearer(size, best, want))
            best = size;
    }
    for (unsigned i = 0; i < offer->n_modes; i++) {
        const struct fg_v4l2_mode *mode = &offer->modes[i];
        if (mode->width != best.width || mode->height != best.height)
            continue;
        // Who does not say is believed to be fast enough; nothing better can be known.
        if (mode->rate == 0 || mode->rate >= .9 * wish->rate)
            return mode;
        if (!fastest || mode->rate > fastest->rate)
            fastest = mode;
    }
    return fastest;
}

static int fail_unsupported(const struct fg_v4l2_device *device, const struct fg_camera_wish *wish,
                            const struct offer *offer, struct fg_error *err)
{
    char list[160] = "nothing";
    size_t used = 0;
    for (unsigned i = 0; i < offer->n_formats && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? " " : "",
                                 fg_v4l2_name(offer->formats[i]).text);
    return fg_fail(err, -ENOTSUP,
                   "%s (%s): it offers %s, and none of %s: allow another format, or use another "
                   "camera",
                   device->path, device->card, list, wish->formats);
}

int fg_v4l2_choose(const struct fg_v4l2_device *device, const struct fg_camera_wish *wish,
                   struct fg_v4l2_mode *ret, struct fg_error *err)
{
    struct offer offer = {0};
    int code = list_formats(device, &offer);
    if (code == 0)
        code = add_modes(device, wish, &offer);
    if (code)
        return fg_v4l2_fail(device, code, "listing its formats", err);
    const struct fg_v4l2_mode *mode = pick(&offer, wish);
    if (!mode)
        return fail_unsupported(device, wish, &offer, err);
    *ret = *mode;
    return 0;
}
