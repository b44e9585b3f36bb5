// The JSON files that come with a model, which anybody may have written: bounded in size and depth, no key
// twice.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "inference/result.h"

namespace edgechat::inference {

/// Largest JSON file that is read: tokenizer.json of the largest vocabulary takes 17 MB.
constexpr uint64_t kMostJsonBytes = 32u << 20;

/// A regular file's whole content. Fails when it is larger than `mostBytes` before memory is taken for it.
/// @param what      for the message: "cannot read the tokenizer"
/// @param expected  for the message: "a JSON file"
Result<std::string> readSmallFile(const std::filesystem::path& path, uint64_t mostBytes, const char* what,
                                  const char* expected);

/// Strict JSON: valid UTF-8, nested at most 64 deep, no key twice in one object, nothing after the value.
/// @param fileName  for messages
Result<nlohmann::json> parseJson(std::string_view text, const std::string& fileName, const char* what);

/// readSmallFile() and parseJson().
Result<nlohmann::json> readJsonFile(const std::filesystem::path& path, const char* what);

}  // namespace edgechat::inference
