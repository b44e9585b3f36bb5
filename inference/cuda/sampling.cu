#include "inference/cuda/launch.h"
#include "inference/cuda/sampling.cuh"

namespace edgechat::inference::cuda {

void launchSample(Runtime& runtime, const SampleArguments& arguments) {
    launch(runtime, &sampleKernel, Grid{}, kSampleThreads, sizeof(SampleShared), arguments);
}

}  // namespace edgechat::inference::cuda
