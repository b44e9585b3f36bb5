#include "inference/text/chat_shapes.h"

namespace edgechat::inference {

namespace {

using jinja::Origin;
using jinja::Text;
using jinja::trimmed;

bool isUser(const ChatMessage& message) {
    return message.role == "user";
}

Text contentOf(const ChatMessage& message) {
    return Text(message.content, message.role == "assistant" ? Origin::answer : Origin::content);
}

// A text that is built from parts.
class Writer {
  public:
    Writer& literal(std::string_view text) {
        m_text.append(text, Origin::literal);
        return *this;
    }
    Writer& text(const Text& text) {
        m_text.append(text);
        return *this;
    }
    Text& done() { return m_text; }

  private:
    Text m_text;
};

const ChatMessage* systemOf(const Conversation& conversation) {
    const bool has = !conversation.messages.empty() && conversation.messages[0].role == "system";
    return has ? conversation.messages.data() : nullptr;
}

Text writeLlama2(const Conversation& conversation) {
    const ChatMessage* system = systemOf(conversation);
    Writer out;
    bool first = true;
    for (const ChatMessage& message : conversation.messages) {
        if (&message == system) continue;
        if (!isUser(message)) {
            out.literal(" ").text(trimmed(contentOf(message))).literal(" ").literal(conversation.eos);
            continue;
        }
        Writer turn;
        if (first && system) turn.literal("<<SYS>>\n").text(contentOf(*system)).literal("\n<</SYS>>\n\n");
        turn.text(contentOf(message));
        out.literal(conversation.bos).literal("[INST] ").text(trimmed(turn.done())).literal(" [/INST]");
        first = false;
    }
    return out.done();
}

// The first templates of Mistral 7B Instruct v0.1 and v0.2.
Text writeMistralOriginal(const Conversation& conversation) {
    Writer out;
    out.literal(conversation.bos);
    for (const ChatMessage& message : conversation.messages) {
        if (isUser(message))
            out.literal("[INST] ").text(contentOf(message)).literal(" [/INST]");
        else
            out.text(contentOf(message)).literal(conversation.eos);
    }
    return out.done();
}

// Their later templates.
Text writeMistralV1(const Conversation& conversation) {
    const ChatMessage* system = systemOf(conversation);
    Writer out;
    out.literal(conversation.bos);
    bool first = true;
    for (const ChatMessage& message : conversation.messages) {
        if (&message == system) continue;
        if (!isUser(message)) {
            out.literal(" ").text(contentOf(message)).literal(conversation.eos);
            continue;
        }
        out.literal(" [INST] ");
        if (first && system) out.text(contentOf(*system)).literal("\n\n");
        out.text(contentOf(message)).literal(" [/INST]");
        first = false;
    }
    return out.done();
}

// v0.3: "[INST]" and "[/INST]" are control tokens, and the system message goes with the user's last one.
Text writeMistralV3(const Conversation& conversation) {
    const ChatMessage* system = systemOf(conversation);
    Writer out;
    out.literal(conversation.bos);
    for (const ChatMessage& message : conversation.messages) {
        if (&message == system) continue;
        if (!isUser(message)) {
            out.literal(" ").text(trimmed(contentOf(message))).literal(conversation.eos);
            continue;
        }
        out.literal("[INST] ");
        if (system && &message == &conversation.messages.back()) out.text(contentOf(*system)).literal("\n\n");
        out.text(contentOf(message)).literal("[/INST]");
    }
    return out.done();
}

// TinyLlama
Text writeZephyr(const Conversation& conversation) {
    Writer out;
    for (const ChatMessage& message : conversation.messages) {
        out.literal("<|").literal(message.role).literal("|>\n").text(contentOf(message));
        out.literal(conversation.eos).literal("\n");
    }
    if (conversation.generationPrompt) out.literal("<|assistant|>\n");
    return out.done();
}

// SmolLM2 and many others
Text writeChatMl(const Conversation& conversation) {
    Writer out;
    if (!conversation.defaultSystem.empty() && !conversation.messages.empty() && !systemOf(conversation)) {
        out.literal("<|im_start|>system\n").literal(conversation.defaultSystem).literal("<|im_end|>\n");
    }
    for (const ChatMessage& message : conversation.messages) {
        out.literal("<|im_start|>").literal(message.role).literal("\n").text(contentOf(message));
        out.literal("<|im_end|>\n");
    }
    if (conversation.generationPrompt) out.literal("<|im_start|>assistant\n");
    return out.done();
}

void writeLlama3Message(Writer& out, std::string_view role, const Text& content) {
    out.literal("<|start_header_id|>").literal(role).literal("<|end_header_id|>\n\n");
    out.text(content).literal("<|eot_id|>");
}

Text writeLlama3(const Conversation& conversation) {
    Writer out;
    out.literal(conversation.bos);
    for (const ChatMessage& message : conversation.messages)
        writeLlama3Message(out, message.role, trimmed(contentOf(message)));
    if (conversation.generationPrompt) out.literal("<|start_header_id|>assistant<|end_header_id|>\n\n");
    return out.done();
}

Text writeDatedLlama3(const Conversation& conversation, std::string_view date) {
    const ChatMessage* system = systemOf(conversation);
    Writer out, preamble;
    out.literal(conversation.bos);
    preamble.literal("Cutting Knowledge Date: December 2023\nToday Date: ").literal(date).literal("\n\n");
    if (system) preamble.text(trimmed(contentOf(*system)));
    writeLlama3Message(out, "system", preamble.done());
    for (const ChatMessage& message : conversation.messages) {
        if (&message != system) writeLlama3Message(out, message.role, trimmed(contentOf(message)));
    }
    if (conversation.generationPrompt) out.literal("<|start_header_id|>assistant<|end_header_id|>\n\n");
    return out.done();
}

Text writeLlama32(const Conversation& conversation) {
    return writeDatedLlama3(conversation, conversation.date);
}
Text writeLlama31(const Conversation& conversation) {
    return writeDatedLlama3(conversation, kTemplateDate);
}

// Blank lines end a turn, so that a message has none: each pair of newlines becomes one, in one pass.
Text withoutBlankLines(const Text& text) {
    const std::string& bytes = text.bytes();
    Text newlines, out;
    for (size_t i = 0; i < bytes.size(); ++i) {
        if (bytes.compare(i, 2, "\r\n") == 0) ++i;
        newlines.append(text.slice(i, 1));
    }
    for (size_t i = 0; i < newlines.size(); ++i) {
        out.append(newlines.slice(i, 1));
        if (newlines.bytes().compare(i, 2, "\n\n") == 0) ++i;
    }
    return out;
}

Text writeFalconInstruct(const Conversation& conversation) {
    const ChatMessage* system = systemOf(conversation);
    Writer out;
    if (system) out.text(trimmed(contentOf(*system)));
    for (const ChatMessage& message : conversation.messages) {
        if (&message == system) continue;
        out.literal(isUser(message) ? "\n\nUser: " : "\n\nAssistant: ");
        out.text(withoutBlankLines(trimmed(contentOf(message))));
    }
    if (conversation.generationPrompt) out.literal("\n\nAssistant:");
    return out.done();
}

Text writeFalcon3(const Conversation& conversation) {
    Writer out;
    for (const ChatMessage& message : conversation.messages) {
        out.literal("<|").literal(message.role).literal("|>\n").text(contentOf(message));
        if (message.role == "assistant") out.literal(conversation.eos);
        // A last reply ends with EOS alone.
        if (message.role != "assistant" || &message != &conversation.messages.back()) out.literal("\n");
    }
    if (conversation.generationPrompt) out.literal("<|assistant|>\n");
    return out.done();
}

}  // namespace

const std::vector<ChatShape>& chatShapes() {
    static const std::vector<std::string> kRoles = {"<|user|>", "<|assistant|>", "<|system|>"};
    static const std::vector<std::string> kInstructions = {"[INST]", "[/INST]"};
    static const std::vector<std::string> kChatMl = {"<|im_start|>", "<|im_end|>"};
    static const std::vector<std::string> kHeaders = {"<|start_header_id|>", "<|end_header_id|>",
                                                      "<|eot_id|>"};
    static const std::vector<std::string> kLlama3Ends = {"<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"};
    static const std::vector<ChatShape> kShapes = {
        {"llama2", writeLlama2, {}, {}, {"[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"}},
        {"mistral-v1-original", writeMistralOriginal, {}, {}, kInstructions, true},
        {"mistral-v1", writeMistralV1, {}, {}, kInstructions},
        {"mistral-v3", writeMistralV3, {}, {}, kInstructions},
        {"zephyr", writeZephyr, {}, {}, kRoles},
        {"chatml", writeChatMl, {"<|im_end|>", "<|endoftext|>"}, {}, kChatMl},
        {"llama3", writeLlama32, kLlama3Ends, {}, kHeaders},
        {"llama3", writeLlama31, kLlama3Ends, {}, kHeaders},
        {"llama3", writeLlama3, kLlama3Ends, {}, kHeaders},
        {"falcon-instruct", writeFalconInstruct, {"<|endoftext|>"}, {"\nUser:"}, {"\nUser:", "\nAssistant:"}},
        {"falcon3", writeFalcon3, {"<|endoftext|>"}, kRoles, kRoles},
    };
    return kShapes;
}

}  // namespace edgechat::inference
