// detokenize: a JSON array of token ids on stdin as the exact bytes that they stand for.
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/cli/model_argument.h"
#include "app/cli/text_input.h"

namespace edgechat::cli {
namespace {

Result<int> run(const Arguments& arguments, Output& output) {
    const Result<Vocabulary> vocabulary = openVocabulary(arguments.operands()[0], Need::vocabulary);
    if (!vocabulary) return vocabulary.error();
    const Result<std::string> json = readStdin();
    if (!json) return json.error();
    const Result<std::vector<int>> ids = parseTokenIds(*json, "stdin", vocabulary->tokenizer->vocabulary());
    if (!ids) return ids.error();
    // Control tokens as they are spelled: `tokenize --special` followed by this gives the same bytes.
    const std::string text = vocabulary->tokenizer->decode(*ids, true);
    if (output.asJson()) {
        output.writeJson({{"text", text}});
    } else {
        output.write(text);
    }
    return kExitDone;
}

}  // namespace

Command detokenizeCommand() {
    return {"detokenize", "MODEL", "a JSON array of ids on stdin as bytes", {}, run};
}

}  // namespace edgechat::cli
