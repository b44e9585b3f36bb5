// Rows by way of the thread that reads ahead: what is read, how often, and that it is what readRows() gives.
#include "inference/model/row_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "tests/data/hf_folder.h"
#include "tests/data/int8_packing.h"
#include "tests/data/test_files.h"

namespace edgechat::inference {
namespace {

using namespace testing;

std::unique_ptr<Checkpoint> opened(const HfFolder& model, const TemporaryFolder& folder) {
    model.writeTo(folder);
    auto checkpoint = Checkpoint::open(folder.path());
    EXPECT_TRUE(checkpoint) << (checkpoint ? "" : checkpoint.error().message());
    return checkpoint ? std::move(*checkpoint) : nullptr;
}

/// What another source fetches, written down.
class WatchedRows final : public RowSource {
  public:
    explicit WatchedRows(std::shared_ptr<const RowSource> inner) : m_inner(std::move(inner)) {}
    Result<void> read(int64_t, int64_t, std::byte*) const override {
        ADD_FAILURE() << "read without a thread";
        return {};
    }
    RowRange fetchedWith(const RowRange& range) const override { return m_inner->fetchedWith(range); }
    uint64_t fetchedBytes(const RowRange& range) const override { return m_inner->fetchedBytes(range); }
    Result<void> fetch(const RowRange& range, std::byte* out) const override {
        fetched.push_back(range);
        return m_inner->fetch(range, out);
    }
    Result<const std::byte*> decode(const RowRange& whole, const std::byte* bytes, const RowRange& range,
                                    std::byte* out) const override {
        return m_inner->decode(whole, bytes, range, out);
    }

    mutable std::vector<RowRange> fetched;  // by the stream's thread: read it when that has ended

  private:
    std::shared_ptr<const RowSource> m_inner;
};

/// All matrices in pieces of `pieceRows` rows, decoded in strips of `stripRows`, must be what readRows()
/// gives.
void expectSameRows(const Checkpoint& checkpoint, int64_t pieceRows, int64_t stripRows) {
    std::vector<std::vector<TensorRows>> pieces;
    forEachTensor(checkpoint.tensors(), [&](const TensorInfo& tensor) {
        if (tensor.rows == 1) return;
        for (int64_t row = 0; row < tensor.rows; row += pieceRows)
            pieces.push_back({{&tensor, {row, std::min(pieceRows, tensor.rows - row)}}});
    });
    RowStream stream(checkpoint, pieces);
    for (const std::vector<TensorRows>& piece : pieces) {
        const Result<void> next = stream.next();
        ASSERT_TRUE(next) << next.error().message();
        const auto& [tensor, rows] = piece[0];
        for (int64_t row = rows.first; row < rows.end(); row += stripRows) {
            const RowRange strip{row, std::min(stripRows, rows.end() - row)};
            const auto bytes = static_cast<size_t>(strip.count) * tensor->rowBytes();
            std::vector<std::byte> buffer(bytes), expected(bytes);
            const auto decoded = stream.rows(*tensor, strip, buffer.data());
            ASSERT_TRUE(decoded) << decoded.error().message();
            ASSERT_TRUE(checkpoint.readRows(*tensor, strip.first, strip.count, expected.data()));
            ASSERT_EQ(std::vector<std::byte>(*decoded, *decoded + bytes), expected)
                << tensor->name << ", " << strip.count << " rows from " << strip.first;
        }
    }
}

TEST(RowStream, rowsOfEveryLayoutOfInt4) {
    for (const Int4Form form : {Int4Form::gemm, Int4Form::gemv, Int4Form::gemvFast, Int4Form::compressed,
                                Int4Form::compressedSymmetric}) {
        for (const int64_t pieceRows : {16, 24, 1000}) {
            HfFolder model = tinyLlamaFolder(2);
            quantizeFolder(model, form, 32);
            const TemporaryFolder folder;
            const auto checkpoint = opened(model, folder);
            ASSERT_TRUE(checkpoint);
            expectSameRows(*checkpoint, pieceRows, 7);
        }
    }
}

TEST(RowStream, rowsOfFloatsAndInt8) {
    const TemporaryFolder floats;
    const auto plain = opened(tinyLlamaFolder(1), floats);
    ASSERT_TRUE(plain);
    expectSameRows(*plain, 24, 7);
    HfFolder model = tinyLlamaFolder(1);
    quantizeFolderToInt8(model);
    const TemporaryFolder folder;
    const auto checkpoint = opened(model, folder);
    ASSERT_TRUE(checkpoint);
    expectSameRows(*checkpoint, 24, 7);
}

TEST(RowStream, valuesOfVectors) {
    const TemporaryFolder folder;
    const auto checkpoint = opened(tinyLlamaFolder(1), folder);
    ASSERT_TRUE(checkpoint);
    const TensorInfo& norm = checkpoint->tensors().outputNorm.weight;
    const TensorInfo& mlpNorm = checkpoint->tensors().layers[0].mlpNorm->weight;
    RowStream stream(*checkpoint, {{{&norm, {0, 1}}, {&mlpNorm, {0, 1}}}});
    ASSERT_TRUE(stream.next());
    for (const TensorInfo* tensor : {&norm, &mlpNorm}) {
        const auto values = stream.values(*tensor), expected = checkpoint->readVector(*tensor);
        ASSERT_TRUE(values);
        ASSERT_EQ(values->size(), 64u);
        EXPECT_EQ(*values, *expected);
    }
}

// Strips that go over from one run of a fused matrix to the next.
TEST(RowStream, rowsOfViews) {
    for (const bool quantized : {false, true}) {
        for (const TinyFalcon form : {TinyFalcon::multiQuery, TinyFalcon::rw, TinyFalcon::grouped}) {
            HfFolder model = tinyFalconFolder(form);
            if (quantized) quantizeFolder(model, Int4Form::gemm, 32);
            const TemporaryFolder folder;
            const auto checkpoint = opened(model, folder);
            ASSERT_TRUE(checkpoint);
            expectSameRows(*checkpoint, 24, 20);
        }
    }
}

TEST(RowStream, aTransposedMatrixIsReadOnceForAllItsPieces) {
    HfFolder model = tinyLlamaFolder(1);
    quantizeFolder(model, Int4Form::gemm, 32);
    const TemporaryFolder folder;
    const auto checkpoint = opened(model, folder);
    ASSERT_TRUE(checkpoint);
    TensorInfo gate = checkpoint->tensors().layers[0].gate->weight;  // [128, 64]
    TensorInfo up = checkpoint->tensors().layers[0].up.weight;
    const auto watchedGate = std::make_shared<WatchedRows>(gate.source);
    const auto watchedUp = std::make_shared<WatchedRows>(up.source);
    gate.source = watchedGate;
    up.source = watchedUp;
    std::vector<std::vector<TensorRows>> pieces;
    for (int64_t row = 0; row < 128; row += 16) pieces.push_back({{&gate, {row, 16}}, {&up, {row, 16}}});
    {
        RowStream stream(*checkpoint, pieces);
        for (size_t i = 0; i < pieces.size(); ++i) ASSERT_TRUE(stream.next());
    }
    for (const auto& watched : {watchedGate, watchedUp}) {
        ASSERT_EQ(watched->fetched.size(), 1u);
        EXPECT_EQ(watched->fetched[0].first, 0);
        EXPECT_EQ(watched->fetched[0].count, 128);
    }
}

// Queries, keys and values of every head lie in turn; together they are the whole matrix.
TEST(RowStream, viewsOfOneMatrixAreReadTogether) {
    const TemporaryFolder folder;
    const auto checkpoint = opened(tinyFalconFolder(TinyFalcon::rw), folder);
    ASSERT_TRUE(checkpoint);
    const LayerTensors& layer = checkpoint->tensors().layers[0];
    const auto watched = std::make_shared<WatchedRows>(std::shared_ptr<const RowSource>(
        layer.query.weight.source, layer.query.weight.source->origin({0, 1}).source));
    TensorInfo views[3] = {layer.query.weight, layer.key.weight, layer.value.weight};
    std::vector<TensorRows> piece;
    for (int i = 0; i < 3; ++i) {
        const int64_t first = 16 * i;  // four heads of 16 rows each
        views[i].source =
            std::make_shared<PatternRows>(watched, RowPattern{first, 16, 48}, views[i].rowBytes());
        piece.push_back({&views[i], {0, 64}});
    }
    {
        RowStream stream(*checkpoint, {piece});
        ASSERT_TRUE(stream.next());
    }
    ASSERT_EQ(watched->fetched.size(), 1u);
    EXPECT_EQ(watched->fetched[0].first, 0);
    EXPECT_EQ(watched->fetched[0].count, 192);
}

/// Rows of 64 KiB whose words are the row's number.
class NumberedRows final : public RowSource {
  public:
    static constexpr uint64_t kRowBytes = 1 << 16;

    Result<void> read(int64_t first, int64_t count, std::byte* out) const override {
        for (int64_t row = first; row < first + count; ++row, out += kRowBytes)
            std::fill_n(reinterpret_cast<float*>(out), kRowBytes / 4, static_cast<float>(row));
        return {};
    }
    uint64_t fetchedBytes(const RowRange& range) const override {
        return static_cast<uint64_t>(range.count) * kRowBytes;
    }
    Result<void> fetch(const RowRange& range, std::byte* out) const override {
        if (range.end() > failFrom) return Error{ErrorCode::badInput, "cut short", "", "", "", ""};
        const std::byte* end = out + fetchedBytes(range);
        for (size_t i = inUse; i < m_places.size(); ++i)
            EXPECT_TRUE(end <= m_places[i].first || m_places[i].second <= out)
                << "piece " << i << " is overwritten";
        m_places.push_back({out, end});
        const Result<void> done = read(range.first, range.count, out);
        fetched = m_places.size();
        return done;
    }
    Result<const std::byte*> decode(const RowRange& fetched, const std::byte* bytes, const RowRange& range,
                                    std::byte*) const override {
        return bytes + static_cast<uint64_t>(range.first - fetched.first) * kRowBytes;
    }

    int64_t failFrom = 1 << 30;
    std::atomic<size_t> inUse{0};            // the piece, or one before it
    mutable std::atomic<size_t> fetched{0};  // pieces

  private:
    mutable std::vector<std::pair<const std::byte*, const std::byte*>> m_places;  // of each piece
};

class NumberedPieces : public ::testing::Test {
  protected:
    NumberedPieces() : m_checkpoint(Checkpoint::fromContent("numbers", {})) {
        m_tensor.name = "t", m_tensor.rows = 0, m_tensor.columns = NumberedRows::kRowBytes / 4,
        m_tensor.source = m_source;
    }

    /// Pieces of 1, 2, ... 20 rows and again: 13 MiB at a time.
    std::vector<std::vector<TensorRows>> pieces(int count) {
        std::vector<std::vector<TensorRows>> all;
        for (int i = 0; i < count; ++i) {
            const int64_t rows = i % 20 + 1;
            all.push_back({{&m_tensor, {m_tensor.rows, rows}}});
            m_tensor.rows += rows;
        }
        return all;
    }

    std::unique_ptr<Checkpoint> m_checkpoint;
    std::shared_ptr<NumberedRows> m_source = std::make_shared<NumberedRows>();
    TensorInfo m_tensor;
};

TEST_F(NumberedPieces, theRingGoesRoundManyTimes) {
    const auto all = pieces(100);  // 66 MiB
    RowStream stream(*m_checkpoint, all);
    EXPECT_EQ(stream.memoryBytes(), (20u << 16) + (16u << 20));
    for (size_t i = 0; i < all.size(); ++i) {
        m_source->inUse = i;
        ASSERT_TRUE(stream.next());
        // 1 + 2 + ... + 20 + 1 + 2 + ... + 11 rows fill the ring to its end.
        while (m_source->fetched < 31) std::this_thread::yield();
        const RowRange& rows = all[i][0].rows;
        const auto first = stream.rows(m_tensor, rows, nullptr);
        ASSERT_TRUE(first);
        const auto* words = reinterpret_cast<const float*>(*first);
        for (int64_t row = rows.first; row < rows.end(); ++row, words += NumberedRows::kRowBytes / 4) {
            ASSERT_EQ(words[0], static_cast<float>(row));
            ASSERT_EQ(words[NumberedRows::kRowBytes / 4 - 1], static_cast<float>(row));
        }
    }
}

TEST_F(NumberedPieces, aStreamThatIsLeftStopsReading) {
    const auto all = pieces(100);
    RowStream stream(*m_checkpoint, all);
    EXPECT_TRUE(stream.next());
}

TEST_F(NumberedPieces, whatCannotBeReadIsToldWhenItsPieceComes) {
    m_source->failFrom = 3;  // piece 1 has rows 1 and 2, piece 2 rows 3 to 5
    RowStream stream(*m_checkpoint, pieces(100));
    EXPECT_TRUE(stream.next());
    EXPECT_TRUE(stream.next());
    const Result<void> third = stream.next();
    ASSERT_FALSE(third);
    EXPECT_EQ(third.error().what, "cut short");
}

TEST(RowStream, aNumberThatIsNotFiniteNamesItsTensor) {
    HfFolder model = tinyLlamaFolder(1);
    model.weights.tensor("model.layers.0.mlp.up_proj.weight").data.replace(2 * 64 * 5, 2, halfBytes(1e30f));
    const TemporaryFolder folder;
    const auto checkpoint = opened(model, folder);
    ASSERT_TRUE(checkpoint);
    const TensorInfo& up = checkpoint->tensors().layers[0].up.weight;
    RowStream stream(*checkpoint, {{{&up, {0, up.rows}}}});
    ASSERT_TRUE(stream.next());
    std::vector<std::byte> buffer(up.bytes);
    EXPECT_TRUE(stream.rows(up, {0, 5}, buffer.data()));
    const auto rows = stream.rows(up, {5, 1}, buffer.data());
    ASSERT_FALSE(rows);
    EXPECT_EQ(rows.error().field, "tensor model.layers.0.mlp.up_proj.weight");
    EXPECT_EQ(rows.error().found, "an infinity or a NaN in its scales or values");
}

}  // namespace
}  // namespace edgechat::inference
