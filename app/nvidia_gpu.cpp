#include "app/nvidia_gpu.h"

#include <fstream>

#include "inference/cuda/l4t.h"

namespace edgechat::app {
namespace {

std::string firstWord(const std::filesystem::path& file) {
    std::ifstream stream(file);
    std::string word;
    stream >> word;
    return word;
}

}  // namespace

bool hasNvidiaGpu(const std::filesystem::path& root) {
    std::error_code failed;
    if (inference::cuda::isJetson(root) || std::filesystem::exists(root / "dev/nvidia0", failed)) return true;
    // Class 03 is a display controller; the same card's sound has another one.
    for (std::filesystem::directory_iterator device(root / "sys/bus/pci/devices", failed), end;
         !failed && device != end; device.increment(failed)) {
        if (firstWord(device->path() / "vendor") == "0x10de" &&
            firstWord(device->path() / "class").rfind("0x03", 0) == 0)
            return true;
    }
    return false;
}

bool gpuExpected(const std::filesystem::path& root, const inference::cuda::CudaProbe& probe) {
    using inference::cuda::CudaState;
    const bool unseen = probe.state == CudaState::notBuilt || probe.state == CudaState::noDriver ||
                        probe.state == CudaState::noDevice;
    return !unseen || hasNvidiaGpu(root);
}

std::string clause(std::string sentence) {
    while (!sentence.empty() && (sentence.back() == '.' || sentence.back() == ' ')) sentence.pop_back();
    return sentence;
}

}  // namespace edgechat::app
