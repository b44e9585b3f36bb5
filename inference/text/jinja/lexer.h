// A template's source as tokens. White space around blocks is handled as in transformers: the first newline
// after a block is dropped (trim_blocks), and so are blanks before a block at the beginning of a line
// (lstrip_blocks).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "inference/text/jinja/value.h"

namespace edgechat::inference::jinja {

struct Token {
    enum class Kind {
        data,
        outputBegin,
        outputEnd,
        blockBegin,
        blockEnd,
        name,
        string,
        integer,
        number,
        symbol,
        end
    };
    Kind kind = Kind::end;
    std::string text;     ///< of a string: what it stands for
    size_t position = 0;  ///< in bytes from the source's beginning
};

/// A failure with its place.
struct SyntaxFailure {
    std::string message;
    size_t position = 0;
};

/// `source` as Jinja reads it: newlines are "\n", one at the end is dropped.
std::string normalizedSource(std::string_view source);
/// Throws SyntaxFailure. The last token is `end`.
std::vector<Token> tokensOf(std::string_view normalizedSource);
/// "line 3, column 7"
std::string placeOf(std::string_view normalizedSource, size_t position);

}  // namespace edgechat::inference::jinja
