// Small models with random weights that never were a file: any configuration, every kind of tensor.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "inference/model/checkpoint.h"
#include "tests/data/gguf_writer.h"
#include "tests/data/random_values.h"

namespace edgechat::testing {

class MemoryRows final : public inference::RowSource {
  public:
    MemoryRows(std::string rows, uint64_t rowBytes) : m_rows(std::move(rows)), m_rowBytes(rowBytes) {}
    Result<void> read(int64_t first, int64_t count, std::byte* out) const override {
        std::memcpy(out, m_rows.data() + static_cast<uint64_t>(first) * m_rowBytes,
                    static_cast<uint64_t>(count) * m_rowBytes);
        return {};
    }

  private:
    std::string m_rows;
    uint64_t m_rowBytes;
};

/// Groups of int4 as tensor.h lays them out: the scale is a number that fp16 holds, the zero point 0 to 15.
inline std::string encodeInt4(const std::vector<float>& values, int groupSize) {
    std::string bytes;
    for (size_t first = 0; first < values.size(); first += static_cast<size_t>(groupSize)) {
        const float* group = values.data() + first;
        const auto [least, most] = std::minmax_element(group, group + groupSize);
        const float scale =
            inference::halfToFloat(inference::floatToHalf(std::max((*most - *least) / 15.0f, 1e-4f)));
        const long zero = std::clamp(std::lround(-*least / scale), 0L, 15L);
        const auto code = [&](int i) {
            return i < groupSize ? std::clamp(std::lround(group[i] / scale) + zero, 0L, 15L) : 0L;
        };
        bytes += littleEndian(std::bit_cast<uint32_t>(scale)) +
                 littleEndian(std::bit_cast<uint32_t>(static_cast<float>(zero)));
        for (int i = 0; i < groupSize; i += 2) bytes += static_cast<char>(code(i) | code(i + 1) << 4);
    }
    return bytes;
}

/// Rows of int8 as tensor.h lays them out: codes to -127 and 127.
inline std::string encodeInt8(const std::vector<float>& values, int columns) {
    std::string bytes;
    for (size_t first = 0; first < values.size(); first += static_cast<size_t>(columns)) {
        const float* row = values.data() + first;
        float largest = 1e-6f;
        for (int k = 0; k < columns; ++k) largest = std::max(largest, std::fabs(row[k]));
        bytes += littleEndian(std::bit_cast<uint32_t>(largest / 127));
        for (int k = 0; k < columns; ++k) bytes += static_cast<char>(std::lround(row[k] / largest * 127));
    }
    return bytes;
}

/// What a random model has besides its configuration.
struct MemoryModelOptions {
    uint64_t seed = 1;
    TensorType weights = TensorType::f32;  // the layers' matrices
    int groupSize = 0;                     // of int4 weights
    TensorType embedding = TensorType::f32;
    bool linearBiases = false;
    bool normBiases = false;
    bool ownMlpNorm = true;
    bool activationScale = false;
};

/// A configuration of which tests change what they are about.
inline inference::ModelConfig smallConfig() {
    inference::ModelConfig config;
    config.architecture = "llama";
    config.layers = 2, config.hidden = 64, config.heads = 4, config.kvHeads = 2, config.headSize = 16;
    config.ffn = 96, config.vocab = 96, config.context = 1024;
    config.tiedHead = true;
    return config;
}

inline inference::CheckpointContent memoryContent(const inference::ModelConfig& config,
                                                  const MemoryModelOptions& options = {}) {
    using namespace inference;
    RandomValues random(options.seed);
    CheckpointContent content;
    content.config = config;
    int count = 0;
    const auto tensor = [&](TensorType type, int groupSize, int rows, int columns, float centre,
                            float spread) {
        TensorInfo info;
        info.name = "t" + std::to_string(count++);
        info.type = type, info.rows = rows, info.columns = columns;
        info.groupSize = type == TensorType::int8 ? columns : groupSize;
        std::vector<float> values =
            random.vector(static_cast<size_t>(rows) * static_cast<size_t>(columns), spread);
        for (float& value : values) value += centre;
        std::string stored = type == TensorType::int4   ? encodeInt4(values, groupSize)
                             : type == TensorType::int8 ? encodeInt8(values, columns)
                                                        : encodeTensor(type, values);
        info.bytes = stored.size();
        info.source = std::make_shared<MemoryRows>(std::move(stored), info.rowBytes());
        content.config.parameters += values.size();
        return info;
    };
    const auto vector = [&](int size, float centre, float spread) {
        return tensor(TensorType::f32, 0, 1, size, centre, spread);
    };
    const auto matrix = [&](TensorType type, int groupSize, int rows, int columns) {
        LinearTensors linear;
        linear.weight =
            tensor(type, groupSize, rows, columns, 0, std::sqrt(3.0f / static_cast<float>(columns)));
        if (options.linearBiases) linear.bias = vector(rows, 0, 0.3f);
        return linear;
    };
    const auto linear = [&](int rows, int columns) {
        return matrix(options.weights, options.groupSize, rows, columns);
    };
    const auto norm = [&] {
        NormTensors result;
        result.weight = vector(config.hidden, 1, 0.2f);
        if (options.normBiases) result.bias = vector(config.hidden, 0, 0.2f);
        return result;
    };
    ModelTensors& tensors = content.tensors;
    tensors.embedding = matrix(options.embedding, 0, config.vocab, config.hidden).weight;
    for (int i = 0; i < config.layers; ++i) {
        LayerTensors layer;
        layer.attentionNorm = norm();
        layer.query = linear(config.queryWidth(), config.hidden);
        layer.key = linear(config.kvWidth(), config.hidden);
        layer.value = linear(config.kvWidth(), config.hidden);
        layer.output = linear(config.hidden, config.queryWidth());
        if (options.ownMlpNorm) layer.mlpNorm = norm();
        if (config.gatedMlp) layer.gate = linear(config.ffn, config.hidden);
        layer.up = linear(config.ffn, config.hidden);
        layer.down = linear(config.hidden, config.ffn);
        if (options.activationScale) layer.activationScale = vector(config.ffn, 1.5f, 0.9f);
        tensors.layers.push_back(std::move(layer));
    }
    tensors.outputNorm = norm();
    if (!config.tiedHead) tensors.head = matrix(options.embedding, 0, config.vocab, config.hidden);
    forEachTensor(tensors, [&](const TensorInfo& info) { content.allTensors.push_back(info); });
    return content;
}

inline std::unique_ptr<inference::Checkpoint> memoryCheckpoint(const inference::ModelConfig& config,
                                                               const MemoryModelOptions& options = {}) {
    return inference::Checkpoint::fromContent("memory", memoryContent(config, options));
}

}  // namespace edgechat::testing
