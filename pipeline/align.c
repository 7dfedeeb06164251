// SPDX-License-Identifier: Apache-2.0
#include "pipeline/align.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "accel/model.h"

// O-Net's crop: MTCNN boxes are tighter and sit higher than BlazeFace's.
#define CROP_WIDTHS 1.25f
#define CROP_UP     0.05f

#define TEMPLATE_SIZE 112

static const float arcface[FG_LANDMARKS][2] = {{38.2946f, 51.6963f},
                                               {73.5318f, 51.5014f},
                                               {56.0252f, 71.7366f},
                                               {41.5493f, 92.3655f},
                                               {70.7299f, 92.2041f}};

struct fg_aligner {
    struct fg_accel *accel;
    struct fg_sample_form form;
    const float *probability, *landmarks; // the engine's outputs
};

int fg_aligner_open(const struct fg_card *card, const struct fg_accel_options *options,
                    struct fg_aligner **ret, struct fg_error *err)
{
    if (card->kind != FG_CARD_LANDMARKS)
        return fg_fail(err, -EINVAL, "model %s does not find landmarks", card->name);
    if (card->width != card->height)
        return fg_fail(err, -EINVAL, "model %s: its input is %ux%u; landmarks are found in squares",
                       card->name, card->width, card->height);
    struct fg_aligner *a = calloc(1, sizeof *a);
    if (!a)
        return fg_fail(err, -ENOMEM, "out of memory");
    a->form = (struct fg_sample_form){card->width, card->height, card->mean,
                                      card->scale, card->bgr,    card->transposed};
    int code = fg_model_open(card, options, &a->accel, err);
    for (unsigned i = 0; code == 0 && i < fg_accel_output_count(a->accel); i++) {
        const struct fg_accel_tensor *t = fg_accel_output(a->accel, i);
        if (t->bytes == 2 * sizeof(float))
            a->probability = t->data;
        else if (t->bytes == 2 * FG_LANDMARKS * sizeof(float))
            a->landmarks = t->data;
    }
    if (code == 0 && (!a->probability || !a->landmarks))
        code = fg_fail(err, -EINVAL,
                       "model %s: not an O-Net: no outputs of 2 and of 10 values; "
                       "correct kind in the card",
                       card->name);
    if (code < 0) {
        fg_aligner_close(a);
        return code;
    }
    *ret = a;
    return 0;
}

void fg_aligner_close(struct fg_aligner *aligner)
{
    if (!aligner)
        return;
    fg_accel_close(aligner->accel);
    free(aligner);
}

struct fg_accel *fg_aligner_accel(struct fg_aligner *aligner)
{
    return aligner->accel;
}

// The crop stands upright on the eyes' line: O-Net was trained on upright faces.
static struct fg_affine crop_map(const struct fg_face *face, uint32_t size)
{
    const float *right = face->points[FG_POINT_RIGHT_EYE], *left = face->points[FG_POINT_LEFT_EYE];
    double roll = atan2((double)left[1] - right[1], (double)left[0] - right[0]);
    double scale = (double)CROP_WIDTHS * face->width / size;
    double c = scale * cos(roll), s = scale * sin(roll);
    double up = CROP_UP * face->width;
    double x = face->x + up * sin(roll), y = face->y - up * cos(roll);
    double middle = (size - 1) / 2.0;
    return (struct fg_affine){
        {c, -s, x - 0.5 - (c - s) * middle, s, c, y - 0.5 - (s + c) * middle}};
}

// Adds half of each landmark of one run, as crop pixels (centres).
static int add_run(struct fg_aligner *aligner, bool mirrored, float (*points)[2])
{
    static const int other_side[FG_LANDMARKS] = {1, 0, 2, 4, 3};
    const float size = (float)aligner->form.width;
    int code = fg_accel_run(aligner->accel);
    for (int i = 0; i < FG_LANDMARKS && code == 0; i++) {
        int from = mirrored ? other_side[i] : i;
        float x = aligner->landmarks[from], y = aligner->landmarks[from + FG_LANDMARKS];
        points[i][0] += 0.5f * ((mirrored ? 1 - x : x) * size - 0.5f);
        points[i][1] += 0.5f * (y * size - 0.5f);
    }
    return code;
}

int fg_align_landmarks(struct fg_aligner *aligner, const struct fg_frame *frame,
                       const struct fg_face *face, struct fg_landmarks *ret)
{
    float *crop = fg_accel_input(aligner->accel, 0)->data, points[FG_LANDMARKS][2] = {{0}};
    struct fg_affine map = crop_map(face, aligner->form.width);
    int code = fg_sample_affine(frame, &map, &aligner->form, crop);
    if (code == 0)
        code = add_run(aligner, false, points);
    float score = aligner->probability[1];
    if (code < 0)
        return code;
    // The mirrored crop's errors are others: the mean of both halves what is left of them.
    fg_sample_mirror(&aligner->form, crop);
    if ((code = add_run(aligner, true, points)) < 0)
        return code;
    for (int i = 0; i < FG_LANDMARKS; i++) {
        double u = points[i][0], v = points[i][1];
        ret->points[i][0] = (float)(map.m[0] * u + map.m[1] * v + map.m[2]);
        ret->points[i][1] = (float)(map.m[3] * u + map.m[4] * v + map.m[5]);
    }
    ret->score = score;
    return 0;
}

int fg_similarity(const float (*from)[2], const float (*to)[2], unsigned count,
                  struct fg_affine *ret)
{
    double fx = 0, fy = 0, tx = 0, ty = 0, square = 0, a = 0, b = 0;
    for (unsigned i = 0; i < count; i++) {
        fx += (double)from[i][0] / count;
        fy += (double)from[i][1] / count;
        tx += (double)to[i][0] / count;
        ty += (double)to[i][1] / count;
    }
    for (unsigned i = 0; i < count; i++) {
        double sx = from[i][0] - fx, sy = from[i][1] - fy, dx = to[i][0] - tx, dy = to[i][1] - ty;
        square += sx * sx + sy * sy;
        a += sx * dx + sy * dy;
        b += sx * dy - sy * dx;
    }
    if (!(square > 1e-6) || !isfinite(a) || !isfinite(b))
        return -EINVAL;
    a /= square;
    b /= square;
    *ret = (struct fg_affine){{a, -b, tx - a * fx + b * fy, b, a, ty - b * fx - a * fy}};
    return 0;
}

int fg_align_map(const struct fg_landmarks *landmarks, uint32_t size, struct fg_affine *ret)
{
    // The least squares are taken in the template, as the published code does, and inverted.
    struct fg_affine into;
    float scaled[FG_LANDMARKS][2];
    const float gain = (float)size / TEMPLATE_SIZE;
    for (int i = 0; i < FG_LANDMARKS; i++) // about pixel edges, not centres
        for (int k = 0; k < 2; k++)
            scaled[i][k] = (arcface[i][k] + 0.5f) * gain - 0.5f;
    int code = fg_similarity(landmarks->points, scaled, FG_LANDMARKS, &into);
    if (code < 0)
        return code;
    double a = into.m[0], b = into.m[3], x = into.m[2], y = into.m[5], square = a * a + b * b;
    if (!(square > 1e-12))
        return -EINVAL;
    a /= square;
    b /= square;
    *ret = (struct fg_affine){{a, b, -a * x - b * y, -b, a, b * x - a * y}};
    return 0;
}
