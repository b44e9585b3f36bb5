// What `doctor` looks at: each check is one line with its cause and what to do.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "inference/cuda/cuda.h"
#include "inference/result.h"

namespace edgechat::cli {

/// `info`: nothing to mend, but worth knowing. `warning`: works, worse than it could. `error`: does not work.
enum class CheckStatus { ok, info, warning, error };
const char* checkStatusName(CheckStatus status);

struct Check {
    std::string name;
    CheckStatus status = CheckStatus::ok;
    std::string detail;
    std::string fix;  ///< empty when there is nothing to do
};

/// Files are read below `root`, "/" but for tests.
Check checkDevice(const std::filesystem::path& root, const inference::cuda::CudaProbe& probe);
/// Of a machine whose GPU can be used.
Check checkCublas(const Result<std::string>& version);
Check checkJetPack(const std::filesystem::path& root);
Check checkPowerMode(const std::filesystem::path& root);
Check checkMemory(const std::filesystem::path& root);
/// Free space where `folder` is or will be.
Check checkDisk(const std::filesystem::path& folder);

/// Data folder, history and store; in a build without Qt a line each that says that it has none.
std::vector<Check> checkUserData();

}  // namespace edgechat::cli
