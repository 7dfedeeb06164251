// SPDX-License-Identifier: Apache-2.0
// A backend of Arm NN for tests: CpuRef under another name, which takes the layers it is told to
// and breaks as it is told to.
//
// A library is loaded when its file is named A_B_backend.so, and registers as "AB":
// Test_Acc_backend.so is TestAcc, a copy named Gpu_Acc_backend.so is GpuAcc. A folder needs
// CpuRef's own library beside it.
//
//   FG_TEST_BACKEND_ID      another name than the file's
//   FG_TEST_BACKEND_TAKES   "conv,prelu": only these layers (`names` below, else Arm NN's name in
//                           small letters); unset: all that CpuRef takes
//   FG_TEST_BACKEND_FAILS   "how", or "TestAcc=how,GpuAcc=how" for some of several:
//                             crash-on-load  SIGSEGV while the library is loaded
//                             hang-on-load   it sleeps there
//                             version        its interface is another version
//                             load, null     its factory throws, returns nothing
//                             crash          abort() in its factory
//                             context        its device is not there (BackendUnavailableException
//                                            for a runtime and for a network)
//                             context-throws a runtime gets an exception that Arm NN lets through
//                             support        asked for the layers that it takes, it throws
//                             optimize       asked to optimise, it throws
//                             workload       making the network ready to run, it throws
//                             hang           the same, but it sleeps
//                             run            it throws on each run
//                             crash-run      abort() on each run
//                             wrong          all its tensors read as one constant
//   FG_TEST_BACKEND_RECORD  a file that gets a line "GpuAcc TuningFile=..." for each option of a
//                           runtime that has this backend
//
// The packages of Arm NN lack headers that its own IBackendInternal.hpp includes, so the class is
// declared here, function by function in the order of src/backends of that version.
//
// To be built without -fvisibility=hidden: what it throws may be looked at after Arm NN has
// unloaded it, so the types must be Arm NN's.
#include <armnn/BackendRegistry.hpp>
#include <armnn/Exceptions.hpp>
#include <armnn/IRuntime.hpp>
#include <armnn/Tensor.hpp>
#include <armnn/TypesUtils.hpp>
#include <armnn/Version.hpp>
#include <armnn/backends/IBackendContext.hpp>
#include <armnn/backends/IMemoryManager.hpp>
#include <armnn/backends/ITensorHandleFactory.hpp>
#if ARMNN_MAJOR_VERSION >= 33
#include <armnn/Descriptors.hpp>
#include <armnn/backends/ILayerSupport.hpp>
#else
#include <armnn/ILayerSupport.hpp>
#endif

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <functional>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

extern "C" {
const char *GetBackendId();
void GetVersion(uint32_t *major, uint32_t *minor);
void *BackendFactory();
}

// ---- what the packages leave out ----------------------------------------------------------------
#if ARMNN_MAJOR_VERSION >= 33
namespace arm
{
namespace pipe
{
class IBackendProfiling;
class IBackendProfilingContext;
} // namespace pipe
} // namespace arm
namespace profiling_names = arm::pipe;
#else
namespace armnn
{
namespace profiling
{
class IBackendProfiling;
class IBackendProfilingContext;
} // namespace profiling
} // namespace armnn
namespace profiling_names = armnn::profiling;
#endif

namespace armnn
{

class SubgraphView;

// Only ever passed on, from CpuRef to the runtime.
class IWorkloadFactory
{
  public:
    virtual ~IWorkloadFactory() = default;
};

class TensorHandleFactoryRegistry
{
  public:
    void RegisterFactory(std::unique_ptr<ITensorHandleFactory> factory);
};

// Only ever passed on, in the place where the caller wants it: its size does not matter, but that
// it may not travel in a register does.
class OptimizationViews
{
  public:
    OptimizationViews(OptimizationViews &&);
    ~OptimizationViews();
};

class IBackendInternal : public IBackend
{
  protected:
    IBackendInternal() = default;

  public:
    ~IBackendInternal() override = default;

    using Factory = std::unique_ptr<IWorkloadFactory>;
    using Memory = std::shared_ptr<IMemoryManager>;
    using Support = std::shared_ptr<ILayerSupport>;
    using Profiling = std::unique_ptr<profiling_names::IBackendProfiling>;

#if ARMNN_MAJOR_VERSION < 33
    virtual std::unique_ptr<int>
    CreateSubGraphConverter(const std::shared_ptr<SubgraphView> &) const;
    virtual std::vector<int> GetOptimizations() const;
    virtual std::unique_ptr<SubgraphView> OptimizeSubGraph(const SubgraphView &, bool &) const;
#endif
    virtual std::unique_ptr<IMemoryManager> CreateMemoryManager() const;
    virtual Factory CreateWorkloadFactory(const Memory &) const = 0;
    virtual Factory CreateWorkloadFactory(TensorHandleFactoryRegistry &) const;
#if ARMNN_MAJOR_VERSION >= 33
    virtual Factory CreateWorkloadFactory(const Memory &, const ModelOptions &) const;
    virtual Factory CreateWorkloadFactory(TensorHandleFactoryRegistry &,
                                          const ModelOptions &) const;
    virtual Factory CreateWorkloadFactory(TensorHandleFactoryRegistry &, const ModelOptions &,
                                          MemorySourceFlags, MemorySourceFlags) const;
#endif
    virtual std::unique_ptr<IBackendContext>
    CreateBackendContext(const IRuntime::CreationOptions &) const;
#if ARMNN_MAJOR_VERSION >= 33
    virtual std::shared_ptr<IBackendModelContext>
    CreateBackendSpecificModelContext(const ModelOptions &) const;
#endif
    virtual std::shared_ptr<profiling_names::IBackendProfilingContext>
    CreateBackendProfilingContext(const IRuntime::CreationOptions &, Profiling &);
    virtual Support GetLayerSupport() const = 0;
#if ARMNN_MAJOR_VERSION >= 33
    virtual Support GetLayerSupport(const ModelOptions &) const;
#endif
    virtual OptimizationViews OptimizeSubgraphView(const SubgraphView &) const;
#if ARMNN_MAJOR_VERSION >= 33
    virtual OptimizationViews OptimizeSubgraphView(const SubgraphView &,
                                                   const ModelOptions &) const;
#endif
    virtual std::vector<ITensorHandleFactory::FactoryId> GetHandleFactoryPreferences() const;
    virtual void RegisterTensorHandleFactories(TensorHandleFactoryRegistry &)
    {
    }
#if ARMNN_MAJOR_VERSION >= 33
    virtual void RegisterTensorHandleFactories(TensorHandleFactoryRegistry &, MemorySourceFlags,
                                               MemorySourceFlags);
    virtual BackendCapabilities GetCapabilities() const
    {
        return BackendCapabilities("");
    }
    virtual bool UseCustomMemoryAllocator(std::shared_ptr<ICustomAllocator>,
                                          Optional<std::string &>)
    {
        return false;
    }
    virtual std::unique_ptr<ICustomAllocator> GetDefaultAllocator() const
    {
        throw Exception("no allocator");
    }
    virtual unsigned int GetNumberOfCacheFiles() const
    {
        return 0;
    }
    // CreateExecutionData, UpdateExecutionData: for networks loaded to run asynchronously.
    virtual void unused_1() const
    {
        throw Exception("it does not run asynchronously");
    }
    virtual void unused_2() const
    {
        throw Exception("it does not run asynchronously");
    }
#endif
};

} // namespace armnn

// ---- what the environment says ------------------------------------------------------------------
using namespace armnn;

namespace
{

bool listed(const std::string &list, const std::string &word)
{
    return ("," + list + ",").find("," + word + ",") != std::string::npos;
}

// "/x/Test_Acc_backend.so" -> "TestAcc"
std::string own_id()
{
    const char *id = getenv("FG_TEST_BACKEND_ID");
    if (id != nullptr)
        return id;
    Dl_info own;
    if (dladdr(reinterpret_cast<void *>(&BackendFactory), &own) == 0)
        return "TestAcc";
    std::string name = own.dli_fname;
    name = name.substr(name.rfind('/') + 1);
    size_t first = name.find('_'), second = name.find('_', first + 1);
    if (second == std::string::npos)
        return "TestAcc";
    return name.substr(0, first) + name.substr(first + 1, second - first - 1);
}

bool fails(const char *how)
{
    const char *list = getenv("FG_TEST_BACKEND_FAILS");
    return list != nullptr && (listed(list, how) || listed(list, own_id() + "=" + how));
}

const struct {
    const char *armnn, *name;
} names[] = {
    {"Convolution2d", "conv"},
    {"DepthwiseConvolution", "depthwise"},
    {"DepthwiseConvolution2d", "depthwise"},
    {"DilatedDepthwiseConvolution", "depthwise"},
    {"TransposeConvolution2d", "transposeconv"},
    {"FullyConnected", "dense"},
    {"BatchNormalization", "batchnorm"},
    {"L2Normalization", "l2norm"},
    {"Pooling2d", "pooling"},
    {"Addition", "add"},
    {"Subtraction", "sub"},
    {"Multiplication", "mul"},
    {"Division", "div"},
    {"Maximum", "max"},
    {"Minimum", "min"},
    {"Splitter", "split"},
};

// Layers that are no operators of a model go wherever Arm NN would have them.
bool takes(const std::string &layer)
{
    const char *list = getenv("FG_TEST_BACKEND_TAKES");
    if (list == nullptr ||
        listed("Input,Output,Constant,MemCopy,MemImport,ConvertFp16ToFp32,ConvertFp32ToFp16",
               layer))
        return true;
    for (const auto &known : names)
        if (layer == known.armnn)
            return listed(list, known.name);
    std::string small = layer;
    std::transform(small.begin(), small.end(), small.begin(), ::tolower);
    return listed(list, small);
}

bool refuse(Optional<std::string &> reason, const char *text)
{
    if (reason)
        reason.value() = text;
    return false;
}

// ---- which layers -------------------------------------------------------------------------------
using Reason = Optional<std::string &>;

class ToySupport final : public ILayerSupport
{
    std::shared_ptr<ILayerSupport> behind;

    bool asked(const std::string &layer, Reason reason) const
    {
        return takes(layer) || refuse(reason, "left to others by the test");
    }

  public:
    explicit ToySupport(std::shared_ptr<ILayerSupport> cpuref) : behind(std::move(cpuref))
    {
    }

#if ARMNN_MAJOR_VERSION >= 33
    bool IsLayerSupported(const LayerType &type, const std::vector<TensorInfo> &infos,
                          const BaseDescriptor &descriptor,
                          const Optional<LstmInputParamsInfo> &lstm,
                          const Optional<QuantizedLstmInputParamsInfo> &quantized,
                          Reason reason) const override
    {
        std::string layer = GetLayerTypeAsCString(type);
        if (type == LayerType::ElementwiseBinary) {
            static const char *const operations[] = {"Addition", "Division",       "Maximum",
                                                     "Minimum",  "Multiplication", "Subtraction"};
            auto n = static_cast<size_t>(
                static_cast<const ElementwiseBinaryDescriptor &>(descriptor).m_Operation);
            if (n < sizeof operations / sizeof *operations)
                layer = operations[n];
        }
        return asked(layer, reason) &&
               behind->IsLayerSupported(type, infos, descriptor, lstm, quantized, reason);
    }
#else
    using Info = const TensorInfo &;
    using Infos = const std::vector<const TensorInfo *>;
    using Weights = const Optional<TensorInfo> &;

#define ASK(layer, signature, arguments)                                                           \
    bool Is##layer##Supported signature const override                                             \
    {                                                                                              \
        return asked(#layer, r) && behind->Is##layer##Supported arguments;                         \
    }
#define ASK_WITH(layer, descriptor)                                                                \
    ASK(layer, (Info a, Info b, const descriptor &d, Reason r), (a, b, d, r))
#define NEVER(layer, ...)                                                                          \
    bool Is##layer##Supported(__VA_ARGS__, Reason r) const override                                \
    {                                                                                              \
        return refuse(r, "the test backend does not know it");                                     \
    }
    ASK(Constant, (Info a, Reason r), (a, r))
    ASK(Input, (Info a, Reason r), (a, r))
    ASK(Output, (Info a, Reason r), (a, r))
    ASK(ConvertBf16ToFp32, (Info a, Info b, Reason r), (a, b, r))
    ASK(ConvertFp32ToBf16, (Info a, Info b, Reason r), (a, b, r))
    ASK(ConvertFp16ToFp32, (Info a, Info b, Reason r), (a, b, r))
    ASK(ConvertFp32ToFp16, (Info a, Info b, Reason r), (a, b, r))
    ASK(Debug, (Info a, Info b, Reason r), (a, b, r))
    ASK(Dequantize, (Info a, Info b, Reason r), (a, b, r))
    ASK(Floor, (Info a, Info b, Reason r), (a, b, r))
    ASK(MemCopy, (Info a, Info b, Reason r), (a, b, r))
    ASK(MemImport, (Info a, Info b, Reason r), (a, b, r))
    ASK(Quantize, (Info a, Info b, Reason r), (a, b, r))
    ASK(Rank, (Info a, Info b, Reason r), (a, b, r))
    ASK(Addition, (Info a, Info b, Info c, Reason r), (a, b, c, r))
    ASK(Division, (Info a, Info b, Info c, Reason r), (a, b, c, r))
    ASK(Maximum, (Info a, Info b, Info c, Reason r), (a, b, c, r))
    ASK(Minimum, (Info a, Info b, Info c, Reason r), (a, b, c, r))
    ASK(Multiplication, (Info a, Info b, Info c, Reason r), (a, b, c, r))
    ASK(Prelu, (Info a, Info b, Info c, Reason r), (a, b, c, r))
    ASK(Subtraction, (Info a, Info b, Info c, Reason r), (a, b, c, r))
    ASK(Comparison, (Info a, Info b, Info c, const ComparisonDescriptor &d, Reason r),
        (a, b, c, d, r))
    ASK(Gather, (Info a, Info b, Info c, const GatherDescriptor &d, Reason r), (a, b, c, d, r))
    ASK_WITH(Activation, ActivationDescriptor)
    ASK_WITH(ArgMinMax, ArgMinMaxDescriptor)
    ASK_WITH(BatchToSpaceNd, BatchToSpaceNdDescriptor)
    ASK_WITH(DepthToSpace, DepthToSpaceDescriptor)
    ASK_WITH(ElementwiseUnary, ElementwiseUnaryDescriptor)
    ASK_WITH(Fill, FillDescriptor)
    ASK_WITH(InstanceNormalization, InstanceNormalizationDescriptor)
    ASK_WITH(L2Normalization, L2NormalizationDescriptor)
    ASK_WITH(LogSoftmax, LogSoftmaxDescriptor)
    ASK_WITH(Mean, MeanDescriptor)
    ASK_WITH(Normalization, NormalizationDescriptor)
    ASK_WITH(Pad, PadDescriptor)
    ASK_WITH(Permute, PermuteDescriptor)
    ASK_WITH(Pooling2d, Pooling2dDescriptor)
    ASK_WITH(Reshape, ReshapeDescriptor)
    ASK_WITH(Resize, ResizeDescriptor)
    ASK_WITH(Slice, SliceDescriptor)
    ASK_WITH(Softmax, SoftmaxDescriptor)
    ASK_WITH(SpaceToBatchNd, SpaceToBatchNdDescriptor)
    ASK_WITH(SpaceToDepth, SpaceToDepthDescriptor)
    ASK_WITH(StridedSlice, StridedSliceDescriptor)
    ASK_WITH(Transpose, TransposeDescriptor)
    ASK(Convolution2d,
        (Info a, Info b, const Convolution2dDescriptor &d, Info w, Weights bias, Reason r),
        (a, b, d, w, bias, r))
    ASK(DepthwiseConvolution,
        (Info a, Info b, const DepthwiseConvolution2dDescriptor &d, Info w, Weights bias, Reason r),
        (a, b, d, w, bias, r))
    ASK(DilatedDepthwiseConvolution,
        (Info a, Info b, const DepthwiseConvolution2dDescriptor &d, Info w, Weights bias, Reason r),
        (a, b, d, w, bias, r))
    ASK(TransposeConvolution2d,
        (Info a, Info b, const TransposeConvolution2dDescriptor &d, Info w, Weights bias, Reason r),
        (a, b, d, w, bias, r))
    ASK(FullyConnected,
        (Info a, Info b, Info w, Info bias, const FullyConnectedDescriptor &d, Reason r),
        (a, b, w, bias, d, r))
    ASK(BatchNormalization,
        (Info a, Info b, Info mean, Info var, Info beta, Info gamma,
         const BatchNormalizationDescriptor &d, Reason r),
        (a, b, mean, var, beta, gamma, d, r))
    // cppcheck-suppress passedByValue; as Arm NN has it
    ASK(Concat, (Infos a, Info b, const OriginsDescriptor &d, Reason r), (a, b, d, r))
    ASK(Stack, (Infos & a, Info b, const StackDescriptor &d, Reason r), (a, b, d, r))
    ASK(Splitter,
        (Info a, const std::vector<std::reference_wrapper<TensorInfo>> &b, const ViewsDescriptor &d,
         Reason r),
        (a, b, d, r))
    NEVER(Abs, Info, Info)
    NEVER(Rsqrt, Info, Info)
    NEVER(ResizeBilinear, Info, Info)
    NEVER(Equal, Info, Info, Info)
    NEVER(Greater, Info, Info, Info)
    NEVER(Gather, Info, Info, Info)
    NEVER(Merge, Info, Info, Info)
    NEVER(Merger, Infos, Info, const OriginsDescriptor &)
    NEVER(Splitter, Info, const ViewsDescriptor &)
    NEVER(StandIn, Infos &, Infos &, const StandInDescriptor &)
    NEVER(Switch, Info, Info, Info, Info)
    NEVER(FakeQuantization, Info, const FakeQuantizationDescriptor &)
    NEVER(PreCompiled, Info, const PreCompiledDescriptor &)
    NEVER(DetectionPostProcess, Info, Info, Info, Info, Info, Info, Info,
          const DetectionPostProcessDescriptor &)
    NEVER(Lstm, Info, Info, Info, Info, Info, Info, Info, const LstmDescriptor &,
          const LstmInputParamsInfo &)
    NEVER(QLstm, Info, Info, Info, Info, Info, Info, const QLstmDescriptor &,
          const LstmInputParamsInfo &)
    NEVER(QuantizedLstm, Info, Info, Info, Info, Info, const QuantizedLstmInputParamsInfo &)
#endif
};

// ---- tensors of `wrong`, `run`, `crash-run` -----------------------------------------------------
const MemorySourceFlags any_memory = static_cast<MemorySourceFlags>(MemorySource::Malloc);

} // namespace

namespace armnn
{

// CpuRef's workloads run on tensors of their own class alone, which they tell by its name, and read
// its first member: so this one has both. What is written is lost, what is read is always the same.
class RefTensorHandle final : public ITensorHandle
{
    TensorInfo info;
    mutable std::vector<unsigned char> bytes;
    mutable bool mapped = false;

  public:
    explicit RefTensorHandle(const TensorInfo &like) : info(like), bytes(like.GetNumBytes())
    {
    }
    const void *Map(bool) const override
    {
        // Constants are mapped once while the network is made ready.
        if (mapped && fails("run"))
            throw RuntimeException("the test backend fails to run");
        if (mapped && fails("crash-run"))
            abort();
        mapped = true;
        memset(bytes.data(), 0x3e, bytes.size());
        return bytes.data();
    }
    void Unmap() const override
    {
    }
    void Manage() override
    {
    }
    void Allocate() override
    {
    }
    ITensorHandle *GetParent() const override
    {
        return nullptr;
    }
    TensorShape GetStrides() const override
    {
        std::vector<unsigned> strides(info.GetNumDimensions());
        unsigned stride = GetDataTypeSize(info.GetDataType());
        for (unsigned i = info.GetNumDimensions(); i-- > 0; stride *= info.GetShape()[i])
            strides[i] = stride;
        return TensorShape(info.GetNumDimensions(), strides.data());
    }
    TensorShape GetShape() const override
    {
        return info.GetShape();
    }
    void CopyOutTo(void *to) const override
    {
        memcpy(to, Map(true), bytes.size());
    }
    void CopyInFrom(const void *) override
    {
    }
    unsigned int GetImportFlags() const override
    {
        return any_memory;
    }
    bool Import(void *, MemorySource) override
    {
        return true;
    }
#if ARMNN_MAJOR_VERSION >= 33
    bool CanBeImported(void *, MemorySource) override
    {
        return true;
    }
#endif
};

} // namespace armnn

namespace
{

class ToyTensors final : public ITensorHandleFactory
{
    const FactoryId id;

  public:
    explicit ToyTensors(const FactoryId &name) : id(name)
    {
    }
    using ITensorHandleFactory::CreateTensorHandle;
    std::unique_ptr<ITensorHandle> CreateTensorHandle(const TensorInfo &info) const override
    {
        return std::unique_ptr<ITensorHandle>(new RefTensorHandle(info));
    }
    std::unique_ptr<ITensorHandle> CreateTensorHandle(const TensorInfo &info,
                                                      DataLayout) const override
    {
        return CreateTensorHandle(info);
    }
    std::unique_ptr<ITensorHandle> CreateSubTensorHandle(ITensorHandle &, const TensorShape &,
                                                         const unsigned *) const override
    {
        return nullptr;
    }
    bool SupportsSubTensors() const override
    {
        return false;
    }
    const FactoryId &GetId() const override
    {
        return id;
    }
    MemorySourceFlags GetExportFlags() const override
    {
        return any_memory;
    }
    MemorySourceFlags GetImportFlags() const override
    {
        return any_memory;
    }
};

// ---- the backend --------------------------------------------------------------------------------
std::string text_of(const BackendOptions::Var &value)
{
    std::ostringstream text;
    if (value.IsString())
        text << value.AsString();
    else if (value.IsBool())
        text << (value.AsBool() ? "true" : "false");
    else if (value.IsInt())
        text << value.AsInt();
    else
        text << value.AsFloat();
    return text.str();
}

void record(const IRuntime::CreationOptions &options)
{
    const char *path = getenv("FG_TEST_BACKEND_RECORD");
    FILE *file = path != nullptr ? fopen(path, "a") : nullptr;
    if (file == nullptr)
        return;
    for (const BackendOptions &backend : options.m_BackendOptions)
        for (size_t i = 0; i < backend.GetOptionCount(); i++)
            fprintf(file, "%s %s=%s\n", backend.GetBackendId().Get().c_str(),
                    backend.GetOption(i).GetName().c_str(),
                    text_of(backend.GetOption(i).GetValue()).c_str());
    fclose(file);
}

void fail_device()
{
    if (fails("context"))
        throw BackendUnavailableException("the test backend has no device");
}

// Before a network is made ready.
void fail_workload()
{
    fail_device();
    if (fails("workload"))
        throw RuntimeException("the test backend can't make the network ready");
    if (fails("hang"))
        sleep(1000);
}

class Toy final : public IBackendInternal
{
    const BackendId id;
    mutable std::unique_ptr<IBackendInternal> cpuref;

    bool own_tensors() const
    {
        return fails("wrong") || fails("run") || fails("crash-run");
    }

    // Made when first needed: libraries are loaded in the order of their names.
    IBackendInternal &behind() const
    {
        if (!cpuref)
            cpuref = BackendRegistryInstance().GetFactory("CpuRef")();
        return *cpuref;
    }

    Support support() const
    {
        if (fails("support"))
            throw RuntimeException("the test backend can't say which layers it takes");
        return Support(new ToySupport(behind().GetLayerSupport()));
    }

    void own_tensors_into(TensorHandleFactoryRegistry &registry) const
    {
        if (own_tensors())
            registry.RegisterFactory(std::unique_ptr<ITensorHandleFactory>(
                new ToyTensors(GetHandleFactoryPreferences()[0])));
    }

  public:
    explicit Toy(const std::string &name) : id(name)
    {
    }
    const BackendId &GetId() const override
    {
        return id;
    }
    std::unique_ptr<IMemoryManager> CreateMemoryManager() const override
    {
        return behind().CreateMemoryManager();
    }
    Factory CreateWorkloadFactory(const Memory &memory) const override
    {
        fail_workload();
        return behind().CreateWorkloadFactory(memory);
    }
    Factory CreateWorkloadFactory(TensorHandleFactoryRegistry &registry) const override
    {
        fail_workload();
        own_tensors_into(registry);
        return behind().CreateWorkloadFactory(registry);
    }
    std::unique_ptr<IBackendContext>
    CreateBackendContext(const IRuntime::CreationOptions &options) const override
    {
        fail_device();
        if (fails("context-throws"))
            throw std::runtime_error("the test backend breaks on its device");
        record(options);
        return nullptr;
    }
    std::shared_ptr<profiling_names::IBackendProfilingContext>
    CreateBackendProfilingContext(const IRuntime::CreationOptions &, Profiling &) override
    {
        return nullptr;
    }
    Support GetLayerSupport() const override
    {
        return support();
    }
    OptimizationViews OptimizeSubgraphView(const SubgraphView &view) const override
    {
        if (fails("optimize"))
            throw RuntimeException("the test backend can't optimise");
        return behind().OptimizeSubgraphView(view);
    }
    std::vector<ITensorHandleFactory::FactoryId> GetHandleFactoryPreferences() const override
    {
        if (own_tensors())
            return {"Test/" + id.Get()};
        return behind().GetHandleFactoryPreferences();
    }
    void RegisterTensorHandleFactories(TensorHandleFactoryRegistry &registry) override
    {
        own_tensors_into(registry);
        behind().RegisterTensorHandleFactories(registry);
    }
#if ARMNN_MAJOR_VERSION >= 33
    Factory CreateWorkloadFactory(const Memory &memory, const ModelOptions &options) const override
    {
        fail_workload();
        return behind().CreateWorkloadFactory(memory, options);
    }
    Factory CreateWorkloadFactory(TensorHandleFactoryRegistry &registry,
                                  const ModelOptions &options) const override
    {
        fail_workload();
        own_tensors_into(registry);
        return behind().CreateWorkloadFactory(registry, options);
    }
    Factory CreateWorkloadFactory(TensorHandleFactoryRegistry &registry,
                                  const ModelOptions &options, MemorySourceFlags in,
                                  MemorySourceFlags out) const override
    {
        fail_workload();
        own_tensors_into(registry);
        return behind().CreateWorkloadFactory(registry, options, in, out);
    }
    Support GetLayerSupport(const ModelOptions &) const override
    {
        return support();
    }
    OptimizationViews OptimizeSubgraphView(const SubgraphView &view,
                                           const ModelOptions &) const override
    {
        return OptimizeSubgraphView(view);
    }
    void RegisterTensorHandleFactories(TensorHandleFactoryRegistry &registry, MemorySourceFlags in,
                                       MemorySourceFlags out) override
    {
        own_tensors_into(registry);
        behind().RegisterTensorHandleFactories(registry, in, out);
    }
    BackendCapabilities GetCapabilities() const override
    {
        return behind().GetCapabilities();
    }
    std::unique_ptr<ICustomAllocator> GetDefaultAllocator() const override
    {
        return behind().GetDefaultAllocator();
    }
#endif
};

__attribute__((constructor)) void loaded()
{
    if (fails("crash-on-load"))
        raise(SIGSEGV);
    if (fails("hang-on-load"))
        sleep(1000);
}

} // namespace

// ---- what Arm NN looks for ----------------------------------------------------------------------
const char *GetBackendId()
{
    static std::string id;
    id = own_id();
    return id.c_str();
}

void GetVersion(uint32_t *major, uint32_t *minor)
{
    *major = fails("version") ? 99 : 1;
    *minor = 0;
}

void *BackendFactory()
{
    if (fails("crash"))
        abort();
    if (fails("load"))
        throw RuntimeException("the test backend can't be made");
    return fails("null") ? nullptr : new Toy(own_id());
}
