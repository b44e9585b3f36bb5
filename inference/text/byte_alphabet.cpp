#include "inference/text/byte_alphabet.h"

#include <array>

#include "inference/text/utf8.h"

namespace edgechat::inference {

namespace {

struct ByteAlphabet {
    std::array<std::string, 256> spelling;
    std::array<int, 512> byte;  // of a code point, -1 if it stands for none

    // Printable bytes of Latin-1 stand for themselves, the others are numbered from 256 on.
    ByteAlphabet() {
        byte.fill(-1);
        int next = 256;
        for (int b = 0; b < 256; ++b) {
            const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
            const int code = printable ? b : next++;
            byte[static_cast<size_t>(code)] = b;
            spelling[static_cast<size_t>(b)] = shortUtf8(static_cast<char32_t>(code));
        }
    }
};

const ByteAlphabet& byteAlphabet() {
    static const ByteAlphabet kAlphabet;
    return kAlphabet;
}

}  // namespace

const std::string& spellingOfByte(unsigned char byte) {
    return byteAlphabet().spelling[byte];
}

std::string spellingOfBytes(std::string_view bytes) {
    const ByteAlphabet& alphabet = byteAlphabet();
    std::string spelling;
    spelling.reserve(bytes.size() + bytes.size() / 4);
    for (char byte : bytes) spelling += alphabet.spelling[static_cast<unsigned char>(byte)];
    return spelling;
}

std::string bytesOfSpelling(std::string_view spelling) {
    std::string bytes;
    for (std::string_view rest = spelling; !rest.empty();) {
        const Utf8Step step = nextUtf8(rest);
        const bool known = step.kind == Utf8Kind::character && step.character < byteAlphabet().byte.size();
        const int byte = known ? byteAlphabet().byte[step.character] : -1;
        if (byte < 0) return std::string(spelling);
        bytes += static_cast<char>(byte);
        rest.remove_prefix(step.length);
    }
    return bytes;
}

}  // namespace edgechat::inference
