#include "inference/cuda/gemv.cuh"
#include "inference/cuda/launch.h"

namespace edgechat::inference::cuda {
namespace {

struct StartGemv {
    Runtime& runtime;
    const MatmulArguments& arguments;

    template <WeightKind kind, int groupsPerChunk>
    void start() const {
        launch(runtime, &gemvKernel<kind, groupsPerChunk>, {arguments.terms[0].weights.tiles()}, kGemvThreads,
               kGemvShared, kernelArguments(arguments));
    }
};

}  // namespace

void launchGemv(Runtime& runtime, const MatmulArguments& arguments) {
    startForWeights(arguments.terms[0].weights, StartGemv{runtime, arguments});
}

}  // namespace edgechat::inference::cuda
