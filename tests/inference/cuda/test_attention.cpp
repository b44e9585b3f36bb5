// Attention against a plain loop in double. The cache is filled where a text has been written; every other
// slot, the working memory and the output begin as NaNs.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "inference/cuda/attention.h"
#include "inference/cuda/host_half.h"
#include "tests/data/random_values.h"
#include "tests/inference/cuda/forwarding_runtime.h"
#include "tests/inference/cuda/harness/lanes.h"

namespace edgechat::inference::cuda {
namespace {

template <class T>
T taken(Result<T> result) {
    return std::move(result.value());
}

/// The harness' runtime as a device of another size: how rows and keys are divided depends on it.
class SizedRuntime final : public testing::ForwardingRuntime {
  public:
    explicit SizedRuntime(int multiprocessors) : ForwardingRuntime(taken(Runtime::open())) {
        m_properties = m_inner->properties();
        if (multiprocessors > 0) m_properties.multiprocessors = multiprocessors;
    }

    const DeviceProperties& properties() const override { return m_properties; }

  private:
    DeviceProperties m_properties;
};

struct Case {
    int headSize = 64, group = 1, kvHeads = 2;
    int tokens = 1, start = 0;
    int window = 0;
    int capacity = 0;  // 0: as many slots as the text has, in whole tiles
    bool int8 = false, alibi = false;
    int multiprocessors = 0;  // 0: the harness' own
    int mostPositions = 0;    // 0: what the text has
    int strideExtra = 0;      // elements between the rows of the output
};

std::string nameOf(const Case& c) {
    return "head " + std::to_string(c.headSize) + " group " + std::to_string(c.group) + " kvHeads " +
           std::to_string(c.kvHeads) + " tokens " + std::to_string(c.tokens) + " start " +
           std::to_string(c.start) + " window " + std::to_string(c.window) + (c.int8 ? " int8" : " fp16") +
           (c.alibi ? " alibi" : "") + " multiprocessors " + std::to_string(c.multiprocessors);
}

/// A text's queries, keys and values as numbers, a cache that holds them, and what attention gives.
class Text {
  public:
    /// @param c  its start and tokens are those of the longest text
    explicit Text(const Case& c, uint64_t seed = 1)
        : m_case(c),
          m_runtime(c.multiprocessors),
          m_padded(paddedHeadSize(c.headSize)),
          m_heads(c.group * c.kvHeads) {
        const int length = c.start + c.tokens;
        m_capacity = c.capacity > 0 ? c.capacity : (length + 63) / 64 * 64;
        testing::RandomValues random(seed);
        const size_t elements = static_cast<size_t>(m_padded);
        m_queries = numbers(static_cast<size_t>(c.tokens) * heads() * elements, 0.6f, random);
        const size_t rows = static_cast<size_t>(c.kvHeads) * static_cast<size_t>(length);
        m_keys = numbers(rows * elements, 1.0f, random);
        m_values = numbers(rows * elements, 1.0f, random);
        // Scores of some size: a few keys that matter much, and those move the maximum.
        for (size_t row = 0; row < rows; ++row) {
            const float factor = row % 7 == 3 ? 3.0f : 0.7f;
            for (size_t i = 0; i < elements; ++i) m_keys[row * elements + i] *= factor;
        }
        m_scales.resize(2 * rows);
        for (size_t row = 0; row < rows; ++row) {
            m_scales[2 * row] = roundHalf(0.02f + 0.015f * random.next());
            m_scales[2 * row + 1] = roundHalf(0.02f + 0.015f * random.next());
            for (size_t i = 0; i < elements; ++i) {
                store(m_keys[row * elements + i], m_scales[2 * row]);
                store(m_values[row * elements + i], m_scales[2 * row + 1]);
            }
        }
        m_biasStride = length;
        m_biases = random.vector(heads() * static_cast<size_t>(length), 3.0f);

        m_queriesMemory = take(m_queries.size() * 2);
        for (size_t i = 0; i < m_queries.size(); ++i) {
            m_queriesMemory.as<uint16_t>()[i] = host::halfBits(m_queries[i]);
        }
        const size_t slots = static_cast<size_t>(c.kvHeads) * static_cast<size_t>(m_capacity);
        m_keysMemory = take(slots * elements * (c.int8 ? 1 : 2));
        m_valuesMemory = take(slots * elements * (c.int8 ? 1 : 2));
        m_keyScales = take(slots * 2);
        m_valueScales = take(slots * 2);
        m_biasMemory = take(m_biases.size() * sizeof(float));
        std::copy(m_biases.begin(), m_biases.end(), m_biasMemory.as<float>());
        m_start = take(sizeof(int));
        *m_start.as<int>() = c.start;
        m_partial =
            take(partialFloats(c.headSize, m_heads, c.kvHeads, c.tokens, multiprocessors()) * sizeof(float));
        const uint64_t tickets = ticketCount(c.headSize, m_heads, c.kvHeads, c.tokens, multiprocessors());
        m_tickets = take(tickets * sizeof(uint32_t));
        m_runtime.zero(m_tickets.data(), tickets * sizeof(uint32_t));
        m_outStride = m_heads * c.headSize + c.strideExtra;
        m_out = take(static_cast<uint64_t>(c.tokens) * static_cast<uint64_t>(m_outStride) * 2);
        for (int position = 0; position < length; ++position) write(position);
    }

    AttentionArguments arguments() const {
        AttentionArguments a;
        a.queries = m_queriesMemory.as<uint16_t>();
        a.out = m_out.as<uint16_t>();
        a.outStride = m_outStride;
        a.cache.keys = m_keysMemory.data();
        a.cache.values = m_valuesMemory.data();
        if (m_case.int8) {
            a.cache.keyScales = m_keyScales.as<uint16_t>();
            a.cache.valueScales = m_valueScales.as<uint16_t>();
        }
        a.cache.capacity = m_capacity;
        a.headSize = m_case.headSize;
        a.heads = m_heads;
        a.kvHeads = m_case.kvHeads;
        a.tokens = m_case.tokens;
        a.start = m_start.as<int>();
        a.window = m_case.window;
        if (m_case.alibi) {
            a.biases = m_biasMemory.as<float>();
            a.biasStride = m_biasStride;
        }
        a.mostPositions = m_case.mostPositions > 0 ? m_case.mostPositions : m_case.start + m_case.tokens;
        a.partial = m_partial.as<float>();
        a.tickets = m_tickets.as<uint32_t>();
        return a;
    }

    Runtime& runtime() { return m_runtime; }
    uint16_t* out() const { return m_out.as<uint16_t>(); }
    int outStride() const { return m_outStride; }

    /// The cache as if nothing had been written past a position, and the next launch's first token there.
    void cutTo(int start) {
        *m_start.as<int>() = start;
        fill(m_keysMemory);
        fill(m_valuesMemory);
        fill(m_keyScales);
        fill(m_valueScales);
        fill(m_partial);
        fill(m_out);
        for (int position = 0; position < start + m_case.tokens; ++position) write(position);
    }

    /// Compares all of the output for tokens first at `start`.
    void check(int start) const {
        double largest = 0, worst = 0;
        std::string where;
        for (int token = 0; token < m_case.tokens; ++token) {
            for (int head = 0; head < m_heads; ++head) {
                const std::vector<double> expected = reference(token, head, start);
                for (int i = 0; i < m_case.headSize; ++i) {
                    const double value = host::halfValue(
                        m_out.as<uint16_t>()[token * m_outStride + head * m_case.headSize + i]);
                    const double want = expected[static_cast<size_t>(i)];
                    largest = std::max(largest, std::fabs(want));
                    const double off = std::isfinite(value) ? std::fabs(value - want) : 1e30;
                    if (off > worst) {
                        worst = off;
                        where = " at token " + std::to_string(token) + " head " + std::to_string(head) +
                                " element " + std::to_string(i) + ": " + std::to_string(value) + ", not " +
                                std::to_string(want);
                    }
                }
            }
            for (int i = m_heads * m_case.headSize; i < m_outStride; ++i) {
                ASSERT_EQ(m_out.as<uint16_t>()[token * m_outStride + i], 0xffff)
                    << "wrote past a row's heads";
            }
        }
        EXPECT_LE(worst, 2e-3 * largest) << nameOf(m_case) << where;
        const uint64_t tickets =
            ticketCount(m_case.headSize, m_heads, m_case.kvHeads, m_case.tokens, multiprocessors());
        for (uint64_t i = 0; i < tickets; ++i) ASSERT_EQ(m_tickets.as<uint32_t>()[i], 0u) << "ticket " << i;
    }

    void run() {
        launchAttention(m_runtime, arguments());
        ASSERT_TRUE(m_runtime.synchronize());
        check(m_case.start);
    }

  private:
    size_t heads() const { return static_cast<size_t>(m_heads); }
    int multiprocessors() const { return m_runtime.properties().multiprocessors; }

    static float roundHalf(float value) { return host::halfValue(host::halfBits(value)); }

    /// Memory that the test writes and reads as it is, on a GPU too.
    Memory take(uint64_t bytes) {
        Memory memory = taken(m_runtime.allocatePinned(bytes, "a test"));
        fill(memory);
        return memory;
    }
    static void fill(const Memory& memory) {
        std::fill_n(memory.as<uint8_t>(), memory.bytes(), uint8_t{0xff});
    }

    /// fp16 numbers whose elements past the head's size are zeros.
    std::vector<float> numbers(size_t count, float spread, testing::RandomValues& random) const {
        std::vector<float> values = random.vector(count, spread);
        for (size_t i = 0; i < count; ++i) {
            const bool padding = static_cast<int>(i % static_cast<size_t>(m_padded)) >= m_case.headSize;
            values[i] = padding ? 0.0f : roundHalf(values[i]);
        }
        return values;
    }

    /// A number as the cache keeps it.
    void store(float& value, float scale) const {
        value =
            m_case.int8 ? scale * std::clamp(std::round(value / scale), -127.0f, 127.0f) : roundHalf(value);
    }

    size_t row(int kvHead, int position) const {
        return static_cast<size_t>(kvHead) * static_cast<size_t>(m_case.start + m_case.tokens) +
               static_cast<size_t>(position);
    }

    void write(int position) {
        for (int kvHead = 0; kvHead < m_case.kvHeads; ++kvHead) {
            const size_t from = row(kvHead, position);
            const size_t slot = static_cast<size_t>(kvHead) * static_cast<size_t>(m_capacity) +
                                static_cast<size_t>(position % m_capacity);
            m_keyScales.as<uint16_t>()[slot] = host::halfBits(m_scales[2 * from]);
            m_valueScales.as<uint16_t>()[slot] = host::halfBits(m_scales[2 * from + 1]);
            for (size_t i = 0; i < static_cast<size_t>(m_padded); ++i) {
                const size_t to = slot * static_cast<size_t>(m_padded) + i;
                const float key = m_keys[from * static_cast<size_t>(m_padded) + i];
                const float value = m_values[from * static_cast<size_t>(m_padded) + i];
                if (m_case.int8) {
                    m_keysMemory.as<int8_t>()[to] =
                        static_cast<int8_t>(std::lround(key / m_scales[2 * from]));
                    m_valuesMemory.as<int8_t>()[to] =
                        static_cast<int8_t>(std::lround(value / m_scales[2 * from + 1]));
                } else {
                    m_keysMemory.as<uint16_t>()[to] = host::halfBits(key);
                    m_valuesMemory.as<uint16_t>()[to] = host::halfBits(value);
                }
            }
        }
    }

    std::vector<double> reference(int token, int head, int start) const {
        const int last = start + token;
        const int first = std::max(
            {0, m_case.window > 0 ? last - m_case.window + 1 : 0, start + m_case.tokens - m_capacity});
        const auto size = static_cast<size_t>(m_padded);
        const float* query =
            &m_queries[(static_cast<size_t>(token) * heads() + static_cast<size_t>(head)) * size];
        std::vector<double> scores;
        double maximum = -1e300;
        for (int position = first; position <= last; ++position) {
            const float* key = &m_keys[row(head / m_case.group, position) * size];
            double score = 0;
            for (size_t i = 0; i < size; ++i) score += static_cast<double>(query[i]) * key[i];
            if (m_case.alibi) score += m_biases[static_cast<size_t>(head * m_biasStride + position)];
            scores.push_back(score);
            maximum = std::max(maximum, score);
        }
        std::vector<double> out(size);
        double sum = 0;
        for (int position = first; position <= last; ++position) {
            const double weight = std::exp2(scores[static_cast<size_t>(position - first)] - maximum);
            const float* value = &m_values[row(head / m_case.group, position) * size];
            sum += weight;
            for (size_t i = 0; i < size; ++i) out[i] += weight * value[i];
        }
        for (double& element : out) element /= sum;
        return out;
    }

    Case m_case;
    SizedRuntime m_runtime;
    int m_padded, m_heads;
    int m_capacity = 0, m_biasStride = 0, m_outStride = 0;
    std::vector<float> m_queries, m_keys, m_values;  // [T][heads][padded], [kvHeads][length][padded]
    std::vector<float> m_scales;                     // [kvHeads][length] of {key's, value's}
    std::vector<float> m_biases;                     // [heads][biasStride]
    Memory m_queriesMemory, m_keysMemory, m_valuesMemory, m_keyScales, m_valueScales, m_biasMemory, m_start,
        m_partial, m_tickets, m_out;
};

void runAll(std::vector<Case> cases) {
    for (Case c : cases) {
        for (const bool int8 : {false, true}) {
            c.int8 = int8;
            Text(c).run();
        }
    }
}

Case shape(int headSize, int group, int kvHeads, int tokens, int start) {
    Case c;
    c.headSize = headSize;
    c.group = group;
    c.kvHeads = kvHeads;
    c.tokens = tokens;
    c.start = start;
    return c;
}

TEST(CudaAttention, decodesOneTokenOfEveryHeadSize) {
    std::vector<Case> cases;
    for (const int headSize : {64, 80, 100, 128, 256}) {
        for (const int start : {0, 1, 15, 16, 63, 64, 200}) cases.push_back(shape(headSize, 4, 2, 1, start));
    }
    runAll(cases);
}

TEST(CudaAttention, decodesWithEveryGroup) {
    std::vector<Case> cases;
    for (const int group : {1, 4, 8, 71}) {
        for (const int start : {5, 130}) cases.push_back(shape(64, group, group == 71 ? 1 : 2, 1, start));
    }
    runAll(cases);
}

TEST(CudaAttention, seesNoTokenAfterItself) {
    std::vector<Case> cases;
    for (const int tokens : {2, 5, 17, 64, 70}) {
        for (const int start : {0, 1, 63, 64, 200}) cases.push_back(shape(64, 3, 1, tokens, start));
    }
    runAll(cases);
}

TEST(CudaAttention, goesOnAfterALongText) {
    runAll({shape(64, 8, 2, 1, 1000), shape(128, 4, 1, 5, 1000), shape(256, 1, 1, 2, 1000),
            shape(128, 1, 2, 17, 1000)});
}

// On a small device a few rows are many already.
TEST(CudaAttention, givesEachWarpItsRowsInAPrompt) {
    std::vector<Case> cases;
    for (const int headSize : {64, 100, 128, 256}) {
        // Two row tiles a warp; one; and rows that end in the middle of a warp's.
        for (const int tokens : {70, 33, 40}) {
            Case c = shape(headSize, tokens == 40 ? 5 : 2, tokens == 33 ? 1 : 2, tokens, 37);
            c.multiprocessors = 1;
            cases.push_back(c);
        }
    }
    runAll(cases);
    Case falcon = shape(64, 71, 1, 17, 20);
    falcon.multiprocessors = 2;
    runAll({falcon});
}

TEST(CudaAttention, forgetsWhatLeftTheWindow) {
    std::vector<Case> cases;
    for (const int window : {1, 16, 100}) {
        for (const int tokens : {1, 5, 70}) {
            for (const int start : {0, 50, 200, 1000}) {
                Case c = shape(64, 2, 1, tokens, start);
                c.window = window;
                c.capacity = (window + tokens - 1 + 63) / 64 * 64;  // the least that holds what is seen
                cases.push_back(c);
                if (tokens == 70 && start == 200) {
                    c.multiprocessors = 1;
                    cases.push_back(c);
                    c.kvHeads = 2;
                    cases.push_back(c);
                    c.headSize = 128;
                    cases.push_back(c);
                }
            }
        }
    }
    runAll(cases);
}

// With no window a text may not outgrow the cache; if it does, only what is stored is seen.
TEST(CudaAttention, seesOnlyWhatIsStored) {
    Case c = shape(64, 4, 2, 5, 300);
    c.capacity = 128;
    Case prompt = c;
    prompt.tokens = 40;
    prompt.multiprocessors = 1;
    runAll({c, prompt});
}

TEST(CudaAttention, addsBiasesOfPositions) {
    std::vector<Case> cases;
    for (const int multiprocessors : {0, 1}) {
        for (const int start : {0, 77}) {
            for (const int tokens : {1, 5, 70}) {
                Case c = shape(80, 3, 2, tokens, start);
                c.alibi = true;
                c.multiprocessors = multiprocessors;
                cases.push_back(c);
                c.window = 40;
                c.capacity = 128;
                cases.push_back(c);
            }
        }
    }
    runAll(cases);
}

TEST(CudaAttention, mergesAnyNumberOfPieces) {
    std::vector<Case> cases;
    for (const int headSize : {64, 128, 256}) {
        for (const int multiprocessors : {1, 2, 3, 5, 16, 200}) {
            Case c = shape(headSize, 4, 1, 1, headSize == 64 ? 1000 : 420);
            c.multiprocessors = multiprocessors;
            cases.push_back(c);
        }
    }
    Case full = shape(64, 1, 1, 1, 64 * 70 - 1);  // more key tiles than there can be pieces
    full.multiprocessors = 1000;
    cases.push_back(full);
    runAll(cases);
}

// A row may see no key of a piece: a token's last keys are in the next piece's tile.
TEST(CudaAttention, mergesPiecesThatSomeRowsDoNotSee) {
    std::vector<Case> cases;
    for (const int start : {62, 126, 127}) {
        Case c = shape(128, 1, 2, 5, start);
        c.multiprocessors = 64;
        cases.push_back(c);
        c.window = 16;
        cases.push_back(c);
    }
    runAll(cases);
}

TEST(CudaAttention, writesRowsOfAnyStride) {
    std::vector<Case> cases;
    for (const int headSize : {64, 100, 80}) {
        for (const int extra : {8, 2, 1}) {
            Case c = shape(headSize, 2, 2, 3, 20);
            c.strideExtra = extra;
            cases.push_back(c);
        }
    }
    runAll(cases);
}

// One recording serves a text from its first token on.
TEST(CudaAttention, staysRightAsARecordedTextGrows) {
    for (const bool int8 : {false, true}) {
        Case c = shape(64, 8, 2, 1, 700);
        c.int8 = int8;
        c.mostPositions = 4096;
        c.multiprocessors = 16;
        Text text(c);
        const AttentionArguments arguments = text.arguments();
        const auto recording =
            taken(text.runtime().record([&] { launchAttention(text.runtime(), arguments); }));
        for (const int start : {0, 10, 63, 64, 65, 127, 128, 300, 699, 700, 2}) {
            text.cutTo(start);
            text.runtime().replay(*recording);
            text.check(start);
        }
    }
}

TEST(CudaAttention, givesTheSameBitsEveryTime) {
    Case c = shape(64, 4, 2, 3, 500);
    Text text(c);
    text.run();
    const size_t count = static_cast<size_t>(c.tokens) * static_cast<size_t>(text.outStride());
    const std::vector<uint16_t> first(text.out(), text.out() + count);
    for (uint32_t seed = 2; seed < 6; ++seed) {
        testing::seedLanes(seed);
        text.cutTo(c.start);
        text.run();
        EXPECT_TRUE(std::equal(first.begin(), first.end(), text.out())) << "seed " << seed;
    }
}

TEST(CudaAttention, keepsWorkingMemoryWithinWhatItAskedFor) {
    // As many blocks as a device of this size gives the most pieces to, at the end of what was asked for.
    for (const int multiprocessors : {1, 7, 8, 30}) {
        for (const int group : {1, 16, 71}) {
            Case c = shape(64, group, 1, 1, 300);
            c.multiprocessors = multiprocessors;
            Text text(c);
            text.run();
        }
    }
}

}  // namespace
}  // namespace edgechat::inference::cuda
