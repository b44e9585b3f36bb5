// What fuzz_gguf reads in its input beside GGUF itself.
#pragma once

#include <string_view>

namespace edgechat::testing {

/// Stands between the first and the second part of a split model.
constexpr std::string_view kNextPart = "\n--part--\n";

}  // namespace edgechat::testing
