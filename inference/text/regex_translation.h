// Patterns as Hugging Face's tokenizers read them (Oniguruma, Ruby's syntax), written for PCRE2.
#pragma once

#include <string>
#include <string_view>

#include "inference/result.h"

namespace edgechat::inference {

/// The same pattern in PCRE2's syntax. Understood are literals, classes, \s \d \w and their opposites,
/// general categories (\p{L}), groups, look-around, alternatives and quantifiers; the rest is refused, since
/// much of it means something else to PCRE2.
/// @return  an error whose `found` names the construct
Result<std::string> pcre2FromOniguruma(std::string_view pattern);

}  // namespace edgechat::inference
