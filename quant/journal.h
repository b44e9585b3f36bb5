// What an unfinished quantization has done so far, on disk: after a crash or a power cut it goes on from
// there.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "inference/result.h"
#include "quant/awq.h"
#include "quant/calibration.h"

namespace edgechat::quant {

/// What a result depends on, by name: a job may only be resumed with the same.
using Identity = std::map<std::string, std::string>;

/// A text's windows and what people call it.
struct NamedWindows {
    const CalibrationWindows& windows;
    const std::string& name;
};

/// The source's files by name, size and time of change (by their headers where the files come and go), the
/// recipe, the tokens of the texts.
/// @param evaluation  without windows: not wanted
Identity identityOf(const inference::Checkpoint& source, const Recipe& recipe,
                    const NamedWindows& calibration, const NamedWindows& evaluation);

/// An error that names what is not as it was.
/// @param file  where `began` was read
Result<void> checkSame(const Identity& began, const Identity& now, const std::filesystem::path& file);

struct Journal {
    Identity identity;
    std::vector<std::vector<LinearReport>> layers;  ///< of the layers that are finished
    std::set<std::string> written;                  ///< restPartName()s
    double seconds = 0;                             ///< worked on them

    /// Replaces the file: after return it is on the disk, before that the old one is.
    Result<void> save(const std::filesystem::path& file) const;
    /// ErrorCode::badInput when it is no journal.
    static Result<Journal> load(const std::filesystem::path& file);
};

}  // namespace edgechat::quant
