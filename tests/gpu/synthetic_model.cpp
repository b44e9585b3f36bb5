#include "tests/gpu/synthetic_model.h"

#include <algorithm>
#include <cstring>

#include "tests/data/random_values.h"

namespace edgechat::gpu {

using namespace inference;

namespace {

constexpr size_t kPool = size_t{1} << 20;
constexpr float kSpread = 0.02f;  // standard deviation of the weights, as at the start of training

/// Bytes that every tensor is cut from.
class Pool {
  public:
    Pool() : m_codes(kPool), m_halves(kPool / 2) {
        testing::RandomValues random(1);
        for (std::byte& byte : m_codes) byte = static_cast<std::byte>((random.next() + 1) * 127.99f);
        for (uint16_t& half : m_halves) half = floatToHalf(1.7f * kSpread * random.next());
    }
    /// `bytes` from a place that `key` decides.
    void fill(std::byte* out, size_t bytes, uint64_t key, bool halves) const {
        const std::byte* pool = halves ? reinterpret_cast<const std::byte*>(m_halves.data()) : m_codes.data();
        size_t at = key * 0x9e3779b97f4a7c15u % kPool / 2 * 2;
        while (bytes > 0) {
            const size_t count = std::min(bytes, kPool - at);
            std::memcpy(out, pool + at, count);
            out += count, bytes -= count, at = 0;
        }
    }

  private:
    std::vector<std::byte> m_codes;
    std::vector<uint16_t> m_halves;
};

/// Rows of int4 (tensor.h) or fp16.
class RandomRows final : public RowSource {
  public:
    RandomRows(std::shared_ptr<const Pool> pool, TensorType type, int64_t columns, int group, uint64_t seed)
        : m_pool(std::move(pool)), m_type(type), m_columns(columns), m_group(group), m_seed(seed) {}

    Result<void> read(int64_t first, int64_t count, std::byte* out) const override {
        for (int64_t row = first; row < first + count; ++row) {
            const uint64_t key = m_seed + static_cast<uint64_t>(row);
            if (m_type == TensorType::f16) {
                const size_t bytes = 2 * static_cast<size_t>(m_columns);
                m_pool->fill(out, bytes, key, true);
                out += bytes;
                continue;
            }
            // Uniform codes around zero point 8 spread by 4.6 steps.
            const float head[2] = {kSpread / 4.6f, 8};
            for (int64_t group = 0; group < m_columns / m_group; ++group) {
                std::memcpy(out, head, sizeof head);
                m_pool->fill(out + sizeof head, static_cast<size_t>(m_group) / 2,
                             key * 131 + static_cast<uint64_t>(group), false);
                out += sizeof head + static_cast<size_t>(m_group) / 2;
            }
        }
        return {};
    }

  private:
    std::shared_ptr<const Pool> m_pool;
    TensorType m_type;
    int64_t m_columns;
    int m_group;
    uint64_t m_seed;
};

/// A vector of one number.
class ConstantRow final : public RowSource {
  public:
    ConstantRow(int64_t columns, float value) : m_columns(columns), m_half(floatToHalf(value)) {}
    Result<void> read(int64_t, int64_t count, std::byte* out) const override {
        for (int64_t i = 0; i < count * m_columns; ++i) std::memcpy(out + 2 * i, &m_half, 2);
        return {};
    }

  private:
    int64_t m_columns;
    uint16_t m_half;
};

class Builder {
  public:
    explicit Builder(const Shape& shape) : m_shape(shape) { m_content.config = shape.config; }

    CheckpointContent build() {
        const ModelConfig& config = m_shape.config;
        ModelTensors& tensors = m_content.tensors;
        tensors.embedding = matrix("embedding", TensorType::f16, config.vocab, config.hidden);
        for (int i = 0; i < config.layers; ++i) tensors.layers.push_back(layer(i));
        tensors.outputNorm = norm("output_norm");
        if (!config.tiedHead) {
            tensors.head = LinearTensors{matrix("head", TensorType::f16, config.vocab, config.hidden), {}};
        }
        forEachTensor(tensors, [&](const TensorInfo& tensor) {
            m_content.allTensors.push_back(tensor);
            m_content.config.parameters += static_cast<uint64_t>(tensor.rows * tensor.columns);
        });
        return std::move(m_content);
    }

  private:
    TensorInfo matrix(const std::string& name, TensorType type, int64_t rows, int64_t columns) {
        TensorInfo tensor;
        tensor.name = name, tensor.type = type, tensor.rows = rows, tensor.columns = columns;
        tensor.groupSize = type == TensorType::int4 ? m_shape.group : 0;
        tensor.bytes = static_cast<uint64_t>(rows) * tensor.rowBytes();
        tensor.source =
            std::make_shared<RandomRows>(m_pool, type, columns, tensor.groupSize, m_seed += 1000003);
        return tensor;
    }
    TensorInfo vector(const std::string& name, float value) {
        TensorInfo tensor;
        tensor.name = name, tensor.type = TensorType::f16, tensor.columns = m_shape.config.hidden;
        tensor.bytes = tensor.rowBytes();
        tensor.source = std::make_shared<ConstantRow>(tensor.columns, value);
        return tensor;
    }
    NormTensors norm(const std::string& name) {
        NormTensors result{vector(name + ".weight", 1), {}};
        if (m_shape.config.norm == NormKind::layer) result.bias = vector(name + ".bias", 0);
        return result;
    }
    LinearTensors linear(const std::string& name, int64_t rows, int64_t columns) {
        return {matrix(name, TensorType::int4, rows, columns), {}};
    }
    LayerTensors layer(int index) {
        const ModelConfig& config = m_shape.config;
        const std::string at = "layers." + std::to_string(index) + ".";
        LayerTensors result;
        result.attentionNorm = norm(at + "attention_norm");
        result.query = linear(at + "query", config.queryWidth(), config.hidden);
        result.key = linear(at + "key", config.kvWidth(), config.hidden);
        result.value = linear(at + "value", config.kvWidth(), config.hidden);
        result.output = linear(at + "output", config.hidden, config.queryWidth());
        if (!config.parallelResidual) result.mlpNorm = norm(at + "mlp_norm");
        if (config.gatedMlp) result.gate = linear(at + "gate", config.ffn, config.hidden);
        result.up = linear(at + "up", config.ffn, config.hidden);
        result.down = linear(at + "down", config.hidden, config.ffn);
        return result;
    }

    const Shape& m_shape;
    std::shared_ptr<const Pool> m_pool = std::make_shared<Pool>();
    uint64_t m_seed = 0;
    CheckpointContent m_content;
};

}  // namespace

std::vector<Shape> publishedShapes() {
    ModelConfig llama;
    llama.architecture = "llama";
    llama.quantization = "INT4 g128";
    llama.layers = 32, llama.hidden = 4096, llama.heads = 32, llama.kvHeads = 32, llama.headSize = 128;
    llama.ffn = 11008, llama.vocab = 32000, llama.context = 4096;
    llama.ropePairs = RopePairs::halves;

    ModelConfig mistral = llama;
    mistral.architecture = "mistral";
    mistral.kvHeads = 8, mistral.ffn = 14336, mistral.vocab = 32768, mistral.context = 32768;
    mistral.ropeBase = 1e6f;

    ModelConfig falcon = llama;
    falcon.architecture = "falcon";
    falcon.quantization = "INT4 g64";
    falcon.hidden = 4544, falcon.heads = 71, falcon.kvHeads = 1, falcon.headSize = 64;
    falcon.ffn = 4 * 4544, falcon.vocab = 65024, falcon.context = 2048;
    falcon.norm = NormKind::layer, falcon.activation = Activation::gelu, falcon.gatedMlp = false;
    falcon.parallelResidual = true, falcon.tiedHead = true;

    return {{"llama-2-7b", llama, 128}, {"mistral-7b-v0.3", mistral, 128}, {"falcon-7b", falcon, 64}};
}

std::optional<Shape> shapeNamed(const std::string& name) {
    std::vector<Shape> known = publishedShapes();
    Shape llama = known[1], falcon = known[2];
    llama.name = "tiny-llama", falcon.name = "tiny-falcon";
    for (Shape* shape : {&llama, &falcon}) {
        ModelConfig& config = shape->config;
        config.layers = 2, config.hidden = 256, config.ffn = 256, config.vocab = 256;
        config.heads = 4, config.headSize = 64;
        shape->answerTokens = 2;
    }
    llama.config.kvHeads = 2;
    llama.promptTokens = 260;  // more than a batch
    falcon.promptTokens = 12;
    known.insert(known.end(), {llama, falcon});
    for (const Shape& shape : known) {
        if (shape.name == name) return shape;
    }
    return std::nullopt;
}

std::unique_ptr<Checkpoint> syntheticModel(const Shape& shape) {
    return Checkpoint::fromContent(shape.name, Builder(shape).build());
}

}  // namespace edgechat::gpu
