// A model's name in the store, as a file. One of two implementations is built: with a store, or without Qt.
#pragma once

#include <filesystem>
#include <string>

#include "inference/result.h"

namespace edgechat::cli {

/// The checkpoint of the store's model `name`. ErrorCode::badInput when there is none or it is damaged; in a
/// build without Qt always, saying that MODEL is a path there.
Result<std::filesystem::path> storedModel(const std::string& name);

}  // namespace edgechat::cli
