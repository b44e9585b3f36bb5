// GPT-2's spelling of bytes as printable characters, in which byte-level vocabularies are written.
#pragma once

#include <string>
#include <string_view>

namespace edgechat::inference {

/// UTF-8 of the character that stands for a byte: "A" for 'A', "Ġ" for ' '. One or two bytes.
const std::string& spellingOfByte(unsigned char byte);
/// Every byte of `bytes` spelled.
std::string spellingOfBytes(std::string_view bytes);
/// The bytes that a spelling stands for. A spelling with a character outside the alphabet is plain text.
std::string bytesOfSpelling(std::string_view spelling);

}  // namespace edgechat::inference
