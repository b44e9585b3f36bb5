// Linear maps of long prompts as products of dense matrices by cuBLAS: some tiles' weights are written out by
// rows, multiplied, and stored by their epilogues. Int8 by int8 where the weights have a scale for each row
// (W8A8), else fp16.
#pragma once

#include <functional>
#include <memory>

#include "inference/cuda/cublas.h"
#include "inference/cuda/matmul.h"
#include "inference/cuda/runtime.h"

namespace edgechat::inference::cuda {

class DenseProducts {
  public:
    /// Room on the device. Where a matrix takes more, some of its tiles go after the others.
    struct Room {
        uint64_t weights = 0;  ///< bytes of weights that are written out
        uint64_t results = 0;  ///< bytes of products

        uint64_t total() const { return weights + results; }
        /// For a whole matrix of these, at most `most` bytes for each of the two.
        void cover(const PackedMatrix& matrix, int tokens, uint64_t most);
    };

    /// Fails where there is no cuBLAS, or not enough memory.
    /// @param runtime     outlives the object
    /// @param mostTokens  of a product
    /// @param mostInputs  the widest operand's, padded
    static Result<std::unique_ptr<DenseProducts>> open(Runtime& runtime, const Room& room, int mostTokens,
                                                       int mostInputs);

    /// As launchGemm(). False where cuBLAS refused the first product: then nothing was stored. Fails with
    /// what it says where it refused a later one.
    Result<bool> multiply(const MatmulArguments& arguments);

  private:
    explicit DenseProducts(Runtime& runtime) : m_runtime(runtime) {}

    int tilesAtOnce(const MatmulArguments& arguments, bool int8) const;
    Result<void> multiplyTiles(const MatmulArguments& arguments, int firstTile, int tiles);
    Result<void> multiplyInt8Tiles(const MatmulArguments& arguments, int firstTile, int tiles);

    Runtime& m_runtime;
    std::unique_ptr<Cublas> m_cublas;
    Memory m_weights;      // of some tiles: fp16 or int8 [rows][padded inputs]
    Memory m_results;      // of each term, or of their sum: [tokens][rows] of 4 bytes
    Memory m_codes[2];     // of each term: int8 [mostTokens][mostInputs]
    Memory m_codeScales;   // [2][mostTokens]
    int m_mostTokens = 0;  // of m_codeScales
};

/// The least number of tokens from which on dense products are the faster ones; 0 where they never are.
/// @param seconds  of a product of so many tokens, by cuBLAS or by the own kernels; 0: not known
int denseFrom(int mostTokens, const std::function<double(int tokens, bool dense)>& seconds);

}  // namespace edgechat::inference::cuda
