#include "inference/text/jinja/string_literal.h"

#include "inference/text/jinja/lexer.h"

namespace edgechat::inference::jinja {

namespace {

int hexDigit(char character) {
    if (character >= '0' && character <= '9') return character - '0';
    if (character >= 'a' && character <= 'f') return character - 'a' + 10;
    if (character >= 'A' && character <= 'F') return character - 'A' + 10;
    return -1;
}

void appendCharacter(std::string& text, char32_t character) {
    const auto put = [&text](char32_t byte) { text += static_cast<char>(static_cast<unsigned char>(byte)); };
    if (character < 0x80) {
        put(character);
    } else if (character < 0x800) {
        put(0xc0 | character >> 6);
        put(0x80 | (character & 0x3f));
    } else if (character < 0x10000) {
        put(0xe0 | character >> 12);
        put(0x80 | (character >> 6 & 0x3f));
        put(0x80 | (character & 0x3f));
    } else {
        put(0xf0 | character >> 18);
        put(0x80 | (character >> 12 & 0x3f));
        put(0x80 | (character >> 6 & 0x3f));
        put(0x80 | (character & 0x3f));
    }
}

}  // namespace

std::string unescaped(std::string_view raw, size_t position) {
    static constexpr std::string_view kEscapes = "\\'\"abfnrtv", kMeanings = "\\'\"\a\b\f\n\r\t\v";
    std::string text;
    for (size_t i = 0; i < raw.size(); ++i) {
        if (raw[i] != '\\' || i + 1 == raw.size()) {
            text += raw[i];
            continue;
        }
        const char escape = raw[++i];
        if (const size_t simple = kEscapes.find(escape); simple != std::string_view::npos) {
            text += kMeanings[simple];
        } else if (escape == '\n') {
            continue;
        } else if (escape >= '0' && escape <= '7') {
            char32_t value = 0;
            size_t digits = 0;
            for (; digits < 3 && i + digits < raw.size() && raw[i + digits] >= '0' && raw[i + digits] <= '7';
                 ++digits)
                value = value * 8 + static_cast<char32_t>(raw[i + digits] - '0');
            i += digits - 1;
            appendCharacter(text, value);
        } else if (escape == 'x' || escape == 'u' || escape == 'U') {
            const size_t digits = escape == 'x' ? 2 : escape == 'u' ? 4 : 8;
            char32_t value = 0;
            for (size_t k = 1; k <= digits; ++k) {
                const int digit = i + k < raw.size() ? hexDigit(raw[i + k]) : -1;
                if (digit < 0 || value > 0x10ffff)
                    throw SyntaxFailure{"an escape that names no character", position};
                value = value * 16 + static_cast<char32_t>(digit);
            }
            if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
                throw SyntaxFailure{"an escape that names no character", position};
            i += digits;
            appendCharacter(text, value);
        } else if (escape == 'N') {
            throw SyntaxFailure{"an escape with the name of a character", position};
        } else {
            text += '\\';
            text += escape;
        }
    }
    return text;
}

}  // namespace edgechat::inference::jinja
