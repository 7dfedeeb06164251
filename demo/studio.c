// SPDX-License-Identifier: Apache-2.0
#include "demo/studio.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define RECIPE 1 // raise it whenever the same photographs would give another reel

int fg_studio_open(uint64_t seed, struct fg_studio **ret, struct fg_error *err)
{
    struct fg_studio *studio = calloc(1, sizeof *studio);
    if (!studio)
        return fg_fail(err, -ENOMEM, "not enough memory for a frame");
    studio->random = (struct fg_random){seed};
    int r = fg_picture_init(&studio->frame, FG_TAKES_WIDTH, FG_TAKES_HEIGHT);
    if (r == 0)
        r = fg_optics_init(&studio->optics, FG_TAKES_WIDTH, FG_TAKES_HEIGHT, seed ^ 0x6e6f6973);
    if (r < 0) {
        fg_studio_close(studio);
        return fg_fail(err, r, "not enough memory for a frame");
    }
    *ret = studio;
    return 0;
}

void fg_studio_close(struct fg_studio *studio)
{
    if (!studio)
        return;
    fg_reel_close(studio->reel);
    fg_optics_finish(&studio->optics);
    fg_picture_finish(&studio->frame);
    free(studio);
}

int fg_studio_scene(const struct fg_take *take, size_t i, const float show[4], struct fg_scene *ret,
                    struct fg_error *err)
{
    const struct fg_demo_photo *photo = &take->photos[i];
    struct fg_picture picture = {0};
    int r = fg_picture_load(take->paths[i], &picture, err);
    if (r < 0)
        return r;
    if (picture.width != photo->width || picture.height != photo->height) {
        r = fg_fail(err, -EINVAL, "%s is %ux%u, not the %ux%u of %s: the truth does not fit it",
                    take->paths[i], picture.width, picture.height, photo->width, photo->height,
                    photo->name);
        fg_picture_finish(&picture);
        return r;
    }
    r = fg_scene_init(ret, &picture, show);
    return r < 0 ? fg_fail(err, r, "%s: not enough memory", take->paths[i]) : 0;
}

int fg_studio_recipe(const struct fg_take *take, const char *kind, char ret[FG_STUDIO_RECIPE],
                     struct fg_error *err)
{
    size_t at = (size_t)snprintf(ret, FG_STUDIO_RECIPE, "%s recipe %d seed %llu\n", kind, RECIPE,
                                 (unsigned long long)take->seed);
    for (size_t i = 0; i < take->count; i++) {
        struct stat info;
        if (stat(take->paths[i], &info) < 0)
            return fg_fail(err, -errno, "%s: %s", take->paths[i], strerror(errno));
        int n = snprintf(ret + at, FG_STUDIO_RECIPE - at, "%s %lld\n", take->photos[i].name,
                         (long long)info.st_size);
        if (n < 0 || (size_t)n >= FG_STUDIO_RECIPE - at)
            return fg_fail(err, -E2BIG, "too many photographs");
        at += (size_t)n;
    }
    return 0;
}

void fg_studio_isolate(const struct fg_demo_photo *photo, const struct fg_demo_face *face,
                       float ret[4])
{
    const float reach = 1.5f * face->side, gap_least = 24;
    const float want[4] = {face->x - reach, face->y - reach, face->x + reach, face->y + reach};
    for (int i = 0; i < 2; i++) {
        ret[i] = fmaxf(want[i], photo->show[i]);
        ret[i + 2] = fminf(want[i + 2], photo->show[i + 2]);
    }
    for (unsigned i = 0; i < photo->n_faces; i++) {
        const struct fg_demo_face *other = &photo->faces[i];
        if (other == face)
            continue;
        const float dx = other->x - face->x, dy = other->y - face->y;
        const int axis = fabsf(dx) >= fabsf(dy) ? 0 : 1;
        const float apart = axis == 0 ? dx : dy, own = axis == 0 ? face->x : face->y;
        float half = fabsf(apart) / 2 - gap_least;
        if (apart > 0)
            ret[axis + 2] = fminf(ret[axis + 2], own + half);
        else
            ret[axis] = fmaxf(ret[axis], own - half);
    }
}
