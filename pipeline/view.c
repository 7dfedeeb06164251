// SPDX-License-Identifier: Apache-2.0
#include "pipeline/view.h"

#include "pipeline/jpeg_window.h"

int fg_view_get(const struct fg_frame *frame, const struct fg_region *region, double shrink,
                struct fg_view *ret, struct fg_error *err)
{
    if (frame->fourcc == FG_FOURCC_MJPG)
        return fg_jpeg_window_get(frame, region, shrink, ret, err);
    *ret = (struct fg_view){frame, 0, 0, 1};
    return 0;
}
