// SPDX-License-Identifier: Apache-2.0
#include "pipeline/v4l2_copies.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/image_codecs.h"

static size_t longest(const struct fg_v4l2_buffers *buffers, unsigned part)
{
    size_t length = 0;
    for (unsigned i = 0; i < buffers->n; i++)
        if (length < buffers->all[i].parts[part].length)
            length = buffers->all[i].parts[part].length;
    return (length + FG_IMAGE_ALIGN - 1) / FG_IMAGE_ALIGN * FG_IMAGE_ALIGN;
}

int fg_v4l2_copies_init(struct fg_v4l2_copies *copies, const struct fg_v4l2_buffers *buffers)
{
    *copies = (struct fg_v4l2_copies){0};
    for (unsigned p = 0; p < buffers->format.n_parts; p++) {
        copies->length[p] = longest(buffers, p);
        for (unsigned i = 0; i < buffers->n; i++)
            if (!(copies->bytes[i][p] = aligned_alloc(FG_IMAGE_ALIGN, copies->length[p])))
                return -ENOMEM;
    }
    return 0;
}

void fg_v4l2_copies_finish(struct fg_v4l2_copies *copies)
{
    for (unsigned i = 0; i < FG_POOL_SLOTS; i++) {
        for (unsigned p = 0; p < FG_V4L2_PARTS; p++) {
            if (copies->bytes[i][p])
                explicit_bzero(copies->bytes[i][p], copies->length[p]); // faces
            free(copies->bytes[i][p]);
            copies->bytes[i][p] = NULL;
        }
    }
}

void fg_v4l2_copies_wipe(struct fg_v4l2_copies *copies, unsigned slot)
{
    for (unsigned p = 0; p < FG_V4L2_PARTS; p++)
        if (copies->bytes[slot][p])
            explicit_bzero(copies->bytes[slot][p], copies->length[p]);
}

int fg_v4l2_copies_fill(struct fg_v4l2_copies *copies, const struct fg_v4l2_buffers *buffers,
                        const struct fg_v4l2_arrival *arrival, struct fg_frame *frame,
                        uint64_t *copied)
{
    const struct fg_v4l2_format *format = &buffers->format;
    const struct fg_v4l2_part *from = buffers->all[arrival->index].parts;
    struct fg_v4l2_part to[FG_V4L2_PARTS];
    struct fg_frame seen = {0}; // in the driver's buffer, for the brackets alone
    fg_v4l2_format_lay_out(format, from, arrival->extents, &seen);
    int code = fg_frame_read_begin(&seen);
    if (code)
        return code;
    for (unsigned p = 0; p < format->n_parts; p++) {
        const struct fg_v4l2_extent *extent = &arrival->extents[p];
        uint8_t *bytes = copies->bytes[frame->slot][p];
        memcpy(bytes + extent->offset, from[p].bytes + extent->offset, extent->length);
        to[p] = (struct fg_v4l2_part){bytes, copies->length[p], -1, NULL};
        *copied += extent->length;
    }
    fg_frame_read_end(&seen);
    fg_v4l2_format_lay_out(format, to, arrival->extents, frame);
    return 0;
}
