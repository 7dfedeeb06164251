// SPDX-License-Identifier: Apache-2.0
// People who do not exist: unit vectors that lie as face templates do, from a seed. A vector is
// made from its number alone, so that any of them can be made again, by any thread, in any order.
//
//     x = normalise(mean + sqrt(f / r) W u + sqrt((1 - f) / D) n),   u, n standard normal
//
// The share f of the variance is in r directions W that all people have in common, so that
// strangers are more alike than uniform vectors are. At 64 dimensions one person in ten has another
// mean and is more alike to its own kind, as in life: the tail of the scores is longer for it.
//   64 dimensions   MobileFaceNet's projection on LFW: scores of strangers have mean .011,
//                   deviation .144, p99.9 .451, p99.99 .531; two photographs of a person have
//                   mean .742, deviation .111, p1 .390, p5 .547 (1 less a log-normal value)
//   192, 512        harder data: strangers' deviation .103 and .0715; two photographs of a person
//                   are normal, .6 and .1, cut off at .3 and .95
// Dimensions between and beyond lie on lines through these, in logarithms.
#ifndef FG_SIMULATE_H
#define FG_SIMULATE_H

#include <stdint.h>

#include "matcher/subject.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_SIMULATION_LEAST 32 // dimensions
#define FG_SIMULATION_MOST  FG_TEMPLATE_MAX

struct fg_simulation; // does not change: any number of threads may use one

// -EINVAL: the dimension is out of range; -ENOMEM. Success: *ret owned by the caller.
int fg_simulation_create(uint32_t dimension, uint64_t seed, struct fg_simulation **ret);
void fg_simulation_destroy(struct fg_simulation *simulation); // accepts NULL

// Unit vectors of `dimension` floats. Strangers are other people than any person.
void fg_simulation_person(const struct fg_simulation *simulation, uint64_t number, float *ret);
void fg_simulation_stranger(const struct fg_simulation *simulation, uint64_t number, float *ret);

// Look `number` at the person whose vector is `person`. Returns their cosine, before rounding.
float fg_simulation_look(const struct fg_simulation *simulation, uint64_t number,
                         const float *person, float *ret);

// The canonical template of a person.
void fg_simulation_template(const struct fg_simulation *simulation, uint64_t number,
                            struct fg_template *ret);

#ifdef __cplusplus
}
#endif
#endif
