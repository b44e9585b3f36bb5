// Writes safetensors files for tests: right ones, and wrong ones on purpose.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/data/gguf_writer.h"

namespace edgechat::testing {

/// Everything is public so that a test can break any part of it; bytes() only lays it out.
struct SafetensorsWriter {
    struct Tensor {
        std::string name;
        std::string dtype;
        std::vector<uint64_t> shape;
        std::string data;
        std::optional<std::pair<uint64_t, uint64_t>> offsets;  // absent: behind the one before it
    };

    std::vector<Tensor> tensors;
    std::optional<std::string> header;     // instead of the one that the tensors imply
    std::optional<uint64_t> headerLength;  // instead of the header's own
    std::string extraEntries;              // behind the tensors' in the header, with a comma in front
    std::string behindHeader, behindData;

    Tensor& tensor(const std::string& name) {
        for (Tensor& tensor : tensors) {
            if (tensor.name == name) return tensor;
        }
        tensors.push_back({name, "F16", {}, {}, {}});
        return tensors.back();
    }
    bool has(const std::string& name) const {
        for (const Tensor& tensor : tensors) {
            if (tensor.name == name) return true;
        }
        return false;
    }
    void remove(const std::string& name) {
        std::erase_if(tensors, [&](const Tensor& tensor) { return tensor.name == name; });
    }
    void add(const std::string& name, const std::string& dtype, std::vector<uint64_t> shape,
             std::string data) {
        tensors.push_back({name, dtype, std::move(shape), std::move(data), {}});
    }

    std::string headerText() const {
        std::string text = "{\"__metadata__\":{\"format\":\"pt\"}";
        uint64_t next = 0;
        for (const Tensor& tensor : tensors) {
            const auto offsets = tensor.offsets.value_or(std::pair(next, next + tensor.data.size()));
            text += ",\"" + tensor.name + "\":{\"dtype\":\"" + tensor.dtype + "\",\"shape\":[";
            for (size_t i = 0; i < tensor.shape.size(); ++i)
                text += (i ? "," : "") + std::to_string(tensor.shape[i]);
            text += "],\"data_offsets\":[" + std::to_string(offsets.first) + "," +
                    std::to_string(offsets.second) + "]}";
            next += tensor.data.size();
        }
        return text + extraEntries + "}";
    }

    std::string bytes() const {
        const std::string text = header.value_or(headerText()) + behindHeader;
        std::string file = littleEndian<uint64_t>(headerLength.value_or(text.size())) + text;
        for (const Tensor& tensor : tensors) file += tensor.data;
        return file + behindData;
    }
};

}  // namespace edgechat::testing
