// The text that a model reads while it is quantized, cut into windows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "inference/result.h"
#include "inference/text/tokenizer.h"

namespace edgechat::quant {

struct CalibrationWindows {
    int window = 0;        ///< tokens of each
    std::vector<int> ids;  ///< [count, window]
    int64_t count() const { return window == 0 ? 0 : static_cast<int64_t>(ids.size()) / window; }
    std::vector<std::string> warnings;  ///< for a person
};

constexpr int64_t kFewestTokens = 8192;  ///< with less calibration a warning is due
constexpr int64_t kFewestWindows = 2;    ///< one to learn from, one to judge by

/// Cuts the text's tokens into windows, spread evenly over the text; where they overlap or leave gaps depends
/// on how many are wanted. A model that wants BOS gets it at the start of each.
/// @param name  of the text, for messages
/// @param samples  windows wanted; fewer where the text is shorter, as no token is used twice
/// @param seed  moves the windows
/// @return ErrorCode::badInput when the text is shorter than kFewestWindows windows of 16 tokens
Result<CalibrationWindows> cutWindows(const std::string& text, const std::string& name,
                                      const inference::Tokenizer& tokenizer, int window, int64_t samples,
                                      uint64_t seed);

}  // namespace edgechat::quant
