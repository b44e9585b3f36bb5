// With cuBLAS' header; cublas_absent.cpp stands in without.
#if __has_include(<cublas_v2.h>)

#include "inference/cuda/cublas.h"

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <dlfcn.h>

#include <string>
#include <type_traits>

namespace edgechat::inference::cuda {
namespace {

constexpr int kMajor = CUDART_VERSION / 1000;

// cuBLAS' own recommendation.
constexpr uint64_t kWorkspace = uint64_t{4} << 20;
constexpr uint64_t kHopperWorkspace = uint64_t{32} << 20;

cublasOperation_t operation(bool transposed) {
    return transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
}

Error noLibrary(std::string found) {
    const std::string major = std::to_string(kMajor);
    return Error{ErrorCode::badInput,
                 "cannot use cuBLAS",
                 "",
                 "",
                 std::move(found),
                 "libcublas.so." + major + " (package libcublas-" + major + "-*)"};
}

// One of two functions of that name.
using GemmEx = cublasStatus_t (*)(cublasHandle_t, cublasOperation_t, cublasOperation_t, int, int, int,
                                  const void*, const void*, cudaDataType, int, const void*, cudaDataType, int,
                                  const void*, void*, cudaDataType, int, cublasComputeType_t,
                                  cublasGemmAlgo_t);

}  // namespace

/// The functions, of the types that their header gives them.
struct Cublas::Library {
    decltype(&cublasCreate) create = nullptr;
    decltype(&cublasDestroy) destroy = nullptr;
    decltype(&cublasGetProperty) getProperty = nullptr;
    decltype(&cublasGetStatusString) getStatusString = nullptr;
    decltype(&cublasSetStream) setStream = nullptr;
    decltype(&cublasSetWorkspace) setWorkspace = nullptr;
    decltype(&cublasSetMathMode) setMathMode = nullptr;
    decltype(&cublasSetAtomicsMode) setAtomicsMode = nullptr;
    decltype(&cublasSsyrk) ssyrk = nullptr;
    decltype(static_cast<GemmEx>(&cublasGemmEx)) gemmEx = nullptr;

    void* library = nullptr;
    cublasHandle_t handle = nullptr;

    Library() = default;
    Library(const Library&) = delete;
    Library& operator=(const Library&) = delete;
    // The library stays loaded: CUDA does not like to lose code that it has seen.
    ~Library() {
        if (handle != nullptr) destroy(handle);
    }

    Result<void> load() {
        const std::string name = "libcublas.so." + std::to_string(kMajor);
        std::string error;
        for (const std::string& file : {name, "/usr/local/cuda/lib64/" + name, std::string("libcublas.so")}) {
            library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
            if (library != nullptr) break;
            const char* const words = dlerror();
            if (error.empty()) error = words != nullptr ? words : "nothing that can be loaded";
        }
        if (library == nullptr) return noLibrary(error);
        if (const char* missing = findAll()) return noLibrary(std::string("a library without ") + missing);
        int major = 0;
        if (getProperty(MAJOR_VERSION, &major) != CUBLAS_STATUS_SUCCESS || major != kMajor)
            return noLibrary("version " + std::to_string(major));
        return {};
    }

    /// Of a product that cuBLAS can count.
    Result<void> gemm(const RowProduct& product, cublasComputeType_t compute, cudaDataType factors,
                      cudaDataType sums, const void* alpha, const void* a, const void* b, const void* beta,
                      void* c, const char* doing) const {
        if (!fitsBlas(product)) return Error{ErrorCode::internal, "too large for cuBLAS", "", "", "", ""};
        const GemmArguments g = gemmArguments(product);
        return check(
            gemmEx(handle, operation(g.transposeA), operation(g.transposeB), g.m, g.n, g.k, alpha, b, factors,
                   g.lda, a, factors, g.ldb, beta, c, sums, g.ldc, compute, CUBLAS_GEMM_DEFAULT),
            doing);
    }

    Result<void> check(cublasStatus_t status, const char* doing) const {
        if (status == CUBLAS_STATUS_SUCCESS) return {};
        return Error{status == CUBLAS_STATUS_ALLOC_FAILED ? ErrorCode::doesNotFit : ErrorCode::internal,
                     std::string("cuBLAS failed in ") + doing + ": " + getStatusString(status),
                     "",
                     "",
                     "",
                     ""};
    }

  private:
    /// The name of a function that is not there, or null.
    const char* findAll() {
        const char* missing = nullptr;
        const auto find = [this, &missing](auto& function, const char* name) {
            function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
            if (function == nullptr) missing = name;
        };
        find(create, "cublasCreate_v2");
        find(destroy, "cublasDestroy_v2");
        find(getProperty, "cublasGetProperty");
        find(getStatusString, "cublasGetStatusString");
        find(setStream, "cublasSetStream_v2");
        find(setWorkspace, "cublasSetWorkspace_v2");
        find(setMathMode, "cublasSetMathMode");
        find(setAtomicsMode, "cublasSetAtomicsMode");
        find(ssyrk, "cublasSsyrk_v2");
        find(gemmEx, "cublasGemmEx");
        return missing;
    }
};

Result<std::string> Cublas::version() {
    Library library;
    if (Result<void> loaded = library.load(); !loaded) return loaded.error();
    std::string text;
    for (const libraryPropertyType part : {MAJOR_VERSION, MINOR_VERSION, PATCH_LEVEL}) {
        int number = 0;
        if (library.getProperty(part, &number) != CUBLAS_STATUS_SUCCESS) break;
        text += (text.empty() ? "" : ".") + std::to_string(number);
    }
    return text;
}

Cublas::Cublas() : m_library(std::make_unique<Library>()) {}
Cublas::~Cublas() = default;

Result<std::unique_ptr<Cublas>> Cublas::open(Runtime& runtime) {
    std::unique_ptr<Cublas> cublas(new Cublas);
    Library& library = *cublas->m_library;
    if (Result<void> loaded = library.load(); !loaded) return loaded.error();
    const uint64_t bytes = runtime.properties().major == 9 ? kHopperWorkspace : kWorkspace;
    Result<Memory> workspace = runtime.allocate(bytes, "cuBLAS");
    if (!workspace) return workspace.error();
    cublas->m_workspace = std::move(*workspace);
    if (Result<void> made = library.check(library.create(&library.handle), "its start"); !made)
        return made.error();
    const cublasHandle_t handle = library.handle;
    cublasStatus_t status = library.setStream(handle, static_cast<cudaStream_t>(runtime.stream()));
    // Behind the stream, which takes the workspace away.
    if (status == CUBLAS_STATUS_SUCCESS)
        status = library.setWorkspace(handle, cublas->m_workspace.data(), static_cast<size_t>(bytes));
    if (status == CUBLAS_STATUS_SUCCESS)
        status = library.setMathMode(
            handle, static_cast<cublasMath_t>(CUBLAS_DEFAULT_MATH |
                                              CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION));
    if (status == CUBLAS_STATUS_SUCCESS) status = library.setAtomicsMode(handle, CUBLAS_ATOMICS_NOT_ALLOWED);
    if (Result<void> set = library.check(status, "its settings"); !set) return set.error();
    return cublas;
}

Result<void> Cublas::sgemm(const RowProduct& product, float alpha, const float* a, const float* b, float beta,
                           float* c) {
    return m_library->gemm(product, CUBLAS_COMPUTE_32F, CUDA_R_32F, CUDA_R_32F, &alpha, a, b, &beta, c,
                           "an fp32 product");
}

Result<void> Cublas::ssyrkUpper(const RowGram& gram, float alpha, const float* x, float beta, float* g) {
    const SyrkArguments s = syrkArguments(gram);
    return m_library->check(m_library->ssyrk(m_library->handle, CUBLAS_FILL_MODE_LOWER, CUBLAS_OP_N, s.n, s.k,
                                             &alpha, x, s.lda, &beta, g, s.ldc),
                            "a Gram matrix");
}

Result<void> Cublas::hgemm(const RowProduct& product, float alpha, const uint16_t* a, const uint16_t* b,
                           float beta, float* c) {
    return m_library->gemm(product, CUBLAS_COMPUTE_32F, CUDA_R_16F, CUDA_R_32F, &alpha, a, b, &beta, c,
                           "an fp16 product");
}

Result<void> Cublas::int8Gemm(const RowProduct& product, int32_t alpha, const int8_t* a, const int8_t* b,
                              int32_t beta, int32_t* c) {
    return m_library->gemm(product, CUBLAS_COMPUTE_32I, CUDA_R_8I, CUDA_R_32I, &alpha, a, b, &beta, c,
                           "an int8 product");
}

}  // namespace edgechat::inference::cuda

#endif
