// Cuts text into the words that a BPE vocabulary merges within: a sequence of steps, each of which cuts and
// may rewrite what the one before left, as Hugging Face's tokenizers run them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "inference/result.h"
#include "inference/text/regex.h"

namespace edgechat::inference {

/// What becomes of the matches of a pattern that words are cut at.
enum class SplitBehavior {
    removed,             ///< they are left out
    isolated,            ///< each is a word
    mergedWithPrevious,  ///< each ends the word in front of it
    mergedWithNext,      ///< each begins the word behind it
    contiguous           ///< neighbouring matches are one word
};

struct SplitStep {
    Regex pattern;
    SplitBehavior behavior = SplitBehavior::isolated;
    bool invert = false;  ///< what lies between the matches is the match
};

/// Cuts at GPT-2's pattern, if wanted, and then spells every byte as a character of the byte alphabet.
struct ByteLevelStep {
    bool addPrefixSpace = false;  ///< words that do not begin with a space get one
    bool useRegex = true;
};

/// Writes spaces as a mark that then begins words (SentencePiece's U+2581).
struct MetaspaceStep {
    enum class Prepend { never, first, always };
    std::string mark;
    Prepend prepend = Prepend::always;
    bool split = true;
};

using PreTokenizerStep = std::variant<SplitStep, ByteLevelStep, MetaspaceStep>;

/// Text, rewritten, and the words it was cut into.
struct Words {
    std::string text;
    std::vector<TextRange> ranges;  ///< of `text`, in order, none empty
};

/// Immutable; cut() may be called from several threads.
class PreTokenizer {
  public:
    /// No step: the text is one word.
    PreTokenizer() = default;
    explicit PreTokenizer(std::vector<PreTokenizerStep> steps) : m_steps(std::move(steps)) {}

    /// @param text   any bytes: what is no UTF-8 is matched by no pattern
    /// @param first  whether the text stands at the beginning of the whole
    Words cut(std::string_view text, bool first) const;

    /// Whether words are spelled in the byte alphabet.
    bool byteLevel() const;

  private:
    std::vector<PreTokenizerStep> m_steps;
};

/// A pre-tokenizer as GGUF files name it, with what the vocabulary of that name wants besides.
struct NamedPreTokenizer {
    PreTokenizer preTokenizer;
    bool ignoreMerges = false;  ///< a word that is a token is that token
};

/// @param name  GGUF's tokenizer.ggml.pre
/// @param file  for the message when the name is not known
Result<NamedPreTokenizer> makeNamedPreTokenizer(const std::string& name, const std::string& file);

/// Steps that Hugging Face has by name. Numbers are Unicode's: digits, but also superscripts and fractions.
SplitStep digitsStep(bool individual);
SplitStep punctuationStep(SplitBehavior behavior);
SplitStep whiteSpaceStep();      ///< words between white space
SplitStep wordsAndOthersStep();  ///< \w+ and [^\w\s]+
/// Llama 3's pattern (Meta, tiktoken).
SplitStep llama3Step();

}  // namespace edgechat::inference
