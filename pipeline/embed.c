// SPDX-License-Identifier: Apache-2.0
#include "pipeline/embed.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "accel/model.h"

struct fg_embedder {
    struct fg_accel *accel;
    struct fg_sample_form form;
    uint32_t dimension;
    bool ran; // since it was wiped
};

int fg_embedder_open(const struct fg_card *card, const struct fg_accel_options *options,
                     struct fg_embedder **ret, struct fg_error *err)
{
    if (card->kind != FG_CARD_EMBEDDER)
        return fg_fail(err, -EINVAL, "model %s is not an embedder", card->name);
    if (card->width != card->height)
        return fg_fail(err, -EINVAL, "model %s: its input is %ux%u; an aligned face is square",
                       card->name, card->width, card->height);
    struct fg_embedder *e = calloc(1, sizeof *e);
    if (!e)
        return fg_fail(err, -ENOMEM, "out of memory");
    e->form = (struct fg_sample_form){card->width, card->height, card->mean,
                                      card->scale, card->bgr,    card->transposed};
    e->dimension = fg_card_template_dimension(card);
    int code = fg_model_open(card, options, &e->accel, err);
    if (code == 0 && fg_accel_output(e->accel, 0)->bytes != e->dimension * sizeof(float))
        code = fg_fail(err, -EINVAL, "model %s gives %zu values, its card says %u", card->name,
                       fg_accel_output(e->accel, 0)->bytes / sizeof(float), e->dimension);
    if (code < 0) {
        fg_embedder_close(e);
        return code;
    }
    *ret = e;
    return 0;
}

void fg_embedder_close(struct fg_embedder *embedder)
{
    if (!embedder)
        return;
    if (embedder->accel) {
        const struct fg_accel_tensor *in = fg_accel_input(embedder->accel, 0);
        const struct fg_accel_tensor *out = fg_accel_output(embedder->accel, 0);
        explicit_bzero(in->data, in->bytes);
        explicit_bzero(out->data, out->bytes);
    }
    fg_accel_close(embedder->accel);
    free(embedder);
}

struct fg_accel *fg_embedder_accel(struct fg_embedder *embedder)
{
    return embedder->accel;
}

int fg_embed_crop(struct fg_embedder *embedder, const struct fg_frame *frame,
                  const struct fg_affine *map, const float **ret)
{
    float *tensor = fg_accel_input(embedder->accel, 0)->data;
    int code = fg_sample_affine(frame, map, &embedder->form, tensor);
    if (code < 0)
        return code;
    *ret = tensor;
    return 0;
}

static int run_once(struct fg_embedder *e, float *sum)
{
    e->ran = true;
    if (fg_accel_run(e->accel) < 0)
        return -EIO;
    const float *out = fg_accel_output(e->accel, 0)->data;
    for (uint32_t i = 0; i < e->dimension; i++)
        sum[i] += out[i];
    return 0;
}

int fg_embed_run(struct fg_embedder *embedder, bool mirrored, float *vector, float *ret_norm)
{
    struct fg_embedder *e = embedder;
    memset(vector, 0, e->dimension * sizeof *vector);
    int code = run_once(e, vector);
    if (code == 0 && mirrored) {
        fg_sample_mirror(&e->form, fg_accel_input(e->accel, 0)->data);
        code = run_once(e, vector);
    }
    if (code < 0)
        return code;
    double square = 0;
    for (uint32_t i = 0; i < e->dimension; i++)
        square += (double)vector[i] * vector[i];
    if (!(square > 1e-12) || !isfinite(square))
        return -EDOM;
    float norm = (float)sqrt(square);
    for (uint32_t i = 0; i < e->dimension; i++)
        vector[i] /= norm;
    *ret_norm = mirrored ? norm / 2 : norm;
    return 0;
}

int fg_embed_wipe(struct fg_embedder *embedder)
{
    const struct fg_accel_tensor *in = fg_accel_input(embedder->accel, 0);
    if (embedder->ran && fg_accel_wipe(embedder->accel) < 0)
        return -EIO;
    embedder->ran = false;
    explicit_bzero(in->data, in->bytes); // a crop that was refused
    return 0;
}
