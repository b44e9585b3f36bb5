// A model on disk: configuration, where each weight lies, and what the tokenizer and chat template are.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "inference/model/model_config.h"
#include "inference/model/tensor.h"
#include "inference/result.h"

namespace edgechat::inference {

/// One decoder layer's tensors by their role. A matrix is [output, input].
struct LayerTensors {
    TensorInfo attentionNorm;  ///< [hidden]
    TensorInfo query;          ///< [heads * headSize, hidden]
    TensorInfo key;            ///< [kvHeads * headSize, hidden]
    TensorInfo value;          ///< [kvHeads * headSize, hidden]
    TensorInfo output;         ///< [hidden, heads * headSize]
    TensorInfo mlpNorm;        ///< [hidden]
    TensorInfo gate;           ///< [ffn, hidden]
    TensorInfo up;             ///< [ffn, hidden]
    TensorInfo down;           ///< [hidden, ffn]
};

struct ModelTensors {
    TensorInfo embedding;            ///< [vocab, hidden]
    TensorInfo outputNorm;           ///< [hidden]
    std::optional<TensorInfo> head;  ///< [vocab, hidden]; absent when tied to the embedding
    std::vector<LayerTensors> layers;
};

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

/// An opened checkpoint. Reading is positional, so one object may be read from several threads.
class Checkpoint {
  public:
    /// Opens a GGUF file and checks everything that can be checked without reading the weights: every count
    /// against the file's size before memory is taken, every shape against the configuration.
    static Result<std::unique_ptr<Checkpoint>> open(const std::filesystem::path& path);
    /// Opens a GGUF file of any architecture for its tokenizer and chat template alone; it may lack tensors,
    /// and config() holds only names.
    static Result<std::unique_ptr<Checkpoint>> openVocabulary(const std::filesystem::path& path);
    ~Checkpoint();
    Checkpoint(const Checkpoint&) = delete;
    Checkpoint& operator=(const Checkpoint&) = delete;

    const std::filesystem::path& path() const { return m_path; }
    const ModelConfig& config() const { return m_config; }
    const ModelTensors& tensors() const { return m_tensors; }
    const std::vector<TensorInfo>& allTensors() const { return m_allTensors; }  ///< in file order
    const TokenizerData& tokenizer() const { return m_tokenizer; }
    const std::string& chatTemplate() const { return m_chatTemplate; }  ///< Jinja source, empty if none
    uint64_t fileBytes() const { return m_fileBytes; }

    /// Reads rows [firstRow, firstRow + rowCount) of a tensor as stored into `out` (rowCount * rowBytes()).
    /// Fails when the file was cut short or went away since it was opened.
    Result<void> readRows(const TensorInfo& tensor, int64_t firstRow, int64_t rowCount, std::byte* out) const;
    /// Reads a whole vector as fp32.
    Result<std::vector<float>> readVector(const TensorInfo& tensor) const;
    /// Tells the kernel that the file's pages are not needed any more.
    void dropPageCache() const;

  private:
    Checkpoint() = default;
    static Result<std::unique_ptr<Checkpoint>> openFile(const std::filesystem::path& path,
                                                        bool vocabularyOnly);

    std::filesystem::path m_path;
    int m_file = -1;
    uint64_t m_fileBytes = 0;
    ModelConfig m_config;
    ModelTensors m_tensors;
    std::vector<TensorInfo> m_allTensors;
    TokenizerData m_tokenizer;
    std::string m_chatTemplate;
};

}  // namespace edgechat::inference
