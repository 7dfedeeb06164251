// SPDX-License-Identifier: Apache-2.0
// The sampler, with each set of kernels that this processor has, against a slow reference in double
// precision and against the kernels in C, over all formats and odd sizes, with planes that end at a
// guard page.
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "pipeline/sampler.h"
#include "pipeline/sampler_kernels.h"

static uint64_t seed = 1;

static uint32_t draw(uint32_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % below;
}

static double draw_in(double low, double high)
{
    return low + (high - low) * draw(1000003) / 1000003.0;
}

// A plane's bytes between two pages that must not be touched, at the end or the start of the room.
struct room {
    uint8_t *map;
    size_t size;
};

static uint8_t *room_create(struct room *room, size_t length, bool at_end)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), inner = (length + page - 1) / page * page;
    room->size = inner + 2 * page;
    room->map = mmap(NULL, room->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(room->map != MAP_FAILED);
    assert_int_equal(mprotect(room->map + page, inner, PROT_READ | PROT_WRITE), 0);
    return at_end ? room->map + page + inner - length : room->map + page;
}

enum { GREY, RGB, YUV444, YUV422, YUV420, YUV440, NV12, YUYV, UYVY, N_FORMATS };

// Where a format's channels are: plane, first byte, bytes from pixel to pixel.
struct place {
    unsigned plane, offset, step;
};

static const struct {
    uint32_t fourcc;
    unsigned shifts[2]; // of channels 1 and 2
    unsigned n_planes;
    struct place channels[3];
} formats[N_FORMATS] = {
    {FG_FOURCC_GREY, {0, 0}, 1, {{0, 0, 1}, {0, 0, 1}, {0, 0, 1}}},
    {FG_FOURCC_RGB, {0, 0}, 1, {{0, 0, 3}, {0, 1, 3}, {0, 2, 3}}},
    {FG_FOURCC_YUV, {0, 0}, 3, {{0, 0, 1}, {1, 0, 1}, {2, 0, 1}}},
    {FG_FOURCC_YUV, {1, 0}, 3, {{0, 0, 1}, {1, 0, 1}, {2, 0, 1}}},
    {FG_FOURCC_YUV, {1, 1}, 3, {{0, 0, 1}, {1, 0, 1}, {2, 0, 1}}},
    {FG_FOURCC_YUV, {0, 1}, 3, {{0, 0, 1}, {1, 0, 1}, {2, 0, 1}}},
    {FG_FOURCC_NV12, {1, 1}, 2, {{0, 0, 1}, {1, 0, 2}, {1, 1, 2}}},
    {FG_FOURCC_YUYV, {1, 0}, 1, {{0, 0, 2}, {0, 1, 4}, {0, 3, 4}}},
    {FG_FOURCC_UYVY, {1, 0}, 1, {{0, 1, 2}, {0, 0, 4}, {0, 2, 4}}},
};

struct scene {
    struct fg_frame frame;
    int format;
    struct room rooms[3];
};

static bool is_yuv(const struct scene *s)
{
    return s->format >= YUV444;
}

static uint32_t shifted(uint32_t size, unsigned shift)
{
    return (size + (1u << shift) - 1) >> shift;
}

static uint32_t channel_width(const struct scene *s, unsigned c)
{
    return c == 0 ? s->frame.width : shifted(s->frame.width, formats[s->format].shifts[0]);
}

static uint32_t channel_height(const struct scene *s, unsigned c)
{
    return c == 0 ? s->frame.height : shifted(s->frame.height, formats[s->format].shifts[1]);
}

static uint32_t row_bytes(const struct scene *s, unsigned plane)
{
    const uint32_t width = s->frame.width;
    switch (s->format) {
    case RGB:
        return 3 * width;
    case NV12:
        return plane ? (width + 1) / 2 * 2 : width;
    case YUYV:
    case UYVY:
        return (width + 1) / 2 * 4;
    default:
        return channel_width(s, plane);
    }
}

static struct scene scene_create(int format, uint32_t width, uint32_t height, bool full_range)
{
    struct scene s = {.frame = {.width = width, .height = height, .full_range = full_range},
                      .format = format};
    struct fg_frame *f = &s.frame;
    f->fourcc = formats[format].fourcc;
    f->n_planes = formats[format].n_planes;
    if (f->fourcc == FG_FOURCC_YUV) {
        f->chroma_shift_x = (uint8_t)formats[format].shifts[0];
        f->chroma_shift_y = (uint8_t)formats[format].shifts[1];
    }
    const bool at_end = draw(4) > 0;
    for (unsigned p = 0; p < f->n_planes; p++) {
        const uint32_t bytes = row_bytes(&s, p), rows = channel_height(&s, p);
        const uint32_t stride = bytes + draw(3) * draw(40);
        const uint32_t length = stride * (rows - 1) + bytes; // no padding behind the last row
        uint8_t *data = room_create(&s.rooms[p], length, at_end);
        for (uint32_t i = 0; i < length; i++)
            data[i] = (uint8_t)draw(256);
        f->planes[p] = (struct fg_plane){data, stride, length, -1, 0};
    }
    struct fg_error err = {""};
    if (fg_frame_check(f, &err) < 0)
        fail_msg("%s", err.text);
    return s;
}

static void scene_destroy(struct scene *s)
{
    for (unsigned p = 0; p < s->frame.n_planes; p++)
        munmap(s->rooms[p].map, s->rooms[p].size);
}

static uint8_t *writable(const struct scene *s, unsigned plane)
{
    return (uint8_t *)(uintptr_t)s->frame.planes[plane].data;
}

static double value_at(const struct scene *s, unsigned channel, uint32_t x, uint32_t y)
{
    const struct place *at = &formats[s->format].channels[channel];
    const struct fg_plane *plane = &s->frame.planes[at->plane];
    return plane->data[(size_t)y * plane->stride + at->offset + (size_t)x * at->step];
}

static double clamp(double v)
{
    return v < 0 ? 0 : v > 255 ? 255 : v;
}

// BT.601 from its own constants, Kr = .299 and Kb = .114. What is missing of the weights is black.
static void colour(const struct fg_frame *f, double y, double y_in, double u, double v, double c_in,
                   double rgb[3])
{
    const double kr = .299, kb = .114, kg = 1 - kr - kb;
    double luma = y, cb = u - 128 * c_in, cr = v - 128 * c_in;
    if (!f->full_range) {
        luma = (y - 16 * y_in) * 255 / 219;
        cb *= 255. / 224;
        cr *= 255. / 224;
    }
    const double r = luma + 2 * (1 - kr) * cr, b = luma + 2 * (1 - kb) * cb;
    rgb[0] = clamp(r);
    rgb[1] = clamp(luma - (kr * 2 * (1 - kr) * cr + kb * 2 * (1 - kb) * cb) / kg);
    rgb[2] = clamp(b);
}

// The weight of source pixel i in the output pixel lo..lo+step, one axis.
static double axis_weight(double lo, double step, uint32_t i)
{
    if (step >= 1) {
        const double share = fmin(lo + step, i + 1.) - fmax(lo, i);
        return share > 0 ? share / step : 0;
    }
    const double far = fabs(lo + step / 2 - .5 - i);
    return far < 1 ? 1 - far : 0;
}

static double scale_of(const struct scene *s, unsigned channel, unsigned axis)
{
    return channel ? 1. / (1 << formats[s->format].shifts[axis]) : 1;
}

static double weighted(const struct scene *s, unsigned channel, const double x[2],
                       const double y[2], double *ret_inside)
{
    const double sx = scale_of(s, channel, 0), sy = scale_of(s, channel, 1);
    double sum = 0, inside = 0;
    for (uint32_t j = 0; j < channel_height(s, channel); j++) {
        const double wy = axis_weight(y[0] * sy, y[1] * sy, j);
        for (uint32_t i = 0; wy > 0 && i < channel_width(s, channel); i++) {
            const double w = wy * axis_weight(x[0] * sx, x[1] * sx, i);
            sum += w > 0 ? w * value_at(s, channel, i, j) : 0;
            inside += w;
        }
    }
    *ret_inside = inside;
    return sum;
}

// Output pixel x[0]..x[0]+x[1] by y[0]..y[0]+y[1] of the frame.
static void reference_rect(const struct scene *s, const double x[2], const double y[2],
                           double rgb[3])
{
    double sum[3], in[3];
    for (unsigned c = 0; c < 3; c++)
        sum[c] = weighted(s, c, x, y, &in[c]);
    if (is_yuv(s))
        colour(&s->frame, sum[0], in[0], sum[1], sum[2], in[1], rgb);
    else
        memcpy(rgb, sum, sizeof sum);
}

static double bilinear(const struct scene *s, unsigned channel, double x, double y,
                       double *ret_inside)
{
    double sum = 0, inside = 0;
    for (uint32_t j = 0; j < channel_height(s, channel); j++)
        for (uint32_t i = 0; fabs(y - j) < 1 && i < channel_width(s, channel); i++)
            if (fabs(x - i) < 1) {
                const double w = (1 - fabs(x - i)) * (1 - fabs(y - j));
                sum += w * value_at(s, channel, i, j);
                inside += w;
            }
    *ret_inside = inside;
    return sum;
}

// The mean of a channel's points in one tensor pixel, at its own resolution.
static double channel_mean(const struct scene *s, unsigned channel, const double m[6], double x,
                           double y, double *ret_inside)
{
    const double sx = scale_of(s, channel, 0), sy = scale_of(s, channel, 1);
    const double step = sqrt(fabs(m[0] * m[4] - m[1] * m[3]) * sx * sy);
    const int n = step > 1.5 ? (int)fmin(ceil(step), 16) : 1;
    double sum = 0, inside = 0, in;
    for (int i = 0; i < n * n; i++) {
        const double u = x + (i % n + .5) / n - .5, v = y + (i / n + .5) / n - .5;
        double px = (m[0] * u + m[1] * v + m[2] + .5) * sx - .5;
        double py = (m[3] * u + m[4] * v + m[5] + .5) * sy - .5;
        if (channel && is_yuv(s)) { // chroma holds up to the border: a luma pixel there is inside
            px = fmax(0, fmin(px, channel_width(s, channel) - 1.));
            py = fmax(0, fmin(py, channel_height(s, channel) - 1.));
        }
        sum += bilinear(s, channel, px, py, &in) / (n * n);
        inside += in / (n * n);
    }
    *ret_inside = inside;
    return sum;
}

static void reference_affine(const struct scene *s, const double m[6], double x, double y,
                             double rgb[3])
{
    double sum[3], in, ignored;
    for (unsigned c = 0; c < 3; c++)
        sum[c] = channel_mean(s, c, m, x, y, c ? &ignored : &in);
    if (is_yuv(s))
        colour(&s->frame, sum[0], in, sum[1] * in, sum[2] * in, in, rgb);
    else
        memcpy(rgb, sum, sizeof sum);
}

static void expect_pixel(const struct fg_sample_form *form, const float *tensor, uint32_t x,
                         uint32_t y, const double rgb[3], double tolerance)
{
    // x, y of the upright picture
    const size_t at = form->transposed ? (size_t)x * form->width + y : (size_t)y * form->width + x;
    for (int c = 0; c < 3; c++) {
        const double got =
            (double)tensor[at * 3 + (size_t)(form->bgr ? 2 - c : c)] * form->scale + form->mean;
        if (!(fabs(got - rgb[c]) < tolerance))
            fail_msg("pixel %u, %u channel %d: %g, not %g", x, y, c, got, rgb[c]);
    }
}

static struct fg_sample_form draw_form(void)
{
    struct fg_sample_form form = {1 + draw(20), 1 + draw(20), (float)draw(256), 1, false, false};
    form.scale = 1 + (float)draw(200);
    form.bgr = draw(2);
    form.transposed = draw(2);
    if (draw(3) == 0)
        form.height = form.width;
    return form;
}

static uint32_t upright_width(const struct fg_sample_form *form)
{
    return form->transposed ? form->height : form->width;
}

static uint32_t upright_height(const struct fg_sample_form *form)
{
    return form->transposed ? form->width : form->height;
}

// One float behind the tensor that must stay.
static float *tensor_create(const struct fg_sample_form *form)
{
    const size_t n = (size_t)form->width * form->height * 3;
    float *tensor = malloc((n + 1) * sizeof *tensor);
    assert_non_null(tensor);
    for (size_t i = 0; i <= n; i++)
        tensor[i] = NAN;
    return tensor;
}

static void one_rect(struct fg_sampler *sampler, const struct scene *s, const double rect[4])
{
    const struct fg_sample_form form = draw_form();
    float *tensor = tensor_create(&form);
    assert_int_equal(
        fg_sample_rect(sampler, &s->frame, rect[0], rect[1], rect[2], rect[3], &form, tensor), 0);
    const uint32_t columns = upright_width(&form), rows = upright_height(&form);
    const double step_x = rect[2] / columns, step_y = rect[3] / rows;
    for (uint32_t y = 0; y < rows; y++) {
        for (uint32_t x = 0; x < columns; x++) {
            double rgb[3];
            const double px[2] = {rect[0] + x * step_x, step_x},
                         py[2] = {rect[1] + y * step_y, step_y};
            reference_rect(s, px, py, rgb);
            expect_pixel(&form, tensor, x, y, rgb, 0.02);
        }
    }
    assert_true(isnan(tensor[(size_t)form.width * form.height * 3]));
    free(tensor);
}

static void draw_rect(const struct fg_frame *f, double rect[4])
{
    const double w = f->width, h = f->height;
    switch (draw(5)) {
    case 0: // the whole
        memcpy(rect, (double[4]){0, 0, w, h}, 4 * sizeof *rect);
        break;
    case 1: // inside
        rect[0] = draw_in(0, w);
        rect[1] = draw_in(0, h);
        rect[2] = draw_in(.1, w - rect[0] + .1);
        rect[3] = draw_in(.1, h - rect[1] + .1);
        break;
    case 2: // whole pixels
        rect[0] = (double)draw(f->width) - 3;
        rect[1] = (double)draw(f->height) - 3;
        rect[2] = 1 + draw(f->width);
        rect[3] = 1 + draw(f->height);
        break;
    case 3: // far larger than the frame
        rect[0] = draw_in(-3 * w, 0);
        rect[1] = draw_in(-3 * h, 0);
        rect[2] = draw_in(1, 8 * w);
        rect[3] = draw_in(1, 8 * h);
        break;
    default: // partly or wholly outside, any side
        rect[0] = draw_in(-1.5 * w, 1.5 * w);
        rect[1] = draw_in(-1.5 * h, 1.5 * h);
        rect[2] = draw_in(.3, 1.5 * w);
        rect[3] = draw_in(.3, 1.5 * h);
    }
}

static void test_rect_random(void **state)
{
    (void)state;
    struct fg_sampler *sampler = NULL;
    assert_int_equal(fg_sampler_create(&sampler), 0);
    for (int i = 0; i < 270; i++) {
        struct scene s = scene_create(i % N_FORMATS, 1 + draw(45), 1 + draw(40), draw(2));
        double rect[4];
        for (int k = 0; k < 3; k++) {
            draw_rect(&s.frame, rect);
            one_rect(sampler, &s, rect);
        }
        scene_destroy(&s);
    }
    fg_sampler_destroy(sampler);
    fg_sampler_destroy(NULL);
}

// Luma alone, to bytes; one byte behind them must stay.
static void one_grey(struct fg_sampler *sampler, const struct scene *s, const double rect[4])
{
    const uint32_t columns = 1 + draw(30), rows = 1 + draw(20);
    const double step_x = rect[2] / columns, step_y = rect[3] / rows;
    uint8_t *grey = malloc((size_t)columns * rows + 1);
    assert_non_null(grey);
    grey[(size_t)columns * rows] = 77;
    assert_int_equal(
        fg_sample_grey(sampler, &s->frame, rect[0], rect[1], rect[2], rect[3], columns, rows, grey),
        0);
    for (uint32_t y = 0; y < rows; y++) {
        for (uint32_t x = 0; x < columns; x++) {
            const double px[2] = {rect[0] + x * step_x, step_x},
                         py[2] = {rect[1] + y * step_y, step_y};
            double sum[3] = {0}, in[3] = {0};
            for (unsigned c = 0; c < (s->format == RGB ? 3u : 1u); c++)
                sum[c] = weighted(s, c, px, py, &in[c]);
            double want = sum[0];
            if (s->format == RGB)
                want = .299 * sum[0] + .587 * sum[1] + .114 * sum[2];
            else if (is_yuv(s) && !s->frame.full_range)
                want = (sum[0] - 16 * in[0]) * 255 / 219;
            if (!(fabs(grey[(size_t)y * columns + x] - clamp(want)) < 0.52))
                fail_msg("pixel %u, %u: %u, not %g", x, y, grey[(size_t)y * columns + x], want);
        }
    }
    assert_int_equal(grey[(size_t)columns * rows], 77);
    free(grey);
}

static void test_grey(void **state)
{
    (void)state;
    struct fg_sampler *sampler = NULL;
    assert_int_equal(fg_sampler_create(&sampler), 0);
    for (int i = 0; i < 270; i++) {
        struct scene s = scene_create(i % N_FORMATS, 1 + draw(45), 1 + draw(40), draw(2));
        double rect[4];
        for (int k = 0; k < 3; k++) {
            draw_rect(&s.frame, rect);
            one_grey(sampler, &s, rect);
            one_rect(sampler, &s, rect); // in turns with tensors: scratch memory is shared
        }
        scene_destroy(&s);
    }
    fg_sampler_wipe(sampler);
    struct scene s = scene_create(NV12, 40, 30, true);
    const double whole[4] = {0, 0, 40, 30};
    one_grey(sampler, &s, whole);
    uint8_t grey;
    assert_int_equal(fg_sample_grey(sampler, &s.frame, 0, 0, 0, 30, 1, 1, &grey), -EINVAL);
    assert_int_equal(fg_sample_grey(sampler, &s.frame, 0, 0, 40, INFINITY, 1, 1, &grey), -EINVAL);
    scene_destroy(&s);
    fg_sampler_destroy(sampler);
}

// The sampler's memory is used again for frames and tensors of other sizes.
static void test_rect_sizes_change(void **state)
{
    (void)state;
    struct fg_sampler *sampler = NULL;
    assert_int_equal(fg_sampler_create(&sampler), 0);
    static const uint32_t sizes[][2] = {{3, 2}, {150, 3}, {1, 1}, {5, 120}, {2, 2}, {90, 70}};
    for (int i = 0; i < 12; i++) {
        struct scene s = scene_create(i % N_FORMATS, sizes[i % 6][0], sizes[i % 6][1], i % 2);
        const double rect[4] = {0, 0, sizes[i % 6][0], sizes[i % 6][1]};
        one_rect(sampler, &s, rect);
        scene_destroy(&s);
    }
    fg_sampler_destroy(sampler);
}

static void compare_affine(const struct scene *s, const struct fg_affine *map)
{
    const struct fg_sample_form form = draw_form();
    float *tensor = tensor_create(&form);
    assert_int_equal(fg_sample_affine(&s->frame, map, &form, tensor), 0);
    for (uint32_t y = 0; y < upright_height(&form); y++) {
        for (uint32_t x = 0; x < upright_width(&form); x++) {
            double rgb[3];
            reference_affine(s, map->m, x, y, rgb);
            expect_pixel(&form, tensor, x, y, rgb, 0.02);
        }
    }
    assert_true(isnan(tensor[(size_t)form.width * form.height * 3]));
    free(tensor);
}

static struct fg_affine draw_map(double scale, double low, double high)
{
    const double angle = draw_in(-3.2, 3.2), a = scale * cos(angle), b = scale * sin(angle);
    return (struct fg_affine){{a, -b, draw_in(low, high), b, a, draw_in(low, high)}};
}

static void test_affine_random(void **state)
{
    (void)state;
    for (int i = 0; i < 216; i++) {
        struct scene s = scene_create(i % N_FORMATS, 1 + draw(40), 1 + draw(40), draw(2));
        struct fg_affine map = draw_map(draw_in(.2, 3.5), -15, 40);
        if (draw(3) == 0)
            for (int k = 0; k < 6; k++)
                map.m[k] += draw_in(-.5, .5); // not only similarities
        compare_affine(&s, &map);
        scene_destroy(&s);
    }
}

// Crops that never come near the border take another way through the sampler.
static void test_affine_inside(void **state)
{
    (void)state;
    for (int i = 0; i < 36; i++) {
        struct scene s = scene_create(i % N_FORMATS, 150 + draw(20), 150 + draw(20), draw(2));
        struct fg_affine map = draw_map(draw_in(.2, 2.2), 65, 85);
        compare_affine(&s, &map);
        scene_destroy(&s);
    }
}

static void test_mirror(void **state)
{
    (void)state;
    struct scene s = scene_create(RGB, 9, 6, true);
    for (int transposed = 0; transposed < 2; transposed++) {
        struct fg_sample_form form = {transposed ? 6 : 9, transposed ? 9 : 6, 0, 1, false,
                                      transposed};
        const struct fg_affine upright = {{1, 0, 0, 0, 1, 0}}, mirrored = {{-1, 0, 8, 0, 1, 0}};
        float *a = tensor_create(&form), *b = tensor_create(&form);
        assert_int_equal(fg_sample_affine(&s.frame, &upright, &form, a), 0);
        assert_int_equal(fg_sample_affine(&s.frame, &mirrored, &form, b), 0);
        fg_sample_mirror(&form, a);
        assert_memory_equal(a, b, sizeof(float) * 9 * 6 * 3);
        free(a);
        free(b);
    }
    scene_destroy(&s);
}

static void test_affine_far_away(void **state)
{
    (void)state;
    struct scene s = scene_create(YUV420, 9, 7, false);
    const struct fg_sample_form form = {4, 4, 10, 2, false, false};
    static const double far[] = {1e3, -1e3, 1e9, -1e9, 1e30, NAN, INFINITY};
    float tensor[48];
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        const struct fg_affine map = {{1, 0, far[i], 0, 1, far[i]}};
        assert_int_equal(fg_sample_affine(&s.frame, &map, &form, tensor), 0);
        for (int k = 0; k < 48; k++)
            assert_true(tensor[k] == (0 - form.mean) / form.scale); // black
    }
    scene_destroy(&s);
}

// One pixel to one pixel is the pixel itself, in both ways of sampling.
static void test_identity(void **state)
{
    (void)state;
    struct fg_sampler *sampler = NULL;
    assert_int_equal(fg_sampler_create(&sampler), 0);
    struct scene s = scene_create(RGB, 13, 11, true);
    const struct fg_sample_form form = {13, 11, 0, 1, false, false};
    float by_rect[13 * 11 * 3], by_map[13 * 11 * 3];
    const struct fg_affine map = {{1, 0, 0, 0, 1, 0}};
    assert_int_equal(fg_sample_rect(sampler, &s.frame, 0, 0, 13, 11, &form, by_rect), 0);
    assert_int_equal(fg_sample_affine(&s.frame, &map, &form, by_map), 0);
    for (uint32_t y = 0; y < 11; y++)
        for (uint32_t x = 0; x < 13; x++)
            for (unsigned c = 0; c < 3; c++) {
                const double v = value_at(&s, c, x, y);
                assert_true((double)by_rect[(y * 13 + x) * 3 + c] == v);
                assert_true((double)by_map[(y * 13 + x) * 3 + c] == v);
            }
    scene_destroy(&s);
    fg_sampler_destroy(sampler);
}

// A straight ramp stays a straight ramp, whatever the scale: no shift by half a pixel anywhere.
static void test_ramp(void **state)
{
    (void)state;
    struct fg_sampler *sampler = NULL;
    assert_int_equal(fg_sampler_create(&sampler), 0);
    struct scene s = scene_create(GREY, 100, 60, true);
    uint8_t *data = writable(&s, 0);
    for (uint32_t y = 0; y < 60; y++)
        for (uint32_t x = 0; x < 100; x++)
            data[y * s.frame.planes[0].stride + x] = (uint8_t)(x + 2 * y);
    static const double sides[] = {8.7, 16, 31.4, 48};
    for (int i = 0; i < 4; i++) {
        const struct fg_sample_form form = {16, 16, 0, 1, false, false};
        float by_rect[16 * 16 * 3], by_map[16 * 16 * 3];
        const double left = 5.3, top = 6.1, step = sides[i] / 16;
        assert_int_equal(
            fg_sample_rect(sampler, &s.frame, left, top, sides[i], sides[i], &form, by_rect), 0);
        const struct fg_affine map = {
            {step, 0, left + step / 2 - .5, 0, step, top + step / 2 - .5}};
        assert_int_equal(fg_sample_affine(&s.frame, &map, &form, by_map), 0);
        for (uint32_t y = 0; y < 16; y++)
            for (uint32_t x = 0; x < 16; x++) {
                const double v = left + (x + .5) * step - .5 + 2 * (top + (y + .5) * step - .5);
                // an area average weighs whole pixels: up to 1/8 of the slope off at a broken edge
                assert_true(fabs((double)by_rect[(y * 16 + x) * 3] - v) < .5);
                assert_true(fabs((double)by_map[(y * 16 + x) * 3] - v) < .01);
            }
    }
    scene_destroy(&s);
    fg_sampler_destroy(sampler);
}

static void fill_channel(const struct scene *s, unsigned channel, uint8_t value)
{
    const struct place *at = &formats[s->format].channels[channel];
    for (uint32_t y = 0; y < channel_height(s, channel); y++)
        for (uint32_t x = 0; x < channel_width(s, channel); x++)
            writable(s, at->plane)[(size_t)y * s->frame.planes[at->plane].stride + at->offset +
                                   (size_t)x * at->step] = value;
}

static void test_known_colours(void **state)
{
    (void)state;
    // BT.601 codes of black, white, red, green, blue: full range (JFIF), then 16..235
    static const struct {
        bool full;
        uint8_t yuv[3];
        int rgb[3];
    } known[] = {
        {true, {0, 128, 128}, {0, 0, 0}},          {true, {255, 128, 128}, {255, 255, 255}},
        {true, {76, 85, 255}, {254, 0, 0}},        {true, {150, 44, 21}, {0, 255, 1}},
        {true, {29, 255, 107}, {0, 0, 254}},       {false, {16, 128, 128}, {0, 0, 0}},
        {false, {235, 128, 128}, {255, 255, 255}}, {false, {81, 90, 240}, {254, 0, 0}},
        {false, {145, 54, 34}, {0, 255, 1}},       {false, {41, 240, 110}, {0, 0, 255}},
        {false, {125, 128, 128}, {127, 127, 127}}, {false, {0, 128, 128}, {0, 0, 0}},
    };
    struct fg_sampler *sampler = NULL;
    assert_int_equal(fg_sampler_create(&sampler), 0);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        for (int format = YUV444; format < N_FORMATS; format++) {
            struct scene s = scene_create(format, 10, 8, known[i].full);
            for (unsigned c = 0; c < 3; c++)
                fill_channel(&s, c, known[i].yuv[c]);
            const struct fg_sample_form form = {3, 3, 0, 1, false, false};
            float by_rect[27], by_map[27];
            const struct fg_affine map = {{1.2, .1, 3, -.1, 1.2, 3}};
            assert_int_equal(fg_sample_rect(sampler, &s.frame, 2, 2, 5, 5, &form, by_rect), 0);
            assert_int_equal(fg_sample_affine(&s.frame, &map, &form, by_map), 0);
            for (int k = 0; k < 27; k++) {
                assert_true(fabsf(by_rect[k] - (float)known[i].rgb[k % 3]) < 2);
                assert_true(fabsf(by_map[k] - (float)known[i].rgb[k % 3]) < 2);
            }
            scene_destroy(&s);
        }
    }
    fg_sampler_destroy(sampler);
}

static void test_refused_rectangles(void **state)
{
    (void)state;
    struct fg_sampler *sampler = NULL;
    assert_int_equal(fg_sampler_create(&sampler), 0);
    struct scene s = scene_create(GREY, 10, 10, true);
    static const double bad[][4] = {
        {0, 0, 0, 5},        {0, 0, 5, 0},         {0, 0, -5, 5},       {0, 0, 5, -1e-9},
        {NAN, 0, 5, 5},      {0, NAN, 5, 5},       {0, 0, NAN, 5},      {0, 0, 5, NAN},
        {INFINITY, 0, 5, 5}, {0, -INFINITY, 5, 5}, {0, 0, INFINITY, 5}, {0, 0, 5, INFINITY},
        {1e300, 0, 5, 5},    {0, 0, 1e300, 5},
    };
    const struct fg_sample_form form = {2, 2, 0, 1, false, false};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        float tensor[12] = {7};
        const double *r = bad[i];
        assert_int_equal(fg_sample_rect(sampler, &s.frame, r[0], r[1], r[2], r[3], &form, tensor),
                         -EINVAL);
        assert_true(tensor[0] == 7);
    }
    // tiny and huge ones that are fine
    static const double good[][4] = {{3, 3, 1e-6, 1e-6}, {-4e5, -4e5, 8e5, 8e5}, {5e5, 5e5, 9, 9}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        one_rect(sampler, &s, good[i]);
    scene_destroy(&s);
    fg_sampler_destroy(sampler);
}

// ---- the kernels against each other ------------------------------------------------------------

// In grey levels. Kernels add in another order, and warps round a place in a pixel to float.
#define MOST_OFF 1e-3

static double furthest; // of all comparisons, to be told

static void compare_tensors(const struct fg_sample_form *form, const float *got, const float *want,
                            double most)
{
    const size_t n = (size_t)form->width * form->height * 3;
    for (size_t i = 0; i < n; i++) {
        const double off = fabs((double)got[i] - (double)want[i]) * form->scale;
        if (!(off < most))
            fail_msg("%s: value %zu: %g, in C %g", fg_sampler_kernels()->name, i, (double)got[i],
                     (double)want[i]);
        furthest = fmax(furthest, off);
    }
    assert_true(isnan(got[n]));
}

// Of up to 150 x 150: whole vectors, and what is left of them.
static struct fg_sample_form draw_large_form(void)
{
    struct fg_sample_form form = draw_form();
    form.width = 1 + draw(150);
    form.height = 1 + draw(150);
    return form;
}

static void agree_on_rect(struct fg_sampler *sampler, const struct scene *s, const char *name)
{
    const struct fg_sample_form form = draw_large_form();
    float *got = tensor_create(&form), *want = tensor_create(&form);
    double r[4];
    draw_rect(&s->frame, r);
    assert_int_equal(fg_sampler_use(name), 0);
    assert_int_equal(fg_sample_rect(sampler, &s->frame, r[0], r[1], r[2], r[3], &form, got), 0);
    assert_int_equal(fg_sampler_use("c"), 0);
    assert_int_equal(fg_sample_rect(sampler, &s->frame, r[0], r[1], r[2], r[3], &form, want), 0);
    assert_int_equal(fg_sampler_use(name), 0);
    compare_tensors(&form, got, want, MOST_OFF);
    free(got);
    free(want);
}

static void agree_on_affine(const struct scene *s, const char *name)
{
    const struct fg_sample_form form = draw_large_form();
    float *got = tensor_create(&form), *want = tensor_create(&form);
    const double far = s->frame.width + s->frame.height;
    struct fg_affine map = draw_map(draw_in(.1, 6), -far / 4, far);
    if (draw(3) == 0)
        for (int k = 0; k < 6; k++)
            map.m[k] += draw_in(-.5, .5);
    assert_int_equal(fg_sampler_use(name), 0);
    assert_int_equal(fg_sample_affine(&s->frame, &map, &form, got), 0);
    assert_int_equal(fg_sampler_use("c"), 0);
    assert_int_equal(fg_sample_affine(&s->frame, &map, &form, want), 0);
    assert_int_equal(fg_sampler_use(name), 0);
    compare_tensors(&form, got, want, MOST_OFF);
    free(got);
    free(want);
}

static void test_rects_agree(void **state)
{
    struct fg_sampler *sampler = NULL;
    assert_int_equal(fg_sampler_create(&sampler), 0);
    furthest = 0;
    for (int i = 0; i < 20 * N_FORMATS; i++) {
        struct scene s = scene_create(i % N_FORMATS, 1 + draw(700), 1 + draw(500), draw(2));
        agree_on_rect(sampler, &s, *state);
        scene_destroy(&s);
    }
    print_message("%s: %g grey levels off at most\n", (const char *)*state, furthest);
    fg_sampler_destroy(sampler);
}

// More rows in a span than 16 bits can count.
static void test_tall_rects_agree(void **state)
{
    struct fg_sampler *sampler = NULL;
    assert_int_equal(fg_sampler_create(&sampler), 0);
    for (int i = 0; i < N_FORMATS; i++) {
        struct scene s = scene_create(i, 67, 1500, true);
        for (unsigned p = 0; p < s.frame.n_planes; p++)
            memset(writable(&s, p), 255, s.frame.planes[p].length);
        const struct fg_sample_form form = {9, 2, 0, 1, false, false};
        float *got = tensor_create(&form), *want = tensor_create(&form);
        assert_int_equal(fg_sample_rect(sampler, &s.frame, 0, 0, 67, 1500, &form, got), 0);
        assert_int_equal(fg_sampler_use("c"), 0);
        assert_int_equal(fg_sample_rect(sampler, &s.frame, 0, 0, 67, 1500, &form, want), 0);
        assert_int_equal(fg_sampler_use(*state), 0);
        compare_tensors(&form, got, want, MOST_OFF);
        if (!is_yuv(&s))
            assert_true(fabsf(got[0] - 255) < 1e-3f);
        scene_destroy(&s);
        free(got);
        free(want);
    }
    fg_sampler_destroy(sampler);
}

static void test_affines_agree(void **state)
{
    furthest = 0;
    for (int i = 0; i < 20 * N_FORMATS; i++) {
        struct scene s = scene_create(i % N_FORMATS, 1 + draw(700), 1 + draw(500), draw(2));
        agree_on_affine(&s, *state);
        scene_destroy(&s);
    }
    print_message("%s: %g grey levels off at most\n", (const char *)*state, furthest);
}

// The face's crop of the camera program, of all formats, far from the border.
static void test_crops_agree(void **state)
{
    for (int i = 0; i < 2 * N_FORMATS; i++) {
        struct scene s = scene_create(i % N_FORMATS, 640, 480, i % 2);
        const struct fg_sample_form form = {112, 112, 127.5f, 127.5f, i % 2, i % 3 == 0};
        float *got = tensor_create(&form), *want = tensor_create(&form);
        const struct fg_affine map = {{1.7, -.3, 220, .3, 1.7, 130}};
        assert_int_equal(fg_sample_affine(&s.frame, &map, &form, got), 0);
        assert_int_equal(fg_sampler_use("c"), 0);
        assert_int_equal(fg_sample_affine(&s.frame, &map, &form, want), 0);
        assert_int_equal(fg_sampler_use(*state), 0);
        compare_tensors(&form, got, want, MOST_OFF);
        scene_destroy(&s);
        free(got);
        free(want);
    }
}

static void test_choice_of_kernels(void **state)
{
    (void)state;
    assert_int_equal(fg_sampler_use("abacus"), -ENOENT);
    assert_int_equal(fg_sampler_use("c"), 0);
    assert_string_equal(fg_sampler_kernels()->name, "c");
    assert_int_equal(fg_sampler_use(NULL), 0);
#if defined __x86_64__
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    assert_int_equal(fg_sampler_use("avx2"), avx2 ? 0 : -ENOTSUP);
    assert_int_equal(fg_sampler_use("neon"), -ENOENT);
    assert_string_equal(fg_sampler_kernels()->name, avx2 ? "avx2" : "c");
#elif defined __aarch64__
    assert_string_equal(fg_sampler_kernels()->name, "neon");
#endif
}

// What lies outside a JPEG picture is black without a look into it, which here would fail.
static void test_beside_a_jpeg(void **state)
{
    (void)state;
    struct fg_sampler *sampler = NULL;
    assert_int_equal(fg_sampler_create(&sampler), 0);
    const uint8_t nothing[4] = {0};
    const struct fg_frame frame = {.fourcc = FG_FOURCC_MJPG,
                                   .width = 64,
                                   .height = 48,
                                   .n_planes = 1,
                                   .planes = {{nothing, 0, sizeof nothing, -1, 0}}};
    const struct fg_sample_form form = {4, 4, 10, 2, false, false};
    const struct fg_affine beside = {{1, 0, 70, 0, 1, 3}}, nowhere = {{1, 0, NAN, 0, 1, 3}};
    float tensors[3][48];
    assert_int_equal(fg_sample_rect(sampler, &frame, -9, 3, 9, 9, &form, tensors[0]), 0);
    assert_int_equal(fg_sample_affine(&frame, &beside, &form, tensors[1]), 0);
    assert_int_equal(fg_sample_affine(&frame, &nowhere, &form, tensors[2]), 0);
    for (int i = 0; i < 3 * 48; i++)
        assert_true(tensors[i / 48][i % 48] == -5);
    fg_sampler_destroy(sampler);
}

// ---- every test with all kernels that there are -------------------------------------------------

static int use_kernels(void **state)
{
    return fg_sampler_use(*state);
}

static int use_best(void **state)
{
    (void)state;
    return fg_sampler_use(NULL);
}

#define EACH(test)                                                                                 \
    {                                                                                              \
#test, test                                                                                \
    }

static const struct {
    const char *name;
    void (*run)(void **state);
} each[] = {
    EACH(test_identity),
    EACH(test_ramp),
    EACH(test_grey),
    EACH(test_known_colours),
    EACH(test_rect_random),
    EACH(test_rect_sizes_change),
    EACH(test_affine_random),
    EACH(test_affine_inside),
    EACH(test_mirror),
    EACH(test_affine_far_away), // those after this one compare with C
    EACH(test_rects_agree),
    EACH(test_tall_rects_agree),
    EACH(test_affines_agree),
    EACH(test_crops_agree),
};
#define N_IN_C 10
#define N_EACH (sizeof each / sizeof *each)

int main(void)
{
    static const char *const kernels[] = {"c", "avx2", "neon"};
    static char names[3 * N_EACH][48];
    struct CMUnitTest tests[3 + 3 * N_EACH] = {
        cmocka_unit_test(test_choice_of_kernels),
        cmocka_unit_test(test_beside_a_jpeg),
        cmocka_unit_test(test_refused_rectangles),
    };
    size_t n = 3;
    for (size_t k = 0; k < sizeof kernels / sizeof *kernels; k++) {
        const size_t end = fg_sampler_use(kernels[k]) < 0 ? 0 : k == 0 ? N_IN_C : N_EACH;
        for (size_t i = 0; i < end; i++, n++) {
            snprintf(names[n - 3], sizeof names[0], "%s %s", each[i].name, kernels[k]);
            tests[n] = (struct CMUnitTest){names[n - 3], each[i].run, use_kernels, use_best,
                                           (void *)(uintptr_t)kernels[k]};
        }
    }
    return _cmocka_run_group_tests("sampler", tests, n, NULL, NULL);
}
