// SPDX-License-Identifier: Apache-2.0
// A second opinion on an opened model: the same network on xnnpack, on the same values.
//
// A driver may compute a layer wrong without a word, and at a gate that is a stranger admitted.
#ifndef FG_AGREE_H
#define FG_AGREE_H

#include "accel/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

// Runs `accel`, which was opened from `graph`, once on values like a picture's and compares all
// outputs with xnnpack's. The difference is |a - b| / |b| over one output, the largest of them.
// 0 and *ret_difference; -ENOTSUP: xnnpack can't run this network (accel has run all the same);
// -EIO and err: it failed to run, or differs by more than `most`; -ENOMEM.
int fg_agree(struct fg_accel *accel, const struct fg_graph *graph, double most,
             double *ret_difference, struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
