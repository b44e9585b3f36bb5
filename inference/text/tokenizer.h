// Text to token ids and back.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "inference/model/checkpoint.h"
#include "inference/result.h"

namespace edgechat::inference {

/// How a segment's text is encoded beside the text before it.
enum class RunStart {
    joined,       ///< together with it
    apart,        ///< on its own
    impliedSpace  ///< on its own, without its first space, which the tokenizer puts there itself
};

/// One piece of a prompt: either a control token that only a template can write, or text that is encoded with
/// special parsing off, so that nobody can type a control token.
struct PromptSegment {
    int controlToken = -1;  ///< >= 0: this id, and `text` is its spelling for people
    std::string text;
    RunStart start = RunStart::joined;  ///< of a text
};

/// Whether "<|im_end|>" in a text is that control token or eleven ordinary characters.
enum class SpecialTokens { asText, parse };

/// An immutable vocabulary; all members may be called from several threads.
class Tokenizer {
  public:
    virtual ~Tokenizer() = default;

    /// Ids of `text`, without BOS. Any byte string can be encoded, and decoding gives it back as far as the
    /// vocabulary reaches: some (SmolLM2's) lack a few bytes; of these, those of whole characters are left
    /// out and broken UTF-8 becomes U+FFFD. SentencePiece reads U+2581 as a space.
    virtual std::vector<int> encode(std::string_view text, SpecialTokens special) const = 0;
    /// The bytes that a token stands for in running text; empty for control tokens.
    virtual std::string tokenBytes(int id) const = 0;
    /// The token as the vocabulary spells it, for people ("Ġhello", "<|im_end|>").
    virtual std::string tokenText(int id) const = 0;
    /// The exact bytes of a sequence. Control tokens are left out unless `withSpecial`.
    virtual std::string decode(const std::vector<int>& ids, bool withSpecial) const = 0;

    virtual int vocabulary() const = 0;                     ///< number of ids
    virtual int bos() const = 0;                            ///< -1 if there is none
    virtual int eos() const = 0;                            ///< -1 if there is none
    virtual const std::vector<int>& endOfTurn() const = 0;  ///< further ids that end an answer
    virtual bool addsBos() const = 0;                       ///< the model wants BOS in front of plain text
    virtual bool isControl(int id) const = 0;
    /// The id of a control token by its spelling, or -1.
    virtual int controlToken(std::string_view spelling) const = 0;

    /// Encoding puts a space in front of every text (SentencePiece).
    virtual bool prefixesSpace() const { return false; }

    /// A template's segments as ids. Neighbouring text segments are joined before they are encoded, unless
    /// they say otherwise.
    std::vector<int> encodeSegments(const std::vector<PromptSegment>& segments) const;
};

/// Builds the tokenizer that a checkpoint carries. Refuses pre-tokenizers it does not know, by name.
Result<std::unique_ptr<Tokenizer>> makeTokenizer(const Checkpoint& checkpoint);
/// The tokenizer of a Hugging Face model folder. It comes from the first of these that is there:
/// 1. tokenizer.model (or Mistral's tokenizer.model.v3, .v2, .v1, or original/tokenizer.model) if it is a
///    SentencePiece model: what the model was trained with, where a tokenizer.json is a conversion of it;
/// 2. tokenizer.json, whose model must be BPE;
/// 3. such a tokenizer.model if it is Llama 3's file of ranks.
/// Added tokens come from tokenizer_config.json, added_tokens.json and tokenizer.json, in this order,
/// whichever file the vocabulary is in. bos, eos, unk and padding are the spellings that
/// tokenizer_config.json, then special_tokens_map.json names, else the tokenizer file's own. The eos ids of
/// generation_config.json and config.json are further ends of an answer, where they have eos among them: some
/// are another model's. BOS is added if tokenizer_config.json's add_bos_token says so; without it, for the
/// LLaMA tokenizer class, for SentencePiece models and ranks, and where tokenizer.json's post_processor puts
/// it in front.
Result<std::unique_ptr<Tokenizer>> openTokenizerFolder(const std::filesystem::path& folder);
/// A SentencePiece `.model` file, through the sentencepiece library.
Result<std::unique_ptr<Tokenizer>> openSentencePiece(const std::filesystem::path& path);

}  // namespace edgechat::inference
