// SPDX-License-Identifier: Apache-2.0
// For the tests of the pipeline's seeing half: an RGB canvas that is a frame, pictures pasted on
// it at any place and size, and the networks, where they are installed.
#ifndef FG_CANVAS_H
#define FG_CANVAS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/image.h"
#include "pipeline/sampler.h"
#include "pipeline/vision.h"

struct canvas {
    uint8_t *rgb;
    struct fg_frame frame;
};

static inline struct canvas canvas_create(uint32_t width, uint32_t height, uint8_t grey)
{
    struct canvas c = {.rgb = malloc((size_t)width * height * 3)};
    if (!c.rgb)
        abort();
    memset(c.rgb, grey, (size_t)width * height * 3);
    c.frame = (struct fg_frame){.fourcc = FG_FOURCC_RGB, .width = width, .height = height};
    c.frame.n_planes = 1;
    c.frame.planes[0] = (struct fg_plane){c.rgb, width * 3, width * height * 3, -1, 0};
    return c;
}

static inline void canvas_destroy(struct canvas *c)
{
    free(c->rgb);
    c->rgb = NULL;
}

static inline void canvas_fill(struct canvas *c, uint8_t grey)
{
    memset(c->rgb, grey, (size_t)c->frame.width * c->frame.height * 3);
}

// The rectangle (x, y, width, height) of `from`, resampled to `to_width` x `to_height` pixels, its
// left upper corner at (to_x, to_y); what falls outside the canvas is left out.
static inline void canvas_paste(struct canvas *c, const struct fg_frame *from, const double rect[4],
                                int to_x, int to_y, uint32_t to_width, uint32_t to_height)
{
    const struct fg_sample_form form = {to_width, to_height, 0, 1, false, false};
    float *pixels = malloc((size_t)to_width * to_height * 3 * sizeof *pixels);
    struct fg_sampler *sampler = NULL;
    if (!pixels || fg_sampler_create(&sampler) < 0 ||
        fg_sample_rect(sampler, from, rect[0], rect[1], rect[2], rect[3], &form, pixels) < 0)
        abort();
    for (int y = 0; y < (int)to_height; y++) {
        for (int x = 0; x < (int)to_width; x++) {
            const int cx = x + to_x, cy = y + to_y;
            if (cx < 0 || cy < 0 || cx >= (int)c->frame.width || cy >= (int)c->frame.height)
                continue;
            for (int k = 0; k < 3; k++)
                c->rgb[((size_t)cy * c->frame.width + (size_t)cx) * 3 + (size_t)k] =
                    (uint8_t)(pixels[((size_t)y * to_width + (size_t)x) * 3 + (size_t)k] + 0.5f);
        }
    }
    fg_sampler_destroy(sampler);
    free(pixels);
}

static inline const char *models_folder(void)
{
    const char *folder = getenv("FACEGATE_MODELS");
    return folder && folder[0] ? folder : "models";
}

// The networks and the sample photographs are fetched by `make setup`; without them the tests
// that need them are skipped.
static inline int models_absent(void)
{
    static const char *const needed[] = {"face_detection_short_range.tflite",
                                         "onet.tflite",
                                         "MobileFaceNet.tflite",
                                         "sample1.jpg",
                                         "sample2.jpg",
                                         "sample3.jpg",
                                         "sample4.jpg",
                                         "sample5.jpg",
                                         "sample6.jpg"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        char path[400];
        snprintf(path, sizeof path, "%s/%s", models_folder(), needed[i]);
        if (access(path, R_OK) < 0) {
            fprintf(stderr, "[  NOTE    ] %s is not there; run make setup first\n", path);
            return 1;
        }
    }
    return 0;
}

static inline struct fg_vision *vision_open(void)
{
    const struct fg_vision_options options = {.models = models_folder()};
    struct fg_vision *vision = NULL;
    struct fg_error err = {""};
    if (fg_vision_open(&options, &vision, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    return vision;
}

static inline struct fg_image sample_load(int number)
{
    struct fg_image image = {0};
    struct fg_error err = {""};
    char path[400];
    snprintf(path, sizeof path, "%s/sample%d.jpg", models_folder(), number);
    if (fg_image_load(&image, path, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    return image;
}

// Clear faces of the sample photographs (centre and width of the box), each of another person.
struct known_face {
    int sample;
    float x, y, width;
};
static const struct known_face known_faces[] = {
    {1, 516, 497, 193},  {1, 940, 555, 187},  {1, 1565, 340, 159}, {2, 450, 298, 238},
    {2, 1557, 286, 202}, {2, 975, 365, 182},  {3, 1181, 376, 257}, {3, 696, 485, 231},
    {3, 1588, 455, 224}, {4, 1086, 315, 197}, {4, 754, 209, 174},  {4, 1360, 293, 173},
    {4, 333, 335, 172},  {5, 1520, 540, 234}, {5, 473, 1046, 231}, {5, 669, 567, 206},
    {5, 1201, 349, 182}, {5, 857, 245, 181},  {6, 1588, 435, 242}, {6, 784, 500, 240},
    {6, 357, 649, 240},  {6, 1261, 467, 236},
};
#define N_KNOWN_FACES (sizeof known_faces / sizeof *known_faces)

// Pastes a face with what is around it (a square of 1.8 widths), so that its box is centred at
// (x, y) and `width` pixels wide.
static inline void canvas_face(struct canvas *c, const struct fg_frame *photo,
                               const struct known_face *face, double x, double y, double width)
{
    const double around = 1.8, side = around * face->width;
    const double rect[4] = {face->x - side / 2, face->y - side / 2, side, side};
    const int to = (int)(around * width + .5);
    canvas_paste(c, photo, rect, (int)(x - to / 2. + .5), (int)(y - to / 2. + .5), (uint32_t)to,
                 (uint32_t)to);
}

#endif
