// tokenize: the bytes of stdin as token ids.
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/cli/model_argument.h"
#include "app/cli/text_input.h"

namespace edgechat::cli {

using namespace edgechat::inference;

namespace {

Result<int> run(const Arguments& arguments, Output& output) {
    const Result<Vocabulary> vocabulary = openVocabulary(arguments.operands()[0], Need::vocabulary);
    if (!vocabulary) return vocabulary.error();
    const Tokenizer& tokenizer = *vocabulary->tokenizer;
    if (arguments.has("--bos") && tokenizer.bos() < 0) {
        Error error;
        error.code = ErrorCode::badInput;
        error.what = "cannot put BOS in front: the model";
        error.file = arguments.operands()[0];
        error.found = "no BOS token";
        return error;
    }
    const Result<std::string> text = readStdin();
    if (!text) return text.error();

    const SpecialTokens special = arguments.has("--special") ? SpecialTokens::parse : SpecialTokens::asText;
    std::vector<int> ids = tokenizer.encode(*text, special);
    if (arguments.has("--bos")) ids.insert(ids.begin(), tokenizer.bos());
    if (!output.asJson()) {
        output.write(nlohmann::json(ids).dump() + '\n');
        return kExitDone;
    }
    nlohmann::json pieces = nlohmann::json::array();
    for (const int id : ids) pieces.push_back(tokenizer.tokenText(id));
    output.writeJson({{"ids", ids}, {"pieces", pieces}});
    return kExitDone;
}

}  // namespace

Command tokenizeCommand() {
    return {"tokenize",
            "MODEL",
            "the bytes of stdin as token ids",
            {{"--special", "", "read <|...|> in the text as control tokens"},
             {"--bos", "", "put the model's BOS token in front"}},
            run};
}

}  // namespace edgechat::cli
