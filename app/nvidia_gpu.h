// Whether the machine has an NVIDIA GPU, asked of the kernel alone: it needs no driver, so it tells a machine
// without a GPU from one whose GPU is not set up.
#pragma once

#include <filesystem>
#include <string>

#include "inference/cuda/cuda.h"

namespace edgechat::app {

/// Files are read below `root`, "/" but for tests.
bool hasNvidiaGpu(const std::filesystem::path& root);

/// Whether there is a GPU that a person could expect to compute: the kernel or the driver knows one.
bool gpuExpected(const std::filesystem::path& root, const inference::cuda::CudaProbe& probe);

/// A sentence as a part of another one: without its full stop.
std::string clause(std::string sentence);

}  // namespace edgechat::app
