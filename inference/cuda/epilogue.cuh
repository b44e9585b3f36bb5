// What becomes of a linear map's results (matmul.h), in the layout in which the tensor cores leave them: a
// lane has rows g and g + 8 of a tile for tokens 2j and 2j + 1.
#pragma once

#include "inference/cuda/matmul_arguments.cuh"

namespace edgechat::inference::cuda {

EDGECHAT_DEVICE float activate(ActivationKind kind, float x) {
    if (kind == ActivationKind::gelu) return 0.5f * x * (1.0f + erff(x * 0.70710678f));
    return x / (1.0f + exp2Fast(-1.44269504f * x));  // x / (1 + exp(-x))
}

/// A row of the cache: times the padded head size it is where the row's elements begin.
EDGECHAT_DEVICE int64_t cacheRow(const EpilogueArguments& e, int kvHead, int token) {
    return static_cast<int64_t>(kvHead) * e.cache.capacity + (*e.start + token) % e.cache.capacity;
}

/// Where a key or value of an int8 cache waits in fp32 until its head is whole. `kv`: a head, counted over
/// the key heads and then the value heads.
EDGECHAT_DEVICE float* stagedHead(const EpilogueArguments& e, const HeadShape& shape, int kv, int token) {
    return e.staging + (static_cast<int64_t>(token) * (2 * e.kvHeads) + kv) * (shape.tiles * kTileRows);
}

EDGECHAT_DEVICE void storeHeadElement(const EpilogueArguments& e, const HeadShape& shape, int head,
                                      int element, int token, float value) {
    if (element >= e.headSize) return;
    const int kv = head - e.heads;
    if (kv < 0) {
        e.queries[(static_cast<int64_t>(token) * e.heads + head) * shape.padded + element] =
            toHalf(value * e.queryScale);
    } else if (e.cache.keyScales != nullptr) {
        stagedHead(e, shape, kv, token)[element] = value;
    } else {
        const bool key = kv < e.kvHeads;
        auto* elements = static_cast<uint16_t*>(key ? e.cache.keys : e.cache.values);
        elements[cacheRow(e, key ? kv : kv - e.kvHeads, token) * shape.padded + element] = toHalf(value);
    }
}

/// Rows g and g + 8 of a query, key or value head's tile.
EDGECHAT_DEVICE void storeAttention(TilePlace place, int g, int token, float first, float second) {
    const EpilogueArguments& e = place.epilogue;
    const int tile = e.firstTile + place.tile, head = tile / place.head.tiles,
              t = tile - head * place.head.tiles;
    int element = kTileRows * t + g, other = element + 8;
    if (e.rotations != nullptr && head < e.heads + e.kvHeads) {
        const int pairs = e.headSize / 2, pair = 8 * t + g;
        if (pair >= pairs) return;
        const float* rotation = e.rotations + 2 * (static_cast<int64_t>(token) * pairs + pair);
        const float cosine = rotation[0], sine = rotation[1], unturned = first;
        first = unturned * cosine - second * sine;
        second = second * cosine + unturned * sine;
        element = e.adjacent ? 2 * pair : pair;
        other = e.adjacent ? element + 1 : element + pairs;
    }
    storeHeadElement(e, place.head, head, element, token, first);
    storeHeadElement(e, place.head, head, other, token, second);
}

EDGECHAT_DEVICE void storeRow(const EpilogueArguments& e, int row, int token, float value) {
    if (row >= e.rows) return;
    const int64_t at = static_cast<int64_t>(token) * e.outStride + row;
    if (e.kind == Epilogue::residual) {
        static_cast<float*>(e.out)[at] += value;
    } else if (e.kind == Epilogue::plain) {
        static_cast<float*>(e.out)[at] = value;
    } else {
        static_cast<uint16_t*>(e.out)[at] = toHalf(e.divisors != nullptr ? value / e.divisors[row] : value);
    }
}

/// Rows g and g + 8 of a tile for one token.
EDGECHAT_DEVICE void storePair(TilePlace place, int g, int token, float first, float second) {
    const EpilogueArguments& e = place.epilogue;
    const int row = kTileRows * place.tile + g;
    if (e.bias != nullptr) {
        first += e.bias[row];
        second += e.bias[row + 8];
    }
    if (e.kind == Epilogue::attention) {
        storeAttention(place, g, token, first, second);
    } else if (e.kind == Epilogue::gated) {
        storeRow(e, kTileRows / 2 * place.tile + g, token, activate(e.activation, first) * second);
    } else {
        if (e.kind == Epilogue::activated) {
            first = activate(e.activation, first);
            second = activate(e.activation, second);
        }
        storeRow(e, row, token, first);
        storeRow(e, row + 8, token, second);
    }
}

/// A lane's part of the results of a tile for the eight tokens from `token` on.
EDGECHAT_DEVICE void storeFragment(TilePlace place, int token, int tokens, const float (&c)[4]) {
    const int g = laneIndex() / 4, j = laneIndex() % 4;
    EDGECHAT_UNROLL
    for (int column = 0; column < 2; ++column) {
        const int own = token + 2 * j + column;
        if (own < tokens) storePair(place, g, own, c[column], c[2 + column]);
    }
}

EDGECHAT_DEVICE bool quantizesCache(const EpilogueArguments& e) {
    return e.kind == Epilogue::attention && e.cache.keyScales != nullptr;
}

/// A staged key or value into an int8 cache, by a whole warp.
EDGECHAT_DEVICE void quantizeHead(const EpilogueArguments& e, const HeadShape& shape, int kv, int token) {
    constexpr int kMost = kMostHeadSize / kWarp;
    const float* staged = stagedHead(e, shape, kv, token);
    float values[kMost], largest = 0;
    EDGECHAT_UNROLL
    for (int i = 0; i < kMost; ++i) {
        const int element = kWarp * i + laneIndex();
        values[i] = element < e.headSize ? bitsToFloat(loadCoherent4(staged + element)) : 0.0f;
        largest = fmaxf(largest, fabsf(values[i]));
    }
    const uint16_t scaleBits = toHalf(warpMaximum(largest) / 127.0f);
    const float scale = halfValue(scaleBits);

    const bool key = kv < e.kvHeads;
    const int64_t row = cacheRow(e, key ? kv : kv - e.kvHeads, token);
    auto* elements = static_cast<int8_t*>(key ? e.cache.keys : e.cache.values) + row * shape.padded;
    EDGECHAT_UNROLL
    for (int i = 0; i < kMost; ++i) {
        const int element = kWarp * i + laneIndex();
        const float code = scale > 0 ? fminf(fmaxf(rintf(values[i] / scale), -127.0f), 127.0f) : 0.0f;
        if (element < e.headSize) elements[element] = static_cast<int8_t>(code);
    }
    if (laneIndex() == 0) (key ? e.cache.keyScales : e.cache.valueScales)[row] = scaleBits;
}

/// A warp calls it when it has stored a tile's results for all tokens: whoever comes last of a head's tiles
/// quantizes the head.
EDGECHAT_DEVICE void finishHead(TilePlace place, int tokens) {
    const EpilogueArguments& e = place.epilogue;
    if (!quantizesCache(e)) return;
    const int kv = (e.firstTile + place.tile) / place.head.tiles - e.heads;
    if (kv < 0) return;
    const auto last = static_cast<uint32_t>(place.head.tiles - 1);
    uint32_t before = 0;
    deviceFence();
    warpBarrier();
    if (laneIndex() == 0) before = atomicTicket(e.tickets + kv, last);
    if (shuffle(before, 0) < last) return;
    deviceFence();
    for (int token = 0; token < tokens; ++token) quantizeHead(e, place.head, kv, token);
}

}  // namespace edgechat::inference::cuda
