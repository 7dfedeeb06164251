// SPDX-License-Identifier: Apache-2.0
#include "demo/walk.h"

#include <math.h>

#include "demo/optics.h"

#define EXPOSURE_S (1.0 / 120)

double fg_walk_seconds(const struct fg_demo_photo *photo)
{
    return photo->keys[photo->n_keys - 1].t;
}

static void between_keys(const struct fg_demo_photo *photo, double t, struct fg_view *ret)
{
    unsigned i = 0;
    while (i + 2 < photo->n_keys && t >= photo->keys[i + 1].t)
        i++;
    const struct fg_demo_key *a = &photo->keys[i];
    const struct fg_demo_key *b = photo->n_keys > 1 ? a + 1 : a;
    double part = b->t > a->t ? (t - a->t) / (b->t - a->t) : 0;
    part = part < 0 ? 0 : part > 1 ? 1 : part;
    const double ease = part * part * (3 - 2 * part);
    ret->x = a->x + (b->x - a->x) * ease;
    ret->y = a->y + (b->y - a->y) * ease;
    ret->scale = a->scale * pow(b->scale / a->scale, ease);
}

// Seeded phases for one walk, 0 to 2 pi.
struct phases {
    double shake[6], light[2], focus;
};

static double phase(struct fg_random *random)
{
    return 2 * M_PI * fg_random_unit(random);
}

static struct phases phases_of(uint64_t seed)
{
    struct fg_random random = {seed};
    struct phases p;
    for (int i = 0; i < 6; i++)
        p.shake[i] = phase(&random);
    for (int i = 0; i < 2; i++)
        p.light[i] = phase(&random);
    p.focus = phase(&random);
    return p;
}

static double wave(double hertz, double t, double at)
{
    return sin(2 * M_PI * hertz * t + at);
}

static void look(const struct fg_demo_photo *photo, const struct phases *p, double t,
                 struct fg_view *ret)
{
    *ret = (struct fg_view){0};
    between_keys(photo, t, ret);
    // The hand: a pixel or two, and half a degree.
    ret->x += (1.6 * wave(1.3, t, p->shake[0]) + .7 * wave(3.7, t, p->shake[1])) / ret->scale;
    ret->y += (1.6 * wave(1.1, t, p->shake[2]) + .7 * wave(4.1, t, p->shake[3])) / ret->scale;
    ret->angle = .009 * wave(.5, t, p->shake[4]) + .002 * wave(2.3, t, p->shake[5]);
}

void fg_walk_at(const struct fg_demo_photo *photo, uint64_t seed, double t,
                struct fg_walk_moment *ret)
{
    const struct phases p = phases_of(seed);
    struct fg_view before, after;
    look(photo, &p, t - EXPOSURE_S / 2, &before);
    look(photo, &p, t + EXPOSURE_S / 2, &after);
    look(photo, &p, t, &ret->view);
    ret->motion_x = (after.x - before.x) * ret->view.scale;
    ret->motion_y = (after.y - before.y) * ret->view.scale;
    const double focus = wave(.45, t, p.focus);
    ret->defocus = focus > 0 ? .9 * focus * focus * focus : 0;
    ret->gain = .95 + .20 * wave(.19, t, p.light[0]);
    ret->gamma = 1.0 + .15 * wave(.27, t, p.light[1]);
}

enum fg_walk_sight fg_walk_see(const struct fg_demo_photo *photo, const struct fg_demo_face *face,
                               const struct fg_view *view, uint32_t width, uint32_t height,
                               double ret_box[4])
{
    if (face->x < photo->show[0] || face->y < photo->show[1] || face->x > photo->show[2] ||
        face->y > photo->show[3])
        return FG_SIGHT_NONE;
    fg_view_box(view, width, height, face, ret_box);
    const double x = ret_box[0], y = ret_box[1], side = ret_box[2];
    const double seen_x = fmin(x + side, width) - fmax(x, 0);
    const double seen_y = fmin(y + side, height) - fmax(y, 0);
    if (seen_x <= 0 || seen_y <= 0 || seen_x * seen_y < .2 * side * side)
        return FG_SIGHT_NONE;
    if (x < 0 || y < 0 || x + side > width || y + side > height)
        return FG_SIGHT_PART;
    return FG_SIGHT_WHOLE;
}
