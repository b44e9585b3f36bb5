#include "tests/gpu/cublas_yardstick.h"

#include <algorithm>

#include "tests/gpu/bench_device.h"

namespace edgechat::gpu {

using inference::cuda::Memory;

Result<double> cublasSeconds(inference::cuda::Cublas& cublas, inference::cuda::Runtime& runtime, int rows,
                             int columns, int tokens, int repetitions) {
    const auto elements = [](int a, int b) { return static_cast<uint64_t>(a) * static_cast<uint64_t>(b); };
    const uint64_t matrix = elements(rows, columns);  // elements of w
    const uint64_t cache = std::max<uint64_t>(deviceFacts().cacheBytes, uint64_t{32} << 20);
    const uint64_t copies = 2 * cache / matrix + 1;  // four times the cache
    Result<Memory> weights = runtime.allocate(2 * matrix * copies, "the yardstick's weights");
    if (!weights) return weights.error();
    Result<Memory> inputs = runtime.allocate(2 * elements(tokens, columns), "the yardstick's input");
    if (!inputs) return inputs.error();
    Result<Memory> results = runtime.allocate(4 * elements(tokens, rows), "the yardstick's result");
    if (!results) return results.error();
    fillHalves(runtime, weights->data(), 2 * matrix * copies);
    fillHalves(runtime, inputs->data(), 2 * elements(tokens, columns));

    inference::cuda::RowProduct product;
    product.m = tokens, product.n = rows, product.k = columns;
    product.rightTransposed = true;
    product.aStride = product.bStride = columns;
    product.cStride = rows;
    constexpr int kWarmUp = 3;
    StreamClock clock(runtime);
    for (int i = 0; i < kWarmUp + repetitions; ++i) {
        if (i == kWarmUp) clock.mark();
        const uint16_t* w = weights->as<uint16_t>() + matrix * (static_cast<uint64_t>(i) % copies);
        Result<void> done = cublas.hgemm(product, 1, inputs->as<uint16_t>(), w, 0, results->as<float>());
        if (!done) return done.error();
    }
    clock.mark();
    const double seconds = clock.gaps().front();
    if (Result<void> done = runtime.synchronize(); !done) return done.error();
    return seconds / repetitions;
}

}  // namespace edgechat::gpu
