// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "demo/studio.h"

#define SWAP_FRAMES 90

// One of the two people of a swap.
struct player {
    const char *person;
    size_t photo;
    const struct fg_demo_face *face;
    struct fg_scene scene;
};

static int player_open(const struct fg_take *take, const char *person, struct player *ret,
                       struct fg_error *err)
{
    for (size_t i = 0; i < take->count; i++) {
        for (unsigned k = 0; k < take->photos[i].n_faces; k++) {
            const struct fg_demo_face *face = &take->photos[i].faces[k];
            if (strcmp(face->person, person) != 0)
                continue;
            float show[4];
            *ret = (struct player){.person = person, .photo = i, .face = face};
            fg_studio_isolate(&take->photos[i], face, show);
            return fg_studio_scene(take, i, show, &ret->scene, err);
        }
    }
    return fg_fail(err, -ENOENT, "no photograph shows %s", person);
}

// One half of the frame: the player at a place and size that depend on the frame alone.
static void stand(const struct player *player, unsigned frame, unsigned half,
                  struct fg_picture *scratch, struct fg_picture *out, struct fg_reel_face *ret)
{
    const double t = (double)frame / FG_REEL_RATE, side = 150 + 15 * t;
    struct fg_view view = {.x = player->face->x, .y = player->face->y};
    view.scale = side / player->face->side;
    view.x += (6 * sin(2.1 * t + half)) / view.scale;
    view.y += (4 * sin(3.3 * t + half)) / view.scale;
    fg_view_render(&player->scene, &view, scratch);
    const size_t row = (size_t)scratch->width * 3;
    for (uint32_t y = 0; y < scratch->height; y++)
        memcpy(out->rgb + (2 * (size_t)y + half) * row, scratch->rgb + y * row, row);
    fg_view_box(&view, scratch->width, scratch->height, player->face, ret->box);
    ret->box[0] += half * scratch->width;
    ret->person = player->person;
    ret->whole = true;
}

static int play(struct fg_studio *studio, const struct fg_take *take,
                const struct player players[2], struct fg_error *err)
{
    struct fg_picture scratch = {0};
    int r = fg_picture_init(&scratch, FG_TAKES_WIDTH / 2, FG_TAKES_HEIGHT);
    if (r < 0)
        return fg_fail(err, r, "not enough memory for a frame");
    for (unsigned i = 0; i < SWAP_FRAMES && r == 0; i++) {
        struct fg_reel_face faces[2] = {0};
        if (i % (SWAP_FRAMES / 2) == 0)
            fg_reel_scene(studio->reel, i == 0 ? "before" : "after");
        for (unsigned half = 0; half < 2; half++) {
            unsigned who = i < SWAP_FRAMES / 2 ? half : 1 - half;
            stand(&players[who], i, half, &scratch, &studio->frame, &faces[half]);
            faces[half].enrolled = take->enrolled(faces[half].person);
        }
        fg_optics_expose(&studio->optics, &studio->frame, 1, 1, FG_STUDIO_NOISE, &studio->random);
        r = fg_reel_add(studio->reel, &studio->frame, faces, 2, err);
    }
    fg_picture_finish(&scratch);
    return r;
}

int fg_take_swap(const struct fg_take *take, const char *left, const char *right,
                 const char *folder, bool *ret_made, struct fg_error *err)
{
    char recipe[FG_STUDIO_RECIPE], kind[64];
    struct player players[2] = {{0}, {0}};
    snprintf(kind, sizeof kind, "swap %.16s %.16s", left, right);
    int r = fg_studio_recipe(take, kind, recipe, err);
    if (r < 0)
        return r;
    if (fg_reel_is_made(folder, recipe)) {
        *ret_made = false;
        return 0;
    }
    struct fg_studio *studio = NULL;
    if ((r = fg_studio_open(take->seed, &studio, err)) < 0 ||
        (r = player_open(take, left, &players[0], err)) < 0 ||
        (r = player_open(take, right, &players[1], err)) < 0 ||
        (r = fg_reel_create(folder, FG_TAKES_WIDTH, FG_TAKES_HEIGHT, &studio->reel, err)) < 0 ||
        (r = play(studio, take, players, err)) < 0)
        goto out;
    for (int i = 0; i < 2; i++) {
        if (take->enrolled(players[i].person) &&
            (r = fg_studio_enrol(take, players[i].person, studio, err)) < 0)
            goto out;
    }
    if ((r = fg_reel_finish(studio->reel, recipe, err)) == 0)
        *ret_made = true;
out:
    fg_scene_finish(&players[0].scene);
    fg_scene_finish(&players[1].scene);
    fg_studio_close(studio);
    return r;
}
