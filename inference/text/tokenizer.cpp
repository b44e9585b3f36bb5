#include "inference/text/tokenizer.h"

#include "inference/model/gguf.h"
#include "inference/text/bpe_tokenizer.h"
#include "inference/text/vocabulary_tokenizer.h"

namespace edgechat::inference {

std::vector<int> Tokenizer::encodeSegments(const std::vector<PromptSegment>& segments) const {
    std::vector<int> ids;
    std::string text;  // of the text segments since the last control token
    const auto flush = [&] {
        const std::vector<int> encoded = encode(text, SpecialTokens::asText);
        ids.insert(ids.end(), encoded.begin(), encoded.end());
        text.clear();
    };
    for (const PromptSegment& segment : segments) {
        if (segment.controlToken < 0) {
            if (segment.start != RunStart::joined) flush();
            text += std::string_view(segment.text).substr(segment.start == RunStart::impliedSpace ? 1 : 0);
            continue;
        }
        flush();
        ids.push_back(segment.controlToken);
    }
    flush();
    return ids;
}

Result<std::unique_ptr<Tokenizer>> makeTokenizer(const Checkpoint& checkpoint) {
    using Make = Result<std::unique_ptr<Tokenizer>> (*)(TokenizerData, const std::string&);
    static constexpr std::pair<const char*, Make> kModels[] = {{"gpt2", makeByteLevelBpe},
                                                               {"llama", makeScoredBpe}};
    const std::string file = checkpoint.path().string();
    if (!checkpoint.tokenizer()) return openTokenizerFolder(checkpoint.path());
    const TokenizerData& data = *checkpoint.tokenizer();
    for (const auto& [model, make] : kModels) {
        if (data.model == model) return make(data, file);
    }
    return Error{ErrorCode::badInput,
                 "cannot read the model",
                 file,
                 "tokenizer.ggml.model",
                 "\"" + quotedForMessage(data.model) + "\"",
                 "\"gpt2\" (byte-level BPE) or \"llama\" (SentencePiece)"};
}

}  // namespace edgechat::inference
