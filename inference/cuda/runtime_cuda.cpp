// runtime.h with CUDA's runtime.
#include <cuda_runtime_api.h>

#include <algorithm>

#include "inference/cuda/first_device.h"
#include "inference/cuda/l4t.h"
#include "inference/cuda/runtime.h"
#include "inference/model/memory_plan.h"

#if CUDART_VERSION < 12020
#error "EdgeChat needs CUDA 12.2 or newer"
#endif

namespace edgechat::inference::cuda {
namespace {

Error errorOf(const char* doing, cudaError_t status) {
    return Error{ErrorCode::internal, std::string(doing) + ": " + cudaGetErrorString(status), "", "", "", ""};
}

class CudaRecording final : public Runtime::Recording {
  public:
    explicit CudaRecording(cudaGraphExec_t graph) : m_graph(graph) {}
    ~CudaRecording() override { cudaGraphExecDestroy(m_graph); }
    cudaGraphExec_t graph() const { return m_graph; }

  private:
    cudaGraphExec_t m_graph;
};

class CudaRuntime final : public Runtime {
  public:
    /// On error the object may only be destroyed.
    Result<void> open() {
        cudaDeviceProp device;
        cudaError_t status = cudaGetDeviceProperties(&device, 0);
        if (status == cudaSuccess) status = cudaSetDevice(0);
        if (status == cudaSuccess) status = cudaStreamCreateWithFlags(&m_stream, cudaStreamNonBlocking);
        for (cudaEvent_t& mark : m_marks) {
            if (status == cudaSuccess)
                status = cudaEventCreateWithFlags(&mark, cudaEventDisableTiming | cudaEventBlockingSync);
        }
        if (status != cudaSuccess) {
            cudaGetLastError();
            return errorOf("cannot start the GPU", status);
        }
        m_properties.name = device.name;
        m_properties.major = device.major;
        m_properties.minor = device.minor;
        m_properties.multiprocessors = device.multiProcessorCount;
        m_properties.integrated = device.integrated != 0;
        m_properties.memory = device.totalGlobalMem;
        return {};
    }

    ~CudaRuntime() override {
        if (m_stream != nullptr) cudaStreamSynchronize(m_stream);
        for (const cudaEvent_t mark : m_marks) {
            if (mark != nullptr) cudaEventDestroy(mark);
        }
        if (m_stream != nullptr) cudaStreamDestroy(m_stream);
        cudaGetLastError();
    }

    const DeviceProperties& properties() const override { return m_properties; }

    uint64_t freeMemory() const override {
        // Where the memory is the processor's, CUDA counts the page cache as taken.
        if (m_properties.integrated) return availableMemory();
        size_t free = 0, total = 0;
        return cudaMemGetInfo(&free, &total) == cudaSuccess ? free : 0;
    }

    Result<Memory> allocate(uint64_t bytes, const char* what) override {
        collect();
        void* data = nullptr;
        const cudaError_t status = cudaMalloc(&data, atLeastOne(bytes));
        if (Result<void> taken = take(status, bytes, what); !taken) return taken.error();
        return Memory(this, data, bytes, false);
    }

    Result<Memory> allocatePinned(uint64_t bytes, const char* what) override {
        collect();
        void* data = nullptr;
        const cudaError_t status = cudaHostAlloc(&data, atLeastOne(bytes), cudaHostAllocMapped);
        if (Result<void> taken = take(status, bytes, what); !taken) return taken.error();
        Memory memory(this, data, bytes, true);
        void* onDevice = nullptr;
        if (cudaHostGetDevicePointer(&onDevice, data, 0) != cudaSuccess || onDevice != data) {
            cudaGetLastError();
            return Error{ErrorCode::badInput,
                         "the GPU does not see the computer's memory at the computer's addresses",
                         "",
                         "",
                         m_properties.name,
                         "a 64-bit system and a GPU with unified addresses"};
        }
        return memory;
    }

    void release(void* data, bool pinned) override {
        collect();
        // As cudaFree() does by itself.
        if (pinned) note(cudaStreamSynchronize(m_stream));
        note(pinned ? cudaFreeHost(data) : cudaFree(data));
    }

    // The direction is told by the addresses, as pinned memory may stand at either end.
    void copyToDevice(void* to, const void* from, uint64_t bytes) override { copy(to, from, bytes); }
    void copyFromDevice(void* to, const void* from, uint64_t bytes) override { copy(to, from, bytes); }

    void zero(void* data, uint64_t bytes) override {
        if (bytes > 0) start(cudaMemsetAsync(data, 0, static_cast<size_t>(bytes), m_stream));
    }

    Result<void> synchronize() override {
        collect();
        note(cudaStreamSynchronize(m_stream));
        if (m_error != cudaSuccess) return errorOf("the GPU stopped with an error", m_error);
        return {};
    }

    void mark(int index) override { start(cudaEventRecord(m_marks[index], m_stream)); }

    void waitForMark(int index) override { start(cudaEventSynchronize(m_marks[index])); }

    Result<std::unique_ptr<Recording>> record(const std::function<void()>& launches) override {
        constexpr const char* kDoing = "cannot record a step of the model for the GPU";
        collect();
        if (m_error != cudaSuccess) return errorOf(kDoing, m_error);
        // Relaxed: the first use of a kernel loads its code, which the stricter modes take for a mistake.
        cudaError_t status = cudaStreamBeginCapture(m_stream, cudaStreamCaptureModeRelaxed);
        cudaGraph_t graph = nullptr;
        if (status == cudaSuccess) {
            launches();
            const cudaError_t launched = cudaGetLastError();
            status = cudaStreamEndCapture(m_stream, &graph);
            if (launched != cudaSuccess) status = launched;
        }
        cudaGraphExec_t executable = nullptr;
        if (status == cudaSuccess) status = cudaGraphInstantiate(&executable, graph, 0);
        if (status == cudaSuccess) status = cudaGraphUpload(executable, m_stream);
        if (graph != nullptr) cudaGraphDestroy(graph);
        if (status == cudaSuccess) return std::unique_ptr<Recording>(new CudaRecording(executable));
        if (executable != nullptr) cudaGraphExecDestroy(executable);
        cudaGetLastError();
        if (status == cudaErrorMemoryAllocation) {
            Error error = errorOf(kDoing, status);
            error.code = ErrorCode::doesNotFit;
            return error;
        }
        note(status);
        return errorOf(kDoing, status);
    }

    void replay(Recording& recording) override {
        start(cudaGraphLaunch(static_cast<CudaRecording&>(recording).graph(), m_stream));
    }

    double secondsOf(const std::function<void()>& launches) override {
        cudaEvent_t begin = nullptr, end = nullptr;
        float milliseconds = 0;
        if (cudaEventCreate(&begin) == cudaSuccess && cudaEventCreate(&end) == cudaSuccess) {
            start(cudaEventRecord(begin, m_stream));
            launches();
            start(cudaEventRecord(end, m_stream));
            if (!synchronize() || cudaEventElapsedTime(&milliseconds, begin, end) != cudaSuccess)
                milliseconds = 0;
        }
        if (begin != nullptr) cudaEventDestroy(begin);
        if (end != nullptr) cudaEventDestroy(end);
        cudaGetLastError();
        return milliseconds * 1e-3;
    }

    void* stream() const override { return m_stream; }

  private:
    /// Keeps the first error: everything behind it is its consequence.
    void note(cudaError_t status) {
        if (m_error == cudaSuccess) m_error = status;
    }

    /// An error of a kernel's launch is kept by CUDA, not given back.
    void collect() { note(cudaGetLastError()); }

    void start(cudaError_t status) {
        note(status);
        if (status != cudaSuccess) cudaGetLastError();
    }

    void copy(void* to, const void* from, uint64_t bytes) {
        if (bytes > 0)
            start(cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyDefault, m_stream));
    }

    static size_t atLeastOne(uint64_t bytes) { return static_cast<size_t>(std::max<uint64_t>(bytes, 1)); }

    /// What an attempt to take memory came to.
    Result<void> take(cudaError_t status, uint64_t bytes, const char* what) {
        if (status == cudaSuccess) return {};
        cudaGetLastError();
        if (status == cudaErrorMemoryAllocation) return outOfMemory(what, bytes, freeMemory(), l4tRelease());
        note(status);
        return errorOf((std::string("cannot get GPU memory for ") + what).c_str(), status);
    }

    DeviceProperties m_properties;
    cudaStream_t m_stream = nullptr;
    cudaEvent_t m_marks[2] = {};
    cudaError_t m_error = cudaSuccess;
};

}  // namespace

Result<std::unique_ptr<Runtime>> openFirstDevice() {
    auto runtime = std::make_unique<CudaRuntime>();
    if (Result<void> opened = runtime->open(); !opened) return opened.error();
    return std::unique_ptr<Runtime>(std::move(runtime));
}

}  // namespace edgechat::inference::cuda
