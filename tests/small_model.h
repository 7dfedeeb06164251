// SPDX-License-Identifier: Apache-2.0
// A model of a few kilobytes that has every operator and trap of the real ones: batch 2, float16
// weights, both PReLU spellings, a spelled-out softmax, channel padding, concatenation.
#ifndef FG_TEST_SMALL_MODEL_H
#define FG_TEST_SMALL_MODEL_H

#include "tests/tflite_builder.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SMALL_INPUT (6 * 6 * 2) // values of one image

// Fills and finishes a builder; tb_free by the caller. Tensor and operator indices that tests
// refer to are the names below.
void small_model(struct tb *tb);

enum { SMALL_CONV_OP = 1 };

// Every operator that the small model has not, batch 2: groups, splits, slices, transposes, ...
void wide_model(struct tb *tb);

enum {
    WIDE_CONV_OP,
    WIDE_LEAKY_OP,
    WIDE_SPLIT_OP,
    WIDE_POOL_OP = 8,
    WIDE_RESIZE_OP,
    WIDE_TRANSPOSE_CONV_OP,
    WIDE_TRANSPOSE_OP,
    WIDE_STRIDED_OP,
    WIDE_SLICE_OP = 15,
    WIDE_MEAN_OP,
    WIDE_L2_NORM_OP,
    WIDE_SPLIT_V_OP
};

// float32 in and out; between them int8 with filters by channel, and a part in uint8.
void quantised_model(struct tb *tb);

enum { QUANTISED_CONV_OP = 1, QUANTISED_ADD_OP = 3 };

// The tensor of that name, or -1.
int small_tensor(const struct tb *tb, const char *name);

#ifdef __cplusplus
}
#endif
#endif
