#include "quant/output/output_tokenizer.h"

#include <algorithm>
#include <vector>

#include <nlohmann/json.hpp>

#include "inference/text/utf8.h"
#include "quant/output/output_file.h"
#include "quant/output/tokenizer_json.h"

namespace edgechat::quant {

using nlohmann::ordered_json;

namespace {

namespace fs = std::filesystem;

constexpr const char* kFiles[] = {"tokenizer.json",
                                  "tokenizer.model",
                                  "tokenizer.model.v1",
                                  "tokenizer.model.v2",
                                  "tokenizer.model.v3",
                                  "original/tokenizer.model",
                                  "tokenizer_config.json",
                                  "special_tokens_map.json",
                                  "added_tokens.json",
                                  "vocab.json",
                                  "merges.txt",
                                  "generation_config.json",
                                  "chat_template.jinja",
                                  "chat_template.json"};

bool present(const fs::path& path) {
    std::error_code error;
    return fs::exists(path, error);
}

// The terms under which the weights may be passed on, which go with them.
std::vector<std::string> licences(const fs::path& folder) {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        std::error_code kind;
        if ((name.starts_with("LICENSE") || name.starts_with("NOTICE")) && entry->is_regular_file(kind))
            names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
}

Result<void> copyFiles(const fs::path& source, const std::vector<std::string>& names,
                       const fs::path& folder) {
    for (const std::string& name : names) {
        const fs::path target = folder / name;
        if (target.parent_path() != folder) {
            if (Result<void> made = makeFolder(target.parent_path()); !made) return made;
        }
        if (Result<void> copied = copyWholeFile(source / name, target); !copied) return copied;
    }
    return {};
}

// The token's spelling, or null where there is none.
ordered_json spelling(const inference::TokenizerData& data, int id) {
    return id < 0 ? ordered_json() : ordered_json(data.tokens[static_cast<size_t>(id)]);
}

std::string tokenizerConfig(const inference::Checkpoint& source) {
    using inference::TokenType;
    const inference::TokenizerData& data = *source.tokenizer();
    const bool sentencePiece = data.model == "llama";
    ordered_json config = {{"tokenizer_class", sentencePiece ? "LlamaTokenizer" : "PreTrainedTokenizerFast"},
                           {"add_bos_token", data.addBos},
                           {"add_eos_token", false},
                           {"bos_token", spelling(data, data.bos)},
                           {"eos_token", spelling(data, data.eos)},
                           {"pad_token", spelling(data, data.padding)},
                           {"clean_up_tokenization_spaces", false},
                           {"model_max_length", source.config().context}};
    // What is named here is taken out of the tokens that text may become.
    const bool unknown =
        data.unknown >= 0 && (data.types[static_cast<size_t>(data.unknown)] == TokenType::unknown ||
                              data.types[static_cast<size_t>(data.unknown)] == TokenType::control);
    if (unknown || sentencePiece) config["unk_token"] = spelling(data, unknown ? data.unknown : -1);
    if (sentencePiece) config["legacy"] = true;  // a space in front of text behind a control token too
    if (!source.chatTemplate().empty()) config["chat_template"] = source.chatTemplate();
    return config.dump(2) + "\n";
}

// All ids that end an answer.
std::string generationConfig(const inference::TokenizerData& data) {
    ordered_json ends = ordered_json::array();
    if (data.eos >= 0) ends.push_back(data.eos);
    for (const int id : data.endOfTurn) ends.push_back(id);
    ordered_json config;
    if (data.bos >= 0) config["bos_token_id"] = data.bos;
    if (!ends.empty()) config["eos_token_id"] = ends.size() == 1 ? ends[0] : ends;
    if (data.padding >= 0) config["pad_token_id"] = data.padding;
    return config.is_null() ? std::string() : config.dump(2) + "\n";
}

}  // namespace

Result<std::map<std::string, std::string>> tokenizerFiles(const inference::Checkpoint& source) {
    const inference::TokenizerData& data = *source.tokenizer();
    Result<std::string> json = tokenizerJson(data, source.path().string());
    if (!json) return json.error();
    if (const std::string& text = source.chatTemplate(); inference::validUtf8Prefix(text) != text.size()) {
        return Error{ErrorCode::badInput,    "cannot write the model's tokenizer_config.json",
                     source.path().string(), "tokenizer.chat_template",
                     "broken UTF-8",         "UTF-8, which JSON is written in"};
    }
    std::map<std::string, std::string> files;
    files["tokenizer.json"] = std::move(*json);
    files["tokenizer_config.json"] = tokenizerConfig(source);
    if (std::optional<std::string> model = sentencePieceModel(data))
        files["tokenizer.model"] = std::move(*model);
    if (std::string config = generationConfig(data); !config.empty())
        files["generation_config.json"] = std::move(config);
    return files;
}

std::vector<std::string> filesToCopy(const fs::path& source) {
    std::vector<std::string> names = licences(source);
    for (const char* name : kFiles) {
        if (present(source / name)) names.emplace_back(name);
    }
    return names;
}

Result<void> writeTokenizer(const inference::Checkpoint& source, const std::vector<std::string>& copied,
                            const fs::path& folder) {
    for (const char* name : kFiles) {
        if (Result<void> removed = removeFile(folder / name); !removed) return removed;
    }
    if (!source.tokenizer()) return copyFiles(source.path(), copied, folder);
    const Result<std::map<std::string, std::string>> files = tokenizerFiles(source);
    if (!files) return files.error();
    for (const auto& [name, content] : *files) {
        if (Result<void> written = writeWholeFile(folder / name, content); !written) return written;
    }
    return {};
}

}  // namespace edgechat::quant
