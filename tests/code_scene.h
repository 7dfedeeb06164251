// SPDX-License-Identifier: Apache-2.0
// For tests and figures: a camera's grey picture of QR codes that people hold before it: a pinhole
// camera, the codes on white cards in space, clutter behind them, and what optics and sensor do.
#ifndef FG_CODE_SCENE_H
#define FG_CODE_SCENE_H

#include <stdbool.h>
#include <stdint.h>

#include "pipeline/frame.h"
#include "tests/qr_matrix.h"

struct code_pose {
    double distance;         // cm, from the lens
    double side;             // cm, of the code without its quiet zone
    double x, y;             // where its middle is in the picture, in parts of its width, height
    double yaw, pitch, roll; // degrees
};

struct code_scene {
    uint32_t width, height;
    double lens;        // degrees across
    double blur;        // sigma, pixels
    double noise;       // sigma, grey levels
    double dark, white; // grey levels of the code
    double glare;       // grey levels at its middle, 0: none; a spot a third of the code wide
    uint64_t seed;      // of clutter, glare's place and noise

    uint8_t *pixels; // the picture, once it was begun
    struct fg_frame frame;
};

// What a gate's camera sees indoors: 1280 x 720, 45 degrees, slightly out of focus, some noise.
extern const struct code_scene code_scene_gate;

// Draws clutter, then codes on it, then the optics' part. `scene` holds the settings; end frees it.
void code_scene_begin(struct code_scene *scene);
void code_scene_add(struct code_scene *scene, const struct qr_matrix *code,
                    const struct code_pose *pose);
void code_scene_expose(struct code_scene *scene);
void code_scene_end(struct code_scene *scene);

// Pixels that a module of the code is wide in the picture, when it is not turned.
double code_scene_module(const struct code_scene *scene, const struct qr_matrix *code,
                         const struct code_pose *pose);

// How a hand holds a code, the nth look at the nth try: turned by up to 20 degrees, its middle
// within the middle third of the picture, trembling from look to look. The same on every machine.
struct code_pose code_pose_of_hand(double distance, double side, unsigned attempt, unsigned look);

#endif
