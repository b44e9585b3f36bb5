// A conversation as prompt segments, in the form that a model was trained on.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "inference/result.h"
#include "inference/text/tokenizer.h"

namespace edgechat::inference {

struct ChatMessage {
    std::string role;  ///< "system", "user" or "assistant"
    std::string content;
};

/// How one family writes a conversation. Immutable.
class ChatTemplate {
  public:
    /// Chooses by the template that the checkpoint carries and the control tokens that the vocabulary has.
    /// A checkpoint without a template gets plain completion (`name()` == "none").
    static Result<ChatTemplate> choose(const std::string& jinjaSource, const Tokenizer& tokenizer);

    /// The conversation; with `generationPrompt` it ends where the assistant's answer begins.
    std::vector<PromptSegment> render(const std::vector<ChatMessage>& messages, bool generationPrompt) const;

    const std::string& name() const { return m_name; }                     ///< "chatml", "none"
    const std::vector<int>& stopTokens() const { return m_stopTokens; }    ///< ids that end an answer
    const std::vector<std::string>& stopTexts() const { return m_stopTexts; }

  private:
    std::string m_name;
    std::string m_defaultSystem;
    int m_open = -1, m_close = -1;
    std::vector<int> m_stopTokens;
    std::vector<std::string> m_stopTexts;
};

}  // namespace edgechat::inference
