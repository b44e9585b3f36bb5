// What the rest of the engine may see of CUDA. With no CUDA toolkit at build time absent.cpp stands in.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "inference/backend.h"
#include "inference/model/memory_plan.h"
#include "inference/result.h"

namespace edgechat::inference::cuda {

enum class CudaState {
    ready,
    notBuilt,           ///< this program was built without CUDA
    noDriver,           ///< no libcuda on this machine
    driverTooOld,       ///< for the CUDA version that this program was built with
    noDevice,           ///< a driver, and no GPU that it may use
    wrongArchitecture,  ///< this program has no kernels for the GPU
    failed              ///< a first small kernel did not give the right numbers
};

struct CudaProbe {
    CudaState state = CudaState::notBuilt;
    std::string device;        ///< "NVIDIA GeForce RTX 3060", empty where there is none
    int major = 0, minor = 0;  ///< compute capability
    bool integrated = false;   ///< its memory is the processor's
    uint64_t memory = 0;       ///< bytes in all
    std::string pciBus;        ///< "0000:01:00.0", as NVML names a device
    std::string detail;        ///< one sentence for a person: what is the case
    std::string fix;           ///< what a person can do; empty when ready
};

/// Looks for the first device and runs a small kernel on it. The first call takes as long as CUDA needs to
/// start (some tenths of a second where there is a GPU); later calls give the same. Any thread.
const CudaProbe& probeCuda();

/// Whether prompts are multiplied as dense matrices by cuBLAS (dense_products.h).
enum class DenseUse {
    measured,  ///< from the number of tokens on from which that is faster here, where there is memory to
               ///< spare
    never,
    always,  ///< from kMostGemvTokens + 1 tokens on; a load without cuBLAS fails
};

/// Version of the cuBLAS that this machine has, "13.1.0". Fails with what is missing. Any thread.
Result<std::string> cublasVersion();

struct CudaOptions {
    int context = 0;  ///< tokens that the cache holds
    KvKind kv = KvKind::fp16;
    int packingThreads = 1;  ///< of the processor, while the weights are loaded
    DenseUse dense = DenseUse::measured;
};

/// Bytes of a loaded model on the device, before anything is loaded.
MemoryPlan planCudaMemory(const Checkpoint& checkpoint, int context, KvKind kv);
/// The same without the weights, in microseconds.
MemoryPlan planCudaContext(const Checkpoint& checkpoint, int context, KvKind kv);
/// Bytes that a model can take now: of the device, or where it shares the processor's memory MemAvailable.
uint64_t availableCudaMemory();

/// Streams the weights to the device. Fails with badInput where there is no device that works (probeCuda's
/// words), with doesNotFit, with badInput (a file cut short, a scale that is not finite), or with interrupted
/// when `progress` returned false.
Result<std::unique_ptr<Backend>> loadCudaBackend(
    const Checkpoint& checkpoint, const CudaOptions& options,
    const std::function<bool(uint64_t done, uint64_t total)>& progress);

}  // namespace edgechat::inference::cuda
