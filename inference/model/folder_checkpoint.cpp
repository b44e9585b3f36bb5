#include "inference/model/folder_checkpoint.h"

namespace edgechat::inference {

Result<CheckpointContent> readFolderCheckpoint(const std::filesystem::path& folder) {
    return Error{ErrorCode::badInput, "cannot read the model", folder.string(), "", "a folder",
                 "a GGUF file"};
}

Result<CheckpointContent> readFolderVocabulary(const std::filesystem::path& folder) {
    return readFolderCheckpoint(folder);
}

}  // namespace edgechat::inference
