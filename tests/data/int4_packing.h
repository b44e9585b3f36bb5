// Packs 4-bit matrices in the forms that folders on the Hub have. Each function follows the tool that writes
// the form, step by step, and not the reader under test.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/data/safetensors_writer.h"

namespace edgechat::testing {

/// W[n][k] = scale[n][k / g] * (code[n][k] - zero[n][k / g]), with random codes, zero points and scales.
struct Int4Matrix {
    int rows, columns, groupSize;
    std::vector<int> codes;     // [rows, columns], 0 to 15
    std::vector<int> zeros;     // [rows, groups], 0 to 15
    std::vector<float> scales;  // [rows, groups], fp16 values

    int groups() const { return columns / groupSize; }
    int code(int n, int k) const { return codes[static_cast<size_t>(n * columns + k)]; }
    int zero(int n, int group) const { return zeros[static_cast<size_t>(n * groups() + group)]; }
    float scale(int n, int group) const { return scales[static_cast<size_t>(n * groups() + group)]; }
    float value(int n, int k) const {
        const int group = k / groupSize;
        return scale(n, group) * static_cast<float>(code(n, k) - zero(n, group));
    }
};

inline Int4Matrix randomInt4(int rows, int columns, int groupSize, uint32_t seed, bool symmetric = false) {
    Int4Matrix matrix{rows, columns, groupSize, {}, {}, {}};
    uint32_t state = seed * 2654435761u + 1;
    const auto random = [&state] { return (state = state * 1664525u + 1013904223u) >> 16; };
    for (int i = 0; i < rows * columns; ++i) matrix.codes.push_back(static_cast<int>(random() % 16));
    for (int i = 0; i < rows * matrix.groups(); ++i) {
        matrix.zeros.push_back(symmetric ? 8 : static_cast<int>(random() % 16));
        const float scale = 0.001f + 0.0001f * static_cast<float>(random() % 1000);
        matrix.scales.push_back(inference::halfToFloat(inference::floatToHalf(scale)));
    }
    return matrix;
}

inline std::string halfBytes(float value) {
    return littleEndian(inference::floatToHalf(value));
}

/// AutoAWQ's WQLinear_GEMM.from_linear: eight outputs in a word, in the order 0 2 4 6 1 3 5 7.
inline void addAwqGemm(SafetensorsWriter& writer, const std::string& module, const Int4Matrix& m) {
    constexpr int kOrder[8] = {0, 2, 4, 6, 1, 3, 5, 7};
    std::string codes, zeros, scales;
    const auto pack = [&](int n, const auto& get) {
        uint32_t word = 0;
        for (int i = 0; i < 8; ++i) word |= static_cast<uint32_t>(get(n + kOrder[i])) << (4 * i);
        return littleEndian(word);
    };
    for (int k = 0; k < m.columns; ++k) {
        for (int n = 0; n < m.rows; n += 8) codes += pack(n, [&](int row) { return m.code(row, k); });
    }
    for (int g = 0; g < m.groups(); ++g) {
        for (int n = 0; n < m.rows; n += 8) zeros += pack(n, [&](int row) { return m.zero(row, g); });
        for (int n = 0; n < m.rows; ++n) scales += halfBytes(m.scale(n, g));
    }
    const auto size = [](int count) { return static_cast<uint64_t>(count); };
    writer.add(module + ".qweight", "I32", {size(m.columns), size(m.rows / 8)}, codes);
    writer.add(module + ".qzeros", "I32", {size(m.groups()), size(m.rows / 8)}, zeros);
    writer.add(module + ".scales", "F16", {size(m.groups()), size(m.rows)}, scales);
}

/// calculate_zeros_width of AutoAWQ's gemv modules, in words.
inline int awqZerosWidth(int columns, int groupSize) {
    const auto divisible = [](int count, int divisor) { return (count + divisor - 1) / divisor; };
    const int multiplier = groupSize >= 128 ? 1 : groupSize == 64 ? 2 : 4;
    return divisible(divisible(columns / groupSize, 8), multiplier) * multiplier;
}

/// WQLinear_GEMV: codes in the order of the inputs, zero points and scales filled up.
inline void addAwqGemv(SafetensorsWriter& writer, const std::string& module, const Int4Matrix& m) {
    const int words = awqZerosWidth(m.columns, m.groupSize);
    std::string codes, zeros, scales;
    for (int n = 0; n < m.rows; ++n) {
        for (int k = 0; k < m.columns; k += 8) {
            uint32_t word = 0;
            for (int i = 0; i < 8; ++i) word |= static_cast<uint32_t>(m.code(n, k + i)) << (4 * i);
            codes += littleEndian(word);
        }
        for (int w = 0; w < words; ++w) {
            uint32_t word = 0;
            for (int i = 0; i < 8; ++i) {
                const int g = w * 8 + i;
                if (g < m.groups()) word |= static_cast<uint32_t>(m.zero(n, g)) << (4 * i);
                scales += halfBytes(g < m.groups() ? m.scale(n, g) : 0.0f);
            }
            zeros += littleEndian(word);
        }
    }
    const auto size = [](int count) { return static_cast<uint64_t>(count); };
    writer.add(module + ".qweight", "I32", {size(m.rows), size(m.columns / 8)}, codes);
    writer.add(module + ".qzeros", "I32", {size(m.rows), size(words)}, zeros);
    writer.add(module + ".scales", "F16", {size(m.rows), size(8 * words)}, scales);
}

/// WQLinear_GEMVFast and llm-awq's pack_intweight: three reorderings, then four rows in a 16-bit word.
inline void addAwqGemvFast(SafetensorsWriter& writer, const std::string& module, const Int4Matrix& m,
                           const std::string& zerosName = ".qzeros") {
    const auto size = [](int count) { return static_cast<uint64_t>(count); };
    std::vector<int> rowsInOrder(m.codes.size());
    for (int n = 0; n < m.rows; ++n) {
        for (int k = 0; k < m.columns; k += 32) {
            int pairs[32], interleaved[32];
            // reshape(4, 4, 2).transpose(1, 0, 2)
            for (int i = 0; i < 32; ++i) pairs[(i / 2 % 4) * 8 + (i / 8) * 2 + i % 2] = m.code(n, k + i);
            // each 8: reshape(4, 2).transpose(1, 0)
            for (int i = 0; i < 32; ++i) interleaved[i / 8 * 8 + (i % 2) * 4 + i % 8 / 2] = pairs[i];
            for (int i = 0; i < 32; ++i) rowsInOrder[size(n * m.columns + k + i)] = interleaved[i];
        }
    }
    std::string codes;
    for (int n = 0; n < m.rows; n += 4) {
        for (int k = 0; k < m.columns; k += 64) {
            // [4, 64] of four rows, read as [64, 4]
            for (int word = 0; word < 64; ++word) {
                uint16_t bits = 0;
                for (int i = 0; i < 4; ++i) {
                    const int flat = word * 4 + i;
                    const int code = rowsInOrder[size((n + flat / 64) * m.columns + k + flat % 64)];
                    bits = static_cast<uint16_t>(bits | code << (4 * i));
                }
                codes += littleEndian(bits);
            }
        }
    }
    const int filled = 8 * awqZerosWidth(m.columns, m.groupSize);
    std::string zeros, scales;
    for (int g = 0; g < filled; ++g) {
        for (int n = 0; n < m.rows; ++n) {
            const bool real = g < m.groups();
            scales += halfBytes(real ? m.scale(n, g) : 0.0f);
            zeros += halfBytes(real ? -(m.scale(n, g) * static_cast<float>(m.zero(n, g))) : 0.0f);
        }
    }
    writer.add(module + ".qweight", "I16", {size(m.rows / 4), size(m.columns)}, codes);
    writer.add(module + zerosName, "F16", {size(filled), size(m.rows)}, zeros);
    writer.add(module + ".scales", "F16", {size(filled), size(m.rows)}, scales);
}

/// compressed-tensors' pack_to_int32: signed numbers with 8 added, eight in a word; zero points along the
/// outputs.
inline void addCompressedTensors(SafetensorsWriter& writer, const std::string& module, const Int4Matrix& m,
                                 bool withZeros) {
    const auto size = [](int count) { return static_cast<uint64_t>(count); };
    std::string codes, zeros, scales;
    for (int n = 0; n < m.rows; ++n) {
        for (int k = 0; k < m.columns; k += 8) {
            uint32_t word = 0;
            for (int i = 0; i < 8 && k + i < m.columns; ++i)
                word |= static_cast<uint32_t>(m.code(n, k + i)) << (4 * i);
            codes += littleEndian(word);
        }
        for (int g = 0; g < m.groups(); ++g) scales += halfBytes(m.scale(n, g));
    }
    for (int n = 0; n < m.rows; n += 8) {
        for (int g = 0; g < m.groups(); ++g) {
            uint32_t word = 0;
            for (int i = 0; i < 8 && n + i < m.rows; ++i)
                word |= static_cast<uint32_t>(m.zero(n + i, g)) << (4 * i);
            zeros += littleEndian(word);
        }
    }
    writer.add(module + ".weight_packed", "I32", {size(m.rows), size((m.columns + 7) / 8)}, codes);
    writer.add(module + ".weight_scale", "F16", {size(m.rows), size(m.groups())}, scales);
    if (withZeros)
        writer.add(module + ".weight_zero_point", "I32", {size((m.rows + 7) / 8), size(m.groups())}, zeros);
    writer.add(module + ".weight_shape", "I64", {2},
               littleEndian<int64_t>(m.rows) + littleEndian<int64_t>(m.columns));
}

}  // namespace edgechat::testing
