// Dense products on a GPU, a tile of the result at a time.
#pragma once

#include <memory>

#include "inference/cuda/cublas.h"
#include "inference/cuda/runtime.h"
#include "quant/dense_product.h"

namespace edgechat::quant {

/// How work is cut. The result's bits depend on it, so it does not depend on what memory is free.
struct GpuTiles {
    int64_t side = 2048;                 ///< rows and columns of a tile of the result
    int64_t depth = 4096;                ///< of the factors' tiles
    int64_t staging = int64_t{1} << 20;  ///< floats of each of two buffers that fill in turns
    /// A product is the GPU's where its operations are more than this many, and this many for every byte that
    /// is copied for it: a processor does some 2e11 operations in a second, a bus moves some 8e9 bytes.
    double leastWork = 3e7, leastWorkPerByte = 30;
};

/// Takes its memory at once (by default 80 MiB on the device and 24 MiB pinned), so that no later call is
/// without. Where the GPU fails later, the rest is computed by `otherwise`, and name() says so.
/// @return `otherwise` itself where the memory is not there
std::unique_ptr<DenseProduct> makeGpuProduct(std::unique_ptr<inference::cuda::Runtime> runtime,
                                             std::unique_ptr<inference::cuda::Cublas> cublas,
                                             const GpuTiles& tiles, std::unique_ptr<DenseProduct> otherwise);

}  // namespace edgechat::quant
