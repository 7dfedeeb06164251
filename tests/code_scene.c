// SPDX-License-Identifier: Apache-2.0
#include "tests/code_scene.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "demo/optics.h"

#define PI     3.14159265358979323846
#define MARGIN 0.8 // cm of card around the quiet zone
#define QUIET  4   // modules
#define FINE   3   // points along a pixel
#define CELL   48u // pixels of a cell of clutter

const struct code_scene code_scene_gate = {
    .width = 1280,
    .height = 720,
    .lens = 45,
    .blur = 0.7,
    .noise = 4,
    .dark = 45,
    .white = 205,
};

// ---- numbers ------------------------------------------------------------------------------------

static double draw(struct fg_random *random, double low, double high)
{
    return low + (high - low) * fg_random_unit(random);
}

static double bell(struct fg_random *random)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += fg_random_unit(random);
    return sum;
}

static uint8_t to_byte(double v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v + 0.5);
}

// ---- clutter ------------------------------------------------------------------------------------

static double cell(uint64_t seed, uint32_t x, uint32_t y)
{
    struct fg_random random = {seed ^ (uint64_t)x << 32 ^ y};
    return draw(&random, 30, 190);
}

// Patches of all shades with sharp and soft edges, as behind a person in a hall.
static void draw_clutter(struct code_scene *s)
{
    for (uint32_t y = 0; y < s->height; y++)
        for (uint32_t x = 0; x < s->width; x++) {
            const double soft = cell(s->seed + 1, x / (4 * CELL), y / (4 * CELL));
            const double sharp = cell(s->seed + 2, x / CELL, (y + x / 3) / CELL);
            const double shade = 30.0 * x / s->width - 20.0 * y / s->height;
            s->pixels[(size_t)y * s->width + x] = to_byte(0.6 * soft + 0.4 * sharp + shade);
        }
}

void code_scene_begin(struct code_scene *scene)
{
    const size_t bytes = (size_t)scene->width * scene->height;
    scene->pixels = malloc(bytes);
    if (!scene->pixels)
        abort();
    scene->frame = (struct fg_frame){.fourcc = FG_FOURCC_GREY,
                                     .width = scene->width,
                                     .height = scene->height,
                                     .full_range = true,
                                     .n_planes = 1};
    scene->frame.planes[0] = (struct fg_plane){scene->pixels, scene->width, (uint32_t)bytes, -1, 0};
    draw_clutter(scene);
}

void code_scene_end(struct code_scene *scene)
{
    free(scene->pixels);
    scene->pixels = NULL;
}

// ---- a card in space ----------------------------------------------------------------------------

struct card {
    double focus;                   // pixels
    double axes[3][3];              // of the card: right, down, away
    double middle[3];               // cm, before the lens
    double module, half_code, half; // cm
};

static void turn(double m[3][3], int a, int b, double degrees)
{
    const double c = cos(degrees * PI / 180), s = sin(degrees * PI / 180);
    for (int k = 0; k < 3; k++) {
        const double p = m[a][k], q = m[b][k];
        m[a][k] = c * p + s * q;
        m[b][k] = c * q - s * p;
    }
}

static struct card place(const struct code_scene *s, const struct qr_matrix *code,
                         const struct code_pose *pose)
{
    struct card c = {.focus = s->width / 2.0 / tan(s->lens * PI / 360),
                     .axes = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
    turn(c.axes, 0, 2, pose->yaw);
    turn(c.axes, 1, 2, pose->pitch);
    turn(c.axes, 0, 1, pose->roll);
    c.middle[0] = (pose->x - 0.5) * s->width * pose->distance / c.focus;
    c.middle[1] = (pose->y - 0.5) * s->height * pose->distance / c.focus;
    c.middle[2] = pose->distance;
    c.module = pose->side / code->size;
    c.half_code = pose->side / 2;
    c.half = c.half_code + QUIET * c.module + MARGIN;
    return c;
}

static double dot(const double *a, const double *b)
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

// Where the ray through a point of the picture meets the card, in cm from its middle.
static bool meet(const struct code_scene *s, const struct card *c, double px, double py,
                 double *ret_u, double *ret_v)
{
    const double ray[3] = {(px - s->width / 2.0) / c->focus, (py - s->height / 2.0) / c->focus, 1};
    const double along = dot(ray, c->axes[2]);
    if (fabs(along) < 1e-9)
        return false;
    const double t = dot(c->middle, c->axes[2]) / along;
    const double at[3] = {t * ray[0] - c->middle[0], t * ray[1] - c->middle[1],
                          t * ray[2] - c->middle[2]};
    *ret_u = dot(at, c->axes[0]);
    *ret_v = dot(at, c->axes[1]);
    return t > 0 && fabs(*ret_u) < c->half && fabs(*ret_v) < c->half;
}

static double shade_at(const struct code_scene *s, const struct card *c,
                       const struct qr_matrix *code, double u, double v)
{
    const double x = (u + c->half_code) / c->module, y = (v + c->half_code) / c->module;
    const bool inside = x >= 0 && y >= 0 && x < code->size && y < code->size;
    return inside && code->dark[(unsigned)y][(unsigned)x] ? s->dark : s->white;
}

static void draw_pixel(struct code_scene *s, const struct card *c, const struct qr_matrix *code,
                       uint32_t x, uint32_t y)
{
    uint8_t *pixel = &s->pixels[(size_t)y * s->width + x];
    double sum = 0, u, v;
    for (unsigned k = 0; k < FINE * FINE; k++) {
        const double px = x + (k % FINE + 0.5) / FINE, py = y + ((double)(k / FINE) + 0.5) / FINE;
        sum += meet(s, c, px, py, &u, &v) ? shade_at(s, c, code, u, v) : *pixel;
    }
    *pixel = to_byte(sum / (FINE * FINE));
}

// A lamp's reflection: a round spot, brightest in its middle.
static void add_glare(struct code_scene *s, const struct card *c, const struct code_pose *pose)
{
    struct fg_random random = {s->seed + 3};
    const double scale = c->focus / pose->distance, sigma = pose->side * scale / 6;
    const double gx = pose->x * s->width + draw(&random, -.4, .4) * pose->side * scale;
    const double gy = pose->y * s->height + draw(&random, -.4, .4) * pose->side * scale;
    for (uint32_t y = 0; y < s->height; y++)
        for (uint32_t x = 0; x < s->width; x++) {
            const double square = (x - gx) * (x - gx) + (y - gy) * (y - gy);
            uint8_t *pixel = &s->pixels[(size_t)y * s->width + x];
            *pixel = to_byte(*pixel + s->glare * exp(-square / (2 * sigma * sigma)));
        }
}

void code_scene_add(struct code_scene *scene, const struct qr_matrix *code,
                    const struct code_pose *pose)
{
    const struct card c = place(scene, code, pose);
    const double reach = 1.6 * c.half * c.focus / (pose->distance - c.half);
    const double mx = pose->x * scene->width, my = pose->y * scene->height;
    for (uint32_t y = 0; y < scene->height; y++)
        for (uint32_t x = 0; x < scene->width; x++)
            if (fabs(x - mx) < reach && fabs(y - my) < reach)
                draw_pixel(scene, &c, code, x, y);
    if (scene->glare > 0)
        add_glare(scene, &c, pose);
}

double code_scene_module(const struct code_scene *scene, const struct qr_matrix *code,
                         const struct code_pose *pose)
{
    const struct card c = place(scene, code, pose);
    return c.module * c.focus / pose->distance;
}

struct code_pose code_pose_of_hand(double distance, double side, unsigned attempt, unsigned look)
{
    struct fg_random hold = {attempt * UINT64_C(7919) + (uint64_t)(distance * 16)};
    struct fg_random shake = {hold.state * 31 + look + 1};
    struct code_pose p = {.distance = distance, .side = side};
    p.x = draw(&hold, 1 / 3., 2 / 3.) + draw(&shake, -.01, .01);
    p.y = draw(&hold, .45, .55) + draw(&shake, -.01, .01);
    p.yaw = draw(&hold, -20, 20) + draw(&shake, -2, 2);
    p.pitch = draw(&hold, -20, 20) + draw(&shake, -2, 2);
    p.roll = draw(&hold, -15, 15) + draw(&shake, -1, 1);
    p.distance += draw(&shake, -.5, .5);
    return p;
}

// ---- optics and sensor --------------------------------------------------------------------------

#define TAPS 15

// Along one axis: `step` from pixel to pixel, `count` of them.
static void blur_line(uint8_t *line, size_t step, uint32_t count, const double weights[TAPS],
                      double *scratch)
{
    for (uint32_t i = 0; i < count; i++) {
        double sum = 0;
        for (int k = 0; k < TAPS; k++) {
            int64_t at = (int64_t)i + k - TAPS / 2;
            at = at < 0 ? 0 : at >= count ? count - 1 : at;
            sum += weights[k] * line[(size_t)at * step];
        }
        scratch[i] = sum;
    }
    for (uint32_t i = 0; i < count; i++)
        line[i * step] = to_byte(scratch[i]);
}

static void blur(struct code_scene *s)
{
    double weights[TAPS], sum = 0;
    double *scratch = malloc((s->width > s->height ? s->width : s->height) * sizeof *scratch);
    if (!scratch)
        abort();
    for (int k = 0; k < TAPS; k++) {
        const double far = (k - TAPS / 2) / s->blur;
        sum += weights[k] = exp(-far * far / 2);
    }
    for (int k = 0; k < TAPS; k++)
        weights[k] /= sum;
    for (uint32_t y = 0; y < s->height; y++)
        blur_line(s->pixels + (size_t)y * s->width, 1, s->width, weights, scratch);
    for (uint32_t x = 0; x < s->width; x++)
        blur_line(s->pixels + x, s->width, s->height, weights, scratch);
    free(scratch);
}

void code_scene_expose(struct code_scene *scene)
{
    struct fg_random random = {scene->seed + 4};
    if (scene->blur > 0)
        blur(scene);
    for (size_t i = 0; i < (size_t)scene->width * scene->height; i++)
        scene->pixels[i] = to_byte(scene->pixels[i] + scene->noise * bell(&random));
}
