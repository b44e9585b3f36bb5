#include "app/cli/answer.h"

#include "app/cli/interrupt.h"
#include "app/cli/model_argument.h"

namespace edgechat::cli {

using namespace edgechat::inference;

Result<AnswerOptions> readAnswerOptions(const Arguments& arguments) {
    AnswerOptions options;
    const Result<SamplingOptions> sampling = readSamplingOptions(arguments);
    if (!sampling) return sampling.error();
    options.sampling = *sampling;
    const Result<int64_t> maxTokens = arguments.integer("--max-tokens", 0, 0, int64_t{1} << 30);
    if (!maxTokens) return maxTokens.error();
    options.maxTokens = static_cast<int>(*maxTokens);
    options.system = arguments.text("--system");
    options.raw = arguments.has("--raw");
    if (options.raw && arguments.has("--system")) {
        return usageError("the option", "--system", "--raw beside it",
                          "one of them: --raw sends the text alone");
    }
    return options;
}

Result<std::vector<int>> encodeConversation(const Engine& engine, const std::vector<ChatMessage>& messages) {
    const Result<std::vector<PromptSegment>> segments = engine.chatTemplate().render(messages, true);
    if (!segments) return segments.error();
    return engine.tokenizer().encodeSegments(*segments);
}

void warnAboutTemplate(const ChatTemplate& chatTemplate, Output& output) {
    if (chatTemplate.isSubstitute()) {
        output.message("the text is completed as it stands: " + chatTemplate.problem());
    } else if (chatTemplate.name() == "none") {
        output.message("the text is completed as it stands: the model has no chat template");
    }
}

void warnAboutMessages(const ChatTemplate& chatTemplate, const std::vector<ChatMessage>& messages,
                       Output& output) {
    for (const ChatMessage& message : messages) {
        if (message.role == "system" && chatTemplate.mergesSystem()) {
            output.message(
                "the model's chat template has no place for a system message: it was put in front of "
                "the first user message");
        }
        const std::string marker = chatTemplate.warnsAbout(message.content);
        if (message.role == "assistant" || marker.empty()) continue;
        output.message("the " + message.role + " message contains \"" + marker +
                       "\", which the model cannot tell from the start of another message");
    }
}

Result<GenerateResult> answer(Engine& engine, const std::vector<int>& prompt, const AnswerOptions& options,
                              Output& output) {
    GenerateRequest request;
    request.prompt = prompt;
    request.maxTokens = options.maxTokens;
    request.sampling = options.sampling;
    request.stripLeadingSpace = !options.raw && engine.chatTemplate().stripsLeadingSpace();

    GenerateCallbacks callbacks;
    callbacks.stop = &interrupted();
    callbacks.onPrefill = [&output](int done, int total) {
        output.progress("prefill", static_cast<uint64_t>(done), static_cast<uint64_t>(total), "tokens");
    };
    if (!output.asJson()) {
        callbacks.onText = [&output](std::string_view text) {
            if (!output.write(text)) stopWork();
        };
    } else if (options.maxTokens > 0) {
        callbacks.onToken = [&output, &options](int generated) {
            output.progress("decode", static_cast<uint64_t>(generated),
                            static_cast<uint64_t>(options.maxTokens), "tokens");
        };
    }
    Result<GenerateResult> result = engine.generate(request, callbacks);
    output.clearProgress();
    // Before the message, which shares the terminal with the text.
    if (result && !output.asJson()) output.write("\n");
    if (result && result->stopReason == StopReason::contextFull) {
        output.message("the answer ended: the context of " + std::to_string(engine.context()) +
                       " tokens is full (--context N makes it larger)");
    }
    return result;
}

}  // namespace edgechat::cli
