// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

#include "pipeline/image_codecs.h"

// A warning means that pixels were made up. LIMITSCANS: 500, against progressive files with
// thousands of scans over a large picture.
#define DECODE_FLAGS (TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS)

struct fg_jpeg {
    tjhandle handle;
};

int fg_jpeg_create(struct fg_jpeg **ret, struct fg_error *err)
{
    struct fg_jpeg *jpeg = calloc(1, sizeof *jpeg);
    if (jpeg)
        jpeg->handle = tjInitDecompress();
    if (!jpeg || !jpeg->handle) {
        free(jpeg);
        return fg_fail(err, -ENOMEM, "no memory for a JPEG decoder");
    }
    *ret = jpeg;
    return 0;
}

void fg_jpeg_destroy(struct fg_jpeg *jpeg)
{
    if (!jpeg)
        return;
    tjDestroy(jpeg->handle);
    free(jpeg);
}

// The next 0xFF that starts a marker, from `at`; `length` when there is none. Stuffed zeros and
// restart markers belong to the compressed data, further 0xFF are fill bytes.
static size_t next_marker(const uint8_t *bytes, size_t length, size_t at)
{
    while (at + 1 < length) {
        const uint8_t *hit = memchr(bytes + at, 0xff, length - 1 - at);
        if (!hit)
            return length;
        at = (size_t)(hit - bytes);
        uint8_t code = bytes[at + 1];
        if (code == 0xff)
            at++;
        else if (code == 0 || code == 1 || (code >= 0xd0 && code <= 0xd7))
            at += 2;
        else
            return at;
    }
    return length;
}

static bool is_frame_header(uint8_t code)
{
    return code >= 0xc0 && code <= 0xcf && code != 0xc4 && code != 0xc8 && code != 0xcc;
}

// Of a segment whose payload (after its length) is `size` bytes.
static void note_segment(struct fg_jpeg_outline *outline, uint8_t code, const uint8_t *payload,
                         size_t size)
{
    if (is_frame_header(code) && size >= 6 && !outline->sized) {
        outline->height = (uint32_t)payload[1] << 8 | payload[2];
        outline->width = (uint32_t)payload[3] << 8 | payload[4];
        outline->sized = true;
    } else if (code == 0xe1 && size >= 6 && !outline->exif && !memcmp(payload, "Exif\0", 6)) {
        outline->exif = payload;
        outline->exif_length = size;
    }
}

bool fg_jpeg_walk(const uint8_t *bytes, size_t length, struct fg_jpeg_outline *ret)
{
    struct fg_jpeg_outline outline = {0};
    if (length < 2 || bytes[0] != 0xff || bytes[1] != 0xd8)
        return false;
    size_t at = 2;
    while ((at = next_marker(bytes, length, at)) < length) {
        uint8_t code = bytes[at + 1];
        if (code == 0xd8)
            break;
        if (code == 0xd9) {
            at += 2;
            outline.complete = true;
            break;
        }
        if (length - at < 4)
            break;
        size_t size = (size_t)bytes[at + 2] << 8 | bytes[at + 3];
        if (size < 2 || size > length - at - 2)
            break;
        note_segment(&outline, code, bytes + at + 4, size - 2);
        at += 2 + size;
    }
    outline.length = at < length ? at : length;
    *ret = outline;
    return true;
}

static int fail_broken(struct fg_jpeg *jpeg, struct fg_error *err)
{
    return fg_fail(err, -EINVAL, "truncated or broken JPEG: %s", tjGetErrorStr2(jpeg->handle));
}

struct header {
    struct fg_jpeg_outline outline;
    int width, height, subsampling, colorspace;
};

static int read_header(struct fg_jpeg *jpeg, const uint8_t *bytes, size_t length,
                       struct header *header, struct fg_error *err)
{
    const struct fg_jpeg_outline *outline = &header->outline;
    if (!fg_jpeg_walk(bytes, length, &header->outline))
        return fg_fail(err, -EINVAL, "neither JPEG, PNG nor JPEG 2000");
    int code = outline->sized ? fg_image_check_size(outline->width, outline->height, err) : 0;
    if (code)
        return code;
    if (tjDecompressHeader3(jpeg->handle, bytes, length, &header->width, &header->height,
                            &header->subsampling, &header->colorspace) < 0)
        return fail_broken(jpeg, err);
    if (header->width < 1 || header->height < 1)
        return fail_broken(jpeg, err);
    code = fg_image_check_size((uint64_t)header->width, (uint64_t)header->height, err);
    if (code)
        return code;
    if (header->colorspace == TJCS_CMYK || header->colorspace == TJCS_YCCK)
        return fg_fail(err, -ENOTSUP,
                       "CMYK picture: convert it to RGB first (for example with ImageMagick: "
                       "convert -colorspace sRGB)");
    return 0;
}

static int decode_rgb(struct fg_jpeg *jpeg, struct fg_image *image, const uint8_t *bytes,
                      size_t length, const struct header *header, struct fg_error *err)
{
    const struct fg_image_plane plane = {(uint32_t)header->width * 3, (uint32_t)header->height};
    int code = fg_image_reserve(image, &plane, 1, err);
    if (code)
        return code;
    image->frame.fourcc = FG_FOURCC_RGB;
    if (tjDecompress2(jpeg->handle, bytes, length, image->memory, header->width,
                      (int)image->frame.planes[0].stride, header->height, TJPF_RGB,
                      DECODE_FLAGS) < 0)
        return fail_broken(jpeg, err);
    return 0;
}

static void set_chroma(struct fg_frame *frame, int subsampling)
{
    frame->chroma_shift_x = (uint8_t)__builtin_ctz((unsigned)tjMCUWidth[subsampling] / 8);
    frame->chroma_shift_y = (uint8_t)__builtin_ctz((unsigned)tjMCUHeight[subsampling] / 8);
}

static int decode_planes(struct fg_jpeg *jpeg, struct fg_image *image, const uint8_t *bytes,
                         size_t length, const struct header *header, struct fg_error *err)
{
    const bool grey = header->subsampling == TJSAMP_GRAY;
    const unsigned n_planes = grey ? 1 : 3;
    struct fg_image_plane planes[3];
    uint8_t *rows[3] = {NULL};
    int strides[3] = {0};
    for (unsigned i = 0; i < n_planes; i++) { // padded by TurboJPEG to whole chroma samples
        planes[i].row_bytes = (uint32_t)tjPlaneWidth((int)i, header->width, header->subsampling);
        planes[i].rows = (uint32_t)tjPlaneHeight((int)i, header->height, header->subsampling);
    }
    int code = fg_image_reserve(image, planes, n_planes, err);
    if (code)
        return code;
    for (unsigned i = 0; i < n_planes; i++) {
        rows[i] = image->memory + (image->frame.planes[i].data - image->memory);
        strides[i] = (int)image->frame.planes[i].stride;
    }
    image->frame.fourcc = grey ? FG_FOURCC_GREY : FG_FOURCC_YUV;
    if (!grey)
        set_chroma(&image->frame, header->subsampling);
    if (tjDecompressToYUVPlanes(jpeg->handle, bytes, length, rows, header->width, strides,
                                header->height, DECODE_FLAGS) < 0)
        return fail_broken(jpeg, err);
    return 0;
}

int fg_jpeg_decode(struct fg_jpeg *jpeg, struct fg_image *image, const uint8_t *bytes,
                   size_t length, bool upright, struct fg_error *err)
{
    struct header header = {0};
    image->frame = (struct fg_frame){0};
    image->turned = false;
    int code = read_header(jpeg, bytes, length, &header, err);
    if (!code && header.colorspace == TJCS_RGB) // its planes are not luma and chroma
        code = decode_rgb(jpeg, image, bytes, length, &header, err);
    else if (!code)
        code = decode_planes(jpeg, image, bytes, length, &header, err);
    if (!code) {
        image->frame.width = (uint32_t)header.width;
        image->frame.height = (uint32_t)header.height;
        image->frame.full_range = true;
        if (upright) {
            const struct fg_jpeg_outline *outline = &header.outline;
            unsigned orientation = fg_exif_orientation(outline->exif, outline->exif_length);
            code = fg_image_turn(image, orientation, err);
        }
    }
    if (code)
        image->frame = (struct fg_frame){0};
    return code;
}

static int encode(tjhandle handle, const uint8_t *rgb, uint32_t width, uint32_t height,
                  uint32_t stride, int quality, uint8_t **ret_bytes, size_t *ret_length,
                  struct fg_error *err)
{
    // Our own buffer, so that free() is right for it whatever the library allocates with.
    unsigned long length = tjBufSize((int)width, (int)height, TJSAMP_420);
    uint8_t *bytes = malloc(length);
    if (!bytes)
        return fg_fail(err, -ENOMEM, "no memory for a JPEG of %ux%u", width, height);
    if (tjCompress2(handle, rgb, (int)width, (int)stride, (int)height, TJPF_RGB, &bytes, &length,
                    TJSAMP_420, quality, TJFLAG_NOREALLOC | TJFLAG_ACCURATEDCT) < 0) {
        free(bytes);
        return fg_fail(err, -EINVAL, "JPEG encoder: %s", tjGetErrorStr2(handle));
    }
    uint8_t *fitted = realloc(bytes, length);
    if (fitted)
        bytes = fitted;
    *ret_bytes = bytes;
    *ret_length = length;
    return 0;
}

int fg_image_encode_jpeg(const uint8_t *rgb, uint32_t width, uint32_t height, uint32_t stride,
                         int quality, uint8_t **ret_bytes, size_t *ret_length, struct fg_error *err)
{
    int code = fg_image_check_size(width, height, err);
    if (code)
        return code;
    if (quality < 1 || quality > 100)
        return fg_fail(err, -EINVAL, "JPEG quality %d is not 1 to 100", quality);
    if (stride < (uint64_t)width * 3 || stride > INT32_MAX)
        return fg_fail(err, -EINVAL, "rows of %u pixels do not fit a stride of %u", width, stride);
    tjhandle handle = tjInitCompress();
    if (!handle)
        return fg_fail(err, -ENOMEM, "no memory for a JPEG encoder");
    code = encode(handle, rgb, width, height, stride, quality, ret_bytes, ret_length, err);
    tjDestroy(handle);
    return code;
}
