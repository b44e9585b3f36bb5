// The tokenizer of a Hugging Face model folder, from whichever file it is in.
#include <optional>

#include "inference/model/json_file.h"
#include "inference/text/sentencepiece_model.h"
#include "inference/text/tiktoken.h"
#include "inference/text/tokenizer.h"
#include "inference/text/tokenizer_json.h"

namespace edgechat::inference {

namespace {

namespace fs = std::filesystem;

constexpr const char* kWhat = "cannot read the tokenizer";

bool present(const fs::path& path) {
    std::error_code error;
    return fs::exists(path, error);
}

// A tokenizer.model is a SentencePiece model or a file of ranks.
struct ModelFile {
    fs::path path;
    std::string content;
    bool ranks = false;
};

Result<std::optional<ModelFile>> readModelFile(const fs::path& folder) {
    // Mistral numbers its files; Meta's own are in a folder of their own.
    constexpr const char* kNames[] = {"tokenizer.model", "tokenizer.model.v3", "tokenizer.model.v2",
                                      "tokenizer.model.v1", "original/tokenizer.model"};
    for (const char* name : kNames) {
        ModelFile file{folder / name, {}, false};
        if (!present(file.path)) continue;
        Result<std::string> content = readSmallFile(file.path, kMostSentencePieceBytes, kWhat,
                                                    "a SentencePiece model or a file of ranks");
        if (!content) return content.error();
        file.content = std::move(*content);
        file.ranks = looksLikeRanks(file.content);
        return std::optional<ModelFile>(std::move(file));
    }
    return std::optional<ModelFile>();
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> openTokenizerFolder(const fs::path& folder) {
    Result<std::optional<ModelFile>> model = readModelFile(folder);
    if (!model) return model.error();
    std::optional<ModelFile>& file = *model;
    const fs::path jsonPath = folder / "tokenizer.json";
    const bool hasJson = present(jsonPath);
    if (!file && !hasJson) {
        return Error{ErrorCode::badInput,
                     kWhat,
                     folder.string(),
                     "",
                     present(folder / "vocab.json") ? "vocab.json and no tokenizer.json" : "no tokenizer",
                     "tokenizer.json or tokenizer.model (transformers writes the former: "
                     "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER))"};
    }
    Result<TokenizerSettings> settings = readTokenizerSettings(folder);
    if (!settings) return settings.error();
    if (!hasJson && file->ranks) return makeRankTokenizer(file->content, file->path.string(), *settings);

    nlohmann::json json;
    if (hasJson) {
        Result<nlohmann::json> read = readJsonFile(jsonPath, kWhat);
        if (!read) return read.error();
        json = std::move(*read);
    }
    if (!file || file->ranks) return makeJsonTokenizer(json, jsonPath.string(), *settings);
    std::vector<AddedToken> added;
    if (hasJson) {
        Result<std::vector<AddedToken>> read = readAddedTokensOf(json, jsonPath.string());
        if (!read) return read.error();
        added = std::move(*read);
    }
    return makeSentencePiece(std::move(file->content), file->path.string(), std::move(added), *settings);
}

}  // namespace edgechat::inference
