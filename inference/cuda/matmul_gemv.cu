#include "inference/cuda/gemv.cuh"
#include "inference/cuda/launch.h"

namespace edgechat::inference::cuda {
namespace {

template <WeightKind kind, int groupsPerChunk>
void start(Runtime& runtime, const MatmulArguments& arguments) {
    launch(runtime, &gemvKernel<kind, groupsPerChunk>, {arguments.terms[0].weights.tiles()}, kGemvThreads,
           kGemvShared, kernelArguments(arguments));
}

template <WeightKind kind>
void startKind(Runtime& runtime, const MatmulArguments& arguments) {
    if (arguments.terms[0].weights.group < kChunk) {
        start<kind, 2>(runtime, arguments);
    } else {
        start<kind, 1>(runtime, arguments);
    }
}

}  // namespace

void launchGemv(Runtime& runtime, const MatmulArguments& arguments) {
    switch (arguments.terms[0].weights.kind) {
        case WeightKind::int4Zero:
            return startKind<WeightKind::int4Zero>(runtime, arguments);
        case WeightKind::int4Offset:
            return startKind<WeightKind::int4Offset>(runtime, arguments);
        case WeightKind::int8:
            return startKind<WeightKind::int8>(runtime, arguments);
        case WeightKind::fp16:
            return start<WeightKind::fp16, 1>(runtime, arguments);
    }
}

}  // namespace edgechat::inference::cuda
