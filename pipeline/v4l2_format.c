// SPDX-License-Identifier: Apache-2.0
#include "pipeline/v4l2_format.h"

#include <errno.h>
#include <linux/videodev2.h>
#include <math.h>

#include "pipeline/image.h"

#define JPEG_BYTES 4u // no picture has fewer: SOI and EOI

// What both of V4L2's format structures say.
struct answer {
    uint32_t pixelformat, width, height, field;
    uint32_t colorspace, encoding, quantization;
    unsigned n_parts;
    uint32_t stride[FG_V4L2_PARTS], size[FG_V4L2_PARTS];
};

static void read_single(const struct v4l2_pix_format *pix, struct answer *ret)
{
    const bool extended = pix->priv == V4L2_PIX_FMT_PRIV_MAGIC;
    *ret = (struct answer){.pixelformat = pix->pixelformat,
                           .width = pix->width,
                           .height = pix->height,
                           .field = pix->field,
                           .colorspace = pix->colorspace,
                           .encoding = extended ? pix->ycbcr_enc : 0,
                           .quantization = extended ? pix->quantization : 0,
                           .n_parts = 1,
                           .stride = {pix->bytesperline},
                           .size = {pix->sizeimage}};
}

static void read_multi(const struct v4l2_pix_format_mplane *pix, struct answer *ret)
{
    *ret = (struct answer){.pixelformat = pix->pixelformat,
                           .width = pix->width,
                           .height = pix->height,
                           .field = pix->field,
                           .colorspace = pix->colorspace,
                           .encoding = pix->ycbcr_enc,
                           .quantization = pix->quantization,
                           .n_parts = pix->num_planes};
    for (unsigned i = 0; i < FG_V4L2_PARTS; i++) {
        ret->stride[i] = pix->plane_fmt[i].bytesperline;
        ret->size[i] = pix->plane_fmt[i].sizeimage;
    }
}

static int ask_format(const struct fg_v4l2_device *device, const struct fg_v4l2_mode *mode,
                      struct answer *ret)
{
    struct v4l2_format format = {.type = device->type};
    const bool multi = fg_v4l2_is_multiplanar(device);
    if (multi) {
        format.fmt.pix_mp.width = mode->width;
        format.fmt.pix_mp.height = mode->height;
        format.fmt.pix_mp.pixelformat = mode->pixelformat;
        format.fmt.pix_mp.field = V4L2_FIELD_NONE;
        format.fmt.pix_mp.num_planes = mode->pixelformat == V4L2_PIX_FMT_NV12M ? 2 : 1;
    } else {
        format.fmt.pix = (struct v4l2_pix_format){.width = mode->width,
                                                  .height = mode->height,
                                                  .pixelformat = mode->pixelformat,
                                                  .field = V4L2_FIELD_NONE,
                                                  .priv = V4L2_PIX_FMT_PRIV_MAGIC};
    }
    int code = fg_v4l2_ask(device, VIDIOC_S_FMT, &format);
    if (code)
        return code;
    if (multi)
        read_multi(&format.fmt.pix_mp, ret);
    else
        read_single(&format.fmt.pix, ret);
    return 0;
}

// ---- what a picture needs -----------------------------------------------------------------------

static uint64_t row_bytes(const struct fg_v4l2_format *format)
{
    const uint64_t width = format->width;
    switch (format->fourcc) {
    case FG_FOURCC_YUYV:
    case FG_FOURCC_UYVY:
        return (width + 1) / 2 * 4;
    case FG_FOURCC_NV12: // its second plane has pairs
        return (width + 1) / 2 * 2;
    default:
        return width;
    }
}

// Rows of a part, NV12's two planes after each other in one.
static uint64_t part_rows(const struct fg_v4l2_format *format, unsigned part)
{
    const uint64_t height = format->height, half = (height + 1) / 2;
    if (format->fourcc != FG_FOURCC_NV12)
        return height;
    if (format->n_parts == 1)
        return height + half;
    return part == 0 ? height : half;
}

static int check_part(const struct fg_v4l2_device *device, struct fg_v4l2_format *format,
                      unsigned part, struct fg_error *err)
{
    const uint64_t row = row_bytes(format);
    uint64_t need = JPEG_BYTES;
    if (format->fourcc != FG_FOURCC_MJPG) {
        if (format->stride[part] < row)
            return fg_fail(err, -EPROTO,
                           "%s: its driver says %u bytes a row where %s %ux%u has %llu: allow "
                           "another format or size",
                           device->path, format->stride[part], fg_v4l2_format_name(format),
                           format->width, format->height, (unsigned long long)row);
        need = (part_rows(format, part) - 1) * format->stride[part] + row;
    }
    if (format->size[part] < need || format->size[part] > FG_V4L2_MAX_BYTES)
        return fg_fail(err, -EPROTO,
                       "%s: its driver says %u bytes a picture where %s %ux%u has %llu or more (at "
                       "most %u are taken): allow another format or size",
                       device->path, format->size[part], fg_v4l2_format_name(format), format->width,
                       format->height, (unsigned long long)need, FG_V4L2_MAX_BYTES);
    format->need[part] = (uint32_t)need;
    return 0;
}

// ---- the answer ---------------------------------------------------------------------------------

static int check_kind(const struct fg_v4l2_device *device, const struct answer *answer,
                      struct fg_error *err)
{
    if (!fg_v4l2_fourcc(answer->pixelformat))
        return fg_fail(err, -ENOTSUP,
                       "%s: its driver gives %s, which is not read: allow another format",
                       device->path, fg_v4l2_name(answer->pixelformat).text);
    if (answer->field != V4L2_FIELD_NONE)
        return fg_fail(err, -ENOTSUP,
                       "%s: it gives interlaced pictures, half of the rows at a time: set it to a "
                       "progressive mode, such as 720p",
                       device->path);
    const unsigned n_parts = answer->pixelformat == V4L2_PIX_FMT_NV12M ? 2 : 1;
    if (answer->n_parts != n_parts)
        return fg_fail(err, -EPROTO, "%s: its driver says %u memory planes where %s has %u",
                       device->path, answer->n_parts, fg_v4l2_name(answer->pixelformat).text,
                       n_parts);
    if (!answer->width || !answer->height || answer->width > FG_IMAGE_MAX_SIDE ||
        answer->height > FG_IMAGE_MAX_SIDE ||
        (uint64_t)answer->width * answer->height > FG_IMAGE_MAX_PIXELS)
        return fg_fail(err, -EPROTO, "%s: its driver says pictures of %ux%u: wish another size",
                       device->path, answer->width, answer->height);
    return 0;
}

static bool is_full_range(const struct answer *answer)
{
    if (answer->quantization == V4L2_QUANTIZATION_FULL_RANGE)
        return true;
    return answer->quantization != V4L2_QUANTIZATION_LIM_RANGE &&
           V4L2_MAP_QUANTIZATION_DEFAULT(false, answer->colorspace, answer->encoding) ==
               V4L2_QUANTIZATION_FULL_RANGE;
}

static int check_answer(const struct fg_v4l2_device *device, const struct answer *answer,
                        struct fg_v4l2_format *format, struct fg_error *err)
{
    int code = check_kind(device, answer, err);
    if (code)
        return code;
    const uint32_t fourcc = fg_v4l2_fourcc(answer->pixelformat);
    *format = (struct fg_v4l2_format){
        .pixelformat = answer->pixelformat,
        .fourcc = fourcc,
        .width = answer->width,
        .height = answer->height,
        .n_parts = answer->n_parts,
        .full_range = fourcc == FG_FOURCC_MJPG || fourcc == FG_FOURCC_GREY || is_full_range(answer),
    };
    for (unsigned i = 0; i < format->n_parts && code == 0; i++) {
        format->stride[i] = fourcc == FG_FOURCC_MJPG ? 0 : answer->stride[i];
        format->size[i] = answer->size[i];
        code = check_part(device, format, i, err);
    }
    return code;
}

// What the driver answers is what we get; a driver without rates has none to say. -ENODEV, -EBUSY.
static int set_rate(const struct fg_v4l2_device *device, const struct fg_v4l2_mode *mode,
                    struct fg_v4l2_format *format)
{
    struct v4l2_streamparm parameters = {.type = device->type};
    struct v4l2_captureparm *capture = &parameters.parm.capture;
    capture->timeperframe = (struct v4l2_fract){mode->numerator, mode->denominator};
    int code = fg_v4l2_ask(device, VIDIOC_S_PARM, &parameters);
    if (code == -ENODEV || code == -EBUSY)
        return code;
    const struct v4l2_fract answer = capture->timeperframe;
    format->rate = 0;
    if (code == 0 && (capture->capability & V4L2_CAP_TIMEPERFRAME) && answer.numerator)
        format->rate = (double)answer.denominator / answer.numerator;
    return 0;
}

int fg_v4l2_format_set(const struct fg_v4l2_device *device, const struct fg_v4l2_mode *mode,
                       struct fg_v4l2_format *ret, struct fg_error *err)
{
    struct answer answer;
    struct fg_v4l2_format format;
    int code = ask_format(device, mode, &answer);
    if (code)
        return fg_v4l2_fail(device, code, "setting the format", err);
    code = check_answer(device, &answer, &format, err);
    if (code)
        return code;
    code = set_rate(device, mode, &format);
    if (code)
        return fg_v4l2_fail(device, code, "setting the frame rate", err);
    *ret = format;
    return 0;
}

const char *fg_v4l2_format_name(const struct fg_v4l2_format *format)
{
    switch (format->fourcc) {
    case FG_FOURCC_NV12:
        return "NV12";
    case FG_FOURCC_YUYV:
        return "YUYV";
    case FG_FOURCC_UYVY:
        return "UYVY";
    case FG_FOURCC_MJPG:
        return "MJPEG";
    default:
        return "GREY";
    }
}

// ---- planes -------------------------------------------------------------------------------------

static struct fg_plane plane_at(const struct fg_v4l2_part *part, uint32_t offset, uint32_t length,
                                uint32_t stride)
{
    return (struct fg_plane){.data = part->bytes + offset,
                             .stride = stride,
                             .length = length,
                             .dmabuf_fd = part->dmabuf_fd,
                             .offset = offset};
}

void fg_v4l2_format_lay_out(const struct fg_v4l2_format *format, const struct fg_v4l2_part *parts,
                            const struct fg_v4l2_extent *extents, struct fg_frame *frame)
{
    const bool two = format->fourcc == FG_FOURCC_NV12;
    frame->fourcc = format->fourcc;
    frame->width = format->width;
    frame->height = format->height;
    frame->chroma_shift_x = frame->chroma_shift_y = two ? 1 : 0;
    frame->full_range = format->full_range;
    frame->n_planes = two ? 2 : 1;
    frame->planes[0] = plane_at(&parts[0], extents[0].offset, extents[0].length, format->stride[0]);
    if (!two)
        return;
    const unsigned last = format->n_parts - 1;
    uint32_t above = last ? 0 : format->stride[0] * format->height;
    frame->planes[1] = plane_at(&parts[last], extents[last].offset + above,
                                extents[last].length - above, format->stride[last]);
}
