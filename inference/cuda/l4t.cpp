#include "inference/cuda/l4t.h"

#include <cstdio>
#include <fstream>
#include <iterator>
#include <tuple>

namespace edgechat::inference::cuda {
namespace {

std::string readText(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string megabytes(uint64_t bytes) {
    return std::to_string((bytes + 500'000) / 1'000'000) + " MB";
}

}  // namespace

std::string L4tRelease::text() const {
    return std::to_string(major) + '.' + std::to_string(minor) + '.' + std::to_string(patch);
}

std::optional<L4tRelease> parseL4tRelease(std::string_view text) {
    L4tRelease release;
    const std::string line(text.substr(0, text.find('\n')));
    if (std::sscanf(line.c_str(), "# R%3d (release), REVISION: %3d.%3d", &release.major, &release.minor,
                    &release.patch) != 3)
        return std::nullopt;
    return release;
}

std::optional<L4tRelease> l4tRelease(const std::filesystem::path& root) {
    return parseL4tRelease(readText(root / "etc/nv_tegra_release"));
}

bool isJetson(const std::filesystem::path& root) {
    std::error_code ignored;
    return std::filesystem::exists(root / "etc/nv_tegra_release", ignored) ||
           readText(root / "proc/device-tree/compatible").find("tegra") != std::string::npos;
}

bool refusesLargePieces(const L4tRelease& release) {
    // 36.5 is not known to be cured; 39 has another driver.
    return release.major == 36 && std::tuple(release.minor, release.patch) >= std::tuple(4, 7);
}

Error outOfMemory(const char* what, uint64_t bytes, uint64_t free, const std::optional<L4tRelease>& release) {
    Error error{ErrorCode::doesNotFit,
                std::string("not enough GPU memory for ") + what,
                "",
                "",
                megabytes(free) + " free",
                std::to_string(bytes) + " bytes"};
    if (release && refusesLargePieces(*release)) {
        error.expected += "; L4T " + release->text() +
                          " refuses large pieces although memory is free, and restarting the computer helps";
    } else if (release) {
        error.expected += "; closing other programs or restarting the computer gives memory back";
    }
    return error;
}

}  // namespace edgechat::inference::cuda
