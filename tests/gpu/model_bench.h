// One model on the device, measured: decode, prefill, and every operation of both.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/gpu/synthetic_model.h"

namespace edgechat::gpu {

/// A linear map of a model. Its name is that of the operation that computes it, where each has its own.
struct Map {
    std::string name;
    int rows = 0, columns = 0;
    bool head = false;

    double weights() const { return static_cast<double>(rows) * columns; }
};
/// Those of a layer, then the head.
std::vector<Map> mapsOf(const inference::ModelConfig& config);

/// What a device can do, to compare with.
struct DeviceSpeed {
    double readBytesPerSecond = 0;  ///< as measured
    double flopPerSecond = 0;       ///< dense fp16 on the tensor cores, computed; 0: unknown
};

/// Loads the model and measures it; README.md says how. Fails where it does not fit, where the device stops
/// with an error, or where a result is not a number.
/// @param batch  becomes the tokens that a prompt's kernels take together
Result<nlohmann::ordered_json> benchModel(const Shape& shape, const DeviceSpeed& device, bool quick,
                                          int& batch);

}  // namespace edgechat::gpu
