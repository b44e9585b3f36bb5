// The kernels of dense.h.
#pragma once

#include "inference/cuda/dense.h"
#include "inference/cuda/epilogue.cuh"
#include "inference/cuda/weight_decode.cuh"

namespace edgechat::inference::cuda {

constexpr int kDenseWarps = 8;
constexpr int kDenseThreads = kDenseWarps * kWarp;

/// Plain data.
struct WriteRowsArguments {
    PackedMatrix weights;
    TermShape shape;
    int firstTile = 0;
    void* out = nullptr;
};

/// Where a lane's first input of a warp's first chunk is in its row g of a block's tile.
EDGECHAT_DEVICE int64_t firstOwnInput(const TermShape& shape) {
    const int g = laneIndex() / 4, j = laneIndex() % 4;
    return static_cast<int64_t>(kTileRows * blockX() + g) * (kChunk * shape.chunks) + kChunk * warpIndex() +
           8 * j;
}

EDGECHAT_DEVICE uint32_t scaled(uint32_t pair, float scale, float offset) {
    return toHalf2(scale * lowValue({pair}) + offset, scale * highValue({pair}) + offset).bits;
}

/// A block is a tile, its warps take every eighth chunk; a lane has eight neighbours of rows g and g + 8 in
/// each half of a chunk. At most 64 registers, no shared memory.
template <WeightKind kind, int groupsPerChunk>
EDGECHAT_KERNEL(kDenseThreads, 4)
writeRowsKernel(EDGECHAT_ARGUMENT WriteRowsArguments args) {
    const int stride = kChunk * args.shape.chunks;
    uint16_t* out = static_cast<uint16_t*>(args.out) + firstOwnInput(args.shape);
    TileReader<kind, groupsPerChunk> reader(args.weights, args.shape, args.firstTile + blockX(), warpIndex());
    while (reader.has(0)) {
        RawChunk<kind, groupsPerChunk> raw;
        reader.load(raw, 0);
        EDGECHAT_UNROLL
        for (int half = 0; half < 2; ++half) {
            Words4 upper, lower;
            EDGECHAT_UNROLL
            for (int i = 0; i < 2; ++i) {
                const int step = 2 * half + i, group = step * groupsPerChunk / 4;
                uint32_t a[4];
                Decoder<kind>::decode(raw.words, step, Decoder<kind>::zeros(raw.zeros[group]), a);
                const RowScales rows = rowScales(raw, group, args.weights.factor);
                upper.word[2 * i] = scaled(a[0], rows.scale[0], rows.offset[0]);
                upper.word[2 * i + 1] = scaled(a[2], rows.scale[0], rows.offset[0]);
                lower.word[2 * i] = scaled(a[1], rows.scale[1], rows.offset[1]);
                lower.word[2 * i + 1] = scaled(a[3], rows.scale[1], rows.offset[1]);
            }
            store16(out + kChunk / 2 * half, upper);
            store16(out + 8 * static_cast<int64_t>(stride) + kChunk / 2 * half, lower);
        }
        reader.advance(kDenseWarps);
        out += kChunk * kDenseWarps;
    }
}

/// As writeRowsKernel, of int8 without scales. At most 64 registers, no shared memory.
EDGECHAT_KERNEL(kDenseThreads, 4) writeCodesKernel(EDGECHAT_ARGUMENT WriteRowsArguments args) {
    constexpr uint32_t kSigns = 0x80808080;  // code + 128 as a signed byte
    const int stride = kChunk * args.shape.chunks;
    int8_t* out = static_cast<int8_t*>(args.out) + firstOwnInput(args.shape);
    TileReader<WeightKind::int8, 1> reader(args.weights, args.shape, args.firstTile + blockX(), warpIndex());
    while (reader.has(0)) {
        RawChunk<WeightKind::int8, 1> raw;
        reader.load(raw, 0);
        EDGECHAT_UNROLL
        for (int half = 0; half < 2; ++half) {
            const uint32_t(&codes)[4] = raw.words[half].word;
            store8(out + kChunk / 2 * half, {{permuteBytes(codes[0], codes[1], 0x5410) ^ kSigns,
                                              permuteBytes(codes[2], codes[3], 0x5410) ^ kSigns}});
            store8(out + 8 * static_cast<int64_t>(stride) + kChunk / 2 * half,
                   {{permuteBytes(codes[0], codes[1], 0x7632) ^ kSigns,
                     permuteBytes(codes[2], codes[3], 0x7632) ^ kSigns}});
        }
        reader.advance(kDenseWarps);
        out += kChunk * kDenseWarps;
    }
}

/// Plain data.
struct RoundInputsArguments {
    const uint16_t* input = nullptr;
    int inputStride = 0, inputs = 0;  ///< padded
    int tokens = 0;
    int8_t* codes = nullptr;
    float* scales = nullptr;
};

EDGECHAT_DEVICE uint32_t roundedByte(float value, float inverse) {
    return static_cast<uint32_t>(static_cast<int>(rintf(value * inverse))) & 0xff;
}

EDGECHAT_DEVICE uint32_t roundedBytes(uint32_t first, uint32_t second, float inverse) {
    return roundedByte(lowValue({first}), inverse) | roundedByte(highValue({first}), inverse) << 8 |
           roundedByte(lowValue({second}), inverse) << 16 | roundedByte(highValue({second}), inverse) << 24;
}

/// A warp is a token; it reads the token twice, the second time from a cache. At most 64 registers, no
/// shared memory.
EDGECHAT_KERNEL(kDenseThreads, 4) roundInputsKernel(EDGECHAT_ARGUMENT RoundInputsArguments args) {
    const int token = kDenseWarps * blockX() + warpIndex();
    if (token >= args.tokens) return;  // a whole warp
    const uint16_t* input = args.input + static_cast<int64_t>(token) * args.inputStride;
    float largest = 0;
    for (int k = 8 * laneIndex(); k < args.inputs; k += 8 * kWarp) {
        const Words4 x = load16(input + k);
        EDGECHAT_UNROLL
        for (int i = 0; i < 4; ++i)
            largest = fmaxf(largest, fmaxf(fabsf(lowValue({x.word[i]})), fabsf(highValue({x.word[i]}))));
    }
    largest = warpMaximum(largest);
    const float inverse = largest > 0 ? 127.0f / largest : 0.0f;
    int8_t* codes = args.codes + static_cast<int64_t>(token) * args.inputs;
    for (int k = 8 * laneIndex(); k < args.inputs; k += 8 * kWarp) {
        const Words4 x = load16(input + k);
        store8(codes + k,
               {{roundedBytes(x.word[0], x.word[1], inverse), roundedBytes(x.word[2], x.word[3], inverse)}});
    }
    if (laneIndex() == 0) args.scales[token] = largest / 127.0f;
}

/// Plain data.
struct StoreResultsArguments {
    MatmulKernelArguments matmul;
    DenseResults results;
};

/// A warp takes a tile and eight tokens, in the order in which the tensor cores would have left them. At most
/// 64 registers, no shared memory.
template <bool int8>
EDGECHAT_KERNEL(kDenseThreads, 4)
storeResultsKernel(EDGECHAT_ARGUMENT StoreResultsArguments args) {
    const MatmulArguments& matmul = args.matmul.matmul;
    const DenseResults& results = args.results;
    const int tile = results.firstTile + blockX(), first = 8 * (kDenseWarps * blockY() + warpIndex());
    const int g = laneIndex() / 4, j = laneIndex() % 4;
    float c[4] = {};
    for (int column = 0; column < 2; ++column) {
        const int token = first + 2 * j + column;
        if (token >= matmul.tokens) continue;
        const int64_t at =
            static_cast<int64_t>(token) * (kTileRows * results.tiles) + kTileRows * blockX() + g;
        if constexpr (int8) {
            for (int term = 0; term < matmul.termCount; ++term) {
                const PackedMatrix& weights = matmul.terms[term].weights;
                const Half2 rows{load4(weights.scales + 8 * static_cast<int64_t>(tile) + g)};
                const float scale = weights.factor * results.inputScales[term][token];
                c[column] += scale * lowValue(rows) * static_cast<float>(results.counts[term][at]);
                c[2 + column] += scale * highValue(rows) * static_cast<float>(results.counts[term][at + 8]);
            }
        } else {
            c[column] = results.sums[at];
            c[2 + column] = results.sums[at + 8];
        }
    }
    storeFragment(placeOf(args.matmul, tile), first, matmul.tokens, c);
}

}  // namespace edgechat::inference::cuda
