#include "inference/cuda/attention.cuh"

#include "inference/cuda/launch.h"

namespace edgechat::inference::cuda {
namespace {

/// Row tiles that a launch with few rows, and with them splits of the keys, makes an SM work on at a time.
constexpr int kBlocksPerMultiprocessor = 4;

constexpr int wholeDivision(int value, int by) {
    return (value + by - 1) / by;
}

/// How a launch's rows and keys are given to blocks.
struct Division {
    int rowTiles = 0;   ///< of a warp; 0: the warps of a block share one and split the keys
    int rowBlocks = 0;  ///< of a kv head
    int pieces = 1;     ///< of the keys
};

Division divide(int paddedHead, int rows, int kvHeads, int mostKeys, int multiprocessors) {
    const auto manyRows = [&](int rowTiles) {
        return wholeDivision(rows, kAttentionWarps * kAttentionRows * rowTiles);
    };
    Division division;
    // A warp with two tiles uses keys and values twice, which pays once there are enough blocks all the same.
    if (paddedHead <= 128 && kvHeads * manyRows(2) >= 2 * multiprocessors) {
        division.rowTiles = 2;
        division.rowBlocks = manyRows(2);
    } else if (paddedHead <= 128 && 2 * kvHeads * manyRows(1) >= 3 * multiprocessors) {
        division.rowTiles = 1;
        division.rowBlocks = manyRows(1);
    } else {
        division.rowBlocks = wholeDivision(rows, kAttentionRows);
        int pieces = kBlocksPerMultiprocessor * multiprocessors / (kvHeads * division.rowBlocks);
        if (pieces > wholeDivision(mostKeys, kKeyTile)) pieces = wholeDivision(mostKeys, kKeyTile);
        if (pieces > kMostKeyPieces) pieces = kMostKeyPieces;
        division.pieces = pieces < 1 ? 1 : pieces;
    }
    return division;
}

template <int HeadSize, bool Int8>
void launchFor(Runtime& runtime, const AttentionArguments& arguments) {
    AttentionLaunch launched;
    launched.arguments = arguments;
    launched.group = arguments.heads / arguments.kvHeads;
    launched.rows = arguments.tokens * launched.group;
    int mostKeys = arguments.mostPositions;
    if (arguments.window > 0 && arguments.window + arguments.tokens < mostKeys) {
        mostKeys = arguments.window + arguments.tokens;
    }
    const Division division =
        divide(HeadSize, launched.rows, arguments.kvHeads, mostKeys, runtime.properties().multiprocessors);
    launched.pieces = division.pieces;
    const Grid grid{division.pieces, division.rowBlocks, arguments.kvHeads};
    if (division.rowTiles == 0) {
        launch(runtime, &attentionFewRowsKernel<HeadSize, Int8>, grid, kAttentionThreads,
               kMergeBytes<HeadSize>, launched);
        return;
    }
    if constexpr (HeadSize <= 128) {
        if (division.rowTiles == 2) {
            launch(runtime, &attentionManyRowsKernel<HeadSize, Int8, 2>, grid, kAttentionThreads,
                   kParkedBytes<HeadSize, 2>, launched);
        } else {
            launch(runtime, &attentionManyRowsKernel<HeadSize, Int8, 1>, grid, kAttentionThreads,
                   kParkedBytes<HeadSize, 1>, launched);
        }
    }
}

template <bool Int8>
void launchFor(Runtime& runtime, const AttentionArguments& arguments) {
    switch (paddedHeadSize(arguments.headSize)) {
        case 64:
            return launchFor<64, Int8>(runtime, arguments);
        case 128:
            return launchFor<128, Int8>(runtime, arguments);
        default:
            return launchFor<256, Int8>(runtime, arguments);
    }
}

}  // namespace

// Two pieces or more have at most kBlocksPerMultiprocessor * multiprocessors blocks in all, however many
// tokens there are.
uint64_t partialFloats(int headSize, int, int, int, int multiprocessors) {
    return static_cast<uint64_t>(kBlocksPerMultiprocessor) * static_cast<uint64_t>(multiprocessors) *
           static_cast<uint64_t>(pieceFloats(paddedHeadSize(headSize)));
}

uint64_t ticketCount(int, int, int, int, int multiprocessors) {
    return static_cast<uint64_t>(kBlocksPerMultiprocessor) * static_cast<uint64_t>(multiprocessors);
}

void launchAttention(Runtime& runtime, const AttentionArguments& arguments) {
    if (arguments.cache.keyScales != nullptr) {
        launchFor<true>(runtime, arguments);
    } else {
        launchFor<false>(runtime, arguments);
    }
}

}  // namespace edgechat::inference::cuda
