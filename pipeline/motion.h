// SPDX-License-Identifier: Apache-2.0
// Whether something moves in a zone: a coarse grey picture of it, compared with the last one about
// five times a second. Nothing that could show a face: a cell is some hundred pixels.
#ifndef FG_MOTION_H
#define FG_MOTION_H

#include <stdint.h>

#include "pipeline/frame.h"
#include "pipeline/zone.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_motion; // one thread at a time

int fg_motion_create(const struct fg_zone *zone, struct fg_motion **ret);
void fg_motion_destroy(struct fg_motion *motion); // accepts NULL

// 1: something moves, told when it begins and then once a second; 0: nothing does, or it is too
// early for another look. What changes the whole zone alike (light, exposure) is no motion.
// Failure: as fg_sample_grey.
int fg_motion_look(struct fg_motion *motion, const struct fg_frame *frame, uint64_t now_ns);

// The next look is the first again.
void fg_motion_forget(struct fg_motion *motion);

#ifdef __cplusplus
}
#endif
#endif
