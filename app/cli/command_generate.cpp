// generate: one answer to one prompt.
#include <nlohmann/json.hpp>

#include "app/cli/answer.h"
#include "app/cli/commands.h"
#include "app/cli/interrupt.h"
#include "app/cli/model_argument.h"
#include "app/cli/text_input.h"

namespace edgechat::cli {

using namespace edgechat::inference;

namespace {

Result<std::string> readPrompt(const Arguments& arguments) {
    const bool fromFile = arguments.has("--prompt-file");
    if (fromFile == arguments.has("--prompt")) {
        return usageError("the command generate", "", fromFile ? "both prompts" : "no prompt",
                          "one of --prompt and --prompt-file");
    }
    if (fromFile) return readTextFile(arguments.text("--prompt-file"));
    return arguments.text("--prompt");
}

nlohmann::json toJson(const GenerateResult& result, const Engine& engine, const std::string& model) {
    const GenerateStatistics& statistics = result.statistics;
    return {{"text", result.text},
            {"token_ids", result.tokens},
            {"prompt_tokens", statistics.promptTokens},
            {"cached_tokens", statistics.cachedTokens},
            {"generated_tokens", statistics.generatedTokens},
            {"time_to_first_token_ms", statistics.timeToFirstToken * 1e3},
            {"prefill_tokens_per_second", statistics.prefillTokensPerSecond()},
            {"decode_tokens_per_second", statistics.decodeTokensPerSecond()},
            {"stop_reason", stopReasonName(result.stopReason)},
            {"device", deviceName(engine.device())},
            {"model", model}};
}

Result<int> run(const Arguments& arguments, Output& output) {
    const Result<AnswerOptions> answerOptions = readAnswerOptions(arguments);
    if (!answerOptions) return answerOptions.error();
    const Result<EngineOptions> engineOptions = readEngineOptions(arguments);
    if (!engineOptions) return engineOptions.error();
    const Result<std::string> prompt = readPrompt(arguments);
    if (!prompt) return prompt.error();

    const std::string& model = arguments.operands()[0];
    Result<std::unique_ptr<Engine>> loaded = loadEngine(model, *engineOptions, output);
    if (!loaded) return loaded.error();
    Engine& engine = **loaded;

    std::vector<ChatMessage> messages;
    if (!answerOptions->system.empty()) messages.push_back({"system", answerOptions->system});
    messages.push_back({"user", *prompt});
    if (!answerOptions->raw) {
        warnAboutTemplate(engine.chatTemplate(), output);
        warnAboutMessages(engine.chatTemplate(), messages, output);
    }
    const Result<std::vector<int>> ids =
        answerOptions->raw ? encodePlain(engine.tokenizer(), *prompt) : encodeConversation(engine, messages);
    if (!ids) return ids.error();

    const Result<GenerateResult> result = answer(engine, *ids, *answerOptions, output);
    if (!result) return result.error();
    if (output.asJson()) output.writeJson(toJson(*result, engine, model));
    return result->stopReason == StopReason::interrupted ? kExitInterrupted : kExitDone;
}

}  // namespace

Command generateCommand() {
    const std::vector<Option> prompt = {{"--prompt", "TEXT", "what to answer"},
                                        {"--prompt-file", "FILE", "a file that holds it"}};
    return {"generate", "MODEL", "one answer to one prompt",
            joined(joined(prompt, samplingOptions()), computeOptions()), run};
}

}  // namespace edgechat::cli
