// SPDX-License-Identifier: Apache-2.0
#include "pipeline/detect.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "accel/model.h"

#define ANCHORS_MAX     2304
#define CANDIDATES_MAX  256
#define VALUES          16   // per anchor: box 4, key points 12
#define NMS_IOU         0.3f // as MediaPipe's face_detection graphs have it
#define AGAIN_WIDTHS    2.4f // side of the second pass's square, in box widths
#define AGAIN_FAR       0.5f // the face found again lies within this many old widths
#define BYSTANDER       0.3f // of the widest face: smaller ones in a still are not looked for
#define SMALLEST_AT_128 8.0f // 16 pixels of the network: 9 in 10 are found there
#define ALONG_MOST      8    // squares along one side of the frame

struct fg_detector {
    struct fg_accel *accel;
    struct fg_sampler *sampler;
    struct fg_sample_form form;
    float min_logit;
    const float *values, *scores; // the engine's outputs
    unsigned n_anchors;
    float anchors[ANCHORS_MAX][2];
};

// One layer of anchors, row by row, a cell's anchors side by side (MediaPipe's SSD anchors with
// fixed size 1).
static void add_anchors(struct fg_detector *d, unsigned cells, unsigned each)
{
    for (unsigned i = 0; i < cells * cells; i++)
        for (unsigned k = 0; k < each && d->n_anchors < ANCHORS_MAX; k++) {
            d->anchors[d->n_anchors][0] = ((float)(i % cells) + 0.5f) / (float)cells;
            d->anchors[d->n_anchors++][1] = ((float)(i / cells) + 0.5f) / (float)cells;
        }
}

static int find_outputs(struct fg_detector *d, const struct fg_card *card, struct fg_error *err)
{
    for (unsigned i = 0; i < fg_accel_output_count(d->accel); i++) {
        const struct fg_accel_tensor *t = fg_accel_output(d->accel, i);
        if (t->n_dims != 3 || t->dims[1] != d->n_anchors)
            continue;
        if (t->dims[2] == VALUES)
            d->values = t->data;
        else if (t->dims[2] == 1)
            d->scores = t->data;
    }
    if (!d->values || !d->scores)
        return fg_fail(
            err, -EINVAL,
            "model %s: not a BlazeFace detector with %s anchors: no outputs [1,%u,16] and "
            "[1,%u,1]; correct kind or anchors in the card",
            card->name, card->full_range ? "full-range" : "short-range", d->n_anchors,
            d->n_anchors);
    return 0;
}

int fg_detector_open(const struct fg_card *card, const struct fg_accel_options *options,
                     struct fg_sampler *sampler, struct fg_detector **ret, struct fg_error *err)
{
    if (card->kind != FG_CARD_DETECTOR)
        return fg_fail(err, -EINVAL, "model %s is not a detector", card->name);
    if (card->width != card->height)
        return fg_fail(err, -EINVAL, "model %s: its input is %ux%u; a detector looks at squares",
                       card->name, card->width, card->height);
    struct fg_detector *d = calloc(1, sizeof *d);
    if (!d)
        return fg_fail(err, -ENOMEM, "out of memory");
    d->sampler = sampler;
    d->form = (struct fg_sample_form){card->width, card->height, card->mean,
                                      card->scale, card->bgr,    card->transposed};
    d->min_logit = logf(card->min_score / (1 - card->min_score));
    if (card->full_range) {
        add_anchors(d, card->width / 4, 1);
    } else {
        add_anchors(d, card->width / 8, 2);
        add_anchors(d, card->width / 16, 6);
    }
    int code = fg_model_open(card, options, &d->accel, err);
    if (code == 0)
        code = find_outputs(d, card, err);
    if (code < 0) {
        fg_detector_close(d);
        return code;
    }
    *ret = d;
    return 0;
}

void fg_detector_close(struct fg_detector *detector)
{
    if (!detector)
        return;
    fg_accel_close(detector->accel);
    free(detector);
}

struct fg_accel *fg_detector_accel(struct fg_detector *detector)
{
    return detector->accel;
}

// Starts of squares along one side: as few as cover it with an overlap of half a square, or 1/4
// where `most` are not enough for that.
static unsigned starts(float length, float side, float *ret, unsigned most)
{
    if (length <= side * 1.05f) {
        ret[0] = (length - side) / 2;
        return 1;
    }
    unsigned n = 1 + (unsigned)ceilf((length - side) / (0.5f * side));
    n = n > most ? most : n;
    for (unsigned i = 0; i < n; i++)
        ret[i] = (length - side) * (float)i / (float)(n - 1);
    return n;
}

unsigned fg_detector_squares(uint32_t width, uint32_t height, float smallest,
                             struct fg_square ret[FG_SQUARES_MAX])
{
    const float w = (float)width, h = (float)height;
    float side = fminf(fminf(w, h), SMALLEST_AT_128 * smallest);
    side = fmaxf(side, fmaxf(w, h) / (1 + 0.75f * (ALONG_MOST - 1))); // else gaps would be left
    float xs[ALONG_MOST], ys[ALONG_MOST];
    unsigned nx = starts(w, side, xs, ALONG_MOST), ny = starts(h, side, ys, ALONG_MOST);
    for (unsigned i = 0; i < nx * ny; i++)
        ret[i] = (struct fg_square){xs[i % nx], ys[i / nx], side};
    return nx * ny;
}

int fg_face_same(const struct fg_face *a, const struct fg_face *b)
{
    float near = 0.5f * fminf(a->width, b->width);
    return fabsf(a->x - b->x) < near && fabsf(a->y - b->y) < near;
}

static float overlap(const struct fg_face *a, const struct fg_face *b)
{
    float w = fminf(a->x + a->width / 2, b->x + b->width / 2) -
              fmaxf(a->x - a->width / 2, b->x - b->width / 2);
    float h = fminf(a->y + a->height / 2, b->y + b->height / 2) -
              fmaxf(a->y - a->height / 2, b->y - b->height / 2);
    if (w <= 0 || h <= 0)
        return 0;
    return w * h / (a->width * a->height + b->width * b->height - w * h);
}

static int by_score(const void *pa, const void *pb)
{
    const struct fg_face *a = pa, *b = pb;
    return (a->score < b->score) - (a->score > b->score);
}

// Candidates of one run in the square's own unit, 0..1.
static unsigned decode(const struct fg_detector *d, struct fg_face *ret, unsigned most)
{
    const float unit = 1 / (float)d->form.width;
    unsigned n = 0;
    for (unsigned i = 0; i < d->n_anchors && n < most; i++) {
        if (!(d->scores[i] >= d->min_logit))
            continue;
        const float *v = d->values + (size_t)i * VALUES, *a = d->anchors[i];
        struct fg_face *f = &ret[n];
        f->score = 1 / (1 + expf(-fminf(d->scores[i], 100)));
        f->x = v[0] * unit + a[0];
        f->y = v[1] * unit + a[1];
        f->width = v[2] * unit;
        f->height = v[3] * unit;
        for (int k = 0; k < FG_POINTS; k++) {
            f->points[k][0] = v[4 + 2 * k] * unit + a[0];
            f->points[k][1] = v[5 + 2 * k] * unit + a[1];
        }
        n += f->width > 0 && f->height > 0;
    }
    return n;
}

static void add_weighted(struct fg_face *sum, const struct fg_face *f, float weight)
{
    sum->x += weight * f->x;
    sum->y += weight * f->y;
    sum->width += weight * f->width;
    sum->height += weight * f->height;
    for (int k = 0; k < FG_POINTS; k++) {
        sum->points[k][0] += weight * f->points[k][0];
        sum->points[k][1] += weight * f->points[k][1];
    }
}

// Weighted non-maximum suppression: each group becomes its score-weighted mean.
static unsigned suppress(struct fg_face *faces, unsigned n)
{
    bool used[CANDIDATES_MAX] = {false};
    unsigned kept = 0;
    qsort(faces, n, sizeof *faces, by_score);
    for (unsigned i = 0; i < n; i++) {
        if (used[i])
            continue;
        const struct fg_face best = faces[i];
        struct fg_face sum = {0}, mean = {0};
        float total = 0;
        for (unsigned j = i; j < n; j++) {
            if (used[j] || (j > i && overlap(&best, &faces[j]) <= NMS_IOU))
                continue;
            used[j] = true;
            total += faces[j].score;
            add_weighted(&sum, &faces[j], faces[j].score);
        }
        add_weighted(&mean, &sum, 1 / total);
        mean.score = best.score;
        faces[kept++] = mean; // kept <= i: what it overwrites is used
    }
    return kept;
}

static void to_frame(struct fg_face *f, const struct fg_square *s)
{
    f->x = s->x + f->x * s->side;
    f->y = s->y + f->y * s->side;
    f->width *= s->side;
    f->height *= s->side;
    for (int k = 0; k < FG_POINTS; k++) {
        f->points[k][0] = s->x + f->points[k][0] * s->side;
        f->points[k][1] = s->y + f->points[k][1] * s->side;
    }
}

int fg_detect_square(struct fg_detector *detector, const struct fg_frame *frame,
                     const struct fg_square *square, struct fg_face *ret, unsigned most)
{
    struct fg_detector *d = detector;
    struct fg_face found[CANDIDATES_MAX];
    int code = fg_sample_rect(d->sampler, frame, square->x, square->y, square->side, square->side,
                              &d->form, fg_accel_input(d->accel, 0)->data);
    if (code < 0 || (code = fg_accel_run(d->accel)) < 0)
        return code;
    unsigned n = decode(d, found, CANDIDATES_MAX);
    // cppcheck-suppress uninitvar // decode fills the first n
    n = suppress(found, n);
    n = n > most ? most : n;
    for (unsigned i = 0; i < n; i++) {
        to_frame(&found[i], square);
        ret[i] = found[i];
    }
    return (int)n;
}

int fg_detect_again(struct fg_detector *detector, const struct fg_frame *frame,
                    struct fg_face *face)
{
    float side = AGAIN_WIDTHS * fmaxf(face->width, 8);
    struct fg_square square = {face->x - side / 2, face->y - side / 2, side};
    struct fg_face found[8];
    int n = fg_detect_square(detector, frame, &square, found, 8);
    if (n < 0)
        return n;
    float best = AGAIN_FAR * face->width;
    const struct fg_face *nearest = NULL;
    for (int i = 0; i < n; i++) {
        float far = hypotf(found[i].x - face->x, found[i].y - face->y);
        if (far < best) {
            best = far;
            nearest = &found[i];
        }
    }
    if (!nearest)
        return 0;
    *face = *nearest;
    return 1;
}

static int by_width(const void *pa, const void *pb)
{
    const struct fg_face *a = pa, *b = pb;
    return (a->width < b->width) - (a->width > b->width);
}

static bool is_among(const struct fg_face *faces, unsigned n, const struct fg_face *face)
{
    for (unsigned i = 0; i < n; i++)
        if (fg_face_same(&faces[i], face))
            return true;
    return false;
}

// Twice, so that the box no longer depends on the square that found it first.
static int settle(struct fg_detector *d, const struct fg_frame *frame, struct fg_face *face)
{
    int again = fg_detect_again(d, frame, face);
    return again > 0 ? fg_detect_again(d, frame, face) : again;
}

// Adds the faces of some squares, each confirmed by a second pass.
static int look_closer(struct fg_detector *d, const struct fg_frame *frame,
                       const struct fg_square *squares, unsigned n_squares, struct fg_face *faces,
                       unsigned *n)
{
    struct fg_face some[FG_FACES_MAX];
    for (unsigned i = 0; i < n_squares; i++) {
        int found = fg_detect_square(d, frame, &squares[i], some, FG_FACES_MAX);
        for (int k = 0; k < found; k++) {
            int again = is_among(faces, *n, &some[k]) ? 0 : settle(d, frame, &some[k]);
            if (again < 0)
                return again;
            if (again && !is_among(faces, *n, &some[k]) && *n < FG_FACES_MAX)
                faces[(*n)++] = some[k];
        }
        if (found < 0)
            return found;
    }
    return 0;
}

static float widest(const struct fg_face *faces, unsigned n)
{
    float most = 0;
    for (unsigned i = 0; i < n; i++)
        most = fmaxf(most, faces[i].width);
    return most;
}

int fg_detect_still(struct fg_detector *detector, const struct fg_frame *frame, float smallest,
                    struct fg_face *ret, unsigned most)
{
    struct fg_square squares[FG_SQUARES_MAX];
    struct fg_face faces[FG_FACES_MAX];
    unsigned n = 0;
    float w = (float)frame->width, h = (float)frame->height, longer = fmaxf(w, h);
    squares[0] = (struct fg_square){(w - longer) / 2, (h - longer) / 2, longer};
    int code = look_closer(detector, frame, squares, 1, faces, &n);
    if (code == 0 && n == 0) { // a face that fills the picture is found within a margin
        squares[0] = (struct fg_square){w / 2 - longer, h / 2 - longer, 2 * longer};
        code = look_closer(detector, frame, squares, 1, faces, &n);
    }
    float reach = longer / SMALLEST_AT_128, next = fminf(w, h) / SMALLEST_AT_128;
    float goal;
    // a level that reaches nearly as far is not worth another
    while (code == 0 && reach > 1.2f * (goal = fmaxf(smallest, BYSTANDER * widest(faces, n)))) {
        reach = fmaxf(fminf(reach / 2, next), goal); // each level twice as fine
        unsigned n_squares = fg_detector_squares(frame->width, frame->height, reach, squares);
        code = look_closer(detector, frame, squares, n_squares, faces, &n);
    }
    if (code < 0)
        return code;
    qsort(faces, n, sizeof *faces, by_width);
    n = n > most ? most : n;
    memcpy(ret, faces, n * sizeof *faces);
    return (int)n;
}
