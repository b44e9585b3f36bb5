// A model on disk: configuration, where each weight lies, and what the tokenizer and chat template are.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "inference/model/data_file.h"
#include "inference/model/model_config.h"
#include "inference/model/shard_index.h"
#include "inference/model/tensor.h"
#include "inference/result.h"

namespace edgechat::inference {

struct NormTensors {
    TensorInfo weight;               ///< [hidden]
    std::optional<TensorInfo> bias;  ///< [hidden]; LayerNorm only
};

/// y = weight x + bias
struct LinearTensors {
    TensorInfo weight;               ///< [output, input]
    std::optional<TensorInfo> bias;  ///< [output]
};

/// One decoder layer's tensors by their role, with the shapes of the weights. Queries, keys and values are
/// three views where a checkpoint fuses them. The names of views are the fused tensor's with a mark behind
/// it.
struct LayerTensors {
    NormTensors attentionNorm;
    LinearTensors query;   ///< [heads * headSize, hidden]
    LinearTensors key;     ///< [kvHeads * headSize, hidden]
    LinearTensors value;   ///< [kvHeads * headSize, hidden]
    LinearTensors output;  ///< [hidden, heads * headSize]
    std::optional<NormTensors>
        mlpNorm;                        ///< absent: the MLP reads what attentionNorm gave (parallel residual)
    std::optional<LinearTensors> gate;  ///< [ffn, hidden]; only with ModelConfig::gatedMlp
    LinearTensors up;                   ///< [ffn, hidden]
    LinearTensors down;                 ///< [hidden, ffn]
    std::optional<TensorInfo> activationScale;  ///< [ffn] of AWQ: act(...) is divided by it before `down`
};

struct ModelTensors {
    TensorInfo embedding;  ///< [vocab, hidden]
    NormTensors outputNorm;
    std::optional<LinearTensors> head;  ///< [vocab, hidden]; absent when tied to the embedding
    std::vector<LayerTensors> layers;
};

/// Calls visit(const TensorInfo&) for every matrix and vector, each once.
template <class Visit>
void forEachTensor(const ModelTensors& tensors, const Visit& visit) {
    const auto both = [&visit](const auto& pair) {
        visit(pair.weight);
        if (pair.bias) visit(*pair.bias);
    };
    visit(tensors.embedding);
    for (const LayerTensors& layer : tensors.layers) {
        both(layer.attentionNorm);
        for (const LinearTensors* linear : {&layer.query, &layer.key, &layer.value, &layer.output})
            both(*linear);
        if (layer.mlpNorm) both(*layer.mlpNorm);
        if (layer.gate) both(*layer.gate);
        both(layer.up);
        both(layer.down);
        if (layer.activationScale) visit(*layer.activationScale);
    }
    both(tensors.outputNorm);
    if (tensors.head) both(*tensors.head);
}

/// The name in the file: of a view, that of the tensor which it is a part of.
inline std::string storedName(const TensorInfo& tensor) {
    return tensor.name.substr(0, tensor.name.find(" ("));
}

/// What a vocabulary entry is, numbered as GGUF's tokenizer.ggml.token_type.
enum class TokenType { normal = 1, unknown = 2, control = 3, userDefined = 4, unused = 5, byte = 6 };

/// The tokenizer as the checkpoint carries it, not yet built.
struct TokenizerData {
    std::string model;         ///< GGUF's name: "gpt2" (byte-level BPE), "llama" (SentencePiece)
    std::string preTokenizer;  ///< GGUF's name: "smollm", "default", ...
    std::vector<std::string> tokens;
    std::vector<float> scores;        ///< SentencePiece only
    std::vector<TokenType> types;     ///< empty: all normal
    std::vector<std::string> merges;  ///< "left right", best first
    int bos = -1, eos = -1, unknown = -1, padding = -1;
    std::vector<int> endOfTurn;  ///< further ids that end an answer
    bool addBos = false;
    bool addSpacePrefix = true;
};

/// What the reader of one kind of checkpoint found.
struct CheckpointContent {
    ModelConfig config;
    ModelTensors tensors;
    std::vector<TensorInfo> allTensors;      ///< as stored, in file order
    std::optional<TokenizerData> tokenizer;  ///< absent for a folder, whose tokenizer has files of its own
    std::string chatTemplate;
    std::vector<std::shared_ptr<const DataFile>> files;  ///< those that hold weights
    std::vector<std::string> warnings;  ///< sentences for a person about what was odd and how it was taken
    std::vector<Shard> shards;          ///< of a folder that was opened with Shards::onDemand
};

/// An opened checkpoint. Reading is positional, so one object may be read from several threads.
class Checkpoint {
  public:
    /// Opens a GGUF file or a Hugging Face folder and checks everything that can be checked without reading
    /// the weights: every count against the file's size before memory is taken, every shape against the
    /// configuration.
    /// @param shards  whether a folder's shards may be away; their tensors cannot be read then
    static Result<std::unique_ptr<Checkpoint>> open(const std::filesystem::path& path,
                                                    Shards shards = Shards::all);
    /// Opens a GGUF file of any architecture, or a folder, for its tokenizer and chat template alone; it may
    /// lack tensors, and config() holds only names.
    static Result<std::unique_ptr<Checkpoint>> openVocabulary(const std::filesystem::path& path);

    /// A checkpoint made of parts that need no further checks.
    /// @param path  for messages
    static std::unique_ptr<Checkpoint> fromContent(std::filesystem::path path, CheckpointContent content);

    const std::filesystem::path& path() const { return m_path; }
    const ModelConfig& config() const { return m_content.config; }
    const ModelTensors& tensors() const { return m_content.tensors; }
    const std::vector<TensorInfo>& allTensors() const { return m_content.allTensors; }
    /// The tokenizer inside a GGUF file; null for a folder.
    const TokenizerData* tokenizer() const { return m_content.tokenizer ? &*m_content.tokenizer : nullptr; }
    const std::string& chatTemplate() const {
        return m_content.chatTemplate;
    }  ///< Jinja source, empty if none
    const std::vector<std::string>& warnings() const { return m_content.warnings; }
    /// Those that hold weights; the first one of a split file first.
    const std::vector<std::shared_ptr<const DataFile>>& files() const { return m_content.files; }
    uint64_t fileBytes() const;  ///< of files() together
    /// The files of a folder that was opened with Shards::onDemand, as far as they were here then; else
    /// empty.
    const std::vector<Shard>& shards() const { return m_content.shards; }

    /// Reads rows [firstRow, firstRow + rowCount) of a tensor as its type says into `out` (rowCount *
    /// rowBytes()). Fails when a file was cut short or went away since it was opened, and when a scale or
    /// value is not a finite number.
    Result<void> readRows(const TensorInfo& tensor, int64_t firstRow, int64_t rowCount, std::byte* out) const;
    /// What readRows() says of rows that its source gave, from where they lie: whether all their numbers are
    /// finite.
    Result<void> checkRows(const TensorInfo& tensor, int64_t rowCount, const std::byte* rows) const;
    /// All rows of a tensor, from where they lie, as fp32.
    static std::vector<float> valuesOf(const TensorInfo& tensor, const std::byte* rows);
    /// Reads a whole vector as fp32.
    Result<std::vector<float>> readVector(const TensorInfo& tensor) const;
    /// Tells the kernel that the files' pages are not needed any more.
    void dropPageCache() const;

  private:
    Checkpoint(std::filesystem::path path, CheckpointContent content)
        : m_path(std::move(path)), m_content(std::move(content)) {}

    std::filesystem::path m_path;
    CheckpointContent m_content;
};

}  // namespace edgechat::inference
