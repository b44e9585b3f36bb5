// A prompt: weights times 8 columnTiles tokens a block, on the tensor cores.
//
// A block has eight tiles (128 rows), its four warps two each. Inputs go through shared memory, a chunk
// ahead; weights go straight from memory to the registers of the one warp that wants them, and are decoded
// once for all the block's tokens.
#pragma once

#include "inference/cuda/epilogue.cuh"
#include "inference/cuda/weight_decode.cuh"

namespace edgechat::inference::cuda {

constexpr int kGemmWarps = 4;
constexpr int kGemmThreads = kGemmWarps * kWarp;
constexpr int kWarpTiles = 2;
constexpr int kBlockTiles = kGemmWarps * kWarpTiles;
constexpr int kUnits = kChunk / 8;  ///< of 16 bytes, in a token's part of a chunk

/// Bytes: two chunks of every token's inputs; afterwards each lane's results of one tile.
constexpr size_t gemmShared(int columnTiles) {
    return 2 * static_cast<size_t>(columnTiles) * 8 * kUnits * sizeof(Words4);
}

/// Where unit u of token n's inputs lies: the halves of every other token change places, so that the eight
/// lanes that read at once (four units of two tokens) meet all banks once.
EDGECHAT_DEVICE int inputUnit(int n, int u) {
    return kUnits * n + (u ^ (n & 1) << 2);
}

/// A chunk among those of all terms.
struct ChunkPlace {
    const Term& term;
    const TermShape& shape;
    int chunk;  ///< of the term
};

EDGECHAT_DEVICE ChunkPlace placeOfChunk(const MatmulKernelArguments& args, int chunk) {
    const int first = args.terms[0].chunks, term = args.matmul.termCount > 1 && chunk >= first ? 1 : 0;
    return {args.matmul.terms[term], args.terms[term], term == 1 ? chunk - first : chunk};
}

/// Begins to copy a chunk of the inputs of tokens `first` and further; those past the end become zeros.
template <int columnTiles>
EDGECHAT_DEVICE void copyInputs(Words4* to, ChunkPlace place, int first, int tokens) {
    constexpr int kRows = kGemmThreads / kUnits;  // that are copied at once
    const int u = threadIndex() % kUnits, n = threadIndex() / kUnits, left = tokens - first - n;
    const int stride = place.term.inputStride;
    // An operand has less than 2^32 elements.
    const uint16_t* from =
        place.term.input + (static_cast<uint32_t>(first + n) * static_cast<uint32_t>(stride) +
                            static_cast<uint32_t>(kChunk * place.chunk + 8 * u));
    EDGECHAT_UNROLL
    for (int i = 0; i < 8 * columnTiles / kRows; ++i) {
        copyAsync16(to + inputUnit(n + kRows * i, u), from, kRows * i < left);
        from = whole(from + kRows * stride);
    }
    copyAsyncCommit();
}

/// A chunk of a tile, decoded once for all tokens.
template <int groupsPerChunk>
struct DecodedChunk {
    uint32_t a[4][4];  ///< [step]: the left operand
    RowScales rows[groupsPerChunk];
};

template <WeightKind kind, int groupsPerChunk>
EDGECHAT_DEVICE void decodeChunk(DecodedChunk<groupsPerChunk>& to, const RawChunk<kind, groupsPerChunk>& raw,
                                 float factor) {
    EDGECHAT_UNROLL
    for (int step = 0; step < 4; ++step) {
        const auto zeros = Decoder<kind>::zeros(raw.zeros[step * groupsPerChunk / 4]);
        Decoder<kind>::decode(raw.words, step, zeros, to.a[step]);
    }
    EDGECHAT_UNROLL
    for (int group = 0; group < groupsPerChunk; ++group) to.rows[group] = rowScales(raw, group, factor);
}

/// total += a chunk of the warp's tiles times the inputs of eight tokens.
template <WeightKind kind, int groupsPerChunk, int columnTiles>
EDGECHAT_DEVICE void multiplyInputs(float (&total)[kWarpTiles][columnTiles][4],
                                    const DecodedChunk<groupsPerChunk> (&left)[kWarpTiles],
                                    const Words4* inputs, int t) {
    constexpr int kSteps = 4 / groupsPerChunk;  // of a group
    const int n = 8 * t + laneIndex() / 4, j = laneIndex() % 4;
    const Words4 x[2] = {load16(inputs + inputUnit(n, j)), load16(inputs + inputUnit(n, j + 4))};
    EDGECHAT_UNROLL
    for (int group = 0; group < groupsPerChunk; ++group) {
        float products[kWarpTiles][4] = {}, sums[4] = {};
        EDGECHAT_UNROLL
        for (int step = kSteps * group; step < kSteps * (group + 1); ++step) {
            const Words4& right = x[step / 2];
            const uint32_t b[2] = {right.word[2 * (step % 2)], right.word[2 * (step % 2) + 1]};
            EDGECHAT_UNROLL
            for (int tile = 0; tile < kWarpTiles; ++tile)
                multiplyAdd16x8x16(products[tile], left[tile].a[step], b);
            if constexpr (Decoder<kind>::kOffsets) addInputs(sums, b);
        }
        EDGECHAT_UNROLL
        for (int tile = 0; tile < kWarpTiles; ++tile)
            addScaled<kind>(total[tile][t], left[tile].rows[group], products[tile], sums);
    }
}

/// Most column tiles of a block that registers allow.
constexpr int mostColumnTiles(WeightKind kind, int groupsPerChunk) {
    if (groupsPerChunk == 1) return 16;
    return kind == WeightKind::int4Offset ? 4 : 8;
}

/// Blocks of an SM: three have at most 168 registers a thread, two at most 255.
template <WeightKind kind, int groupsPerChunk, int columnTiles>
inline constexpr int kGemmBlocks = columnTiles == 4 ? 3 : 2;
template <>
inline constexpr int kGemmBlocks<WeightKind::int4Offset, 2, 4> = 2;

/// A block for 8 columnTiles tokens (x) and kBlockTiles tiles (y); gemmShared() bytes, at most 32 KiB.
template <WeightKind kind, int groupsPerChunk, int columnTiles>
EDGECHAT_KERNEL(kGemmThreads, (kGemmBlocks<kind, groupsPerChunk, columnTiles>))
gemmKernel(EDGECHAT_ARGUMENT MatmulKernelArguments args) {
    constexpr int kBuffer = 8 * columnTiles * kUnits;
    const int tokens = args.matmul.tokens, first = 8 * columnTiles * blockX();
    const int tile = kBlockTiles * blockY() + kWarpTiles * warpIndex();
    const int tiles = args.matmul.terms[0].weights.rows / kTileRows,
              chunks = args.terms[0].chunks + args.terms[1].chunks;
    auto* shared = reinterpret_cast<Words4*>(sharedMemory());  // [2][token][unit]

    RawChunk<kind, groupsPerChunk> raw[kWarpTiles];
    const auto load = [&](int i, int chunk) {
        // Where a tile begins is worked out again for every chunk: registers are scarce, instructions are
        // not. Past the matrix' end its last tile stands in; the results are not stored.
        const ChunkPlace place = placeOfChunk(args, chunk);
        const int own = tile + i < tiles ? tile + i : tiles - 1;
        TileReader<kind, groupsPerChunk>(place.term.weights, place.shape, own, place.chunk).load(raw[i], 0);
    };
    copyInputs<columnTiles>(shared, placeOfChunk(args, 0), first, tokens);
    EDGECHAT_UNROLL
    for (int i = 0; i < kWarpTiles; ++i) load(i, 0);

    float total[kWarpTiles][columnTiles][4] = {};
    for (int chunk = 0; chunk < chunks; ++chunk) {
        const float factor = placeOfChunk(args, chunk).term.weights.factor;
        DecodedChunk<groupsPerChunk> left[kWarpTiles];
        EDGECHAT_UNROLL
        for (int i = 0; i < kWarpTiles; ++i) {
            decodeChunk(left[i], raw[i], factor);
            load(i, chunk + 1);
        }
        copyAsyncWait<0>();
        blockBarrier();  // the chunk's inputs are there, and nobody reads the chunk's before any more
        if (chunk + 1 < chunks)
            copyInputs<columnTiles>(shared + (chunk + 1) % 2 * kBuffer, placeOfChunk(args, chunk + 1), first,
                                    tokens);
        EDGECHAT_UNROLL
        for (int t = 0; t < columnTiles; ++t)
            multiplyInputs<kind, groupsPerChunk, columnTiles>(total, left, shared + chunk % 2 * kBuffer, t);
    }
    blockBarrier();  // nobody reads inputs any more

    // Through shared memory, each lane its own, so that the results have addresses and storing them is a
    // loop.
    Words4* own = shared + columnTiles * kWarp * warpIndex() + laneIndex();
    EDGECHAT_UNROLL
    for (int i = 0; i < kWarpTiles; ++i) {
        EDGECHAT_UNROLL
        for (int t = 0; t < columnTiles; ++t) {
            const float(&c)[4] = total[i][t];
            own[kWarp * t] = {{floatBits(c[0]), floatBits(c[1]), floatBits(c[2]), floatBits(c[3])}};
        }
        if (tile + i >= tiles) return;
        const TilePlace place = placeOf(args, tile + i);
        for (int t = 0; t < columnTiles && first + 8 * t < tokens; ++t) {
            const Words4 c = own[kWarp * t];
            storeFragment(place, first + 8 * t, tokens,
                          {bitsToFloat(c.word[0]), bitsToFloat(c.word[1]), bitsToFloat(c.word[2]),
                           bitsToFloat(c.word[3])});
        }
    }
}

}  // namespace edgechat::inference::cuda
