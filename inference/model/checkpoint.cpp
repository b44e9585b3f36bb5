#include "inference/model/checkpoint.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <cstring>

#include "inference/model/gguf_fields.h"
#include "inference/model/gguf_mapping.h"

namespace edgechat::inference {

namespace {

Error readError(const std::filesystem::path& path, std::string field, std::string found,
                std::string expected) {
    return Error{ErrorCode::badInput, "cannot read the model", path.string(),
                 std::move(field),    std::move(found),        std::move(expected)};
}

}  // namespace

Result<std::unique_ptr<Checkpoint>> Checkpoint::open(const std::filesystem::path& path) {
    return openFile(path, false);
}

Result<std::unique_ptr<Checkpoint>> Checkpoint::openVocabulary(const std::filesystem::path& path) {
    return openFile(path, true);
}

Result<std::unique_ptr<Checkpoint>> Checkpoint::openFile(const std::filesystem::path& path,
                                                         bool vocabularyOnly) {
    std::unique_ptr<Checkpoint> checkpoint(new Checkpoint);
    checkpoint->m_path = path;
    // Without O_NONBLOCK a named pipe would hold us until somebody writes to it.
    checkpoint->m_file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (checkpoint->m_file < 0) return readError(path, "", std::strerror(errno), "a GGUF file");
    struct stat status = {};
    if (fstat(checkpoint->m_file, &status) != 0)
        return readError(path, "", std::strerror(errno), "a GGUF file");
    if (!S_ISREG(status.st_mode)) {
        return readError(path, "", S_ISDIR(status.st_mode) ? "a folder" : "something that is not a file",
                         "a GGUF file");
    }
    checkpoint->m_fileBytes = static_cast<uint64_t>(status.st_size);

    Result<GgufContainer> container = readGguf(checkpoint->m_file, checkpoint->m_fileBytes, path.string());
    if (!container) return container.error();
    if (!vocabularyOnly) {
        Result<LlamaModel> model = mapLlama(*container, path.string());
        if (!model) return model.error();
        checkpoint->m_config = std::move(model->config);
        checkpoint->m_tensors = std::move(model->tensors);
        checkpoint->m_allTensors = std::move(model->allTensors);
    }
    GgufFields fields(*container, path.string());
    checkpoint->m_chatTemplate = fields.textOr("tokenizer.chat_template", "");
    if (vocabularyOnly) {
        checkpoint->m_config.architecture = fields.textOr("general.architecture", "");
        checkpoint->m_config.name = fields.textOr("general.name", "");
    }
    if (!fields.ok()) return fields.error();
    Result<TokenizerData> vocabulary = takeVocabulary(*container, path.string());
    if (!vocabulary) return vocabulary.error();
    checkpoint->m_tokenizer = std::move(*vocabulary);
    return checkpoint;
}

Checkpoint::~Checkpoint() {
    if (m_file >= 0) ::close(m_file);
}

Result<void> Checkpoint::readRows(const TensorInfo& tensor, int64_t firstRow, int64_t rowCount,
                                  std::byte* out) const {
    assert(firstRow >= 0 && rowCount >= 0 && firstRow + rowCount <= tensor.rows);
    uint64_t position = tensor.offset + static_cast<uint64_t>(firstRow) * tensor.rowBytes();
    uint64_t left = static_cast<uint64_t>(rowCount) * tensor.rowBytes();
    while (left > 0) {
        const ssize_t got = pread(m_file, out, left, static_cast<off_t>(position));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            return readError(
                m_path, "tensor " + quotedForMessage(tensor.name),
                got < 0 ? std::strerror(errno) : "the end of the file at byte " + std::to_string(position),
                "a file of " + std::to_string(m_fileBytes) + " bytes, as when it was opened");
        }
        out += got;
        position += static_cast<uint64_t>(got);
        left -= static_cast<uint64_t>(got);
    }
    return {};
}

Result<std::vector<float>> Checkpoint::readVector(const TensorInfo& tensor) const {
    std::vector<std::byte> stored(tensor.bytes);
    if (Result<void> read = readRows(tensor, 0, tensor.rows, stored.data()); !read) return read.error();
    std::vector<float> values(static_cast<size_t>(tensor.rows * tensor.columns));
    for (int64_t row = 0; row < tensor.rows; ++row) {
        dequantizeRow(tensor.type, stored.data() + static_cast<uint64_t>(row) * tensor.rowBytes(),
                      tensor.columns, values.data() + row * tensor.columns);
    }
    return values;
}

void Checkpoint::dropPageCache() const {
    posix_fadvise(m_file, 0, 0, POSIX_FADV_DONTNEED);
}

}  // namespace edgechat::inference
