#include "inference/model/end_of_turn.h"

#include <algorithm>

namespace edgechat::inference {

bool endsTurn(std::string_view spelling) {
    constexpr std::string_view kSpellings[] = {"<|endoftext|>",   "<|im_end|>", "<|eot_id|>",    "<|eom_id|>",
                                               "<|end_of_text|>", "<|end|>",    "<end_of_turn>", "</s>"};
    return std::find(std::begin(kSpellings), std::end(kSpellings), spelling) != std::end(kSpellings);
}

void addEndOfTurn(TokenizerData& data, int id) {
    if (id < 0 || id == data.eos) return;
    std::vector<int>& ids = data.endOfTurn;
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
}

void addEndOfTurnBySpelling(TokenizerData& data) {
    for (size_t i = 0; i < data.types.size(); ++i) {
        if (data.types[i] == TokenType::control && endsTurn(data.tokens[i])) {
            addEndOfTurn(data, static_cast<int>(i));
        }
    }
}

}  // namespace edgechat::inference
