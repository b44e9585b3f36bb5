// What every tokenizer must hold, whatever file it came from.
#pragma once

#include <cstdlib>
#include <string>

#include "inference/text/tokenizer.h"

namespace edgechat::testing {

inline void require(bool condition) {
    if (!condition) std::abort();
}

/// Encodes and decodes some texts. Text never becomes a control token other than the unknown one.
inline void useTokenizer(const inference::Tokenizer& tokenizer, const std::string& further) {
    using inference::SpecialTokens;
    const std::string texts[] = {"hello <s> <x> ab 1 12a3 it's </s> <|im_end|>\n",
                                 "\xff\xe2\x82 \u2581\u00e9 a  b\t", further};
    for (const std::string& text : texts) {
        for (SpecialTokens special : {SpecialTokens::asText, SpecialTokens::parse}) {
            for (int id : tokenizer.encode(text, special)) {
                require(id >= 0 && id < tokenizer.vocabulary());
                tokenizer.tokenBytes(id);
                if (special == SpecialTokens::asText) {
                    require(id != tokenizer.eos() && id != tokenizer.bos());
                    const auto& ends = tokenizer.endOfTurn();
                    for (int end : ends) require(id != end || !tokenizer.isControl(id));
                }
            }
        }
    }
    require(tokenizer.bos() < tokenizer.vocabulary() && tokenizer.eos() < tokenizer.vocabulary());
    tokenizer.decode({0, 1, 2, tokenizer.vocabulary(), -1}, true);
}

}  // namespace edgechat::testing
