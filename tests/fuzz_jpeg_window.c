// SPDX-License-Identifier: Apache-2.0
// Any bytes as a JPEG frame, looked at in parts: what is shown can be read, what is broken is
// refused.
#include <errno.h>
#include <stdlib.h>

#include "pipeline/image_codecs.h"
#include "pipeline/jpeg_window.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void read_all(const struct fg_frame *frame)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < frame->n_planes; i++)
        for (uint32_t at = 0; at < frame->planes[i].length; at += 61)
            sum += frame->planes[i].data[at];
    volatile unsigned sink = sum;
    (void)sink;
}

static void look(const struct fg_frame *frame, const struct fg_region *region, double shrink)
{
    struct fg_view view;
    struct fg_error err;
    int code = fg_view_get(frame, region, shrink, &view, &err);
    if (code == -EBADMSG || code == -ENOMEM)
        return;
    if (code != 0 || fg_frame_check(view.frame, &err) != 0 || view.shrink > 8)
        abort();
    read_all(view.frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static struct fg_jpeg_window *window; // kept: the next picture finds what this one left
    struct fg_jpeg_outline outline;
    if (!window && fg_jpeg_window_create(&window) < 0)
        abort();
    if (!fg_jpeg_walk(bytes, length, &outline) || !outline.sized ||
        (uint64_t)outline.width * outline.height > 1u << 20) // legal and slow: teaches nothing
        return 0;
    const double w = outline.width, h = outline.height;
    const struct fg_region regions[] = {
        {0, 0, w, h / 3}, {w / 4, h / 3, w / 3, h / 2}, {0, 0, w, h}};
    struct fg_frame frame = {.fourcc = FG_FOURCC_MJPG,
                             .width = outline.width,
                             .height = outline.height,
                             .n_planes = 1,
                             .jpeg = window};
    fg_jpeg_window_set(window, bytes, length);
    for (unsigned i = 0; i < 6; i++) // coarse, then fine: two decodes
        look(&frame, &regions[i % 3], i < 3 ? 1u << length % 4 : 1);
    return 0;
}
