// The yardstick: cuBLAS in fp16 on the same shapes.
#pragma once

#include "inference/cuda/cublas.h"

namespace edgechat::gpu {

/// Seconds of y[tokens, rows] = x[tokens, columns] w[rows, columns]^T, fp16 with fp32 sums and result: the
/// mean of `repetitions` products that take turns on enough matrices that none is left in the cache.
Result<double> cublasSeconds(inference::cuda::Cublas& cublas, inference::cuda::Runtime& runtime, int rows,
                             int columns, int tokens, int repetitions);

}  // namespace edgechat::gpu
