// The yardstick: cuBLAS in fp16 on the same shapes.
#pragma once

#include <memory>

#include "inference/cuda/runtime.h"

namespace edgechat::gpu {

class Yardstick {
  public:
    /// Fails as Cublas::open() does.
    /// @param runtime  outlives the object
    static Result<std::unique_ptr<Yardstick>> open(inference::cuda::Runtime& runtime);
    virtual ~Yardstick() = default;

    /// Seconds of y[tokens, rows] = x[tokens, columns] w[rows, columns]^T, fp16 with fp32 sums and result:
    /// the mean of `repetitions` products that take turns on enough matrices that none is left in the cache.
    virtual Result<double> seconds(int rows, int columns, int tokens, int repetitions) = 0;
};

}  // namespace edgechat::gpu
