#include "tests/gpu/cublas_yardstick.h"

#include <algorithm>

#include "inference/cuda/cublas.h"
#include "tests/gpu/bench_device.h"

namespace edgechat::gpu {

using inference::cuda::Cublas;
using inference::cuda::Memory;
using inference::cuda::Runtime;

namespace {

class CublasYardstick final : public Yardstick {
  public:
    CublasYardstick(Runtime& runtime, std::unique_ptr<Cublas> cublas)
        : m_runtime(runtime), m_cublas(std::move(cublas)) {}

    Result<double> seconds(int rows, int columns, int tokens, int repetitions) override {
        const auto elements = [](int a, int b) {
            return static_cast<uint64_t>(a) * static_cast<uint64_t>(b);
        };
        const uint64_t matrix = elements(rows, columns);  // elements of w
        const uint64_t cache = std::max<uint64_t>(deviceFacts().cacheBytes, uint64_t{32} << 20);
        const uint64_t copies = 2 * cache / matrix + 1;  // four times the cache
        Result<Memory> weights = m_runtime.allocate(2 * matrix * copies, "the yardstick's weights");
        if (!weights) return weights.error();
        Result<Memory> inputs = m_runtime.allocate(2 * elements(tokens, columns), "the yardstick's input");
        if (!inputs) return inputs.error();
        Result<Memory> results = m_runtime.allocate(4 * elements(tokens, rows), "the yardstick's result");
        if (!results) return results.error();
        fillHalves(m_runtime, weights->data(), 2 * matrix * copies);
        fillHalves(m_runtime, inputs->data(), 2 * elements(tokens, columns));

        inference::cuda::RowProduct product;
        product.m = tokens, product.n = rows, product.k = columns;
        product.rightTransposed = true;
        product.aStride = product.bStride = columns;
        product.cStride = rows;
        constexpr int kWarmUp = 3;
        StreamClock clock(m_runtime);
        for (int i = 0; i < kWarmUp + repetitions; ++i) {
            if (i == kWarmUp) clock.mark();
            const uint16_t* w = weights->as<uint16_t>() + matrix * (static_cast<uint64_t>(i) % copies);
            Result<void> done =
                m_cublas->hgemm(product, 1, inputs->as<uint16_t>(), w, 0, results->as<float>());
            if (!done) return done.error();
        }
        clock.mark();
        const double seconds = clock.gaps().front();
        if (Result<void> done = m_runtime.synchronize(); !done) return done.error();
        return seconds / repetitions;
    }

  private:
    Runtime& m_runtime;
    const std::unique_ptr<Cublas> m_cublas;
};

}  // namespace

Result<std::unique_ptr<Yardstick>> Yardstick::open(Runtime& runtime) {
    Result<std::unique_ptr<Cublas>> cublas = Cublas::open(runtime);
    if (!cublas) return cublas.error();
    return std::unique_ptr<Yardstick>(new CublasYardstick(runtime, std::move(*cublas)));
}

}  // namespace edgechat::gpu
