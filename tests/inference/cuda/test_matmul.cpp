// Linear maps of packed weights with their epilogues, on the kernel harness: against plain loops in double
// over the weights before they were packed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "inference/cuda/dense_products.h"
#include "inference/cuda/host_half.h"
#include "inference/cuda/matmul.h"
#include "tests/data/random_values.h"
#include "tests/inference/cuda/harness/lanes.h"
#include "tests/inference/cuda/packed_weights.h"
#include "tests/inference/cuda/shared_vector.h"

namespace edgechat::inference::cuda {
namespace {

using testing::bytesOf;
using testing::ExpectedProducts;
using testing::HalfInputs;
using testing::halfOf;
using testing::makePackedWeights;
using testing::PackedWeights;
using testing::RandomValues;
using testing::SharedVector;

constexpr uint16_t kUntouchedHalf = 0x5a5a;
constexpr float kUntouched = -7.25e12f;

Runtime& runtime() {
    return testing::sharedRuntime();
}

SharedVector<float> randomNumbers(uint64_t seed, size_t count, float spread = 1.0f) {
    const std::vector<float> values = RandomValues(seed).vector(count, spread);
    return {values.begin(), values.end()};
}

/// Rounding of fp32 sums, relative to the sum of the terms' sizes.
constexpr double kRounding = 1e-6;
constexpr double kHalfRounding = 0x1p-11, kSmallestHalf = 0x1p-24;

using Launch = void (*)(Runtime&, const MatmulArguments&);

void gemv(Runtime& on, const MatmulArguments& arguments) {
    launchGemv(on, arguments);
    ASSERT_TRUE(on.synchronize());
}
void gemm(Runtime& on, const MatmulArguments& arguments) {
    launchGemm(on, arguments);
    ASSERT_TRUE(on.synchronize());
}

/// Room for two tiles or so: most matrices take several turns.
void dense(Runtime& on, const MatmulArguments& arguments) {
    int widest = 0;
    for (const Term& term : arguments.terms) widest = std::max(widest, paddedInputs(term.weights.columns));
    const DenseProducts::Room room{static_cast<uint64_t>(2 * 16 * 2 * widest), uint64_t{16} << 10};
    const auto products = testing::needed(DenseProducts::open(on, room, arguments.tokens, widest));
    const Result<bool> done = products->multiply(arguments);
    ASSERT_TRUE(done && *done);
    ASSERT_TRUE(on.synchronize());
}

MatmulArguments argumentsFor(const PackedWeights& w, const HalfInputs& x, int tokens,
                             const EpilogueArguments& epilogue) {
    MatmulArguments arguments;
    arguments.terms[0] = {w.packed, x.bits.data(), x.stride};
    arguments.segments[0] = {w.packed.tiles(), epilogue};
    arguments.tokens = tokens;
    return arguments;
}

SharedVector<float> plainResult(Launch launch, const PackedWeights& w, const HalfInputs& x, int tokens) {
    SharedVector<float> out(static_cast<size_t>(tokens * w.rows), kUntouched);
    EpilogueArguments epilogue;
    epilogue.rows = epilogue.outStride = w.rows;
    epilogue.out = out.data();
    launch(runtime(), argumentsFor(w, x, tokens, epilogue));
    return out;
}

void expectPlain(const SharedVector<float>& out, const ExpectedProducts& y, const std::string& what,
                 double rounding = kRounding) {
    ASSERT_EQ(out.size(), y.value.size());
    for (size_t i = 0; i < out.size(); ++i) {
        ASSERT_NEAR(out[i], y.value[i], rounding * y.size[i])
            << what << ", row " << i % static_cast<size_t>(y.rows);
    }
}

constexpr WeightKind kKinds[] = {WeightKind::int4Zero, WeightKind::int4Offset, WeightKind::int8,
                                 WeightKind::fp16};
constexpr int kGroups[] = {32, 64, 128, 0};

std::string describe(WeightKind kind, int rows, int columns, int group, int tokens) {
    return "kind " + std::to_string(static_cast<int>(kind)) + ", " + std::to_string(rows) + " x " +
           std::to_string(columns) + ", group " + std::to_string(group) + ", " + std::to_string(tokens) +
           " tokens";
}

TEST(Matmul, gemvIsTheProductForEveryKindAndShape) {
    int number = 0;
    for (const WeightKind kind : kKinds)
        for (const int group : kGroups) {
            if (kind == WeightKind::fp16 && group != 64) continue;
            for (const int columns : {64, 100, 576, 960, 1000, 2272, 4544})
                for (const int rows : {16, 48, 144, 272}) {
                    if (rows * columns > 144 * 1000) continue;
                    const int tokens = number++ % kMostGemvTokens + 1;
                    PackedWeights w =
                        makePackedWeights(kind, rows, columns, group, number % 2 == 0 ? 1.0f : 0.375f,
                                          static_cast<uint64_t>(number));
                    const HalfInputs x(tokens, columns, static_cast<uint64_t>(number) + 1000);
                    ExpectedProducts y;
                    y.add(w, x, tokens);
                    expectPlain(plainResult(gemv, w, x, tokens), y,
                                describe(kind, rows, columns, group, tokens));
                    if (HasFatalFailure()) return;
                }
        }
}

TEST(Matmul, gemvTokensDoNotDependOnEachOther) {
    for (const WeightKind kind : kKinds)
        for (const int group : {32, 128}) {
            if (kind == WeightKind::fp16 && group == 32) continue;
            const PackedWeights w = makePackedWeights(kind, 32, 1000, group, 1.5f, 5);
            const HalfInputs x(kMostGemvTokens, 1000, 6);
            const SharedVector<float> all = plainResult(gemv, w, x, kMostGemvTokens);
            for (int tokens = 1; tokens < kMostGemvTokens; ++tokens) {
                testing::seedLanes(static_cast<uint32_t>(tokens));
                const SharedVector<float> fewer = plainResult(gemv, w, x, tokens);
                ASSERT_EQ(std::memcmp(fewer.data(), all.data(), fewer.size() * sizeof(float)), 0)
                    << describe(kind, 32, 1000, group, tokens);
            }
        }
}

TEST(Matmul, gemmIsTheProductForEveryKindAndShape) {
    constexpr int kTokens[] = {1, 9, 33, 64, 100, 130};
    constexpr int kRows[] = {16, 48, 144, 272};
    constexpr int kColumns[] = {64, 100, 576, 1000, 960};
    int number = 0;
    for (const WeightKind kind : kKinds)
        for (const int group : kGroups) {
            if (kind == WeightKind::fp16 && group != 64) continue;
            for (const int tokens : kTokens) {
                ++number;
                const int rows = kRows[number % 4], columns = kColumns[number % 5];
                PackedWeights w = makePackedWeights(kind, rows, columns, group, number % 2 == 0 ? 1.0f : 2.5f,
                                                    static_cast<uint64_t>(number));
                const HalfInputs x(tokens, columns, static_cast<uint64_t>(number) + 1000);
                ExpectedProducts y;
                y.add(w, x, tokens);
                const std::string what = describe(kind, rows, columns, group, tokens);
                const SharedVector<float> out = plainResult(gemm, w, x, tokens);
                expectPlain(out, y, what);
                if (HasFatalFailure()) return;

                const int few = tokens < kMostGemvTokens ? tokens : kMostGemvTokens;
                const SharedVector<float> narrow = plainResult(gemv, w, x, few);
                for (size_t n = 0; n < narrow.size(); ++n)
                    ASSERT_NEAR(out[n], narrow[n], 1e-5 * y.size[n]) << what;
            }
        }
}

// Enough rows that the widest blocks are chosen, for tokens that do not fill them.
TEST(Matmul, gemmWithWideBlocks) {
    for (const WeightKind kind : kKinds)
        for (const int group : {32, 64}) {
            if (kind == WeightKind::fp16 && group == 32) continue;
            for (const int tokens : {61, 130}) {
                const int rows = tokens > 100 ? 16 * 65 : 16 * 129;
                PackedWeights w = makePackedWeights(kind, rows, 100, group, 1.0f, 3);
                const HalfInputs x(tokens, 100, 4);
                ExpectedProducts y;
                y.add(w, x, tokens);
                expectPlain(plainResult(gemm, w, x, tokens), y, describe(kind, rows, 100, group, tokens));
                if (HasFatalFailure()) return;
            }
        }
}

struct Path {
    Launch launch;
    int tokens;
    double rounding = kRounding;
};
// Dense products have fp16 weights.
constexpr Path kPaths[] = {{gemv, 1},
                           {gemv, 5},
                           {gemv, 8},
                           {gemm, 3},
                           {gemm, 45},
                           {dense, 3, kHalfRounding + kRounding},
                           {dense, 61, kHalfRounding + kRounding}};

TEST(Matmul, addsTwoTerms) {
    for (const WeightKind kind : kKinds)
        for (const int group : {32, 64}) {
            if (kind == WeightKind::fp16 && group == 32) continue;
            for (const Path path : kPaths) {
                PackedWeights first = makePackedWeights(kind, 48, 576, group, 0.5f, 1);
                PackedWeights second = makePackedWeights(kind, 48, 100, group, 3.0f, 2);
                const HalfInputs x(path.tokens, 576, 3), other(path.tokens, 100, 4);
                ExpectedProducts y;
                y.add(first, x, path.tokens);
                y.add(second, other, path.tokens);
                SharedVector<float> out(y.value.size(), kUntouched);
                EpilogueArguments epilogue;
                epilogue.rows = epilogue.outStride = 48;
                epilogue.out = out.data();
                MatmulArguments arguments = argumentsFor(first, x, path.tokens, epilogue);
                arguments.terms[1] = {second.packed, other.bits.data(), other.stride};
                arguments.termCount = 2;
                path.launch(runtime(), arguments);
                expectPlain(out, y, describe(kind, 48, 676, group, path.tokens), path.rounding);
                if (HasFatalFailure()) return;
            }
        }
}

double activationOf(ActivationKind kind, double x) {
    return kind == ActivationKind::silu ? x / (1 + std::exp(-x))
                                        : 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
}

TEST(Matmul, biasAndResidual) {
    for (const Path path : kPaths)
        for (const Epilogue kind : {Epilogue::plain, Epilogue::residual}) {
            const int rows = 43, stride = 50;  // five rows fill up the last tile
            PackedWeights w = makePackedWeights(WeightKind::int4Zero, 48, 100, 64, 1.0f, 7);
            const HalfInputs x(path.tokens, 100, 8);
            const SharedVector<float> bias = randomNumbers(9, 48, 3.0f);
            ExpectedProducts y;
            y.add(w, x, path.tokens);
            SharedVector<float> before = randomNumbers(10, static_cast<size_t>(path.tokens * stride), 5.0f);
            SharedVector<float> out = before;
            EpilogueArguments epilogue;
            epilogue.kind = kind;
            epilogue.bias = bias.data();
            epilogue.rows = rows;
            epilogue.out = out.data();
            epilogue.outStride = stride;
            path.launch(runtime(), argumentsFor(w, x, path.tokens, epilogue));
            for (int t = 0; t < path.tokens; ++t)
                for (int row = 0; row < stride; ++row) {
                    const auto at = static_cast<size_t>(t * stride + row);
                    if (row >= rows) {
                        ASSERT_EQ(out[at], before[at]) << "row " << row;
                        continue;
                    }
                    const double sum = y.at(t, row) + bias[static_cast<size_t>(row)];
                    const double expected = kind == Epilogue::residual ? before[at] + sum : sum;
                    ASSERT_NEAR(out[at], expected, path.rounding * y.sizeAt(t, row) + 8 * kRounding)
                        << "row " << row;
                }
        }
}

TEST(Matmul, activatedAndGated) {
    for (const Path path : kPaths)
        for (const ActivationKind activation : {ActivationKind::silu, ActivationKind::gelu})
            for (const bool gated : {false, true})
                for (const bool more : {false, true}) {  // with a bias and divisors
                    const int rows = gated ? 21 : 43, stride = 48;
                    PackedWeights w = makePackedWeights(WeightKind::int8, 48, 100, 32, 0.0625f, 11);
                    const HalfInputs x(path.tokens, 100, 12);
                    const SharedVector<float> bias = randomNumbers(13, 48, 2.0f);
                    SharedVector<float> divisors = randomNumbers(14, static_cast<size_t>(rows), 0.4f);
                    for (float& divisor : divisors) divisor += 0.7f;
                    ExpectedProducts y;
                    y.add(w, x, path.tokens);
                    SharedVector<uint16_t> out(static_cast<size_t>(path.tokens * stride), kUntouchedHalf);
                    EpilogueArguments epilogue;
                    epilogue.kind = gated ? Epilogue::gated : Epilogue::activated;
                    epilogue.activation = activation;
                    if (more) epilogue.bias = bias.data();
                    if (more) epilogue.divisors = divisors.data();
                    epilogue.rows = rows;
                    epilogue.out = out.data();
                    epilogue.outStride = stride;
                    path.launch(runtime(), argumentsFor(w, x, path.tokens, epilogue));
                    const auto sum = [&](int t, int row) {
                        return y.at(t, row) + (more ? bias[static_cast<size_t>(row)] : 0.0f);
                    };
                    for (int t = 0; t < path.tokens; ++t)
                        for (int row = 0; row < stride; ++row) {
                            const uint16_t bits = out[static_cast<size_t>(t * stride + row)];
                            if (row >= rows) {
                                ASSERT_EQ(bits, kUntouchedHalf) << "row " << row;
                                continue;
                            }
                            const int packed = gated ? row / 8 * 16 + row % 8 : row;
                            double expected = activationOf(activation, sum(t, packed));
                            if (gated) expected *= sum(t, packed + 8);
                            double error = y.sizeAt(t, packed);
                            if (gated) {
                                error = error * std::fabs(sum(t, packed + 8)) +
                                        y.sizeAt(t, packed + 8) * std::fabs(sum(t, packed));
                            }
                            if (more) {
                                expected /= divisors[static_cast<size_t>(row)];
                                error /= divisors[static_cast<size_t>(row)];
                            }
                            ASSERT_NEAR(halfOf(bits), expected,
                                        kHalfRounding * std::fabs(expected) + kSmallestHalf + 1e-4 +
                                            1.2 * path.rounding * error)
                                << "row " << row << " of token " << t;
                        }
                }
}

enum class Rope { none, halves, adjacent };

struct AttentionCase {
    int headSize, heads, kvHeads;
    Rope rope;
    bool int8;
    int columns = 64;
    int start = 0, capacity = 64;
};

/// A launch of an attention epilogue, what it wrote, and what it should have written.
class AttentionRun {
  public:
    AttentionRun(const AttentionCase& c, Path path)
        : m_case(c),
          m_tokens(path.tokens),
          m_rounding(path.rounding),
          m_tiles((c.headSize + 15) / 16),
          m_padded(c.headSize <= 64    ? 64
                   : c.headSize <= 128 ? 128
                                       : 256),
          m_x(path.tokens, c.columns, 22),
          m_start(1, c.start) {
        const int rows = (c.heads + 2 * c.kvHeads) * m_tiles * 16;
        m_weights = makePackedWeights(WeightKind::int4Zero, rows, c.columns, 64, 1.0f, 21);
        m_bias = randomNumbers(23, static_cast<size_t>(rows));
        m_y.add(m_weights, m_x, m_tokens);
        RandomValues random(24);
        for (int i = 0; i < m_tokens * (c.headSize / 2); ++i) {
            const float angle = 3.0f * random.next();
            m_rotations.push_back(std::cos(angle));
            m_rotations.push_back(std::sin(angle));
        }
        m_queries.assign(static_cast<size_t>(m_tokens * c.heads * m_padded), kUntouchedHalf);
        const auto slots = static_cast<size_t>(c.kvHeads * c.capacity);
        for (int i = 0; i < 2; ++i) {
            m_cache[i].assign(slots * static_cast<size_t>(m_padded), kUntouchedHalf);
            m_scales[i].assign(slots, kUntouchedHalf);
        }
        m_staging.assign(static_cast<size_t>(m_tokens * 2 * c.kvHeads * m_tiles * 16), NAN);
        m_tickets.assign(static_cast<size_t>(m_tokens * 2 * c.kvHeads), 0);
    }

    EpilogueArguments epilogue() {
        EpilogueArguments e;
        e.kind = Epilogue::attention;
        e.bias = m_bias.data();
        e.queries = m_queries.data();
        e.queryScale = 0.36f;
        if (m_case.rope != Rope::none) e.rotations = m_rotations.data();
        e.adjacent = m_case.rope == Rope::adjacent;
        e.headSize = m_case.headSize;
        e.heads = m_case.heads;
        e.kvHeads = m_case.kvHeads;
        e.cache.keys = m_cache[0].data();
        e.cache.values = m_cache[1].data();
        e.cache.capacity = m_case.capacity;
        e.start = m_start.data();
        if (m_case.int8) {
            e.cache.keyScales = m_scales[0].data();
            e.cache.valueScales = m_scales[1].data();
            e.staging = m_staging.data();
            e.tickets = m_tickets.data();
        }
        return e;
    }

    MatmulArguments arguments() { return argumentsFor(m_weights, m_x, m_tokens, epilogue()); }
    PackedWeights& weights() { return m_weights; }
    HalfInputs& inputs() { return m_x; }

    void expectAllRight() {
        for (int t = 0; t < m_tokens; ++t)
            for (int head = 0; head < m_case.heads; ++head)
                for (int e = 0; e < m_padded; ++e) {
                    const uint16_t bits =
                        m_queries[static_cast<size_t>((t * m_case.heads + head) * m_padded + e)];
                    if (e >= m_case.headSize) {
                        ASSERT_EQ(bits, kUntouchedHalf) << "pad " << e << " of head " << head;
                        continue;
                    }
                    const double q = expected(t, head, e) * double{0.36f};
                    ASSERT_NEAR(halfOf(bits), q, kHalfRounding * std::fabs(q) + kSmallestHalf + m_error)
                        << "query " << head << ", element " << e << ", token " << t;
                }
        for (int kv = 0; kv < 2 * m_case.kvHeads; ++kv)
            for (int slot = 0; slot < m_case.capacity; ++slot) {
                const int back = (slot - m_case.start % m_case.capacity + m_case.capacity) % m_case.capacity;
                expectSlot(kv, slot, back < m_tokens ? back : -1);
                if (::testing::Test::HasFatalFailure()) return;
            }
        for (const uint32_t ticket : m_tickets) ASSERT_EQ(ticket, 0u);
    }

  private:
    double row(int token, int packed) { return m_y.at(token, packed) + m_bias[static_cast<size_t>(packed)]; }

    /// Element `e` of a head among queries, keys and values.
    double expected(int token, int head, int e) {
        const int first = head * m_tiles * 16;
        m_error = 0;
        for (int i = 0; i < m_tiles * 16; ++i) {
            m_error = std::max(m_error, 2 * (m_rounding * m_y.sizeAt(token, first + i) + 2 * kRounding));
        }
        if (m_case.rope == Rope::none || head >= m_case.heads + m_case.kvHeads) return row(token, first + e);
        const int pairs = m_case.headSize / 2;
        const bool adjacent = m_case.rope == Rope::adjacent;
        const int pair = adjacent ? e / 2 : e % pairs;
        const bool second = adjacent ? e % 2 == 1 : e >= pairs;
        const int packed = first + 16 * (pair / 8) + pair % 8;
        const auto at = static_cast<size_t>(2 * (token * pairs + pair));
        const double a = row(token, packed), b = row(token, packed + 8);
        const double c = m_rotations[at], s = m_rotations[at + 1];
        return second ? b * c + a * s : a * c - b * s;
    }

    /// @param token  whose the slot is now, or -1: nobody's
    void expectSlot(int kv, int slot, int token) {
        const int which = kv / m_case.kvHeads, head = kv % m_case.kvHeads;
        const int place = head * m_case.capacity + slot;
        const std::string what = "kv head " + std::to_string(kv) + ", slot " + std::to_string(slot);
        const uint8_t* bytes = bytesOf(m_cache[which]);
        const uint16_t scaleBits = m_scales[which][static_cast<size_t>(place)];
        double largest = 0;
        for (int e = 0; token >= 0 && e < m_case.headSize; ++e) {
            largest = std::max(largest, std::fabs(expected(token, m_case.heads + kv, e)));
        }
        const double scale = halfOf(scaleBits);
        if (!m_case.int8 || token < 0) {
            ASSERT_EQ(scaleBits, kUntouchedHalf) << what;
        } else {
            ASSERT_NEAR(scale, largest / 127, largest / 127 * kHalfRounding + m_error) << what;
        }
        for (int e = 0; e < m_padded; ++e) {
            const auto at = static_cast<size_t>(place * m_padded + e);
            const bool written = token >= 0 && e < m_case.headSize;
            const double v = written ? expected(token, m_case.heads + kv, e) : 0;
            if (m_case.int8) {
                const auto code = static_cast<int8_t>(bytes[at]);
                if (!written) {
                    ASSERT_EQ(code, 0x5a) << what << ", element " << e;
                } else {
                    ASSERT_NEAR(code * scale, v,
                                0.5001 * scale + 127 * scale * kHalfRounding * (code == 127 || code == -127) +
                                    m_error)
                        << what << ", element " << e;
                }
            } else if (!written) {
                ASSERT_EQ(m_cache[which][at], kUntouchedHalf) << what << ", element " << e;
            } else {
                ASSERT_NEAR(halfOf(m_cache[which][at]), v,
                            kHalfRounding * std::fabs(v) + kSmallestHalf + m_error)
                    << what << ", element " << e;
            }
        }
    }

    AttentionCase m_case;
    int m_tokens;
    double m_rounding;
    int m_tiles, m_padded;
    HalfInputs m_x;
    PackedWeights m_weights;
    ExpectedProducts m_y;
    SharedVector<float> m_bias, m_rotations, m_staging;
    SharedVector<uint16_t> m_queries, m_cache[2],
        m_scales[2];  // int8 elements take the first half of m_cache
    SharedVector<uint32_t> m_tickets;
    SharedVector<int> m_start;
    double m_error = 0;
};

TEST(Matmul, attentionWritesQueriesKeysAndValues) {
    constexpr AttentionCase kCases[] = {
        {64, 4, 2, Rope::halves, false},         {64, 2, 2, Rope::adjacent, false, 100, 61},
        {100, 2, 1, Rope::halves, false, 64, 7}, {100, 2, 1, Rope::adjacent, false},
        {100, 2, 2, Rope::none, false},          {128, 7, 1, Rope::halves, false, 64, 1000},
        {64, 71, 1, Rope::halves, false},        {256, 1, 1, Rope::halves, false},
        {64, 4, 2, Rope::halves, true, 64, 62},  {100, 2, 1, Rope::adjacent, true, 100, 129},
        {128, 7, 1, Rope::none, true},           {128, 4, 4, Rope::halves, true, 64, 63},
        {256, 1, 1, Rope::halves, true},         {80, 3, 3, Rope::halves, true}};
    uint32_t seed = 0;
    for (const AttentionCase& c : kCases)
        for (const Path path : kPaths) {
            if (c.heads == 71 && path.tokens > 5) continue;
            SCOPED_TRACE("head size " + std::to_string(c.headSize) + ", " + std::to_string(c.heads) + ":" +
                         std::to_string(c.kvHeads) + ", tokens " + std::to_string(path.tokens));
            AttentionRun run(c, path);
            for (int again = 0; again < (c.int8 ? 2 : 1); ++again) {
                testing::seedLanes(++seed);
                path.launch(runtime(), run.arguments());
                run.expectAllRight();
                if (HasFatalFailure()) return;
            }
        }
}

TEST(Matmul, aHeadOfZerosHasTheScaleZero) {
    for (const Path path : kPaths) {
        PackedWeights w = makePackedWeights(WeightKind::int8, 3 * 64, 64, 64, 0.0f, 1);
        const HalfInputs x(path.tokens, 64, 2);
        SharedVector<uint16_t> queries(static_cast<size_t>(path.tokens * 64)), scales(128, kUntouchedHalf);
        SharedVector<int8_t> cache(2 * 64 * 64, 0x5a);
        SharedVector<float> staging(static_cast<size_t>(path.tokens * 2 * 64), NAN);
        SharedVector<uint32_t> tickets(static_cast<size_t>(path.tokens * 2));
        const SharedVector<int> start(1, 0);
        EpilogueArguments e;
        e.kind = Epilogue::attention;
        e.queries = queries.data();
        e.headSize = 64;
        e.heads = e.kvHeads = 1;
        e.cache = {cache.data(), cache.data() + 64 * 64, scales.data(), scales.data() + 64, 64};
        e.start = start.data();
        e.staging = staging.data();
        e.tickets = tickets.data();
        path.launch(runtime(), argumentsFor(w, x, path.tokens, e));
        for (int slot = 0; slot < 64; ++slot)
            for (const int which : {0, 64}) {
                const bool written = slot < path.tokens;
                ASSERT_EQ(scales[static_cast<size_t>(which + slot)], written ? 0 : kUntouchedHalf);
                for (int i = 0; i < 64; ++i)
                    ASSERT_EQ(cache[static_cast<size_t>((which + slot) * 64 + i)], written ? 0 : 0x5a);
            }
    }
}

// Falcon's queries, keys, values and the wide layer have the same input: one launch, two epilogues.
TEST(Matmul, twoSegmentsHaveTheirOwnEpilogues) {
    for (const bool int8 : {false, true})
        for (const Path path : kPaths) {
            AttentionRun run({64, 7, 1, Rope::halves, int8, 100, 60}, path);
            const int upRows = 40, stride = 44;
            PackedWeights up = makePackedWeights(WeightKind::int4Zero, 48, 100, 64, 1.0f, 31);
            ExpectedProducts y;
            y.add(up, run.inputs(), path.tokens);
            SharedVector<uint16_t> out(static_cast<size_t>(path.tokens * stride), kUntouchedHalf);

            // One matrix of both: tiles follow each other.
            PackedWeights both = run.weights();
            both.quants.insert(both.quants.end(), up.quants.begin(), up.quants.end());
            both.scales.insert(both.scales.end(), up.scales.begin(), up.scales.end());
            both.zeros.insert(both.zeros.end(), up.zeros.begin(), up.zeros.end());
            MatmulArguments arguments = run.arguments();
            PackedMatrix& packed = arguments.terms[0].weights;
            packed.quants = reinterpret_cast<const std::byte*>(both.quants.data());
            packed.scales = both.scales.data();
            packed.zeros = reinterpret_cast<const std::byte*>(both.zeros.data());
            packed.rows += up.rows;
            arguments.segmentCount = 2;
            EpilogueArguments& e = arguments.segments[1].epilogue;
            arguments.segments[1].tiles = 3;
            e.kind = Epilogue::activated;
            e.activation = ActivationKind::gelu;
            e.rows = upRows;
            e.out = out.data();
            e.outStride = stride;
            path.launch(runtime(), arguments);

            run.expectAllRight();
            if (HasFatalFailure()) return;
            for (int t = 0; t < path.tokens; ++t)
                for (int row = 0; row < stride; ++row) {
                    const uint16_t bits = out[static_cast<size_t>(t * stride + row)];
                    if (row >= upRows) {
                        ASSERT_EQ(bits, kUntouchedHalf);
                        continue;
                    }
                    const double expected = activationOf(ActivationKind::gelu, y.at(t, row));
                    ASSERT_NEAR(halfOf(bits), expected,
                                kHalfRounding * std::fabs(expected) + kSmallestHalf + 1e-4 +
                                    1.2 * path.rounding * y.sizeAt(t, row))
                        << "row " << row;
                }
        }
}

}  // namespace
}  // namespace edgechat::inference::cuda
