// template: what the model would be given for a conversation.
#include <nlohmann/json.hpp>

#include "app/cli/answer.h"
#include "app/cli/commands.h"
#include "app/cli/model_argument.h"
#include "app/cli/text_input.h"

namespace edgechat::cli {

using namespace edgechat::inference;

namespace {

Result<int> run(const Arguments& arguments, Output& output) {
    if (!arguments.has("--messages"))
        return usageError("the command template", "--messages", "nothing", "FILE");
    const std::string file = arguments.text("--messages");
    const Result<std::string> json = readTextFile(file);
    if (!json) return json.error();
    const Result<std::vector<ChatMessage>> messages = parseMessages(*json, file);
    if (!messages) return messages.error();
    const Result<Vocabulary> vocabulary = openVocabulary(arguments.operands()[0], Need::vocabulary);
    if (!vocabulary) return vocabulary.error();
    const Result<ChatTemplate> chosen =
        ChatTemplate::choose(vocabulary->checkpoint->chatTemplate(), *vocabulary->tokenizer);
    if (!chosen) return chosen.error();

    const Result<std::vector<PromptSegment>> segments =
        chosen->render(*messages, !arguments.has("--no-generation-prompt"));
    if (!segments) return segments.error();
    warnAboutTemplate(*chosen, output);
    warnAboutMessages(*chosen, *messages, output);
    std::string text;
    for (const PromptSegment& segment : *segments) text += segment.text;
    const std::vector<int> ids = vocabulary->tokenizer->encodeSegments(*segments);
    if (output.asJson()) {
        output.writeJson({{"ids", ids}, {"text", text}, {"source", chosen->name()}});
    } else {
        output.write(text + '\n');
    }
    return kExitDone;
}

}  // namespace

Command templateCommand() {
    return {"template",
            "MODEL",
            "what the model would be given for a conversation",
            {{"--messages", "FILE", "JSON: [{\"role\", \"content\"}, ...]"},
             {"--no-generation-prompt", "", "end after the last message"}},
            run};
}

}  // namespace edgechat::cli
