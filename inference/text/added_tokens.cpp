#include "inference/text/added_tokens.h"

#include <algorithm>

#include "inference/text/character_class.h"
#include "inference/text/utf8.h"

namespace edgechat::inference {

namespace {

unsigned char byteAt(const std::string& text, size_t i) {
    return static_cast<unsigned char>(text[i]);
}

// Where the last character of `text`, which is not empty, begins; what is no UTF-8 is taken byte by byte.
size_t lastCharacter(std::string_view text) {
    for (size_t length = 1; length <= std::min<size_t>(4, text.size()); ++length) {
        const Utf8Step step = nextUtf8(text.substr(text.size() - length));
        if (step.kind == Utf8Kind::character && step.length == length) return text.size() - length;
    }
    return text.size() - 1;
}

bool isWordCharacter(std::string_view character) {
    static const Regex kWord = Regex::own("[" + wordClass() + "]");
    if (nextUtf8(character).kind != Utf8Kind::character) return false;
    TextRange match;
    return RegexSearch(kWord).find(character, 0, match);
}

bool continuesWord(std::string_view text, TextRange token) {
    if (token.begin > 0) {
        const std::string_view before = text.substr(0, token.begin);
        if (isWordCharacter(before.substr(lastCharacter(before)))) return true;
    }
    if (token.end == text.size()) return false;
    const std::string_view behind = text.substr(token.end);
    return isWordCharacter(behind.substr(0, nextUtf8(behind).length));
}

size_t spaceBefore(std::string_view text, size_t least) {
    size_t begin = text.size();
    while (begin > least) {
        const size_t last = lastCharacter(text.substr(0, begin));
        const Utf8Step step = nextUtf8(text.substr(last));
        if (last < least || step.kind != Utf8Kind::character || !isWhiteSpace(step.character)) break;
        begin = last;
    }
    return begin;
}

size_t spaceBehind(std::string_view text, size_t end) {
    while (end < text.size()) {
        const Utf8Step step = nextUtf8(text.substr(end));
        if (step.kind != Utf8Kind::character || !isWhiteSpace(step.character)) break;
        end += step.length;
    }
    return end;
}

}  // namespace

AddedTokenFinder::AddedTokenFinder(std::vector<AddedToken> tokens) : m_tokens(std::move(tokens)) {
    std::erase_if(m_tokens, [](const AddedToken& token) { return token.content.empty(); });
    std::stable_sort(m_tokens.begin(), m_tokens.end(),
                     [](const AddedToken& a, const AddedToken& b) { return a.content < b.content; });
    m_tokens.erase(
        std::unique(m_tokens.begin(), m_tokens.end(),
                    [](const AddedToken& a, const AddedToken& b) { return a.content == b.content; }),
        m_tokens.end());
    if (m_tokens.empty()) return;
    m_byFirst.resize(256);
    for (size_t i = 0; i < m_tokens.size(); ++i) {
        Bucket& bucket = m_byFirst[byteAt(m_tokens[i].content, 0)];
        if (bucket.end == 0) bucket.begin = i;
        bucket.end = i + 1;
    }
}

// The tokens that begin with what was read so far are a range of the sorted tokens, the shortest first; each
// further byte of the text narrows it.
const AddedToken* AddedTokenFinder::longestAt(std::string_view text) const {
    auto [begin, end] = m_byFirst[static_cast<unsigned char>(text[0])];
    const AddedToken* longest = nullptr;
    for (size_t depth = 1; begin < end; ++depth) {
        if (m_tokens[begin].content.size() == depth) longest = &m_tokens[begin++];
        if (depth == text.size()) break;
        const auto byte = static_cast<unsigned char>(text[depth]);
        const auto first = m_tokens.begin() + static_cast<std::ptrdiff_t>(begin);
        const auto last = m_tokens.begin() + static_cast<std::ptrdiff_t>(end);
        const auto lower = std::partition_point(
            first, last, [&](const AddedToken& token) { return byteAt(token.content, depth) < byte; });
        const auto upper = std::partition_point(
            lower, last, [&](const AddedToken& token) { return byteAt(token.content, depth) == byte; });
        begin = static_cast<size_t>(lower - m_tokens.begin());
        end = static_cast<size_t>(upper - m_tokens.begin());
    }
    return longest;
}

std::vector<TextPart> AddedTokenFinder::split(std::string_view text) const {
    std::vector<TextPart> parts;
    size_t taken = 0;  // how far the parts reach
    for (size_t i = 0; i < text.size() && !m_tokens.empty();) {
        const AddedToken* token = longestAt(text.substr(i));
        if (!token) {
            ++i;
            continue;
        }
        TextRange range = {i, i + token->content.size()};
        i = range.end;
        // A match that may not count is passed over as a whole.
        if (token->singleWord && continuesWord(text, range)) continue;
        if (token->lstrip) range.begin = spaceBefore(text.substr(0, range.begin), taken);
        if (token->rstrip) i = range.end = spaceBehind(text, range.end);
        if (range.begin > taken) parts.push_back({-1, {taken, range.begin}});
        parts.push_back({token->id, range});
        taken = range.end;
    }
    if (taken < text.size()) parts.push_back({-1, {taken, text.size()}});
    return parts;
}

}  // namespace edgechat::inference
