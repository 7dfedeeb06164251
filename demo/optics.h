// SPDX-License-Identifier: Apache-2.0
// What a real camera does to a picture: motion blur, defocus, light, noise. All seeded.
#ifndef FG_OPTICS_H
#define FG_OPTICS_H

#include "demo/picture.h"

#ifdef __cplusplus
extern "C" {
#endif

// SplitMix64 (Steele, Lea, Flood 2014): the same numbers on every machine.
struct fg_random {
    uint64_t state;
};
uint64_t fg_random_next(struct fg_random *random);
double fg_random_unit(struct fg_random *random); // 0 <= value < 1

#define FG_NOISE_TABLE (1u << 16)

struct fg_optics {
    struct fg_picture scratch;
    int8_t noise[FG_NOISE_TABLE]; // near Gaussian, sigma 32
};

// `optics` may hold anything. Scratch is for pictures of this size. -ENOMEM.
int fg_optics_init(struct fg_optics *optics, uint32_t width, uint32_t height, uint64_t seed);
void fg_optics_finish(struct fg_optics *optics);

// A mean along (dx, dy) pixels; nothing under one pixel, at most 16 taps.
void fg_optics_motion(struct fg_optics *optics, struct fg_picture *picture, double dx, double dy);
// A 3x3 binomial blur, `amount` from 0 (none) to 1.
void fg_optics_defocus(struct fg_optics *optics, struct fg_picture *picture, double amount);
// value = gain * 255 * (value / 255)^gamma, then noise of `sigma` grey levels.
void fg_optics_expose(const struct fg_optics *optics, struct fg_picture *picture, double gain,
                      double gamma, double sigma, struct fg_random *random);

#ifdef __cplusplus
}
#endif
#endif
