// Any bytes as a safetensors file beside a fixed config.json: opening must end in a checkpoint or an error,
// and what was opened must be readable.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "inference/model/hf_tensors.h"
#include "tests/fuzz/memory_file.h"

namespace {

using namespace edgechat::inference;
using edgechat::fuzz::MemoryFile;
using edgechat::fuzz::require;

const HfConfig& config() {
    static const HfConfig config = [] {
        const auto json = nlohmann::json::parse(
            R"({"model_type":"llama","hidden_size":8,"intermediate_size":16,"num_attention_heads":2,
                "num_hidden_layers":1,"vocab_size":8})");
        auto read = readHfConfig(json, "config.json");
        require(static_cast<bool>(read));
        return *read;
    }();
    return config;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const MemoryFile memory(data, size);
    auto file = DataFile::open(memory.path(), "a safetensors file");
    require(static_cast<bool>(file));
    auto tensors = readSafetensors(*file);
    if (!tensors) {
        require(tensors.error().message().find(memory.path()) != std::string::npos);
        return 0;
    }
    uint64_t bytes = 0;
    for (const StoredTensor& tensor : *tensors) {
        require(tensor.offset + tensor.bytes <= size);
        bytes += tensor.bytes;
    }
    require(bytes < size);
    StoredWeights weights;
    weights.tensors = *tensors;
    weights.files = {*file};
    CheckpointContent content;
    content.config = config().model;
    if (auto mapped = mapHfTensors(config(), weights, {}, "folder", content); !mapped) {
        require(!mapped.error().message().empty());
        return 0;
    }
    forEachTensor(content.tensors, [](const TensorInfo& tensor) {
        require(tensor.bytes == static_cast<uint64_t>(tensor.rows) * tensor.rowBytes());
        std::vector<std::byte> rows(tensor.bytes);
        if (!tensor.source->read(0, tensor.rows, rows.data())) return;  // a scale that is none
        std::vector<float> values(static_cast<size_t>(tensor.columns));
        for (int64_t row = 0; row < tensor.rows; ++row)
            dequantizeRow(tensor, rows.data() + static_cast<uint64_t>(row) * tensor.rowBytes(),
                          values.data());
    });
    return 0;
}
