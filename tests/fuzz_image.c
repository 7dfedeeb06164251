// SPDX-License-Identifier: Apache-2.0
// Any bytes as a still: decodes or is refused, and a decoded frame is what it says.
#include <stdlib.h>

#include "pipeline/image.h"
#include "pipeline/image_codecs.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

// Large pictures are legal and slow; they teach the fuzzer nothing.
static int is_large(const uint8_t *bytes, size_t length)
{
    struct fg_jpeg_outline outline;
    uint64_t pixels = 0;
    struct fg_jp2_outline jp2;
    if (fg_jp2_walk(bytes, length, &jp2, NULL) == 0)
        pixels = (uint64_t)jp2.width * jp2.height;
    else if (fg_jpeg_walk(bytes, length, &outline))
        pixels = (uint64_t)outline.width * outline.height;
    else if (length >= 24)
        pixels = (uint64_t)(bytes[17] << 16 | bytes[18] << 8 | bytes[19]) *
                 (uint64_t)(bytes[21] << 16 | bytes[22] << 8 | bytes[23]);
    return pixels > 1u << 20;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static struct fg_image image; // kept: the next decode reuses what this one left
    struct fg_error err;
    if (is_large(bytes, length) || fg_image_decode(&image, bytes, length, &err) != 0)
        return 0;
    if (fg_frame_check(&image.frame, &err) != 0)
        abort();
    unsigned sum = 0;
    for (unsigned i = 0; i < image.frame.n_planes; i++)
        for (uint32_t at = 0; at < image.frame.planes[i].length; at += 61)
            sum += image.frame.planes[i].data[at];
    volatile unsigned sink = sum;
    (void)sink;
    return 0;
}
