#include "inference/model/gguf_checkpoint.h"

#include "inference/model/gguf_mapping.h"

namespace edgechat::inference {

namespace {

Result<void> addTokenizer(GgufContainer& container, const std::string& fileName, CheckpointContent& content) {
    GgufFields fields(container, fileName);
    content.chatTemplate = fields.textOr("tokenizer.chat_template", "");
    if (!fields.ok()) return fields.error();
    Result<TokenizerData> vocabulary = takeVocabulary(container, fileName, content.warnings);
    if (!vocabulary) return vocabulary.error();
    content.tokenizer = std::move(*vocabulary);
    return {};
}

}  // namespace

Result<CheckpointContent> readGgufCheckpoint(const std::filesystem::path& path) {
    Result<GgufParts> parts = openGgufParts(path);
    if (!parts) return parts.error();
    Result<CheckpointContent> content = mapGgufModel(*parts, path.string());
    if (!content) return content;
    if (Result<void> added = addTokenizer(parts->container, path.string(), *content); !added)
        return added.error();
    return content;
}

Result<CheckpointContent> readGgufVocabulary(const std::filesystem::path& path) {
    Result<GgufParts> parts = openFirstGgufPart(path);
    if (!parts) return parts.error();
    CheckpointContent content;
    content.files = parts->files;
    GgufFields fields(parts->container, path.string());
    content.config.architecture = fields.textOr("general.architecture", "");
    content.config.name = fields.textOr("general.name", "");
    if (!fields.ok()) return fields.error();
    if (Result<void> added = addTokenizer(parts->container, path.string(), content); !added)
        return added.error();
    return content;
}

}  // namespace edgechat::inference
