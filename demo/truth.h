// SPDX-License-Identifier: Apache-2.0
// Who is where in the demo's photographs, and how the virtual camera walks over them. Written by
// hand from looking at the photographs: nothing here comes from the detector or the matcher.
//
// The photographs are demo/sample1.jpg to sample6.jpg of the npm package @vladmandic/face-api.
#ifndef FG_TRUTH_H
#define FG_TRUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FG_DEMO_FACES 6 // most faces of one photograph
#define FG_DEMO_KEYS  8 // most key positions of one walk

// A square about 2.45 eye distances wide around brows, nose and chin, as BlazeFace draws it.
struct fg_demo_face {
    const char *person;
    float x, y; // its centre, photograph pixels
    float side; // photograph pixels
};

// Where the virtual camera is at a time; between keys it eases (cubic).
struct fg_demo_key {
    float t;     // seconds from the start of this photograph
    float x, y;  // the point of the photograph in the middle of the view
    float scale; // view pixels per photograph pixel
};

struct fg_demo_photo {
    const char *name;
    uint32_t width, height; // another size is another photograph, and refused
    float show[4];          // x0, y0, x1, y1: what is shown; a plain wall stands around it
    unsigned n_faces;
    struct fg_demo_face faces[FG_DEMO_FACES];
    unsigned n_keys;
    struct fg_demo_key keys[FG_DEMO_KEYS];
};

extern const struct fg_demo_photo fg_demo_photos[];
extern const size_t fg_demo_photo_count;

// Enrolled before the walk; everybody else in the table is a stranger.
extern const char *const fg_demo_enrolled[];
extern const size_t fg_demo_enrolled_count;

bool fg_demo_is_enrolled(const char *person);

#ifdef __cplusplus
}
#endif
#endif
