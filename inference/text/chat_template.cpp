#include "inference/text/chat_template.h"

#include <algorithm>
#include <optional>

namespace edgechat::inference {

namespace {

using Messages = std::vector<ChatMessage>;
using Segments = std::vector<PromptSegment>;

// What a shape's maker may look at.
struct Carried {
    const std::string& source;  // Jinja
    const Tokenizer& tokenizer;

    bool says(std::string_view text) const { return source.find(text) != std::string::npos; }
    PromptSegment control(std::string_view spelling) const {
        return {tokenizer.controlToken(spelling), std::string(spelling)};
    }
};

// BOS as a first segment, or nothing.
Segments bosOf(const Tokenizer& tokenizer) {
    if (tokenizer.bos() < 0) return {};
    return {{tokenizer.bos(), tokenizer.tokenText(tokenizer.bos())}};
}

// The text of a Jinja string literal, of which `raw` is the inside.
std::string unescaped(std::string_view raw) {
    std::string text;
    for (size_t i = 0; i < raw.size(); ++i) {
        if (raw[i] != '\\' || i + 1 == raw.size()) {
            text += raw[i];
            continue;
        }
        ++i;
        text += raw[i] == 'n' ? '\n' : raw[i] == 't' ? '\t' : raw[i];
    }
    return text;
}

// The system message that a ChatML template writes when the conversation has none: a literal that opens a
// system block and closes it again. Empty if there is no such literal.
std::string defaultSystem(const std::string& source) {
    constexpr std::string_view kOpen = "<|im_start|>system", kClose = "<|im_end|>";
    for (size_t at = source.find(kOpen); at != std::string::npos; at = source.find(kOpen, at + 1)) {
        const char quote = at > 0 ? source[at - 1] : '\0';
        if (quote != '\'' && quote != '"') continue;
        size_t end = at;  // of the literal
        while (end < source.size() && source[end] != quote) end += source[end] == '\\' ? 2 : 1;
        if (end >= source.size()) continue;
        const std::string literal = unescaped(std::string_view(source).substr(at, end - at));
        const size_t close = literal.find(kClose);
        if (close == std::string::npos || literal[kOpen.size()] != '\n') continue;
        return literal.substr(kOpen.size() + 1, close - kOpen.size() - 1);
    }
    return {};
}

std::optional<ChatTemplate::Renderer> makeChatMl(const Carried& carried) {
    const PromptSegment open = carried.control("<|im_start|>"), close = carried.control("<|im_end|>");
    if (!carried.says(open.text) || open.controlToken < 0 || close.controlToken < 0) return {};
    const Segments bos = carried.says("bos_token") ? bosOf(carried.tokenizer) : Segments();
    return [bos, open, close, standardSystem = defaultSystem(carried.source)](const Messages& messages,
                                                                              bool generationPrompt) {
        Segments segments = bos;
        const auto add = [&](const std::string& role, const std::string& content) {
            segments.push_back(open);
            segments.push_back({-1, role + "\n" + content});
            segments.push_back(close);
            segments.push_back({-1, "\n"});
        };
        if (!standardSystem.empty() && !messages.empty() && messages.front().role != "system") {
            add("system", standardSystem);
        }
        for (const ChatMessage& message : messages) add(message.role, message.content);
        if (generationPrompt) {
            segments.push_back(open);
            segments.push_back({-1, "assistant\n"});
        }
        return segments;
    };
}

// Plain completion: what was written, in order. An answer continues the message before it, so that a
// conversation's text begins with all of its earlier text.
ChatTemplate::Renderer makePlain(const Tokenizer& tokenizer) {
    const Segments bos = tokenizer.addsBos() ? bosOf(tokenizer) : Segments();
    return [bos](const Messages& messages, bool) {
        Segments segments = bos;
        std::string text;
        for (size_t i = 0; i < messages.size(); ++i) {
            if (i > 0 && messages[i].role != "assistant")
                text += messages[i - 1].role == "system" ? "\n\n" : "\n";
            text += messages[i].content;
        }
        if (!text.empty()) segments.push_back({-1, text});
        return segments;
    };
}

// A known way to write conversations.
struct Shape {
    const char* name;
    // The renderer, if the carried template is of this shape.
    std::optional<ChatTemplate::Renderer> (*make)(const Carried& carried);
    std::vector<std::string> stopTexts;
};

// Asked in order; the first that fits is taken.
const std::vector<Shape>& shapes() {
    static const std::vector<Shape> kShapes = {{"chatml", makeChatMl, {}}};
    return kShapes;
}

}  // namespace

Result<ChatTemplate> ChatTemplate::choose(const std::string& jinjaSource, const Tokenizer& tokenizer) {
    ChatTemplate chosen;
    if (tokenizer.eos() >= 0) chosen.m_stopTokens.push_back(tokenizer.eos());
    for (int id : tokenizer.endOfTurn()) {
        if (id != tokenizer.eos()) chosen.m_stopTokens.push_back(id);
    }
    for (const Shape& shape : shapes()) {
        std::optional<Renderer> renderer = shape.make({jinjaSource, tokenizer});
        if (!renderer) continue;
        chosen.m_name = shape.name;
        chosen.m_render = std::move(*renderer);
        chosen.m_stopTexts = shape.stopTexts;
        return chosen;
    }
    chosen.m_name = "none";
    chosen.m_substitute = !jinjaSource.empty();
    chosen.m_render = makePlain(tokenizer);
    return chosen;
}

std::vector<PromptSegment> ChatTemplate::render(const std::vector<ChatMessage>& messages,
                                                bool generationPrompt) const {
    return m_render(messages, generationPrompt);
}

}  // namespace edgechat::inference
