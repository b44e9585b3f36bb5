// inference/cuda/cublas.h on a processor: what the engine asks of it, by loops.
#include <vector>

#include "inference/cuda/cublas.h"
#include "inference/cuda/host_half.h"
#include "tests/inference/cuda/column_blas.h"
#include "tests/inference/cuda/harness/host_cublas.h"

namespace edgechat {
namespace {

int productsLeft = -1;

}  // namespace

bool testing::allowCublasProducts(int count) {
    productsLeft = count;
    return true;
}

namespace inference::cuda {
namespace {

Result<void> computes() {
    if (productsLeft == 0) return Error{ErrorCode::internal, "refused", "", "", "", ""};
    if (productsLeft > 0) --productsLeft;
    return {};
}

}  // namespace

struct Cublas::Library {};
Cublas::Cublas() = default;
Cublas::~Cublas() = default;

Result<std::unique_ptr<Cublas>> Cublas::open(Runtime&) {
    return std::unique_ptr<Cublas>(new Cublas);
}

Result<std::string> Cublas::version() {
    return std::string("0.0.0");
}

Result<void> Cublas::hgemm(const RowProduct& product, float alpha, const uint16_t* a, const uint16_t* b,
                           float beta, float* c) {
    if (Result<void> can = computes(); !can) return can;
    const auto values = [](const uint16_t* halves, int64_t rows, int64_t stride, int64_t columns) {
        std::vector<float> all(static_cast<size_t>((rows - 1) * stride + columns));
        for (size_t i = 0; i < all.size(); ++i) all[i] = host::halfValue(halves[i]);
        return all;
    };
    const std::vector<float> left = product.leftTransposed ? values(a, product.k, product.aStride, product.m)
                                                           : values(a, product.m, product.aStride, product.k);
    const std::vector<float> right = product.rightTransposed
                                         ? values(b, product.n, product.bStride, product.k)
                                         : values(b, product.k, product.bStride, product.n);
    testing::columnGemm(gemmArguments(product), alpha, right.data(), left.data(), beta, c);
    return {};
}

Result<void> Cublas::int8Gemm(const RowProduct& product, int32_t alpha, const int8_t* a, const int8_t* b,
                              int32_t beta, int32_t* c) {
    if (Result<void> can = computes(); !can) return can;
    testing::columnGemm(gemmArguments(product), alpha, b, a, beta, c);
    return {};
}

}  // namespace inference::cuda
}  // namespace edgechat
