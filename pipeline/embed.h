// SPDX-License-Identifier: Apache-2.0
// From an aligned face to its vector.
#ifndef FG_EMBED_H
#define FG_EMBED_H

#include <stdbool.h>

#include "accel/accel.h"
#include "common/card.h"
#include "pipeline/align.h"
#include "pipeline/frame.h"
#include "pipeline/sampler.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_embedder; // one thread at a time

int fg_embedder_open(const struct fg_card *card, const struct fg_accel_options *options,
                     struct fg_embedder **ret, struct fg_error *err);
void fg_embedder_close(struct fg_embedder *embedder); // wipes its tensors; accepts NULL

// What runs the network, borrowed.
struct fg_accel *fg_embedder_accel(struct fg_embedder *embedder);

// Samples the aligned face through `map` (fg_align_map) into the network's input and keeps it
// there, so that quality can be looked at before the network is run. *ret is the crop: height x
// width x 3 floats as the card's input, borrowed until the next call. 0, or what fg_sample_affine
// says.
int fg_embed_crop(struct fg_embedder *embedder, const struct fg_frame *frame,
                  const struct fg_affine *map, const float **ret);

// Runs the network on the crop. `vector` gets fg_card_template_dimension floats of length 1,
// *ret_norm the length before. With `mirrored`, the mean with the mirrored crop's vector is
// taken (twice the time). -EIO: engine failed; -EDOM: no direction (a zero vector).
int fg_embed_run(struct fg_embedder *embedder, bool mirrored, float *vector, float *ret_norm);

// Overwrites the crop, the network's output and all that lies between; vectors that were given out
// are their holders'. 0 or -EIO.
int fg_embed_wipe(struct fg_embedder *embedder);

#ifdef __cplusplus
}
#endif
#endif
