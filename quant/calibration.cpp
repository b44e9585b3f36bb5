#include "quant/calibration.h"

#include <algorithm>
#include <random>

namespace edgechat::quant {

Result<CalibrationWindows> cutWindows(const std::string& text, const std::string& name,
                                      const inference::Tokenizer& tokenizer, int window, int64_t samples,
                                      uint64_t seed) {
    const std::vector<int> ids = tokenizer.encode(text, inference::SpecialTokens::asText);
    const bool bos = tokenizer.addsBos() && tokenizer.bos() >= 0;
    const auto all = static_cast<int64_t>(ids.size());
    CalibrationWindows cut;
    // A short text gives shorter windows rather than none.
    constexpr int kShortestWindow = 16;
    const auto bosTokens = static_cast<int64_t>(bos ? 1 : 0);
    while (window > kShortestWindow && all < kFewestWindows * (window - bosTokens)) window /= 2;
    const int64_t part = window - bosTokens;
    const int64_t most = all / part;
    if (window < kShortestWindow || most < kFewestWindows) {
        return Error{ErrorCode::badInput,
                     "the calibration text is too short:",
                     name,
                     "",
                     std::to_string(all) + " tokens",
                     "at least " + std::to_string(kFewestWindows * kShortestWindow) + "; " +
                         std::to_string(kFewestTokens) + " or more are advisable"};
    }
    cut.window = window;
    const int64_t count = std::min(samples, most);
    // What is left between the windows is spread over the gaps; the seed says where in its gap each one lies.
    // Windows that take the whole text follow each other.
    const int64_t gap = count == most ? 0 : (all - count * part) / count;
    std::mt19937_64 random(seed);
    for (int64_t i = 0; i < count; ++i) {
        const int64_t start =
            i * (part + gap) + static_cast<int64_t>(random() % static_cast<uint64_t>(gap + 1));
        if (bos) cut.ids.push_back(tokenizer.bos());
        cut.ids.insert(cut.ids.end(), ids.begin() + start, ids.begin() + start + part);
    }
    const int64_t tokens = count * window;
    if (tokens < kFewestTokens) {
        cut.warnings.push_back("the calibration is short: " + std::to_string(tokens) + " tokens in " +
                               std::to_string(count) + " windows; with " + std::to_string(kFewestTokens) +
                               " or more the result is better and safer");
    }
    return cut;
}

}  // namespace edgechat::quant
