// SPDX-License-Identifier: Apache-2.0
// What the takes share: frame, lens, dice and reel; scenes from photographs; the recipe that tells
// when a reel must be made anew; enrolment pictures.
#ifndef FG_STUDIO_H
#define FG_STUDIO_H

#include "demo/optics.h"
#include "demo/takes.h"
#include "demo/view.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_STUDIO_NOISE  2.0  // sigma of the sensor, grey levels
#define FG_STUDIO_RECIPE 2048 // bytes of a recipe

struct fg_studio { // on the heap: it is large
    struct fg_picture frame;
    struct fg_optics optics;
    struct fg_random random;
    struct fg_reel *reel; // NULL until the take opens one
};

// Success: *ret owned by the caller. -ENOMEM.
int fg_studio_open(uint64_t seed, struct fg_studio **ret, struct fg_error *err);
void fg_studio_close(struct fg_studio *studio); // closes the reel too; accepts NULL

// Loads photos[i], whose size must be the table's. *ret must be {0}; finish it in every case.
int fg_studio_scene(const struct fg_take *take, size_t i, const float show[4], struct fg_scene *ret,
                    struct fg_error *err);

// A text that changes whenever the inputs or the way of making do.
int fg_studio_recipe(const struct fg_take *take, const char *kind, char ret[FG_STUDIO_RECIPE],
                     struct fg_error *err);

// The part of a photograph around one face that holds no other: 1.5 sides to each side, less
// where a neighbour is nearer. x0, y0, x1, y1.
void fg_studio_isolate(const struct fg_demo_photo *photo, const struct fg_demo_face *face,
                       float ret[4]);

// Two enrolment pictures of a person: the first from the first photograph that shows them, the
// second from the last, both of another scale, angle and light than the footage.
int fg_studio_enrol(const struct fg_take *take, const char *person, struct fg_studio *studio,
                    struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
