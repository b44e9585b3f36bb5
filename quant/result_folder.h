// The folder that a quantization makes: <output>.partial while it grows, <output> from one rename on, which
// is the last step. So a kill leaves it unfinished, finished but for its name, or finished, and nothing
// between.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "quant/journal.h"
#include "quant/report.h"

namespace edgechat::quant {

/// What says that a folder is finished, in its edgechat.json.
struct Finished {
    Identity identity;
    QuantizationReport report;
};

/// Everything else must be on the disk. After return the mark is too.
Result<void> markFinished(const std::filesystem::path& folder, const Finished& finished);
/// None where the folder is not finished, or not by a quantization.
std::optional<Finished> readFinished(const std::filesystem::path& folder);

std::vector<std::filesystem::path> weightsFiles(const std::filesystem::path& folder);
uint64_t weightsBytes(const std::filesystem::path& folder);

/// <output>.partial, held by one program: the kernel frees it when that ends, however it ends.
class PartialFolder {
  public:
    /// Makes the folder where there is none.
    /// @return ErrorCode::badInput when another program holds it, or it cannot be made
    static Result<PartialFolder> take(const std::filesystem::path& output);
    PartialFolder(PartialFolder&& other) noexcept;
    PartialFolder& operator=(PartialFolder&& other) noexcept;
    /// An empty folder goes: it holds no work.
    ~PartialFolder();

    bool empty() const;
    /// Throws away what it holds. A kill meanwhile leaves what can be resumed: the folder as it was, or one
    /// without a journal.
    Result<void> clear() const;
    /// The marked folder sheds its work and takes its name.
    Result<void> publish();

  private:
    PartialFolder(std::filesystem::path output, int descriptor);

    std::filesystem::path m_output, m_path;
    int m_descriptor = -1;
};

/// Places in that folder.
std::filesystem::path partialPath(const std::filesystem::path& output);
std::filesystem::path workPath(const std::filesystem::path& output);
std::filesystem::path journalPath(const std::filesystem::path& output);

}  // namespace edgechat::quant
