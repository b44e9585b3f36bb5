// The residual stream of all calibration tokens between two layers, in a file: it is as large as it likes to
// be, and a job that was killed finds it again.
#pragma once

#include <filesystem>

#include "inference/model/checkpoint.h"
#include "inference/model/data_file.h"
#include "quant/calibration.h"

namespace edgechat::quant {

/// fp32 [tokens, hidden] in one file.
class HiddenStates {
  public:
    static Result<HiddenStates> open(const std::filesystem::path& file, int64_t tokens, int64_t hidden);

    Result<void> read(int64_t firstToken, int64_t tokens, float* out) const;

  private:
    HiddenStates(std::shared_ptr<const inference::DataFile> file, int64_t hidden)
        : m_file(std::move(file)), m_hidden(hidden) {}

    std::shared_ptr<const inference::DataFile> m_file;
    int64_t m_hidden;
};

/// A new file of them, under a name that nobody takes for a finished one until keep().
class NewHiddenStates {
  public:
    static Result<NewHiddenStates> create(const std::filesystem::path& file, int64_t hidden);
    NewHiddenStates(NewHiddenStates&& other) noexcept;
    NewHiddenStates& operator=(NewHiddenStates&& other) noexcept;
    ~NewHiddenStates();

    Result<void> write(int64_t firstToken, int64_t tokens, const float* values);
    /// What was written is on the disk and has its name.
    Result<void> keep();

  private:
    NewHiddenStates(std::filesystem::path file, std::filesystem::path finalName, int descriptor,
                    int64_t hidden);

    std::filesystem::path m_file, m_finalName;
    int m_descriptor = -1;
    int64_t m_hidden = 0;
};

/// What the first layer reads: the rows of the embedding.
Result<void> embedTokens(const inference::Checkpoint& source, const CalibrationWindows& windows,
                         NewHiddenStates& out);

}  // namespace edgechat::quant
