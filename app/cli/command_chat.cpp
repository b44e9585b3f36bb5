// chat: a conversation in the terminal, or one user message a line from a pipe.
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "app/cli/answer.h"
#include "app/cli/commands.h"
#include "app/cli/interrupt.h"
#include "app/cli/model_argument.h"
#include "app/cli/text_input.h"

namespace edgechat::cli {

using namespace edgechat::inference;

namespace {

/// A conversation and the prompt that it makes.
class Conversation {
  public:
    Conversation(Engine& engine, const AnswerOptions& options) : m_engine(engine), m_raw(options.raw) {
        if (!options.system.empty()) m_messages.push_back({"system", options.system});
        m_firstTurn = m_messages.size();
    }

    void add(const char* role, std::string text) { m_messages.push_back({role, std::move(text)}); }
    const std::vector<ChatMessage>& messages() const { return m_messages; }
    /// Takes back the last message, for which there was no answer.
    void dropLast() { m_messages.pop_back(); }

    /// The prompt for the next answer. When it leaves no room in the context, the oldest turns are left out
    /// until it takes half, so that this does not happen again at the next message.
    Result<std::vector<int>> prompt(Output& output) {
        Result<std::vector<int>> ids = encode();
        const size_t context = static_cast<size_t>(m_engine.context());
        const size_t room = std::min<size_t>(kAnswerRoom, context / 4);
        if (!ids || ids->size() + room <= context) return ids;
        bool dropped = false;
        while (ids && ids->size() > context / 2 && m_messages.size() >= m_firstTurn + 3) {
            const auto oldest = m_messages.begin() + static_cast<std::ptrdiff_t>(m_firstTurn);
            m_messages.erase(oldest, oldest + 2);
            ids = encode();
            dropped = true;
        }
        if (dropped) {
            output.message("the oldest turns were left out: they no longer fit the context of " +
                           std::to_string(m_engine.context()) + " tokens");
        }
        return ids;
    }

  private:
    static constexpr size_t kAnswerRoom = 256;  // tokens

    Result<std::vector<int>> encode() const {
        if (!m_raw) return encodeConversation(m_engine, m_messages);
        std::string text;
        for (const ChatMessage& message : m_messages) text += message.content + '\n';
        return encodePlain(m_engine.tokenizer(), text);
    }

    Engine& m_engine;
    bool m_raw;
    std::vector<ChatMessage> m_messages;
    size_t m_firstTurn = 0;
};

void greet(const Engine& engine, const std::string& model, Output& output) {
    output.message(std::filesystem::path(model).filename().string() + " on " + deviceName(engine.device()) +
                   ", context " + std::to_string(engine.context()) +
                   " tokens. Ctrl+C stops an answer, Ctrl+D ends.");
}

/// The `> ` belongs to the terminal, not to the results.
void showPrompt() {
    const std::string_view prompt = "> ";
    if (::write(STDERR_FILENO, prompt.data(), prompt.size()) < 0) return;  // no terminal to show it on
}

Result<int> run(const Arguments& arguments, Output& output) {
    if (output.asJson()) {
        return usageError("the command chat", "", "--json",
                          "none: `generate --json` gives one answer as JSON");
    }
    const Result<AnswerOptions> options = readAnswerOptions(arguments);
    if (!options) return options.error();
    const Result<EngineOptions> engineOptions = readEngineOptions(arguments);
    if (!engineOptions) return engineOptions.error();
    const std::string& model = arguments.operands()[0];
    Result<std::unique_ptr<Engine>> engine = loadEngine(model, *engineOptions, output);
    if (!engine) return engine.error();

    const bool terminal = ::isatty(STDIN_FILENO) != 0;
    if (terminal) greet(**engine, model, output);
    if (!options->raw) warnAboutTemplate((*engine)->chatTemplate(), output);
    Conversation conversation(**engine, *options);
    LineReader lines;
    size_t warned = 0;  // messages that were looked at
    for (;;) {
        watchInterrupt();
        if (interrupted()) return kExitInterrupted;
        if (terminal) showPrompt();
        std::optional<std::string> line = lines.next();
        if (!line) {
            if (terminal) output.write("\n");
            return interrupted() ? kExitInterrupted : kExitDone;
        }
        if (!line->empty() && line->back() == '\r') line->pop_back();
        if (line->find_first_not_of(" \t") == std::string::npos) continue;

        conversation.add("user", *line);
        if (!options->raw) {
            // What was said before is not said again.
            const std::vector<ChatMessage>& messages = conversation.messages();
            const size_t known = std::exchange(warned, messages.size());
            warnAboutMessages(
                (*engine)->chatTemplate(),
                {messages.begin() + static_cast<std::ptrdiff_t>(std::min(known, messages.size() - 1)),
                 messages.end()},
                output);
        }
        const Result<std::vector<int>> prompt = conversation.prompt(output);
        const Result<GenerateResult> result =
            prompt ? answer(**engine, *prompt, *options, output) : Result<GenerateResult>(prompt.error());
        if (!result) {
            if (!terminal || result.error().code == ErrorCode::internal) return result.error();
            output.message(result.error().message());
            conversation.dropLast();
            continue;
        }
        if (output.failure()) return kExitDone;  // main reports that stdout takes no more
        if (!terminal && result->stopReason == StopReason::interrupted) return kExitInterrupted;
        if (result->tokens.empty() && result->stopReason == StopReason::interrupted) {
            conversation.dropLast();
        } else {
            conversation.add("assistant", result->text);
        }
    }
}

}  // namespace

Command chatCommand() {
    return {"chat", "MODEL", "a conversation in the terminal", joined(samplingOptions(), computeOptions()),
            run};
}

}  // namespace edgechat::cli
