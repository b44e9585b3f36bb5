// Where a Hugging Face folder keeps its chat template.
#pragma once

#include <filesystem>
#include <string>

#include "inference/result.h"

namespace edgechat::inference {

/// The Jinja source from chat_template.jinja, else chat_template.json, else tokenizer_config.json (a string,
/// or a list of named templates of which "default" is taken); empty if the folder carries none. Bounded in
/// size.
Result<std::string> readChatTemplate(const std::filesystem::path& folder);

}  // namespace edgechat::inference
