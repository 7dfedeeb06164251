// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demo/draw.h"
#include "demo/studio.h"

#define PEOPLE    2 // side by side at most
#define SIDE      170.0
#define CODE_SIDE 300 // pixels of a code held up

struct part { // of the script
    unsigned n_people, frames;
    char people[PEOPLE][16];
    char code[256]; // a picture's file, or empty
};

// ---- the script --------------------------------------------------------------------------------

static int bad(const char *word, struct fg_error *err)
{
    return fg_fail(err, -EINVAL,
                   "%s: write PERSON[+PERSON][@CODE.png]:SECONDS, or -:SECONDS for an empty lane",
                   word);
}

static int read_people(const char *word, size_t length, struct part *ret, struct fg_error *err)
{
    if (length == 1 && word[0] == '-')
        return 0;
    for (size_t at = 0; at < length; ret->n_people++) {
        size_t name = strcspn(word + at, "+@:");
        if (name < 1 || name >= sizeof ret->people[0] || ret->n_people == PEOPLE)
            return bad(word, err);
        memcpy(ret->people[ret->n_people], word + at, name);
        at += name + (at + name < length);
    }
    return 0;
}

static int read_part(const char *word, struct part *ret, struct fg_error *err)
{
    const char *colon = strrchr(word, ':'), *at = strchr(word, '@');
    char *end = NULL;
    memset(ret, 0, sizeof *ret);
    double seconds = colon ? strtod(colon + 1, &end) : 0;
    if (!colon || *end || !(seconds > 0 && seconds <= 60) || (at && at > colon))
        return bad(word, err);
    ret->frames = (unsigned)lrint(seconds * FG_REEL_RATE);
    size_t code = at ? (size_t)(colon - at - 1) : 0;
    if (code >= sizeof ret->code)
        return bad(word, err);
    memcpy(ret->code, at ? at + 1 : "", code);
    return read_people(word, (size_t)((at ? at : colon) - word), ret, err);
}

// ---- the stage ---------------------------------------------------------------------------------

struct player {
    const struct fg_demo_face *face;
    struct fg_scene scene;
};

static int player_open(const struct fg_take *take, const char *person, struct player *ret,
                       struct fg_error *err)
{
    for (size_t i = 0; i < take->count; i++) {
        for (unsigned k = 0; k < take->photos[i].n_faces; k++) {
            float show[4];
            if (strcmp(take->photos[i].faces[k].person, person) != 0)
                continue;
            ret->face = &take->photos[i].faces[k];
            fg_studio_isolate(&take->photos[i], ret->face, show);
            return fg_studio_scene(take, i, show, &ret->scene, err);
        }
    }
    return fg_fail(err, -ENOENT, "no photograph shows %s", person);
}

// The column `index` of `count` of the frame.
static void stand(const struct player *player, double t, unsigned index, unsigned count,
                  struct fg_picture *scratch, struct fg_picture *out, struct fg_reel_face *ret)
{
    struct fg_view view = {.x = player->face->x, .y = player->face->y};
    view.scale = (SIDE + 6 * sin(.9 * t)) / player->face->side;
    view.x += (6 * sin(2.1 * t + index)) / view.scale;
    view.y += (4 * sin(3.3 * t + index)) / view.scale;
    fg_view_render(&player->scene, &view, scratch);
    const size_t row = (size_t)scratch->width * 3;
    for (uint32_t y = 0; y < scratch->height; y++)
        memcpy(out->rgb + (count * (size_t)y + index) * row, scratch->rgb + y * row, row);
    fg_view_box(&view, scratch->width, scratch->height, player->face, ret->box);
    ret->box[0] += index * scratch->width;
    ret->whole = true;
}

static void hold_up(const struct fg_picture *code, double t, struct fg_picture *frame)
{
    const int x = FG_TAKES_WIDTH / 2 + 190 + (int)lrint(8 * sin(1.7 * t));
    const int y = FG_TAKES_HEIGHT - CODE_SIDE - 40 + (int)lrint(6 * sin(2.9 * t));
    fg_draw_picture(frame, x, y, CODE_SIDE, CODE_SIDE, code);
}

static int play(const struct fg_take *take, const struct part *part, struct player *players,
                const struct fg_picture *code, struct fg_studio *studio, struct fg_error *err)
{
    struct fg_picture scratch = {0};
    const unsigned count = part->n_people;
    int r = fg_picture_init(&scratch, FG_TAKES_WIDTH / (count ? count : 1), FG_TAKES_HEIGHT);
    if (r < 0)
        return fg_fail(err, r, "not enough memory for a frame");
    for (unsigned i = 0; i < part->frames && r == 0; i++) {
        const double t = (double)i / FG_REEL_RATE;
        struct fg_reel_face faces[PEOPLE] = {0};
        if (count == 0)
            fg_view_wall(&studio->frame);
        for (unsigned k = 0; k < count; k++) {
            stand(&players[k], t, k, count, &scratch, &studio->frame, &faces[k]);
            faces[k].person = players[k].face->person;
            faces[k].enrolled = take->enrolled(faces[k].person);
        }
        if (code->rgb)
            hold_up(code, t, &studio->frame);
        fg_optics_expose(&studio->optics, &studio->frame, 1, 1, FG_STUDIO_NOISE, &studio->random);
        r = fg_reel_add(studio->reel, &studio->frame, faces, count, err);
    }
    fg_picture_finish(&scratch);
    return r;
}

static int play_part(const struct fg_take *take, const struct part *part, struct fg_studio *studio,
                     struct fg_error *err)
{
    struct player players[PEOPLE] = {{0}, {0}};
    struct fg_picture code = {0};
    int r = part->code[0] ? fg_picture_load(part->code, &code, err) : 0;
    fg_reel_scene(studio->reel, part->n_people ? part->people[0] : NULL);
    for (unsigned k = 0; k < part->n_people && r == 0; k++)
        r = player_open(take, part->people[k], &players[k], err);
    if (r == 0)
        r = play(take, part, players, &code, studio, err);
    for (unsigned k = 0; k < PEOPLE; k++)
        fg_scene_finish(&players[k].scene);
    fg_picture_finish(&code);
    return r;
}

static int enrol_players(const struct fg_take *take, const struct part *part,
                         struct fg_studio *studio, struct fg_error *err)
{
    int r = 0;
    for (unsigned k = 0; k < part->n_people && r == 0; k++)
        r = fg_studio_enrol(take, part->people[k], studio, err);
    return r;
}

int fg_take_lane(const struct fg_take *take, const char *const *script, const char *folder,
                 struct fg_error *err)
{
    struct fg_studio *studio = NULL;
    int r = fg_studio_open(take->seed, &studio, err);
    if (r == 0)
        r = fg_reel_create(folder, FG_TAKES_WIDTH, FG_TAKES_HEIGHT, &studio->reel, err);
    for (; *script && r == 0; script++) {
        struct part part;
        r = read_part(*script, &part, err);
        if (r == 0)
            r = play_part(take, &part, studio, err);
        if (r == 0)
            r = enrol_players(take, &part, studio, err);
    }
    if (r == 0)
        r = fg_reel_finish(studio->reel, "lane", err);
    fg_studio_close(studio);
    return r;
}
