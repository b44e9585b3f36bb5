#include "inference/text/vocabulary_tokenizer.h"

#include <algorithm>

namespace edgechat::inference {

VocabularyTokenizer::VocabularyTokenizer(TokenizerData data) : m_data(std::move(data)), m_specials(256) {
    m_ids.reserve(m_data.tokens.size());
    for (int id = 0; id < vocabulary(); ++id) {
        const std::string& token = m_data.tokens[static_cast<size_t>(id)];
        m_ids.emplace(token, id);
        if (token.empty() || (!isControl(id) && type(id) != TokenType::userDefined)) continue;
        m_specials[static_cast<unsigned char>(token[0])].push_back(id);
    }
    for (std::vector<int>& bucket : m_specials) {
        std::stable_sort(bucket.begin(), bucket.end(), [this](int a, int b) {
            return m_data.tokens[static_cast<size_t>(a)].size() >
                   m_data.tokens[static_cast<size_t>(b)].size();
        });
    }
}

TokenType VocabularyTokenizer::type(int id) const {
    return m_data.types.empty() ? TokenType::normal : m_data.types[static_cast<size_t>(id)];
}

bool VocabularyTokenizer::isControl(int id) const {
    return valid(id) && (type(id) == TokenType::control || type(id) == TokenType::unknown);
}

int VocabularyTokenizer::find(std::string_view spelling) const {
    const auto found = m_ids.find(spelling);
    return found == m_ids.end() ? -1 : found->second;
}

int VocabularyTokenizer::controlToken(std::string_view spelling) const {
    const int id = find(spelling);
    return isControl(id) ? id : -1;
}

std::string VocabularyTokenizer::tokenText(int id) const {
    return valid(id) ? m_data.tokens[static_cast<size_t>(id)] : std::string();
}

// User-defined tokens are words that the vocabulary's maker added: they are found in any text. Control tokens
// are found only where the caller trusts the text.
int VocabularyTokenizer::specialAt(std::string_view text, SpecialTokens special) const {
    for (int id : m_specials[static_cast<unsigned char>(text[0])]) {
        if (special == SpecialTokens::asText && isControl(id)) continue;
        if (text.starts_with(m_data.tokens[static_cast<size_t>(id)])) return id;
    }
    return -1;
}

std::vector<int> VocabularyTokenizer::encode(std::string_view text, SpecialTokens special) const {
    std::vector<int> ids;
    size_t begin = 0;  // of the text that is not encoded yet
    for (size_t i = 0; i < text.size();) {
        const int id = specialAt(text.substr(i), special);
        if (id < 0) {
            ++i;
            continue;
        }
        if (i > begin) encodeText(text.substr(begin, i - begin), ids);
        ids.push_back(id);
        i += m_data.tokens[static_cast<size_t>(id)].size();
        begin = i;
    }
    if (begin < text.size()) encodeText(text.substr(begin), ids);
    return ids;
}

std::string VocabularyTokenizer::decode(const std::vector<int>& ids, bool withSpecial) const {
    std::string text;
    bool dropSpace = m_prefixesSpace;
    for (int id : ids) {
        if (isControl(id)) {
            if (withSpecial) text += tokenText(id);
            continue;
        }
        const std::string bytes = tokenBytes(id);
        text += dropSpace && bytes.starts_with(' ') ? bytes.substr(1) : bytes;
        dropSpace = dropSpace && bytes.empty();
    }
    return text;
}

int byteOfSpelling(std::string_view spelling) {
    const auto digit = [](char character) {
        if (character >= '0' && character <= '9') return character - '0';
        if (character >= 'A' && character <= 'F') return character - 'A' + 10;
        if (character >= 'a' && character <= 'f') return character - 'a' + 10;
        return -1;
    };
    if (spelling.size() != 6 || !spelling.starts_with("<0x") || spelling[5] != '>') return -1;
    const int high = digit(spelling[3]), low = digit(spelling[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

std::string spacesForMarks(std::string_view piece) {
    constexpr std::string_view kMark = "\xe2\x96\x81";
    std::string text;
    while (!piece.empty()) {
        const bool mark = piece.starts_with(kMark);
        text += mark ? ' ' : piece[0];
        piece.remove_prefix(mark ? kMark.size() : 1);
    }
    return text;
}

}  // namespace edgechat::inference
