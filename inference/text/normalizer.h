// What a tokenizer.json does to text before it is cut into words.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "inference/text/regex.h"

namespace edgechat::inference {

struct PrependStep {
    std::string text;  ///< put in front of text that is not empty
};

struct ReplaceTextStep {
    std::string from, to;  ///< `from` is not empty
};

struct ReplacePatternStep {
    Regex pattern;
    std::string to;
};

/// Takes white space off the ends.
struct StripStep {
    bool left = false, right = false;
};

using NormalizerStep = std::variant<PrependStep, ReplaceTextStep, ReplacePatternStep, StripStep>;

/// `text` after all steps, in order. Any bytes: what is no UTF-8 is matched by no pattern and stays.
std::string normalized(std::string_view text, const std::vector<NormalizerStep>& steps);

/// `text` with every `from`, which is not empty, turned into `to`.
std::string replaced(std::string_view text, std::string_view from, std::string_view to);

}  // namespace edgechat::inference
