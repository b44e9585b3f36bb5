// The harness' cuBLAS.
#pragma once

namespace edgechat::testing {

/// From now on it computes so many products more and refuses all others; -1: it computes all. False where
/// cuBLAS is NVIDIA's, which does as it likes.
bool allowCublasProducts(int count);

}  // namespace edgechat::testing
