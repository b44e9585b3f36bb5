#include "inference/text/pre_tokenizer.h"

#include <algorithm>

#include "inference/model/gguf.h"
#include "inference/text/byte_alphabet.h"
#include "inference/text/character_class.h"
#include "inference/text/utf8.h"

namespace edgechat::inference {

namespace {

// GPT-2's pattern (Radford et al. 2019, encoder): contractions, then words, numbers and signs with at most
// one space in front, then white space, whose last character is left to the word that follows.
const Regex& gpt2Pattern() {
    static const Regex kPattern = [] {
        const std::string& space = whiteSpaceClass();
        return Regex::own("'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" + space + "\\p{L}\\p{N}]+|[" +
                          space + "]+(?![^" + space + "])|[" + space + "]+");
    }();
    return kPattern;
}

// A stretch of text, and whether the pattern matched it.
struct Stretch {
    TextRange range;
    bool matched = false;
};

// Cuts one word after the other at the matches of a pattern.
class Splitter {
  public:
    explicit Splitter(const SplitStep& step)
        : m_search(step.pattern), m_behavior(step.behavior), m_invert(step.invert) {}

    void split(std::string_view text, TextRange word, bool wholeUtf8, std::vector<TextRange>& words) {
        m_stretches.clear();
        if (wholeUtf8) {
            findMatches(text, word);
        } else {
            size_t begin = word.begin;
            while (begin < word.end) {
                const std::string_view rest = text.substr(begin, word.end - begin);
                const size_t valid = validUtf8Prefix(rest);
                if (valid > 0) findMatches(text, {begin, begin + valid});
                begin += valid;
                if (begin == word.end) break;
                const size_t broken = nextUtf8(rest.substr(valid)).length;
                add({begin, begin + broken}, false);
                begin += broken;
            }
        }
        switch (m_behavior) {
            case SplitBehavior::removed:
                return keepUnmatched(words);
            case SplitBehavior::isolated:
                return keepAll(words);
            case SplitBehavior::contiguous:
                return joinAlike(words);
            case SplitBehavior::mergedWithPrevious:
                return joinWithPrevious(words);
            case SplitBehavior::mergedWithNext:
                return joinWithNext(words);
        }
    }

  private:
    void add(TextRange range, bool matched) { m_stretches.push_back({range, matched != m_invert}); }

    void findMatches(std::string_view text, TextRange part) {
        const std::string_view within = part.of(text);
        size_t position = 0;
        TextRange match;
        while (m_search.find(within, position, match)) {
            if (match.begin > position) add({part.begin + position, part.begin + match.begin}, false);
            add({part.begin + match.begin, part.begin + match.end}, true);
            position = match.end;
        }
        if (position < within.size()) add({part.begin + position, part.end}, false);
    }

    void keepUnmatched(std::vector<TextRange>& words) const {
        for (const Stretch& stretch : m_stretches) {
            if (!stretch.matched) words.push_back(stretch.range);
        }
    }
    void keepAll(std::vector<TextRange>& words) const {
        for (const Stretch& stretch : m_stretches) words.push_back(stretch.range);
    }
    void joinAlike(std::vector<TextRange>& words) const {
        for (size_t i = 0; i < m_stretches.size(); ++i) {
            const Stretch& stretch = m_stretches[i];
            if (i > 0 && stretch.matched == m_stretches[i - 1].matched) {
                words.back().end = stretch.range.end;
            } else {
                words.push_back(stretch.range);
            }
        }
    }
    // Of several matches in a row only the first joins what stands in front; the others are words.
    void joinWithPrevious(std::vector<TextRange>& words) const {
        bool matchedBefore = false;
        for (size_t i = 0; i < m_stretches.size(); ++i) {
            const Stretch& stretch = m_stretches[i];
            if (stretch.matched && !matchedBefore && i > 0) {
                words.back().end = stretch.range.end;
            } else {
                words.push_back(stretch.range);
            }
            matchedBefore = stretch.matched;
        }
    }
    // The same, seen from the end.
    void joinWithNext(std::vector<TextRange>& words) const {
        const size_t begin = words.size();
        bool matchedBehind = false;
        for (size_t i = m_stretches.size(); i-- > 0;) {
            const Stretch& stretch = m_stretches[i];
            if (stretch.matched && !matchedBehind && i + 1 < m_stretches.size()) {
                words.back().begin = stretch.range.begin;
            } else {
                words.push_back(stretch.range);
            }
            matchedBehind = stretch.matched;
        }
        std::reverse(words.begin() + static_cast<std::ptrdiff_t>(begin), words.end());
    }

    RegexSearch m_search;
    SplitBehavior m_behavior;
    bool m_invert;
    std::vector<Stretch> m_stretches;
};

void run(const SplitStep& step, bool, Words& words) {
    const bool wholeUtf8 = validUtf8Prefix(words.text) == words.text.size();
    std::vector<TextRange> finer;
    finer.reserve(words.ranges.size());
    Splitter splitter(step);
    for (TextRange word : words.ranges) splitter.split(words.text, word, wholeUtf8, finer);
    words.ranges = std::move(finer);
}

void run(const ByteLevelStep& step, bool first, Words& words) {
    if (step.addPrefixSpace) {
        Words prefixed;
        for (TextRange word : words.ranges) {
            const size_t begin = prefixed.text.size();
            if (!word.of(words.text).starts_with(' ')) prefixed.text += ' ';
            prefixed.text += word.of(words.text);
            prefixed.ranges.push_back({begin, prefixed.text.size()});
        }
        words = std::move(prefixed);
    }
    if (step.useRegex) run(SplitStep{gpt2Pattern()}, first, words);
    Words spelled;
    spelled.text.reserve(words.text.size() + words.text.size() / 4);
    spelled.ranges.reserve(words.ranges.size());
    for (TextRange word : words.ranges) {
        const size_t begin = spelled.text.size();
        for (char byte : word.of(words.text))
            spelled.text += spellingOfByte(static_cast<unsigned char>(byte));
        spelled.ranges.push_back({begin, spelled.text.size()});
    }
    words = std::move(spelled);
}

void run(const MetaspaceStep& step, bool first, Words& words) {
    Words marked;
    marked.text.reserve(words.text.size());
    for (TextRange word : words.ranges) {
        const std::string_view text = word.of(words.text);
        const size_t begin = marked.text.size();
        const bool wanted = step.prepend == MetaspaceStep::Prepend::always ||
                            (step.prepend == MetaspaceStep::Prepend::first && first && word.begin == 0);
        if (wanted && !text.starts_with(' ') && !text.starts_with(step.mark)) marked.text += step.mark;
        for (char byte : text) {
            if (byte == ' ') {
                marked.text += step.mark;
            } else {
                marked.text += byte;
            }
        }
        const std::string_view all = marked.text;
        size_t from = begin;
        for (size_t at = begin; step.split && (at = all.find(step.mark, at)) != std::string_view::npos;) {
            if (at > from) marked.ranges.push_back({from, at});
            from = at;
            at += step.mark.size();
        }
        if (from < all.size()) marked.ranges.push_back({from, all.size()});
    }
    words = std::move(marked);
}

struct Named {
    const char* name;
    std::vector<PreTokenizerStep> (*steps)();
    bool ignoreMerges;
};

const std::vector<Named>& namedPreTokenizers() {
    using Steps = std::vector<PreTokenizerStep>;
    const auto gpt2 = [] { return Steps{ByteLevelStep{}}; };
    const auto digits = [] { return Steps{digitsStep(true), ByteLevelStep{}}; };
    const auto llama3 = [] { return Steps{llama3Step(), ByteLevelStep{false, false}}; };
    // Digits and Split see bytes that are spelled already, among them superscripts and fractions.
    const auto falcon = [] {
        return Steps{punctuationStep(SplitBehavior::contiguous), ByteLevelStep{}, digitsStep(false),
                     SplitStep{Regex::own("[0-9][0-9][0-9]")}};
    };
    static const std::vector<Named> kNamed = {
        // Files from before GGUF named pre-tokenizers: the byte-level one without options.
        {"default", gpt2, false},     {"gpt-2", gpt2, false},    {"smollm", digits, false},
        {"starcoder", digits, false}, {"refact", digits, false}, {"falcon", falcon, false},
        {"llama-bpe", llama3, true},  {"llama3", llama3, true},  {"llama-v3", llama3, true},
        {"falcon3", llama3, true},
    };
    return kNamed;
}

}  // namespace

Words PreTokenizer::cut(std::string_view text, bool first) const {
    Words words{std::string(text), {}};
    if (!text.empty()) words.ranges.push_back({0, text.size()});
    for (const PreTokenizerStep& step : m_steps) {
        std::visit([&](const auto& one) { run(one, first, words); }, step);
    }
    return words;
}

bool PreTokenizer::byteLevel() const {
    return std::any_of(m_steps.begin(), m_steps.end(), [](const PreTokenizerStep& step) {
        return std::holds_alternative<ByteLevelStep>(step);
    });
}

Result<NamedPreTokenizer> makeNamedPreTokenizer(const std::string& name, const std::string& file) {
    std::string known;
    for (const Named& named : namedPreTokenizers()) {
        if (name == named.name) return NamedPreTokenizer{PreTokenizer(named.steps()), named.ignoreMerges};
        known += (known.empty() ? "" : ", ") + std::string(named.name);
    }
    return Error{ErrorCode::badInput,
                 "cannot read the model",
                 file,
                 "tokenizer.ggml.pre",
                 "\"" + quotedForMessage(name) + "\"",
                 "one of " + known};
}

SplitStep digitsStep(bool individual) {
    return {Regex::own("\\p{N}"), individual ? SplitBehavior::isolated : SplitBehavior::contiguous};
}

SplitStep punctuationStep(SplitBehavior behavior) {
    return {Regex::own("[" + punctuationClass() + "]"), behavior};
}

SplitStep whiteSpaceStep() {
    return {Regex::own("[" + whiteSpaceClass() + "]"), SplitBehavior::removed};
}

SplitStep wordsAndOthersStep() {
    return {Regex::own("[" + wordClass() + "]+|[^" + wordClass() + whiteSpaceClass() + "]+"),
            SplitBehavior::removed, true};
}

SplitStep llama3Step() {
    const std::string& space = whiteSpaceClass();
    return {Regex::own("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^" + space +
                       "\\p{L}\\p{N}]+[\\r\\n]*|[" + space + "]*[\\r\\n]+|[" + space + "]+(?![^" + space +
                       "])|[" + space + "]+")};
}

}  // namespace edgechat::inference
