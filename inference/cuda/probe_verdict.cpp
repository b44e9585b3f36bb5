#include "inference/cuda/probe_verdict.h"

#include <algorithm>
#include <cctype>
#include <sstream>
#include <vector>

namespace edgechat::inference::cuda {
namespace {

constexpr int kFirst = 75;  // Turing, the first with what the kernels are made of

constexpr const char* kRightsFix =
    "add yourself to the groups that may use it, \"sudo usermod -aG video,render $USER\", then log in again";
constexpr const char* kProcessorFix = "models run on the processor";

std::string smOf(int major, int minor) {
    return "sm_" + std::to_string(major) + std::to_string(minor);
}

/// The oldest driver branch for PCs that runs programs of a CUDA version.
std::string driverFor(int programVersion) {
    return programVersion >= 13000 ? "580" : "525";
}

void noDriver(const ProbeFacts& facts, CudaProbe& probe) {
    probe.state = CudaState::noDriver;
    if (facts.jetson) {
        probe.detail = "NVIDIA's driver library libcuda.so.1 is not on this Jetson";
        probe.fix = "install the package nvidia-l4t-cuda; in a container, start it with \"--runtime nvidia\"";
    } else if (facts.gpuOnBus) {
        probe.detail = "there is an NVIDIA GPU, and no NVIDIA driver that works with it";
        probe.fix = "install the driver " + driverFor(facts.programVersion) +
                    " or newer (Ubuntu: \"sudo ubuntu-drivers install\") and restart the computer; in a "
                    "container, start it with \"--gpus all\"";
    } else {
        probe.detail = "no NVIDIA driver on this machine";
        probe.fix = kProcessorFix;
    }
    if (!facts.libraryError.empty()) probe.detail += " (" + facts.libraryError + ")";
}

void driverTooOld(const ProbeFacts& facts, CudaProbe& probe) {
    probe.state = CudaState::driverTooOld;
    probe.detail = "the NVIDIA driver supports CUDA " + cudaVersionText(facts.driverVersion) +
                   ", this program needs " + cudaVersionText(facts.programVersion);
    probe.fix = facts.jetson
                    ? "install the EdgeChat package that was built for this JetPack, or a newer JetPack"
                    : "install the NVIDIA driver " + driverFor(facts.programVersion) +
                          " or newer and restart the computer";
}

void noDevice(const ProbeFacts& facts, CudaProbe& probe) {
    probe.state = CudaState::noDevice;
    if (!facts.deniedFile.empty()) {
        probe.detail = "this user may not use the GPU: no access to " + facts.deniedFile;
        probe.fix = kRightsFix;
    } else if (!facts.hiddenBy.empty()) {
        probe.detail = "CUDA_VISIBLE_DEVICES=" + facts.hiddenBy + " hides every GPU";
        probe.fix = "unset CUDA_VISIBLE_DEVICES";
    } else {
        probe.detail = "the NVIDIA driver is there, and no GPU that it can use";
        probe.fix = facts.gpuOnBus || facts.jetson
                        ? "restart the computer; if that does not help, \"sudo dmesg | grep -i nv\" says why"
                        : kProcessorFix;
    }
}

void wrongArchitecture(const ProbeFacts& facts, CudaProbe& probe) {
    const std::string built = architecturesText(facts.architectures);
    const std::string own = smOf(facts.major, facts.minor);
    probe.state = CudaState::wrongArchitecture;
    probe.detail = facts.name + " is " + own + ", and this program has kernels for " +
                   (built.empty() ? "other GPUs" : built) + " only";
    if (facts.major * 10 + facts.minor < kFirst) {
        probe.fix = "EdgeChat needs a GPU of " + smOf(kFirst / 10, kFirst % 10) +
                    " or newer (GeForce RTX 20, Jetson Orin); models run on the processor";
    } else {
        probe.fix = "build EdgeChat with -DEDGECHAT_CUDA_ARCHITECTURES=" + own.substr(3);
    }
}

void failed(const ProbeFacts& facts, CudaProbe& probe) {
    const std::string device = facts.name.empty() ? "the GPU" : facts.name;
    probe.state = CudaState::failed;
    probe.fix = "restart the computer; if that does not help, install the newest NVIDIA driver";
    switch (facts.error) {
        case ProbeError::none:
            probe.detail = device + " computed wrong numbers in a first small test";
            return;
        case ProbeError::outOfMemory:
            probe.detail = device + " has no memory left to start with";
            probe.fix = "close programs that use the GPU";
            if (facts.jetson) probe.fix += " or much memory, or restart the computer";
            return;
        case ProbeError::inUse:
            probe.detail = device + " is used by another program that has it for itself";
            probe.fix = "close that program, or allow sharing: \"sudo nvidia-smi -c DEFAULT\"";
            return;
        case ProbeError::mismatch:
            probe.detail = "the NVIDIA driver was updated while it ran";
            probe.fix = "restart the computer";
            break;
        default:
            probe.detail = facts.step == ProbeStep::run ? device + " failed in a first small test"
                                                        : device + " could not be started";
            break;
    }
    if (!facts.words.empty()) probe.detail += ": " + facts.words;
}

}  // namespace

std::string cudaVersionText(int version) {
    return std::to_string(version / 1000) + '.' + std::to_string(version % 1000 / 10);
}

std::string architecturesText(const std::string& list) {
    std::vector<std::string> names;
    std::string spaced = list;
    std::replace_if(
        spaced.begin(), spaced.end(), [](char c) { return c == ';' || c == ','; }, ' ');
    std::istringstream stream(spaced);
    for (std::string entry; stream >> entry;) {
        size_t end = 0;
        while (end < entry.size() && std::isdigit(static_cast<unsigned char>(entry[end])) != 0) ++end;
        if (end == 0) continue;
        if (end < entry.size() && entry[end] != '-') ++end;  // "90a"
        const std::string name = "sm_" + entry.substr(0, end);
        if (names.empty() || names.back() != name) names.push_back(name);
    }
    std::string text;
    for (size_t i = 0; i < names.size(); ++i)
        text += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
    return text;
}

CudaProbe verdictOf(const ProbeFacts& facts) {
    CudaProbe probe;
    probe.device = facts.name;
    probe.major = facts.major;
    probe.minor = facts.minor;
    probe.integrated = facts.integrated;
    probe.memory = facts.memory;
    probe.pciBus = facts.pciBus;
    if (facts.step == ProbeStep::done && facts.error == ProbeError::none && facts.rightNumbers) {
        probe.state = CudaState::ready;
        probe.detail = facts.name + " (" + smOf(facts.major, facts.minor) + ") computed a first small test";
        return probe;
    }
    // Before a kernel was tried every error of a user without the right to the device means just that; which
    // one CUDA chooses depends on the driver.
    const bool denied = !facts.deniedFile.empty() && facts.step <= ProbeStep::start;
    if (facts.error == ProbeError::driver && facts.driverVersion > 0) {
        driverTooOld(facts, probe);
    } else if (facts.driverVersion == 0) {
        noDriver(facts, probe);
    } else if (denied || facts.error == ProbeError::noDevice ||
               (facts.error == ProbeError::none && facts.devices == 0)) {
        noDevice(facts, probe);
    } else if (facts.error == ProbeError::noImage) {
        wrongArchitecture(facts, probe);
    } else {
        failed(facts, probe);
    }
    return probe;
}

Error unusable(const CudaProbe& probe) {
    return Error{ErrorCode::badInput,
                 probe.fix.empty() ? probe.detail : probe.detail + "; " + probe.fix,
                 "",
                 "",
                 "",
                 ""};
}

CudaProbe verdictNotBuilt(bool jetson, bool gpu) {
    CudaProbe probe;
    probe.state = CudaState::notBuilt;
    probe.detail = "this program was built without CUDA";
    if (jetson || gpu) {
        probe.fix = std::string("install ") +
                    (jetson ? "cuda-nvcc-12-6, cuda-cudart-dev-12-6 and libcublas-dev-12-6 (JetPack 6)"
                            : "NVIDIA's CUDA toolkit 12.2 or newer") +
                    " and build EdgeChat with -DEDGECHAT_CUDA=ON";
    } else {
        probe.fix = kProcessorFix;
    }
    return probe;
}

}  // namespace edgechat::inference::cuda
