// SPDX-License-Identifier: Apache-2.0
#include "pipeline/view.h"

#include <errno.h>

int fg_view_get(const struct fg_frame *frame, const struct fg_region *region, double shrink,
                struct fg_view *ret, struct fg_error *err)
{
    (void)region;
    (void)shrink;
    if (frame->fourcc == FG_FOURCC_MJPG)
        return fg_fail(err, -EBADMSG, "JPEG frames are not decoded yet");
    *ret = (struct fg_view){frame, 0, 0, 1};
    return 0;
}
