// The small models of tests/data/parity and what transformers computed with them (their README has the
// formats).
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

namespace edgechat::testing {

/// One entry of models.json.
struct ParityModel {
    std::string name;
    std::string format;  ///< "safetensors", "awq-gemm", ..., "gguf"
    std::string path;    ///< below the data folder
    std::string golden;  ///< below the data folder
    int context = 0;     ///< tokens to load with
    size_t textBytes = 0;
    uint64_t parameters = 0;
    nlohmann::json replace, expect;
};

/// All entries; empty when the file cannot be read.
std::vector<ParityModel> parityModels();
/// The first bytes of the text whose ids the goldens hold.
std::string parityText(size_t bytes);

/// A model where an engine can open it: the folder itself or, if the entry replaces files, a folder of links
/// that lives as long as this.
class ParityFolder {
  public:
    explicit ParityFolder(const ParityModel& model);
    ~ParityFolder();
    ParityFolder(const ParityFolder&) = delete;
    ParityFolder& operator=(const ParityFolder&) = delete;
    const std::filesystem::path& path() const { return m_path; }

  private:
    std::filesystem::path m_path, m_temporary;
};

/// What transformers computes in fp32 for one text.
struct Golden {
    std::vector<int32_t> ids;        ///< [T]
    std::vector<int32_t> positions;  ///< [R] whose logits are kept whole
    std::vector<int32_t> best;       ///< [T] argmax
    std::vector<float> bestLogit;    ///< [T]
    std::vector<float> gap;          ///< [T] largest minus second largest logit
    std::vector<float> logsumexp;    ///< [T]
    std::vector<float> logits;       ///< [R, vocab]
    size_t vocab = 0;

    std::span<const float> logitsOf(size_t kept) const { return {logits.data() + kept * vocab, vocab}; }
};

/// Empty ids when the file cannot be read.
Golden readGolden(const ParityModel& model);

}  // namespace edgechat::testing
