// A conversation as prompt segments, in the form that a model was trained on.
#pragma once

#include <functional>
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
    /// A checkpoint without a template, or with one that no known shape fits, gets plain completion
    /// (`name()` == "none"): the messages' own text and nothing else.
    static Result<ChatTemplate> choose(const std::string& jinjaSource, const Tokenizer& tokenizer);

    /// The conversation; with `generationPrompt` it ends where the assistant's answer begins. Begins with BOS
    /// where the family wants it.
    std::vector<PromptSegment> render(const std::vector<ChatMessage>& messages, bool generationPrompt) const;

    const std::string& name() const { return m_name; }  ///< "chatml", "none"
    /// The checkpoint carries a template that this version does not know, and plain completion stands in for
    /// it.
    bool isSubstitute() const { return m_substitute; }
    const std::vector<int>& stopTokens() const { return m_stopTokens; }  ///< ids that end an answer
    const std::vector<std::string>& stopTexts() const { return m_stopTexts; }

    /// Writes one conversation, as render().
    using Renderer =
        std::function<std::vector<PromptSegment>(const std::vector<ChatMessage>&, bool generationPrompt)>;

  private:
    std::string m_name;
    bool m_substitute = false;
    Renderer m_render;
    std::vector<int> m_stopTokens;
    std::vector<std::string> m_stopTexts;
};

}  // namespace edgechat::inference
