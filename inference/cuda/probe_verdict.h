// From what CUDA's calls answered to what a person is told: no CUDA in here, so that every case is tested on
// any machine.
#pragma once

#include <cstdint>
#include <string>

#include "inference/cuda/cuda.h"

namespace edgechat::inference::cuda {

/// The call at which looking for a device ended.
enum class ProbeStep {
    count,       ///< how many devices there are; the first call that needs the driver
    properties,  ///< of the first
    start,       ///< its context: memory on it, the right to use it
    image,       ///< a kernel's code for it
    run,         ///< the kernel itself
    done
};

/// Errors that have a meaning of their own here.
enum class ProbeError {
    none,
    driver,       ///< cudaErrorInsufficientDriver: no driver, or one too old
    noDevice,     ///< cudaErrorNoDevice
    noImage,      ///< no code for this device among the program's, or code that its driver cannot translate
    outOfMemory,  ///< cudaErrorMemoryAllocation
    inUse,        ///< another program has the device for itself
    mismatch,     ///< the driver's library and its kernel module are of different versions
    other
};

struct ProbeFacts {
    // Of CUDA.
    int driverVersion = 0;     ///< 12020 for 12.2; 0: no driver
    int programVersion = 0;    ///< of CUDA's runtime in this program, 13000
    std::string libraryError;  ///< why libcuda.so.1 cannot be loaded; empty when it can
    ProbeStep step = ProbeStep::count;
    ProbeError error = ProbeError::none;
    std::string words;  ///< CUDA's own about the error
    bool rightNumbers = false;
    int devices = 0;
    // Of the first device, as far as they were read.
    std::string name;
    int major = 0, minor = 0;
    bool integrated = false;
    uint64_t memory = 0;
    std::string pciBus;
    // Of the program and the machine.
    std::string architectures;  ///< that kernels were built for: "87;90" or "87-real;90-virtual"
    bool jetson = false;
    bool gpuOnBus = false;   ///< an NVIDIA display device is on the PCI bus
    std::string deniedFile;  ///< a device file that is there and that this user may not open
    std::string hiddenBy;    ///< the value of CUDA_VISIBLE_DEVICES where it is set
};

CudaProbe verdictOf(const ProbeFacts& facts);

/// Of a program that was built without CUDA.
CudaProbe verdictNotBuilt(bool jetson, bool gpu);

/// What is wrong and what helps, as ErrorCode::badInput. The probe's state is not ready.
Error unusable(const CudaProbe& probe);

/// "12.2" of 12020.
std::string cudaVersionText(int version);
/// "sm_87 and sm_90" of "87-real;90-virtual" or "87,90"; empty when there is none.
std::string architecturesText(const std::string& list);

}  // namespace edgechat::inference::cuda
