// SPDX-License-Identifier: Apache-2.0
#include "demo/view.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>

#define FADE 48 // photograph pixels over which the photograph's edge turns into the wall

int fg_scene_init(struct fg_scene *scene, struct fg_picture *photo, const float show[4])
{
    scene->levels[0] = *photo;
    *photo = (struct fg_picture){0};
    for (int i = 0; i < 4; i++)
        scene->show[i] = show[i];
    for (int i = 1; i < 3; i++) {
        int r = fg_picture_half(&scene->levels[i - 1], &scene->levels[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

void fg_scene_finish(struct fg_scene *scene)
{
    for (int i = 0; i < 3; i++)
        fg_picture_finish(&scene->levels[i]);
}

static uint8_t wall(uint32_t y, uint32_t height)
{
    return (uint8_t)(58 - 26 * y / height);
}

void fg_view_wall(struct fg_picture *out)
{
    const size_t row = (size_t)out->width * 3;
    for (uint32_t y = 0; y < out->height; y++) {
        for (size_t i = 0; i < row; i++)
            out->rgb[y * row + i] = wall(y, out->height);
    }
}

// Coordinates of one level in 16.16 fixed point.
struct sampler {
    const struct fg_picture *picture;
    int32_t low_x, low_y, high_x, high_y; // of what may be sampled
    int32_t fade;
};

static int32_t fixed(double v)
{
    return (int32_t)lrint(v * 65536);
}

static struct sampler sampler_of(const struct fg_scene *scene, int level)
{
    const struct fg_picture *p = &scene->levels[level];
    const double f = 1.0 / (1 << level);
    double x1 = fmin(scene->show[2] * f, p->width) - 1.01;
    double y1 = fmin(scene->show[3] * f, p->height) - 1.01;
    return (struct sampler){
        .picture = p,
        .low_x = fixed(scene->show[0] * f),
        .low_y = fixed(scene->show[1] * f),
        .high_x = fixed(x1),
        .high_y = fixed(y1),
        .fade = fixed(FADE * f),
    };
}

static int32_t beyond(int32_t v, int32_t low, int32_t high)
{
    return v < low ? low - v : v > high ? v - high : 0;
}

// One pixel, and how much of it is photograph: 256 inside, 0 on the wall.
static unsigned sample(const struct sampler *s, int32_t x, int32_t y, uint8_t ret[3])
{
    int32_t out_x = beyond(x, s->low_x, s->high_x), out_y = beyond(y, s->low_y, s->high_y);
    int32_t out = out_x > out_y ? out_x : out_y;
    if (out >= s->fade)
        return 0;
    x = x < s->low_x ? s->low_x : x > s->high_x ? s->high_x : x;
    y = y < s->low_y ? s->low_y : y > s->high_y ? s->high_y : y;
    const unsigned fx = (unsigned)x >> 8 & 255, fy = (unsigned)y >> 8 & 255;
    const size_t stride = (size_t)s->picture->width * 3;
    const uint8_t *p = s->picture->rgb + (size_t)(y >> 16) * stride + (size_t)(x >> 16) * 3;
    for (int c = 0; c < 3; c++) {
        unsigned top = p[c] * (256 - fx) + p[c + 3] * fx;
        unsigned bottom = p[stride + c] * (256 - fx) + p[stride + c + 3] * fx;
        ret[c] = (uint8_t)((top * (256 - fy) + bottom * fy + 32768) >> 16);
    }
    return 256 - (unsigned)((int64_t)out * 256 / s->fade);
}

// Adds one level to `out`, with weight `share` of 256 against what is there.
static void render_level(const struct fg_scene *scene, int level, const struct fg_view *view,
                         unsigned share, struct fg_picture *out)
{
    const struct sampler s = sampler_of(scene, level);
    const double f = 1.0 / (1 << level), step = f / view->scale;
    const double cosine = cos(view->angle) * step, sine = sin(view->angle) * step;
    const double side = view->mirror ? -1 : 1;
    const int32_t step_x = fixed(cosine * side), step_y = fixed(sine * side);
    for (uint32_t v = 0; v < out->height; v++) {
        const double dx = side * (.5 - out->width / 2.0), dy = v + .5 - out->height / 2.0;
        int32_t x = fixed(view->x * f + cosine * dx - sine * dy - .5);
        int32_t y = fixed(view->y * f + sine * dx + cosine * dy - .5);
        uint8_t *p = out->rgb + (size_t)v * out->width * 3;
        const unsigned back = wall(v, out->height);
        for (uint32_t u = 0; u < out->width; u++, x += step_x, y += step_y, p += 3) {
            uint8_t rgb[3] = {0};
            unsigned inside = sample(&s, x, y, rgb);
            for (int c = 0; c < 3; c++) {
                unsigned seen = (rgb[c] * inside + back * (256 - inside)) >> 8;
                p[c] = (uint8_t)((p[c] * (256 - share) + seen * share + 128) >> 8);
            }
        }
    }
}

void fg_view_render(const struct fg_scene *scene, const struct fg_view *view,
                    struct fg_picture *out)
{
    // One level an octave, eased into the next so that a slow zoom shows no step.
    double depth = -log2(view->scale);
    if (depth < 0)
        depth = 0;
    if (depth > 2)
        depth = 2;
    int level = (int)depth;
    double part = (depth - level) * 2 - 1; // the second half of each octave is the easing
    render_level(scene, level, view, 256, out);
    if (part > 0 && level < 2)
        render_level(scene, level + 1, view, (unsigned)(part * 256), out);
}

void fg_view_box(const struct fg_view *view, uint32_t width, uint32_t height,
                 const struct fg_demo_face *face, double ret_box[4])
{
    const double dx = face->x - view->x, dy = face->y - view->y;
    const double cosine = cos(view->angle), sine = sin(view->angle);
    double u = (cosine * dx + sine * dy) * view->scale;
    double v = (cosine * dy - sine * dx) * view->scale;
    if (view->mirror)
        u = -u;
    const double side = face->side * view->scale;
    ret_box[0] = width / 2.0 + u - side / 2;
    ret_box[1] = height / 2.0 + v - side / 2;
    ret_box[2] = ret_box[3] = side;
}
