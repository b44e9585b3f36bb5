#include "inference/model/checkpoint.h"

#include <cassert>

#include "inference/model/folder_checkpoint.h"
#include "inference/model/gguf_checkpoint.h"
#include "inference/model/gguf_metadata.h"

namespace edgechat::inference {

Result<std::unique_ptr<Checkpoint>> Checkpoint::open(const std::filesystem::path& path, Shards shards) {
    std::error_code error;
    Result<CheckpointContent> content = std::filesystem::is_directory(path, error)
                                            ? readFolderCheckpoint(path, shards)
                                            : readGgufCheckpoint(path);
    if (!content) return content.error();
    return std::unique_ptr<Checkpoint>(new Checkpoint(path, std::move(*content)));
}

Result<std::unique_ptr<Checkpoint>> Checkpoint::openVocabulary(const std::filesystem::path& path) {
    std::error_code error;
    Result<CheckpointContent> content =
        std::filesystem::is_directory(path, error) ? readFolderVocabulary(path) : readGgufVocabulary(path);
    if (!content) return content.error();
    return std::unique_ptr<Checkpoint>(new Checkpoint(path, std::move(*content)));
}

std::unique_ptr<Checkpoint> Checkpoint::fromContent(std::filesystem::path path, CheckpointContent content) {
    return std::unique_ptr<Checkpoint>(new Checkpoint(std::move(path), std::move(content)));
}

uint64_t Checkpoint::fileBytes() const {
    uint64_t bytes = 0;
    for (const auto& file : m_content.files) bytes += file->bytes();
    return bytes;
}

Result<void> Checkpoint::readRows(const TensorInfo& tensor, int64_t firstRow, int64_t rowCount,
                                  std::byte* out) const {
    assert(firstRow >= 0 && rowCount >= 0 && firstRow + rowCount <= tensor.rows);
    if (Result<void> read = tensor.source->read(firstRow, rowCount, out); !read) return read;
    return checkRows(tensor, rowCount, out);
}

Result<void> Checkpoint::checkRows(const TensorInfo& tensor, int64_t rowCount, const std::byte* rows) const {
    const int64_t blocks = rowCount * (tensor.columns / blockElements(tensor.type, tensor.groupSize));
    if (finiteBlocks(tensor.type, rows, blocks, tensor.groupSize)) return {};
    return Error{ErrorCode::badInput,
                 "cannot read the model",
                 m_path.string(),
                 "tensor " + quotedForMessage(tensor.name),
                 "an infinity or a NaN in its scales or values",
                 "finite numbers; the file is damaged"};
}

Result<std::vector<float>> Checkpoint::readVector(const TensorInfo& tensor) const {
    std::vector<std::byte> stored(tensor.bytes);
    if (Result<void> read = readRows(tensor, 0, tensor.rows, stored.data()); !read) return read.error();
    return valuesOf(tensor, stored.data());
}

std::vector<float> Checkpoint::valuesOf(const TensorInfo& tensor, const std::byte* rows) {
    std::vector<float> values(static_cast<size_t>(tensor.rows * tensor.columns));
    for (int64_t row = 0; row < tensor.rows; ++row) {
        dequantizeRow(tensor, rows + static_cast<uint64_t>(row) * tensor.rowBytes(),
                      values.data() + row * tensor.columns);
    }
    return values;
}

void Checkpoint::dropPageCache() const {
    for (const auto& file : m_content.files) file->dropPageCache();
    for (const Shard& shard : m_content.shards) {
        if (shard.whole) shard.tensors.front().file->dropPageCache();
    }
}

}  // namespace edgechat::inference
