#include "inference/cuda/scratch.h"

#include <algorithm>

#include "inference/cuda/attention.h"
#include "inference/cuda/kv_cache.h"
#include "inference/cuda/matmul.h"
#include "inference/cuda/packed_matrix.h"
#include "inference/cuda/sampling.h"

namespace edgechat::inference::cuda {

ScratchPlan::ScratchPlan(const ModelConfig& config, int context, int multiprocessors) {
    const auto size = [](int count) { return static_cast<uint64_t>(count); };
    const auto take = [](uint64_t& total, uint64_t bytes) {
        const uint64_t offset = total;
        total += (bytes + 255) / 256 * 256;
        return offset;
    };
    const auto device = [&](uint64_t bytes) { return take(deviceBytes, bytes); };
    const uint64_t batch = kCudaBatch;
    const auto operand = [&](int columns) { return device(batch * size(paddedInputs(columns)) * 2); };
    const uint64_t stepBytes = (1 + batch) * sizeof(int);

    step = device(stepBytes);
    if (config.positions == PositionKind::alibi) {
        biasStride = (context + 63) / 64 * 64;
        constants = device(size(config.heads) * size(biasStride) * sizeof(float));
    } else {
        constants = device(size(config.headSize) * sizeof(float));
        rotations = device(batch * size(config.headSize) * sizeof(float));
    }
    x = device(batch * size(config.hidden) * sizeof(float));
    normed = operand(config.hidden);
    queries = device(batch * size(config.heads) * size(paddedHeadSize(config.headSize)) * 2);
    attended = operand(config.queryWidth());
    hidden = operand(config.ffn);
    logits = device(size(kLogitRows) * size(config.vocab) * sizeof(float));
    // One token is split over more blocks than a whole batch is.
    uint64_t partialBytes = 0, tickets = 0;
    for (const int tokens : {1, kMostGemvTokens, kCudaBatch}) {
        const int d = config.headSize, h = config.heads, k = config.kvHeads;
        partialBytes =
            std::max(partialBytes, partialFloats(d, h, k, tokens, multiprocessors) * sizeof(float));
        tickets = std::max(tickets, ticketCount(d, h, k, tokens, multiprocessors) * sizeof(uint32_t));
    }
    partial = device(partialBytes);
    attentionTickets = device(tickets);
    const uint64_t rows = batch * 2 * size(config.kvHeads);
    staging = device(rows * size((config.headSize + kTileRows - 1) / kTileRows * kTileRows) * sizeof(float));
    storeTickets = device(rows * sizeof(uint32_t));

    sample = device(sizeof(SampleState));

    pinnedStep = take(pinnedBytes, stepBytes);
    pinnedSample = take(pinnedBytes, sizeof(SampleState));
    pinnedToken = take(pinnedBytes, sizeof(int));
    pinnedLogits = take(pinnedBytes, size(kLogitRows) * size(config.vocab) * sizeof(float));
}

}  // namespace edgechat::inference::cuda
