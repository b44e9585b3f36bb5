#include "inference/cuda/dense_products.h"

#include <algorithm>

#include "inference/cuda/dense.h"

namespace edgechat::inference::cuda {
namespace {

constexpr uint64_t kResultBytes = 4;  // fp32 or int32
constexpr int kLeastDense = 32;       // fewer tokens are not worth a measurement
constexpr double kFasterBy = 0.95;    // of the own kernels' time: no more than chance is no reason

uint64_t rowBytes(const PackedMatrix& matrix) {
    return static_cast<uint64_t>(paddedInputs(matrix.columns)) * (int8ByRow(matrix) ? 1 : 2);
}

bool int8Products(const MatmulArguments& arguments) {
    return std::all_of(arguments.terms, arguments.terms + arguments.termCount,
                       [](const Term& term) { return int8ByRow(term.weights); });
}

/// results[tokens][rows] = inputs weights^T
RowProduct productOf(int tokens, int rows, int inputs, int inputStride) {
    RowProduct product;
    product.m = tokens, product.n = rows, product.k = inputs;
    product.rightTransposed = true;
    product.aStride = inputStride, product.bStride = inputs, product.cStride = rows;
    return product;
}

}  // namespace

void DenseProducts::Room::cover(const PackedMatrix& matrix, int tokens, uint64_t most) {
    const auto rows = static_cast<uint64_t>(matrix.rows);
    // At least a tile, however wide.
    const uint64_t tile = kTileRows * static_cast<uint64_t>(paddedInputs(matrix.columns)) * 2;
    weights = std::max(weights, std::max(tile, std::min(most, rows * rowBytes(matrix))));
    // Int8 keeps two terms' apart.
    const uint64_t perRow = static_cast<uint64_t>(tokens) * kResultBytes * (int8ByRow(matrix) ? 2 : 1);
    results = std::max(results, std::max(2 * kTileRows * perRow, std::min(most, rows * perRow)));
}

Result<std::unique_ptr<DenseProducts>> DenseProducts::open(Runtime& runtime, const Room& room, int mostTokens,
                                                           int mostInputs) {
    std::unique_ptr<DenseProducts> dense(new DenseProducts(runtime));
    Result<std::unique_ptr<Cublas>> cublas = Cublas::open(runtime);
    if (!cublas) return cublas.error();
    dense->m_cublas = std::move(*cublas);
    dense->m_mostTokens = mostTokens;
    const auto tokens = static_cast<uint64_t>(mostTokens);
    const uint64_t codes = tokens * static_cast<uint64_t>(mostInputs);
    const std::pair<Memory*, uint64_t> parts[] = {{&dense->m_weights, room.weights},
                                                  {&dense->m_results, room.results},
                                                  {&dense->m_codes[0], codes},
                                                  {&dense->m_codes[1], codes},
                                                  {&dense->m_codeScales, 2 * tokens * sizeof(float)}};
    for (const auto& [memory, bytes] : parts) {
        Result<Memory> taken = runtime.allocate(bytes, "products of whole matrices");
        if (!taken) return taken.error();
        *memory = std::move(*taken);
    }
    return dense;
}

int DenseProducts::tilesAtOnce(const MatmulArguments& arguments, bool int8) const {
    uint64_t widest = 0;
    for (int i = 0; i < arguments.termCount; ++i)
        widest = std::max(widest, static_cast<uint64_t>(paddedInputs(arguments.terms[i].weights.columns)));
    const uint64_t results = static_cast<uint64_t>(arguments.tokens) * kResultBytes *
                             static_cast<uint64_t>(int8 ? arguments.termCount : 1);
    const uint64_t rows =
        std::min(m_weights.bytes() / (widest * (int8 ? 1 : 2)), m_results.bytes() / results);
    return static_cast<int>(
        std::clamp<uint64_t>(rows / kTileRows, 1, static_cast<uint64_t>(arguments.terms[0].weights.tiles())));
}

Result<bool> DenseProducts::multiply(const MatmulArguments& arguments) {
    const bool int8 = int8Products(arguments);
    if (int8) {
        for (int i = 0; i < arguments.termCount; ++i) {
            launchRoundInputs(m_runtime, arguments.terms[i], arguments.tokens, m_codes[i].as<int8_t>(),
                              m_codeScales.as<float>() + i * m_mostTokens);
        }
    }
    const int all = arguments.terms[0].weights.tiles(), most = tilesAtOnce(arguments, int8);
    for (int first = 0; first < all; first += most) {
        const int tiles = std::min(most, all - first);
        Result<void> done =
            int8 ? multiplyInt8Tiles(arguments, first, tiles) : multiplyTiles(arguments, first, tiles);
        if (!done && first == 0) return false;
        if (!done) return done.error();
    }
    launchStoreQuantized(m_runtime, arguments);
    return true;
}

Result<void> DenseProducts::multiplyTiles(const MatmulArguments& arguments, int firstTile, int tiles) {
    DenseResults results;
    results.firstTile = firstTile, results.tiles = tiles;
    results.sums = m_results.as<float>();
    for (int i = 0; i < arguments.termCount; ++i) {
        const Term& term = arguments.terms[i];
        launchWriteRows(m_runtime, term.weights, firstTile, tiles, m_weights.as<uint16_t>());
        const RowProduct product = productOf(arguments.tokens, kTileRows * tiles,
                                             paddedInputs(term.weights.columns), term.inputStride);
        Result<void> done = m_cublas->hgemm(product, 1, term.input, m_weights.as<uint16_t>(),
                                            i == 0 ? 0.0f : 1.0f, m_results.as<float>());
        if (!done) return done;
    }
    launchStoreResults(m_runtime, arguments, results);
    return {};
}

Result<void> DenseProducts::multiplyInt8Tiles(const MatmulArguments& arguments, int firstTile, int tiles) {
    DenseResults results;
    results.firstTile = firstTile, results.tiles = tiles;
    const int rows = kTileRows * tiles;
    for (int i = 0; i < arguments.termCount; ++i) {
        const PackedMatrix& weights = arguments.terms[i].weights;
        const int inputs = paddedInputs(weights.columns);
        launchWriteCodes(m_runtime, weights, firstTile, tiles, m_weights.as<int8_t>());
        int32_t* counts = m_results.as<int32_t>() + int64_t{i} * arguments.tokens * rows;
        Result<void> done = m_cublas->int8Gemm(productOf(arguments.tokens, rows, inputs, inputs), 1,
                                               m_codes[i].as<int8_t>(), m_weights.as<int8_t>(), 0, counts);
        if (!done) return done;
        results.counts[i] = counts;
        results.inputScales[i] = m_codeScales.as<float>() + i * m_mostTokens;
    }
    launchStoreResults(m_runtime, arguments, results);
    return {};
}

int denseFrom(int mostTokens, const std::function<double(int, bool)>& seconds) {
    int from = 0;
    for (int tokens = mostTokens; tokens >= kLeastDense; tokens /= 2) {
        const double dense = seconds(tokens, true), own = seconds(tokens, false);
        if (dense <= 0 || dense >= kFasterBy * own) break;
        from = tokens;
    }
    return from;
}

}  // namespace edgechat::inference::cuda
