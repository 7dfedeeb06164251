// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <openjpeg-2.5/openjpeg.h>
#include <stdio.h>
#include <string.h>

#include "pipeline/image_codecs.h"

// What the library reads from: never past what fg_jp2_walk has seen.
struct source {
    const uint8_t *bytes;
    size_t length, at;
};

static OPJ_SIZE_T read_source(void *buffer, OPJ_SIZE_T count, void *user)
{
    struct source *s = user;
    const size_t left = s->length - s->at, n = count < left ? count : left;
    if (n == 0)
        return (OPJ_SIZE_T)-1;
    memcpy(buffer, s->bytes + s->at, n);
    s->at += n;
    return n;
}

static OPJ_OFF_T skip_source(OPJ_OFF_T count, void *user)
{
    struct source *s = user;
    if (count < 0 || (uint64_t)count > s->length - s->at)
        return -1;
    s->at += (size_t)count;
    return count;
}

static OPJ_BOOL seek_source(OPJ_OFF_T to, void *user)
{
    struct source *s = user;
    if (to < 0 || (uint64_t)to > s->length)
        return OPJ_FALSE;
    s->at = (size_t)to;
    return OPJ_TRUE;
}

// The first of its errors says most; later ones tell that the caller could not go on.
static void note_error(const char *message, void *user)
{
    char *text = user;
    if (text[0] == 0)
        snprintf(text, 120, "%.*s", (int)strcspn(message, "\n"), message);
}

struct decoder {
    opj_codec_t *codec;
    opj_stream_t *stream;
    opj_image_t *picture;
    char error[120];
};

static int fail_broken(const struct decoder *d, struct fg_error *err)
{
    return fg_fail(err, -EINVAL, "truncated or broken JPEG 2000: %s",
                   d->error[0] ? d->error : "no reason given");
}

static int open_decoder(struct decoder *d, struct source *source, bool boxed, struct fg_error *err)
{
    opj_dparameters_t parameters;
    opj_set_default_decoder_parameters(&parameters);
    d->codec = opj_create_decompress(boxed ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K);
    d->stream = opj_stream_default_create(OPJ_STREAM_READ);
    if (!d->codec || !d->stream)
        return fg_fail(err, -ENOMEM, "no memory for a JPEG 2000 decoder");
    opj_set_error_handler(d->codec, note_error, d->error);
    opj_stream_set_user_data(d->stream, source, NULL);
    opj_stream_set_user_data_length(d->stream, source->length);
    opj_stream_set_read_function(d->stream, read_source);
    opj_stream_set_skip_function(d->stream, skip_source);
    opj_stream_set_seek_function(d->stream, seek_source);
    // 0: the caller's thread, whatever OPJ_NUM_THREADS says.
    if (!opj_setup_decoder(d->codec, &parameters) ||
        !opj_decoder_set_strict_mode(d->codec, OPJ_TRUE) || !opj_codec_set_threads(d->codec, 0))
        return fail_broken(d, err);
    return 0;
}

static void close_decoder(struct decoder *d)
{
    for (OPJ_UINT32 i = 0; d->picture && i < d->picture->numcomps; i++) {
        const opj_image_comp_t *c = &d->picture->comps[i];
        if (c->data)
            explicit_bzero(c->data, (size_t)c->w * c->h * sizeof *c->data);
    }
    opj_image_destroy(d->picture);
    opj_stream_destroy(d->stream);
    opj_destroy_codec(d->codec);
}

// ---- from the library's samples to a frame -----------------------------------------------------

// Of one component: to 8 bits.
struct scale {
    int32_t offset, most;
};

static struct scale scale_of(const opj_image_comp_t *c)
{
    const int32_t most = (int32_t)((1u << c->prec) - 1);
    return (struct scale){c->sgnd ? (int32_t)(1u << (c->prec - 1)) : 0, most};
}

static uint8_t to_byte(int32_t sample, struct scale scale)
{
    int64_t v = (int64_t)sample + scale.offset;
    v = v < 0 ? 0 : v > scale.most ? scale.most : v;
    return (uint8_t)((v * 255 + scale.most / 2) / scale.most);
}

static void write_samples(uint8_t *to, uint32_t stride, unsigned step, const opj_image_comp_t *c)
{
    const struct scale scale = scale_of(c);
    for (uint32_t y = 0; y < c->h; y++) {
        const OPJ_INT32 *from = c->data + (size_t)y * c->w;
        uint8_t *row = to + (size_t)y * stride;
        for (uint32_t x = 0; x < c->w; x++)
            row[(size_t)x * step] = to_byte(from[x], scale);
    }
}

// A palette has made three components of one by now.
static int check_picture(const opj_image_t *p, const struct fg_jp2_outline *outline,
                         struct fg_error *err)
{
    if (p->numcomps != 1 && p->numcomps != 3)
        return fg_fail(err, -ENOTSUP,
                       "JPEG 2000 of %u channels: convert it to RGB or grey, without "
                       "transparency",
                       p->numcomps);
    if (p->color_space == OPJ_CLRSPC_CMYK || p->color_space == OPJ_CLRSPC_EYCC)
        return fg_fail(err, -ENOTSUP, "JPEG 2000 in CMYK or e-YCC: convert it to RGB first");
    for (OPJ_UINT32 i = 0; i < p->numcomps; i++) {
        const opj_image_comp_t *c = &p->comps[i];
        const uint32_t dx = i ? p->comps[1].dx : 1, dy = i ? p->comps[1].dy : 1;
        if (!c->data || c->prec < 1 || c->prec > 16 || c->dx != dx || c->dy != dy || dx < 1 ||
            dy < 1 || dx > 2 || dy > 2 || c->w != (outline->width + dx - 1) / dx ||
            c->h != (outline->height + dy - 1) / dy)
            return fg_fail(err, -ENOTSUP,
                           "JPEG 2000 whose channels do not lie on one another; save "
                           "it anew without an offset");
    }
    return 0;
}

static void write_planes(struct fg_image *image, const opj_image_t *p)
{
    for (unsigned i = 0; i < image->frame.n_planes; i++) {
        const struct fg_plane *plane = &image->frame.planes[i];
        write_samples(image->memory + (plane->data - image->memory), plane->stride, 1,
                      &p->comps[i]);
    }
}

// Planes as they come for grey and sYCC (ISO/IEC 15444-1 annex I: IEC 61966-2-1 amendment 1, full
// range, as JFIF), interleaved for RGB.
static int write_picture(struct fg_image *image, const opj_image_t *p, struct fg_error *err)
{
    const bool grey = p->numcomps == 1;
    const bool subsampled = !grey && (p->comps[1].dx > 1 || p->comps[1].dy > 1);
    const bool ycc = !grey && (p->color_space == OPJ_CLRSPC_SYCC || subsampled);
    struct fg_image_plane planes[3] = {{p->comps[0].w, p->comps[0].h}};
    for (unsigned i = 1; ycc && i < 3; i++)
        planes[i] = (struct fg_image_plane){p->comps[i].w, p->comps[i].h};
    if (!grey && !ycc)
        planes[0].row_bytes *= 3;
    int code = fg_image_reserve(image, planes, ycc ? 3 : 1, err);
    if (code)
        return code;
    image->frame.fourcc = grey ? FG_FOURCC_GREY : ycc ? FG_FOURCC_YUV : FG_FOURCC_RGB;
    if (grey || ycc)
        write_planes(image, p);
    for (unsigned i = 0; !grey && !ycc && i < 3; i++)
        write_samples(image->memory + i, image->frame.planes[0].stride, 3, &p->comps[i]);
    if (ycc) {
        image->frame.chroma_shift_x = p->comps[1].dx == 2;
        image->frame.chroma_shift_y = p->comps[1].dy == 2;
    }
    image->frame.full_range = true;
    image->frame.width = p->comps[0].w;
    image->frame.height = p->comps[0].h;
    return 0;
}

int fg_jp2_decode(struct fg_image *image, const uint8_t *bytes, size_t length, struct fg_error *err)
{
    struct fg_jp2_outline outline;
    struct decoder d = {0};
    int code = fg_jp2_walk(bytes, length, &outline, err);
    if (code)
        return code;
    struct source source = {bytes, outline.length, 0};
    code = open_decoder(&d, &source, outline.boxed, err);
    if (code == 0 && (!opj_read_header(d.stream, d.codec, &d.picture) ||
                      !opj_decode(d.codec, d.stream, d.picture)))
        code = fail_broken(&d, err);
    if (code == 0)
        code = check_picture(d.picture, &outline, err);
    if (code == 0)
        code = write_picture(image, d.picture, err);
    close_decoder(&d);
    return code;
}
