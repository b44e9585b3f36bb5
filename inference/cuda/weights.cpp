#include "inference/cuda/weights.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "inference/cuda/pack.h"
#include "inference/model/row_stream.h"

namespace edgechat::inference::cuda {
namespace {

constexpr uint64_t kStagingBytes = uint64_t{16} << 20;  // of each of two
// Jetson's driver refuses large pieces long before memory is full, so weights come in slabs of this size.
constexpr uint64_t kSlabBytes = uint64_t{128} << 20;
constexpr int kStripTiles = 8;  // that a thread packs at once

uint64_t aligned(uint64_t bytes) {
    return (bytes + 255) / 256 * 256;
}

struct MatrixJob {
    std::vector<const TensorInfo*> tensors;
    std::vector<const TensorInfo*> biases;  ///< of each tensor, or null
    PackedForm form;
    std::vector<RowReference> rows;
    Linear* place = nullptr;

    PackedLayout layout() const { return PackedLayout(form, static_cast<int>(rows.size())); }
    bool hasBias() const {
        return std::any_of(biases.begin(), biases.end(),
                           [](const TensorInfo* bias) { return bias != nullptr; });
    }
    uint64_t bytes() const { return layout().bytes + (hasBias() ? aligned(rows.size() * sizeof(float)) : 0); }
};

struct VectorJob {
    const TensorInfo* tensor;
    const float** place;
};

bool isFloat(TensorType type) {
    return type == TensorType::f32 || type == TensorType::f16 || type == TensorType::bf16;
}

/// What is to be loaded, and into which places of a Weights whose address stays.
class Plan {
  public:
    Plan(const Checkpoint& checkpoint, Weights& weights) : m_config(checkpoint.config()) {
        const ModelTensors& tensors = checkpoint.tensors();
        const bool quantized = !isFloat(tensors.layers.front().up.weight.type);
        const MatrixRole role = quantized ? MatrixRole::quantizedVocabulary : MatrixRole::layer;
        add({&tensors.embedding}, {nullptr}, role, plainRows(0, m_config.vocab), weights.embedding);
        if (tensors.head) {
            add({&tensors.head->weight}, {bias(*tensors.head)}, role, plainRows(0, m_config.vocab),
                weights.head);
        }
        add(tensors.outputNorm, weights.outputNorm);
        weights.layers.resize(tensors.layers.size());
        for (size_t i = 0; i < tensors.layers.size(); ++i) add(tensors.layers[i], weights.layers[i]);
    }

    std::vector<MatrixJob> matrices;
    std::vector<VectorJob> vectors;

    uint64_t vectorBytes() const {
        uint64_t bytes = 0;
        for (const VectorJob& job : vectors) bytes += aligned(static_cast<uint64_t>(job.tensor->columns) * 4);
        return bytes;
    }
    uint64_t bytes() const {
        uint64_t bytes = vectorBytes();
        for (const MatrixJob& job : matrices) bytes += job.bytes();
        return bytes;
    }

  private:
    static const TensorInfo* bias(const LinearTensors& linear) {
        return linear.bias ? &*linear.bias : nullptr;
    }

    void add(std::vector<const TensorInfo*> tensors, std::vector<const TensorInfo*> biases, MatrixRole role,
             std::vector<RowReference> rows, Linear& place) {
        MatrixJob job;
        job.form = PackedForm::of(*tensors.front(), role);
        job.tensors = std::move(tensors);
        job.biases = std::move(biases);
        job.rows = std::move(rows);
        job.place = &place;
        matrices.push_back(std::move(job));
    }

    void add(const NormTensors& from, NormWeights& to) {
        vectors.push_back({&from.weight, &to.weight});
        if (from.bias) vectors.push_back({&*from.bias, &to.bias});
    }

    static bool alike(const LinearTensors& a, const LinearTensors& b) {
        return PackedForm::of(a.weight, MatrixRole::layer) == PackedForm::of(b.weight, MatrixRole::layer);
    }

    void add(const LayerTensors& from, LayerWeights& to) {
        add(from.attentionNorm, to.attentionNorm);
        if (from.mlpNorm) add(*from.mlpNorm, to.mlpNorm);
        addAttention(from, to);
        if (to.attention.size() == 1 && !from.mlpNorm && !from.gate && alike(from.query, from.up)) {
            MatrixJob& job = matrices.back();
            const std::vector<RowReference> rows =
                plainRows(static_cast<int>(job.tensors.size()), m_config.ffn);
            job.tensors.push_back(&from.up.weight);
            job.biases.push_back(bias(from.up));
            job.rows.insert(job.rows.end(), rows.begin(), rows.end());
        } else if (from.gate) {
            add({&from.gate->weight, &from.up.weight}, {bias(*from.gate), bias(from.up)}, MatrixRole::layer,
                pairedRows(0, 1, m_config.ffn), to.up);
            // Rarely a file stores the two in different forms; fp16 holds both.
            if (!alike(*from.gate, from.up)) {
                matrices.back().form = PackedForm{WeightKind::fp16, m_config.hidden, kChunk, 1};
            }
        } else {
            add({&from.up.weight}, {bias(from.up)}, MatrixRole::layer, plainRows(0, m_config.ffn), to.up);
        }
        add({&from.output.weight}, {bias(from.output)}, MatrixRole::layer, plainRows(0, m_config.hidden),
            to.output);
        add({&from.down.weight}, {bias(from.down)}, MatrixRole::layer, plainRows(0, m_config.hidden),
            to.down);
        if (from.activationScale) vectors.push_back({&*from.activationScale, &to.divisors});
    }

    /// Heads of queries, keys and values: those that are stored alike and follow each other in one matrix.
    void addAttention(const LayerTensors& from, LayerWeights& to) {
        const bool rope = m_config.positions == PositionKind::rope;
        const bool adjacent = m_config.ropePairs == RopePairs::adjacent;
        struct Part {
            const LinearTensors* linear;
            int heads;
            bool pairs;
        };
        const Part parts[] = {{&from.query, m_config.heads, rope},
                              {&from.key, m_config.kvHeads, rope},
                              {&from.value, m_config.kvHeads, false}};
        size_t count = 1;
        for (int i = 1; i < 3; ++i) count += alike(*parts[i].linear, *parts[i - 1].linear) ? 0 : 1;
        to.attention.resize(count);  // places stay from here on
        int tile = 0;
        size_t next = 0;
        for (int i = 0; i < 3; ++i) {
            const bool follows = i > 0 && alike(*parts[i].linear, *parts[i - 1].linear);
            if (!follows) {
                MatrixJob job;
                job.form = PackedForm::of(parts[i].linear->weight, MatrixRole::layer);
                job.place = &to.attention[next].linear;
                matrices.push_back(std::move(job));
                to.attention[next++].firstTile = tile;
            }
            MatrixJob& job = matrices.back();
            const std::vector<RowReference> rows =
                headRows(static_cast<int>(job.tensors.size()), parts[i].heads, m_config.headSize,
                         parts[i].pairs, adjacent);
            job.tensors.push_back(&parts[i].linear->weight);
            job.biases.push_back(bias(*parts[i].linear));
            job.rows.insert(job.rows.end(), rows.begin(), rows.end());
            const int tiles = static_cast<int>(rows.size()) / kTileRows;
            to.attention[next - 1].tiles += tiles;
            tile += tiles;
        }
    }

    const ModelConfig& m_config;
};

/// The rows of the tensors that `count` rows of a packed matrix from number `first` on are, as runs.
std::vector<TensorRows> runsOf(const MatrixJob& job, int first, int count) {
    std::vector<std::vector<int>> rows(job.tensors.size());
    for (int i = first; i < first + count; ++i) {
        const RowReference& reference = job.rows[static_cast<size_t>(i)];
        if (reference.tensor >= 0) rows[static_cast<size_t>(reference.tensor)].push_back(reference.row);
    }
    std::vector<TensorRows> runs;
    for (size_t t = 0; t < rows.size(); ++t) {
        std::sort(rows[t].begin(), rows[t].end());
        for (size_t i = 0; i < rows[t].size(); ++i) {
            if (i == 0 || rows[t][i] != rows[t][i - 1] + 1) runs.push_back({job.tensors[t], {rows[t][i], 0}});
            ++runs.back().rows.count;
        }
    }
    return runs;
}

uint64_t bytesOf(const std::vector<TensorRows>& runs) {
    uint64_t bytes = 0;
    for (const TensorRows& run : runs)
        bytes += static_cast<uint64_t>(run.rows.count) * run.tensor->rowBytes();
    return bytes;
}

/// One thread's part in packing. Rows are decoded for several tiles at once: a transposed file has whole
/// cache lines of neighbouring rows, and the rows of a tile can lie half a head apart.
class Packer {
  public:
    /// @param buffer  takes decoded rows; kept by the caller, because memory that was touched is faster
    Packer(const MatrixJob& job, const RowStream& stream, std::vector<std::byte>& buffer)
        : m_job(&job), m_stream(&stream), m_buffer(&buffer), m_zeros(job.form), m_rows(kTileRows, m_zeros) {}

    Result<void> pack(int firstTile, int tiles, std::byte* quants, std::byte* scales, std::byte* zeros) {
        if (Result<void> done = decode(firstTile, tiles); !done) return done;
        const PackedLayout layout = m_job->layout();
        for (int tile = 0; tile < tiles; ++tile) {
            const UnpackedRow* pointers[kTileRows];
            for (int r = 0; r < kTileRows; ++r) {
                const RowReference& reference =
                    m_job->rows[static_cast<size_t>((firstTile + tile) * kTileRows + r)];
                pointers[r] = &m_zeros;
                if (reference.tensor < 0) continue;
                const TensorInfo& tensor = *m_job->tensors[static_cast<size_t>(reference.tensor)];
                UnpackedRow& row = m_rows[static_cast<size_t>(r)];
                if (!unpackRow(m_job->form, tensor, stored(tensor, reference.row), row)) {
                    return Error{ErrorCode::badInput,
                                 "cannot load",
                                 m_stream->path().string(),
                                 tensor.name,
                                 "a number that is not finite, or that fp16 does not hold",
                                 "finite weights; the file is damaged"};
                }
                pointers[r] = &row;
            }
            packTile(m_job->form, pointers, quants, scales, zeros);
            quants += layout.tileQuants;
            scales += layout.tileScales;
            zeros += layout.tileZeros;
        }
        return {};
    }

  private:
    struct Decoded {
        TensorRows run;
        const std::byte* rows;
    };

    Result<void> decode(int firstTile, int tiles) {
        const std::vector<TensorRows> runs = runsOf(*m_job, firstTile * kTileRows, tiles * kTileRows);
        const uint64_t bytes = bytesOf(runs);
        if (m_buffer->size() < bytes) m_buffer->resize(bytes);
        m_decoded.clear();
        std::byte* next = m_buffer->data();
        for (const TensorRows& run : runs) {
            Result<const std::byte*> rows = m_stream->rows(*run.tensor, run.rows, next);
            if (!rows) return rows.error();
            m_decoded.push_back({run, *rows});
            next += static_cast<uint64_t>(run.rows.count) * run.tensor->rowBytes();
        }
        return {};
    }

    const std::byte* stored(const TensorInfo& tensor, int row) const {
        const auto has = [&](const Decoded& decoded) {
            return decoded.run.tensor == &tensor && decoded.run.rows.covers({row, 1});
        };
        const Decoded& decoded = *std::find_if(m_decoded.begin(), m_decoded.end(), has);
        return decoded.rows + static_cast<uint64_t>(row - decoded.run.rows.first) * tensor.rowBytes();
    }

    const MatrixJob* m_job;
    const RowStream* m_stream;
    std::vector<std::byte>* m_buffer;
    UnpackedRow m_zeros;
    std::vector<UnpackedRow> m_rows;
    std::vector<Decoded> m_decoded;
};

class Loader {
  public:
    Loader(const Checkpoint& checkpoint, Runtime& runtime, cpu::ThreadPool& pool,
           const std::function<bool(uint64_t, uint64_t)>& progress)
        : m_checkpoint(checkpoint),
          m_runtime(runtime),
          m_pool(pool),
          m_progress(progress),
          m_buffers(static_cast<size_t>(pool.threads())) {}

    Result<void> load(const Plan& plan, Weights& weights) {
        for (const MatrixJob& job : plan.matrices) {
            for (const TensorInfo* tensor : job.tensors) m_totalBytes += tensor->bytes;
        }
        std::vector<std::byte*> places;
        if (Result<void> taken = allocate(plan, weights, places); !taken) return taken;
        for (Memory& staging : m_staging) {
            Result<Memory> memory = m_runtime.allocatePinned(kStagingBytes, "staging");
            if (!memory) return memory.error();
            staging = std::move(*memory);
        }
        if (Result<void> done = load(plan, places); !done) return done;
        return m_runtime.synchronize();
    }

  private:
    Result<void> allocate(const Plan& plan, Weights& weights, std::vector<std::byte*>& places) {
        // A slab is closed where the next matrix would make it too large.
        std::vector<uint64_t> slabs{0};
        std::vector<std::pair<size_t, uint64_t>> where;
        const auto place = [&](uint64_t bytes) {
            if (slabs.back() > 0 && slabs.back() + bytes > kSlabBytes) slabs.push_back(0);
            where.push_back({slabs.size() - 1, slabs.back()});
            slabs.back() += bytes;
        };
        for (const MatrixJob& job : plan.matrices) place(job.bytes());
        place(plan.vectorBytes());
        for (const uint64_t bytes : slabs) {
            Result<Memory> slab = m_runtime.allocate(bytes, "weights");
            if (!slab) return slab.error();
            weights.bytes += bytes;
            weights.memory.push_back(std::move(*slab));
        }
        for (const auto& [slab, offset] : where) places.push_back(weights.memory[slab].data() + offset);
        return {};
    }

    /// Some of a matrix' tiles, as many as go through the ring at once.
    struct Piece {
        const MatrixJob* job = nullptr;
        PackedLayout layout;
        std::byte* device = nullptr;  // of the whole matrix
        int firstTile = 0, tiles = 0;
        bool last = false;   // of its matrix
        uint64_t bytes = 0;  // of the rows of its tensors
    };

    Result<void> load(const Plan& plan, const std::vector<std::byte*>& places) {
        const std::vector<MatrixJob>& jobs = plan.matrices;
        std::vector<Piece> pieces;
        std::vector<std::vector<TensorRows>> rows;
        for (size_t i = 0; i < jobs.size(); ++i) {
            const PackedLayout layout = jobs[i].layout();
            jobs[i].place->matrix = layout.at(places[i]);
            const uint64_t tileBytes = layout.tileQuants + layout.tileScales + layout.tileZeros;
            if (tileBytes > kStagingBytes)
                return refuse(jobs[i], std::to_string(tileBytes) + " bytes in 16 rows");
            const int tiles = layout.shape.tiles(), most = static_cast<int>(kStagingBytes / tileBytes);
            for (int first = 0; first < tiles; first += most) {
                const int count = std::min(most, tiles - first);
                rows.push_back(runsOf(jobs[i], first * kTileRows, count * kTileRows));
                pieces.push_back({&jobs[i], layout, places[i], first, count, first + count == tiles,
                                  bytesOf(rows.back())});
            }
            for (const TensorInfo* bias : jobs[i].biases) {
                if (bias != nullptr) rows.back().push_back({bias, {0, bias->rows}});
            }
        }
        rows.emplace_back();
        for (const VectorJob& job : plan.vectors) rows.back().push_back({job.tensor, {0, job.tensor->rows}});
        RowStream stream(m_checkpoint, rows);
        for (const Piece& piece : pieces) {
            if (Result<void> read = stream.next(); !read) return read;
            if (Result<void> done = pack(piece, stream); !done) return done;
            if (!piece.last) continue;
            if (Result<void> done = loadBias(*piece.job, piece.device + piece.layout.bytes, stream); !done)
                return done;
        }
        if (Result<void> read = stream.next(); !read) return read;
        return load(plan.vectors, places.back(), stream);
    }

    Result<void> pack(const Piece& piece, const RowStream& stream) {
        const PackedLayout& layout = piece.layout;
        const int count = piece.tiles;
        // The ring: what was copied from this half must have arrived before it is filled again.
        const int half = m_half;
        m_half = 1 - m_half;
        m_runtime.waitForMark(half);
        std::byte* staging = m_staging[half].data();
        std::byte* stagedScales = staging + layout.tileQuants * static_cast<uint64_t>(count);
        std::byte* stagedZeros = stagedScales + layout.tileScales * static_cast<uint64_t>(count);
        const int strips = (count + kStripTiles - 1) / kStripTiles;
        std::vector<Packer> packers;
        for (std::vector<std::byte>& buffer : m_buffers) packers.emplace_back(*piece.job, stream, buffer);
        const Result<void> done = m_pool.tryParallelFor(strips, [&](int strip, int worker) {
            const int first = strip * kStripTiles;
            const auto at = static_cast<uint64_t>(first);
            return packers[static_cast<size_t>(worker)].pack(
                piece.firstTile + first, std::min(kStripTiles, count - first),
                staging + at * layout.tileQuants, stagedScales + at * layout.tileScales,
                stagedZeros + at * layout.tileZeros);
        });
        if (!done) return done;
        const auto copy = [&](uint64_t offset, const std::byte* from, uint64_t perTile) {
            m_runtime.copyToDevice(piece.device + offset + perTile * static_cast<uint64_t>(piece.firstTile),
                                   from, perTile * static_cast<uint64_t>(count));
        };
        copy(0, staging, layout.tileQuants);
        if (layout.tileScales > 0) copy(layout.scales, stagedScales, layout.tileScales);
        if (layout.tileZeros > 0) copy(layout.zeros, stagedZeros, layout.tileZeros);
        m_runtime.mark(half);
        m_doneBytes = std::min(m_doneBytes + piece.bytes, m_totalBytes);
        if (m_progress && !m_progress(m_doneBytes, m_totalBytes)) {
            return Error{
                ErrorCode::interrupted, "loading was stopped", m_checkpoint.path().string(), "", "", ""};
        }
        return {};
    }

    Result<void> loadBias(const MatrixJob& job, std::byte* device, const RowStream& stream) {
        if (!job.hasBias()) return {};
        std::vector<std::vector<float>> biases(job.biases.size());
        for (size_t t = 0; t < biases.size(); ++t) {
            if (job.biases[t] == nullptr) continue;
            Result<std::vector<float>> values = stream.values(*job.biases[t]);
            if (!values) return values.error();
            biases[t] = std::move(*values);
        }
        std::vector<float> inOrder(job.rows.size(), 0.0f);
        for (size_t i = 0; i < inOrder.size(); ++i) {
            const RowReference& row = job.rows[i];
            if (row.tensor < 0 || biases[static_cast<size_t>(row.tensor)].empty()) continue;
            inOrder[i] = biases[static_cast<size_t>(row.tensor)][static_cast<size_t>(row.row)];
        }
        job.place->bias = reinterpret_cast<const float*>(device);
        return copyNow(device, inOrder);
    }

    Result<void> load(const std::vector<VectorJob>& jobs, std::byte* device, const RowStream& stream) {
        for (const VectorJob& job : jobs) {
            Result<std::vector<float>> values = stream.values(*job.tensor);
            if (!values) return values.error();
            *job.place = reinterpret_cast<const float*>(device);
            if (Result<void> copied = copyNow(device, *values); !copied) return copied;
            device += aligned(values->size() * sizeof(float));
        }
        return {};
    }

    Result<void> copyNow(std::byte* device, const std::vector<float>& values) {
        if (Result<void> idle = m_runtime.synchronize(); !idle) return idle;
        for (size_t first = 0; first < values.size(); first += kStagingBytes / sizeof(float)) {
            const size_t count = std::min<size_t>(kStagingBytes / sizeof(float), values.size() - first);
            std::memcpy(m_staging[0].data(), values.data() + first, count * sizeof(float));
            m_runtime.copyToDevice(device + first * sizeof(float), m_staging[0].data(),
                                   count * sizeof(float));
            if (Result<void> idle = m_runtime.synchronize(); !idle) return idle;
        }
        return {};
    }

    Error refuse(const MatrixJob& job, std::string found) const {
        return {ErrorCode::badInput,       "cannot load",    m_checkpoint.path().string(),
                job.tensors.front()->name, std::move(found), "at most 16 MiB"};
    }

    const Checkpoint& m_checkpoint;
    Runtime& m_runtime;
    cpu::ThreadPool& m_pool;
    const std::function<bool(uint64_t, uint64_t)>& m_progress;
    Memory m_staging[2];
    int m_half = 0;
    std::vector<std::vector<std::byte>> m_buffers;  // of each thread
    uint64_t m_doneBytes = 0, m_totalBytes = 0;
};

uint64_t readBytes(const Linear& linear) {
    const PackedMatrix& matrix = linear.matrix;
    if (matrix.quants == nullptr) return 0;
    return PackedLayout(PackedForm{matrix.kind, matrix.columns, matrix.group, matrix.factor}, matrix.rows)
        .bytes;
}

}  // namespace

Result<Weights> Weights::load(const Checkpoint& checkpoint, Runtime& runtime, cpu::ThreadPool& pool,
                              const std::function<bool(uint64_t, uint64_t)>& progress) {
    Weights weights;
    const Plan plan(checkpoint, weights);
    if (Result<void> loaded = Loader(checkpoint, runtime, pool, progress).load(plan, weights); !loaded)
        return loaded.error();
    if (!checkpoint.tensors().head) weights.head = weights.embedding;
    weights.bytesPerToken = readBytes(weights.head);
    for (const LayerWeights& layer : weights.layers) {
        for (const AttentionPart& part : layer.attention) weights.bytesPerToken += readBytes(part.linear);
        weights.bytesPerToken += readBytes(layer.output) + readBytes(layer.up) + readBytes(layer.down);
    }
    return weights;
}

uint64_t plannedWeightBytes(const Checkpoint& checkpoint) {
    Weights places;
    return Plan(checkpoint, places).bytes();
}

}  // namespace edgechat::inference::cuda
