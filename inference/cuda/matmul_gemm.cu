#include "inference/cuda/gemm.cuh"
#include "inference/cuda/launch.h"

namespace edgechat::inference::cuda {
namespace {

constexpr int kStoreThreads = 128;

/// Plain data.
struct StoreQuantizedArguments {
    EpilogueArguments epilogue;
    HeadShape head;
    int tokens = 0;
};

/// Staged keys and values into an int8 cache: a warp for each of a token's 2 kvHeads heads. At most 64
/// registers, no shared memory.
EDGECHAT_KERNEL(kStoreThreads, 8)
storeQuantizedKernel(EDGECHAT_ARGUMENT StoreQuantizedArguments args) {
    const int kvs = 2 * args.epilogue.kvHeads;
    const int item = blockX() * (kStoreThreads / kWarp) + warpIndex();
    if (item < args.tokens * kvs) quantizeHead(args.epilogue, args.head, item % kvs, item / kvs);
}

template <WeightKind kind, int groupsPerChunk, int columnTiles>
void startWidth(Runtime& runtime, const MatmulArguments& arguments) {
    const Grid grid{blocksFor(arguments.tokens, 8 * columnTiles),
                    blocksFor(arguments.terms[0].weights.tiles(), kBlockTiles)};
    launch(runtime, &gemmKernel<kind, groupsPerChunk, columnTiles>, grid, kGemmThreads,
           gemmShared(columnTiles), kernelArguments(arguments));
}

/// Wide blocks decode the weights less often; narrow ones keep more multiprocessors busy.
int columnTilesFor(const MatmulArguments& arguments, int most, int multiprocessors) {
    const int rowBlocks = blocksFor(arguments.terms[0].weights.tiles(), kBlockTiles);
    int columnTiles = arguments.tokens <= 32 ? 4 : arguments.tokens <= 64 ? 8 : 16;
    if (columnTiles > most) columnTiles = most;
    while (columnTiles > 4 &&
           rowBlocks * blocksFor(arguments.tokens, 8 * columnTiles) < 2 * multiprocessors) {
        columnTiles /= 2;
    }
    return columnTiles;
}

struct StartGemm {
    Runtime& runtime;
    const MatmulArguments& arguments;

    template <WeightKind kind, int groupsPerChunk>
    void start() const {
        constexpr int kMost = mostColumnTiles(kind, groupsPerChunk);
        switch (columnTilesFor(arguments, kMost, runtime.properties().multiprocessors)) {
            case 4:
                return startWidth<kind, groupsPerChunk, 4>(runtime, arguments);
            case 8:
                return startWidth < kind, groupsPerChunk, kMost < 8 ? kMost : 8 > (runtime, arguments);
            default:
                return startWidth<kind, groupsPerChunk, kMost>(runtime, arguments);
        }
    }
};

}  // namespace

void launchGemm(Runtime& runtime, const MatmulArguments& arguments) {
    startForWeights(arguments.terms[0].weights, StartGemm{runtime, arguments});
    launchStoreQuantized(runtime, arguments);
}

void launchStoreQuantized(Runtime& runtime, const MatmulArguments& arguments) {
    for (int i = 0; i < arguments.segmentCount; ++i) {
        const EpilogueArguments& epilogue = arguments.segments[i].epilogue;
        if (epilogue.kind != Epilogue::attention || epilogue.cache.keyScales == nullptr) continue;
        const int heads = arguments.tokens * 2 * epilogue.kvHeads;
        launch(runtime, &storeQuantizedKernel, {blocksFor(heads, kStoreThreads / kWarp)}, kStoreThreads, 0,
               StoreQuantizedArguments{epilogue, headShape(epilogue.headSize), arguments.tokens});
    }
}

}  // namespace edgechat::inference::cuda
