// Runtime::open() on a device. By itself, because the tests have one of their own.
#include "inference/cuda/cuda.h"
#include "inference/cuda/first_device.h"
#include "inference/cuda/probe_verdict.h"
#include "inference/cuda/runtime.h"

namespace edgechat::inference::cuda {

Result<std::unique_ptr<Runtime>> Runtime::open() {
    if (const CudaProbe& probe = probeCuda(); probe.state != CudaState::ready) return unusable(probe);
    return openFirstDevice();
}

}  // namespace edgechat::inference::cuda
