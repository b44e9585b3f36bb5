#include "app/cli/doctor_checks.h"

#include <fstream>
#include <iterator>
#include <regex>
#include <thread>

#include "app/cli/output.h"
#include "app/nvidia_gpu.h"
#include "inference/cpu/kernels.h"
#include "inference/cuda/l4t.h"

namespace edgechat::cli {

using inference::cuda::isJetson;

namespace {

constexpr uint64_t kLowMemory = uint64_t{1} << 30;  // bytes; a 1B model in 4 bits with its cache
constexpr uint64_t kLowDisk = uint64_t{2} << 30;    // bytes; one small model
constexpr uint64_t kNoDisk = uint64_t{50} << 20;    // bytes; the history needs some to grow
constexpr std::streamsize kMostBytes = std::streamsize{64} << 10;

/// A small text file without its NULs; empty when it cannot be read.
std::string readSmallFile(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::string text(static_cast<size_t>(kMostBytes), '\0');
    file.read(text.data(), kMostBytes);
    text.resize(static_cast<size_t>(file.gcount()));
    std::erase(text, '\0');
    return text;
}

/// "MemTotal" or "MemAvailable" of /proc/meminfo in bytes; 0 when it is not there.
uint64_t memoryField(const std::string& meminfo, const std::string& field) {
    std::smatch match;
    if (!std::regex_search(meminfo, match, std::regex(field + R"(:\s+(\d{1,15}) kB)"))) return 0;
    return std::stoull(match[1].str()) * 1024;
}

/// The JetPack that a revision of L4T belongs to; by the major number alone where NVIDIA's table has a gap.
std::string jetPackOf(int major, const std::string& revision) {
    if (major == 36) {
        if (revision == "2.0" || revision == "3.0") return "JetPack 6.0";
        if (revision == "4.0" || revision == "4.2") return "JetPack 6.1";
        if (revision == "4.3") return "JetPack 6.2";
        if (revision == "4.4" || revision == "4.7") return "JetPack 6.2.1";
        if (revision == "5.0") return "JetPack 6.2.2";
        return "JetPack 6";
    }
    if (major >= 38) return "JetPack 7";
    return major == 35 ? "JetPack 5" : "an older JetPack";
}

}  // namespace

const char* checkStatusName(CheckStatus status) {
    switch (status) {
        case CheckStatus::ok:
            return "ok";
        case CheckStatus::info:
            return "info";
        case CheckStatus::warning:
            return "warning";
        case CheckStatus::error:
            return "error";
    }
    return "error";
}

Check checkDevice(const std::filesystem::path& root, const inference::cuda::CudaProbe& probe) {
    const std::string kernels = inference::cpu::usableKernels().front()->name;
    const std::string cpu =
        "CPU with " + std::to_string(std::thread::hardware_concurrency()) + " cores, " + kernels + " kernels";
    if (probe.state == inference::cuda::CudaState::ready) {
        return {"device", CheckStatus::ok,
                "GPU " + probe.device + ", compute capability " + std::to_string(probe.major) + '.' +
                    std::to_string(probe.minor) + ", " + bytesText(probe.memory) +
                    (probe.integrated ? " shared with the CPU; " : "; ") + cpu,
                ""};
    }
    if (app::gpuExpected(root, probe)) {
        return {"device", CheckStatus::warning, cpu + "; " + app::clause(probe.detail), probe.fix};
    }
    if (kernels == "portable") {
        return {"device", CheckStatus::warning,
                cpu + "; no NVIDIA GPU and no faster instruction set was found",
                "a machine with AVX2 or AVX-512 is several times faster"};
    }
    return {"device", CheckStatus::ok, cpu + "; no NVIDIA GPU was found", ""};
}

Check checkCublas(const Result<std::string>& version) {
    if (version) return {"cublas", CheckStatus::ok, "cuBLAS " + *version, ""};
    return {"cublas", CheckStatus::warning,
            "no cuBLAS (" + version.error().found + "): models are quantized by the CPU",
            "install " + version.error().expected};
}

Check checkJetPack(const std::filesystem::path& root) {
    if (!isJetson(root)) return {"jetpack", CheckStatus::info, "not a Jetson", ""};
    const std::string release = readSmallFile(root / "etc/nv_tegra_release");
    std::smatch match;
    if (!std::regex_search(release, match,
                           std::regex(R"(^# R(\d{1,3}) \(release\), REVISION: (\d{1,3}\.\d{1,3}))"))) {
        return {"jetpack", CheckStatus::warning, "a Jetson whose /etc/nv_tegra_release has no release line",
                "install NVIDIA's package nvidia-l4t-core again"};
    }
    const int major = std::stoi(match[1].str());
    const std::string detail =
        jetPackOf(major, match[2].str()) + " (L4T " + match[1].str() + '.' + match[2].str() + ')';
    if (major < 36)
        return {"jetpack", CheckStatus::warning, detail, "EdgeChat is made for JetPack 6 or newer"};
    return {"jetpack", CheckStatus::ok, detail, ""};
}

Check checkPowerMode(const std::filesystem::path& root) {
    if (!isJetson(root)) return {"power mode", CheckStatus::info, "not a Jetson", ""};
    const std::string config = readSmallFile(root / "etc/nvpmodel.conf");
    const std::string status = readSmallFile(root / "var/lib/nvpmodel/status");
    std::smatch match;
    // A fresh board has no status yet and runs in the default mode.
    if (!std::regex_search(status, match, std::regex(R"(pmode:(\d{1,4}))")) &&
        !std::regex_search(config, match, std::regex(R"(PM_CONFIG DEFAULT=(\d{1,4}))"))) {
        return {"power mode", CheckStatus::info, "not reported by this board", ""};
    }
    const int current = std::stoi(match[1].str());
    std::string name = "mode " + std::to_string(current), better;
    const std::regex mode(R"(POWER_MODEL ID=(\d{1,4}) NAME=(\w{1,64}))");
    for (std::sregex_iterator i(config.begin(), config.end(), mode), end; i != end; ++i) {
        const int id = std::stoi((*i)[1].str());
        const std::string modeName = (*i)[2].str();
        if (id == current) name = modeName;
        // Where both exist, 25W already has the full memory clock.
        if (modeName == "25W" || (better.empty() && modeName.rfind("MAXN", 0) == 0)) {
            better = modeName + ": sudo nvpmodel -m " + std::to_string(id);
        }
    }
    const bool slow = name == "7W" || name == "10W" || name == "15W";
    if (slow && !better.empty()) {
        return {"power mode", CheckStatus::warning, name + ", which slows the memory that answers depend on",
                "use " + better};
    }
    return {"power mode", CheckStatus::ok, name, ""};
}

Check checkMemory(const std::filesystem::path& root) {
    const std::string meminfo = readSmallFile(root / "proc/meminfo");
    const uint64_t total = memoryField(meminfo, "MemTotal");
    const uint64_t available = memoryField(meminfo, "MemAvailable");
    if (total == 0 || available == 0) {
        return {"memory", CheckStatus::warning, "/proc/meminfo does not tell how much memory there is",
                "mount /proc: without it no model can be checked to fit"};
    }
    const std::string detail = bytesText(available) + " available of " + bytesText(total);
    if (available < kLowMemory) {
        return {"memory", CheckStatus::warning, detail, "close other programs, or use a small model"};
    }
    return {"memory", CheckStatus::ok, detail, ""};
}

Check checkDisk(const std::filesystem::path& folder) {
    std::error_code failed;
    std::filesystem::path existing = std::filesystem::absolute(folder, failed);
    while (existing.has_relative_path() && !std::filesystem::exists(existing, failed)) {
        existing = existing.parent_path();
    }
    const std::filesystem::space_info space = std::filesystem::space(existing, failed);
    if (failed) {
        return {"disk", CheckStatus::error,
                "cannot read the disk of " + existing.string() + ": " + failed.message(),
                "check that the folder can be read"};
    }
    const uint64_t available = space.available;
    const std::string detail = bytesText(available) + " free at " + folder.string();
    if (available < kNoDisk)
        return {"disk", CheckStatus::error, detail, "free some space: chats cannot be saved"};
    if (available < kLowDisk)
        return {"disk", CheckStatus::warning, detail, "free some space before adding models"};
    return {"disk", CheckStatus::ok, detail, ""};
}

}  // namespace edgechat::cli
