// Sets of characters that patterns and added tokens speak of, the same with every version of PCRE2.
#pragma once

#include <string>

namespace edgechat::inference {

/// Unicode's White_Space property, and no more: PCRE2's \s has U+180E too, which is none since Unicode 6.3.
bool isWhiteSpace(char32_t character);

/// White_Space as the inside of a bracket expression of PCRE2: "\x{9}-\x{d}...".
const std::string& whiteSpaceClass();
/// All characters but White_Space, likewise.
const std::string& noWhiteSpaceClass();
/// What \w stands for in Unicode (UTS 18, annex C): alphabetic characters, marks, decimal digits, connectors.
const std::string& wordClass();
/// ASCII's punctuation and symbols, and Unicode's punctuation.
const std::string& punctuationClass();

}  // namespace edgechat::inference
