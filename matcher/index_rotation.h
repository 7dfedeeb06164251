// SPDX-License-Identifier: Apache-2.0
// A random rotation, every one as likely as any other (Haar): the index's bound rests on it.
#ifndef FG_INDEX_ROTATION_H
#define FG_INDEX_ROTATION_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Fills `matrix`, dimension x dimension float32, with an orthogonal one: a product of reflections,
// each of a random direction (Stewart, The efficient generation of random orthogonal matrices,
// 1980). `dimension` is even. `seed` 0: from the system's source of random bytes, so that nobody
// can make a vector that slips past the codes; others are for tests. 0, -ENOMEM or -EIO (no random
// bytes).
int fg_rotation_draw(float *matrix, unsigned dimension, uint64_t seed);

#ifdef __cplusplus
}
#endif
#endif
