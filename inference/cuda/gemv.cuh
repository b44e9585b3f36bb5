// A token, or a few: weights times up to eight columns, as fast as the weights come from memory.
//
// A block has one tile of 16 rows, its eight warps take every eighth chunk of 64 inputs. The tensor cores do
// the products (the tokens are the eight columns of their right operand), so that up to eight tokens cost
// what one does and the lanes only decode.
#pragma once

#include "inference/cuda/epilogue.cuh"
#include "inference/cuda/weight_decode.cuh"

namespace edgechat::inference::cuda {

constexpr int kGemvWarps = 8;
constexpr int kGemvThreads = kGemvWarps * kWarp;
constexpr size_t kGemvShared = kGemvThreads * sizeof(Words4);  ///< each lane's four sums

/// Chunks that are on their way to a warp: as many as registers allow.
template <WeightKind kind, int groupsPerChunk>
inline constexpr int kChunksAhead = chunkBytes(kind) > 512 ? 2 : 4;
template <>
inline constexpr int kChunksAhead<WeightKind::int4Offset, 2> = 3;

/// total += one chunk's products.
template <WeightKind kind, int groupsPerChunk>
EDGECHAT_DEVICE void multiplyChunk(float (&total)[4], const RawChunk<kind, groupsPerChunk>& raw,
                                   const Words4 (&x)[2]) {
    using Decoder = Decoder<kind>;
    constexpr int kSteps = 4 / groupsPerChunk;  // of a group
    EDGECHAT_UNROLL
    for (int group = 0; group < groupsPerChunk; ++group) {
        const auto zeros = Decoder::zeros(raw.zeros[group]);
        float products[4] = {}, inputs[4] = {};
        EDGECHAT_UNROLL
        for (int step = kSteps * group; step < kSteps * (group + 1); ++step) {
            uint32_t a[4];
            Decoder::decode(raw.words, step, zeros, a);
            const Words4& right = x[step / 2];
            const uint32_t b[2] = {right.word[2 * (step % 2)], right.word[2 * (step % 2) + 1]};
            multiplyAdd16x8x16(products, a, b);
            if constexpr (Decoder::kOffsets) addInputs(inputs, b);
        }
        addScaled<kind>(total, rowScales(raw, group, 1.0f), products, inputs);
    }
}

/// This warp's part of a term's products for the tile.
template <WeightKind kind, int groupsPerChunk>
EDGECHAT_DEVICE void multiplyTile(float (&total)[4], const Term& term, const TermShape& shape, int tile,
                                  int tokens) {
    constexpr int kAhead = kChunksAhead<kind, groupsPerChunk>;
    constexpr int kStride = kGemvWarps;
    TileReader<kind, groupsPerChunk> reader(term.weights, shape, tile, warpIndex());
    // A lane without a token takes the first one's inputs: its columns are not stored, and depend on no
    // other's.
    const int g = laneIndex() / 4, j = laneIndex() % 4, token = g < tokens ? g : 0;
    const uint16_t* input =
        whole(term.input + static_cast<int64_t>(token) * term.inputStride + kChunk * warpIndex() + 8 * j);
    const auto multiply = [&](const RawChunk<kind, groupsPerChunk>& raw, int further) {
        const uint16_t* from = input + kChunk * further;
        const Words4 x[2] = {load16(from), load16(from + kChunk / 2)};
        multiplyChunk(total, raw, x);
    };

    RawChunk<kind, groupsPerChunk> raw[kAhead];
    EDGECHAT_UNROLL
    for (int i = 0; i < kAhead; ++i) reader.load(raw[i], kStride * i);
    while (reader.has(kStride * (kAhead - 1))) {
        EDGECHAT_UNROLL
        for (int i = 0; i < kAhead; ++i) {
            multiply(raw[i], kStride * i);
            reader.load(raw[i], kStride * (i + kAhead));
        }
        reader.advance(kStride * kAhead);
        input += kChunk * kStride * kAhead;
    }
    EDGECHAT_UNROLL
    for (int i = 0; i < kAhead - 1; ++i) {
        if (reader.has(kStride * i)) multiply(raw[i], kStride * i);
    }
}

/// A block a tile; kGemvShared bytes, 4 KiB. At most 80 registers, so that three blocks share an SM.
template <WeightKind kind, int groupsPerChunk>
EDGECHAT_KERNEL(kGemvThreads, 3)
gemvKernel(EDGECHAT_ARGUMENT MatmulKernelArguments args) {
    const MatmulArguments& matmul = args.matmul;
    const int tile = blockX();
    auto* sums = reinterpret_cast<float*>(sharedMemory());  // [warp][lane][4]
    float* own = sums + 4 * threadIndex();
    for (int term = 0; term < matmul.termCount; ++term) {
        float total[4] = {};
        multiplyTile<kind, groupsPerChunk>(total, matmul.terms[term], args.terms[term], tile, matmul.tokens);
        const float factor = matmul.terms[term].weights.factor;
        EDGECHAT_UNROLL
        for (int i = 0; i < 4; ++i) own[i] = factor * total[i] + (term == 0 ? 0.0f : own[i]);
    }
    blockBarrier();
    if (warpIndex() > 0) return;
    float sum[4] = {};
    EDGECHAT_UNROLL
    for (int warp = 0; warp < kGemvWarps; ++warp) {
        EDGECHAT_UNROLL
        for (int i = 0; i < 4; ++i) sum[i] += own[4 * kWarp * warp + i];
    }
    const TilePlace place = placeOf(args, tile);
    storeFragment(place, 0, matmul.tokens, sum);
    finishHead(place, matmul.tokens);
}

}  // namespace edgechat::inference::cuda
