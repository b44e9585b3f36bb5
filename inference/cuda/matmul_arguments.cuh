// What the kernels of linear maps are started with: the caller's arguments (matmul.h), and what follows from
// them, worked out once by the launch instead of by every warp.
#pragma once

#include "inference/cuda/matmul.h"
#include "inference/cuda/ptx.cuh"

namespace edgechat::inference::cuda {

/// Blocks of `block` each that `count` takes.
constexpr int blocksFor(int count, int block) {
    return (count + block - 1) / block;
}

/// A term's weights.
struct TermShape {
    int chunks = 0;        ///< of a tile
    int groups = 0;        ///< of a row
    uint32_t toGroup = 0;  ///< h toGroup / 2^32 is the group of half chunk h, where groups are whole chunks
};

/// A head of the attention epilogue.
struct HeadShape {
    int tiles = 0;   ///< of rows
    int padded = 0;  ///< elements that it takes of queries and cache
};

inline HeadShape headShape(int headSize) {
    return {(headSize + kTileRows - 1) / kTileRows, paddedHeadSize(headSize)};
}

/// Plain data.
struct MatmulKernelArguments {
    MatmulArguments matmul;
    TermShape terms[2];
    HeadShape heads[2];  ///< of the segments
};

inline TermShape termShape(const PackedMatrix& weights) {
    const auto halves = static_cast<uint32_t>(weights.group >= kChunk ? 2 * (weights.group / kChunk) : 2);
    return {weights.chunks(), weights.groups(), 0xffffffffu / halves + 1};
}

inline MatmulKernelArguments kernelArguments(const MatmulArguments& matmul) {
    MatmulKernelArguments result;
    result.matmul = matmul;
    for (int i = 0; i < matmul.termCount; ++i) result.terms[i] = termShape(matmul.terms[i].weights);
    for (int i = 0; i < matmul.segmentCount; ++i) {
        result.heads[i] = headShape(matmul.segments[i].epilogue.headSize);
    }
    return result;
}

/// Calls starter.start<kind, groups of a chunk>() for these weights.
template <class Starter>
void startForWeights(const PackedMatrix& weights, const Starter& starter) {
    const bool halves = weights.group < kChunk;
    switch (weights.kind) {
        case WeightKind::int4Zero:
            return halves ? starter.template start<WeightKind::int4Zero, 2>()
                          : starter.template start<WeightKind::int4Zero, 1>();
        case WeightKind::int4Offset:
            return halves ? starter.template start<WeightKind::int4Offset, 2>()
                          : starter.template start<WeightKind::int4Offset, 1>();
        case WeightKind::int8:
            return halves ? starter.template start<WeightKind::int8, 2>()
                          : starter.template start<WeightKind::int8, 1>();
        case WeightKind::fp16:
            return starter.template start<WeightKind::fp16, 1>();
    }
}

/// Where a tile's results go.
struct TilePlace {
    const EpilogueArguments& epilogue;
    const HeadShape& head;
    int tile;  ///< counted in its segment
};

EDGECHAT_DEVICE TilePlace placeOf(const MatmulKernelArguments& arguments, int tile) {
    const MatmulArguments& matmul = arguments.matmul;
    const int first = matmul.segments[0].tiles;
    const int segment = matmul.segmentCount > 1 && tile >= first ? 1 : 0;
    return {matmul.segments[segment].epilogue, arguments.heads[segment], segment == 1 ? tile - first : tile};
}

}  // namespace edgechat::inference::cuda
