// SPDX-License-Identifier: Apache-2.0
// The virtual camera's walk over one photograph: where it looks and what light it gets, by time.
#ifndef FG_WALK_H
#define FG_WALK_H

#include "demo/truth.h"
#include "demo/view.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_walk_moment {
    struct fg_view view;
    double motion_x, motion_y; // view pixels that the picture moves during the exposure
    double defocus;            // 0..1
    double gain, gamma;        // .75 to 1.15
};

// The last key's time.
double fg_walk_seconds(const struct fg_demo_photo *photo);

// At t seconds, 0 to fg_walk_seconds. The seed sets the phases of shake, light and focus.
void fg_walk_at(const struct fg_demo_photo *photo, uint64_t seed, double t,
                struct fg_walk_moment *ret);

// What a face is to a view.
enum fg_walk_sight {
    FG_SIGHT_NONE,  // less than a fifth of its box is in the picture
    FG_SIGHT_PART,  // cut off by the picture's edge
    FG_SIGHT_WHOLE, // the whole box is in the picture
};

// Also gives the box (x, y, width, height in view pixels).
enum fg_walk_sight fg_walk_see(const struct fg_demo_photo *photo, const struct fg_demo_face *face,
                               const struct fg_view *view, uint32_t width, uint32_t height,
                               double ret_box[4]);

#ifdef __cplusplus
}
#endif
#endif
