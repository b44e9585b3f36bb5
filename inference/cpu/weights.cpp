#include "inference/cpu/weights.h"

#include <algorithm>
#include <cstring>

#include "inference/model/row_stream.h"

namespace edgechat::inference::cpu {
namespace {

constexpr uint64_t kChunkBytes = 16u << 20;
/// That a thread packs at once: the rows of a cache line of a file that is transposed.
constexpr int64_t kStripRows = 128;

size_t aligned(size_t bytes) {
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

struct MatrixPlace {
    const TensorInfo* tensor;
    PackedMatrix* matrix;
};

struct VectorPlace {
    const TensorInfo* tensor;
    const float** values;
};

class Loader {
  public:
    Loader(const Checkpoint& checkpoint, ThreadPool& pool,
           const std::function<bool(uint64_t, uint64_t)>& progress)
        : m_checkpoint(checkpoint), m_pool(pool), m_progress(progress) {}

    Result<Weights> load(int tileRows) {
        Weights weights;
        listPlaces(weights);
        size_t bytes = 0;
        for (const MatrixPlace& place : m_matrices) {
            *place.matrix = packedShape(*place.tensor, tileRows);
            bytes += aligned(place.matrix->bytes());
            m_totalBytes += place.tensor->bytes;
        }
        for (const VectorPlace& place : m_vectors)
            bytes += aligned(static_cast<size_t>(place.tensor->columns) * 4);
        weights.memory = AlignedBuffer(bytes, AlignedBuffer::Pages::large);
        if (weights.memory.data() == nullptr) {
            return Error{ErrorCode::doesNotFit,
                         "cannot take memory for the weights of",
                         m_checkpoint.path().string(),
                         "",
                         "no room for " + std::to_string(bytes >> 20) + " MiB",
                         "a smaller model"};
        }
        if (Result<void> loaded = loadInto(weights.memory.data()); !loaded) return loaded.error();
        if (!m_checkpoint.tensors().head) weights.head.matrix = weights.embedding;
        return weights;
    }

  private:
    void list(const NormTensors& from, Norm& to) {
        m_vectors.push_back({&from.weight, &to.weight});
        if (from.bias) m_vectors.push_back({&*from.bias, &to.bias});
    }

    void list(const LinearTensors& from, Linear& to) {
        m_matrices.push_back({&from.weight, &to.matrix});
        if (from.bias) m_vectors.push_back({&*from.bias, &to.bias});
    }

    void listPlaces(Weights& weights) {
        const ModelTensors& tensors = m_checkpoint.tensors();
        m_matrices.push_back({&tensors.embedding, &weights.embedding});
        list(tensors.outputNorm, weights.outputNorm);
        weights.layers.resize(tensors.layers.size());
        for (size_t i = 0; i < tensors.layers.size(); ++i) {
            const LayerTensors& from = tensors.layers[i];
            LayerWeights& to = weights.layers[i];
            list(from.attentionNorm, to.attentionNorm);
            if (from.mlpNorm) list(*from.mlpNorm, to.mlpNorm);
            list(from.query, to.query);
            list(from.key, to.key);
            list(from.value, to.value);
            list(from.output, to.output);
            if (from.gate) list(*from.gate, to.gate);
            list(from.up, to.up);
            list(from.down, to.down);
            if (from.activationScale) m_vectors.push_back({&*from.activationScale, &to.activationScale});
        }
        if (tensors.head) list(*tensors.head, weights.head);
    }

    /// Whole tiles of a matrix, at most about kChunkBytes at a time.
    struct Chunk {
        const TensorInfo* tensor;
        const PackedMatrix* matrix;
        std::byte* out;
        RowRange rows;
    };

    /// Vectors come first, and first of all are read.
    Result<void> loadInto(std::byte* memory) {
        std::byte *vectors = memory, *next = memory;
        std::vector<Chunk> chunks;
        std::vector<std::vector<TensorRows>> rows(1);
        for (const VectorPlace& place : m_vectors) {
            rows[0].push_back({place.tensor, {0, place.tensor->rows}});
            *place.values = reinterpret_cast<const float*>(next);
            next += aligned(static_cast<size_t>(place.tensor->columns) * 4);
        }
        for (const MatrixPlace& place : m_matrices) {
            PackedMatrix& matrix = *place.matrix;
            const uint64_t tileBytes = place.tensor->rowBytes() * static_cast<uint64_t>(matrix.tileRows);
            const int64_t most =
                std::max<int64_t>(1, static_cast<int64_t>(kChunkBytes / tileBytes)) * matrix.tileRows;
            for (int64_t first = 0; first < place.tensor->rows; first += most) {
                const RowRange range{first, std::min(most, place.tensor->rows - first)};
                const auto tile = static_cast<size_t>(first / matrix.tileRows);
                chunks.push_back({place.tensor, &matrix, next + matrix.tileBytes * tile, range});
                rows.push_back({{place.tensor, range}});
            }
            matrix.data = next;
            next += aligned(matrix.bytes());
        }
        RowStream stream(m_checkpoint, rows);
        m_strips.resize(static_cast<size_t>(m_pool.threads()));
        if (Result<void> read = stream.next(); !read) return read;
        for (const VectorPlace& place : m_vectors) {
            const Result<std::vector<float>> values = stream.values(*place.tensor);
            if (!values) return values.error();
            std::memcpy(vectors, values->data(), values->size() * 4);
            vectors += aligned(values->size() * 4);
        }
        for (const Chunk& chunk : chunks) {
            if (Result<void> read = stream.next(); !read) return read;
            if (Result<void> packed = pack(chunk, stream); !packed) return packed;
            m_doneBytes += static_cast<uint64_t>(chunk.rows.count) * chunk.tensor->rowBytes();
            if (m_progress && !m_progress(m_doneBytes, m_totalBytes)) {
                return Error{
                    ErrorCode::interrupted, "loading was stopped", m_checkpoint.path().string(), "", "", ""};
            }
        }
        return {};
    }

    Result<void> pack(const Chunk& chunk, const RowStream& stream) {
        const int64_t stripRows = kStripRows / chunk.matrix->tileRows * chunk.matrix->tileRows;
        const auto strips = static_cast<int>((chunk.rows.count + stripRows - 1) / stripRows);
        return m_pool.tryParallelFor(strips, [&](int strip, int worker) {
            const int64_t before = strip * stripRows;
            const RowRange rows{chunk.rows.first + before, std::min(stripRows, chunk.rows.count - before)};
            std::byte* out =
                chunk.out + chunk.matrix->tileBytes * static_cast<size_t>(before / chunk.matrix->tileRows);
            return packStrip(chunk, stream, rows, m_strips[static_cast<size_t>(worker)], out);
        });
    }

    Result<void> packStrip(const Chunk& chunk, const RowStream& stream, const RowRange& rows,
                           std::vector<std::byte>& buffer, std::byte* out) const {
        const TensorInfo& tensor = *chunk.tensor;
        const uint64_t bytes = static_cast<uint64_t>(rows.count) * tensor.rowBytes();
        if (buffer.size() < bytes) buffer.resize(bytes);
        const Result<const std::byte*> decoded = stream.rows(tensor, rows, buffer.data());
        if (!decoded) return decoded.error();
        const int tileRows = chunk.matrix->tileRows;
        for (int64_t row = 0; row < rows.count; row += tileRows, out += chunk.matrix->tileBytes) {
            const auto valid = static_cast<int>(std::min<int64_t>(tileRows, rows.count - row));
            if (packTile(*chunk.matrix, tensor, *decoded + tensor.rowBytes() * static_cast<size_t>(row),
                         valid, out))
                continue;
            return Error{ErrorCode::badInput,
                         "cannot load",
                         m_checkpoint.path().string(),
                         tensor.name,
                         "a block scale that is not a finite number",
                         "finite weights; the file is damaged"};
        }
        return {};
    }

    const Checkpoint& m_checkpoint;
    ThreadPool& m_pool;
    const std::function<bool(uint64_t, uint64_t)>& m_progress;
    std::vector<MatrixPlace> m_matrices;
    std::vector<VectorPlace> m_vectors;
    std::vector<std::vector<std::byte>> m_strips;  // of each thread
    uint64_t m_doneBytes = 0, m_totalBytes = 0;
};

}  // namespace

bool Weights::hasInt8() const {
    const auto isInt8 = [](const PackedMatrix& matrix) { return matrix.kind == PackedKind::q8Row; };
    return isInt8(embedding) || isInt8(head.matrix) ||
           std::any_of(layers.begin(), layers.end(), [&](const LayerWeights& layer) {
               return isInt8(layer.query.matrix) || isInt8(layer.key.matrix) || isInt8(layer.value.matrix) ||
                      isInt8(layer.output.matrix) || isInt8(layer.gate.matrix) || isInt8(layer.up.matrix) ||
                      isInt8(layer.down.matrix);
           });
}

Result<Weights> Weights::load(const Checkpoint& checkpoint, int tileRows, ThreadPool& pool,
                              const std::function<bool(uint64_t, uint64_t)>& progress) {
    return Loader(checkpoint, pool, progress).load(tileRows);
}

}  // namespace edgechat::inference::cpu
