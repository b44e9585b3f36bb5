// A conversation as prompt segments, in the form that a model was trained on.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "inference/result.h"
#include "inference/text/chat_shapes.h"
#include "inference/text/tokenizer.h"

namespace edgechat::inference {

/// How one model writes a conversation. Immutable.
///
/// What it writes is what transformers' apply_chat_template() writes with the template that the checkpoint
/// carries, byte for byte, but for what that template refuses or leaves out; that is said in other words and
/// never dropped:
/// - a system message that the template cannot take (it raises an exception, or leaves it out) is put in
/// front of
///   the first user message, with an empty line between them (mergesSystem());
/// - where the template wants user and assistant in turn, messages of one role that follow each other are
/// joined
///   with an empty line between them.
/// The system clock is never read: see `date` of render().
class ChatTemplate {
  public:
    /// Renders probing conversations with the carried Jinja template, in a sandbox, and takes the shape that
    /// writes the same (a native builder where it agrees on odd contents too, else the interpreter); "jinja"
    /// if none does. A checkpoint without a template, or with one that cannot be run, gets plain completion:
    /// the messages' own text and nothing else.
    static Result<ChatTemplate> choose(const std::string& jinjaSource, const Tokenizer& tokenizer);

    /// The conversation; with `generationPrompt` it ends where the assistant's answer begins. Begins with BOS
    /// where the family wants it. Fails when the template refuses the conversation.
    /// @param date  what templates are told that today is, "26 Jul 2024"; the same for all of a conversation,
    /// so
    ///              that its prefix stays the same
    Result<std::vector<PromptSegment>> render(const std::vector<ChatMessage>& messages, bool generationPrompt,
                                              std::string_view date = kTemplateDate) const;
    /// What to append to a rendering with a generation prompt so that the model goes on with an answer begun.
    PromptSegment continuation(std::string answerSoFar) const;

    /// "llama2", "mistral-v1-original", "mistral-v1", "mistral-v3", "zephyr", "chatml", "llama3",
    /// "falcon-instruct", "falcon3", "jinja", or "none": plain completion
    const std::string& name() const { return m_name; }
    /// The checkpoint carries a template that cannot be run, and plain completion stands in for it.
    bool isSubstitute() const { return !m_problem.empty(); }
    /// Why the carried template cannot be run, with the place in it; empty if it can or there is none.
    const std::string& problem() const { return m_problem; }
    /// The template has no place for a system message: it goes in front of the first user message.
    bool mergesSystem() const { return m_mergesSystem; }

    const std::vector<int>& stopTokens() const { return m_stopTokens; }  ///< ids that end an answer
    const std::vector<std::string>& stopTexts() const { return m_stopTexts; }
    /// The answer's first space belongs to the template, which writes it itself before an earlier answer.
    bool stripsLeadingSpace() const { return m_stripsLeadingSpace; }
    /// The role marker in a message that the model cannot tell from the template's, because it is no control
    /// token
    /// ("[INST]", "User:"): the message may pass for another role's. Empty if there is none.
    std::string warnsAbout(std::string_view content) const;

  private:
    struct Renderer;
    std::vector<ChatMessage> adapted(const std::vector<ChatMessage>& messages) const;

    std::string m_name;
    std::string m_problem;
    bool m_mergesSystem = false, m_mergesTurns = false;
    bool m_stripsLeadingSpace = false;
    bool m_prefixesSpace = false;
    std::shared_ptr<const Renderer> m_renderer;  // null: plain completion
    std::vector<PromptSegment> m_plainBos;
    std::vector<int> m_stopTokens;
    std::vector<std::string> m_stopTexts;
    std::vector<std::string> m_markers;
};

}  // namespace edgechat::inference
