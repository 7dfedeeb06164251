// SPDX-License-Identifier: Apache-2.0
// Any bytes as a Y4M file: refused, or every frame that was found lies inside.
#include <stdlib.h>

#include "pipeline/source_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void check_frame(const struct fg_y4m *y4m, const uint8_t *bytes, size_t length, size_t i)
{
    struct fg_frame frame = {.slot = 3};
    struct fg_error err;
    fg_y4m_frame(y4m, bytes, length, i, &frame);
    if (fg_frame_check(&frame, &err) != 0 || frame.slot != 3)
        abort();
    for (unsigned p = 0; p < frame.n_planes; p++) {
        const struct fg_plane *plane = &frame.planes[p];
        if (plane->data < bytes || plane->data + plane->length > bytes + length)
            abort();
        volatile uint8_t last = plane->data[plane->length - 1];
        (void)last;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fg_y4m y4m;
    struct fg_error err;
    if (fg_y4m_parse(bytes, length, &y4m, &err) != 0)
        return 0;
    for (size_t i = 0; i < y4m.n_frames; i++)
        check_frame(&y4m, bytes, length, i);
    fg_y4m_finish(&y4m);
    return 0;
}
