// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <string.h>

#include "demo/studio.h"

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
                         unsigned number, struct fg_studio *studio, struct fg_error *err)
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
    fg_studio_isolate(photo, face, show);
    const uint32_t side = (uint32_t)(way->side * 3);
    int r = fg_studio_scene(take, index, show, &scene, err);
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

int fg_studio_enrol(const struct fg_take *take, const char *person, struct fg_studio *studio,
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
