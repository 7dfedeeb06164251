// SPDX-License-Identifier: Apache-2.0
#include "tests/jp2_maker.h"

#include <openjpeg-2.5/openjpeg.h>
#include <stdlib.h>
#include <string.h>

struct sink {
    uint8_t *bytes;
    size_t length, at, room;
};

static OPJ_SIZE_T write_sink(void *bytes, OPJ_SIZE_T count, void *user)
{
    struct sink *s = user;
    if (s->at + count > s->room) {
        s->room = 2 * (s->at + count);
        s->bytes = realloc(s->bytes, s->room);
        if (!s->bytes)
            abort();
    }
    memcpy(s->bytes + s->at, bytes, count);
    s->at += count;
    s->length = s->at > s->length ? s->at : s->length;
    return count;
}

static OPJ_OFF_T skip_sink(OPJ_OFF_T count, void *user)
{
    ((struct sink *)user)->at += (size_t)count;
    return count;
}

static OPJ_BOOL seek_sink(OPJ_OFF_T to, void *user)
{
    ((struct sink *)user)->at = (size_t)to;
    return OPJ_TRUE;
}

static void complain(const char *message, void *user)
{
    (void)user;
    (void)!fputs(message, stderr);
}

// JFIF's conversion.
static double value_of(const uint8_t *p, enum jp2_colours colours, unsigned channel)
{
    const double y = .299 * p[0] + .587 * p[1] + .114 * p[2];
    if (colours == JP2_GREY || (colours == JP2_YCC && channel == 0))
        return y;
    if (colours == JP2_YCC)
        return channel == 1 ? 128 + (p[2] - y) / 1.772 : 128 + (p[0] - y) / 1.402;
    if (colours == JP2_CMYK)
        return channel == 3 ? 0 : 255 - p[channel];
    return p[channel];
}

static void fill(opj_image_t *picture, const uint8_t *rgb, uint32_t width, uint32_t height,
                 const struct jp2_form *form)
{
    const unsigned bits = form->bits ? form->bits : 8;
    for (unsigned k = 0; k < picture->numcomps; k++) {
        const opj_image_comp_t *c = &picture->comps[k];
        for (uint32_t y = 0; y < c->h; y++) {
            for (uint32_t x = 0; x < c->w; x++) {
                const uint32_t px = x * c->dx < width ? x * c->dx : width - 1;
                const uint32_t py = y * c->dy < height ? y * c->dy : height - 1;
                double v = value_of(rgb + ((size_t)py * width + px) * 3, form->colours, k);
                v = v < 0 ? 0 : v > 255 ? 255 : v;
                const int32_t most = (int32_t)((1u << bits) - 1);
                c->data[(size_t)y * c->w + x] = (int32_t)(v * most / 255 + .5) -
                                                (form->is_signed ? (int32_t)(1u << (bits - 1)) : 0);
            }
        }
    }
}

static opj_image_t *make_picture(const uint8_t *rgb, uint32_t width, uint32_t height,
                                 const struct jp2_form *form)
{
    static const OPJ_COLOR_SPACE spaces[] = {OPJ_CLRSPC_SRGB, OPJ_CLRSPC_GRAY, OPJ_CLRSPC_SYCC,
                                             OPJ_CLRSPC_CMYK};
    static const unsigned counts[] = {3, 1, 3, 4};
    opj_image_cmptparm_t parts[4];
    memset(parts, 0, sizeof parts);
    for (unsigned k = 0; k < counts[form->colours]; k++) {
        const uint32_t dx = k ? 1u << form->shift_x : 1, dy = k ? 1u << form->shift_y : 1;
        parts[k].dx = dx;
        parts[k].dy = dy;
        parts[k].w = (width + dx - 1) / dx;
        parts[k].h = (height + dy - 1) / dy;
        parts[k].prec = form->bits ? form->bits : 8;
        parts[k].sgnd = form->is_signed;
        parts[k].x0 = parts[k].y0 = form->offset / (k ? dx : 1);
    }
    opj_image_t *picture = opj_image_create(counts[form->colours], parts, spaces[form->colours]);
    if (!picture)
        abort();
    picture->x0 = picture->y0 = form->offset;
    picture->x1 = form->offset + width;
    picture->y1 = form->offset + height;
    fill(picture, rgb, width, height, form);
    return picture;
}

static void set_parameters(opj_cparameters_t *p, const struct jp2_form *form)
{
    opj_set_default_encoder_parameters(p);
    p->tcp_numlayers = form->layers ? (int)form->layers : 1;
    for (int i = 0; i < p->tcp_numlayers; i++) // falling; the last one is what was asked for
        p->tcp_rates[i] = (float)(p->tcp_numlayers - 1 - i + (form->ratio ? (int)form->ratio : 1));
    p->cp_disto_alloc = 1;
    p->irreversible = form->ratio > 1;
    p->tcp_mct = form->colours == JP2_RGB;
    if (form->levels)
        p->numresolution = (int)form->levels;
    if (form->block)
        p->cblockw_init = p->cblockh_init = (int)form->block;
    if (form->tile) {
        p->tile_size_on = OPJ_TRUE;
        p->cp_tdx = p->cp_tdy = (int)form->tile;
    }
    if (form->precinct) {
        p->csty |= 1;
        p->res_spec = 1;
        p->prcw_init[0] = p->prch_init[0] = (int)form->precinct;
    }
    p->image_offset_x0 = p->image_offset_y0 = (int)form->offset;
}

void jp2_make(const uint8_t *rgb, uint32_t width, uint32_t height, const struct jp2_form *form,
              uint8_t **ret, size_t *ret_length)
{
    static opj_cparameters_t parameters; // large
    struct sink sink = {0};
    opj_image_t *picture = make_picture(rgb, width, height, form);
    opj_codec_t *codec = opj_create_compress(form->bare ? OPJ_CODEC_J2K : OPJ_CODEC_JP2);
    opj_stream_t *stream = opj_stream_default_create(OPJ_STREAM_WRITE);
    set_parameters(&parameters, form);
    opj_set_error_handler(codec, complain, NULL);
    opj_stream_set_user_data(stream, &sink, NULL);
    opj_stream_set_write_function(stream, write_sink);
    opj_stream_set_skip_function(stream, skip_sink);
    opj_stream_set_seek_function(stream, seek_sink);
    if (!opj_setup_encoder(codec, &parameters, picture) ||
        !opj_start_compress(codec, picture, stream) || !opj_encode(codec, stream) ||
        !opj_end_compress(codec, stream))
        abort();
    opj_stream_destroy(stream);
    opj_destroy_codec(codec);
    opj_image_destroy(picture);
    *ret = sink.bytes;
    *ret_length = sink.length;
}
