// Operands of a kernel's test: packed weights beside the plain numbers that they are worth, inputs in fp16,
// and the products of both in double. The packing is written from packed_matrix.h's comment alone.
#pragma once

#include <cmath>
#include <cstring>
#include <vector>

#include "inference/cuda/host_half.h"
#include "inference/cuda/packed_matrix.h"
#include "tests/data/random_values.h"
#include "tests/inference/cuda/shared_vector.h"

namespace edgechat::testing {

inline double halfOf(uint16_t bits) {
    return inference::cuda::host::halfValue(bits);
}

inline int below(RandomValues& random, int end) {
    const int value = static_cast<int>((random.next() * 0.5f + 0.5f) * static_cast<float>(end));
    return value < end ? value : end - 1;
}

/// PackedWeights as plain numbers and packed.
struct PackedWeights {
    int rows = 0, columns = 0;
    std::vector<double> value;  ///< [rows][columns]
    std::vector<double> size;   ///< [rows][columns]: what its terms come to without their signs
    SharedVector<uint32_t> quants, scales;
    SharedVector<uint8_t> zeros;
    inference::cuda::PackedMatrix packed;

    double& at(std::vector<double>& of, int row, int column) {
        return of[static_cast<size_t>(row) * static_cast<size_t>(columns) + static_cast<size_t>(column)];
    }
};

template <class T>
uint8_t* bytesOf(SharedVector<T>& of) {
    return reinterpret_cast<uint8_t*>(of.data());
}

/// @param group  inputs of a scale; 0: the whole row
inline PackedWeights makePackedWeights(inference::cuda::WeightKind kind, int rows, int columns, int group,
                                       float factor, uint64_t seed) {
    RandomValues random(seed);
    PackedWeights w;
    w.rows = rows;
    w.columns = columns;
    w.value.resize(static_cast<size_t>(rows) * static_cast<size_t>(columns));
    w.size = w.value;
    const int chunks = (columns + 63) / 64, padded = chunks * 64;
    if (group == 0) group = padded;
    if (kind == inference::cuda::WeightKind::fp16) group = 64;
    const int groups = (padded + group - 1) / group, tiles = rows / 16;
    const bool zeroPoints = kind == inference::cuda::WeightKind::int4Zero,
               offsets = kind == inference::cuda::WeightKind::int4Offset;
    const size_t bytes = kind == inference::cuda::WeightKind::fp16   ? 2048
                         : kind == inference::cuda::WeightKind::int8 ? 1024
                                                                     : 512;
    w.quants.assign(static_cast<size_t>(tiles * chunks) * bytes / 4, 0);
    if (kind != inference::cuda::WeightKind::fp16)
        w.scales.assign(static_cast<size_t>(tiles * groups * 8), 0);
    if (zeroPoints) w.zeros.assign(static_cast<size_t>(tiles * groups * 8), 0);
    if (offsets) w.zeros.assign(static_cast<size_t>(tiles * groups * 32), 0);

    std::vector<int> zero(static_cast<size_t>(rows * groups));
    std::vector<double> scale(zero.size()), offset(zero.size());
    for (int row = 0; row < rows; ++row) {
        for (int n = 0; n < groups; ++n) {
            const auto at = static_cast<size_t>(row * groups + n);
            const int tile = row / 16, g = row % 8, below8 = row % 16 / 8;
            const auto entry = static_cast<size_t>((tile * groups + n) * 8 + g);
            const uint16_t scaleBits = inference::cuda::host::halfBits(0.02 + 0.015 * random.next());
            const uint16_t offsetBits = inference::cuda::host::halfBits(0.2 * random.next());
            scale[at] = halfOf(scaleBits);
            offset[at] = halfOf(offsetBits);
            zero[at] = below(random, 16);
            if (kind != inference::cuda::WeightKind::fp16)
                std::memcpy(bytesOf(w.scales) + 4 * entry + 2 * below8, &scaleBits, 2);
            if (zeroPoints) w.zeros[entry] = static_cast<uint8_t>(w.zeros[entry] | zero[at] << 4 * below8);
            if (offsets) std::memcpy(&w.zeros[4 * entry + 2 * static_cast<size_t>(below8)], &offsetBits, 2);
        }
    }
    uint8_t* to = bytesOf(w.quants);
    for (int tile = 0; tile < tiles; ++tile)
        for (int chunk = 0; chunk < chunks; ++chunk)
            for (int lane = 0; lane < 32; ++lane)
                for (int step = 0; step < 4; ++step)
                    for (int item = 0; item < 8; ++item) {  // register a0..a3, and which of its two inputs
                        const int a = item / 2, e = item % 2, g = lane / 4, j = lane % 4;
                        const int row = 16 * tile + g + a % 2 * 8;
                        const int k = 64 * chunk + 32 * (step / 2) + 8 * j + 4 * (step % 2) + a / 2 * 2 + e;
                        const auto at = static_cast<size_t>(row * groups + k / group);
                        const auto first = static_cast<size_t>(tile * chunks + chunk) * bytes;
                        const bool real = k < columns;
                        double code = 0, worth = 0, size = 0;
                        if (kind == inference::cuda::WeightKind::fp16) {
                            const uint16_t bits =
                                real ? inference::cuda::host::halfBits(0.3 * random.next()) : 0;
                            worth = size = halfOf(bits);
                            std::memcpy(
                                to + first + static_cast<size_t>(512 * step + 16 * lane + 4 * a + 2 * e),
                                &bits, 2);
                        } else if (kind == inference::cuda::WeightKind::int8) {
                            code = real ? below(random, 255) - 127 : 0;
                            to[first + static_cast<size_t>(512 * (step / 2) + 16 * lane + 8 * (step % 2) +
                                                           item)] = static_cast<uint8_t>(code + 128);
                            worth = size = scale[at] * code;
                        } else {
                            const int own = real ? below(random, 16) : zeroPoints ? zero[at] : 0;
                            const int bit = 4 * a + 16 * e;
                            to[first + static_cast<size_t>(16 * lane + 4 * step + bit / 8)] |=
                                static_cast<uint8_t>(own << bit % 8);
                            worth = zeroPoints ? scale[at] * (own - zero[at]) : scale[at] * own + offset[at];
                            size = zeroPoints ? worth : scale[at] * own + std::fabs(offset[at]);
                        }
                        if (!real) continue;
                        w.at(w.value, row, k) = worth * factor;
                        w.at(w.size, row, k) = std::fabs(size * factor);
                    }
    w.packed.kind = kind;
    w.packed.rows = rows;
    w.packed.columns = columns;
    w.packed.group = group;
    w.packed.factor = factor;
    w.packed.quants = reinterpret_cast<const std::byte*>(w.quants.data());
    if (!w.scales.empty()) w.packed.scales = w.scales.data();
    if (!w.zeros.empty()) w.packed.zeros = reinterpret_cast<const std::byte*>(w.zeros.data());
    return w;
}

/// fp16 inputs: zeros to the end of the last chunk, then what must not be read.
struct HalfInputs {
    int stride = 0;
    SharedVector<uint16_t> bits;

    HalfInputs(int tokens, int columns, uint64_t seed) {
        RandomValues random(seed);
        const int padded = (columns + 63) / 64 * 64;
        stride = padded + 8;
        bits.assign(static_cast<size_t>(tokens * stride), 0x7e00);  // NaN
        for (int t = 0; t < tokens; ++t)
            for (int k = 0; k < padded; ++k)
                bits[static_cast<size_t>(t * stride + k)] =
                    k < columns ? inference::cuda::host::halfBits(random.next()) : 0;
        bits.resize(bits.size() - 8);  // nothing follows the last token
    }
};

/// ExpectedProducts in double, and the sums of their terms' sizes, which rounding is measured by.
struct ExpectedProducts {
    int rows = 0;
    std::vector<double> value, size;  ///< [T][rows]

    double at(int token, int row) const { return value[static_cast<size_t>(token * rows + row)]; }
    double sizeAt(int token, int row) const { return size[static_cast<size_t>(token * rows + row)]; }

    void add(PackedWeights& w, const HalfInputs& x, int tokens) {
        rows = w.rows;
        value.resize(static_cast<size_t>(tokens * rows));
        size.resize(value.size());
        for (int t = 0; t < tokens; ++t)
            for (int row = 0; row < rows; ++row)
                for (int k = 0; k < w.columns; ++k) {
                    const double input = halfOf(x.bits[static_cast<size_t>(t * x.stride + k)]);
                    value[static_cast<size_t>(t * rows + row)] += w.at(w.value, row, k) * input;
                    size[static_cast<size_t>(t * rows + row)] += w.at(w.size, row, k) * std::fabs(input);
                }
    }
};

}  // namespace edgechat::testing
