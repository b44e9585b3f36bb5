// The one place that knows which byte sequences are UTF-8 (The Unicode Standard, table 3-7: no overlong
// forms, no surrogates, nothing above U+10FFFF).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace edgechat::inference {

enum class Utf8Kind {
    character,   ///< a whole character
    incomplete,  ///< the text ends inside a character that is right so far
    invalid  ///< bytes that begin or continue no character: the longest such part that may become one U+FFFD
};

struct Utf8Step {
    Utf8Kind kind = Utf8Kind::invalid;
    size_t length = 0;  ///< in bytes, at least 1
    char32_t character = 0;
};

/// What stands at the beginning of `text`, which is not empty.
inline Utf8Step nextUtf8(std::string_view text) {
    const auto byte = [&text](size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned lead = byte(0);
    if (lead < 0x80) return {Utf8Kind::character, 1, lead};
    if (lead < 0xc2 || lead > 0xf4) return {Utf8Kind::invalid, 1, 0};
    const size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    // Only the second byte's range depends on the lead byte.
    unsigned least = 0x80, most = 0xbf;
    if (lead == 0xe0) least = 0xa0;
    if (lead == 0xed) most = 0x9f;
    if (lead == 0xf0) least = 0x90;
    if (lead == 0xf4) most = 0x8f;
    char32_t character = lead & (0x7fu >> length);
    for (size_t i = 1; i < length; ++i) {
        if (i == text.size()) return {Utf8Kind::incomplete, i, 0};
        if (byte(i) < least || byte(i) > most) return {Utf8Kind::invalid, i, 0};
        character = (character << 6) | (byte(i) & 0x3f);
        least = 0x80;
        most = 0xbf;
    }
    return {Utf8Kind::character, length, character};
}

/// Length of the longest prefix that is whole UTF-8 characters.
inline size_t validUtf8Prefix(std::string_view text) {
    size_t position = 0;
    while (position < text.size()) {
        const Utf8Step step = nextUtf8(text.substr(position));
        if (step.kind != Utf8Kind::character) break;
        position += step.length;
    }
    return position;
}

/// A code point below U+0800 as UTF-8.
inline std::string shortUtf8(char32_t character) {
    if (character < 0x80) return std::string(1, static_cast<char>(character));
    std::string text(2, static_cast<char>(0x80 | (character & 0x3f)));
    text[0] = static_cast<char>(0xc0 | (character >> 6));
    return text;
}

/// U+FFFD, which stands for what could not be read.
inline constexpr std::string_view kReplacementCharacter = "\xef\xbf\xbd";

}  // namespace edgechat::inference
