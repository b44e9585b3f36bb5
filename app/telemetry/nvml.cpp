#include "app/telemetry/nvml.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstring>

namespace edgechat::app {
namespace {

// NVML's types, as its documentation has them: its header is in no package that the build needs.
using Device = void*;
constexpr int kSuccess = 0;
constexpr int kTemperatureOfGpu = 0;

struct Utilization {
    unsigned gpu = 0, memory = 0;  // percent of the last period
};

struct MemoryInfo {
    unsigned long long total = 0, free = 0, used = 0;
};

struct TemperatureV1 {
    unsigned version = sizeof(TemperatureV1) | 1u << 24;
    unsigned sensor = kTemperatureOfGpu;
    int temperature = 0;
};

}  // namespace

/// What is null is not in this version of the library.
struct Nvml::Functions {
    int (*init)() = nullptr;
    int (*shutdown)() = nullptr;
    int (*byBus)(const char*, Device*) = nullptr;
    int (*byIndex)(unsigned, Device*) = nullptr;
    int (*name)(Device, char*, unsigned) = nullptr;
    int (*utilization)(Device, Utilization*) = nullptr;
    int (*memory)(Device, MemoryInfo*) = nullptr;
    int (*power)(Device, unsigned*) = nullptr;
    int (*temperatureV)(Device, TemperatureV1*) = nullptr;
    int (*temperature)(Device, int, unsigned*) = nullptr;

    void* library = nullptr;
    Device device = nullptr;
    bool started = false;

    ~Functions() {
        if (started && shutdown != nullptr) shutdown();
        if (library != nullptr) dlclose(library);
    }

    bool open(const char* file, const QByteArray& bus) {
        library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
        if (library == nullptr) return false;
        find(init, "nvmlInit_v2");
        find(shutdown, "nvmlShutdown");
        find(byBus, "nvmlDeviceGetHandleByPciBusId_v2");
        find(byIndex, "nvmlDeviceGetHandleByIndex_v2");
        find(name, "nvmlDeviceGetName");
        find(utilization, "nvmlDeviceGetUtilizationRates");
        find(memory, "nvmlDeviceGetMemoryInfo");
        find(power, "nvmlDeviceGetPowerUsage");
        find(temperatureV, "nvmlDeviceGetTemperatureV");
        find(temperature, "nvmlDeviceGetTemperature");
        started = init != nullptr && init() == kSuccess;
        if (!started) return false;
        const bool found = bus.isEmpty() ? byIndex != nullptr && byIndex(0, &device) == kSuccess
                                         : byBus != nullptr && byBus(bus.constData(), &device) == kSuccess;
        return found && !isStub();
    }

  private:
    template <class Function>
    void find(Function& function, const char* symbol) {
        function = reinterpret_cast<Function>(dlsym(library, symbol));
    }

    /// On a Jetson, whose library knows a name and nothing else.
    bool isStub() const {
        char text[97] = {};
        if (name == nullptr || name(device, text, sizeof text - 1) != kSuccess) return false;
        return std::strstr(text, "(nvgpu)") != nullptr;
    }
};

Nvml::Nvml() : m_functions(std::make_unique<Functions>()) {}
Nvml::~Nvml() = default;

std::unique_ptr<Nvml> Nvml::open(const QString& library, const QString& pciBus) {
    std::unique_ptr<Nvml> nvml(new Nvml);
    if (!nvml->m_functions->open(library.toLocal8Bit().constData(), pciBus.toLatin1())) return nullptr;
    return nvml;
}

GpuSample Nvml::sample() const {
    const Functions& f = *m_functions;
    GpuSample sample;
    Utilization utilization;
    if (f.utilization != nullptr && f.utilization(f.device, &utilization) == kSuccess)
        sample.load = std::min(utilization.gpu, 100u) / 100.0;
    MemoryInfo memory;
    if (f.memory != nullptr && f.memory(f.device, &memory) == kSuccess) {
        sample.memoryUsed = static_cast<qint64>(memory.used);
        sample.memoryTotal = static_cast<qint64>(memory.total);
    }
    unsigned milliwatts = 0;
    if (f.power != nullptr && f.power(f.device, &milliwatts) == kSuccess) sample.power = milliwatts / 1000.0;
    // The older call is gone from the newest drivers.
    TemperatureV1 temperature;
    unsigned degrees = 0;
    if (f.temperatureV != nullptr && f.temperatureV(f.device, &temperature) == kSuccess) {
        sample.temperature = temperature.temperature;
    } else if (f.temperature != nullptr && f.temperature(f.device, kTemperatureOfGpu, &degrees) == kSuccess) {
        sample.temperature = degrees;
    }
    return sample;
}

}  // namespace edgechat::app
