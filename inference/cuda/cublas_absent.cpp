// cublas.h where the CUDA toolkit that the program is built with has no cuBLAS (package libcublas-dev).
#if !__has_include(<cublas_v2.h>)

#include "inference/cuda/cublas.h"

namespace edgechat::inference::cuda {
namespace {

Error notBuilt() {
    return Error{ErrorCode::badInput,
                 "cannot use cuBLAS",
                 "",
                 "",
                 "EdgeChat was built without it",
                 "NVIDIA's package libcublas-dev, and EdgeChat built again"};
}

}  // namespace

struct Cublas::Library {};
Cublas::Cublas() = default;
Cublas::~Cublas() = default;

Result<std::unique_ptr<Cublas>> Cublas::open(Runtime&) {
    return notBuilt();
}

Result<std::string> Cublas::version() {
    return notBuilt();
}

Result<void> Cublas::sgemm(const RowProduct&, float, const float*, const float*, float, float*) {
    return notBuilt();
}

Result<void> Cublas::ssyrkUpper(const RowGram&, float, const float*, float, float*) {
    return notBuilt();
}

Result<void> Cublas::hgemm(const RowProduct&, float, const uint16_t*, const uint16_t*, float, float*) {
    return notBuilt();
}

Result<void> Cublas::int8Gemm(const RowProduct&, int32_t, const int8_t*, const int8_t*, int32_t, int32_t*) {
    return notBuilt();
}

}  // namespace edgechat::inference::cuda

#endif
