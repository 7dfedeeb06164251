// SPDX-License-Identifier: Apache-2.0
// stills: what the cameras of `make check-vm` see, made of the demo's photographs.
//
//   stills FOLDER PHOTO...
//
// Somebody stands before the camera and hardly moves: a network takes seconds in the emulated
// machine. Makes for each scene and size, over and over seamlessly,
//   FOLDER/SCENE-WIDTHxHEIGHT.mjpeg, .yuyv, .nv12
// and FOLDER/enrol/PERSON_1.jpg, PERSON_2.jpg of those to enrol. Raw frames are BT.601, 16 to 235.
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demo/studio.h"
#include "pipeline/image.h"

#define SEED         20260102
#define FRAMES       3 // of a scene
#define JPEG_QUALITY 85
#define MOST_PHOTOS  16

static const struct scene {
    const char *name, *person; // NULL: nobody
    bool enrolled;
} scenes[] = {
    {"first", "p18", true},
    {"second", "p20", true},
    {"stranger", "p21", false},
    {"nobody", NULL, false},
};

static const struct size {
    uint32_t width, height;
    double side; // of the face, pixels
} sizes[] = {{1280, 720, 260}, {640, 480, 200}};

enum { MJPEG, YUYV, NV12, FILES };

struct maker {
    struct fg_take take;
    struct fg_demo_photo photos[MOST_PHOTOS];
    const char *paths[MOST_PHOTOS];
    struct fg_studio *studio;
    const char *folder;
};

// The limited range that cameras give, of a full-range plane.
static uint8_t limited(uint8_t value, int low, int span)
{
    return (uint8_t)(low + (value * span + 127) / 255);
}

static void to_nv12(const uint8_t *i420, size_t pixels, uint8_t *ret)
{
    for (size_t i = 0; i < pixels; i++)
        ret[i] = limited(i420[i], 16, 219);
    for (size_t i = 0; i < pixels / 4; i++) {
        ret[pixels + 2 * i] = limited(i420[pixels + i], 16, 224);
        ret[pixels + 2 * i + 1] = limited(i420[pixels + pixels / 4 + i], 16, 224);
    }
}

// Two rows share their colours: they come from a picture of half the height.
static void to_yuyv(const uint8_t *nv12, uint32_t width, uint32_t height, uint8_t *ret)
{
    const uint8_t *chroma = nv12 + (size_t)width * height;
    for (uint32_t y = 0; y < height; y++) {
        const uint8_t *luma = nv12 + (size_t)y * width, *pairs = chroma + (size_t)(y / 2) * width;
        for (uint32_t x = 0; x < width; x++, ret += 2) {
            ret[0] = luma[x];
            ret[1] = pairs[x];
        }
    }
}

static int write_frame(const struct fg_picture *picture, FILE *const files[FILES],
                       struct fg_error *err)
{
    const size_t pixels = (size_t)picture->width * picture->height;
    uint8_t *i420 = malloc(pixels * 3 / 2), *nv12 = malloc(pixels * 3 / 2);
    uint8_t *yuyv = malloc(pixels * 2), *jpeg = NULL;
    size_t length = 0;
    int r = i420 && nv12 && yuyv ? 0 : fg_fail(err, -ENOMEM, "not enough memory for a frame");
    if (r == 0)
        r = fg_image_encode_jpeg(picture->rgb, picture->width, picture->height, picture->width * 3,
                                 JPEG_QUALITY, &jpeg, &length, err);
    if (r == 0) {
        fg_picture_to_i420(picture, i420);
        to_nv12(i420, pixels, nv12);
        to_yuyv(nv12, picture->width, picture->height, yuyv);
        if (fwrite(jpeg, 1, length, files[MJPEG]) != length ||
            fwrite(yuyv, 1, pixels * 2, files[YUYV]) != pixels * 2 ||
            fwrite(nv12, 1, pixels * 3 / 2, files[NV12]) != pixels * 3 / 2)
            r = fg_fail(err, -EIO, "can not write a frame: is the disk full?");
    }
    free(i420);
    free(nv12);
    free(yuyv);
    free(jpeg);
    return r;
}

static const struct fg_demo_face *face_of(const struct fg_take *take, const char *person,
                                          size_t *ret_photo)
{
    for (size_t i = 0; i < take->count; i++) {
        for (unsigned k = 0; k < take->photos[i].n_faces; k++) {
            if (strcmp(take->photos[i].faces[k].person, person) == 0) {
                *ret_photo = i;
                return &take->photos[i].faces[k];
            }
        }
    }
    return NULL;
}

static int write_frames(struct maker *maker, const struct fg_scene *scene,
                        const struct fg_demo_face *face, const struct size *size,
                        FILE *const files[FILES], struct fg_error *err)
{
    struct fg_picture picture = {0};
    int r = fg_picture_init(&picture, size->width, size->height);
    if (r < 0)
        return fg_fail(err, r, "not enough memory for a frame");
    for (unsigned i = 0; i < FRAMES && r == 0; i++) {
        const double turn = 2 * M_PI * i / FRAMES;
        if (face) {
            struct fg_view view = {.x = face->x, .y = face->y, .scale = size->side / face->side};
            view.x += sin(turn) / view.scale;
            view.y += cos(turn) / view.scale;
            fg_view_render(scene, &view, &picture);
        } else {
            fg_view_wall(&picture);
        }
        fg_optics_expose(&maker->studio->optics, &picture, 1, 1, FG_STUDIO_NOISE,
                         &maker->studio->random);
        r = write_frame(&picture, files, err);
    }
    fg_picture_finish(&picture);
    return r;
}

static int open_files(const struct maker *maker, const char *scene, const struct size *size,
                      FILE *files[FILES], struct fg_error *err)
{
    static const char *const endings[FILES] = {"mjpeg", "yuyv", "nv12"};
    for (int i = 0; i < FILES; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s-%ux%u.%s", maker->folder, scene, size->width,
                 size->height, endings[i]);
        if (!(files[i] = fopen(path, "wb")))
            return fg_fail(err, -errno, "%s: can not write: %s", path, strerror(errno));
    }
    return 0;
}

static int make_scene(struct maker *maker, const struct scene *scene, const struct size *size,
                      struct fg_error *err)
{
    const struct fg_demo_face *face = NULL;
    struct fg_scene shown = {0};
    FILE *files[FILES] = {NULL};
    size_t photo = 0;
    int r = 0;
    if (scene->person) {
        float show[4];
        if (!(face = face_of(&maker->take, scene->person, &photo)))
            return fg_fail(err, -ENOENT, "no photograph shows %s", scene->person);
        fg_studio_isolate(&maker->photos[photo], face, show);
        r = fg_studio_scene(&maker->take, photo, show, &shown, err);
    }
    if (r == 0 && (r = open_files(maker, scene->name, size, files, err)) == 0)
        r = write_frames(maker, &shown, face, size, files, err);
    for (int i = 0; i < FILES; i++) {
        if (files[i] && fclose(files[i]) != 0 && r == 0)
            r = fg_fail(err, -EIO, "can not write all of it: is the disk full?");
    }
    fg_scene_finish(&shown);
    return r;
}

static int make_all(struct maker *maker, struct fg_error *err)
{
    char recipe[FG_STUDIO_RECIPE];
    int r = fg_studio_recipe(&maker->take, "stills 1", recipe, err);
    if (r < 0 || fg_reel_is_made(maker->folder, recipe))
        return r;
    if ((r = fg_studio_open(SEED, &maker->studio, err)) < 0 ||
        (r = fg_reel_create(maker->folder, FG_TAKES_WIDTH, FG_TAKES_HEIGHT, &maker->studio->reel,
                            err)) < 0)
        return r;
    for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++) {
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            if ((r = make_scene(maker, &scenes[i], &sizes[k], err)) < 0)
                return r;
        }
        if (scenes[i].enrolled &&
            (r = fg_studio_enrol(&maker->take, scenes[i].person, maker->studio, err)) < 0)
            return r;
    }
    return fg_reel_finish(maker->studio->reel, recipe, err);
}

// The photographs are known by their names.
static int take_photos(struct maker *maker, char **paths, int count, struct fg_error *err)
{
    if (count > MOST_PHOTOS)
        return fg_fail(err, -E2BIG, "at most %d photographs", MOST_PHOTOS);
    for (int i = 0; i < count; i++) {
        const char *slash = strrchr(paths[i], '/'), *name = slash ? slash + 1 : paths[i];
        size_t k = 0;
        while (k < fg_demo_photo_count && strcmp(fg_demo_photos[k].name, name) != 0)
            k++;
        if (k == fg_demo_photo_count)
            return fg_fail(err, -EINVAL, "%s: give sample1.jpg to sample6.jpg", paths[i]);
        maker->photos[i] = fg_demo_photos[k];
        maker->paths[i] = paths[i];
    }
    maker->take = (struct fg_take){.photos = maker->photos,
                                   .paths = maker->paths,
                                   .count = (size_t)count,
                                   .enrolled = fg_demo_is_enrolled,
                                   .seed = SEED};
    return 0;
}

int main(int argc, char **argv)
{
    struct maker maker = {.studio = NULL};
    struct fg_error err = {""};
    if (argc < 3) {
        fputs("usage: stills FOLDER PHOTO...\n", stderr);
        return 2;
    }
    maker.folder = argv[1];
    int r = take_photos(&maker, argv + 2, argc - 2, &err);
    if (r == 0)
        r = make_all(&maker, &err);
    fg_studio_close(maker.studio);
    if (r < 0)
        fprintf(stderr, "stills: %s\n", err.text);
    return r < 0 ? 1 : 0;
}
