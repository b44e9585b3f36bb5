#include "app/cli/arguments.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace edgechat::cli {
namespace {

/// Parses all of `text` as a number; the C++ notation whatever the locale is.
template <class T>
bool parseNumber(const std::string& text, T& value) {
    const char* end = text.data() + text.size();
    const std::from_chars_result parsed = std::from_chars(text.data(), end, value);
    return parsed.ec == std::errc() && parsed.ptr == end;
}

std::string shortNumber(double value) {
    char text[32];
    const std::to_chars_result written = std::to_chars(text, text + sizeof text, value);
    return std::string(text, written.ptr);
}

}  // namespace

Error usageError(std::string what, std::string field, std::string found, std::string expected) {
    Error error;
    error.code = ErrorCode::usage;
    error.what = std::move(what);
    error.field = std::move(field);
    error.found = std::move(found);
    error.expected = std::move(expected);
    return error;
}

Result<Arguments> Arguments::parse(std::span<const std::string> words, const std::vector<Option>& options) {
    Arguments arguments;
    bool optionsEnded = false;
    for (size_t i = 0; i < words.size(); i++) {
        const std::string& word = words[i];
        // A lone "-" is an operand, as elsewhere.
        if (optionsEnded || word.size() < 2 || word[0] != '-') {
            arguments.m_operands.push_back(word);
            continue;
        }
        if (word == "--") {
            optionsEnded = true;
            continue;
        }
        const size_t equals = word.find('=');
        const std::string name = word.substr(0, equals);
        const auto option =
            std::find_if(options.begin(), options.end(), [&name](const Option& o) { return o.name == name; });
        if (option == options.end()) return usageError("unknown option", name, "", "one that --help lists");
        if (option->value.empty()) {
            if (equals != std::string::npos) {
                return usageError("the option", name, '"' + word.substr(equals + 1) + '"', "no value");
            }
            arguments.m_values[name].clear();
        } else if (equals != std::string::npos) {
            arguments.m_values[name] = word.substr(equals + 1);
        } else if (i + 1 < words.size()) {
            arguments.m_values[name] = words[++i];
        } else {
            return usageError("the option", name, "nothing after it", option->value);
        }
    }
    return arguments;
}

std::string Arguments::text(std::string_view name, std::string_view fallback) const {
    const auto found = m_values.find(name);
    return found == m_values.end() ? std::string(fallback) : found->second;
}

Result<int64_t> Arguments::integer(std::string_view name, int64_t fallback, int64_t smallest,
                                   int64_t largest) const {
    const auto found = m_values.find(name);
    if (found == m_values.end()) return fallback;
    int64_t value = 0;
    if (!parseNumber(found->second, value) || value < smallest || value > largest) {
        return usageError(
            "the option", std::string(name), '"' + found->second + '"',
            "a whole number from " + std::to_string(smallest) + " to " + std::to_string(largest));
    }
    return value;
}

Result<double> Arguments::real(std::string_view name, double fallback, double smallest,
                               double largest) const {
    const auto found = m_values.find(name);
    if (found == m_values.end()) return fallback;
    double value = 0;
    if (!parseNumber(found->second, value) || !(value >= smallest && value <= largest)) {
        return usageError("the option", std::string(name), '"' + found->second + '"',
                          "a number from " + shortNumber(smallest) + " to " + shortNumber(largest));
    }
    return value;
}

Result<size_t> Arguments::choice(std::string_view name, size_t fallback,
                                 std::span<const std::string_view> choices) const {
    const auto found = m_values.find(name);
    if (found == m_values.end()) return fallback;
    std::string all;
    for (size_t i = 0; i < choices.size(); i++) {
        if (choices[i] == found->second) return i;
        all += (i == 0 ? "" : i + 1 == choices.size() ? " or " : ", ") + std::string(choices[i]);
    }
    return usageError("the option", std::string(name), '"' + found->second + '"', all);
}

}  // namespace edgechat::cli
