#include "inference/text/normalizer.h"

#include "inference/text/character_class.h"
#include "inference/text/utf8.h"

namespace edgechat::inference {

namespace {

std::string run(const PrependStep& step, const std::string& text) {
    return text.empty() ? text : step.text + text;
}

std::string run(const ReplaceTextStep& step, const std::string& text) {
    return replaced(text, step.from, step.to);
}

std::string run(const ReplacePatternStep& step, const std::string& text) {
    std::string result;
    RegexSearch search(step.pattern);
    for (std::string_view rest = text; !rest.empty();) {
        const std::string_view valid = rest.substr(0, validUtf8Prefix(rest));
        size_t position = 0;
        TextRange match;
        while (search.find(valid, position, match)) {
            result += valid.substr(position, match.begin - position);
            result += step.to;
            position = match.end;
        }
        result += valid.substr(position);
        rest.remove_prefix(valid.size());
        if (rest.empty()) break;
        const size_t broken = nextUtf8(rest).length;
        result += rest.substr(0, broken);
        rest.remove_prefix(broken);
    }
    return result;
}

std::string run(const StripStep& step, const std::string& text) {
    // Where the text without white space at its ends begins and ends.
    size_t begin = text.size(), end = 0;
    for (size_t i = 0; i < text.size();) {
        const Utf8Step character = nextUtf8(std::string_view(text).substr(i));
        if (character.kind != Utf8Kind::character || !isWhiteSpace(character.character)) {
            if (begin == text.size()) begin = i;
            end = i + character.length;
        }
        i += character.length;
    }
    if (begin == text.size()) return step.left || step.right ? std::string() : text;
    const size_t from = step.left ? begin : 0;
    return text.substr(from, (step.right ? end : text.size()) - from);
}

}  // namespace

std::string normalized(std::string_view text, const std::vector<NormalizerStep>& steps) {
    std::string result(text);
    for (const NormalizerStep& step : steps) {
        result = std::visit([&result](const auto& one) { return run(one, result); }, step);
    }
    return result;
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
    std::string result;
    result.reserve(text.size());
    size_t position = 0;
    for (size_t at = 0; (at = text.find(from, position)) != std::string_view::npos;) {
        result += text.substr(position, at - position);
        result += to;
        position = at + from.size();
    }
    return result += text.substr(position);
}

}  // namespace edgechat::inference
