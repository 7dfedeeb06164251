// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demo/studio.h"

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
    struct fg_studio *studio = NULL;
    int r = planes ? 0 : fg_fail(err, -ENOMEM, "not enough memory for a frame");
    if (r < 0 || (r = fg_studio_open(take->seed, &studio, err)) < 0 ||
        (r = fg_studio_scene(take, index, photo->show, &scene, err)) < 0)
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
        fg_optics_expose(&studio->optics, &studio->frame, 1, 1, FG_STUDIO_NOISE, &studio->random);
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
    fg_studio_close(studio);
    return r;
}
