// What probe.cpp and runtime_cuda.cpp share. For builds with CUDA; no CUDA headers.
#pragma once

#include <memory>

#include "inference/cuda/runtime.h"

namespace edgechat::inference::cuda {

/// As Runtime::open(), without asking probeCuda() first: the probe itself uses it. The device's flags are set
/// and it has a context.
Result<std::unique_ptr<Runtime>> openFirstDevice();

}  // namespace edgechat::inference::cuda
