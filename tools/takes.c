// SPDX-License-Identifier: Apache-2.0
#include "tools/takes.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/optics.h"
#include "tools/view.h"
#include "tools/walk.h"

#define RECIPE       1 // raise it whenever the same photographs would give another reel
#define NOISE        2.0
#define EMPTY_FRAMES 10
#define EMPTY_LIGHT  .3
#define SWAP_FRAMES  90

// What every take needs while it is made.
struct studio {
    struct fg_picture frame;
    struct fg_optics optics;
    struct fg_random random;
    struct fg_reel *reel;
};

static int studio_open(struct studio *studio, uint64_t seed, struct fg_error *err)
{
    studio->random = (struct fg_random){seed};
    int r = fg_picture_init(&studio->frame, FG_TAKES_WIDTH, FG_TAKES_HEIGHT);
    if (r == 0)
        r = fg_optics_init(&studio->optics, FG_TAKES_WIDTH, FG_TAKES_HEIGHT, seed ^ 0x6e6f6973);
    return r < 0 ? fg_fail(err, r, "not enough memory for a frame") : 0;
}

static void studio_close(struct studio *studio)
{
    fg_reel_close(studio->reel);
    fg_optics_finish(&studio->optics);
    fg_picture_finish(&studio->frame);
    free(studio);
}

static int load_scene(const struct fg_take *take, size_t i, const float show[4],
                      struct fg_scene *ret, struct fg_error *err)
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

// A text that changes whenever the inputs or the recipe do.
static int recipe_of(const struct fg_take *take, const char *kind, char ret[2048],
                     struct fg_error *err)
{
    size_t at = (size_t)snprintf(ret, 2048, "%s recipe %d seed %llu\n", kind, RECIPE,
                                 (unsigned long long)take->seed);
    for (size_t i = 0; i < take->count; i++) {
        struct stat info;
        if (stat(take->paths[i], &info) < 0)
            return fg_fail(err, -errno, "%s: %s", take->paths[i], strerror(errno));
        int n = snprintf(ret + at, 2048 - at, "%s %lld\n", take->photos[i].name,
                         (long long)info.st_size);
        if (n < 0 || (size_t)n >= 2048 - at)
            return fg_fail(err, -E2BIG, "too many photographs");
        at += (size_t)n;
    }
    return 0;
}

static int add_empty(struct studio *studio, unsigned frames, struct fg_error *err)
{
    int r = 0;
    fg_reel_scene(studio->reel, NULL);
    for (unsigned i = 0; i < frames && r == 0; i++) {
        fg_view_wall(&studio->frame);
        fg_optics_expose(&studio->optics, &studio->frame, EMPTY_LIGHT, 1, NOISE, &studio->random);
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

static int walk_over(const struct fg_take *take, size_t index, struct studio *studio,
                     struct fg_error *err)
{
    const struct fg_demo_photo *photo = &take->photos[index];
    const unsigned frames = (unsigned)lrint(fg_walk_seconds(photo) * FG_REEL_RATE);
    const uint64_t seed = take->seed + 1 + index;
    struct fg_scene scene = {0};
    int r = load_scene(take, index, photo->show, &scene, err);
    fg_reel_scene(studio->reel, photo->name);
    for (unsigned i = 0; i < frames && r == 0; i++) {
        struct fg_walk_moment at;
        struct fg_reel_face faces[FG_DEMO_FACES];
        fg_walk_at(photo, seed, (double)i / FG_REEL_RATE, &at);
        fg_view_render(&scene, &at.view, &studio->frame);
        fg_optics_defocus(&studio->optics, &studio->frame, at.defocus);
        fg_optics_motion(&studio->optics, &studio->frame, at.motion_x, at.motion_y);
        fg_optics_expose(&studio->optics, &studio->frame, at.gain, at.gamma, NOISE,
                         &studio->random);
        unsigned n = faces_in_view(take, photo, &at.view, faces);
        r = fg_reel_add(studio->reel, &studio->frame, faces, n, err);
    }
    fg_scene_finish(&scene);
    return r;
}

// The part of a photograph around one face that holds no other: 1.5 sides to each side, less
// where a neighbour is nearer.
static void isolate(const struct fg_demo_photo *photo, const struct fg_demo_face *face,
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

// How enrolment picture 1 and 2 differ from each other and from the footage.
static const struct enrolment {
    double side; // of the face, pixels
    double degrees;
    bool mirror;
    double gain, gamma;
    int quality;
} enrolments[2] = {
    {160, 6, false, .92, 1.08, 92},
    {128, -7.5, true, 1.08, .92, 80},
};

static int add_enrolment(const struct fg_take *take, size_t index, unsigned face_index,
                         unsigned number, struct studio *studio, struct fg_error *err)
{
    const struct fg_demo_photo *photo = &take->photos[index];
    const struct fg_demo_face *face = &photo->faces[face_index];
    const struct enrolment *way = &enrolments[number - 1];
    struct fg_view view = {.x = face->x,
                           .y = face->y,
                           .scale = way->side / face->side,
                           .angle = way->degrees * M_PI / 180,
                           .mirror = way->mirror};
    struct fg_scene scene = {0};
    struct fg_picture picture = {0};
    float show[4];
    isolate(photo, face, show);
    const uint32_t side = (uint32_t)(way->side * 3);
    int r = load_scene(take, index, show, &scene, err);
    if (r == 0 && (r = fg_picture_init(&picture, side, side)) < 0)
        fg_fail(err, r, "not enough memory for a picture");
    if (r == 0) {
        fg_view_render(&scene, &view, &picture);
        fg_optics_expose(&studio->optics, &picture, way->gain, way->gamma, 1, &studio->random);
        r = fg_reel_enrol(studio->reel, face->person, number, &picture, way->quality, err);
    }
    fg_picture_finish(&picture);
    fg_scene_finish(&scene);
    return r;
}

// Picture 1 from the first photograph that shows the person, picture 2 from the last.
static int enrol_person(const struct fg_take *take, const char *person, struct studio *studio,
                        struct fg_error *err)
{
    size_t photo[2];
    unsigned face[2], found = 0;
    for (size_t i = 0; i < take->count; i++) {
        for (unsigned k = 0; k < take->photos[i].n_faces; k++) {
            if (strcmp(take->photos[i].faces[k].person, person) != 0)
                continue;
            for (unsigned n = found++ ? 1 : 0; n < 2; n++) {
                photo[n] = i;
                face[n] = k;
            }
        }
    }
    int r = 0;
    for (unsigned n = 0; found > 0 && n < 2 && r == 0; n++)
        r = add_enrolment(take, photo[n], face[n], n + 1, studio, err);
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

static int enrol_all(const struct fg_take *take, struct studio *studio, struct fg_error *err)
{
    for (size_t i = 0; i < take->count; i++) {
        for (unsigned k = 0; k < take->photos[i].n_faces; k++) {
            const char *person = take->photos[i].faces[k].person;
            if (!take->enrolled(person) || !is_first_showing(take, i, k))
                continue;
            int r = enrol_person(take, person, studio, err);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

int fg_take_walk(const struct fg_take *take, const char *folder, bool *ret_made,
                 struct fg_error *err)
{
    char recipe[2048];
    int r = recipe_of(take, "walk", recipe, err);
    if (r < 0)
        return r;
    if (fg_reel_is_made(folder, recipe)) {
        *ret_made = false;
        return 0;
    }
    struct studio *studio = calloc(1, sizeof *studio);
    if (!studio)
        return fg_fail(err, -ENOMEM, "not enough memory");
    if ((r = studio_open(studio, take->seed, err)) < 0 ||
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
    studio_close(studio);
    return r;
}

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
            isolate(&take->photos[i], face, show);
            return load_scene(take, i, show, &ret->scene, err);
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

static int play(struct studio *studio, const struct fg_take *take, const struct player players[2],
                struct fg_error *err)
{
    struct fg_picture scratch = {0};
    int r = fg_picture_init(&scratch, FG_TAKES_WIDTH / 2, FG_TAKES_HEIGHT);
    if (r < 0)
        return fg_fail(err, r, "not enough memory for a frame");
    fg_reel_scene(studio->reel, "swap");
    for (unsigned i = 0; i < SWAP_FRAMES && r == 0; i++) {
        struct fg_reel_face faces[2] = {0};
        for (unsigned half = 0; half < 2; half++) {
            unsigned who = i < SWAP_FRAMES / 2 ? half : 1 - half;
            stand(&players[who], i, half, &scratch, &studio->frame, &faces[half]);
            faces[half].enrolled = take->enrolled(faces[half].person);
        }
        fg_optics_expose(&studio->optics, &studio->frame, 1, 1, NOISE, &studio->random);
        r = fg_reel_add(studio->reel, &studio->frame, faces, 2, err);
    }
    fg_picture_finish(&scratch);
    return r;
}

int fg_take_swap(const struct fg_take *take, const char *left, const char *right,
                 const char *folder, bool *ret_made, struct fg_error *err)
{
    char recipe[2048], kind[64];
    struct player players[2] = {{0}, {0}};
    snprintf(kind, sizeof kind, "swap %.16s %.16s", left, right);
    int r = recipe_of(take, kind, recipe, err);
    if (r < 0)
        return r;
    if (fg_reel_is_made(folder, recipe)) {
        *ret_made = false;
        return 0;
    }
    struct studio *studio = calloc(1, sizeof *studio);
    if (!studio)
        return fg_fail(err, -ENOMEM, "not enough memory");
    if ((r = studio_open(studio, take->seed, err)) < 0 ||
        (r = player_open(take, left, &players[0], err)) < 0 ||
        (r = player_open(take, right, &players[1], err)) < 0 ||
        (r = fg_reel_create(folder, FG_TAKES_WIDTH, FG_TAKES_HEIGHT, &studio->reel, err)) < 0 ||
        (r = play(studio, take, players, err)) < 0)
        goto out;
    for (int i = 0; i < 2; i++) {
        if (take->enrolled(players[i].person) &&
            (r = enrol_person(take, players[i].person, studio, err)) < 0)
            goto out;
    }
    if ((r = fg_reel_finish(studio->reel, recipe, err)) == 0)
        *ret_made = true;
out:
    fg_scene_finish(&players[0].scene);
    fg_scene_finish(&players[1].scene);
    studio_close(studio);
    return r;
}

// The view that just holds all faces of a photograph, with some room.
static struct fg_view view_of_all(const struct fg_demo_photo *photo)
{
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    for (unsigned i = 0; i < photo->n_faces; i++) {
        const struct fg_demo_face *face = &photo->faces[i];
        const double at[2] = {face->x, face->y};
        for (int k = 0; k < 2; k++) {
            low[k] = fmin(low[k], at[k] - face->side / 2);
            high[k] = fmax(high[k], at[k] + face->side / 2);
        }
    }
    return (struct fg_view){.x = (low[0] + high[0]) / 2,
                            .y = (low[1] + high[1]) / 2,
                            .scale = fmin(.9 * FG_TAKES_WIDTH / (high[0] - low[0]),
                                          .8 * FG_TAKES_HEIGHT / (high[1] - low[1]))};
}

int fg_take_loop(const struct fg_take *take, size_t index, unsigned frames, const char *path,
                 struct fg_error *err)
{
    const size_t bytes = (size_t)FG_TAKES_WIDTH * FG_TAKES_HEIGHT * 3 / 2;
    const struct fg_demo_photo *photo = &take->photos[index];
    struct fg_scene scene = {0};
    FILE *file = NULL;
    uint8_t *planes = malloc(bytes);
    struct studio *studio = calloc(1, sizeof *studio);
    int r = -ENOMEM;
    if (!planes || !studio) {
        fg_fail(err, r, "not enough memory");
        goto out;
    }
    if ((r = studio_open(studio, take->seed, err)) < 0 ||
        (r = load_scene(take, index, photo->show, &scene, err)) < 0)
        goto out;
    if (!(file = fopen(path, "wb"))) {
        r = fg_fail(err, -errno, "%s: cannot write: %s", path, strerror(errno));
        goto out;
    }
    bool ok = fprintf(file, "YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420jpeg XCOLORRANGE=FULL\n",
                      FG_TAKES_WIDTH, FG_TAKES_HEIGHT, FG_REEL_RATE) > 0;
    const struct fg_view all = view_of_all(photo);
    for (unsigned i = 0; i < frames && ok; i++) {
        const double turn = 2 * M_PI * i / frames;
        struct fg_view view = all;
        view.x += 18 / all.scale * sin(turn);
        view.y += 9 / all.scale * sin(2 * turn);
        view.scale *= 1 - .03 * cos(turn);
        fg_view_render(&scene, &view, &studio->frame);
        fg_optics_expose(&studio->optics, &studio->frame, 1, 1, NOISE, &studio->random);
        fg_picture_to_i420(&studio->frame, planes);
        ok = fwrite("FRAME\n", 1, 6, file) == 6 && fwrite(planes, 1, bytes, file) == bytes;
    }
    ok = fclose(file) == 0 && ok;
    file = NULL;
    if (!ok) {
        r = fg_fail(err, -EIO, "%s: cannot write all of it: is the disk full?", path);
        remove(path);
    }
out:
    if (file)
        fclose(file);
    fg_scene_finish(&scene);
    free(planes);
    if (studio)
        studio_close(studio);
    return r;
}
