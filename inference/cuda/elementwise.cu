#include "inference/cuda/elementwise.cuh"
#include "inference/cuda/launch.h"

namespace edgechat::inference::cuda {

void launchEmbed(Runtime& runtime, const EmbedArguments& arguments) {
    launch(runtime, &embedKernel, Grid{arguments.tokenCount}, kEmbedThreads, 0, arguments);
}

void launchNorm(Runtime& runtime, const NormArguments& arguments) {
    // Eight elements for each thread: enough loads under way for one row, few enough rounds of the sums.
    const int wanted = (arguments.hidden / 8 + kWarp - 1) / kWarp * kWarp;
    const int threads = wanted < kWarp ? kWarp : wanted > kMostNormThreads ? kMostNormThreads : wanted;
    launch(runtime, &normKernel, Grid{arguments.tokens}, threads, 2 * kWarp * sizeof(float), arguments);
}

}  // namespace edgechat::inference::cuda
