#include "models/hub/headers.h"

#include <algorithm>

namespace edgechat::models::hub {
namespace {

constexpr int64_t kLongestWait = 24 * 60 * 60;

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

/// The text before `separator`, which is taken off `text` together with it; all of it when there is none.
std::string_view cutAt(std::string_view& text, char separator) {
    const size_t at = text.find(separator);
    const std::string_view part = text.substr(0, at);
    text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
    return part;
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equalsIgnoringCase(std::string_view a, std::string_view b) {
    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

/// True when the parameters behind a link's target say rel="next".
bool saysNext(std::string_view parameters) {
    while (!parameters.empty()) {
        std::string_view value = cutAt(parameters, ';');
        const std::string_view key = trimmed(cutAt(value, '='));
        value = trimmed(value);
        if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
            value = value.substr(1, value.size() - 2);
        if (equalsIgnoringCase(key, "rel") && equalsIgnoringCase(value, "next")) return true;
    }
    return false;
}

}  // namespace

std::optional<int64_t> readCount(std::string_view text) {
    text = trimmed(text);
    if (text.empty() || text.size() > 18) return std::nullopt;
    int64_t count = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        count = count * 10 + (c - '0');
    }
    return count;
}

std::optional<ContentRange> readContentRange(std::string_view field) {
    field = trimmed(field);
    if (field.size() < 6 || !equalsIgnoringCase(field.substr(0, 6), "bytes ")) return std::nullopt;
    field.remove_prefix(6);
    const std::optional<int64_t> first = readCount(cutAt(field, '-'));
    const std::optional<int64_t> last = readCount(cutAt(field, '/'));
    if (!first || !last || *last < *first) return std::nullopt;
    ContentRange range{*first, *last, std::nullopt};
    if (trimmed(field) == "*") return range;
    range.total = readCount(field);
    if (!range.total || *range.total <= range.last) return std::nullopt;
    return range;
}

std::string bareEtag(std::string_view field) {
    field = trimmed(field);
    if (field.starts_with("W/")) field.remove_prefix(2);
    if (field.size() >= 2 && field.front() == '"' && field.back() == '"')
        field = field.substr(1, field.size() - 2);
    return std::string(field);
}

std::optional<std::string> nextPage(std::string_view link) {
    while (!link.empty()) {
        cutAt(link, '<');
        const size_t close = link.find('>');
        if (close == std::string_view::npos) return std::nullopt;
        const std::string_view target = link.substr(0, close);
        link.remove_prefix(close + 1);
        // The parameters of this link end where the next target begins.
        if (saysNext(link.substr(0, std::min(link.find(','), link.size())))) return std::string(target);
    }
    return std::nullopt;
}

std::optional<int64_t> secondsToWait(std::string_view retryAfter, std::string_view rateLimit) {
    std::optional<int64_t> left, reset;
    while (!rateLimit.empty()) {
        std::string_view value = cutAt(rateLimit, ';');
        const std::string_view key = trimmed(cutAt(value, '='));
        if (key == "r") left = readCount(value);
        if (key == "t") reset = readCount(value);
    }
    if (left == 0 && reset) return std::min(*reset + 1, kLongestWait);
    if (const std::optional<int64_t> seconds = readCount(retryAfter)) return std::min(*seconds, kLongestWait);
    return std::nullopt;
}

}  // namespace edgechat::models::hub
