// Which tensors a written model has, and where each lies in which file: safetensors, known to the byte before
// any of it is computed.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "quant/output/output_names.h"

namespace edgechat::quant {

enum class Dtype { i8, f16, i32, f32 };

const char* dtypeName(Dtype dtype);
uint64_t dtypeBytes(Dtype dtype);

struct PlannedTensor {
    std::string name;
    Dtype dtype = Dtype::f16;
    std::vector<uint64_t> shape;
    size_t file = 0;      ///< of OutputPlan::files
    uint64_t offset = 0;  ///< from the file's begin

    uint64_t bytes() const;
};

struct PlannedFile {
    std::string name;
    std::string header;  ///< length and JSON, padded to a multiple of 8 bytes
    uint64_t bytes = 0;  ///< with the header
};

struct OutputPlan {
    std::vector<PlannedTensor> tensors;
    std::vector<PlannedFile> files;

    /// The tensor of that name; null when there is none.
    const PlannedTensor* find(const std::string& name) const;
    uint64_t bytes() const;  ///< of all files
    /// model.safetensors.index.json; empty for a single file, which needs none.
    std::string index() const;

    std::unordered_map<std::string, size_t> places;
};

/// @param shardBytes  most bytes of tensors in one file; a larger tensor has a file of its own
OutputPlan planOutput(const inference::ModelConfig& config, const OutputNames& names, uint64_t shardBytes);

}  // namespace edgechat::quant
