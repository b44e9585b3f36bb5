#include "inference/model/gguf_checkpoint.h"

#include "inference/model/gguf_fields.h"
#include "inference/model/gguf_mapping.h"

namespace edgechat::inference {

namespace {

Result<CheckpointContent> readFile(const std::filesystem::path& path, bool vocabularyOnly) {
    CheckpointContent content;
    Result<std::shared_ptr<const DataFile>> file = DataFile::open(path, "a GGUF file");
    if (!file) return file.error();
    content.files.push_back(*file);
    Result<GgufContainer> container = readGguf((*file)->descriptor(), (*file)->bytes(), path.string());
    if (!container) return container.error();
    if (!vocabularyOnly) {
        Result<LlamaModel> model = mapLlama(*container, *file);
        if (!model) return model.error();
        content.config = std::move(model->config);
        content.tensors = std::move(model->tensors);
        content.allTensors = std::move(model->allTensors);
    }
    GgufFields fields(*container, path.string());
    content.chatTemplate = fields.textOr("tokenizer.chat_template", "");
    if (vocabularyOnly) {
        content.config.architecture = fields.textOr("general.architecture", "");
        content.config.name = fields.textOr("general.name", "");
    }
    if (!fields.ok()) return fields.error();
    Result<TokenizerData> vocabulary = takeVocabulary(*container, path.string());
    if (!vocabulary) return vocabulary.error();
    content.tokenizer = std::move(*vocabulary);
    return content;
}

}  // namespace

Result<CheckpointContent> readGgufCheckpoint(const std::filesystem::path& path) {
    return readFile(path, false);
}

Result<CheckpointContent> readGgufVocabulary(const std::filesystem::path& path) {
    return readFile(path, true);
}

}  // namespace edgechat::inference
