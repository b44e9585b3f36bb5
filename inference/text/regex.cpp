#include "inference/text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <cassert>

#include "inference/text/regex_translation.h"
#include "inference/text/utf8.h"

namespace edgechat::inference {

namespace {

// A pattern from a file may be written to backtrack without end. The limits are far above what the patterns
// of real tokenizers need for a text of some megabytes.
constexpr size_t kLongestPattern = 4096;  // bytes
constexpr uint32_t kMatchLimit = 20'000'000;
constexpr uint32_t kHeapLimitKiB = 64 * 1024;

Error cannotCompile(std::string found) {
    return Error{ErrorCode::badInput, "", "", "", std::move(found), ""};
}

}  // namespace

struct Regex::Code {
    pcre2_code* code = nullptr;
    pcre2_match_context* limits = nullptr;
    ~Code() {
        pcre2_code_free(code);
        pcre2_match_context_free(limits);
    }
};

Result<Regex> Regex::compile(const std::string& pattern, unsigned options) {
    auto compiled = std::make_shared<Code>();
    int error = 0;
    PCRE2_SIZE at = 0;
    compiled->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                   PCRE2_UTF | options, &error, &at, nullptr);
    if (!compiled->code) {
        PCRE2_UCHAR message[128] = {};
        pcre2_get_error_message(error, message, sizeof(message));
        return cannotCompile("a pattern that PCRE2 cannot compile (" +
                             std::string(reinterpret_cast<const char*>(message)) + ")");
    }
    compiled->limits = pcre2_match_context_create(nullptr);
    pcre2_set_match_limit(compiled->limits, kMatchLimit);
    pcre2_set_heap_limit(compiled->limits, kHeapLimitKiB);
    // Where there is no JIT this fails, and pcre2_match interprets.
    pcre2_jit_compile(compiled->code, PCRE2_JIT_COMPLETE);
    return Regex(std::move(compiled));
}

Regex Regex::own(const std::string& pattern) {
    Result<Regex> regex = compile(pattern, PCRE2_UCP | PCRE2_NO_AUTO_CAPTURE);
    assert(regex);
    return std::move(*regex);
}

Result<Regex> Regex::literal(std::string_view text) {
    if (text.empty() || text.size() > kLongestPattern) {
        return cannotCompile("a pattern of " + std::to_string(text.size()) + " bytes");
    }
    return compile(std::string(text), PCRE2_LITERAL);
}

Result<Regex> Regex::fromFile(std::string_view pattern) {
    if (pattern.size() > kLongestPattern) {
        return cannotCompile("a pattern of " + std::to_string(pattern.size()) + " bytes");
    }
    Result<std::string> translated = pcre2FromOniguruma(pattern);
    if (!translated) return translated.error();
    return compile(*translated, PCRE2_UCP | PCRE2_NO_AUTO_CAPTURE);
}

RegexSearch::RegexSearch(const Regex& regex)
    : m_code(*regex.m_code), m_matchData(pcre2_match_data_create(1, nullptr)) {}

RegexSearch::~RegexSearch() {
    pcre2_match_data_free(static_cast<pcre2_match_data*>(m_matchData));
}

bool RegexSearch::find(std::string_view text, size_t position, TextRange& match) {
    auto* data = static_cast<pcre2_match_data*>(m_matchData);
    const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    while (position < text.size()) {
        int matched =
            pcre2_match(m_code.code, subject, text.size(), position, PCRE2_NO_UTF_CHECK, data, m_code.limits);
        // The compiled pattern has a fixed stack; the interpreter takes what it needs from the heap.
        if (matched == PCRE2_ERROR_JIT_STACKLIMIT) {
            matched = pcre2_match(m_code.code, subject, text.size(), position,
                                  PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data, m_code.limits);
        }
        if (matched < 0) return false;
        const PCRE2_SIZE* range = pcre2_get_ovector_pointer(data);
        if (range[1] > range[0]) {
            match = {range[0], range[1]};
            return true;
        }
        // An empty match: look on behind the next character. A look-behind can end before it begins.
        const size_t next = range[0] > position ? range[0] : position;
        if (next >= text.size()) return false;
        position = next + nextUtf8(text.substr(next)).length;
    }
    return false;
}

}  // namespace edgechat::inference
