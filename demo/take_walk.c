// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <string.h>

#include "demo/studio.h"
#include "demo/walk.h"

#define EMPTY_FRAMES 10
#define EMPTY_LIGHT  .3

static int add_empty(struct fg_studio *studio, unsigned frames, struct fg_error *err)
{
    int r = 0;
    fg_reel_scene(studio->reel, NULL);
    for (unsigned i = 0; i < frames && r == 0; i++) {
        fg_view_wall(&studio->frame);
        fg_optics_expose(&studio->optics, &studio->frame, EMPTY_LIGHT, 1, FG_STUDIO_NOISE,
                         &studio->random);
        r = fg_reel_add(studio->reel, &studio->frame, NULL, 0, err);
    }
    return r;
}

static unsigned faces_in_view(const struct fg_take *take, const struct fg_demo_photo *photo,
                              const struct fg_view *view, struct fg_reel_face ret[FG_DEMO_FACES])
{
    unsigned n = 0;
    for (unsigned i = 0; i < photo->n_faces; i++) {
        struct fg_reel_face face = {.person = photo->faces[i].person};
        enum fg_walk_sight sight =
            fg_walk_see(photo, &photo->faces[i], view, FG_TAKES_WIDTH, FG_TAKES_HEIGHT, face.box);
        face.enrolled = take->enrolled(face.person);
        face.whole = sight == FG_SIGHT_WHOLE;
        if (sight != FG_SIGHT_NONE)
            ret[n++] = face;
    }
    return n;
}

static int walk_over(const struct fg_take *take, size_t index, struct fg_studio *studio,
                     struct fg_error *err)
{
    const struct fg_demo_photo *photo = &take->photos[index];
    const unsigned frames = (unsigned)lrint(fg_walk_seconds(photo) * FG_REEL_RATE);
    const uint64_t seed = take->seed + 1 + index;
    struct fg_scene scene = {0};
    int r = fg_studio_scene(take, index, photo->show, &scene, err);
    fg_reel_scene(studio->reel, photo->name);
    for (unsigned i = 0; i < frames && r == 0; i++) {
        struct fg_walk_moment at;
        struct fg_reel_face faces[FG_DEMO_FACES];
        fg_walk_at(photo, seed, (double)i / FG_REEL_RATE, &at);
        fg_view_render(&scene, &at.view, &studio->frame);
        fg_optics_defocus(&studio->optics, &studio->frame, at.defocus);
        fg_optics_motion(&studio->optics, &studio->frame, at.motion_x, at.motion_y);
        fg_optics_expose(&studio->optics, &studio->frame, at.gain, at.gamma, FG_STUDIO_NOISE,
                         &studio->random);
        unsigned n = faces_in_view(take, photo, &at.view, faces);
        r = fg_reel_add(studio->reel, &studio->frame, faces, n, err);
    }
    fg_scene_finish(&scene);
    return r;
}

static bool is_first_showing(const struct fg_take *take, size_t photo, unsigned face)
{
    const char *person = take->photos[photo].faces[face].person;
    for (size_t i = 0; i <= photo; i++) {
        for (unsigned k = 0; k < take->photos[i].n_faces; k++) {
            if (strcmp(take->photos[i].faces[k].person, person) == 0)
                return i == photo && k == face;
        }
    }
    return false;
}

static int enrol_all(const struct fg_take *take, struct fg_studio *studio, struct fg_error *err)
{
    for (size_t i = 0; i < take->count; i++) {
        for (unsigned k = 0; k < take->photos[i].n_faces; k++) {
            const char *person = take->photos[i].faces[k].person;
            if (!take->enrolled(person) || !is_first_showing(take, i, k))
                continue;
            int r = fg_studio_enrol(take, person, studio, err);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

int fg_take_walk(const struct fg_take *take, const char *folder, bool *ret_made,
                 struct fg_error *err)
{
    char recipe[FG_STUDIO_RECIPE];
    int r = fg_studio_recipe(take, "walk", recipe, err);
    if (r < 0)
        return r;
    if (fg_reel_is_made(folder, recipe)) {
        *ret_made = false;
        return 0;
    }
    struct fg_studio *studio = NULL;
    if ((r = fg_studio_open(take->seed, &studio, err)) < 0 ||
        (r = fg_reel_create(folder, FG_TAKES_WIDTH, FG_TAKES_HEIGHT, &studio->reel, err)) < 0 ||
        (r = add_empty(studio, EMPTY_FRAMES, err)) < 0)
        goto out;
    for (size_t i = 0; i < take->count; i++) {
        if ((r = walk_over(take, i, studio, err)) < 0 ||
            (r = add_empty(studio, EMPTY_FRAMES, err)) < 0)
            goto out;
    }
    if ((r = enrol_all(take, studio, err)) == 0 &&
        (r = fg_reel_finish(studio->reel, recipe, err)) == 0)
        *ret_made = true;
out:
    fg_studio_close(studio);
    return r;
}
