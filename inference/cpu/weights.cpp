#include "inference/cpu/weights.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>

namespace edgechat::inference::cpu {
namespace {

constexpr uint64_t kChunkBytes = 16u << 20;

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
        std::byte* next = weights.memory.data();
        for (const VectorPlace& place : m_vectors) {
            Result<std::vector<float>> values = m_checkpoint.readVector(*place.tensor);
            if (!values) return values.error();
            std::memcpy(next, values->data(), values->size() * 4);
            *place.values = reinterpret_cast<const float*>(next);
            next += aligned(values->size() * 4);
        }
        for (const MatrixPlace& place : m_matrices) {
            if (Result<void> packed = pack(*place.tensor, *place.matrix, next); !packed)
                return packed.error();
            place.matrix->data = next;
            next += aligned(place.matrix->bytes());
        }
        if (!m_checkpoint.tensors().head) weights.head.matrix = weights.embedding;
        m_checkpoint.dropPageCache();
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

    // Reads whole tiles of rows, at most about kChunkBytes at a time, and packs them on all threads.
    Result<void> pack(const TensorInfo& tensor, const PackedMatrix& matrix, std::byte* out) {
        const int tilesPerChunk =
            std::max<int>(1, static_cast<int>(kChunkBytes / (tensor.rowBytes() * matrix.tileRows)));
        for (int firstTile = 0; firstTile < matrix.tiles(); firstTile += tilesPerChunk) {
            const int tiles = std::min(tilesPerChunk, matrix.tiles() - firstTile);
            const int64_t firstRow = static_cast<int64_t>(firstTile) * matrix.tileRows;
            const int64_t rows =
                std::min<int64_t>(static_cast<int64_t>(tiles) * matrix.tileRows, tensor.rows - firstRow);
            const size_t bytes = static_cast<size_t>(rows) * tensor.rowBytes();
            if (m_chunk.size() < bytes) m_chunk.resize(bytes);
            if (Result<void> read = m_checkpoint.readRows(tensor, firstRow, rows, m_chunk.data()); !read)
                return read;
            std::atomic<bool> finite{true};
            m_pool.parallelFor(tiles, [&](int tile, int) {
                const int row = tile * matrix.tileRows;
                const int valid = static_cast<int>(std::min<int64_t>(matrix.tileRows, rows - row));
                if (!packTile(matrix, tensor, m_chunk.data() + tensor.rowBytes() * static_cast<size_t>(row),
                              valid, out + matrix.tileBytes * static_cast<size_t>(firstTile + tile))) {
                    finite.store(false, std::memory_order_relaxed);
                }
            });
            if (!finite.load()) {
                return Error{ErrorCode::badInput,
                             "cannot load",
                             m_checkpoint.path().string(),
                             tensor.name,
                             "a block scale that is not a finite number",
                             "finite weights; the file is damaged"};
            }
            m_doneBytes += bytes;
            if (m_progress && !m_progress(m_doneBytes, m_totalBytes)) {
                return Error{
                    ErrorCode::interrupted, "loading was stopped", m_checkpoint.path().string(), "", "", ""};
            }
        }
        return {};
    }

    const Checkpoint& m_checkpoint;
    ThreadPool& m_pool;
    const std::function<bool(uint64_t, uint64_t)>& m_progress;
    std::vector<MatrixPlace> m_matrices;
    std::vector<VectorPlace> m_vectors;
    std::vector<std::byte> m_chunk;
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
