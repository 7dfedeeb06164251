// SPDX-License-Identifier: Apache-2.0
// A face in a frame, as the detector sees it. Coordinates are frame pixels, edges (see sampler.h).
#ifndef FG_FACE_H
#define FG_FACE_H

#ifdef __cplusplus
extern "C" {
#endif

#define FG_FACES_MAX 64 // most faces of one frame

// Key points as BlazeFace orders them.
enum fg_key_point {
    FG_POINT_RIGHT_EYE, // the person's right: image left
    FG_POINT_LEFT_EYE,
    FG_POINT_NOSE,
    FG_POINT_MOUTH,
    FG_POINT_RIGHT_EAR,
    FG_POINT_LEFT_EAR,
    FG_POINTS
};

struct fg_face {
    float x, y;          // centre of the box
    float width, height; // about 2.45 eye distances wide
    float score;         // 0..1
    float points[FG_POINTS][2];
};

#ifdef __cplusplus
}
#endif
#endif
