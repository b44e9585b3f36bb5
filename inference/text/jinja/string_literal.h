// The escapes of a string in a template: Python's.
#pragma once

#include <string>
#include <string_view>

namespace edgechat::inference::jinja {

/// What the inside of a string literal stands for. Throws SyntaxFailure with `position` for \N{...} and for
/// escapes that are cut off or name no character.
std::string unescaped(std::string_view raw, size_t position);

}  // namespace edgechat::inference::jinja
