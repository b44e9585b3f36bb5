// Regular expressions on UTF-8, through PCRE2. Patterns that come from a file are written for Oniguruma,
// which Hugging Face's tokenizers use: they are translated, and what means something else there is refused.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "inference/result.h"

namespace edgechat::inference {

/// Bytes [begin, end) of a text.
struct TextRange {
    size_t begin = 0, end = 0;
    size_t size() const { return end - begin; }
    std::string_view of(std::string_view text) const { return text.substr(begin, end - begin); }
};

/// A compiled pattern: immutable, cheap to copy, usable from several threads.
class Regex {
  public:
    /// A pattern of our own, in PCRE2's syntax with Unicode properties. It must compile.
    static Regex own(const std::string& pattern);
    /// Finds exactly this text, which is valid UTF-8 and not empty. Fails as fromFile() does.
    static Result<Regex> literal(std::string_view text);
    /// A pattern from a file, in Oniguruma's syntax.
    /// @return  an error whose `found` says what is not supported; the caller fills in file and field
    static Result<Regex> fromFile(std::string_view pattern);

  private:
    friend class RegexSearch;
    struct Code;
    explicit Regex(std::shared_ptr<const Code> code) : m_code(std::move(code)) {}
    static Result<Regex> compile(const std::string& pattern, unsigned options);

    std::shared_ptr<const Code> m_code;
};

/// Searches any number of texts for one pattern. For one thread.
class RegexSearch {
  public:
    explicit RegexSearch(const Regex& regex);
    ~RegexSearch();
    RegexSearch(const RegexSearch&) = delete;
    RegexSearch& operator=(const RegexSearch&) = delete;

    /// The first match that is not empty and begins at `position` or later. `text` is valid UTF-8 and
    /// `position` the beginning of a character. A search that runs into a limit of the library finds nothing.
    bool find(std::string_view text, size_t position, TextRange& match);

  private:
    const Regex::Code& m_code;
    void* m_matchData;
};

}  // namespace edgechat::inference
