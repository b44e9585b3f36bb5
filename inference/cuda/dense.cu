#include "inference/cuda/dense.cuh"

#include "inference/cuda/launch.h"

namespace edgechat::inference::cuda {
namespace {

struct StartWriteRows {
    Runtime& runtime;
    const WriteRowsArguments& arguments;
    int tiles;

    template <WeightKind kind, int groupsPerChunk>
    void start() const {
        launch(runtime, &writeRowsKernel<kind, groupsPerChunk>, {tiles}, kDenseThreads, 0, arguments);
    }
};

}  // namespace

void launchWriteRows(Runtime& runtime, const PackedMatrix& weights, int firstTile, int tiles, uint16_t* out) {
    const WriteRowsArguments arguments{weights, termShape(weights), firstTile, out};
    startForWeights(weights, StartWriteRows{runtime, arguments, tiles});
}

void launchWriteCodes(Runtime& runtime, const PackedMatrix& weights, int firstTile, int tiles, int8_t* out) {
    launch(runtime, &writeCodesKernel, {tiles}, kDenseThreads, 0,
           WriteRowsArguments{weights, termShape(weights), firstTile, out});
}

void launchRoundInputs(Runtime& runtime, const Term& term, int tokens, int8_t* codes, float* scales) {
    launch(runtime, &roundInputsKernel, {blocksFor(tokens, kDenseWarps)}, kDenseThreads, 0,
           RoundInputsArguments{term.input, term.inputStride, paddedInputs(term.weights.columns), tokens,
                                codes, scales});
}

void launchStoreResults(Runtime& runtime, const MatmulArguments& arguments, const DenseResults& results) {
    const Grid grid{results.tiles, blocksFor(arguments.tokens, 8 * kDenseWarps)};
    const auto kernel = results.sums == nullptr ? &storeResultsKernel<true> : &storeResultsKernel<false>;
    launch(runtime, kernel, grid, kDenseThreads, 0,
           StoreResultsArguments{kernelArguments(arguments), results});
}

}  // namespace edgechat::inference::cuda
