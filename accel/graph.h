// SPDX-License-Identifier: Apache-2.0
// A neural network between file and engine: tensors, nodes in running order, inputs, outputs.
//
// Layout is NHWC; convolution filters are [out, height, width, in], depthwise ones
// [1, height, width, channels], fully-connected ones [out, in], as in TFLite. Padding is always
// explicit. Values are float32; in a quantised part of a graph (int8 or uint8, one scale a tensor,
// filters one scale or one an output channel, biases int32) a node's data inputs and its output are
// of one type, and QUANTIZE and DEQUANTIZE stand at its borders. The graph owns all it points to;
// the file's bytes may go away after the import. A graph is plain data: any thread may read it, one
// at a time may change it.
#ifndef FG_GRAPH_H
#define FG_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accel/accel.h"

#ifdef __cplusplus
extern "C" {
#endif

// Limits on what a model file may ask for.
#define FG_GRAPH_MAX_TENSORS   8192u
#define FG_GRAPH_MAX_NODES     4096u
#define FG_GRAPH_MAX_ENDS      64u          // inputs, and outputs, of the whole graph
#define FG_GRAPH_MAX_INPUTS    16u          // of one node
#define FG_GRAPH_MAX_ELEMENTS  (1u << 26)   // of one tensor
#define FG_GRAPH_MAX_CONSTANTS (512u << 20) // bytes, all constants together
#define FG_GRAPH_MAX_STEP      4096u        // strides, kernel sides, paddings

#define FG_NO_TENSOR UINT32_MAX

enum fg_op {
    FG_OP_ABS,
    FG_OP_ADD,
    FG_OP_AVERAGE_POOL,
    FG_OP_BATCH_NORM, // inputs: x, mean, variance, beta, gamma, each one value a channel
    FG_OP_CONCAT,
    FG_OP_CONV, // groups: channels of the input over channels of the filter
    FG_OP_DEPTHWISE,
    FG_OP_DEQUANTIZE,
    FG_OP_DIV,
    FG_OP_EXP,
    FG_OP_FULLY_CONNECTED,
    FG_OP_HARD_SWISH,
    FG_OP_L2_NORM, // along the last dimension: x / sqrt(max(sum of squares, epsilon))
    FG_OP_LEAKY_RELU,
    FG_OP_LOGISTIC,
    FG_OP_MAXIMUM,
    FG_OP_MAX_POOL,
    FG_OP_MEAN,
    FG_OP_MINIMUM,
    FG_OP_MUL,
    FG_OP_NEG,
    FG_OP_PAD,
    FG_OP_PRELU,
    FG_OP_QUANTIZE,
    FG_OP_REDUCE_MAX,
    FG_OP_RELU,
    FG_OP_RELU6,
    FG_OP_RESHAPE,
    FG_OP_RESIZE_BILINEAR,
    FG_OP_RESIZE_NEAREST,
    FG_OP_SLICE, // a split is one slice for each of its parts
    FG_OP_SOFTMAX,
    FG_OP_SUB,
    FG_OP_SUM,
    FG_OP_TANH,
    FG_OP_TRANSPOSE,
    FG_OP_TRANSPOSE_CONV, // filter [out, height, width, in]
    FG_OP_COUNT
};

enum fg_activation { FG_ACT_NONE, FG_ACT_RELU, FG_ACT_RELU6 };

struct fg_tensor {
    char *name;
    enum fg_type type;
    unsigned n_dims; // 0: a scalar
    uint32_t dims[FG_MAX_DIMS];
    void *data;   // constant, 64-byte aligned and 64 bytes longer than `bytes`; NULL: computed
    size_t bytes; // elements times the type's size
    // value = scale * (stored - zero_point); one pair, or one for each index of one dimension
    unsigned n_scales;
    float *scales;
    int32_t *zero_points;
    unsigned scale_dim;
};

struct fg_node {
    enum fg_op op;
    enum fg_activation activation;
    unsigned n_inputs;
    uint32_t inputs[FG_GRAPH_MAX_INPUTS]; // tensors; FG_NO_TENSOR: a bias that is left out
    uint32_t output;
    uint32_t kernel_h, kernel_w; // MAX_POOL, AVERAGE_POOL
    uint32_t stride_h, stride_w;
    uint32_t dilation_h, dilation_w; // 1 for pools and TRANSPOSE_CONV
    // zeros around the input, by dimension: PAD any, convolutions 1 and 2; pools: cells there that
    // never win, or do not count; TRANSPOSE_CONV: what is cut off the output
    uint32_t pad_before[FG_MAX_DIMS], pad_after[FG_MAX_DIMS];
    unsigned axis;               // CONCAT
    uint32_t axes;               // SUM, MEAN, REDUCE_MAX: bit d set when dimension d is reduced
    uint32_t begin[FG_MAX_DIMS]; // SLICE: the first cell; how many is the output's shape
    uint8_t order[FG_MAX_DIMS];  // TRANSPOSE: dimension d of the output is order[d] of the input
    bool keep_dims;              // SUM, MEAN, REDUCE_MAX, FULLY_CONNECTED
    bool align_corners;          // RESIZE_BILINEAR, RESIZE_NEAREST
    bool half_pixel;             // RESIZE_BILINEAR, RESIZE_NEAREST
    float slope;                 // LEAKY_RELU
    float epsilon;               // BATCH_NORM, L2_NORM
    float beta;                  // SOFTMAX
};

struct fg_graph {
    struct fg_tensor *tensors;
    unsigned n_tensors, tensors_capacity;
    struct fg_node *nodes;
    unsigned n_nodes, nodes_capacity;
    uint32_t inputs[FG_GRAPH_MAX_ENDS], outputs[FG_GRAPH_MAX_ENDS];
    unsigned n_inputs, n_outputs;
    size_t constant_bytes;
};

// An empty graph, or NULL without memory.
struct fg_graph *fg_graph_create(void);
// Accepts NULL.
void fg_graph_destroy(struct fg_graph *graph);

// Adds a computed tensor and gives its index. The name is copied. -EINVAL: a zero dimension, too
// many dimensions; -EFBIG: over a limit above; -ENOMEM.
int fg_graph_add_tensor(struct fg_graph *graph, const char *name, enum fg_type type,
                        unsigned n_dims, const uint32_t *dims, uint32_t *ret, struct fg_error *err);
// Makes a tensor constant: room for its data (zeros), to be filled by the caller.
int fg_graph_make_constant(struct fg_graph *graph, uint32_t tensor, struct fg_error *err);
// Appends a node, copied.
int fg_graph_add_node(struct fg_graph *graph, const struct fg_node *node, struct fg_error *err);

// Changes a computed tensor's shape.
void fg_tensor_reshape(struct fg_tensor *tensor, unsigned n_dims, const uint32_t *dims);
size_t fg_tensor_elements(const struct fg_tensor *tensor);
size_t fg_type_size(enum fg_type type);
const char *fg_type_name(enum fg_type type);
const char *fg_op_name(enum fg_op op); // as TFLite spells it: "CONV_2D"

// The shape that a node's output must have, from its inputs and attributes. RESHAPE, SLICE and the
// RESIZEs keep the output's own free dimensions. -EINVAL: inputs that do not go together;
// -ENOTSUP: a type that is not computed with. err names the node.
int fg_graph_infer(const struct fg_graph *graph, unsigned node, unsigned *ret_n_dims,
                   uint32_t ret_dims[FG_MAX_DIMS], struct fg_error *err);

// Checks the whole graph: indices, order (no use before the definition, hence no cycle), one
// producer for each tensor, types, shapes, finite constants. 0, -EINVAL, -ENOTSUP.
int fg_graph_check(const struct fg_graph *graph, struct fg_error *err);

// Multiply-accumulates of one run of a node (convolutions and fully-connected; others 0).
uint64_t fg_graph_node_macs(const struct fg_graph *graph, unsigned node);
uint64_t fg_graph_macs(const struct fg_graph *graph);

// Bytes that an opened model may need at most: constants twice (an engine packs its own copy) and
// every computed tensor once.
uint64_t fg_graph_memory(const struct fg_graph *graph);

// One line on a node for people: "CONV_2D 3x3/2 1x112x112x3 -> 1x56x56x64 prelu...". Cut to size.
void fg_graph_describe(const struct fg_graph *graph, unsigned node, char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif
