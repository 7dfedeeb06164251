// SPDX-License-Identifier: Apache-2.0
// Writes small TFLite files for tests: every field in its own 4-byte slot, children after parents.
#ifndef FG_TEST_TFLITE_BUILDER_H
#define FG_TEST_TFLITE_BUILDER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TB_MAX 80

// TFLite's own numbers.
enum { TB_FLOAT32 = 0, TB_FLOAT16 = 1, TB_INT32 = 2, TB_UINT8 = 3, TB_INT8 = 9 };
enum {
    TB_ADD = 0,
    TB_AVERAGE_POOL = 1,
    TB_CONCAT = 2,
    TB_CONV = 3,
    TB_DEPTHWISE = 4,
    TB_DEQUANTIZE = 6,
    TB_FULLY_CONNECTED = 9,
    TB_L2_NORM = 11,
    TB_LOGISTIC = 14,
    TB_MAX_POOL = 17,
    TB_MUL = 18,
    TB_RELU = 19,
    TB_RELU6 = 21,
    TB_RESHAPE = 22,
    TB_RESIZE = 23,
    TB_SOFTMAX = 25,
    TB_TANH = 28,
    TB_PAD = 34,
    TB_TRANSPOSE = 39,
    TB_MEAN = 40,
    TB_SUB = 41,
    TB_DIV = 42,
    TB_SQUEEZE = 43,
    TB_STRIDED_SLICE = 45,
    TB_EXP = 47,
    TB_SPLIT = 49,
    TB_PRELU = 54,
    TB_MAXIMUM = 55,
    TB_MINIMUM = 57,
    TB_NEG = 59,
    TB_SLICE = 65,
    TB_TRANSPOSE_CONV = 67,
    TB_EXPAND_DIMS = 70,
    TB_SUM = 74,
    TB_REDUCE_MAX = 82,
    TB_RESIZE_NEAREST = 97,
    TB_LEAKY_RELU = 98,
    TB_ABS = 101,
    TB_SPLIT_V = 102,
    TB_QUANTIZE = 114,
    TB_HARD_SWISH = 117
};

struct tb_tensor {
    char name[40];
    int type;
    unsigned n_dims;
    int32_t dims[8];
    const void *data; // borrowed until tb_finish; NULL: computed
    uint32_t bytes;
    float scale; // 0: no quantisation
    int64_t zero_point;
    const float *scales; // by channel, beside which `scale` only says that there is one; or NULL
    uint32_t n_scales;
    int32_t scale_dim;
};

struct tb_op {
    int code;
    int n_inputs, inputs[16], output;
    int n_more, more[4]; // outputs after the first
    int options_type;    // 0: none
    const char *kinds;   // of the options' fields: b byte, i int32, f float bits, - absent
    int32_t fields[8];
};

struct tb {
    struct tb_tensor tensors[TB_MAX];
    struct tb_op ops[TB_MAX];
    int n_tensors, n_ops;
    int inputs[8], outputs[8], n_inputs, n_outputs;
    int version;     // 3
    int n_subgraphs; // 1
    uint8_t *bytes;  // the file, after tb_finish
    size_t length, capacity;
};

// A builder starts with tb_init and ends with tb_free.
void tb_init(struct tb *tb);
void tb_free(struct tb *tb);

// Shapes as "1x8x8x3", "" for a scalar. All give the tensor's index.
int tb_computed(struct tb *tb, const char *name, const char *shape);
int tb_quantised(struct tb *tb, const char *name, int type, const char *shape, float scale,
                 int64_t zero_point);
int tb_constant(struct tb *tb, const char *name, int type, const char *shape, const void *data);

// Inputs as a list that ends with -2 (-1: a bias left out).
struct tb_op *tb_op(struct tb *tb, int code, int output, const int *inputs);
void tb_options(struct tb_op *op, int type, const char *kinds, const int32_t *fields);

void tb_input(struct tb *tb, int tensor);
void tb_output(struct tb *tb, int tensor);

// Writes tb->bytes, tb->length; may be called again after changes.
void tb_finish(struct tb *tb);

#ifdef __cplusplus
}
#endif
#endif
