// The residual stream of all calibration tokens between two layers, in a file: it is as large as it likes to
// be, and a job that was killed finds it again.
#pragma once

#include <filesystem>

#include "inference/model/checkpoint.h"
#include "quant/calibration.h"

namespace edgechat::quant {

/// fp32 [tokens, hidden] in one file.
class HiddenStates {
  public:
    static Result<HiddenStates> open(const std::filesystem::path& file, int64_t tokens, int64_t hidden);
    /// A new file under a name that nobody takes for a finished one; keep() gives it its own.
    static Result<HiddenStates> create(const std::filesystem::path& file, int64_t tokens, int64_t hidden);
    HiddenStates(HiddenStates&& other) noexcept;
    HiddenStates& operator=(HiddenStates&& other) noexcept;
    ~HiddenStates();

    Result<void> read(int64_t firstToken, int64_t tokens, float* out) const;
    Result<void> write(int64_t firstToken, int64_t tokens, const float* values);
    /// What was written is on the disk and has its name.
    Result<void> keep();

    int64_t tokens() const { return m_tokens; }
    int64_t hidden() const { return m_hidden; }

  private:
    HiddenStates(std::filesystem::path file, std::filesystem::path finalName, int descriptor, int64_t tokens,
                 int64_t hidden);

    std::filesystem::path m_file, m_finalName;
    int m_descriptor = -1;
    int64_t m_tokens = 0, m_hidden = 0;
};

/// What the first layer reads: the rows of the embedding.
Result<void> embedTokens(const inference::Checkpoint& source, const CalibrationWindows& windows,
                         HiddenStates& out);

}  // namespace edgechat::quant
