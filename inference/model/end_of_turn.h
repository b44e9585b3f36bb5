// Which tokens end an answer, whatever file the vocabulary came from.
#pragma once

#include <string_view>

#include "inference/model/checkpoint.h"

namespace edgechat::inference {

/// Whether a control token with this spelling ends an answer in the models we know.
bool endsTurn(std::string_view spelling);

/// Adds a further id that ends an answer. Ids below 0, eos itself and ids known already are left out.
void addEndOfTurn(TokenizerData& data, int id);
/// Adds every control token whose spelling ends an answer: many files name only one of theirs as eos.
void addEndOfTurnBySpelling(TokenizerData& data);

}  // namespace edgechat::inference
