// Any bytes as tokenizer.json and as the small files beside it.
#include <cstdint>

#include "inference/model/json_file.h"
#include "inference/text/tokenizer_json.h"
#include "tests/fuzz/tokenizer_use.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace edgechat::inference;
    using edgechat::testing::require;
    const std::string text(reinterpret_cast<const char*>(data), size);
    auto json = parseJson(text, "tokenizer.json", "cannot read the tokenizer");
    if (!json) return 0;
    TokenizerSettings settings;
    settings.eos = "<s>";
    settings.modelIds.push_back({1, 2, {3, 10}});
    for (const TokenizerSettings& one : {TokenizerSettings(), settings}) {
        auto tokenizer = makeJsonTokenizer(*json, "tokenizer.json", one);
        if (!tokenizer) {
            require(tokenizer.error().message().find("tokenizer.json") != std::string::npos);
            continue;
        }
        edgechat::testing::useTokenizer(**tokenizer, text.substr(0, 1000));
    }
    return 0;
}
