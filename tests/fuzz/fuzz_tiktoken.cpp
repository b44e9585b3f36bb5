// Any bytes as a file of ranks.
#include <cstdint>

#include "inference/text/tiktoken.h"
#include "tests/fuzz/tokenizer_use.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace edgechat::inference;
    const std::string content(reinterpret_cast<const char*>(data), size);
    looksLikeRanks(content);
    auto tokenizer = makeRankTokenizer(content, "tokenizer.model", {});
    if (!tokenizer) {
        edgechat::testing::require(tokenizer.error().message().find("tokenizer.model") != std::string::npos);
        return 0;
    }
    edgechat::testing::useTokenizer(**tokenizer, content.substr(0, 1000));
    return 0;
}
