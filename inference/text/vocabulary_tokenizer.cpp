#include "inference/text/vocabulary_tokenizer.h"

#include "inference/text/normalizer.h"

namespace edgechat::inference {

namespace {

bool isControlType(TokenType type) {
    return type == TokenType::control || type == TokenType::unknown;
}

}  // namespace

std::vector<AddedToken> addedAmong(const TokenizerData& data) {
    std::vector<AddedToken> added;
    for (size_t i = 0; i < data.types.size(); ++i) {
        const bool special = isControlType(data.types[i]);
        if (!special && data.types[i] != TokenType::userDefined) continue;
        AddedToken token;
        token.id = static_cast<int>(i);
        token.content = data.tokens[i];
        token.special = special;
        added.push_back(std::move(token));
    }
    return added;
}

AddedTokens::AddedTokens(const std::vector<AddedToken>& tokens) : m_all(tokens) {
    std::vector<AddedToken> ordinary = tokens;
    std::erase_if(ordinary, [](const AddedToken& token) { return token.special; });
    m_ordinary = AddedTokenFinder(std::move(ordinary));
}

VocabularyTokenizer::VocabularyTokenizer(TokenizerData data)
    : m_data(std::move(data)), m_added(addedAmong(m_data)) {
    indexTokens();
}

VocabularyTokenizer::VocabularyTokenizer(TokenizerData data, const std::vector<AddedToken>& added)
    : m_data(std::move(data)), m_added(added) {
    indexTokens();
}

void VocabularyTokenizer::indexTokens() {
    m_ids.reserve(m_data.tokens.size());
    for (int id = 0; id < vocabulary(); ++id) {
        const std::string& token = m_data.tokens[static_cast<size_t>(id)];
        if (!token.empty()) m_ids.emplace(token, id);
    }
}

TokenType VocabularyTokenizer::type(int id) const {
    return m_data.types.empty() ? TokenType::normal : m_data.types[static_cast<size_t>(id)];
}

bool VocabularyTokenizer::isControl(int id) const {
    return valid(id) && isControlType(type(id));
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

int VocabularyTokenizer::findInText(std::string_view spelling) const {
    const int id = find(spelling);
    const bool text = id >= 0 && (type(id) == TokenType::normal || type(id) == TokenType::userDefined);
    return text ? id : -1;
}

// User-defined tokens are words that the vocabulary's maker added: they are found in any text. Control tokens
// are found only where the caller trusts the text.
std::vector<int> VocabularyTokenizer::encode(std::string_view text, SpecialTokens special) const {
    std::vector<int> ids;
    for (const TextPart& part : m_added.split(text, special)) {
        if (part.id >= 0) {
            ids.push_back(part.id);
        } else {
            encodePiece({part.range.of(text), part.range.begin == 0, special}, ids);
        }
    }
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
    return replaced(piece, "\xe2\x96\x81", " ");
}

}  // namespace edgechat::inference
