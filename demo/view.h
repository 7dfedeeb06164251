// SPDX-License-Identifier: Apache-2.0
// A virtual camera's view of a photograph: sampling, and where a face of the photograph lands.
#ifndef FG_VIEW_H
#define FG_VIEW_H

#include <stdbool.h>

#include "demo/picture.h"
#include "demo/truth.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_view {
    double x, y;  // the photograph's point in the middle of the view
    double scale; // view pixels per photograph pixel, .1 to 8
    double angle; // radians; positive turns what is seen anticlockwise
    bool mirror;  // left and right exchanged
};

// A photograph with its half- and quarter-size copies, so that a small view does not alias.
struct fg_scene {
    struct fg_picture levels[3];
    float show[4]; // x0, y0, x1, y1
};

// A scene starts as {0}. Takes over *photo (left as {0}) also on failure. -ENOMEM.
int fg_scene_init(struct fg_scene *scene, struct fg_picture *photo, const float show[4]);
void fg_scene_finish(struct fg_scene *scene);

// Fills `out` (its size is the view's) with what the camera sees; around the shown part of the
// photograph is a plain wall.
void fg_view_render(const struct fg_scene *scene, const struct fg_view *view,
                    struct fg_picture *out);
// The wall alone.
void fg_view_wall(struct fg_picture *out);

// The face's upright box in a view of width x height: x, y, width, height in view pixels.
void fg_view_box(const struct fg_view *view, uint32_t width, uint32_t height,
                 const struct fg_demo_face *face, double ret_box[4]);

#ifdef __cplusplus
}
#endif
#endif
