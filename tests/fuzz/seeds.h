// What fuzzing begins with, by subject. Each function fills one folder, which exists; false when it could
// not.
#pragma once

#include <filesystem>
#include <string>

namespace edgechat::testing {

bool writeGgufSeeds(const std::filesystem::path& folder);
bool writeTextSeeds(const std::filesystem::path& folder);
bool writeTokenizerJsonSeeds(const std::filesystem::path& folder);
bool writeTiktokenSeeds(const std::filesystem::path& folder);
bool writeTemplateSeeds(const std::filesystem::path& folder);
bool writeSafetensorsSeeds(const std::filesystem::path& folder);
/// The first byte says which file it is: c for config.json, q for quant_config.json, i for an index.
bool writeConfigSeeds(const std::filesystem::path& folder);
/// The first byte says which file it is: r for edgechat.json, j for a journal.
bool writeReportSeeds(const std::filesystem::path& folder);

/// The first byte says what it is: i for a repository, t for a listing, h for header fields.
bool writeHubSeeds(const std::filesystem::path& folder);

/// The first byte says what it is: l for a link, f for a list of files, p and q for a configuration, c for a
/// catalog, anything else for what a quantizer says.
bool writeModelsSeeds(const std::filesystem::path& folder);

/// One seed.
bool writeSeed(const std::filesystem::path& path, const std::string& content);

}  // namespace edgechat::testing
