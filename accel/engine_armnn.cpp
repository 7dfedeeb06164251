// SPDX-License-Identifier: Apache-2.0
// The Arm NN engine: a lowered graph into an INetwork, layer by layer.
//
// The only C++ of accel. Nothing is thrown out of it. Written for Arm NN 20.08 (library version 22,
// Debian 12) and 23.08 (library version 33, Debian 13), whose differences are in the functions with
// ARMNN_MAJOR_VERSION in them.
#include <armnn/ArmNN.hpp>
#include <armnn/BackendRegistry.hpp>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <unistd.h>

#include "accel/engine.h"
#include "accel/engine_armnn.h"

#define WEIGHTS_ARE_LAYERS (ARMNN_MAJOR_VERSION >= 29) // and depthwise filters are [1, H, W, C]
#define HAS_MODEL_OPTIONS  (ARMNN_MAJOR_VERSION >= 23) // threads, fast maths
#define ERRS_IN_INT8       (ARMNN_MAJOR_VERSION >= 23)
#define ASSERTS_IN_PROFILE (ARMNN_MAJOR_VERSION >= 23)
#define HAS_BINARY_LAYER   (ARMNN_MAJOR_VERSION >= 33)
#define HAS_OPAQUE_OPTIONS (ARMNN_MAJOR_VERSION >= 33)
#define HAS_MEMORY_SOURCES (ARMNN_MAJOR_VERSION >= 24)
#define HAS_CONSTANT_FLAG  (ARMNN_MAJOR_VERSION >= 24)

namespace
{

using armnn::ConstTensor;
using armnn::DataLayout;
using armnn::IConnectableLayer;
using armnn::IOutputSlot;
using armnn::TensorInfo;
using armnn::TensorShape;

// ---- the runtime: one a process, since backends register themselves in a global table -----------

std::mutex runtime_lock;
unsigned runtime_users;
std::string runtime_path, runtime_tuning;
armnn::IRuntime *runtime_shared;

armnn::IRuntimePtr make_runtime(const std::string &path, const std::string &tuning)
{
    armnn::IRuntime::CreationOptions options;
    options.m_DynamicBackendsPath = path;
    if (!tuning.empty()) {
        // an absent file is made by tuning; one that is there is used as it is
        int level = access(tuning.c_str(), R_OK) == 0 ? 0 : 2;
        options.m_BackendOptions.emplace_back(
            armnn::BackendOptions("GpuAcc", {{"TuningLevel", level}, {"TuningFile", tuning}}));
    }
    return armnn::IRuntime::Create(options);
}

// Arm NN writes its log to the standard output, which belongs to the program.
void be_silent()
{
    armnn::ConfigureLogging(false, false, armnn::LogSeverity::Fatal);
}

const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

int hold_runtime(const struct fg_accel_options *options, struct fg_error *err)
{
    std::lock_guard<std::mutex> guard(runtime_lock);
    std::string path = text_or_empty(options->backend_path);
    std::string tuning = text_or_empty(options->tuning);
    if (runtime_users && (path != runtime_path || tuning != runtime_tuning))
        return fg_fail(err, -EBUSY,
                       "Arm NN is in use with another backend-path or tuning file; give all models "
                       "of a process the same");
    if (!runtime_users) {
        be_silent();
        runtime_shared = make_runtime(path, tuning).release();
        runtime_path = path;
        runtime_tuning = tuning;
    }
    runtime_users++;
    return 0;
}

void drop_runtime() noexcept
{
    std::lock_guard<std::mutex> guard(runtime_lock);
    if (--runtime_users > 0)
        return;
    try {
        armnn::IRuntime::Destroy(runtime_shared);
    } catch (...) {
    }
    runtime_shared = nullptr;
}

// ---- a model ------------------------------------------------------------------------------------

struct Model {
    bool holds = false;   // the runtime
    bool loaded = false;  // `id` is valid
    bool started = false; // has run once
    int copies = -1;
    armnn::NetworkId id = 0;
    armnn::INetworkPtr network{nullptr, nullptr}; // until the first run has shown that import works
    std::vector<armnn::BackendId> backends;
    armnn::InputTensors inputs;
    armnn::OutputTensors outputs;
    bool fp16 = false, fast_math = false;
    bool import = false, export_ = false; // tensors in place
    unsigned threads = 0;

    // A driver that fails while it lets go leaves nothing to undo.
    ~Model()
    {
        try {
            if (loaded)
                runtime_shared->UnloadNetwork(id);
        } catch (...) {
        }
        network.reset();
        if (holds)
            drop_runtime();
    }
};

bool has_backend(const Model &model, const char *name)
{
    for (const armnn::BackendId &backend : model.backends)
        if (backend == name)
            return true;
    return false;
}

bool uses_compute_library(const Model &model)
{
    return has_backend(model, "CpuAcc") || has_backend(model, "GpuAcc");
}

// What the boundary turns into an error. A backend's own exceptions must not get that far: their
// types may live in its library, which goes with the runtime while the stack unwinds.
struct Refusal {
    int code;
    std::string text;
};

[[noreturn]] void refuse(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

[[noreturn]] void refuse(int code, const char *format, ...)
{
    char text[320];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    throw Refusal{code, text};
}

// Runs `body` and turns whatever it throws into a code and a text.
template <typename Body> int guarded(const char *what, struct fg_error *err, Body body) noexcept
{
    try {
        return body();
    } catch (const Refusal &refusal) {
        return fg_fail(err, refusal.code, "%s", refusal.text.c_str());
    } catch (const std::bad_alloc &) {
        return fg_fail(err, -ENOMEM, "%s: no memory", what);
    } catch (const std::exception &e) {
        return fg_fail(err, -EIO, "%s: Arm NN says: %.300s", what, e.what());
    } catch (...) {
        return fg_fail(err, -EIO, "%s: Arm NN failed without a reason", what);
    }
}

// ---- the network --------------------------------------------------------------------------------

struct Builder {
    const struct fg_graph *graph;
    armnn::INetwork *network;
    std::vector<IOutputSlot *> slots; // by tensor; NULL: not made yet
    bool compute_library;             // among the backends: CpuAcc, GpuAcc
    unsigned node;                    // the one being built
    char name[64];

    const struct fg_node &n() const
    {
        return graph->nodes[node];
    }
    const struct fg_tensor &tensor(uint32_t index) const
    {
        return graph->tensors[index];
    }
    const struct fg_tensor &in(unsigned k) const
    {
        return tensor(n().inputs[k]);
    }
    const struct fg_tensor &out() const
    {
        return tensor(n().output);
    }
    bool has(unsigned k) const
    {
        return k < n().n_inputs && n().inputs[k] != FG_NO_TENSOR;
    }
    // "fg12.CONV_2D": how the placement report finds its nodes again
    const char *label(const char *part = nullptr)
    {
        snprintf(name, sizeof name, "fg%u.%s", node, part ? part : fg_op_name(n().op));
        return name;
    }
};

armnn::DataType type_of(const struct fg_tensor &t)
{
    switch (t.type) {
    case FG_FLOAT32:
        return armnn::DataType::Float32;
    case FG_FLOAT16:
        return armnn::DataType::Float16;
    case FG_INT32:
        return armnn::DataType::Signed32;
    case FG_UINT8:
        return armnn::DataType::QAsymmU8;
    case FG_INT8:
        return t.n_scales > 1 ? armnn::DataType::QSymmS8 : armnn::DataType::QAsymmS8;
    default:
        refuse(-ENOTSUP, "'%.100s' is %s, which Arm NN does not compute with", t.name,
               fg_type_name(t.type));
    }
}

TensorShape shape_of(unsigned n_dims, const uint32_t *dims)
{
    static const unsigned one[] = {1};
    return n_dims ? TensorShape(n_dims, dims) : TensorShape(1, one); // a scalar
}

TensorShape shape_of(const struct fg_tensor &t)
{
    return shape_of(t.n_dims, t.dims);
}

TensorInfo info_of(const struct fg_tensor &t)
{
    TensorInfo info(shape_of(t), type_of(t));
    if (t.n_scales > 1) {
        info.SetQuantizationScales(std::vector<float>(t.scales, t.scales + t.n_scales));
        info.SetQuantizationDim(t.scale_dim);
    } else if (t.n_scales == 1) {
        info.SetQuantizationScale(t.scales[0]);
        info.SetQuantizationOffset(t.zero_points[0]);
    }
    return info;
}

TensorInfo constant_info(TensorInfo info)
{
#if HAS_CONSTANT_FLAG
    info.SetConstant(true);
#endif
    return info;
}

IOutputSlot *add_constant(Builder &b, const TensorInfo &info, const void *data)
{
    ConstTensor tensor(constant_info(info), data);
    IConnectableLayer *layer = b.network->AddConstantLayer(tensor, "constant");
    layer->GetOutputSlot(0).SetTensorInfo(tensor.GetInfo());
    return &layer->GetOutputSlot(0);
}

IOutputSlot *slot(Builder &b, uint32_t index)
{
    const struct fg_tensor &t = b.tensor(index);
    if (!b.slots[index] && t.data)
        b.slots[index] = add_constant(b, info_of(t), t.data);
    if (!b.slots[index])
        refuse(-EINVAL, "'%.100s' is used before it is computed", t.name);
    return b.slots[index];
}

IOutputSlot *set_output(IConnectableLayer *layer, const TensorInfo &info, unsigned at = 0)
{
    layer->GetOutputSlot(at).SetTensorInfo(info);
    return &layer->GetOutputSlot(at);
}

IOutputSlot *reshaped(Builder &b, IOutputSlot *from, const TensorShape &shape)
{
    TensorInfo info = from->GetTensorInfo();
    if (info.GetShape() == shape)
        return from;
    armnn::ReshapeDescriptor descriptor(shape);
    IConnectableLayer *layer = b.network->AddReshapeLayer(descriptor, b.label("shape"));
    from->Connect(layer->GetInputSlot(0));
    info.SetShape(shape);
    return set_output(layer, info);
}

// The same value with leading dimensions of 1: Arm NN broadcasts between equal ranks only.
IOutputSlot *ranked(Builder &b, uint32_t index, unsigned n_dims)
{
    const struct fg_tensor &t = b.tensor(index);
    unsigned dims[FG_MAX_DIMS];
    if (t.n_dims >= n_dims)
        return slot(b, index);
    for (unsigned d = 0; d < n_dims; d++)
        dims[d] = d < n_dims - t.n_dims ? 1 : t.dims[d - (n_dims - t.n_dims)];
    TensorInfo info = info_of(t);
    info.SetShape(TensorShape(n_dims, dims));
    return t.data ? add_constant(b, info, t.data) : reshaped(b, slot(b, index), info.GetShape());
}

// A layer of one input, its output not yet described.
IConnectableLayer *feed(IConnectableLayer *layer, IOutputSlot *from)
{
    from->Connect(layer->GetInputSlot(0));
    return layer;
}

IOutputSlot *activate(Builder &b, IOutputSlot *from, armnn::ActivationFunction function, float a,
                      const TensorInfo &info, const char *part)
{
    armnn::ActivationDescriptor descriptor;
    descriptor.m_Function = function;
    descriptor.m_A = a;
    descriptor.m_B = function == armnn::ActivationFunction::TanH ? 1.0f : 0.0f;
    return set_output(feed(b.network->AddActivationLayer(descriptor, b.label(part)), from), info);
}

// Ends a node: the fused activation, if it has one, and the tensor's slot.
void finish(Builder &b, IOutputSlot *from)
{
    TensorInfo info = info_of(b.out());
    from = reshaped(b, from, info.GetShape());
    if (b.n().activation == FG_ACT_RELU)
        from = activate(b, from, armnn::ActivationFunction::ReLu, 0, info, "RELU");
    else if (b.n().activation == FG_ACT_RELU6)
        from = activate(b, from, armnn::ActivationFunction::BoundedReLu, 6, info, "RELU6");
    b.slots[b.n().output] = from;
}

void finish(Builder &b, IConnectableLayer *layer)
{
    finish(b, set_output(layer, info_of(b.out())));
}

// ---- convolutions -------------------------------------------------------------------------------

// A filter or bias as Arm NN is to see it.
struct Weights {
    TensorInfo info;
    std::vector<char> bytes;
};

Weights weights_of(const struct fg_tensor &t)
{
    if (!t.data)
        refuse(-ENOTSUP, "'%.100s' is a weight that is computed; Arm NN takes constants", t.name);
    const char *bytes = static_cast<const char *>(t.data);
    return {info_of(t), std::vector<char>(bytes, bytes + t.bytes)};
}

// Biases count in input scale times filter scale.
Weights bias_of(Builder &b, const Weights &filter)
{
    Weights bias = weights_of(b.in(2));
    unsigned n = static_cast<unsigned>(fg_tensor_elements(&b.in(2)));
    bias.info.SetShape(TensorShape({n}));
    if (b.in(2).type != FG_INT32)
        return bias;
    std::vector<float> scales = filter.info.GetQuantizationScales();
    for (float &scale : scales)
        scale *= b.in(0).scales[0];
    if (scales.size() > 1) {
        bias.info.SetQuantizationScales(scales);
        bias.info.SetQuantizationDim(0);
    } else {
        bias.info.SetQuantizationScale(scales[0]);
        bias.info.SetQuantizationOffset(0);
    }
    return bias;
}

template <typename Descriptor> void set_window(const struct fg_node &n, Descriptor &d)
{
    d.m_StrideX = n.stride_w;
    d.m_StrideY = n.stride_h;
    d.m_PadTop = n.pad_before[1];
    d.m_PadBottom = n.pad_after[1];
    d.m_PadLeft = n.pad_before[2];
    d.m_PadRight = n.pad_after[2];
    d.m_DataLayout = DataLayout::NHWC;
}

template <typename Descriptor> void set_dilation(const struct fg_node &n, Descriptor &d)
{
    d.m_DilationX = n.dilation_w;
    d.m_DilationY = n.dilation_h;
}

#if WEIGHTS_ARE_LAYERS
void connect_weights(Builder &b, IConnectableLayer *layer, const Weights &filter,
                     const Weights *bias)
{
    add_constant(b, filter.info, filter.bytes.data())->Connect(layer->GetInputSlot(1));
    if (bias)
        add_constant(b, bias->info, bias->bytes.data())->Connect(layer->GetInputSlot(2));
}
#else
armnn::Optional<ConstTensor> optional_bias(const Weights *bias)
{
    if (!bias)
        return armnn::EmptyOptional();
    return armnn::Optional<ConstTensor>(ConstTensor(bias->info, bias->bytes.data()));
}
#endif

IConnectableLayer *add_convolution(Builder &b, const armnn::Convolution2dDescriptor &d,
                                   const Weights &filter, const Weights *bias)
{
#if WEIGHTS_ARE_LAYERS
    IConnectableLayer *layer = b.network->AddConvolution2dLayer(d, b.label());
    connect_weights(b, layer, filter, bias);
    return layer;
#else
    return b.network->AddConvolution2dLayer(d, ConstTensor(filter.info, filter.bytes.data()),
                                            optional_bias(bias), b.label());
#endif
}

// Rows `first` to `first + count` of a filter or bias.
Weights rows_of(const Weights &whole, unsigned first, unsigned count)
{
    TensorShape shape = whole.info.GetShape();
    size_t row = whole.bytes.size() / shape[0];
    auto begin = whole.bytes.begin() + static_cast<long>(first * row);
    Weights part{whole.info, std::vector<char>(begin, begin + static_cast<long>(count * row))};
    shape[0] = count;
    part.info.SetShape(shape);
    std::vector<float> scales = whole.info.GetQuantizationScales();
    if (scales.size() > 1)
        part.info.SetQuantizationScales(
            std::vector<float>(scales.begin() + first, scales.begin() + first + count));
    return part;
}

IOutputSlot *add_slice(Builder &b, IOutputSlot *from, const std::vector<unsigned> &begin,
                       const std::vector<unsigned> &size)
{
    armnn::SliceDescriptor d(begin, size);
    TensorInfo info = from->GetTensorInfo();
    info.SetShape(TensorShape(static_cast<unsigned>(size.size()), size.data()));
    return set_output(feed(b.network->AddSliceLayer(d, b.label("SLICE")), from), info);
}

IOutputSlot *join(Builder &b, const std::vector<IOutputSlot *> &parts, unsigned axis)
{
    std::vector<TensorShape> shapes;
    for (const IOutputSlot *part : parts)
        shapes.push_back(part->GetTensorInfo().GetShape());
    auto d = armnn::CreateDescriptorForConcatenation(shapes.begin(), shapes.end(), axis);
    IConnectableLayer *layer = b.network->AddConcatLayer(d, b.label("CONCATENATION"));
    for (unsigned k = 0; k < parts.size(); k++)
        parts[k]->Connect(layer->GetInputSlot(k));
    return set_output(layer, info_of(b.out()));
}

// Arm NN's convolution has no groups: cut the channels, convolve each part, join them again.
IOutputSlot *add_groups(Builder &b, const armnn::Convolution2dDescriptor &d, const Weights &filter,
                        const Weights *bias, unsigned groups)
{
    const struct fg_tensor &in = b.in(0);
    unsigned channels = in.dims[3] / groups, rows = b.out().dims[3] / groups;
    std::vector<IOutputSlot *> parts;
    for (unsigned g = 0; g < groups; g++) {
        IOutputSlot *from = add_slice(b, slot(b, b.n().inputs[0]), {0, 0, 0, g * channels},
                                      {in.dims[0], in.dims[1], in.dims[2], channels});
        Weights part = rows_of(filter, g * rows, rows), part_bias;
        if (bias)
            part_bias = rows_of(*bias, g * rows, rows);
        TensorInfo info = info_of(b.out());
        TensorShape shape = info.GetShape();
        shape[3] = rows;
        info.SetShape(shape);
        IConnectableLayer *layer = add_convolution(b, d, part, bias ? &part_bias : nullptr);
        parts.push_back(set_output(feed(layer, from), info));
    }
    return join(b, parts, 3);
}

void build_conv(Builder &b)
{
    Weights filter = weights_of(b.in(1)), bias;
    armnn::Convolution2dDescriptor d;
    set_window(b.n(), d);
    set_dilation(b.n(), d);
    d.m_BiasEnabled = b.has(2);
    if (d.m_BiasEnabled)
        bias = bias_of(b, filter);
    const Weights *optional = d.m_BiasEnabled ? &bias : nullptr;
    unsigned groups = b.in(0).dims[3] / b.in(1).dims[3];
    if (groups > 1)
        finish(b, add_groups(b, d, filter, optional, groups));
    else
        finish(b, feed(add_convolution(b, d, filter, optional), slot(b, b.n().inputs[0])));
}

#if !WEIGHTS_ARE_LAYERS
// [1, H, W, I x M], channel i x M + m, into Arm NN 20.08's [M, I, H, W].
Weights depthwise_of(const struct fg_tensor &t, unsigned channels)
{
    Weights from = weights_of(t), to = from;
    unsigned height = t.dims[1], width = t.dims[2], all = t.dims[3], times = all / channels;
    size_t size = fg_type_size(t.type);
    for (size_t m = 0, at = 0; m < times; m++)
        for (size_t i = 0; i < channels; i++)
            for (size_t cell = 0; cell < (size_t)height * width; cell++, at++)
                memcpy(&to.bytes[at * size], &from.bytes[(cell * all + i * times + m) * size],
                       size);
    to.info.SetShape(TensorShape({times, channels, height, width}));
    if (t.n_scales > 1)
        to.info.SetQuantizationDim(0); // as its check wants it; it goes by the output channel
    return to;
}
#endif

void build_depthwise(Builder &b)
{
#if WEIGHTS_ARE_LAYERS
    Weights filter = weights_of(b.in(1)), bias;
#else
    Weights filter = depthwise_of(b.in(1), b.in(0).dims[3]), bias;
#endif
    armnn::DepthwiseConvolution2dDescriptor d;
    set_window(b.n(), d);
    set_dilation(b.n(), d);
    d.m_BiasEnabled = b.has(2);
    if (d.m_BiasEnabled)
        bias = bias_of(b, filter);
    const Weights *optional = d.m_BiasEnabled ? &bias : nullptr;
#if WEIGHTS_ARE_LAYERS
    IConnectableLayer *layer = b.network->AddDepthwiseConvolution2dLayer(d, b.label());
    connect_weights(b, layer, filter, optional);
#else
    IConnectableLayer *layer = b.network->AddDepthwiseConvolution2dLayer(
        d, ConstTensor(filter.info, filter.bytes.data()), optional_bias(optional), b.label());
#endif
    finish(b, feed(layer, slot(b, b.n().inputs[0])));
}

void build_transpose_conv(Builder &b)
{
    Weights filter = weights_of(b.in(1)), bias;
    armnn::TransposeConvolution2dDescriptor d;
    set_window(b.n(), d);
    d.m_BiasEnabled = b.has(2);
    armnn::Optional<ConstTensor> optional = armnn::EmptyOptional();
    if (d.m_BiasEnabled) {
        bias = bias_of(b, filter);
        optional =
            armnn::Optional<ConstTensor>(ConstTensor(constant_info(bias.info), bias.bytes.data()));
    }
    IConnectableLayer *layer = b.network->AddTransposeConvolution2dLayer(
        d, ConstTensor(constant_info(filter.info), filter.bytes.data()), optional, b.label());
    finish(b, feed(layer, slot(b, b.n().inputs[0])));
}

IConnectableLayer *add_dense(Builder &b, const Weights &filter, const Weights *bias)
{
    armnn::FullyConnectedDescriptor d;
    d.m_TransposeWeightMatrix = true; // stored [out, in]
    d.m_BiasEnabled = bias != nullptr;
#if WEIGHTS_ARE_LAYERS
    IConnectableLayer *layer = b.network->AddFullyConnectedLayer(d, b.label());
    connect_weights(b, layer, filter, bias);
    return layer;
#else
    return b.network->AddFullyConnectedLayer(d, ConstTensor(filter.info, filter.bytes.data()),
                                             optional_bias(bias), b.label());
#endif
}

// With one scale a row Arm NN 20.08's CpuRef ends in an assertion: a convolution of one cell then.
IConnectableLayer *add_dense_as_conv(Builder &b, Weights filter, const Weights *bias)
{
    armnn::Convolution2dDescriptor d;
    d.m_StrideX = d.m_StrideY = 1;
    d.m_BiasEnabled = bias != nullptr;
    d.m_DataLayout = DataLayout::NHWC;
    TensorShape shape = filter.info.GetShape();
    filter.info.SetShape(TensorShape({shape[0], 1, 1, shape[1]}));
    return add_convolution(b, d, filter, bias);
}

void build_fully_connected(Builder &b)
{
    Weights filter = weights_of(b.in(1)), bias;
    unsigned width = b.in(1).dims[1], rows = b.in(1).dims[0];
    unsigned count = static_cast<unsigned>(fg_tensor_elements(&b.in(0))) / width;
    bool as_conv = b.in(1).n_scales > 1;
    if (b.has(2))
        bias = bias_of(b, filter);
    const Weights *optional = b.has(2) ? &bias : nullptr;
    TensorInfo info = info_of(b.out());
    IOutputSlot *from = slot(b, b.n().inputs[0]);
    if (as_conv) {
        from = reshaped(b, from, TensorShape({count, 1, 1, width}));
        info.SetShape(TensorShape({count, 1, 1, rows}));
    } else {
        from = reshaped(b, from, TensorShape({count, width}));
        info.SetShape(TensorShape({count, rows}));
    }
    IConnectableLayer *layer =
        as_conv ? add_dense_as_conv(b, filter, optional) : add_dense(b, filter, optional);
    finish(b, set_output(feed(layer, from), info));
}

// ---- element by element -------------------------------------------------------------------------

IConnectableLayer *add_binary(Builder &b, enum fg_op op)
{
    armnn::INetwork *net = b.network;
#if HAS_BINARY_LAYER
    using armnn::BinaryOperation;
    static const struct {
        enum fg_op op;
        BinaryOperation operation;
    } operations[] = {
        {FG_OP_ADD, BinaryOperation::Add},         {FG_OP_SUB, BinaryOperation::Sub},
        {FG_OP_MUL, BinaryOperation::Mul},         {FG_OP_DIV, BinaryOperation::Div},
        {FG_OP_MAXIMUM, BinaryOperation::Maximum}, {FG_OP_MINIMUM, BinaryOperation::Minimum}};
    for (const auto &o : operations)
        if (o.op == op)
            return net->AddElementwiseBinaryLayer(armnn::ElementwiseBinaryDescriptor(o.operation),
                                                  b.label());
    refuse(-ENOTSUP, "no such operation");
#else
    switch (op) {
    case FG_OP_ADD:
        return net->AddAdditionLayer(b.label());
    case FG_OP_SUB:
        return net->AddSubtractionLayer(b.label());
    case FG_OP_MUL:
        return net->AddMultiplicationLayer(b.label());
    case FG_OP_DIV:
        return net->AddDivisionLayer(b.label());
    case FG_OP_MAXIMUM:
        return net->AddMaximumLayer(b.label());
    default:
        return net->AddMinimumLayer(b.label());
    }
#endif
}

// 23.08's CpuAcc reads past its buffers when it multiplies int8, and errs in some means of int8 and
// uint8: those are computed in float32.
bool errs_in_int8(const Builder &b)
{
    if (!ERRS_IN_INT8 || !b.compute_library)
        return false;
    return b.n().op == FG_OP_MUL ? b.in(0).type == FG_INT8 : b.in(0).type != FG_FLOAT32;
}

IOutputSlot *dequantized(Builder &b, IOutputSlot *from)
{
    TensorInfo real(from->GetTensorInfo().GetShape(), armnn::DataType::Float32);
    return set_output(feed(b.network->AddDequantizeLayer(b.label("DEQUANTIZE")), from), real);
}

void build_binary(Builder &b)
{
    bool in_float = b.n().op == FG_OP_MUL && errs_in_int8(b);
    IConnectableLayer *layer = add_binary(b, b.n().op);
    unsigned rank = b.out().n_dims;
    for (unsigned k = 0; k < 2; k++) {
        IOutputSlot *from = ranked(b, b.n().inputs[k], rank);
        (in_float ? dequantized(b, from) : from)->Connect(layer->GetInputSlot(k));
    }
    if (!in_float)
        return finish(b, layer);
    TensorInfo real(shape_of(b.out()), armnn::DataType::Float32);
    IOutputSlot *product = set_output(layer, real);
    finish(b, feed(b.network->AddQuantizeLayer(b.label("QUANTIZE")), product));
}

void build_unary(Builder &b)
{
    armnn::UnaryOperation operation = b.n().op == FG_OP_ABS   ? armnn::UnaryOperation::Abs
                                      : b.n().op == FG_OP_NEG ? armnn::UnaryOperation::Neg
                                                              : armnn::UnaryOperation::Exp;
    armnn::ElementwiseUnaryDescriptor d(operation);
    finish(b, feed(b.network->AddElementwiseUnaryLayer(d, b.label()), slot(b, b.n().inputs[0])));
}

void build_activation(Builder &b)
{
    using armnn::ActivationFunction;
    static const struct {
        enum fg_op op;
        ActivationFunction function;
        float a;
    } functions[] = {{FG_OP_RELU, ActivationFunction::ReLu, 0},
                     {FG_OP_RELU6, ActivationFunction::BoundedReLu, 6},
                     {FG_OP_LEAKY_RELU, ActivationFunction::LeakyReLu, 0},
                     {FG_OP_HARD_SWISH, ActivationFunction::HardSwish, 0},
                     {FG_OP_LOGISTIC, ActivationFunction::Sigmoid, 0},
                     {FG_OP_TANH, ActivationFunction::TanH, 1}};
    for (const auto &f : functions)
        if (f.op == b.n().op)
            finish(b, activate(b, slot(b, b.n().inputs[0]), f.function,
                               f.op == FG_OP_LEAKY_RELU ? b.n().slope : f.a, info_of(b.out()),
                               nullptr));
}

void build_prelu(Builder &b)
{
    IConnectableLayer *layer = b.network->AddPreluLayer(b.label());
    slot(b, b.n().inputs[0])->Connect(layer->GetInputSlot(0));
    ranked(b, b.n().inputs[1], b.in(0).n_dims)->Connect(layer->GetInputSlot(1));
    finish(b, layer);
}

// [rows, 1, 1, width of the last dimension]
TensorShape as_rows(const struct fg_tensor &t)
{
    unsigned width = t.n_dims ? t.dims[t.n_dims - 1] : 1;
    return TensorShape({static_cast<unsigned>(fg_tensor_elements(&t)) / width, 1, 1, width});
}

void build_batch_norm(Builder &b)
{
    armnn::BatchNormalizationDescriptor d;
    d.m_Eps = b.n().epsilon;
    d.m_DataLayout = DataLayout::NHWC;
    ConstTensor constants[4];
    for (unsigned k = 0; k < 4; k++) {
        const struct fg_tensor &t = b.in(k + 1);
        if (!t.data)
            refuse(-ENOTSUP, "'%.100s' must be constant", t.name);
        TensorInfo info = info_of(t);
        info.SetShape(TensorShape({static_cast<unsigned>(fg_tensor_elements(&t))}));
        constants[k] = ConstTensor(constant_info(info), t.data);
    }
    IOutputSlot *from = slot(b, b.n().inputs[0]);
    if (b.in(0).n_dims != 4)
        from = reshaped(b, from, as_rows(b.in(0)));
    IConnectableLayer *layer = b.network->AddBatchNormalizationLayer(
        d, constants[0], constants[1], constants[2], constants[3], b.label());
    TensorInfo info = from->GetTensorInfo();
    finish(b, set_output(feed(layer, from), info));
}

void build_l2_norm(Builder &b)
{
    armnn::L2NormalizationDescriptor d;
    d.m_Eps = b.n().epsilon;
    d.m_DataLayout = DataLayout::NHWC;
    IOutputSlot *from = slot(b, b.n().inputs[0]);
    if (b.in(0).n_dims != 4)
        from = reshaped(b, from, as_rows(b.in(0)));
    TensorInfo info = from->GetTensorInfo();
    finish(b, set_output(feed(b.network->AddL2NormalizationLayer(d, b.label()), from), info));
}

void build_softmax(Builder &b)
{
    armnn::SoftmaxDescriptor d;
    d.m_Beta = b.n().beta;
    d.m_Axis = -1;
    finish(b, feed(b.network->AddSoftmaxLayer(d, b.label()), slot(b, b.n().inputs[0])));
}

void build_quantize(Builder &b)
{
    IOutputSlot *from = slot(b, b.n().inputs[0]);
    if (b.in(0).type != FG_FLOAT32) // from one scale to another
        from = dequantized(b, from);
    finish(b, feed(b.network->AddQuantizeLayer(b.label()), from));
}

void build_dequantize(Builder &b)
{
    finish(b, feed(b.network->AddDequantizeLayer(b.label()), slot(b, b.n().inputs[0])));
}

// ---- windows, reductions, shapes ----------------------------------------------------------------

void build_pool(Builder &b)
{
    armnn::Pooling2dDescriptor d;
    set_window(b.n(), d);
    d.m_PoolType = b.n().op == FG_OP_MAX_POOL ? armnn::PoolingAlgorithm::Max
                                              : armnn::PoolingAlgorithm::Average;
    d.m_PoolHeight = b.n().kernel_h;
    d.m_PoolWidth = b.n().kernel_w;
    d.m_PaddingMethod = armnn::PaddingMethod::Exclude;
    d.m_OutputShapeRounding = armnn::OutputShapeRounding::Floor;
    finish(b, feed(b.network->AddPooling2dLayer(d, b.label()), slot(b, b.n().inputs[0])));
}

IOutputSlot *add_mean(Builder &b, IOutputSlot *from, const TensorInfo &info)
{
    armnn::MeanDescriptor d;
    for (unsigned k = 0; k < b.in(0).n_dims; k++)
        if (b.n().axes >> k & 1)
            d.m_Axis.push_back(k);
    d.m_KeepDims = b.n().keep_dims;
    return set_output(feed(b.network->AddMeanLayer(d, b.label()), from), info);
}

void build_mean(Builder &b)
{
    IOutputSlot *from = slot(b, b.n().inputs[0]);
    if (!errs_in_int8(b))
        return finish(b, add_mean(b, from, info_of(b.out())));
    TensorInfo real(shape_of(b.out()), armnn::DataType::Float32);
    IOutputSlot *mean = add_mean(b, dequantized(b, from), real);
    finish(b, feed(b.network->AddQuantizeLayer(b.label("QUANTIZE")), mean));
}

// Arm NN 20.08 reduces by mean alone: a sum is the mean times the number of cells.
void build_sum(Builder &b)
{
    float cells = 1;
    for (unsigned k = 0; k < b.in(0).n_dims; k++)
        cells *= b.n().axes >> k & 1 ? (float)b.in(0).dims[k] : 1.0f;
    unsigned ones[FG_MAX_DIMS] = {1, 1, 1, 1, 1, 1};
    TensorInfo info = info_of(b.out());
    TensorInfo scalar(TensorShape(info.GetNumDimensions(), ones), armnn::DataType::Float32);
    IOutputSlot *mean = add_mean(b, slot(b, b.n().inputs[0]), info);
    IConnectableLayer *times = add_binary(b, FG_OP_MUL);
    mean->Connect(times->GetInputSlot(0));
    add_constant(b, scalar, &cells)->Connect(times->GetInputSlot(1));
    finish(b, set_output(times, info));
}

// A maximum along one dimension is a pool over [before, that one, 1, after].
IOutputSlot *add_max(Builder &b, IOutputSlot *from, unsigned before, unsigned side, unsigned after)
{
    armnn::Pooling2dDescriptor d;
    d.m_PoolType = armnn::PoolingAlgorithm::Max;
    d.m_PoolHeight = side;
    d.m_PoolWidth = d.m_StrideX = d.m_StrideY = 1;
    d.m_DataLayout = DataLayout::NHWC;
    from = reshaped(b, from, TensorShape({before, side, 1, after}));
    TensorInfo info = info_of(b.out());
    info.SetShape(TensorShape({before, 1, 1, after}));
    return set_output(feed(b.network->AddPooling2dLayer(d, b.label()), from), info);
}

void build_reduce_max(Builder &b)
{
    const struct fg_tensor &in = b.in(0);
    IOutputSlot *from = slot(b, b.n().inputs[0]);
    unsigned before = 1, after = static_cast<unsigned>(fg_tensor_elements(&in));
    for (unsigned k = 0; k < in.n_dims; k++) {
        after /= in.dims[k];
        if (b.n().axes >> k & 1)
            from = add_max(b, from, before, in.dims[k], after);
        else
            before *= in.dims[k];
    }
    finish(b, from);
}

void build_concat(Builder &b)
{
    std::vector<IOutputSlot *> parts;
    for (unsigned k = 0; k < b.n().n_inputs; k++)
        parts.push_back(slot(b, b.n().inputs[k]));
    finish(b, parts.size() == 1 ? parts[0] : join(b, parts, b.n().axis));
}

void build_slice(Builder &b)
{
    const struct fg_tensor &out = b.out();
    std::vector<unsigned> begin(b.n().begin, b.n().begin + out.n_dims);
    std::vector<unsigned> size(out.dims, out.dims + out.n_dims);
    finish(b, add_slice(b, slot(b, b.n().inputs[0]), begin, size));
}

void build_pad(Builder &b)
{
    armnn::PadDescriptor d;
    for (unsigned k = 0; k < b.in(0).n_dims; k++)
        d.m_PadList.emplace_back(b.n().pad_before[k], b.n().pad_after[k]);
    if (b.in(0).n_scales > 0) // of stored values
        d.m_PadValue = static_cast<float>(b.in(0).zero_points[0]);
    finish(b, feed(b.network->AddPadLayer(d, b.label()), slot(b, b.n().inputs[0])));
}

void build_reshape(Builder &b)
{
    armnn::ReshapeDescriptor d(shape_of(b.out()));
    finish(b, feed(b.network->AddReshapeLayer(d, b.label()), slot(b, b.n().inputs[0])));
}

void build_transpose(Builder &b)
{
    unsigned order[FG_MAX_DIMS];
    for (unsigned k = 0; k < b.out().n_dims; k++)
        order[k] = b.n().order[k];
    armnn::TransposeDescriptor d(armnn::PermutationVector(order, b.out().n_dims));
    finish(b, feed(b.network->AddTransposeLayer(d, b.label()), slot(b, b.n().inputs[0])));
}

void build_resize(Builder &b)
{
    armnn::ResizeDescriptor d;
    d.m_Method = b.n().op == FG_OP_RESIZE_BILINEAR ? armnn::ResizeMethod::Bilinear
                                                   : armnn::ResizeMethod::NearestNeighbor;
    d.m_TargetHeight = b.out().dims[1];
    d.m_TargetWidth = b.out().dims[2];
    d.m_AlignCorners = b.n().align_corners;
    d.m_HalfPixelCenters = b.n().half_pixel;
    d.m_DataLayout = DataLayout::NHWC;
    finish(b, feed(b.network->AddResizeLayer(d, b.label()), slot(b, b.n().inputs[0])));
}

// ---- the graph ----------------------------------------------------------------------------------

const struct {
    enum fg_op op;
    void (*build)(Builder &);
} builders[] = {
    {FG_OP_ABS, build_unary},
    {FG_OP_ADD, build_binary},
    {FG_OP_AVERAGE_POOL, build_pool},
    {FG_OP_BATCH_NORM, build_batch_norm},
    {FG_OP_CONCAT, build_concat},
    {FG_OP_CONV, build_conv},
    {FG_OP_DEPTHWISE, build_depthwise},
    {FG_OP_DEQUANTIZE, build_dequantize},
    {FG_OP_DIV, build_binary},
    {FG_OP_EXP, build_unary},
    {FG_OP_FULLY_CONNECTED, build_fully_connected},
    {FG_OP_HARD_SWISH, build_activation},
    {FG_OP_L2_NORM, build_l2_norm},
    {FG_OP_LEAKY_RELU, build_activation},
    {FG_OP_LOGISTIC, build_activation},
    {FG_OP_MAXIMUM, build_binary},
    {FG_OP_MAX_POOL, build_pool},
    {FG_OP_MEAN, build_mean},
    {FG_OP_MINIMUM, build_binary},
    {FG_OP_MUL, build_binary},
    {FG_OP_NEG, build_unary},
    {FG_OP_PAD, build_pad},
    {FG_OP_PRELU, build_prelu},
    {FG_OP_QUANTIZE, build_quantize},
    {FG_OP_REDUCE_MAX, build_reduce_max},
    {FG_OP_RELU, build_activation},
    {FG_OP_RELU6, build_activation},
    {FG_OP_RESHAPE, build_reshape},
    {FG_OP_RESIZE_BILINEAR, build_resize},
    {FG_OP_RESIZE_NEAREST, build_resize},
    {FG_OP_SLICE, build_slice},
    {FG_OP_SOFTMAX, build_softmax},
    {FG_OP_SUB, build_binary},
    {FG_OP_SUM, build_sum},
    {FG_OP_TANH, build_activation},
    {FG_OP_TRANSPOSE, build_transpose},
    {FG_OP_TRANSPOSE_CONV, build_transpose_conv},
};

void build_node(Builder &b)
{
    for (const auto &row : builders)
        if (row.op == b.n().op)
            return row.build(b);
    refuse(-ENOTSUP, "not known to this engine");
}

// Says which node it was.
void build_nodes(Builder &b)
{
    for (b.node = 0; b.node < b.graph->n_nodes; b.node++) {
        const char *why;
        std::string text;
        int code = -ENOTSUP;
        try {
            build_node(b);
            continue;
        } catch (const Refusal &refusal) {
            text = refusal.text;
            code = refusal.code;
        } catch (const std::bad_alloc &) {
            throw;
        } catch (const std::exception &e) {
            text = e.what();
        }
        why = text.c_str();
        refuse(code, "Arm NN does not take operators[%u] %s that makes '%.60s': %.150s", b.node,
               fg_op_name(b.n().op), b.out().name, why);
    }
}

void add_ends(const struct fg_engine_request *request, Builder &b, Model &model)
{
    const struct fg_graph *graph = b.graph;
    for (unsigned k = 0; k < graph->n_outputs; k++) {
        TensorInfo info = info_of(graph->tensors[graph->outputs[k]]);
        IConnectableLayer *layer = b.network->AddOutputLayer(static_cast<int>(k), "output");
        slot(b, graph->outputs[k])->Connect(layer->GetInputSlot(0));
        model.outputs.emplace_back(static_cast<int>(k), armnn::Tensor(info, request->outputs[k]));
    }
    for (unsigned k = 0; k < graph->n_inputs; k++) {
        TensorInfo info = constant_info(info_of(graph->tensors[graph->inputs[k]]));
        model.inputs.emplace_back(static_cast<int>(k), ConstTensor(info, request->inputs[k]));
    }
}

void build_network(const struct fg_engine_request *request, Model &model)
{
    const struct fg_graph *graph = request->graph;
    model.network = armnn::INetwork::Create();
    Builder b{};
    b.graph = graph;
    b.compute_library = uses_compute_library(model);
    b.network = model.network.get();
    b.slots.assign(graph->n_tensors, nullptr);
    for (unsigned k = 0; k < graph->n_inputs; k++) {
        const struct fg_tensor &t = graph->tensors[graph->inputs[k]];
        IConnectableLayer *layer = b.network->AddInputLayer(static_cast<int>(k), "input");
        b.slots[graph->inputs[k]] = set_output(layer, info_of(t));
    }
    build_nodes(b);
    add_ends(request, b, model);
}

// ---- tensors in place ---------------------------------------------------------------------------

// Compute Library's kernels may want room around their tensors, which imported ones do not have:
// they then compute wrong and write past the end. These work with tensors as tight as ours are.
bool works_tight(enum fg_op op)
{
    return op == FG_OP_CONV || op == FG_OP_FULLY_CONNECTED || op == FG_OP_RESHAPE ||
           op == FG_OP_CONCAT || op == FG_OP_SOFTMAX;
}

bool reads_input(const struct fg_graph *graph, const struct fg_node &node)
{
    for (unsigned k = 0; k < node.n_inputs; k++)
        for (unsigned i = 0; i < graph->n_inputs; i++)
            if (node.inputs[k] == graph->inputs[i])
                return true;
    return false;
}

bool writes_output(const struct fg_graph *graph, const struct fg_node &node)
{
    for (unsigned k = 0; k < graph->n_outputs; k++)
        if (node.output == graph->outputs[k])
            return true;
    return false;
}

void decide_in_place(const struct fg_graph *graph, Model &model)
{
    model.import = model.export_ = true;
    for (unsigned i = 0; uses_compute_library(model) && i < graph->n_nodes; i++) {
        const struct fg_node &node = graph->nodes[i];
        bool tight = works_tight(node.op) && node.activation == FG_ACT_NONE;
        if (reads_input(graph, node) && !works_tight(node.op))
            model.import = false;
        if (writes_output(graph, node) && !tight)
            model.export_ = false;
    }
}

// 23.08's CpuAcc ends in an assertion of its own when some of its layers are profiled.
bool can_profile(const Model &model)
{
    return !ASSERTS_IN_PROFILE || !has_backend(model, "CpuAcc");
}

// ---- optimise and load --------------------------------------------------------------------------

#if HAS_MODEL_OPTIONS
armnn::ModelOptions model_options(const Model &model)
{
    armnn::ModelOptions all;
    for (const char *name : {"CpuAcc", "GpuAcc"}) {
        armnn::BackendOptions options(name, {{"FastMathEnabled", model.fast_math}});
        if (!strcmp(name, "CpuAcc"))
            options.AddOption({"NumberOfThreads", static_cast<unsigned>(model.threads)});
        all.push_back(options);
    }
    return all;
}
#endif

armnn::IOptimizedNetworkPtr optimize(Model &model, std::vector<std::string> &messages)
{
#if HAS_OPAQUE_OPTIONS
    armnn::OptimizerOptionsOpaque options;
    options.SetReduceFp32ToFp16(model.fp16);
    options.SetImportEnabled(model.import);
    options.SetExportEnabled(model.export_);
    options.SetProfilingEnabled(can_profile(model));
    for (const auto &option : model_options(model))
        options.AddModelOption(option);
#else
    armnn::OptimizerOptions options;
    options.m_ReduceFp32ToFp16 = model.fp16;
    options.m_ImportEnabled = model.import || model.export_;
#if HAS_MODEL_OPTIONS
    options.m_ModelOptions = model_options(model);
#endif
#endif
    return armnn::Optimize(*model.network, model.backends, runtime_shared->GetDeviceSpec(), options,
                           armnn::Optional<std::vector<std::string> &>(messages));
}

void load(Model &model, armnn::IOptimizedNetworkPtr optimized)
{
#if HAS_MEMORY_SOURCES
    using armnn::MemorySource;
    armnn::INetworkProperties properties(
        false, model.import ? MemorySource::Malloc : MemorySource::Undefined,
        model.export_ ? MemorySource::Malloc : MemorySource::Undefined, can_profile(model));
#else
    armnn::INetworkProperties properties(model.import, model.export_);
#endif
    std::string why;
    if (runtime_shared->LoadNetwork(model.id, std::move(optimized), why, properties) !=
        armnn::Status::Success)
        throw std::runtime_error(why);
    model.loaded = true;
}

// ---- placement ----------------------------------------------------------------------------------

// The text of a field of one line of the dot file: "BackendID : CpuRef\l".
std::string field(const std::string &line, const char *key)
{
    std::string start = std::string(key) + " : ";
    size_t at = line.find(start);
    if (at == std::string::npos)
        return "";
    at += start.size();
    return line.substr(at, line.find("\\l", at) - at);
}

// The nodes of a layer: several when Arm NN has merged them ("fused-fg7.RELU-into-fg7.CONV_2D").
std::vector<unsigned> nodes_of(const std::string &name)
{
    std::vector<unsigned> nodes;
    for (size_t at = name.find("fg"); at != std::string::npos; at = name.find("fg", at + 1)) {
        char *end;
        unsigned long node = strtoul(name.c_str() + at + 2, &end, 10);
        if (*end == '.' && end != name.c_str() + at + 2)
            nodes.push_back(static_cast<unsigned>(node));
    }
    return nodes;
}

// Layers that Arm NN adds between ours, and those of ours that only carry.
bool is_carrier(const std::string &name)
{
    return name.empty() || name[0] == '[' || name.rfind("convert_", 0) == 0 ||
           name.find(".shape") != std::string::npos;
}

// "... (reason: Z), falling back ...": Z on one line, or nothing.
std::string reason_in(const std::string &message)
{
    size_t at = message.find("(reason: ");
    if (at == std::string::npos)
        return "";
    std::string reason = message.substr(at + 9, message.find("), falling back", at) - at - 9);
    for (char &c : reason)
        c = c < ' ' ? ' ' : c;
    return reason;
}

// "Layer of type X is not supported on requested backend Y for ... (reason: Z), falling back ...":
// "Y: Z", when the line is about this type.
std::string reason_of(const std::string &message, const std::string &type)
{
    std::string start = "Layer of type " + type + " is not supported on requested backend ";
    size_t at = message.find(start);
    if (at == std::string::npos)
        return "";
    at += start.size();
    std::string text = message.substr(at, message.find(' ', at) - at);
    std::string reason = reason_in(message);
    return reason.empty() ? text : text + ": " + reason;
}

struct Reasons {
    std::vector<std::string> messages;

    // Messages come in the order of the layers: the first of this type that is not used up.
    std::string take(const std::string &type)
    {
        for (std::string &message : messages) {
            std::string reason = reason_of(message, type);
            if (reason.empty())
                continue;
            message.clear();
            return reason;
        }
        return "no reason given";
    }
};

void place(const struct fg_engine_request *request, unsigned node, const std::string &backend,
           const std::string &note)
{
    if (node >= request->graph->n_nodes)
        return;
    struct fg_engine_place *p = &request->places[node];
    if (p->backend[0] && note.empty())
        return; // a node of several layers: the one that fell back tells
    snprintf(p->backend, sizeof p->backend, "%s", backend.c_str());
    if (!note.empty())
        snprintf(p->note, sizeof p->note, "%s", note.c_str());
}

// No getter tells where a layer runs; the dot file does.
void report(const struct fg_engine_request *request, const Model &model,
            const armnn::IOptimizedNetwork &optimized, const std::vector<std::string> &messages)
{
    std::stringstream dot;
    Reasons reasons{messages};
    optimized.SerializeToDot(dot);
    if (model.fp16 && dot.str().find("convert_fp32_to_fp16") == std::string::npos)
        fg_engine_note(request, "fp16: weights are rounded, but no layer is computed in float16");
    std::string swallowed = "unknown";
    for (std::string line; std::getline(dot, line);) {
        if (field(line, "LayerType") == "PreCompiled")
            swallowed = swallowed == "unknown" ? field(line, "BackendID") : swallowed;
        std::string name = field(line, "LayerName"), backend = field(line, "BackendID");
        if (backend.empty() || is_carrier(name))
            continue;
        std::string note;
        if (backend != model.backends[0].Get())
            note = reasons.take(field(line, "LayerType"));
        for (unsigned node : nodes_of(name))
            place(request, node, backend, note);
    }
    for (unsigned i = 0; i < request->graph->n_nodes; i++)
        if (!request->places[i].backend[0]) // optimised away, or swallowed by a driver's own layer
            place(request, i, request->graph->nodes[i].op == FG_OP_RESHAPE ? "alias" : swallowed,
                  "");
}

// Of all that Arm NN said while it optimised, what made it give up and the backend's reason.
std::string why_not(const std::vector<std::string> &messages)
{
    std::string error, reason;
    for (const std::string &message : messages) {
        std::string latest = reason_in(message);
        reason = latest.empty() ? reason : latest;
        if (message.rfind("ERROR: ", 0) == 0 && error.empty())
            error = message.substr(7);
    }
    if (error.empty())
        error = "it gave no reason";
    return reason.empty() ? error : error + ": " + reason;
}

// False and `why`: the backends do not take it.
bool open_network(const struct fg_engine_request *request, Model &model, std::string &why)
{
    std::vector<std::string> messages;
    build_network(request, model);
    decide_in_place(request->graph, model);
    try {
        armnn::IOptimizedNetworkPtr optimized = optimize(model, messages);
        if (optimized) {
            report(request, model, *optimized, messages);
            load(model, std::move(optimized));
            return true;
        }
        why = why_not(messages);
    } catch (const std::exception &e) {
        why = e.what();
    } catch (...) {
        why = "it failed without a reason";
    }
    return false;
}

// ---- run ----------------------------------------------------------------------------------------

bool enqueue(Model &model)
{
    return runtime_shared->EnqueueWorkload(model.id, model.inputs, model.outputs) ==
           armnn::Status::Success;
}

int count(const std::string &text, const char *what)
{
    int n = 0;
    for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
        n++;
    return n;
}

// Runs once and counts the copies of tensors: with Arm NN's profiler, or by what was asked for, as
// a run with imported tensors copies none of them or throws.
bool run_counted(Model &model)
{
    if (!can_profile(model)) {
        model.copies = static_cast<int>((model.import ? 0 : model.inputs.size()) +
                                        (model.export_ ? 0 : model.outputs.size()));
        return enqueue(model);
    }
    auto profiler = runtime_shared->GetProfiler(model.id);
    if (profiler)
        profiler->EnableProfiling(true);
    bool ran = enqueue(model);
    if (profiler) {
        std::stringstream text;
        profiler->Print(text);
        profiler->EnableProfiling(false);
        model.copies = count(text.str(), "CopyMemGeneric_Execute");
    }
    return ran;
}

// A backend may accept buffers for import and refuse them at the first run: then with copies.
bool run_first(Model &model)
{
    bool ran = false;
    try {
        ran = run_counted(model);
    } catch (...) {
        ran = false;
    }
    if (!ran) {
        std::vector<std::string> messages;
        runtime_shared->UnloadNetwork(model.id);
        model.loaded = false;
        model.import = model.export_ = false;
        armnn::IOptimizedNetworkPtr optimized = optimize(model, messages);
        if (!optimized)
            return false;
        load(model, std::move(optimized));
        ran = run_counted(model);
    }
    model.network.reset();
    model.started = ran;
    return ran;
}

// ---- the engine's face --------------------------------------------------------------------------

std::vector<armnn::BackendId> split(const char *names)
{
    std::vector<armnn::BackendId> list;
    std::stringstream stream(names);
    for (std::string name; std::getline(stream, name, ',');)
        list.emplace_back(name);
    return list;
}

void take_options(const struct fg_engine_request *request, Model &model)
{
    const struct fg_accel_options *o = request->options;
    model.fp16 = o->fp16;
    model.fast_math = o->fast_math;
    model.threads = o->threads ? o->threads : 1;
    model.backends = split(request->backends);
    if (o->tuning && o->tuning[0] && !has_backend(model, "GpuAcc"))
        fg_engine_note(request, "a tuning file is for GpuAcc alone");
#if !HAS_MODEL_OPTIONS
    if (o->threads > 1)
        fg_engine_note(request, "Arm NN 20.08 takes no number of threads");
    if (o->fast_math)
        fg_engine_note(request, "Arm NN 20.08 has no fast_math");
#endif
}

int open_model(const struct fg_engine_request *request, void **ret, struct fg_error *err)
{
    return guarded("opening the model", err, [&]() -> int {
        std::unique_ptr<Model> model(new Model);
        int r = fg_engine_check_buffers(request, err);
        if (r < 0 || (r = hold_runtime(request->options, err)) < 0)
            return r;
        model->holds = true;
        take_options(request, *model);
        std::string why;
        if (!open_network(request, *model, why))
            refuse(-ENOTSUP, "Arm NN's %.60s does not take the network: %.200s", request->backends,
                   why.c_str());
        *ret = model.release();
        return 0;
    });
}

int run_model(void *opened)
{
    Model *model = static_cast<Model *>(opened);
    return guarded("running the model", nullptr, [&]() -> int {
        return (model->started ? enqueue(*model) : run_first(*model)) ? 0 : -EIO;
    });
}

int copies(const void *opened)
{
    return static_cast<const Model *>(opened)->copies;
}

void close_model(void *opened)
{
    delete static_cast<Model *>(opened);
}

// Releases are named by date, libraries by a number.
const char *release()
{
#if ARMNN_MAJOR_VERSION == 22
    return "20.08";
#elif ARMNN_MAJOR_VERSION == 33
    return "23.08";
#else
    return "(" ARMNN_VERSION ")";
#endif
}

// ---- trials -------------------------------------------------------------------------------------

// Tiny networks of one layer. An NPU may take int8 alone, or convolutions alone: a backend works
// when it runs one of these right and none wrong.
enum TrialKind { TRIAL_CONV, TRIAL_RELU, TRIAL_INT8, TRIAL_COUNT };

#define TRIAL_SIDE 4u

struct Trial {
    struct fg_graph *graph = fg_graph_create();
    struct fg_error err = {""};

    ~Trial()
    {
        fg_graph_destroy(graph);
    }
    // Scales: .5 of inputs and outputs, 1 of the filter.
    uint32_t tensor(const char *name, enum fg_type type, unsigned side, float scale)
    {
        const uint32_t dims[] = {1, side, side, 1};
        uint32_t t = 0;
        if (!graph || fg_graph_add_tensor(graph, name, type, 4, dims, &t, &err) < 0)
            refuse(-ENOMEM, "no memory for a trial");
        if (type == FG_FLOAT32)
            return t;
        graph->tensors[t].scales = static_cast<float *>(malloc(sizeof(float)));
        graph->tensors[t].zero_points = static_cast<int32_t *>(calloc(1, sizeof(int32_t)));
        if (!graph->tensors[t].scales || !graph->tensors[t].zero_points)
            refuse(-ENOMEM, "no memory for a trial");
        graph->tensors[t].scales[0] = scale;
        graph->tensors[t].n_scales = 1;
        return t;
    }
    uint32_t constant(const char *name, enum fg_type type, float scale, int value)
    {
        uint32_t t = tensor(name, type, 1, scale);
        if (fg_graph_make_constant(graph, t, &err) < 0)
            refuse(-ENOMEM, "no memory for a trial");
        void *data = graph->tensors[t].data;
        if (type == FG_FLOAT32)
            *static_cast<float *>(data) = static_cast<float>(value);
        else if (type == FG_INT32)
            *static_cast<int32_t *>(data) = value;
        else
            *static_cast<int8_t *>(data) = static_cast<int8_t>(value);
        return t;
    }
};

// out = max(0, x), or out = 2 x + 1.
void make_trial(Trial &trial, TrialKind kind)
{
    enum fg_type type = kind == TRIAL_INT8 ? FG_INT8 : FG_FLOAT32;
    struct fg_node node = {};
    node.op = kind == TRIAL_RELU ? FG_OP_RELU : FG_OP_CONV;
    node.inputs[node.n_inputs++] = trial.tensor("in", type, TRIAL_SIDE, .5f);
    if (kind != TRIAL_RELU) {
        bool quantised = kind == TRIAL_INT8;
        node.inputs[node.n_inputs++] = trial.constant("filter", type, 1, 2);
        node.inputs[node.n_inputs++] =
            trial.constant("bias", quantised ? FG_INT32 : type, .5f, quantised ? 2 : 1);
    }
    node.output = trial.tensor("out", type, TRIAL_SIDE, .5f);
    node.stride_h = node.stride_w = node.dilation_h = node.dilation_w = 1;
    if (fg_graph_add_node(trial.graph, &node, &trial.err) < 0)
        refuse(-ENOMEM, "no memory for a trial");
    trial.graph->inputs[trial.graph->n_inputs++] = node.inputs[0];
    trial.graph->outputs[trial.graph->n_outputs++] = node.output;
}

float trial_value(TrialKind kind, const void *values, unsigned k)
{
    return kind == TRIAL_INT8 ? .5f * static_cast<const int8_t *>(values)[k]
                              : static_cast<const float *>(values)[k];
}

bool trial_is_right(TrialKind kind, const void *in, const void *out)
{
    for (unsigned k = 0; k < TRIAL_SIDE * TRIAL_SIDE; k++) {
        float x = trial_value(kind, in, k), y = trial_value(kind, out, k);
        float want = kind != TRIAL_RELU ? 2 * x + 1 : x > 0 ? x : 0;
        if (!(y >= want - .05f && y <= want + .05f)) // float16 will do
            return false;
    }
    return true;
}

// 0; -ENOTSUP and `err`: the backend does not take this network. Throws what is worse.
int run_trial(const char *path, const char *backend, TrialKind kind, struct fg_error *err)
{
    alignas(64) char in[128] = "", out[128] = "";
    void *inputs[] = {in}, *outputs[] = {out}, *model = nullptr;
    struct fg_engine_place places[1] = {};
    char notes[8] = "";
    struct fg_accel_options options = {};
    options.backend_path = path;
    Trial trial;
    make_trial(trial, kind);
    const struct fg_engine_request request = {trial.graph, &options, backend, inputs,
                                              outputs,     places,   notes,   sizeof notes};
    for (int k = 0; k < static_cast<int>(TRIAL_SIDE * TRIAL_SIDE); k++) {
        if (kind == TRIAL_INT8)
            reinterpret_cast<int8_t *>(in)[k] = static_cast<int8_t>(k - 8);
        else
            reinterpret_cast<float *>(in)[k] = static_cast<float>(k - 8);
    }
    int r = open_model(&request, &model, err);
    if (r == -ENOTSUP)
        return r;
    if (r < 0)
        refuse(r, "%s", err->text);
    r = run_model(model);
    close_model(model);
    if (r < 0)
        refuse(r, "failed to run a trial network");
    if (!trial_is_right(kind, in, out))
        refuse(-EIO, "computed a trial network wrong");
    return 0;
}

int run_trials(const char *path, const char *backend, struct fg_error *err)
{
    bool ran = false;
    for (int kind = 0; kind < TRIAL_COUNT; kind++) {
        struct fg_error why = {""};
        if (run_trial(path, backend, static_cast<TrialKind>(kind), &why) == 0)
            ran = true;
        else if (kind == 0)
            *err = why;
    }
    return ran ? 0 : -ENODEV;
}

} // namespace

extern "C" {

int fg_armnn_reserve(void)
{
    runtime_lock.lock();
    if (!runtime_users)
        return 0;
    runtime_lock.unlock();
    return -EBUSY;
}

void fg_armnn_release(void)
{
    runtime_lock.unlock();
}

int fg_armnn_list(const char *path, struct fg_armnn_names *ret)
{
    struct fg_error err = {""};
    int r = guarded("loading", &err, [&]() -> int {
        armnn::ConfigureLogging(true, false, armnn::LogSeverity::Warning);
        armnn::IRuntimePtr runtime = make_runtime(path, "");
        for (const armnn::BackendId &id : armnn::BackendRegistryInstance().GetBackendIds())
            if (ret->count < FG_ARMNN_NAMES)
                snprintf(ret->names[ret->count++], sizeof ret->names[0], "%s", id.Get().c_str());
        snprintf(ret->version, sizeof ret->version, "%s", release());
        return 0;
    });
    snprintf(ret->text, sizeof ret->text, "%.199s", err.text);
    return r < 0 ? -ENODEV : 0;
}

int fg_armnn_try(const char *path, const char *backend, struct fg_armnn_trial *ret)
{
    struct fg_error err = {""};
    runtime_lock.unlock(); // the parent's reserve, inherited
    int r = guarded("trial", &err, [&]() -> int { return run_trials(path, backend, &err); });
    snprintf(ret->text, sizeof ret->text, "%.199s", err.text);
    return r < 0 ? -ENODEV : 0;
}

const struct fg_engine fg_engine_armnn = {"armnn", open_model, run_model, copies, close_model};
}
