// String operations that filters and methods share. Each keeps, byte by byte, who wrote the text.
#include <algorithm>

#include "inference/text/jinja/library.h"

namespace edgechat::inference::jinja {

namespace {

bool isUpper(char c) {
    return c >= 'A' && c <= 'Z';
}
bool isLower(char c) {
    return c >= 'a' && c <= 'z';
}

template <class Change>
Text mapped(const Text& text, Change change) {
    Text out;
    for (const Text::Run& run : text.runs()) {
        std::string bytes(run.bytes);
        std::transform(bytes.begin(), bytes.end(), bytes.begin(), change);
        out.append(bytes, run.origin);
    }
    return out;
}

}  // namespace

Text upperCase(const Text& text) {
    return mapped(text, [](char c) { return isLower(c) ? static_cast<char>(c - 'a' + 'A') : c; });
}

Text lowerCase(const Text& text) {
    return mapped(text, [](char c) { return isUpper(c) ? static_cast<char>(c - 'A' + 'a') : c; });
}

Text capitalized(const Text& text) {
    Text out = upperCase(text.slice(0, 1));
    out.append(lowerCase(text.slice(1)));
    return out;
}

Text replaced(const Text& text, const Text& from, const Text& to, int64_t most, Budget& budget) {
    if (from.empty()) throw Failure{"an empty text cannot be replaced"};
    budget.bytes(text.size());
    Text out;
    size_t at = 0;
    for (int64_t done = 0; most < 0 || done < most; ++done) {
        const size_t found = text.bytes().find(from.bytes(), at);
        if (found == std::string::npos) break;
        budget.bytes(to.size());
        out.append(text.slice(at, found - at));
        out.append(to);
        at = found + from.size();
    }
    out.append(text.slice(at));
    return out;
}

Text joined(const std::vector<Value>& items, const Text& separator, Budget& budget) {
    Text out;
    for (size_t i = 0; i < items.size(); ++i) {
        budget.bytes(separator.size());
        if (i > 0) out.append(separator);
        out.append(toText(items[i], budget));
    }
    return out;
}

Text stripped(const Text& text, const Value* characters, bool left, bool right, Budget& budget) {
    budget.bytes(text.size());
    if (!characters || characters->isNone()) return trimmed(text, left, right);
    if (!characters->asText())
        throw Failure{"the characters to strip are " + std::string(characters->kindName())};
    const std::string& set = characters->asText()->bytes();
    const std::string& bytes = text.bytes();
    // Whole characters: positions where one begins.
    std::vector<size_t> begins;
    budget.bytes(bytes.size() * sizeof(size_t));
    for (size_t at = 0; at < bytes.size(); at += characterLength(std::string_view(bytes).substr(at)))
        begins.push_back(at);
    begins.push_back(bytes.size());
    const auto inSet = [&](size_t i) {
        budget.step(1 + set.size() / 64);
        return set.find(std::string_view(bytes).substr(begins[i], begins[i + 1] - begins[i])) !=
               std::string::npos;
    };
    size_t first = 0, last = begins.size() - 1;
    while (left && first < last && inSet(first)) ++first;
    while (right && last > first && inSet(last - 1)) --last;
    return text.slice(begins[first], begins[last] - begins[first]);
}

}  // namespace edgechat::inference::jinja
