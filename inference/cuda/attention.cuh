// Flash attention on the tensor cores (Dao, FlashAttention-2, 2023; split over keys as in Flash-Decoding),
// from global memory straight to the operands' registers: no shared memory but for merging.
//
// The left operand's rows are (token, query head) pairs of one kv head, row = token * group + head of the
// group, so that keys and values are read once for all query heads that share them: 16 rows are sixteen
// tokens of LLaMA-2, four of Mistral's, and a token of Falcon-7B takes five such tiles.
//
// The order of operands is ours to choose. With l = lane, g = l / 4, j = l % 4:
//   scores = queries keys^T: lane (g, j) has of key g (of query rows g and g + 8) the run of elements
//       32 h + 8 j + {0..7} for two products: elements 0, 1 | 2, 3 in the first, 4, 5 | 6, 7 in the second.
//   out += weights values: the scores of keys 16 s + {0..7} and {8..15} are the left operand as they lie.
//       Column g of the n-th product of a block of 64 elements is element 64 block + 8 g + n, so that a lane
//       reads the run 64 block + 8 g + {0..7} of keys 2j, 2j + 1, 2j + 8, 2j + 9, and in the end holds
//       64 block + 16 j + {0..15} of its two rows.
#pragma once

#include <type_traits>

#include "inference/cuda/attention.h"
#include "inference/cuda/ptx.cuh"

namespace edgechat::inference::cuda {

constexpr int kAttentionWarps = 4;
constexpr int kAttentionThreads = kAttentionWarps * kWarp;
constexpr int kAttentionRows = 16;  ///< of a row tile
constexpr int kKeyTile = 64;        ///< positions that lie in a row in the cache: it divides every capacity
constexpr int kMostKeyPieces = 64;  ///< pieces that the keys of a row tile are split into

/// A launch's arguments with what follows from them. Plain data.
struct AttentionLaunch {
    AttentionArguments arguments;
    int group = 1;   ///< query heads of a kv head
    int rows = 0;    ///< tokens * group
    int pieces = 1;  ///< most pieces of the keys; 1 unless the kernel splits them
};

/// What a piece leaves for merging: fp32 out [16][HeadSize], the rows' maxima [16] and sums [16].
constexpr int pieceFloats(int paddedHead) {
    return kAttentionRows * paddedHead + 2 * kAttentionRows;
}
template <int HeadSize>
constexpr int kPieceFloats = pieceFloats(HeadSize);

/// Floats of a lane that warps hand over: its outputs, two maxima, two sums.
template <int HeadSize>
constexpr int kHandedFloats = HeadSize / 2 + 4;

/// Bytes of shared memory of a block whose warps split the keys: half of the warps hand over at a time.
template <int HeadSize>
constexpr int kMergeBytes = kAttentionWarps / 2 * kWarp * 4 * kHandedFloats<HeadSize>;
static_assert(kMergeBytes<64> >= (kMostKeyPieces * kAttentionRows + 1) * 4,
              "the pieces' weights fit as well");

/// Whether warps with rows of their own keep their maxima, sums and first row in shared memory, and its
/// bytes.
template <int HeadSize, int RowTiles>
constexpr bool kParked = (HeadSize * RowTiles > 128);
template <int HeadSize, int RowTiles>
constexpr int kParkedBytes = kParked<HeadSize, RowTiles> ? kAttentionThreads*(4 * RowTiles + 1) * 4 : 0;

/// Blocks of an SM, by the registers that the outputs and queries of a lane take. For Hopper the compiler
/// needs a few more of them.
constexpr int attentionBlocks(int paddedHead, int rowTiles) {
    const int blocks = paddedHead * rowTiles <= 64 ? 4 : paddedHead * rowTiles <= 128 ? 3 : 2;
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    return blocks > 2 ? blocks - 1 : blocks;
#else
    return blocks;
#endif
}

/// Eight elements of the cache: int8 or fp16.
template <bool Int8>
using Run = std::conditional_t<Int8, Words2, Words4>;

template <bool Int8>
constexpr unsigned kElementBytes = Int8 ? 1 : 2;

/// @param from  of eight elements
template <bool Int8>
EDGECHAT_DEVICE Run<Int8> loadRun(const std::byte* from) {
    if constexpr (Int8) {
        return load8(from);
    } else {
        return load16(from);
    }
}

/// Two codes + 128 in bytes to fp16, exactly: 0x6400 + code + 128 is the fp16 of 1024 + 128 + code.
EDGECHAT_DEVICE uint32_t widenCodes(uint32_t codes, uint32_t selector) {
    return add({permuteBytes(codes, 0x64646464u, selector)}, {0xe480e480u}).bits;  // -1152
}

EDGECHAT_DEVICE Words4 asHalves(Words4 run) {
    return run;
}

EDGECHAT_DEVICE Words4 asHalves(Words2 run) {
    Words4 halves;
    EDGECHAT_UNROLL
    for (int i = 0; i < 2; ++i) {
        const uint32_t codes = run.word[i] ^ 0x80808080u;
        halves.word[2 * i] = widenCodes(codes, 0x4140);
        halves.word[2 * i + 1] = widenCodes(codes, 0x4342);
    }
    return halves;
}

/// {a's element, b's element} for each of the eight.
EDGECHAT_DEVICE void pairElements(Words4 a, Words4 b, uint32_t (&pairs)[8]) {
    EDGECHAT_UNROLL
    for (int i = 0; i < 4; ++i) {
        pairs[2 * i] = permuteBytes(a.word[i], b.word[i], 0x5410);
        pairs[2 * i + 1] = permuteBytes(a.word[i], b.word[i], 0x7632);
    }
}

EDGECHAT_DEVICE void pairElements(Words2 a, Words2 b, uint32_t (&pairs)[8]) {
    EDGECHAT_UNROLL
    for (int i = 0; i < 2; ++i) {
        const uint32_t first = a.word[i] ^ 0x80808080u, second = b.word[i] ^ 0x80808080u;
        const uint32_t low = permuteBytes(first, second, 0x5140), high = permuteBytes(first, second, 0x7362);
        pairs[4 * i] = widenCodes(low, 0x4140);
        pairs[4 * i + 1] = widenCodes(low, 0x4342);
        pairs[4 * i + 2] = widenCodes(high, 0x4140);
        pairs[4 * i + 3] = widenCodes(high, 0x4342);
    }
}

EDGECHAT_DEVICE int smaller(int a, int b) {
    return a < b ? a : b;
}

EDGECHAT_DEVICE int larger(int a, int b) {
    return a > b ? a : b;
}

EDGECHAT_DEVICE float minusInfinity() {
    return bitsToFloat(0xff800000u);
}

/// What powers are taken relative to: the maximum, or 0 for a row that has seen no key.
EDGECHAT_DEVICE float powerBase(float maximum) {
    return maximum == minusInfinity() ? 0.0f : maximum;
}

/// Positions that matter to a warp's rows.
struct KeyRange {
    int length = 0;       ///< positions written so far
    int firstStored = 0;  ///< earlier ones have left the cache
    int begin = 0;        ///< no row sees a key before it,
    int end = 0;          ///< or from here on
    int allFrom = 0;      ///< every row sees all keys from here,
    int allBefore = 0;    ///< to before here
};

EDGECHAT_DEVICE KeyRange keyRange(const AttentionLaunch& launch, int firstRow, int rowCount) {
    const AttentionArguments& a = launch.arguments;
    const int start = *a.start;
    const int first = start + firstRow / launch.group;  // positions of the first and last row's tokens
    const int last = start + (smaller(firstRow + rowCount, launch.rows) - 1) / launch.group;
    KeyRange range;
    range.length = start + a.tokens;
    range.firstStored = larger(0, range.length - a.cache.capacity);
    range.begin = a.window > 0 ? larger(range.firstStored, first - a.window + 1) : range.firstStored;
    range.end = last + 1;
    range.allFrom = a.window > 0 ? larger(range.firstStored, last - a.window + 1) : range.firstStored;
    range.allBefore = first + 1;
    return range;
}

/// Queries and running softmax of RowTiles * 16 rows in the registers of a warp. A lane has rows g (index 0)
/// and g + 8 (index 1) of each tile.
template <int HeadSize, int RowTiles>
struct WarpRows {
    uint32_t queries[RowTiles][HeadSize / 16][4];
    float out[RowTiles][HeadSize / 8][4];  ///< not yet divided by the sum
    float maximum[RowTiles][2];
    float sum[RowTiles][2];  ///< a lane's own share
    int firstRow;
    const std::byte* keys;  ///< of the kv head, where the lane's runs of a slot 0 begin
    const std::byte* values;
};

/// The row of a lane; rows past the last stand for it and are not written.
EDGECHAT_DEVICE int laneRow(const AttentionLaunch& launch, int firstRow, int tile, int upper) {
    return smaller(firstRow + kAttentionRows * tile + 8 * upper + laneIndex() / 4, launch.rows - 1);
}

EDGECHAT_DEVICE int headOf(const AttentionLaunch& launch, int row) {
    return blockZ() * launch.group + row % launch.group;
}

template <bool Int8, int HeadSize, int RowTiles>
EDGECHAT_DEVICE void beginRows(const AttentionLaunch& launch, WarpRows<HeadSize, RowTiles>& rows,
                               int firstRow) {
    const AttentionArguments& a = launch.arguments;
    const int g = laneIndex() / 4, j = laneIndex() % 4;
    const size_t head = static_cast<size_t>(blockZ()) * a.cache.capacity * HeadSize;
    rows.firstRow = firstRow;
    rows.keys = static_cast<const std::byte*>(a.cache.keys) + (head + 8 * j) * kElementBytes<Int8>;
    rows.values = static_cast<const std::byte*>(a.cache.values) + (head + 8 * g) * kElementBytes<Int8>;
    EDGECHAT_UNROLL
    for (int tile = 0; tile < RowTiles; ++tile) {
        EDGECHAT_UNROLL
        for (int upper = 0; upper < 2; ++upper) {
            const int row = laneRow(launch, firstRow, tile, upper);
            const int token = row / launch.group;
            const uint16_t* query =
                a.queries + (static_cast<size_t>(token) * a.heads + headOf(launch, row)) * HeadSize;
            EDGECHAT_UNROLL
            for (int h = 0; h < HeadSize / 32; ++h) {
                const Words4 run = load16(query + 32 * h + 8 * j);
                rows.queries[tile][2 * h][upper] = run.word[0];
                rows.queries[tile][2 * h][2 + upper] = run.word[1];
                rows.queries[tile][2 * h + 1][upper] = run.word[2];
                rows.queries[tile][2 * h + 1][2 + upper] = run.word[3];
            }
            rows.maximum[tile][upper] = minusInfinity();
            rows.sum[tile][upper] = 0.0f;
        }
        EDGECHAT_UNROLL
        for (int n = 0; n < HeadSize / 8; ++n) {
            EDGECHAT_UNROLL
            for (int i = 0; i < 4; ++i) rows.out[tile][n][i] = 0.0f;
        }
    }
}

/// Adds the biases of keys `position` + 8 n + 2 j + {0, 1} and takes out those that a row does not see.
template <int HeadSize, int RowTiles, int Keys>
EDGECHAT_DEVICE void maskScores(const AttentionLaunch& launch, const WarpRows<HeadSize, RowTiles>& rows,
                                const KeyRange& range, int position, float (&scores)[RowTiles][Keys / 8][4]) {
    const AttentionArguments& a = launch.arguments;
    EDGECHAT_UNROLL
    for (int tile = 0; tile < RowTiles; ++tile) {
        EDGECHAT_UNROLL
        for (int upper = 0; upper < 2; ++upper) {
            const int row = laneRow(launch, rows.firstRow, tile, upper);
            const int last = *a.start + row / launch.group;
            const int first =
                a.window > 0 ? larger(range.firstStored, last - a.window + 1) : range.firstStored;
            const float* biases = nullptr;
            if (a.biases != nullptr) {
                biases = a.biases + static_cast<size_t>(headOf(launch, row)) * a.biasStride;
            }
            EDGECHAT_UNROLL
            for (int n = 0; n < Keys / 8; ++n) {
                EDGECHAT_UNROLL
                for (int i = 0; i < 2; ++i) {
                    const int key = position + 8 * n + laneIndex() % 4 * 2 + i;
                    float& score = scores[tile][n][2 * upper + i];
                    if (key < first || key > last) {
                        score = minusInfinity();
                    } else if (biases != nullptr) {
                        score += biases[key];
                    }
                }
            }
        }
    }
}

/// Between two runs of keys a warp without registers to spare keeps its maxima and sums in shared memory,
/// each lane its own, and all the time its first row, which few runs need.
template <int HeadSize, int RowTiles>
EDGECHAT_DEVICE void parkFirstRow(const WarpRows<HeadSize, RowTiles>& rows) {
    reinterpret_cast<int*>(sharedMemory())[4 * RowTiles * kAttentionThreads + threadIndex()] = rows.firstRow;
}

template <int HeadSize, int RowTiles>
EDGECHAT_DEVICE void park(const WarpRows<HeadSize, RowTiles>& rows) {
    float* parked = reinterpret_cast<float*>(sharedMemory()) + threadIndex();
    EDGECHAT_UNROLL
    for (int i = 0; i < 2 * RowTiles; ++i) {
        parked[2 * i * kAttentionThreads] = rows.maximum[i / 2][i % 2];
        parked[(2 * i + 1) * kAttentionThreads] = rows.sum[i / 2][i % 2];
    }
    warpBarrier();  // keeps the compiler from keeping them in registers all the same
}

template <int HeadSize, int RowTiles>
EDGECHAT_DEVICE void unparkFirstRow(WarpRows<HeadSize, RowTiles>& rows) {
    rows.firstRow =
        reinterpret_cast<const int*>(sharedMemory())[4 * RowTiles * kAttentionThreads + threadIndex()];
}

template <int HeadSize, int RowTiles>
EDGECHAT_DEVICE void unpark(WarpRows<HeadSize, RowTiles>& rows) {
    const float* parked = reinterpret_cast<const float*>(sharedMemory()) + threadIndex();
    EDGECHAT_UNROLL
    for (int i = 0; i < 2 * RowTiles; ++i) {
        rows.maximum[i / 2][i % 2] = parked[2 * i * kAttentionThreads];
        rows.sum[i / 2][i % 2] = parked[(2 * i + 1) * kAttentionThreads];
    }
}

/// Scores become weights 2^(score - maximum); what was summed before is brought to the new maximum.
template <int HeadSize, int RowTiles, int Keys>
EDGECHAT_DEVICE void takeSoftmax(WarpRows<HeadSize, RowTiles>& rows, float (&scores)[RowTiles][Keys / 8][4]) {
    EDGECHAT_UNROLL
    for (int tile = 0; tile < RowTiles; ++tile) {
        EDGECHAT_UNROLL
        for (int upper = 0; upper < 2; ++upper) {
            const float before = rows.maximum[tile][upper];
            float maximum = before;
            EDGECHAT_UNROLL
            for (int n = 0; n < Keys / 8; ++n) {
                maximum = fmaxf(maximum, fmaxf(scores[tile][n][2 * upper], scores[tile][n][2 * upper + 1]));
            }
            maximum = fmaxf(maximum, shuffleXor(maximum, 1));
            maximum = fmaxf(maximum, shuffleXor(maximum, 2));
            const float base = powerBase(maximum);
            float sum = rows.sum[tile][upper];
            if (maximum != before) {
                const float factor = exp2Fast(before - base);
                sum *= factor;
                EDGECHAT_UNROLL
                for (int n = 0; n < HeadSize / 8; ++n) {
                    rows.out[tile][n][2 * upper] *= factor;
                    rows.out[tile][n][2 * upper + 1] *= factor;
                }
                rows.maximum[tile][upper] = maximum;
            }
            EDGECHAT_UNROLL
            for (int n = 0; n < Keys / 8; ++n) {
                EDGECHAT_UNROLL
                for (int i = 2 * upper; i < 2 * upper + 2; ++i) {
                    scores[tile][n][i] = exp2Fast(scores[tile][n][i] - base);
                    sum += scores[tile][n][i];
                }
            }
            rows.sum[tile][upper] = sum;
        }
    }
}

/// Runs of a block of 64 elements of the values of keys 2j, 2j + 1, 2j + 8, 2j + 9 from `key` on.
/// @param values  where the lane's runs of key 0 begin
template <int HeadSize, bool Int8>
EDGECHAT_DEVICE void loadValues(const std::byte* values, int key, int lastKey, int block,
                                Run<Int8> (&runs)[4]) {
    EDGECHAT_UNROLL
    for (int i = 0; i < 4; ++i) {
        const int row = smaller(key + laneIndex() % 4 * 2 + i % 2 + i / 2 * 8, lastKey);
        runs[i] = loadRun<Int8>(values + (row * HeadSize + 64 * block) * kElementBytes<Int8>);
    }
}

/// All rows of the warp see the keys of `position` + {0 .. Keys - 1}, which lie in `slot` and after.
/// `position` is before the range's end and a multiple of Keys.
/// @param EarlyValues  with 16 keys: all values are loaded before the softmax, which hides their way from
/// memory
/// @param Parked       maxima and sums are in shared memory before and after
template <int HeadSize, bool Int8, int RowTiles, int Keys, bool EarlyValues, bool Parked>
EDGECHAT_DEVICE void attendKeys(const AttentionLaunch& launch, WarpRows<HeadSize, RowTiles>& rows,
                                const KeyRange& range, int position, int slot) {
    static_assert(!EarlyValues || Keys == 16);
    constexpr int kBlocks = HeadSize / 64;
    const KvView& cache = launch.arguments.cache;
    const int lane = laneIndex(), g = lane / 4, j = lane % 4;
    const size_t firstByte = static_cast<size_t>(slot) * (HeadSize * kElementBytes<Int8>);
    const std::byte* keys = rows.keys + firstByte;
    const std::byte* values = rows.values + firstByte;
    const size_t firstScale = Int8 ? static_cast<size_t>(blockZ()) * cache.capacity + slot + 2 * j : 0;
    // Slots past the last written position may hold anything, and 0 times it may not be 0: the last one's
    // keys and values stand for theirs. (Keys need it less, but without it the compiler loads them too
    // early.)
    const int lastKey = range.length - 1 - position;

    float scores[RowTiles][Keys / 8][4];
    EDGECHAT_UNROLL
    for (int n = 0; n < Keys / 8; ++n) {
        EDGECHAT_UNROLL
        for (int tile = 0; tile < RowTiles; ++tile) {
            EDGECHAT_UNROLL
            for (int i = 0; i < 4; ++i) scores[tile][n][i] = 0.0f;
        }
        const std::byte* key = keys + smaller(8 * n + g, lastKey) * HeadSize * kElementBytes<Int8>;
        EDGECHAT_UNROLL
        for (int h = 0; h < HeadSize / 32; ++h) {
            const Words4 run = asHalves(loadRun<Int8>(key + 32 * h * kElementBytes<Int8>));
            const uint32_t first[2] = {run.word[0], run.word[1]}, second[2] = {run.word[2], run.word[3]};
            EDGECHAT_UNROLL
            for (int tile = 0; tile < RowTiles; ++tile) {
                multiplyAdd16x8x16(scores[tile][n], rows.queries[tile][2 * h], first);
                multiplyAdd16x8x16(scores[tile][n], rows.queries[tile][2 * h + 1], second);
            }
        }
        if constexpr (Int8) {
            const Half2 scales{load4(cache.keyScales + firstScale + 8 * n)};
            EDGECHAT_UNROLL
            for (int tile = 0; tile < RowTiles; ++tile) {
                EDGECHAT_UNROLL
                for (int i = 0; i < 4; ++i) {
                    scores[tile][n][i] *= i % 2 == 0 ? lowValue(scales) : highValue(scales);
                }
            }
        }
    }

    Run<Int8> blocks[EarlyValues ? kBlocks : 1][4];
    if constexpr (EarlyValues) {
        EDGECHAT_UNROLL
        for (int block = 0; block < kBlocks; ++block) {
            loadValues<HeadSize, Int8>(values, 0, lastKey, block, blocks[block]);
        }
    }

    if (position < range.allFrom || position + Keys > range.allBefore || launch.arguments.biases != nullptr) {
        if constexpr (Parked) unparkFirstRow(rows);
        maskScores<HeadSize, RowTiles, Keys>(launch, rows, range, position, scores);
    }
    if constexpr (Parked) unpark(rows);
    takeSoftmax<HeadSize, RowTiles, Keys>(rows, scores);
    if constexpr (Parked) park(rows);

    if constexpr (Int8) {
        EDGECHAT_UNROLL
        for (int n = 0; n < Keys / 8; ++n) {
            const Half2 scales{load4(cache.valueScales + firstScale + 8 * n)};
            EDGECHAT_UNROLL
            for (int tile = 0; tile < RowTiles; ++tile) {
                EDGECHAT_UNROLL
                for (int i = 0; i < 4; ++i) {
                    // A scale past the last written position may be a NaN.
                    float& weight = scores[tile][n][i];
                    weight =
                        weight > 0.0f ? weight * (i % 2 == 0 ? lowValue(scales) : highValue(scales)) : 0.0f;
                }
            }
        }
    }

    EDGECHAT_UNROLL
    for (int s = 0; s < Keys / 16; ++s) {
        uint32_t weights[RowTiles][4];
        EDGECHAT_UNROLL
        for (int tile = 0; tile < RowTiles; ++tile) {
            EDGECHAT_UNROLL
            for (int i = 0; i < 4; ++i) {
                const float(&four)[4] = scores[tile][2 * s + i / 2];
                weights[tile][i] = toHalf2(four[i % 2 * 2], four[i % 2 * 2 + 1]).bits;
            }
        }
        EDGECHAT_UNROLL
        for (int block = 0; block < kBlocks; ++block) {
            Run<Int8>(&runs)[4] = blocks[EarlyValues ? block : 0];
            if constexpr (!EarlyValues) {
                loadValues<HeadSize, Int8>(values, 16 * s, lastKey, block, runs);
            }
            uint32_t low[8], high[8];
            pairElements(runs[0], runs[1], low);
            pairElements(runs[2], runs[3], high);
            EDGECHAT_UNROLL
            for (int n = 0; n < 8; ++n) {
                const uint32_t pair[2] = {low[n], high[n]};
                EDGECHAT_UNROLL
                for (int tile = 0; tile < RowTiles; ++tile) {
                    multiplyAdd16x8x16(rows.out[tile][8 * block + n], weights[tile], pair);
                }
            }
        }
    }
}

/// The keys from `position` to `stop`, Keys of every Stride. `position` is a multiple of Keys; neither it nor
/// a stride leads past the cache's end but at a multiple of the key tile.
template <int HeadSize, bool Int8, int RowTiles, int Keys, int Stride, bool EarlyValues, bool Parked>
EDGECHAT_DEVICE void attendRange(const AttentionLaunch& launch, WarpRows<HeadSize, RowTiles>& rows,
                                 const KeyRange& range, int position, int stop) {
    const int capacity = launch.arguments.cache.capacity;
    int slot = position % capacity;
    if constexpr (Parked) {
        parkFirstRow(rows);
        park(rows);
    }
    for (; position < stop; position += Stride) {
        attendKeys<HeadSize, Int8, RowTiles, Keys, EarlyValues, Parked>(launch, rows, range, position, slot);
        slot += Stride;
        if (slot >= capacity) slot -= capacity;
    }
    if constexpr (Parked) {
        unparkFirstRow(rows);
        unpark(rows);
    }
    EDGECHAT_UNROLL
    for (int tile = 0; tile < RowTiles; ++tile) {
        EDGECHAT_UNROLL
        for (int upper = 0; upper < 2; ++upper) {
            float& sum = rows.sum[tile][upper];
            sum += shuffleXor(sum, 1);
            sum += shuffleXor(sum, 2);
        }
    }
}

/// Eight outputs of a row, those that the head has, to fp16.
EDGECHAT_DEVICE void writeOut(const AttentionLaunch& launch, int row, int element, const float (&values)[8]) {
    const AttentionArguments& a = launch.arguments;
    if (row >= launch.rows) return;
    uint16_t* to = a.out + static_cast<size_t>(row / launch.group) * a.outStride +
                   headOf(launch, row) * a.headSize + element;
    if (a.headSize % 8 == 0 && a.outStride % 8 == 0) {
        if (element >= a.headSize) return;
        Words4 eight;
        EDGECHAT_UNROLL
        for (int i = 0; i < 4; ++i) eight.word[i] = toHalf2(values[2 * i], values[2 * i + 1]).bits;
        store16(to, eight);
    } else {
        EDGECHAT_UNROLL
        for (int i = 0; i < 8; ++i) {
            if (element + i < a.headSize) to[i] = toHalf(values[i]);
        }
    }
}

template <int HeadSize, int RowTiles>
EDGECHAT_DEVICE void writeRows(const AttentionLaunch& launch, const WarpRows<HeadSize, RowTiles>& rows) {
    const int lane = laneIndex();
    EDGECHAT_UNROLL
    for (int tile = 0; tile < RowTiles; ++tile) {
        EDGECHAT_UNROLL
        for (int upper = 0; upper < 2; ++upper) {
            const int row = rows.firstRow + kAttentionRows * tile + 8 * upper + lane / 4;
            const float factor = 1.0f / rows.sum[tile][upper];
            EDGECHAT_UNROLL
            for (int run = 0; run < HeadSize / 32; ++run) {  // of two in a block of 64 elements
                float values[8];
                EDGECHAT_UNROLL
                for (int i = 0; i < 8; ++i) {
                    values[i] = factor * rows.out[tile][run / 2 * 8 + i][2 * upper + run % 2];
                }
                writeOut(launch, row, run / 2 * 64 + lane % 4 * 16 + run % 2 * 8, values);
            }
        }
    }
}

/// The warps of a block have seen different keys for the same rows: warp 0 gets the whole.
template <int HeadSize>
EDGECHAT_DEVICE void mergeWarps(WarpRows<HeadSize, 1>& rows) {
    const int warp = warpIndex(), lane = laneIndex();
    constexpr int kOut = HeadSize / 2;
    EDGECHAT_UNROLL
    for (int half = kAttentionWarps / 2; half >= 1; half /= 2) {
        float* shared =
            reinterpret_cast<float*>(sharedMemory()) + warp % half * kHandedFloats<HeadSize> * kWarp + lane;
        if (warp >= half && warp < 2 * half) {
            EDGECHAT_UNROLL
            for (int i = 0; i < kOut; ++i) shared[i * kWarp] = rows.out[0][i / 4][i % 4];
            EDGECHAT_UNROLL
            for (int upper = 0; upper < 2; ++upper) {
                shared[(kOut + upper) * kWarp] = rows.maximum[0][upper];
                shared[(kOut + 2 + upper) * kWarp] = rows.sum[0][upper];
            }
        }
        blockBarrier();
        if (warp < half) {
            float mine[2], theirs[2];
            EDGECHAT_UNROLL
            for (int upper = 0; upper < 2; ++upper) {
                const float other = shared[(kOut + upper) * kWarp];
                const float maximum = fmaxf(rows.maximum[0][upper], other);
                mine[upper] = exp2Fast(rows.maximum[0][upper] - powerBase(maximum));
                theirs[upper] = exp2Fast(other - powerBase(maximum));
                rows.maximum[0][upper] = maximum;
                rows.sum[0][upper] =
                    rows.sum[0][upper] * mine[upper] + shared[(kOut + 2 + upper) * kWarp] * theirs[upper];
            }
            EDGECHAT_UNROLL
            for (int i = 0; i < kOut; ++i) {
                float& out = rows.out[0][i / 4][i % 4];
                out = out * mine[i % 4 / 2] + shared[i * kWarp] * theirs[i % 4 / 2];
            }
        }
        blockBarrier();
    }
}

/// A warp's rows to a piece of working memory.
template <int HeadSize>
EDGECHAT_DEVICE void writePiece(const WarpRows<HeadSize, 1>& rows, float* piece) {
    const int lane = laneIndex(), g = lane / 4, j = lane % 4;
    EDGECHAT_UNROLL
    for (int upper = 0; upper < 2; ++upper) {
        float* row = piece + (g + 8 * upper) * HeadSize + 16 * j;
        EDGECHAT_UNROLL
        for (int four = 0; four < HeadSize / 16; ++four) {  // of four in a block of 64 elements
            Words4 words;
            EDGECHAT_UNROLL
            for (int i = 0; i < 4; ++i) {
                const int n = four / 4 * 8 + four % 2 * 4 + i;
                words.word[i] = floatBits(rows.out[0][n][2 * upper + four % 4 / 2]);
            }
            store16(row + four / 4 * 64 + four % 4 * 4, words);
        }
        if (j == 0) {
            float* ends = piece + kAttentionRows * HeadSize + g + 8 * upper;
            ends[0] = rows.maximum[0][upper];
            ends[kAttentionRows] = rows.sum[0][upper];
        }
    }
}

EDGECHAT_DEVICE float loadCoherentFloat(const float* address) {
    return bitsToFloat(loadCoherent4(address));
}

/// Adds up the pieces of a row tile in their order, whichever arrived last, and writes the rows.
template <int HeadSize>
EDGECHAT_DEVICE void mergePieces(const AttentionLaunch& launch, const float* first, int pieces,
                                 int firstRow) {
    constexpr int kPiece = kPieceFloats<HeadSize>;
    constexpr int kSharers = kAttentionThreads / kAttentionRows;  // threads that share a row's pieces
    static_assert(kSharers == 8);
    float* factors = reinterpret_cast<float*>(sharedMemory());  // [pieces][16]

    const int row = threadIndex() / kSharers, sharer = threadIndex() % kSharers;
    const float* maxima = first + kAttentionRows * HeadSize + row;
    float maximum = minusInfinity(), sum = 0.0f;
    for (int piece = sharer; piece < pieces; piece += kSharers) {
        maximum = fmaxf(maximum, loadCoherentFloat(maxima + piece * kPiece));
    }
    EDGECHAT_UNROLL
    for (int mask = kSharers / 2; mask > 0; mask /= 2) maximum = fmaxf(maximum, shuffleXor(maximum, mask));
    for (int piece = sharer; piece < pieces; piece += kSharers) {
        const float factor = exp2Fast(loadCoherentFloat(maxima + piece * kPiece) - powerBase(maximum));
        sum += factor * loadCoherentFloat(maxima + kAttentionRows + piece * kPiece);
        factors[piece * kAttentionRows + row] = factor;
    }
    EDGECHAT_UNROLL
    for (int mask = kSharers / 2; mask > 0; mask /= 2) sum += shuffleXor(sum, mask);
    for (int piece = sharer; piece < pieces; piece += kSharers) {
        factors[piece * kAttentionRows + row] /= sum;
    }
    blockBarrier();

    EDGECHAT_UNROLL
    for (int i = 0; i < HeadSize / 64; ++i) {
        const int run = threadIndex() + i * kAttentionThreads;
        const int outRow = run / (HeadSize / 8);
        const float* from = first + run * 8;
        float values[8] = {};
#ifdef __CUDACC__
#pragma unroll 4
#endif
        for (int piece = 0; piece < pieces; ++piece) {
            const float factor = factors[piece * kAttentionRows + outRow];
            const Words4 low = loadCoherent16(from + piece * kPiece);
            const Words4 high = loadCoherent16(from + piece * kPiece + 4);
            EDGECHAT_UNROLL
            for (int k = 0; k < 4; ++k) {
                values[k] += factor * bitsToFloat(low.word[k]);
                values[4 + k] += factor * bitsToFloat(high.word[k]);
            }
        }
        writeOut(launch, firstRow + outRow, run % (HeadSize / 8) * 8, values);
    }
}

/// Few rows: a block has one row tile and its warps split the keys; the grid is {pieces of the keys, row
/// tiles, kv heads}. How many pieces there are follows from the tokens that are there when it runs, so that a
/// recorded launch stays right as a text grows; blocks beyond end at once. The block that arrives last
/// merges.
///
/// Budget at 64, 128, 256 elements a head: 128, 168, 255 registers (Hopper: 168, 255, 255); 9, 17, 33 KiB of
/// shared memory.
template <int HeadSize, bool Int8>
EDGECHAT_KERNEL(kAttentionThreads, attentionBlocks(HeadSize, 1))
attentionFewRowsKernel(EDGECHAT_ARGUMENT AttentionLaunch launch) {
    const int firstRow = blockY() * kAttentionRows;
    const KeyRange range = keyRange(launch, firstRow, kAttentionRows);
    const int firstTile = range.begin / kKeyTile;
    const int tiles = (range.end + kKeyTile - 1) / kKeyTile - firstTile;
    const int pieceTiles = (tiles + launch.pieces - 1) / launch.pieces;
    const int pieces = (tiles + pieceTiles - 1) / pieceTiles;
    if (blockX() >= pieces) return;

    WarpRows<HeadSize, 1> rows;
    beginRows<Int8>(launch, rows, firstRow);
    const int from = (firstTile + blockX() * pieceTiles) * kKeyTile;
    const int stop = smaller(range.end, from + pieceTiles * kKeyTile);
    static_assert(kKeyTile == 16 * kAttentionWarps, "a key tile is 16 keys for each warp");
    int position = from + 16 * warpIndex();
    if (position + 16 <= range.begin) position += kKeyTile;
    attendRange<HeadSize, Int8, 1, 16, kKeyTile, (HeadSize <= 128), false>(launch, rows, range, position,
                                                                           stop);
    mergeWarps(rows);
    if (pieces == 1) {
        if (warpIndex() == 0) writeRows(launch, rows);
        return;
    }

    constexpr int kPiece = kPieceFloats<HeadSize>;
    const int rowTile = blockZ() * gridY() + blockY();
    float* first = launch.arguments.partial + rowTile * gridX() * kPiece;
    if (warpIndex() == 0) writePiece(rows, first + blockX() * kPiece);
    deviceFence();
    blockBarrier();
    uint32_t* ticket = reinterpret_cast<uint32_t*>(sharedMemory()) + kMostKeyPieces * kAttentionRows;
    if (threadIndex() == 0) {
        *ticket = atomicTicket(launch.arguments.tickets + rowTile, static_cast<uint32_t>(pieces - 1));
    }
    blockBarrier();
    if (*ticket != static_cast<uint32_t>(pieces - 1)) return;
    deviceFence();
    mergePieces<HeadSize>(launch, first, pieces, firstRow);
}

/// Many rows: each warp has its own RowTiles row tiles and goes through all their keys; the grid is {1,
/// blocks of rows, kv heads}. The keys and values that a block's warps read at about the same time meet in
/// the first-level cache.
///
/// Heads of 256 elements have no registers for it.
///
/// Budget at 64, 128, 256 elements a head times row tiles: 128, 168, 255 registers (Hopper: 168, 255, 255);
/// 0, 0, 4.5 KiB of shared memory.
template <int HeadSize, bool Int8, int RowTiles>
EDGECHAT_KERNEL(kAttentionThreads, attentionBlocks(HeadSize, RowTiles))
attentionManyRowsKernel(EDGECHAT_ARGUMENT AttentionLaunch launch) {
    // The last rows have most keys: they begin first.
    const int block = gridY() - 1 - blockY();
    const int firstRow = (block * kAttentionWarps + warpIndex()) * kAttentionRows * RowTiles;
    if (firstRow >= launch.rows) return;  // a whole warp; no barrier follows
    const KeyRange range = keyRange(launch, firstRow, kAttentionRows * RowTiles);
    WarpRows<HeadSize, RowTiles> rows;
    beginRows<Int8>(launch, rows, firstRow);
    constexpr int kKeys = HeadSize * RowTiles <= 64 ? 32 : 16;
    attendRange<HeadSize, Int8, RowTiles, kKeys, kKeys, false, kParked<HeadSize, RowTiles>>(
        launch, rows, range, range.begin / kKeys * kKeys, range.end);
    writeRows(launch, rows);
}

}  // namespace edgechat::inference::cuda
