// probeCuda() and availableCudaMemory() with CUDA's runtime.
#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "inference/cuda/cuda.h"
#include "inference/cuda/first_device.h"
#include "inference/cuda/l4t.h"
#include "inference/cuda/probe_kernel.h"
#include "inference/cuda/probe_verdict.h"
#include "inference/model/memory_plan.h"
#include "inference/model/tensor.h"

#ifndef EDGECHAT_CUDA_ARCHITECTURES
#define EDGECHAT_CUDA_ARCHITECTURES ""
#endif

namespace edgechat::inference::cuda {
namespace {

namespace fs = std::filesystem;

ProbeError meaningOf(cudaError_t status) {
    switch (status) {
        case cudaSuccess:
            return ProbeError::none;
        case cudaErrorInsufficientDriver:
        case cudaErrorCallRequiresNewerDriver:
            return ProbeError::driver;
        case cudaErrorNoDevice:
        case cudaErrorInvalidDevice:
            return ProbeError::noDevice;
        case cudaErrorNoKernelImageForDevice:
        case cudaErrorInvalidKernelImage:
        case cudaErrorInvalidDeviceFunction:
        case cudaErrorUnsupportedPtxVersion:
        case cudaErrorInvalidPtx:
        case cudaErrorJitCompilerNotFound:
            return ProbeError::noImage;
        case cudaErrorMemoryAllocation:
            return ProbeError::outOfMemory;
        case cudaErrorDevicesUnavailable:
            return ProbeError::inUse;
        case cudaErrorSystemDriverMismatch:
            return ProbeError::mismatch;
        default:
            return ProbeError::other;
    }
}

/// Why the driver's library cannot be loaded; empty when it can.
std::string libraryError() {
    void* const library = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
    if (library != nullptr) {
        dlclose(library);
        return {};
    }
    const char* const error = dlerror();
    return error != nullptr ? error : "it cannot be loaded";
}

bool gpuOnBus() {
    std::error_code ignored;
    for (const fs::directory_entry& device : fs::directory_iterator("/sys/bus/pci/devices", ignored)) {
        std::string vendor, kind;
        std::ifstream(device.path() / "vendor") >> vendor;
        std::ifstream(device.path() / "class") >> kind;
        if (vendor == "0x10de" && kind.compare(0, 4, "0x03") == 0) return true;
    }
    return false;
}

/// The first device file that is there and that this user may not open; empty when there is none.
std::string deniedFile() {
    for (const char* const file : {"/dev/nvmap", "/dev/nvhost-gpu", "/dev/nvidiactl", "/dev/nvidia0"}) {
        if (access(file, F_OK) == 0 && access(file, R_OK | W_OK) != 0) return file;
    }
    return {};
}

/// Runs the kernel and looks at its numbers.
Result<bool> computesRight(Runtime& runtime) {
    constexpr int n = kProbeSize;
    constexpr uint64_t operandBytes = n * n * sizeof(uint16_t), resultBytes = kProbeResults * sizeof(float);
    const auto left = [](int row, int k) { return (row * 5 + k * 3) % 11 - 5; };
    const auto right = [](int k, int column) { return (k * 7 + column) % 13 - 6; };
    Result<Memory> device = runtime.allocate(2 * operandBytes + resultBytes, "a first small test");
    if (!device) return device.error();
    Result<Memory> staging = runtime.allocatePinned(2 * operandBytes + resultBytes, "a first small test");
    if (!staging) return staging.error();
    auto* const values = staging->as<uint16_t>();
    for (int row = 0; row < n; ++row) {
        for (int k = 0; k < n; ++k) {
            values[row * n + k] = floatToHalf(static_cast<float>(left(row, k)));
            values[n * n + row * n + k] = floatToHalf(static_cast<float>(right(k, row)));
        }
    }
    auto* const results = staging->as<float>(2 * operandBytes);
    runtime.copyToDevice(device->data(), staging->data(), 2 * operandBytes);
    startProbeKernel(runtime, {device->as<uint16_t>(), device->as<uint16_t>(operandBytes),
                               device->as<float>(2 * operandBytes)});
    runtime.copyFromDevice(results, device->data() + 2 * operandBytes, resultBytes);
    if (Result<void> done = runtime.synchronize(); !done) return done.error();
    for (int row = 0; row < n; ++row) {
        int rowSum = 0;
        for (int column = 0; column < n; ++column) {
            int sum = 0;
            for (int k = 0; k < n; ++k) sum += left(row, k) * right(k, column);
            if (results[row * n + column] != static_cast<float>(sum)) return false;
            rowSum += sum;
        }
        if (results[n * n + row] != static_cast<float>(rowSum)) return false;
    }
    return true;
}

class Prober {
  public:
    ProbeFacts look() {
        m_facts.libraryError = libraryError();
        m_facts.architectures = EDGECHAT_CUDA_ARCHITECTURES;
        m_facts.jetson = isJetson();
        m_facts.gpuOnBus = gpuOnBus();
        m_facts.deniedFile = deniedFile();
        if (const char* hidden = std::getenv("CUDA_VISIBLE_DEVICES")) m_facts.hiddenBy = hidden;
        cudaDriverGetVersion(&m_facts.driverVersion);
        cudaRuntimeGetVersion(&m_facts.programVersion);
        lookAtDevice();
        cudaGetLastError();
        return m_facts;
    }

  private:
    bool good(ProbeStep step, cudaError_t status) {
        m_facts.step = step;
        m_facts.error = meaningOf(status);
        if (status != cudaSuccess) m_facts.words = cudaGetErrorString(status);
        return status == cudaSuccess;
    }

    void lookAtDevice() {
        if (!good(ProbeStep::count, cudaGetDeviceCount(&m_facts.devices)) || m_facts.devices == 0) return;
        cudaDeviceProp device;
        if (!good(ProbeStep::properties, cudaGetDeviceProperties(&device, 0))) return;
        m_facts.name = device.name;
        m_facts.major = device.major;
        m_facts.minor = device.minor;
        m_facts.integrated = device.integrated != 0;
        m_facts.memory = device.totalGlobalMem;
        char bus[32] = {};
        if (cudaDeviceGetPCIBusId(bus, sizeof bus, 0) == cudaSuccess) m_facts.pciBus = bus;
        cudaGetLastError();
        // Who waits for the device sleeps: a busy wait would take a core, and its share of the power. A
        // device that something else in this process has started already keeps its own way.
        const cudaError_t flags = cudaSetDeviceFlags(cudaDeviceScheduleBlockingSync);
        if (flags != cudaErrorSetOnActiveProcess && !good(ProbeStep::start, flags)) return;
        // The first call that has to start the device.
        if (!good(ProbeStep::start, cudaFree(nullptr))) return;
        cudaFuncAttributes attributes;
        if (!good(ProbeStep::image, cudaFuncGetAttributes(&attributes, probeKernelAddress()))) return;
        m_facts.step = ProbeStep::run;
        Result<std::unique_ptr<Runtime>> runtime = openFirstDevice();
        if (!runtime) return fail(runtime.error());
        const Result<bool> right = computesRight(**runtime);
        if (!right) return fail(right.error());
        m_facts.step = ProbeStep::done;
        m_facts.rightNumbers = *right;
    }

    void fail(const Error& error) {
        m_facts.error = error.code == ErrorCode::doesNotFit ? ProbeError::outOfMemory : ProbeError::other;
        m_facts.words = error.message();
    }

    ProbeFacts m_facts;
};

}  // namespace

const CudaProbe& probeCuda() {
    static std::once_flag once;
    static CudaProbe probe;
    std::call_once(once, [] { probe = verdictOf(Prober().look()); });
    return probe;
}

uint64_t availableCudaMemory() {
    const CudaProbe& probe = probeCuda();
    if (probe.state != CudaState::ready) return 0;
    // Where the memory is the processor's, CUDA counts the page cache as taken.
    if (probe.integrated) return availableMemory();
    size_t free = 0, total = 0;
    return cudaMemGetInfo(&free, &total) == cudaSuccess ? free : 0;
}

}  // namespace edgechat::inference::cuda
