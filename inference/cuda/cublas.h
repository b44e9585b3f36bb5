// cuBLAS, where the machine has it: loaded when it is asked for, never linked.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "inference/cuda/blas_arguments.h"
#include "inference/cuda/runtime.h"
#include "inference/result.h"

namespace edgechat::inference::cuda {

/// Works on the runtime's stream; pointers are the device's. The same calls give the same bits on the same
/// device: one stream, a workspace of its own, no atomic sums. One thread uses it, that of the runtime.
class Cublas {
  public:
    /// Fails with badInput where there is no library of the CUDA version that this program was built with,
    /// with doesNotFit, or with internal.
    /// @param runtime  outlives the object
    static Result<std::unique_ptr<Cublas>> open(Runtime& runtime);
    ~Cublas();
    /// "13.1.0", of the library that open() would load. Fails as it does.
    static Result<std::string> version();

    /// fp32 in the default math mode with sums of whole precision: fp32 arithmetic, never TF32, which only
    /// its own mode would allow.
    Result<void> sgemm(const RowProduct& product, float alpha, const float* a, const float* b, float beta,
                       float* c);
    /// As sgemm. What lies below the diagonal is left alone.
    Result<void> ssyrkUpper(const RowGram& gram, float alpha, const float* x, float beta, float* g);
    /// fp16 factors, fp32 sums and result.
    Result<void> hgemm(const RowProduct& product, float alpha, const uint16_t* a, const uint16_t* b,
                       float beta, float* c);
    /// int8 factors, int32 sums and result. Strides and k are multiples of 4, addresses too.
    Result<void> int8Gemm(const RowProduct& product, int32_t alpha, const int8_t* a, const int8_t* b,
                          int32_t beta, int32_t* c);

  private:
    struct Library;
    Cublas();

    Memory m_workspace;
    std::unique_ptr<Library> m_library;
};

}  // namespace edgechat::inference::cuda
