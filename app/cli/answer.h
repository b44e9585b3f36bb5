// One answer of a model, streamed to stdout: what generate and chat have in common.
#pragma once

#include <string>
#include <vector>

#include "app/cli/arguments.h"
#include "app/cli/output.h"
#include "inference/engine.h"

namespace edgechat::cli {

struct AnswerOptions {
    std::string system;
    bool raw = false;
    int maxTokens = 0;
    inference::SamplingOptions sampling;
};
Result<AnswerOptions> readAnswerOptions(const Arguments& arguments);

/// A conversation as the model's template writes it, up to where the answer begins.
Result<std::vector<int>> encodeConversation(const inference::Engine& engine,
                                            const std::vector<inference::ChatMessage>& messages);

/// Says on stderr that there is no chat template, or why the model's cannot be used.
void warnAboutTemplate(const inference::ChatTemplate& chatTemplate, Output& output);
/// Says on stderr which messages may pass for another role's, and that the template has no place for a system
/// message.
void warnAboutMessages(const inference::ChatTemplate& chatTemplate,
                       const std::vector<inference::ChatMessage>& messages, Output& output);

/// Generates until the end, SIGINT, or stdout takes no more. Without --json the text goes to stdout as it
/// comes, with a newline at its end.
Result<inference::GenerateResult> answer(inference::Engine& engine, const std::vector<int>& prompt,
                                         const AnswerOptions& options, Output& output);

}  // namespace edgechat::cli
