#include "inference/text/character_class.h"

#include <cstdio>

namespace edgechat::inference {

namespace {

struct CharacterRange {
    char32_t first, last;
};

constexpr CharacterRange kWhiteSpace[] = {
    {0x09, 0x0d},     {0x20, 0x20},     {0x85, 0x85},     {0xa0, 0xa0},     {0x1680, 0x1680},
    {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}};

std::string rangeText(char32_t first, char32_t last) {
    char text[32];
    std::snprintf(text, sizeof(text), "\\x{%x}-\\x{%x}", static_cast<unsigned>(first),
                  static_cast<unsigned>(last));
    return text;
}

}  // namespace

bool isWhiteSpace(char32_t character) {
    for (const CharacterRange& range : kWhiteSpace) {
        if (character >= range.first && character <= range.last) return true;
    }
    return false;
}

const std::string& whiteSpaceClass() {
    static const std::string kClass = [] {
        std::string text;
        for (const CharacterRange& range : kWhiteSpace) text += rangeText(range.first, range.last);
        return text;
    }();
    return kClass;
}

const std::string& noWhiteSpaceClass() {
    static const std::string kClass = [] {
        std::string text;
        char32_t next = 0;
        for (const CharacterRange& range : kWhiteSpace) {
            text += rangeText(next, range.first - 1);
            next = range.last + 1;
        }
        return text + rangeText(next, 0x10ffff);
    }();
    return kClass;
}

const std::string& wordClass() {
    // The ranges are the letters in circles and squares, which are symbols by category and alphabetic all the
    // same; then the two joiners.
    static const std::string kClass = "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}" + rangeText(0x24b6, 0x24e9) +
                                      rangeText(0x1f130, 0x1f149) + rangeText(0x1f150, 0x1f169) +
                                      rangeText(0x1f170, 0x1f189) + rangeText(0x200c, 0x200d);
    return kClass;
}

const std::string& punctuationClass() {
    static const std::string kClass = "!-\\/:-@\\[-`{-~\\p{P}";
    return kClass;
}

}  // namespace edgechat::inference
