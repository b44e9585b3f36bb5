#include "inference/text/pre_tokenizer.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace edgechat::inference {

namespace {

// Unicode's White_Space property, written out: PCRE2's \s has U+180E too, which is none since Unicode 6.3.
#define EDGECHAT_SPACES \
    R"(\x{09}-\x{0D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})"

// GPT-2's pattern (Radford et al. 2019, encoder): contractions, then words, numbers and signs with at most
// one space in front, then white space, whose last character is left to the word that follows.
constexpr const char* kGpt2 =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" EDGECHAT_SPACES "\\p{L}\\p{N}]+|[" EDGECHAT_SPACES
    "]+(?![^" EDGECHAT_SPACES "])|[" EDGECHAT_SPACES "]+";
constexpr const char* kSingleDigits = "\\p{N}|\\P{N}+";

#undef EDGECHAT_SPACES

struct Named {
    const char* name;
    std::vector<const char*> patterns;
};

const std::vector<Named>& namedPreTokenizers() {
    static const std::vector<Named> kNamed = {
        {"smollm", {kSingleDigits, kGpt2}},
        {"starcoder", {kSingleDigits, kGpt2}},
        {"gpt-2", {kGpt2}},
        // Files from before GGUF named pre-tokenizers: the byte-level one without options.
        {"default", {kGpt2}},
    };
    return kNamed;
}

struct MatchDataFree {
    void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

}  // namespace

struct PreTokenizer::Pattern {
    pcre2_code* code = nullptr;
    ~Pattern() { pcre2_code_free(code); }

    static std::shared_ptr<const Pattern> compile(const char* source) {
        auto pattern = std::make_shared<Pattern>();
        int error = 0;
        PCRE2_SIZE at = 0;
        pattern->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(source), PCRE2_ZERO_TERMINATED,
                                      PCRE2_UTF | PCRE2_UCP | PCRE2_NO_AUTO_CAPTURE, &error, &at, nullptr);
        // Where there is no JIT this fails, and pcre2_match interprets.
        if (pattern->code) pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE);
        return pattern;
    }

    void split(std::string_view text, std::vector<std::string_view>& words) const {
        const std::unique_ptr<pcre2_match_data, MatchDataFree> data(pcre2_match_data_create(1, nullptr));
        const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
        size_t position = 0;
        while (position < text.size()) {
            const int matched =
                pcre2_match(code, subject, text.size(), position, PCRE2_NO_UTF_CHECK, data.get(), nullptr);
            const PCRE2_SIZE* range = pcre2_get_ovector_pointer(data.get());
            // No match, or one that ran into a limit of the library: the rest stays one word, nothing is
            // lost.
            if (matched < 0 || range[1] <= position) return words.push_back(text.substr(position));
            if (range[0] > position) words.push_back(text.substr(position, range[0] - position));
            words.push_back(text.substr(range[0], range[1] - range[0]));
            position = range[1];
        }
    }
};

Result<PreTokenizer> PreTokenizer::make(const std::string& name, const std::string& file) {
    std::string known;
    for (const Named& named : namedPreTokenizers()) {
        known += (known.empty() ? "" : ", ") + std::string(named.name);
        if (name != named.name) continue;
        PreTokenizer result;
        for (const char* source : named.patterns) {
            auto pattern = Pattern::compile(source);
            if (!pattern->code) {
                return Error{ErrorCode::internal,
                             "cannot compile the pattern of the pre-tokenizer",
                             "",
                             name,
                             "an error of PCRE2",
                             ""};
            }
            result.m_patterns.push_back(std::move(pattern));
        }
        return result;
    }
    return Error{ErrorCode::badInput,  "cannot read the model", file,
                 "tokenizer.ggml.pre", "\"" + name + "\"",      "one of " + known};
}

std::vector<std::string_view> PreTokenizer::split(std::string_view text) const {
    std::vector<std::string_view> words = {text};
    for (const auto& pattern : m_patterns) {
        std::vector<std::string_view> finer;
        for (std::string_view word : words) pattern->split(word, finer);
        words = std::move(finer);
    }
    return words;
}

}  // namespace edgechat::inference
