// Products by tiles of a GPU, on a machine without one: a device that does nothing before it is waited for,
// and a cuBLAS of plain loops.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <vector>

#include "quant/gpu_product.h"
#include "tests/data/random_values.h"
#include "tests/inference/cuda/column_blas.h"

namespace edgechat::testing {
namespace {

/// What was started and not done yet. The work of copies, kernels and marks in their order.
std::deque<std::function<void()>> waiting;
int memories = 0;         ///< that are taken now
int refuseMemory = -1;    ///< the allocation that fails
int failingProduct = -1;  ///< the one that cuBLAS refuses
int products = 0, kinds[2] = {};
bool broken = false;  ///< the device, from the next synchronize() on

class LateRuntime final : public inference::cuda::Runtime {
  public:
    const inference::cuda::DeviceProperties& properties() const override { return m_properties; }
    uint64_t freeMemory() const override { return 0; }
    Result<inference::cuda::Memory> allocate(uint64_t bytes, const char*) override {
        return take(bytes, false);
    }
    Result<inference::cuda::Memory> allocatePinned(uint64_t bytes, const char*) override {
        return take(bytes, true);
    }
    void release(void* data, bool) override {
        std::free(data);
        --memories;
    }
    void copyToDevice(void* to, const void* from, uint64_t bytes) override {
        waiting.emplace_back([=] { std::memcpy(to, from, bytes); });
    }
    void copyFromDevice(void* to, const void* from, uint64_t bytes) override {
        copyToDevice(to, from, bytes);
    }
    void zero(void* data, uint64_t bytes) override {
        waiting.emplace_back([=] { std::memset(data, 0, bytes); });
    }
    Result<void> synchronize() override {
        if (broken) {
            waiting.clear();
            return Error{ErrorCode::internal, "broken", "", "", "", ""};
        }
        work(waiting.size());
        return {};
    }
    void mark(int index) override {
        ++m_marked[index];
        waiting.emplace_back([this, index] { ++m_reached[index]; });
    }
    void waitForMark(int index) override {
        while (!broken && m_reached[index] < m_marked[index]) work(1);
    }
    Result<std::unique_ptr<Recording>> record(const std::function<void()>&) override {
        return Error{ErrorCode::internal, "not here", "", "", "", ""};
    }
    void replay(Recording&) override {}
    double secondsOf(const std::function<void()>& launches) override {
        launches();
        return 0;
    }
    void* stream() const override { return nullptr; }

  private:
    static void work(size_t count) {
        for (; count > 0; --count) {
            waiting.front()();
            waiting.pop_front();
        }
    }
    Result<inference::cuda::Memory> take(uint64_t bytes, bool pinned) {
        if (memories == refuseMemory) return Error{ErrorCode::doesNotFit, "full", "", "", "", ""};
        ++memories;
        void* data = std::malloc(bytes);
        std::memset(data, 0xff, bytes);  // NaNs
        return inference::cuda::Memory(this, data, bytes, pinned);
    }

    inference::cuda::DeviceProperties m_properties;
    int m_marked[2] = {}, m_reached[2] = {};
};

}  // namespace
}  // namespace edgechat::testing

namespace edgechat::inference::cuda {

struct Cublas::Library {};
Cublas::Cublas() = default;
Cublas::~Cublas() = default;

Result<std::unique_ptr<Cublas>> Cublas::open(Runtime&) {
    return std::unique_ptr<Cublas>(new Cublas);
}

Result<void> Cublas::sgemm(const RowProduct& product, float alpha, const float* a, const float* b, float beta,
                           float* c) {
    if (testing::products++ == testing::failingProduct)
        return Error{ErrorCode::internal, "refused", "", "", "", ""};
    ++testing::kinds[0];
    testing::waiting.emplace_back([=] { testing::columnGemm(gemmArguments(product), alpha, b, a, beta, c); });
    return {};
}

Result<void> Cublas::ssyrkUpper(const RowGram& gram, float alpha, const float* x, float beta, float* g) {
    if (testing::products++ == testing::failingProduct)
        return Error{ErrorCode::internal, "refused", "", "", "", ""};
    ++testing::kinds[1];
    testing::waiting.emplace_back([=] { testing::columnSyrk(syrkArguments(gram), alpha, x, beta, g); });
    return {};
}

}  // namespace edgechat::inference::cuda

namespace edgechat::quant {
namespace {

using inference::cuda::Cublas;
using inference::cuda::Runtime;

/// The processor's product; counts its calls.
class Plain final : public DenseProduct {
  public:
    explicit Plain(int& calls) : m_calls(calls) {}
    const char* name() const override { return "plain"; }
    void timesTransposed(const MatrixView& a, const MatrixView& b, float alpha, float beta, float* c,
                         int64_t cStride) override {
        ++m_calls;
        const auto right = [&](int64_t k, int64_t j) { return b.data[j * b.stride + k]; };
        multiply(a, b.rows, right, alpha, beta, c, cStride);
    }
    void times(const MatrixView& a, const MatrixView& b, float alpha, float beta, float* c,
               int64_t cStride) override {
        ++m_calls;
        const auto right = [&](int64_t k, int64_t j) { return b.data[k * b.stride + j]; };
        multiply(a, b.columns, right, alpha, beta, c, cStride);
    }
    void addGram(const MatrixView& x, float* g, int64_t gStride) override {
        ++m_calls;
        for (int64_t i = 0; i < x.columns; ++i) {
            for (int64_t j = i; j < x.columns; ++j) {
                double sum = 0;
                for (int64_t t = 0; t < x.rows; ++t)
                    sum += double{x.data[t * x.stride + i]} * double{x.data[t * x.stride + j]};
                g[i * gStride + j] += static_cast<float>(sum);
            }
        }
    }

  private:
    static void multiply(const MatrixView& a, int64_t n, const std::function<float(int64_t, int64_t)>& right,
                         float alpha, float beta, float* c, int64_t cStride) {
        for (int64_t i = 0; i < a.rows; ++i) {
            for (int64_t j = 0; j < n; ++j) {
                double sum = 0;
                for (int64_t k = 0; k < a.columns; ++k)
                    sum += double{a.data[i * a.stride + k]} * double{right(k, j)};
                float& out = c[i * cStride + j];
                out = static_cast<float>(double{alpha} * sum + (beta == 0 ? 0 : double{beta} * double{out}));
            }
        }
    }
    int& m_calls;
};

constexpr float kUntouched = 12345.0f;
constexpr GpuTiles kSmall{.side = 16, .depth = 24, .staging = 40, .leastWork = 0, .leastWorkPerByte = 0};

class GpuProduct : public ::testing::Test {
  protected:
    void SetUp() override {
        testing::refuseMemory = testing::failingProduct = -1;
        testing::products = testing::kinds[0] = testing::kinds[1] = 0;
        testing::broken = false;
    }
    void TearDown() override {
        EXPECT_EQ(testing::memories, 0);
        testing::waiting.clear();
    }

    std::unique_ptr<DenseProduct> make(const GpuTiles& tiles) {
        auto runtime = std::make_unique<testing::LateRuntime>();
        auto cublas = Cublas::open(*runtime);
        return makeGpuProduct(std::move(runtime), std::move(*cublas), tiles,
                              std::make_unique<Plain>(m_plain));
    }

    /// A product of all kinds against the plain one, with gaps between rows.
    void compare(DenseProduct& product, int64_t m, int64_t n, int64_t k, bool transposed, float beta,
                 bool sameFactors = false) {
        const int64_t aStride = k + 3, bStride = (transposed ? k : n) + 3, cStride = n + 2;
        std::vector<float> a = testing::RandomValues(1).vector(static_cast<size_t>(m * aStride));
        std::vector<float> b =
            testing::RandomValues(2).vector(static_cast<size_t>((transposed ? n : k) * bStride));
        if (sameFactors) b = a;
        std::vector<float> c(static_cast<size_t>(m * cStride), kUntouched);
        for (int64_t i = 0; i < m; ++i) std::fill_n(c.begin() + i * cStride, n, beta == 0 ? NAN : 0.75f);
        std::vector<float> expected = c;
        const MatrixView left(a.data(), m, k, aStride);
        const MatrixView right(sameFactors ? a.data() : b.data(), transposed ? n : k, transposed ? k : n,
                               bStride);
        int unused = 0;
        Plain plain(unused);
        if (transposed) {
            product.timesTransposed(left, right, 0.5f, beta, c.data(), cStride);
            plain.timesTransposed(left, right, 0.5f, beta, expected.data(), cStride);
        } else {
            product.times(left, right, 0.5f, beta, c.data(), cStride);
            plain.times(left, right, 0.5f, beta, expected.data(), cStride);
        }
        for (size_t i = 0; i < c.size(); ++i) {
            ASSERT_NEAR(double{c[i]}, double{expected[i]}, 1e-5)
                << m << " " << n << " " << k << " at " << i / static_cast<size_t>(cStride) << " "
                << i % static_cast<size_t>(cStride);
        }
    }

    void compareGram(DenseProduct& product, int64_t rows, int64_t n) {
        const int64_t xStride = n + 3, gStride = n + 2;
        const std::vector<float> x = testing::RandomValues(3).vector(static_cast<size_t>(rows * xStride));
        std::vector<float> g(static_cast<size_t>(n * gStride), kUntouched);
        for (int64_t i = 0; i < n; ++i) std::fill_n(g.begin() + i * gStride + i, n - i, 0.25f);
        std::vector<float> expected = g;
        int unused = 0;
        product.addGram(MatrixView(x.data(), rows, n, xStride), g.data(), gStride);
        Plain(unused).addGram(MatrixView(x.data(), rows, n, xStride), expected.data(), gStride);
        for (size_t i = 0; i < g.size(); ++i) {
            ASSERT_NEAR(double{g[i]}, double{expected[i]}, 2e-5)
                << rows << " " << n << " at " << i / static_cast<size_t>(gStride) << " "
                << i % static_cast<size_t>(gStride);
        }
    }

    int m_plain = 0;  ///< calls of the processor's product
};

TEST_F(GpuProduct, multipliesByTiles) {
    const std::unique_ptr<DenseProduct> product = make(kSmall);
    EXPECT_STREQ(product->name(), "cuBLAS");
    struct Shape {
        int64_t m, n, k;
    };
    for (const Shape& shape : {Shape{1, 1, 1},
                               {16, 16, 24},
                               {17, 15, 23},
                               {15, 17, 25},
                               {33, 49, 73},
                               {5, 50, 60},
                               {50, 5, 60},
                               {32, 32, 48},
                               {3, 16, 100},
                               {40, 40, 20}}) {
        for (const bool transposed : {false, true}) {
            for (const float beta : {0.0f, 1.0f, -0.5f}) {
                ASSERT_NO_FATAL_FAILURE(compare(*product, shape.m, shape.n, shape.k, transposed, beta));
            }
        }
    }
    // A matrix by itself.
    ASSERT_NO_FATAL_FAILURE(compare(*product, 35, 35, 50, true, 0, true));
    EXPECT_EQ(m_plain, 0);
}

TEST_F(GpuProduct, looksAtFactorsAgainInTheNextCall) {
    const std::unique_ptr<DenseProduct> product = make(kSmall);
    std::vector<float> a(8 * 8, 1.0f), b(8 * 8, 2.0f), c(8 * 8);
    const MatrixView left(a.data(), 8, 8), right(b.data(), 8, 8);
    product->times(left, right, 1, 0, c.data(), 8);
    EXPECT_EQ(c[9], 16.0f);
    std::fill(a.begin(), a.end(), 3.0f);
    product->times(left, right, 1, 0, c.data(), 8);
    EXPECT_EQ(c[9], 48.0f);
    std::fill(b.begin(), b.end(), 5.0f);
    product->times(left, right, 1, 0, c.data(), 8);
    EXPECT_EQ(c[9], 120.0f);
}

TEST_F(GpuProduct, addsGramMatricesByTiles) {
    const std::unique_ptr<DenseProduct> product = make(kSmall);
    for (const int64_t n : {1, 15, 16, 17, 32, 50}) {
        for (const int64_t rows : {1, 7, 15, 16, 60, 200})
            ASSERT_NO_FATAL_FAILURE(compareGram(*product, rows, n));
    }
    EXPECT_EQ(m_plain, 0);
    EXPECT_GT(testing::kinds[0], 0);
    EXPECT_GT(testing::kinds[1], 0);
    // A row that the device's buffers do not hold is the processor's.
    GpuTiles narrow = kSmall;
    narrow.side = narrow.depth = 4;
    ASSERT_NO_FATAL_FAILURE(compareGram(*make(narrow), 3, 33));
    EXPECT_EQ(m_plain, 1);
}

TEST_F(GpuProduct, leavesSmallWorkToTheProcessor) {
    GpuTiles tiles = kSmall;
    tiles.leastWork = 2.0 * 20 * 20 * 20;
    std::unique_ptr<DenseProduct> product = make(tiles);
    ASSERT_NO_FATAL_FAILURE(compare(*product, 20, 20, 19, true, 1));
    ASSERT_NO_FATAL_FAILURE(compare(*product, 20, 20, 19, false, 1));
    ASSERT_NO_FATAL_FAILURE(compareGram(*product, 19, 20));
    ASSERT_NO_FATAL_FAILURE(compare(*product, 5, 5, 0, true, 0));
    EXPECT_EQ(m_plain, 4);
    EXPECT_EQ(testing::products, 0);
    ASSERT_NO_FATAL_FAILURE(compare(*product, 20, 20, 20, true, 1));
    ASSERT_NO_FATAL_FAILURE(compareGram(*product, 20, 20));
    EXPECT_EQ(m_plain, 4);
    // Much to copy and little to compute: 2 m n k operations for 4 (m k + n k + 2 m n) bytes.
    tiles.leastWork = 1;
    tiles.leastWorkPerByte = 2.0 * 20 * 20 * 20 / (4.0 * (20 * 20 + 20 * 20 + 2 * 20 * 20));
    product = make(tiles);
    ASSERT_NO_FATAL_FAILURE(compare(*product, 20, 20, 20, true, 1));
    EXPECT_EQ(m_plain, 4);
    ASSERT_NO_FATAL_FAILURE(compare(*product, 2, 2000, 20, true, 1));
    EXPECT_EQ(m_plain, 5);
}

TEST_F(GpuProduct, withoutMemoryIsTheProcessorsProduct) {
    for (int refused = 0; refused < 5; ++refused) {
        testing::refuseMemory = refused;
        EXPECT_STREQ(make(kSmall)->name(), "plain");
        EXPECT_EQ(testing::memories, 0);
    }
}

TEST_F(GpuProduct, whatTheGpuDidNotDoIsDoneByTheProcessorOnce) {
    // Of 12 tiles of 3 parts each, whichever part fails.
    for (const bool transposed : {false, true}) {
        for (int failing = 0; failing < 36; failing += 5) {
            testing::products = 0;
            testing::failingProduct = failing;
            m_plain = 0;
            const std::unique_ptr<DenseProduct> product = make(kSmall);
            ASSERT_NO_FATAL_FAILURE(compare(*product, 40, 60, 70, transposed, 1));
            EXPECT_EQ(m_plain, 12 - failing / 3);
            EXPECT_STREQ(product->name(), "cuBLAS and plain");
            testing::waiting.clear();
        }
    }
    // Of 10 tiles, twice, as only 15 of 20 rows fit on the device.
    for (int failing = 0; failing < 20; ++failing) {
        testing::products = 0;
        testing::failingProduct = failing;
        m_plain = 0;
        const std::unique_ptr<DenseProduct> product = make(kSmall);
        ASSERT_NO_FATAL_FAILURE(compareGram(*product, 20, 50));
        EXPECT_EQ(m_plain, 20 - failing);
        testing::waiting.clear();
    }
}

TEST_F(GpuProduct, aGpuThatBreaksLeavesNoTrace) {
    const std::unique_ptr<DenseProduct> product = make(kSmall);
    testing::broken = true;
    ASSERT_NO_FATAL_FAILURE(compare(*product, 40, 60, 70, true, 1));
    ASSERT_NO_FATAL_FAILURE(compareGram(*product, 20, 50));
    EXPECT_EQ(m_plain, 13);
    EXPECT_STREQ(product->name(), "cuBLAS and plain");
}

}  // namespace
}  // namespace edgechat::quant
