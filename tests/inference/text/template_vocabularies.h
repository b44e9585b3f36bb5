// Vocabularies for the tests of chat templates, and the templates themselves.
#pragma once

#include <algorithm>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "tests/inference/text/vectors.h"

namespace edgechat::testing {

using Ids = std::vector<int>;

inline std::string textOf(const std::vector<inference::PromptSegment>& segments) {
    std::string text;
    for (const inference::PromptSegment& segment : segments) text += segment.text;
    return text;
}

/// Control tokens from id 0 on, then one token for each byte.
inline std::unique_ptr<inference::Tokenizer> byteVocabulary(const std::vector<std::string>& controls, int bos,
                                                            int eos) {
    GgufWriter writer;
    std::vector<std::string> tokens = controls;
    std::vector<int32_t> types(controls.size(), 3);
    for (int byte = 0; byte < 256; ++byte) tokens.push_back(byteSpelling(byte));
    types.resize(tokens.size(), 1);
    writer.text("tokenizer.ggml.model", "gpt2");
    writer.text("tokenizer.ggml.pre", "smollm");
    writer.texts("tokenizer.ggml.tokens", tokens);
    writer.i32s("tokenizer.ggml.token_type", types);
    writer.texts("tokenizer.ggml.merges", {});
    if (bos >= 0) writer.u32("tokenizer.ggml.bos_token_id", static_cast<uint32_t>(bos));
    writer.u32("tokenizer.ggml.eos_token_id", static_cast<uint32_t>(eos));
    auto tokenizer = tokenizerOf(writer);
    if (!tokenizer) throw std::runtime_error(tokenizer.error().message());
    return std::move(*tokenizer);
}

/// tests/data/chat_template_goldens.json: each shape's template and what jinja2 makes of it.
inline const nlohmann::json& templateGoldens() {
    static const auto kGoldens = nlohmann::json::parse(
        readFile(std::string(EDGECHAT_SOURCE_DIR) + "/tests/data/chat_template_goldens.json"));
    return kGoldens;
}

inline nlohmann::json templateGolden(const std::string& variant) {
    for (const auto& golden : templateGoldens()) {
        if (golden["variant"] == variant) return golden;
    }
    throw std::runtime_error("no template " + variant);
}

/// The control tokens that the family's vocabulary has.
inline std::unique_ptr<inference::Tokenizer> vocabularyOf(const nlohmann::json& golden) {
    std::vector<std::string> controls;
    const std::string name = golden["name"], bos = golden["bos"], eos = golden["eos"];
    if (name == "chatml") controls = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
    if (name == "mistral-v3") controls = {"[INST]", "[/INST]"};
    if (name == "llama3") {
        controls = {"<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>",
                    "<|end_header_id|>", "<|eom_id|>",      "<|eot_id|>"};
    }
    for (const std::string& token : {bos, eos}) {
        if (!token.empty() && std::find(controls.begin(), controls.end(), token) == controls.end())
            controls.push_back(token);
    }
    const auto id = [&](const std::string& token) {
        const auto found = std::find(controls.begin(), controls.end(), token);
        return found == controls.end() ? -1 : static_cast<int>(found - controls.begin());
    };
    return byteVocabulary(controls, id(bos), id(eos));
}

}  // namespace edgechat::testing
