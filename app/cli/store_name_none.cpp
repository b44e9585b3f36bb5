#include "app/cli/store_name.h"

namespace edgechat::cli {

Result<std::filesystem::path> storedModel(const std::string& name) {
    Error error;
    error.code = ErrorCode::badInput;
    error.what = "cannot find the model";
    error.file = name;
    error.found = "no such file";
    error.expected = "the path of a .gguf file: this build has no store";
    return error;
}

}  // namespace edgechat::cli
