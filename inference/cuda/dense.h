// A linear map of packed weights as a product of whole matrices: its weights written out by rows, and what
// follows the product (cublas.h), with the epilogues of matmul.h. C++17, for nvcc.
#pragma once

#include <cstdint>

#include "inference/cuda/matmul.h"

namespace edgechat::inference::cuda {

/// Whether a matrix is of int8 with one scale for each row, as W8A8 has it: its products are products of
/// int8 by int8.
constexpr bool int8ByRow(const PackedMatrix& matrix) {
    return matrix.kind == WeightKind::int8 && matrix.groups() == 1;
}

/// Tiles [firstTile, firstTile + tiles) as fp16 [16 tiles][paddedInputs(columns)]: the weights themselves.
void launchWriteRows(Runtime& runtime, const PackedMatrix& weights, int firstTile, int tiles, uint16_t* out);

/// The same of an int8ByRow() matrix as codes, which are still to be multiplied by their row's scale.
void launchWriteCodes(Runtime& runtime, const PackedMatrix& weights, int firstTile, int tiles, int8_t* out);

/// A term's inputs rounded to int8, each token with one scale, its largest value / 127 (W8A8).
/// @param codes   [tokens][paddedInputs(columns)]
/// @param scales  [tokens]
void launchRoundInputs(Runtime& runtime, const Term& term, int tokens, int8_t* codes, float* scales);

/// Products of some tiles' rows, by tokens: [T][16 tiles].
struct DenseResults {
    int firstTile = 0, tiles = 0;
    const float* sums = nullptr;  ///< of both terms; or, of int8ByRow() weights, for each term:
    const int32_t* counts[2] = {};
    const float* inputScales[2] = {};  ///< [T]
};

/// What the epilogues of `arguments` make of them. Keys and values of an int8 cache are staged
/// (launchStoreQuantized).
void launchStoreResults(Runtime& runtime, const MatmulArguments& arguments, const DenseResults& results);

}  // namespace edgechat::inference::cuda
