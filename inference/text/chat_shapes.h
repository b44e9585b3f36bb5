// The ways to write a conversation that this program knows by heart.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "inference/text/jinja/text.h"

namespace edgechat::inference {

struct ChatMessage {
    std::string role;  ///< "system", "user" or "assistant"
    std::string content;
};

/// What a shape writes: at most one system message, at the front, then user and assistant in turn.
struct Conversation {
    const std::vector<ChatMessage>& messages;
    bool generationPrompt = false;
    std::string_view bos, eos;  ///< spellings
    std::string_view date;      ///< "26 Jul 2024"
    std::string_view
        defaultSystem;  ///< what a ChatML template writes when the conversation has no system message
};

/// The date that Llama 3 templates carry.
constexpr std::string_view kTemplateDate = "26 Jul 2024";

struct ChatShape {
    const char* name;
    jinja::Text (*write)(const Conversation& conversation);
    std::vector<std::string> stopControls;  ///< control tokens that end an answer, beside EOS
    std::vector<std::string> stopTexts;
    /// Spellings with which a message could pose as another role where they are no control tokens.
    std::vector<std::string> markers;
    bool answersApart =
        false;  ///< the reply is encoded apart from the "[/INST]" that it follows without a space
};

/// Several may have the same name: variants of a family.
const std::vector<ChatShape>& chatShapes();

}  // namespace edgechat::inference
