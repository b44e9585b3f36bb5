// What the fake of NVIDIA's measuring library answers. Its symbol `fakeNvml` is one of these.
#pragma once

struct FakeNvml {
    const char* name = "NVIDIA GeForce RTX 3060";
    const char* bus = "0000:01:00.0";  ///< of the one device
    unsigned load = 37;                ///< percent
    unsigned long long used = 3'000'000'000, total = 12'000'000'000;
    unsigned milliwatts = 123'400;
    int degrees = 61;
    bool initFails = false, nameFails = false, loadFails = false, memoryFails = false, powerFails = false;
    bool newTemperatureFails = false, oldTemperatureFails = false;
    int started = 0;  ///< inits without a shutdown
    int indexCalls = 0, busCalls = 0;
};
