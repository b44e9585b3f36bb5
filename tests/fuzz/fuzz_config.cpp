// Any bytes as config.json, as quant_config.json and as a shard index; the first byte chooses.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "inference/model/hf_config.h"
#include "inference/model/hf_quantization.h"
#include "inference/model/json_file.h"
#include "inference/model/rope.h"
#include "inference/model/shard_index.h"
#include "tests/fuzz/memory_file.h"

namespace {

using namespace edgechat::inference;
using edgechat::fuzz::require;

void useConfig(const nlohmann::json& json) {
    const auto read = readHfConfig(json, "config.json");
    if (!read) return require(read.error().message().find("config.json") != std::string::npos);
    const ModelConfig& config = read->model;
    require(config.layers > 0 && config.hidden > 0 && config.ffn > 0 && config.vocab > 0 &&
            config.context > 0);
    require(config.kvHeads > 0 && config.heads % config.kvHeads == 0 && config.headSize % 2 == 0);
    require(config.queryWidth() > 0 && config.normEps > 0 && config.ropeBase > 1.0f);
    require(config.ropeScaling.factor > 0);
    ropeInverseFrequencies(config, config.context);
    const auto scheme = readQuantization(json, "config.json", nullptr, "");
    require(scheme || scheme.error().message().find("config.json") != std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    if (data[0] == 'i') {
        if (const auto places = readShardIndex(text, "index.json")) {
            for (const auto& [tensor, shard] : *places)
                require(!tensor.empty() && shard.find('/') == std::string::npos && shard != "..");
        }
        return 0;
    }
    const auto json = parseJson(text, "config.json", "cannot read the model");
    if (!json) return 0;
    if (data[0] == 'q') {
        const auto scheme =
            readQuantization(nlohmann::json::object(), "config.json", &*json, "quant_config.json");
        require(scheme || scheme.error().message().find("quant_config.json") != std::string::npos);
        return 0;
    }
    useConfig(*json);
    return 0;
}
