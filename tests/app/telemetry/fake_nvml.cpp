// A libnvidia-ml.so.1 with one GPU. The functions' shapes are those of NVML's documentation.
#include "tests/app/telemetry/fake_nvml.h"

#include <cstddef>
#include <cstdio>
#include <cstring>

namespace {

constexpr int kSuccess = 0, kNotSupported = 3, kNotFound = 6, kUnknown = 999, kInvalidArgument = 2;
char device;

}  // namespace

extern "C" {

FakeNvml fakeNvml;

int nvmlInit_v2() {
    if (fakeNvml.initFails) return kUnknown;
    ++fakeNvml.started;
    return kSuccess;
}

int nvmlShutdown() {
    --fakeNvml.started;
    return kSuccess;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** handle) {
    ++fakeNvml.indexCalls;
    if (index != 0) return kInvalidArgument;
    *handle = &device;
    return kSuccess;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char* bus, void** handle) {
    ++fakeNvml.busCalls;
    if (std::strcmp(bus, fakeNvml.bus) != 0) return kNotFound;
    *handle = &device;
    return kSuccess;
}

int nvmlDeviceGetName(void* handle, char* name, unsigned length) {
    if (handle != &device || fakeNvml.nameFails) return kNotSupported;
    std::snprintf(name, length, "%s", fakeNvml.name);
    return kSuccess;
}

int nvmlDeviceGetUtilizationRates(void* handle, unsigned* gpuAndMemory) {
    if (handle != &device || fakeNvml.loadFails) return kNotSupported;
    gpuAndMemory[0] = fakeNvml.load;
    gpuAndMemory[1] = 99;
    return kSuccess;
}

int nvmlDeviceGetMemoryInfo(void* handle, unsigned long long* totalFreeUsed) {
    if (handle != &device || fakeNvml.memoryFails) return kNotSupported;
    totalFreeUsed[0] = fakeNvml.total;
    totalFreeUsed[1] = fakeNvml.total - fakeNvml.used;
    totalFreeUsed[2] = fakeNvml.used;
    return kSuccess;
}

int nvmlDeviceGetPowerUsage(void* handle, unsigned* milliwatts) {
    if (handle != &device || fakeNvml.powerFails) return kNotSupported;
    *milliwatts = fakeNvml.milliwatts;
    return kSuccess;
}

int nvmlDeviceGetTemperatureV(void* handle, unsigned* versionSensorTemperature) {
    if (handle != &device || fakeNvml.newTemperatureFails) return kNotSupported;
    if (versionSensorTemperature[0] != 0x0100000c || versionSensorTemperature[1] != 0)
        return kInvalidArgument;
    std::memcpy(versionSensorTemperature + 2, &fakeNvml.degrees, sizeof fakeNvml.degrees);
    return kSuccess;
}

int nvmlDeviceGetTemperature(void* handle, int sensor, unsigned* degrees) {
    if (handle != &device || fakeNvml.oldTemperatureFails) return kNotSupported;
    if (sensor != 0) return kInvalidArgument;
    *degrees = static_cast<unsigned>(fakeNvml.degrees) + 1;  // the two can be told apart
    return kSuccess;
}

}  // extern "C"
