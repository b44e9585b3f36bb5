// Which L4T (NVIDIA's Linux for Jetson boards) runs here, and what is known to go wrong with it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "inference/result.h"

namespace edgechat::inference::cuda {

struct L4tRelease {
    int major = 0, minor = 0, patch = 0;  ///< 36.4.7

    std::string text() const;
};

/// Of the text of /etc/nv_tegra_release, "# R36 (release), REVISION: 4.7, GCID: ...".
std::optional<L4tRelease> parseL4tRelease(std::string_view text);

/// What this machine runs; none where it is not a Jetson. `root` stands in front of the path.
std::optional<L4tRelease> l4tRelease(const std::filesystem::path& root = "/");

/// /etc/nv_tegra_release, or "tegra" in the device tree.
bool isJetson(const std::filesystem::path& root = "/");

/// Since 36.4.7 NvMap, the driver's memory allocator, refuses large pieces that would fit.
bool refusesLargePieces(const L4tRelease& release);

/// ErrorCode::doesNotFit with the numbers, and with what helps on the release.
/// @param what  "the weights"
Error outOfMemory(const char* what, uint64_t bytes, uint64_t free, const std::optional<L4tRelease>& release);

}  // namespace edgechat::inference::cuda
