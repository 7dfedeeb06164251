// SPDX-License-Identifier: Apache-2.0
// Lossless projection of an embedding to fewer dimensions, folded into the last linear layer.
//
// An embedding e = W x + b lies in the space spanned by the columns of [W|b]. With U the k leading
// eigenvectors of [W|b][W|b]^T, z = U^T e keeps every inner product, hence every cosine, as far as
// the other eigenvalues are 0. U comes from the weights alone: no face is looked at.
#ifndef FG_PROJECT_H
#define FG_PROJECT_H

#include "accel/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_PROJECT_MAX_DIMENSION 2048u

// The share of the eigenvalues' sum that a projection may drop. The default embedder drops 1e-5
// at 64 dimensions, which moves a cosine by at most 2e-4.
#define FG_PROJECT_MAX_LOSS 1e-4

// Replaces the last layer of a lowered graph (W, b) by (U^T W, U^T b), so that its one output has
// `dimension` values. Each eigenvector's largest component is positive, and directions past the
// numerical rank give exactly 0, so that the basis is the same on every machine.
// -EINVAL: the graph does not end in a linear layer, or the projection would lose more than
// FG_PROJECT_MAX_LOSS (err says the least dimension that does not).
int fg_project(struct fg_graph *graph, uint32_t dimension, struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
