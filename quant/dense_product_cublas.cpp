// For builds with CUDA.
#include "inference/cuda/cuda.h"
#include "quant/gpu_product.h"

namespace edgechat::quant {

using namespace inference::cuda;

std::unique_ptr<DenseProduct> makeCublasProduct(std::unique_ptr<DenseProduct> otherwise) {
    if (probeCuda().state != CudaState::ready) return otherwise;
    Result<std::unique_ptr<Runtime>> runtime = Runtime::open();
    if (!runtime) return otherwise;
    Result<std::unique_ptr<Cublas>> cublas = Cublas::open(**runtime);
    if (!cublas) return otherwise;
    return makeGpuProduct(std::move(*runtime), std::move(*cublas), GpuTiles(), std::move(otherwise));
}

}  // namespace edgechat::quant
