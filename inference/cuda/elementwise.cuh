// The kernels of elementwise.h.
#pragma once

#include "inference/cuda/elementwise.h"
#include "inference/cuda/ptx.cuh"

namespace edgechat::inference::cuda {

constexpr int kEmbedThreads = 256;
constexpr int kMostNormThreads = 1024;
constexpr size_t kHalfChunkBytes = chunkBytes(WeightKind::fp16);
constexpr size_t kByteChunkBytes = chunkBytes(WeightKind::int8);
constexpr size_t kNibbleChunkBytes = chunkBytes(WeightKind::int4Zero);

/// Scale or offset of a weight: two fp16 in a word, rows g and g + 8 of the tile.
EDGECHAT_DEVICE float groupValue(const uint32_t* values, int index, int upper) {
    const Half2 pair{values[index]};
    return upper != 0 ? highValue(pair) : lowValue(pair);
}

/// The weight of one row and input, from the layout of packed_matrix.h read backwards.
EDGECHAT_DEVICE float weightAt(const PackedMatrix& matrix, int row, int k) {
    const int tile = row / kTileRows, g = row % 8, upper = row % kTileRows / 8;
    const int chunk = k / kChunk, inChunk = k % kChunk;
    const int step = inChunk / 32 * 2 + inChunk % 8 / 4;
    const int lane = 4 * g + inChunk % 32 / 8;
    const int part = inChunk % 4 / 2 * 2 + upper;  // of the registers a0 to a3
    const int second = inChunk % 2;                // of the two in a register

    const bool half = matrix.kind == WeightKind::fp16, byte = matrix.kind == WeightKind::int8;
    const int chunks = (matrix.columns + kChunk - 1) / kChunk;
    const size_t bytes = half ? kHalfChunkBytes : byte ? kByteChunkBytes : kNibbleChunkBytes;
    const std::byte* quants = matrix.quants + (static_cast<size_t>(tile) * chunks + chunk) * bytes;
    if (half) {
        const uint32_t pair = load4(quants + step * 512 + lane * 16 + part * 4);
        return halfValue(static_cast<uint16_t>(pair >> 16 * second));
    }
    const int groups = (chunks * kChunk + matrix.group - 1) / matrix.group;
    const int group = (tile * groups + k / matrix.group) * 8 + g;
    const float scale = groupValue(matrix.scales, group, upper);
    if (byte) {
        const std::byte code = quants[step / 2 * 512 + lane * 16 + step % 2 * 8 + part * 2 + second];
        return matrix.factor * (scale * static_cast<float>(static_cast<int>(code) - 128));
    }
    const uint32_t word = load4(quants + lane * 16 + step * 4);
    const int code = static_cast<int>(word >> (4 * part + 16 * second) & 15);
    if (matrix.kind == WeightKind::int4Zero) {
        const int zero = static_cast<int>(matrix.zeros[group]) >> 4 * upper & 15;
        return matrix.factor * (scale * static_cast<float>(code - zero));
    }
    const uint32_t* offsets = reinterpret_cast<const uint32_t*>(matrix.zeros);
    return matrix.factor * (scale * static_cast<float>(code) + groupValue(offsets, group, upper));
}

/// A block is a token. At most 64 registers, no shared memory.
EDGECHAT_KERNEL(kEmbedThreads, 4) embedKernel(EDGECHAT_ARGUMENT EmbedArguments arguments) {
    const int token = blockX();
    const int row = arguments.tokens[token];
    float* x = arguments.x + static_cast<size_t>(token) * arguments.hidden;
    for (int k = threadIndex(); k < arguments.hidden; k += blockThreads()) {
        x[k] = weightAt(arguments.embedding, row, k);
    }
    if (arguments.inverseFrequencies == nullptr) return;
    const float position = static_cast<float>(*arguments.start + token);
    float* rotations = arguments.rotations + static_cast<size_t>(token) * arguments.pairs * 2;
    for (int pair = threadIndex(); pair < arguments.pairs; pair += blockThreads()) {
        const float angle = position * arguments.inverseFrequencies[pair];
        rotations[2 * pair] = cosf(angle) * arguments.magnitude;
        rotations[2 * pair + 1] = sinf(angle) * arguments.magnitude;
    }
}

/// Two fp32 moved at once.
struct alignas(8) FloatPair {
    float first, second;
};

/// The sum over the threads of the block. `partial`: a float for each warp, not in use for anything else.
EDGECHAT_DEVICE float blockSum(float value, float* partial) {
    value = warpSum(value);
    if (laneIndex() == 0) partial[warpIndex()] = value;
    blockBarrier();
    return warpSum(laneIndex() < blockThreads() / kWarp ? partial[laneIndex()] : 0.0f);
}

/// A block is a token. At most 32 registers, so that two blocks of 1024 threads are on an SM where it holds
/// them; 256 bytes of shared memory. A row is read two or three times, all but the first from the L1 cache.
EDGECHAT_KERNEL(kMostNormThreads, 1) normKernel(EDGECHAT_ARGUMENT NormArguments arguments) {
    float* partial = reinterpret_cast<float*>(sharedMemory());  // [2][kWarp]
    const int token = blockX();
    const int pairs = arguments.hidden / 2;
    const size_t start = static_cast<size_t>(token) * arguments.hidden;
    const FloatPair* x = reinterpret_cast<const FloatPair*>(arguments.x + start);
    const FloatPair* weight = reinterpret_cast<const FloatPair*>(arguments.weight);
    const FloatPair* bias = reinterpret_cast<const FloatPair*>(arguments.bias);

    const float share = 1.0f / static_cast<float>(arguments.hidden);
    float mean = 0;
    if (arguments.layerNorm) {
        float sum = 0;
        for (int i = threadIndex(); i < pairs; i += blockThreads()) sum += x[i].first + x[i].second;
        mean = blockSum(sum, partial + kWarp) * share;
    }
    float squares = 0;
    for (int i = threadIndex(); i < pairs; i += blockThreads()) {
        const float first = x[i].first - mean, second = x[i].second - mean;
        squares += first * first + second * second;
    }
    const float inverse = 1.0f / sqrtf(blockSum(squares, partial) * share + arguments.eps);

    uint32_t* out =
        reinterpret_cast<uint32_t*>(arguments.out + static_cast<size_t>(token) * arguments.outStride);
    for (int i = threadIndex(); i < pairs; i += blockThreads()) {
        float first = (x[i].first - mean) * inverse * weight[i].first;
        float second = (x[i].second - mean) * inverse * weight[i].second;
        if (bias != nullptr) {
            first += bias[i].first;
            second += bias[i].second;
        }
        out[i] = toHalf2(first, second).bits;
    }
}

}  // namespace edgechat::inference::cuda
