#include "quant/output_config.h"

namespace edgechat::quant {

Result<nlohmann::ordered_json> configOfModel(const inference::Checkpoint& source, const OutputNames&) {
    return Error{ErrorCode::badInput, "cannot write the model", source.path().string(), "",
                 "a GGUF file",       "a Hugging Face folder"};
}

}  // namespace edgechat::quant
